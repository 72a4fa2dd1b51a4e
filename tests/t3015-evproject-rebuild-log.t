# evproject rebuild: a log that is not the old view's, old tables without a position, and what is said where a rebuild
# ends before its swap. Both stores, see tests/store.sh.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
rebuild() { local f=$1 s=$2; shift 2; run evproject rebuild "$f" --store "$(store "$s")" "$@"; }
build() { run evproject run "$1" --store "$(store "$2")" --quiet "$3"; } # one store each: versions that are kept lie apart
phase() { evproject status --store "$(store "$1")" --format json | jq -r '.rebuild.phase'; }
version() { sql "$1" "SELECT version FROM ev_projection WHERE name = 'acc'"; }
clean() { # nothing of a rebuild is left, and the first version serves
	[ "$(sql "$1" 'SELECT count(*) FROM ev_rebuild')$(version "$1")" = 01 ] || return 1
	if on sqlite; then
		[ ! -e "$1-evshadow-acc" ]
	else
		[ "$(sql "$1" "SELECT count(*) FROM pg_namespace WHERE nspname = 'ev_shadow_$(_schema "$1")_acc'")" = 0 ]
	fi
}
sed 's/version 1/version 2/; s/(\$\.k!, \$\.n!,/($.k!, 10 * $.n!,/' p.sql >p2.sql
sed 's/version 2/version 7/' p2.sql >p7.sql
sed 's/version 1/version 3/; s/(\$\.k!, \$\.n!,/($.k!, 3 * $.n!,/' p.sql >p3.sql

# whose record 30 is an update of a row that record 0 has made
{ rec add first 1; for i in {1..29}; do rec add k$((i % 5)) $i; done; rec put first 9
	for i in {31..99}; do rec add k$((i % 5)) $i; done; } >log.ndjson
sed 's/"n":[0-9]*/"n":8/' log.ndjson >another.ndjson
tail -n +6 log.ndjson >trimmed.ndjson # poison to the new version, as the row is not there
tail -n +50 log.ndjson >late.ndjson
head -n 90 log.ndjson >short.ndjson

# what a log is refused for, in the dry run as in earnest; then the right one is taken
build p2.sql want.db ./log.ndjson
for log in another trimmed late short; do
	build p.sql v-$log.db ./log.ndjson
	case $log in
	another) why='t/0 is not the log that the old view was built from: another record stands at offset 99' ;;
	trimmed) why='t/0: the log begins at offset 5, the old view at 0' ;;
	late) why='t/0: the log begins at offset 49, the old view at 0' ;;
	short) why='t/0: the log ends 10 offsets before where the old view stands, 100' ;;
	esac
	rebuild p2.sql v-$log.db --dry-run ./$log.ndjson
	check_status 5 "$log log: the dry run refuses it"
	check_grep "and says why" "$why" "$err"
	rebuild p2.sql v-$log.db --yes ./$log.ndjson
	check_status 5 "so does a rebuild"
	check_grep "for the same reason" "$why" "$err"
	check_no_grep "a log is no poison record" 'on-error dead' "$err"
	[ $log = short ] || check "nothing of it is left" clean v-$log.db
	rebuild p2.sql v-$log.db --yes ./log.ndjson
	check_status 0 "after it the right one is taken"
	check "with its rows" test "$(sql v-$log.db "SELECT n FROM acc WHERE k = 'first'")" = 9
	check "all of them" test "$(dump v-$log.db)" = "$(dump want.db)"
done
build p.sql v1.db ./log.ndjson
{ head -n 60 log.ndjson; rec add k1 null 60; tail -n +62 log.ndjson; } >poison.ndjson
rebuild p2.sql v1.db --yes ./poison.ndjson
check_status 5 "poison in the old view's log"
check_grep "is poison" '^evproject rebuild: t/0@60: .*is missing or null|t/0@60: ' "$err"
rebuild p2.sql v1.db --abandon

# what an earlier call has loaded from another log is neither compared nor gone on with
build p.sql v2.db ./log.ndjson
rebuild p2.sql v2.db --no-swap --accept-trimmed ./another.ndjson
check_status 0 "--accept-trimmed builds from another log"
check_grep "which is said" 'another record stands at offset 99: the new version is built from the log as it is' "$err"
check_grep "and compares at its end" '^the old tables have no position in this log' "$out"
for trimmed in '' --accept-trimmed; do
	rebuild p2.sql v2.db --yes $trimmed ./log.ndjson
	check_status 5 "another log in the next call is refused $trimmed"
	check_grep "as another than the one it began with" 'the rebuild under way began with another log' "$err"
	check_grep "with a way out" '--abandon, and begin anew' "$err"
done
check "version 1 serves" test "$(version v2.db)" = 1
rebuild p2.sql v2.db --yes --accept-trimmed ./another.ndjson
check_status 0 "the one it began with goes on"
check "to its rows" test "$(sql v2.db "SELECT n FROM acc WHERE k = 'first'")" = 8

# tables of another program are compared with the whole new version
build p3.sql theirs.db ./log.ndjson # what the new version must come to, by another's hand
rows=$(sql theirs.db 'SELECT k, n, at FROM acc')
sql a.db 'CREATE TABLE acc (k text PRIMARY KEY, n integer NOT NULL, at integer)'
while IFS='|' read -r k n at; do sql a.db "INSERT INTO acc (k, n, at) VALUES ('$k', $n, $at)"; done <<<"$rows"
sql a.db "UPDATE acc SET n = 0 WHERE k = 'k3'; INSERT INTO acc (k, n) VALUES ('old', 1)"
run evproject run p3.sql --store "$(store a.db)" ./log.ndjson
check_status 2 "run refuses tables of another program"
check_grep "and names what takes them" '^hint: evproject rebuild --adopt takes tables that another program wrote' "$err"
rebuild p3.sql a.db --dry-run ./log.ndjson
check_status 2 "so does a dry run, where nothing of ours is yet"
check_grep "by name" "table 'acc' exists already, and no ledger of this projection owns it" "$err"
rebuild p3.sql a.db --adopt --dry-run ./log.ndjson
check_status 0 "which plans what --adopt would do"
check_grep "with the tables" '^tables +acc$' "$out"
ours() { # tables of ours
	if on sqlite; then sqlite3 "$1" "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'ev\_%' ESCAPE '\'"
	else sql "$1" "SELECT count(*) FROM pg_tables WHERE schemaname = '$(_schema "$1")' AND tablename ~ '^ev_'"; fi
}
check "and makes no ledger" test "$(ours a.db)" = 0
sql none.db 'CREATE TABLE others (x integer)'
rebuild p3.sql none.db --dry-run ./log.ndjson
check_status 0 "a dry run where there is no view at all plans a first one"
check "which is not begun" test "$(ours none.db)" = 0
rebuild p3.sql a.db --adopt --yes --max-change 20 ./log.ndjson
check_status 1 "--max-change judges adopted tables by what differs"
check_grep "against the whole new version" 'refused: 28.6 % of the rows change, more than the 20 %' "$err"
check_grep "which the comparison says" '^the old tables have no position in this log: .* at the end of the log' "$out"
check_grep "with what is the same" '^acc +5 +1 +1 +0' "$out"
check_grep "what to do is said" 'a higher --max-change takes them' "$err"
check_grep "whatever was wrong" 'else --abandon gives the new version up, and a mended file begins anew' "$err"
check "status says that it was refused" test "$(phase a.db)" = refused
check "theirs serve" test "$(sql a.db "SELECT n FROM acc WHERE k = 'old'")" = 1
run evproject status p3.sql --store "$(store a.db)"
check_grep "and why" '^rebuild to version 3: refused: 28.6 % of the rows change' "$out"
check_grep "and what is to be done" '^to go on: .* a higher --max-change takes them; rebuild --abandon gives it up$' "$out"
rebuild p3.sql a.db --adopt --no-swap --max-change 40 ./log.ndjson
check_status 0 "what --max-change allows is ready"
check_grep "with the comparison" 'at the end of the log: 1 row changed, 1 only in the old view, 0 only in the new, 5 the same' "$err"
check "status says that, too" test "$(phase a.db)" = ready
run evproject status p3.sql --store "$(store a.db)"
check_grep "with what swaps it in" '^rebuild --yes swaps it in, rebuild --abandon gives it up$' "$out"
rebuild p3.sql a.db --adopt --yes --quiet ./log.ndjson
check_status 0 "and swapped"
check "to the whole new version" test "$(dump a.db)" = "$(dump theirs.db)"
check "--quiet says nothing of it" test -z "$(grep -v 'not fenced' "$err")"
evproject rollback p3.sql --store "$(store a.db)" --quiet
run evproject run p3.sql --store "$(store a.db)" ./log.ndjson
check_status 2 "after a rollback theirs are refused as before"
check_grep "and it is said how the version of ours that is kept serves again" \
	'^hint: .* as kept, evproject rollback lets that one serve$' "$err"
rebuild p2.sql a.db --no-swap ./log.ndjson
check_status 0 "theirs serve again: they are taken as before"
check_grep "and their writer is not fenced" 'not fenced: stop it before the swap' "$err"
rebuild p2.sql a.db --abandon
run evproject rollback p3.sql --store "$(store a.db)"
check_status 0 "when that is given up, the way back is still there"
check "to the same rows" test "$(dump a.db)" = "$(dump theirs.db)"
evproject rollback p3.sql --store "$(store a.db)" --quiet
sql a.db 'CREATE VIEW theirs AS SELECT * FROM acc'
run evproject drop acc --store "$(store a.db)" --yes
check_status 0 "drop gives up what is ours"
check_grep "and says what stays" 'kept; the tables that serve stay, as another program wrote them' "$err"
check "with their rows" test "$(sql a.db "SELECT n FROM theirs WHERE k = 'old'")" = 1
check "and nobody's again" test "$(ours a.db)" = 0

# a log that cannot be read is not taken for another one
build p.sql bad.db ./log.ndjson
rebuild p2.sql bad.db --no-swap ./log.ndjson
{ cat log.ndjson; rec add k1 1 7; } >bad.ndjson
rebuild p2.sql bad.db --yes ./bad.ndjson
check_status 5 "a line that does not fit, in the log that a rebuild began with"
check_grep "is named" '^evproject rebuild: \./bad\.ndjson:101: ' "$err"
check_grep "with the ways on" '^hint: a rebuild is under way: give the log that it began with; or .*--abandon' "$err"
rebuild p2.sql bad.db --yes ./log.ndjson
check_status 0 "and the whole one goes on"

# numbers of versions
build p.sql v3.db ./log.ndjson
sed 's/(\$\.k!, \$\.n!,/($.k!, 4 * $.n!,/' p.sql >same.sql
rebuild same.sql v3.db --dry-run ./log.ndjson
check_status 2 "the dry run refuses a file whose version was not raised"
check_grep "by name" 'its version is still 1' "$err"
rebuild p2.sql v3.db --no-swap --quiet ./log.ndjson
check "a rebuild that is ready says nothing with --quiet" test ! -s "$err" -a ! -s "$out"
rebuild p3.sql v3.db --dry-run ./log.ndjson
check_status 2 "the dry run refuses another file while a rebuild is under way"
check_grep "and says which" 'another version is under way \(version 2, phase ready\)' "$err"
rebuild p7.sql v3.db --yes ./log.ndjson
check_status 0 "the same SQL with another number goes on"
check_grep "under the number that it began with" 'as version 2: it goes on under that number, and not as version 7' "$err"
check_grep "which it tells" 'acc: version 2 serves, after' "$err"
check "and has" test "$(version v3.db)" = 2
rebuild p7.sql v3.db ./log.ndjson
check_grep "it is the store's number that serves already" 'acc: version 2 serves already' "$err"
rebuild p7.sql v3.db --quiet ./log.ndjson
check "which --quiet does not say" test ! -s "$err"
run evproject run p.sql --store "$(store v3.db)" ./log.ndjson
check_status 2 "the old file is refused after the swap"
check_grep "as the old one" 'the store has the newer version 2: start with its file, or go back, where status has the one before it as kept' "$err"

# what the other commands tell
rec add k1 5 100 >rest.ndjson
cat log.ndjson rest.ndjson >longer.ndjson
run evproject run p2.sql --store "$(store v3.db)" --check ./longer.ndjson
check_grep "run --check says what holds" 'acc: 1 check of the file holds' "$err"
run evproject rollback p2.sql --store "$(store v3.db)"
check_grep "rollback says where the version before stands" \
	'acc: version 1 serves again, at \{"t":\{"0":100\}\}, 1 offset behind version 2; that \(rebuild of [^)]*\) is kept' "$err"
evproject rollback p2.sql --store "$(store v3.db)" --quiet
rebuild p3.sql v3.db --no-swap --quiet ./longer.ndjson
run evproject drop acc --store "$(store v3.db)" --yes
check_grep "drop says what went" \
	'acc is dropped, with acc, its ledger, the version that is kept, the rebuild to version 3 that is under way' "$err"
done_testing
