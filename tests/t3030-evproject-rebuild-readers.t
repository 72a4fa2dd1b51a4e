# evproject rebuild beside readers and a writer: only complete states, never an older one after a newer
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/rebuild.sh"

keys=19997
biglog 60000 $keys >all.ndjson
head -n 20000 all.ndjson >log.ndjson
build v1.sql s.db ./log.ndjson

# each state that may be seen: version, position, rows, sum
awk -v keys=$keys 'BEGIN { for (i = 0; i < 60000; i++) { k = (i * 7919) % keys; if (!(k in seen)) { seen[k] = 1; n++ }
	sum += (i * 31) % 101; print "1|" i + 1 "|" n "|" sum; print "2|" i + 1 "|" n "|" sum * 10 } }' >valid.txt

state="SELECT generation, version, (SELECT next_offset FROM ev_ledger WHERE projection = 'acc'),
	(SELECT count(*) FROM acc), (SELECT sum(n) FROM acc) FROM ev_projection WHERE name = 'acc';"
readers=()
for i in 1 2 3; do
	{ echo '.timeout 10000'; yes "$(tr '\n' ' ' <<<"$state")"; } 2>/dev/null | sqlite3 s.db >seen.$i 2>seen.$i.err &
	readers+=($!)
done
# one that opens the file for each query, so that a last connection closes now and then
while :; do sqlite3 -cmd '.timeout 60000' s.db "$state"; done >seen.4 2>seen.4.err &
readers+=($!)

# the writer: the log grows by whole lines, and a run follows it; fenced, it takes the other file
writer() {
	local at=20000 file=v1.sql
	while [ ! -e writer.stop ] && [ $at -lt 60000 ]; do
		sed -n "$((at + 1)),$((at + 20))p" all.ndjson >>log.ndjson
		at=$((at + 20))
		evproject run $file --store s.db --quiet ./log.ndjson 2>>writer.err
		case $? in
		0) ;;
		2 | 6) [ $file = v1.sql ] && file=v2.sql || file=v1.sql; echo "changed to $file" >>writer.log ;;
		*) echo "failed" >>writer.log ;;
		esac
	done
}
: >writer.log
writer &
writer_pid=$!
from=()
seen_more() { for i in 1 2 3 4; do [ "$(wc -l <seen.$i)" -gt $((from[i] + 20)) ] || return 1; done; }
watch() { # until each of them has seen some more
	for i in 1 2 3 4; do from[i]=$(wc -l <seen.$i); done
	wait_for 60 seen_more
}
watch
# the writer's last line may be half there when it is read: such a session ends with status 5, the next goes on
for i in 1 2 3 4 5; do
	rebuild v2.sql s.db ./log.ndjson --yes
	[ $status = 5 ] || break
done
check_status 0 "a rebuild beside a writer"
changed() { grep -q "changed to $1" writer.log; }
wait_for 60 changed v2.sql
check "the writer was fenced, and went on with the new file" changed v2.sql
watch
run evproject rollback v1.sql --store s.db
check_status 0 "a rollback beside a writer"
wait_for 60 changed v1.sql
check "the writer was fenced again, and went on with the old file" changed v1.sql
watch
touch writer.stop
wait $writer_pid
check "the writer never failed" test -z "$(grep failed writer.log)"
for pid in "${readers[@]}"; do kill "$pid"; wait "$pid" 2>/dev/null; done

for i in 1 2 3 4; do
	sed -i '$d' seen.$i # the last line may be cut
	check "reader $i saw no error" test ! -s seen.$i.err
	check "reader $i saw only complete states ($(wc -l <seen.$i) reads)" \
		test -z "$(awk -F'|' 'NR == FNR { ok[$0] = 1; next } !(($2 "|" $3 "|" $4 "|" $5) in ok)' valid.txt seen.$i)"
	# a rollback alone goes back, and raises the generation
	check "reader $i saw no older state after a newer one" test -z "$(awk -F'|' '
		$1 < generation || ($3 < position && !($1 > generation && $2 < version)) { print }
		{ generation = $1; version = $2; position = $3 }' seen.$i)"
	check "reader $i saw both versions" test "$(cut -d'|' -f2 seen.$i | sort -u | xargs)" = "1 2"
done
cp log.ndjson final.ndjson
run evproject run v1.sql --store s.db --quiet ./final.ndjson
build v1.sql want.db ./final.ndjson
check "in the end the rows are right" same s.db want.db
check "the database is sound" sound s.db
done_testing
