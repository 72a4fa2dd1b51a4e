#!/usr/bin/env bash
# The swap on PostgreSQL beside others: the old view's writer waits for nothing while the swap waits for transactions
# of others, or reads what it lags behind; readers of views of others, and a vacuum of the server's own, do not keep it out
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/swap.sh"
for i in {0..2999}; do rec add "k$((i % 53))" $((i % 5)); done >all.ndjson
head -n 2000 all.ndjson >in.ndjson
count() { super "SELECT count(*) FROM pg_stat_activity WHERE datname = '$(basename "$db")' AND application_name = 'evtools' AND $1"; }
outlives() { [ "$(count "query LIKE '%virtualxid = ANY%'")" = 1 ]; } # the swap waits for transactions of others
waits_on() { [ "$(count "wait_event_type = 'Lock' AND wait_event = '$1'")" -ge 1 ]; }
at() { [ "$(sql "$db" "SELECT next_offset FROM ev_ledger WHERE projection = 'acc'" 2>/dev/null)" = "$1" ]; }

database want
rebuild p2.sql "$want" ./all.ndjson
check_status 0 "a view to compare with"

# a follower of the old version, while the swap waits for others
database db
mkfifo feed
cp in.ndjson log.ndjson
more() { sed -n "$1,$2p" all.ndjson >>log.ndjson; sed -n "$1,$2p" all.ndjson >&9; } # an event is in the log before it is in the view
evproject run p.sql --store "$db" --lock-wait 1m --follow - <feed 2>follow.err & fpid=$!
exec 9>feed
head -n 2000 all.ndjson >&9
check "a follower is at work" wait_for 60 at 2000
session first
say first 'BEGIN; SELECT count(*) FROM acc'
evproject rebuild p2.sql --store "$db" --yes --swap-wait 10m ./log.ndjson >swap.out 2>swap.err & pid=$!
check "the swap waits for a transaction" wait_for 60 outlives
more 2001 2100
check "the follower goes on meanwhile" wait_for 60 at 2100
# who began while it waited has a snapshot in which the shadow is behind: he is waited for as well, under the row, but
# not for long
session second
say second 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM ev_table'
sum=$(sums "$db")
more 2101 2200
check "and on" wait_for 60 at 2200
say first COMMIT
bye first
gave_way() { grep -q 'waits for a transaction of others: pid [0-9]* (psql' swap.err; }
check "one that began later is waited for, and then the follower's row let go" wait_for 60 gave_way
more 2201 2300
check "the follower goes on" wait_for 60 at 2300
check "nothing is swapped" test "$(versions "$db")" = 'acc|1 '
say second 'SELECT count(*), sum(n) FROM acc'
check "who began before sees the old view as it was" grep -qxF "$sum" second.out
say second COMMIT
bye second
wait $pid
check "then it is swapped" test $? = 0
more 2301 2400
wait $fpid; fstatus=$?
exec 9>&-
check "and the follower is fenced: exit 6" test $fstatus = 6
check_grep "because of the swap" 'was swapped: version 2 serves now' follow.err
run evproject run p2.sql --store "$db" ./all.ndjson
check "the rows are right" cmp <(rows "$db") <(rows "$want")

# where the old view stands still nobody is waited for twice, and who begins meanwhile finds the shadow whole
database db
project "$db" ./in.ndjson
rebuild p2.sql "$db" --no-swap ./all.ndjson
session first
say first 'BEGIN; SELECT count(*) FROM acc'
evproject rebuild p2.sql --store "$db" --yes --swap-wait 10m ./all.ndjson >swap.out 2>swap.err & pid=$!
check "the swap waits for a transaction" wait_for 60 outlives
session second
say second 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM ev_table'
say first COMMIT
bye first
wait $pid
check "it goes through beside one that began meanwhile" test $? = 0
say second 'SELECT count(*), sum(n) FROM acc'
check "which sees the new view, whole" grep -qxF "$(sums "$want")" second.out
say second COMMIT
bye second

# a version that has been ready for long: what it lags behind is read while the old view's writer goes on
database db
project "$db" ./in.ndjson
rebuild p2.sql "$db" --forget # makes our tables
sql "$db" "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''stopped by test''; END';
	CREATE TRIGGER stop AFTER DELETE ON ev_rebuild FOR EACH ROW EXECUTE FUNCTION stop()"
rebuild p2.sql "$db" ./in.ndjson
check_status 4 "a rebuild ends in its swap"
sql "$db" 'DROP TRIGGER stop ON ev_rebuild'
check "a version is ready" test "$(sql "$db" 'SELECT phase FROM ev_rebuild')" = ready
project "$db" ./all.ndjson
check "and the old one goes on" at 3000
super "CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NEW; END \$\$;
CREATE TRIGGER gate BEFORE INSERT OR UPDATE ON ev_shadow_public_acc.acc FOR EACH ROW EXECUTE FUNCTION gate()" "$_super_url"
session gate
say gate 'SELECT pg_advisory_lock(42)'
{ cat all.ndjson; off=3000; for i in {0..99}; do rec add "k$i" 1; done; } >more.ndjson
evproject rebuild p2.sql --store "$db" --yes ./more.ndjson >swap.out 2>swap.err & pid=$!
check "the swap reads what came since" wait_for 60 waits_on advisory
run evproject run p.sql --store "$db" --lock-wait 5s ./more.ndjson
check_status 0 "and the old view's writer is not kept out"
check "but goes on" at 3100
say gate 'SELECT pg_advisory_unlock(42)'
wait $pid
check "then it is swapped" test $? = 0
bye gate
database calm
run evproject run p2.sql --store "$calm" ./more.ndjson
check "to the right rows" cmp <(rows "$db") <(rows "$calm")

# who has a view of others locked, and wants the table next, does not meet a swap that has the table and wants the view
database db
project "$db" ./in.ndjson
sql "$db" 'CREATE VIEW theirs AS SELECT k, n FROM acc'
rebuild p2.sql "$db" --no-swap ./in.ndjson
session first
say first 'BEGIN; SELECT count(*) FROM acc'
evproject rebuild p2.sql --store "$db" --yes --swap-wait 10m ./in.ndjson >swap.out 2>swap.err & pid=$!
check "the swap waits for a transaction" wait_for 60 outlives
session second
say second "BEGIN; COMMENT ON VIEW theirs IS 'x'"
say first COMMIT
bye first
check "it gives way to one that has locked a view" wait_for 60 gave_way
say second 'SELECT count(*) FROM acc'
say second COMMIT
check "who then reads the table" grep -qx 53 second.out
bye second
wait $pid
check "and it is swapped" test $? = 0
check "to the new version" test "$(versions "$db")" = 'acc|2 acc (kept)|1 '
# readers of it all the time: the whole old or the whole new
old=$(sql "$db" 'SELECT count(*), sum(n) FROM ev_kept_public_acc.acc') new=$(sums "$db")
run evproject rollback p.sql --store "$db"
rebuild p2.sql "$db" --forget
for r in 1 2 3; do
	( while [ ! -e stop ]; do echo 'SELECT count(*), sum(n) FROM theirs;'; done | psql -qAtX "$db" >reader.$r 2>reader.err.$r ) & readers[r]=$!
done
seen() { for r in 1 2 3; do [ "$(tail -n 1 reader.$r)" = "$1" ] || return 1; done; }
check "readers of a view of others" wait_for 60 seen "$old"
rebuild p2.sql "$db" ./in.ndjson
check_status 0 "a rebuild beside them"
check "they see the new version" wait_for 60 seen "$new"
run evproject rollback p.sql --store "$db"
check_status 0 "a rollback beside them"
check "they see the old one" wait_for 60 seen "$old"
touch stop
wait "${readers[@]}"
check "none met an error" test -z "$(cat reader.err.*)"
for r in 1 2 3; do
	check "reader $r saw old, new, old and nothing else" test "$(uniq reader.$r | tr '\n' ' ')" = "$old $new $old "
done

# a vacuum of the server's own, at work on the tables that serve: so slow that it would outlast the test
own_postgres
for set in autovacuum=on autovacuum_naptime=1 log_autovacuum_min_duration=0; do super "ALTER SYSTEM SET ${set/=/ = }"; done
super 'SELECT pg_reload_conf()' >/dev/null
database db
project "$db" ./in.ndjson
before=$(sums "$db")
sql "$db" "ALTER TABLE acc SET (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 100,
	autovacuum_vacuum_cost_limit = 1, autovacuum_analyze_threshold = 2000000000);
	INSERT INTO acc SELECT 'x' || i, 1, 1 FROM generate_series(1, 300000) i; DELETE FROM acc WHERE k LIKE 'x%'"
vacuums() { [ "$(super "SELECT count(*) FROM pg_stat_progress_vacuum WHERE relid = 'public.acc'::regclass" "$_super_url")" = 1 ]; }
check "the server vacuums a table that serves" wait_for 60 vacuums
rebuild p2.sql "$db" --swap-wait 5s ./in.ndjson
check_status 0 "a rebuild beside that"
run evproject rollback p.sql --store "$db"
check_status 0 "and a rollback"
check "to the old rows" test "$(sums "$db")" = "$before"
done_testing
