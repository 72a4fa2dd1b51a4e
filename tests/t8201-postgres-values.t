# t2001-evproject-values.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t2001-evproject-values.t"
