#!/usr/bin/env bash
# evproject diff between PostgreSQL and SQLite, and within PostgreSQL: the same order, the same values.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
cat >p.sql <<'SQL'
-- @projection d version 1
-- @topics t
-- @envelope type=$.type time=$.at
-- @schema postgresql
CREATE TABLE d (k text, i bigint, s text, ok boolean, at timestamptz, x numeric, f double precision, PRIMARY KEY (k, i));
CREATE TABLE by_time (at timestamptz PRIMARY KEY, n bigint);
CREATE TABLE Bag (aB text, n numeric);
-- @schema sqlite
CREATE TABLE d (k text, i integer, s text, ok boolean, at text, x numeric, f real, PRIMARY KEY (k, i));
CREATE TABLE by_time (at text PRIMARY KEY, n integer);
CREATE TABLE Bag (aB text, n numeric);
-- @on v
INSERT INTO d VALUES ($.k, $.i, $.s, $.ok, :time, $.x, $.f) ON CONFLICT (k, i) DO UPDATE SET s = excluded.s;
INSERT INTO by_time VALUES (:time, $.i) ON CONFLICT (at) DO UPDATE SET n = by_time.n + excluded.n;
SQL
# keys that sort differently by a locale, by case, by UTF-16 and by bytes
: "${SEED:=$RANDOM}"; echo "# SEED=$SEED"
awk -v seed="$SEED" 'BEGIN { srand(seed); n = split("a A b B z Z ä Ä é ß _ - 1 10 9 😀 ﬀ aa a_a a-a", w, " ");
	for (i = 0; i < 2000; i++) {
		k = w[int(rand() * n) + 1] w[int(rand() * n) + 1]
		t = sprintf("20%02d-0%d-1%dT0%d:00:0%d.%03dZ", rand() * 60, rand() * 9 + 1, rand() * 9, rand() * 9, rand() * 9, rand() * 999)
		printf "{\"topic\":\"t\",\"partition\":0,\"offset\":%d,\"timestamp\":1,\"key\":\"%s\",\"headers\":[],\"value\":{\"type\":\"v\",\"at\":\"%s\",\"k\":\"%s\",\"i\":%d,\"s\":%s,\"ok\":%s,\"x\":%d.5,\"f\":%d.25}}\n",
			i, k, t, k, int(rand() * 200 - 100), rand() < 0.1 ? "null" : "\"" k i "\"", rand() < 0.3 ? "null" : rand() < 0.5 ? "true" : "false", rand() * 2000 - 1000, rand() * 100 } }' >in.ndjson
database pg
database pg2
run evproject run p.sql --store "$pg" ./in.ndjson
run evproject run p.sql --store "$pg2" ./in.ndjson
run evproject run p.sql --store lite.db ./in.ndjson
check_status 0 "the same events in three stores"
run evproject diff "$pg" "$pg2" p.sql
check_status 0 "PostgreSQL and PostgreSQL are the same"
run evproject diff "$pg" lite.db p.sql
check_status 0 "PostgreSQL and SQLite are the same"
rows=$(sql "$pg" 'SELECT count(*) FROM d')
check_grep "each row was seen" "^d +$rows +0 +0 +0" "$out"
found() { # WHAT SQL-FOR-PG PATTERN
	sql "$pg2" "BEGIN; $2; COMMIT"
	run evproject diff lite.db "$pg2" p.sql --max-diffs 5
	check_status 1 "found: $1"
	check_grep "  by row" "$3" "$out"
	run evproject diff "$pg" "$pg2" p.sql
	check_status 1 "  within PostgreSQL too"
}
one="(k, i) = (SELECT k, i FROM d WHERE ok AND s IS NOT NULL ORDER BY k, i LIMIT 1)"
found "a boolean" "UPDATE d SET ok = false WHERE $one" 'ok: 1 -> 0'
found "a millisecond" "UPDATE by_time SET at = at + interval '1 millisecond' WHERE at = (SELECT max(at) FROM by_time)" '^by_time +only new +at='
found "a decimal" "UPDATE d SET x = x + 0.0000001 WHERE $one" 'x: .* -> '
found "the last row" "DELETE FROM d WHERE k = (SELECT max(k COLLATE \"C\") FROM d)" '^d +only old '
for s in "$pg" "$pg2"; do sql "$s" "INSERT INTO bag VALUES ('x', NULL), (NULL, 2), ('y', 1.5), (NULL, NULL)"; done
sqlite3 lite.db "INSERT INTO bag VALUES ('y', 1.5), (NULL, NULL), ('x', NULL), (NULL, 2)"
run evproject diff "$pg" lite.db p.sql --format json
check "NULLs without a key, and names that one of them has folded" jq -e '.tables | map(select(.table == "bag" or .table == "Bag")) | length == 1 and .[0].same == 4 and .[0].only_new == 0 and .[0].columns_added == ""' "$out"
for s in "$pg" "$pg2"; do sql "$s" "INSERT INTO bag VALUES ('i', 'NaN'), ('i', 'Infinity'), ('i', '-Infinity'), ('i', -5), ('i', 0)"; done
sql "$pg2" "UPDATE bag SET n = 0 WHERE n = '-Infinity'"
run evproject diff "$pg" "$pg2" p.sql
check_grep "infinity is not 0" "^bag +only old +ab='i', n=-Infinity" "$out"
sql "$pg" 'DELETE FROM bag'
sql "$pg2" 'CREATE SCHEMA other'
run evproject run p.sql --store "$pg2" --schema other ./in.ndjson
run evproject diff "$pg" "$pg2" p.sql --schema-b other
check_status 0 "a view in another schema"
done_testing
