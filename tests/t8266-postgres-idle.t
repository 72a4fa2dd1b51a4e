# t6045-evproject-idle.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t6045-evproject-idle.t"
