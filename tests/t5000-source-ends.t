#!/usr/bin/env bash
# The hard ends of a bounded read: whatever stands at the end of a partition, a read ends there and
# has given every committed record before it.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"

# What the last run printed, as partition@offset words.
offsets() { sed -n 's/.*"partition":\([0-9]*\),"offset":\([0-9]*\),.*/\1@\2/p' "$out" | tr '\n' ' '; }
check_offsets() { check "$2" test "$(offsets)" = "$1"; }
all() { run timeout 60 evtail --from begin --to end --timeout 10s "$@"; }

topic empty 3
all "$empty"
check_status 0 "an empty topic is read to its end"
check_offsets "" "and gives nothing"

topic small 3
put <<END
put $small/0 3000 a 1
put $small/2 1000 b 2 h=x
put $small/2 2000 c 3
END
all "$small"
check_status 0 "a topic with an empty partition is read to its end"
check_offsets "2@0 2@1 0@0 " "in the order of time over partitions"
# Waiting for more at each end would take the client's half second every time; work alone is quick at least once.
# What any run takes is measured beside it.
quickest() { # quickest ARGS...: of 8 runs, in ms
	local best=999999 start took
	for _ in {1..8}; do
		start=${EPOCHREALTIME/./}
		evtail "$@" "$small" >/dev/null 2>&1
		took=$(((${EPOCHREALTIME/./} - start) / 1000))
		[ $took -ge $best ] || best=$took
	done
	echo $best
}
none=$(quickest -n 0) whole=$(quickest --from begin --to end)
check "a small topic is read without waiting for more ($whole ms, $none without reading)" test $whole -lt $((2 * none + 400))

all "$small/0"
check_offsets "0@0 " "one partition can be read alone"

topic markers 1
put -t "m-$$" <<END
begin
put $markers/0 1 a 1
put $markers/0 2 a 2
commit
END
all "$markers"
check_status 0 "a commit marker as the last offset is passed"
check_offsets "0@0 0@1 " "with its records given"

topic aborted 1
put <<END
put $aborted/0 1 a 1
END
put -t "a-$$" <<END
begin
put $aborted/0 2 a 2
put $aborted/0 3 a 3
abort
begin
put $aborted/0 4 a 4
commit
begin
put $aborted/0 5 a 5
abort
END
all "$aborted"
check_status 0 "an aborted transaction at the end is passed"
check_offsets "0@0 0@4 " "aborted records are not given, what is between is"
all "$aborted" -X isolation.level=read_uncommitted
check_offsets "0@0 0@1 0@2 0@4 0@6 " "who asks for read_uncommitted gets them"

topic open 2
put <<END
many $open/0 1000 3
many $open/1 1000 2
END
txn_open open
txn begin "put $open/1 5000 t 1" "put $open/1 5001 t 2" flush
put <<END
put $open/1 6000 z behind
END
run timeout 60 evtail --from begin --to end --txn-wait 300ms "$open"
check_status 3 "an open transaction that outlasts --txn-wait is exit 3"
check_grep "which names the partition" "$open/1" "$err"
check_grep "and the offset that it stands at" "offset 2( |$|,|:)" "$err"
check_grep "and the end that was asked for" '(end|to) 5' "$err"
run timeout 60 evtail --from 4 --to end --txn-wait 300ms "$open/1"
check_status 3 "so it is for a read that starts behind the open transaction's first record"
run timeout 60 evtail --from begin --to stable "$open"
check_status 0 "--to stable ends before an open transaction"
check_offsets "0@0 1@0 0@1 1@1 0@2 " "with all records before it"

evtail --from begin --to end --txn-wait 30s "$open" >waited 2>waited.err &
reader=$!
txn commit
check "a read that waits goes on when the transaction commits" wait $reader
cp waited "$out"
check_offsets "0@0 1@0 0@1 1@1 0@2 1@2 1@3 1@4 " "and gives its records and those behind it"
txn_leave

topic left 1
txn_open left
txn begin "put $left/0 1 t 1" flush
txn_leave
put <<END
put $left/0 2 z behind
END
run timeout 60 evtail --from begin --to end --txn-wait 200ms "$left"
check_status 3 "a transaction that a dead producer left open is exit 3"
# the same id again fences the dead one, which aborts what it left
put -t "left-$$" <<END
begin
abort
END
all "$left"
check_status 0 "once it is aborted the read ends"
check_offsets "0@1 " "without its record"

topic unknown 2
all "nosuch-$$"
check_status 3 "an unknown topic is exit 3"
check_grep "and is named" "nosuch-$$" "$err"
all "$unknown/7"
check_status 3 "an unknown partition is exit 3"
check_grep "and is named, with what there is" "$unknown/7.*2 partitions" "$err"

done_testing
