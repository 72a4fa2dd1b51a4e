#!/usr/bin/env bash
# A prepared transaction of others has a lock on the old table, and no session: a swap says which it waits for, and a run
# that has waited in vain.
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
{ cat in.ndjson; rec add k1 1; } >more.ndjson
run evproject run p.sql --store "$db" --lock-wait 100ms ./more.ndjson
check_status 6 "a run waits in vain for the row"
check_grep "  and says who has it" "is locked by another writer: the oldest writer there is prepared transaction 'left behind' \(role app\), for [0-9]* s$" "$err"
evproject rebuild p2.sql --store "$db" --yes --swap-wait 60s ./in.ndjson 2>swap.err & pid=$!
told() { grep -q "the swap waits for a transaction of others: prepared transaction 'left behind' (role app) for [0-9]* s; " swap.err; }
check "the swap says what it waits for" wait_for 60 told
sql "$db" "ROLLBACK PREPARED 'left behind'"
wait $pid
check "and is done when that has ended" test $? = 0
sql "$db" "BEGIN; LOCK TABLE ev_table; PREPARE TRANSACTION 'on the list'"
run evproject drop acc --store "$db" --yes --lock-wait 100ms
check_status 6 "a drop beside one that has locked our list of tables"
check_grep "  says who has" "prepared transaction 'on the list' \(role app\), which has AccessExclusiveLock on ev_table, for [0-9]* s$" "$err"
done_testing
