# The topic of tokens is deleted under jobs that follow: what a stop cannot commit is no clean stop.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
own_broker
topic lone 1
topic left 1
topic ended 1
printf 'many %s/0 1732190400000 3\n' "$lone" | put
for end in left ended; do
	timeout --foreground 300 evreplay "$lone" --into "${!end}" -f --exactly-once --job "$end-$$" --txn-time 100ms \
		2>$end.err &
	declare "${end}_pid=$!"
done
arrived() {
	for end in left ended; do
		[ "$(evtail "${!end}" --from begin -q -o %k "$@" | wc -l)" = "$n" ] || return
	done
}
n=3
check "two jobs follow" wait_for 60 arrived
evadmin delete __evreplay_jobs
printf 'many %s/0 1732190400000 3\n' "$lone" | put
n=6
check "their topic of tokens is deleted under them" wait_for 60 arrived -X isolation.level=read_uncommitted
kill -TERM "$ended_pid"
wait "$ended_pid"
status=$?
check_status 4 "what one cannot commit after a signal ends it with 4"
wait "$left_pid"
status=$?
check_status 4 "as it does without"
check_grep "and what to do" "^hint: topic '__evreplay_jobs' is not there any more.*--new-job begins anew" left.err
done_testing
