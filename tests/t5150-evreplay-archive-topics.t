# a topic into an archive and back, and the archive before the topic that it was written from
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
. "$TOP/tests/project.sh"
. "$TOP/tests/replay.sh"

# a log of three partitions: transactions committed and aborted, so that offsets are empty
topic orders 3
topic=$orders
closed() { # a transaction's marker comes a moment after the answer
	local p low stable high
	for p in 0 1 2; do
		read -r low stable high < <(evadmin marks "$orders/$p" | tr '\n' ' ')
		[ "$stable" = "$high" ] || return
	done
}
send() { # send FROM TO [COMMIT|ABORT]: in a transaction
	local i
	txn begin
	for ((i = $1; i < $2; i++)); do
		txn "put $orders/$((i % 3)) $((1700000000000 + i * 10)) k$((i % 7)) {\"type\":\"put\",\"k\":\"k$((i % 7))\",\"v\":$i} h=$i"
	done
	txn "${3:-commit}"
	wait_for 60 closed
}
txn_open archive
send 0 90
send 90 120 abort
send 120 200
run evreplay "$orders" --into ./a
check_status 0 "a topic into an archive"
run evtail a
check_grep "what is no topic and a path is said to be one" "hint: ./a is an archive: a path starts with" "$err"
evtail "$orders" -n +1 -q >log.ndjson
check "170 records are committed" test "$(wc -l <log.ndjson)" = 170
check "the archive gives them byte for byte" cmp log.ndjson <(evtail ./a -n +1 -q)
check "its manifest knows the cluster and all partitions" jq -e --arg t "$orders" '
	(.cluster_id | length) > 0 and .topics[$t].partition_count == 3' a/archive.json
read -r low stable high < <(evadmin marks "$orders/0" | tr '\n' ' ')
check "its span is the log's, empty offsets are counted" jq -e --arg t "$orders" --argjson high "$high" '
	.topics[$t].partitions["0"] | .first == 0 and .next == $high and .records + .empty == $high and .empty > 3' a/archive.json
run evreplay ./a --verify
check_status 0 "it is whole"

# the view from the topic, from the archive, and from both
chain_projection "$orders" >chain.sql
project topic.db
project arch.db ./a
check "a view from the archive is the view from the topic" cmp <(dump topic.db) <(dump arch.db)

# retention eats the log; more comes
send 200 260
evadmin trim "$orders/0" 40
evadmin trim "$orders/1" 1
evtail ./a "$orders" -n +1 -q >both.ndjson
check "archive and topic are one log" test "$(wc -l <both.ndjson)" = 230
check "the archive's part first" cmp <(head -n 170 both.ndjson) log.ndjson
run evtail ./a "$orders" -c
check_grep "counted too" '^total +230$' "$out"
run evtail ./a "$orders/0" --from 5 --to 8 -o '%o'
check "a range that only the archive has" test "$(wc -l <"$out")" -gt 0
project whole.db ./a "$orders"
check "a view from both" test "$status" = 0
check "balances, from the first offset on" balanced whole.db
project arch.db
check "the view from the archive alone goes on from the topic" test "$status" = 0
check "and is the same" cmp <(dump whole.db) <(dump arch.db)
project topic.db
check "as is the one from the topic" cmp <(dump whole.db) <(dump topic.db)
run evproject rebuild chain.sql --store topic.db --yes --again
check_status 5 "the topic alone does not reach back for a rebuild"
run evproject rebuild chain.sql --store topic.db --yes --again ./a "$orders"
check_status 0 "with the archive before it the view is built anew"
rows() { sql "$1" 'SELECT * FROM chain; SELECT * FROM last ORDER BY k'; }
check "with the same rows" cmp <(rows whole.db) <(rows topic.db)
check "and its ledger balances" balanced topic.db

# the archive goes on
run evreplay "$orders" --into ./a --append --from begin
check_status 2 "an archive cannot be appended to from elsewhere"
check_grep "which is said" "cannot append to archive './a' from 'begin': it goes on where it ends" "$err"
ends=$(jq --arg t "$orders" '.topics[$t].partitions["0"].next' a/archive.json)
run evreplay "$orders" --into ./a --append --dry-run
check_status 0 "a dry run of an append"
check_grep "begins where the archive ends" "^$orders/0 +$ends " "$out"
check_grep "and counts what has come" '^60 records' "$out"
check "and writes nothing" test "$(evtail ./a -c -q | awk '$1 == "total" { print $2 }')" = 170
run evreplay "$orders" --into ./a --dry-run
check_status 2 "a dry run without --append finds the archive in its way"
run evreplay "$orders" --into ./a --append
check_status 0 "the archive goes on where it ended"
check_grep "with what came since" '60 records' "$err"
check "and holds it all" cmp both.ndjson <(evtail ./a -n +1 -q)
run evreplay "$orders" --into ./a --append
check_grep "nothing new is nothing" ' 0 records' "$err"

# a follower begins in both, and goes on
evtail -f ./a "$orders" -n 2 -o '%v' -q >follow.txt &
pid=$!
wait_for 60 test -s follow.txt
send 260 261
check "a follower reads on from the topic" wait_for 60 grep -q '"v":260' follow.txt
kill -TERM $pid
wait $pid

# the archive restored into another topic, which goes on and forgets: one source through the map of that copy
topic restored 3
topic bykey 3
restore() { run evreplay ./a --into "$@" --allow retention; }
restore "$restored" --partition keep --exactly-once --job "restore-$$" --txn-records 50 --offset-map ./restored.map
check_status 0 "a restore with its map"
for ((i = 0; i < 30; i++)); do
	echo "put $restored/$((i % 3)) $((1700000100000 + i)) k$((i % 7)) {\"type\":\"put\",\"k\":\"k$((i % 7))\",\"v\":$i} h=new"
done | put
evadmin trim "$restored/0" 30
evadmin trim "$restored/1" 5
run evtail ./a "$restored" -n 1
check_status 5 "a restored topic does not join by its name"
run evtail ./a "$restored" --archive-map ./restored.map -n +1 -q
check_status 0 "through the map it does"
check "every record of both, in the restored topic's name" test "$(grep -c "\"topic\":\"$restored\"" "$out")" = 260
cp "$out" mapped.ndjson
old() { jq -c "select([.headers[]] | index([[\"h\",\"new\"]]) | not) | del(.topic, .offset)" "$1"; }
check "the archive's are its own, in order" cmp <(old mapped.ndjson) <(jq -c 'del(.topic, .offset)' both.ndjson)
check "at the offsets that the topic still has them at" cmp \
	<(evtail "$restored" -n +1 -q --no-merge | sort) <(evtail "$restored" -n +1 -q --no-merge | sort | grep -Fxf mapped.ndjson)
check "offsets rise in every partition" jq -es 'group_by(.partition) | all([.[].offset] == ([.[].offset] | unique))' mapped.ndjson
run evtail ./a "$restored/1" --archive-map ./restored.map --from 2 --to 4 -o '%o'
check "a range that only the archive has, by the topic's offsets" test "$(tr '\n' ' ' <"$out")" = "2 3 "
chain_projection "$restored" >chain.sql
project mapped.db ./a "$restored" --archive-map ./restored.map
check "a view from both" test "$status" = 0
check "balances" balanced mapped.db
project mapped.db "$restored"
check "and goes on from the topic alone" test "$status" = 0
chain_projection "$orders" >chain.sql
run evtail ./a --archive-map ./restored.map -n 1
check_status 2 "a map without a topic is refused"
restore "$bykey" --offset-map ./bykey.map
run evtail ./a "$bykey" --archive-map ./bykey.map -n 1
check_status 5 "a restore that spread by key anew cannot join"
check_grep "and the hint says how it could" "restore with --partition keep" "$err"
run evtail ./a "$bykey" --archive-map ./restored.map -n 1
check_status 5 "nor one by the map of another restore"
check_grep "which is said to be that" "hint: it is of another copy: take what --offset-map of the restore" "$err"
awk '/"partition":0,/ && ++n == 2 { next } { print }' restored.map >part.map
run evtail ./a "$restored" --archive-map ./part.map -n +1
check_status 5 "nor one whose map tells only of a part"
for p in 0 1 2; do
	grep -v "\"partition\":$p," restored.map >part.map
	run evtail ./a "$restored" --archive-map ./part.map -n +1
	check_status 5 "nor one whose map leaves partition $p out"
	check_grep "which is named" "no record of $orders/$p," "$err"
done

# what cannot be one log
cp -r a b
txn_leave
evadmin trim "$orders/2" "$(evadmin marks "$orders/2" | awk '{ print $3 }')"
run evtail ./a "$orders" -n 1
check_status 5 "a gap between archive and topic is refused"
check_grep "and its span is named" "$orders/2: offsets [0-9]+\.\.[0-9]+ are lost: the archive ends at" "$err"
evadmin delete "$orders"
evadmin create "$orders" 3
run evtail ./b "$orders" -n 1
check_status 5 "a topic made anew is refused: it ends earlier"
for ((i = 0; i < 400; i++)); do echo "put $orders/$((i % 3)) $((1700000000000 + i * 10)) k other"; done | put
run evtail ./b "$orders" -n +1
check_status 5 "or holds other records"
check_grep "which are named" "$orders/[0-2]@[0-9]+: the archive has" "$err"
run evreplay "$orders" --into ./b --append
check_status 5 "it is not appended either"
check_grep "another record stands there" 'is not the log that the archive was written from' "$err"

topic narrow 2
printf 'many %s/1 1732190400000 3\n' "$narrow" | put
evreplay "$narrow" --into ./narrow -q
evadmin delete "$narrow"
evadmin create "$narrow" 1
printf 'many %s/0 1732190400000 4\n' "$narrow" | put
for n in --dry-run ''; do
	run evreplay "$narrow" --into ./narrow --append $n
	check_status 5 "a topic that was made anew with fewer partitions is not appended ${n:-by the run}"
	check_grep "by the one that it lacks" "the archive has $narrow/1, and the topic has no such partition" "$err"
done
run evtail ./narrow "$narrow" -n 1
check_status 5 "nor does its archive stand before it"
check_grep "which is said" "the archive has $narrow/1, and the topic has no such partition" "$err"

# More headers than a line that is read has.
topic headed 1
# shellcheck disable=SC2046
(ulimit -s 32768 2>/dev/null; echo v | env -i PATH="$PATH" kcat -P -b "$EV_BROKERS" -t "$headed" -k k $(printf ' -H h=%s' {1..65537}))
run evreplay "$headed" --into ./headed
check_status 5 "a record whose line nobody could read is refused"
check_grep "by place" "$headed/0@0: it has 65537 headers" "$err"
run evreplay "$headed" --into -
check_status 5 "by a pipe, too"

# hostile records: topic, archive, topic, archive
topic one 3 max.message.bytes=4000000
topic two 3 max.message.bytes=4000000
hostile "$one" | put
check "hostile records into an archive" evreplay "$one" --into ./h1 -q
check "and back into a topic" evreplay ./h1 --into "$two" --partition keep --allow retention --allow null-keys -q
check "and into an archive" evreplay "$two" --into ./h2 -q
check "the archive gives what the topic gives" cmp <(evtail "$one" -n +1 -q) <(evtail ./h1 -n +1 -q)
check "and both archives the same, in all but the topic's name" cmp <(contents ./h1) <(contents ./h2)
check "nothing is missing" test "$(contents ./h2 | wc -l)" = "$(hostile x | wc -l)"

# A topic that was made anew is noticed by an archive that holds a part of it, too.
topic part 1
put <<END
many $part/0 1732190400000 20
END
run evreplay "$part" --into ./part --key 'k1*'
evadmin delete "$part"
evadmin create "$part" 1
put <<END
many $part/0 1732190500000 40
END
run evreplay "$part" --into ./part --key 'k1*' --append
check_status 5 "an archive with a filter notices that its topic was made anew"
check_grep "and names the record" "another record stands at offset 19" "$err"

# Retention goes on while the archive is read: what it takes from the topic meanwhile is the archive's.
topic slow 1
printf -v large '%020000d' 0
large() { # large FROM TO: more than a read with little memory takes ahead
	for ((i = $1; i < $2; i++)); do
		printf '{"topic":"%s","partition":0,"offset":%d,"timestamp":%d,"key":"k","headers":[],"text":"%s"}\n' \
			"$slow" "$i" $((1732190400000 + i)) "$large"
	done | put
}
large 0 2000
evreplay "$slow" --into ./slow -q
large 2000 2010
mkfifo pipe
forgetful() { # forgetful OFFSET: the topic forgets up to there when the read has begun
	evtail ./slow "$slow" -n +1 -o '%o %v' --memory 16m >pipe 2>"$err" &
	local reader=$!
	exec 8<pipe
	read -r -u 8 first
	evadmin trim "$slow/0" "$1"
	{ echo "$first"; cat <&8; } >got
	exec 8<&-
	wait $reader
	status=$?
}
forgetful 1900
check_status 0 "a topic that forgets while its archive is read is no gap"
check "each record is there" cmp <(cut -d ' ' -f 1 got) <(seq 0 2009)
large 2010 4000
forgetful 3990
check_status 5 "what neither has is one"
check_grep "and is named" "lost offsets [23][0-9]*\.\.3989 of '$slow/0'" "$err"
done_testing
