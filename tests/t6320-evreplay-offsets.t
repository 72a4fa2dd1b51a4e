# The offset map of a copy, and a consumer group that is moved by it.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
topic src 2
topic dst 3
put <<END
many $src/0 1000 50
many $src/1 1020 50
END
run evreplay "$src" --into "$dst" --offset-map map
check_status 0 "a copy writes its offset map"
mapped() { # every record by the map: source place, target place
	jq -r 'select(.from) | range(.count) as $i |
		"\(.partition)@\(.offset + $i) \(.into_partition)@\(.into_offset + $i)"' map | sort
}
check "all records are in it" test "$(mapped | wc -l)" = 100
# keys k0.. and values v0.. are the same in both partitions: the timestamp tells them apart
table() { evtail "$1" --from begin -q -o '%s/%k %p@%o' | sort; }
by_log() { join <(table "$src") <(table "$dst") | awk '{ print $2, $3 }' | sort; }
put <<END
END
by_log >log
mapped >by_map
# 30 timestamps stand in both partitions, under other keys, so each line is one record
check "each where the logs have it" test "$(join <(sort -u log) <(sort -u by_map) | awk '{ print $1 }' | sort -u | wc -l)" = 100
run evreplay "$src" --into "$dst" --offset-map map
check_status 2 "the map of another copy is not written over"

evadmin commit readers "$src/0=20" "$src/1=10"
run evreplay offsets --map map -g readers --dry-run
check_status 0 "the offsets of a group in the copy, as a dry run"
check_grep "are listed" "^$dst/0 +- +[0-9]+" "$out"
check "and not committed" test "$(evadmin committed readers "$dst/0")" = -1
run evreplay offsets --map map -g readers
check_status 2 "to commit them wants a yes"
run evreplay offsets --map map -g readers --yes
check_status 0 "with it they are committed"
# What the group has still to read in the source it reads in the copy.
left() { evtail "$1" --from group:readers -q -o '%s/%k' 2>/dev/null | sort; }
check "nothing is left out" test -z "$(comm -23 <(left "$src") <(left "$dst"))"
again=$(sed -n 's/^\([0-9]*\) records\{0,1\} that the group has seen.*/\1/p' "$out")
check "and as much is read again as was said" test "$(comm -13 <(left "$src") <(left "$dst") | wc -l)" = "$again"

# Partitions kept: nothing is read again.
topic kept 2
run evreplay "$src" --into "$kept" --partition keep --offset-map kept.map
run evreplay offsets --map kept.map -g readers --yes
check_grep "with partitions kept nothing is read again" "^0 records" "$out"
check "the offsets are the source's" test "$(evadmin committed readers "$kept/0") $(evadmin committed readers "$kept/1")" = "20 10"

# A topic that the copy has begun behind records of, and that has none since: the group would miss those.
topic some 1
topic idle 1
topic both 1
put <<END
many $some/0 1000 5
many $idle/0 1000 5
END
printf '{"%s":{"0":0},"%s":{"0":5}}' "$some" "$idle" >begin.json
run evreplay "$some" "$idle" --into "$both" --from begin.json --offset-map idle.map
evadmin commit idlers "$some/0=5" "$idle/0=2"
run evreplay offsets --map idle.map -g idlers --yes
check_status 5 "what the copy lacks of a topic without a copied record is a gap, too"
check_grep "and is named" "offsets 2..4 of $idle/0 are not in the copy" "$err"
evadmin commit idlers "$idle/0=5"
run evreplay offsets --map idle.map -g idlers --yes
check_status 0 "behind those the group moves"
evadmin delete "$idle"
run evreplay offsets --map idle.map -g idlers --yes
check_status 0 "one that is gone by now has nothing that it could miss"

# A group that was moved has read on in the copy: once more would be a step back.
evadmin commit readers "$kept/0=44"
run evreplay offsets --map kept.map -g readers --dry-run
check_status 1 "a group that stands further in the copy is told by a dry run"
check_grep "with what it would read again" "^24 records that the group has seen would be read again" "$out"
run evreplay offsets --map kept.map -g readers --yes
check_status 5 "and is not moved back"
check "it stands where it stood" test "$(evadmin committed readers "$kept/0")" = 44
run evreplay offsets --map kept.map -g readers --yes --rewind
check_status 0 "unless that is asked for"
check "then it is" test "$(evadmin committed readers "$kept/0")" = 20

# The copy has its source's name, on another cluster that is not named.
sed "s/\"into\":\"$kept\"/\"into\":\"$src\"/" kept.map >own.map
for n in --dry-run --yes; do
	run evreplay offsets --map own.map -g readers $n
	check_status 2 "a topic as its own copy is refused ($n)"
	check_grep "with what is missing" "^hint: the copy is on another cluster: --into-broker" "$err"
done
check "the group is not moved on the source" test "$(evadmin committed readers "$src/0")" = 20
sed "s/\"into\":\"$kept\"/\"into\":\"nowhere-$$\"/" kept.map >away.map
run evreplay offsets --map away.map -g readers --yes
check_status 4 "a copy that is not there is an error of the target"
check_grep "with where it may be" "^hint: where the copy is on another cluster, --into-broker" "$err"

# An exactly-once copy that is killed continues its map.
topic often 2
for kill in 1 2 3; do
	evreplay "$src" --into "$often" --partition keep --offset-map job.map --exactly-once --job "map-$$" \
		--txn-records 10 --rate 100/s 2>/dev/null &
	copy=$!
	grown() { [ "$(grep -c from job.map 2>/dev/null)" -ge $((kill * 2)) ]; }
	wait_for 60 grown
	kill -9 $copy
	wait $copy 2>/dev/null
done
run evreplay "$src" --into "$often" --partition keep --offset-map job.map --exactly-once --job "map-$$"
check_status 0 "a killed job ends"
run evreplay offsets --map job.map -g readers --yes
check_status 0 "its map is good"
check "nothing is left out of its copy, nothing read twice" cmp <(left "$src") <(left "$often")

run evreplay "$src" --into "$often" --partition keep --offset-map afterwards.map --exactly-once --job "map-$$"
check_grep "a map that begins behind what was copied says so" "'afterwards.map' begins here: what job 'map-$$' has copied before is not in it" "$err"

# One that was killed before it had committed anything, and in the midst of a line.
topic late 2
printf '{"job":"late-%s","begin":{"%s":{"0":0}}}\n{"from":"%s","part' $$ "$src" "$src" >late.map
run evreplay "$src" --into "$late" --partition keep --offset-map late.map --exactly-once --job "late-$$"
check_status 0 "a job goes on with its map, cut in the midst of a line"
run evreplay offsets --map late.map -g readers --yes
check_status 0 "and the map is good"
check "as if nothing had been" cmp <(left "$src") <(left "$late")
run evreplay "$src" --into "$late" --offset-map late.map --exactly-once --job "other-$$"
check_status 2 "another job does not write into it"

# A copy that begins behind the place where a group stands.
topic tail 2
run evreplay "$src" --from 15 --into "$tail" --partition keep --offset-map tail.map
run evreplay offsets --map tail.map -g readers --dry-run
check_status 1 "a dry run finds records that are in no copy"
check_grep "and names them" "warning: offsets 10..14 of $src/1 are not in the copy, and the group has not read them" "$err"
run evreplay offsets --map tail.map -g readers --yes
check_status 5 "the group is not moved past them"
check "and stays" test "$(evadmin committed readers "$tail/0")" = -1
run evreplay offsets --map tail.map -g readers --yes --accept-gap
check_status 0 "unless told to"
run evreplay "$src/0" --into "$tail" --partition keep --offset-map half.map
run evreplay offsets --map half.map -g readers --dry-run
check_grep "a partition that was not copied is named" "$src/1 is not in the copy; the group stands there at offset 10" "$err"

# A group that has read one partition alone reads the other one from its start.
evadmin commit half "$src/0=20"
run evreplay offsets --map tail.map -g half --dry-run
check_status 1 "records that it has not come to yet are missed, too"
check_grep "and named" "warning: offsets 0..14 of $src/1 are not in the copy, and the group has not read them" "$err"
run evreplay offsets --map half.map -g half --yes
check_status 5 "so is a partition that is in no copy"
check_grep "which is named" "$src/1 is not in the copy, and the group has not read it" "$err"
run evreplay offsets --map kept.map -g half --dry-run
check_status 0 "where the copy has all, nothing is missed"

# A job that is begun anew from further on: what it had copied before does not count.
topic over 2
over() { evreplay "$src" --into "$over" --partition keep --offset-map over.map --exactly-once --job "over-$$" "$@"; }
run over
evadmin delete "$over"
evadmin create "$over" 2
run over --new-job --from 30
check_status 0 "a job is begun anew"
run evreplay offsets --map over.map -g readers --dry-run
check_status 1 "its map has a gap"
check_grep "which is named" "warning: offsets 20..29 of $src/0 are not in the copy" "$err"

# The copy ends, and the source does not.
topic grows 1
topic grown 3
printf 'many %s/0 1000 10\n' "$grows" | put
run evreplay "$grows" --into "$grown" --partition 0=1 --offset-map grows.map
evadmin commit early "$grows/0=4"
run evreplay offsets --map grows.map -g early --dry-run
check_status 0 "a copy that ends where the source does has no gap"
printf 'begin\nmany %s/0 1000 5\nabort\n' "$grows" | evproduce -t "grows-$$" script >/dev/null
wait_for 60 evreplay offsets --map grows.map -g early --dry-run >/dev/null 2>&1 # its end is known a little later
run evreplay offsets --map grows.map -g early --dry-run
check_status 0 "nor has one behind which there are only aborted records"
printf 'many %s/0 1000 5\n' "$grows" | put
run evreplay offsets --map grows.map -g early --dry-run
check_status 1 "records that came since are in no copy"
check_grep "and are named" "warning: offsets 10..20 of $grows/0 are not in the copy, and the group has not read them" "$err"
run evreplay offsets --map grows.map -g early --yes
check_status 5 "the group is not moved past them"
check_grep "and what to do is said" "^hint: copy what came since: .*--accept-gap" "$err"
evadmin commit through "$grows/0=21"
run evreplay offsets --map grows.map -g through --dry-run
check_status 0 "a group that has read them misses nothing"

# What the copy has nothing of yet: the group must not begin there behind what comes until it starts.
evadmin commit through "$grown/2=0"
printf 'many %s/2 1000 3\n' "$grown" | put
run evreplay offsets --map grows.map -g through --yes
check_status 0 "a group is moved to a copy with partitions that have no record of it"
check "it stands at the start of one" test "$(evadmin committed through "$grown/0")" = 0
check "behind the copy in the next" test "$(evadmin committed through "$grown/1")" = 10
check "and where it stood" test "$(evadmin committed through "$grown/2")" = 0
run evreplay offsets --map grows.map -g through --dry-run --into-broker 127.0.0.1:1 --timeout 2s
check_status 4 "a target that cannot be asked is no fault of the source"

# A run without the map between two with it.
topic torn 1
torn() { evreplay "$grows" --into "$torn" --exactly-once --job "torn-$$" "$@"; }
torn --to 5 --offset-map torn.map -q
torn --to 8 -q
run torn --offset-map torn.map
check_status 0 "a job goes on with its map, without what another run has copied"
run evreplay offsets --map torn.map -g early --yes
check_status 5 "a group that has not read that is not moved"
check_grep "and it is named" "warning: offsets 5..7 of $grows/0 are not in the map" "$err"
check_grep "with a hint that is of use" "^hint: let it read the source until it is past them" "$err"
evadmin commit middle "$grows/0=8"
run evreplay offsets --map torn.map -g middle --yes
check_status 0 "one that has is"
check_grep "and reads nothing twice" "^0 records that" "$out"

# What the group has read and the copy, or the map, does not have comes behind its place there.
topic ahead 1
ahead() { evreplay "$grows" --into "$ahead" --partition keep --exactly-once --job "ahead-$$" "$@" -q; }
ahead --to 5 --offset-map ahead.map
move() { run evreplay offsets --map ahead.map -g through --dry-run; }
move
check_status 0 "a group that is ahead of the copy is moved"
check_grep "to its end" "^$ahead/0 +- +5$" "$out"
check_grep "and told what it reads again when that goes on" "warning: the group stands at offset 21 of $grows/0, and the copy, by its map, has come to 5" "$err"
check_grep "which is not counted" "^at least 0 records that the group has seen" "$out"
ahead --to 8
ahead --to 10 --offset-map ahead.map 2>"$err"
check_grep "a run with a map behind one without says so" "warning: offset map 'ahead.map' lacks what the runs of job 'ahead-$$' without it" "$err"
move
check_no_grep "what that has copied lies before what came since" "are not in the map" "$err"
ahead
ahead --offset-map ahead.map 2>/dev/null
move
check_status 0 "when the rest was copied without the map, too"
check_grep "that is in no place that is known" "warning: offsets 10..20 of $grows/0 are not in the map, and the group has read them" "$err"
check_grep "and may be read again" "^at least 0 records" "$out"

# Begun anew without its map, into another place.
topic anew 1
printf 'many %s/0 1000 5\n' "$anew" | put
anew() { evreplay "$grows" --into "$anew" --partition keep --exactly-once --job "anew-$$" "$@" -q; }
anew --to 8 --offset-map anew.map 2>/dev/null
evadmin delete "$anew"
evadmin create "$anew" 1
anew --to 8 --new-job
anew --offset-map anew.map 2>/dev/null
run evreplay offsets --map anew.map -g early --yes
check_status 5 "the map of a job that was begun anew without it knows nothing of before"
check_grep "which is said" "warning: offsets 4..7 of $grows/0 are not in the map" "$err"

# One that was killed at its commit, with its lines in the map, then one without: these lines are of nothing.
topic adrift 1
adrift() { evreplay "$grows" --into "$adrift" --exactly-once --job "adrift-$$" "$@"; }
adrift --to 5 --offset-map adrift.map -q
cat >>adrift.map <<END
{"job":"adrift-$$","begin":{"$grows":{"0":5}}}
{"from":"$grows","partition":0,"offset":5,"into":"$adrift","into_partition":0,"into_offset":60,"count":3}
{"end":{"$grows":{"0":8}}}
END
adrift --to 8 -q
run adrift --offset-map adrift.map
run evreplay offsets --map adrift.map -g early --yes
check_status 5 "what a killed run has told is not believed where the next had no map"
check_grep "and it is named" "warning: offsets 5..7 of $grows/0 are not in the map" "$err"

# A job of a file that goes on over a gap.
topic holed 1
into=(--into "$holed" --exactly-once --job "holed-$$" --offset-map holed.map -q)
evtail "$grows" --from 0 --to 5 -o json -q | evreplay - "${into[@]}"
run evreplay - "${into[@]}" --accept-gap < <(evtail "$grows" --from 8 --to end -o json -q)
check_status 0 "a job goes on over a gap"
run evreplay offsets --map holed.map -g early --yes
check_status 5 "its map has it"
check_grep "as what is in no copy" "warning: offsets 5..7 of $grows/0 are not in the map" "$err"

# The cluster of the copy is in the map.
sed '1s/"cluster":"[^"]*"/"cluster":"another"/' torn.map >other.map
run torn --offset-map other.map
check_status 2 "the map of a job on another cluster is not continued"
run evreplay offsets --map other.map -g early --dry-run
check_status 2 "nor is a group moved by it here"
check_grep "the copy is elsewhere" "is on another cluster .another." "$err"

# The logs are not what the map tells of.
topic lost 1
evreplay "$grows" --into "$lost" --offset-map lost.map -q
evadmin trim "$lost/0" 6
run evreplay offsets --map lost.map -g early --dry-run
check_status 1 "what the copy has lost since is found"
check_grep "and named" "warning: offsets 4..5 of the copy $lost/0 are gone, and the group has not read them" "$err"
evadmin trim "$lost/0" 15
run evreplay offsets --map lost.map -g through --dry-run
check_status 0 "a group that has read all of it misses nothing"
check_grep "and is to stand where the copy starts" "^$lost/0 +- +15\$" "$out"
evadmin commit beyond "$grows/0=77"
run evreplay offsets --map lost.map -g beyond --yes
check_status 5 "a group that stands behind the end of the source is not moved"
check_grep "which is said" "the group stands at offset 77 of $grows/0, which ends at 21: it was made again" "$err"
evadmin delete "$lost"
evadmin create "$lost" 1
run evreplay offsets --map lost.map -g early --yes
check_status 5 "nor one to a copy that was made again"
check_grep "which is said, too" "$lost/0 ends at offset 0, and the map tells of records up to" "$err"
check "it has no offset there" test "$(evadmin committed early "$lost/0")" = -1

# Two copies in one topic, a map of each.
topic both 1
evreplay "$src/0" --into "$both" --offset-map first.map -q
evreplay "$grows" --into "$both" --offset-map second.map -q
run evreplay offsets --map first.map -g readers --yes --accept-gap
check_status 0 "a group is moved to the first of two copies in a topic"
evadmin commit readers "$grows/0=4"
run evreplay offsets --map second.map -g readers --yes
check_status 5 "and not over what it has not read of that to the second"
check_grep "which is named" "warning: offsets 20..53 of the copy $both/0, where the group stands, have records" "$err"
check "it stays" test "$(evadmin committed readers "$both/0")" = 20
evadmin commit readers "$src/0=30"
run evreplay offsets --map first.map -g readers --yes --accept-gap
check_status 0 "over what it has read of that, it is"

# A map that may not be written is said before anything is made.
run evreplay "$src" --into "never-$$" --create --offset-map map --dry-run
check_status 2 "a plan, too, refuses the map of another copy"
run evreplay "$src" --into "never-$$" --create --offset-map map
check_status 2 "as does the run"
check_grep "by its name" "cannot write offset map 'map': it is there already" "$err"
run evtail "never-$$" -n 1
check_status 3 "and no topic is made"

# A group that is in use.
kcat -b "$EV_BROKERS" -G busy "$src" -X auto.offset.reset=earliest >/dev/null 2>&1 &
busy=$!
joined() { [ "$(evadmin committed busy "$src/0")" -ge 0 ]; }
check "a group reads" wait_for 60 joined
run evreplay offsets --map map -g busy --yes
check_status 6 "a group with members is not moved"
check_grep "and why" "consumer group 'busy' has 1 member\$" "$err"
kill $busy
# One of Kafka 4's own protocol tells no more than its state: of two consumers the second waits for what the first keeps.
evadmin commit modern "$src/0=20" "$src/1=10"
member_in modern nowhere
run evreplay offsets --map map -g modern --yes
check_status 6 "nor is one whose consumers speak Kafka 4's own protocol"
check_grep "and why" "consumer group 'modern' has a consumer of group.protocol=consumer\$" "$err"
member_out
member_in modern "$src"
member_in modern "$src"
run evreplay offsets --map map -g modern --dry-run
check_status 6 "whatever they are at"
member_out
run evreplay offsets --map map -g modern --yes
check_status 0 "when they have left it is"
run evreplay offsets --map map -g nobody --yes
check_status 2 "a group without offsets is refused"
check_grep "with what it is looked for by" "^hint: is that its name" "$err"
# A map without a record, as a run with nothing to do leaves it.
: >none.map
run evreplay offsets --map none.map -g readers -n
check_status 2 "a map of nothing is refused"
check_grep "as that" "offset map 'none.map' tells of no record" "$err"
done_testing
