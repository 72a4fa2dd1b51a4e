#!/usr/bin/env bash
# The swap on PostgreSQL gets its turn beside clients that are always at the tables, and holds the old view's writer up for
# less than that bears: not by the locks of others, one after another, and not by what it has waited for before
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/swap.sh"
for i in {0..5999}; do rec add "k$((i % 1500))" $((i % 5)); done >all.ndjson
head -n 2000 all.ndjson >in.ndjson
at() { [ "$(sql "$db" "SELECT next_offset FROM ev_ledger WHERE projection = 'acc'" 2>/dev/null)" = "$1" ]; }
wants() { [ "$(super "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = '$1' AND relation = 'public.acc'::regclass" "$_super_url")" = 1 ]; }
outlives() { [ "$(super "SELECT count(*) FROM pg_stat_activity WHERE datname = '$(basename "$db")' AND application_name = 'evtools' AND query LIKE '%virtualxid = ANY%'")" = 1 ]; }
# a client that is at the table all the time, in one transaction after another: short ones, but for those behind which
# somebody queues, which last for another second
busy() { # WHILE
	psql -qAtX "$db" >busy.out 2>&1 <<SQL &
DO \$\$ BEGIN
	WHILE $1 LOOP
		PERFORM count(*) FROM acc;
		FOR i IN 1 .. 30 LOOP
			EXIT WHEN EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'acc'::regclass);
			PERFORM pg_sleep(0.01);
		END LOOP;
		IF EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'acc'::regclass) THEN
			PERFORM pg_sleep(1);
		END IF;
		COMMIT;
	END LOOP;
END \$\$;
SQL
	busy=$!
}
rests() { # it would never end by itself where the swap did not come
	[ "$status" = 0 ] || super "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '$(basename "$db")' AND query LIKE 'DO %'" >/dev/null
	wait "$busy"
}
serves() { echo "EXISTS (SELECT 1 FROM ev_projection WHERE name = 'acc' AND version = $1)"; }
is_busy() { [ "$(super "SELECT count(*) FROM pg_stat_activity WHERE datname = '$(basename "$db")' AND wait_event = 'PgSleep'")" = 1 ]; }

# beside it, and a follower of the old version that writes all the time
database db
mkfifo feed
cp in.ndjson log.ndjson
evproject run p.sql --store "$db" --follow - <feed 2>follow.err & fpid=$!
exec 9>feed
cat in.ndjson >&9
check "a follower is at work" wait_for 60 at 2000
for ((i = 2000; i < 6000; i++)); do
	sed -n "$((i + 1))p" all.ndjson >>log.ndjson # an event is in the log before it is in the view
	sed -n "$((i + 1))p" all.ndjson >&9 || break
	until at $((i + 1)); do kill -0 $fpid || break 2; done
done 2>/dev/null & feeder=$!
busy "$(serves 1)"
check "and a client" wait_for 60 is_busy
rebuild p2.sql "$db" ./log.ndjson
check_status 0 "a rebuild beside a client that is always at the table"
check "the new version serves" test "$(versions "$db")" = 'acc|2 acc (kept)|1 '
rests
check "no error to the client" test ! -s busy.out
exec 9>&-
wait $feeder
wait $fpid; fstatus=$?
check "the follower is fenced: exit 6" test $fstatus = 6
check_grep "because of the swap, and not by its lock" 'was swapped: version 2 serves now' follow.err
run evproject run p2.sql --store "$db" ./all.ndjson
database want
run evproject run p2.sql --store "$want" ./all.ndjson
check "the rows are right" cmp <(rows "$db") <(rows "$want")
busy "$(serves 2)"
check "the client again" wait_for 60 is_busy
run evproject rollback p.sql --store "$db"
check_status 0 "a rollback beside it"
rests
check "without an error to it" test ! -s busy.out
check "the old version serves" test "$(versions "$db")" = 'acc|1 acc (kept)|2 '

# who is at a vacuum is waited for before the old view's writer is held up
database db
project "$db" ./in.ndjson
rebuild p2.sql "$db" --no-swap ./all.ndjson
session first
say first 'BEGIN; SELECT count(*) FROM acc'
evproject rebuild p2.sql --store "$db" --yes --swap-wait 10m ./all.ndjson >swap.out 2>swap.err & pid=$!
check "the swap waits for a transaction" wait_for 60 outlives
session vacuum
say vacuum 'BEGIN; LOCK TABLE acc IN SHARE UPDATE EXCLUSIVE MODE'
say first COMMIT
bye first
# which it asks for once, for a time; then it waits for who has it
beside() { wants ShareUpdateExclusiveLock || grep -q 'waits for a transaction of others: pid [0-9]* (psql' swap.err; }
check "then for a lock as that of a vacuum" wait_for 60 beside
run evproject run p.sql --store "$db" --lock-wait 300ms ./all.ndjson
check_status 0 "the old view's writer goes on meanwhile"
check "to the end" at 6000
say vacuum COMMIT
bye vacuum
wait $pid
check "and it is swapped" test $? = 0

# the ledger's row is another's for longer than --lock-wait: that is one for the next try
database db
project "$db" ./in.ndjson
rebuild p2.sql "$db" --no-swap ./in.ndjson
session first
say first 'BEGIN; SELECT count(*) FROM acc'
evproject rebuild p2.sql --store "$db" --yes --swap-wait 10m --lock-wait 200ms ./in.ndjson >swap.out 2>swap.err & pid=$!
check "the swap waits for a transaction" wait_for 60 outlives
session writer
say writer "BEGIN; SELECT 1 FROM ev_projection WHERE name = 'acc' FOR UPDATE"
say first COMMIT
bye first
check "it says that another transaction is in its way" wait_for 60 grep -q 'waits for a transaction of others: pid [0-9]* (psql' swap.err
check "and is there" kill -0 $pid
say writer COMMIT
bye writer
wait $pid
check "then it is swapped" test $? = 0

# what was long before the writer is held up does not make that long: a piece that takes longer than the first may is
# the last of its try, and the rest is read while the writer goes on
database db
project "$db" ./in.ndjson
rebuild p2.sql "$db" --forget # makes our tables
sql "$db" "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''stopped by test''; END';
	CREATE TRIGGER stop AFTER DELETE ON ev_rebuild FOR EACH ROW EXECUTE FUNCTION stop()"
rebuild p2.sql "$db" ./in.ndjson
sql "$db" "DROP TRIGGER stop ON ev_rebuild; CREATE TABLE writes (hold text)"
project "$db" ./all.ndjson
check "a version is ready, and the old one goes on" at 6000
{ cat all.ndjson; for i in {6000..7999}; do rec add "k$((i % 1500))" 1; done; } >more.ndjson
session first
say first 'BEGIN; SELECT count(*) FROM acc'
evproject rebuild p2.sql --store "$db" --yes --swap-wait 10m ./more.ndjson >swap.out 2>swap.err & pid=$!
check "the swap waits for a transaction" wait_for 60 outlives
# 500 records are a batch, which takes 3 s; noted are those that are written while the swap has the row
swap=$(super "SELECT pid FROM pg_stat_activity WHERE datname = '$(basename "$db")' AND query LIKE '%virtualxid = ANY%' AND pid <> pg_backend_pid()")
sql "$db" "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
	PERFORM pg_sleep(0.006);
	INSERT INTO public.writes SELECT virtualtransaction FROM pg_locks WHERE pid = $swap AND granted
		AND relation = 'public.ev_projection'::regclass AND mode = 'RowShareLock';
	RETURN NEW; END \$\$;
	CREATE TRIGGER slow AFTER INSERT OR UPDATE ON ev_shadow_public_acc.acc FOR EACH ROW EXECUTE FUNCTION slow()"
say first COMMIT
bye first
reads() { [ "$(sql "$db" 'SELECT next_offset FROM ev_shadow_public_acc.ev_ledger')" -ge 3000 ]; }
check "it reads what came since" wait_for 60 reads
run evproject run p.sql --store "$db" --lock-wait 1m ./more.ndjson
check_status 0 "the old view goes on meanwhile, by more than a piece"
wait $pid
check "it is swapped" test $? = 0
sql "$db" 'SELECT hold, count(*) FROM writes GROUP BY 1' >writes
show <writes
check "the writer was held up for no more than two batches at a time" awk -F'|' '$2 > 1000 { exit 1 }' writes
check "to the right rows" test "$(sums "$db")" = "$(
	database calm >&2
	evproject run p2.sql --store "$calm" --quiet ./more.ndjson >/dev/null 2>&1
	sums "$calm")"
done_testing
