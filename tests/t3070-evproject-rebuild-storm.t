#!/usr/bin/env bash
# A rebuild that is killed with -9 at random moments, beside a live writer and live readers: whatever anybody sees is
# a whole state of the old version or of the new one, never an older one after a newer; and in the end all is as if
# nothing had happened. EFFORT=1: 6 kills, EFFORT=10: 100. SEED replays. Both stores, see tests/store.sh.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
kills=$((EFFORT >= 10 ? 10 * EFFORT : 6 * EFFORT))
seed=${SEED:-$$}
echo "# SEED=$seed"
RANDOM=$seed
# v1 counts, v2 counts tenfold; `head` has the events so far in one row, so that a torn state shows
cat >v1.sql <<'SQL'
-- @projection acc version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE acc (k text PRIMARY KEY, n bigint NOT NULL);
CREATE TABLE head (id integer PRIMARY KEY, events bigint NOT NULL, total bigint NOT NULL);
CREATE INDEX acc_n ON acc (n);
-- @on add
INSERT INTO acc (k, n) VALUES ($.k!, $.n! * 1) ON CONFLICT (k) DO UPDATE SET n = acc.n + excluded.n;
INSERT INTO head (id, events, total) VALUES (1, 1, $.n! * 1)
ON CONFLICT (id) DO UPDATE SET events = head.events + 1, total = head.total + excluded.total;
SQL
sed 's/version 1/version 2/; s/\$\.n! \* 1)/$.n! * 10)/' v1.sql >v2.sql
total=$((4000 + 3000 * (EFFORT >= 10 ? 10 : 1))) first=3000
awk -v n=$total 'BEGIN { for (i = 0; i < n; i++) printf "{\"topic\":\"t\",\"partition\":0,\"offset\":%d,\"timestamp\":%d,\"key\":\"k%d\",\"headers\":[],\"value\":{\"type\":\"add\",\"k\":\"k%d\",\"n\":%d}}\n", i, 1763200000000 + i, i % 499, i % 499, i % 13 }' >all.ndjson
head -n $first all.ndjson >log.ndjson
s=$(store live.db)
evproject run v1.sql --store "$s" --quiet ./log.ndjson
evproject rebuild v1.sql --store "$s" --forget 2>/dev/null # makes our tables

# readers: what one query sees is one state: events, total and the sum of all rows belong together
query="SELECT p.generation, p.version, h.events, h.total, (SELECT sum(n) FROM acc), (SELECT count(*) FROM acc)
	FROM head h, ev_projection p WHERE p.name = 'acc'"
question="$(tr '\n' ' ' <<<"$query");"
readers=()
for i in 1 2 3; do # $! is the last of the pipe
	if on sqlite; then
		{ echo '.timeout 20000'; yes "$question"; } 2>/dev/null | sqlite3 live.db >seen.$i 2>seen.$i.err &
	else
		yes "$question" 2>/dev/null | psql -qAtX "$s" >seen.$i 2>seen.$i.err &
	fi
	readers+=($!)
done

# the writer: the log grows and a run follows it, with the file that serves
writer() {
	local at=$first file=v1.sql
	while [ ! -e writer.stop ]; do
		if [ $at -lt $total ]; then
			sed -n "$((at + 1)),$((at + 5))p" all.ndjson >>log.ndjson
			at=$((at + 5))
		fi
		evproject run $file --store "$s" --quiet ./log.ndjson 2>>writer.err
		case $? in
		0) ;;
		2 | 6) [ $file = v1.sql ] && file=v2.sql || file=v1.sql ;;
		*) echo "failed" >>writer.log ;;
		esac
	done
}
: >writer.log
writer &
writer_pid=$!

# one that is not killed, to know how long it takes among all this
seen_more() { [ "$(wc -l <seen.1)" -gt "$1" ]; }
wait_for 60 seen_more 20
start=$(date +%s%3N)
run evproject rebuild v2.sql --store "$s" --yes --quiet ./log.ndjson
calm_ms=$(($(date +%s%3N) - start))
[ $status = 0 ] && wait_for 60 seen_more "$(($(wc -l <seen.1) + 20))"
echo "# an undisturbed rebuild takes $calm_ms ms, exit $status"
n=0 done=0 round=0
serving() { sql live.db "SELECT version FROM ev_projection WHERE name = 'acc'"; }
while [ $n -lt $kills ]; do
	round=$((round + 1))
	file=v$((3 - $(serving))).sql
	# the way back is a rebuild too: its version is lower, and that is nobody's business
	evproject rebuild "$file" --store "$s" --yes --quiet --batch $((100 + RANDOM % 900)) ./log.ndjson >/dev/null 2>kill.err &
	pid=$!
	ms=$((RANDOM % (calm_ms + calm_ms / 4)))
	sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))" # the random moment itself
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	case $? in
	0) done=$((done + 1)) ;;
	137) n=$((n + 1)) ;;
	5) grep -q 'ndjson:' kill.err || { fail "a session that goes on"; show <kill.err; break; } ;; # half a line
	2) grep -q 'under way' kill.err || { fail "a session that goes on"; show <kill.err; break; } ;;
	*) fail "a session that goes on ends well or is killed"; show <kill.err; break ;;
	esac
done
check "$n sessions killed, $done came to their end" test $n -ge $kills
check "readers go on" wait_for 60 seen_more "$(wc -l <seen.1)"
touch writer.stop
wait $writer_pid
for pid in "${readers[@]}"; do kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; done
check "the writer never failed" test ! -s writer.log
[ ! -s writer.log ] || show <writer.err

# the last session, undisturbed
cp log.ndjson final.ndjson
v=$(serving)
run evproject rebuild v$((3 - v)).sql --store "$s" --yes --quiet ./final.ndjson
case $status in
2) run evproject rebuild v$v.sql --store "$s" --yes --quiet ./final.ndjson ;;
esac
check_status 0 "the next session comes to its end"
v=$(serving)
run evproject run v$v.sql --store "$s" --quiet ./final.ndjson
evproject run v$v.sql --store "$(store want.db)" --quiet ./final.ndjson
rows() { sql "$1" 'SELECT * FROM head; SELECT * FROM acc ORDER BY k'; sql "$1" "SELECT begin_offset, next_offset, applied, last_hash FROM ev_ledger WHERE projection = 'acc'"; }
check "the rows and the ledger are those of an undisturbed view" cmp <(rows live.db) <(rows want.db)
run evproject rebuild v$v.sql --store "$s" --forget
check "no plan, no other version is left" test "$(sql live.db 'SELECT name FROM ev_projection')$(sql live.db 'SELECT count(*) FROM ev_rebuild')" = acc0
if on sqlite; then
	check "no file" test "$(ls live.db*)" = "$(printf 'live.db\nlive.db-evlock')"
	check "the database is sound" test "$(sqlite3 live.db 'PRAGMA integrity_check')" = ok
else
	check "no schema" test -z "$(sql live.db "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'ev\\_%' AND nspname LIKE '%live_db%'")"
fi
for i in 1 2 3; do
	sed -i '$d' seen.$i # the last line may be cut
	check "reader $i saw no error" test ! -s seen.$i.err
	[ ! -s seen.$i.err ] || show <seen.$i.err
	check "reader $i saw whole states only ($(wc -l <seen.$i) reads)" test -z "$(awk -F'|' '
		BEGIN { for (i = 1; i <= 100000; i++) { s += (i - 1) % 13; sum[i] = s } }
		$4 != $5 || ($4 != sum[$3] && $4 != 10 * sum[$3]) || $6 != 499 { print; exit }' seen.$i)"
	check "reader $i saw no older state after a newer one" test -z "$(awk -F'|' '
		$1 < generation || $3 < events { print generation, events, $0; exit } { generation = $1; events = $3 }' seen.$i)"
	check "reader $i saw both versions" test "$(cut -d'|' -f2 seen.$i | sort -u | xargs)" = "1 2"
done
done_testing
