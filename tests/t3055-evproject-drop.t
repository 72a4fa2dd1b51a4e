#!/usr/bin/env bash
# evproject drop: all that may serve, or be built on, goes at once or not at all. Both stores, see tests/store.sh.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
rebuild() { local f=$1 s=$2; shift 2; run evproject rebuild "$f" --store "$(store "$s")" --yes "$@"; }
sed 's/version 1/version 2/; s/n = acc.n + excluded.n/n = acc.n + 2 * excluded.n/' p.sql >p2.sql
sed 's/version 1/version 3/; s/n = acc.n + excluded.n/n = acc.n + 3 * excluded.n/' p.sql >p3.sql
for i in {0..99}; do rec add "k$((i % 13))" $((i % 5)); done >in.ndjson
versions() { sql "$1" 'SELECT name, version FROM ev_projection ORDER BY 1; SELECT phase FROM ev_rebuild' | tr '\n' ' '; }

# a version is kept, a third is under way, and the store refuses the one that serves
project s.db ./in.ndjson
dump s.db >one
rebuild p2.sql s.db ./in.ndjson
dump s.db >two
rebuild p3.sql s.db ./in.ndjson --no-swap
as_is=$(versions s.db)
if on sqlite; then
	sql s.db "CREATE TRIGGER stays BEFORE DELETE ON ev_projection WHEN old.name = 'acc' BEGIN SELECT RAISE(ABORT, 'it stays'); END"
else
	sql s.db "CREATE FUNCTION stays() RETURNS trigger LANGUAGE plpgsql AS \$\$BEGIN RAISE 'it stays'; END\$\$;
		CREATE TRIGGER stays BEFORE DELETE ON ev_projection FOR EACH ROW WHEN (old.name = 'acc') EXECUTE FUNCTION stays()"
fi
run evproject drop acc --store "$(store s.db)" --yes
check_status 4 "a drop that the store refuses at the version that serves"
check_grep "says why" 'it stays' "$err"
check "leaves all versions, and the rebuild" test "$(versions s.db)" = "$as_is"
if on sqlite; then sql s.db 'DROP TRIGGER stays'; else sql s.db 'DROP TRIGGER stays ON ev_projection; DROP FUNCTION stays()'; fi
check "what served serves" cmp two <(dump s.db)
rebuild p3.sql s.db ./in.ndjson --max-change 0
check_grep "the rebuild goes on where it was" 'more than' "$err"
run evproject rebuild p3.sql --store "$(store s.db)" --abandon
run evproject rollback p.sql --store "$(store s.db)"
check_status 0 "and there is a way back"
check "to the rows of before" cmp one <(dump s.db)

# the same without the obstacle
rebuild p3.sql s.db ./in.ndjson --no-swap
run evproject drop acc --store "$(store s.db)" --yes
check_status 0 "without that it goes"
check_grep "with all that there was" 'acc is dropped, with acc, its ledger, the version that is kept, the rebuild to version 3' "$err"
if on sqlite; then
	check "with everything" test "$(sql s.db "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'sqlite%'")$(ls s.db*)" = "0s.db
s.db-evlock"
else
	check "with everything" test "$(sql s.db "SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace")" = 0
	check "and its schemas" test -z "$(sql s.db "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'ev\\_%'")"
fi

if on sqlite; then # what a drop that was killed before its end has left beside the store
	project s.db ./in.ndjson
	rebuild p2.sql s.db ./in.ndjson --no-swap
	cp s.db-evshadow-acc left
	run evproject drop acc --store s.db --yes
	cp left s.db-evshadow-acc
	run evproject drop acc --store s.db --yes
	check_status 0 "a file that a killed drop has left goes with the next"
	check "it is gone" test ! -e s.db-evshadow-acc

	# and in it: the next first build removes that, and holds foreign keys all the same
	sed '/^CREATE TABLE/i CREATE TABLE known (k text PRIMARY KEY);' p.sql |
		sed 's/^CREATE TABLE acc (k text PRIMARY KEY/& REFERENCES known (k)/' >keys.sql
	sed 's/version 1/version 2/; s/n = acc.n + excluded.n/n = acc.n + 2 * excluded.n/' keys.sql >keys2.sql
	rec nop x 0 0 >nop.ndjson
	evproject run keys.sql --store k.db --quiet ./nop.ndjson
	rebuild keys2.sql k.db ./nop.ndjson --no-swap
	stop_when() { sql k.db "CREATE TRIGGER stop BEFORE $1 BEGIN SELECT RAISE(ABORT, 'stop'); END"; }
	stop_when 'UPDATE ON ev_rebuild WHEN new.copy_step = 2'
	rebuild keys2.sql k.db ./nop.ndjson
	sql k.db 'DROP TRIGGER stop'
	stop_when "DELETE ON ev_projection WHEN old.name = 'acc (new)'"
	run evproject drop acc --store k.db --yes
	sql k.db 'DROP TRIGGER stop'
	check "a drop that was broken off has left its half copy" test "$(versions k.db)" = 'acc (new)|2 '
	rebuild keys.sql k.db ./in.ndjson
	check_status 5 "a row that refers to none is poison to the first build after it"
	check_grep "  which is said" 'FOREIGN KEY constraint failed' "$err"
	check "  nothing of it is there" test -z "$(sql k.db 'SELECT * FROM acc')"
fi
# others have renamed a table of the version that serves: it is missed, and built anew when that is asked for
forget s.db
sed '/^CREATE TABLE/a CREATE VIEW big AS SELECT k, n FROM acc WHERE n > 50;\nCREATE TABLE notes (k text PRIMARY KEY);' p.sql >more.sql
evproject run more.sql --store "$(store s.db)" --quiet ./in.ndjson
rebuild more.sql s.db ./in.ndjson
check_status 0 "a version that is whole"
check_grep "  serves already" 'serves already, nothing to do' "$err"
dump s.db >one
sql s.db 'ALTER TABLE notes RENAME TO mine'
on sqlite || sql s.db 'ALTER INDEX notes_pkey RENAME TO mine_pkey'
for way in '' --dry-run; do
	rebuild more.sql s.db ./in.ndjson $way
	check_status 2 "one that lacks a table is not (rebuild $way)"
	check_grep "  by name" "version 1 of projection 'acc' serves without 'notes', which others have renamed or dropped" "$err"
	check_grep "  with what to do" '^hint: give it its name back, or --again builds the version anew' "$err"
done
sql s.db 'ALTER TABLE acc RENAME TO yours'
run evproject run more.sql --store "$(store s.db)" ./in.ndjson
check_status 2 "nor does a run find what its statements are of"
check_grep "  which it says" "hint: others have renamed or dropped 'acc': give it its name back, or rebuild --again" "$err"
sql s.db 'ALTER TABLE yours RENAME TO acc'
run evproject drop more.sql --store "$(store s.db)" --yes
check_status 2 "drop takes no file"
check_grep "  but its name" "'more.sql' is no projection's name" "$err"
run evproject status more.sql --store "$(store s.db)"
check_status 1 "status ends with 1"
check_grep "  and names it" '^TABLE notes IS NOT THERE$' "$out"
check_grep "  with what to do" 'acc: table notes is not there any more: .*rebuild --again builds the version anew' "$err"
run evproject status --store "$(store s.db)" --format json
check "  as JSON" jq -e '.missing == ["notes"]' "$out"
rebuild more.sql s.db ./in.ndjson --again
check_status 0 "--again builds it anew"
check "  whole" test "$(sql s.db 'SELECT count(*) FROM notes')" = 0
check "  with the rows of before" cmp one <(dump s.db)
run evproject status more.sql --store "$(store s.db)" --format json
check_status 0 "  nothing is missed"
check "  as JSON" jq -e '.missing == []' "$out"
run evproject rebuild more.sql --store "$(store s.db)" --forget
check_status 0 "  what was kept goes"
on sqlite && sql s.db 'DROP VIEW big'
sql s.db 'DROP TABLE acc CASCADE' 2>/dev/null || sql s.db 'DROP TABLE acc'
run evproject status more.sql --store "$(store s.db)" --format json
check_status 1 "a table that is dropped with its view is missed"
check "  as is the view" jq -e '.missing == ["acc", "big"]' "$out"
rebuild more.sql s.db ./in.ndjson
check_grep "  by the rebuild, too" "serves without 'acc', 'big', which others" "$err"
rebuild more.sql s.db ./in.ndjson --again
check_status 0 "and built anew"
check "  with the rows of before" cmp one <(dump s.db)
sql s.db 'ALTER TABLE notes RENAME TO other'
run evproject drop acc --store "$(store s.db)" --yes
check_status 0 "a drop"
check_grep "names what it has dropped" 'acc is dropped, with acc, big, its ledger, the version that is kept; not there any more, .*: notes$' "$err"
check "  and leaves what is of others" test "$(sql s.db 'SELECT count(*) FROM mine' && sql s.db 'SELECT count(*) FROM other')" = "0
0"

# a rollback leaves the version that was served as it is, and says what that lacks
sed 's/version 1/version 2/; s/n = acc.n + excluded.n/n = acc.n + 2 * excluded.n/' more.sql >more2.sql
evproject run more.sql --store "$(store r.db)" --quiet ./in.ndjson
rebuild more2.sql r.db ./in.ndjson
sql r.db 'DROP TABLE notes'
run evproject rollback more.sql --store "$(store r.db)"
check_status 0 "a rollback from a version that lacks a table"
check_grep "names it" 'version 1 serves again, .* is kept, without notes, which others have renamed or dropped$' "$err"
run evproject rollback more.sql --store "$(store r.db)"
check_status 2 "there is no way back to that"

# taken away when the next version is ready, it is nothing that the swap would lose
evproject run more.sql --store "$(store q.db)" --quiet ./in.ndjson
rebuild more2.sql q.db ./in.ndjson --no-swap
check_status 0 "a version that is ready"
sql q.db 'ALTER TABLE notes RENAME TO mine'
on sqlite || sql q.db 'ALTER INDEX notes_pkey RENAME TO mine_pkey'
rebuild more2.sql q.db ./in.ndjson
check_status 0 "  serves, though others have renamed a table of the old one"
check "  with its rows" cmp two <(dump q.db)
check "  and leaves theirs" test "$(sql q.db 'SELECT count(*) FROM mine')$(sql q.db 'SELECT count(*) FROM notes')" = 00
done_testing
