# t2067-evproject-skew.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t2067-evproject-skew.t"
