#!/usr/bin/env bash
# What others change on the old tables themselves while a rebuild on PostgreSQL is under way: columns, constraints,
# settings. Named before the rebuild it ends with them; since then it is refused at the swap, by name
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/swap.sh"
for i in {0..299}; do rec add "k$((i % 53))" $((i % 5)); done >in.ndjson
sed -i '/^CREATE TABLE/a CREATE VIEW big AS SELECT k, n FROM acc WHERE n > 50;\nCREATE INDEX by_n ON acc (n);' p.sql p2.sql
sed -i 's/at integer/at integer DEFAULT 0/' p.sql p2.sql

# what is there before the rebuild is named, in the plan and by the rebuild, and ends
database db
project "$db" ./in.ndjson
sql "$db" "ALTER TABLE acc ADD COLUMN note text NOT NULL DEFAULT 'x' CHECK (note <> ''), ALTER n SET STATISTICS 200;
	CREATE UNIQUE INDEX ux ON acc (k, n)"
rebuild p2.sql "$db" ./in.ndjson --dry-run
check_grep "the plan names a column that ends" '^ *(survive +)?column note on acc is NOT carried over: the new version does not declare it$' "$out"
check_no_grep "  and no setting of that" '(NOT NULL|default) of column note' "$out"
check "  and what else does" test "$(grep -c 'NOT carried over' "$out")" = 4
rebuild p2.sql "$db" ./in.ndjson --no-swap
check_status 0 "the rebuild"
check_grep "  and stores it without a number of this server's own" 'column note on acc: text pg_catalog.\\"default\\"' <(sql "$db" 'SELECT plan FROM ev_rebuild')
check_grep "names it, too" 'column note on acc is NOT carried over: the new version does not declare it' "$err"
rebuild p2.sql "$db" ./in.ndjson
check_status 0 "the swap takes it away"
check "  and nothing else" test "$(versions "$db")$(sql "$db" "SELECT count(*) FROM pg_attribute WHERE attrelid = 'acc'::regclass AND attnum > 0")" = \
	'acc|2 acc (kept)|1 3'

# who has granted is not carried over, which the plan says
super 'CREATE ROLE reader' >/dev/null 2>&1
super 'CREATE ROLE second' >/dev/null 2>&1
database db
project "$db" ./in.ndjson
super 'GRANT SELECT, UPDATE (n) ON acc TO second WITH GRANT OPTION; SET ROLE second; GRANT SELECT, UPDATE (n) ON acc TO reader' "$_super_url"
rebuild p2.sql "$db" ./in.ndjson --dry-run
check_grep "the plan names a grant that is not the owner's" 'SELECT on acc for reader, granted by second: by the owner after the swap$' "$out"
check_grep "  and one of a column" 'UPDATE on acc \(n\) for reader, granted by second: by the owner after the swap$' "$out"
check "  and no other" test "$(grep -c 'granted by' "$out")" = 2
rebuild p2.sql "$db" ./in.ndjson
check_status 0 "  the swap"
check "  gives them" test "$(sql "$db" "SELECT has_table_privilege('reader', 'acc', 'SELECT'), has_column_privilege('reader', 'acc', 'n', 'UPDATE')")" = 't|t'

# what is put there since: each refused by name, and undone it is swapped
database db
project "$db" ./in.ndjson
rebuild p2.sql "$db" ./in.ndjson --no-swap
altered() { # SQL LINE WAS UNDO
	sql "$db" "$1"
	rebuild p2.sql "$db" ./in.ndjson
	check_status 2 "refused at the swap: $1"
	check_grep "  by name" "^evproject rebuild: $2 was $3 since the rebuild began: " "$err"
	check_grep "  with the way out" "^hint: .* again after the swap; rebuild --abandon gives the rebuild up" "$err"
	check "  the old version serves" test "$(versions "$db")" = 'acc|1 '
	run evproject status --store "$db"
	check_grep "  status has it, too" "the last call ended with: $2 was $3 since" "$out"
	check_grep "  and what to do" '^to go on: .* again after the swap; rebuild --abandon gives the rebuild up$' "$out"
	check_no_grep "  which is not the same command" 'the same command goes on' "$out"
	sql "$db" "$4"
}
altered "ALTER TABLE acc ADD COLUMN note text NOT NULL DEFAULT 'x'" 'column note on acc' added 'ALTER TABLE acc DROP COLUMN note'
altered 'ALTER TABLE acc ADD CONSTRAINT sane CHECK (n >= 0)' 'constraint sane on acc' added 'ALTER TABLE acc DROP CONSTRAINT sane'
altered 'ALTER TABLE acc ADD CONSTRAINT one UNIQUE (k, n)' 'constraint one on acc' added 'ALTER TABLE acc DROP CONSTRAINT one'
altered 'CREATE UNIQUE INDEX one ON acc (k, n)' 'index one on acc' added 'DROP INDEX one'
altered 'CREATE INDEX late ON acc (at)' 'index late on acc' added 'DROP INDEX late'
altered 'DROP INDEX by_n; CREATE INDEX by_n ON acc (at)' 'index by_n on acc' changed 'DROP INDEX by_n; CREATE INDEX by_n ON acc (n)'
altered 'ALTER TABLE acc ALTER at SET NOT NULL' 'NOT NULL of column at on acc' added 'ALTER TABLE acc ALTER at DROP NOT NULL'
altered 'ALTER TABLE acc ALTER n SET DEFAULT 7' 'the default of column n on acc' added 'ALTER TABLE acc ALTER n DROP DEFAULT'
altered 'ALTER TABLE acc ALTER at SET DEFAULT 7' 'the default of column at on acc' changed 'ALTER TABLE acc ALTER at SET DEFAULT 0'
altered 'ALTER TABLE acc ALTER at DROP DEFAULT' 'the default of column at on acc' dropped 'ALTER TABLE acc ALTER at SET DEFAULT 0'
altered 'ALTER TABLE acc ALTER at TYPE bigint' 'column at on acc' changed 'ALTER TABLE acc ALTER at TYPE integer'
altered 'ALTER TABLE acc ALTER n SET STATISTICS 500' 'the statistics target of column n on acc' added 'ALTER TABLE acc ALTER n SET STATISTICS -1'
altered 'ALTER TABLE acc ALTER k SET (n_distinct = 50)' 'the options of column k on acc' added 'ALTER TABLE acc ALTER k RESET (n_distinct)'
altered 'ALTER TABLE acc ALTER k SET STORAGE EXTERNAL' 'the storage of column k on acc' added 'ALTER TABLE acc ALTER k SET STORAGE EXTENDED'
altered 'ALTER TABLE acc CLUSTER ON by_n' 'CLUSTER on index by_n on acc' added 'ALTER TABLE acc SET WITHOUT CLUSTER'
altered 'ALTER TABLE acc SET UNLOGGED' 'UNLOGGED on acc' added 'ALTER TABLE acc SET LOGGED'
altered 'CREATE OR REPLACE VIEW big AS SELECT k, n FROM acc WHERE n > 60' 'the query on big' changed \
	'CREATE OR REPLACE VIEW big AS SELECT k, n FROM acc WHERE n > 50'
[ "$(sql "$db" 'SHOW server_version_num')" -lt 140000 ] ||
	altered 'ALTER TABLE acc ALTER k SET COMPRESSION pglz' 'the compression of column k on acc' added \
		'ALTER TABLE acc ALTER k SET COMPRESSION default'
sql "$db" 'DROP INDEX by_n; CREATE INDEX by_n ON acc (n)'
# what is carried over, or serves nobody, is no such change
[ "$(sql "$db" 'SHOW server_version_num')" -lt 130000 ] || sql "$db" 'ALTER INDEX by_n SET (deduplicate_items = off, fillfactor = 70)'
check "an index that could not be made stays invalid" test "$(sql "$db" 'CREATE UNIQUE INDEX CONCURRENTLY broken ON acc ((k IS NULL))' 2>/dev/null
	sql "$db" "SELECT indisvalid FROM pg_index WHERE indexrelid = 'broken'::regclass")" = f
rebuild p2.sql "$db" ./in.ndjson
check_status 0 "undone, the same command swaps"
check "  with no index that is invalid" test -z "$(sql "$db" "SELECT 1 FROM pg_indexes WHERE schemaname = 'public' AND indexname = 'broken'")"
check "  to the new version" test "$(versions "$db")" = 'acc|2 acc (kept)|1 '

# a rebuild that is ready and was begun by an older evproject, which did not store what was there: it is told
database db
project "$db" ./in.ndjson
session other
say other 'BEGIN; SELECT count(*) FROM acc'
rebuild p2.sql "$db" ./in.ndjson --swap-wait 10ms
check_status 6 "a swap that others keep out"
check "  is all that is left" test "$(sql "$db" 'SELECT phase FROM ev_rebuild')" = ready
bye other
sql "$db" "UPDATE ev_rebuild SET plan = (plan::jsonb - 'differs')::text; CREATE INDEX late ON acc (at)"
rebuild p2.sql "$db" ./in.ndjson
check_status 0 "it goes on"
check_grep "  and says that an index of others ends" 'index late on acc is NOT carried over' "$err"

# so it is of what hangs on the tables, and of rights: the tables are another role's now
super 'CREATE ROLE strangers' >/dev/null 2>&1
database db
project "$db" ./in.ndjson
rebuild p2.sql "$db" ./in.ndjson --no-swap
sql "$db" 'CREATE POLICY pol ON acc USING (true)'
rebuild p2.sql "$db" ./in.ndjson
check_status 2 "a policy that was put there since is refused"
run evproject status --store "$db" --format json
check "status says what to do" test "$(jq -r '.rebuild.advice' <"$out" 2>/dev/null)" = \
	'drop it, and create it again after the swap if it is to stay; rebuild --abandon gives it up'
sql "$db" 'DROP POLICY pol ON acc'
session other
say other 'BEGIN; SELECT 1'
evproject rebuild p2.sql --store "$db" --yes --swap-wait 10m ./in.ndjson >swap.out 2>swap.err & pid=$!
outlives() { [ "$(super "SELECT count(*) FROM pg_stat_activity WHERE datname = '$(basename "$db")' AND query LIKE '%virtualxid = ANY%'")" -gt 0 ]; }
check "a swap waits for a transaction of others" wait_for 60 outlives
super 'ALTER TABLE acc OWNER TO strangers' "$_super_url"
say other COMMIT
wait $pid; status=$?
bye other
cp swap.err "$err"
check_status 2 "which has given the table to another role meanwhile: the swap is refused"
check_grep "  with the one who owns it" "role 'strangers' owns table 'acc': only its members can swap it" "$err"
run evproject status --store "$db"
check_grep "  status says what to do" '^to go on: run it as that role or one that it is granted to, or give the table back' "$out"
super 'ALTER TABLE acc OWNER TO app' "$_super_url"
rebuild p2.sql "$db" ./in.ndjson
check_status 0 "  given back it is swapped"
super 'ALTER TABLE acc OWNER TO strangers' "$_super_url"
run evproject rollback p.sql --store "$db"
check_status 2 "a rollback of tables that are another role's"
check_grep "  names it" "role 'strangers' owns table 'acc': only its members can swap it" "$err"
super 'ALTER TABLE acc OWNER TO app' "$_super_url"
run evproject rollback p.sql --store "$db"
check_status 0 "  and goes when they are given back"
rebuild p2.sql "$db" --forget
rebuild p2.sql "$db" ./in.ndjson

# what has ended the one before, by name, is named by a rollback as well: it stays with the version that is kept then
sql "$db" "ALTER TABLE acc ADD COLUMN note text, ADD CONSTRAINT sane CHECK (n >= 0)"
run evproject rollback p.sql --store "$db"
check_status 0 "a rollback"
check_grep "names a column that others have added" 'column note on acc stays with the version that is kept now' "$err"
check_grep "  and a constraint" 'constraint sane on acc stays with the version that is kept now' "$err"

# beside a change of the file's own; and one that is as the new file has it
database db
project "$db" ./in.ndjson
sed 's/at integer DEFAULT 0/at integer DEFAULT 5 NOT NULL, note text/' p2.sql >more.sql
rebuild more.sql "$db" ./in.ndjson --no-swap
sql "$db" 'ALTER TABLE acc ALTER at SET DEFAULT 7'
rebuild more.sql "$db" ./in.ndjson
check_status 2 "a default that others change as the file does"
check_grep "  is refused as a change" 'the default of column at on acc was changed since the rebuild began: the swap would undo that' "$err"
sql "$db" 'ALTER TABLE acc ALTER at SET DEFAULT 5, ADD COLUMN note text'
rebuild more.sql "$db" ./in.ndjson
check_status 0 "  but to what it is in the file"

# by a transaction that is open when the swap begins
swap_beside() { # the swap, of which `waits` is true before others go on
	evproject rebuild p2.sql --store "$db" --yes --swap-wait 10m ./in.ndjson >swap.out 2>swap.err & pid=$!
	check "  the swap waits" wait_for 60 waits
}
ends() { # LINE
	wait $pid; status=$?
	cp swap.err "$err"
	check_status 2 "  it is refused"
	check_grep "  by name" "$1" "$err"
	check "  the old version serves" test "$(versions "$db")" = 'acc|1 '
}
count() { super "SELECT count(*) FROM pg_stat_activity WHERE datname = '$(basename "$db")' AND application_name = 'evtools' AND $1"; }
waits() { [ "$(count "(query LIKE '%virtualxid = ANY%' OR wait_event_type = 'Lock')")" -gt 0 ]; }
database db
project "$db" ./in.ndjson
rebuild p2.sql "$db" ./in.ndjson --no-swap
session other
say other 'BEGIN; ALTER TABLE acc ADD COLUMN note text'
pass "others have a transaction open that adds a column"
swap_beside
say other COMMIT
ends 'column note on acc was added since the rebuild began'
bye other
sql "$db" 'ALTER TABLE acc DROP COLUMN note'

# on a view, when all has been looked at, and the locks are next
super "CREATE FUNCTION gate() RETURNS event_trigger LANGUAGE plpgsql SET lock_timeout = 0 AS \$\$ BEGIN
	PERFORM pg_advisory_lock_shared(42), pg_advisory_unlock_shared(42); END \$\$;
	CREATE EVENT TRIGGER gate ON ddl_command_start WHEN TAG IN ('CREATE SCHEMA') EXECUTE FUNCTION gate()" "$_super_url"
waits() { [ "$(count "wait_event_type = 'Lock' AND wait_event = 'advisory'")" -gt 0 ]; }
session gate
say gate 'SELECT pg_advisory_lock(42)'
swap_beside
sql "$db" "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
	CREATE TRIGGER late INSTEAD OF INSERT ON big FOR EACH ROW EXECUTE FUNCTION nothing()"
bye gate
ends "trigger 'late' on 'big'"
check_grep "  when it was looked at again" 'the swap begins anew' "$err"
sql "$db" 'DROP TRIGGER late ON big'
rebuild p2.sql "$db" ./in.ndjson
check_status 0 "without it the same command swaps"
done_testing
