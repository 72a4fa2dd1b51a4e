# t4565-evverify-drill-log.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t4565-evverify-drill-log.t"
