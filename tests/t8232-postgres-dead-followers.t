# t2032-evproject-dead-followers.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t2032-evproject-dead-followers.t"
