# t2010-evproject-check.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t2010-evproject-check.t"
