#!/usr/bin/env bash
# A rebuild on PostgreSQL beside what is none of its own: first calls at one moment, views over tables of others, a view
# that another role writes, and readers while its machine stands still.
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

# an administrator rebuilds the view of a role, whose service goes on with all of it
database service
admin=${service/app@/postgres@}
sed 's/^-- @on add/CREATE TABLE seen (k text PRIMARY KEY);\nCREATE VIEW few AS SELECT k FROM seen;\n&\nINSERT INTO seen (k) VALUES ($.k) ON CONFLICT DO NOTHING;/
	s/version 1/version 2/' p.sql >more.sql
head -n 200 in.ndjson >first.ndjson
project "$service" ./first.ndjson
rebuild more.sql "$admin" --no-swap ./first.ndjson
check_status 0 "an administrator begins to rebuild the view of a role"
run evproject status --store "$service"
check_status 0 "which may still ask how it is"
rebuild more.sql "$admin" ./first.ndjson
check_status 0 "and swaps"
check "all that was made is that role's" test -z "$(sql "$service" "SELECT relname FROM pg_class c JOIN pg_namespace n
	ON n.oid = relnamespace WHERE (nspname = 'public' OR nspname LIKE 'ev\_%') AND relowner <> 'app'::regrole")"
check "  so is the schema of what is kept" test "$(sql "$service" "SELECT nspowner::regrole FROM pg_namespace
	WHERE nspname LIKE 'ev\_%'")" = app
run evproject run more.sql --store "$service" ./in.ndjson
check_status 0 "its service goes on, in the table that is new, too"
check "with all rows" test "$(sql "$service" 'SELECT count(*) FROM few')" = 53
run evproject rollback p.sql --store "$service"
check_status 0 "it rolls back"
run evproject rebuild p.sql --store "$service" --forget
check_status 0 "and drops what is kept"
check "in the schema that was made for it" test -z "$(sql "$service" "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'ev\_%'")"

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

# a view that groups by the key, and selects what depends on that, cannot be made on a table without it
database key
project "$key" ./in.ndjson
sql "$key" 'CREATE VIEW grouped AS SELECT k, n, count(*) FROM acc GROUP BY k'
sed 's/k text PRIMARY KEY/k text UNIQUE/' p2.sql >unique.sql
rebuild unique.sql "$key" ./in.ndjson
check_status 2 "a view that groups by a key which the new version has not is refused"
check_grep "  by name" "view 'grouped' groups by the primary key of 'acc', which the new version has not" "$err"
sed 's/k text PRIMARY KEY, n integer NOT NULL/k text, n integer NOT NULL, CONSTRAINT by_k PRIMARY KEY (k)/' p2.sql >named.sql
rebuild named.sql "$key" ./in.ndjson
check_status 0 "a key of another name will do"
check "  and the view shows the new rows" cmp <(sql "$key" 'SELECT k, n FROM grouped ORDER BY k COLLATE "C"') <(sql "$key" 'SELECT k, n FROM acc ORDER BY k COLLATE "C"')

# the right to create in the schema was taken away since the tables were made
database rights
super 'CREATE SCHEMA mine; GRANT ALL ON SCHEMA mine TO app' "$_super_url"
rebuild p.sql "$rights" ./in.ndjson --schema mine
rebuild p2.sql "$rights" ./in.ndjson --schema mine
check_status 0 "a rebuild in a schema of another role"
sed 's/version 2/version 3/; s/2 \* excluded/3 * excluded/' p2.sql >p3.sql
db=$rights
session other
say other 'BEGIN; SELECT 1'
evproject rebuild p3.sql --store "$rights" --schema mine --yes --swap-wait 10m ./in.ndjson >swap.out 2>swap.err & pid=$!
outlives() { [ "$(super "SELECT count(*) FROM pg_stat_activity WHERE datname = '$(basename "$rights")' AND query LIKE '%virtualxid = ANY%'")" -gt 0 ]; }
check "a swap waits for a transaction of others" wait_for 60 outlives
super 'REVOKE CREATE ON SCHEMA mine FROM app' "$_super_url"
say other COMMIT
wait $pid; status=$?
bye other
cp swap.err "$err"
check_status 2 "where the role may create no more meanwhile it is refused"
check_grep "  with the reason" "the role may not create in schema 'mine'" "$err"
check_grep "  and what to do" '^hint: GRANT CREATE ON SCHEMA ... TO it' "$err"
run evproject rebuild p3.sql --store "$rights" --schema mine --abandon
check_status 0 "  it can be given up"
run evproject rollback p.sql --store "$rights" --schema mine
check_status 2 "so is a rollback"
check_grep "  with the reason" "the role may not create in schema 'mine'" "$err"
super 'CREATE SCHEMA bare; GRANT USAGE ON SCHEMA bare TO app' "$_super_url"
rebuild p.sql "$rights" ./in.ndjson --schema bare
check_status 2 "so is a first rebuild"
check_grep "  with the reason" "the role may not create in schema 'bare'" "$err"
rebuild p3.sql "$rights" ./in.ndjson --schema mine
check_status 2 "where the role may create no more is refused"
check_grep "  before the load" "the role may not create in schema 'mine': the swap could not put the new tables there" "$err"
check "  and nothing is left" test "$(sql "$rights" "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'ev_shadow%'")" = 0
run evproject run p2.sql --store "$rights" --schema mine --quiet ./in.ndjson
check_status 0 "  what serves goes on"
run evproject rebuild p2.sql --store "$rights" --schema mine --forget
check_status 0 "  what is kept is forgotten"
run evproject drop acc --store "$rights" --schema mine --yes
check_status 0 "  and all of it dropped"

# a server that ends transactions which do nothing, or take long: what is folded in memory does, and begun anew it would again
database idle
super "ALTER DATABASE $(basename "$idle") SET idle_in_transaction_session_timeout = '5min'"
[ "$(sql "$idle" 'SHOW server_version_num')" -lt 170000 ] || super "ALTER DATABASE $(basename "$idle") SET transaction_timeout = '5min'"
cat >>p.sql <<'SQL'
-- @check the server waits
SELECT name, setting FROM pg_settings WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout') AND setting <> '0';
SQL
sed 's/version 1/version 2/; s/n = acc.n + excluded.n/n = acc.n + 2 * excluded.n/' p.sql >p2.sql
run evproject run p.sql --store "$idle" --check ./in.ndjson
check_status 1 "a run, whose transactions are short, has the server's bounds"
rebuild p2.sql "$idle" ./in.ndjson
check_status 0 "a rebuild's shadow has none"
run evverify p2.sql --store "$idle" ./in.ndjson
check_status 0 "nor has the snapshot of evverify"
run evproject drop acc --store "$idle" --yes
rebuild p.sql "$idle" ./in.ndjson
check_status 0 "nor a first version, which is built in place"

# a rebuild whose machine stands still under the swap's locks: readers wait for as long as the server does
database db
project "$db" ./in.ndjson
super "CREATE FUNCTION stand() RETURNS event_trigger LANGUAGE plpgsql AS \$\$ BEGIN
		WHILE EXISTS (SELECT FROM pg_locks WHERE pid = pg_backend_pid() AND mode = 'AccessExclusiveLock'
			AND relation = $(sql "$db" "SELECT 'acc'::regclass::oid")) AND NOT pg_try_advisory_xact_lock_shared(1)
			LOOP PERFORM pg_sleep(0.01); END LOOP;
	END \$\$; CREATE EVENT TRIGGER stand ON ddl_command_end EXECUTE FUNCTION stand()" "$_super_url"
session gate
say gate 'SELECT pg_advisory_lock(1)'
evproject rebuild p2.sql --store "$db" --yes --store-timeout 60s ./in.ndjson >frozen.out 2>&1 & pid=$!
stands() { [ "$(super "SELECT count(*) FROM pg_stat_activity WHERE datname = '$(basename "$db")' AND wait_event = 'PgSleep'")" = 1 ]; }
check "a swap has its locks" wait_for 60 stands
kill -STOP $pid
bye gate
check "its machine stands still, and a reader gets on" test "$(timeout 60 psql -qAtX "$db" -c 'SELECT sum(n) FROM acc')" = \
	"$(sql "$want" 'SELECT sum(n) FROM acc')"
kill -CONT $pid
wait $pid
check "it goes on, and the swap is made" test $? = 0
check "whole" test "$(versions "$db")" = "acc|2 acc (kept)|1 "
done_testing
