#!/usr/bin/env bash
# What the Kafka source answers apart from records: watermarks, offsets for times, groups, one record.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"

topic marks 2
put <<END
many $marks/0 1000 10
END
evadmin trim "$marks/0" 3
txn_open marks
txn begin "put $marks/0 2000 t 1" flush
put <<END
put $marks/0 3000 z behind
END
run evprobe marks "$marks"
check_status 0 "watermarks are answered"
check_out "low, last stable offset and high watermark differ where a transaction is open" <<END
$marks/0 3 10 12
$marks/1 0 0 0
END

run evprobe record "$marks" 0 5
check_out "one record is read by its offset" <<END
{"topic":"$marks","partition":0,"offset":5,"timestamp":1005,"key":"k5","headers":[],"text":"v5"}
END
for at in 0 10 11 12 99; do
	run evprobe record "$marks" 0 $at
	check_out "there is no record at $at (deleted, open transaction, behind it, end)" <<<none
done
txn abort
run evprobe record "$marks" 0 10
check_out "nor at the offset of an aborted record" <<<none
run evprobe record "$marks" 0 11
check_grep "but at the one behind it" '"text":"behind"' "$out"
run evprobe record "$marks" 0 12
check_out "and not at the marker's" <<<none
txn_leave
run evprobe record "$marks" 1 0
check_out "nor in an empty partition" <<<none

run evprobe time "$marks" 1006
check_out "the first offset at or after a time; the end where there is none" <<END
$marks/0 6
$marks/1 0
END
run evprobe time "$marks" 9000000000000
check_out "a time behind all records is the end, never the start" <<END
$marks/0 13
$marks/1 0
END
run evprobe time "$marks" -5
check_out "a time before 1970 is the start" <<END
$marks/0 3
$marks/1 0
END

run evprobe group "g-$$" "$marks"
check_status 0 "a group that never was is no error"
check_out "and has no offsets" <<<'{}'
run evprobe commit "g-$$" "$marks" 0 7
check_status 0 "an offset is committed to a group"
check "other clients see it" test "$(evadmin committed "g-$$" "$marks/0")" = 7
run evprobe group "g-$$" "$marks"
check_out "and it is read back; a partition without one is absent" <<<"{\"$marks\":{\"0\":7}}"
check "the cluster has an id" test "$(evprobe cluster "$marks" | wc -c)" -gt 10

topic wide 1 max.message.bytes=20000000
head -c 9000000 /dev/zero | tr '\0' a >big
{ printf '{"topic":"%s","partition":0,"offset":0,"timestamp":1,"key":"big","headers":[["h","1"],["h",null],["",""]],"text":"' "$wide"; cat big; printf '"}\n'; } >line
printf '{"topic":"%s","partition":0,"offset":1,"timestamp":2,"key_base64":"/wAA","headers":[],"base64":"AP/+"}\n' "$wide" >>line
put <line
run evprobe record "$wide" 0 0
check "a value of 9 MB comes back byte for byte, with its headers" cmp "$out" <(head -n 1 line)
run evprobe record "$wide" 0 1
check "and so do bytes that are no text" cmp "$out" <(tail -n 1 line)
done_testing
