# evproject run, killed with -9 at random moments until it finishes: as if nothing had happened.
# EFFORT=1: 10 kills; EFFORT=10: 100. SEED replays the moments.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"

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

start=$(date +%s%3N)
run evproject run orders.sql --store calm.db --quiet
calm_ms=$(($(date +%s%3N) - start))
check_status 0 "an undisturbed run finishes"
check "its ledger balances" balanced calm.db
dump calm.db >calm.txt
check "it has accounted for every event" test \
	"$(sqlite3 calm.db 'SELECT sum(applied + ignored) FROM ev_ledger WHERE applied > 0')" = $count

# Each run is killed after a random time, chosen so that the kills spread over the work of a whole run.
n=0 finished=no
while [ $n -lt $kills ] && [ $finished = no ]; do
	ms=$((RANDOM % (calm_ms * 3 / 2 / kills + 200)))
	evproject run orders.sql --store killed.db --quiet --batch $((500 + RANDOM % 3000)) 2>kill.err &
	pid=$!
	sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))" # the random moment itself
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	case $? in
	0) finished=yes ;;
	137) n=$((n + 1)) ;;
	*) fail "a run that goes on ends well or is killed"; show <kill.err; break ;;
	esac
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
begun() { [ "$(sqlite3 term.db 'SELECT sum(applied) FROM ev_ledger' 2>/dev/null)" -gt 0 ]; }
wait_for 30 begun
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
