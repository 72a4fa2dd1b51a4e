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
fi
done_testing
