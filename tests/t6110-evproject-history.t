#!/usr/bin/env bash
# evproject history --key: the partition that real producers choose for a key, read alone.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"

projection() { # projection TOPIC... >FILE
	local topics=$*
	cat <<-END
	-- @projection last version 1
	-- @topics ${topics// /, }
	-- @envelope type=\$.type
	-- @schema
	CREATE TABLE last (k text PRIMARY KEY, v integer NOT NULL, n integer NOT NULL);
	-- @on put
	INSERT INTO last (k, v, n) VALUES (\$.k, \$.v, 1)
	ON CONFLICT (k) DO UPDATE SET v = excluded.v, n = last.n + 1;
	END
}
history() { run timeout 60 evproject history last.sql --format json --timeout 10s "$@"; }
records() { sed -n 's/.* \([0-9]*\) records\{0,1\} read in .*/\1/p' "$err"; }
keys=(a ab abc abcd order-1 order-42 0 42 c-9 kéy 日本語 😀 The-quick-brown-fox-jumps-over-the-lazy-dog-and-goes-on)

# Each key three times, to wherever the producer's partitioner sends it (partition -1: its choice).
for how in murmur2 consistent consistent_random; do
	topic one 7
	topic two 5
	name=${how%_random}
	for v in 1 2 3; do
		for k in "${keys[@]}"; do
			echo "put $one/-1 100$v $k {\"type\":\"put\",\"k\":\"$k\",\"v\":$v}"
			echo "put $two/-1 200$v $k {\"type\":\"put\",\"k\":\"$k\",\"v\":1$v}"
		done
	done | put -X partitioner=$how
	projection "$one" "$two" >last.sql
	for k in "${keys[@]}"; do
		history --row "k=$k" --quiet
		check_status 0 "$how: the history of '$k'"
		mv "$out" whole.json
		history --row "k=$k" --key "$k" --partitioner "$name"
		check_status 0 "$how: and by its key"
		check "$how: the partition of '$k' has all that the topics have of it" cmp whole.json "$out"
		check "$how: '$k' has its six events" test "$(wc -l <"$out")" = 6
		check "$how: and fewer records are read" test "$(records)" -lt $((6 * ${#keys[@]}))
		jq -r '"\(.topic) \(.partition)"' "$out" | sort -u >>.seen
	done
	check "$how: one partition of each topic" test "$(grep -c "^$one\|^$two" .seen)" = $((2 * ${#keys[@]}))
	check "$how: not the same one for all keys" test "$(grep "^$one" .seen | sort -u | wc -l)" -gt 3
done

# The default is murmur2; the wrong one finds nothing: of "c-9" murmur2 gives partition 1 of 7, CRC32 another.
topic last 7
echo "put $last/-1 1000 c-9 {\"type\":\"put\",\"k\":\"c-9\",\"v\":1}" | put -X partitioner=murmur2_random
projection "$last" >last.sql
history --row k=c-9 --key c-9
check_status 0 "murmur2 is the default"
check "as Java's clients place it" test "$(jq .partition "$out")" = 1
history --row k=c-9 --key c-9 --partitioner consistent
check_status 1 "with the partitioner of others the event is not found"
check_grep "as nothing was read" ' 0 records read' "$err"
history --row k=c-9 --key c-9 --partitioner random
check_status 2 "a partitioner that there is not"
history --row k=c-9 --key c-9 "$last/1"
check_status 2 "--key and a partition"
history --row k=c-9 --key c-9 nosuchtopic-$$
check_status 3 "a topic that is not there"

# --key: records of other keys lack their rows in partitions that are not read, and are no poison for that
topic made 5
topic paid 2
{
	for k in "${keys[@]}"; do
		echo "put $made/-1 1000 $k {\"type\":\"made\",\"k\":\"$k\"}"
		echo "put $paid/-1 2000 $k {\"type\":\"paid\",\"k\":\"$k\",\"v\":1}"
		echo "put $paid/-1 2001 $k {\"type\":\"paid\",\"k\":\"$k\",\"v\":2}"
	done
	echo "put $paid/-1 2002 a {\"type\":\"paid\",\"k\":\"a\",\"v\":\"odd\"}"
	echo "put $paid/-1 2003 a {\"type\":\"paid\",\"k\":\"a\",\"v\":3}"
} | put -X partitioner=murmur2
cat >last.sql <<END
-- @projection last version 1
-- @topics $made $paid
-- @envelope type=\$.type
-- @schema
CREATE TABLE last (k text PRIMARY KEY, v integer);
-- @on made
INSERT INTO last (k, v) VALUES (\$.k, 0);
-- @on paid must touch
UPDATE last SET v = \$.v WHERE k = \$.k;
END
history --row k=abc --key abc
check_status 0 "a history where most rows are elsewhere"
check "has all events of the row" test "$(jq .after.v "$out" | tr '\n' ' ')" = '0 1 2 '
check_no_grep "names no other record" 'poison|cannot be applied|held back' "$err"
check_grep "but says how many were passed over" '[1-9][0-9]* records of other keys, .* passed over' "$err"
check_no_grep "of a key that is there nothing else is said" 'no record that was read' "$err"
history --row k=abc --key nobody
check_status 1 "where other keys are read alone no event is found"
check_grep "nor any record, which is said" "no record that was read has the key 'nobody': is it spelled so" "$err"
history --row k=a --key a
check "poison of the key itself" test "$(jq .after.v "$out" | tr '\n' ' ')" = '0 1 2 '
check "is named, once" test "$(grep -c 'cannot be applied to what is read' "$err")" = 1
check_grep "with its reason" "$paid/[01]@[0-9]+ .*cannot hold" "$err"
check_grep "and what waits behind it" '1 later record of their keys is held back' "$err"
check_grep "and that it may be none" 'without --key they may be no poison' "$err"
history --row k=a
check_grep "the whole log says that it is" "$paid/[01]@[0-9]+ is poison and passed over: .*cannot hold" "$err"

# what comes while the history is read is not in it; transactions that were aborted are not either
topic last 2
projection "$last" >last.sql
txn_open w
txn begin "put $last/0 1000 a {\"type\":\"put\",\"k\":\"a\",\"v\":1}" commit
txn begin "put $last/0 1001 a {\"type\":\"put\",\"k\":\"a\",\"v\":666}" abort
txn begin "put $last/1 900 a {\"type\":\"put\",\"k\":\"a\",\"v\":0}" commit
txn_leave
history --row k=a --quiet
check "in merge order, without what was aborted" test "$(jq -c '[.partition, .offset, .row, .after.v]' "$out" | tr '\n' ' ')" = \
	'[1,0,"inserted",0] [0,0,"changed",1] '
history --row k=a --since 1970-01-01T00:00:01Z --quiet
check "a range by time" test "$(jq -c '[.partition, .row]' "$out")" = '[0,"inserted"]'
done_testing
