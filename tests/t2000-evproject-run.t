# evproject run: first run, further runs, sources, positions and who owns the tables
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"

{ rec add a 1; rec add b 2; rec nop a 1; rec del b 0 5; } >a.ndjson
project s.db ./a.ndjson
check_status 0 "a first run"
check "the rows are there" test "$(dump s.db)" = "a|1|0"
check_grep "the summary counts what became of the records" \
	'^evproject run: acc: 4 records read in .* s; the view now: 3 applied, 1 ignored, 2 invisible$' "$err"
check "nothing is written to stdout" test ! -s "$out"
project s.db ./a.ndjson
check_status 0 "a second run"
check_grep "finds nothing new" 'acc: 0 records read in [0-9.]+ s, 4 were applied before;' "$err"
rec add c 7 >>a.ndjson
project s.db ./a.ndjson --quiet
check_status 0 "a file that has grown"
check "--quiet says nothing" test ! -s "$err"
check "only the new record is applied" test "$(dump s.db)" = "a|1|0
c|7|6"
check "and the ledger balances" ledger s.db '.balanced and .partitions[0].next == 7'
dump s.db >want

gzip -k a.ndjson
project gz.db ./a.ndjson.gz
check "a gzip file gives the same" test "$status $(dump gz.db)" = "0 $(cat want)"
evproject run p.sql --store "$(store pipe.db)" - <a.ndjson 2>"$err"
check "stdin gives the same" test "$(dump pipe.db)" = "$(cat want)"
head -n 3 a.ndjson >a1.ndjson
tail -n 3 a.ndjson >a2.ndjson
project two.db ./a1.ndjson
project two.db ./a2.ndjson
check "the log in two files, one after the other, gives the same" test "$(dump two.db)" = "$(cat want)"
# a file must go on where the view stands, and be the log that it stands on
project gap.db ./a1.ndjson
tail -n 2 a.ndjson >gap.ndjson
project gap.db ./gap.ndjson
check_status 5 "a file that begins behind the position is an error"
check_grep "which names what is lost" 't/0: offsets 3..4 are lost: the view stands at 3, the file begins at 5' "$err"
check "nothing of it is applied" ledger gap.db '.balanced and .partitions[0].next == 3'
rec add a 10 0 0 u >u.ndjson
project gap.db ./a1.ndjson ./u.ndjson
check_no_grep "one that ends there is none" 'ends' "$err"
project two.db ./a1.ndjson
check_status 0 "one that ends before it holds nothing new"
check_grep "which is said" 't/0: the file ends at offset 3, the view stands at 7' "$err"
check_grep "with what it holds" '0 records read in [0-9.]+ s, 3 were applied before;' "$err"
{ head -n 4 a.ndjson; tail -n 1 a.ndjson | sed 's/"n":7/"n":8/'; rec add x 9 7; } >other.ndjson
for batch in 1 5 6 10000; do
	copy two.db id.db
	project id.db --batch $batch ./other.ndjson
	check_status 5 "another record where the last one stood is an error (batches of $batch)"
	check_grep "which names the offset" 't/0 is not the log .*: another record stands at offset 6' "$err"
	check "nothing of it is applied" test "$(dump id.db)" = "$(cat want)"
	forget id.db
done
{ head -n 4 a.ndjson; rec add x 9 7; } >hole.ndjson
copy two.db id.db
project id.db ./hole.ndjson
check_status 0 "none at all in its place"
check_grep "is said" 't/0: no record at offset 6 in the file: identity not checkable' "$err"
check "and read on" test "$(dump id.db | tail -n 1)" = 'x|9|7'
project both.db ./u.ndjson ./a.ndjson
check "several files merge by time" test "$status $(dump both.db)" = "0 a|11|0
c|7|6"
printf '%s\n' '{"type":"add","k":"x","n":1}' '{"type":"add","k":"x","n":2}' >x.txt
project lines.db --lines t ./x.txt
check "--lines takes each line as a value" test "$status $(dump lines.db)" = "0 x|3|2"
head -n 1 x.txt >x1.txt
project lines.db --lines t ./x1.txt
check_status 5 "a file of lines that is shorter than the view is another one"
check_grep "which is said" 't/0: the file ends at offset 2, the view stands at 3' "$err"
run evproject run p.sql --store "$(store lines.db)" --log-format json --lines t ./x.txt
check "--log-format json speaks JSON" jq -e .message "$err"

# bad files: named, nothing past the fault applied, goes on when mended
bad() { # bad NAME STATUS-TEXT REGEX FILE: a fault behind three records
	run evproject run p.sql --store "$(store "$1.db")" "./$4"
	check_status 5 "$2 is bad data"
	check_grep "$2 is named" "$3" "$err"
	check "$2: all before it is applied, nothing after" test "$(dump "$1.db")" = "a|1|0
b|2|1"
	check "$2: status tells the last error" ledger "$1.db" '.balanced and (.last_error | length > 0)'
	cp a.ndjson "$4" 2>/dev/null
}
mend() {
	run evproject run p.sql --store "$(store "$1.db")" "./$2"
	check_status 0 "mended, it goes on"
	check "to the same rows" test "$(dump "$1.db")" = "$(cat want)"
	check "and the last error is forgotten" ledger "$1.db" '.last_error == null'
}
{ head -n 3 a.ndjson; head -n 4 a.ndjson | tail -n 1 | head -c 30; } >torn.ndjson
bad torn "a torn last line" 'torn\.ndjson:4' torn.ndjson
mend torn torn.ndjson
{ head -n 3 a.ndjson; echo '{"topic":"t","bad":1}'; tail -n 2 a.ndjson; } >line.ndjson
bad line "a bad line" 'line\.ndjson:4' line.ndjson
mend line line.ndjson
{ head -n 3 a.ndjson; head -n 1 a.ndjson; } >back.ndjson
bad back "an offset that goes back" 'back\.ndjson:4: .*offset' back.ndjson
mend back back.ndjson
head -n 3 a.ndjson | gzip -c | head -c -5 >cut.ndjson.gz
run evproject run p.sql --store "$(store cut.db)" ./cut.ndjson.gz
check_status 5 "a gzip file cut short is bad data"
check_grep "and is named" 'cut\.ndjson\.gz' "$err"
cp a.ndjson.gz cut.ndjson.gz
mend cut cut.ndjson.gz
run evproject run p.sql --store "$(store s.db)" ./missing.ndjson
check_status 3 "a missing file is exit 3"

# positions
project s.db --from 0 ./a.ndjson
check_status 2 "--from with a stored position is refused"
check_grep "with a reason" '--from and --since are for the first run' "$err"
check_no_grep "and without a summary of nothing" 'records read' "$err"
project s.db --since 2020-01-01T00:00:00Z ./a.ndjson
check_status 2 "so is --since"
project s.db --to 3 ./a.ndjson
check_status 2 "--to behind the stored position is refused"
check "a usage error is not the view's last error" ledger s.db '.last_error == null'
project to.db --to 2 ./a.ndjson
check "--to stops before that offset" test "$(dump to.db)" = "a|1|0
b|2|1"
project to.db ./a.ndjson
check "and the next run goes on from there" test "$(dump to.db)" = "$(cat want)"
project until.db --until 2025-11-15T09:46:40.002Z ./a.ndjson
check "--until is a prefix" ledger until.db '.partitions[0].next == 2'
project since.db --since 2025-11-15T09:46:40.001Z ./a.ndjson
check "--since begins the view there" ledger since.db '.balanced and .partitions[0].begin == 1'
project from.db --from -1 ./a.ndjson
check "--from -1 takes the last record" test "$(dump from.db)" = "c|7|6"

# the file and its tables
tables() {
	sql "$1" "$(on sqlite "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1" \
		postgresql 'SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1')"
}
sed 's/acc.n + excluded/acc.n - excluded/' p.sql >other.sql
run evproject run other.sql --store "$(store s.db)" ./a.ndjson
check_status 2 "a changed file under the same version is refused"
check_grep "and says to raise the version" 'raise the version' "$err"
sed -i 's/version 1/version 2/' other.sql
run evproject run other.sql --store "$(store s.db)" ./a.ndjson
check_status 2 "a changed file with another version is refused"
check_grep "and says rebuild" 'rebuild' "$err"
{ sed 's/version 1/version 5/' p.sql; echo '-- @check more'; echo 'SELECT 1 WHERE 1 = 0;'; } >same.sql
run evproject run same.sql --store "$(store s.db)" ./a.ndjson
check_status 0 "another version with the same meaning goes on"
for ddl in 'CREATE TABLE' 'CREATE TABLE IF NOT EXISTS'; do
	forget own.db
	sql own.db 'CREATE TABLE acc (k text PRIMARY KEY, n integer, at integer)'
	sed "s/CREATE TABLE/$ddl/" p.sql >own.sql
	run evproject run own.sql --store "$(store own.db)" ./a.ndjson
	check_status 2 "a table that no ledger owns is refused ($ddl)"
	check_grep "by name" "own.sql:5:1: table 'acc'" "$err"
	check "and left alone" test -z "$(dump own.db)"
	check "nothing of ours is left beside it" test "$(tables own.db)" = acc
done
sql own.db 'CREATE TABLE ev_ledger (id integer)'
sed 's/acc/others/g' p.sql >own.sql
run evproject run own.sql --store "$(store own.db)" ./a.ndjson
check_status 4 "another program's table ev_ledger is an error of the store"
check_grep "which is named, and why" \
	"store '[^']+': a table of evproject is not as it makes it: .*topic" "$err"
check "nothing of ours is left beside that one" test "$(tables own.db)" = "acc
ev_ledger"
sed 's/@projection acc/@projection second/' p.sql >second.sql
run evproject run second.sql --store "$(store s.db)" ./a.ndjson
check_status 2 "a table of another projection is refused"
check_grep "which is named" "'acc'" "$err"
sed -i 's/acc/others/g' second.sql
run evproject run second.sql --store "$(store s.db)" ./a.ndjson
check_status 0 "two projections share a store"
check "and do not disturb each other" test "$(dump s.db)$(sql s.db 'SELECT count(*) FROM others')" = \
	"$(cat want)2"

# checks, samples, outputs
{ cat a.ndjson; rec add neg -4 7; } >neg.ndjson
project neg.db --check ./neg.ndjson
check_status 1 "a check that fails is exit 1"
check_grep "it is named" 'check failed: no negatives \(1 row' "$err"
check_grep "its rows are printed" '^neg +-4' "$out"
project neg2.db --check ./a.ndjson
check_status 0 "checks that hold are exit 0"
project neg.db ./neg.ndjson
check_status 0 "without --check nobody asks"
# a query that a row stops is neither poison nor a bare word of the store's
stops=$(on sqlite "abs(n - n - 9223372036854775807 - 1)" postgresql "1 / (n - n)")
said="stops.sql:[0-9]+:1: 'stopped': (integer overflow|division by zero)"
stopped() {
	{ cat p.sql; echo "-- @$1 stopped"; echo "SELECT k, $stops FROM acc;"; } >stops.sql
	shift
	run evproject "$1" stops.sql --store "$(store neg.db)" "${@:2}"
	check_status 5 "$1: a query that fails on a row is exit 5"
	check_grep "which one, where and why" "$said" "$err"
	check_grep "and what to do" "^hint: .*mend the query, which wants no new version" "$err"
}
stopped check run --check ./neg.ndjson
stopped sample show
evproject run p.sql --store "$(store neg.db)" --check ./neg.ndjson >/dev/full 2>"$err"
status=$?
check_status 4 "a full disk behind stdout is exit 4"
seq 1 5000 | sed 's/.*/{"type":"add","k":"key &","n":1}/' >many.txt
project many.db --lines t ./many.txt
{ wait_for 60 test -e gone; evproject show p.sql --store "$(store many.db)"; echo $? >rc; } 2>"$err" | { exec <&-; : >gone; }
check "a reader that goes away is a quiet end" test "$(cat rc)" = 0 -a ! -s "$err"
project met.db --metrics m.prom ./a.ndjson
check_grep "--metrics: counts" \
	'^ev_projection_records_total\{projection="acc",topic="t",partition="0",fate="applied"\} 4$' m.prom
check_grep "--metrics: position" '^ev_projection_next_offset\{projection="acc",topic="t",partition="0"\} 7$' m.prom
check "--metrics: every line is Prometheus text" test -z "$(grep -vE \
	'^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{([a-z]+="[^"]*",?)+\})? -?[0-9.e+]+)$' m.prom)"
project met.db --metrics no/such/m.prom ./a.ndjson
check_status 4 "a metrics file that cannot be written is exit 4"
project s.db --no-merge ./a.ndjson
check_status 2 "--no-merge is not for a view"
project refused.db --group g ./a.ndjson
check_status 2 "--group is not for files"
project refused.db -f ./a.ndjson
check_status 2 "a file has an end and is not followed"
check_grep "which is said" "cannot follow './a.ndjson': a file has an end" "$err"
project refused.db --follow --check topic
check_status 2 "a follower has no end at which checks run"
check_grep "and the hint says what does" "hint: evverify --checks looks at a view that is followed" "$err"
project refused.db --schema x ./a.ndjson
check_status 2 "--schema is not for SQLite"
check "what is refused makes no store" test ! -e refused.db
run evproject run p.sql ./a.ndjson
check_status 2 "--store is required"
run evproject run
check_status 2 "so is a file"
for c in '' draft check test run show status dead; do
	run evproject $c --help
	check "evproject $c --help fits a screen" test "$(wc -l <"$out")" -le 24 -a "$(wc -L <"$out")" -le 80
done
done_testing
