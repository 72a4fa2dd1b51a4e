#!/usr/bin/env bash
# A rebuild on PostgreSQL beside what is none of its own: first calls at one moment, and views over tables of others.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/swap.sh"
for i in {0..299}; do rec add "k$((i % 53))" $((i % 5)); done >in.ndjson

# another first call makes the ledger's tables at the same moment
database want
rebuild p.sql "$want" ./in.ndjson
for table in ev_projection ev_rebuild; do
	key=name; [ $table = ev_projection ] || key=projection
	database db
	session other
	say other "BEGIN; CREATE TABLE $table ($(sql "$want" "SELECT string_agg(format('%I %s', attname, atttypid::regtype), ', ' ORDER BY attnum)
		FROM pg_attribute WHERE attrelid = '$table'::regclass AND attnum > 0"), PRIMARY KEY ($key))"
	evproject rebuild p.sql --store "$db" --yes --lock-wait 60s --store-timeout 60s ./in.ndjson 2>first.err & pid=$!
	waits() { [ "$(super "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = '$(basename "$db")')")" = 1 ]; }
	check "a first rebuild waits for who makes $table" wait_for 60 waits
	say other COMMIT
	bye other
	wait $pid
	check "  and goes on with what that one made" test $? = 0
	check "  to the right rows" cmp <(rows "$db") <(rows "$want")
done

# a view that reads tables which are none of ours, and of which we may no more than read
database theirs
super 'CREATE TABLE base (k text, n integer, at integer); GRANT SELECT ON base TO app' "$_super_url"
super "INSERT INTO base VALUES ('theirs', 7, 0)" "$_super_url"
sql "$theirs" 'CREATE VIEW acc AS SELECT k, n, at FROM base'
rebuild p.sql "$theirs" --adopt ./in.ndjson
check_status 0 "a view over others' tables is adopted"
check "and the new one serves" cmp <(rows "$theirs") <(rows "$want")
run evproject rollback p.sql --store "$theirs"
check_status 0 "and rolled back"
check "to their rows" test "$(sums "$theirs")" = '1|7'
run evproject rollback p.sql --store "$theirs"
check_status 0 "and forth"
rebuild p.sql "$theirs" --forget
check_status 0 "theirs is forgotten"
check "and what it read is there" test "$(super 'SELECT count(*) FROM base' "$_super_url")" = 1
done_testing
