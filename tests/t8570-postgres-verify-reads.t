# t4570-evverify-reads.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t4570-evverify-reads.t"
