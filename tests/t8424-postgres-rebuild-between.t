#!/usr/bin/env bash
# What others do on PostgreSQL while the connection of a rebuild or a rollback is lost: what is told is what has come of it.
# And what was removed by hand, or has a name like ours.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/swap.sh"
for i in {0..299}; do rec add "k$((i % 53))" $((i % 5)); done >in.ndjson
leftovers() { sql "$1" "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'ev%'" | tr '\n' ' '; }
waits() { grep -q 'waits for a transaction of others: pid [0-9]* (psql, role app)' "$1"; }
# sessions of ours are ended, and none is to be had until `again`
ours() { super "SELECT count(*) FROM pg_stat_activity WHERE datname = '$name' AND application_name LIKE 'evtools%'"; }
none_of_ours() { [ "$(ours)" = 0 ]; }
cut() {
	super "ALTER DATABASE $name CONNECTION LIMIT 0"
	super "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '$name' AND application_name LIKE 'evtools%'" >/dev/null
	wait_for 60 none_of_ours
}
again() { super "ALTER DATABASE $name CONNECTION LIMIT -1"; }

# a swap waits for a reader, is cut, and another process gives the rebuild up
database db
name=$(basename "$db")
project "$db" ./in.ndjson
session reader
say reader 'BEGIN; SELECT count(*) FROM acc'
evproject rebuild p2.sql --store "$db" --yes --store-timeout 10m ./in.ndjson 2>swap.err & pid=$!
check "a swap waits, and says for whom" wait_for 60 waits swap.err
check "it is cut" cut
run evproject rebuild p2.sql --store "${db/app@/postgres@}" --abandon
check_status 0 "another process gives the rebuild up"
bye reader
again
wait $pid
check "which ends the first with status 6" test $? = 6
check_grep "by name" "another process has ended the rebuild of projection 'acc' while the connection to the store was lost" swap.err
check_no_grep "and not as if it served" 'version 2 serves' swap.err
check "the old version does" test "$(versions "$db")$(leftovers "$db")" = 'acc|1 '

# a rollback waits and is cut, and somebody beside has a letter tried again: that raises the generation, too
rebuild p2.sql "$db" ./in.ndjson
session reader
say reader 'BEGIN; SELECT count(*) FROM acc'
evproject rollback p.sql --store "$db" --store-timeout 10m 2>back.err & pid=$!
check "a rollback waits, and says for whom" wait_for 60 waits back.err
check_grep "under its name" 'the rollback waits for' back.err
check "it is cut" cut
super "UPDATE ev_projection SET generation = generation + 1 WHERE name = 'acc'" "$_super_url"
bye reader
again
wait $pid
check "it goes on" test $? = 0
show <back.err
check "and is done" test "$(versions "$db")" = 'acc|1 acc (kept)|2 '

# the ledger's tables are removed by hand, and --abandon still removes what a rebuild has left
database gone
project "$gone" ./in.ndjson
rebuild p2.sql "$gone" ./in.ndjson --no-swap
sql "$gone" 'DROP TABLE ev_projection, ev_ledger, ev_table, ev_rows, ev_cut, ev_dead, ev_seen, ev_rebuild CASCADE' 2>/dev/null
run evproject rebuild p2.sql --store "$gone" --abandon
check_status 0 "--abandon without a ledger"
check_grep "says that something was left" 'no rebuild is under way; what one has left is removed' "$err"
check "and it is not there any more" test -z "$(leftovers "$gone")"

# a schema whose name begins like one of ours, but is not
database theirs
project "$theirs" ./in.ndjson
sql "$theirs" 'CREATE SCHEMA ev_scratch_book; CREATE TABLE ev_scratch_book.notes (x integer);
	CREATE SCHEMA ev_scratch_1_2; CREATE TABLE ev_scratch_1_2.half (x integer); '"COMMENT ON SCHEMA ev_scratch_1_2 IS 'evtools: scratch'"
rebuild p2.sql "$theirs" ./in.ndjson --dry-run
check_status 0 "a dry run, which sweeps what killed ones left"
check "sweeps nothing of others" test "$(leftovers "$theirs")" = 'ev_scratch_book '
done_testing
