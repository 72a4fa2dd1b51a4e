# evverify of a view that has stored more cuts than --memory holds: the fold goes by each of them.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/evverify.sh"
for i in {1..20}; do rec add k$((i % 5)) "$i" $((i + 100)); done >late.ndjson
for i in {1..20}; do rec add k$((i % 5)) "$i" "$i" 1; done >early.ndjson
head -n 9 late.ndjson >part.ndjson
project s.db ./part.ndjson
project s.db ./late.ndjson
project s.db ./late.ndjson ./early.ndjson
check_status 0 "there is a view by three runs, whose last records are the earliest"
cuts=$(sql s.db "SELECT max(seq) FROM ev_cut")
check "whose order is stored" test "$cuts" -ge 2
many=$((EFFORT > 2 ? 400000 : 100000))
sql s.db "UPDATE ev_cut SET seq = -seq; UPDATE ev_cut SET seq = $many - seq; UPDATE ev_projection SET cuts = cuts + $many;
	$(on sqlite "INSERT INTO ev_cut (projection, seq, position) WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL
		SELECT n + 1 FROM c WHERE n < $many) SELECT 'acc', n, '{\"t\":{\"0\":0}}' FROM c" \
	postgresql "INSERT INTO ev_cut (projection, seq, position) SELECT 'acc', n, '{\"t\":{\"0\":0}}'
		FROM generate_series(1, $many) n")"
set --
on sqlite || set -- --scratch "$_stores"
run evmeasure .took evverify p.sql --store "$(store s.db)" --memory 16m ./late.ndjson ./early.ndjson "$@"
check_status 0 "it is consistent"
if [[ $EV_BUILD != *address* ]]; then
	check "within what was given, but for the program itself" test "$(cut -d' ' -f2 .took)" -le $((30 << 10))
fi
sql s.db "DELETE FROM ev_cut WHERE seq > $many"
run evverify p.sql --store "$(store s.db)" --memory 16m ./late.ndjson ./early.ndjson "$@"
check_status 1 "without them it is another order, which is not consistent"
check_grep "and rows say so" 'changed acc' "$out"
done_testing
