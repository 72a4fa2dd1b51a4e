# t2040-evproject-status.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t2040-evproject-status.t"
