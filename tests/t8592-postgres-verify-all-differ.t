# t4592-evverify-all-differ.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t4592-evverify-all-differ.t"
