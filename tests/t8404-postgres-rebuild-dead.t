# t3040-evproject-rebuild-dead.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t3040-evproject-rebuild-dead.t"
