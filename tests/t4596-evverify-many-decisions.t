# evverify of a view with more decided dead letters than --memory holds: each is decided again where it was.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/evverify.sh"
many=$((EFFORT > 2 ? 60000 : 30000))
[[ $EV_BUILD != *address* ]] || many=3000
topic=$(printf 'a%.0s' {1..249}) # what is kept of a decision names it
sed -i "s/^-- @topics .*/-- @topics $topic/; s/tombstone of t/tombstone/" p.sql
awk -v n=$many -v topic="$topic" 'BEGIN {
	for (i = 0; i < n; i++)
		printf "{\"topic\":\"%s\",\"partition\":0,\"offset\":%d,\"timestamp\":%d,\"key\":null,\"headers\":[]," \
			"\"value\":{\"type\":\"%s\",\"k\":\"k%d\",\"n\":1}}\n", topic, i, 1763200000000 + i, i % 50 ? "put" : "add",
			i % 50 ? i + n : i % 1000
}' >log.ndjson
project s.db --on-error dead --quiet ./log.ndjson
check_status 0 "there is a view of letters"
letters=$(sql s.db "SELECT count(*) FROM ev_dead")
sql s.db "UPDATE ev_dead SET state = 'dropped', decided_seq = record_offset + 1;
	INSERT INTO ev_cut (projection, seq, position) SELECT 'acc', decided_seq, '{\"$topic\":{\"0\":$many}}' FROM ev_dead;
	UPDATE ev_projection SET cuts = $many, generation = generation + $many;
	UPDATE ev_ledger SET dropped = dead, dead = 0"
run evmeasure .took evverify p.sql --store "$(store s.db)" --memory 16m ./log.ndjson
check_status 0 "all of them decided, it is consistent"
check_grep "and all are counted" "dropped $letters\$" "$out"
if [[ $EV_BUILD != *address* ]]; then
	check "within what was given, but for the program itself" test "$(cut -d' ' -f2 .took)" -le $((30 << 10))
fi
evverify p.sql --store "$(store s.db)" ./log.ndjson >"$out" 2>"$err" & pid=$!
gone() { ! kill -0 $pid 2>/dev/null; }
begun() { gone || [ "$(awk '{ print $14 }' /proc/$pid/stat)" -ge 100 ]; } # hundredths of a second of its own
wait_for 60 begun
kill -TERM $pid 2>/dev/null
wait_for 60 gone || kill -KILL $pid 2>/dev/null
wait $pid
status=$?
check "a signal amid them ends it, $status, if it was not done" test $status = 143 -o $status = 0
done_testing
