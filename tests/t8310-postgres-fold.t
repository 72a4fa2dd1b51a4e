#!/usr/bin/env bash
# Folded in memory or by statements: random programs leave the same tables, ledgers and dead letters in
# PostgreSQL too (the same test with SQLite is unit/fold_test).
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
database db
super 'ALTER SCHEMA public OWNER TO app' "$_super_url" # before 15 it is not the database's owner's
EV_FOLD_STORE=$db "$EV_BUILD/unit/fold_test" >fold.out
check "random programs" test $? = 0
grep '^#\|^not' fold.out | head -n 60
EV_FOLD_STORE=$db "$EV_BUILD/unit/fold_edge_test" >edge.out
check "what is easily got wrong, by name" test $? = 0
grep -A 3 '^not' edge.out | head -n 60

# and by the commands
"$TOP/scripts/generate" orders 5000 >orders.ndjson
database db
database exact
run evproject run "$TOP/projections/orders.sql" --store "$db" ./orders.ndjson
run evproject run "$TOP/projections/orders.sql" --store "$exact" --exact-statements ./orders.ndjson
check_status 0 "--exact-statements"
run evproject diff "$db" "$exact" "$TOP/projections/orders.sql"
check_status 0 "comes to the same rows"
for u in "$db" "$exact"; do sql "$u" "SELECT * FROM ev_ledger ORDER BY topic, partition" >"${u##*/}.txt"; done
check "and the same ledger" cmp "${db##*/}.txt" "${exact##*/}.txt"
for p in orders github sensors sessions; do
	run evproject check "$TOP/projections/$p.sql"
	check_no_grep "$p folds wholly" "goes by statements" "$out"
done
run evproject check "$TOP/projections/datasets.sql"
check_grep "check says what is not folded" "^ +table 'dataset_tags' goes by statements: that of line 49" "$out"
check_grep "and why" "'SELECT' is not folded there" "$out"
sed '/^CREATE TABLE sku_demand/s/qty integer NOT NULL/qty integer NOT NULL CHECK (qty % 5 < 5)/' "$TOP/projections/orders.sql" >odd.sql
run evproject check odd.sql
check_grep "and why" "table 'sku_demand' goes by statements: of its CHECK \(qty % 5 < 5\): '%' is not" "$out"
sed 's/ % 5 < 5/ BETWEEN 1 AND 1000000/' odd.sql >even.sql
run evproject check even.sql
check_no_grep "a CHECK that is understood is no reason" "table 'sku_demand'" "$out"

# what the fold must leave alone, against --exact-statements: the same tables and dead letters
differential() { # FILE EVENTS SENTENCE
	local u
	database db
	database exact
	run evproject run "$1" --store "$db" --on-error dead "$2"
	check_status 0 "$3"
	run evproject run "$1" --store "$exact" --on-error dead --exact-statements "$2"
	run evproject diff "$db" "$exact" "$1"
	check_status 0 "and comes to the same rows"
	for u in "$db" "$exact"; do sql "$u" "SELECT record_offset FROM ev_dead ORDER BY 1" >"${u##*/}.dead"; done
	check "and to the same dead letters" cmp "${db##*/}.dead" "${exact##*/}.dead"
}
event() { # OFFSET KEY VALUE
	printf '{"topic":"t","partition":0,"offset":%d,"timestamp":%d,"key":"%d","value":{"type":"e","k":"%s","v":%s}}\n' \
		"$1" $((1732190400000 + $1)) "$1" "$2" "$3"
}
head='-- @topics t
-- @envelope type=$.type
-- @schema'
for i in {0..99}; do event "$i" "k$((i % 7))" "$i"; done >plain.ndjson

cat >names.sql <<EOF
-- @projection names version 1
$head
CREATE TABLE "Mixed" (k text PRIMARY KEY, v integer);
CREATE TABLE twins (k text PRIMARY KEY, "Val" integer, val integer);
CREATE TABLE plain (k text PRIMARY KEY, v integer);
-- @on e
INSERT INTO "Mixed" (k, v) VALUES (\$.k, \$.v) ON CONFLICT (k) DO UPDATE SET v = "Mixed".v + excluded.v;
INSERT INTO twins (k, "Val") VALUES (\$.k, \$.v) ON CONFLICT (k) DO UPDATE SET "Val" = excluded."Val";
INSERT INTO plain (k, v) VALUES (\$.k, \$.v) ON CONFLICT (k) DO UPDATE SET v = plain.v + excluded.v;
EOF
differential names.sql ./plain.ndjson "names with capitals run"
check "and mean what they say" test "$(sql "$db" 'SELECT count("Val"), count(val) FROM twins')" = "7|0"

cat >types.sql <<EOF
-- @projection types version 1
$head postgresql
CREATE TABLE a (k text PRIMARY KEY, n integer, tags text[]);
CREATE TABLE b (k text PRIMARY KEY, at timestamptz, label text);
-- @on e
INSERT INTO a (k, n) VALUES (\$.k, \$.v) ON CONFLICT (k) DO UPDATE SET n = a.n + excluded.n;
INSERT INTO b (k, at) VALUES (\$.k, :time) ON CONFLICT (k) DO UPDATE SET at = excluded.at;
UPDATE b SET label = at WHERE k = \$.k;
EOF
differential types.sql ./plain.ndjson "an array, and a moment as text, run"

# a column that the primary key only includes is none of it, and a view of the file, a rule in PostgreSQL, acts on nothing
cat >beside.sql <<EOF
-- @projection beside version 1
$head postgresql
CREATE TABLE a (k text, v integer, PRIMARY KEY (k) INCLUDE (v));
CREATE VIEW of_a AS SELECT k FROM a;
-- @on e
INSERT INTO a (k, v) VALUES (\$.k, \$.v) ON CONFLICT DO NOTHING;
EOF
differential beside.sql ./plain.ndjson "a key that includes another column runs"
check "each key is a row" test "$(sql "$db" 'SELECT count(*), max(v) FROM a')" = '7|6'
run evproject check beside.sql --store "$db"
check_status 0 "check takes it"
check_no_grep "and it folds" "goes by statements" "$out"

# what another program has put into a column that no handler sets stays as it is
cat >doc.sql <<EOF
-- @projection doc version 1
$head postgresql
CREATE TABLE a (k text PRIMARY KEY, n integer, doc jsonb, more json, u uuid, x real);
-- @on e
INSERT INTO a (k, n) VALUES (\$.k, \$.v) ON CONFLICT (k) DO UPDATE SET n = a.n + excluded.n;
EOF
database db
run evproject run doc.sql --store "$db" --to 7 ./plain.ndjson
sql "$db" "UPDATE a SET doc = '{\"o\": [1, \"x\"]}', more = '{\"a\":1}', u = '00000000-0000-0000-0000-00000000000a', x = 0.1"
run evproject run doc.sql --store "$db" ./plain.ndjson
check_status 0 "rows that hold a document are written"
check "which stays one" test "$(sql "$db" "SELECT count(*), min(doc::text), min(more::text), min(u::text), min(x) FROM a
	WHERE jsonb_typeof(doc) = 'object'")" = '7|{"o": [1, "x"]}|{"a":1}|00000000-0000-0000-0000-00000000000a|0.1'

# of two faults of a record the first is its reason, though on PostgreSQL it comes to light behind the second
cat >two.sql <<EOF
-- @projection two version 1
$head
CREATE TABLE a (k text PRIMARY KEY, v integer NOT NULL);
CREATE TABLE b (k text PRIMARY KEY, v integer);
-- @on e
INSERT INTO a (k, v) VALUES (\$.k, \$.v) ON CONFLICT (k) DO NOTHING;
INSERT INTO b (k, v) VALUES (\$.k, \$.no!);
EOF
event 0 x null >two.ndjson
database db
for way in "" --exact-statements; do
	for dead in "" "--on-error dead"; do
		# shellcheck disable=SC2086
		run evproject run two.sql --store "$db" $way $dead ./two.ndjson
		cp "$err" reason.txt
		test -z "$dead" || sql "$db" "SELECT reason FROM ev_dead" >reason.txt
		check_grep "the first fault is the reason ($way $dead)" 'null value in column "v"' reason.txt
		test -z "$dead" || run evproject drop two --store "$db" --yes
	done
done

# the index refuses a text that the next event replaces: the letter must be there all the same
long=$(for i in {1..400}; do echo "$i" | md5sum | cut -c1-32; done | tr -d '\n')
{ event 0 x '"1"'; event 1 x "\"$long\""; event 2 x '"2"'; } >long.ndjson
cat >long.sql <<EOF
-- @projection long version 1
$head
CREATE TABLE a (k text PRIMARY KEY, v text);
CREATE INDEX a_v ON a (v);
-- @on e
INSERT INTO a (k, v) VALUES (\$.k, \$.v) ON CONFLICT (k) DO UPDATE SET v = excluded.v;
EOF
differential long.sql ./long.ndjson "a text too long for an index runs"
check "and is a dead letter" test "$(cat "${db##*/}.dead")" = 1
done_testing
