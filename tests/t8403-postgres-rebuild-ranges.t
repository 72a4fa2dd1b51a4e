# t3016-evproject-rebuild-ranges.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t3016-evproject-rebuild-ranges.t"
