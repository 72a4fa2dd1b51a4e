# evverify on PostgreSQL without a scratch database: the log is folded in memory, where all of it folds.
export EV_STORE=postgresql
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/evverify.sh"
cat >p.sql <<'SQL'
-- @projection mem version 1
-- @topics t u
-- @envelope type=$.type
-- @schema
CREATE TABLE acc (k text, part integer, n bigint NOT NULL, d numeric, s text, ok boolean, w timestamptz,
	PRIMARY KEY (k, part));
-- @on add
INSERT INTO acc (k, part, n, s, ok, w) VALUES ($.k, :partition, $.n, $.s, $.ok, :time)
ON CONFLICT (k, part) DO UPDATE SET n = acc.n + excluded.n, s = excluded.s;
-- @on del
DELETE FROM acc WHERE k = $.k AND part = :partition;
SQL
for i in {1..80}; do
	printf '{"topic":"t","partition":%d,"offset":%d,"timestamp":%d,"key":"k","headers":[],"value":%s}\n' \
		$((i % 2)) "$i" $((1763200000000 + i)) \
		"{\"type\":\"$([ $((i % 17)) = 0 ] && echo del || echo add)\",\"k\":\"k$((i % 9))\",\"n\":$i,\"s\":\"x\",\"ok\":true}"
done >log.ndjson
project s.db ./log.ndjson
memory() { run evverify p.sql --store "$(store "$1")" ./log.ndjson "${@:2}"; }
memory s.db
check_status 0 "a view that was not touched is consistent"
memory s.db --format json
check "all its rows were compared" says '.modes[0].checked == 18 or .modes[0].checked == 17'
while IFS= read -r sql; do
	same_but "$sql"
	memory c.db
	check_status 1 "seen: $sql"
done <<'END'
UPDATE acc SET n = n + 1 WHERE k = 'k3' AND part = 0
UPDATE acc SET n = n + 1000000000000000000 WHERE k = 'k3' AND part = 0
UPDATE acc SET d = 0 WHERE k = 'k3' AND part = 0
UPDATE acc SET s = NULL WHERE k = 'k3' AND part = 0
UPDATE acc SET s = 'x ' WHERE k = 'k3' AND part = 0
UPDATE acc SET ok = false WHERE k = 'k3' AND part = 0
UPDATE acc SET ok = NULL WHERE k = 'k3' AND part = 0
UPDATE acc SET w = w + interval '1 ms' WHERE k = 'k3' AND part = 0
UPDATE acc SET w = w + interval '1 us' WHERE k = 'k3' AND part = 0
DELETE FROM acc WHERE k = 'k3' AND part = 0
INSERT INTO acc (k, part, n) VALUES ('zzz', 7, 1)
UPDATE ev_ledger SET applied = applied - 1, ignored = ignored + 1
ALTER TABLE acc ADD COLUMN more integer; UPDATE acc SET more = 1
END
same_but "DROP TABLE acc"
memory c.db
check_status 4 "a table that is gone is no consistent view"
memory s.db --independent
check_status 2 "--independent wants a scratch database"
check_grep "and says so" 'hint: .*--scratch postgresql://' "$err"
sed -i 's/-- @on del/-- @on del must touch/' p.sql
sed -i 's/version 1/version 2/' p.sql
printf '%s\n' '{"topic":"u","partition":0,"offset":0,"timestamp":1,"key":null,"headers":[],"value":{"type":"del","k":"none"}}' >>log.ndjson
project dead.db --on-error dead ./log.ndjson
memory dead.db
check_status 2 "a log with poison wants one, too"
memory dead.db --scratch "$_stores"
check_status 0 "and with it the view is consistent"
cat >p.sql <<'SQL'
-- @projection mem version 3
-- @topics t u
-- @envelope type=$.type
-- @schema
CREATE TABLE acc (k text PRIMARY KEY, n bigint NOT NULL);
-- @on add
INSERT INTO acc (k, n) VALUES ($.k, $.n) ON CONFLICT (k) DO UPDATE SET n = acc.n + excluded.n;
-- @check very many rows
SELECT a.k, i, repeat('x', 1000) AS x FROM acc a, generate_series(1, 20000) i;
SQL
grep add log.ndjson >adds.ndjson
project many.db ./adds.ndjson
evmeasure .took evverify p.sql --store "$(store many.db)" --checks --memory 16m ./adds.ndjson >"$out" 2>"$err"
check_grep "a check that gives very many rows is counted" 'check very many rows: 180000 rows: k=' "$out"
if [[ $EV_BUILD != *address* ]]; then
	check "within what was given, but for the program itself" test "$(cut -d' ' -f2 .took)" -le $((60 << 10))
fi
done_testing
