# t2035-evproject-key.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t2035-evproject-key.t"
