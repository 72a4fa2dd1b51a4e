#!/usr/bin/env bash
# The broker is away, goes away, changes: what a reader does then. Has a broker of its own.
. "$(dirname "$0")/lib.sh"
unset EV_TEST_BROKERS
. "$TOP/tests/kafka.sh"

# Nothing listens on port 9 of this machine.
start=$SECONDS
run timeout 60 evtail -b 127.0.0.1:9 --timeout 1s --from begin orders
check_status 3 "a broker that is down is exit 3"
check "within --timeout" test $((SECONDS - start)) -lt 25
check_grep "which names the broker" '127\.0\.0\.1:9' "$err"
check_grep "and the reason" 'refused' "$err"
run timeout 60 evtail -b no-such-host.invalid:9092 --timeout 1s --from begin orders
check_status 3 "a broker whose name is not known is exit 3"
check_grep "which names it" 'no-such-host.invalid' "$err"

run evtail -X no.such.property=1 orders
check_status 2 "an unknown property is exit 2"
check_grep "and is named" 'no\.such\.property' "$err"
run evtail -X ssl.key.password orders
check_status 2 "a property without a value is exit 2"
run evtail -X enable.partition.eof=false orders
check_status 2 "a property that a read that ends rests on is refused"
check_grep "and is named" 'enable\.partition\.eof' "$err"
printf '# comment\n\nsecurity.protocol = sasl_plaintext\nsasl.username=u\nsasl.password=hunter2\nsasl.mechanism=NOPE\nqueued.min.messages=hunter3\n' >props
run evtail -F props orders
check_status 2 "a bad value in a properties file is exit 2"
check_grep "with file and line" 'props:7' "$err"
check_no_grep "and no secret is shown" hunter2 "$err"
printf 'sasl.pasword=hunter2\n' >props
run evtail -F props orders
check_grep "a misspelt property is named with its line" 'props:1.*sasl\.pasword' "$err"
check_no_grep "without its value" hunter2 "$err"

topic bulk 2
evproduce -X linger.ms=50 orders "$bulk" 2 150000
evtail --from begin --to end "$bulk" | md5sum >want

# Kill the broker when some has been read, start it again: the read goes on and loses nothing.
mkfifo pipe
evtail --from begin --to end --timeout 10m --memory 16m "$bulk" >pipe 2>restart.err &
reader=$!
exec 7<pipe
head -c 200000 <&7 >got
"$kafka" kill "$broker_dir"
dd bs=65536 count=16 <&7 >>got 2>/dev/null
"$kafka" restart "$broker_dir" >/dev/null || fail "the broker starts again"
cat <&7 >>got
exec 7<&-
check "a read over a killed and restarted broker ends well" wait $reader
check "and gives the same bytes" cmp <(md5sum <got) want

# interrupted TOPIC OPTIONS... : start a read that a full pipe holds up; `resumed` lets it go on.
interrupted() {
	evtail --from begin --to end --memory 16m "$@" >pipe 2>"$err" &
	reader=$!
	exec 7<pipe
	head -c 200000 <&7 >/dev/null
}
resumed() {
	cat <&7 >/dev/null
	exec 7<&-
	wait $reader
	status=$?
}

interrupted "$bulk" --timeout 2s
"$kafka" kill "$broker_dir"
resumed
check_status 3 "a broker that stays away is exit 3, not a hang"
check_grep "which names it" '127\.0\.0\.1:[0-9]+' "$err"
"$kafka" restart "$broker_dir" >/dev/null || fail "the broker starts again"

evtail -n 1 "$bulk" >one.jsonl
interrupted "$bulk" --timeout 2s
kill -STOP "$(cat "$broker_dir/pid")"
resumed
check_status 3 "and so is one that hangs"
check_grep "named, too" '127\.0\.0\.1:[0-9]+' "$err"
run evtail --timeout 2s -n 1 "$bulk"
check_status 3 "also at the beginning"
check_grep "with its name" '127\.0\.0\.1:[0-9]+' "$err"
run timeout 60 evreplay ./one.jsonl --timeout 2s --into there
check_status 4 "a target that hangs is exit 4"
check_grep "and named" '127\.0\.0\.1:[0-9]+' "$err"
kill -CONT "$(cat "$broker_dir/pid")"

interrupted "$bulk"
evadmin trim "$bulk/0" 70000
evadmin trim "$bulk/1" 70000
resumed
check_status 5 "retention that overtakes a read is exit 5"
check_grep "which names what is lost" "lost offsets [0-9]+\.\.69999 of '$bulk/[01]'" "$err"

topic deleted 2
evproduce -X linger.ms=50 orders "$deleted" 2 150000
interrupted "$deleted" --timeout 2s
evadmin delete "$deleted"
resumed
check_status 3 "a topic that is deleted while it is read is exit 3"
check_grep "which names it" "$deleted" "$err"

topic again 2
evproduce -X linger.ms=50 orders "$again" 2 150000
interrupted "$again"
evadmin delete "$again"
evadmin create "$again" 2
resumed
check_status 5 "a topic that is made anew while it is read is exit 5"
check_grep "which names it and where it ends now" "$again.* ends at 0" "$err"

topic grows 1
put <<END
many $grows/0 1000 3
END
evtail -f --from begin "$grows" >followed 2>follow.err &
reader=$!
check "a follower gives what is there" wait_for 60 grep -q '"offset":2,' followed
put <<END
put $grows/0 5000 a 1
END
check "and what comes" wait_for 60 grep -q '"offset":3,' followed
evadmin grow "$grows" 2
put <<END
put $grows/1 6000 a 1
END
check "and a partition added meanwhile, from its first offset" wait_for 60 grep -q '"partition":1,"offset":0,' followed
kill -INT $reader
wait $reader
check "a follower that is stopped ends with 0" test $? = 0
check "each record was given once" test "$(wc -l <followed)" = 5
run timeout 60 evtail --from begin --to end "$grows"
check "a bounded read has the new partition too" test "$(wc -l <"$out")" = 5
done_testing
