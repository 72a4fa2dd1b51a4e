# evreplay into a pipe: record lines out, filters, positions, and what cannot be written.
. "$(dirname "$0")/lib.sh"

"$TOP/scripts/generate" orders 200 >orders.ndjson
run evreplay ./orders.ndjson --into -
check_status 0 "a file goes to standard output"
check "as evtail prints it" cmp "$out" <(evtail ./orders.ndjson -n +1 -o json)

run evreplay ./orders.ndjson --type order.created --into - --position seen.json
check_status 0 "a filtered copy"
check "holds what the filter lets through" cmp "$out" <(evtail ./orders.ndjson -n +1 -o json --type order.created)
check "and the position stands behind all that was read" \
	test "$(jq "[.[][]] | add" seen.json)" = "$(grep -c . orders.ndjson)"

cp "$out" first
run evreplay - --type order.created --into - <orders.ndjson
check "standard input does the same" cmp first "$out"

evreplay ./orders.ndjson --into - 2>"$err" >/dev/full
status=$?
check_status 4 "a full disk behind standard output is exit status 4"
check_grep "and is said" "cannot write to standard output: No space left" "$err"
evreplay ./orders.ndjson --into - 2>"$err" | head -n 1 >"$out"
check "a closed pipe is a quiet end" test "${PIPESTATUS[0]}" = 0 -a ! -s "$err"
for i in {1..20000}; do echo '{"topic":"t","partition":0,"offset":'$i',"timestamp":1,"key":"k","headers":[],"value":{}}'; done >long.ndjson
evreplay ./long.ndjson --into - --position gone.json 2>"$err" | head -n 1 >"$out"
check "its position, which nobody knows, is not saved" test "${PIPESTATUS[0]}" = 0 -a ! -e gone.json
evreplay ./long.ndjson --into - --metrics gone.prom 2>"$err" | head -n 1 >"$out"
check "nor is anything said to be safe there" test "$(grep -c '^ev_replay_safe_offset{' gone.prom)" = 0

# --since looks at each record, so a position may stand beside it.
for i in 5 1 3 7; do echo '{"topic":"t","partition":0,"offset":'$((n++))',"timestamp":'$i',"key":"k'$i'","headers":[],"value":{}}'; done >times.ndjson
run evreplay ./times.ndjson --from 1 --since 1970-01-01T00:00:00.003Z --into -
check_status 0 "--since beside --from"
check "both choose" test "$(jq -r .key "$out" | tr '\n' ' ')" = "k3 k7 "

# A plan has an end.
run evreplay ./times.ndjson -f --dry-run --into -
check_grep "a plan does not follow" "'--follow' and '--dry-run' cannot be used together" "$err"

# What comes slowly and without a pause goes on at once, not by the buffer.
slowly() { evreplay ./long.ndjson --rate 20/s --into - 2>/dev/null | evreplay - --into - 2>"$err" | head -n 1 >"$out"; }
export -f slowly && export out err
check "a line that comes is passed on though others follow" timeout 60 bash -c slowly
check "which is the first" test "$(jq .offset "$out")" = 1

# What a collector sees of it.
run evreplay ./orders.ndjson --into - --metrics m.prom
check_status 0 "a copy with metrics"
records=$(grep -c . orders.ndjson)
check_grep "what was read" "^ev_replay_read_records_total\{job=\"-\"\} $records\$" m.prom
check_grep "what was sent" "^ev_replay_sent_records_total\{job=\"-\"\} $records\$" m.prom
check_grep "what is safe" '^ev_replay_safe_offset\{job="-",topic="orders",partition="0"\} [0-9]+$' m.prom
check_grep "that it has ended" '^ev_replay_running\{job="-"\} 0$' m.prom
check_grep "and well" '^ev_replay_failed\{job="-"\} 0$' m.prom
evreplay ./orders.ndjson --into - --metrics m.prom 2>"$err" >/dev/full
check_grep "or not" '^ev_replay_failed\{job="-"\} 1$' m.prom
run evreplay ./orders.ndjson --into - --metrics nowhere/m.prom
check_status 4 "metrics that cannot be written are no success"

# A reader that takes nothing any more does not keep it from heeding the first signal.
mkfifo asleep
exec 9<>asleep
stuck() { # stuck COMMAND...: its status, after one TERM in the middle of its output
	local line pid
	"$@" >asleep 2>"$err" &
	pid=$!
	read -r line <&9
	kill -TERM $pid
	dead() { ! kill -0 $pid 2>/dev/null; }
	wait_for 60 dead || kill -KILL $pid
	wait $pid
}
stuck evreplay ./long.ndjson --into - --position never.json
status=$?
check_status 143 "evreplay ends by a signal though nobody reads its pipe"
check "and saves no position that nobody has come to" test ! -e never.json
exec 9<&-; exec 9<>asleep
stuck evtail ./long.ndjson -n +1 -o json
status=$?
check_status 143 "so does evtail"
exec 9<&-

# A target that does not answer is waited for until a signal comes.
evreplay ./orders.ndjson --into there -b 127.0.0.1:1 2>"$err" &
waiting=$!
catches() { [ "$(cat "/proc/$waiting/comm")" = evreplay ] && [ $((0x$(awk '$1 == "SigCgt:" { print $2 }' "/proc/$waiting/status") & 0x4000)) != 0 ]; }
check "it waits for the target" wait_for 60 catches
kill -TERM $waiting
wait $waiting
status=$?
check_status 143 "a signal ends that, as a signal"
check_grep "and it says what it waited for" "^evreplay: cannot reach broker '127.0.0.1:1'" "$err"

# Each option is for some kinds of targets.
for target in - ./arch; do
	for option in "--job x" "--new-job" "--group g" "--txn-records 5" "--txn-time 5s" "--exactly-once --job x" \
		--create "--partition keep" --lossy "--offset-map m" "--allow retention" "--into-broker x:1"; do
		run evreplay ./orders.ndjson --into $target $option
		check_status 2 "$option is not for target $target"
		check_grep "and says what it is for" "option '--[a-z-]*' is for topics, and the target is '$target'" "$err"
	done
done
run evreplay ./orders.ndjson --into - --level 5
check_grep "one of archives says so, too" "option '--level' is for archives, and the target is '-'" "$err"
for option in "--txn-records 5" "--txn-time 5s" "--group g" --new-job; do
	run evreplay ./orders.ndjson --into there $option -b 127.0.0.1:1 --timeout 100ms
	check_status 2 "$option is for jobs"
done
for option in --dry-run --append "--job x" "--position p" "--metrics m.prom" -f "--from 3" "--until today" "--key x" \
	"--where \$.a=1" "--redact \$.a" "--rate 4/s" "--lines q"; do
	run evreplay ./nothing --verify $option
	check_status 2 "$option is not for --verify"
	check_grep "which is said" "options '--verify' and '--[a-z-]*' cannot be used together" "$err"
done
check "nothing was made" test ! -e arch

# Names: a pattern of many stars, and two topics under one.
record() { echo '{"topic":"'"$1"'","partition":0,"offset":'"$2"',"timestamp":9,"key":"k","headers":[],"value":{}}'; }
long=$(head -c 120 /dev/zero | tr '\0' a)
{ record "$long" 0; record "${long}b" 0; } >long.ndjson
run timeout 60 evreplay ./long.ndjson --map '*a*a*a*a*a*a*a*a*b=to.\9.\1b' --into -
check_status 0 "a pattern of nine stars against a long name"
check "fits what it fits, the first stars shortest" test "$(jq -r .topic "$out" | tr '\n' ' ')" = "$long to.${long:8}.b "
record "xaybazb" 0 >odd.ndjson
for map in '*a*b=\1.\2' 'x*b=\1' '*b*=\1.\2' 'x**b=q\1.\2'; do
	run evreplay ./odd.ndjson --map "$map" --into -
	jq -r .topic "$out"
done >names
check "each piece is taken where it comes first, and the last at the end" test "$(tr '\n' ' ' <names)" = "x.ybaz aybaz xay.azb q.aybaz "
{ record a 0; record b 0; } >two.ndjson
run evreplay ./two.ndjson --map '*=x' --into -
check_status 2 "two topics do not become one whose offsets come twice"
check_grep "which is said" "--map makes 'x' of topic 'a' and of 'b'" "$err"
record a 9223372036854775806 >last.ndjson
run evreplay ./last.ndjson --into ./last
check_status 5 "an offset that no archive can go on behind is refused"
run evreplay --verify ./last
check_status 0 "and leaves one that can be read"

# What cannot be written is found first.
run evreplay ./orders.ndjson --into there --position no/p.json -b 127.0.0.1:1
check_status 4 "a position in a folder that is not there"
check_grep "is named before a broker is asked" "^evreplay: cannot write 'no/p.json'" "$err"
run evreplay ./orders.ndjson --into there --metrics no/m.prom -b 127.0.0.1:1
check_status 4 "so are metrics"
check_grep "which are named, too" "^evreplay: cannot write 'no/m.prom'" "$err"

run evreplay ./orders.ndjson
check_status 2 "a missing target is a usage error"
run evreplay --into -
check_status 2 "a missing source, too"
run evreplay ./orders.ndjson --into there --exactly-once --job j --txn-time 1m
check_status 2 "a transaction that a broker would end is a usage error"
check_grep "which says how long it may be" "option '--txn-time' takes at most 30s" "$err"
run evreplay --follow --to 3 ./orders.ndjson --into -
check_status 2 "--follow with an end, too"
run evreplay redrive ./orders.ndjson --create
check_no_grep "of a word that is half another nothing is meant" "did you mean" "$err"

# A position file may have any name, to be written and to be read.
evreplay ./orders.ndjson --into - --position here.pos -q >"$out"
for c in "evreplay ./orders.ndjson --into -" "evtail ./orders.ndjson -q -o json"; do
	run $c --from here.pos
	check_status 0 "a position file of any name is read: ${c%% *}"
	check "and nothing is behind it" test ! -s "$out"
	run $c --from there.pos
	check_status 2 "one that is not there is no position: ${c%% *}"
done

# From a file's end on: where that is stands in the position, and the next run has what has come since.
seq 3 >grows.txt
evtail ./grows.txt --lines grown --from begin -o json -q >grows.ndjson
for source in "--lines grown ./grows.txt" ./grows.ndjson; do
	run evreplay $source --from end --into - --position grown.pos
	check_status 0 "from the end of a file nothing is copied: $source"
	check "and the position is behind it" test "$(jq '.grown["0"]' grown.pos)" = 4
done
echo 4 >>grows.txt
run evreplay --lines grown ./grows.txt --from grown.pos --into - --position grown.pos
check "what has come since is" test "$(jq .value "$out")" = 4

# Lines of kcat -J name a broker.
echo '{"topic":"t","partition":0,"offset":3,"tstype":"create","ts":1700000000000,"broker":1,"key":"k","payload":"v"}' >kcat.lines
run evreplay ./kcat.lines --into - -v
check_status 0 "a line of kcat -J is copied"
check_grep "and what of it is not carried is said" "lines of kcat -J: the broker that they name is not carried" "$err"
done_testing
