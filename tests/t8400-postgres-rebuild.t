#!/usr/bin/env bash
# Rebuild, swap and rollback on PostgreSQL: what hangs on the tables, readers and writers beside it, and
# what is refused. What both stores share is in t3000; here is what only PostgreSQL has.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/swap.sh"
for i in {0..2999}; do rec add "k$((i % 53))" $((i % 5)); done >all.ndjson
head -n 2000 all.ndjson >in.ndjson
leftovers() { sql "$1" "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'ev%'" | tr '\n' ' '; }

# what people have put on the tables is on them after the swap, and after the way back
super 'CREATE ROLE reader; CREATE ROLE boss; GRANT boss TO app' >/dev/null 2>&1
database db
project "$db" ./in.ndjson
sql "$db" "CREATE VIEW big AS SELECT k, n FROM acc WHERE n > 100 WITH LOCAL CHECK OPTION;
CREATE VIEW counted AS SELECT count(*) AS c FROM big;
CREATE SCHEMA reports; CREATE VIEW reports.all_acc AS SELECT a.* FROM acc a;
GRANT SELECT ON big TO reader; COMMENT ON VIEW big IS 'the big ones';
GRANT SELECT ON acc TO reader WITH GRANT OPTION; GRANT UPDATE (n) ON acc TO reader; GRANT SELECT ON acc TO PUBLIC;
COMMENT ON TABLE acc IS 'accounts; don''t touch'; COMMENT ON COLUMN acc.n IS 'how many';
ALTER TABLE acc SET (fillfactor = 70, autovacuum_enabled = false);
CREATE INDEX acc_by_n ON acc (n DESC) WHERE n > 10"
super 'ALTER TABLE acc OWNER TO boss' "$_super_url"; super 'ALTER TABLE acc OWNER TO app' "$_super_url"
before=$(sums "$db")
hangs() { # what hangs on the table, by the catalogue
	sql "$1" "SELECT relacl, reloptions, relowner::regrole, obj_description(oid) FROM pg_class WHERE oid = 'acc'::regclass"
	sql "$1" "SELECT attname, attacl, col_description(attrelid, attnum) FROM pg_attribute WHERE attrelid = 'acc'::regclass AND attnum > 0"
	sql "$1" "SELECT indexdef FROM pg_indexes WHERE tablename = 'acc' AND schemaname = 'public' ORDER BY 1"
	sql "$1" "SELECT c.oid, relacl, reloptions, obj_description(c.oid), pg_get_viewdef(c.oid) FROM pg_class c WHERE relname IN ('big', 'counted', 'all_acc') ORDER BY 1"
}
hangs "$db" >hangs.before
rebuild p2.sql "$db" ./in.ndjson
check_status 0 "a view is rebuilt and swapped"
hangs "$db" >hangs.after
check "grants, owner, comments, parameters, indexes and views of others are as before" cmp hangs.before hangs.after
check "the new rows serve" test "$(sums "$db")" != "$before"
check "views of others show the new rows" test "$(sql "$db" 'SELECT sum(n) FROM reports.all_acc')" = "$(sql "$db" 'SELECT sum(n) FROM acc')"
check "also through another view" test "$(sql "$db" 'SELECT c FROM counted')" = "$(sql "$db" 'SELECT count(*) FROM acc WHERE n > 100')"
check "the old version is kept" test "$(versions "$db")" = 'acc|2 acc (kept)|1 '
check "in a schema of its own, and no other is left" test "$(leftovers "$db")" = 'ev_kept_public_acc '
after=$(sums "$db")
run evproject rollback p.sql --store "$db"
check_status 0 "rollback"
check "the old rows serve again" test "$(sums "$db")" = "$before"
hangs "$db" >hangs.back
check "with all that hangs on them" cmp hangs.before hangs.back
project "$db" ./all.ndjson
check_status 0 "the old file goes on at its position"
check "having read what came since" test "$(sql "$db" 'SELECT next_offset FROM ev_ledger WHERE projection = $$acc$$')" = 3000
run evproject rollback p.sql --store "$db"
check_status 0 "rollback of the rollback"
check "the new rows serve, as they stood" test "$(sums "$db")" = "$after"
run evproject run p2.sql --store "$db" ./all.ndjson
check_status 0 "and the new file goes on"
rebuild p2.sql "$db" --forget
check_status 0 "the kept version is dropped by --forget"
check "and nothing is left of it" test "$(versions "$db")$(leftovers "$db")" = 'acc|2 '
rebuild p2.sql "$db" --again ./all.ndjson
run evproject drop acc --store "$db" --yes
check_status 2 "drop is refused while views of others hang on the tables"
check_grep "by name" "tables of projection 'acc': view big, view reports.all_acc$" "$err"
sql "$db" 'DROP VIEW counted, big, reports.all_acc; CREATE TABLE child (k text REFERENCES acc); CREATE FUNCTION over(acc) RETURNS integer LANGUAGE sql AS $$SELECT 1$$'
run evproject drop acc --store "$db" --yes
check_grep "so are a foreign key and a function" "a foreign key of table child, function .*over\(acc\)$" "$err"
sql "$db" 'DROP TABLE child; DROP FUNCTION over; CREATE SEQUENCE numbers OWNED BY acc.k'
run evproject drop acc --store "$db" --yes
check_grep "and a sequence that a column owns and does not use" "tables of projection 'acc': sequence numbers$" "$err"
sql "$db" 'DROP SEQUENCE numbers'
super "CREATE FUNCTION stay() RETURNS event_trigger LANGUAGE plpgsql AS \$\$BEGIN
	IF EXISTS (SELECT 1 FROM pg_event_trigger_dropped_objects() WHERE object_identity = 'public.acc') THEN
		RAISE 'it stays';
	END IF; END\$\$; CREATE EVENT TRIGGER stays ON sql_drop EXECUTE FUNCTION stay()" "$_super_url"
as_is=$(versions "$db")$(leftovers "$db")
run evproject drop acc --store "$db" --yes
check_status 4 "one that the server refuses at the tables that serve"
check "leaves the version that is kept, too" test "$(versions "$db")$(leftovers "$db")" = "$as_is"
super 'DROP EVENT TRIGGER stays; DROP FUNCTION stay()' "$_super_url"
run evproject drop acc --store "$db" --yes
check_status 0 "and goes when they are gone"
check "with everything" test "$(sql "$db" "SELECT count(*) FROM pg_tables WHERE tablename = 'acc'")$(versions "$db")$(leftovers "$db")" = 0

# whatever else depends on a table is refused by name before the work starts
refused() { # SQL PATTERN [UNDO]
	database no
	project "$no" ./in.ndjson
	super "$1" "$_super_url"
	rebuild p2.sql "$no" ./in.ndjson
	check_status 2 "refused: $1"
	check_grep "  by name" "$2" "$err"
	check "  the old view serves, nothing is left" test "$(versions "$no")$(leftovers "$no")" = 'acc|1 '
}
refused 'CREATE MATERIALIZED VIEW mat AS SELECT * FROM acc' "materialized view 'mat'"
refused 'CREATE TABLE child (k text REFERENCES acc)' "foreign key of table 'child'"
refused 'CREATE PUBLICATION pub FOR TABLE acc' "publication 'pub'"
refused 'CREATE PUBLICATION every FOR ALL TABLES' "publication 'every' takes in 'acc'"
[ "$(super 'SHOW server_version_num')" -lt 150000 ] ||
	refused 'CREATE PUBLICATION part FOR TABLES IN SCHEMA public' "publication 'part' takes in 'acc'"
refused 'CREATE POLICY pol ON acc USING (true)' "policy 'pol'"
refused 'ALTER TABLE acc ENABLE ROW LEVEL SECURITY' "row security of 'acc'"
refused "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER trig BEFORE INSERT ON acc FOR EACH ROW EXECUTE FUNCTION f()" "trigger 'trig'"
refused "CREATE FUNCTION over(acc) RETURNS integer LANGUAGE sql AS 'SELECT 1'" 'function .*over\(acc\) uses the row type'
refused 'CREATE TABLE typed (a acc)' 'column a of table typed uses the row type'
refused 'ALTER TABLE acc REPLICA IDENTITY FULL' "replica identity 'FULL'"
refused 'CREATE STATISTICS st ON k, n FROM acc' "statistics 'st'"
refused 'CREATE SEQUENCE theirs; ALTER SEQUENCE theirs OWNER TO app; ALTER SEQUENCE theirs OWNED BY acc.k' "sequence 'theirs' is owned by a column of 'acc'"
refused 'CREATE TABLE heir () INHERITS (acc)' "table 'heir' inherits"
refused 'CREATE RULE ru AS ON DELETE TO acc DO ALSO NOTHING' "rule 'ru'"
refused 'CREATE VIEW theirs AS SELECT k FROM acc' "view 'theirs' .*role 'postgres'"
refused 'ALTER TABLE acc OWNER TO postgres' "role 'postgres' owns table 'acc'"
database no
project "$no" ./in.ndjson
sql "$no" 'CREATE VIEW wants AS SELECT k, at FROM acc'
sed 's/at bigint//; s/at integer//; s/, $/ /' p2.sql | sed 's/n integer NOT NULL, )/n integer NOT NULL)/; s/(k, n, at) VALUES (\$.k!, \$.n!, :offset)/(k, n) VALUES ($.k!, $.n!)/; s/, at = excluded.at//' >narrow.sql
rebuild narrow.sql "$no" ./in.ndjson
check_status 2 "a view that wants a column which the new version lacks is refused"
check_grep "by name" "view wants wants column at of 'acc'" "$err"
# a unique index that only the old file declares would turn away rows of the new one
unique() { # unique VERSION SCHEMA
	printf '%s\n' "-- @projection u version $1" '-- @topics t' '-- @envelope type=$.type' '-- @schema' "$2" \
		'-- @on a' 'INSERT INTO u (id, v) VALUES ($.id, $.v) ON CONFLICT DO NOTHING;'
}
unique 1 'CREATE TABLE u (id integer PRIMARY KEY, v text); CREATE TABLE o (x integer); CREATE UNIQUE INDEX ux ON u (v); CREATE INDEX oi ON o (x);' >u1.sql
unique 2 'CREATE TABLE u (id integer PRIMARY KEY, v text); CREATE VIEW o AS SELECT id AS x FROM u;' >u2.sql
for i in 1 2 3 4 5; do echo "{\"type\":\"a\",\"id\":$i,\"v\":\"x$((i % 3))\"}"; done >u.ndjson
head -n 3 u.ndjson >u3.ndjson
for first in u3 u; do # rows that come after the rebuild, and before it
	database unique
	evproject run u1.sql --store "$unique" --quiet --lines t ./u3.ndjson
	run evproject rebuild u2.sql --store "$unique" --dry-run --lines t ./$first.ndjson
	check_grep "the plan says that a unique index ends" 'index ux on u is NOT carried over: it is UNIQUE' "$out"
	run evproject rebuild u2.sql --store "$unique" --yes --lines t ./$first.ndjson
	check_status 0 "a version without the unique index of the one before, and with a view for a table"
	check_grep "says so" 'index ux on u is NOT carried over: it is UNIQUE' "$err"
	run evproject run u2.sql --store "$unique" --lines t ./u.ndjson
	check "has all rows" test "$(sql "$unique" 'SELECT count(*) FROM u')" = 5
done

# what is put there after the load, and before a rollback
between() { # between SQL REGEX UNDO
	database late
	project "$late" ./in.ndjson
	evproject rebuild p2.sql --store "$late" --forget 2>/dev/null # makes our tables
	sql "$late" "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''stopped by test''; END';
		CREATE TRIGGER stop AFTER DELETE ON ev_rebuild FOR EACH ROW EXECUTE FUNCTION stop()"
	rebuild p2.sql "$late" ./in.ndjson
	check_status 4 "a swap that fails"
	sql "$late" "DROP TRIGGER stop ON ev_rebuild; $1"
	rebuild p2.sql "$late" ./in.ndjson
	check_status 2 "and is tried again after: $1"
	check_grep "refuses by name" "$2" "$err"
	check "the old view serves" test "$(sql "$late" "SELECT version FROM ev_projection WHERE name = 'acc'")" = 1
	sql "$late" "$3"
	rebuild p2.sql "$late" ./in.ndjson
	check_status 0 "without it the next call swaps"
}
between 'CREATE MATERIALIZED VIEW mat AS SELECT * FROM acc' "materialized view 'mat'" 'DROP MATERIALIZED VIEW mat'
between 'CREATE INDEX late ON acc (at)' 'index late on acc was added since the rebuild began' 'DROP INDEX late'
back() { # back SQL REGEX UNDO: on $late, where version 2 serves
	sql "$late" "$1"
	run evproject rollback p2.sql --store "$late"
	check_status 2 "a rollback is refused: $1"
	check_grep "by name" "$2" "$err"
	check "version 2 serves" test "$(versions "$late")" = 'acc|2 acc (kept)|1 '
	sql "$late" "$3"
}
back 'CREATE MATERIALIZED VIEW mat AS SELECT * FROM acc' "materialized view 'mat'" 'DROP MATERIALIZED VIEW mat'
back 'CREATE TABLE child (k text REFERENCES acc)' "foreign key of table 'child'" 'DROP TABLE child'
back 'CREATE TRIGGER trig BEFORE INSERT ON acc FOR EACH ROW EXECUTE FUNCTION stop()' "trigger 'trig'" 'DROP TRIGGER trig ON acc'
run evproject rollback p2.sql --store "$late"
check_status 0 "without these the rollback goes"
# schema a_b with view c, and schema a with view b_c: their shadows and kept versions would have the same names
database two
sql "$two" 'CREATE SCHEMA a; CREATE SCHEMA a_b'
sed 's/projection acc/projection c/' p.sql >c1.sql
sed 's/projection acc/projection b_c/' p.sql >bc1.sql
sed 's/projection acc/projection c/' p2.sql >c2.sql
sed 's/projection acc/projection b_c/; s/2 \* excluded/3 * excluded/' p2.sql >bc2.sql
serves() { sql "$two" "SELECT count(*), sum(n) FROM $1.acc"; }
evproject run c1.sql --store "$two" --schema a_b --quiet ./in.ndjson
evproject run bc1.sql --store "$two" --schema a --quiet ./in.ndjson
old=$(serves a)
evproject rebuild c2.sql --store "$two" --schema a_b --no-swap --quiet ./in.ndjson
evproject rebuild bc2.sql --store "$two" --schema a --no-swap --quiet ./in.ndjson
check "the shadow of each has a schema of its own" test "$(sql "$two" "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'ev_shadow%'")" = 2
run evproject rebuild bc2.sql --store "$two" --schema a --abandon
check_status 0 "--abandon of one"
run evproject rebuild c2.sql --store "$two" --schema a_b --yes ./in.ndjson
check_status 0 "leaves that of the other, which swaps"
new=$(serves a_b)
run evproject rebuild bc2.sql --store "$two" --schema a --yes ./in.ndjson
check_status 0 "the other is rebuilt as well"
check "each serves its own rows" test "$(serves a_b)" = "$new" -a "$(serves a)" != "$new" -a "$new" != "$old"
run evproject rollback c1.sql --store "$two" --schema a_b
check "the kept version of one serves again" test "$(serves a_b)" = "$old"
run evproject rebuild c2.sql --store "$two" --schema a_b --forget
check_status 0 "and the other is dropped"
run evproject rollback bc1.sql --store "$two" --schema a
check_status 0 "the second goes back"
check "to its own rows" test "$(serves a)" = "$old"
run evproject rebuild bc2.sql --store "$two" --schema a --forget
check "and nothing is left of either" test -z "$(sql "$two" "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'ev%'")"
# a shadow from before there were marks is found by its name, and is not taken for the other's
evproject rebuild bc2.sql --store "$two" --schema a --no-swap --quiet ./in.ndjson
sql "$two" 'COMMENT ON SCHEMA ev_shadow_a_b_c IS NULL'
run evproject rebuild c2.sql --store "$two" --schema a_b --abandon
run evproject rebuild bc2.sql --store "$two" --schema a --yes --quiet ./in.ndjson
check_status 0 "a shadow without a mark is gone on with"
check "and not by another" test "$(serves a)" != "$old" -a "$(serves a_b)" = "$old"
database poor
super "REVOKE CREATE ON DATABASE $(basename "$poor") FROM app; ALTER DATABASE $(basename "$poor") OWNER TO postgres; GRANT ALL ON SCHEMA public TO app" "$_super_url"
project "$poor" ./in.ndjson
rebuild p2.sql "$poor" ./in.ndjson
check "a role that may not create schemas is told so" test "$status" = 2 -o "$status" = 4
check_grep "and what to do" 'GRANT CREATE ON DATABASE' "$err"

# another program's table
database adopt
sql "$adopt" "CREATE TABLE acc (k text PRIMARY KEY, n integer, at bigint); INSERT INTO acc VALUES ('theirs', 7, 0)"
rebuild p.sql "$adopt" ./in.ndjson
check_status 2 "tables of another program are refused"
rebuild p.sql "$adopt" --adopt ./in.ndjson
check_status 0 "but with --adopt"
check "the view is ours" test "$(sums "$adopt")" = "$before"
run evproject rollback p.sql --store "$adopt"
check_status 0 "and rollback"
check "gives theirs back" test "$(sums "$adopt")" = '1|7'

# readers: complete old or complete new states, never an older one after a newer, no error
database live
project "$live" ./in.ndjson
old=$(sums "$live")
cat >hammer.sql <<'SQL'
SELECT count(*), sum(n) FROM acc;
SQL
for r in 1 2 3; do
	( while [ ! -e stop ]; do cat hammer.sql; done | psql -qAtX "$live" >reader.$r 2>reader.err.$r ) & readers[r]=$!
done
# one whose snapshot is older than the load, and who touches the table only after the swap (a dump does this)
mkfifo dump
psql -qAtX "$_super_url" <dump >dump.out 2>dump.err & dump_pid=$!
exec 7>dump
echo "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 'snapshot' FROM ev_table LIMIT 1;" >&7
check "a dump has its snapshot" wait_for 60 grep -q snapshot dump.out
evproject rebuild p2.sql --store "$live" --yes --swap-wait 20s ./in.ndjson 2>swap.err & pid=$!
ready() { [ "$(sql "$live" 'SELECT phase FROM ev_rebuild')" = ready ]; }
check "the rebuild comes to its swap" wait_for 60 ready
check "and waits for the dump" kill -0 $pid
echo "SELECT count(*), sum(n) FROM acc; COMMIT;" >&7
wait $pid
check "then it swaps" test $? = 0
exec 7>&-
wait $dump_pid
check "the dump saw the whole old view" grep -qxF "$old" dump.out
new=$(sums "$live")
run evproject rollback p.sql --store "$live"
check_status 0 "back again, with readers at it"
seen_all() { for r in 1 2 3; do [ "$(tail -n 1 reader.$r)" = "$old" ] || return 1; done; }
check "the readers see it" wait_for 60 seen_all
touch stop
wait "${readers[@]}"
check "no reader met an error" test -z "$(cat reader.err.*)"
for r in 1 2 3; do
	check "reader $r saw old, new, old and nothing else" test "$(uniq reader.$r | tr '\n' ' ')" = "$old $new $old "
done

# a long reader does not make everybody queue: the swap gives way and comes again
rebuild p2.sql "$live" --forget; rebuild p2.sql "$live" --no-swap ./in.ndjson
check_status 0 "all but the swap"
mkfifo long
psql -qAtX "$live" <long >long.out 2>&1 & long_pid=$!
exec 6>long
evproject rebuild p2.sql --store "$live" --yes --swap-wait 10m ./in.ndjson 2>swap.err & pid=$!
echo "BEGIN; SELECT 'reading', count(*) FROM acc;" >&6
check "a long reader" wait_for 60 grep -q reading long.out
if kill -0 $pid 2>/dev/null; then
	slowest=0
	for i in {1..20}; do
		t0=${EPOCHREALTIME/./}
		sums "$live" >/dev/null
		t=$((${EPOCHREALTIME/./} - t0))
		[ $t -gt $slowest ] && slowest=$t
	done
	echo "# slowest of 20 readers while the swap waited: $((slowest / 1000)) ms"
	check "nobody queued behind the swap for long" test $slowest -lt 60000000
fi
echo "COMMIT;" >&6; exec 6>&-
wait $long_pid
wait $pid
check "the swap comes through in the end" test $? = 0
check "to the new view" test "$(versions "$live")" = 'acc|2 acc (kept)|1 '

# a live follower of the old version serves meanwhile and is fenced by the swap
database follow
mkfifo feed
evproject run p.sql --store "$follow" --follow - <feed 2>follow.err & fpid=$!
exec 9>feed
head -n 2000 all.ndjson >&9
at() { [ "$(sql "$follow" "SELECT next_offset FROM ev_ledger WHERE projection = 'acc'" 2>/dev/null)" = "$1" ]; }
check "a follower is at work" wait_for 60 at 2000
rebuild p2.sql "$follow" ./all.ndjson
check_status 0 "a rebuild beside it, which reads further"
sed -n 2001,2100p all.ndjson >&9
wait $fpid; fstatus=$?
exec 9>&-
check "the follower is fenced: exit 6" test $fstatus = 6
check "the new version stands where the log ends" at 3000
run evproject run p2.sql --store "$follow" ./all.ndjson
check_status 0 "started again with the new file it goes on there"

# killed anywhere, the next call goes on
database killed
project "$killed" ./in.ndjson
kills=0
: "${SEED:=$RANDOM}"; RANDOM=$SEED; echo "# SEED=$SEED"
want=$((10 * ${EFFORT:-1}))
rc=137
while [ $rc = 137 ] || [ $kills -lt $want ]; do
	[ $rc = 0 ] && { run evproject rollback p.sql --store "$killed"; rebuild p2.sql "$killed" --forget; }
	evproject rebuild p2.sql --store "$killed" --yes --batch 100 --quiet ./all.ndjson 2>kill.err & pid=$!
	[ $kills -lt $want ] && { command -p sleep 0.0$((RANDOM % 10))$((RANDOM % 10)); kill -9 $pid 2>/dev/null; }
	wait $pid 2>/dev/null; rc=$?
	[ $rc = 137 ] && kills=$((kills + 1))
	[ $rc = 0 ] || [ $rc = 137 ] || break
done
check "killed $kills times, a rebuild gets to its end" test $rc = 0
database calm
rebuild p2.sql "$calm" ./all.ndjson
check "its view is that of an undisturbed one" test "$(sql "$killed" 'SELECT * FROM acc ORDER BY k COLLATE "C"' | md5sum)" = "$(sql "$calm" 'SELECT * FROM acc ORDER BY k COLLATE "C"' | md5sum)"
check "its ledger too" test "$(sql "$killed" "SELECT begin_offset, next_offset, applied, last_hash FROM ev_ledger WHERE projection = 'acc'")" = "$(sql "$calm" "SELECT begin_offset, next_offset, applied, last_hash FROM ev_ledger WHERE projection = 'acc'")"
check "nothing is left over" test "$(leftovers "$killed")$(sql "$killed" 'SELECT count(*) FROM ev_rebuild')" = 'ev_kept_public_acc 0'
rebuild p2.sql "$killed" --again --no-swap ./all.ndjson
rebuild p2.sql "$killed" --abandon
check_status 0 "--abandon"
check "removes the shadow" test "$(leftovers "$killed")$(sql "$killed" 'SELECT count(*) FROM ev_rebuild')" = 'ev_kept_public_acc 0'
# what somebody left where the old version goes is found before the load, not by the swap
database stray
project "$stray" ./in.ndjson
sql "$stray" 'CREATE SCHEMA ev_kept_public_acc; CREATE TABLE ev_kept_public_acc.acc (k text)'
rebuild p2.sql "$stray" ./in.ndjson
check_status 2 "tables that are no version of the view, where it would be kept, are refused"
check_grep "by name" "schema 'ev_kept_public_acc' .* holds 'acc', which is none of it" "$err"
check "before anything is made" test "$(leftovers "$stray")" = 'ev_kept_public_acc '
sql "$stray" 'DROP SCHEMA ev_kept_public_acc CASCADE'
rebuild p2.sql "$stray" ./in.ndjson
check_status 0 "and without them it goes through"
rebuild p2.sql "$stray" ./in.ndjson --again
check_status 0 "as does one more, with a version that is kept"

# what an earlier call found is of the version that served then, and of that call's --max-change
database held
project "$held" ./in.ndjson
rebuild p2.sql "$held" ./in.ndjson --quiet
evproject run p2.sql --store "$held" --quiet ./all.ndjson
sed 's/version 2/version 3/; s/2 \* /1 * 2 * /' p2.sql >p3.sql
run evproject rebuild p3.sql --store "$held" ./all.ndjson --no-swap --max-change 1
check_status 0 "a rebuild that changes nothing is ready"
run evproject rollback p2.sql --store "$held"
check_status 0 "a rollback comes between"
rebuild p3.sql "$held" ./all.ndjson --max-change 1
check_status 2 "what was compared with the version of before does not count"
check_grep "and that is said" 'began beside another version than the one that serves now' "$err"
check_no_grep "no row is called the same" 'rows are the same' "$err"
evproject rollback p2.sql --store "$held" --quiet
rebuild p3.sql "$held" ./all.ndjson --max-change 1
check_status 0 "with the version of before it goes on"
rebuild p.sql "$held" ./all.ndjson --quiet
sql "$held" "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''stopped by test''; END';
	CREATE TRIGGER stop BEFORE DELETE ON ev_rebuild FOR EACH ROW EXECUTE FUNCTION stop()"
rebuild p2.sql "$held" ./all.ndjson
check_status 4 "a rebuild ends when it is ready for the swap"
sql "$held" 'DROP TRIGGER stop ON ev_rebuild'
check "there" test "$(sql "$held" 'SELECT phase FROM ev_rebuild')" = ready
rebuild p2.sql "$held" ./all.ndjson --max-change 10
check_status 1 "the next call is held to its --max-change"
check_grep "and says so" 'refused: [0-9.]+ % of the rows change, more than the 10 %' "$err"
check "the old version serves" test "$(sql "$held" "SELECT version FROM ev_projection WHERE name = 'acc'")" = 1
rebuild p2.sql "$held" ./all.ndjson
check_status 0 "without one it goes on"
done_testing
