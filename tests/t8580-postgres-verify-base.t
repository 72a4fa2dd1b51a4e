# t4580-evverify-base.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t4580-evverify-base.t"
