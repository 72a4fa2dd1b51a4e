# What is done to a view in PostgreSQL, to its ledger or its log, is seen by evverify (tests/unit/mutate_test.c).
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
database db
EV_MUTATE_POSTGRES=$db N=${N:-$((15 * EFFORT))} "$EV_BUILD/unit/mutate_test"
