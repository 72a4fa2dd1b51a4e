#!/usr/bin/env bash
# A rebuild on SQLite where others have put indexes of expressions or of parts of the rows on the tables: what such an
# index refuses is poison at its event, and not the end of the load
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
sed 's/n integer NOT NULL/note text, n integer NOT NULL/; s/(k, n, at) VALUES (\$\.k!/(k, note, n, at) VALUES ($.k!, $.note/
	s/DO UPDATE SET /&note = excluded.note, /; /^-- @check/,$d' p.sql >noted.sql
sed 's/version 1/version 2/; s/, \$\.n!, :offset/, 2 * $.n!, :offset/' noted.sql >noted2.sql
for i in {0..29}; do # k10, k20 and k25 are not what an index below can hold
	case $i in 10 | 20 | 25) n=-1 note='no JSON' ;; *) n=1 note="{\\\\\"x\\\\\":$i}" ;; esac
	rec add "k$i" $n "$i" | sed "s/\"n\":/\"note\":\"$note\",&/"
done >log.ndjson
head -n 9 log.ndjson >begins.ndjson
head -n 22 log.ndjson >goes_on.ndjson
letters() { sqlite3 "$1" "SELECT record_offset FROM ev_dead WHERE projection = coalesce((SELECT rows_key FROM ev_rows WHERE
	projection = 'acc'), 'acc') ORDER BY 1" | xargs; }
indexes() { sqlite3 "$1" "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'acc' AND sql IS NOT NULL" | xargs; }
versions() { sqlite3 "$1" 'SELECT name, version FROM ev_projection ORDER BY 1' | xargs; }
rebuild() { run evproject rebuild noted2.sql --store "$1" --yes "${@:2}"; }
raises='abs(CASE WHEN n < 0 THEN -9223372036854775807 - 1 ELSE n END)' # an overflow
slow=', which is of an expression or of a part of the rows: its table is loaded by statements, which takes longer than without it'
n=0
for theirs in "(json_extract(note, '\$.x'))" "(note -> '\$.x')" "($raises)" "(k) WHERE $raises > 0"; do
	s=s$((n++)).db
	run evproject run noted.sql --store $s --quiet ./begins.ndjson
	sqlite3 $s "CREATE INDEX theirs ON acc $theirs"
	run evproject run noted.sql --store $s --on-error dead ./goes_on.ndjson
	check "others have an index on acc $theirs: a run has letters for it" test "$status $(letters $s)" = '0 10 20'
	run evproject rebuild noted2.sql --store $s --dry-run ./log.ndjson
	check_status 0 "  a plan"
	check_grep "  says what it costs" "^survive +index theirs on acc$slow" "$out"
	rebuild $s ./log.ndjson
	check_status 0 "  a rebuild takes them over"
	check_grep "  and says what it costs" "index theirs on acc$slow" "$err"
	check "  with a letter for what came since" test "$(letters $s)" = '10 20 25'
	check "  all others, and the index" test "$(sqlite3 $s 'SELECT count(*), sum(n) FROM acc') $(indexes $s)" = '27|54 theirs'
	check "  and none of ours" test "$(sqlite3 $s "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%expected%'")" = 0
done

# whatever its name begins with
evproject run noted.sql --store named.db --quiet ./begins.ndjson
sqlite3 named.db "CREATE INDEX ev_theirs ON acc ($raises)"
rebuild named.db --on-error dead ./log.ndjson
check_status 0 "an index whose name begins as ours"
check "is no less looked at" test "$(letters named.db) $(indexes named.db)" = '10 20 25 ev_theirs'

# put there when all but the swap is done, it is tried on what was loaded
ready() {
	evproject run noted.sql --store "$1" --quiet ./begins.ndjson
	[ -z "${2:-}" ] || sqlite3 "$1" "$2"
	rebuild "$1" --no-swap --on-error dead ./log.ndjson
	check_status 0 "${2:-nothing is on the table}: a new version is ready"
}
ready late.db
sqlite3 late.db "CREATE INDEX theirs ON acc ($raises)"
rebuild late.db --on-error dead ./log.ndjson
check_status 2 "an index that cannot hold the new rows ends the next call"
check_grep "by its name" "index 'theirs' on 'acc' cannot be made on the new rows: integer overflow" "$err"
check_grep "with what to do" '^hint: drop it, and the next call goes on without it' "$err"
check "the old version serves" test "$(versions late.db)" = 'acc|1'
sqlite3 late.db 'DROP INDEX theirs; CREATE INDEX theirs ON acc (abs(n))'
rebuild late.db --on-error dead ./log.ndjson
check_status 0 "one that can hold them is taken over"
check "with all of them" test "$(sqlite3 late.db 'SELECT count(*) FROM acc') $(indexes late.db)" = '30 theirs'

# one that is dropped meanwhile goes from the new tables, too; in another form it is another one
ready gone.db 'CREATE INDEX theirs ON acc (abs(n))'
sqlite3 gone.db 'DROP INDEX theirs'
rebuild gone.db ./log.ndjson
check "dropped meanwhile it is not there" test "$status $(versions gone.db) $(indexes gone.db)" = '0 acc|2 acc (kept)|1 '
ready other.db 'CREATE INDEX theirs ON acc (abs(n))'
sqlite3 other.db 'DROP INDEX theirs; CREATE INDEX theirs ON acc (n + 1)'
rebuild other.db ./log.ndjson
check "in another form it is there in that" test "$status $(sqlite3 other.db "SELECT sql FROM sqlite_schema WHERE name = 'theirs'")" = \
	'0 CREATE INDEX "theirs" ON "acc" (n + 1)'

# a record that it refuses ends the load in its midst; dropped then, the load goes on without it
evproject run noted.sql --store midst.db --quiet ./begins.ndjson
sqlite3 midst.db "CREATE INDEX theirs ON acc ($raises)"
rebuild midst.db ./log.ndjson
check_status 5 "without letters what an index refuses ends the load"
check_grep "at its event" 'integer overflow' "$err"
check_grep "which is named" 't/0@10' "$err"
sqlite3 midst.db 'DROP INDEX theirs'
rebuild midst.db ./log.ndjson
check_status 0 "dropped, the next call goes on without it"
check "with all of them" test "$(sqlite3 midst.db 'SELECT count(*) FROM acc')/$(indexes midst.db)" = 30/

# put there while the question waits for its answer
if command -v script >/dev/null; then
	asked() { grep -q 'y/N' asked.txt 2>/dev/null; }
	for theirs in "$raises" 'abs(n)'; do
		rm -f waits.db* asked.txt ended
		evproject run noted.sql --store waits.db --quiet ./begins.ndjson
		{ wait_for 60 asked >/dev/null; sqlite3 waits.db "CREATE INDEX theirs ON acc ($theirs)"; echo y; wait_for 60 test -e ended; } |
			SHELL=$BASH script -qefc "evproject rebuild noted2.sql --store waits.db ./log.ndjson; echo \$? >status; touch ended" asked.txt >/dev/null
		if [ "$theirs" = "$raises" ]; then
			check "an index that comes while the question waits is tried" test "$(cat status) $(versions waits.db)" = '2 acc|1'
			check_grep "and named" "index 'theirs' on 'acc' cannot be made on the new rows: integer overflow" asked.txt
			sqlite3 waits.db 'DROP INDEX theirs'
			rebuild waits.db ./log.ndjson
			check_status 0 "dropped, the next call swaps"
		else
			check "one that fits is carried over" test "$(cat status) $(indexes waits.db)" = '0 theirs'
		fi
		check "with all of them" test "$(sqlite3 waits.db 'SELECT count(*) FROM acc')" = 30
	done
fi

# of a column that the new version has not, or UNIQUE, it ends with the old version, and is in no way of the load
evproject run noted.sql --store ends.db --quiet ./begins.ndjson
sqlite3 ends.db "CREATE INDEX theirs ON acc (abs(at)); CREATE UNIQUE INDEX alone ON acc ($raises, k)"
sed -i 's/, at integer//; s/(k, note, n, at)/(k, note, n)/; s/, :offset)/)/; s/, at = excluded.at//' noted2.sql
rebuild ends.db ./log.ndjson
check_status 0 "indexes that end with the old version"
check_grep "are named" 'index theirs on acc is NOT carried over: no such column: at' "$err"
check_grep "both of them" 'index alone on acc is NOT carried over: it is UNIQUE' "$err"
check "and refuse nothing" test "$(sqlite3 ends.db 'SELECT count(*) FROM acc')" = 30
done_testing
