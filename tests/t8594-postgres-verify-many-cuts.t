# t4594-evverify-many-cuts.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t4594-evverify-many-cuts.t"
