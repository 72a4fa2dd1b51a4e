# evreplay: a source that is deleted, made again and filled past where the copy stands, while that does not look; and a
# target of which no partition is written both before and after.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
keys() { evtail "$1" --from begin -q -o %k | sort | tr '\n' ' '; }
holds() { [ "$(evtail "$1" --from begin -q -o %k | wc -l)" -ge "$2" ]; }
remake() { # remake TOPIC PARTITIONS RECORDS
	local p
	evadmin delete "$1"
	evadmin create "$1" "$2"
	for ((p = 0; p < $2; p++)); do
		for ((i = 0; i < $3; i++)); do echo "put $1/$p 2000000 n$p.$i new"; done
	done | put
}
letters() { # letters TOPIC KEY COUNT HOME
	local i
	for ((i = 0; i < $3; i++)); do echo "put $1/0 1000 $2$i x evproject.dead.topic=$4"; done
}
told() { # told NAME STATUS TOPIC: the run that wrote NAME.err has said so
	status=$2 err=$1.err
	check_status 5 "$1: another log is bad data"
	check_grep "$1: which is said by name" "topic '$3' was deleted and made again while it was read" "$err"
}

# Followers that are stopped meanwhile: what stands at their offsets afterwards is not what comes next.
topic f 2
topic plain 1
topic once 1
put <<END
many $f/0 1000 5
many $f/1 1000 5
END
evreplay "$f" --into "$plain" -f --position plain.json >plain.out 2>plain.err &
plain_pid=$!
evreplay "$f" --into "$once" -f --exactly-once --job "once-$$" >once.out 2>once.err &
once_pid=$!
evreplay "$f" --into ./kept -f >kept.out 2>kept.err &
kept_pid=$!
evtail "$f" -f --from begin -q -o %k >tail.out 2>tail.err &
tail_pid=$!
kept() { [ "$(jq "[.topics[].partitions[].next] | add" kept/archive.json)" = 10 ]; }
check "a follower copies" wait_for 60 holds "$plain" 10
check "and says where it stands" wait_for 60 grep -q '"0":5,"1":5' plain.json
check "one in transactions" wait_for 60 holds "$once" 10
check "one into an archive" wait_for 60 kept
tailed() { [ "$(wc -l <tail.out)" -eq 10 ]; }
check "one prints" wait_for 60 tailed
kill -STOP $plain_pid $once_pid $kept_pid $tail_pid
remake "$f" 2 12
kill -CONT $plain_pid $once_pid $kept_pid $tail_pid
for name in plain once kept tail; do
	pid=${name}_pid
	wait_for 60 test ! -e "/proc/${!pid}" || kill -TERM "${!pid}"
	wait "${!pid}"
	told $name $? "$f"
done
check "nothing of it is in the copy" test "$(keys "$plain")" = "k0 k0 k1 k1 k2 k2 k3 k3 k4 k4 "
check "nor is the position on it" grep -q '"0":5,"1":5' plain.json
check "nothing of it was committed" test "$(keys "$once")" = "k0 k0 k1 k1 k2 k2 k3 k3 k4 k4 "
check_grep "how a job begins anew is said" "hint: job 'once-$$' stands in the log before: .*--new-job" once.err
check "nothing of it is in the archive" test "$(evtail ./kept --from begin -q -o %k | grep -c n)" = 0
check "nothing of it was printed" test "$(grep -c n tail.out)" = 0
run evreplay "$f" --into "$once" --exactly-once --job "once-$$"
check_status 5 "the job knows it later, too"
run evreplay "$f" --into ./kept --append
check_status 5 "and so does the archive"

# The new log ends where a follower stands, which has nothing more to keep; or the follower has read nothing yet, behind
# records or behind the marker of a transaction.
topic same 1
topic end 1
topic marker 1
for name in idle job stopped fresh behind; do topic $name 1; done
put <<END
many $same/0 1000 5
many $end/0 1000 5
END
txn_open before
txn begin "many $marker/0 1000 5" flush
txn commit
txn_leave
follow() { # follow NAME TOPIC ARGS...: in the background
	evreplay "$2" --into "${!1}" -f "${@:3}" >"$1.out" 2>"$1.err" &
	printf -v "$1_pid" %s $!
}
follow idle "$same" --position idle.json
follow stopped "$same" --position stopped.json
follow job "$same" --exactly-once --job "idle-$$"
follow fresh "$end" --from end --position fresh.json
follow behind "$marker" --from end --position behind.json
check "job: it copies" wait_for 60 holds "$job" 5
for name in idle stopped fresh; do check "$name: it stands" wait_for 60 grep -q '"0":5' $name.json; done
check "behind: it stands" wait_for 60 grep -q '"0":6' behind.json
# shellcheck disable=SC2154
kill -STOP "$idle_pid" "$stopped_pid" "$job_pid" "$fresh_pid" "$behind_pid"
kill -TERM "$stopped_pid"
remake "$same" 1 5
remake "$end" 1 15
remake "$marker" 1 15
sleep 1 # no less: who was stopped for a moment alone does not look (SLEEP_US)
kill -CONT "$idle_pid" "$stopped_pid" "$job_pid" "$fresh_pid" "$behind_pid"
for name in idle stopped job fresh behind; do
	pid=${name}_pid
	wait_for 60 test ! -e "/proc/${!pid}" || kill -TERM "${!pid}"
	wait "${!pid}"
	status=$?
	case $name in
	fresh) told $name $status "$end" ;;
	behind) told $name $status "$marker" ;;
	*) told $name $status "$same" ;;
	esac
done
check "nothing of it is copied" test "$(keys "$fresh")$(keys "$behind")" = ""

# A bounded read waits for a transaction, and its range ends in the new log.
topic b 1
topic part 1
topic whole 1
put <<<"many $b/0 1000 5"
txn_open bounded
txn begin "many $b/0 2000 5" flush
evreplay "$b" --into "$part" --txn-wait 10m --position part.json >part.out 2>part.err &
part_pid=$!
evreplay "$b" --into "$whole" --txn-wait 10m --exactly-once --job "whole-$$" >whole.out 2>whole.err &
whole_pid=$!
evtail "$b" --from begin --txn-wait 10m -q -o %k >print.out 2>print.err &
print_pid=$!
check "a bounded copy comes as far as it may" wait_for 60 holds "$part" 5
check "one in transactions, too" wait_for 60 holds "$whole" 5
printed() { [ "$(wc -l <print.out)" -eq 5 ]; }
check "one is printed" wait_for 60 printed
kill -STOP $part_pid $whole_pid $print_pid
remake "$b" 1 30
kill -CONT $part_pid $whole_pid $print_pid
for name in part whole print; do
	pid=${name}_pid
	wait_for 60 test ! -e "/proc/${!pid}" || kill -TERM "${!pid}"
	wait "${!pid}"
	told $name $? "$b"
done
txn_leave
check_grep "what cannot be taken back is said" "the target may hold records of both logs" part.err
check "nothing of it was committed" test "$(keys "$whole")" = "k0 k1 k2 k3 k4 "
run evreplay "$b" --into "$whole" --exactly-once --job "whole-$$"
check_status 5 "and the job knows it later, too"

# The other log begins with the same record, and a plain bounded copy, which has not fetched all of it, knows more than that.
large() { # large TIMESTAMP FROM TO
	local i
	for ((i = $2; i < $3; i++)); do echo "put $first/0 $1 k$i $wide"; done
}
topic first 1
topic alike 1
printf -v wide %020000d 0
large 1000 0 1500 | put
evreplay "$first" --into "$alike" --rate 400/s --memory 16M >alike.out 2>alike.err &
alike_pid=$!
check "more than one batch is copied" wait_for 60 holds "$alike" 500
kill -STOP $alike_pid
evadmin delete "$first"
evadmin create "$first" 1
{ large 1000 0 1 && large 2000000 1 1500; } | put
kill -CONT $alike_pid
wait_for 60 test ! -e /proc/$alike_pid || kill -TERM $alike_pid
wait $alike_pid
told alike $? "$first"

# A redrive has read all letters, and sends them slowly: its group does not move in the log that stands there then.
topic home 1
topic dead 1
letters "$dead" c 100 "$home" | put
evreplay redrive "$dead" -g "dead-$$" --rate 2/s >dead.out 2>dead.err &
dead_pid=$!
check "letters go home" wait_for 60 holds "$home" 1
kill -STOP $dead_pid
before=$(evadmin committed "dead-$$" "$dead/0")
evadmin delete "$dead"
evadmin create "$dead" 1
letters "$dead" d 120 "$home" | put
kill -CONT $dead_pid
wait_for 60 test ! -e /proc/$dead_pid || kill -TERM $dead_pid
wait $dead_pid
told dead $? "$dead"
check_grep "what was sent is told" "^evreplay redrive: [0-9]+ records? sent home" dead.err
check_grep "and how the others are" "hint: group 'dead-$$' is left .*--from begin" dead.err
check "the group has not moved" test "$(evadmin committed "dead-$$" "$dead/0")" = "$before"

# The target: of a bounded copy (empty, filled), of a follower, of a job. The source's second partition comes later.
topic m 2
for name in empty filled followed job; do topic $name 2; done
put <<<"many $m/0 1000 5"
txn_open target
txn begin "many $m/1 2000 5" flush
copy() { # copy NAME ARGS...: in the background
	evreplay "$m" --into "${!1}" --partition keep --txn-wait 10m "${@:2}" >"$1.out" 2>"$1.err" &
	printf -v "$1_pid" %s $!
}
copy empty --no-merge
copy filled --no-merge
copy followed -f
copy job --no-merge --exactly-once --job "target-$$" --txn-time 100ms
for name in empty filled followed job; do
	check "$name: the first partition is copied" wait_for 60 holds "${!name}" 5
	evadmin delete "${!name}"
	evadmin create "${!name}" 2
done
put <<<"many $filled/0 1000000 8"
txn commit
txn_leave
check "followed: the second partition comes" wait_for 60 holds "$followed" 5
kill -TERM "$followed_pid"
for name in empty filled followed job; do
	pid=${name}_pid
	wait_for 60 test ! -e "/proc/${!pid}" || kill -TERM "${!pid}"
	wait "${!pid}"
	status=$? err=$name.err
	if [ $name = job ]; then
		check_status 5 "job: its target is another"
		check_grep "job: which is said" "job 'target-$$' has written '$job/0' up to offset [0-9]+, and now it ends at 0" "$err"
		continue
	fi
	check_status 4 "$name: what was written is gone"
	check_grep "$name: which is said" "'${!name}/0' was deleted and made again while it was written" "$err"
	check_grep "$name: up to where it is safe is said" "$m/0: safe up to offset 0" "$err"
done
done_testing
