# t3021-evproject-rebuild-boundaries.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t3021-evproject-rebuild-boundaries.t"
