#!/usr/bin/env bash
# A decision on a dead letter over a connection that loses COMMITs: it is taken once, whoever has gone on meanwhile, and
# where it never comes through that ends with --store-timeout.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/evproject.sh"
cat >kept.sql <<'SQL'
-- @projection kept version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE kept (k text PRIMARY KEY, n integer NOT NULL);
-- @on add
INSERT INTO kept (k, n) VALUES (:key, $.n) ON CONFLICT (k) DO UPDATE SET n = kept.n + excluded.n;
-- @on put must touch
UPDATE kept SET n = $.n WHERE k = :key;
SQL
database db
name=$(basename "$db")
postgres_log=$(super "SELECT current_setting('data_directory') || '/../log'")
refusals() { grep -c "too many connections for database \"$name\"" "$postgres_log"; }
refused() { [ "$(refusals)" -gt "$had" ]; }
refused_or_ended() { refused || ! kill -0 "$pid" 2>/dev/null; }
stands_at() { [ "$(super 'SELECT next_offset FROM ev_ledger' "$_super_url")" = "$1" ]; }
connections() { super "ALTER DATABASE $name CONNECTION LIMIT $1"; }
proxied_end() { kill "$proxy"; wait "$proxy" 2>/dev/null; }
dead() { evproject dead "$1" kept.sql --store "$through/$name" --yes "${@:2}"; }

# The decision's COMMIT is done, its answer is lost, and a follower goes on before its session can be made anew.
mkfifo feed
evproject run kept.sql --store "$db" --follow --on-error dead --quiet - <feed 2>run.err & follower=$!
exec 9>feed
rec add one 1 >&9
check "a follower is at work" wait_for 60 stands_at $off
super "CREATE FUNCTION shut() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS
	\$\$ BEGIN ALTER DATABASE $name CONNECTION LIMIT 0; RETURN NULL; END \$\$;
	CREATE TRIGGER shut AFTER UPDATE ON ev_dead FOR EACH ROW WHEN (new.state <> old.state) EXECUTE FUNCTION shut()" "$_super_url"
for action in retry drop; do
	lost=0 wrong=0
	for n in {13..22}; do # a start has less COMMITs, or it would never come to its end
		letter=$off
		rec put "$action$n" 7 >&9
		check "$action, COMMIT $n: there is a letter" wait_for 60 stands_at $off
		sql "$db" "INSERT INTO kept VALUES ('$action$n', 0)"
		had=$(refusals)
		proxied after $n
		dead $action --store-timeout 10m "t/0@$letter" 2>dead.err & pid=$!
		check "  it is decided, or nobody answers" wait_for 60 refused_or_ended
		if kill -0 $pid 2>/dev/null; then
			lost=$((lost + 1))
			rec add one 1 >&9
			check "  a follower has gone on meanwhile" wait_for 60 stands_at $off
		fi
		connections -1
		wait $pid || { wrong=1; echo "# $n:"; show <dead.err; }
		proxied_end
		[ $lost -lt 2 ] || break
	done
	check "$action: the COMMIT of the decision was one of them" test $lost -gt 0
	check "  and it was found to be done" test $wrong = 0
	check "  as all of them are" test "$(sql "$db" "SELECT count(*) FROM ev_dead WHERE state = '$(
		[ $action = drop ] && echo dropped || echo retried)'")" = $((n - 12))
done

# A follower may have gone on since the ledger was read: that is no obstacle to who is only beside it.
letter=$off
rec put late 7 >&9
check "a letter" wait_for 60 stands_at $off
sql "$db" "INSERT INTO kept VALUES ('late', 7)"
session other
say other 'BEGIN; SELECT 1 FROM ev_projection FOR UPDATE'
waits() { [ "$(super "SELECT count(*) FROM pg_stat_activity WHERE datname = '$name' AND application_name = 'evtools'
	AND wait_event_type = 'Lock'")" = "$1" ]; }
rec add one 1 >&9
check "the follower waits for its turn" wait_for 60 waits 1
evproject dead drop kept.sql --store "$db" --yes --lock-wait 10m "t/0@$letter" 2>dead.err & pid=$!
check "so does a decision, which comes next" wait_for 60 waits 2
say other COMMIT
bye other
wait $pid
check "it is taken" test $? = 0
show <dead.err
check "the follower goes on" wait_for 60 stands_at $off
connections -1
check "retried letters are applied, dropped ones are not" test "$(sql "$db" \
	"SELECT count(*) FILTER (WHERE k LIKE 'retry%' AND n <> 7) + count(*) FILTER (WHERE k LIKE 'drop%' AND n <> 0) FROM kept")" = 0
check "the ledger is right" ledger "$db" '.balanced and .dead == 0'
super 'DROP TRIGGER shut ON ev_dead' "$_super_url"

# Every few COMMITs are lost, so that no try comes to its end: the time is of all of them.
rec put never 7 >&9
check "one more letter" wait_for 60 stands_at $off
for n in {1..7}; do
	proxied before $n
	run timeout -k 5 120 evproject dead retry kept.sql --store "$through/$name" --store-timeout 1s "t/0@$((off - 1))"
	check "each COMMIT of $n is lost: it ends" test $status = 4 -o $status = 5
	[ $status != 4 ] || check_grep "  and says for how long it tried" 'gave up after [0-9.]+ s \(--store-timeout\)' "$err"
	proxied_end
done
exec 9>&-
wait $follower
check "the follower ends well" test $? = 0
done_testing
