# t3055-evproject-drop.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t3055-evproject-drop.t"
