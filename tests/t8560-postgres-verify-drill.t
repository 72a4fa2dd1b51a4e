# t4560-evverify-drill.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t4560-evverify-drill.t"
