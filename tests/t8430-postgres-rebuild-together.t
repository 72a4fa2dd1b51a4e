#!/usr/bin/env bash
# A rebuild on PostgreSQL and others at the same time: a second rebuild, rights that are taken away, a reader that
# stays, a follower of the same version, a pooler between, a standby.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/swap.sh"
for i in {0..2999}; do rec add "k$((i % 53))" $((i % 5)); done >all.ndjson
head -n 2000 all.ndjson >in.ndjson
serves() { sql "$1" "SELECT version FROM ev_projection WHERE name = 'acc'"; }
leftovers() { sql "$1" "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'ev%'" | tr '\n' ' '; }

database want
rebuild p2.sql "$want" ./all.ndjson
check_status 0 "a view to compare with"

# two at once: the swap of the first is held up by a reader, so that it is there for sure
database db
project "$db" ./in.ndjson
session reader
say reader 'BEGIN; SELECT count(*) FROM acc'
evproject rebuild p2.sql --store "$db" --yes --swap-wait 20s ./all.ndjson >first.out 2>first.err & pid=$!
phase() { [ "$(sql "$db" 'SELECT phase FROM ev_rebuild' 2>/dev/null)" = "$1" ]; }
check "a rebuild comes to its swap" wait_for 60 phase ready
rebuild p2.sql "$db" --lock-wait 300ms ./all.ndjson
check_status 6 "a second rebuild is exit 6"
check_grep "and names the first, and what it does" "pid $pid on .* rebuilds it to version 2 \(swap\)" "$err"
run evproject rollback p.sql --store "$db" --lock-wait 300ms
check_status 6 "so is a rollback"
run evproject drop acc --store "$db" --yes --lock-wait 300ms
check_status 6 "and a drop"
say reader COMMIT
bye reader
wait $pid
check "the first goes on undisturbed" test $? = 0
check "to the right rows" cmp <(rows "$db") <(rows "$want")
run evproject rollback p.sql --store "$db"
rebuild p2.sql "$db" --forget

# a reader that stays for good: who it is, the old view meanwhile, and where the next call goes on
session stays
say stays 'BEGIN; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM acc'
before=$(rows "$db")
rebuild p2.sql "$db" --swap-wait 100ms ./all.ndjson
check_status 6 "a transaction that does not end: exit 6 when the time for the swap is over"
check_grep "who it is, at once" 'waits for a transaction of others: pid [0-9]+ \(psql, role app\) for [0-9]+ s; trying again' "$err"
check_grep "and in the end" 'does not let the swap through: pid [0-9]+ \(psql' "$err"
check "said once" test "$(grep -c 'trying again' "$err")" = 1
check "the old view serves" test "$(rows "$db")" = "$before" -a "$(serves "$db")" = 1
check "nobody's lock is left" test "$(super "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE d.datname = '$(basename "$db")' AND mode = 'AccessExclusiveLock'")" = 0
project "$db" ./all.ndjson
check_status 0 "its writer goes on"
say stays COMMIT
bye stays
rebuild p2.sql "$db" ./all.ndjson
check_status 0 "the next call swaps"
check_no_grep "without doing it all again" 'rows changed' "$err"
check "to the right rows" cmp <(rows "$db") <(rows "$want")

# rights that are taken away while it loads
database db
project "$db" ./in.ndjson
rebuild p2.sql "$db" --forget # makes our tables
super "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN IF NEW.phase = 'load' AND NEW.plan LIKE '%\"end\":{%' THEN PERFORM pg_advisory_xact_lock(42); END IF; RETURN NEW; END \$\$;
CREATE TRIGGER slow BEFORE UPDATE ON ev_rebuild FOR EACH ROW EXECUTE FUNCTION slow()" "$_super_url"
session gate
say gate 'BEGIN; SELECT pg_advisory_xact_lock(42)'
evproject rebuild p2.sql --store "$db" --yes ./all.ndjson >rights.out 2>rights.err & pid=$!
waits() { [ "$(super "SELECT count(*) FROM pg_stat_activity WHERE datname = '$(basename "$db")' AND wait_event_type = 'Lock' AND query LIKE '%ev_rebuild%'" || echo 0)" -ge 0 ] &&
	[ "$(super "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE d.datname = '$(basename "$db")' AND NOT granted")" = 1 ]; }
check "a rebuild is in the midst of its load" wait_for 60 waits
super 'REVOKE INSERT, UPDATE ON ev_rebuild FROM app' "$_super_url"
say gate COMMIT
bye gate
wait $pid; status=$?
check "rights that are taken away: exit 4" test $status = 4
check_grep "with the reason" 'permission denied for table ev_rebuild' rights.err
check "the old view serves" test "$(serves "$db")" = 1
super 'GRANT INSERT, UPDATE ON ev_rebuild TO app; DROP FUNCTION slow CASCADE' "$_super_url" 2>/dev/null
super "REVOKE CREATE ON DATABASE $(basename "$db") FROM app" "$_super_url"
rebuild p2.sql "$db" ./all.ndjson
check_status 2 "without the right to make schemas, which the swap needs, it does not go on"
check_grep "and says what is lacking" 'GRANT CREATE ON DATABASE' "$err"
super "GRANT CREATE ON DATABASE $(basename "$db") TO app" "$_super_url"
rebuild p2.sql "$db" ./all.ndjson
check_status 0 "given back, the next call goes on"
check "to the right rows" cmp <(rows "$db") <(rows "$want")
check "and nothing is left over" test "$(leftovers "$db")" = 'ev_kept_public_acc '

# built again beside a follower of the very same version, which takes over the new tables or is fenced
database db
mkfifo feed
evproject run p2.sql --store "$db" --follow - <feed 2>follow.err & fpid=$!
exec 9>feed
at() { [ "$(sql "$db" "SELECT next_offset FROM ev_ledger WHERE projection = 'acc'" 2>/dev/null)" = "$1" ]; }
head -n 2000 all.ndjson >&9
check "a follower is at work" wait_for 60 at 2000
rebuild p2.sql "$db" --again ./in.ndjson
check_status 0 "rebuild --again beside it, to the same position"
sed -n 2001,2500p all.ndjson >&9
check "the follower goes on in the new tables" wait_for 60 at 2500
check "and the new tables alone" test "$(sql "$db" "SELECT next_offset FROM ev_ledger WHERE projection = 'acc (kept)'")" = 2000
rebuild p2.sql "$db" --again ./all.ndjson
check_status 0 "again, and further than the follower is"
sed -n 2501,2600p all.ndjson >&9
wait $fpid; fstatus=$?
exec 9>&-
check "then it is fenced: exit 6" test $fstatus = 6
check "the rows are those of an undisturbed view" cmp <(rows "$db") <(rows "$want")

# a pooler that gives each transaction another session, and so drops locks and prepared statements
if command -v pgbouncer >/dev/null; then
	pooler() { # MODE: URL of the pooled server in $pooled
		local host=${_server#*@} port=
		host=${host%/*}
		for _ in {1..50}; do
			port=$((20000 + RANDOM % 12000))
			(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
		done
		printf '%s\n' '[databases]' "* = host=${host%:*} port=${host#*:} user=app" '[pgbouncer]' 'listen_addr = 127.0.0.1' \
			"listen_port = $port" 'auth_type = any' "pool_mode = $1" 'default_pool_size = 8' 'server_round_robin = 1' \
			'unix_socket_dir =' "logfile = $T/pool/log" "pidfile = $T/pool/pid" >pool/ini
		pooled=postgresql://app@127.0.0.1:$port
		start_pooler
	}
	start_pooler() {
		local as=()
		[ "$(id -u)" != 0 ] || as=(setpriv --reuid postgres --regid postgres --init-groups)
		"${as[@]}" pgbouncer "$T/pool/ini" >/dev/null 2>&1 & # setpriv becomes it
		pooler_pid=$!
		at_exit "kill $pooler_pid 2>/dev/null"
		wait_for 60 psql -qAtX "$pooled/postgres" -c 'SELECT 1'
	}
	end_pooler() { kill $pooler_pid; wait $pooler_pid 2>/dev/null; }
	mkdir pool
	[ "$(id -u)" != 0 ] || chown postgres pool
	for mode in transaction session; do
		pooler $mode
		database db
		p=$pooled/$(basename "$db")
		run evproject run p.sql --store "$p" --batch 100 ./in.ndjson
		check_status 0 "a run through a pooler of ${mode}s"
		check "which applies all of it once" at 2000
		run evproject rebuild p2.sql --store "$p" --yes ./all.ndjson
		check_status 0 "  a rebuild"
		check "  to the right rows" cmp <(rows "$db") <(rows "$want")
		run evproject rollback p.sql --store "$p"
		check_status 0 "  a rollback"
		run evproject run p.sql --store "$p" --batch 100 ./all.ndjson
		check "  and on" at 3000
		mkfifo $mode.feed
		evproject run p.sql --store "$p" --follow - <$mode.feed 2>follow.err & fpid=$!
		exec 9>$mode.feed
		{ off=3000; for i in {1..10}; do rec add x 1; done; } >&9
		check "  a follower is at work" wait_for 60 at 3010
		run evproject run p.sql --store "$p" --lock-wait 200ms ./all.ndjson
		check_status 6 "  a second run is exit 6"
		check_grep "  and names the first" "pid $fpid on" "$err"
		# the lock is lost: the ledger's row keeps them apart
		super "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'" >/dev/null
		{ cat all.ndjson; off=3000; for i in {1..20}; do rec add x 1; done; } >more.ndjson
		run evproject run p.sql --store "$p" ./more.ndjson
		check "  after its lock was lost another may come in, or not" test "$status" = 0 -o "$status" = 6
		{ off=3010; for i in {1..10}; do rec add x 1; done; } >&9
		exec 9>&-
		wait $fpid; fstatus=$?
		check "  and one of the two was refused, or had nothing to do" test "$fstatus" = 0 -o "$fstatus" = 6
		run evproject run p.sql --store "$p" ./more.ndjson
		check "  nothing was applied twice or left out" test "$(sql "$db" "SELECT n FROM acc WHERE k = 'x'")" = 20
		evproject run p.sql --store "$p" --follow - <$mode.feed 2>follow.err & fpid=$!
		exec 9>$mode.feed
		here() { sql "$db" "SELECT holder FROM ev_projection WHERE name = 'acc'" | grep -q "pid $fpid "; }
		wait_for 60 here
		kill -9 $fpid; exec 9>&-; wait $fpid 2>/dev/null
		run evproject run p.sql --store "$p" --lock-wait 5s ./more.ndjson
		check_status 0 "  the lock of one that was killed is not left in the pooler"
		evproject run p.sql --store "$p" --follow --store-timeout 60s - <$mode.feed 2>follow.err & fpid=$!
		exec 9>$mode.feed
		check "  one more follower" wait_for 60 here
		end_pooler
		start_pooler 9>&-
		{ off=3020; for i in {1..10}; do rec add y 1; done; } >&9
		check "  goes on when the pooler was started anew" wait_for 60 at 3030
		run evproject run p.sql --store "$p" --lock-wait 200ms ./more.ndjson
		check_status 6 "  and has its lock again"
		exec 9>&-
		wait $fpid
		check "  and ends well" test $? = 0
		end_pooler
		rm -f pool/*
	done
else
	skip "a pooler" "pgbouncer is not installed"
fi

# a standby is read, and not written
own_postgres
database db
project "$db" ./in.ndjson
standby=$("$postgres" standby "$T/standby" "$postgres_dir" 2>standby.err)
check "a standby starts" test -n "$standby"
at_exit '"$postgres" stop "$T/standby"'
s=${standby%/*}/$(basename "$db") s=${s/postgres@/app@}
run evproject status --store "$s"
check_status 0 "status of a standby"
check_grep "shows where the view stands" 't/0 +0 +2000 +2000' "$out"
run evproject diff "$db" "$s" p.sql
check_status 0 "diff of a server and its standby: the same"
run evproject show p.sql --store "$s"
check_status 0 "samples too"
run evproject run p.sql --store "$s" ./all.ndjson
check_status 4 "a run into a standby is exit 4"
check_grep "with the reason" 'read-only|recovery' "$err"
check_grep "and a hint" 'a standby' "$err"
rebuild p2.sql "$s" ./all.ndjson
check_status 4 "so is a rebuild"
rebuild p2.sql "$s" --dry-run ./all.ndjson
echo "# dry run on a standby: exit $status"; show <"$err"
done_testing
