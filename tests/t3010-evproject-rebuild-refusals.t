# evproject rebuild: what it refuses, and that nothing is left of it; abandon, adopt, drop
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/rebuild.sh"

log 200 >log.ndjson
build v1.sql base.db ./log.ndjson
build v2.sql want2.db ./log.ndjson
store() { rm -f s.db*; cp base.db s.db; [ -z "$1" ] || sqlite3 s.db "$1"; }
untouched() { same s.db base.db && only_files s.db s.db-evlock && [ "$(sqlite3 s.db 'SELECT count(*) FROM ev_rebuild')" = 0 ]; }
refused() { # refused WHAT STATUS REGEX: the last command was, and left nothing
	check_status "$2" "$1 is refused"
	check_grep "$1: said by name" "$3" "$err"
	check "$1: nothing is left, the old version serves" untouched
}

# what would not survive
store 'CREATE TABLE audit (k); CREATE TRIGGER watch AFTER INSERT ON acc BEGIN INSERT INTO audit VALUES (new.k); END'
rebuild v2.sql s.db ./log.ndjson --yes
refused "a trigger of others" 2 "trigger 'watch' on 'acc' would not survive"
store 'CREATE TRIGGER watch INSTEAD OF INSERT ON big BEGIN SELECT 1; END'
rebuild v2.sql s.db ./log.ndjson --yes
refused "a trigger on the own view" 2 "trigger 'watch' on 'big'"
store 'CREATE TABLE notes (k text REFERENCES acc (k), note text)'
rebuild v2.sql s.db ./log.ndjson --yes
refused "a foreign key from outside" 2 "foreign key of table 'notes' points to 'acc'"
for theirs in "VIEW plain AS SELECT k FROM main.acc" "VIEW far AS SELECT x FROM main.others" \
	"TRIGGER push AFTER INSERT ON others BEGIN UPDATE acc SET n = (SELECT x FROM main.others); END"; do
	store "CREATE TABLE others (x); CREATE $theirs"
	rebuild v2.sql s.db ./log.ndjson --dry-run
	check_status 2 "what says 'main.' is refused by --dry-run"
	rebuild v2.sql s.db ./log.ndjson --yes
	refused "$theirs" 2 "'(plain|far|push)' says 'main\.' before a table's name"
done
sed 's/FROM acc WHERE n > 50/FROM main.acc WHERE n > 50/; s/version 2/version 3/' v2.sql >vm.sql
store
rebuild vm.sql s.db ./log.ndjson --yes
refused "a view of the new file that says so" 2 "view 'big' says 'main\.'"
sed 's/version 2/version 3/; s/at integer/moment integer/; s/(k, n, at)/(k, n, moment)/; s/, at = excluded.at/, moment = excluded.moment/' \
	v2.sql >v3.sql
store 'CREATE VIEW latest AS SELECT max(at) FROM acc; CREATE VIEW broken AS SELECT x FROM nowhere;
	CREATE INDEX others_at ON acc (at)'
rebuild v3.sql s.db ./log.ndjson --yes
refused "a view that the new tables break" 2 "view 'latest' would not survive the swap: .*at"
sqlite3 s.db 'DROP VIEW latest'
rebuild v3.sql s.db ./log.ndjson --yes
check_status 0 "a view that was broken before is no hindrance"
check_grep "an index on a column that is gone is named" 'index others_at on acc is NOT carried over' "$err"
check "and left out" test -z "$(sqlite3 s.db "SELECT 1 FROM sqlite_schema WHERE name = 'others_at'")"
run evproject rollback v3.sql --store s.db
check "it is there again after a rollback" test \
	"$(sqlite3 s.db "SELECT tbl_name FROM sqlite_schema WHERE name = 'others_at'")" = acc
sed 's/version 2/version 3/; s/^CREATE TABLE acc (\(.*\));$/CREATE TABLE acc (\1, CHECK (acc.n < 1000000));/' v2.sql >v4.sql
store 'CREATE TABLE theirs (x); CREATE TRIGGER push AFTER INSERT ON theirs BEGIN UPDATE acc SET at = 7 WHERE k = new.x; END;
	CREATE TRIGGER lost AFTER DELETE ON theirs BEGIN DELETE FROM nowhere; END'
rebuild v3.sql s.db ./log.ndjson --yes
refused "a trigger of others that uses our tables" 2 "a trigger on table 'theirs' would not survive the swap: no such column: at"
run evproject drop acc --store s.db --yes
refused "a drop of what it uses" 2 'others depend on tables of projection .acc.: a trigger on table theirs'
rebuild v2.sql s.db ./log.ndjson --yes
check_status 0 "where the new tables do as well the rebuild goes"
check "and the trigger writes to them" sqlite3 s.db "INSERT INTO theirs VALUES ('k1')"
store 'CREATE TRIGGER watch AFTER INSERT ON acc BEGIN SELECT 1; END'
run evproject drop acc --store s.db --yes
refused "a drop of a table that others watch" 2 'others depend on tables of projection .acc.: trigger watch on acc'
store
rebuild v4.sql s.db ./log.ndjson --yes
check_status 0 "a CHECK that names its table is none of it"
store 'CREATE UNIQUE INDEX one_n ON acc (n, k); CREATE TABLE others (x)'
rebuild v2.sql s.db ./log.ndjson --yes
check_status 0 "a unique index that the new file does not declare ends with the old version"
check_grep "which is said" 'index one_n on acc is NOT carried over: it is UNIQUE' "$err"
check "and is so" test "$(sqlite3 s.db "SELECT tbl_name FROM sqlite_schema WHERE name LIKE '%one_n'")" = ev_kept_acc
sed 's/version 2/version 3/; s/^CREATE INDEX acc_n.*/CREATE TABLE others (x integer PRIMARY KEY);/' v2.sql >v5.sql
rebuild v5.sql s.db ./log.ndjson --yes
check_status 2 "a table that nobody owns is refused"
check_grep "by name" "table 'others' exists already, and no ledger" "$err"

# a full-text table that finds the view's rows by rowids, which a rebuild gives anew
store "CREATE VIRTUAL TABLE own USING fts5(k); CREATE VIRTUAL TABLE words USING fts5(k, content = 'acc')"
rebuild v2.sql s.db ./log.ndjson --yes
refused "a full-text table over a table of the view" 2 "virtual table 'words' finds rows of 'acc' by their rowids"
rebuild v2.sql s.db ./log.ndjson --dry-run
refused "so by the plan" 2 "virtual table 'words' finds rows of 'acc' by their rowids"
sqlite3 s.db 'DROP TABLE words; CREATE VIRTUAL TABLE older USING fts4(content="ACC", k)'
rebuild v2.sql s.db ./log.ndjson --yes
refused "of the older kind, too" 2 "virtual table 'older' finds rows of 'acc' by their rowids"
sqlite3 s.db "DROP TABLE older; CREATE VIEW ids AS SELECT rowid AS id, k FROM acc; CREATE VIEW more AS SELECT id, k FROM ids;
	CREATE VIRTUAL TABLE far USING fts5(k, content = 'more', content_rowid = 'id')"
rebuild v2.sql s.db ./log.ndjson --yes
refused "one by a view over a view that shows rowids" 2 "virtual table 'far' finds rows of 'more' by their rowids"
sqlite3 s.db "DROP TABLE far; DROP VIEW more; DROP VIEW ids"
# views over views that name each other often: each is looked at once, or it would take for ever
store "CREATE VIEW v0 AS SELECT k, n FROM acc; $(for i in {1..12}; do v=v$((i - 1)); echo "CREATE VIEW v$i AS
	SELECT $v.k, $v.n, $v.n + $v.n AS b, $v.n * $v.n AS c, $v.n - $v.n AS d FROM $v WHERE $v.n > 0 OR $v.k <> '';"; done)
	CREATE VIRTUAL TABLE far USING fts5(k, content = 'v12', content_rowid = 'n')"
run timeout 120 evproject rebuild v2.sql --store s.db ./log.ndjson --dry-run
check_status 0 "views over many views are no hindrance"
store "CREATE VIRTUAL TABLE by_n USING fts5(k, content = 'acc', content_rowid = 'n')"
rebuild v2.sql s.db ./log.ndjson --yes
check_status 0 "one that finds them by a column is none of its business"
sqlite3 s.db "CREATE VIRTUAL TABLE words USING fts5(k, content = 'acc')"
run evproject rollback v1.sql --store s.db
check_status 2 "a rollback would change them as well"
check_grep "and says so" "virtual table 'words' finds rows of 'acc'" "$err"

# a file that gives up its unique index: rows that only the new one lets in
unique() { # unique VERSION INDEX
	printf '%s\n' "-- @projection u version $1" '-- @topics t' '-- @envelope type=$.type' '-- @schema' \
		'CREATE TABLE u (id integer PRIMARY KEY, v text);' "$2" '-- @on a' \
		'INSERT INTO u (id, v) VALUES ($.id, $.v) ON CONFLICT DO NOTHING;'
}
unique 1 'CREATE UNIQUE INDEX ux ON u (v);' >u1.sql
unique 2 '' >u2.sql
for i in 1 2 3 4 5; do echo "{\"type\":\"a\",\"id\":$i,\"v\":\"x$((i % 3))\"}"; done >u.ndjson
head -n 3 u.ndjson >u3.ndjson
for first in u3 u; do # rows that come after the rebuild, and before it
	rm -f u.db*
	evproject run u1.sql --store u.db --quiet --lines t ./u3.ndjson
	sqlite3 u.db "CREATE VIRTUAL TABLE words USING fts5(v, content = 'u')" # by what is a column of u
	rebuild u2.sql u.db --dry-run --lines t ./$first.ndjson
	check_grep "the plan says what ends" 'index ux on u is NOT carried over: it is UNIQUE' "$out"
	rebuild u2.sql u.db --yes --lines t ./$first.ndjson
	check_status 0 "a version without the unique index of the one before"
	run evproject run u2.sql --store u.db --lines t ./u.ndjson
	check "has all rows" test "$(sqlite3 u.db 'SELECT count(*) FROM u')" = 5
done

# what is put on the serving tables between the copy and the swap
between() { # between SQL REGEX UNDO
	store
	evproject rebuild v2.sql --store s.db --forget 2>/dev/null # makes our tables
	sqlite3 s.db "CREATE TRIGGER stop AFTER DELETE ON ev_rebuild BEGIN SELECT RAISE(ABORT, 'stopped by test'); END"
	rebuild v2.sql s.db ./log.ndjson --yes
	check_status 4 "a swap that fails"
	sqlite3 s.db "DROP TRIGGER stop; $1"
	rebuild v2.sql s.db ./log.ndjson --yes
	check_status 2 "and is tried again after: $1"
	check_grep "refuses by name" "$2" "$err"
	sqlite3 s.db "$3"
	check "the old version serves" same s.db base.db
	rebuild v2.sql s.db ./log.ndjson --yes
	check_status 0 "without it the next call swaps"
	check "to the right rows" same s.db want2.db
}
between 'CREATE TRIGGER watch AFTER INSERT ON acc BEGIN SELECT 1; END' "trigger 'watch' on 'acc' would not survive" \
	'DROP TRIGGER watch'
between 'CREATE TABLE notes (k text REFERENCES acc (k))' "foreign key of table 'notes' points to 'acc'" 'DROP TABLE notes'
between 'CREATE INDEX late ON acc (at)' 'index late on acc was added since the rebuild began' 'DROP INDEX late'
between 'CREATE UNIQUE INDEX late ON acc (k, at)' 'index late on acc was added since the rebuild began' 'DROP INDEX late'
between "ALTER TABLE acc ADD COLUMN note text DEFAULT 'x'" 'column note on acc was added since the rebuild began' \
	'ALTER TABLE acc DROP COLUMN note'
between "ALTER TABLE acc RENAME COLUMN at TO moment" 'column (at on acc was dropped|moment on acc was added) since the rebuild began' \
	'ALTER TABLE acc RENAME COLUMN moment TO at'
# before the rebuild it is named, and ends
cp base.db own.db
sqlite3 own.db 'ALTER TABLE acc ADD COLUMN note text'
rebuild v2.sql own.db ./log.ndjson --dry-run
check_grep "the plan names a column of others" 'column note on acc is NOT carried over: the new version does not declare it' "$out"
rebuild v2.sql own.db ./log.ndjson --no-swap
check_status 0 "the rebuild"
since() { # since SQL LINE UNDO
	sqlite3 own.db "$1"
	rebuild v2.sql own.db ./log.ndjson --yes
	check_status 2 "refuses what came since: $1"
	check_grep "by name" "$2 since the rebuild began" "$err"
	run evproject status --store own.db
	check_grep "status says what to do" '^to go on: .* again after the swap; rebuild --abandon gives the rebuild up$' "$out"
	sqlite3 own.db "$3"
}
since 'ALTER TABLE acc ADD COLUMN more text' 'column more on acc was added' 'ALTER TABLE acc DROP COLUMN more'
query=$(sqlite3 own.db "SELECT sql FROM sqlite_schema WHERE name = 'big'")
since 'DROP VIEW big; CREATE VIEW big AS SELECT k, n FROM acc' 'the query on big was changed' "DROP VIEW big; $query"
rebuild v2.sql own.db ./log.ndjson --yes
check_status 0 "without that it swaps"
check "to the right rows" same own.db want2.db

# a rollback refuses the same
back() { # back SQL REGEX UNDO: on s.db, where version 2 serves
	sqlite3 s.db "$1"
	run evproject rollback v2.sql --store s.db
	check_status 2 "a rollback is refused: $1"
	check_grep "by name" "$2" "$err"
	check "version 2 serves" same s.db want2.db
	sqlite3 s.db "$3"
}
back 'CREATE TRIGGER watch AFTER INSERT ON acc BEGIN SELECT 1; END' "trigger 'watch' on 'acc' would not survive" \
	'DROP TRIGGER watch'
back 'CREATE TABLE notes (k text REFERENCES acc (k))' "foreign key of table 'notes' points to 'acc'" 'DROP TABLE notes'
run evproject rollback v2.sql --store s.db
check_status 0 "without these the rollback goes"
check "to the old version" same s.db base.db

# the plan alone
store 'CREATE VIEW others AS SELECT count(*) FROM acc; CREATE INDEX others_at ON acc (at)'
rm -f s.db-evlock
rebuild v2.sql s.db ./log.ndjson --dry-run
check_status 0 "--dry-run"
check_grep "says what serves" '^serving +version 1$' "$out"
check_grep "what would" '^new +version 2, fingerprint [0-9a-f]{32}$' "$out"
check_grep "with which tables" '^tables +acc, big$' "$out"
check_grep "which views survive" '^(survive)? +view others$' "$out"
check_grep "which indexes" '^(survive)? +index others_at on acc$' "$out"
check_grep "how much is read, and how long that takes" '^log +up to 200 records, about .* to load' "$out"
check_grep "from where to where" '^t/0 +0 +200 +200$' "$out"
check_grep "the DDL" '^CREATE TABLE acc' "$out"
check "nothing is written" cmp s.db <(cp base.db t.db; sqlite3 t.db 'CREATE VIEW others AS SELECT count(*) FROM acc;
	CREATE INDEX others_at ON acc (at)'; cat t.db)
check "no file appears" only_files s.db
store 'CREATE TABLE notes (k text REFERENCES acc (k), note text)'
rebuild v2.sql s.db ./log.ndjson --dry-run
check_status 2 "what would be refused is refused by --dry-run too"
check_grep "by name" "foreign key of table 'notes'" "$err"
rebuild v2.sql s.db --dry-run --abandon
check_status 2 "--dry-run of --abandon makes no sense"

# versions
sed 's/10 \* \$\.n/11 * $.n/' v1.sql | sed 's/acc.n + excluded/acc.n - excluded/' >same.sql
store
rebuild same.sql s.db ./log.ndjson --yes
refused "a changed file with the version that serves" 2 'its version is still 1'
rebuild v2.sql s.db ./log.ndjson --no-swap
check_status 0 "--no-swap"
check_grep "stops before the swap" 'version 2 is ready, and does not serve yet: the same command without --no-swap swaps, --abandon' "$err"
check "the old version serves" same s.db base.db
check "status shows the rebuild" test "$(evproject status --store s.db --format json | jq -r '.rebuild.phase, .rebuild.version' | xargs)" = "ready 2"
rebuild v3.sql s.db ./log.ndjson --yes
check_status 2 "another version meanwhile is refused"
check_grep "with a way out" 'another version is under way \(version 2' "$err"
rebuild v2.sql s.db --abandon
check_status 0 "--abandon"
check "leaves nothing" untouched
rebuild v2.sql s.db --abandon
check_grep "a second one finds nothing" 'no rebuild is under way' "$err"
rebuild v2.sql s.db --forget
check_grep "--forget finds nothing either" 'no version is kept' "$err"
rebuild v2.sql s.db ./log.ndjson --no-swap
rebuild v2.sql s.db ./log.ndjson --yes
check_status 0 "after --no-swap the next call goes on"
check "to the right rows" same s.db want2.db
rebuild v2.sql s.db ./log.ndjson --yes --again
check_status 0 "--again builds what serves already"
check "with the same rows" same s.db want2.db
check "it was swapped: the kept one is the same version" test \
	"$(sqlite3 s.db "SELECT version FROM ev_projection WHERE name = 'acc (kept)'")" = 2

# a store from a copy of yesterday: its plan is of one rebuild, the file beside it of another
store
rebuild v2.sql s.db ./log.ndjson --no-swap
cp s.db yesterday.db
rebuild v2.sql s.db --abandon
rebuild v3.sql s.db ./log.ndjson --no-swap
cp yesterday.db s.db
rebuild v2.sql s.db ./log.ndjson --yes
check_status 2 "the shadow of another rebuild is not gone on with"
check_grep "and is said to be one" "the shadow of projection 'acc' is of another rebuild \(to version 3\)" "$err"
check_grep "with the way out" '^hint: --abandon gives both up' "$err"
check "the old version serves" same s.db base.db
rebuild v2.sql s.db --abandon
check "--abandon leaves nothing" untouched

# the same where the copy had begun: not a row of another shadow comes in
half_copied() {
	store
	rebuild v2.sql s.db ./log.ndjson --no-swap
	sqlite3 s.db "CREATE TRIGGER stop BEFORE UPDATE ON ev_rebuild WHEN new.copy_step = 2 BEGIN SELECT RAISE(ABORT, 'stop'); END"
	rebuild v2.sql s.db ./log.ndjson --yes
	check_status 4 "a copy that is broken off"
	sqlite3 s.db 'DROP TRIGGER stop'
	cp s.db yesterday.db
}
half_copied
rebuild v2.sql s.db --abandon
rebuild v3.sql s.db ./log.ndjson --no-swap
cp yesterday.db s.db
rebuild v2.sql s.db ./log.ndjson --yes
refused_half() { # WHAT REGEX
	check_status 2 "a copy does not go on with $1"
	check_grep "  which is said" "$2" "$err"
	check_grep "  with the way out" '^hint: .*--abandon gives' "$err"
	check "  the old version serves" same s.db base.db
}
refused_half "the shadow of another version" "the shadow of projection 'acc' is of another rebuild \(to version 3\)"
half_copied
rebuild v2.sql s.db --abandon
{ cat log.ndjson; log 50; } >longer.ndjson
rebuild v2.sql s.db ./longer.ndjson --no-swap
cp yesterday.db s.db
rebuild v2.sql s.db ./longer.ndjson --yes
refused_half "a shadow that stands elsewhere" "acc' is not there, or not the one whose copy has begun"
rebuild v2.sql s.db --abandon
rebuild v2.sql s.db ./log.ndjson --no-swap
check_no_grep "what is loaded for the first time is not missed" 'loaded anew' "$err"
mv s.db-evshadow-acc elsewhere
rebuild v2.sql s.db ./log.ndjson --no-swap
check_status 0 "a shadow that is beside another name of the store is made once more"
check_grep "which is said" 'what was loaded is not beside the store any more, and is loaded anew; where the store was renamed' "$err"
rebuild v2.sql s.db ./log.ndjson --no-swap
check_no_grep "once" 'loaded anew' "$err"
rebuild v2.sql s.db --abandon
half_copied
rm s.db-evshadow-acc
for i in first second; do
	rebuild v2.sql s.db ./log.ndjson --yes
	refused_half "no shadow ($i call)" "acc' is not there, or not the one whose copy has begun"
done
run evproject status --store s.db
check_grep "status has the way out" '^to go on: .*--abandon gives the rebuild up' "$out"
rebuild v2.sql s.db --abandon
check "--abandon leaves nothing" untouched
half_copied
rebuild v2.sql s.db ./log.ndjson --yes
check_status 0 "with its own it goes on"
check "to the right rows" same s.db want2.db

# the log
tail -n +40 log.ndjson >trimmed.ndjson
store
rebuild v2.sql s.db ./trimmed.ndjson --yes
check_status 5 "a log that lost its beginning is refused"
check_grep "with both offsets" 't/0: the log begins at offset 39, the old view at 0' "$err"
check "the old version serves" same s.db base.db
rebuild v2.sql s.db ./trimmed.ndjson --yes --accept-trimmed
check_status 0 "--accept-trimmed takes it so"
check "the view begins there" test "$(sqlite3 s.db "SELECT begin_offset FROM ev_ledger WHERE projection = 'acc'")" = 39
head -n 150 log.ndjson >short.ndjson
store
rebuild v2.sql s.db ./short.ndjson --yes
check_status 5 "a log that ends before the old view stands is refused"
check_grep "with both places" 't/0: the log ends [0-9]+ offsets before where the old view stands, 200' "$err"
check "the old version serves" same s.db base.db
sed 's/"n":[0-9]*/"n":8/' log.ndjson >another.ndjson
store
rebuild v2.sql s.db ./another.ndjson --yes
check_status 5 "another log is refused"
check_grep "by the record at which the old view stands" 'another record stands at offset 199' "$err"
rebuild v2.sql s.db ./another.ndjson --yes --accept-trimmed
check_status 0 "--accept-trimmed takes it as it is"
sed 's/-- @on add/-- @on other/; s/version 2/version 6/' v2.sql >empty.sql
store
rebuild empty.sql s.db ./log.ndjson --yes
check_status 1 "a new version that came out empty is refused"
check_grep "and named" 'came out empty, the old one has [0-9]+ rows \(--allow-empty' "$err"
check "the old version serves" same s.db base.db
rebuild empty.sql s.db ./log.ndjson --yes --allow-empty
check_status 0 "--allow-empty takes it so"
sed 's/WHERE n < 0/WHERE n > 5/; s/version 2/version 7/' v2.sql >check.sql
store
rebuild check.sql s.db ./log.ndjson --yes --max-change 100
check_status 1 "a check that fails on the new version refuses the swap"
check_grep "by name" 'check failed: no negatives' "$err"
check_grep "and says what to do" ': else --abandon gives the new version up, and a mended file begins anew$' "$err"
check_no_grep "nothing of changes, which were few enough" 'max-change' "$err"
check "the old version serves" same s.db base.db
rebuild v2.sql s.db --abandon
check "--abandon leaves nothing" untouched
rebuild v2.sql s.db ./log.ndjson --yes --max-change 10%
check_status 1 "more change than --max-change is refused"
check_grep "with both figures" 'refused: [0-9.]+ % of the rows change, more than the 10 %' "$err"
check_grep "what changes is shown" "acc +changed +k='k0' +n: [0-9]+ -> [0-9]+0$" "$out"
check_grep "and it says where" 'acc: the rows that change are on stdout ' "$err"
check "the old version serves" same s.db base.db
rebuild v2.sql s.db ./log.ndjson --yes --max-change 10% --quiet
check_status 1 "with --quiet it is refused as well"
check_grep "without a word of rows on stdout, where there are none" 'acc: --no-swap, without --quiet, shows the rows that change;' "$err"
rebuild v2.sql s.db --abandon
rebuild v2.sql s.db ./log.ndjson --no-swap
rebuild v2.sql s.db ./log.ndjson --yes --max-change 10
check_status 1 "also where the comparison was made by an earlier call"
check "the old version serves" same s.db base.db
rebuild v2.sql s.db ./log.ndjson --yes --max-change 101
check_status 2 "--max-change is a percentage"
check_grep "and says of what range" "option '--max-change' takes a percentage from 0 to 100, not '101'" "$err"
rebuild v2.sql s.db --abandon
rebuild v2.sql s.db ./log.ndjson --yes --until 2025-01-01T00:00:00Z
check_status 2 "an end before the old view is refused"
rebuild v2.sql s.db ./missing.ndjson --yes
check_status 3 "a source that is missing is exit 3"
cat log.ndjson | evproject rebuild v2.sql --store s.db - --yes 2>"$err"
status=$?
check_status 2 "a pipe cannot be read twice"
check "nothing came of any of it" untouched

# tables of another program
rm -f s.db*
sqlite3 s.db 'CREATE TABLE acc (k text PRIMARY KEY, n integer); INSERT INTO acc VALUES ("x", 7); CREATE VIEW big AS SELECT 1'
cp s.db theirs.db
rebuild v1.sql s.db ./log.ndjson --yes
check_status 2 "tables of another program are refused"
check "and left alone" test "$(sqlite3 s.db 'SELECT * FROM acc')" = 'x|7'
rebuild v1.sql s.db ./log.ndjson --yes --adopt
check_status 0 "--adopt takes them as the old version"
check_grep "their writer is not fenced, and that is said" 'not fenced' "$err"
check "the new rows serve" same s.db base.db
run evproject rollback v1.sql --store s.db
check_status 0 "rollback"
check "brings theirs back" test "$(sqlite3 s.db 'SELECT * FROM acc; SELECT * FROM big')" = "$(printf 'x|7\n1')"
run evproject rollback v1.sql --store s.db
check "and ours again" same s.db base.db
cp theirs.db a.db
rebuild v1.sql a.db ./log.ndjson --adopt --no-swap
rebuild v1.sql a.db --abandon
check "an adoption that is given up leaves theirs as it was" test \
	"$(sqlite3 a.db "SELECT * FROM acc; SELECT * FROM big; SELECT count(*) FROM sqlite_schema WHERE name LIKE 'ev%'")" = \
	"$(printf 'x|7\n1\n0')"

# an adoption beside a view of ours, given up in the midst of the copy
sed '/^CREATE TABLE/a CREATE TABLE extra (x integer PRIMARY KEY);' v2.sql >extra.sql
store 'CREATE TABLE extra (x integer PRIMARY KEY); INSERT INTO extra VALUES (5)'
evproject rebuild v2.sql --store s.db --forget 2>/dev/null # makes our tables
sqlite3 s.db "CREATE TRIGGER stop AFTER UPDATE ON ev_rebuild WHEN new.copy_step = 2 BEGIN SELECT RAISE(ABORT, 'stopped by test'); END"
rebuild extra.sql s.db ./log.ndjson --yes --adopt
check_status 4 "an adoption ends in the copy"
sqlite3 s.db 'DROP TRIGGER stop'
rebuild extra.sql s.db --abandon
check_status 0 "and is given up"
check "the table is nobody's again" test "$(sqlite3 s.db "SELECT count(*) FROM ev_table WHERE table_name = 'extra'")" = 0
run evproject drop acc --store s.db --yes
check_status 0 "a drop of ours"
check "leaves it" test "$(sqlite3 s.db 'SELECT x FROM extra')" = 5

# what an earlier call found is of the version that served then, and of that call's --max-change
store
rebuild v2.sql s.db ./log.ndjson --yes --quiet
rec add more 7 >rest.ndjson
cat log.ndjson rest.ndjson >longer.ndjson
evproject run v2.sql --store s.db --quiet ./longer.ndjson
sed 's/version 2/version 3/; s/10 \* /10 * 1 * /' v2.sql >v8.sql
rebuild v8.sql s.db ./longer.ndjson --no-swap --max-change 1
check_status 0 "a rebuild that changes nothing is ready"
check_grep "and says so" 'all [0-9]+ rows are the same' "$err"
run evproject rollback v2.sql --store s.db
check_status 0 "a rollback comes between"
rebuild v8.sql s.db ./longer.ndjson --yes --max-change 1
check_status 2 "what was compared with the version of before does not count"
check_grep "and that is said" 'began beside another version than the one that serves now' "$err"
check_grep "with a way out" '--abandon gives the rebuild up' "$err"
check_no_grep "no row is called the same" 'rows are the same' "$err"
check "the old version serves on" test "$(sqlite3 s.db "SELECT version FROM ev_projection WHERE name = 'acc'")" = 1
evproject rollback v2.sql --store s.db --quiet
rebuild v8.sql s.db ./longer.ndjson --no-swap --max-change 1
check_status 0 "with the version of before it goes on"
rebuild v2.sql s.db --abandon
rebuild v2.sql s.db ./longer.ndjson --yes --again --quiet
rebuild v2.sql s.db ./longer.ndjson --no-swap --again --max-change 1
evproject rollback v2.sql --store s.db --quiet
rebuild v2.sql s.db ./longer.ndjson --yes --max-change 1
check_status 2 "so it is with two versions of one file"
rebuild v2.sql s.db --abandon
evproject run v1.sql --store fresh.db --quiet ./longer.ndjson
rebuild v8.sql fresh.db ./longer.ndjson --yes --max-change 1
check_status 1 "beside version 1 the change is found"
for phase in copy ready; do
	store
	evproject rebuild v2.sql --store s.db --forget 2>/dev/null # makes our tables
	sqlite3 s.db "CREATE TRIGGER stop AFTER $([ $phase = copy ] && echo "UPDATE ON ev_rebuild WHEN new.copy_step = 2" ||
		echo "DELETE ON ev_rebuild") BEGIN SELECT RAISE(ABORT, 'stopped by test'); END"
	rebuild v2.sql s.db ./log.ndjson --yes
	check_status 4 "a rebuild ends in phase $phase"
	sqlite3 s.db 'DROP TRIGGER stop'
	check "there" test "$(sqlite3 s.db 'SELECT phase FROM ev_rebuild')" = $phase
	rebuild v2.sql s.db ./log.ndjson --yes --max-change 10
	check_status 1 "the next call is held to its --max-change"
	check_grep "and says so" 'refused: [0-9.]+ % of the rows change, more than the 10 %' "$err"
	check "the rows are on stdout, or it does not say so" test "$(grep -c 'rows that change are on stdout' "$err")" = \
		"$(grep -c "changed  *k='k0'" "$out")"
	check "the old version serves" same s.db base.db
	rebuild v2.sql s.db ./log.ndjson --yes
	check_status 0 "without one it goes on"
	check "to the right rows" same s.db want2.db
done

# somebody has dropped a table of the kept version: a rollback would leave nothing that serves
store
rebuild v2.sql s.db ./log.ndjson --yes
sqlite3 s.db 'DROP TABLE ev_kept_acc'
run evproject rollback v1.sql --store s.db
check_status 2 "a rollback to a table that is gone is refused"
check_grep "by name" "table 'acc' of the version that is kept is not there any more" "$err"
check "the new version serves" same s.db want2.db
run evproject rebuild v2.sql --store s.db --forget
check_status 0 "--forget removes the rest"
check "all of it" only_tables s.db acc

# drop
store
rebuild v2.sql s.db ./log.ndjson --yes
rebuild v3.sql s.db ./log.ndjson --no-swap
run evproject drop acc --store s.db
check_status 2 "drop wants a yes"
run evproject drop nobody --store s.db --yes
check_status 2 "a projection that is not there is an error"
run evproject drop acc --store no.db --yes
check_status 4 "so is a store"
check "which is not created" test ! -e no.db
run evproject drop acc --store s.db --yes
check_status 0 "drop"
check "leaves no table" test -z "$(sqlite3 s.db "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite%'")"
check "no file" only_files s.db s.db-evlock
check "the database is sound" sound s.db
done_testing
