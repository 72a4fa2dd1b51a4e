# The topic of tokens is deleted under jobs that follow: what a stop cannot commit is no clean stop.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
own_broker
topic lone 1
topic left 1
topic ended 1
printf 'many %s/0 1732190400000 3\n' "$lone" | put
for job in left ended; do
	evreplay "$lone" --into "${!job}" -f --exactly-once --job "$job-$$" --txn-time 30s 2>$job.err &
	declare "${job}_pid=$!"
done
at_exit 'kill -9 $(jobs -p) 2>/dev/null'
holds() { [ "$(evtail "$1" --from begin -q -o %k -X isolation.level=read_uncommitted | wc -l)" = 3 ]; }
for job in left ended; do
	pid=${job}_pid
	check "a job has a transaction under way: $job" wait_for 60 holds "${!job}"
	kill -STOP "${!pid}"
done
evadmin delete __evreplay_jobs
kill -TERM "$ended_pid"
kill -CONT "$left_pid" "$ended_pid"
wait "$ended_pid"
status=$?
check_status 4 "what one cannot commit after a signal ends it with 4"
wait "$left_pid"
status=$?
check_status 4 "as it does without"
check_grep "and what to do" "^hint: topic '__evreplay_jobs' is not there any more.*--new-job begins anew" left.err
done_testing
