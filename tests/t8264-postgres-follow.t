# t6040-evproject-follow.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t6040-evproject-follow.t"
