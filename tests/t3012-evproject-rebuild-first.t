# evproject rebuild where no view is: a first build that was broken off, given up, or does not hold; what a call leaves
# for the next one (--adopt, the log) and for who looks (status, --metrics). Both stores, see tests/store.sh.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
rebuild() { local f=$1 s=$2; shift 2; run evproject rebuild "$f" --store "$(store "$s")" "$@"; }
plans() { sql "$1" 'SELECT count(*) FROM ev_rebuild'; }
version() { sql "$1" "SELECT version FROM ev_projection WHERE name = 'acc'"; }
sed 's/version 1/version 2/; s/(\$\.k!, \$\.n!,/($.k!, 10 * $.n!,/' p.sql >p2.sql

# a first build that a poison record ends, as a kill would
for i in {0..99}; do rec add k$((i % 5)) $i; done >log.ndjson
{ head -n 60 log.ndjson; rec add k1 null 60; tail -n +62 log.ndjson; } >poison.ndjson
sed 's/"n":[0-9]*/"n":8/' log.ndjson >another.ndjson
rebuild p.sql want.db ./log.ndjson
broken() { rebuild p.sql "$1" --batch 10 ./poison.ndjson; }
broken a.db
check_status 5 "a first build that ends in its midst"
run evproject status --store "$(store a.db)"
check_grep "is one that nobody is at work on" '^nobody is at work on it; the last call ended with: t/0@60: ' "$out"
run evproject status --store "$(store a.db)" --format json
check "also in JSON" jq -e '.rebuild | .phase == "build" and .at_work == false and (.failed | test("t/0@60"))' "$out"
rebuild p.sql a.db --abandon
check_status 0 "it can be given up"
check_grep "what is left is said, and what to do with it" \
	'the view stays as far as it was built, to \{"t":\{"0":[0-9]+\}\}: run goes on with it, drop removes it' "$err"
check "no plan is left" test "$(plans a.db)" = 0
rebuild p.sql a.db --abandon
check_grep "once" 'no rebuild is under way' "$err"
run evproject run p.sql --store "$(store a.db)" ./log.ndjson
check_status 0 "run goes on with it"
check "to the same rows" test "$(dump a.db)" = "$(dump want.db)"
rebuild p2.sql a.db --yes --quiet ./log.ndjson
check_status 0 "and it is rebuilt as any other"
broken e.db
rebuild p.sql e.db --abandon --quiet
check "--quiet says nothing of it" test ! -s "$err"
run evproject drop acc --store "$(store e.db)" --yes
check_status 0 "drop removes what it left"

# one that is at work, and one that was killed
mkfifo feed
killed=$(store k.db)
evproject rebuild p.sql --store "$killed" --batch 10 --quiet - <feed 2>/dev/null &
pid=$!
exec 8>feed
head -n 60 log.ndjson >&8
tells() { evproject status --store "$killed" | grep -qE "$1"; }
check "status tells one that is at work" wait_for 60 tells '^a process is at work on it, last saved by pid [0-9]+ on '
kill -9 $pid
wait $pid 2>/dev/null
exec 8>&-
check "from one that was killed" wait_for 60 tells '^nobody is at work on it$'
check "and what is to be done" tells '^the same command goes on with it, rebuild --abandon gives it up$'
rebuild p.sql k.db ./log.ndjson
check_status 0 "which goes on"
check "to the same rows" test "$(dump k.db)" = "$(dump want.db)"

# one that has read nothing leaves nothing
evproject rebuild p.sql --store "$(store n.db)" --quiet - <feed 2>/dev/null &
pid=$!
exec 8>feed
there() { [ "$(sql n.db "SELECT count(*) FROM ev_projection" 2>/dev/null)" = 1 ]; }
check "a first build that waits for its first record" wait_for 60 there
kill -9 $pid
wait $pid 2>/dev/null
exec 8>&-
rebuild p.sql n.db --abandon
check_grep "is given up" 'the first build, of version 1, is given up; nothing of it is left' "$err"
check "and leaves no table" test "$(sql n.db "$(on sqlite 'SELECT count(*) FROM sqlite_schema' \
	postgresql 'SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace')")" = 0

# whoever ends a first build, it is ended
broken b.db
run evproject run p.sql --store "$(store b.db)" ./log.ndjson
check_status 0 "run ends a first build that was broken off"
check "there is no plan any more" test "$(plans b.db)" = 0
rebuild p.sql b.db --yes ./log.ndjson
check_grep "the version serves" 'version 1 serves already' "$err"
rebuild p2.sql b.db --yes ./log.ndjson
check_status 0 "and another one can take its place"
broken f.db
rebuild p.sql f.db ./log.ndjson
check_status 0 "rebuild ends it, too"
check "without a plan" test "$(plans f.db)" = 0
check "to the same rows" test "$(dump f.db)" = "$(dump want.db)"
broken g.db
run evproject run p.sql --store "$(store g.db)" --follow - <log.ndjson
check "a follower takes it over" test "$(plans g.db)" = 0

# a first version whose check fails is there all the same
sed 's/n < 0;/n > 100;/' p.sql >strict.sql
sed 's/n > 100/n > 100000/' strict.sql >check.sql
sed 's/version 1/version 2/; s/(\$\.k!, \$\.n!,/($.k!, 10 * $.n!,/' check.sql >mended.sql
rebuild strict.sql c.db --metrics c.prom ./log.ndjson
check_status 1 "a first version whose check fails"
check_grep "is in place, which is said" 'version 1 is built, and stays as it is' "$err"
check_grep "with what to do" 'rebuild takes a mended file, with a higher version; run --check, one whose check is mended; drop acc removes the view' "$err"
check_no_grep "and nothing that cannot be" 'abandon|max-change' "$err"
check_grep "--metrics says so" 'phase="refused"\} 1' c.prom
check "no plan is left" test "$(plans c.db)" = 0
run evproject run check.sql --store "$(store c.db)" --check ./log.ndjson
check_status 0 "a check that was wrong, and is mended, holds"
rebuild mended.sql c.db --yes --metrics c.prom ./log.ndjson
check_status 0 "the mended file takes its place"
check "as version 2" test "$(version c.db)" = 2
check_grep "and is done" 'phase="done"\} 1' c.prom
rebuild strict.sql d.db ./log.ndjson
run evproject drop acc --store "$(store d.db)" --yes
check_status 0 "or it is dropped"

# --metrics of what does not end well
build() { run evproject run p.sql --store "$(store "$1")" --quiet ./log.ndjson; }
build m.db
rebuild p2.sql m.db --yes --max-change 1 --metrics m.prom ./log.ndjson
check_grep "a refused rebuild is refused" 'phase="refused"\} 1' m.prom
rebuild p2.sql m.db --no-swap --metrics m.prom ./log.ndjson
check_grep "one that is ready is ready" 'phase="ready"\} 1' m.prom
rebuild p2.sql m.db --yes --metrics m.prom ./another.ndjson
check_status 5 "one with another log"
check_grep "has failed" 'phase="failed"\} 1' m.prom
run evproject status --store "$(store m.db)"
check_grep "which status says" '^nobody is at work on it; the last call ended with: .*another record stands at offset 99' "$out"
rebuild p2.sql m.db --yes --metrics m.prom ./log.ndjson
check_status 0 "the right log goes on"
check_grep "and it is done" 'phase="done"\} 1' m.prom
build n.db
rebuild p2.sql n.db --yes --metrics nowhere/n.prom ./log.ndjson
check_status 4 "a --metrics file that cannot be written"
check_grep "is an error" "cannot write 'nowhere/n.prom'" "$err"
check_grep "and that the new version serves is said" 'version 2 serves, after' "$err"

# a rebuild that began with --adopt goes on with it
sql t.db 'CREATE TABLE acc (k text PRIMARY KEY, n integer NOT NULL, at integer)'
sql t.db "INSERT INTO acc (k, n) VALUES ('theirs', 7)"
rebuild p.sql t.db --adopt --no-swap ./log.ndjson
check_status 0 "tables of another program, up to the swap"
rebuild p.sql t.db --dry-run ./log.ndjson
check_status 0 "the dry run knows that they are taken"
rebuild p.sql t.db --yes ./log.ndjson
check_status 0 "the next call needs no --adopt"
check_grep "and knows them as another program's" 'another program.s, which is not fenced' "$err"
check "the new rows serve" test "$(dump t.db)" = "$(dump want.db)"
run evproject rollback p.sql --store "$(store t.db)"
check "and theirs are the way back" test "$(dump t.db)" = 'theirs|7|'

# the swap alone is left, and the log that is given is another one
stop_swap() {
	if on sqlite; then
		sql "$1" "CREATE TRIGGER stop AFTER DELETE ON ev_rebuild BEGIN SELECT RAISE(ABORT, 'stopped by test'); END"
	else
		sql "$1" "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''stopped by test''; END'"
		sql "$1" 'CREATE TRIGGER stop BEFORE DELETE ON ev_rebuild FOR EACH ROW EXECUTE FUNCTION stop()'
	fi
}
let_swap() { sql "$1" "DROP TRIGGER stop$(on sqlite '' postgresql ' ON ev_rebuild')"; }
build r.db
rebuild p2.sql r.db --no-swap --quiet ./log.ndjson
stop_swap r.db
rebuild p2.sql r.db --yes ./log.ndjson
check_status 4 "a swap that fails"
let_swap r.db
check "is all that is left to do" test "$(sql r.db 'SELECT phase FROM ev_rebuild')" = ready
rebuild p2.sql r.db --yes ./another.ndjson
check_status 5 "with another log it is not done"
check_grep "for that reason" 'the rebuild under way began with another log: t/0: another record stands at offset 99' "$err"
check_grep "with a way out" '--abandon, and begin anew' "$err"
check "version 1 serves" test "$(version r.db)" = 1
rebuild p2.sql r.db --yes ./log.ndjson
check_status 0 "with its own it is"
check "version 2 serves" test "$(version r.db)" = 2

# an index of one's own goes back with the version that it was put on
sql r.db 'CREATE INDEX late ON acc (at)'
sql r.db 'CREATE UNIQUE INDEX latest ON acc (at, k)'
run evproject rollback p.sql --store "$(store r.db)"
check_status 0 "a rollback"
check_grep "names the index that stays behind" 'acc: index late on acc stays with the version that is kept now: create it' "$err"
check_grep "each" 'acc: index latest on acc stays' "$err"
run evproject rollback p.sql --store "$(store r.db)"
check_no_grep "the way back brings them, and leaves none" 'stays with' "$err"

# one on a table that the other version has not says nothing to anybody
sed 's/version 2/version 4/; s/20 \*/30 */; s/^CREATE TABLE/CREATE TABLE extra (k text PRIMARY KEY, at integer);\n&/' p2.sql >extra.sql
build extra.db
rebuild extra.sql extra.db --yes --quiet ./log.ndjson
sql extra.db 'CREATE INDEX by_at ON extra (at); CREATE INDEX by_k ON acc (n)'
run evproject rollback p.sql --store "$(store extra.db)"
check_status 0 "a rollback to a version with fewer tables"
check_no_grep "does not name the index on such a table" 'by_at' "$err"
check_grep "but the other" 'index by_k on acc stays' "$err"

# names that differ in case alone are the same, but where they are quoted in PostgreSQL
sed 's/version 2/version 3/; s/\bacc (/ACC (/; s/\bn integer/N integer/; s/10 \*/20 */' p2.sql >case.sql
build n.db
rebuild case.sql n.db --no-swap ./log.ndjson
check_status 0 "a version whose names differ in case"
check "is compared once" test "$(grep -ciE '^acc +[0-9]' "$out")" = 1
check_no_grep "column by column" 'dropped|added|lacks|new table' "$out"
rebuild case.sql n.db --yes --quiet ./log.ndjson
check_status 0 "and swapped"
build o.db
run evproject diff "$(store o.db)" "$(store n.db)" p.sql
check "diff, too, compares it once" test "$(grep -ciE '^acc +[0-9]' "$out")" = 1
if on postgresql; then
	check "and says which is which, by the schemas" test "$(grep -oE '^(old|new): .*, schema [a-z_]+' "$out" | sed 's/ .* / /' | xargs)" = "old: o_db new: n_db"
	run evproject diff "$(store o.db)" "$(store n.db)" p.sql --format json
	check "also in JSON" jq -e '.old.schema == "o_db" and .new.schema == "n_db"' "$out"
fi
if on sqlite; then
	check "and leaves no files" test ! -e o.db-wal -a ! -e o.db-shm -a ! -e n.db-wal -a ! -e n.db-shm
	sqlite3 o.db 'PRAGMA journal_mode' >mode
	check "of a file that stays in its mode" test "$(cat mode)" = wal
fi

# the table's own name before a column
sed 's/version 1/version 4/; s/at integer);/at integer, CHECK (acc.n < 100000 AND "acc" . n >= 0));\nCREATE INDEX few ON acc (n) WHERE acc.n > 3;\nCREATE VIEW big AS SELECT acc.k, acc.n FROM acc WHERE acc.n > 30;/' \
	p.sql >own.sql
sed 's/version 4/version 5/; s/(\$\.k!, \$\.n!,/($.k!, 10 * $.n!,/' own.sql >own2.sql
run evproject run own.sql --store "$(store q.db)" --quiet ./log.ndjson
sql q.db 'CREATE VIEW theirs AS SELECT acc.k FROM acc WHERE acc.n > 30'
rebuild own2.sql q.db --yes ./log.ndjson
check_status 0 "a CHECK, an index and a view that name their table"
rebuild own2.sql q.db --yes --again --quiet ./log.ndjson
check_status 0 "go on, also where such a version is kept and goes"
check "as the new version" test "$(version q.db)" = 5
check "views" test "$(sql q.db 'SELECT count(*) FROM big')$(sql q.db 'SELECT count(*) FROM theirs')" = 55
check "and what the CHECK turns away" eval '! sql q.db "INSERT INTO acc (k, n) VALUES (1, 100000)" 2>/dev/null'
run evproject rollback own.sql --store "$(store q.db)"
check_status 0 "so do they back"
check "with the CHECK" eval '! sql q.db "INSERT INTO acc (k, n) VALUES (1, 100000)" 2>/dev/null'
sql q.db 'DROP VIEW theirs'
run evproject drop acc --store "$(store q.db)" --yes
check_status 0 "and they can be dropped"

# a database that has nothing of ours is left so by what is refused, and by what is given up
ours() { sql "$1" "$(on sqlite "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'ev\_%' ESCAPE '\'" \
	postgresql "SELECT count(*) FROM pg_class WHERE relname LIKE 'ev\_%' AND relnamespace = current_schema()::regnamespace")"; }
theirs() { sql "$1" "CREATE TABLE acc (k text PRIMARY KEY, n integer, at integer); INSERT INTO acc VALUES ('x', 7, 1)"; }
sed 's/INSERT INTO acc (k,/INSERT INTO acc (kk,/' p.sql >broken.sql
sed 's/@on add/@on nothing/' p.sql >empty.sql
rebuild broken.sql fresh.db --yes ./log.ndjson
check_status 2 "a first build is refused"
check "and leaves nothing" test "$(ours fresh.db)" = 0
theirs fresh.db
rebuild p.sql fresh.db --yes ./log.ndjson
check_status 2 "one over tables of others is refused"
check "and leaves nothing" test "$(ours fresh.db)" = 0
for how in "p.sql --max-change 1" empty.sql; do
	# shellcheck disable=SC2086
	rebuild ${how%% *} fresh.db ${how#"${how%% *}"} --yes --adopt ./log.ndjson
	check_status 1 "their rows are no version of ${how%% *}"
	rebuild ${how%% *} fresh.db --abandon
	check "and when that is given up nothing is left" test "$(ours fresh.db)" = 0
done
rebuild p.sql fresh.db --adopt ./poison.ndjson
check_status 2 "where nobody can answer there is no rebuild"
check "and leaves nothing" test "$(ours fresh.db)" = 0

# which drop ends, too, as long as nothing is in place
rebuild p.sql fresh.db --yes --adopt --batch 10 ./poison.ndjson
check_status 5 "a rebuild beside tables of others that ends in its midst"
run evproject drop acc --store "$(store fresh.db)" --yes
check_status 0 "is dropped by its name"
check_grep "and their tables stay, which is said" \
	'acc is dropped, with the rebuild to version 1 that is under way; the tables that serve stay, as another program' "$err"
check "as they were" test "$(dump fresh.db)" = 'x|7|1'
check "and nothing of ours" test "$(ours fresh.db)" = 0
run evproject drop acc --store "$(store fresh.db)" --yes
check_status 2 "once"
check_grep "as then there is none" "has no view 'acc'" "$err"
sql want.db "INSERT INTO ev_table (table_name, projection) VALUES ('was', 'other (gone)')"
run evproject drop other --store "$(store want.db)" --yes
check_status 0 "what a drop that was killed has left is dropped by its name"
check_grep "and so called" 'other is dropped, with what a call that was killed has left of it$' "$err"
check "all of it" test "$(sql want.db "SELECT count(*) FROM ev_table WHERE projection LIKE 'other%'")" = 0

# a check that a row stops: the view is built, and waits for the file with the check mended
stops=$(on sqlite "abs(n - n - 9223372036854775807 - 1)" postgresql "1 / (n - n)")
{ cat p2.sql; echo '-- @check stopped'; echo "SELECT k FROM acc WHERE $stops > 0;"; } >stops.sql
run evproject run p.sql --store "$(store stops.db)" ./log.ndjson
rebuild stops.sql stops.db --yes ./log.ndjson
check_status 5 "a check that fails on a row stops the rebuild"
check_grep "it is named" "stops.sql:[0-9]+:1: 'stopped': (integer overflow|division by zero)" "$err"
check "the old version serves" test "$(version stops.db)" = 1
rebuild p2.sql stops.db --yes ./log.ndjson
check_status 0 "mended under the same version it goes on"
check "and the new one serves" test "$(version stops.db)" = 2
done_testing
