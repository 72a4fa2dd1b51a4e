# evproject rebuild, killed with -9 at random moments and stopped at every phase boundary: the old version
# serves until the swap, and in the end all is as if nothing had happened. EFFORT=1: 5 kills, EFFORT=10: 120, with
# more rows. SEED replays.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/rebuild.sh"

seed=${SEED:-$$} kills=$((EFFORT >= 10 ? 12 * EFFORT : 5 * EFFORT)) rows=$((EFFORT >= 10 ? 20000 : 6000))
echo "# SEED=$seed"
RANDOM=$seed
biglog $((rows * 3 / 2)) $((rows - 3)) >log.ndjson
head -n $rows log.ndjson >first.ndjson
build v1.sql base.db ./first.ndjson
build v2.sql want.db ./first.ndjson

cp base.db calm.db
start=$(date +%s%3N)
rebuild v2.sql calm.db ./first.ndjson --yes --quiet
calm_ms=$(($(date +%s%3N) - start))
check_status 0 "an undisturbed rebuild finishes ($calm_ms ms)"
check "and equals a view that was built at once" same calm.db want.db

complete() { same "$1" base.db >/dev/null || same "$1" want.db; } # what serves is the old version or the new one, whole
clean() { only_files "$1" "$1-evlock" && only_tables "$1" acc ev_kept_acc && sound "$1"; }
finished() { # finished STORE TEXT: the last session ended well
	check_status 0 "$2: the next session finishes"
	check "$2: equal to an undisturbed rebuild" same "$1" calm.db
	check "$2: nothing is left over" clean "$1"
	run evproject rollback v1.sql --store "$1"
	check "$2: and the way back is open" same "$1" base.db
}

# an error at each boundary, before the phase is stored, and inside the swap
fail_at() { # fail_at NAME EVENT CONDITION
	cp base.db "$1.db"
	evproject rebuild v2.sql --store "$1.db" --forget 2>/dev/null # makes our tables
	sqlite3 "$1.db" "CREATE TRIGGER stop AFTER $2 ON ev_rebuild WHEN $3 BEGIN SELECT RAISE(ABORT, 'stopped by test'); END"
	rebuild v2.sql "$1.db" ./first.ndjson --yes
	check_status 4 "an error at $1 ends it"
	check_grep "which is told" 'stopped by test' "$err"
	check "the old version serves" same "$1.db" base.db
	sqlite3 "$1.db" 'DROP TRIGGER stop'
	rebuild v2.sql "$1.db" ./first.ndjson --yes
	finished "$1.db" "after an error at $1"
}
fail_at prepare INSERT "new.phase = 'prepare'"
fail_at load UPDATE "new.phase = 'load' AND new.plan NOT LIKE '%end%'"
fail_at range UPDATE "new.plan LIKE '%end%'"
fail_at catch_up UPDATE "new.phase = 'catch up'"
fail_at copy UPDATE "new.phase = 'copy'"
fail_at in_copy UPDATE "new.copy_step = 2"
fail_at ready UPDATE "new.phase = 'ready'"
fail_at swap DELETE 1

# given up when only the swap was left, and that was ended in its midst too
given_up() { # given_up NAME BEFORE AFTER: BEFORE makes --abandon fail on $db, AFTER lets it go on
	db=$1.db
	cp base.db "$db"
	evproject rebuild v2.sql --store "$db" --forget 2>/dev/null # makes our tables
	sqlite3 "$db" "CREATE TRIGGER stop AFTER DELETE ON ev_rebuild BEGIN SELECT RAISE(ABORT, 'stopped by test'); END"
	rebuild v2.sql "$db" ./first.ndjson --yes
	sqlite3 "$db" 'DROP TRIGGER stop'
	check "only the swap is left" test "$(sqlite3 "$db" 'SELECT phase FROM ev_rebuild')" = ready
	eval "$2"
	run evproject rebuild v2.sql --store "$db" --abandon
	check_status 4 "--abandon is ended at $1"
	check "the old version serves" same "$db" base.db
	eval "$3"
	cp "$db" more.db
	[ ! -e "$db-evshadow-acc" ] || cp "$db-evshadow-acc" more.db-evshadow-acc
	run evproject rebuild v2.sql --store more.db --abandon
	check_status 0 "it can be called again"
	check "and leaves nothing" eval 'only_files more.db more.db-evlock && only_tables more.db acc'
	rebuild v2.sql "$db" ./first.ndjson --yes
	check_grep "the next rebuild begins anew, and compares" 'rows changed' "$err"
	finished "$db" "after an --abandon that was ended at $1"
}
given_up ledger 'sqlite3 $db "CREATE TRIGGER stop BEFORE DELETE ON ev_projection BEGIN SELECT RAISE(ABORT, '"'by test'"'); END"' \
	'sqlite3 $db "DROP TRIGGER stop"'
given_up file 'mkdir $db-evshadow-acc-journal' 'rmdir $db-evshadow-acc-journal'

# the old version goes far ahead between copy and swap: it is caught up in pieces, in which the writer gets in
biglog $((rows * 4)) $((rows - 3)) >far.ndjson
cp base.db far.db
evproject rebuild v2.sql --store far.db --forget 2>/dev/null
sqlite3 far.db "CREATE TRIGGER stop AFTER DELETE ON ev_rebuild BEGIN SELECT RAISE(ABORT, 'stopped by test'); END"
rebuild v2.sql far.db ./first.ndjson --yes
sqlite3 far.db 'DROP TRIGGER stop'
run evproject run v1.sql --store far.db --quiet ./far.ndjson
check_status 0 "the old version goes on beside a copy that waits for its swap"
build v1.sql far1.db ./far.ndjson
build v2.sql far2.db ./far.ndjson
check "rightly" same far.db far1.db
rebuild v2.sql far.db ./first.ndjson --yes
check_status 5 "a log that ends before the old version's position does not get to the swap"
check_grep "is told" "the log ends $((rows * 3)) offsets before where the old view stands" "$err"
check "and the old version serves" same far.db far1.db
before=$(sqlite3 far.db 'PRAGMA schema_version')
rebuild v2.sql far.db ./far.ndjson --yes
check_status 0 "the swap catches up with it"
pieces=$((($(sqlite3 far.db 'PRAGMA schema_version') - before) / 8)) # each changes some ten names
[ "$EFFORT" -lt 10 ] || check "in several pieces ($pieces or so)" test $pieces -ge 2 # few rows may fit in one
check "of which each gets on, however long the file is before it" test $pieces -lt $((rows * 3 / 500 * 2 + 10))
check "to the right rows" same far.db far2.db
run evproject rollback v1.sql --store far.db
check "with the old ones kept" same far.db far1.db
check "and nothing else" clean far.db

# a disk that is full, and a file that may not grow, in the midst of the copy: the old version serves
room() { # room WHAT COMMAND...: in which it is to fail, then COMMAND makes room
	check_status 4 "$1 ends it with exit 4"
	check_grep "with the reason" 'full|disk I/O error|too large' "$err"
	check "the old version serves" same "$full" base.db
	check "and is not damaged" sound "$full"
	"${@:2}"
	rebuild v2.sql "$full" ./first.ndjson --yes --quiet
	check_status 0 "with room the next call goes on"
	check "to the right rows" same "$full" calm.db
}
copy_fails() { sqlite3 "$full" "SELECT phase FROM ev_rebuild" | grep -q copy; }
cp base.db limit.db
full=limit.db
rebuild v2.sql limit.db ./first.ndjson --no-swap --quiet
size=$(($(stat -c %s limit.db-evshadow-acc) > $(stat -c %s limit.db) ? $(stat -c %s limit.db-evshadow-acc) : $(stat -c %s limit.db)))
run bash -c "trap '' XFSZ; ulimit -f $((size / 1024 + rows / 100)); exec evproject rebuild v2.sql --store limit.db --yes --quiet ./first.ndjson"
check "it was in its copy" copy_fails
room "a limit of the file's size" true
if [ "$(id -u)" = 0 ] && mkdir small && mount -t tmpfs -o size=16m tmpfs small 2>/dev/null; then
	at_exit 'umount "$T/small"'
	cp base.db small/s.db
	full=small/s.db
	rebuild v2.sql small/s.db ./first.ndjson --no-swap --quiet
	dd if=/dev/zero of=small/ballast bs=64k 2>/dev/null # all but a little
	truncate -s -$((rows * 39 / 1024))k small/ballast
	rebuild v2.sql small/s.db ./first.ndjson --yes --quiet
	check "it was in its copy" copy_fails
	room "a full disk" rm small/ballast
	check "nothing but the store is left" test "$(ls small)" = "$(printf 's.db\ns.db-evlock')"
fi

# real kills; a store that was swapped is followed by a fresh one, so that all kills fall on a rebuild
n=0 done=0 bad=0 round=0
cp base.db k0.db
while [ $n -lt $kills ]; do
	ms=$((RANDOM % (calm_ms + 40)))
	evproject rebuild v2.sql --store k$round.db ./first.ndjson --yes --quiet --batch $((200 + RANDOM % 3000)) 2>kill.err &
	pid=$!
	sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))" # the random moment itself
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	case $? in
	0)
		clean k$round.db && same k$round.db calm.db || { bad=1; echo "# round $round"; }
		done=$((done + 1)) round=$((round + 1))
		cp base.db k$round.db
		;;
	137)
		n=$((n + 1))
		complete k$round.db || { bad=1; echo "# a kill after $ms ms in round $round"; }
		;;
	*) fail "a session that goes on ends well or is killed"; show <kill.err; break ;;
	esac
done
check "after each of $n kills the old version or the new one served, whole ($done rebuilds finished meanwhile)" test $bad = 0
rebuild v2.sql k$round.db ./first.ndjson --yes --quiet
finished k$round.db "after kills"

# a first build, killed too
n=0
while [ $n -lt $((2 * EFFORT)) ]; do
	evproject rebuild v1.sql --store first.db ./first.ndjson --quiet --batch 500 2>kill.err &
	pid=$!
	sleep "0.0$((RANDOM % 10))" # the random moment itself
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	n=$((n + 1))
done
rebuild v1.sql first.db ./first.ndjson --quiet
check_status 0 "a first build that was killed is finished by the next call"
check "equal to one that was not" same first.db base.db
check "without a plan left" only_tables first.db acc

# stopped by signals at random moments, gone on with a log that has grown
cp base.db term.db
n=0
while [ $n -lt $((4 * EFFORT)) ]; do
	evproject rebuild v2.sql --store term.db ./first.ndjson --yes --quiet --batch 100 2>"$err" &
	pid=$!
	sleep "$(printf '0.%03d' $((RANDOM % (calm_ms * 2 < 900 ? calm_ms * 2 : 900))))" # the random moment itself
	kill -TERM $pid 2>/dev/null
	wait $pid
	status=$?
	case $status in 0 | 143) ;; *) break ;; esac
	n=$((n + 1))
done
check "SIGTERM ends it with 128+15, or it was done, not $status ($n times)" test $status = 143 -o $status = 0
rebuild v2.sql term.db ./log.ndjson --yes --quiet
build v2.sql want.all.db ./log.ndjson
run evproject run v2.sql --store term.db --quiet ./log.ndjson
check "the next session goes on, with a longer log" same term.db want.all.db
done_testing
