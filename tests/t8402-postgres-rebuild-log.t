# t3015-evproject-rebuild-log.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t3015-evproject-rebuild-log.t"
