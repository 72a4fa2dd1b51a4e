# t3070-evproject-rebuild-storm.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t3070-evproject-rebuild-storm.t"
