# t2030-evproject-dead.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t2030-evproject-dead.t"
