# t4545-evverify-receipt.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t4545-evverify-receipt.t"
