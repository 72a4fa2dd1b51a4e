#!/usr/bin/env bash
# evproject run, killed with -9 at random moments until it finishes: as if nothing had happened.
# EFFORT=1: 10 kills; EFFORT=10: 100. SEED replays the moments.
# WAY is set by other tests: `mixed`, some statements fold and some do not; `whole`, all do; `exact`, none.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
. "$TOP/tests/project.sh"

way=${WAY:-mixed} options=() size=3000
case $way in
mixed) count=$(on sqlite 200000 postgresql 30000) ;;
whole) count=$(on sqlite 100000 postgresql 50000) size=300 ;; # or it is over before it can be killed
exact) count=$(on sqlite 50000 postgresql 10000) options=(--exact-statements) ;;
esac
kills=$((10 * EFFORT)) seed=${SEED:-$$}
echo "# SEED=$seed"
RANDOM=$seed
now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }
views() {
	local t
	for t in orders order_items sku_demand; do echo "== $t"; sql "$1" "SELECT * FROM $t ORDER BY 1, 2"; done
	dump "$1"
}

topic orders 4
topic payments 2
"$TOP/scripts/generate" orders $count 7 | sed "s/\"topic\":\"orders\"/\"topic\":\"$orders\"/;
	s/\"topic\":\"payments\"/\"topic\":\"$payments\"/" |
	evload lines >/dev/null || fail "the events are on the broker"
# The shop, and a hash of the order in which its records came.
sed "s/^-- @topics .*/-- @topics $orders, $payments/; s/ must touch//
	s/^-- @on tombstone of orders/-- @on tombstone of $orders/
	/^-- @schema/a CREATE TABLE chain (id integer PRIMARY KEY, n integer NOT NULL, h bigint NOT NULL);\\
CREATE TABLE last (k text PRIMARY KEY);" "$TOP/projections/orders.sql" >orders.sql
cat >>orders.sql <<'END'

-- @on order.*, payment.*
INSERT INTO chain (id, n, h) VALUES (1, 1, :offset * 7 + :partition)
ON CONFLICT (id) DO UPDATE SET n = chain.n + 1,
	h = (chain.h * 31 + :offset * 7 + :partition) % 1000000007;
END
[ $way != whole ] || sed -i 's/h = (chain.h \* 31 + :offset \* 7 + :partition) % 1000000007/h = :offset * 7 + :partition - chain.h/' orders.sql
evproject check orders.sql --store "$(store none.db)" >folds.txt 2>&1
check "it folds as it should ($way)" test "$(grep -c 'by statements' folds.txt)" -"$([ $way = whole ] && echo eq || echo gt)" 0

run timeout 1200 evproject run orders.sql "${options[@]}" --store "$(store calm.db)" --quiet --batch $size
check_status 0 "an undisturbed run finishes"
check "its ledger balances" balanced calm.db
views calm.db >calm.txt
check "it has applied every event" test "$(sql calm.db 'SELECT sum(applied) FROM ev_ledger')" = $count

start=$(now_ms)
run timeout 300 evproject run orders.sql "${options[@]}" --store "$(store calm.db)" --quiet
startup=$(($(now_ms) - start))
check "nothing new changes nothing" cmp calm.txt <(views calm.db)

# A run is killed once it has stored a random part more than the one before, each fourth at a random moment of its
# start; one that finishes is compared, and all begins again with an empty store until the kills are spent.
stored() { sql killed.db 'SELECT coalesce(sum(next_offset - begin_offset), 0) FROM ev_ledger' 2>/dev/null || echo 0; }
due() { ! kill -0 $pid || [ "$(stored)" -ge $goal ]; }
mkfifo never
n=0 midway=0 finished=0 rounds=0
while [ $n -lt $kills ] && [ $((rounds += 1)) -le $((20 * kills)) ]; do
	goal=$(($(stored) + 1 + count * 3 / 10 * (RANDOM % 1000) / 1000))
	evproject run orders.sql "${options[@]}" --store "$(store killed.db)" --quiet --batch $((size / 6 + RANDOM % size)) 2>kill.err &
	pid=$!
	if [ $((n % 4)) = 3 ]; then
		life=$((startup / 2 + RANDOM % (startup + 1)))
		read -rt "$((life / 1000)).$(printf %03d $((life % 1000)))" <>never
	else
		wait_for 600 due || fail "a run stores something"
	fi
	! jobs -pr | grep -qx $pid || kill -KILL $pid # where it has ended its id may be another's
	wait $pid
	rc=$?
	if [ $rc = 137 ]; then
		n=$((n + 1))
		at=$(stored)
		[ "${at:-0}" -gt 0 ] && [ "${at:-0}" -lt $count ] && midway=$((midway + 1))
		continue
	fi
	[ $rc = 0 ] || { fail "a run after a kill ends well (exit $rc)"; show <kill.err; break; }
	finished=$((finished + 1))
	views killed.db | cmp -s calm.txt - || fail "after $n kills the tables equal those of the undisturbed run"
	forget killed.db
done 2>/dev/null
echo "# $n kills, $midway of them midway, $finished runs finished before the last"
check "half of the kills hit a run midway ($midway of $n)" test $midway -ge $((kills / 2))
run timeout 1200 evproject run orders.sql "${options[@]}" --store "$(store killed.db)" --quiet
check_status 0 "the last run finishes"
views killed.db >killed.txt
check "tables and ledger equal those of the undisturbed run, byte for byte" cmp calm.txt killed.txt
check "the ledger balances" balanced killed.db
on sqlite && check "the database is sound" test "$(sql killed.db 'PRAGMA integrity_check')" = ok

# A full disk: nothing torn, and with room again it goes on
full_disk() {
	mkdir small
	rooms=$(($(stat -c %s calm.db) / 2048 + 64)) # KiB: for half of it
	if mount -t tmpfs -o size=${rooms}k tmpfs small 2>/dev/null; then
		at_exit "umount $T/small 2>/dev/null || umount -l $T/small"
		run timeout 1200 evproject run orders.sql "${options[@]}" --store small/s.db --quiet --batch 500
		check_grep "a full disk is named" "small/s.db'?: .*(full|disk)" "$err"
		mount -o remount,size=1g small
	else
		run bash -c "ulimit -f $rooms; trap '' XFSZ; exec timeout 1200 evproject run orders.sql ${options[*]} --store small/s.db --quiet --batch 500"
		check "a file that cannot grow is named" grep -q small/s.db "$err"
	fi
	check_status 4 "a full disk in mid-run is exit 4"
	at=$(sql small/s.db 'SELECT sum(applied) FROM ev_ledger')
	check "midway ($at of $count)" test "$at" -gt 0 -a "$at" -lt $count
	check "what is there is whole" test "$(sql small/s.db 'PRAGMA integrity_check')" = ok
	check "and its ledger balances" balanced small/s.db
	check "the range under way is stored" test "$(sql small/s.db 'SELECT count(*) FROM ev_ledger WHERE target_offset > next_offset')" -gt 0
	run timeout 1200 evproject run orders.sql "${options[@]}" --store small/s.db --quiet
	check_status 0 "with room again it goes on"
	check "to the same tables and ledger" cmp calm.txt <(views small/s.db)
}
on sqlite && full_disk

# SIGTERM: finishes the transaction at hand, leaves the position saved, 128+15
evproject run orders.sql "${options[@]}" --store "$(store term.db)" --quiet --batch 500 2>term.err &
pid=$!
begun() { [ "$(sql term.db 'SELECT sum(applied) FROM ev_ledger')" -gt 0 ]; }
check "a run begins" wait_for 600 begun
kill -TERM $pid
wait $pid
status=$?
check_status 143 "SIGTERM ends it with 128+15"
check "before its end" test "$(sql term.db 'SELECT sum(applied) FROM ev_ledger')" -lt $count
check "the ledger balances after SIGTERM" balanced term.db
# What comes meanwhile ends a partition, and is older than what is left in the others: the range that
# was begun goes first all the same.
for p in 0 1 2 3; do
	echo "{\"topic\":\"$orders\",\"partition\":$p,\"offset\":0,\"timestamp\":1,\"key\":\"x\",\"value\":{\"event_type\":\"order.noted\",\"event_id\":\"n$p\",\"produced_at\":1700000000000}}"
done | evload lines >/dev/null
run timeout 1200 evproject run orders.sql "${options[@]}" --store "$(store term.db)" --quiet
check_status 0 "it goes on"
run timeout 300 evproject run orders.sql "${options[@]}" --store "$(store calm.db)" --quiet
check "first with the range it had begun, in the same order" cmp <(views calm.db) <(views term.db)

run timeout 1200 evproject run orders.sql "${options[@]}" --store "$(store other.db)" --quiet --batch 100000
check "the whole in one range has another order, so the hash would show it" \
	test "$(chain other.db)$(sql other.db 'SELECT h FROM chain')" != "$(chain calm.db)$(sql calm.db 'SELECT h FROM chain')"
done_testing
