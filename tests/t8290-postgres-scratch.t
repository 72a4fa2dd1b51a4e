# evproject check and test against a store: prepared and run there, and nothing of it stays
. "$(dirname "$0")/lib.sh"
EV_STORE=postgresql
. "$TOP/tests/evproject.sh"

database db
everything() { # all that a catalogue knows of tables and schemas
	sql "$db" "SELECT c.oid, c.relname, c.relnamespace::regnamespace, c.relfilenode FROM pg_class c WHERE c.relnamespace <> 'pg_toast'::regnamespace
		ORDER BY 1; SELECT nspname FROM pg_namespace ORDER BY 1; SELECT conname FROM pg_constraint ORDER BY 1"
}
{ rec add a 1; rec add b 2; } >a.ndjson
sql "$db" 'CREATE TABLE prices (sku text PRIMARY KEY, cents integer)'
everything >empty
run evproject check p.sql --store "$db"
check_status 0 "check against an empty database"
check_grep "prints the plan" 'upsert acc' "$out"
everything >now
check "nothing is left behind" cmp empty now
project "$db" ./a.ndjson
everything >before
run evproject check p.sql --store "$db"
check_status 0 "check where the view stands"
sed 's/at integer);/at integer, more jsonb);/; s/version 1/version 2/' p.sql >next.sql
run evproject check next.sql --store "$db"
check_status 0 "check of another version, whose table has that name"
sed 's/excluded.n,/excluded.m,/' next.sql >bad.sql
run evproject check bad.sql --store "$db"
check_status 2 "a fault in it"
check_grep "is told by line and column" 'bad\.sql:8:[0-9]+: column excluded.m does not exist' "$err"
everything >now
check "nothing is left behind by all that" cmp before now
check "and the view stands as it did" test "$(dump "$db")" = "a|1|0
b|2|1"

# what only that server knows: its types, its functions, tables of others
cat >pg.sql <<'SQL'
-- @projection pg version 1
-- @topics t
-- @envelope type=$.type time=$.at
-- @reads prices
-- @schema postgresql
CREATE TABLE doc (id uuid PRIMARY KEY, body jsonb, at timestamptz, tags text[]);
COMMENT ON TABLE doc IS 'as they came';
-- @on put
INSERT INTO doc (id, body, at, tags)
SELECT $.id, $.body, :time, $.tags FROM prices WHERE sku = $.sku AND date_trunc('day', :time::timestamptz) < :time;
-- @check priced
SELECT body ->> 'x' FROM doc WHERE body @> '{"n": 1}';
SQL
run evproject check pg.sql --store "$db"
check_status 0 "types, functions and tables of others are those of the server"
run evproject check pg.sql
check_status 2 "which no SQLite has"
check_grep "it says so" 'pg\.sql has no @schema for sqlite' "$err"
check_grep "and how it is checked there" '^hint: .*--store postgresql://' "$err"
sed 's/@schema postgresql/@schema/' pg.sql >both.sql
run evproject check both.sql
check_status 2 "nor where the schema is said to be for both"
check_grep "that is said with SQLite's words, and where it came from" '^hint: without a store it is checked as SQLite' "$err"
sed 's/FROM prices/FROM theirs/' pg.sql >other.sql
run evproject check other.sql --store "$db"
check_grep "a table that is not there" 'other\.sql:10:[0-9]+: relation "theirs" does not exist' "$err"
sed '/@reads/d' pg.sql >other.sql
run evproject check other.sql --store "$db"
check_grep "one that is not declared" "other\.sql:8:1: table 'prices' is not of this projection .*@reads" "$err"
sed "s/body @> /body @@@ /" pg.sql >other.sql
run evproject check other.sql --store "$db"
check_grep "a check with a fault" 'other\.sql:12:[0-9]+: operator does not exist: jsonb @@@' "$err"
sed 's/at timestamptz/at timestampz/' pg.sql >other.sql
run evproject check other.sql --store "$db"
check_grep "a type that is none" 'other\.sql:6:[0-9]+: type "timestampz" does not exist' "$err"

# only whether it IS NULL is asked: no type can be inferred, and none is needed
cat >null.sql <<'SQL'
-- @projection nulls version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE nulls (o bigint PRIMARY KEY, what text NOT NULL);
-- @on put
INSERT INTO nulls VALUES (:offset, CASE WHEN $.x IS NULL THEN 'no' WHEN :key IS NOT NULL THEN 'both' ELSE 'x' END);
SQL
{
	printf '{"topic":"t","partition":0,"offset":%d,"timestamp":1,"key%s,"headers":[],"value":{"type":"put"%s}}\n' \
		0 '":null' '' 1 '":null' ',"x":null' 2 '":"k"' ',"x":1' 3 '":null' ',"x":{"a":[]}' 4 '_base64":"gP8="' ',"x":false'
} >null.ndjson
evproject run null.sql --store "$db" ./null.ndjson 2>"$err"
check "whatever is asked for NULL alone" test "$(sql "$db" 'SELECT what FROM nulls ORDER BY o' | tr '\n' ' ')" = 'no no both x both '

# test: a schema for each run of a case, dropped; what a killed one left is dropped by the next
everything >before
echo '[{"name":"adds","given":[{"type":"add","k":"a","n":1},{"type":"add","k":"a","n":2}],"expect":{"acc":[{"k":"a","n":3}]}}]' >c.json
run evproject test p.sql c.json --store "$db"
check_status 0 "cases run beside the view"
everything >now
check "nothing is left behind" cmp before now
sql "$db" 'CREATE SCHEMA ev_scratch_1_2 CREATE TABLE acc (k text)'
sql "$db" "COMMENT ON SCHEMA ev_scratch_1_2 IS 'evtools: scratch'"
psql -qAtX "$db" -c 'CREATE SCHEMA ev_scratch_3_4' -c "COMMENT ON SCHEMA ev_scratch_3_4 IS 'evtools: scratch'" >/dev/null
run evproject test p.sql c.json --store "$db"
everything >now
check "what a killed one left is dropped" cmp before now
super 'CREATE ROLE poor LOGIN' >/dev/null 2>&1
run evproject check p.sql --store "${db/app@/poor@}"
check_status 4 "a role that may create no schema"
check_grep "is told the reason" 'permission denied for database' "$err"
check_grep "and what it wants" '^hint: .*GRANT CREATE ON DATABASE' "$err"
run evproject check p.sql --store "postgresql://app:geheim@127.0.0.1:1/none"
check_status 4 "a server that is not there"
check_no_grep "and no password in the message" geheim "$err"
run evproject check p.sql --store "$db" --schema nowhere
check_status 2 "a schema that is not there"
done_testing
