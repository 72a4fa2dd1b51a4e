# t2008-evproject-triggers.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t2008-evproject-triggers.t"
