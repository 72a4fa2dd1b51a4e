# t4550-evproject-receipt.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t4550-evproject-receipt.t"
