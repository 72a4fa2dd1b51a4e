#!/usr/bin/env bash
# evproject diff, history, rollback, drop, --forget and --abandon stopped at random moments by SIGTERM or SIGINT: each
# is done with the answer that it gives undisturbed, or ends by the signal's number; nothing is half done, and an exit
# status never says what is not so. SEED replays. Both stores, see tests/store.sh.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/rebuild.sh"

RANDOM=${SEED:=$$}
echo "# SEED=$SEED"
biglog 6000 2003 >log.ndjson
biglog 6100 2003 >more.ndjson
live=$(store live.db) other=$(store other.db)
build v1.sql "$live" ./log.ndjson
build v2.sql "$other" ./log.ndjson
n_of() { sql live.db 'SELECT sum(n) FROM acc'; }
old=$(n_of)
new=$((old * 10))

# hit COMMAND...: run it, stop it within some twice the time that it took undisturbed; $status, and $want for the signal
declare -A took=()
hit() {
	local t0=${EPOCHREALTIME/./} name=$2 pid signal=TERM most=${took[$2]:-0}
	if [ "$most" = 0 ]; then # the first goes undisturbed
		run "$@"
		want=$status
		took[$name]=$(((${EPOCHREALTIME/./} - t0) / 1000))
		return
	fi
	[ $((RANDOM % 2)) = 0 ] || signal=INT
	want=$((128 + $(kill -l $signal)))
	most=$((most * 3 / 2 < 900 ? most * 3 / 2 + 1 : 900))
	"$@" >"$out" 2>"$err" &
	pid=$!
	sleep "$(printf '0.%03d' $((RANDOM % most)))" # the random moment itself
	kill -$signal $pid 2>/dev/null
	wait $pid
	status=$?
}
bad() { echo "#   $*: exit $status, the signal's is $want"; show <"$err"; wrong=$((wrong + 1)); }
verdict() { check "$1: $2 times, $stopped stopped, $wrong wrong" test $wrong = 0; }
times=$((2 * EFFORT))

# what only reads: all of its answer, or the signal's number
reads() { # reads TEXT STATUS COMMAND...
	local i
	stopped=0 wrong=0 took=()
	for ((i = 0; i <= times; i++)); do
		hit "${@:3}"
		case $status in
		"$2")
			sed '/^log /d; /^disk /d' "$out" >now # a dry run measures
			[ $i -gt 0 ] || cp now whole
			cmp -s whole now || { diff whole now | show; bad "another answer"; }
			;;
		"$want") stopped=$((stopped + 1)) ;;
		*) bad "$1" ;;
		esac
	done
	verdict "$1" $times
}
reads "diff of what is the same" 0 evproject diff "$live" "$live" v1.sql
reads "diff of what is not" 1 evproject diff "$live" "$other" v1.sql
reads "history" 0 evproject history v1.sql --row k=k7 --quiet ./log.ndjson
reads "history of a row that is not" 1 evproject history v1.sql --row k=nobody --quiet ./log.ndjson
reads "dry run" 0 evproject rebuild v2.sql --store "$live" --dry-run ./log.ndjson

# what is at work on something long ends by the first signal
ends() { # ends TEXT STATE COMMAND...: told to stop once the state holds, of $pid
	"${@:3}" >"$out" 2>"$err" & pid=$!
	wait_for 60 "$2"
	kill -TERM $pid
	wait_for 60 eval '! kill -0 $pid' || kill -9 $pid
	wait $pid
	status=$?
	check_status 143 "$1 ends by the first signal"
}
has_open() { [ -n "$(find /proc/$pid/fd -lname "$1" 2>/dev/null)" ]; }
sed 's/^SELECT k, n FROM acc ORDER BY k;/SELECT count(*) FROM acc a, acc b, acc c, acc d, acc e;/' v1.sql >slow.sql
at_it() { has_open "$(on sqlite "$T/live.db" postgresql 'socket:*')"; }
ends "a sample that takes its time" at_it evproject show slow.sql --store "$live"
mkfifo events
exec 7<>events
reads_events() { has_open "$T/events"; }
ends "a draft that waits for events" reads_events evproject draft ./events 7>&-
check "  and does not say that there are none" test ! -s "$err"
biglog 6000 3 >&7 & writer=$!
has_read() { ! kill -0 $writer; }
ends "a draft of more than there is" has_read evproject draft -n 1000000 ./events 7>&-
check "  and prints nothing" test ! -s "$out"
exec 7>&-
wait $writer

# what exchanges two versions: done, or not at all
evproject rebuild v2.sql --store "$live" --yes --quiet ./log.ndjson >/dev/null
check "a new version serves" test "$(n_of)" = $new
stopped=0 wrong=0 now=$new
for ((i = 0; i <= times; i++)); do
	then=$now
	hit evproject rollback v1.sql --store "$live"
	now=$(n_of)
	case $status:$now in
	"0:$((old + new - then))") ;;
	"$want:$then" | "$want:$((old + new - then))") stopped=$((stopped + 1)) ;;
	*) bad "rollback from $then to $now" ;;
	esac
	ledger live.db ".version == $([ "$now" = "$new" ] && echo 2 || echo 1)" >/dev/null || bad "status"
done
verdict rollback $times
[ "$now" = $new ] || run evproject rollback v1.sql --store "$live"

# what removes: all of it, or nothing that counts; the next one ends it
removes() { # removes OPTION QUERY COMMAND...: the query says 1 while there is something, which the command makes
	local option=$1 there=$2 i
	is_there() { [ "$(sql live.db "$there")" = 1 ]; }
	stopped=0 wrong=0 took=()
	for ((i = 0; i <= times; i++)); do
		is_there || "${@:3}" >/dev/null 2>"$err" || bad "rebuild"
		hit evproject rebuild v2.sql --store "$live" "$option"
		case $status in
		0) ! is_there || bad "$option has left it" ;;
		"$want") stopped=$((stopped + 1)) ;;
		*) bad "$option" ;;
		esac
		[ "$(n_of)" = $new ] || bad "$option: what serves is $(n_of)"
	done
	verdict "rebuild $option" $times
}
again() { evproject rebuild v2.sql --store "$live" --again --quiet "$@"; }
removes --forget "SELECT count(*) FROM ev_projection WHERE name = 'acc (kept)'" again --yes ./log.ndjson
removes --abandon 'SELECT count(*) FROM ev_rebuild' again --no-swap ./more.ndjson
run evproject rebuild v2.sql --store "$live" --abandon
check_status 0 "and again"
if on sqlite; then
	check "no file is left" only_files live.db live.db-evlock
fi

tables() { sql live.db "$(on sqlite "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%acc%' OR name = 'big'" postgresql \
	"SELECT count(*) FROM pg_class c JOIN pg_namespace s ON s.oid = relnamespace WHERE nspname LIKE 'live_db%' AND (relname LIKE '%acc%' OR relname = 'big')")"; }
stopped=0 wrong=0 took=()
for ((i = 0; i <= times; i++)); do
	evproject run v2.sql --store "$live" --quiet ./log.ndjson 2>"$err" || bad "run"
	evproject rebuild v2.sql --store "$live" --again --yes --quiet ./log.ndjson >/dev/null 2>"$err" || bad "rebuild"
	hit evproject drop acc --store "$live" --yes
	left=$(tables)
	case $status in
	0) [ "$left" = 0 ] || bad "drop has left $left" ;;
	"$want")
		stopped=$((stopped + 1))
		# what was begun is ended by the next one
		[ "$left" = 0 ] || evproject drop acc --store "$live" --yes 2>"$err" || bad "the next drop"
		[ "$(tables)" = 0 ] || bad "the next drop has left $(tables)"
		;;
	*) bad "drop" ;;
	esac
done
verdict drop $times
done_testing
