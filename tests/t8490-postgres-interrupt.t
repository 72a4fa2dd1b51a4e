#!/usr/bin/env bash
# One signal ends what waits for the server: a comparison while it is at work on its rows (the query is cancelled), a
# row or a table that another session has locked, a transaction of others, and a server that is away.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/evproject.sh"
for i in {0..2999}; do rec add "k$i" 1; done >in.ndjson
database db
project "$db" ./in.ndjson
run evproject diff "$db" "$db" p.sql
check_status 0 "a diff"
# so many rows that the server is at work for some time
super "INSERT INTO acc (k, n, at) SELECT 'x' || i, 1, 1 FROM generate_series(1, 1500000) i" "$_super_url"
at_work() { [ "$(super "SELECT count(*) FROM pg_stat_activity WHERE datname = '$(basename "$db")' AND query LIKE 'FETCH%' AND state = 'active'")" -ge 1 ]; }
nobody() { [ "$(super "SELECT count(*) FROM pg_stat_activity WHERE datname = '$(basename "$db")' AND application_name = 'evtools'")" = 0 ]; }
for signal in INT TERM; do
	evproject diff "$db" "$db" p.sql >out 2>err & pid=$!
	check "the server is at work on it" wait_for 60 at_work
	before=$SECONDS
	kill -$signal $pid
	wait $pid; status=$?
	check "SIG$signal ends it by its number" test $status = $((128 + $(kill -l $signal)))
	check "  soon" test $((SECONDS - before)) -lt 60
	check "  without a word" test ! -s err -a ! -s out
	check "  and the session with it" wait_for 60 nobody
done

# others: a session that holds what it is told to
. "$TOP/tests/rebuild.sh"
database live
run evproject run v1.sql --store "$live" --quiet ./in.ndjson
for i in {3000..3009}; do rec add "k$i" 1; done >more.ndjson
cat in.ndjson more.ndjson >all.ndjson
mkfifo others
hold() { # hold SQL: in a transaction, until let_go
	psql -qAtX "$live" <others >/dev/null 2>&1 & session=$!
	exec 9>others
	echo "BEGIN; $1" >&9
	wait_for 60 held
}
held() { [ "$(super "SELECT count(*) FROM pg_stat_activity WHERE datname = '$(basename "$live")' AND application_name = 'psql' AND state = 'idle in transaction'")" = 1 ]; }
let_go() { exec 9>&-; wait $session; }
on_lock() { [ "$(super "SELECT count(*) FROM pg_stat_activity WHERE datname = '$(basename "$live")' AND application_name = 'evtools' AND wait_event_type = 'Lock'")" = 1 ]; }
outlives() { [ "$(super "SELECT count(*) FROM pg_stat_activity WHERE datname = '$(basename "$live")' AND application_name = 'evtools' AND query LIKE '%virtualxid = ANY%'")" = 1 ]; }
told() { # told SIGNAL TEXT WAITS COMMAND...: it waits, is told to stop, and does
	"${@:4}" --store "$live" --lock-wait 10m >out 2>err & pid=$!
	check "$2 waits" wait_for 60 "$3"
	before=$SECONDS
	kill -$1 $pid
	wait $pid; status=$?
	check "  SIG$1 ends it by its number, not by $status" test $status = $((128 + $(kill -l $1)))
	check "  soon" test $((SECONDS - before)) -lt 60
}
run evproject rebuild v2.sql --store "$live" --yes --quiet ./in.ndjson
check_status 0 "there are two versions"
check "a session holds the view's row" hold "SELECT 1 FROM ev_projection FOR UPDATE;"
told TERM "a run that wants it" on_lock evproject run v2.sql ./all.ndjson
told INT "a rollback that wants it" on_lock evproject rollback v1.sql
let_go
check "a session reads the view" hold "SELECT count(*) FROM acc;"
told TERM "a rollback that wants the tables" outlives evproject rollback v1.sql
swaps() { outlives && grep -q 'ev_rebuild_phase{projection="acc",phase="swap"} 1' swap.prom; }
told INT "a rebuild that wants to swap, as --metrics says," swaps \
	evproject rebuild v2.sql --again --yes --swap-wait 10m --metrics swap.prom ./all.ndjson
check_grep "  says what it waited for" 'a transaction of others runs on and does not let the swap through' err
let_go
check "what served serves" test "$(sql "$live" "SELECT sum(n) FROM acc")" = 30000
run evproject rebuild v2.sql --store "$live" --again --yes --quiet ./all.ndjson
check_status 0 "the next one goes on with the swap"
check "and ends it" test "$(sql "$live" "SELECT sum(n) FROM acc")" = 30100

# a server that goes away
own_postgres
mkfifo pipe
sockets() { readlink "/proc/$pid/fd/"* | grep socket; }
dials() { [ "$(sockets)" != "$connected" ]; }
for follow in "" -f; do
	database away
	evproject run p.sql --store "$away" --store-timeout 10m --batch 1 $follow - <pipe >out 2>err & pid=$!
	exec 8>pipe
	rec add a 1 0 >&8
	stands() { evproject status --store "$away" --format json | jq -e ".partitions[0].next >= 1"; }
	check "a run ${follow}stands behind the first record" wait_for 60 stands
	connected=$(sockets)
	"$postgres" stop "$postgres_dir"
	rec add a 1 1 >&8
	check "the server is away, and it dials again" wait_for 60 dials
	before=$SECONDS
	kill -TERM $pid
	wait $pid; status=$?
	check_status "$([ $follow ] && echo 0 || echo 143)" "SIGTERM ends the wait for it"
	check "  soon" test $((SECONDS - before)) -lt 60
	exec 8>&-
	"$postgres" restart "$postgres_dir" >/dev/null
done

# one that takes the connection, and says nothing
stopped=$(head -n 1 "$postgres_dir/data/postmaster.pid")
kill -STOP "$stopped"
at_exit "kill -CONT $stopped"
waits() { readlink "/proc/$pid/fd/"* | grep -q socket; }
evproject run p.sql --store "$away?connect_timeout=0" ./in.ndjson 2>err & pid=$!
check "a run dials a server that does not answer" wait_for 60 waits
kill -TERM $pid
ended() { ! kill -0 $pid; }
wait_for 60 ended || kill -9 $pid
wait $pid
check "SIGTERM ends that, by its number" test $? = 143
run evproject run p.sql --store "$away?connect_timeout=2" ./in.ndjson
check_status 4 "it is waited for as long as the URL says"
check_grep "and that is said" "store '.*': the server does not answer" "$err"
evproject run p.sql --store "${away/@/@127.0.0.1:1,}?connect_timeout=2" ./in.ndjson 2>err
check "a list of hosts comes to its end" test $? = 4
silent=${away#*@}
run evproject status --store "${live/@/@${silent%%/*},}?connect_timeout=15"
check_status 0 "where the first of a list is silent the next one is asked"
run evproject status --store "${live/@/@${silent%%/*},127.0.0.1:1,}?connect_timeout=15"
check_status 0 "also behind one that is not there"
kill -CONT "$stopped"
done_testing
