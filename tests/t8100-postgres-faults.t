#!/usr/bin/env bash
# A run into PostgreSQL whose sessions are cut, whose answers are lost, whose server dies, or that is
# killed itself: the rows and the ledger are those of an undisturbed run.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/evproject.sh"
# counts: an event that is applied twice or not at all shows in every one
awk 'BEGIN { for (i = 0; i < 30000; i++) printf "{\"topic\":\"t\",\"partition\":%d,\"offset\":%d,\"timestamp\":%d,\"key\":\"k%d\",\"headers\":[],\"value\":{\"type\":\"%s\",\"k\":\"k%d\",\"n\":%d}}\n", i % 2, i / 2, 1763200000000 + i, i % 97, i % 31 ? "add" : "del", i % 97, i % 7 }' >in.ndjson
view() { sql "$1" 'SELECT k, n, at FROM acc ORDER BY k COLLATE "C"'; sql "$1" 'SELECT topic, partition, begin_offset, next_offset, applied, invisible, untouched, last_offset, last_hash FROM ev_ledger ORDER BY 1, 2'; }
database calm
project "$calm" --batch 500 ./in.ndjson
check_status 0 "an undisturbed run"
view "$calm" >calm.txt
check "which applied all" test "$(sql "$calm" 'SELECT sum(applied) FROM ev_ledger')" = 30000
same() { view "$1" | cmp - calm.txt; }
# mid RUN-PID DATABASE: the run has committed something and has not ended
mid() { kill -0 "$1" 2>/dev/null && [ "$(sql "$2" 'SELECT count(*) FROM ev_ledger' 2>/dev/null)" = 2 ]; }

# sessions cut by an administrator, again and again
database cut
mkfifo pipe
evproject run p.sql --store "$cut" --batch 500 - <pipe 2>cut.err & pid=$!
exec 7>pipe
head -n 15000 in.ndjson >&7
cuts=0
cut_one() { # [CONDITION]
	cuts=$((cuts + $(super "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '$(basename "$cut")' AND usename = 'app' AND application_name = 'evtools' ${1:-}")))
	[ $cuts -ge 1 ]
}
mid_cut() { mid $pid "$cut" && cut_one; }
check "it is disturbed" wait_for 60 mid_cut
tail -n +15001 in.ndjson >&7 & feeder=$!
exec 7>&-
while kill -0 $pid 2>/dev/null; do cut_one "AND state <> 'idle'"; done
wait $feeder
wait $pid
check "a run whose sessions are terminated ends well" test $? = 0
echo "# $cuts sessions terminated"
check "its view and ledger are those of the undisturbed run" same "$cut"

# a proxy that loses COMMITs, and one that loses their answers
for how in before after; do
	database lost
	proxied $how 13
	run evproject run p.sql --store "$through/$(basename "$lost")" --batch 500 ./in.ndjson
	check_status 0 "each 13th COMMIT is cut $how it is done"
	check "  and nothing is applied twice or left out" same "$lost"
	kill "$proxy"; wait "$proxy" 2>/dev/null
done

# a retry that fails again changes nothing but its tries, and the ledger does not tell whether that was done
database tried
cat >tried.sql <<'SQL'
-- @projection tried version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE tried (k text PRIMARY KEY, n integer NOT NULL);
-- @on add
INSERT INTO tried (k, n) VALUES (:key, $.n) ON CONFLICT (k) DO UPDATE SET n = excluded.n;
SQL
evproject run tried.sql --store "$tried" --on-error dead --quiet - <<<"$(rec add k1 1 0; rec add k1 '"x"' 1)"
tries() { sql "$tried" 'SELECT tries FROM ev_dead'; }
before=$(tries)
for how in before after; do
	failed=0
	for each in 13 14 15 16 17 18 19; do # one of them cuts the COMMIT of the tries
		proxied $how $each
		for ((i = 0; i < 4; i++)); do
			evproject dead retry tried.sql --store "$through/$(basename "$tried")" t/0@1 2>retry.err
			[ $? != 5 ] || failed=$((failed + 1))
		done
		kill "$proxy"; wait "$proxy" 2>/dev/null
	done
	check "retries fail again while COMMITs are cut $how they are done" test $failed -gt 0
	check "  and are counted once each" test "$(tries)" = $((before += failed))
done

# kill -9 of the run, until it gets to its end
database killed
kills=0
want=$((10 * ${EFFORT:-1}))
: "${SEED:=$RANDOM}"; RANDOM=$SEED; echo "# SEED=$SEED"
status=137
while [ $status != 0 ]; do
	batch=$((kills < want ? 1 + RANDOM % 20 : 1000)) # so small that it is killed at work
	evproject run p.sql --store "$killed" --batch $batch --quiet ./in.ndjson 2>kill.err & pid=$!
	if [ $kills -lt $want ]; then
		at=$(sql "$killed" 'SELECT sum(next_offset) FROM ev_ledger' 2>/dev/null) || at=
		moved() { ! kill -0 $pid 2>/dev/null || [ "$(sql "$killed" 'SELECT sum(next_offset) FROM ev_ledger' 2>/dev/null)" != "$at" ]; }
		wait_for 60 moved
		kill -9 $pid 2>/dev/null && kills=$((kills + 1))
	fi
	wait $pid 2>/dev/null; status=$?
	[ $status = 0 ] || [ $status = 137 ] || break
done
check "killed $kills times, the run gets to its end" test $status = 0
check "it was killed at work" test $kills -ge 1
check "its view and ledger are those of the undisturbed run" same "$killed"

# the second of two runs
database two
mkfifo feed
evproject run p.sql --store "$two" --follow - <feed 2>follow.err & pid=$!
exec 9>feed
head -n 1000 in.ndjson >&9
applied() { [ "$(sql "$two" 'SELECT sum(applied) FROM ev_ledger' 2>/dev/null)" = "$1" ]; }
check "a follower is at work" wait_for 60 applied 1000
run evproject run p.sql --store "$two" --lock-wait 100ms ./in.ndjson
check_status 6 "a second run is exit 6"
check_grep "and names the first" "pid $pid on" "$err"
# a pooler may drop the lock: then the ledger's row keeps them apart
super "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '$(basename "$two")' AND usename = 'app'" >/dev/null
sed -n 1001,1500p in.ndjson >&9
check "the follower connects anew and goes on" wait_for 60 applied 1500
exec 9>&-
wait $pid
check "and ends with its input" test $? = 0

# locks and deadlocks of others
database locks
sed -n 1,2000p in.ndjson >part.ndjson
head -n 1000 part.ndjson >first.ndjson
project "$locks" ./first.ndjson
mkfifo hold
psql -qAtX "$locks" <hold >hold.out & psql_pid=$!
exec 8>hold
echo "BEGIN; LOCK TABLE acc IN EXCLUSIVE MODE; SELECT 'locked';" >&8
check "somebody locks the table" wait_for 60 grep -q locked hold.out
run evproject run p.sql --store "$locks" --lock-wait 200ms --store-timeout 1s ./part.ndjson
check "a table that is locked for good ends the run by 4 or 6" test "$status" = 4 -o "$status" = 6
check_no_grep "and is no poison" 'dead' "$err"
check "nothing was applied" test "$(sql "$locks" 'SELECT sum(applied) FROM ev_ledger')" = 1000
evproject run p.sql --store "$locks" --lock-wait 60s ./part.ndjson 2>locked.err & pid=$!
waiting() { [ "$(super "SELECT count(*) FROM pg_locks WHERE NOT granted")" -gt 0 ]; }
check "another waits" wait_for 60 waiting
echo "COMMIT;" >&8
wait $pid
check "and goes on when the lock is gone" test $? = 0
exec 8>&-
wait $psql_pid

# a deadlock: the other has k2 and wants k1, we have k1 and want k2; one of us must give way
database dead
printf '%s\n' "$(off=0; rec add k1 1; rec add k2 1)" >two.ndjson
project "$dead" ./two.ndjson
mkfifo cross
psql -qAtX "$dead" <cross >cross.out 2>&1 & psql_pid=$!
exec 8>cross
echo "BEGIN; UPDATE acc SET at = 7 WHERE k = 'k2' RETURNING 'holds k2';" >&8
check "another holds a row" wait_for 60 grep -q 'holds k2' cross.out
(off=2; rec add k1 1; rec add k2 1) >>two.ndjson
evproject run p.sql --store "$dead" --exact-statements ./two.ndjson 2>dead.err & pid=$!
check "the run waits for it" wait_for 60 waiting
echo "UPDATE acc SET at = 7 WHERE k = 'k1' RETURNING 'holds k1'; COMMIT;" >&8
wait $pid
check "a run that loses a deadlock is tried again" test $? = 0
exec 8>&-
wait $psql_pid
check "there was a deadlock" test "$(super "SELECT deadlocks FROM pg_stat_database WHERE datname = '$(basename "$dead")'" || echo 0)" -ge 1 -o "$(grep -c 'deadlock detected' cross.out)" = 1
check "nothing is applied twice or left out" test "$(sql "$dead" 'SELECT k, n FROM acc ORDER BY k' | tr '\n' ' ')" = 'k1|2 k2|2 '
check "and nothing is poison" test "$(sql "$dead" 'SELECT count(*) FROM ev_dead')" = 0

# the server dies and comes back; it is gone for good
own_postgres
database crash
mkfifo early
evproject run p.sql --store "$crash" --batch 300 - <early 2>crash.err & pid=$!
exec 9>early
head -n 15000 in.ndjson >&9
check "a run is at work" wait_for 60 mid $pid "$crash"
tail -n +15001 in.ndjson >&9 & feeder=$!
"$postgres" kill "$postgres_dir"
"$postgres" restart "$postgres_dir" >/dev/null 9>&- # it would hold the pipe open
wait $feeder
exec 9>&-
wait $pid
check "a server that dies and comes back does not end the run" test $? = 0
check "its view and ledger are those of the undisturbed run" same "$crash"
database gone
mkfifo late
evproject run p.sql --store "$gone" --store-timeout 300ms --follow - <late 2>gone.err & pid=$!
exec 9>late
head -n 1000 in.ndjson >&9
began() { [ "$(sql "$gone" 'SELECT sum(applied) FROM ev_ledger' 2>/dev/null)" = 1000 ]; }
check "a run is at work" wait_for 60 began
"$postgres" kill "$postgres_dir"
sed -n 1001p in.ndjson >&9
wait $pid
check "a server that is gone for good is exit 4" test $? = 4
exec 9>&-
check_grep "with the time it took" 'gave up after' gone.err
"$postgres" restart "$postgres_dir" >/dev/null
project "$gone" ./in.ndjson
check_status 0 "the next run goes on from the stored position"
check "and comes to the same view" same "$gone"

# a disk that is full: a tablespace on a small file system
if [ "$(id -u)" = 0 ]; then
	mkdir full && mount -t tmpfs -o size=3m tmpfs full && at_exit 'umount "$T/full"' && chown postgres full
	super "CREATE TABLESPACE small LOCATION '$T/full'"
	super "GRANT CREATE ON TABLESPACE small TO app"
	database full
	sed 's/^CREATE TABLE acc.*/CREATE TABLE acc (k text PRIMARY KEY, n integer NOT NULL, at bigint, pad text) TABLESPACE small;/; s/(k, n, at) VALUES (\$.k!, \$.n!, :offset)/(k, n, at, pad) VALUES ($.k! || :offset, $.n!, :offset, repeat($.k!, 100))/' p.sql >full.sql
	run evproject run full.sql --store "$full" --batch 500 --store-timeout 1s ./in.ndjson
	check_status 4 "a full disk is exit 4"
	check_grep "with the server's reason" 'No space left on device|could not extend file' "$err"
	check "rows and ledger agree up to there" test "$(sql "$full" 'SELECT count(*) <= (SELECT sum(applied) FROM ev_ledger) FROM acc')" = t
	check "and nothing is taken for poison" test "$(sql "$full" 'SELECT count(*) FROM ev_dead')" = 0
	super "DROP DATABASE $(basename "$full")"; super "DROP TABLESPACE small"
fi
done_testing
