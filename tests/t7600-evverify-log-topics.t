#!/usr/bin/env bash
# evverify --log on topics: markers, aborted records, compaction and retention are told apart; --against too.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"

log() { run timeout 60 evverify --log "$@"; }
found() { jq -e "$1" "$out"; }

# 0 1 marker 3(aborted) 4(aborted) marker 6 7
topic txn 2
txn_open t
txn begin "put $txn/0 1000 a 1" "put $txn/0 1001 a 2" commit begin "put $txn/0 1002 a 3" "put $txn/0 1003 a 4" \
	abort
txn_leave
put <<END
put $txn/0 1004 a 3
put $txn/0 1005 a 4
put $txn/1 1006 b 1
END
log "$txn"
check_status 0 "a log with transactions is whole"
check_grep "markers and aborted records are told apart" \
	"$txn/0: offsets 8 = records 4 \+ aborted 2 \+ marker 2\$" "$out"
check_grep "where there is none there is none" "$txn/1: offsets 1 = records 1\$" "$out"
log "$txn" --contiguous
check_status 1 "who says that there are no transactions is told of each hole"
check_grep "with its place" "hole $txn/0@2: no record, and nothing that explains it" "$out"
check_grep "aborted records are none" "offsets 8 = records 4 \+ aborted 2 \+ unexplained 2" "$out"
log "$txn" -X isolation.level=read_uncommitted
check_grep "read uncommitted, aborted records are records" "offsets 8 = records 6 \+ marker 2\$" "$out"

# an open transaction: up to the stable end all is known; beyond it nobody knows yet
txn_open open
txn begin "put $txn/1 2000 b 2" flush
put <<<"put $txn/1 2001 b 3"
log "$txn" --to stable
check_status 0 "up to an open transaction the log is whole"
log "$txn" --to end --txn-wait 1s
check_status 3 "one that stays open is waited for, then named"
check_grep "by its partition" "$txn/1" "$err"
txn abort
txn_leave
log "$txn" --to end
check_grep "once it has ended" "$txn/1: offsets 4 = records 2 \+ aborted 1 \+ marker 1\$" "$out"

# ids, sequences, causes
topic events 2
ev() { echo "put $events/$1 $2 $3 {\"event_id\":\"$4\",\"event_type\":\"x\",\"version\":$5,\"causation_id\":\"${6-}\"}"; }
put < <(ev 0 1 a a1 1; ev 0 2 a a2 2 b1; ev 1 3 b b1 1 a1; ev 1 4 b b2 2 a2)
log "$events" --sequence '$.version'
check_status 0 "events of two partitions"
check_grep "their causes are found in either" '3 events name a cause' "$out"
log "$events/1" --from 1 --sequence '$.version'
check_status 1 "of one partition alone, a cause in the other one is none"
check_grep "which is named" "causation $events/1@1: its cause 'a2' is no event's id" "$out"
log "$events" --to "$(echo "{\"$events\":{\"0\":2,\"1\":1}}" >to.json; echo to.json)"
check_status 0 "a cause is looked for before and behind the span"
put < <(ev 0 5 a a4 4; ev 1 6 b b2 2; ev 0 7 a a3 3)
log "$events" --sequence '$.version' --format json
check_status 1 "a doubled id, and one that is late"
check "each is a fault" found '.modes[0].kinds == {duplicate: 1, repeat: 1, reorder: 1}'

# retention
evadmin trim "$events/0" 2
log "$events" --sequence '$.version' --format json
check_status 5 "causes that may be gone prove nothing"
check "what is gone is said" found '.modes[0].notes | any(test("nothing is left of the offsets before 2"))'
check "and of the sequence what is there is checked" found '.modes[0].kinds.repeat == 1'
log "$events" --from 0
check_status 5 "offsets that were asked for and are gone"

# compaction
topic compact 1 cleanup.policy=compact segment.ms=100 segment.bytes=1048576 \
	min.cleanable.dirty.ratio=0.001 delete.retention.ms=0 max.compaction.lag.ms=100
put <<END
put $compact/0 - a {"version":1}
put $compact/0 - b {"version":1}
put $compact/0 - a {"version":2}
put $compact/0 - b {"version":2}
flush
put $compact/0 - a {"version":3}
END
log "$compact" --sequence '$.version'
check_status 0 "a compacted topic that has not been compacted yet"
roll() { { echo "put $compact/0 - roll {\"version\":0}"; echo flush; } | evproduce script >/dev/null; ! evtail --from begin --to end "$compact" 2>/dev/null | grep -q '"offset":[01],'; }
check "compaction happens" wait_for 60 roll
log "$compact"
check_status 0 "holes of compaction are no fault"
check_grep "and are said to be its" "$compact/0: offsets [0-9]+ = records [0-9]+ \+ compaction [0-9]+\$" "$out"
evadmin alter "$compact" cleanup.policy=delete
log "$compact"
check_status 1 "where the topic is not compacted, lost offsets are a fault"
check_grep "as markers are counted, and there are none" \
	"hole $compact/0@0: [0-9]+ offsets without a record that nothing explains \(of [0-9]+, 0 are markers\)" "$out"

# markers that the broker sends along with the span, from behind it, explain no hole in it
evadmin alter "$compact" cleanup.policy=delete segment.ms=600000
end=$(evtail --from begin --to end "$compact" -o json 2>/dev/null | jq -s 'last.offset + 1')
for i in {1..60}; do echo begin; echo "put $compact/0 - x {\"version\":1}"; echo commit; done |
	evproduce -t compact-$$ script >/dev/null
log "$compact" --to "$end"
cp "$out" before
log "$compact" --to $((end + 1))
check_status 1 "lost offsets are told beside markers behind the span"
check "as many as without them" test \
	"$(grep -o 'unexplained [0-9]*' "$out")" = "$(grep -o 'unexplained [0-9]*' before)"

# one marker to a record, and a lost record among them would be one hole too many
topic small 1
for i in {1..50}; do echo begin; echo "put $small/0 1000 a $i"; [ $((i % 5)) = 0 ] && echo abort || echo commit; done |
	evproduce -t small-$$ script >/dev/null
log "$small"
check_grep "markers are counted one by one" "offsets 100 = records 40 \+ aborted 10 \+ marker 50\$" "$out"
log "$small" --from 31 --to 44
check_grep "in a part of the log too" "offsets 13 = records 5 \+ aborted 1 \+ marker 7\$" "$out"

# against: a file, and a topic with more partitions
run evtail --from begin --to end "$events"
cp "$out" copy.ndjson
run timeout 60 evverify "$events" --against ./copy.ndjson --same-offsets
check_status 0 "a topic and the file that was made of it"
sed -i 's/"b2"/"b9"/' copy.ndjson
run timeout 60 evverify "$events" --against ./copy.ndjson
check_status 1 "a file that was changed"
check_grep "where" "changed $events/1@1: key 'b', timestamp 4: another value at $events/1@1" "$out"
topic other 3
evtail --from begin --to end "$events" 2>/dev/null |
	sed "s/\"topic\":\"[^\"]*\",\"partition\":1/\"topic\":\"$other\",\"partition\":2/; s/\"topic\":\"events[^\"]*\"/\"topic\":\"$other\"/" |
	evproduce script >/dev/null
run timeout 60 evverify "$events" --against "$other"
check_status 2 "a topic with more partitions is no copy by partition"
run timeout 60 evverify "$events" --against "$other" --by key
check_status 0 "by key it may be"
run timeout 60 evverify "$events" --against "$other" --by key --against-broker localhost:1 --timeout 1s
check_status 3 "the other broker is not there"
check_grep "and named" 'localhost:1' "$err"

# a live log: whoever writes is no cause of a false alarm
live() {
	local i
	for i in {1..40}; do
		echo "put $grow/0 - a {\"event_id\":\"c$i\",\"version\":$i}"
		echo flush # the cause is there before its effect
		echo "put $grow/1 - b {\"event_id\":\"e$i\",\"version\":$i,\"causation_id\":\"c$i\"}"
	done | evproduce script >/dev/null
}
topic grow 2
put <<<"put $grow/0 - z {\"event_id\":\"z\",\"version\":1}"
live &
writer=$!
alarms=0 runs=0
while kill -0 $writer 2>/dev/null || [ $runs -lt 3 ]; do
	log "$grow" --sequence '$.version'
	[ "$status" = 0 ] || { alarms=$((alarms + 1)); cat "$out" "$err"; }
	runs=$((runs + 1))
done
wait $writer
check "no false alarm beside a writer in $runs runs" test $alarms = 0
done_testing
