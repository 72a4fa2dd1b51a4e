# tests/version.sh - the heart of the product on a PostgreSQL of another version; sourced by the tests of one.
#
#   VERSION=12             # as scripts/fetch-postgres has it
#   . "$(dirname "$0")/version.sh"
#
# What asks the catalogue, or lives by the server's words, and so may be otherwise from version to version: everything
# else is proved on the version that is installed.
. "$(dirname "$0")/lib.sh"
PG_BIN=$("$TOP/scripts/fetch-postgres" "$VERSION" 2>fetch.err) || {
	fail "there is a PostgreSQL $VERSION"; show <fetch.err; done_testing; exit 1
}
export PG_BIN EV_STORE=postgresql
unset EV_TEST_POSTGRES
. "$TOP/tests/evproject.sh"
superuser=$_super_url
from() { [ "$VERSION" -ge "$1" ]; } # from 15: is it that one, or a later one?
check "the server is of version $VERSION" test $(($(super 'SHOW server_version_num') / 10000)) = "$VERSION"

cat >shop.sql <<'SQL'
-- @projection shop version 1
-- @topics t
-- @envelope type=$.type time=$.at
-- @schema postgresql
CREATE TABLE orders (id uuid PRIMARY KEY, customer varchar(8) NOT NULL, total numeric(12,2) NOT NULL, at timestamptz,
	day date, doc jsonb, tags text[], nums bigint[], paid boolean, raw bytea, f double precision,
	CONSTRAINT positive CHECK (total >= 0));
CREATE INDEX orders_customer ON orders (customer, at);
CREATE VIEW customers AS SELECT customer, count(*) AS orders, sum(total) AS total FROM orders GROUP BY customer;
-- @on placed
INSERT INTO orders (id, customer, total, at, day, doc, tags, nums, paid, raw, f) VALUES ($.id!, $.customer, $.total!,
	:time, $.day, $.doc, $.tags, $.nums, $.paid, :key, $.f)
ON CONFLICT (id) DO UPDATE SET total = orders.total + excluded.total, paid = excluded.paid;
-- @on dropped
DELETE FROM orders WHERE id = $.id;
-- @check none is free
SELECT id, total FROM orders WHERE total = 0;
-- @sample customers
SELECT customer, orders, total FROM customers ORDER BY customer;
SQL
event() { # TYPE ID FIELDS
	printf '{"topic":"t","partition":0,"offset":%d,"timestamp":%d,"key":"k%d","headers":[],"value":%s}\n' $off \
		$((1763200000000 + off)) $off "{\"type\":\"$1\",\"at\":\"2026-11-20T12:00:00.5+02:00\",\"id\":\"$(id $2)\"$3}"
	off=$((off + 1))
}
id() { printf '00000000-0000-4000-8000-%012d' "$1"; }
{
	event placed 50 ',"customer":"zoë","total":1234567890.10,"day":"2026-02-28","doc":{"a":[1,null]},"tags":["x","a\"b\\c",null],"nums":[1,9223372036854775807],"paid":true,"f":0.1'
	for i in {1..90}; do event placed $((i % 23)) ',"customer":"c'$((i % 5))'","total":'$i.25; done
	event dropped 7 ''
} >log.ndjson
{
	cat log.ndjson
	event placed 30 ',"customer":"much too long","total":1'
	event placed 31 ',"customer":"free","total":-1'
	event placed 32 ',"customer":"day","total":1,"day":"2026-02-30"'
} >poison.ndjson

run evproject check shop.sql --store "$(store s.db)"
check_status 0 "a file is checked by the server"
sed 's/ON CONFLICT (id)/ON CONFLICT (customer)/' shop.sql >wrong.sql
run evproject check wrong.sql --store "$(store s.db)"
check_status 2 "what it refuses is told"
check_grep "at its place" 'wrong.sql:11:1: there is no unique or exclusion constraint' "$err"
check "and nothing is left of that" untouched s.db
for way in "" --exact-statements; do
	forget s.db
	run evproject run shop.sql --store "$(store s.db)" --on-error dead $way ./poison.ndjson
	check_status 0 "a run ${way:-by memory}"
	check "values are bound to their columns' types" test "$(sql s.db "SELECT customer, total, at AT TIME ZONE 'UTC', day, doc,
		tags, nums, paid, raw, f FROM orders WHERE customer = 'zoë'")" = \
		'zoë|1234567890.10|2026-11-20 10:00:00.5|2026-02-28|{"a": [1, null]}|{x,"a\"b\\c",NULL}|{1,9223372036854775807}|t|\x6b30|0.1'
	check "rows are as many as there must be" test "$(sql s.db 'SELECT count(*), sum(total) FROM orders')" = '23|1234571840.60'
	check "what does not fit is a dead letter, with its reason" diff - <(sql s.db 'SELECT record_offset, reason FROM ev_dead ORDER BY 1') <<-END
		92|shop.sql:11: \$.customer: value too long for type character varying(8) (column customer of orders): "much too long"
		93|shop.sql:11: new row for relation "orders" violates check constraint "positive": Failing row contains ($(id 31), free, -1.00, 2026-11-20 10:00:00.5+00, null, null, null, null, null, \\x6b3933, null).
		94|shop.sql:11: \$.day: date/time field value out of range: "2026-02-30" (column day of orders)
	END
done

# what stands in the store against what the log makes of it
database scratch
verify() { run evverify "$1" --store "$(store "$2")" --scratch "$scratch" "${@:3}"; }
verify shop.sql s.db ./poison.ndjson
check_status 0 "the view is what the log makes of it"
forget c.db
store c.db >/dev/null
evproject run shop.sql --store "$(store c.db)" --quiet ./log.ndjson
sql c.db "UPDATE orders SET total = total + 1 WHERE customer = 'zoë'; CREATE OR REPLACE VIEW customers AS
	SELECT customer, count(*) AS orders, sum(total) + 1 AS total FROM orders GROUP BY customer"
verify shop.sql c.db ./log.ndjson
check_status 1 "a row and a view that were changed are seen"
check_grep "the row" 'orders' "$out"
check_grep "and the view" 'customers' "$out"
run evproject drop shop --store "$(store c.db)" --yes
check_status 0 "a view is dropped"
check "with all that was its" test "$(sql c.db "SELECT count(*) FROM pg_class WHERE relname LIKE 'orders%' AND
	relnamespace = current_schema()::regnamespace")" = 0
run evproject history shop.sql --row "id=$(id 7)" --scratch "$scratch" ./log.ndjson --format json
check_status 0 "the history of a row"
check "is made of its events" test "$(wc -l <"$out")" = 5

# what people have put on the tables is on the new ones after the swap, and after the way back
super 'CREATE ROLE reader; CREATE ROLE boss; GRANT boss TO app' >/dev/null
sql s.db "CREATE VIEW big AS SELECT id, total FROM orders WHERE total > 100 WITH LOCAL CHECK OPTION;
CREATE VIEW counted AS SELECT count(*) AS c FROM big;
GRANT SELECT ON orders, big TO reader WITH GRANT OPTION; GRANT UPDATE (total) ON orders TO reader;
GRANT SELECT (day) ON orders TO PUBLIC;
COMMENT ON TABLE orders IS 'don''t touch'; COMMENT ON COLUMN orders.total IS 'gross'; COMMENT ON VIEW big IS 'big ones';
COMMENT ON INDEX orders_customer IS 'for the shop'; COMMENT ON CONSTRAINT positive ON orders IS 'nobody is paid';
ALTER TABLE orders SET (fillfactor = 70, toast.autovacuum_enabled = false);
CREATE INDEX theirs ON orders ((doc ->> 'a')) WHERE paid; ALTER INDEX theirs ALTER COLUMN 1 SET STATISTICS 500;
CREATE UNIQUE INDEX single ON orders (id, total); ALTER TABLE orders ALTER at SET NOT NULL, ALTER day SET DEFAULT now()"
! from 14 || sql s.db 'ALTER TABLE orders ALTER raw SET COMPRESSION pglz'
! from 15 || sql s.db 'CREATE VIEW careful WITH (security_invoker = true) AS SELECT id FROM orders'
! from 17 || sql s.db 'GRANT MAINTAIN ON orders TO reader'
! from 18 || sql s.db "COMMENT ON CONSTRAINT orders_customer_not_null ON orders IS 'somebody'"
hangs() {
	sql s.db "SELECT c.relname, c.relkind, relacl, reloptions, relowner::regrole, obj_description(c.oid, 'pg_class'),
		CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) WHEN c.relkind = 'i' THEN pg_get_indexdef(c.oid) END
		FROM pg_class c WHERE relnamespace = current_schema()::regnamespace AND relname NOT LIKE 'ev\\_%'
		AND relname <> 'single' ORDER BY 1"
	sql s.db "SELECT attname, attacl, col_description(attrelid, attnum) FROM pg_attribute
		WHERE attrelid = 'orders'::regclass AND attnum > 0 ORDER BY attnum"
	sql s.db "SELECT conname, pg_get_constraintdef(oid), obj_description(oid, 'pg_constraint') FROM pg_constraint
		WHERE conrelid = 'orders'::regclass AND conname <> 'orders_at_not_null' ORDER BY 1"
	sql s.db "SELECT attstattarget FROM pg_attribute WHERE attrelid = 'theirs'::regclass"
}
total() { sql s.db 'SELECT count(*), sum(total) FROM orders'; }
schemas() { sql s.db "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'ev%' ORDER BY 1" | tr '\n' ' '; }
sed 's/version 1/version 2/; s/orders.total + excluded.total/orders.total + 2 * excluded.total/' shop.sql >shop2.sql
rebuild() { run evproject rebuild shop2.sql --store "$(store s.db)" "$@"; }
hangs >hangs.old
old=$(total)
rebuild --dry-run ./poison.ndjson
check_status 0 "the plan of a rebuild"
while IFS= read -r line; do check_grep "says: $line" "$line" "$out"; done <<-END
	view ([a-z_]+\.)?big
	index theirs on orders, which is of an expression
	index single on orders is NOT carried over: it is UNIQUE
	NOT NULL of column at on orders is NOT carried over
	the default of column day on orders is NOT carried over
	$(! from 14 || echo 'the compression of column raw on orders is NOT carried over')
	$(! from 15 || echo 'view ([a-z_]+\.)?careful')
END
check "and nothing stays of it" test -z "$(schemas)"
refused() { # SQL REGEX UNDO
	super "SET search_path = s_db; $1" "$superuser"
	rebuild --dry-run ./poison.ndjson
	check_status 2 "refused: $1"
	check_grep "  by name" "$2" "$err"
	super "SET search_path = s_db; $3" "$superuser"
}
refused 'CREATE MATERIALIZED VIEW mat AS SELECT * FROM orders' "materialized view '.*mat'" 'DROP MATERIALIZED VIEW mat'
refused 'CREATE TABLE child (id uuid REFERENCES orders)' "foreign key of table '.*child'" 'DROP TABLE child'
refused 'CREATE PUBLICATION pub FOR TABLE orders' "publication 'pub'" 'DROP PUBLICATION pub'
refused 'CREATE PUBLICATION pub FOR ALL TABLES' "publication 'pub' takes in 'orders'" 'DROP PUBLICATION pub'
! from 15 || refused 'CREATE PUBLICATION pub FOR TABLES IN SCHEMA s_db' "publication 'pub' takes in 'orders'" 'DROP PUBLICATION pub'
refused 'CREATE POLICY pol ON orders USING (true)' "policy 'pol'" 'DROP POLICY pol ON orders'
refused 'CREATE STATISTICS st ON day, paid FROM orders' "statistics 'st'" 'DROP STATISTICS st'
! from 14 || refused 'CREATE STATISTICS st ON (total + 1) FROM orders' "statistics 'st'" 'DROP STATISTICS st'
refused "CREATE FUNCTION over(orders) RETURNS int LANGUAGE sql AS 'SELECT 1'" 'over\(.*orders\) uses the row type' 'DROP FUNCTION over'
! from 14 || refused 'CREATE FUNCTION n() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM s_db.orders; END' \
	"function .*n\(\) depends on 'orders'" 'DROP FUNCTION n'
refused 'CREATE TABLE heir () INHERITS (orders)' "table '.*heir' inherits" 'DROP TABLE heir'
refused 'CREATE RULE ru AS ON DELETE TO orders DO ALSO NOTHING' "rule 'ru'" 'DROP RULE ru ON orders'
refused 'ALTER TABLE orders REPLICA IDENTITY FULL' "replica identity 'FULL'" 'ALTER TABLE orders REPLICA IDENTITY DEFAULT'
refused 'CREATE VIEW of_another AS SELECT id FROM orders' "view '.*of_another' .*role 'postgres'" 'DROP VIEW of_another'
! from 16 || refused 'GRANT CREATE ON SCHEMA s_db TO boss; REVOKE boss FROM app; GRANT boss TO app WITH SET FALSE; ALTER TABLE orders OWNER TO boss' \
	"role 'boss' owns table 'orders', and this role is a member that may not SET ROLE" \
	'ALTER TABLE orders OWNER TO app; REVOKE boss FROM app; GRANT boss TO app'

rebuild --no-swap ./poison.ndjson
check_status 0 "all but the swap"
check "the old version serves" test "$(total)" = "$old"
check "the new one is beside it" test "$(schemas)" = 'ev_shadow_s_db_shop '
rebuild --yes ./poison.ndjson
check_status 0 "the swap"
check "the new version serves" test "$(total)" != "$old"
new=$(total)
hangs >hangs.new
check "with all that hung on the old one" diff hangs.old hangs.new
check "views of others show the new rows" test "$(sql s.db 'SELECT c FROM counted')" = "$(sql s.db 'SELECT count(*) FROM orders WHERE total > 100')"
check "its dead letters are there" test "$(sql s.db "SELECT count(*) FROM ev_dead WHERE reason LIKE 'shop2.sql:11:%'")" = 3
check "the old one is kept" test "$(schemas)" = 'ev_kept_s_db_shop '
verify shop2.sql s.db ./poison.ndjson
check_status 0 "the log makes the same of it"
run evproject rollback shop.sql --store "$(store s.db)"
check_status 0 "rollback"
check "the old version serves" test "$(total)" = "$old"
hangs >hangs.back
check "with all that hung on it" diff hangs.old hangs.back
run evproject rollback shop.sql --store "$(store s.db)"
check_status 0 "and back"
check "to the new one" test "$(total)" = "$new"
event placed 40 ',"customer":"late","total":1' >>poison.ndjson
run evproject run shop2.sql --store "$(store s.db)" --on-error dead ./poison.ndjson
check_status 0 "which goes on"
run evproject dead drop shop2.sql --store "$(store s.db)" t/0@94 --yes
check_status 0 "a dead letter is dropped"
rebuild --forget
check_status 0 "the old one is forgotten"
check "and nothing is left of it" test -z "$(schemas)"
rebuild --again --no-swap ./poison.ndjson
rebuild --abandon
check_status 0 "a rebuild that is given up"
check "leaves nothing" test -z "$(schemas)"
if from 17; then
	super "ALTER ROLE app IN DATABASE $(basename "$superuser") SET transaction_timeout = 300"
	db=$superuser
	for way in 'SELECT 1 FROM s_db.ev_projection FOR UPDATE' 'LOCK TABLE s_db.ev_projection'; do
		session other
		say other "BEGIN; $way"
		run evproject run shop2.sql --store "$(store s.db)" ./poison.ndjson
		check_status 4 "a transaction that takes longer than the role's transaction_timeout: $way"
		check_grep "  is no lost connection" 'transaction_timeout for this role: raise it' "$err"
		bye other
	done
	super "ALTER ROLE app IN DATABASE $(basename "$superuser") RESET ALL; ALTER DATABASE $(basename "$superuser") SET transaction_timeout = '5min'"
	{ sed 's/version 2/version 3/' shop2.sql; echo "-- @check the server waits"
		echo "SELECT setting FROM pg_settings WHERE name = 'transaction_timeout' AND setting <> '0';"; } >bounded.sql
	run evproject rebuild bounded.sql --store "$(store s.db)" --yes ./poison.ndjson
	check_status 0 "a rebuild, whose transactions are long, has no such bound"
	verify bounded.sql s.db ./poison.ndjson
	check_status 0 "nor has the snapshot of evverify"
	run evproject rebuild bounded.sql --store "$(store s.db)" --forget
	super "ALTER DATABASE $(basename "$superuser") RESET ALL"
fi

# by the words of the file alone, without a scratch database
sed 's/k text PRIMARY KEY/k text COLLATE "C" PRIMARY KEY/' p.sql >collated.sql
! from 18 || sed -i 's/at integer/at integer CHECK (at < 100) NO INHERIT NOT ENFORCED/' collated.sql
for i in {0..40}; do rec add "k$((i % 7))" 1 $i; done >acc.ndjson
evproject run collated.sql --store "$(store acc.db)" --quiet ./acc.ndjson
run evproject check collated.sql --store "$(store none.db)"
check_grep "text by its bytes folds in memory" 'speed .*folded in memory' "$out"
run evverify collated.sql --store "$(store acc.db)" ./acc.ndjson
check_status 0 "a view that is as the file says"
sql acc.db 'ALTER TABLE acc ALTER k TYPE text COLLATE "POSIX"'
run evverify collated.sql --store "$(store acc.db)" ./acc.ndjson
check_status 1 "one that is not"
check_grep "and in what" 'column k has another collation' "$out"

# tables of another program
sql t.db "CREATE TABLE orders AS SELECT * FROM s_db.orders" 2>/dev/null
run evproject rebuild shop.sql --store "$(store t.db)" --yes --adopt ./log.ndjson
check_status 0 "tables of another program are taken with --adopt"
run evproject rollback shop.sql --store "$(store t.db)"
check_status 0 "and given back"
done_testing
