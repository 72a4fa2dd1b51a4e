# Exactly once: copies that are killed, fenced, and lose their broker leave no gap and no double.
# EFFORT=10 copies 300,000 records with 100 kills.
. "$(dirname "$0")/lib.sh"
unset EV_TEST_BROKERS
. "$TOP/tests/kafka.sh"
seed=${SEED:-$RANDOM}
RANDOM=$seed
echo "# SEED=$seed"
records=$((30000 * ${EFFORT:-1})) kills=$((10 * ${EFFORT:-1}))
[ "${EFFORT:-1}" -gt 1 ] || { records=20000 kills=6; }
here=$EV_BROKERS
there=$("$kafka" start "$T/there" 2>/dev/null)
at_exit '"$kafka" kill "$T/there"'
check "a second cluster starts" test -n "$there"

topic src 3
evproduce orders "$src" 3 "$records"
digest() { # digest BROKER TOPIC: per partition what a read_committed reader sees, in order
	for p in 0 1 2; do evtail -b "$1" "$2/$p" --from begin -q -o '%k %s %v %h' 2>/dev/null | md5sum; done
}
digest "$here" "$src" >want
log_of() { evadmin -b "$1" marks "$2/0"; }

# Killed at random moments, then left to end. A run that has come to its end gets more to copy: it is no kill.
made=$records
killed() { # killed TARGET-BROKER JOB ARGS...: run it until it has been killed $kills times, then to its end
	local broker=$1 job=$2 n=0 pid rc
	shift 2
	while [ $n -lt $kills ]; do
		evreplay -q "$src" --partition keep --into "$job" --into-broker "$broker" --exactly-once \
			--job "$job" --txn-records 500 "$@" 2>"$err" &
		pid=$!
		command -p sleep "0.$((RANDOM % 8))$((RANDOM % 10))"
		kill -9 $pid 2>/dev/null
		wait $pid 2>/dev/null
		rc=$?
		[ $rc = 137 ] || [ $rc = 0 ] || { echo "status $rc"; cat "$err"; return 1; }
		[ $rc = 0 ] || { n=$((n + 1)) && continue; }
		evproduce orders "$src" 3 "$records" "$made" || return 1
		made=$((made + records))
	done
	digest "$here" "$src" >want
	timeout 300 evreplay -q "$src" --partition keep --into "$job" --into-broker "$broker" --exactly-once \
		--job "$job" --txn-records 5000 "$@"
}
for where in "$here" "$there"; do
	job=copy-${where##*:}
	evadmin -b "$where" create "$job" 3
	check "a copy to ${where##*:} is killed $kills times and then ends" killed "$where" "$job"
	check "its target is the source, for readers of committed records" cmp want <(digest "$where" "$job")
	run evreplay "$src" --partition keep --into "$job" --into-broker "$where" --exactly-once --job "$job"
	check_status 0 "once more finds nothing to do"
	check "and changes nothing" cmp want <(digest "$where" "$job")
done

# A second copy is started over the first.
evadmin -b "$there" create fenced 3
follow() { exec timeout 300 evreplay "$src" -f --partition keep --into fenced --into-broker "$there" --exactly-once --job fenced; }
follow 2>first.err &
first=$!
reached() { [ "$(evtail -b "$there" fenced --from begin -c -q 2>/dev/null | awk '$1 == "total" { print $2 }')" -ge "$1" ]; }
check "a copy follows" wait_for 60 reached "$made"
follow 2>second.err &
second=$!
check "a second one takes over" wait_for 60 grep -q "goes on where it stood" second.err
# the first learns of its fence when it has something to write
put <<END
put $src/0 99 late one
END
wait $first
status=$?
cp first.err "$err"
check_status 6 "the copy that was there ends with status 6"
check_grep "and says why" "another copy of job 'fenced' has taken over" first.err
check "the second has it" wait_for 60 reached $((made + 1))
pkill -TERM -P "$second" # the copy under timeout, which itself would pass a signal on twice
wait $second
status=$?
check_status 0 "a follower that is stopped ends with 0"
digest "$here" "$src" >want
check "the target is the source" cmp want <(digest "$there" fenced)

# The target's broker goes away and comes back.
evadmin -b "$there" create restarted 3
again() {
	evreplay "$src" --partition keep --into restarted --into-broker "$there" --exactly-once \
		--job restarted --txn-records 200 2>"$err"
}
(until again; do [ "$((tries += 1))" -lt 5 ] || exit 1; done) &
copy=$!
started() { [ "$(evadmin -b "$there" marks restarted/0 | awk '{ print $3 }')" -gt 400 ]; }
check "a copy is under way" wait_for 60 started
"$kafka" kill "$T/there"
"$kafka" restart "$T/there" >/dev/null 2>&1
wait $copy
status=$?
check_status 0 "a copy whose broker was killed ends well"
check "its target is the source" cmp want <(digest "$there" restarted)

# A paced copy is stopped while it waits, with records read that it has not handed over yet (by one signal: timeout
# would pass it on twice, and the second one kills). All of it would take 90 s.
evadmin -b "$there" create paced 3
timeout --foreground 300 evreplay "$src" --to 10 --partition keep --into paced --into-broker "$there" --exactly-once \
	--job paced --rate 20/m --txn-time 300ms --position paced.json 2>"$err" &
copy=$!
some() { [ "$(evtail -b "$there" paced --from begin -c -q 2>/dev/null | awk '$1 == "total" { print $2 }')" -ge 2 ]; }
check "transactions end while a paced copy waits" wait_for 60 some
kill -TERM $copy
wait $copy
status=$?
check_status 143 "a copy that is stopped says so"
run evtail -b "$there" paced --from begin -c -q
check_status 0 "and leaves no transaction open"
check "its position is what it has written" test "$(jq "[.\"$src\"[]] | add" paced.json)" = \
	"$(awk '$1 == "total" { print $2 }' "$out")"
run evreplay "$src" --to 10 --partition keep --into paced --into-broker "$there" --exactly-once --job paced
check_status 0 "it goes on"
check "and nothing is missing or doubled" test "$(evtail -b "$there" paced --from begin -c -q 2>/dev/null |
	awk '$1 ~ "/" { print $2 }' | tr '\n' ' ')" = "10 10 10 "

# The token is gone, or another cluster's.
evadmin -b "$there" delete __evreplay_jobs
run evreplay "$src" --partition keep --into restarted --into-broker "$there" --exactly-once --job restarted
check_status 5 "a known job without its token is refused"
check_grep "and what it means is said" "has written topic 'restarted' before, but its token" "$err"
check "nothing was written" cmp want <(digest "$there" restarted)
evadmin -b "$there" create anew 3
run evreplay -b "$there" restarted --partition keep --into anew --exactly-once --job restarted
check_status 0 "into another topic the job may begin"
run evreplay "$src" --partition keep --into anew --into-broker "$there" --exactly-once --job restarted
check_status 5 "a job that has copied from another cluster is refused"
check_grep "by name" "has copied from another cluster" "$err"

# Aborted, open and spanning transactions of the source.
topic mixed 1
topic into 1
txn_open writer
txn begin "put $mixed/0 10 a dropped" flush abort begin "put $mixed/0 11 b kept" flush commit \
	begin "put $mixed/0 12 c late" flush
run evreplay "$mixed" --into "$into" --exactly-once --job mixed --to stable
check_status 0 "a copy up to the last stable offset"
check "holds what is committed, not what was aborted" test "$(evtail "$into" --from begin -q -o %v)" = kept
run evreplay "$mixed" --into "$into" --exactly-once --job mixed --txn-wait 300ms
check_status 3 "a transaction that stays open is named"
check_grep "with its partition" "cannot read '$mixed/0' to its end .*open transaction" "$err"
txn commit
run evreplay "$mixed" --into "$into" --exactly-once --job mixed --group seen-$$
check_status 0 "when it has ended the copy goes on"
check "with the rest, once" test "$(evtail "$into" --from begin -q -o %v | tr '\n' ' ')" = "kept late "
check "and the group stands where the copy does" test "$(evadmin committed seen-$$ "$mixed/0")" = \
	"$(evadmin marks "$mixed/0" | awk '{ print $3 }')"
run evreplay "$mixed" --into mixed --into-broker "$there" --create --exactly-once --job beyond --group seen-$$
check_status 2 "a group of another cluster cannot hold offsets of topics that are not there"
check_grep "which is said before anything is made" "cannot commit to consumer group 'seen-$$': the target's cluster has no $mixed/0\$" "$err"
check "and so it is" eval '! EV_BROKERS=$there evtail mixed -n 1 2>/dev/null'
check_grep "and may be left out" "^hint: --group commits offsets of the source's topics" "$err"
txn_leave
done_testing
