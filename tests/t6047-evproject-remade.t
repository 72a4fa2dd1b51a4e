# evproject: a topic that is deleted, made again and filled up to where the view stands, or past that, while it
# does not look.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
. "$TOP/tests/project.sh"

applied() { [ "$(chain "$1")" = "$2" ]; }
remake() { # FIRST: another log
	evadmin delete "$log"
	evadmin create "$log" 1
	put < <(events "$1" 40 1)
}
told() { # NAME PID RECORDS
	wait_for 60 test ! -e "/proc/$2" || kill -TERM "$2"
	wait "$2"
	status=$? err=$1.err
	check_status 5 "$1: another log is bad data"
	check_grep "$1: which is said" "topic '$log' was deleted and made again while it was read" "$err"
	check "$1: nothing of it is in the view" applied "$1.db" "$3"
}

topic log 1 && topic=$log
chain_projection "$log" >chain.sql
put < <(events 0 16 1)
evproject run chain.sql --store "$(store follow.db)" --follow --quiet 2>follow.err &
follower=$!
at_exit "kill -9 $follower 2>/dev/null"
check "a view is followed" wait_for 60 applied follow.db 16
kill -STOP $follower
remake 100
kill -CONT $follower
told follow $follower 16
run timeout 300 evproject run chain.sql --store "$(store follow.db)" --quiet
check_status 5 "and the next run knows it, too"

# It ends exactly where the view stands.
evproject run chain.sql --store "$(store idle.db)" --follow --quiet 2>idle.err &
idle=$!
at_exit "kill -9 $idle 2>/dev/null"
check "another view is followed" wait_for 60 applied idle.db 40
kill -STOP $idle
remake 200
sleep 1 # at the least: it is to know that it has not turned for a while
kill -CONT $idle
told idle $idle 40

done_testing
