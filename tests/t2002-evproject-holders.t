# evproject run: two processes on one store, signals, kill -9, a full disk
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"

# the first one is kept alive by a pipe on its stdin
mkfifo pipe
evproject run p.sql --store s.db -f - <pipe 2>first.err &
first=$!
exec 7>pipe
rec add a 1 >&7
stands() { [ "$(evproject status --store s.db --format json | jq ".partitions[0].next")" = "$1" ]; }
check "a follower applies what the pipe gives" wait_for 20 stands 1
rec add a 2 >&7
check "and what comes later" wait_for 20 stands 2
{ rec add a 1 0; rec add a 2 1; rec add b 5 2; } >a.ndjson
before=${EPOCHREALTIME/./}
project s.db --lock-wait 400ms ./a.ndjson
took=$((${EPOCHREALTIME/./} - before))
check_status 6 "a second process on the store is held off"
check_grep "it names the pid and the host of the first" "pid $first on $(uname -n)" "$err"
check "it has waited --lock-wait" test $took -ge 400000
check "and left no error behind" ledger s.db '.last_error == null'
check "status reads beside it" evproject status --store s.db
project s.db --lock-wait 30s ./a.ndjson &
second=$!
kill -9 $first
wait $first 2>/dev/null
wait $second
run evproject status --store s.db --format json
check "after kill -9 of the first the waiting one goes on" jq -e '.balanced and .partitions[0].next == 3' "$out"
check "every record once" test "$(dump s.db)" = "a|3|1
b|5|2"
exec 7>&-

# SIGTERM and SIGINT: what has come is committed
for s in TERM:0:-f INT:0:-f TERM:143: INT:130:; do
	IFS=: read -r signal want follow <<<"$s"
	rm -f t.db*
	evproject run p.sql --store t.db --batch 1 $follow - <pipe 2>"$err" &
	pid=$!
	exec 7>pipe
	rec add a 1 0 >&7
	rec add a 2 1 >&7
	t_stands() { [ "$(evproject status --store t.db --format json | jq ".partitions[0].next")" -ge 1 ]; }
	wait_for 20 t_stands
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

# a full disk: nothing torn, and it goes on afterwards
awk 'BEGIN { for (i = 0; i < 20000; i++)
	printf "{\"topic\":\"t\",\"partition\":0,\"offset\":%d,\"timestamp\":%d,\"key\":\"k%d\",\"headers\":[],\"value\":" \
	"{\"type\":\"add\",\"k\":\"key-%d-of-a-length-that-fills-pages\",\"n\":1}}\n", i, 1763200000000 + i, i, i }' >big.ndjson
project want.db ./big.ndjson
check "20000 rows without trouble" test "$(dump want.db | wc -l)" = 20000
mkdir small
if mount -t tmpfs -o size=700k tmpfs small 2>/dev/null; then
	at_exit "umount $T/small 2>/dev/null || umount -l $T/small"
	run evproject run p.sql --store small/s.db --batch 500 ./big.ndjson
	check_status 4 "a full disk is exit 4"
	check_grep "and says so" "small/s.db'?: .*(full|disk)" "$err"
	mount -o remount,size=40m small
else
	run bash -c 'ulimit -f 500; trap "" XFSZ; exec evproject run p.sql --store small/s.db --batch 500 ./big.ndjson'
	check_status 4 "a file that cannot grow is exit 4"
	check "and says so" test -s "$err"
fi
check "what is there is whole" ledger small/s.db '.balanced and .partitions[0].next > 0'
check "rows and position agree" test "$(sqlite3 small/s.db 'SELECT count(*) = max(next_offset) FROM acc, ev_ledger')" = 1
check "SQLite finds nothing torn" test "$(sqlite3 small/s.db 'PRAGMA integrity_check')" = ok
project small/s.db ./big.ndjson
check_status 0 "with room again it goes on"
dump want.db >want
dump small/s.db >got
check "to the same rows" cmp want got
done_testing
