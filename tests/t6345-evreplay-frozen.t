# The broker of the source stops to answer: a stop keeps what was read of it, and a follower waits for it.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
own_broker
topic slow 1
printf 'many %s/0 1000 6000\n' "$slow" | put
at() { jq -r ".\"$slow\"[\"0\"] // 0" "$1.json"; }
past() { [ "$(at "$1")" -gt "$2" ]; }

evreplay "$slow" -f --into ./left --rate 100/s --position left.json 2>left.err &
left=$!
check "a follower has read more than it has kept" wait_for 60 past left 0
kill -STOP "$(cat "$broker_dir/pid")"
was=$(at left)
kill -TERM $left
wait $left
status=$? err=left.err
check_status 0 "a stop beside a broker that does not answer is clean"
check "what was read is kept" past left $((was - 1))
check "and the position is the archive's" test "$(jq '.topics[].partitions[].next' left/archive.json)" = "$(at left)"
kill -CONT "$(cat "$broker_dir/pid")"

evreplay "$slow" -f --into ./waits --rate 100/s --position waits.json --timeout 1s 2>waits.err &
waits=$!
check "a follower goes on" wait_for 60 past waits 0
kill -STOP "$(cat "$broker_dir/pid")"
check "where its broker does not answer for longer than --timeout" wait_for 60 past waits $(($(at waits) + 250))
kill -CONT "$(cat "$broker_dir/pid")"
kill -TERM $waits
wait $waits
status=$? err=waits.err
check_status 0 "and ends well when it is stopped"
done_testing
