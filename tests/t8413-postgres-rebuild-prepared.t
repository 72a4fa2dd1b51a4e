#!/usr/bin/env bash
# A prepared transaction of others has a lock on the old table, and no session: a swap says which it waits for.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/swap.sh"
own_postgres
"$postgres" stop "$postgres_dir"
echo 'max_prepared_transactions = 2' >>"$postgres_dir/data/postgresql.conf"
"$postgres" restart "$postgres_dir" >/dev/null
for i in {0..299}; do rec add "k$((i % 53))" $((i % 5)); done >in.ndjson
database db
project "$db" ./in.ndjson
sql "$db" "CREATE TABLE money (n int); BEGIN; INSERT INTO money VALUES (1); PREPARE TRANSACTION 'not in the way'"
sql "$db" "BEGIN; UPDATE acc SET at = at WHERE k = 'k1'; PREPARE TRANSACTION 'left behind'"
evproject rebuild p2.sql --store "$db" --yes --swap-wait 60s ./in.ndjson 2>swap.err & pid=$!
told() { grep -q "the swap waits for a transaction of others: prepared transaction 'left behind' (role app) for [0-9]* s; " swap.err; }
check "the swap says what it waits for" wait_for 60 told
sql "$db" "ROLLBACK PREPARED 'left behind'"
wait $pid
check "and is done when that has ended" test $? = 0
done_testing
