# t4572-evverify-dead-order.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t4572-evverify-dead-order.t"
