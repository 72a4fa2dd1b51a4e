# evverify on PostgreSQL without a scratch database: what was done to the tables themselves is seen by the file's words.
export EV_STORE=postgresql
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/evverify.sh"
cat >p.sql <<'SQL'
-- @projection decl version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE IF NOT EXISTS acc (PRIMARY KEY (k, part), CHECK (n >= 0), CONSTRAINT c CHECK (i <> 7 AND n < 1000000),
	k text, part int4 DEFAULT 0, n bigint NOT NULL DEFAULT (1 + 1), d numeric(10, 2) DEFAULT NULL,
	c character varying(40) DEFAULT 'it''s', ok boolean DEFAULT false, i int DEFAULT -1,
	w timestamp with time zone, f double precision);
CREATE TABLE few (m bigint PRIMARY KEY);
-- @on del
DELETE FROM acc WHERE k = $.k AND part = :partition;
-- @on add
INSERT INTO acc (k, part, n, w) VALUES ($.k, :partition, $.n, :time)
ON CONFLICT (k, part) DO UPDATE SET n = acc.n + excluded.n;
SQL
for i in {1..20}; do
	printf '{"topic":"t","partition":0,"offset":%d,"timestamp":%d,"key":"k","headers":[],"value":%s}\n' \
		"$i" $((1763200000000 + i)) "{\"type\":\"add\",\"k\":\"k$((i % 5))\",\"n\":$i}"
done >log.ndjson
echo '{"topic":"t","partition":0,"offset":21,"timestamp":1763200000021,"key":"k","headers":[],"value":{"type":"del","k":"nobody"}}' >>log.ndjson
project s.db ./log.ndjson
check_status 0 "there is a view"
check "which folds in memory" test -z "$(evproject check p.sql --store "$(store s.db)" 2>/dev/null | grep 'as given')"
memory() { run evverify p.sql --store "$(store "$1")" ./log.ndjson "${@:2}"; }
memory s.db
check_status 0 "tables that are as the file says are"
check_no_grep "and nothing is said of them" 'column|CHECK' "$out"
seen() {
	memory c.db
	check_status 1 "seen: $1"
	check_grep "and said" "$2" "$out"
}
same_but "UPDATE ev_ledger SET untouched = untouched + 1"
seen "another number of records that touched no row" "applied without touching a row: the ledger says 2, the log says 1"
same_but "ALTER TABLE acc DROP COLUMN d; DELETE FROM ev_table WHERE table_name = 'few'; INSERT INTO few VALUES (7)"
seen "a column is gone" "column d is not in the store"
check_grep "and a table that the ledger has forgotten" "few: the ledger does not say" "$out"
same_but "ALTER TABLE acc DROP COLUMN d; ALTER TABLE acc ADD COLUMN d numeric(10, 2) DEFAULT 7"
seen "a default that all rows have" "column d has another default"
same_but "ALTER TABLE acc ALTER d TYPE numeric(12, 4), ALTER c TYPE varchar(41), ALTER n TYPE integer,
	ALTER n DROP NOT NULL, ALTER i SET DEFAULT 1, ALTER ok SET NOT NULL, ADD COLUMN more text, DROP CONSTRAINT c;
	DROP TABLE few; DELETE FROM ev_table WHERE table_name = 'few';
	CREATE TABLE foo (a int PRIMARY KEY); INSERT INTO ev_table VALUES ('foo', 'decl')"
seen "much was done to the tables" "column d has another type"
while IFS= read -r says; do check_grep "seen: $says" "$says" "$out"; done <<'END'
column c has another type
column n has another type
column n may be NULL
column i has another default
column ok may not be NULL
column more is not of the projection
acc: it has 1 CHECKs in the store, 2 in the file
few: the store has no such table
foo: the ledger owns it
END
same_but "ALTER TABLE acc DROP CONSTRAINT c; ALTER TABLE acc ADD CONSTRAINT c CHECK (i <> 8 AND n < 1000000)"
seen "another CHECK" 'acc: CHECK .i <> 7 AND n < 1000000. is another in the store'
memory c.db --scratch "$_stores"
check_status 0 "where rows are made by the file's"
same_but "ALTER TABLE acc ALTER i SET DEFAULT 1"
memory c.db --counts
check_status 1 "--counts folds too, and says that the tables are others"
check_grep "and which" "column i has another default" "$out"
memory s.db --counts
check_status 0 "and nothing where they are not"
same_but "ALTER TABLE acc ALTER k TYPE text COLLATE \"POSIX\""
seen "another collation of a key" "column k has another collation"
same_but "ALTER TABLE acc DROP CONSTRAINT c; ALTER TABLE acc ADD CONSTRAINT c CHECK (i <> 7 AND n < 1000000) NOT VALID"
seen "a CHECK that is not valid" "CHECK .i <> 7 AND n < 1000000. is NOT VALID"
same_but "ALTER TABLE acc DROP CONSTRAINT c; ALTER TABLE acc ADD CONSTRAINT c CHECK (i <> 7 AND n < 1000000) NO INHERIT"
seen "one that is NO INHERIT" "CHECK .i <> 7 AND n < 1000000. is NO INHERIT"
same_but "REVOKE SELECT ON acc FROM app"
verify c.db --format json ./log.ndjson
check_status 4 "a table that we may not read"
check "is why there is nothing of rows" says '.modes[] | select(.mode == "rows").reason | test("permission denied")'
check "the counts are proven all the same" says '.modes[] | select(.mode == "counts") | .result == "consistent" and .checked > 0'
same_but "CREATE TABLE $(_schema c.db).heir () INHERITS (acc)"
memory c.db
check_status 2 "a table that is part of another"
sql c.db "DROP TABLE heir"
memory c.db
check_status 0 "and is none any more"
same_but "CREATE SEQUENCE $(_schema c.db).sq; ALTER TABLE acc ALTER n SET DEFAULT nextval('$(_schema c.db).sq'),
	ALTER w SET DEFAULT to_timestamp(1 / (random() * 0)), ALTER ok SET DEFAULT true"
seen "defaults that cannot be computed in a read" "column n has a default in the store that cannot be computed"
check_grep "and another" "column w has a default in the store that cannot be computed" "$out"
check_grep "the rest is compared after them" "column ok has another default" "$out"
check_grep "so are the rows" "acc: store rows 5 = " "$out"
check_grep "and the counts are" "^counts    consistent" "$out"
same_but "CREATE COLLATION $(_schema c.db).mine (provider = icu, locale = 'de');
	ALTER TABLE acc ALTER c TYPE varchar(40) COLLATE $(_schema c.db).mine"
memory c.db --format json
check "with a finding for the column alone" jq -e '[.modes[].findings[]?] | length == 1' "$out"

# what the server makes of the words is not what they were
cat >p.sql <<'SQL'
-- @projection decl version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE acc (k text PRIMARY KEY, n bigint DEFAULT (0) NOT NULL CHECK (n > -5 AND n < 10000000000),
	ok boolean DEFAULT (NOT true) NOT NULL, i int DEFAULT -1 CHECK (i > -5), "odd" int,
	e text DEFAULT CASE WHEN true THEN NULL ELSE 'x' END CHECK (e IN ('a', 'b') OR e LIKE 'c%'),
	v varchar(9) CHECK (v IN ('a', 'b')), d numeric(9, 2) CHECK (NOT d = 1.50),
	CHECK (i BETWEEN -5 AND 5 OR acc.n != 3), CHECK ("odd" IS NULL OR "odd" > 1 AND i <> 1),
	CHECK ((i > 100 OR n >= 0) AND coalesce(e, '') <> 'q'));
-- @on add
INSERT INTO acc (k, n) VALUES ($.k, $.n) ON CONFLICT (k) DO UPDATE SET n = acc.n + excluded.n;
SQL
forget s.db
project s.db ./log.ndjson
memory s.db
check_status 0 "defaults and CHECKs of all kinds are as the file says"
check_no_grep "and nothing is said of them either" 'column|CHECK' "$out"
same_but "ALTER TABLE acc DROP CONSTRAINT acc_i_check, ADD CHECK (i > -6)"
seen "a number in a CHECK" 'CHECK .i > -5. is another'
same_but "ALTER TABLE acc DROP CONSTRAINT acc_v_check, ADD CHECK (v IN ('a', 'B'))"
seen "a text in a CHECK" "CHECK .v IN .'a', 'b'.. is another"
for c in $(sql s.db "SELECT conname FROM pg_constraint WHERE conrelid = 'acc'::regclass AND
	pg_get_constraintdef(oid) LIKE '%> 100%'"); do
	same_but "ALTER TABLE acc DROP CONSTRAINT $c, ADD CHECK (i > 100 OR (n >= 0 AND coalesce(e, '') <> 'q'))"
	seen "brackets in a CHECK" "CHECK ..i > 100 OR n >= 0. AND .* is another"
done

# names of more than 63 bytes, collations and CHECKs of the file's own
long=$(printf 'a%.0s' {1..70})
cat >p.sql <<SQL
-- @projection decl version 1
-- @topics t
-- @envelope type=\$.type
-- @schema
CREATE TABLE acc (k text COLLATE "POSIX", n bigint, $long int DEFAULT 3 CHECK ($long > 1) NO INHERIT,
	"b$long" text COLLATE "C" DEFAULT 'x', CONSTRAINT "C$long" CHECK (n <> -7) NO INHERIT, PRIMARY KEY (k));
-- @on add
INSERT INTO acc (k, n) VALUES (\$.k, \$.n) ON CONFLICT (k) DO UPDATE SET n = acc.n + excluded.n;
SQL
forget s.db
project s.db ./log.ndjson
memory s.db
check_status 0 "names that the server cuts"
check_no_grep "are no differences" 'column|CHECK' "$out"
same_but "ALTER TABLE acc ALTER ${long:0:63} SET DEFAULT 4"
seen "what was done to such a column" "column ${long:0:63} has another default"
same_but "ALTER TABLE acc ALTER k TYPE text COLLATE \"C\""
seen "another collation than the file's" "column k has another collation"
sed -i "s/ $long int DEFAULT 3.*/ \"ä${long}\" int DEFAULT 3, b text,/; s/ \"b$long\"/ c/" p.sql
forget s.db
project s.db ./log.ndjson
memory s.db
check_status 2 "where the server cuts other letters is for a scratch store to tell"
memory s.db --scratch "$_stores"
check_status 0 "which does"

# what the tables are beside columns and CHECKs; exclude is a name here, and no constraint
cat >p.sql <<'SQL'
-- @projection decl version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE acc (k text, part int DEFAULT 0, n bigint DEFAULT 0, exclude int, i int DEFAULT 1, PRIMARY KEY (k, part));
-- @on add
INSERT INTO acc (k, part, n) VALUES ($.k, :partition, $.n)
ON CONFLICT (k, part) DO UPDATE SET n = acc.n + excluded.n;
SQL
forget s.db
project s.db ./log.ndjson
memory s.db
check_status 0 "a column may be called exclude"
same_but "ALTER TABLE acc DROP COLUMN exclude"
seen "that it is gone" "column exclude is not in the store"
same_but "ALTER TABLE acc DROP COLUMN exclude, ADD COLUMN exclude int"
seen "another order" "its columns are in another order in the store, from 'exclude' on"
same_but "ALTER TABLE acc DROP CONSTRAINT acc_pkey, ADD PRIMARY KEY (part, k)"
seen "another key" "column k has another place in the primary key"
same_but "ALTER TABLE acc ALTER i SET DEFAULT 2; UPDATE acc SET n = 0 WHERE k = 'k1'"
memory c.db --repair --yes --max-repair 100%
check_status 2 "no repair by tables that are not the file's"
check_grep "and why" "the store's tables are not those of the file" "$err"
check "nothing was written" test "$(sql c.db 'SELECT count(*) FROM acc WHERE i <> 1')" = 0
same_but "UPDATE acc SET n = 0 WHERE k = 'k1'"
memory c.db --repair --yes --max-repair 100%
check_status 0 "but by those of the file"
for more in "UNIQUE, PRIMARY KEY (k, part))" ", PRIMARY KEY (k, part), UNIQUE (k, u))" \
	", PRIMARY KEY (k, part)); CREATE UNIQUE INDEX uu ON acc (u)"; do
	sed -i "s/^CREATE TABLE acc.*/CREATE TABLE acc (k text, part int, n bigint, u int $more;/" p.sql
	forget s.db
	project s.db ./log.ndjson
	same_but "ALTER TABLE acc DROP CONSTRAINT IF EXISTS acc_u_key, DROP CONSTRAINT IF EXISTS acc_k_u_key"
	for u in $(sql c.db "SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'acc'::regclass
		AND indisunique AND NOT indisprimary"); do sql c.db "DROP INDEX $u"; done
	memory c.db
	check_status 2 "what was unique is for a scratch store to tell"
	check_grep "and it is said" "what table 'acc' is by the file, no fold" "$err"
done

# a time that has no form in digits is not NULL, and one before our era is none of it
cat >p.sql <<'SQL'
-- @projection times version 1
-- @topics t
-- @envelope type=$.type time=$.at
-- @schema
CREATE TABLE acc (k text PRIMARY KEY, w timestamptz, v timestamptz);
-- @on add
INSERT INTO acc (k, w) VALUES ($.k, :time);
SQL
printf '%s\n' '{"topic":"t","partition":0,"offset":0,"timestamp":1,"key":null,"headers":[],"value":{"type":"add","k":"a","at":"2025-03-15T00:00:00Z"}}' >log.ndjson
forget s.db
project s.db ./log.ndjson
memory s.db
check_status 0 "a time of our era"
same_but "UPDATE acc SET w = '2025-03-15 BC'"
memory c.db
check_status 1 "is not that before our era"
for v in infinity -infinity '12044-03-15' '0001-12-31 BC'; do
	same_but "UPDATE acc SET v = '$v'"
	memory c.db
	check_status 1 "$v is not NULL"
done

# rows that a policy hides are not as if they were not there
super 'CREATE ROLE poor LOGIN' >/dev/null 2>&1
super "GRANT CONNECT ON DATABASE $(basename "$_stores") TO poor" >/dev/null
sql s.db "GRANT USAGE ON SCHEMA $(_schema s.db) TO poor; GRANT SELECT ON ALL TABLES IN SCHEMA $(_schema s.db) TO poor"
reader() { run evverify p.sql --store "$(store s.db | sed 's|//[^@]*@|//poor@|')" ./log.ndjson --scratch "$_stores"; }
reader
check_status 0 "another role may check"
sql s.db "INSERT INTO acc (k) VALUES ('hidden'); ALTER TABLE acc ENABLE ROW LEVEL SECURITY;
	CREATE POLICY p ON acc USING (k <> 'hidden')"
reader
check_status 4 "but not what it does not see"
check_grep "and is told why" 'row-level security' "$err"
sed "s/acc/$(printf 't%.0s' {1..70})/g" p.sql >long.sql
sed -i 's/projection decl/projection long/' long.sql
run evproject run long.sql --store "$(store long.db)" --quiet ./log.ndjson
check_status 0 "a table whose name PostgreSQL cuts"
run evverify long.sql --store "$(store long.db)" ./log.ndjson
check_status 2 "wants a scratch database"
check_grep "and it is said why" 'does not fold in memory alone: .*cuts names after 63 bytes' "$err"
run evverify long.sql --store "$(store long.db)" --scratch "$_stores" ./log.ndjson
check_status 0 "with one it is consistent"

# who may read the view and nothing else
sql s.db "DROP POLICY p ON acc; ALTER TABLE acc DISABLE ROW LEVEL SECURITY; DELETE FROM acc WHERE k = 'hidden'"
reads() { run evverify p.sql --store "$(store s.db | sed 's|//[^@]*@|//poor@|')" ./log.ndjson; }
reads
check_status 0 "a role that may only read proves it, too"
sql s.db "REVOKE SELECT ON acc FROM poor"
reads
check_status 4 "one that may not read a table does not"
check_grep "why is said" "permission denied for table acc" "$err"

# what is wrong is said, and not that it is not there to be folded
sql none.db "SELECT 1" >/dev/null
memory none.db
check_status 2 "a schema without the view"
check_grep "is not the right one" "has no view 'times'" "$err"
sed -i 's/version 1/version 2/; s/, w)/, x)/; s/, w timestamptz/, x timestamptz/' p.sql
memory s.db
check_status 2 "a file with other columns than the view's"
check_grep "is not its file" "not the projection that the view was built with" "$err"
done_testing
