# t4540-evverify-drill.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t4540-evverify-drill.t"
