# evtail: usage errors, exit statuses, broken outputs
. "$(dirname "$0")/lib.sh"
seq 1 200000 >n.txt
echo '{"topic":"o","partition":0,"offset":0,"timestamp":null,"key":null,"headers":[],"value":1}' >x.ndjson

usage() { # usage REGEX ARGS...: exit 2, nothing on stdout, the message
	local want=$1; shift
	run evtail "$@"
	check_status 2 "evtail $* is a usage error"
	check_grep "evtail $* says why" "$want" "$err"
	check "evtail $* prints nothing" test ! -s "$out"
}
usage "evtail: unknown option '--form' \(did you mean '--from'\?\)" --form 1 ./x.ndjson
usage "a source is missing"
usage "option '-n' takes a number of records or \+N, not '12x'" -n 12x ./x.ndjson
usage "option '-n' takes .* not '-5'" -n -5 ./x.ndjson
usage "'--from' and '--since' cannot be used together" --from 1 --since today ./x.ndjson
usage "'--to' and '--until' cannot be used together" --to 1 --until today ./x.ndjson
usage "option '--from': " --from 12x ./x.ndjson
usage "option '--since': " --since 2026-11-20 ./x.ndjson
usage "'--follow' and '--until' cannot" -f --until today ./x.ndjson
usage "'--paths' belongs to '--summary'" --paths ./x.ndjson
usage "'--count' and '--output' cannot" -c -o value ./x.ndjson
usage "'--summary' and '--null' cannot" --summary -0 ./x.ndjson
usage "unknown output 'jsn' \(did you mean 'json'\?\)" -o jsn ./x.ndjson
usage "unknown field '%x'" -o '%x' ./x.ndjson
usage "takes yes, only or no, not 'maybe'" --tombstones maybe ./x.ndjson
usage "no broker" orders

# a signal while a broker is awaited: threads show that the wait has begun
waits() { [ "$(ls "/proc/$1/task" | wc -l)" -gt 1 ]; }
for want in 143: 0:-f; do
	evtail -b 127.0.0.1:1 --timeout 60s ${want#*:} orders 2>"$err" &
	pid=$!
	check "the broker is awaited" wait_for 60 waits $pid
	before=$SECONDS
	kill -TERM $pid
	wait $pid
	status=$?
	check_status "${want%:*}" "SIGTERM ends the wait for a broker (${want#*:})"
	check "and soon" test $((SECONDS - before)) -lt 20
done

run evtail ./missing.ndjson
check_status 3 "a file that is not there cannot be read"
check_grep "and is named" "missing.ndjson" "$err"
echo '{"topic":' >>x.ndjson
run evtail ./x.ndjson
check_status 5 "a bad line is bad data"
check_grep "named by file and line" 'x.ndjson:2' "$err"
run evtail --log-format json ./x.ndjson
check "with --log-format json the message is JSON" jq -e '.status == 5 and
	.level == "error" and (.message | contains("x.ndjson:2"))' "$err"

evtail --lines n ./n.txt -n +1 >/dev/full 2>"$err"
status=$?
check_status 4 "a full disk behind stdout is an error"
check_grep "that says so" 'cannot write to standard output: No space left' "$err"
evtail --help >/dev/full 2>"$err"
status=$?
check_status 4 "--help checks its output as well"
{ evtail --lines n ./n.txt -n +1; echo $? >rc; } 2>"$err" | head -n 1 >"$out"
check "a reader that goes away is a quiet end" test "$(cat rc)" = 0 -a ! -s "$err"

run evtail --help
check "--help fits a screen" test "$(wc -l <"$out")" -le 24 -a "$(wc -L <"$out")" -le 80
run evtail --version
check_grep "--version names the libraries" '^librdkafka [0-9.]+, SQLite [0-9.]+, libpq [0-9.]+, jansson .*, zlib .*, libxxhash ' "$out"
for shell in man bash zsh fish json; do
	run evtail --dump-options $shell
	check "--dump-options $shell prints something" test "$status" = 0 -a -s "$out"
done
evtail --dump-options bash >c.bash
check "the bash completion is bash" bash -n c.bash
run evtail --dump-options json
check "the table as JSON is JSON" jq -e .options "$out"
types_of() { jq -r --arg n "$1" '[.. | objects | select(.name? == $n and .type?).type] | unique | join(" ")'; }
evproject --dump-options json >all.json
for option in yes=flag store=string batch=integer memory=size lock-wait=duration max-change=percent property=list on-error=enum; do
	check "--${option%=*} is of type ${option#*=} there" test "$(types_of "${option%=*}" <all.json)" = "${option#*=}"
done

printf '{"id":1}\n{"id":2}\n' >bare.ndjson
run evtail ./bare.ndjson
check_status 5 "JSON that is no record line"
check_grep "is told how to be read" '^hint: --lines TOPIC' "$err"
evtail --lines t ./bare.ndjson >&- 2>"$err"
status=$?
check_status 4 "a closed stdout is exit 4"

mkfifo pipe
evtail --lines n -f - -o value <pipe >got 2>"$err" &
pid=$!
exec 7>pipe
echo first >&7
check "a follower writes a record at once" wait_for 60 grep -q first got
kill -TERM $pid
wait $pid
status=$?
check_status 0 "SIGTERM ends a follower with 0"
evtail --lines n -n +1 - -o value <pipe >got 2>"$err" &
pid=$!
exec 8>pipe
echo second >&8
wait_for 60 grep -q second got
kill -INT $pid
wait $pid
status=$?
check_status 130 "SIGINT ends a bounded read with 128+2"
exec 7>&- 8>&-
mkfifo third
evtail --lines n ./third >/dev/null 2>&- &
pid=$!
exec 7<>third
check "a closed stderr is no file that is opened later" wait_for 60 test "/dev/null" -ef /proc/$pid/fd/2
kill -KILL $pid
wait $pid 2>/dev/null
exec 7>&-
done_testing
