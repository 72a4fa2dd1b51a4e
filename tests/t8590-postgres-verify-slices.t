# t4590-evverify-memory.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t4590-evverify-memory.t"
