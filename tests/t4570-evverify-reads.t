# evverify and @reads: what depends on tables of others is not proven, and said; all other tables are looked at.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/evverify.sh"

cat >p.sql <<'SQL'
-- @projection mixed version 1
-- @topics t
-- @envelope type=$.type
-- @reads prices
-- @schema
CREATE TABLE own (k text PRIMARY KEY, n integer);
CREATE TABLE priced (k text PRIMARY KEY, cents integer);
CREATE TABLE twice (k text PRIMARY KEY, cents integer);
CREATE TABLE beside (k text PRIMARY KEY, n integer);
-- @on add
INSERT INTO own (k, n) VALUES ($.k, $.n) ON CONFLICT (k) DO UPDATE SET n = own.n + excluded.n;
-- @on price
INSERT INTO priced (k, cents) SELECT $.k, cents FROM prices WHERE sku = $.k;
-- @on copy
INSERT INTO twice (k, cents) SELECT k, cents * 2 FROM priced WHERE k = $.k;
-- @on pri*
INSERT INTO beside (k, n) VALUES ($.k, $.n) ON CONFLICT (k) DO NOTHING;
SQL
table="CREATE TABLE prices (sku text PRIMARY KEY, cents integer)"
prices() { sql "$1" "$table; INSERT INTO prices VALUES ('a', 5), ('b', 7)" >/dev/null; }
prices s.db
{ rec add a 1; rec add b 2; rec price a 3; rec price b 4; rec copy a 5; rec add a 6; } >log.ndjson
project s.db ./log.ndjson
check_status 0 "a view that reads a table of others"

verify s.db ./log.ndjson
check_status 5 "is not proven"
check_grep "the first of its tables is named, and what it depends on" "the rows of 'beside' depend on 'prices'" "$err"
for t in priced twice beside; do
	check_grep "$t is not checked, by way of another table or of the same event" "$t: not checked" "$out"
done
check_grep "what does not depend on it is" 'own: store rows 2 = matched 2' "$out"
check_no_grep "and on that alone coverage is told" 'priced: store rows' "$out"
verify s.db ./log.ndjson --counts --checks
check_status 0 "the counts are proven, though the log alone touches fewer rows"
same_but "UPDATE own SET n = 9 WHERE k = 'a'; UPDATE priced SET cents = 1"
verify c.db ./log.ndjson --format json
check_status 5 "with a row that is wrong it is not proven"
check "but the row is told" says '.modes[] | select(.mode == "rows") | .result == "not proven" and .kinds.changed == 1'

# what tables of others decide, the log alone decides otherwise: no difference, and not proven
cp p.sql reads.sql
sed -i 's/cents integer);/cents integer NOT NULL);/; s/SELECT [$].k, cents FROM prices WHERE sku = [$].k/VALUES ($.k, (SELECT cents FROM prices WHERE sku = $.k))/' p.sql
prices n.db
project n.db ./log.ndjson
check_status 0 "a view that is right by a table of others"
verify n.db ./log.ndjson --counts
check_status 5 "and by the log alone has dead letters: not proven, and not different"
check_grep "why is said" "the counts are not those that the log makes alone, and they may depend on 'prices'" "$err"
sql n.db "UPDATE ev_ledger SET applied = applied - 1, ignored = ignored + 1" >/dev/null
verify n.db ./log.ndjson --counts
check_grep "a count that the record alone decides is compared" 'ignored: the ledger says 1, the log says 0' "$out"

# nor are the rows of other tables, where a dead letter of the log alone holds back what comes behind it in its key
verify n.db ./log.ndjson
check_status 5 "rows are not proven where the dead letters are others"
check_grep "why is said" "so may all that they hold back, and no rows can be proven" "$err"
check_grep "and none is called wrong" '^rows +not proven: the dead letters are not those' "$out"
sql n.db "SELECT * FROM own ORDER BY k" >before
verify n.db ./log.ndjson --repair --yes --max-repair 100%
check_status 2 "--repair is refused: what the log makes alone is not the view"
check "no row was touched" test "$(sql n.db 'SELECT * FROM own ORDER BY k')" = "$(cat before)"

# a view of the file stands for the tables that it names
cp reads.sql p.sql
sed -i 's/^CREATE TABLE twice/CREATE VIEW seen AS SELECT * FROM priced; CREATE VIEW IF NOT EXISTS again AS SELECT * FROM seen;&/
	s/FROM priced WHERE/FROM again WHERE/' p.sql
! on postgresql || sed -i 's/ IF NOT EXISTS//' p.sql
prices v.db
project v.db ./log.ndjson
check_status 0 "a view whose handlers read it through other views"
verify v.db ./log.ndjson
check_status 5 "is not proven"
check_grep "what is written by way of these views is not checked" 'twice: not checked' "$out"
if on sqlite; then # which looks for a view's tables when it is read, and takes a string for a table's name
	for from in named "'prices'"; do
		sed "s/^CREATE TABLE own/CREATE VIEW named AS SELECT * FROM prices; &/; s/FROM prices WHERE/FROM $from WHERE/" \
			reads.sql >p.sql
		forget v.db
		prices v.db
		project v.db ./log.ndjson
		check_status 0 "a handler that reads them FROM $from"
		verify v.db ./log.ndjson
		check_status 5 "is not proven"
		check_grep "and what it writes is not checked" 'priced: not checked' "$out"
	done
fi
cp reads.sql p.sql

# words where nothing was checked
verify s.db ./log.ndjson --checks
check_grep "no checks" '^checks +nothing to check: no checks' "$out"
cp p.sql other.sql
sed -i '/@reads/d; s/FROM prices/FROM own/; s/sku = /k = /; s/SELECT [$].k, cents/SELECT $.k, n/; s/version 1/version 2/' p.sql
: >empty.ndjson
project none.db ./empty.ndjson
verify none.db ./empty.ndjson
check_status 5 "a view of nothing is not proven"
check_grep "by its rows" '^rows +not proven: no rows' "$out"
check_grep "nor its offsets" '^counts +not proven: no offsets' "$out"
verify none.db ./empty.ndjson --allow-empty
check_status 0 "unless that is right"
check_grep "which is not called consistent" '^counts +nothing to check: no offsets' "$out"
verify none.db ./empty.ndjson --format tap
check_grep "in TAP neither" '^not ok 1 - rows: 0 rows, not proven' "$out"
done_testing
