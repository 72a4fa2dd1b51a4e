#!/usr/bin/env bash
# The run's lock goes with its session. Who connects anew has it again before he goes on, or does not go on.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/evproject.sh"
database db
here="SELECT oid FROM pg_database WHERE datname = '$(basename "$db")'"
at() { [ "$(sql "$db" 'SELECT sum(next_offset) FROM ev_ledger' 2>/dev/null)" = "$1" ]; }
locks() { [ "$(super "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = ($here) AND $1")" = "$2" ]; }
mkfifo feed
follow() { # STORE-TIMEOUT
	evproject run p.sql --store "$db" --follow --store-timeout "$1" --lock-wait 60s - <feed 2>follow.err & pid=$!
	exec 9>feed
}
# another one waits for the follower's lock, and gets it when the follower's session is ended
steal() {
	local key
	key=$(super "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND database = ($here)")
	session thief
	# shellcheck disable=SC2154 # of session
	echo "SELECT pg_advisory_lock($key);" >&"$thief_fd"
	check "somebody waits for its lock" wait_for 60 locks 'NOT granted' 1
	super "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = ($here)" >/dev/null
	check "and has it when its session is ended" wait_for 60 locks granted 1
}

follow 2s
rec add k1 1 >&9
check "a follower is at work" wait_for 60 at 1
steal 9>&-
rec add k1 1 >&9
decided() { ! kill -0 $pid 2>/dev/null || at 2; }
wait_for 60 decided
exec 9>&-
wait $pid
check "it does not go on without its lock: exit 6" test $? = 6
check_grep "  and says why" "another run has taken the lock of store" follow.err
check "  and has applied nothing" at 1
bye thief

off=1
follow 60s
rec add k1 1 >&9
check "one more follower" wait_for 60 at 2
steal 9>&-
rec add k1 1 >&9
bye thief
check "goes on when its lock is to be had" wait_for 60 at 3
run evproject run p.sql --store "$db" --lock-wait 100ms - <<<"$(rec add k1 1)"
check_status 6 "  and has it again: a second run is exit 6"
check_grep "  which names it" "pid $pid on" "$err"
exec 9>&-
wait $pid
check "  and ends well" test $? = 0
done_testing
