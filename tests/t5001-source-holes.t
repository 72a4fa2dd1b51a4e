#!/usr/bin/env bash
# Holes in the log: compaction, deleted records, timestamps that go back. Reads end, and lose nothing.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"

offsets() { sed -n 's/.*"partition":\([0-9]*\),"offset":\([0-9]*\),.*/\1@\2/p' "$out" | tr '\n' ' '; }
check_offsets() { check "$2" test "$(offsets)" = "$1"; }
all() { run timeout 60 evtail --from begin --to end --timeout 10s "$@"; }
gives() { evtail --from begin --to end "$1" 2>/dev/null | wc -l | grep -qx "$2"; }

# Every record but the last of a key goes; then tombstones at the end go too, and the log ends in a hole.
topic compact 1 cleanup.policy=compact segment.ms=100 segment.bytes=1048576 \
	min.cleanable.dirty.ratio=0.001 delete.retention.ms=0 max.compaction.lag.ms=100
put <<END
put $compact/0 - a 1
put $compact/0 - b 1
put $compact/0 - a 2
put $compact/0 - c 1
flush
put $compact/0 - b ~
put $compact/0 - c ~
END
# the active segment is never compacted: roll it until what stands before it is
roll() { { echo "put $compact/0 - roll x"; echo flush; } | evproduce script >/dev/null; ! evtail --from begin --to end "$compact" 2>/dev/null | grep -q '"offset":[01345],'; }
check "compaction happens" wait_for 60 roll
all "$compact"
check_status 0 "a compacted log is read to its end"
check_grep "what is left of it is given" '"offset":2,' "$out"
run timeout 60 evtail --from 0 --to 2 --timeout 10s "$compact"
check_status 0 "a range that compaction emptied is read"
check_offsets "" "and is empty"
run timeout 60 evtail --from 3 --to 6 --timeout 10s "$compact"
check_status 0 "a compacted tail of a range ends the read"
check_offsets "" "by position, as no record stands there"

topic trimmed 2
put <<END
many $trimmed/0 1000 10
many $trimmed/1 1000 10
END
evadmin trim "$trimmed/0" 4
run timeout 60 evtail --from 2 --to end "$trimmed"
check_status 5 "an asked start that retention has passed is exit 5"
check_grep "which names the partition" "$trimmed/0" "$err"
check_grep "and the lost offsets" '2\.\.3|2 (to|-) 3|\[2, ?4\)' "$err"
all "$trimmed"
check_status 0 "'begin' is what is left"
check "and all of that is given" test "$(offsets | wc -w)" = 16

evadmin trim "$trimmed/0" 10
all "$trimmed/0"
check_status 0 "a partition whose records are all deleted is read to its end"
check_offsets "" "and gives nothing"

topic unsorted 1
put <<END
put $unsorted/0 1700000001000 a 1
put $unsorted/0 1700000003000 a 2
put $unsorted/0 1700000002000 a 3
put $unsorted/0 1700000001500 a 4
put $unsorted/0 1700000004000 a 5
put $unsorted/0 1700000000100 a 6
END
run timeout 60 evtail --since 1700000001500 --until 1700000002500 "$unsorted"
check_offsets "0@2 0@3 " "--until does not stop at the first later timestamp"
run timeout 60 evtail --since 1800000000000 "$unsorted"
check_status 0 "a time after all records is empty, not the whole log"
check_offsets "" "and gives nothing"

topic twins 2
topic other 1
put <<END
put $twins/1 1000 a 1
put $twins/0 1000 a 2
put $twins/0 500 a 3
put $other/0 1000 a 4
put $twins/1 900 a 5
END
all "$other" "$twins"
sed -n 's/.*"topic":"\([a-z]*\).*"partition":\([0-9]*\),"offset":\([0-9]*\),.*/\1\/\2@\3/p' "$out" >order
printf '%s\n' other/0@0 twins/0@0 twins/0@1 twins/1@0 twins/1@1 >want
check "the merge is by timestamp, topic, partition, and by offset in a partition" cmp want order
all "$twins" "$other"
sed -n 's/.*"topic":"\([a-z]*\).*"partition":\([0-9]*\),"offset":\([0-9]*\),.*/\1\/\2@\3/p' "$out" >again
check "in whatever order the topics are named" cmp want again
run timeout 60 evtail --from begin --to end --no-merge "$twins" "$other"
check "--no-merge gives the same records" test "$(sort "$out" | md5sum)" = "$(all "$twins" "$other"; sort "$out" | md5sum)"

topic bulk 4
evproduce -X linger.ms=50 orders "$bulk" 4 40000
all "$bulk"
md5sum <"$out" >first
check "a bulk read gives every record" test "$(wc -l <"$out")" = 40000
for memory in 16m 64m; do
	all "$bulk" --memory $memory
	check "the order is the same with --memory $memory" cmp <(md5sum <"$out") first
done
done_testing
