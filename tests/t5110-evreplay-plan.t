# evreplay says what it would do, and refuses targets that would not keep what they are given.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
. "$TOP/tests/replay.sh"
now=$(date +%s%3N)
topic src 3
put <<END
many $src/0 $((now - 100000)) 40
many $src/1 $((now - 100000)) 30
put $src/2 $now ~ null-key
put $src/2 $now k v a=b
END

topic plain 3
run evreplay "$src" --into "$plain" --dry-run
check_status 0 "a dry run"
check_grep "shows each range, records and bytes" "^$src/0 +0 +40 +40 +[0-9]+ B +20.*Z +20.*Z +$plain" "$out"
check_grep "the target" "^topic $plain: 3 partitions$" "$out"
check_grep "and the sum with an estimate" "^72 records, .* about " "$out"
check "and writes nothing" test "$(evtail "$plain" --from begin -c -q | awk '$1 == "total" { print $2 }')" = 0
run evreplay "$src" --into "$plain" --dry-run --rate 10/s
check_grep "by the rate" "72 records, .* about 7(\.[0-9])?s" "$out"

topic twice 3
run evreplay "$src" --into "$twice"
check_no_grep "an empty topic is filled without a word" "already" "$err"
for plan in -n ''; do
	run evreplay "$src" --into "$twice" $plan
	check_grep "one that has records is said to have them $plan" "warning: topic '$twice' has up to 72 records already" "$err"
done
run evreplay "$src" --into "$twice" --exactly-once --job "twice-$$"
check_grep "and so is it of a job's first run" "already, and none of job 'twice-$$'" "$err"
run evreplay "$src" --into "$twice" --exactly-once --job "twice-$$"
check_no_grep "which its next knows" "already" "$err"

refused() { # refused WORD TEXT ARGS...: refused without --allow WORD, and seen by a dry run
	local word=$1 text=$2
	shift 2
	run evreplay "$src" "$@"
	check_status 2 "$word: refused"
	check_grep "$word: by name" "$text" "$err"
	check_grep "$word: with its override" "hint: --allow $word" "$err"
	run evreplay "$src" "$@" --dry-run
	check_status 1 "$word: a dry run ends with 1"
	check_grep "$word: and lists it" "^conflict: topic .*: $word" "$out"
	run evreplay "$src" "$@" --dry-run --allow "$word"
	check_status 0 "$word: and with --allow with 0"
	check_grep "$word: and lists it all the same" "^allowed: topic .*: $word" "$out"
}
empty() { [ "$(evtail "$1" --from begin -c -q | awk '$1 == "total" { print $2 }')" = 0 ]; }
refused same-topic "it is the topic that is read" --into "$src"
topic one 1
refused fewer-partitions "fewer partitions than the source" --into "$one" --partition keep
check "nothing was written" empty "$one"
run evreplay "$src" --into "$one" --partition keep --allow fewer-partitions
check_status 0 "with --allow it is written"
topic logtime 3 message.timestamp.type=LogAppendTime
refused log-append-time "rewrite the timestamps" --into "$logtime"
run evreplay "$src" --into "$logtime" --allow log-append-time
check_status 0 "--allow log-append-time writes"
topic short 3 retention.ms=50000
refused retention "delete the oldest records at once" --into "$short"
check "nothing was written" empty "$short"
topic bounds 3 message.timestamp.before.max.ms=50000
refused timestamp-bounds "below its message.timestamp.before.max.ms" --into "$bounds"
run evreplay "$src" --into "$bounds"
check_grep "and that --allow only tries, and what helps" "timestamp-bounds tries all the same; --timestamps now" "$err"
run evreplay "$src" --into "$bounds" --allow timestamp-bounds
check_status 4 "what the broker refuses it refuses all the same"
run evreplay "$src" --into "$logtime" --timestamps now
check_status 0 "the time of writing may be rewritten, which it is anyway"

# Records that begin behind the start of the log are not older for that.
topic hollow 1
topic hour 1 retention.ms=3600000
txn_open hollow
txn begin "put $hollow/0 $now a x" abort
txn_leave
printf 'put %s/0 %s b x\n' "$hollow" "$now" | put
run evreplay "$hollow" --into ./hollow
check_status 0 "an archive of a log whose first record was aborted"
run evreplay ./hollow --into "$hour"
check_status 0 "is young enough for an hour"
check_grep "all of it" "1 record, " "$err"

# What cannot be produced as it is has no time that retention could judge.
for ms in 0 -5 null; do
	printf '{"topic":"t","partition":0,"offset":0,"timestamp":%s,"key":"k","headers":[],"value":{}}\n' $ms >timeless.ndjson
	run evreplay ./timeless.ndjson --into "$hour"
	check_status 5 "timestamp $ms is refused as what it is"
	run evreplay ./timeless.ndjson --into "$hour" --lossy
	check_status 0 "and written with the time of writing by --lossy, whatever the retention is"
done
topic compacted 3 cleanup.policy=compact
refused null-keys "it is compacted, and this record has no key" --into "$compacted"
run evreplay "$src" --into "$short" --timestamps now
check_status 0 "new timestamps do away with retention"
run evreplay "$src" --into "$short" --allow everything
check_status 2 "an unknown conflict is a usage error"
printf '{"topic":"t","partition":0,"offset":0,"timestamp":5,"key":"k","headers":[],"value":1}\n' >old.ndjson
run evreplay ./old.ndjson --into "$short"
check_status 2 "a file's old records are refused when they come"
check_grep "by place" "t/0@0: cannot write topic '$short': its retention.ms" "$err"

run evreplay ./old.ndjson --into "$short" --allow retention
check_grep "what is allowed is told at the end" "warning: topic '$short': 1 record is older than its retention.ms, which deletes it" "$err"

# Topics that are made.
topic model 5 retention.ms=7000000 max.message.bytes=500000
put <<END
put $model/4 $now k v
END
run evreplay "$model" --into "made-$$" --create --dry-run
check_grep "a dry run says what it would make" "^topic made-$$: 5 partitions, to be made" "$out"
run evreplay "$model" --into "made-$$" --create --partition keep
check_status 0 "--create makes the topic"
check_grep "and says so" "made topic 'made-$$', 5 partitions" "$err"
check "with the record where it was" test "$(evtail "made-$$/4" -q -o %v)" = v
run evreplay "made-$$" --into "twice-$$" --create
check_status 0 "its settings come along"
evadmin create "a-one-$$" 1
for order in "a-one-$$ made-$$" "made-$$ a-one-$$"; do
	run evreplay $order --into "both-$$" --create --partition keep --dry-run
	check_status 0 "--create for two sources, $order"
	check_grep "has as many partitions as the larger" "^topic both-$$: 5 partitions, to be made" "$out"
done
run evreplay "a-one-$$" "made-$$" --map "*-$$=all-$$" --create --partition keep
check_status 0 "by --map, too"
check_grep "and makes them" "made topic 'all-$$', 5 partitions" "$err"
topic big 1 max.message.bytes=3000000
printf 'put %s/0 %s k %s\n' "$big" "$now" "$(head -c 600000 /dev/urandom | base64 -w 0)" | put
run evreplay "$big" --into "twice-$$"
check_status 4 "also through another copy"

# A file shows how many partitions its topic has when all of it was read, and that is done before it is copied.
for i in {0..4999}; do
	echo '{"topic":"whole","partition":'$((i / 4990 * 2))',"offset":'$i',"timestamp":'"$now"',"key":"k'$((i % 9))'","headers":[],"value":{}}'
done >whole.ndjson
counted() { evtail "$1" --from begin -c -q | awk '$1 == "total" { print $2 }'; }
run evreplay ./whole.ndjson --into "whole-$$" --create
check_status 0 "--create makes a topic for a file of several batches"
check_grep "with the partitions of its last line, too" "made topic 'whole-$$', 3 partitions" "$err"
check "each line is there once" test "$(counted "whole-$$")" = 5000
run evreplay ./whole.ndjson --into "job-$$" --create --exactly-once --job "whole-$$"
check_status 0 "in transactions, too"
check "each line is there once" test "$(counted "job-$$")" = 5000
run evreplay ./whole.ndjson --into "job-$$" --create --exactly-once --job "whole-$$"
check_status 0 "again"
check "there is nothing new" test "$(counted "job-$$")" = 5000
run evreplay ./whole.ndjson --map "*=mapped-$$.\\1" --create
check_status 0 "and by --map"
check "each line is there once" test "$(counted "mapped-$$.whole")" = 5000
run evreplay <(cat whole.ndjson) --into "pipe-$$" --create
check_status 2 "a pipe by a name cannot be read twice"
check_grep "which is said" "pipe is read only once" "$err"

# A plan looks at each record as of when the pace would have it written.
topic ahead 1 message.timestamp.after.max.ms=3600000
for i in 0 2; do
	echo '{"topic":"p","partition":0,"offset":'$i',"timestamp":'$((1700000000000 + i * 3600000))',"key":"k","headers":[],"value":{}}'
done >hours.ndjson
run evreplay ./hours.ndjson --into "$ahead" --timestamps shift --speed 1x --dry-run
check_status 0 "at its own pace no record is ahead of the clock"
check_grep "and takes as long" "^2 records, .* about 2h" "$out"
run evreplay ./hours.ndjson --into "$ahead" --timestamps shift --speed 1x --max-idle 2m --dry-run
check_status 1 "where a silence is cut short one is"
check_grep "which is named" "^conflict: topic $ahead: timestamp-bounds \(1 record\)" "$out"
check_grep "and so is the plan's time" "^2 records, .* about (2m|1[0-9][0-9]s)" "$out"

echo '{"topic":"p","partition":2147483647,"offset":0,"timestamp":'"$now"',"key":"k","headers":[],"value":{}}' >wide.ndjson
run evreplay ./wide.ndjson --into "far-$$" --create
check_status 2 "a partition that no topic has"
check_grep "is named" "as its partition 2147483647 wants" "$err"

for ((i = 0; i <= 65536; i++)); do
	echo '{"topic":"p","partition":'$i',"offset":0,"timestamp":'"$now"',"key":"k","headers":[],"value":{}}'
done >many.ndjson
run evreplay ./many.ndjson --into "$plain"
check_status 5 "more partitions than can be told apart"
check_grep "are refused" "p/65536@0: more than 65536 partitions are not copied at once" "$err"

# What cannot be produced is seen before.
topic odd 1 message.timestamp.type=LogAppendTime
put <<END
put $odd/0 $now k v
END
run evreplay "$odd" --into "$plain" --dry-run
check_status 1 "a dry run finds what cannot be produced"
check_grep "and says why" "^conflict: 1 record cannot be produced as it is .*LogAppendTime" "$out"
# a job shows where it stands, without fencing off the copy that is at work
topic jobsrc 1
topic jobdst 1
printf 'put %s/0 %d k v\n' "$jobsrc" 1000 "$jobsrc" 1001 "$jobsrc" 1002 | put
timeout --foreground 60 evreplay "$jobsrc" -f --into "$jobdst" --allow retention --exactly-once --job "peek-$$" --txn-time 200ms 2>"$err" &
copy=$!
holds() { [ "$(evtail "$jobdst" -c -q | awk '$1 == "total" { print $2 }')" = "$1" ]; }
check "a job follows" wait_for 60 holds 3
run evreplay "$jobsrc" --into "$jobdst" --allow retention --exactly-once --job "peek-$$" --dry-run
check_status 0 "a dry run beside it"
check_grep "says that the job goes on" "job 'peek-$$' goes on where it stood" "$err"
check_grep "and finds nothing more to do" '^0 records' "$out"
printf 'put %s/0 %d k v\n' "$jobsrc" 1003 | put
check "the job itself goes on" wait_for 60 holds 4
pkill -TERM -P $copy
wait $copy
run evreplay "$jobsrc" --into "$jobdst" --allow retention --exactly-once --job "peek-$$" --from begin
check_grep "a job that is run again says that --from is not where it begins" 'where it stood, not at --from' "$err"
check "and doubles nothing" holds 4
run evreplay "$jobsrc" --into "$jobdst" --allow retention --exactly-once --job "unknown-$$" --dry-run
check_grep "a job that has not begun would copy all" '^4 records' "$out"

# Stopped in the middle: said, with where it goes on.
topic slow 1
evreplay "$jobsrc" --into "$slow" --allow retention --exactly-once --job "slow-$$" --txn-time 200ms --rate 1/m 2>"$err" &
copy=$!
arrived() { [ "$(evtail "$slow" -c -q | awk '$1 == "total" { print $2 }')" = 1 ]; }
check "a slow copy has begun" wait_for 60 arrived
kill -TERM $copy
wait $copy
check "a signal ends it with 128 and its number" test $? = 143
check_grep "it says that it was stopped, and where it goes on" \
	"stopped after 1 record, .* into '$slow' in .*; job 'slow-$$' goes on there" "$err"

# The next step that a message names is one.
run evtail "$jobsrc" -q
cp "$out" lines
run evreplay - --into "missing-$$" <lines
check_status 4 "a pipe into a topic that is not there"
check_grep "is not sent to --create" "hint: make it first; or write the lines to a file" "$err"
run evreplay - --into "missing-$$" --create <lines
check_status 2 "which cannot make one like a pipe"
check_grep "and says why" "cannot make topic 'missing-$$': standard input does not say how many partitions" "$err"
for source in ./lines "$jobsrc"; do
	run evreplay "$source" --into "missing-$$" --dry-run
	check_status 1 "a plan of $source goes on behind it"
	check_grep "and has it against it" "^conflict: topic missing-$$: it is not there, or may not be seen; --create makes it" "$out"
	check_grep "and counts what would go there" "^4 records" "$out"
done
run evreplay - --into "missing-$$" --dry-run --partition keep <lines
check_status 1 "of a pipe, too"
check_grep "which --create cannot help" "not be seen; make it first; or write the lines to a file" "$out"
run evreplay ./lines --into "missing-$$"
check_grep "a file into a topic that is not there" "hint: --create makes it .*; an archive's folder would be ./missing-$$" "$err"
run evreplay "$jobsrc" --into "$short" --exactly-once --job "na-one-$$"
check_status 2 "what is refused before the first record"
check_no_grep "says nothing of where it is safe" "safe up to" "$err"

done_testing
