#!/usr/bin/env bash
# evproject status while a call is at work: what ended the one before, and who that was, is over
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
. "$TOP/tests/project.sh"

topic log 1 && topic=$log
put < <(events 0 16 1)
chain_projection "$log" >chain.sql
sed 's/version 1/version 2/; s/VALUES (1, 1, /VALUES (1, 1, 0 * /' chain.sql >chain2.sql
s=$(store s.db)
status_of() { evproject status --store "$s" --format json >status.json 2>/dev/null; }
is() { status_of && jq -e "$@" status.json; }

# a rebuild
project s.db
check_status 0 "a view"
txn_open w
txn begin "$(event 0 3000000 a 1)" flush
run timeout 60 evproject rebuild chain2.sql --store "$s" --yes --quiet --txn-wait 1s
check_status 3 "an open transaction ends its rebuild"
check "status says so, and that nobody is at work" \
	wait_for 60 is '.rebuild | .at_work == false and (.failed | contains("transaction"))'
evproject rebuild chain2.sql --store "$s" --yes --quiet --txn-wait 1h --metrics m.prom 2>rebuild.err >/dev/null &
rebuild=$!
at_exit "kill $rebuild 2>/dev/null"
works() { is --arg me "pid $rebuild on " '.rebuild | .at_work and .failed == null and (.holder | startswith($me))'; }
check "of the next call it says that it is at work, and nothing of the one before" wait_for 60 works
run evproject status --store "$s"
check_grep "to people, too" "^a process is at work on it, last saved by pid $rebuild on " "$out"
check_no_grep "without the error" 'transaction' "$out"
check "its metrics tell how far it is behind while it reads" wait_for 60 grep -q '^ev_rebuild_lag_records{projection="chain"} 1$' m.prom
txn commit
txn_leave
wait $rebuild
status=$?
check_status 0 "it goes on when the transaction ends"
check "nothing of it is left in status" is '.rebuild == null and .version == 2'

# a question that nobody can answer is no call
run evproject rebuild chain2.sql --store "$s" --again --quiet </dev/null
check_status 2 "a rebuild that may not ask"
check "is none" is '.rebuild == null'

# a run
put < <(echo "put $log/0 4000000 poison {\"type\":\"put\"}")
run timeout 60 evproject run chain2.sql --store "$s" --quiet
check_status 5 "a poison record ends a run"
check "status says so" is '.last_error | contains("required")'
run timeout 60 evproject run chain2.sql --store "$s" --quiet
check "also after another try" is '.last_error | contains("required")'
evproject run chain2.sql --store "$s" --follow --quiet --on-error dead 2>follow.err &
follower=$!
at_exit "kill $follower 2>/dev/null"
check "a follower that gets past it is in no error" wait_for 60 is '.last_error == null and .dead == 1'
check "while it is at work" kill $follower
wait $follower
status=$?
check_status 0 "it ends well"
done_testing
