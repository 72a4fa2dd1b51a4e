# t4598-evverify-large-events.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t4598-evverify-large-events.t"
