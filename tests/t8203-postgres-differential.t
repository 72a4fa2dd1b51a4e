# t2003-evproject-differential.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t2003-evproject-differential.t"
