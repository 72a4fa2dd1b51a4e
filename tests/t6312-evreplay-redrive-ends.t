# evreplay redrive: what a run that fails leaves behind, and how one goes on whose letters are gone.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
. "$TOP/tests/replay.sh"
home_of() { # home_of TOPIC PARTITION HOME KEY [BYTES]
	printf '{"topic":"%s","partition":%s,"offset":0,"timestamp":1732190400000,"key":"%s","headers":[["evproject.dead.topic","%s"]],"text":"%s"}\n' \
		"$1" "$2" "$4" "$3" "$(head -c "${5:-1}" /dev/urandom | base64 -w 0)"
}
keys() { evtail "$1" --from begin -q -o %k | sort | tr '\n' ' '; }
topic home 1

# A letter that its home does not take: what was sent before it is not sent again.
topic small 1 max.message.bytes=2000
topic large 1
{ home_of "$large" 0 "$small" s1; home_of "$large" 0 "$small" big 3000; home_of "$large" 0 "$small" s2; } | put
run evreplay redrive "$large" -g "large-$$" --max 1
check_status 0 "one that fits"
for _ in 1 2; do
	run evreplay redrive "$large" -g "large-$$"
	check_status 4 "a letter that is too large ends a redrive"
	check_grep "by name and place" "cannot write $large/0@1 to '$small/0': .*Message size too large" "$err"
done
check "and the group stands before it" test "$(evadmin committed "large-$$" "$large/0")" = 1
run evreplay redrive "$large" -g "fresh-$$"
check_status 4 "also of a group that is new"
check_grep "how many arrived is said" "^evreplay redrive: [12] of [23] sent records arrived" "$err"
check "what is safe is committed" test "$(evadmin committed "fresh-$$" "$large/0")" = 1

# So does an open transaction in the topic.
topic open 1
{ home_of "$open" 0 "$home" o1; home_of "$open" 0 "$home" o2; } | put
txn_open open
txn begin "put $open/0 1732190400000 hidden x" flush
home_of "$open" 0 "$home" o3 | put
run evreplay redrive "$open" -g "open-$$" --txn-wait 100ms
check_status 3 "an open transaction is waited for, and not for ever"
check "what was sent before it is committed" test "$(evadmin committed "open-$$" "$open/0")" = 2
run evreplay redrive "$open" -g "open-$$" --txn-wait 100ms
check "and sent once" test "$(keys "$home")" = "o1 o2 "
txn abort
txn_leave

# What a filter has left behind the one that ended it is not passed over for that.
topic filtered 1
{ home_of "$filtered" 0 "$small" f1; home_of "$filtered" 0 "$small" f2 3000; home_of "$filtered" 0 "$small" left; } | put
run evreplay redrive "$filtered" -g "filtered-$$" --key 'f*'
check_status 4 "one that is too large, before one that is left"
check "is the one where the group stands" test "$(evadmin committed "filtered-$$" "$filtered/0")" = 1

# Retention has passed the group.
topic gap 2
for k in a b c d e; do home_of "$gap" 0 "$home" $k; done | put
{ home_of "$gap" 1 "$home" x; home_of "$gap" 1 "$home" y; } | put
evadmin commit "gap-$$" "$gap/0=2" "$gap/1=1"
evadmin trim "$gap/0" 4
run evreplay redrive "$gap" -g "gap-$$"
check_status 5 "letters that are gone end a redrive"
check_grep "and the hint says how it goes on" "hint: --accept-gap goes on at the start" "$err"
run evreplay redrive "$gap" -g "gap-$$" --from begin --accept-gap
check_status 2 "--accept-gap is of the group's backlog"
run evreplay redrive "$gap" -g "gap-$$" --accept-gap --dry-run
check_status 0 "a plan of it"
check_grep "says what is gone" "$gap/0: offsets 2..3 are gone, up to 2 letters that no run has sent" "$err"
check "and commits nothing" test "$(evadmin committed "gap-$$" "$gap/0")" = 2
run evreplay redrive "$gap" -g "gap-$$" --accept-gap
check_status 0 "with it, it goes on"
check_grep "and says what is gone" "$gap/0: offsets 2..3 are gone, up to 2 letters" "$err"
check "what is left went home, and of the others none twice" test "$(keys "$home")" = "e o1 o2 y "
run evreplay redrive "$gap" -g "gap-$$"
check_status 0 "the next run needs it no more"
check "and has nothing to do" test "$(keys "$home")" = "e o1 o2 y "

# The topic was made anew, and is shorter.
topic anew 1
{ home_of "$anew" 0 "$home" n1; home_of "$anew" 0 "$home" n2; } | put
evadmin commit "anew-$$" "$anew/0=7"
run evreplay redrive "$anew" -g "anew-$$"
check_status 5 "a group behind the end"
check_grep "has the same way on" "hint: --accept-gap" "$err"
run evreplay redrive "$anew" -g "anew-$$" --accept-gap
check_status 0 "which is taken"
check_grep "and said" "$anew/0: group 'anew-$$' stands at offset 7, and the log ends at 2" "$err"
check "all of it went home" test "$(keys "$home")" = "e n1 n2 o1 o2 y "
check "and the group stands at its end" test "$(evadmin committed "anew-$$" "$anew/0")" = 2

# A quarantine has partitions of its own.
topic tried 1
topic aside 1
printf '{"topic":"%s","partition":0,"offset":0,"timestamp":1732190400000,"key":"q","headers":[["evproject.dead.topic","%s"],["evproject.dead.partition","7"],["evreplay.redrives","9"]],"value":{}}\n' \
	"$tried" "$home" | put
for how in keep 7=3; do
	run evreplay redrive "$tried" -g "tried-$how-$$" --quarantine "$aside" --partition $how
	check_status 0 "--partition $how is for homes, not for the quarantine"
done
check "and the letters are there" test "$(keys "$aside")" = "q q "

# Letters of an archive are chosen by their time.
run evreplay "$gap" --into ./letters
run evreplay redrive ./letters --from begin --since 2025-01-01T00:00Z --dry-run
check_status 0 "--since beside --from"
check_grep "leaves the older ones" "the filters leave all of it" "$out"
run evreplay redrive ./letters --from begin --since 2024-01-01T00:00Z --dry-run
check_grep "and takes the younger" "^ *3 .* $gap +$home" "$out"

# Old letters: a redrive has no --timestamps.
topic short 1 retention.ms=1000
topic old 1
home_of "$old" 0 "$short" o | put
run evreplay redrive "$old" -g "old-$$"
check_status 2 "a home that would delete it at once"
check "no hint names an option that redrive lacks" test -z "$(grep -e --timestamps "$err")"
done_testing
