# t2002-evproject-holders.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t2002-evproject-holders.t"
