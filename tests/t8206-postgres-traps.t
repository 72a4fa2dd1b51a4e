# t2060-evproject-traps.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t2060-evproject-traps.t"
