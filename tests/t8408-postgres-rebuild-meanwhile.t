#!/usr/bin/env bash
# What others change on the tables that serve while a swap or a rollback on PostgreSQL is under way: all that the server
# has answered is on the tables that serve afterwards, or the swap is refused by name
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/swap.sh"
for i in {0..299}; do rec add "k$((i % 53))" $((i % 5)); done >in.ndjson
more='CREATE VIEW big AS SELECT k, n FROM acc WHERE n > 50;\nCREATE INDEX by_n ON acc (n);\nCREATE INDEX by_text ON acc ((k || n));'
sed -i "/^CREATE TABLE/a $more" p.sql p2.sql
roles=150
super 'CREATE ROLE reader' >/dev/null 2>&1
super 'CREATE ROLE second' >/dev/null 2>&1
for i in $(seq $roles); do echo "CREATE ROLE r$i;"; done | psql -qX "$_server" >/dev/null 2>&1

# The swap stops with all of its locks, before its first table moves, as long as session `gate` has it closed.
gated() {
	super "CREATE FUNCTION gate() RETURNS event_trigger LANGUAGE plpgsql SET lock_timeout = 0 AS \$\$ BEGIN
		IF EXISTS (SELECT 1 FROM pg_locks WHERE pid = pg_backend_pid() AND granted AND mode = 'AccessExclusiveLock'
			AND relation = to_regclass('public.acc')) THEN
			PERFORM pg_advisory_lock_shared(42), pg_advisory_unlock_shared(42);
		END IF; END \$\$;
	CREATE EVENT TRIGGER gate ON ddl_command_start WHEN TAG IN ('ALTER TABLE', 'ALTER VIEW') EXECUTE FUNCTION gate()" \
		"$_super_url"
	session gate
	say gate 'SELECT pg_advisory_lock(42)'
}
stopped() { # the swap, at the gate
	[ "$(super "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.datname = '$(basename "$db")'
		AND a.application_name = 'evtools' AND l.locktype = 'advisory' AND NOT l.granted")" = 1 ]
}
settled() { # statement $1 of `meanwhile` is answered, or waits for the swap
	[ -e "answer.$1" ] || [ "$(super "SELECT count(*) FROM pg_stat_activity WHERE datname = '$(basename "$db")'
		AND application_name = 'meanwhile $1' AND wait_event_type = 'Lock'")" = 1 ]
}
# what others do, and a query that is true when it is there
does=(
	'GRANT SELECT ON acc TO reader' "has_table_privilege('reader', 'acc', 'SELECT')"
	'REVOKE SELECT ON acc FROM second' "NOT has_table_privilege('second', 'acc', 'SELECT')"
	'GRANT UPDATE (n) ON acc TO reader' "has_column_privilege('reader', 'acc', 'n', 'UPDATE')"
	'REVOKE UPDATE (at) ON acc FROM second' "NOT has_column_privilege('second', 'acc', 'at', 'UPDATE')"
	'GRANT SELECT ON big TO reader' "has_table_privilege('reader', 'big', 'SELECT')"
	'GRANT SELECT (k) ON big TO second' "has_column_privilege('second', 'big', 'k', 'SELECT')"
	"COMMENT ON TABLE acc IS 'a'" "obj_description('acc'::regclass, 'pg_class') = 'a'"
	"COMMENT ON COLUMN acc.n IS 'b'" "col_description('acc'::regclass, 2) = 'b'"
	"COMMENT ON VIEW big IS 'c'" "obj_description('big'::regclass, 'pg_class') = 'c'"
	"COMMENT ON INDEX by_n IS 'd'" "obj_description('by_n'::regclass, 'pg_class') = 'd'"
	"COMMENT ON CONSTRAINT acc_pkey ON acc IS 'e'" "(SELECT obj_description(oid, 'pg_constraint') FROM pg_constraint
		WHERE conname = 'acc_pkey' AND conrelid = 'acc'::regclass) = 'e'"
	'ALTER INDEX by_n SET (fillfactor = 70)' "(SELECT 'fillfactor=70' = ANY (reloptions) FROM pg_class WHERE oid = 'by_n'::regclass)"
	'ALTER INDEX by_text ALTER 1 SET STATISTICS 77' "(SELECT attstattarget FROM pg_attribute WHERE attrelid = 'by_text'::regclass) = 77"
)
# meanwhile COMMAND...: it is run, and stopped at the gate for all that others do
meanwhile() {
	rm -f answer.*
	"$@" >swap.out 2>swap.err & pid=$!
	check "  it is at its gate" wait_for 60 stopped
	for ((i = 0; i < ${#does[@]}; i += 2)); do
		( PGAPPNAME="meanwhile $i" sql "$db" "${does[i]}" >said.$i 2>&1; echo $? >answer.$i ) &
		others[i]=$!
		wait_for 60 settled $i
	done
	bye gate
	wait $pid; status=$?
	wait "${others[@]}"
	cp swap.err "$err"
}
all_there() {
	for ((i = 0; i < ${#does[@]}; i += 2)); do
		if [ "$(cat answer.$i)" = 0 ]; then
			check "  ${does[i]}" test "$(sql "$db" "SELECT ${does[i + 1]}")" = t
		else
			check "  ${does[i]}: told that it was too late" grep -q 'tuple concurrently updated' said.$i
		fi
	done
}

database db
project "$db" ./in.ndjson
sql "$db" 'GRANT SELECT, UPDATE (at) ON acc TO second'
rebuild p2.sql "$db" ./in.ndjson --no-swap
gated
meanwhile evproject rebuild p2.sql --store "$db" --yes ./in.ndjson
check_status 0 "a swap in the midst of grants and comments goes through"
check "  to the new version" test "$(versions "$db")" = 'acc|2 acc (kept)|1 '
all_there
# from 18 on a GRANT waits for the lock on the table
[ "$(super 'SHOW server_version_num')" -ge 180000 ] || check_grep "  and says why it began anew" 'grants, comments or options of its tables were changed' "$err"
check "  of itself it leaves nothing in the grants" test "$(sql "$db" "SELECT count(*) FROM pg_attribute a,
	aclexplode(attacl) WHERE attrelid IN ('acc'::regclass, 'ev_kept_public_acc.acc'::regclass) AND grantee = 'app'::regrole")" = 0

database db
project "$db" ./in.ndjson
sql "$db" 'GRANT SELECT, UPDATE (at) ON acc TO second'
rebuild p2.sql "$db" ./in.ndjson
gated
meanwhile evproject rollback p.sql --store "$db"
check_status 0 "so does a rollback"
check "  to the old version" test "$(versions "$db")" = 'acc|1 acc (kept)|2 '
all_there

# what would be tied to the old version without a word, and asks for no lock on its tables
tied() { # SQL PATTERN
	database db
	project "$db" ./in.ndjson
	rebuild p2.sql "$db" ./in.ndjson --no-swap
	gated
	evproject rebuild p2.sql --store "$db" --yes ./in.ndjson >"$out" 2>"$err" & pid=$!
	check "a swap is at its gate" wait_for 60 stopped
	super "$1" "$_super_url"
	bye gate
	wait $pid; status=$?
	check_status 2 "it is refused after $1"
	check_grep "  by name" "$2" "$err"
	check "  the old view serves" test "$(sql "$db" "SELECT version FROM ev_projection WHERE name = 'acc'")" = 1
}
tied "CREATE FUNCTION f(acc) RETURNS integer LANGUAGE sql AS 'SELECT 1'" 'f\(acc\) uses the row type of .acc.'
tied 'CREATE PUBLICATION every FOR ALL TABLES' "publication 'every' takes in 'acc'"

# grants at any moment of a swap and a rollback
database db
project "$db" ./in.ndjson
rebuild p2.sql "$db" ./in.ndjson --no-swap
storm() {
	for i in $(seq $roles); do
		echo "GRANT SELECT ON acc TO r$i;
\\echo table $i :ERROR
GRANT UPDATE (n) ON acc TO r$i;
\\echo column $i :ERROR
COMMENT ON INDEX by_n IS '$i';
\\echo comment $i :ERROR
SELECT pg_sleep(0.01);"
	done | psql -qAtX "$db" >storm.out 2>storm.err
}
storm & storm_pid=$!
begun() { grep -q 'comment 9 ' storm.out; }
check "others grant" wait_for 60 begun
rebuild p2.sql "$db" ./in.ndjson
check_status 0 "a swap beside that"
run evproject rollback p.sql --store "$db"
check_status 0 "and a rollback"
wait $storm_pid
answered() { awk -v what="$1" '$1 == what && $3 == "false" { print $2 }' storm.out | sort; }
granted() { sql "$db" "SELECT substr(r.rolname, 2) FROM pg_roles r WHERE r.rolname ~ '^r[0-9]+\$' AND $1" | sort; }
check "all that were answered are on the table that serves" \
	cmp <(answered table) <(granted "has_table_privilege(r.oid, 'acc', 'SELECT')")
check "so are those of a column" cmp <(answered column) <(granted "has_column_privilege(r.oid, 'acc', 'n', 'UPDATE')")
check "and the comment that was the last" test "$(sql "$db" "SELECT obj_description('by_n'::regclass, 'pg_class')")" = \
	"$(answered comment | sort -n | tail -n 1)"
done_testing
