# evproject check: errors by file:line:column, what is refused, the plan, the warnings
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"

against=() # the store that it is checked against
on postgresql && against=(--store "$(store c.db)")
wrong() { # wrong TEXT SED LINE:COL REGEX: the file with that change is refused there
	sed "$2" p.sql >e.sql
	run evproject check e.sql "${against[@]}"
	check_status 2 "$1"
	check_grep "$1: where and why" "^evproject check: e\.sql:$3: .*$4" "$err"
	check "$1: no plan" test ! -s "$out"
}
wrong "an unknown directive" 's/@topics/@topicz/' 2:4 "unknown directive '@topicz'"
check_grep "is suggested another" "^hint: did you mean '@?topics'" "$err"
wrong "no version" 's/version 1/version x/' 1:28 "'x'"
wrong "an unknown envelope field" 's/type=\$.type/type=$.type tim=$.t/' 3:14 "'tim'"
wrong "a schema with a syntax error" 's/at integer);/at integer,);/' '5:[0-9]+' 'syntax error'
wrong "an open bracket" 's/at integer);/at integer;/' '5:18' "never closed"
wrong "a handler with a syntax error" 's/VALUES (/VALUEZ (/' 7:28 'near "VALUEZ"'
wrong "an unknown table" 's/DELETE FROM acc WHERE k = \$/DELETE FROM accc WHERE k = $/' '10:[0-9]+' '(no such table: accc|relation "accc" does not exist)'
wrong "an unknown column" 's/= acc.n/= acc.m/' 8:35 '(no such column: acc.m|column acc.m does not exist)'
wrong "ON CONFLICT without a unique index" 's/CONFLICT (k)/CONFLICT (n)/' 7:1 '(PRIMARY KEY or UNIQUE|unique or exclusion) constraint'
wrong "an unknown parameter" 's/= :key/= :kee/' 14:27 "unknown parameter ':kee'"
check_grep "is suggested another" "did you mean ':key'" "$err"
wrong "a parameter of the database's own" 's/= :key/= ?1/' 14:27 "'\?1' is no parameter"
wrong "a path that is none" 's/\$.n!/$.n[/' '7:42' 'no path'
wrong "a path in a tombstone" 's/k = :key/k = $.k/' 14:27 'a tombstone has no value'
wrong "a tombstone of which topic?" 's/tombstone of t/tombstone/' '13:1' "needs 'of TOPIC'"
wrong "a topic that is not read" 's/tombstone of t/tombstone of v/' 13:21 "'v' is not in '@topics'"
wrong "random()" 's/excluded.n,/random(),/' '8:[0-9]+' "'random' cannot be used"
wrong "changes()" 's/excluded.n,/changes(),/' '8:[0-9]+' "'changes' cannot be used"
wrong "a random default" 's/at integer);/at integer DEFAULT (random()));/' '5:[0-9]+' "'random'"
for now in "datetime('now')" "date( 'NOW' , '+1 day')" 'unixepoch()' "strftime('%Y')" "\"time\"('now')" \
	"julianday(\$.n, 'localtime')" "strftime('%s', 'now', 'utc')" "date(date(), 'utc')"; do
	wrong "$now" "s/excluded.n,/$now,/" '8:[0-9]+' \
		"$(on sqlite 'the clock and the local time zone are not for a view' \
			postgresql '(differs at every rebuild|function .* does not exist)')"
done
sed "s/excluded.n,/unixepoch(\$.n, 'subsec') + strftime('now', \$.n) + date('2020-01-02', trim('now')),/" p.sql >e.sql
run evproject check e.sql
check_status 0 "a format 'now' and what is only known at run time pass"
wrong "'now' in a view" "5s/at integer);/at integer); CREATE VIEW w AS SELECT date('now') AS d;/" '5:[0-9]+' \
	"$(on sqlite clock postgresql 'differs at every rebuild')"
wrong "LIMIT without an order" 's/k = \$.k;/k IN (SELECT k FROM acc LIMIT 1);/' '10:[0-9]+' 'LIMIT'
wrong "a sequence" 's/k text PRIMARY KEY/k integer PRIMARY KEY AUTOINCREMENT/' '5:[0-9]+' 'AUTOINCREMENT'
wrong "a trigger" 's/at integer);/at integer); CREATE TRIGGER x AFTER INSERT ON acc BEGIN SELECT 1; END;/' \
	'5:[0-9]+' 'can only CREATE TABLE'
wrong "a table of the ledger's" 's/CREATE TABLE acc/CREATE TABLE ev_acc/' '5:[0-9]+' 'ev_'
wrong "DDL in a handler" 's/^DELETE FROM acc WHERE k = \$.k/DROP TABLE acc/' '10:1' "not 'DROP'"
wrong "an unknown column in a check" 's/SELECT k, n FROM acc WHERE/SELECT k, m FROM acc WHERE/' 16:11 '(no such column: m|column "m" does not exist)'
wrong "a sample that is no query" 's/SELECT k, n FROM acc ORDER/SELEC k, n FROM acc ORDER/' 18:1 'can only SELECT'
wrong "an open string" "s/\\\$.n!/'open/" '7:42' 'never closed'
if on sqlite; then
	sed '5s/at integer);/at integer); CREATE VIEW w AS SELECT k FROM main.acc;/' p.sql >e.sql
	run evproject check e.sql
	check_status 2 "a view that says main."
	check_grep "by name, as it could not be rebuilt" "^evproject check: e.sql: view 'w' says 'main\.'" "$err"
fi
: >empty.sql
run evproject check empty.sql
check_status 2 "an empty file"
check_grep "is told how to begin" "empty.sql:1:1: .*@projection NAME version N" "$err"
run evproject check missing.sql
check_status 2 "a file that is not there"
run evproject check p.sql more
check_status 2 "one file only"
run evproject check
check_status 2 "and no less"

# the plan, without a store and a broker
EV_BROKERS=127.0.0.1:1 run evproject check p.sql "${against[@]}"
check_status 0 "a good file"
fingerprint=$(sed -n 's/.*fingerprint //p;q' "$out")
check "the fingerprint has 32 digits" test ${#fingerprint} = 32
proof=$(on sqlite "" postgresql "
  proof     in memory alone; wants --scratch URL once a record was poison (a dead letter)")
check_out "the plan" <<PLAN
acc version 1, fingerprint $fingerprint
  topics    t, u
  tables    acc (k text, n integer, at integer)
  handlers  add             line 7    upsert acc
            del             line 10   delete from acc
            put             line 12   update acc, must touch a row
            tombstone of t  line 14   delete from acc
  checks    no negatives
  samples   all
  order     matters between partitions, so every transaction stores its cut:
            table 'acc', handler at line 7: its SET is more than a sum, minimum or maximum of old and new
  speed     a transaction's events are folded in memory, each row is written once$proof
PLAN
check "nothing is left behind" test "$(ls)" = "$(printf 'e.sql\nempty.sql\np.sql')"
run evproject check -q p.sql "${against[@]}"
check "--quiet says nothing" test "$status" = 0 -a ! -s "$out" -a ! -s "$err"
sed '/^-- @on del/,/:key;$/d; s/, at = excluded.at//; s/, at)/)/; s/, :offset)/)/' p.sql >sum.sql
run evproject check sum.sql "${against[@]}"
check_grep "handlers that only add up commute" 'does not matter between partitions' "$out"
sed 's/n integer/n decimal(10,2)/' p.sql >real.sql
run evproject check real.sql
check_status 0 "decimals that are added up pass"
check_grep "their types are shown as they are declared" '^  tables    acc \(k text, n decimal\(10,2\), at integer\)$' "$out"
check_grep "with a warning" 'real.sql:8:31: acc.n is decimal: .*:scaled' "$err"
sed '/^CREATE/{p;i -- @schema postgresql
s/integer/bigint/g};s/^-- @schema$/& sqlite/' p.sql >both.sql
run evproject check both.sql "${against[@]}"
check "of a schema for each kind of store that for this one is shown" \
	test "$(grep -c ' acc (k text, ' "$out"; grep -c "acc (k text, n $(on sqlite integer postgresql bigint), " "$out")" = $'1\n1'
sed 's/at integer);/at integer, doc jsonb);/' p.sql >json.sql
run evproject check json.sql
check_status 0 "without a store it is checked as SQLite would take it"
check_grep "a column that SQLite has not is told" 'warning: json.sql: acc.doc is jsonb, which SQLite has not' "$err"
check_grep "and where it is to be checked" '^hint: without a store .*--store postgresql://' "$err"
if on postgresql; then
	run evproject check json.sql "${against[@]}"
	check "nothing is said of it there" test "$status" = 0 -a ! -s "$err"
	for more in 's/at integer);/at integer UNIQUE);/' 's/^-- @schema/-- @dedupe id\n&/; s/=$.type/& id=$.id/'; do
		sed "$more" p.sql >scratch.sql
		run evproject check scratch.sql "${against[@]}"
		check_grep "what does not fold in memory alone wants a scratch for its proof" \
			'^  proof     wants --scratch URL: not all of it folds in memory alone' "$out"
	done
	sed "s/at integer);/at integer, tags text[] NOT NULL DEFAULT '{}', m double precision ARRAY, w timestamptz(3) [2][]);/" \
		p.sql >array.sql
	run evproject check array.sql "${against[@]}"
	check_grep "so are arrays, and types of several words" \
		'at integer, tags text\[\], m double precision array, w timestamptz\(3\)\[2\]\[\]\)$' "$out"
fi
run evproject check p.sql "${against[@]}"
check_no_grep "whole numbers without" 'warning' "$err"
for f in "$TOP"/projections/*.sql; do
	run evproject check "$f" "${against[@]}"
	check "${f##*/} passes without a warning" test "$status" = 0 -a ! -s "$err"
done
if on postgresql; then # what the role may not do
	super "CREATE TABLE $(_schema c.db).theirs (k text)" "$_super_url"
	wrong "a table that may not be read" '/^-- @topics/a -- @reads theirs
		s/k = \$\.k;/k IN (SELECT k FROM theirs);/' 11:1 'permission denied for table theirs'
fi
evproject check p.sql >/dev/full 2>"$err"
status=$?
check_status 4 "a full disk behind stdout is exit 4"

# beside the view that is in the store
: >none.ndjson
evproject run p.sql --store "$(store view.db)" --quiet ./none.ndjson
run evproject check p.sql --store "$(store view.db)" --quiet
check "the file of the view is good" test "$status" = 0 -a ! -s "$err"
sed 's/n = acc.n + /n = /' p.sql >e.sql
run evproject check e.sql --store "$(store view.db)"
check_status 0 "one that was edited in place is checked"
check_grep "with a warning, as no run will take it" \
	"warning: e.sql: projection 'acc' has changed since its tables were built \(version 1 in the store, 1 in the file\)" "$err"
check_grep "that says what to do" '^hint: raise the version' "$err"
sed -i 's/version 1/version 2/' e.sql
run evproject check e.sql --store "$(store view.db)"
check "a raised version is on its way" test "$status" = 0 -a ! -s "$err"

# what could not be rebuilt a first run does not begin either
left() { sql names.db "$(on sqlite "SELECT count(*) FROM sqlite_schema" postgresql \
	"SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace")"; }
names() { # NAME SED WANT: run refuses p.sql so changed, and makes nothing
	sed "$2" p.sql >e.sql
	run evproject run e.sql --store "$(store names.db)" ./none.ndjson
	check_status 2 "$1 ends a first run"
	check_grep "and says why" "$3" "$err"
	check "nothing is left behind" test "$(left)" = 0
}
if on sqlite; then
	names "a view that says main." '5s/at integer);/at integer); CREATE VIEW w AS SELECT k FROM main.acc;/' "view 'w' says 'main\."
else
	names "a view that names the schema" '5s/at integer);/at integer); CREATE VIEW w AS SELECT k FROM names_db.acc;/' \
		"^evproject run: e.sql:5:[0-9]+: 'names_db\.' before the projection's own 'acc': name tables plainly"
	names "a table that is made in it" '5s/TABLE acc/TABLE "names_db".acc/' "e.sql:5:14: 'names_db\.' before"
	names "a handler that names it" 's/^DELETE FROM acc WHERE k = \$/DELETE FROM Names_DB.acc WHERE k = $/' "e.sql:10:13: 'names_db\.' before"
	run evproject check e.sql --store "$(store names.db)"
	check_status 2 "check refuses it, too"
	check_grep "and names it" "e.sql:10:13: 'names_db\.' before" "$err"
	names "a check that names it" 's/^SELECT k, n FROM acc WHERE/SELECT k, n FROM names_db.acc WHERE/' "e.sql:16:18: 'names_db\.' before"
	names "a sample that names it" 's/^SELECT k, n FROM acc ORDER/SELECT k, n FROM "names_db"."acc" ORDER/' "e.sql:18:18: 'names_db\.' before"
	run evproject check e.sql --store "$(store names.db)"
	check_status 2 "check refuses that, too"
	names "a view of tables of which one is called as the schema" \
		'5s/at integer);/at integer); CREATE TABLE names_db (acc integer); CREATE VIEW w AS SELECT k FROM names_db.acc;/' \
		"e.sql:5:[0-9]+: 'names_db\.' before"
	names "a column with its table and schema" \
		'5s/at integer);/at integer); CREATE TABLE names_db (acc integer); CREATE VIEW w AS SELECT names_db.acc.k FROM acc;/' \
		"e.sql:5:[0-9]+: 'names_db\.' before"
	names "a text that is to be a table" \
		"5s/at integer);/at integer); CREATE VIEW w AS SELECT 'names_db.acc'::regclass::text AS t;/" "e.sql:5:[0-9]+: 'names_db\.' before"
	names "with the type's schema, too" "s/^SELECT k, n FROM acc WHERE/SELECT 'names_db.acc'::pg_catalog.regclass::text FROM acc WHERE/" \
		"e.sql:16:8: 'names_db\\.' before"
	names "a table behind a comma" '5s/at integer);/at integer); CREATE VIEW w AS SELECT b.k FROM acc a, names_db.acc b;/' \
		"e.sql:5:[0-9]+: 'names_db\\.' before"
	names "so where one is called as the schema" \
		'5s/at integer);/at integer); CREATE TABLE names_db (acc integer); CREATE VIEW w AS SELECT b.k FROM names_db a, names_db.acc b;/' \
		"e.sql:5:[0-9]+: 'names_db\\.' before"
	names "so for a function" "s/^SELECT k, n FROM acc WHERE/SELECT to_regclass('Names_DB.\"acc\"'), n FROM acc WHERE/" \
		"e.sql:16:20: 'names_db\.' before"
	sed '5s/at integer);/at integer); CREATE TABLE names_db (acc integer); CREATE VIEW w AS SELECT names_db.acc FROM names_db;/' p.sql >e.sql
	run evproject check e.sql --store "$(store names.db)"
	check_status 0 "a column of a table that is called as the schema is none of that"
	for view in 'WITH names_db AS (SELECT at AS acc FROM acc) SELECT names_db.acc IS DISTINCT FROM names_db.acc AS x FROM names_db' \
		"SELECT extract(year FROM names_db.acc) AS y FROM (SELECT make_date(at, 1, 1) AS acc FROM acc) names_db"; do
		sed "5s/at integer);/at integer); CREATE VIEW w AS ${view//\//\\/};/" p.sql >e.sql
		run evproject check e.sql --store "$(store names.db)"
		check_status 0 "nor is one of an alias: $view"
	done
fi
done_testing
