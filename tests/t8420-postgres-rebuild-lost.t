#!/usr/bin/env bash
# A rebuild on PostgreSQL whose sessions are cut: in every step it connects anew and does the step again, and
# what came of a COMMIT without an answer is found in the store. EFFORT=10 cuts at every message.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/evproject.sh"
sed 's/version 1/version 2/; s/n = acc.n + excluded.n/n = acc.n + 2 * excluded.n/' p.sql >p2.sql
for i in {0..1499}; do rec add "k$((i % 53))" $((i % 5)); done >all.ndjson
head -n 1000 all.ndjson >in.ndjson
view() { # version, rows and ledger; what is kept; what is left over
	sql "$1" "SELECT name, version, fingerprint FROM ev_projection ORDER BY name COLLATE \"C\""
	sql "$1" 'SELECT * FROM acc ORDER BY k COLLATE "C"; SELECT * FROM ev_kept_public_acc.acc ORDER BY k COLLATE "C"'
	sql "$1" "SELECT projection, begin_offset, next_offset, applied, last_hash FROM ev_ledger ORDER BY projection COLLATE \"C\""
	sql "$1" "SELECT indexdef FROM pg_indexes WHERE tablename = 'acc' AND schemaname = 'public' ORDER BY 1"
	sql "$1" "SELECT count(*) FROM ev_rebuild; SELECT nspname FROM pg_namespace WHERE nspname LIKE 'ev%'; SELECT * FROM big ORDER BY k"
}
old() { # DATABASE: with a view to be rebuilt, a view of others and an index on it
	database "$1"
	project "${!1}" ./in.ndjson
	sql "${!1}" 'CREATE INDEX acc_by_n ON acc (n); CREATE VIEW big AS SELECT k, n FROM acc WHERE n > 10'
}
old calm
run evproject rebuild p2.sql --store "$calm" --yes ./all.ndjson
check_status 0 "an undisturbed rebuild"
view "$calm" >calm.txt
same() { view "$1" >is.txt && diff calm.txt is.txt; }
name_of() { basename "$1"; }

# sessions that end themselves, at the Nth row of our tables that is written or the Nth DDL, once
trap_sql="CREATE SEQUENCE cuts MINVALUE -1000; SELECT setval('cuts', 1);
CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
	IF nextval('public.cuts') = 0 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NULL; END \$\$;
CREATE FUNCTION cut_ddl() RETURNS event_trigger LANGUAGE plpgsql AS \$\$ BEGIN
	IF nextval('public.cuts') = 0 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; END \$\$;
CREATE TRIGGER cuts AFTER INSERT OR UPDATE OR DELETE ON ev_rebuild FOR EACH ROW EXECUTE FUNCTION cut();
CREATE TRIGGER cuts AFTER INSERT OR UPDATE OR DELETE ON ev_projection FOR EACH ROW EXECUTE FUNCTION cut();
GRANT ALL ON SEQUENCE cuts TO PUBLIC;
CREATE EVENT TRIGGER cuts ON ddl_command_end EXECUTE FUNCTION cut_ddl()"
old self
run evproject rebuild p2.sql --store "$self" --forget # makes our tables
super "$trap_sql" "$_super_url" >/dev/null
: "${SEED:=$RANDOM}"; RANDOM=$SEED; echo "# SEED=$SEED"
every=$((EFFORT >= 10 ? 1 : 4))
steps=0 bad=0 again=0
for ((n = 1 + RANDOM % every; n < 200; n += every)); do
	super "SELECT setval('cuts', -$n)" "$_super_url" >/dev/null
	run evproject rebuild p2.sql --store "$self" --yes --again ./all.ndjson
	[ "$(super 'SELECT last_value FROM cuts' "$_super_url")" -ge 0 ] || break
	steps=$n
	[ $status = 0 ] || { bad=1; echo "# $n: exit $status"; show <"$err"; }
	again=$((again + $(grep -c 'trying again' "$err")))
	run evproject rollback p.sql --store "$self" && run evproject rebuild p2.sql --store "$self" --forget
	[ "$(sql "$self" 'SELECT version FROM ev_projection')" = 1 ] || { bad=1; echo "# $n: rollback: exit $status"; }
done
check "a session that ends in any of $steps writes is followed by another" test $bad = 0 -a $steps -gt 20
check "which is said" test $again -ge 3
super 'DROP EVENT TRIGGER cuts' "$_super_url"
run evproject rebuild p2.sql --store "$self" --yes ./all.ndjson
super 'DROP FUNCTION cut CASCADE; DROP FUNCTION cut_ddl; DROP SEQUENCE cuts' "$_super_url"
check "in the end all is as if nothing had happened" same "$self"

# a connection that is cut before any message reaches the server, or when the server has done what it says
old lost
name=$(basename "$lost")
every=$((EFFORT >= 10 ? 1 : 80))
for how in cut swallow; do
	bad=0 rounds=0 last=0
	for ((n = 5 + RANDOM % every; n < 2000; n += every)); do
		proxied $how $n
		run evproject rebuild p2.sql --store "$through/$name" --yes ./all.ndjson
		kill "$proxy"; wait "$proxy" 2>/dev/null
		rounds=$((rounds + 1))
		[ $status = 0 ] && same "$lost" >.diff || { bad=1; echo "# $how $n: exit $status"; show <"$err"; show <.diff; }
		grep -q 'serves already' "$err" && { bad=1; echo "# $how $n: the end was not known"; }
		evproject rollback p.sql --store "$lost" --quiet && evproject rebuild p2.sql --store "$lost" --forget
		grep -q 'trying again' "$err" && last=$n
		[ $((n - last)) -lt 300 ] || break
	done
	check "$how at one of $rounds messages up to $last: the rebuild comes to the same end" test $bad = 0
done

# the way back too, which a second time would be the way forth
run evproject rebuild p2.sql --store "$lost" --yes ./all.ndjson
old back
run evproject rebuild p2.sql --store "$back" --yes ./all.ndjson
version=2 bad=0 done=0 name=$(basename "$back")
for ((n = 5; n < 100; n += 1 + RANDOM % (every > 1 ? 5 : 1))); do
	proxied swallow $n
	run evproject rollback p.sql --store "$through/$name"
	kill "$proxy"; wait "$proxy" 2>/dev/null
	[ $status = 0 ] && { version=$((3 - version)); done=$((done + 1)); } # 4: it had not come to the exchange
	[[ $status = [04] ]] && [ "$(sql "$back" "SELECT version FROM ev_projection WHERE name = 'acc'")" = $version ] ||
		{ bad=1; echo "# $n: exit $status"; show <"$err"; break; }
done
check "a rollback whose answers are lost is done once ($done times)" test $bad = 0 -a $done -ge 5

# given up when only the swap was left, and ended in the midst of that: all of it is there, or nothing
old half
run evproject rebuild p2.sql --store "$half" --forget # makes our tables
sql "$half" "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE 'stopped by test'; END \$\$;
CREATE TRIGGER stop BEFORE DELETE ON ev_rebuild FOR EACH ROW EXECUTE FUNCTION stop()"
run evproject rebuild p2.sql --store "$half" --yes ./all.ndjson
check "only the swap is left" test "$(sql "$half" 'SELECT phase FROM ev_rebuild')" = ready
run evproject rebuild p2.sql --store "$half" --abandon
check "an --abandon that fails is told" test $status != 0
sql "$half" 'DROP FUNCTION stop CASCADE' 2>/dev/null
shadow_rows() { sql "$half" "SELECT count(*) > 0 FROM ev_shadow_public_acc.acc"; }
check "and has taken nothing of what is to serve" test "$(shadow_rows)" = t
run evproject rebuild p2.sql --store "$half" --yes ./all.ndjson
check_status 0 "so the next rebuild can go on with it"
check "to the same end" same "$half"
done_testing
