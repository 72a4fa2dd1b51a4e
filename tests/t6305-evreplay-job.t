# An exactly-once job goes on only where it would go on with the same copy: the same source, target
# and options; and a target that is made anew under a copy is noticed.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
topic a 2
topic b 1
topic t 2
topic other 2
put <<END
many $a/0 1732190400000 20
many $a/1 1732190400000 20
many $b/0 1732190400000 10
END
job() { evreplay "$1" --into "${into:-$t}" --exactly-once --job "job-$$" "${@:2}"; }
total() { evtail "$1" --from begin -c -q 2>/dev/null | awk '$1 == "total" { print $2 }'; }
run job "$a"
check_status 0 "a job copies a topic"
into=$other run job "$a"
check_status 2 "into another topic it does not go on"
check_grep "and says why" "has copied '$a' into topic '$t', not into '$other'" "$err"
check "nothing was written there" test "$(total "$other")" = 0
into=$other run job "$a" --dry-run
check_status 2 "a dry run says the same"
run job "$a" --key 'k1*'
check_status 2 "with another filter it does not go on"
check_grep "and says so, once by whom" "^evreplay: job 'job-$$' was run without '--key k1\*'" "$err"
run job "$a" --partition keep
check_status 2 "nor with another spread"
run job "$b"
check_status 0 "another topic into the same one"
run job "$a"
check_status 0 "and the first one again"
check "each record is there once" test "$(total "$t")" = 50

# By another name it would begin anew.
run job "$a" --job "slip-$$"
check_status 2 "another job does not copy the same into the same topic"
check_grep "and says whose that is" "topic '$t': job 'job-$$' has copied topic '$a' into it already" "$err"
check_grep "and what goes on, or does so all the same" "hint: --allow other-job .* --job with that name" "$err"
check "nothing was doubled" test "$(total "$t")" = 50
run job "$a" --job "slip-$$" --dry-run
check_status 1 "a plan has it against it"
check_grep "by name" "^conflict: topic $t: other-job \(job 'job-$$' has" "$out"
run job "$a" --job "slip-$$" --new-job --dry-run
check_status 1 "also of a job that begins anew"
for how in '--partition keep' '--timestamps now' '--until 2099-01-01T00:00:00Z' '--key k1'; do
	run job "$a" --job "slip-$$" $how --dry-run
	check_status 1 "what goes elsewhere or is changed, and a part of it, is the same: $how"
	check_grep "which is said" "^conflict: topic $t: other-job" "$out"
done
run job "$a" --job "slip-$$" --partition keep
check_status 2 "it is refused"
pipe() { evtail "$a" -q --from "${from:-begin}" -o json | job - --job "slip-$$" "$@"; }
run pipe
check_status 2 "so is what comes by a pipe"
check_grep "by the same words" "topic '$t': job 'job-$$' has copied topic '$a' into it already" "$err"
run pipe -n
check_status 1 "a plan of it has it against it"
from=19 run pipe
check_status 2 "also where it begins later"
printf '{"topic":"%s","partition":0,"offset":0,"timestamp":1732190400000,"key":"n","headers":[],"value":{}}\n' "$a" >one
evtail "$a" -q --from begin --to 3 -o json >three
run job ./three --job "slip-$$"
check_status 2 "and what comes by a file"
check "nothing was doubled by all these" test "$(total "$t")" = 50
topic chosen 1
into=$chosen run job "$a" --job "k1-$$" --key k1
check_status 0 "a job by a filter"
into=$chosen run job "$a" --job "k2-$$" --key k2
check_status 0 "other records by a filter are not the same"
check_grep "but may be, which is said" "warning: topic '$chosen': job 'k1-$$' has copied topic '$a' into it already, by filters of its own" "$err"
check_no_grep "in one line" "has up to" "$err"
into=$chosen run job "$a" --job "k3-$$"
check_status 2 "all are"
into=$chosen run job ./one --job "one-$$"
check_status 2 "what may be of the same log is taken for it"
topic logs 1
for i in 1 2; do
	sed "s/\"n\"/\"$i\"/" one >"one$i"
	into=$logs run job "./one$i" --job "one$i-$$"
	check_status 0 "another file, by its first record, is none: $i"
done
into=$logs run job ./one2 --job "one3-$$"
check_status 2 "the same one is"
check "each is there once" test "$(total "$logs")" = 2

# A copy that is no job is told of what is there, unless it goes on by its position.
run evreplay "$a" --into "$chosen" --from -1 --to end -n
check_status 0 "a plain copy into what others have filled"
check_grep "is told, wherever it begins" "warning: topic '$chosen' has up to [0-9]+ records already" "$err"
echo "{\"$a\":{\"0\":20,\"1\":20}}" >pos.json
run evreplay "$a" --into "$chosen" --from pos.json -n
check_no_grep "but not where it goes on" warning "$err"
into=$other run job "$a" --job "slip-$$" --dry-run
check_status 0 "nor is another target"
topic c 1
printf 'many %s/0 1732190400000 10\n' "$c" | put
job "$c" 2>/dev/null
printf 'many %s/0 1732190400000 10\n' "$c" | put
run job "$c" --job "tail-$$" --from 10
check_status 0 "nor what the other has not copied yet"
check "which is there once" test "$(total "$t")" = 70
run job "$c" --job "slip-$$" --allow other-job
check_status 0 "--allow copies it again"
check "all of it" test "$(total "$t")" = 90
run job "$c" --job "slip-$$"
check_status 0 "and goes on without being told again"
check "each once" test "$(total "$t")" = 90

# A file is read from its beginning: what was copied is passed over.
topic lines 1
for i in 1 2 3 4 5; do echo '{"topic":"x","partition":0,"offset":'$i',"timestamp":1,"key":"k","headers":[],"value":{}}'; done >five
head -n 3 five >three
of_file() { evreplay "$1" --into "$lines" --exactly-once --job "file-$$" "${@:2}"; }
of_file ./three 2>/dev/null
run of_file ./five
check_status 0 "a job of a file goes on"
check_grep "and says what it passed over" "^evreplay: 3 records that the job had copied before" "$err"
run of_file ./three
check_status 0 "a file that is shorter has nothing new"
run of_file - <five
check_status 0 "nor has standard input"
check "each line was copied once" test "$(total "$lines")" = 5
run of_file ./three
check_grep "which is said of the shorter one" "x/0: the source ends at offset 4, job 'file-$$' stands at 6: nothing of it is copied" "$err"
sed '$s/"k"/"other"/' five >another
run of_file ./another
check_status 5 "another file is told by the record where the job stands"
check_grep "which is named" "x/0 is not what job 'file-$$' has copied: another record stands at offset 5" "$err"
head -n 3 five | sed 's/"k"/"other"/' >shorter
run of_file ./shorter
check_status 5 "so is one that is shorter, by the first record that the job has read"
check_grep "which is named, too" "x/0 is not what job 'file-$$' has copied: another record stands at offset 1" "$err"
run of_file ./shorter --dry-run
check_status 5 "and by a plan"

# A file that begins behind the job's place: what lies between would be in no run.
for i in 8 9; do echo '{"topic":"x","partition":0,"offset":'$i',"timestamp":1,"key":"k","headers":[],"value":{}}'; done >later
for plan in --dry-run ''; do
	run of_file - $plan <later
	check_status 5 "a pipe that begins behind the job's place is refused $plan"
	check_grep "with what is lost" "x/0: offsets 6..7 are lost: job 'file-$$' stands at 6, the source begins at 8" "$err"
	check_grep "and what shows that nothing is" "^hint: .* with offset 5, .* only holes .*--accept-gap" "$err"
done
run of_file ./later --since 1970-01-02T00:00:00Z --job "since-$$" --accept-gap
check_status 0 "a job that has read nothing yet begins anywhere"
check "nothing of it was copied" test "$(total "$lines")" = 5
for i in 12 13; do echo '{"topic":"x","partition":0,"offset":'$i',"timestamp":1,"key":"k","headers":[],"value":{}}'; done >behind
run of_file ./behind --since 1970-01-02T00:00:00Z --job "since-$$"
check_status 5 "what --since has left out it has read"
check_grep "so what lies between is lost" "x/0: offsets 10..11 are lost: job 'since-$$' stands at 10, the source begins at 12" "$err"
# A slow job commits in the middle of what it has read at once, and knows by then which record was the last.
for ((i = 0; i < 400; i++)); do
	echo '{"topic":"x","partition":0,"offset":'$i',"timestamp":1,"key":"k'$i'","headers":[],"value":{}}'
done >long
topic paced 1
slowly() { run evreplay "$1" --into "$paced" --exactly-once --job "paced-$$" --rate "$2"; }
timeout --foreground 300 evreplay ./long --into "$paced" --exactly-once --job "paced-$$" --rate 5/s --txn-time 100ms \
	2>paced.err &
slow=$!
check "a paced job commits while the most is still to come" wait_for 60 eval '[ "$(total "$paced")" -ge 3 ]'
kill -TERM $slow
wait $slow
tail -n 10 long >last-ten
slowly ./last-ten 1000/s
check_status 5 "one that goes on behind its place is refused"
check_grep "with what is lost" "x/0: offsets [0-9]*..389 are lost: job 'paced-$$' stands at" "$err"
{ cat five; head -n 1 later; } >holes
run of_file ./holes
check_status 0 "with the last record that was copied it is a hole"
check "and what is behind is copied" test "$(total "$lines")" = 6
sed 's/"offset":8/"offset":12/;s/"offset":9/"offset":13/' later >latest
run of_file ./latest --accept-gap
check_status 0 "--accept-gap goes on all the same"
check_grep "and says what is in no run" "warning: x/0: offsets 9..11 are in no run of job 'file-$$'" "$err"
check "it copies what is there" test "$(total "$lines")" = 8
run of_file ./latest --accept-gap
check_no_grep "once" warning "$err"
run job "$a" --accept-gap
check_status 2 "of a topic it says nothing"
# What --since leaves out is passed as well.
topic old 1
sed 's/"timestamp":1/"timestamp":9000/' five >new
since() { evreplay "$1" --into "$old" --exactly-once --job "old-$$" --since 1970-01-01T00:00:05Z --allow retention; }
run since ./new
check_status 0 "a job by --since"
run since ./latest
check_status 5 "what it leaves out is not all behind a gap"

# Lines of a log that is begun anew each night: numbers, by which nothing can be told apart.
topic nightly 1
of_lines() { evreplay "$1" --lines l --into "$nightly" --exactly-once --job "lines-$$" "${@:2}"; }
printf '%s\n' head a b c >monday
run of_lines ./monday --lossy --allow retention
check_status 0 "a job of lines"
printf '%s\n' tuesday d >tuesday
run of_lines ./tuesday --lossy --allow retention
check_status 5 "another file of lines is refused, though it is shorter"
check_grep "by its first line" "l/0 is not what job 'lines-$$' has copied: another record stands at offset 1" "$err"
printf '%s\n' head e >wednesday
run of_lines ./wednesday --lossy --allow retention
check_status 5 "also where the first line is the same"
check_grep "by how many there are" "the source ends at line 2, job 'lines-$$' has copied 4" "$err"
check "nothing of them was copied" test "$(total "$nightly")" = 4
echo f >>monday
run of_lines ./monday --lossy --allow retention
check_status 0 "the file that has grown goes on"
check "with what is new" test "$(total "$nightly")" = 5
run evreplay ./five --into "$other" --exactly-once --job "file-$$"
check_status 2 "into another topic it does not go on"
check_grep "and says why" "has copied 'x' into topic '$lines', not into '$other'" "$err"
run evreplay ./five --into "$other" --exactly-once --job "file-$$" --dry-run
check_status 2 "a dry run says the same"
evadmin create "mapped-$$" 1
by_map() { evreplay ./five --map "x=mapped-$$" --exactly-once --job "map-$$"; }
run by_map
check_status 0 "a job of a file by --map"
evadmin delete "mapped-$$"
evadmin create "mapped-$$" 1
run by_map
check_status 5 "it notices that its target was made anew"
check_grep "by its end" "has written 'mapped-$$/0' up to offset 5, and now it ends at 0" "$err"

# What chooses and changes records stays: other keys, other envelopes, and times that move are another copy.
printf 'a key of more than 16 bytes\n' >key
printf 'another key of more bytes\n' >key2
changed() { evreplay ./five --into "$lines" --exactly-once --job "changed-$$" --hash '$.a' --allow other-job "$@" 2>"$err"; status=$?; }
changed --key-file key
check_status 0 "a job with a key"
check_no_grep "whose bytes are not in its token" "a key of" <(evtail __evreplay_jobs --from begin -o %v -q)
changed --key-file key2
check_status 2 "goes on with no other"
changed --key-file key --redact-other drop
check_status 2 "nor with another way with what is no JSON"
run of_file ./five --job "type-$$" --type 'a*' --envelope 'type=$.t' --allow other-job
check_status 0 "a job of some types"
run of_file ./five --job "type-$$" --type 'a*' --envelope 'type=$.kind'
check_status 2 "does not go on by another envelope"
for bound in '--since -90m' '--since today' '--until -1h'; do
	run of_file ./five --job "time-$$" $bound
	check_status 2 "$bound is another time in the next run"
	check_grep "so one is named that stays" "^hint: now it is 20.*Z: give that, in every run" "$err"
done
run of_file ./five --job "time-$$" --since 1970-01-01T00:00:00Z --allow other-job
check_status 0 "a time that stays is none"
run of_file ./five --job "time-$$" --since 1970-01-01T01:00+01:00
check_status 0 "however it is spelled"

# The source has lost what the job has not copied.
topic losing 1
topic kept 1
printf 'many %s/0 1732190400000 10\n' "$losing" | put
evreplay "$losing" --into ./losing -q
into=$kept run job "$losing" --job "losing-$$"
printf 'many %s/0 1732190400000 10\n' "$losing" | put
evadmin trim "$losing/0" 15
into=$kept run job "$losing" --job "losing-$$"
check_status 5 "a job does not pass over what is lost"
check_grep "which is named" "offsets 10..14 are lost" "$err"
check_grep "with what can be done" "^hint: --new-job copies what the topic still has" "$err"
run evreplay "$losing" --into ./losing --append
check_status 5 "nor does an archive"
check_grep "which is begun anew" "^hint: .* goes into another one" "$err"

# The source is another one by the same name.
evadmin delete "$a"
evadmin create "$a" 2
put <<END
many $a/0 1732190500000 40
many $a/1 1732190500000 40
END
run job "$a"
check_status 5 "a source that was made anew is refused"
check_grep "by its last record" "$a/0 is not the log that job 'job-$$' has copied: another record stands at offset 19" "$err"
run job "$a" --new-job
check_status 0 "a new job copies it"

topic shrunk 2
topic grown 2
printf 'many %s/1 1732190400000 3\n' "$shrunk" | put
into=$grown run job "$shrunk"
evadmin delete "$shrunk"
evadmin create "$shrunk" 1
printf 'many %s/0 1732190400000 4\n' "$shrunk" | put
into=$grown run job "$shrunk"
check_status 5 "so is one that was made anew with fewer partitions"
check_grep "by the one that it lacks" "job 'job-$$' has copied $shrunk/1, and the topic has no such partition" "$err"
into=$grown run job "$shrunk/0" --job "half-$$"
check_status 0 "a job of some partitions knows no others"

# A job that begins anew has done so at once, though it was killed before it had committed a record.
topic five 1
topic again 1
printf 'many %s/0 1732190400000 5\n' "$five" | put
into=$again run job "$five" --job "anew2-$$" --offset-map anew.map
tokens() { evtail __evreplay_jobs --from begin -q -o %k 2>/dev/null | grep -cx "anew2-$$"; }
had=$(tokens)
evreplay "$five" --into "$again" --exactly-once --job "anew2-$$" --new-job --rate 0.01/m --txn-time 30s --offset-map anew.map 2>/dev/null &
copy=$!
claimed() { [ "$(tokens)" -gt "$had" ]; }
check "a new job is stored before its first record" wait_for 60 claimed
kill -9 $copy
wait $copy 2>/dev/null
into=$again run job "$five" --job "anew2-$$" --offset-map anew.map
check_status 0 "the next run goes on with that"
check "and copies everything again" test "$(total "$again")" = 10
check "as its map tells" test "$(jq -s '[.[] | select(.count) | .into_offset] | max' anew.map)" -gt 5

# A group that consumers read by is not moved under them.
topic led 1
kcat -b "$EV_BROKERS" -G "busy-$$" "$five" -X auto.offset.reset=earliest >/dev/null 2>&1 &
busy=$!
joined() { [ "$(evadmin committed "busy-$$" "$five/0")" -ge 0 ]; }
check "a group reads" wait_for 60 joined
into=$led run job "$five" --job "led-$$" --group "busy-$$"
check_status 6 "a job does not commit to it"
check_grep "which is said" "consumer group 'busy-$$' has 1 member" "$err"
kill $busy
wait $busy 2>/dev/null

# The target has grown: the same key goes elsewhere.
topic wide 1
put <<END
many $wide/0 1732190400000 6
END
topic grows 1
into=$grows run job "$wide" --job "grows-$$"
evadmin grow "$grows" 3
into=$grows run job "$wide" --job "grows-$$"
check_status 2 "a job does not spread keys anew, though nothing is new"
check_grep "and says how" "cannot write topic '$grows': it has 3 partitions now, and had 1 when the job wrote to it" "$err"
check_grep "with the way on" "hint: --allow other-partitions does so all the same" "$err"
into=$grows run job "$wide" --job "grows-$$" -n
check_status 1 "a plan has it against it"
check_grep "by its word" "^conflict: topic $grows: other-partitions;" "$out"
printf 'many %s/0 1732190400000 6\n' "$wide" | put
into=$grows run job "$wide" --job "grows-$$" --allow other-partitions
check_status 0 "unless it is allowed"
into=$grows run job "$wide" --job "grows-$$"
check_status 0 "once"
check "and goes on" test "$(total "$grows")" = 12
topic fixed 1
into=$fixed run job "$wide" --job "fixed-$$" --partition 0=0
evadmin grow "$fixed" 2
into=$fixed run job "$wide" --job "fixed-$$" --partition 0=0
check_status 0 "partitions that are named are not spread"
topic pair 2
topic kept2 1
printf 'many %s/%s 1732190400000 3\n' "$pair" 0 "$pair" 1 | put
into=$kept2 run job "$pair" --job "kept-$$" --partition keep --allow fewer-partitions
check_status 0 "partitions that are kept, modulo"
evadmin grow "$kept2" 2
into=$kept2 run job "$pair" --job "kept-$$" --partition keep --allow fewer-partitions
check_status 2 "go elsewhere in a topic that has grown"

# A file shows its topics late: the second one takes small batches only, and the job goes on with such.
for new in '' --new-job; do
	topic roomy 1
	topic crumbs 1 max.message.bytes=2000
	for i in {1..40}; do
		[ "$i" -gt 3 ] && of=b || of=a
		printf '{"topic":"%s","partition":0,"offset":%s,"timestamp":1732190400000,"key":"k%s","headers":[],"text":"%s"}\n' \
			$of "$i" "$i" "$(head -c 420 /dev/urandom | base64 -w 0)"
	done >late.ndjson
	late() { evreplay ./late.ndjson --map "a=$roomy" --map "b=$crumbs" --allow retention \
		--exactly-once --job "late$new-$$" "$@"; }
	run late $new
	check_status 0 "batches fit a topic that a job meets under way $new"
	check_grep "and all are counted" "40 records, " "$err"
	check "each record is there once" test "$(evtail "$crumbs" --from begin -q -o %k | sort -u | wc -l)/$(total "$crumbs")" = 37/37
	check "of the other, too" test "$(evtail "$roomy" --from begin -q -o %k | tr '\n' ' ')" = "k1 k2 k3 "
	run late
	check_status 0 "the job goes on behind both"
	check_grep "with nothing new" "^evreplay: nothing new: 0 records" "$err"
done

# The target is.
topic once 1
into=$once run job "$b" --new-job
evadmin delete "$once"
evadmin create "$once" 1
into=$once run job "$b"
check_status 5 "a target that was made anew is refused"
check_grep "by its end" "has written '$once/0' up to offset 10, and now it ends at 0" "$err"
into=$once run job "$b" --dry-run
check_status 5 "by a plan, too"
check_grep "in the same words" "has written '$once/0' up to offset 10, and now it ends at 0" "$err"
into=$once run job "$b" --job "anew-$$" --dry-run
check_status 0 "another job finds nothing of that one in it"
into=$once run job "$b" --new-job
check_status 0 "a new job fills it"
check "with everything" test "$(total "$once")" = 10

# It has grown past its old end: where a record of the job stood is another one.
evadmin delete "$once"
evadmin create "$once" 1
put <<END
many $once/0 1732190500000 40
END
into=$once run job "$b"
check_status 5 "a target that was made anew and has grown is refused"
check_grep "by a record" "has written a record at offset 0 of '$once/0', and now another one stands there" "$err"
check "nothing was added" test "$(total "$once")" = 40
into=$once run job "$b" --new-job
check_status 0 "a new job copies into it"
into=$once run job "$b"
check_status 0 "and goes on"
evadmin trim "$once/0" 51
into=$once run job "$b"
check_status 0 "also where its records are deleted by now"
# Its time is part of a record, also where the topic sets it.
topic stamped 1 message.timestamp.type=LogAppendTime
for i in 1 2; do
	into=$stamped run job "$a" --job "stamped-$$" --allow log-append-time
	check_status 0 "a job into a topic that sets the time, run $i"
done

# It is gone.
evadmin delete "$once"
into=$once run job "$b"
check_status 4 "a target that is gone is not made without being asked"
check_grep "and how it is" "hint: --create makes it .* if job 'job-$$' has written it before, --new-job, too" "$err"
into=$once run job "$b" --create
check_status 5 "made anew it would lack what was there"
check_grep "which is said" "job 'job-$$' has written topic '$once', and now it is not there" "$err"
check_grep "with the next step" "hint: .* --new-job --create" "$err"
into=$once run job "$b" --create --new-job
check_status 0 "that makes it"
check "with everything" test "$(total "$once")" = 10

# It goes while it is written.
vanish() { # vanish ARGS...: a copy that follows, whose target is deleted
	topic going 1
	topic fresh 1
	timeout --foreground 100 evreplay "$fresh" --into "$going" -f "$@" 2>"$err" &
	copy=$!
	put <<-END
	many $fresh/0 1732190400000 100
	END
	arrived() { [ "$(total "$going")" = 100 ]; }
	check "a copy is under way" wait_for 60 arrived
	evadmin delete "$going"
	put <<-END
	many $fresh/0 1732190400000 50
	END
	wait $copy
	status=$?
	check_status 4 "a target that is deleted ends it with 4"
	check_grep "and is named" "cannot write .*to '$going.*: the topic is not there any more" "$err"
	check_grep "with the next step" "hint: where it was deleted, .*--create" "$err"
}
vanish
vanish --exactly-once --job "vanish-$$" --txn-time 100ms

# It is made again under a copy that follows, and others fill it past where the job stood.
topic remade 1
topic feed 1
printf 'many %s/0 1732190400000 3\n' "$feed" | put
timeout --foreground 300 evreplay "$feed" --into "$remade" -f --exactly-once --job "remade-$$" --txn-time 100ms 2>"$err" &
copy=$!
arrived() { [ "$(total "$remade")" = "$n" ]; }
n=3
check "a job follows" wait_for 60 arrived
evadmin delete "$remade"
evadmin create "$remade" 1
printf 'many %s/0 1732190500000 40\n' "$remade" | put
for n in 41 42; do
	gone_on() { arrived || ! kill -0 $copy 2>/dev/null; }
	printf 'many %s/0 1732190400000 1\n' "$feed" | put
	check "the topic is made again under it" wait_for 60 gone_on
done
wait $copy
status=$?
check_status 5 "and that ends it in the next transaction at the latest"
check_grep "by what it wrote before" "job 'remade-$$' has written a record at offset 0 of '$remade/0', and now another" "$err"

# It is made anew while it is written.
under() { # under ARGS...: a copy that follows, whose target is made anew
	topic moving 1
	topic from 1
	timeout --foreground 100 evreplay "$from" --into "$moving" -f --position "$moving.json" "$@" 2>"$err" &
	copy=$!
	put <<-END
	many $from/0 1732190400000 100
	END
	there() { [ "$(total "$moving")" = 100 ]; }
	check "a copy is under way" wait_for 60 there
	evadmin delete "$moving"
	evadmin create "$moving" 1
	put <<-END
	many $from/0 1732190400000 50
	END
	wait $copy
	status=$?
	check_status 4 "a target that is made anew ends it with 4"
	check "and nothing counts as copied" test "$(jq ".[\"$from\"][\"0\"]" "$moving.json")" = 0
}
under
under --exactly-once --job "moving-$$" --txn-time 100ms

# A topic of tokens that somebody has made with more partitions: ours stand in the first, whatever is in the others.
own_broker
evadmin create __evreplay_jobs 3 cleanup.policy=compact
topic wide 2
topic into 2
put <<END
many $wide/0 1732190400000 20
put __evreplay_jobs/1 9 wide-$$ x
put __evreplay_jobs/2 9 wide-$$ x
END
for all in 20 20 30; do
	[ $all = 20 ] || printf 'many %s/1 1732190400000 10\n' "$wide" | put
	run job "$wide" --job "wide-$$"
	check_status 0 "a job whose topic of tokens has three partitions"
	check "copies each record once" test "$(total "$into")" = $all
done
run job "$wide" --job "wide-$$" --dry-run
check_grep "and a dry run of it finds nothing more" '^0 records' "$out"

# The records that it is known by are taken with their headers, in the source and in the target.
topic traced 2
topic traces 2
put <<END
put $traced/0 - a v trace=1 flag
put $traced/1 - b v trace=2
END
for all in 2 2; do
	into=$traces run job "$traced" --partition keep --job "traced-$$"
	check_status 0 "a job goes on behind records with headers"
	check "that are there once" test "$(total "$traces")" = $all
done

# Another job was killed at its commit.
txn_open other
txn begin 'put __evreplay_jobs/0 - other x' flush
evreplay "$wide" --into "$into" --exactly-once --job "wide-$$" 2>waits.err &
waits=$!
check "a job that waits for another's transaction says so" wait_for 60 grep -q \
	"warning: job 'wide-$$' waits for a transaction of another job, .* 120 s at most\$" waits.err
txn commit
txn_leave
wait $waits
status=$?
check_status 0 "and goes on when that has ended"
check "copying nothing twice" test "$(total "$into")" = 30

# Its tokens were deleted by hand: one target that it has written is enough to know that.
evadmin create one 1
evadmin create two 1
printf 'many %s/0 1732190400000 10\n' one two | put
run evreplay one two --into ./kept -q
restore() { evreplay ./kept --map '*=again.\1' --create --exactly-once --job "restore-$$" "$@"; }
run restore
check_status 0 "a restore of two topics"
evadmin delete __evreplay_jobs
evadmin delete again.one
for n in --dry-run ''; do
	run restore $n
	check_status 5 "without its tokens it is refused ${n:-when it runs}"
	check_grep "by the topic that is there still" "has written topic 'again.two' before, but its token" "$err"
done
run evtail again.one
check_status 3 "and nothing was made"

# What the token keeps of the options may be any bytes.
topic bytes 1
topic kept 1
put <<END
put $bytes/0 1000 a 1
END
for n in 1 2; do
	run evreplay "$bytes" --into "$kept" --exactly-once --job "bytes-$$" --key $'a\xff' --key a --allow retention
	check_status 0 "run $n of a job with an option that is no UTF-8"
done
check_grep "goes on" "job 'bytes-$$' goes on where it stood" "$err"
run evreplay "$bytes" --into "$kept" --exactly-once --job "bytes-$$" --key $'a\xfe' --key a --allow retention
check_status 2 "and another such option is told from it"

# The source made again, with the mark of a transaction where the last record stood: it is no record that went.
topic marked 1
topic remarked 1
printf 'many %s/0 1000 4\n' "$marked" | put
marked() { evreplay "$marked" --into "$remarked" --exactly-once --job "marked-$$" "$@"; }
marked -q
evreplay "$marked" --into ./marked -q
evadmin delete "$marked"
evadmin create "$marked" 1
printf 'begin\nmany %s/0 2000 3\ncommit\n' "$marked" | evproduce -t "marked-$$" script >/dev/null
printf 'many %s/0 3000 2\n' "$marked" | put
run marked
check_status 5 "a job does not go on in another log that has a mark where its last record stood"
check_grep "which is said" "$marked/0 is not the log that job 'marked-$$' has copied: no record stands at offset 3" "$err"
run evreplay "$marked" --into ./marked --append
check_status 5 "nor does an archive"
check_grep "which is said, too" "is not the log that the archive was written from: no record stands at offset 3" "$err"
check "nothing of it is in either" test "$(evtail "$remarked" --from begin -q -o %k | wc -l) $(evtail ./marked -q -o %k | wc -l)" = "4 4"

# The target made again, with fewer partitions.
topic third 3
topic shrunk 3
printf 'many %s/2 1000 4\n' "$third" | put
shrunk() {
	evreplay "$third" --into "$shrunk" --partition keep --allow fewer-partitions --exactly-once --job "shrunk-$$"
}
run shrunk
check_status 0 "a job writes one partition of three"
evadmin delete "$shrunk"
evadmin create "$shrunk" 1
run shrunk
check_status 5 "it does not go on where the topic lacks that partition now"
check_grep "which is said" "job 'shrunk-$$' has written '$shrunk/2', and the topic has no such partition" "$err"

# A job begins into what a copy without one has filled.
topic filled 1
evreplay "$third" --into "$filled" -q
for n in --dry-run ''; do
	run evreplay "$third" --into "$filled" --exactly-once --job "filled-$$" $n
	check_grep "a job's first run says what the topic has already ${n:-when it runs}" \
		"warning: topic '$filled' has up to 4 records already, and none of job 'filled-$$'" "$err"
done
run evreplay "$third" --into "$filled" --exactly-once --job "filled-$$"
check "and its next does not" test -z "$(grep already "$err")"

# One that was killed before its first commit has left records that were given up: of those it has nothing to say.
topic killed 1
same=(evreplay "$third" --into "$killed" --exactly-once --job "killed-$$")
shows() { evtail "$killed" --from begin -q -o %k -X isolation.level=read_uncommitted | grep -q k; }
"${same[@]}" --rate 1/m --txn-time 30s -q &
pid=$!
check "a job has begun its first transaction" wait_for 60 shows
kill -9 $pid
wait $pid 2>/dev/null
for n in --dry-run ''; do
	run "${same[@]}" $n
	check_status 0 "the same line again ${n:-when it runs}"
	check "does not warn of what it has written itself" test -z "$(grep already "$err")"
done
check "and each record is there once" test "$(total "$killed")" = 4
done_testing
