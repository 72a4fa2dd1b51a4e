#!/usr/bin/env bash
# The bulk load of a rebuild on PostgreSQL is one COPY for each table. What ends it in its midst: a session that is
# terminated or cancelled, a killed client, a tablespace that is full. The old version serves, and the next try
# comes to the rows and the ledger of an undisturbed rebuild.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/evproject.sh"
rows=$((EFFORT >= 10 ? 300000 : 60000))
sed 's/at integer);/at integer, pad text);/; s/(k, n, at) VALUES (\$.k!, \$.n!, :offset)/(k, n, at, pad) VALUES ($.k!, $.n!, :offset, $.pad)/' p.sql >v1.sql
sed 's/version 1/version 2/; s/\$\.n!, :offset/10 * $.n!, :offset/' v1.sql >v2.sql
awk -v n="$rows" 'BEGIN { for (; length(x) < 300; x = x "pad "); for (i = 0; i < n; i++)
	printf "{\"topic\":\"t\",\"partition\":0,\"offset\":%d,\"timestamp\":%.0f,\"key\":\"k%d\",\"headers\":[],\"value\":{\"type\":\"add\",\"k\":\"k%d\",\"n\":%d,\"pad\":\"%s\"}}\n",
		i, 1763200000000 + i, i, i, i % 13, x }' >all.ndjson
head -n 100 all.ndjson >in.ndjson
if [ "$(super 'SHOW server_version_num')" -lt 140000 ]; then
	skip "sessions in the midst of a COPY" "a server before 14 does not show how far it is"
	done_testing
	exit
fi
view() { # rows, ledger, indexes, what is left over
	sql "$1" "SELECT count(*), sum(n), sum(at), min(pad), max(pad) FROM acc; SELECT version, fingerprint FROM ev_projection WHERE name = 'acc'"
	sql "$1" "SELECT begin_offset, next_offset, applied, last_hash FROM ev_ledger WHERE projection = 'acc'"
	sql "$1" "SELECT indexdef FROM pg_indexes WHERE tablename = 'acc' AND schemaname = 'public'"
	sql "$1" "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'ev%'"
	sql "$1" 'SELECT phase FROM ev_rebuild' 2>/dev/null # which a run does not make
}
same() { view "$1" | diff "$2" -; }
old() { database "$1"; evproject run v1.sql --store "${!1}" --quiet ./in.ndjson; }
# midst HOW TIMES: end (pg_terminate_backend, pg_cancel_backend) so many COPYs into acc in their midst; the one of the
# 100 rows that the old version has is too short to have one
midst() {
	super "DO \$\$ DECLARE n integer := 0; victim integer; BEGIN
		LOOP
			PERFORM pg_stat_clear_snapshot();
			SELECT p.pid INTO victim FROM pg_stat_progress_copy p JOIN pg_stat_activity a ON a.pid = p.pid
				WHERE p.datname = current_database() AND p.tuples_processed > 1000 AND a.query LIKE 'COPY \"acc\"%';
			IF victim IS NOT NULL THEN
				IF $1(victim) THEN n := n + 1; END IF;
				EXIT WHEN n = $2;
				WHILE EXISTS (SELECT FROM pg_stat_progress_copy WHERE pid = victim) LOOP PERFORM pg_stat_clear_snapshot(); END LOOP;
			END IF;
		END LOOP; END \$\$; SELECT 'done'" "$_super_url"
}
ended() { grep -qx "done" midst.out; }
line() { # line DATABASE TIMES: its URL over a line on which so many COPYs take their time
	proxied slow "$2"
	through=$through/$(basename "${!1}")
}
disturbed() { # HOW TIMES DATABASE SUBCOMMAND ARGUMENT...: evproject with so many COPYs ended
	line "$3" "$2"
	midst "$1" "$2" >midst.out 2>midst.err & local watch=$!
	run evproject "${@:4}" --store "$through"
	wait_for 60 ended || super "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'DO %victim%'" >/dev/null
	wait $watch 2>/dev/null
	kill "$proxy"
	wait "$proxy" 2>/dev/null
}

old calm
run evproject rebuild v2.sql --store "$calm" --yes ./all.ndjson
check_status 0 "an undisturbed rebuild"
view "$calm" >calm.txt
check "which loads all rows" grep -q "^$rows|" calm.txt

old cut
disturbed pg_terminate_backend 3 cut rebuild v2.sql --yes ./all.ndjson
check_status 0 "a rebuild whose COPY is terminated three times comes to its end"
check "they were" ended
check "to the rows and the ledger of an undisturbed one" same "$cut" calm.txt

database first
run evproject run v2.sql --store "$first" --quiet ./all.ndjson
view "$first" >first.txt
database one
disturbed pg_terminate_backend 1 one run v2.sql --quiet ./all.ndjson
check_status 0 "so does a first run"
check "to the same view" same "$one" first.txt
check "its COPY was terminated" ended

old stop
disturbed pg_cancel_backend 1 stop rebuild v2.sql --yes ./all.ndjson
check_status 4 "a COPY that somebody cancels, or that a statement_timeout ends, is exit 4"
check "it was" ended
check_grep "with the reason" 'canceling statement' "$err"
check_grep "and what to do" "^hint: .*statement_timeout" "$err"
check "the old version serves" test "$(sql "$stop" "SELECT version, (SELECT count(*) FROM acc) FROM ev_projection WHERE name = 'acc'")" = '1|100'
check "nothing is a dead letter" test "$(sql "$stop" 'SELECT count(*) FROM ev_dead')" = 0
run evproject rebuild v2.sql --store "$stop" --yes ./all.ndjson
check_status 0 "the next call goes on"
check "to the same view" same "$stop" calm.txt

# the client is killed; the server's session may not know yet
old killed
copying() { [ "$(super "SELECT count(*) FROM pg_stat_progress_copy WHERE datname = '$(basename "$killed")' AND tuples_processed > 1000")" = 1 ]; }
line killed 1
evproject rebuild v2.sql --store "$through" --yes --quiet ./all.ndjson 2>/dev/null & pid=$!
wait_for 60 copying
kill -STOP $pid
check "a client stands in the midst of its COPY" copying
kill -9 $pid
wait $pid 2>/dev/null
run evproject rebuild v2.sql --store "$killed" --lock-wait 2m --yes ./all.ndjson # what was sent goes on at its pace
check_status 0 "one that is killed there is followed by the next"
check "to the same view" same "$killed" calm.txt

# no room for the new rows
if [ "$(id -u)" = 0 ] && mkdir full && mount -t tmpfs -o size=6m tmpfs full 2>/dev/null; then
	at_exit 'umount "$T/full"'
	chown postgres full
	super "CREATE TABLESPACE room$$ LOCATION '$T/full'; GRANT CREATE ON TABLESPACE room$$ TO app" 2>/dev/null ||
		{ super "CREATE TABLESPACE room$$ LOCATION '$T/full'"; super "GRANT CREATE ON TABLESPACE room$$ TO app"; }
	old full
	sed "s/pad text);/pad text) TABLESPACE room$$;/" v2.sql >full.sql
	run evproject rebuild full.sql --store "$full" --yes ./all.ndjson
	check_status 4 "a full disk in the midst of a COPY is exit 4"
	check_grep "with the server's reason" 'No space left on device|could not extend file' "$err"
	check "the old version serves" test "$(sql "$full" "SELECT version, (SELECT count(*) FROM acc) FROM ev_projection WHERE name = 'acc'")" = '1|100'
	check "nothing is a dead letter" test "$(sql "$full" 'SELECT count(*) FROM ev_dead')" = 0
	run evproject rebuild v1.sql --store "$full" --abandon
	check_status 0 "--abandon gives the room back"
	check "all of it" test -z "$(find full -type f -size +0)"
	super "DROP DATABASE $(basename "$full")"; super "DROP TABLESPACE room$$"
else
	skip "a full tablespace" "only root mounts a small file system"
fi
done_testing
