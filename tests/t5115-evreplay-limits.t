# What a target keeps is asked of its own cluster and by the clock at each record, of those that are copied.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
there=$(KAFKA_CONF=$'log.retention.ms=3600000\nlog.message.timestamp.after.max.ms=3600000' "$kafka" start "$T/there" 2>/dev/null)
at_exit '"$kafka" kill "$T/there"'
check "another cluster starts, that keeps an hour" test -n "$there"
count() { evtail "$@" --from begin -c -q 2>/dev/null | awk '$1 == "total" { print $2 }'; }
ms() { date +%s%3N; }

# A topic that is made has its own settings, and else those of the cluster where it is made.
topic old 2
topic kept 2 retention.ms=-1
for t in "$old" "$kept"; do printf 'put %s/%d 1732190400000 k v\n' "$t" 0 "$t" 1; done | put
run evreplay "$old" --into old --into-broker "$there" --create --dry-run
check_status 1 "a plan knows the defaults of the target's cluster"
check_grep "and what they would do" "^conflict: topic old: retention \(2 records\)" "$out"
run evreplay "$old" --into old --into-broker "$there" --create
check_status 2 "they are heeded before a topic is made"
check_grep "and named" "cannot write topic 'old': its retention.ms would delete" "$err"
run evtail -b "$there" old -n 1
check_status 3 "none is made"
run evreplay "$kept" --into kept --into-broker "$there" --create
check_status 0 "what the source's topic has for itself goes with it"
check "and keeps the records" test "$(count -b "$there" kept)" = 2

# A group's offsets are those of the run's topics: of what the job has read besides the cluster has no topic.
topic both 1
topic alone 1
for t in "$both" "$alone"; do printf 'put %s/0 %s k v\n' "$t" "$(ms)"; done | put
to_there() { run evreplay "$@" --into-broker "$there" --exactly-once --job "group-$$"; }
to_there "$both" "$alone" --map "$alone=there" --create
check_status 0 "a job of two topics, one of which has another name there"
printf 'put %s/0 %s k v\n' "$both" "$(ms)" | put
to_there "$both" --group "group-$$"
check_status 0 "goes on with one, and a group"
check "which gets its offset" test "$(EV_BROKERS=$there evadmin committed "group-$$" "$both/0")" = 2

# What is too large for a target is seen before it ends the run.
topic small 1 max.message.bytes=2000
{
	printf '{"topic":"t","partition":0,"offset":0,"timestamp":%s,"key":"k","headers":[],"text":"%s"}\n' \
		"$(ms)" "$(head -c 1200 /dev/urandom | base64 -w 0)" "$(ms)" "$(head -c 1500 /dev/urandom | base64 -w 0)"
} | sed '2s/"offset":0/"offset":1/' >large.ndjson
run evreplay ./large.ndjson --into "$small" --dry-run
check_status 1 "a plan finds a record that is too large for the topic"
check_grep "and says which that is" "^conflict: topic $small: 1 record is above its max.message.bytes, 2000 \(the largest: 2001\)" "$out"
run evreplay ./large.ndjson --into "$small"
check_status 4 "the run ends at it"

# The limits go with the clock, however long a copy lasts.
topic coming 1 message.timestamp.after.max.ms=1000
run evreplay "$old" --into "$coming" --timestamps shift --start-at $(($(ms) + 20000))
check_status 0 "a copy that begins later than a target takes now"
topic minute 1 retention.ms=60000
run evreplay "$old" --into "$minute" --timestamps now --start-at $(($(ms) + 600000)) --dry-run
check_status 0 "a plan of one knows at which time it would write"
topic news 1
timeout --foreground 300 evreplay "$news" -f --into "$coming" --timestamps now 2>"$err" &
copy=$!
printf 'put %s/0 1732190400000 k v\n' "$news" | put
arrived() { [ "$(count "$coming")" = "$1" ]; }
check "another one follows" wait_for 60 arrived 3
later=$(($(ms) + 3000))
over() { [ "$(ms)" -gt $later ]; }
wait_for 60 over
printf 'put %s/0 1732190400000 k v\n' "$news" | put
check "and goes on past what was the limit when it began" wait_for 60 arrived 4
kill -TERM $copy
wait $copy
check "to its end" test $? = 0

# Of records that are left out nothing is asked, neither by the plan nor by the run.
topic mixed 1
topic hour 1 retention.ms=3600000
printf 'put %s/0 %s %s v\n' "$mixed" 1732190400000 late "$mixed" "$(ms)" new | put
run evreplay "$mixed" --into "$hour"
check_status 2 "records that are too old are refused"
for filter in '--key new' '--since -30m'; do
	run evreplay "$mixed" --into "$hour" $filter --dry-run
	check_status 0 "$filter: a plan finds nothing against it"
	run evreplay "$mixed" --into "$hour" $filter
	check_status 0 "$filter: and the run agrees"
done
check "each has copied the new one" test "$(count "$hour")" = 2
done_testing
