# t4530-evverify-repair.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t4530-evverify-repair.t"
