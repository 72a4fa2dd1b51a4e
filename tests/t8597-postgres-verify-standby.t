# evverify on a read replica: what is there is checked at the position where it stands there.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
own_postgres
database db
cat >p.sql <<'SQL'
-- @projection acc version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE acc (k text PRIMARY KEY, n bigint NOT NULL);
-- @on add
INSERT INTO acc (k, n) VALUES ($.k, $.n) ON CONFLICT (k) DO UPDATE SET n = acc.n + excluded.n;
-- @check no negatives
SELECT k FROM acc WHERE n < 0;
SQL
sed 's/acc/total/g; /^CREATE TABLE/a CREATE VIEW big AS SELECT k FROM total WHERE n > 100;' p.sql >views.sql
for ((i = 0; i < 600; i++)); do
	printf '{"topic":"t","partition":0,"offset":%d,"timestamp":%d,"key":"k","headers":[],"value":%s}\n' \
		$i $((1763200000000 + i)) "{\"type\":\"add\",\"k\":\"k$((i % 50))\",\"n\":$i}"
done >log.ndjson
head -n 400 log.ndjson >early.ndjson
run evproject run p.sql --store "$db" ./early.ndjson
check_status 0 "a view on the primary"
run evproject run views.sql --store "$db" ./early.ndjson
check_status 0 "and one with a SQL view"
mkdir full
: >full/data
run "$postgres" standby "$T/full" "$postgres_dir"
check_status 1 "a standby that cannot be copied"
check_grep "is told" 'the primary cannot be copied' "$err"
check "and the primary is up" super 'SELECT 1'
server=$("$postgres" standby "$T/standby" "$postgres_dir" 2>standby.err)
check "a standby starts" test -n "$server"
at_exit '"$postgres" stop "$T/standby"'
standby=${server%/*}/$(basename "$db") standby=${standby/postgres@/app@}
flushed() { super "SELECT pg_current_wal_flush_lsn()"; }
replayed() { [ "$(super "SELECT pg_last_wal_replay_lsn() >= '$1'" "$server")" = t ]; }
caught_up() { lsn=$(flushed); wait_for 120 replayed "$lsn"; }
at() { jq -e ".status == $1 and .position.t[\"0\"] == $2" "$out"; }

check "it has what the primary has" caught_up
verify() { run evverify p.sql --store "$standby" --format json ./log.ndjson "$@"; }
verify
check_status 0 "the replica is consistent"
check "where it stands" at 0 400
verify --scratch "$db"
check_status 0 "also with a scratch schema on the primary"
run evverify views.sql --store "$standby" --scratch "$db" --format json ./log.ndjson
check_status 0 "so is the other one"
check "which has the file's SQL views" jq -e '.. | objects | select(.what? == "views").terms.matched == 1' "$out"
verify --independent
check_status 2 "a replica is no place for one"

super "SELECT pg_wal_replay_pause()" "$server" >/dev/null
is_paused="pg_get_wal_replay_pause_state() = 'paused'"
[ "$(super 'SHOW server_version_num')" -ge 140000 ] || is_paused='pg_is_wal_replay_paused()'
paused() { [ "$(super "SELECT $is_paused" "$server")" = t ]; }
check "it stands still" wait_for 120 paused
run evproject run p.sql --store "$db" ./log.ndjson
check_status 0 "while the primary goes on"
verify
check_status 0 "a replica that is behind is consistent where it is"
check "which is not where the primary is" at 0 400
verify --max-lag 0
check_status 1 "that it is behind is another question"
super "SELECT pg_wal_replay_resume()" "$server" >/dev/null
check "it comes after" caught_up
verify
check "and is consistent there" at 0 600

sql "$db" "UPDATE acc SET n = n + 1 WHERE k = 'k7'"
check "what is done to the primary" caught_up
verify
check_status 1 "is seen on the replica"
check "with its values" jq -e '.modes[0].findings[0] | .key == "k='"'k7'"'" and .kind == "changed"' "$out"
verify --repair --yes --max-repair 100%
check_status 4 "where nothing is repaired"
check_grep "and why" 'read-only|recovery' "$err"
verify --drill --rows --scratch "$db"
check_status 1 "no drill on a view that is wrong"
run evverify p.sql --store "$db" ./log.ndjson --repair --yes --max-repair 100% -q
check_status 0 "but the primary is"
check "which comes over" caught_up
verify
check_status 0 "and then the replica is consistent again"

# who is at work on a rebuild is known to the primary alone
sed 's/version 1/version 2/; s/VALUES (\$\.k, /VALUES ($.k, 0 + /' p.sql >p2.sql
run evproject rebuild p2.sql --store "$db" ./log.ndjson --no-swap
check_status 0 "a rebuild on the primary"
check "is on the replica" caught_up
nobody() { evproject status --store "$db" | grep -q '^nobody is at work on it'; }
check "status says there that nobody is at work" wait_for 60 nobody
run evproject status --store "$standby"
check_status 0 "status of a replica"
check_grep "says that it cannot know" '^whether a process is at work on it is not known on a standby' "$out"
run evproject status --store "$standby" --format json
check "also in JSON" jq -es 'any(.[].rebuild; .phase? == "ready" and .at_work == null)' "$out"
done_testing
