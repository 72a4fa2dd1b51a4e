#!/usr/bin/env bash
# A COMMIT whose answer is lost, and then the process with it, before it has found out what came of it: the next start
# goes on where the ledger stands, whichever it was.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/evproject.sh"
database db
name=$(basename "$db")
at() { super "SELECT next_offset FROM ev_ledger" "$_super_url"; }
postgres_log=$(super "SELECT current_setting('data_directory') || '/../log'")
refusals() { grep -c "too many connections for database \"$name\"" "$postgres_log"; }
refused() { [ "$(refusals)" -gt "$had" ]; }
stands_at() { [ "$(at)" = "$1" ]; }
none_of_ours() { [ "$(super "SELECT count(*) FROM pg_stat_activity WHERE datname = '$name' AND application_name = 'evtools'")" = 0 ]; }
refused_or_at() { refused || stands_at "$1"; }
rec add k 1 >log.ndjson
project "$db" ./log.ndjson
for how in before after; do
	for n in 30 31 32 33; do # a start has less COMMITs, or it would never come to its end
		proxied $how $n
		mkfifo feed
		evproject run p.sql --store "$through/$name" --follow --store-timeout 10m - <feed 2>run.err & pid=$!
		exec 9>feed
		cat log.ndjson >&9
		rec add k 1 >next.ndjson
		tee -a log.ndjson <next.ndjson >&9
		check "$how $n: a follower is at work" wait_for 120 stands_at $off
		had=$(refusals)
		super "ALTER DATABASE $name CONNECTION LIMIT 0" # what it loses it does not get again
		for i in {1..40}; do
			refused && break
			rec add k 1 >next.ndjson
			tee -a log.ndjson <next.ndjson >&9
			wait_for 60 refused_or_at $off
		done
		check "  it has lost its session, and gets no other" wait_for 60 refused
		check "  as it has none" wait_for 60 none_of_ours
		kill -9 $pid
		wait $pid 2>/dev/null
		check "  and is killed while it waits for another" test $? = 137
		exec 9>&-
		rm feed
		kill "$proxy"; wait "$proxy" 2>/dev/null
		super "ALTER DATABASE $name CONNECTION LIMIT -1"
		rec add k 1 >>log.ndjson
		project "$db" ./log.ndjson
		check_status 0 "  the next start goes on"
		check "  and each event is applied once" test "$(sql "$db" 'SELECT next_offset, applied, (SELECT sum(n) FROM acc) FROM ev_ledger')" = "$off|$off|$off"
	done
done
done_testing
