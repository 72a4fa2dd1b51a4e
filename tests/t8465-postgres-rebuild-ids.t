# t3065-evproject-rebuild-ids.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t3065-evproject-rebuild-ids.t"
