# evverify: the ids that @dedupe has seen are a function of the log, too - no false alarm, and all damage is seen.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/evverify.sh"

SEED=${SEED:-$RANDOM}
echo "# SEED=$SEED"
log() { # log SEED [FROM]: 90 records over two topics and three partitions; ids and times come again and go back
	awk -v seed="$1" -v from="${2:-0}" 'BEGIN {
		srand(seed)
		for (i = from; i < from + 90; i++) {
			type = rand() < 0.1 ? "put" : rand() < 0.1 ? "del" : "add"
			time = sprintf("%.0f", 1763200000000 + i * 20000 + int(rand() * 400000) - 200000)
			if (rand() < 0.03) time = "null"
			p = i % 3
			printf "{\"topic\":\"%s\",\"partition\":%d,\"offset\":%d,\"timestamp\":%s,\"key\":\"k%d\",\"headers\":[]," \
				"\"value\":{\"type\":\"%s\",\"k\":\"k%d\",\"n\":%d,\"id\":\"i%d\"}}\n", p ? "t" : "u", p ? p - 1 : 0,
				int(i / 3), time, i % 7, type, i % 7, i, int(rand() * 40)
		}
	}'
}
head_of() { sed "s/type=\\\$.type/type=\$.type id=\$.id/; /^-- @schema/i -- $1" base.sql >p.sql; }
cp p.sql base.sql
rounds=$(on postgresql 2 sqlite 4)
for ((i = 0; i < rounds * EFFORT; i++)); do
	case $(((SEED + i) % 4)) in
	0) head_of '@dedupe id' ;;
	1) head_of "@dedupe id within '2 minutes'" ;;
	2) head_of "@dedupe id within '10 minutes' across topics" ;;
	3) head_of '@dedupe id across topics' ;;
	esac
	forget s.db
	log $((SEED + i)) >all.ndjson
	for end in 20 50 90; do
		head -n $end all.ndjson >log.ndjson
		project s.db --on-error dead --batch $((1 + (SEED + i * end) % 30)) ./log.ndjson
	done
	dead=$(sql s.db "SELECT topic || '/' || partition || '@' || record_offset FROM ev_dead WHERE state = 'dead' LIMIT 1")
	[ -z "$dead" ] || run evproject dead drop p.sql --store "$(store s.db)" "$dead" --yes
	log $((SEED + i + 1)) 90 >>all.ndjson
	project s.db --on-error dead ./all.ndjson
	check_status 0 "a view with $(grep -o '@dedupe.*' p.sql), seed $((SEED + i))"
	verify s.db ./all.ndjson
	check_status 0 "no false alarm"
	check_grep "the ids are in the coverage" 'acc: ids seen [0-9]+ = matched [0-9]+ \+ in buckets that differ 0' "$out"
	verify s.db ./all.ndjson --independent
	check_status 0 "by plain statements, too"
	last="(projection, scope, id) IN (SELECT projection, scope, id FROM ev_seen ORDER BY first_ms DESC, id LIMIT 1)"
	id=$(sql s.db "SELECT id FROM ev_seen WHERE $last")
	same_but "DELETE FROM ev_seen WHERE $last"
	verify c.db ./all.ndjson --counts
	check_status 1 "an id that is gone is seen"
	check_grep "and named" "missing ev_seen scope='.*', id='$id': seen in the log, first at '[tu]'/[01]@" "$out"
	same_but "UPDATE ev_seen SET id = 'foreign' WHERE $last"
	verify c.db ./all.ndjson --format json
	check_status 1 "one that is there instead of another is seen"
	check "both are named, and nothing else" says '[.modes[] | .findings[]] | map(.kind) | sort == ["extra", "missing"]'
	same_but "UPDATE ev_seen SET record_offset = record_offset + 1 WHERE $last"
	verify c.db ./all.ndjson
	check_status 1 "one that was first seen elsewhere is seen"
	check_grep "and where it should be" "changed ev_seen .*, id='$id': first at .*; in the log first at" "$out"
done
same_but "UPDATE ev_projection SET watermark = watermark - 1"
verify c.db ./all.ndjson
check_status 1 "another watermark is seen"
check_grep "and said" 'the watermark of @dedupe is [0-9]+ in the ledger, the log says' "$out"

# what lies behind the window decides nothing, and may be there or not
head_of "@dedupe id within '2 minutes'"
forget s.db
project s.db --on-error dead --batch 7 ./all.ndjson
same_but "DELETE FROM ev_seen WHERE first_ms < (SELECT watermark - 120000 FROM ev_projection)"
verify c.db ./all.ndjson
check_status 0 "ids behind the window may be gone"
same_but "INSERT INTO ev_seen SELECT projection, scope, 'old', watermark - 120001, topic, partition, record_offset
	FROM ev_seen, ev_projection LIMIT 1"
verify c.db ./all.ndjson
check_status 0 "or not yet"
same_but "INSERT INTO ev_seen SELECT projection, scope, 'old', watermark - 120000, topic, partition, record_offset
	FROM ev_seen, ev_projection LIMIT 1"
verify c.db ./all.ndjson
check_status 1 "the oldest within it may not"

# a receipt speaks of them, so a base may stand for them
verify s.db ./all.ndjson --receipt r.json
check "the receipt has the ids" jq -e '.ids.rows > 0 and (.ids.digest | length) == 32' r.json
copy s.db old.db
log $((SEED + 99)) 180 >rest.ndjson
cat all.ndjson rest.ndjson >longer.ndjson
project s.db --on-error dead --batch 11 ./longer.ndjson
verify s.db ./rest.ndjson --base "$(store old.db)" --base-receipt r.json
check_status 0 "from a base with its ids the view is proven"
forget c.db
copy old.db c.db
sql c.db "DELETE FROM ev_seen WHERE first_ms = (SELECT max(first_ms) FROM ev_seen)" >/dev/null
verify s.db ./rest.ndjson --base "$(store c.db)" --base-receipt r.json
check_status 5 "a base that lacks an id is refused"
check_grep "which is said" 'the ids that were seen are not those that it is of' "$err"

# receipts of before they had ids: good where there are none, and else no word for those that a base has
evreseal <r.json >again.json
check "a receipt sealed anew is the same" cmp r.json again.json
sed '/^"ids":/d' r.json | evreseal >before.json
check "one of before has no ids" jq -e '.ids == null and .letters != null' before.json
verify s.db ./rest.ndjson --base "$(store old.db)" --base-receipt before.json
check_status 5 "it stands for no base of a view with @dedupe"
check_grep "as it does not speak of them" 'it does not speak of the ids that were seen' "$err"
sed -i '/^-- @dedupe/d; s/version 1/version 2/' p.sql
project plain.db --on-error dead ./all.ndjson
verify plain.db ./all.ndjson --receipt r.json
check_status 0 "without @dedupe"
check "a receipt has none" jq -e '.ids == null' r.json
copy plain.db whole.db
project whole.db --on-error dead ./longer.ndjson
verify whole.db ./rest.ndjson --base "$(store plain.db)" --base-receipt r.json
check_status 0 "and is good"
done_testing
