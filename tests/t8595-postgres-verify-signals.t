# t4595-evverify-signals.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t4595-evverify-signals.t"
