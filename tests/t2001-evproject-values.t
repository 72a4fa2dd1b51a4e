# evproject run: what values become in columns, windows, dedupe, headers, keys, filters
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/store.sh"

head_of() { printf -- '-- @projection v version 1\n-- @topics t\n-- @envelope type=$.type id=$.id time=$.time\n%s\n' "$1"; }
line() { # line OFFSET VALUE [KEY] [HEADERS] [TIMESTAMP]: a record line; KEY and HEADERS as JSON
	printf '{"topic":"t","partition":0,"offset":%s,"timestamp":%s,"key":%s,"headers":%s,"value":%s}\n' \
		"$1" "${5:-1763200000000}" "${3:-null}" "${4:-[]}" "$2"
}
apply() { forget v.db; run evproject run v.sql --store "$(store v.db)" "$@" ./v.ndjson; }
ledger() { evproject status --store "$(store v.db)" --format json | jq -e "$1"; }
rows() { sql v.db "SELECT * FROM v ORDER BY 1, 2"; }
T0='"type":"a","time":"2026-11-20T10:00:00Z"'

{ head_of '-- @schema sqlite
CREATE TABLE v (id integer PRIMARY KEY, t text, i integer, r real, s integer, b, k, h text, tm text, x text);
-- @schema postgresql
CREATE TABLE v (id integer PRIMARY KEY, t text, i bigint, r double precision, s bigint, b boolean, k bytea, h text,
	tm text, x text);
-- @on a
INSERT INTO v VALUES (:offset, $.t, $.i, $.r, :scaled($.s, 2), $.b, :key, :header('"'trace'"'), :time, $.x);'; } >v.sql
value() { # value TEXT MEMBERS EXPRESSION WANT: an event with MEMBERS gives EXPRESSION
	line 0 "{$T0,$2}" >v.ndjson
	apply
	check "$1" test "$status $(sql v.db "SELECT $3 FROM v")" = "0 $4"
}
poison() { # poison TEXT MEMBERS REGEX
	line 0 "{$T0,$2}" >v.ndjson
	apply
	check_status 5 "$1 is poison"
	check_grep "$1: says why" "t/0@0: v\.sql:[0-9]+(:[0-9]+)?: .*$3" "$err"
	check "$1: leaves no row" test -z "$(rows)"
}
value "the greatest integer" '"i":9223372036854775807' i 9223372036854775807
value "the least integer" '"i":-9223372036854775808' i -9223372036854775808
value "an integral number however it is spelled" '"i":1.5e3' "i || $(on sqlite 'typeof(i)' postgresql "'integer'")" 1500integer
value "an exact decimal by :scaled" '"s":1234567890123.45' s 123456789012345
value "and a small one" '"s":0.1' s 10
value "and a negative one" '"s":-0.07' s -7
value "and one from text" '"s":"12.50"' s 1250
value "missing is NULL" '"t":"x"' "coalesce(i, -1) + coalesce(s, -2)" -3
value "null is NULL" '"i":null' "coalesce(i, -1)" -1
value "true is one, as the store has it" '"b":true' b "$(on sqlite 1 postgresql t)"
value "false likewise" '"b":false' b "$(on sqlite 0 postgresql f)"
value "objects are JSON text" '"x":{"a":[1, 2]}' x '{"a":[1, 2]}'
value "escapes are undone" '"t":"\u00e9\n\"\ud83d\ude00"' t "$(printf 'é\n"😀')"
value "a fraction that a double does not hold exactly" '"r":0.1' "r = 0.1" "$(on sqlite 1 postgresql t)"
poison "a fraction that would be rounded away" '"i":1.00000000000000000001' \
	"1\.00000000000000000001 $(on sqlite 'would be rounded to the whole number 1$' postgresql 'does not fit bigint')"
poison "a fraction that would become 0" '"r":1e-400' "1e-400\"? $(on sqlite 'would be rounded to the whole number 0$' postgresql 'is out of range for type double')"
value "a fraction" '"r":0.25' r 0.25
value "a decimal in a text column is as it was sent" '"t":1234567890123456.78901234567890' t 1234567890123456.78901234567890
value "in its spelling" '"t":-1.50E-7' t -1.50E-7
value "and an integer past 64 bits" '"t":123456789012345678901' t 123456789012345678901
value "the time in UTC, to milliseconds" '"t":"x"' tm 2026-11-20T10:00:00.000Z
value "SQL in a value is text" "\"t\":\"'); DROP TABLE v; --\"" t "'); DROP TABLE v; --"
value "the last of doubled names wins" '"t":"x","t":"y"' t y
poison "an integer past 64 bits" '"i":9223372036854775808' "$(on sqlite '64 bits' postgresql 'does not fit bigint')"
poison "text in an integer column" '"i":"12x"' "$(on sqlite 'v\.i is INTEGER' postgresql '\$\.i: .* type bigint: "12x"')"
poison "a fraction in an integer column" '"i":1.5' "$(on sqlite 'v\.i is INTEGER' postgresql '\$\.i: the number 1.5 does not fit bigint')"
poison "a decimal that is not exact in cents" '"s":1.005' 'more than 2 decimal places'
T0='"type":"a"' poison "no time" '"t":"x"' 'time'
T0='"type":"a","time":"soon"' poison "a time that is none" '"t":"x"' 'time'
for t in '1763200000' '1763200000000' '"2025-11-15T10:46:40+01:00"'; do
	T0="\"type\":\"a\",\"time\":$t" value "the time $t" '"t":"x"' tm 2025-11-15T09:46:40.000Z
done
key() { # key TEXT LINE EXPRESSION WANT
	echo "$2" >v.ndjson
	apply
	check "$1" test "$status $(sql v.db "SELECT $3 FROM v")" = "0 $4"
}
key "a key is text" "$(line 0 "{$T0}" '"k1"')" "$(on sqlite 'k || typeof(k)' postgresql "convert_from(k, 'UTF8')")" "$(on sqlite k1text postgresql k1)"
key "no key is NULL" "$(line 0 "{$T0}")" 'k IS NULL' "$(on sqlite 1 postgresql t)"
key "a key that is not UTF-8 is bytes" \
	"$(line 0 "{$T0}" | sed 's/"key":null/"key_base64":"gP8="/')" "$(on sqlite 'hex(k) || typeof(k)' postgresql "upper(encode(k, 'hex'))")" "$(on sqlite 80FFblob postgresql 80FF)"
key "a header" "$(line 0 "{$T0}" null '[["trace","t1"],["other","x"]]')" h t1
key "a header that is not there is NULL" "$(line 0 "{$T0}" null '[["other","x"]]')" 'h IS NULL' "$(on sqlite 1 postgresql t)"
for members in '"a"' '[]' '1' '{"type":1}' '{}'; do
	line 0 "$members" >v.ndjson
	apply
	check_status 5 "the value $members is poison"
done

# filter: what it refuses is no poison; tombstones without a handler are ignored
{ head_of "-- @filter \$.kind = 'good' and \$.n >= 10" && sed 1,3d v.sql; } >f.sql && mv f.sql v.sql
{ line 0 "{$T0,\"kind\":\"good\",\"n\":10}"; line 1 "{$T0,\"kind\":\"good\",\"n\":9}"
	line 2 "{\"n\":10}"; line 3 null '"k"'; } >v.ndjson
apply
check "a filter" test "$status $(sql v.db "SELECT id FROM v")" = "0 0"
check "what it refuses is counted" test "$(evproject status --store "$(store v.db)" --format json |
	jq -c '[.balanced, .partitions[0].applied, .partitions[0].filtered + .partitions[0].ignored]')" = '[true,1,3]'

# :time without a mapping is the timestamp, which may be anything that a producer took for a time
printf -- '-- @projection v version 1\n-- @topics t\n-- @envelope type=$.type\n-- @schema
CREATE TABLE v (a text PRIMARY KEY, b text);\n-- @on a\nINSERT INTO v VALUES (:key, :time);
-- @on tombstone\nINSERT INTO v VALUES (:key, :time);\n' >v.sql
for value in '{"type":"a"}' null; do
	line 0 "$value" '"k"' '[]' 253402300799999 >v.ndjson
	apply
	check "the last time there is, value $value" test "$status $(rows)" = "0 k|9999-12-31T23:59:59.999Z"
	for ms in 253402300800000 -62135596800001 1763200000000000; do
		line 0 "$value" '"k"' '[]' $ms >v.ndjson
		apply
		check_status 5 "a timestamp of $ms ms has no :time, value $value"
		check_grep "and says so" 'outside the years 0001-9999' "$err"
	done
done

# each, $item and required paths
head_of '-- @schema
CREATE TABLE v (a text, b integer, PRIMARY KEY (a, b));
-- @on a each $.items
INSERT INTO v VALUES ($item.a!, $item.b);' >v.sql
line 0 "{$T0,\"items\":[{\"a\":\"x\",\"b\":1},{\"a\":\"y\",\"b\":2}]}" >v.ndjson
line 1 "{$T0,\"items\":[]}" >>v.ndjson
line 2 "{$T0}" >>v.ndjson
apply
check "each element is applied; none is none" test "$status $(rows)" = "0 x|1
y|2"
line 3 "{$T0,\"items\":[{\"a\":\"z\",\"b\":3},{\"b\":4}]}" >>v.ndjson
apply
check_status 5 "an element without a required path is poison"
check "and none of the event's statements stays" test "$(rows)" = "x|1
y|2"

# windows
head_of "-- @schema
CREATE TABLE v (a text PRIMARY KEY, b integer);
-- @on a
INSERT INTO v VALUES ('m' || :window('1 minute'), 1) ON CONFLICT (a) DO UPDATE SET b = v.b + 1;
-- @on a every '1 minute' over '3 minutes'
INSERT INTO v VALUES ('s' || :window, 1) ON CONFLICT (a) DO UPDATE SET b = v.b + 1;" >v.sql
n=0
for t in 10:02:59.999 10:03:00 10:02:10; do
	line $n "{\"type\":\"a\",\"time\":\"2026-11-20T${t}Z\"}"
	n=$((n + 1))
done >v.ndjson
apply
check "tumbling and sliding windows by event time, late ones too" test "$(rows | sed 's/2026-11-20T//; s/:00.000Z//')" = \
	"m10:02|2
m10:03|1
s10:00|2
s10:01|3
s10:02|3
s10:03|1"

# dedupe, by batches of any size
head_of "-- @dedupe id within '10 minutes'
-- @schema
CREATE TABLE v (a text PRIMARY KEY, b integer);
-- @on a
INSERT INTO v VALUES (:id, 1) ON CONFLICT (a) DO UPDATE SET b = v.b + 1;" >v.sql
n=0
for e in 1:0 2:1 1:5 1:10 3:20 1:21; do # ID:MINUTE of the record's timestamp
	line $n "{\"type\":\"a\",\"id\":\"${e%:*}\",\"time\":\"2026-11-20T10:00:00Z\"}" null '[]' \
		$((1763200000000 + ${e#*:} * 60000))
	n=$((n + 1))
done >v.ndjson
for b in 1 2 100; do
	apply --batch $b
	check "dedupe within 10 minutes of the first, batches of $b" test "$status $(rows | tr '\n' ' ')" = "0 1|2 2|1 3|1 "
	check "counted, batches of $b" test "$(sql v.db 'SELECT deduplicated FROM ev_ledger')" = 2
done
# ids that no index takes
long=$(printf 'x%.0s' {1..3000})
for id in "\"$long\"" '"a\u0000b"'; do
	line 0 "{\"type\":\"a\",\"id\":$id,\"time\":\"2026-11-20T10:00:00Z\"}" >v.ndjson
	apply
	check_status 5 "an id of ${#id} characters is poison under @dedupe"
	check_grep "which says why" "the event's id (has 3000 bytes|holds a NUL)" "$err"
done

# a message that quotes a text is cut within a letter: it is kept all the same
head_of '-- @schema
CREATE TABLE v (a bigint PRIMARY KEY, b text);
-- @on a
INSERT INTO v VALUES (:scaled($.s, 2), $.t);' >v.sql
line 0 "{$T0,\"s\":\"x$(printf 'é%.0s' {1..50})\"}" >v.ndjson
apply
check_status 5 "a decimal that is letters is poison"
check "and status tells the last error" ledger '.last_error | startswith("t/0@0")'

# SQLite makes 15 digits of a number in a text column, unless it is bound as its text
if on sqlite; then
	long=0.12345678901234567890
	{ head_of '-- @schema
CREATE TABLE v (id integer PRIMARY KEY, a varchar(80), "b c" TEXT, n numeric, x);
-- @on a
INSERT INTO v AS w (n, "b c", id, A) VALUES ($.d, $.c, :offset, $.d), ($.e, $.c, 7, $.f || '"''"')
ON CONFLICT (id) DO UPDATE SET "b c" = $.g, n = $.h, a = excluded.a;
UPDATE OR ABORT v SET a = ($.i), "b c" = $.j WHERE id = 9 AND n < $.k;
UPDATE v SET x = 1, "b c" = $.l WHERE n > $.m;'; } >v.sql
	line 0 "{$T0,\"c\":$long,\"d\":$long,\"e\":$long,\"f\":$long,\"m\":5}" >v.ndjson
	apply
	check_status 0 "decimals straight into columns, and in expressions"
	check "straight into a text column all digits stay" test "$(sql v.db 'SELECT "b c" FROM v WHERE id = 0')" = $long
	check "in another column or an expression it is a number" test "$(sql v.db 'SELECT a, n FROM v ORDER BY id')" = \
		"$long|0.123456789012346
0.123456789012346|0.123456789012346"
	line 1 "{$T0,\"c\":$long,\"d\":5.5,\"e\":1.5,\"f\":2.5,\"g\":3.$long,\"h\":5.5,\"l\":9.12345678901234567890,\"m\":5.25}" |
		sed 's/3\.0\./3./' >>v.ndjson
	apply
	check "so does it in an upsert and an update; what is compared stays a number" test \
		"$(sql v.db 'SELECT id, "b c", typeof(n) FROM v ORDER BY id')" = "0|$long|real
1|9.12345678901234567890|real
7|9.12345678901234567890|real"
fi
done_testing
