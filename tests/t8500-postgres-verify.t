# t4500-evverify-rows.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t4500-evverify-rows.t"
