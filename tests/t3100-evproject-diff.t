#!/usr/bin/env bash
# evproject diff: two stores, row against row. The checker is judged by what it lets through.
. "$(dirname "$0")/lib.sh"
cat >p.sql <<'SQL'
-- @projection d version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE d (a text, b integer, n numeric, r real, x blob, t text, PRIMARY KEY (a, b));
CREATE TABLE bag (a text, b integer);
CREATE TABLE "odd name" ("in'dex" integer PRIMARY KEY, "select" text);
CREATE VIEW v AS SELECT a FROM d;
-- @on never
INSERT INTO d (a, b) VALUES ($.a, $.b) ON CONFLICT DO NOTHING;
SQL
: >none.ndjson
run evproject run p.sql --store base.db ./none.ndjson
check_status 0 "an empty view"
sqlite3 base.db "INSERT INTO d VALUES ('k', 1, 1.5, 0.1, x'00ff', 'text'), ('k', 2, 10, 1e300, NULL, ''), ('K', 1, NULL, 0.0, x'', 'NULL');
INSERT INTO bag VALUES ('x', 1), ('x', 1), ('y', NULL); INSERT INTO \"odd name\" VALUES (-5, 'a'), (7, 'b')"
fresh() { rm -f b.db*; sqlite3 base.db ".backup b.db"; }
# found WHAT SQL PATTERN: the change is seen, exit 1, and named; undone it is gone
found() {
	fresh
	sqlite3 b.db "$2"
	run evproject diff base.db b.db p.sql
	check_status 1 "found: $1"
	check_grep "  and shown" "$3" "$out"
}
fresh
run evproject diff base.db b.db p.sql
check_status 0 "a copy is the same"
check_grep "all rows were seen" '^d +3 +0 +0 +0' "$out"
check_grep "of each table" '^bag +3 +0 +0 +0' "$out"
check_no_grep "views are no tables" '^v ' "$out"
check_no_grep "SQLite has no schemas" 'schema' "$out"
found "a row more" "INSERT INTO d (a, b) VALUES ('l', 1)" "^d +only new +a='l', b=1"
found "a row before the first" "INSERT INTO d (a, b) VALUES ('', -9223372036854775807)" "^d +only new +a='', b=-9223372036854775807"
found "a row less" "DELETE FROM d WHERE b = 2" "^d +only old +a='k', b=2"
found "one changed cell" "UPDATE d SET t = 'Text' WHERE a = 'k' AND b = 1" "^d +changed +a='k', b=1 +t: 'text' -> 'Text'"
found "NULL for the empty text" "UPDATE d SET t = NULL WHERE b = 2" "t: '' -> NULL"
found "the empty text for 'NULL'" "UPDATE d SET t = '' WHERE a = 'K'" "t: 'NULL' -> ''"
found "NULL for 'NULL'" "UPDATE d SET t = NULL WHERE a = 'K'" "t: 'NULL' -> NULL"
found "a trailing blank" "UPDATE d SET t = 'text ' WHERE t = 'text'" "t: 'text' -> 'text '"
found "another case" "UPDATE d SET a = 'KK' WHERE a = 'K'" "only new +a='KK'"
found "one bit of a blob" "UPDATE d SET x = x'00fe' WHERE b = 1 AND a = 'k'" "x: x'00ff' -> x'00fe'"
found "no blob for an empty one" "UPDATE d SET x = NULL WHERE a = 'K'" "x: x'' -> NULL"
found "text for a blob of the same bytes" "UPDATE d SET x = '' WHERE a = 'K'" "x: x'' -> ''"
found "one ulp" "UPDATE d SET r = 0.1 + 1.3877787807814457e-17 WHERE b = 1 AND a = 'k'" "r: 0.1 -> 0.10000000000000002"
found "two keys whose values are swapped" "UPDATE d SET t = CASE a WHEN 'k' THEN 'NULL' ELSE 'text' END WHERE b = 1" "changed"
found "a row of a bag twice" "INSERT INTO bag VALUES ('y', NULL)" "^bag +only new +a='y', b=NULL"
found "a row of a bag once only" "DELETE FROM bag WHERE rowid = 1" "^bag +only old +a='x', b=1"
found "names that want quotes" "UPDATE \"odd name\" SET \"select\" = 'c' WHERE \"in'dex\" = -5" "^odd name +changed +in'dex=-5 +select: 'a' -> 'c'"
found "a column more" "ALTER TABLE d ADD COLUMN z text" "added: z"
found "a table less" "DROP TABLE bag" "the new view has no such table"
found "a text behind a NUL" "UPDATE d SET t = t || char(0) || 'x' WHERE b = 1 AND a = 'k'" "t: 'text' -> 'text.x00x'"
fresh
sqlite3 b.db 'UPDATE d SET r = -0.0 WHERE r = 0.0; UPDATE d SET n = 10.0 WHERE b = 2'
run evproject diff base.db b.db p.sql
check_status 0 "-0 is 0, and 10.0 is 10"

fresh
sqlite3 b.db "INSERT INTO d (a, b, t) VALUES (NULL, 1, CAST(x'ff41' AS TEXT)), (NULL, 1, 'y')"
run evproject diff base.db b.db p.sql --format json
check_status 1 "NULLs in a key are no obstacle"
check "whole rows are compared then" jq -e '.tables[] | select(.table == "d") | .keyed == false and .only_new == 2 and .same == 3' "$out"
check "text that is not UTF-8 is no JSON, and is told as bytes" grep -q "t=text x'ff41'" "$out"
check "the answer is UTF-8 still" iconv -f UTF-8 -t UTF-8 "$out"

# many: the order of keys, and the cap
cat >many.sql <<'SQL'
-- @projection m version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE m (k text PRIMARY KEY, n integer);
-- @on x
INSERT INTO m VALUES ($.k, $.n);
SQL
for db in m1 m2; do run evproject run many.sql --store $db.db ./none.ndjson; done
for db in m1 m2; do
	sqlite3 $db.db "WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 20000) INSERT INTO m SELECT char(n % 900 + 60) || n, n FROM i"
done
sqlite3 m2.db 'UPDATE m SET n = -n WHERE n % 100 = 0; DELETE FROM m WHERE n = 4711; INSERT INTO m VALUES (char(120000), 1)'
run evproject diff m1.db m2.db many.sql --max-diffs 5
check_status 1 "differences among many rows"
check_grep "all are counted" '^m +19799 +200 +1 +1 *$' "$out"
check "the printed ones are capped, and it is said" grep -q '^\.\.\. and 195 rows more' "$out"
run evproject diff m1.db m2.db many.sql --format json
check "and as JSON" jq -e '.same == false and .same_position and .tables[0].changed == 200 and (.tables[0].rows | length) == 12 and .tables[0].rows_left_out == 190 and .old.version == 1' "$out"

# an index that has lost a row, or its order, is no difference between the two
cp m1.db m4.db
root=$(sqlite3 m4.db "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_m_1'")
leaf=$(sqlite3 m4.db "SELECT pageno FROM dbstat WHERE name = 'sqlite_autoindex_m_1' AND pagetype = 'leaf' LIMIT 1 OFFSET 2" 2>/dev/null)
if [ -n "$leaf" ] && [ "$leaf" != "$root" ]; then
	# the pointers to the first and the last cell of the page change places
	page=$(sqlite3 m4.db 'PRAGMA page_size') at=$(((leaf - 1) * $(sqlite3 m4.db 'PRAGMA page_size')))
	cells=$((16#$(od -An -tx1 -j $((at + 3)) -N 2 m4.db | tr -d ' ')))
	dd if=m4.db of=.first bs=1 skip=$((at + 8)) count=2 2>/dev/null
	dd if=m4.db of=m4.db bs=1 skip=$((at + 8 + 2 * (cells - 1))) seek=$((at + 8)) count=2 conv=notrunc 2>/dev/null
	dd if=.first of=m4.db bs=1 seek=$((at + 8 + 2 * (cells - 1))) count=2 conv=notrunc 2>/dev/null
	run evproject diff m1.db m4.db many.sql
	check_status 4 "a corrupt index is exit 4, page of $page bytes"
	check_grep "and is named as such" 'does not give its rows in order' "$err"
else
	skip "a corrupt index" "no dbstat here"
fi

# what stands elsewhere
printf '{"topic":"t","partition":0,"offset":0,"timestamp":1,"key":null,"headers":[],"value":{"type":"x","k":"a","n":1}}\n' >one.ndjson
run evproject run many.sql --store m3.db ./one.ndjson
run evproject diff m3.db m3.db many.sql
check_status 0 "the same store is the same"
run evproject diff m1.db m3.db many.sql
check_grep "different positions are said" 'stand at different positions' "$out"

# time travel: the view as it was, in a store of its own; two such stores compare
for i in 0 1 2 3 4 5; do
	printf '{"topic":"t","partition":0,"offset":%d,"timestamp":%d,"key":null,"headers":[],"value":{"type":"x","k":"k%d","n":%d}}\n' "$i" "$((1763200000000 + i * 60000))" "$i" "$i"
done >times.ndjson
run evproject rebuild many.sql --store then.db --until 2025-11-15T09:49:40Z ./times.ndjson
check_status 0 "a view as it was at a time"
check "holds what had happened by then" test "$(sqlite3 then.db 'SELECT group_concat(k) FROM m')" = k0,k1,k2
printf '{"t":{"0":5}}' >five.json
run evproject run many.sql --store later.db --to five.json ./times.ndjson
check_status 0 "and as it was at a position"
run evproject diff then.db later.db many.sql
check_status 1 "what happened between them"
check_grep "is what diff says" '^m +3 +0 +0 +2' "$out"

# what cannot be compared is neither the same nor different
run evproject diff m1.db gone.db many.sql
check_status 4 "a store that is not there is exit 4"
check "and is not made" test ! -e gone.db
run evproject diff base.db m1.db many.sql
check_status 2 "a store without the view is exit 2"
run evproject diff m1.db m2.db
check_status 2 "no file is exit 2"
run evproject diff m1.db
check_status 2 "one store is exit 2"
sqlite3 m2.db 'PRAGMA writable_schema=ON; DROP TABLE ev_projection' 2>/dev/null
run evproject diff m1.db m2.db many.sql
check "a broken ledger is no answer" test "$status" != 0 -a "$status" != 1
done_testing
