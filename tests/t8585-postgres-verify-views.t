# t4585-evverify-views.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t4585-evverify-views.t"
