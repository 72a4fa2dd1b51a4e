# t7610-evverify-live.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t7610-evverify-live.t"
