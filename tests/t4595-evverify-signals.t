# evverify stopped at random moments by SIGTERM: 128+15 or a verdict, and never a wrong one. SEED replays.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/evverify.sh"

RANDOM=${SEED:=$$}
echo "# SEED=$SEED"
for i in {1..3000}; do rec add "k$((i % 1013))" "$i"; done >log.ndjson
project s.db ./log.ndjson
whole=$(date +%s%3N)
verify s.db ./log.ndjson
check_status 0 "undisturbed it is consistent"
whole=$(($(date +%s%3N) - whole))

scratch=()
[ "$EV_STORE" != postgresql ] || scratch=(--scratch "$_stores")
storm() { # storm TEXT RUNS OPTION...: each run is stopped within some twice the time of an undisturbed one
	local n=0 stopped=0 done=${done:-0} pid status
	while [ $n -lt "$2" ]; do
		evverify p.sql --store "$(store "${view:-s.db}")" "${scratch[@]}" ./log.ndjson "${@:3}" >"$out" 2>"$err" &
		pid=$!
		sleep "$(printf '0.%03d' $((RANDOM % (whole * 2 < 900 ? whole * 2 : 900))))" # the random moment itself
		kill -TERM $pid 2>/dev/null
		wait $pid
		status=$?
		case $status in "$done") ;; 143) stopped=$((stopped + 1)) ;; *) break ;; esac
		n=$((n + 1))
	done
	check "$1: done or stopped, not $status ($stopped of $n stopped): $(head -c 300 "$err")" test $n = "$2"
}
storm "rows" $((4 * EFFORT))
storm "by statements" $((4 * EFFORT)) --independent
same_but "UPDATE acc SET n = n + 1"
view=c.db done=1 storm "rows that differ, with their causes" $((4 * EFFORT)) --rows --max-diffs 100
storm "drill" $((3 * EFFORT)) --drill
done_testing
