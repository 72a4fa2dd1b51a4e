# t2020-evproject-test.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t2020-evproject-test.t"
