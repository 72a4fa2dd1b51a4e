#!/usr/bin/env bash
# One signal ends a comparison while the server is at work on its rows: the query is cancelled, not waited for.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/evproject.sh"
for i in {0..2999}; do rec add "k$i" 1; done >in.ndjson
database db
project "$db" ./in.ndjson
run evproject diff "$db" "$db" p.sql
check_status 0 "a diff"
# a row takes its time: the whole would take five minutes
super "CREATE FUNCTION slow() RETURNS boolean LANGUAGE plpgsql AS \$\$ BEGIN PERFORM pg_sleep(0.1); RETURN true; END \$\$;
	ALTER TABLE acc ENABLE ROW LEVEL SECURITY; ALTER TABLE acc FORCE ROW LEVEL SECURITY;
	CREATE POLICY slow ON acc USING (slow())" "$_super_url"
at_work() { [ "$(super "SELECT count(*) FROM pg_stat_activity WHERE datname = '$(basename "$db")' AND query LIKE 'FETCH%' AND wait_event = 'PgSleep'")" = 1 ]; }
nobody() { [ "$(super "SELECT count(*) FROM pg_stat_activity WHERE datname = '$(basename "$db")' AND application_name = 'evtools'")" = 0 ]; }
for signal in INT TERM; do
	evproject diff "$db" "$db" p.sql >out 2>err & pid=$!
	check "the server is at work on it" wait_for 60 at_work
	before=$SECONDS
	kill -$signal $pid
	wait $pid; status=$?
	check "SIG$signal ends it by its number" test $status = $((128 + $(kill -l $signal)))
	check "  soon" test $((SECONDS - before)) -lt 60
	check "  without a word" test ! -s err -a ! -s out
	check "  and the session with it" wait_for 60 nobody
done
done_testing
