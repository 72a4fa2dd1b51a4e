# t2000-evproject-run.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t2000-evproject-run.t"
