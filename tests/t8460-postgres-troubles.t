#!/usr/bin/env bash
# What a PostgreSQL server can say of itself in the midst of a run or a rebuild, by its SQLSTATEs: what passes is
# tried again, what does not is exit 4 with the reason, and neither is taken for a poison record.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/evproject.sh"
: "${SEED:=$RANDOM}"; RANDOM=$SEED; echo "# SEED=$SEED"
sed 's/version 1/version 2/; s/n = acc.n + excluded.n/n = acc.n + 2 * excluded.n/' p.sql >p2.sql
for i in {0..199}; do rec add "k$((i % 7))" 1; done >all.ndjson
head -n 50 all.ndjson >in.ndjson
serves() { sql "$db" "SELECT version FROM ev_projection WHERE name = 'acc'"; }
letters() { sql "$db" 'SELECT count(*) FROM ev_dead'; }
database db
project "$db" ./in.ndjson
evproject rebuild p2.sql --store "$db" --forget 2>/dev/null # makes our tables
super "CREATE SEQUENCE trouble MINVALUE -1000; GRANT ALL ON SEQUENCE trouble TO app;
CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
	IF nextval('public.trouble') BETWEEN 0 AND current_setting('trouble.times')::integer - 1 THEN
		RAISE 'the server is in trouble' USING ERRCODE = current_setting('trouble.state');
	END IF;
	RETURN NEW; END \$\$" "$_super_url"
# trouble STATE TIMES AT: raised at so many rows from the AT-th on
trouble() {
	super "ALTER ROLE app IN DATABASE $(basename "$db") SET trouble.state = '$1';
		ALTER ROLE app IN DATABASE $(basename "$db") SET trouble.times = $2; SELECT setval('trouble', -$3)" "$_super_url" >/dev/null
}
# from another row each time; whole batches and rows in memory go the other way, by the ledger's row
on_table() { super "CREATE TRIGGER trouble BEFORE INSERT OR UPDATE ON $1 FOR EACH ROW EXECUTE FUNCTION trouble()" "$_super_url"; }
off_table() { super "DROP TRIGGER trouble ON $1" "$_super_url"; }
more() { off=$((off + 5)); { cat all.ndjson; seq 200 $((off - 1)) | awk '{ printf "{\"topic\":\"t\",\"partition\":0,\"offset\":%d,\"timestamp\":%.0f,\"key\":\"k\",\"headers\":[],\"value\":{\"type\":\"add\",\"k\":\"k%d\",\"n\":1}}\n", $1, 1763200000000 + $1, $1 % 7 }'; } >more.ndjson; }
at() { sql "$db" "SELECT next_offset, (SELECT sum(n) FROM acc) FROM ev_ledger WHERE projection = 'acc'"; }

for table in acc ev_ledger; do
	on_table $table
	# serialization failure, deadlock, too many connections, a session that is ended, a server that starts or stops
	for state in 40001 40P01 53300 08006 57P01 57P03 57P05 25P03; do
		more
		trouble $state 2 $((2 + RANDOM % 2))
		run evproject run p.sql --store "$db" --quiet ./more.ndjson
		check_status 0 "$state at $table is tried again"
		check "  and each event applied once" test "$(at)" = "$off|$off"
	done
	# it does not pass; no room, no memory, no right, read-only, cancelled, a fault of the server
	for state in 40001 53300 53100 53200 42501 25006 57014 54001 58030 XX000 XX001; do
		more
		trouble $state 100 1
		before=$(at)
		run evproject run p.sql --store "$db" --on-error dead --store-timeout 100ms ./more.ndjson
		check_status 4 "$state at $table that does not pass is exit 4"
		check_grep "  with the reason" 'the server is in trouble' "$err"
		[ $state != 53100 ] || check_grep "  and what to do" "hint: make room on the server's disk" "$err"
		check "  nothing is applied, nothing is a dead letter" test "$(at) $(letters)" = "$before 0"
	done
	off_table $table
done
on_table acc
more
trouble P0001 100 1
run evproject run p.sql --store "$db" --on-error stop --quiet ./more.ndjson
check_status 5 "what a trigger refuses by RAISE alone is the record's fault"
off_table acc
run evproject run p.sql --store "$db" --quiet ./more.ndjson
check "without it all goes on" test "$status $(at)" = "0 $off|$off"

# the same in a rebuild, where its plan is stored
on_table ev_rebuild
for state in 40001 40P01 08006 57P03; do
	trouble $state 2 $((RANDOM % 4))
	run evproject rebuild p2.sql --store "$db" --yes ./more.ndjson
	check_status 0 "$state in a rebuild is tried again"
	check "  it came to that" test "$(super 'SELECT last_value FROM trouble' "$_super_url")" -ge 1
	check "  it serves" test "$(serves)" = 2
	run evproject rollback p.sql --store "$db"
done
for state in 53100 25006 57014 XX000; do
	trouble $state 100 $((RANDOM % 4))
	run evproject rebuild p2.sql --store "$db" --yes --store-timeout 200ms ./more.ndjson
	check_status 4 "$state in a rebuild is exit 4"
	check "  the old version serves" test "$(serves) $(at)" = "1 $off|$off"
	trouble 00000 0 0
	run evproject rebuild p2.sql --store "$db" --yes ./more.ndjson
	check "  and the next call comes to its end" test "$status $(serves)" = "0 2"
	run evproject rollback p.sql --store "$db"
done
off_table ev_rebuild

# no connection is free when a follower has lost its own; it waits for one
mkfifo feed
evproject run p.sql --store "$db" --follow --store-timeout 60s - <feed 2>follow.err & pid=$!
exec 9>feed
cat more.ndjson >&9
name=$(basename "$db")
idle() { [ "$(super "SELECT count(*) FROM pg_stat_activity WHERE datname = '$name' AND usename = 'app'")" = "$1" ]; }
check "a follower is at work" wait_for 60 idle 1
super "ALTER DATABASE $name CONNECTION LIMIT 0"
super "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '$name' AND usename = 'app'" >/dev/null
check "and loses its session" wait_for 60 idle 0
at_x() { [ "$(sql "$_super_url" "SELECT next_offset FROM ev_ledger WHERE projection = 'acc'")" = "$1" ]; }
more
tail -n 5 more.ndjson >&9
refused() { grep -q 'too many connections for database' "$postgres_log"; }
postgres_log=$(super "SELECT current_setting('data_directory') || '/../log'")
check "where none is to be had" wait_for 60 refused
super "ALTER DATABASE $name CONNECTION LIMIT -1"
check "it waits for one and goes on" wait_for 60 at_x "$off"
exec 9>&-
wait $pid
check "to its end" test $? = 0
check "with each event applied once" test "$(at)" = "$off|$off"
# where none comes free in its time, that is the reason it ends with
evproject run p.sql --store "$db" --follow --store-timeout 2s - <feed 2>follow.err & pid=$!
exec 9>feed
check "another follower" wait_for 60 idle 1
super "ALTER DATABASE $name CONNECTION LIMIT 0"
super "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '$name' AND usename = 'app'" >/dev/null
check "loses its session" wait_for 60 idle 0
more
tail -n 5 more.ndjson >&9
wait $pid
check "and finds no other: exit 4" test $? = 4
check_grep "for that reason" "store '.*': too many connections for database" follow.err
check_grep "which it waited for" 'gave up after [0-9.]+ s \(--store-timeout\)' follow.err
exec 9>&-
# the first one is waited for as well, what does not pass is not
run evproject run p.sql --store "$db" --store-timeout 300ms ./more.ndjson
check_status 4 "a run that finds none is exit 4"
check_grep "with the reason" "store '.*': too many connections for database" "$err"
check_grep "and for how long it was waited for" 'gave up after [0-9.]+ s \(--store-timeout\)' "$err"
refusals() { grep -c 'too many connections for database' "$postgres_log"; }
before=$(refusals)
evproject run p.sql --store "$db" --store-timeout 10m --quiet ./more.ndjson 2>first.err & pid=$!
more_refused() { [ "$(refusals)" -ge $((before + 2)) ]; }
check "a run waits for one" wait_for 60 more_refused
super "ALTER DATABASE $name CONNECTION LIMIT -1"
wait $pid
check "and goes on" test $? = 0
check "with each event applied once" test "$(at)" = "$off|$off"
for wrong in "${db/app@/nobody@}" "$db.none"; do
	run timeout 300 evproject run p.sql --store "$wrong" --store-timeout 10m ./more.ndjson
	check_status 4 "what will not pass is not waited for"
	check_grep "  and is named" "'.*': (role|database) \".*\" does not exist" "$err"
done

# what is decided on dead letters is tried again like any other transaction
sed -n '/ON CONFLICT/q; s/acc/late/; s/, at integer//; /^--/p; /^CREATE/p; s/(k, n, at) VALUES (\(.*\), :offset)/(k, n) VALUES (\1)/p' p.sql >late.sql
echo 'ON CONFLICT (k) DO UPDATE SET n = late.n + excluded.n;' >>late.sql
letters=8
for ((i = 0; i < letters; i++)); do
	rec add "late$i" 1 $((2 * i)) 0 u
	rec add "late$i" 2 $((2 * i + 1)) 0 u
done >late.ndjson
run evproject run late.sql --store "$db" --quiet --from begin --to begin ./late.ndjson
on_table late
trouble P0001 100 0
run evproject run late.sql --store "$db" --on-error dead --quiet ./late.ndjson
off_table late
check "letters, with one record behind each" test "$(sql "$db" 'SELECT state, count(*) FROM ev_dead GROUP BY state ORDER BY state' | tr '\n' ' ')" = "dead|$letters held|$letters "
late=0
decided() { sql "$db" "SELECT (SELECT sum(n) FROM late WHERE k = 'late$1'), string_agg(state, ' ' ORDER BY record_offset) FROM ev_dead WHERE record_offset / 2 = $1"; }
on_table ev_dead
for state in 40001 40P01 08006 57P01; do
	trouble $state 2 $((RANDOM % 2))
	run evproject dead retry late.sql --store "$db" u/0@$((2 * late))
	check_status 0 "a retry that meets $state is tried again"
	check_grep "  and told once" "u/0@$((2 * late)) retried, 2 records applied" "$err"
	check "  the records are applied once" test "$(decided $late)" = '3|retried retried'
	late=$((late + 1))
	trouble $state 2 $((RANDOM % 2))
	run evproject dead drop late.sql --store "$db" --yes u/0@$((2 * late))
	check_status 0 "so is a drop"
	check "  which applies what it held back" test "$(decided $late)" = '2|dropped retried'
	late=$((late + 1))
done
off_table ev_dead
run evproject dead retry late.sql --store "$db" u/0@0
check_status 2 "one that was decided before is no letter any more"
done_testing
