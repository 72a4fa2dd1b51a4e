# t6000-evproject-crash.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t6000-evproject-crash.t"
