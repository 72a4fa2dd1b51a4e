# An archive before a topic that compaction has thinned out since: all of the archive, what the topic
# does not have any more counted, then what only the topic has.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
topic log 1 cleanup.policy=compact segment.ms=100 segment.bytes=1048576 \
	min.cleanable.dirty.ratio=0.001 delete.retention.ms=0 max.compaction.lag.ms=100
round() { # round N: a value for each of 40 keys
	local k
	for ((k = 0; k < 40; k++)); do echo "put $log/0 $((1732190400000 + $1 * 1000 + k)) k$k round-$1"; done | put
}
total() { evtail "$@" --from begin -c -q 2>/dev/null | awk '$1 == "total" { print $2 }'; }
round 1
round 2
run evreplay "$log" --into ./arch
check_status 0 "a topic is archived"
held=$(total ./arch)
check "with at least the last value of each key" test "$held" -ge 40
round 3
# the active segment is never compacted: roll it until what stands before it is
thinned() {
	printf 'put %s/0 - roll r\n' "$log" | put
	[ "$(evtail "$log" --from begin -q -o '%v\n' 2>/dev/null | grep -c 'round-[12]')" = 0 ]
}
check "the broker compacts the topic" wait_for 60 thinned
run evreplay ./arch "$log" --into -
check_status 0 "archive and topic are read as one"
cp "$out" both
check_grep "what only the archive has is counted" "$log/0: $held records that the topic does not have any more are the archive's" "$err"
check "first comes the archive, byte for byte" cmp <(head -n "$held" both) <(evtail ./arch --from begin -q -o json)
grep -v '"key":"roll"' both >plain
check "then all values that are only in the topic" test "$(grep -c round-3 plain) $(wc -l <plain)" = "40 $((held + 40))"
check "none is lost, none is doubled" test -z "$(jq .offset both | sort | uniq -d)"

# The archive goes on over the holes, and into a copy exactly once.
run evreplay "$log" --into ./arch --append
check_status 0 "the archive goes on over the holes"
run evreplay --verify ./arch
check_status 0 "and is whole"
check "it has what both had" test "$(zcat arch/*/0/*.gz | grep -vc '"key":"roll"')" = $((held + 40))
topic copy 1
run evreplay ./arch "$log" --into "$copy" --exactly-once --job "compacted-$$"
check_status 0 "the two go into a copy"
run evreplay ./arch "$log" --into "$copy" --exactly-once --job "compacted-$$"
check_status 0 "once"
check "with every value" test "$(evtail "$copy" --from begin -q -o '%v\n' 2>/dev/null | grep -c round-)" = $((held + 40))
done_testing
