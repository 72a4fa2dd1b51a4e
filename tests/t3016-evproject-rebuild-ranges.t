# evproject rebuild: from where to where it reads, beside an old view of a log that has moved on, of more partitions, or
# of another range. Both stores, see tests/store.sh.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
rebuild() { local f=$1 s=$2; shift 2; run evproject rebuild "$f" --store "$(store "$s")" "$@"; }
build() { run evproject run "$1" --store "$(store "$2")" --quiet "${@:3}"; }
version() { sql "$1" "SELECT version FROM ev_projection WHERE name = 'acc'"; }
begins() { sql "$1" "SELECT topic, partition, begin_offset FROM ev_ledger WHERE projection = 'acc' ORDER BY 1, 2" | xargs; }
untouched_by_it() { # nothing of a rebuild is left, and the first version serves
	test "$(sql "$1" 'SELECT count(*) FROM ev_rebuild')$(version "$1")" = 01
}
refused() { # refused STORE STATUS WHAT REGEX: the last command was, and left nothing
	check_status "$2" "$3 is refused"
	check_grep "$3: and named" "$4" "$err"
	check "$3: nothing is left of it" untouched_by_it "$1"
}
sed 's/version 1/version 2/; s/(\$\.k!, \$\.n!,/($.k!, 10 * $.n!,/' p.sql >p2.sql

# two topics, t with two partitions; an archive of all, and one that retention has passed over
for i in {0..199}; do rec add k$((i % 5)) $i $i 0; rec add k$((i % 7)) $i $i 1; done >t.ndjson
for i in {0..99}; do rec add u$((i % 3)) $i $i 0 u; done >u.ndjson
sort -t: -k5,5n -s t.ndjson u.ndjson >log.ndjson
evarchive --cluster c1 arch <log.ndjson >/dev/null
grep '"partition":1\|"topic":"u"\|"offset":1[5-9]' log.ndjson >late.ndjson
grep '"partition":1\|"topic":"u"' log.ndjson >p1.ndjson
evarchive --cluster c1 late <p1.ndjson >/dev/null
rm -r late && mkdir one && grep '"topic":"t","partition":0' log.ndjson | tail -n 50 >p0.ndjson
evarchive --cluster c1 --begin 150 late <p0.ndjson >/dev/null

# retention has passed where the old view stands: what is left is taken, and compared at its end
build p.sql trim.db ./arch/t/0 --to 100
rebuild p2.sql trim.db ./late --yes
refused trim.db 5 "a log that begins past the old view" "t/0: the log begins at offset 150, the old view at 0"
rebuild p2.sql trim.db ./late --dry-run --accept-trimmed
check_status 0 "the dry run of --accept-trimmed takes it"
rebuild p2.sql trim.db ./late --yes --accept-trimmed
check_status 0 "so does --accept-trimmed"
check_grep "and says that there is no common position" \
	"t/0: the log's beginning 150 lies past the old view, which stands at 100: the new version is built from the log as it is" "$err"
check_grep "so the two are compared at the end" '^the old tables have no position in this log' "$out"
check "the new version serves" test "$(version trim.db)" = 2
check "from where the log begins" test "$(begins trim.db)" = 't|0|150'
build p2.sql want.db ./late
check "with the rows that are left" test "$(dump trim.db)" = "$(dump want.db)"
grep '"topic":"t","partition":0' log.ndjson >whole.ndjson
build p.sql file.db ./whole.ndjson --to 100
rebuild p2.sql file.db ./p0.ndjson --yes --accept-trimmed
check_status 0 "a file that begins past the old view is taken so, too"
check "with its rows" test "$(dump file.db)" = "$(dump want.db)"

# a decision on a dead letter that lies before what is left
{ head -n 120 whole.ndjson; rec add poison null 120; tail -n +122 whole.ndjson; } >poison.ndjson
evarchive --cluster c1 bad <poison.ndjson >/dev/null
tail -n +151 poison.ndjson >rest.ndjson
evarchive --cluster c1 --begin 150 rest <rest.ndjson >/dev/null
build p.sql drop.db ./bad --to 130 --on-error dead
evproject dead drop --store "$(store drop.db)" p.sql t/0@120 --yes --quiet 2>/dev/null
build p.sql drop.db ./bad --on-error dead
rebuild p2.sql drop.db ./rest --yes --accept-trimmed
check_status 0 "a decision before the beginning of the log hinders no rebuild"
check "whose rows are those that are left" test "$(dump drop.db)" = "$(dump want.db)"

# all that the old view stands on must be there; what the file no longer lists may go
build p.sql parts.db ./arch
rebuild p2.sql parts.db ./arch/t/0 ./arch/u --yes
refused parts.db 2 "a source that lacks a partition of the old view" "the old view stands on partition 't/1', which is not read"
rebuild p2.sql parts.db ./arch/t --dry-run
refused parts.db 2 "a source that lacks a topic (dry run)" "the old view stands on topic 'u', which is not read"
rebuild p2.sql parts.db ./arch/t --yes
refused parts.db 2 "a source that lacks a topic" "the old view stands on topic 'u', which is not read"
rebuild p2.sql parts.db ./arch --no-swap --quiet
rebuild p2.sql parts.db ./arch/t --yes --quiet
check_status 2 "the next call, with less, is refused"
check "version 1 serves" test "$(version parts.db)" = 1
rebuild p2.sql parts.db --abandon
sed 's/version 2/version 3/; s/@topics t u/@topics t/' p2.sql >p3.sql
rebuild p3.sql parts.db ./arch/t --yes
check_status 0 "a topic that the file no longer lists is let go of"
check "with its rows" test "$(sql parts.db "SELECT count(*) FROM acc WHERE k LIKE 'u%'")" = 0

# ends and starts that were asked for
build p.sql ends.db ./arch
rebuild p2.sql ends.db ./arch --yes --until @1763200000050
check_status 2 "an end in time that lies behind the old view is refused"
rebuild p2.sql ends.db ./arch --yes --until 1763200000050
refused ends.db 2 "an end in time before the old view" 't/0: the end 50 lies behind the old view, which stands at 200'
rebuild p2.sql ends.db ./arch --yes --until 1763200000050 --dry-run
refused ends.db 2 "an end in time before the old view (dry run)" 't/0: the end 50 lies behind the old view'
build p.sql starts.db ./arch --to 60
for dry in --yes --dry-run; do
	rebuild p2.sql starts.db ./arch $dry --from 80
	refused starts.db 2 "a start past the old view ($dry)" '[tu]/[01]: the start 80 lies past the old view, which stands at 60'
done
rebuild p2.sql starts.db ./arch --yes --from 80 --accept-trimmed
check_status 0 "with --accept-trimmed it is taken"
check "and begins there" test "$(begins starts.db)" = 't|0|80 t|1|80 u|0|80'

# an empty new version is refused whatever its tables are called
sed 's/-- @on add/-- @on other/; s/version 1/version 4/; s/\bacc\b\([^.]\)/tally\1/g; s/projection tally/projection acc/
	s/acc\.n/tally.n/' p.sql >p4.sql
build p.sql empty.db ./arch
rebuild p4.sql empty.db ./arch --yes
check_status 1 "a new version under other names that came out empty is refused"
check_grep "and named" 'came out empty, the old one has [0-9]+ rows \(--allow-empty' "$err"
check "version 1 serves" test "$(version empty.db)" = 1
rebuild p4.sql empty.db ./arch --yes --allow-empty
check_status 0 "--allow-empty takes it so"
# what it would read is what the plan says
build p.sql plan.db ./arch --to 60
rebuild p2.sql plan.db ./arch --dry-run --to 80
check_status 0 "a dry run with an end"
check_grep "goes up to it" '^t/1 +0 +60 +80$' "$out"
check_grep "and no further" '^log +up to 240 records' "$out"
rebuild p2.sql plan.db ./arch --dry-run --from 20 --until 1763200000090
check_grep "a start and an end in time are in the plan" '^u/0 +20 +60 +90$' "$out"
rebuild p2.sql fresh.db ./arch --dry-run --since 1763200000050
check_status 0 "a dry run where no view is plans a first one"
check_grep "from where it was asked to" '^t/0 +50 +- +200$' "$out"
check_grep "and samples that" '^log +up to 350 records, about .* \(the first 350 at' "$out"
if on sqlite; then
	check "a store that was not there is not there yet" untouched fresh.db
	rebuild p2.sql nowhere/fresh.db ./arch --dry-run
	check_status 4 "one that cannot be made is no plan"
fi

# a source that cannot be read twice, by whatever name
build p.sql pipe.db ./whole.ndjson
mkfifo pipe.ndjson
cat whole.ndjson >pipe.ndjson &
rebuild p2.sql pipe.db ./pipe.ndjson --yes
kill $! 2>/dev/null
refused pipe.db 2 "a named pipe" 'a rebuild beside it reads its source more than once'
rebuild p2.sql pipe.db <(cat whole.ndjson) --yes
refused pipe.db 2 "a process substitution" 'a rebuild beside it reads its source more than once'

# where nobody can say yes nothing is read
rebuild p2.sql pipe.db ./whole.ndjson </dev/null
refused pipe.db 2 "a rebuild without --yes and without a terminal" '--yes swaps when the new version is ready, --no-swap'
rebuild p2.sql pipe.db ./whole.ndjson --no-swap </dev/null
check_status 0 "--no-swap needs none"
rebuild p2.sql pipe.db ./whole.ndjson </dev/null
check_status 2 "the next call does"
check "and what is ready stays so" test "$(evproject status --store "$(store pipe.db)" --format json | jq -r .rebuild.phase)" = ready
rebuild p2.sql pipe.db ./whole.ndjson --yes --lock-wait 30d
check_status 2 "a wait that no clock of a store holds is refused"
check_grep "with the most there is" "option '--lock-wait' takes at most 20 days" "$err"
rebuild p2.sql pipe.db ./whole.ndjson --yes --swap-wait 30d
check_status 2 "so is a --swap-wait"
rebuild p2.sql pipe.db ./whole.ndjson --yes
check_status 0 "and swaps"
check_grep "with a way back" 'the version before is kept: rollback goes back' "$err"
run evproject drop 'acc (kept)' --store "$(store pipe.db)" --yes
check_status 2 "the version that is kept is no projection"
check_grep "and what drops it is said" 'rebuild --forget' "$err"
if command -v script >/dev/null; then
	asked() { grep -q 'y/N' asked.txt 2>/dev/null; }
	# the interrupt reaches the shell around the command too, and only bash outlives it unasked
	{ wait_for 60 asked >/dev/null; printf '\003'; wait_for 60 test -e ended; } |
		script -qefc "trap : INT; evproject drop acc --store '$(store pipe.db)'; echo \$? >status; touch ended" asked.txt >/dev/null
	check "an interrupt at the question is no answer" test "$(cat status)" = 130
	check "and drops nothing" test "$(version pipe.db)" = 2
fi

# what comes while the question waits for its answer is verified, too
if command -v script >/dev/null; then
	build p.sql waits.db ./whole.ndjson
	cp whole.ndjson grows.ndjson
	rm -f asked.txt ended
	{ wait_for 60 asked >/dev/null; rec add z -1 "$(wc -l <grows.ndjson)" >>grows.ndjson; echo y; wait_for 60 test -e ended; } |
		SHELL=$BASH script -qefc "evproject rebuild p2.sql --store '$(store waits.db)' ./grows.ndjson; echo \$? >status; touch ended" asked.txt >/dev/null
	check "a check that fails by then refuses the swap" test "$(cat status)" = 1
	check_grep "by name" 'check failed: no negatives' asked.txt
	check "and the old version serves" test "$(version waits.db)" = 1
	rebuild p2.sql waits.db ./whole.ndjson --abandon
fi

# --adopt where there is nothing to adopt
rebuild p2.sql new.db ./whole.ndjson --adopt --yes
check_status 0 "--adopt without tables to adopt"
check_no_grep "warns of no writer" 'not fenced' "$err"
check_grep "and promises no way back" 'there were no tables before: no version is kept' "$err"

# somebody else's database is left as it is
sql theirs.db 'CREATE TABLE theirs (x integer)'
as_it_was() {
	if on sqlite; then [ ! -e theirs.db-evlock ] && [ "$(sql theirs.db "SELECT group_concat(name) FROM sqlite_schema")" = theirs ]
	else [ "$(sql theirs.db "SELECT string_agg(tablename, ',') FROM pg_tables WHERE schemaname = current_schema()")" = theirs ]; fi
}
run evproject drop acc --store "$(store theirs.db)" --yes
check_status 2 "drop in a database without a view"
run evproject rollback p.sql --store "$(store theirs.db)"
check_status 2 "so is a rollback"
rebuild p.sql theirs.db --abandon
check_status 0 "there is nothing to abandon"
check_grep "which is said" 'no rebuild is under way' "$err"
rebuild p.sql theirs.db --forget
check_grep "nor to forget" 'no version is kept' "$err"
check "and nothing of ours is in it" as_it_was
done_testing
