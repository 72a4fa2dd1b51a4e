#!/usr/bin/env bash
# evproject rebuild, killed with -9 at each phase's boundary, and in the midst of the swap's transaction: the old version
# serves, the next session comes to the end of an undisturbed one, nothing is left over, and the way back is open. A
# trigger on the plan keeps the session there until it is killed. Both stores, see tests/store.sh.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
sed '/^CREATE TABLE/a CREATE INDEX acc_n ON acc (n);\nCREATE VIEW big AS SELECT k, n FROM acc WHERE n > 50;' p.sql >v1.sql
sed 's/version 1/version 2/; s/n = acc.n + excluded.n/n = acc.n + 2 * excluded.n/' v1.sql >v2.sql
for ((i = 0; i < 700; i++)); do rec add "k$((i % 211))" $((i % 13)); done >log.ndjson
head -n 500 log.ndjson >first.ndjson
rebuild() { run evproject rebuild v2.sql --store "$(store "$1")" --yes ./log.ndjson; }
view() { # what serves and what is kept, by rows and ledger
	sql "$1" 'SELECT * FROM acc' | sort
	sql "$1" 'SELECT * FROM big' | sort
	sql "$1" "SELECT name, version, fingerprint FROM ev_projection WHERE name NOT LIKE '%(new)'" | sort
	sql "$1" "SELECT topic, partition, begin_offset, next_offset, applied, last_hash FROM ev_ledger WHERE projection = 'acc'"
}
# No plan, no version but these, and no table, file or schema
clean() {
	[ "$(sql "$1" 'SELECT count(*) FROM ev_rebuild')" = 0 ] || { echo "a plan"; return 1; }
	if on sqlite; then
		[ "$(echo "$1"*)" = "$1 $1-evlock" ] || { ls "$1"*; return 1; }
		[ "$(sql "$1" "SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_schema WHERE type = 'table'
			AND name LIKE '%acc' ORDER BY 1); PRAGMA integrity_check")" = "acc ev_kept_acc
ok" ] || { sql "$1" 'SELECT name FROM sqlite_schema'; return 1; }
	else
		sql "$1" "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE c.relname = 'acc' AND n.nspname LIKE '%${1%.db}\\_db%'" | LC_ALL=C sort >there
		printf '%s|acc\n' "ev_kept_${1%.db}_db_acc" "${1%.db}_db" | LC_ALL=C sort | cmp - there || { cat there; return 1; }
		sql "$1" "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'ev\\_shadow%' OR nspname LIKE 'ev\\_gone%'
			OR nspname LIKE 'ev\\_moving%' OR nspname LIKE 'ev\\_scratch%'" >there
		[ ! -s there ] || { cat there; return 1; }
	fi
}
old() { # STORE: with the view as it was
	evproject run v1.sql --store "$(store "$1")" --quiet ./first.ndjson
	evproject rebuild v2.sql --store "$(store "$1")" --forget 2>/dev/null # makes our tables
}
old calm.db
view calm.db >before
rebuild calm.db
check_status 0 "an undisturbed rebuild"
view calm.db >after
check "leaves nothing over" clean calm.db

stop_at() { # STORE EVENT CONDITION: sessions stop there for ever
	if on sqlite; then
		sql "$1" "CREATE VIEW forever AS WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT i FROM c;
			CREATE TRIGGER stop AFTER $2 ON ev_rebuild WHEN $3 BEGIN SELECT count(*) FROM forever; END"
		return
	fi
	sql "$1" "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN PERFORM pg_advisory_lock(4242); RETURN NULL; END \$\$;
		CREATE TRIGGER stop AFTER $2 ON ev_rebuild FOR EACH ROW WHEN ($3) EXECUTE FUNCTION stop()"
	psql -qAtX "$(store "$1")" <hold >hold.out & holder=$!
	exec 8>hold
	echo "SELECT 'held' FROM pg_advisory_lock(4242);" >&8
	wait_for 60 grep -q held hold.out
}
mkfifo hold
# It has stopped there, or has ended. In SQLite the write lock alone is to be seen: what holds it for 20 looks stays.
looks=0
stopped() {
	kill -0 $pid 2>/dev/null || return 0
	if on postgresql; then
		[ "$(sql "$1" "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4242 AND NOT granted")" = 1 ]
	elif sqlite3 "$1" 'BEGIN IMMEDIATE; ROLLBACK' 2>/dev/null; then
		looks=0
		return 1
	else
		looks=$((looks + 1))
		[ $looks -ge 20 ]
	fi
}
let_go() {
	if on sqlite; then
		sql "$1" 'DROP TRIGGER stop; DROP VIEW forever'
	else
		exec 8>&-
		wait $holder
		sql "$1" 'DROP FUNCTION stop CASCADE' 2>/dev/null # waits for the backend of the killed session, if it has to
	fi
}
kill_at() { # NAME EVENT CONDITION
	local s=$1.db
	old "$s"
	stop_at "$s" "$2" "$3"
	evproject rebuild v2.sql --store "$(store "$s")" --yes ./log.ndjson >out.kill 2>err.kill 8>&- & pid=$!
	looks=0
	wait_for 120 stopped "$s"
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	status=$?
	check_status 137 "killed at $1"
	check "$1: the old version serves" cmp before <(view "$s")
	let_go "$s"
	rebuild "$s"
	check_status 0 "$1: the next session comes to the end"
	check "$1: of an undisturbed one" cmp after <(view "$s")
	check "$1: nothing is left over" clean "$s"
	run evproject rollback v1.sql --store "$(store "$s")"
	check_status 0 "$1: and the way back is open"
	check "$1: to the old rows" cmp <(sed -n '/^k/p' before) <(view "$s" | sed -n '/^k/p')
}
plan="CAST(new.plan AS text)"
kill_at prepare INSERT "new.phase = 'prepare'"
kill_at load UPDATE "new.phase = 'load' AND $plan NOT LIKE '%end%'"
kill_at range UPDATE "$plan LIKE '%end%'"
kill_at catchup UPDATE "new.phase = 'catch up'"
if on sqlite; then
	kill_at copy UPDATE "new.phase = 'copy'"
	kill_at copying UPDATE "new.copy_step = 2"
fi
kill_at ready UPDATE "new.phase = 'ready'"
kill_at swap DELETE "old.projection = 'acc'"
done_testing
