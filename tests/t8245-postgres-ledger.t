# t2045-evproject-ledger.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t2045-evproject-ledger.t"
