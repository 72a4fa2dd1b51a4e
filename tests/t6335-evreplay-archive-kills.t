# Exactly once out of an archive, and out of an archive that stands before its topic: restores that are
# killed at random moments leave no gap and no double, on the same cluster and on another, over a copy that is at work.
# EFFORT=10: 300,000 records, 100 kills of each.
. "$(dirname "$0")/lib.sh"
unset EV_TEST_BROKERS
. "$TOP/tests/kafka.sh"
seed=${SEED:-$RANDOM}
RANDOM=$seed
echo "# SEED=$seed"
records=8000 kills=4
[ "${EFFORT:-1}" -gt 1 ] && { records=$((30000 * EFFORT)) kills=$((10 * EFFORT)); }
topic src 3
evproduce orders "$src" 3 "$records"
away=() # to the cluster of the target, if it is another
digest() { # per partition what a reader of committed records sees, in order
	for p in 0 1 2; do evtail "${away[@]}" "$1/$p" --from begin -q -o '%k %s %v %h' 2>/dev/null | md5sum; done
}
total() { evtail "$1" --from begin -c -q 2>/dev/null | awk '$1 == "total" { print $2 }'; }
# killed TARGET SOURCE...: a restore is killed $kills times, and then left to end. A run that has come to its end gets more
# to copy: it is no kill.
made=$records
killed() {
	local into=$1 n=0 rc pid
	shift
	while [ $n -lt $kills ]; do
		evreplay -q "$@" --partition keep --into "$into" "${away[@]/-b/--into-broker}" --exactly-once --job "$into" \
			--txn-records 500 2>"$err" &
		pid=$!
		command -p sleep "0.$((RANDOM % 6))$((RANDOM % 10))"
		kill -9 $pid 2>/dev/null
		wait $pid 2>/dev/null
		rc=$?
		[ $rc = 137 ] || [ $rc = 0 ] || { echo "status $rc"; cat "$err"; return 1; }
		[ $rc = 0 ] || { n=$((n + 1)) && continue; }
		evproduce orders "$src" 3 "$records" "$made" || return 1
		made=$((made + records))
		[ $# -gt 1 ] || evreplay "$src" --into ./arch --append -q || return 1
	done
	timeout 300 evreplay -q "$@" --partition keep --into "$into" "${away[@]/-b/--into-broker}" --exactly-once \
		--job "$into" --txn-records 5000
}
run evreplay "$src" --into ./arch
check_status 0 "a topic is archived"
topic restored 3
check "a restore is killed $kills times, and ends" killed "$restored" ./arch
digest "$src" >want
check "it is the topic that was archived" cmp want <(digest "$restored")
check "all of it" test "$(total "$restored")" = "$made"
run evreplay ./arch --partition keep --into "$restored" --exactly-once --job "$restored"
check_status 0 "once more finds nothing to do"
check "and changes nothing" cmp want <(digest "$restored")

# The log has lost its first half since, and has grown.
for p in 0 1 2; do evadmin trim "$src/$p" "$((made / 6))"; done
digest_all() { # what archive and topic hold together
	for p in 0 1 2; do evtail ./arch "$src/$p" --from begin -q -o '%k %s %v %h' 2>/dev/null | md5sum; done
}
evproduce orders "$src" 3 600 "$made"
made=$((made + 600))
topic joined 3
check "a restore out of archive and topic is killed $kills times, and ends" killed "$joined" ./arch "$src"
digest_all >want
check "it has all that the two hold" cmp want <(digest "$joined")
check "which is more than the topic" test "$(total "$joined")" = "$made"

# Onto another cluster, over a copy that is in the middle of it.
there=$("$kafka" start "$T/there" 2>/dev/null)
at_exit '"$kafka" kill "$T/there"'
check "a second cluster starts" test -n "$there"
away=(-b "$there")
evadmin "${away[@]}" create over 3
evreplay -q ./arch --partition keep --into over --into-broker "$there" --exactly-once --job over --rate 20/s 2>first.err &
first=$!
begun() { [ "$(evtail "${away[@]}" over --from begin -c -q 2>/dev/null | awk '$1 == "total" { print $2 }')" -ge 1 ]; }
check "a slow restore is under way" wait_for 60 begun
check "another one over it is killed $kills times, and ends" killed over ./arch
wait $first
status=$?
cp first.err "$err"
check_status 6 "the first one has ended with 6"
for p in 0 1 2; do evtail "./arch/$src/$p" --from begin -q -o '%k %s %v %h' 2>/dev/null | md5sum; done >want
check "the other cluster has what the archive has" cmp want <(digest over)
done_testing
