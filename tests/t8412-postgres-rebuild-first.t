# t3012-evproject-rebuild-first.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t3012-evproject-rebuild-first.t"
