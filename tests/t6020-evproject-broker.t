#!/usr/bin/env bash
# evproject run while its broker dies, comes back or stays away; signals in mid-run; another cluster.
# Has brokers of its own.
. "$(dirname "$0")/lib.sh"
unset EV_TEST_BROKERS
. "$TOP/tests/kafka.sh"
. "$TOP/tests/project.sh"

count=80000 memory=16m
topic log 3 && topic=$log
put -X linger.ms=50 < <(events 0 $count 3 700)
chain_projection "$log" >chain.sql
project calm.db
check_status 0 "an undisturbed run finishes"
check "with every event" test "$(chain calm.db)" = $count
dump calm.db >calm.txt
begun() { [ "$(chain "$1")" -gt 2000 ]; }
# start STORE OPTIONS...: a run in small steps whose queues hold a small part of the log; stopped midway
start() {
	evproject run chain.sql --store "$(store "$1")" --batch 200 --memory $memory "${@:2}" 2>"$err" &
	runner=$!
	wait_for 60 begun "$1" || fail "a run begins"
}
ended() {
	wait $runner
	status=$?
}
still() { # the run gets nothing any more: its position has not moved for half a second
	local at
	at=$(chain "$1")
	command -p sleep 0.5
	[ "$(chain "$1")" = "$at" ]
}
break_broker() { "$kafka" kill "$broker_dir"; }
mend_broker() { "$kafka" restart "$broker_dir" >/dev/null || fail "the broker starts again"; }

start kill.db --quiet --timeout 10m --group "g-$$"
break_broker
check "(without its broker a run comes to a halt)" wait_for 60 still kill.db
check "(midway)" test "$(chain kill.db)" -lt $count
check "the ledger balances meanwhile" balanced kill.db
mend_broker
ended
check_status 0 "a run over a broker that was killed and restarted finishes"
check "and equals the undisturbed one" cmp calm.txt <(dump kill.db)
check "the group stands where the view stands" \
	test "$(evadmin committed "g-$$" "$log/1")" = "$(sql kill.db 'SELECT next_offset FROM ev_ledger WHERE partition = 1')"

start away.db --timeout 2s --group "a-$$"
break_broker
ended
check_status 3 "a broker that stays away is exit 3"
check_grep "which names it" "$EV_BROKERS" "$err"
check "midway" test "$(chain away.db)" -lt $count
check "what was read is applied, and the ledger balances" balanced away.db
mend_broker
project away.db
check_status 0 "once it is back the next run finishes"
check "as if nothing had happened" cmp calm.txt <(dump away.db)

for s in TERM:143 INT:130; do
	signal=${s%:*}
	start $signal.db --group "$signal-$$"
	kill -$signal $runner
	ended
	check_status "${s#*:}" "SIG$signal in mid-run is exit ${s#*:}"
	check_grep "SIG$signal: it sums up" 'the view now: [0-9]+ applied' "$err"
	check "SIG$signal: midway" test "$(chain $signal.db)" -lt $count
	check "SIG$signal: the ledger balances" balanced $signal.db
	check "SIG$signal: the group stands where the view stands" test "$(evadmin committed "$signal-$$" "$log/0")" = \
		"$(sql $signal.db 'SELECT next_offset FROM ev_ledger WHERE partition = 0')"
	project $signal.db
	check_status 0 "SIG$signal: the next run goes on"
	check "SIG$signal: to the same view" cmp calm.txt <(dump $signal.db)
done

start gone.db --timeout 10m --group "x-$$"
break_broker
wait_for 60 still gone.db
begin=$SECONDS
kill -TERM $runner
ended
check_status 143 "SIGTERM ends a run that waits for its broker"
check "soon" test $((SECONDS - begin)) -lt 120
check "the ledger balances" balanced gone.db
mend_broker

# Another cluster, where a topic of that name holds the very same records, or none
topic nothing 1
chain_projection "$nothing" >nothing.sql
run timeout 60 evproject run nothing.sql --store "$(store nothing.db)"
check_status 0 "a view of an empty topic"
first_brokers=$EV_BROKERS first_dir=$broker_dir
EV_BROKERS=$("$kafka" start "$T/other" 2>/dev/null) || fail "a second broker starts"
at_exit '"$kafka" kill "$T/other"'
evadmin create "$log" 3
evadmin create "$nothing" 1
put -X linger.ms=50 < <(events 0 $count 3 700)
project kill.db
check_status 5 "a store that stands on another cluster is refused, though the records are the same"
check_grep "and told so" "$log/0 .*cluster's id is another" "$err"
check "nothing is changed" cmp calm.txt <(dump kill.db)
run timeout 60 evproject run nothing.sql --store "$(store nothing.db)"
check_status 5 "where there is no record yet as well"
run evproject status --store "$(store kill.db)" -b "$EV_BROKERS" --max-lag 0
check_status 5 "and the lag behind another cluster is none"
EV_BROKERS=$first_brokers
project kill.db
check_status 0 "on its own cluster it goes on"
done_testing
