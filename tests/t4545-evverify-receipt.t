# evverify --receipt: written when, and only when, all is proven; what it says is what was proven.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/evverify.sh"
receipt() { jq -e "$1" r.json; }

for i in {1..60}; do rec add k$((i % 13)) "$i"; done >log.ndjson
{ rec add k1 7 0 1 u; rec put zz 1 3 1 u; rec del k2 0 5 1 u; } >>log.ndjson
project s.db --on-error dead ./log.ndjson

verify s.db ./log.ndjson --receipt r.json
check_status 0 "a consistent view gets a receipt"
check "it says which view" receipt '.format == "evtools receipt" and .version == 1 and .projection == "acc"'
check "its store" receipt ".dialect == \"$EV_STORE\" and (.schema == null) == (.dialect == \"sqlite\")"
check "at which position" receipt '[.partitions[] | [.topic, .partition, .next]] == [["t",0,60],["u",1,6]]'
check "and generation" receipt ".generation == $(sql s.db 'SELECT generation FROM ev_projection')"
check "its rows" receipt '.tables | length == 1 and .[0].rows == 12 and .[0].key == 1 and (.[0].digest | length) == 32'
check "its dead letter" receipt '.letters.rows == 1'
check "all that was checked adds up" receipt \
	'[.modes[].coverage[] | .total == ([.terms[]] | add)] | length == 5 and all'
check "when, and by which program" receipt '.started <= .ended and (.written_by | startswith("evtools "))'
cp r.json first.json
verify s.db ./log.ndjson --receipt r.json
check "in another run the digests are keyed anew" test "$(jq .seed r.json)" != "$(jq .seed first.json)"
check "which is another digest" test "$(jq .tables[0].digest r.json)" != "$(jq .tables[0].digest first.json)"

cp r.json before.json
same_but "UPDATE acc SET n = n + 1 WHERE k = 'k3'"
verify c.db ./log.ndjson --receipt r.json
check_status 1 "a view that differs gets none"
head -n 50 log.ndjson >short.ndjson
verify s.db ./short.ndjson --receipt r.json
check_status 5 "nor does one that cannot be proven"
check "what was written before stays as it was" cmp before.json r.json
verify c.db ./log.ndjson --receipt none.json
check "and where there was none there is none" test ! -e none.json
verify c.db ./log.ndjson --ignore acc.n --receipt r.json
check_status 0 "a column that was left out"
check "is named" receipt '.tables[0].ignored == ["n"]'
# which keys are in a sample is another in each run: of twelve 99% have one, but for once in 10^24
verify s.db ./log.ndjson --sample 99.5% --receipt r.json
check "a sample is said to be one" receipt '.sample == 0.995'
verify s.db ./log.ndjson --sample 99 --receipt r.json
check "with or without the sign" receipt '.sample == 0.99'
verify s.db ./log.ndjson --sample 1e-9% --receipt none.json
check_status 5 "one that has no row of the view proves nothing"
check_grep "which is said, and what to do" "no rows to check: the sample has none of them.*hint: take a larger --sample" \
	<(tr '\n' ' ' <"$err")
check "there is no receipt" test ! -e none.json
verify s.db ./log.ndjson --sample 0
check_status 2 "of nothing there is none"
check_grep "which is said" "option '--sample' takes a percentage above 0 and up to 100, not '0'" "$err"
verify s.db ./log.ndjson --independent --receipt r.json
check "so is an independent fold" receipt '.independent'

verify s.db ./log.ndjson --counts --receipt r.json
check_status 2 "half a check is no receipt"
run evverify --log p.sql ./log.ndjson --receipt r.json
check_status 2 "nor is one of a log alone"
verify s.db ./log.ndjson --receipt nosuch/r.json
check_status 4 "one that cannot be written is an error"
mkdir folder
verify s.db ./log.ndjson --receipt folder
check_status 4 "so is a folder of that name"
check "nothing is left beside" test -z "$(find . -name '*.tmp')"
done_testing
