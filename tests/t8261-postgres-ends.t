# t6010-evproject-ends.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t6010-evproject-ends.t"
