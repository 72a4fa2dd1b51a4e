#!/usr/bin/env bash
# Who waits for a lock that another holds, up to --lock-wait, and is told to stop, stops: 128+n, or 0 of a follower.
# Both stores, see tests/store.sh.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/rebuild.sh"
for i in 1 2 3; do rec add a $i; done >log.ndjson
s=$(store s.db)

# a first version is being built out of a pipe, which holds both locks of the projection
mkfifo pipe
evproject rebuild v1.sql --store "$s" --batch 1 - <pipe >holder.out 2>holder.err &
holder=$!
exec 7>pipe
rec add a 1 0 >&7
stands() { ledger s.db '.partitions[0].next == 1'; }
check "one process builds a view" wait_for 60 stands

waits() { # process $1 is about to ask for the lock, or has asked
	if on sqlite; then
		readlink "/proc/$1/fd/"* 2>/dev/null | grep -q evlock
	else
		sql s.db "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%try_advisory%'
			AND pid <> pg_backend_pid()" | grep -q 1
	fi
}
told() { # told SIGNAL STATUS TEXT COMMAND...: it waits, is told, and ends
	local pid before
	"${@:4}" --store "$s" --lock-wait 10m <pipe2 >"$out" 2>"$err" &
	pid=$!
	check "$3 waits" wait_for 60 waits $pid
	before=$SECONDS
	kill -"$1" $pid
	wait $pid
	status=$?
	check_status "$2" "  SIG$1 ends the wait with $2"
	check "  soon" test $((SECONDS - before)) -lt 60
}
: >pipe2
told TERM 143 "a run" evproject run v1.sql ./log.ndjson
told INT 130 "a run" evproject run v1.sql ./log.ndjson
told TERM 143 "a rebuild" evproject rebuild v2.sql ./log.ndjson
told TERM 143 "a rollback" evproject rollback v1.sql
told INT 130 "drop" evproject drop acc --yes
told TERM 143 "rebuild --forget" evproject rebuild v1.sql --forget
told TERM 143 "rebuild --abandon" evproject rebuild v1.sql --abandon
check_grep "  what it waited for is said" 'another process is at work on the versions of projection .acc.' "$err"
mkfifo pipe3
exec 8<>pipe3
evproject run v1.sql --store "$s" --lock-wait 10m -f - <&8 >"$out" 2>"$err" &
pid=$!
check "a follower waits" wait_for 60 waits $pid
kill -TERM $pid
wait $pid
status=$?
check_status 0 "  and ends well when it is told to"
exec 8>&- 7>&-
wait $holder
status=$?
check_status 0 "who was waited for noticed nothing"
check "and has built the view" test "$(dump s.db)" = "a|1|0"
done_testing
