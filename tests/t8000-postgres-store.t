#!/usr/bin/env bash
# A projection in PostgreSQL: types, poison, refusals, holders, poolers' leaks, a role without rights.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/evproject.sh"
pdump() { sql "$1" 'SELECT k, n, at FROM acc ORDER BY k COLLATE "C"'; }

database db
for i in {1..300}; do rec add "k$((i % 17))" $((i % 5)); done >in.ndjson
project "$db" ./in.ndjson
check_status 0 "a file is projected into PostgreSQL by a plain role"
project x.db ./in.ndjson
pdump "$db" >pg.txt; dump x.db >lite.txt
check "the rows are those of SQLite" cmp pg.txt lite.txt
check "so is the ledger" test "$(sql "$db" 'SELECT applied, next_offset, untouched FROM ev_ledger')" = "300|300|0"
project "$db" ./in.ndjson
check_status 0 "a second run finds nothing new"
check "and applies nothing twice" test "$(pdump "$db" | md5sum)" = "$(md5sum <pg.txt)"
run evproject status --store "$db"
check_grep "status shows it" 't/0 +0 +300 +300' "$out"
run evproject show p.sql --store "$db"
check_status 0 "samples are shown"
run evproject run p.sql --store "$db" --check ./in.ndjson
check_status 0 "checks run"

# names no password
run evproject status --store "postgresql://app:geheim@127.0.0.1:1/none"
check_status 4 "a server that is not there is exit 4"
check_no_grep "the password is in no message" geheim "$err"
run evproject status --store "postgresql://app:geheim@[oops/none"
check_status 2 "a URL that is none is exit 2"
check_no_grep "nor is it in that one" geheim "$err"
run evproject run p.sql --store "$db" --schema nowhere ./in.ndjson
check_status 2 "a schema that is not there is exit 2"
check_grep "and named" "nowhere" "$err"

# a database of another encoding, in which half of what events hold would not fit
latin=latin$EPOCHSECONDS
super "CREATE DATABASE $latin OWNER app ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
run evproject run p.sql --store "${db%/*}/$latin" ./in.ndjson
check_status 2 "a database that is not in UTF8 is refused"
check_grep "with its encoding" "encoding is LATIN1, UTF8 is needed" "$err"
check_grep "and what to do" "ENCODING 'UTF8'" "$err"
check "nothing is made in it" test "$(sql "${db%/*}/$latin" "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")" = 0
run evproject status --store "${db%/*}/$latin"
check_status 2 "also for reading"

# a draft: money is not rounded
printf '{"type":"paid","amount":%s}\n' 1234567.89 98765432.1 3 >money.txt
evproject draft --lines money ./money.txt >money.sql
run evproject run money.sql --store "$db" --lines money ./money.txt
check_status 0 "a draft runs in PostgreSQL"
check "with all digits of its numbers" test "$(sql "$db" 'SELECT amount FROM paid ORDER BY 1')" = $'3\n1234567.89\n98765432.1'

# a schema of its own; the search path of the role does not matter, and is not changed
sql "$db" 'CREATE SCHEMA views' && sql "$db" "ALTER ROLE app IN DATABASE $(basename "$db") SET search_path = public"
project "$db" --schema views ./in.ndjson
check_status 0 "--schema puts everything into another schema"
check "tables and ledger are there" test "$(sql "$db" "SELECT count(*) FROM pg_tables WHERE schemaname = 'views'")" -ge 6
check "the rows are the same" test "$(sql "$db" 'SELECT k, n, at FROM views.acc ORDER BY k COLLATE "C"' | md5sum)" = "$(md5sum <pg.txt)"

# types: what PostgreSQL infers is bound without casts
cat >types.sql <<'SQL'
-- @projection types version 1
-- @topics t
-- @envelope type=$.type time=$.at
-- @schema postgresql
CREATE TABLE vals (id text PRIMARY KEY, s smallint, i integer, b bigint, n numeric, d numeric(10,2), f double precision,
  ok boolean, at timestamptz, day date, u uuid, j jsonb, tags text[], nums bigint[], raw bytea, v varchar(5));
-- @on v
INSERT INTO vals (id, s, i, b, n, d, f, ok, at, day, u, j, tags, nums, raw, v) VALUES ($.id!, $.s, $.i, $.b, $.n, $.d, $.f,
  $.ok, :time, $.day, $.u, $.j, $.tags, $.nums, :key, $.v);
SQL
val() { # FIELDS...: one event
	printf '{"topic":"t","partition":0,"offset":%d,"timestamp":1,"key":"k%d","headers":[],"value":{"type":"v","at":"2026-11-20T12:00:00.5+02:00","id":"%d"%s}}\n' \
		"$off" "$off" "$off" "$1"
	off=$((off + 1))
}
database ty
off=0
{
	val ',"s":-7,"i":2147483647,"b":9223372036854775807,"n":123456789012345678901234567890.10,"d":1.5,"f":0.1,"ok":true,"day":"2026-02-28","u":"0f8fad5b-d9cb-469f-a165-70867728950e","j":{"a":[1,null]},"tags":["x","a\"b\\c",null],"nums":[1,2],"v":"abc"'
	val ',"s":1.0,"i":1e3,"j":"text","tags":[],"nums":null,"ok":null'
	val ',"j":true'
	val ',"j":1.50'
} >types.ndjson
run evproject run types.sql --store "$ty" ./types.ndjson
check_status 0 "each kind of column takes its kind of value"
check "all values are as they were sent" test "$(sql "$ty" "SELECT s, i, b, n, d, f, ok, at AT TIME ZONE 'UTC', day, u, j, tags, nums, raw, v FROM vals WHERE id = '0'")" = \
	'-7|2147483647|9223372036854775807|123456789012345678901234567890.10|1.50|0.1|t|2026-11-20 10:00:00.5|2026-02-28|0f8fad5b-d9cb-469f-a165-70867728950e|{"a": [1, null]}|{x,"a\"b\\c",NULL}|{1,2}|\x6b30|abc'
check "integral numbers fit integers however they are spelled" test "$(sql "$ty" "SELECT s, i, j, tags, nums IS NULL FROM vals WHERE id = '1'")" = '1|1000|"text"|{}|t'
check "a boolean and a number fit jsonb" test "$(sql "$ty" "SELECT j FROM vals WHERE id IN ('2', '3') ORDER BY id" | tr '\n' ' ')" = 'true 1.50 '

# what does not fit is poison, by name; the others around it are applied
poison() { # FIELDS PATTERN
	database bad
	off=0
	{ val ',"s":1'; val "$1"; val ',"s":2'; } >bad.ndjson
	run evproject run types.sql --store "$bad" --on-error dead ./bad.ndjson
	run evproject dead list types.sql --store "$bad"
	check_grep "poison: $1" "$2" "$out"
	check "  the others are applied" test "$(sql "$bad" 'SELECT count(*), sum(s) FROM vals')" = '2|3'
}
poison ',"s":40000' '\$\.s: value "40000" is out of range for type smallint \(column s of vals\)'
poison ',"i":1.5' '\$\.i: the number 1.5 does not fit integer'
poison ',"b":9223372036854775808' '\$\.b: the number 9223372036854775808 does not fit bigint'
poison ',"d":123456789.5' '\$\.d: numeric field overflow: .* \(column d of vals\): "123456789\.5"'
poison ',"ok":1' '\$\.ok: the number 1 does not fit boolean'
poison ',"day":"today"' '\$\.day: the date word today does not fit date'
poison ',"day":"2026-02-30"' 'out of range: "2026-02-30"'
poison ',"day":20260228' '\$\.day: the number 20260228 does not fit date'
poison ',"u":"xyz"' 'invalid input syntax for type uuid: "xyz"'
poison ',"v":"abcdef"' '\$\.v: value too long for type character varying\(5\) \(column v of vals\): "abcdef"'
poison ',"tags":{"a":1}' '\$\.tags: an object does not fit an array of text'
poison ',"nums":["x"]' 'invalid input syntax for type bigint: "x"'
poison ',"v":"a\u0000b"' '\$\.v: a text with a NUL character'
poison ',"f":1e400' 'out of range for type double precision'
poison ',"id":null' '\$\.id! is required'

# of what the server says neither column nor value, both are found: whether memory or the server meets it first, whether
# the run stops there or goes on, and when it is tried again
cat >named.sql <<'SQL'
-- @projection named version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE named (k text PRIMARY KEY, i integer NOT NULL, c varchar(3), d numeric(4,1));
-- @on set
INSERT INTO named (k, i, c) VALUES ($.k, $.i!, $.c) ON CONFLICT (k) DO UPDATE SET i = named.i + excluded.i;
-- @on cat
UPDATE named SET d = 1, c = (c || $.c) WHERE k = $.k;
-- @on double
UPDATE named SET c = c || c WHERE k = $.k;
-- @on share
UPDATE named SET i = i / $.by, d = coalesce($.d, d) WHERE k = $.k;
-- @on all
INSERT INTO named VALUES ($.k || $.more, 0, $.k);
SQL
off=0
event() { printf '{"topic":"t","partition":0,"offset":%d,"timestamp":1,"key":"k%d","headers":[],"value":{"type":"%s","k":"%s"%s}}\n' "$off" "$off" "$1" "$2" "$3"; off=$((off + 1)); }
{
	event set a ',"i":2147483647,"c":"abc"'
	event set a ',"i":1,"c":"x"'
	event set b ',"i":1,"c":"äöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöü"'
	event cat a ',"c":"xyz"'
	event double a ''
	event share a ',"by":0'
	event share a ',"by":1,"d":12345.67'
	event all long ',"more":"er"'
	event set c ',"i":5'
} >named.ndjson
database named
reasons() { # OPTION...: of all letters
	sql "$named" 'DROP TABLE IF EXISTS named; DELETE FROM ev_dead; DELETE FROM ev_table; DELETE FROM ev_ledger; DELETE FROM ev_projection' 2>/dev/null
	evproject run named.sql --store "$named" --on-error dead --quiet "$@" ./named.ndjson
	sql "$named" 'SELECT record_offset, reason FROM ev_dead ORDER BY 1'
}
reasons >named.out
check "each value is named, with its column" diff named.out - <<'WANT'
1|named.sql:7: $.i!: integer out of range (column i of named): "1"
2|named.sql:7: $.c: value too long for type character varying(3) (column c of named): "äöüäöüäöüäöüäöüäöüäöüäöüäöüäöü"...
3|named.sql:9: $.c: value too long for type character varying(3) (column c of named): "xyz"
4|named.sql:11: value too long for type character varying(3) (with $.k = "a")
5|named.sql:13: $.by: division by zero (column i of named): "0"
6|named.sql:13: $.d: numeric field overflow: A field with precision 4, scale 1 must round to an absolute value less than 10^3. (column d of named): "12345.67"
7|named.sql:15: $.k: value too long for type character varying(3) (column c of named): "long"
WANT
check "the others are applied" test "$(sql "$named" 'SELECT count(*), sum(i) FROM named')" = '2|2147483652'
reasons --exact-statements >exact.out
check "by statements as well" diff named.out exact.out
reasons --batch 1 >one.out
check "one by one as well" diff named.out one.out
printf '%s\n' '-- @projection again version 1' '-- @topics t' '-- @envelope type=$.type' '-- @key $.k' '-- @schema' \
	'CREATE TABLE again (k text PRIMARY KEY, c varchar(3));' '-- @on set' \
	'INSERT INTO again (k, c) VALUES ($.k, $.c) ON CONFLICT (k) DO UPDATE SET c = excluded.c;' >again.sql
off=7
event set k7 ',"c":"abcdef"' >again.ndjson
database again
run evproject run again.sql --store "$again" --on-error dead ./again.ndjson
run evproject dead retry again.sql --store "$again" t/0@7
check_grep "tried again" 't/0@7: again.sql:8: \$\.c: value too long .* \(column c of again\): "abcdef"' "$err"
check "with the same reason" test "$(sql "$again" "SELECT tries, reason LIKE '%(column c of again): \"abcdef\"' FROM ev_dead")" = "2|t"
for way in "" --exact-statements; do
	database stops
	head -n 2 named.ndjson | evproject run named.sql --store "$stops" $way - 2>"$err"
	check "a run that stops there ${way:-by memory}" test $? = 5
	check_grep "says the same" 't/0@1: named.sql:7: \$\.i!: integer out of range \(column i of named\): "1"' "$err"
	check "and has what was before" test "$(sql "$stops" 'SELECT count(*) FROM named')" = 1
done

# what a projection may not do is refused before anything runs, at its place in the file
refuse() { # SCHEMA HANDLER PATTERN
	database no
	printf -- '-- @projection r version 1\n-- @topics t\n-- @envelope type=$.type\n-- @schema\n%s\n-- @on v\n%s\n' "$1" "$2" >r.sql
	run evproject run r.sql --store "$no" ./types.ndjson
	check_status 2 "refused: $1 $2"
	check_grep "  and says why" "$3" "$err"
	check "  nothing is left" test "$(sql "$no" "SELECT count(*) FROM pg_class WHERE relname IN ('a', 'b', 's1') AND relkind IN ('r', 'S')")" = 0
}
ok='INSERT INTO a VALUES ($.id, 1) ON CONFLICT DO NOTHING;'
table='CREATE TABLE a (id text PRIMARY KEY, n numeric);'
refuse 'CREATE TABLE a (id text PRIMARY KEY, n bigint GENERATED ALWAYS AS IDENTITY);' "$ok" 'dentity'
refuse 'CREATE TABLE a (id text PRIMARY KEY, n timestamptz DEFAULT statement_timestamp());' "$ok" 'r.sql:5.*statement_timestamp'
refuse 'CREATE TABLE a (id text PRIMARY KEY, n text DEFAULT current_setting($q$x$q$));' "$ok" 'current_setting'
refuse "CREATE TABLE a (id text PRIMARY KEY, n timestamptz DEFAULT timestamptz 'now');" "$ok" "r.sql:5:72: 'now' is not allowed"
refuse 'CREATE TABLE a (id text PRIMARY KEY, n text); CREATE VIEW s1 AS SELECT txid_current() AS at FROM a;' "$ok" 'r.sql:5:72: function txid_current\(\) is not allowed'
refuse 'CREATE UNLOGGED TABLE a (id text PRIMARY KEY, n text);' "$ok" 'CREATE TABLE'
refuse 'CREATE TABLE public.ev_mine (id text PRIMARY KEY, n text);' "$ok" 'ev_'
refuse 'CREATE TABLE a (id text PRIMARY KEY, n bigint, EXCLUDE (n WITH =) DEFERRABLE INITIALLY DEFERRED);' "$ok" 'DEFERRED'
refuse 'CREATE TABLE a (id text PRIMARY KEY, n bigint) INHERITS (pg_class);' "$ok" '.'
refuse "$table" "INSERT INTO a VALUES (\$.id, (SELECT count(*) FROM pg_stat_activity));" '.'
refuse "$table" "INSERT INTO b VALUES (\$.id, 1);" 'r.sql:7:13: relation "b" does not exist'
refuse "$table" "INSERT INTO a VALUES (\$.id, txid_current());" 'r.sql:7:29: function txid_current'
refuse "$table" "INSERT INTO a VALUES (\$.id, extract(epoch FROM timestamptz 'now'));" "'now' is not allowed"
refuse "$table" "UPDATE a SET n = 1 WHERE id = current_user;" 'current_user is not allowed'
refuse "$table" "UPDATE ev_ledger SET applied = 0;" 'ev_'
refuse "$table" "DELETE FROM a WHERE n > pg_backend_pid();" 'pg_backend_pid'

# functions and casts whose answer depends on their arguments, or on settings that are pinned
database fine
cat >fine.sql <<'SQL'
-- @projection fine version 1
-- @topics t
-- @envelope type=$.type time=$.at
-- @schema
CREATE TABLE fine (id text PRIMARY KEY, n numeric(10,2), l integer, d text, j jsonb, t time(0));
-- @on v
INSERT INTO fine (id, n, l, d, j, t) VALUES ($.id, $.n::numeric(10,2), length($.v) + octet_length(convert_to($.v, 'UTF8')),
	to_char(:time::timestamptz, 'YYYY-MM'), jsonb_build_object('a', upper($.v)), CAST(:time::timestamptz AS time(0)));
SQL
off=0
val ',"n":1.005,"v":"ab"' >fine.ndjson
run evproject run fine.sql --store "$fine" ./fine.ndjson
check_status 0 "length(), numeric(10,2), to_char() and the like are allowed"
check "and do what they say" test "$(sql "$fine" 'SELECT * FROM fine')" = '0|1.01|4|2026-11|{"a": "AB"}|10:00:01'

# two stores of one log whose sessions begin otherwise
cat >abbreviated.sql <<'SQL'
-- @projection abbreviated version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE abbreviated (id text PRIMARY KEY, at timestamptz, name text);
-- @on v
INSERT INTO abbreviated (id, at, name) VALUES ($.id, $.at, format('%I', 'abc'));
SQL
off=0
val ',"at":"2026-01-05 10:00 IST"' >abbreviated.ndjson
database elsewhere
sql "$elsewhere" "ALTER DATABASE ${elsewhere##*/} SET timezone_abbreviations = 'India'"
sql "$elsewhere" "ALTER DATABASE ${elsewhere##*/} SET quote_all_identifiers = on"
for store in "$fine" "$elsewhere"; do
	run evproject run abbreviated.sql --store "$store" ./abbreviated.ndjson
	check_status 0 "a zone by its abbreviation, and a quoted name"
	check "are the same, whatever the database's settings" test \
		"$(sql "$store" "SELECT at AT TIME ZONE 'UTC', name FROM abbreviated")" = '2026-01-05 08:00:00|abc'
done

database other
sql "$other" 'CREATE TABLE theirs (id text PRIMARY KEY); CREATE TABLE acc (k text)'
project "$other" ./in.ndjson
check_status 2 "a table that no ledger owns is refused"
check "and left alone" test "$(sql "$other" 'SELECT count(*) FROM acc')" = 0
cat >r.sql <<'SQL'
-- @projection r version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE a (id text PRIMARY KEY);
-- @on v
DELETE FROM theirs WHERE id = $.id;
SQL
run evproject run r.sql --store "$other" ./types.ndjson
check_status 2 "so is another's table in a handler"
check_grep "by name" "'theirs' is not of this projection" "$err"
sed -i 's/DELETE FROM theirs WHERE id/DELETE FROM a WHERE EXISTS (SELECT 1 FROM theirs WHERE id = a.id) AND id/' r.sql
run evproject run r.sql --store "$other" ./types.ndjson
check_grep "reading it wants @reads" 'declare it with @reads' "$err"
sed -i 's/^-- @schema/-- @reads theirs\n&/' r.sql
run evproject run r.sql --store "$other" ./types.ndjson
check_status 0 "and with @reads it may be read"

# a role that may not create, a database that takes no writes, one that is full of sessions
super 'CREATE ROLE poor LOGIN' >/dev/null 2>&1
database rights
super 'REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT CREATE ON SCHEMA public TO app' "$_super_url" # before 15 all may
run evproject run p.sql --store "${rights/app@/poor@}" ./in.ndjson
check_status 4 "a role without CREATE is exit 4"
check_grep "and the server's reason" 'permission denied for schema public' "$err"
sql "$rights" 'CREATE SCHEMA locked'
for way in run status; do
	file=$([ $way = status ] || echo p.sql) source=$([ $way = status ] || echo ./in.ndjson)
	run evproject $way $file --store "${rights/app@/poor@}" --schema locked $source
	check_status 4 "$way: a schema that the role may not use is exit 4"
	check_grep "  by its name" 'permission denied for schema locked$' "$err"
	check_grep "  with what is wanting" '^hint: .*USAGE' "$err"
done
super "ALTER ROLE app IN DATABASE $(basename "$rights") SET default_transaction_read_only = on"
run evproject run p.sql --store "$rights" ./in.ndjson
check_status 4 "a database that takes no writes is exit 4"
check_grep "with the reason" 'read-only transaction' "$err"
super "ALTER ROLE app IN DATABASE $(basename "$rights") RESET ALL; ALTER ROLE app IN DATABASE $(basename "$rights") SET statement_timeout = 1"
run evproject run p.sql --store "$rights" --store-timeout 1s ./in.ndjson
check_status 4 "a statement_timeout that is too short is exit 4"
check_grep "with the reason" 'statement timeout' "$err"
super "ALTER ROLE app IN DATABASE $(basename "$rights") RESET ALL; ALTER DATABASE $(basename "$rights") CONNECTION LIMIT 0"
run evproject run p.sql --store "$rights" --store-timeout 1s ./in.ndjson
check_status 4 "too many connections is exit 4"
check_grep "with the reason" 'too many connections' "$err"
super "ALTER DATABASE $(basename "$rights") CONNECTION LIMIT -1"
project "$rights" ./in.ndjson
check_status 0 "and then it works"

# which server these tests prove
PG_BIN=/nowhere run "$postgres" start "$T/nowhere"
check_status 1 "a PG_BIN without a server starts no other one"
check_grep "and says so" 'PG_BIN=/nowhere' "$err"
if [ -n "${PG_BIN:-}" ]; then
	check "the server is that of PG_BIN" test "$("$PG_BIN/postgres" -V | grep -oE '[0-9]+' | head -n 1)" = \
		$(($(super 'SHOW server_version_num') / 10000))
fi

# nothing of a session leaks: settings and the path are those of the transaction alone
check "no setting is left in the database or role" test -z "$(super "SELECT setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = '$(basename "$rights")'")"

done_testing
