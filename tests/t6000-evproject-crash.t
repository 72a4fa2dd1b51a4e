# evproject run, killed with -9 at random moments until it finishes: as if nothing had happened.
# EFFORT=1: 10 kills; EFFORT=10: 100. SEED replays the moments.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/kafka.sh"

count=200000 kills=$((10 * EFFORT)) seed=${SEED:-$$}
echo "# SEED=$seed"
RANDOM=$seed
tables="orders order_items sku_demand"

dump() {
	local t
	for t in $tables; do echo "== $t"; sqlite3 "$1" "SELECT * FROM $t ORDER BY 1, 2"; done
	sqlite3 "$1" "SELECT topic, partition, begin_offset, next_offset, last_offset, last_hash, applied,
		ignored, filtered, deduplicated, dead, held, dropped, invisible, untouched
		FROM ev_ledger ORDER BY 1, 2"
}
balanced() { [ "$(evproject status --store "$1" --format json | jq .balanced)" = true ]; }

topic orders 4
topic payments 2
"$TOP/scripts/generate" orders $count 7 | sed "s/\"topic\":\"orders\"/\"topic\":\"$orders\"/;
	s/\"topic\":\"payments\"/\"topic\":\"$payments\"/" >events.ndjson
evload lines <events.ndjson >/dev/null || fail "the events are on the broker"
sed "s/^-- @topics .*/-- @topics $orders, $payments/; s/ must touch//; s/^-- @on tombstone of orders/-- @on tombstone of $orders/" \
	"$TOP/projections/orders.sql" >orders.sql

run evproject run orders.sql --store calm.db --quiet
check_status 0 "an undisturbed run finishes"
check "its ledger balances" balanced calm.db
dump calm.db >calm.txt
check "it has applied every event" test "$(sqlite3 calm.db 'SELECT sum(applied) FROM ev_ledger')" = $count

# Kill each run after a random part of the time that is left, spread so that kills hit its whole length.
done_at() { sqlite3 killed.db 'SELECT coalesce(sum(next_offset - begin_offset), 0) FROM ev_ledger' 2>/dev/null || echo 0; }
n=0 finished=no
while [ $n -lt $kills ]; do
	evproject run orders.sql --store killed.db --quiet --batch $((500 + RANDOM % 3000)) 2>kill.err &
	pid=$!
	# wait until it has gone a random stretch further, then kill it wherever it is
	goal=$(($(done_at) + RANDOM % (count / kills + 1)))
	while kill -0 $pid 2>/dev/null && [ "$(done_at)" -lt $goal ]; do :; done
	if kill -9 $pid 2>/dev/null; then n=$((n + 1)); fi
	wait $pid 2>/dev/null
	if [ $? = 0 ]; then finished=yes; break; fi
done
check "it was killed at least $((kills / 2)) times on its way ($n)" test $n -ge $((kills / 2))
[ $finished = yes ] || run evproject run orders.sql --store killed.db --quiet
check_status 0 "the last run finishes"
dump killed.db >killed.txt
check "tables and ledger equal those of the undisturbed run, byte for byte" cmp calm.txt killed.txt
check "the ledger balances" balanced killed.db
check "the database is sound" test "$(sqlite3 killed.db 'PRAGMA integrity_check')" = ok
run evproject run orders.sql --store killed.db --quiet --check
check "nothing new changes nothing" cmp calm.txt <(dump killed.db)

# SIGTERM: finishes the transaction at hand, leaves the position saved, 128+15
evproject run orders.sql --store term.db --quiet --batch 500 2>term.err &
pid=$!
wait_for 30 test "$(sqlite3 term.db 'SELECT sum(applied) FROM ev_ledger' 2>/dev/null || echo 0)" -gt 0
kill -TERM $pid 2>/dev/null
wait $pid
status=$?
check_status 143 "SIGTERM ends it with 128+15"
check "the ledger balances after SIGTERM" balanced term.db
run evproject run orders.sql --store term.db --quiet
check "going on gives the same tables" cmp calm.txt <(dump term.db)

# batch sizes and threads of fate: all the same
for batch in 1000 100000; do
	run evproject run orders.sql --store batch$batch.db --quiet --batch $batch
	check "batches of $batch give the same tables" cmp calm.txt <(dump batch$batch.db)
done
done_testing
