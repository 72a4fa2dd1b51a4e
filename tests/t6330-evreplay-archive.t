# evreplay and archives with a real broker: there and back, byte for byte; exactly once out of one.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
. "$TOP/tests/replay.sh"
big=max.message.bytes=4000000
topic src 3 $big
topic back 3 $big
hostile "$src" | put
run evreplay "$src" --into ./one
check_status 0 "a topic goes into an archive"
run evreplay --verify ./one
check_status 0 "which is whole"
check_grep "and says what it holds" "^./one: 12 records in 3 partitions, .* 0 faults" "$out"
run evreplay ./one --into "$back" --partition keep
check_status 0 "the archive goes into a topic"
check "which is the first, byte for byte" same_contents "$src" "$back"
run evreplay "$back" --into ./two
lines() { zcat "$1"/*/*/*.ndjson.gz | jq -c 'del(.topic, .offset, .timestamp_type)' | sort -s -t, -k1,1; }
check "and into an archive again, the same records in the same order" cmp <(lines one) <(lines two)

run evreplay "$src" --into ./one
check_status 2 "an archive that is there is not written over"
printf 'put %s/1 5000 later v\n' "$src" | put
run evreplay "$src" --into ./one --append
check_status 0 "--append goes on where it ends"
check "with what is new" test "$(zcat one/*/*/*.ndjson.gz | wc -l)" = 13
run evreplay ./one --into "$back" --map 'x=y'
check_status 2 "conflicts between options are usage errors"
run evreplay "$src" --into ./part --key 'k*' --redact '$.a'
check_status 5 "an archive of what cannot be redacted is refused"
run evreplay "$src" --into ./part2 --key 'k*'
check_status 0 "an archive by a filter"
check "says so" grep -q -- "--key k\*" part2/archive.json

# A bit flips.
file=$(ls one/*/1/*.ndjson.gz)
size=$(stat -c %s "$file")
cp "$file" whole
printf '\377' | dd of="$file" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
run evreplay --verify ./one
check_status 5 "a damaged archive is not whole"
check_grep "and the file is named" "one/.*/1/" "$err"
cp whole "$file"
run evreplay --verify ./one
check_status 0 "repaired it is"

# Exactly once out of an archive, killed.
topic many 2
topic many2 2
evproduce orders "$many" 2 6000
run evreplay "$many" --into ./many
killed() {
	local n pid
	for n in 1 2 3 4; do
		evreplay -q ./many --into "$many2" --partition keep --exactly-once --job "archive-$$" \
			--txn-records 200 2>/dev/null &
		pid=$!
		command -p sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
		kill -9 $pid 2>/dev/null
		wait $pid 2>/dev/null
	done
	timeout 60 evreplay -q ./many --into "$many2" --partition keep --exactly-once --job "archive-$$"
}
check "a restore is killed, and ends" killed
check "and is the topic that was archived" same_contents "$many" "$many2"
# A restore of what is gone: the archive knows how many partitions it had, the target's cluster, where it has the
# topic still, how it was set.
topic lost 3 cleanup.policy=compact
put <<END
put $lost/0 1732190400000 a x
put $lost/2 1732190400000 b x
END
evreplay "$lost" --into ./lost -q
run evreplay ./lost --into "again-$lost" --create --partition keep
check_status 0 "a restore beside the topic"
check_grep "says what it makes" "made topic 'again-$lost', 3 partitions\$" "$err"
run evreplay - --into "again-$lost" <<<'{"topic":"x","partition":0,"offset":0,"timestamp":1732190400000,"key":null,"headers":[],"value":1}'
check_grep "with the topic's settings" "cannot write topic 'again-$lost': it is compacted" "$err"
evadmin delete "$lost"
run evreplay ./lost --into "$lost" --create --partition keep
check_status 0 "a restore of a topic that is gone"
check_grep "says what it makes" "made topic '$lost', 3 partitions, with the broker's settings\$" "$err"
check "each record stands in its partition" cmp <(evtail ./lost -n +1 -q -o '%p %k') <(evtail "$lost" -n +1 -q -o '%p %k')
run evreplay ./lost/"$lost"/2 --into "part-$lost" --create --partition keep
check_grep "of a partition alone, too" "made topic 'part-$lost', 3 partitions" "$err"

# A restore into the name that it had goes on after a kill: what it has made is there then, and is read and written.
topic phoenix 2
printf '%s\n' "many $phoenix/0 1732190400000 300" "many $phoenix/1 1732190400000 300" | put
evreplay "$phoenix" --into ./phoenix -q
evadmin delete "$phoenix"
restore=(evreplay ./phoenix --into "$phoenix" --create --partition keep --exactly-once --job "phoenix-$$" --txn-time 30s)
"${restore[@]}" -q --rate 1/m &
pid=$!
holds() { [ "$(evadmin marks "$phoenix/$1" 2>/dev/null | awk '{ print $3 }')" -ge "$2" ]; }
check "a restore is under way" wait_for 60 holds 0 1
kill -9 $pid
wait $pid 2>/dev/null
run evreplay ./phoenix --into "$phoenix" --partition keep
check_status 2 "another copy is not let into the topic that it was made of"
run "${restore[@]}" --dry-run
check_status 0 "the plan of the same command"
check_no_grep "has nothing against it" conflict "$out"
run "${restore[@]}"
check_status 0 "and the same command goes on"
check "with nothing lost and nothing twice" cmp <(evtail ./phoenix -n +1 -q -o '%p %k %v') <(evtail "$phoenix" -n +1 -q -o '%p %k %v')
run "${restore[@]}"
check_grep "once more it has nothing to do" "nothing new: 0 records" "$err"

# It is over once the topic has gone on, and the archive with it: what is new in that came from there.
topic over 1
printf '%s\n' "many $over/0 1732190400000 3" | put
evreplay "$over" --into ./over -q
evadmin delete "$over"
restore=(evreplay ./over --into "$over" --create --partition keep --exactly-once --job "over-$$" --txn-time 30s)
run "${restore[@]}"
check_status 0 "a restore in one transaction"
printf '%s\n' "many $over/0 1732190500000 2" | put
run evreplay "$over" --into ./over --append
check_status 0 "the topic lives on, and its archive with it"
held=$(evadmin marks "$over/0")
run "${restore[@]}" --dry-run
check_status 1 "the plan of a restore that is over"
check_grep "has it against it" "^conflict: topic $over: .*--allow same-topic" "$out"
run "${restore[@]}"
check_status 2 "and the same command is refused"
check_grep "as what is new came from there" "it has gone on since it was restored" "$err"
check "nothing is there twice" test "$(evadmin marks "$over/0")" = "$held"

# An archive that holds some of the records only would take a job past the others.
topic part 1
topic copy 1
printf '%s\n' "many $part/0 1732190400000 8" | put
evreplay "$part" --key 'k[1-3]' --into ./some -q
evreplay "$part" --to 4 --into "$copy" --exactly-once --job "part-$$" -q --allow retention
for n in --dry-run ''; do
	run evreplay ./some --into "$copy" --exactly-once --job "part-$$" --allow retention $n
	check_status 2 "a job does not go on from a part of its records ${n:-when it runs}"
	check_grep "and says by what it differs" "k\[1-3\]" "$err"
done
run evreplay "$part" --into "$copy" --exactly-once --job "part-$$" --allow retention
check "it goes on from all of them" test "$(evtail "$copy" --from begin -c -q | awk '$1 == "total" { print $2 }')" = 8
run evreplay ./some --into "$copy" --exactly-once --job "some-$$" --allow retention --allow other-job
check_status 0 "a job that began with the part"
run evreplay "$part" --key 'k[1-3]' --into "$copy" --exactly-once --job "some-$$" --allow retention
check_status 0 "goes on with the same part of the topic"

# A topic that grows while it is archived.
topic growing 2
printf '%s\n' "put $growing/0 1732190400000 a x" "put $growing/1 1732190400000 b x" | put
evreplay "$growing" --into ./growing -q --follow --timeout 60s -X topic.metadata.refresh.interval.ms=200 &
pid=$!
archived() { [ "$(jq -r ".topics[\"$growing\"].partitions | map(.records) | add" growing/archive.json 2>/dev/null)" = "$1" ]; }
check "it is archived" wait_for 60 archived 2
evadmin grow "$growing" 4
printf '%s\n' "put $growing/3 1732190400001 c x" | put
check "with a partition that is new" wait_for 60 archived 3
kill -INT $pid
wait $pid
check "until it is told to end" test $? = 0
check "the manifest knows how many there are" jq -e ".topics[\"$growing\"].partition_count == 4" growing/archive.json
run evreplay --verify ./growing
check_status 0 "and the archive is whole"
evadmin delete "$growing"
run evreplay ./growing --into "$growing" --create --partition keep
check_status 0 "so that it can be restored"
check "into as many" test "$(evtail "$growing" -n +1 -q -o '%p%k' | tr '\n' ' ')" = "0a 1b 3c "
# what the brokers would give it is asked before it is made
at_exit 'evadmin set @1 log.message.timestamp.type=CreateTime'
evadmin set @1 log.message.timestamp.type=LogAppendTime
fresh() { evreplay ./lost --into "fresh-$lost" --create --partition keep --dry-run 2>&1 | grep -q log-append-time; }
check "a dry run shows what the broker's settings would do" wait_for 60 fresh
run evreplay ./lost --into "fresh-$lost" --create --partition keep
check_status 2 "and the run refuses it"
check_grep "with the reason" "cannot write topic 'fresh-$lost': it would rewrite the timestamps" "$err"
run evtail "fresh-$lost" -n 1
check_status 3 "no topic is made"
evadmin set @1 log.message.timestamp.type=CreateTime
fresh_again() { ! fresh; }
check "with other settings it goes" wait_for 60 fresh_again
run evreplay ./lost --into "fresh-$lost" --create --partition keep
check_status 0 "and is made"

# Retention has taken the last record of an idle topic: whether it is still the same cannot be told, which is said.
topic idle 1
printf 'many %s/0 %s 5\n' "$idle" "$(date +%s%3N)" | put
topic idle_copy 1
run evreplay "$idle" --into ./idle
run evreplay "$idle" --into "$idle_copy" --exactly-once --job "idle-$$"
evadmin trim "$idle/0" 5
for target in "./idle --append" "./idle --append --dry-run" "$idle_copy --exactly-once --job idle-$$"; do
	run evreplay "$idle" --into $target
	check_status 0 "what has nothing left goes on: $target"
	check_grep "and says what it does not know" \
		"$idle/0: no record at offset 4 any more: identity not checkable, going on" "$err"
done
run evreplay "$idle" --into ./idle --append -q
printf 'put %s/0 - k new\n' "$idle" | put
run evreplay "$idle" --into ./idle --append
run evreplay "$idle" --into ./idle --append
check_no_grep "with a record that both have nothing is said" "checkable" "$err"

# What was read with transactions that were given up is not the log, and says so.
topic aborted 1
txn_open writer
txn begin "put $aborted/0 - a 1" flush commit begin "put $aborted/0 - b 2" flush abort begin "put $aborted/0 - c 3" flush commit
txn_leave
run evreplay "$aborted" --into ./uncommitted -X isolation.level=read_uncommitted
check_status 0 "an archive with what was given up"
check "tells it" test "$(jq -r .filter uncommitted/archive.json)" = '-X isolation.level=read_uncommitted'
run evreplay "$aborted" --into ./uncommitted --append
check_status 2 "and is not gone on with otherwise"
run evtail ./uncommitted "$aborted" -c
check_status 5 "nor does it stand before its topic"
done_testing
