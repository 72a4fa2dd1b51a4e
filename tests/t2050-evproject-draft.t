# evproject draft: a first projection that checks and runs as it is
. "$(dirname "$0")/lib.sh"

works() { # works NAME FILE [OPTION]...: draft, check, run, sample
	run evproject draft --name "$@"
	check_status 0 "$1: a draft"
	cp "$out" "$1.sql"
	check_grep "$1: it has the name" "^-- @projection $1 version 1" "$1.sql"
	run evproject check "$1.sql"
	check_status 0 "$1: it checks as it is"
	run evproject run "$1.sql" --store "$1.db" "${@:2}"
	check_status 0 "$1: it runs as it is"
	check "$1: every record has its fate, none is poison" test "$(evproject status --store "$1.db" --format json |
		jq '[.balanced, .dead, ([.partitions[].applied] | add) > 0]' -c)" = '[true,0,true]'
	run evproject show "$1.sql" --store "$1.db"
	check_status 0 "$1: it has samples"
	check "$1: with rows" test "$(wc -l <"$out")" -gt 2
}
works github "$TOP/projections/data/github-events-2021-07-21.ndjson.gz" --lines github
run evproject draft "$TOP/projections/data/github-events-2021-07-21.ndjson.gz"
check_status 5 "events that are no record lines"
check_grep "are told of --lines" '^hint: .*--lines' "$err"
for g in orders datasets sensors sessions; do
	"$TOP/scripts/generate" $g 500 7 >$g.ndjson
	works $g ./$g.ndjson
done
evproject draft - <orders.ndjson >stdin.sql 2>"$err"
evproject draft ./orders.ndjson >file.sql
check "stdin drafts the same" cmp stdin.sql file.sql
evproject draft -n 3 ./orders.ndjson >few.sql
check "-n looks at the first few" test "$(grep -c '@on' few.sql)" -lt "$(grep -c '@on' file.sql)"
printf '{"kind":"seen","page":"/a","n":1}\n{"kind":"seen","page":"/b","n":2}\n' >x.txt
run evproject draft --lines pages ./x.txt
check_status 0 "bare lines can be drafted"
cp "$out" lines.sql
run evproject check lines.sql
check_status 0 "and checked"
run evproject run lines.sql --store lines.db --lines pages ./x.txt
check_status 0 "and run"
printf 'no json\n' >bad.txt
run evproject draft --lines t ./bad.txt
check "what holds no event is exit 5" test "$status" = 5 -a ! -s "$out" -a -s "$err"
: >none.ndjson
run evproject draft ./none.ndjson
check_status 5 "so is what holds no record"
run evproject draft
check_status 2 "a source is required"
check_grep "and how one looks" '^hint: give a topic, or a file' "$err"
run evproject draft ./missing.ndjson
check_status 3 "that can be read"
printf '{"type":"paid","amount":%s}\n' 1234567.89 98765432.1 3 >money.txt
evproject draft --lines money ./money.txt >money.sql
check_grep "what has fractions is exact where the store can" '^  amount numeric' money.sql
done_testing
