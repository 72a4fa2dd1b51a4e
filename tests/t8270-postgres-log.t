# t6100-evproject-log.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t6100-evproject-log.t"
