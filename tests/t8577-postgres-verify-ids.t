# t4575-evverify-ids.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t4575-evverify-ids.t"
