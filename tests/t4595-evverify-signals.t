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

# a query of the file that takes for ever
cat >p.sql <<'SQL'
-- @projection acc version 2
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE acc (k text PRIMARY KEY, n bigint NOT NULL);
-- @on add
INSERT INTO acc (k, n) VALUES ($.k!, $.n!) ON CONFLICT (k) DO UPDATE SET n = acc.n + excluded.n;
-- @check for ever
WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < 2000000000) SELECT i FROM g WHERE i < 0;
SQL
project slow.db ./log.ndjson
evverify p.sql --store "$(store slow.db)" --checks ./log.ndjson >"$out" 2>"$err" & pid=$!
busy() {
	if on postgresql; then
		[ "$(super "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%2000000000%'
			AND pid <> pg_backend_pid() AND datname = '${_stores##*/}'")" -ge 1 ]
	else
		[ "$(awk '{ print $14 }' /proc/$pid/stat)" -ge 30 ] # hundredths of a second of its own
	fi
}
check "a check is being asked" wait_for 60 busy
kill -TERM $pid
gone() { ! kill -0 $pid 2>/dev/null; }
wait_for 60 gone || kill -KILL $pid
wait $pid
check "a signal ends it, as what was stopped" test $? = 143
done_testing
