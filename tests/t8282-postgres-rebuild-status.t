# t6210-evproject-rebuild-status.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t6210-evproject-rebuild-status.t"
