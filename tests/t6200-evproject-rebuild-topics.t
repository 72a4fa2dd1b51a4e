#!/usr/bin/env bash
# evproject rebuild over topics: beside a producer and a follower, killed; ends, trimmed logs, new topics
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
. "$TOP/tests/store.sh"

seed=${SEED:-$$}
echo "# SEED=$seed"
RANDOM=$seed
sums() { # sums VERSION FACTOR TOPIC...: handlers that commute, so any order gives the same rows
	cat <<END
-- @projection sums version $1
-- @topics ${*:3}
-- @envelope type=\$.type
-- @schema
CREATE TABLE sums (k text PRIMARY KEY, n integer NOT NULL, total bigint NOT NULL);
-- @on add
INSERT INTO sums (k, n, total) VALUES (:key, 1, $2 * \$.v!)
ON CONFLICT (k) DO UPDATE SET n = sums.n + excluded.n, total = sums.total + excluded.total;
END
}
adds() { # adds TOPIC FIRST COUNT PARTITIONS
	awk -v t="$1" -v first="$2" -v n="$3" -v parts="$4" 'BEGIN { for (i = first; i < first + n; i++)
		printf "put %s/%d %d k%d {\"type\":\"add\",\"v\":%d}\n", t, (i * 7) % parts, 1000000 + i, i % 997, i % 13 }'
}
rows() { sql "$1" 'SELECT * FROM sums ORDER BY k' && sql "$1" "SELECT topic, partition, begin_offset, next_offset, applied,
	ignored, invisible FROM ev_ledger WHERE projection = 'sums' ORDER BY topic, partition"; }
same() { rows "$1" >.one && rows "$2" >.two && diff .one .two; }
run_view() { timeout 300 evproject run "$1" --store "$(store "$2")" --quiet "${@:3}"; }
rebuild() { run timeout 120 evproject rebuild "$1" --store "$(store "$2")" "${@:3}"; }
serves() { [ "$(sql "$1" "SELECT version FROM ev_projection WHERE name = 'sums'")" = "$2" ]; }
applied() { [ "$(sql "$1" "SELECT sum(applied) FROM ev_ledger WHERE projection = 'sums'")" -ge "$2" ]; }

# beside a producer and a follower, with kills on the way
topic log 3
put < <(adds "$log" 0 20000 3)
sums 1 1 "$log" >v1.sql
sums 2 10 "$log" >v2.sql
evproject run v1.sql --store "$(store f.db)" --follow --quiet 2>old.err &
old=$!
check "the old version follows" wait_for 60 applied f.db 20000
{ for ((i = 20000; i < 40000 && i < 100000; i += 100)); do adds "$log" $i 100 3; echo flush; [ -e enough ] && break; sleep 0.05; done; } |
	evproduce script >/dev/null & # the pace of the producer
producer=$!
n=0
while [ $n -lt $((4 * EFFORT)) ]; do
	evproject rebuild v2.sql --store "$(store f.db)" --quiet --no-swap --batch 2000 2>kill.err >/dev/null &
	pid=$!
	sleep "0.$((RANDOM % 6))$((RANDOM % 10))" # the random moment itself
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	n=$((n + 1))
done
check "the old version serves on" serves f.db 1
rebuild v2.sql f.db --yes --quiet
check_status 0 "the next session finishes and swaps"
check "the new version serves" serves f.db 2
gone() { ! kill -0 "$1"; }
check "the follower of the old version ends by itself" wait_for 60 gone $old
gone $old || kill -9 $old 2>/dev/null
wait $old
status=$?
check_status 6 "the follower of the old version is fenced"
check_grep "and told why" "projection 'sums' was swapped: version 2 serves now" old.err
evproject run v2.sql --store "$(store f.db)" --follow --quiet 2>new.err &
new=$!
before=$(sql f.db "SELECT sum(applied) FROM ev_ledger WHERE projection = 'sums'")
put < <(adds "$log" 100000 1000 3) # the producer may have come to its end
check "with the new file it goes on" wait_for 60 applied f.db $((before + 500))
run timeout 300 evproject rollback v1.sql --store "$(store f.db)"
check_status 0 "rollback beside a follower"
check "the one of the new version ends, too" wait_for 60 gone $new
gone $new || kill -9 $new 2>/dev/null
wait $new
status=$?
check_status 6 "which is fenced again"
touch enough
wait $producer
run_view v1.sql f.db
check "the old file goes on from its position" test $? = 0
run_view v1.sql w1.db
check "to the right rows" same f.db w1.db
run timeout 300 evproject rollback v2.sql --store "$(store f.db)"
run_view v2.sql f.db
run_view v2.sql w2.db
check "so does the new one" same f.db w2.db
on sqlite && check "no file is left beside the store" test -z "$(find . -name 'f.db-evshadow*')"

# the log's end: an open transaction does not hold a rebuild up for ever
topic open 1
put < <(adds "$open" 0 100 1)
sums 1 1 "$open" >v1.sql
sums 2 10 "$open" >v2.sql
run_view v1.sql o.db
txn_open "o-$$"
txn begin "put $open/0 2000000 a {\"type\":\"add\",\"v\":1}" flush
rebuild v2.sql o.db --yes --quiet --txn-wait 1s
check_status 3 "an open transaction before the end is waited for, then named"
check_grep "with its partition" "$open/0" "$err"
check "the old version serves" serves o.db 1
rebuild v2.sql o.db --yes --quiet --to stable
check_status 0 "--to stable leaves it out"
check "and swaps" serves o.db 2
txn commit
txn_leave
run_view v2.sql o.db 2>/dev/null
check "it comes with the next run" applied o.db 101
rebuild v1.sql o.db --yes --quiet --to 50
check_status 2 "an end behind the old view is refused"
check_grep "with both positions" 'the end 50 lies behind the old view, which stands at' "$err"

# a log that was trimmed
evadmin trim "$open/0" 40
rebuild v1.sql o.db --yes --quiet
check_status 5 "a trimmed log is refused"
check_grep "with both offsets" "$open/0: the log begins at offset 40, the old view at 0" "$err"
check "nothing is left of the try" test "$(sql o.db 'SELECT count(*) FROM ev_rebuild')" = 0
rebuild v1.sql o.db --yes --quiet --accept-trimmed
check_status 0 "--accept-trimmed takes it so"
check "the view begins where the log does" test "$(sql o.db "SELECT begin_offset FROM ev_ledger WHERE projection = 'sums'")" = 40

# a topic that the old version does not read is merged in by time, from its beginning
topic more 2
put < <(adds "$more" 0 300 2)
sums 1 1 "$open" >v1.sql
sums 3 10 "$open, $more" >v3.sql
rebuild v3.sql o.db --yes --quiet --accept-trimmed
check_status 0 "a version with one more topic"
run_view v3.sql w3.db
check "has what a first run has" same o.db w3.db
# and a partition that is added meanwhile
sums 4 100 "$open, $more" >v4.sql
rebuild v4.sql o.db --no-swap --quiet
evadmin grow "$more" 3
put <<<"put $more/2 3000000 z {\"type\":\"add\",\"v\":5}"
rebuild v4.sql o.db --yes --quiet
check_status 0 "a partition was added on the way"
run_view v4.sql w4.db
check "it is read from its beginning" same o.db w4.db

# a topic that was deleted and made again is another log
topic anew 2
put < <(adds "$anew" 0 300 2)
sums 1 1 "$anew" >v1.sql
sums 2 10 "$anew" >v2.sql
run_view v1.sql a.db
evadmin delete "$anew"
evadmin create "$anew" 2
put < <(adds "$anew" 1000 50 2)
rebuild v2.sql a.db --yes --quiet
check_status 5 "a topic that was made anew is refused"
check_grep "and told" "$anew/[01] is not the log that the view was built from" "$err"
check "the old version serves" serves a.db 1
rebuild v2.sql a.db --yes --quiet --accept-trimmed
check_status 0 "--accept-trimmed builds from the log as it is"
run_view v2.sql w5.db
check "with what a first run has" same a.db w5.db
run timeout 300 evproject rollback v1.sql --store "$(store a.db)"
check "the old one is kept" serves a.db 1

# Where the order of partitions matters rows may differ by it alone: the old version has read them as they arrived. A file
# is read as it stands.
topic order 2
last() { sums "$1" "$2" "$order" | sed 's/total = sums.total + excluded.total/total = excluded.total/'; }
last 1 1 >v1.sql
last 2 10 >v2.sql
put <<<"put $order/0 2000000 k {\"type\":\"add\",\"v\":1}"
run_view v1.sql q.db
put <<<"put $order/1 1000000 k {\"type\":\"add\",\"v\":2}"
run_view v1.sql q.db
evtail "$order" -n +1 -o json >order.ndjson
rebuild v2.sql q.db --no-swap
check_status 0 "a view whose order matters"
check_grep "is told so where its rows change" "the order of partitions matters to this view" "$err"
rebuild v2.sql q.db --abandon
rebuild v2.sql q.db --no-swap ./order.ndjson
check_no_grep "not by a file" "the order of partitions matters" "$err"
rebuild v2.sql q.db --abandon
sums 3 10 "$order" >v3.sql
rebuild v3.sql q.db --no-swap
check_no_grep "nor of a version to which it does not matter" "the order of partitions matters" "$err"

# Topics that are all replaced: there is no position at which both versions stand, which the comparison says.
topic before 1
topic after 1
put < <(adds "$before" 0 50 1; adds "$after" 0 80 1)
sums 1 1 "$before" >v1.sql
sums 2 1 "$after" >v2.sql
run_view v1.sql r.db
rebuild v2.sql r.db --yes --max-change 50
check_status 1 "other topics altogether are compared as well"
check_grep "which is said to be at no common position" '^the new version reads none of the old one.s topics' "$out"
check_grep "with what changes" '^sums +50 +0 +0 +30' "$out"
rebuild v2.sql r.db --yes --max-change 60
check_status 0 "and taken where that is allowed"
check_grep "the line says at which end" ': at the end of the log: 0 rows changed, 0 only in the old view, 30 only in the new' "$err"
run timeout 300 evproject rollback v1.sql --store "$(store r.db)"
check_grep "a rollback tells no distance between the two" '; version 2 \(rebuild of [^)]*\), which stands on other topics, is kept' "$err"
check "the old one serves" serves r.db 1

# time travel, into another store
sums 1 1 "$open" >v1.sql
rebuild v1.sql past.db --to 60 --quiet
check_status 0 "a view as it was is built into another store"
run_view v1.sql past2.db --to 60
check "up to there" same past.db past2.db
done_testing
