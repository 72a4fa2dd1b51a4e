#!/usr/bin/env bash
# Positions on a real broker: the last N over holes, consumer groups, saved positions, times.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"

offsets() { sed -n 's/.*"partition":\([0-9]*\),"offset":\([0-9]*\),.*/\1@\2/p' "$out" | tr '\n' ' '; }
check_offsets() { check "$2" test "$(offsets)" = "$1"; }
tail_() { run timeout 60 evtail --timeout 10s "$@"; }

# Offsets: 0 a record, 1 marker, 2-4 aborted, 5 marker, 6 a record, 7 marker, 8-9 aborted, 10 marker.
topic holes 2
put -t "h-$$" <<END
begin
put $holes/0 1000 a 1
commit
begin
many $holes/0 2000 3
abort
begin
put $holes/0 3000 a 2
commit
begin
many $holes/0 4000 2
abort
END
put <<END
put $holes/1 1500 b 1
put $holes/1 2500 b 2
END
tail_ -n 2 "$holes"
check_status 0 "the last two of a log that ends in aborted records"
check_offsets "1@1 0@6 " "are the two last records, not offsets"
tail_ -n 3 "$holes"
check_offsets "1@0 1@1 0@6 " "and the last three reach back over partitions"
tail_ -n 3 "$holes/0"
check_offsets "0@0 0@6 " "there may be fewer than asked for"
tail_ -n +1 "$holes"
check_offsets "0@0 1@0 1@1 0@6 " "-n +1 is all"
tail_ "$holes"
check_offsets "0@0 1@0 1@1 0@6 " "without a range it is the last ten"
tail_ -n 0 "$holes"
check_status 0 "the last none"
check_offsets "" "is nothing"
tail_ -c --from begin "$holes"
check_status 0 "records are counted"
check_grep "by reading, not by offsets: 2 of 11" "$holes[/	 ]+0.*[^0-9]2([^0-9]|$)" "$out"

topic grouped 3
put <<END
many $grouped/0 1700000001000 5
many $grouped/1 1700000002000 5
many $grouped/2 1700000003000 2
END
evadmin commit "g-$$" "$grouped/0=3" "$grouped/1=5"
tail_ --from "group:g-$$" --to end "$grouped"
check_status 0 "a read from a group's committed offsets"
check_offsets "0@3 0@4 2@0 2@1 " "begins there, and at the start where the group has none"
tail_ --from begin --to "group:g-$$" "$grouped"
check "and may end there" test "$(offsets)" = "0@0 0@1 0@2 1@0 1@1 1@2 1@3 1@4 " -o \
	"$(offsets)" = "0@0 0@1 0@2 1@0 1@1 1@2 1@3 1@4 2@0 2@1 "

echo "{\"$grouped\":{\"0\":4,\"1\":4,\"2\":1}}" >saved.json
tail_ --from saved.json --to end "$grouped"
check_offsets "0@4 1@4 2@1 " "a saved position is where the read begins"
echo "{\"$grouped\":{\"0\":99}}" >far.json
tail_ --from far.json --to end "$grouped"
check "a saved position behind the end is an error" test "$status" = 2 -o "$status" = 5
check_grep "that names the partition" "$grouped/0" "$err"

tail_ --from @1700000002000 --to end "$grouped"
check_offsets "1@0 1@1 1@2 1@3 1@4 2@0 2@1 " "a time as a position is the first offset at or after it"
tail_ --from -1 --to end "$grouped"
check_offsets "0@4 1@4 2@1 " "-1 is the last of each partition"
tail_ --from 3 --to 2 "$grouped"
check_status 2 "a start after its end is exit 2"
tail_ --from end --to end "$grouped"
check_status 0 "an empty range is exit 0"
done_testing
