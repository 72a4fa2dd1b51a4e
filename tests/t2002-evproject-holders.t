# evproject run: two processes on one store, signals, kill -9
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"

# the first one is kept alive by a pipe on its stdin
mkfifo pipe
evproject run p.sql --store "$(store s.db)" -f - <pipe 2>first.err &
first=$!
exec 7>pipe
rec add a 1 >&7
stands() { [ "$(evproject status --store "$(store s.db)" --format json | jq ".partitions[0].next")" = "$1" ]; }
check "a follower applies what the pipe gives" wait_for 60 stands 1
rec add a 2 >&7
check "and what comes later" wait_for 60 stands 2
{ rec add a 1 0; rec add a 2 1; rec add b 5 2; } >a.ndjson
before=${EPOCHREALTIME/./}
project s.db --lock-wait 400ms ./a.ndjson
took=$((${EPOCHREALTIME/./} - before))
check_status 6 "a second process on the store is held off"
check_grep "it names the pid and the host of the first" "pid $first on $(uname -n)" "$err"
check "it has waited --lock-wait" test $took -ge 400000
sed 's/n = acc.n + /n = /' p.sql >edited.sql
run timeout -s KILL 60 evproject run edited.sql --store "$(store s.db)" --lock-wait 1h ./a.ndjson
check_status 2 "a file that was edited in place does not wait for what would not help it"
check_grep "it is told so" "edited.sql: projection 'acc' has changed since its tables were built" "$err"
check_grep "and what to do" '^hint: raise the version' "$err"
sed 's/version 1/version 2/' edited.sql >raised.sql
run evproject run raised.sql --store "$(store s.db)" --lock-wait 400ms ./a.ndjson
check_status 2 "one that is to be rebuilt waits, as a swap may come, and is not told to wait longer"
check_grep "but to rebuild" "^hint: the old tables hold the old meaning; build the view anew: rebuild" "$err"
check "and left no error behind" ledger s.db '.last_error == null'
check "status reads beside it" evproject status --store "$(store s.db)"
project s.db --lock-wait 30s ./a.ndjson &
second=$!
kill -9 $first
wait $first 2>/dev/null
wait $second
run evproject status --store "$(store s.db)" --format json
check "after kill -9 of the first the waiting one goes on" jq -e '.balanced and .partitions[0].next == 3' "$out"
check "every record once" test "$(dump s.db)" = "a|3|1
b|5|2"
exec 7>&-

# SIGTERM and SIGINT: what has come is committed
for s in TERM:0:-f INT:0:-f TERM:143: INT:130:; do
	IFS=: read -r signal want follow <<<"$s"
	forget t.db
	evproject run p.sql --store "$(store t.db)" --batch 1 $follow - <pipe 2>"$err" &
	pid=$!
	exec 7>pipe
	rec add a 1 0 >&7
	rec add a 2 1 >&7
	t_stands() { [ "$(evproject status --store "$(store t.db)" --format json | jq ".partitions[0].next")" -ge 1 ]; }
	wait_for 60 t_stands
	kill -$signal $pid
	wait $pid
	status=$?
	exec 7>&-
	check_status "$want" "SIG$signal ends ${follow:-a bounded read} with $want"
	check_grep "SIG$signal ${follow:-bounded}: it sums up" 'the view now: [12] applied' "$err"
	project t.db ./a.ndjson
	check "SIG$signal ${follow:-bounded}: the next run goes on" test "$(dump t.db)" = "a|3|1
b|5|2"
done
done_testing
