# t3022-evproject-rebuild-indexes.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t3022-evproject-rebuild-indexes.t"
