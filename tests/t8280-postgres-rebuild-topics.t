# t6200-evproject-rebuild-topics.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t6200-evproject-rebuild-topics.t"
