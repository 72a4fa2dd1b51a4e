#!/usr/bin/env bash
# What a person is told before and after: kept tables in status, dead letters in the dry run, dependents before a
# drop, the table that a history is of, and a comparison that can be stopped.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/rebuild.sh"
log 400 >log.ndjson

# tables that were adopted: kept, and serving again
sqlite3 a.db 'CREATE TABLE acc (k text PRIMARY KEY, n integer, at integer); INSERT INTO acc VALUES ("x", 7, 1)'
rebuild v1.sql a.db ./log.ndjson --yes --adopt
run evproject status --store a.db
check_status 0 "status"
check_grep "tells that adopted tables are kept" '^the tables that were adopted are kept for rollback' "$out"
check_grep "and that the ledger balances" '^the ledger balances' "$out"
run evproject status --store a.db --format json
check "in JSON too" jq -e '.kept == {version: null, fingerprint: null}' "$out"
run evproject rollback v1.sql --store a.db
run evproject status --store a.db
check_status 0 "status where no ledger describes what serves"
check_grep "says so" '^acc: the tables of another program serve' "$out"
check_grep "and what is kept" '^version 1 is kept for rollback' "$out"
run evproject status v1.sql --store a.db --format json
check "also in JSON" jq -e '.projection == "acc" and .version == null and .kept.version == 1' "$out"
run evproject status --store a.db --max-lag 5
check_status 2 "whose lag nobody knows"
rebuild v2.sql a.db ./log.ndjson --yes
run evproject status --store a.db
check_grep "a kept version is told by its number" '^version 1 is kept|^the tables that were adopted' "$out"

# old dead letters, and what is poison to the new version
off=0
{ rec add a 1; rec add b '"odd"'; rec add c '"odder"'; for i in {1..9}; do rec add d$i $((100 + i)); done; } >dead.ndjson
run evproject run v1.sql --store d.db --on-error dead ./dead.ndjson
sed 's/version 1/version 2/; s/n integer NOT NULL,/n integer NOT NULL CHECK (n < 102),/' v1.sql >strict.sql
rebuild strict.sql d.db --dry-run ./dead.ndjson
check_status 0 "a dry run"
check_grep "counts old letters" 'the old view has 2 dead letters' "$out"
check_grep "names them with their reasons" '^dead now +t/0@1: v1.sql:.*cannot hold' "$out"
check_grep "each" '^ +t/0@2: v1.sql:.*cannot hold' "$out"
check_grep "counts what is poison to the new version" '^new poison +8 among the 12 records' "$out"
check_grep "and names some of it" '^ +t/0@4: .*CHECK' "$out"
check_grep "not all" '^ +\.\.\. and 3 more' "$out"
check_no_grep "what is poison to both is not new" '^ +t/0@1' <(sed '/^dead now/,/^new poison/d' "$out")
rebuild v2.sql d.db --dry-run ./dead.ndjson
check_grep "nothing new is said to be nothing" '^new poison +0 among' "$out"

# a table that one version has not counts as change
sed 's/version 1/version 2/; /^-- @on add/i CREATE TABLE more (k text PRIMARY KEY);' v1.sql |
	sed '/^-- @on del/i INSERT INTO more (k) VALUES ($.k!) ON CONFLICT DO NOTHING;' >more.sql
build v1.sql m.db ./log.ndjson
rebuild more.sql m.db ./log.ndjson --yes --max-change 50
check_status 1 "the rows of a new table are change"
check_grep "with what they are, on stdout" '^more +0 +0 +0 +2[0-9] +a new table' "$out"
run evproject status more.sql --store m.db
check_grep "status offers both ways" '^to go on: the same command with a higher --max-change takes them; rebuild --abandon gives it up' "$out"
check_grep "and says that the file's version does not serve" 'warning: more.sql is not what serves: version 1 does, the file.s is being built' "$err"
rebuild more.sql m.db --abandon
rebuild more.sql m.db ./log.ndjson --yes
run evproject status v1.sql --store m.db
check_status 0 "status by an older file"
check_grep "says which version serves, and that its own is kept" 'warning: v1.sql is not what serves: version 2 does, the file.s is kept' "$err"
run evproject status more.sql --store m.db
check_no_grep "by the file of what serves it says nothing of the kind" "not what serves" "$err"
run evverify v1.sql --store m.db ./log.ndjson
check_grep "evverify by an older file says which one to give" '^hint: the store has the newer version 2: verify it with its file' "$err"
build v1.sql m1.db ./log.ndjson
run evproject diff m1.db m.db v1.sql
check_status 1 "diff finds it"
check_grep "with its rows" '^more +0 +0 +0 +2[0-9] +a new table' "$out"
run evproject diff m.db m1.db v1.sql --format json
check "and the other way round" jq -e '.tables[] | select(.table == "more") | .in_new == false and .only_old > 20' "$out"

# columns and tables that have other names
cat >n1.sql <<'SQL'
-- @projection named version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE one (id text PRIMARY KEY, v integer);
-- @on add
INSERT INTO one (id, v) VALUES ($.k!, $.n!) ON CONFLICT (id) DO UPDATE SET v = excluded.v;
SQL
sed 's/version 1/version 2/; s/\bv\b/w/g; s/\$\.n!/7 * $.n!/' n1.sql >column.sql
sed 's/version 1/version 2/; s/\bv\b/w/g; s/\bid\b/id2/g' n1.sql >columns.sql
sed 's/version 1/version 2/; s/\bone\b/two/g' n1.sql >table.sql
sed 's/version 1/version 2/; s/v integer/v integer, w integer/' n1.sql >wider.sql
build n1.sql n.db ./log.ndjson
for f in column columns table; do
	rebuild $f.sql n.db ./log.ndjson --yes --max-change 99
	check_status 1 "another name of a $f is change"
	check_grep "of all rows, not more" 'refused: 100.0 % of the rows change' "$err"
	check_no_grep "no row is called the same" 'rows are the same' "$err"
	rebuild $f.sql n.db --abandon
done
rebuild wider.sql n.db ./log.ndjson --yes --max-change 0
check_status 0 "a column that is only new is none"
check_grep "but told" 'all [0-9]+ rows are the same, but for tables or columns that are new' "$err"

# what of others depends on the tables is named before anything is dropped
build v1.sql o.db ./log.ndjson
sqlite3 o.db 'CREATE VIEW theirs AS SELECT k FROM acc; CREATE VIEW apart AS SELECT "acc" AS x;
	CREATE TABLE child (k text REFERENCES acc); CREATE TABLE lone (k text)'
run evproject drop acc --store o.db --yes
check_status 2 "a drop is refused while others depend on the tables"
check_grep "by name" 'a foreign key of table child, view theirs$' "$err"
check "nothing was dropped" test "$(sqlite3 o.db 'SELECT count(*) > 0 FROM theirs')" = 1
sqlite3 o.db 'DROP VIEW theirs; DROP TABLE child'
run evproject drop acc --store o.db --yes
check_status 0 "and goes when they are gone"
check "what is others' stays" test "$(sqlite3 o.db "SELECT group_concat(name) FROM sqlite_schema WHERE name IN ('apart', 'lone', 'acc')")" = apart,lone

# of several tables with such columns a history is of the one whose whole key is named
cat >h.sql <<'SQL'
-- @projection shop version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE lines (k text, n integer, PRIMARY KEY (k, n));
CREATE TABLE heads (k text PRIMARY KEY, n integer);
CREATE TABLE marks (at integer PRIMARY KEY, k text);
-- @on add
INSERT INTO heads (k, n) VALUES ($.k!, $.n!) ON CONFLICT (k) DO UPDATE SET n = excluded.n;
INSERT INTO lines (k, n) VALUES ($.k!, $.n!) ON CONFLICT DO NOTHING;
INSERT INTO marks (at, k) VALUES (:offset, $.k!) ON CONFLICT DO NOTHING;
SQL
off=0
{ rec add a 1; rec add a 2; rec add b 3; } >h.ndjson
run evproject history h.sql --row k=a ./h.ndjson
check_status 0 "a key of one table, and a column of others"
check_grep "is the table's whose key it is" '2 touched heads k=a' "$err"
run evproject history h.sql --row k=a,n=2 ./h.ndjson
check_status 2 "two tables whose whole key is named are asked about"
run evproject history h.sql --row n=2 ./h.ndjson
check_status 2 "so are several without"
check_grep "by name" 'several tables have such columns: heads, lines' "$err"
run evproject history h.sql --row n=2 --table lines ./h.ndjson
check_status 0 "--table decides"

# a plan, and a store, as a former version of ours wrote them
evproject run v1.sql --store f.db --quiet ./log.ndjson
rebuild v2.sql f.db ./log.ndjson --no-swap
sqlite3 f.db "UPDATE ev_rebuild SET plan = json_remove(plan, '\$.since')"
run evproject status --store f.db
check_grep "tells of a plan without a time when it was saved" 'rebuild to version 2: ready, since 20' "$out"
sqlite3 f.db "UPDATE ev_rebuild SET plan = json_remove(plan, '\$.rows'); DROP TABLE ev_rows"
run evproject status --store f.db
check_status 0 "status of a store without keys of rows"

# a first load keeps readers out of the file until it commits: a plan does not wait for that
evproject run v1.sql --store l.db --quiet ./log.ndjson
sqlite3 l.db 'PRAGMA journal_mode=DELETE' >/dev/null
mkfifo hold
sqlite3 l.db <hold >hold.out & holder=$!
exec 8>hold
echo "BEGIN EXCLUSIVE; SELECT 'held';" >&8
check "(the file is held)" wait_for 60 grep -q held hold.out
run timeout 60 evproject rebuild v2.sql --store l.db --dry-run --lock-wait 10m ./log.ndjson 8>&-
check_status 6 "a plan of a store that nobody can read is given up at once"
check_grep "and says what it is" "store 'l.db' is locked by another process, which lets nobody read it" "$err"
check_grep "with what to do" 'hint: a first load does so until it commits' "$err"
exec 8>&-
wait $holder

# the dry run of what serves already, and partitions in their order, as a file shows them in that of its records
off=0
{ rec add a 1 0 10 u; rec add a 1 0 2 u; rec add a 1 0 0 t; } >parts.ndjson
build v1.sql parts.db ./parts.ndjson
rebuild v1.sql parts.db ./parts.ndjson --dry-run
check_status 0 "a dry run of the version that serves"
check_grep "says that nothing would be done" "NOTHING WOULD BE DONE, as it serves already; with --again:" "$out"
check "lists partitions in order" test "$(awk '/^[tu].[0-9]/ { print $1 }' "$out" | xargs)" = "t/0 u/2 u/10"
rebuild v1.sql parts.db ./parts.ndjson --dry-run --again
check_no_grep "with --again it would be built" "NOTHING WOULD" "$out"

# a plan beside a rebuild that is in a long commit of its side file
build v1.sql busy.db ./log.ndjson
rebuild v2.sql busy.db ./log.ndjson --no-swap
mkfifo statements
sqlite3 busy.db-evshadow-acc <statements >locked.txt 2>&1 &
exec {statements}>statements
echo "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; UPDATE acc SET n = n; SELECT 'locked';" >&$statements
check "a rebuild keeps its file to itself" wait_for 60 grep -q '^locked' locked.txt
rebuild v2.sql busy.db ./log.ndjson --dry-run --lock-wait 200ms
check_status 0 "the dry run prints the plan all the same"
check_grep "and says what it could not look at" "the rebuild under way is writing: what it has passed is not looked at" "$err"
exec {statements}>&-
wait

# a reason that is too long for a message, and is cut in the midst of a letter
long=$(printf 'é%.0s' {1..900})
for begin in x xx; do
	rm -f cut.db*
	build v1.sql cut.db ./log.ndjson
	sed "s/at integer)/at integer, CHECK (n < 5 OR k = '$begin$long'))/" v2.sql >cut.sql
	rebuild cut.sql cut.db ./log.ndjson --yes
	check_status 5 "a rebuild that fails for a long reason ($begin)"
	run evproject status --store cut.db
	check_grep "  status knows it" 'the last call ended with: t/0@[0-9]+: cut.sql:[0-9]+: CHECK constraint failed: n < 5' "$out"
	check_grep "  and what goes on" '^to go on: the same command with --on-error dead' "$out"
done

# the swap is done, and what was kept before cannot be removed
sed 's/version 2/version 3/' v2.sql >v3.sql
build v1.sql left.db ./log.ndjson
rebuild v2.sql left.db ./log.ndjson --yes
sqlite3 left.db "CREATE TRIGGER stays BEFORE DELETE ON ev_projection WHEN old.name = 'acc (gone)' BEGIN SELECT RAISE(ABORT, 'it stays'); END"
rebuild v3.sql left.db ./log.ndjson --yes --again
check_status 4 "a rebuild that cannot remove what it has left"
check_grep "says that the new version serves" 'version 3 serves, but what the rebuild has left is not removed yet: .*it stays' "$err"
check "which it does" test "$(sqlite3 left.db "SELECT version FROM ev_projection WHERE name = 'acc'")" = 3
sqlite3 left.db 'DROP TRIGGER stays'
rebuild v3.sql left.db ./log.ndjson --yes
check_status 0 "the next call removes it"
check "all of it" only_tables left.db acc ev_kept_acc

# what is missing in the call
run evproject status --store nowhere.db
check_status 4 "a store that is not there"
check_grep "is said to be that" "cannot open store 'nowhere.db': there is no such file" "$err"
check_grep "and what makes it" "^hint: evproject run makes it" "$err"
run evproject run --store x.db
check_grep "a missing file is asked for with an example" "^hint: name it first, for example view.sql" "$err"

# a comparison is stopped by a signal
sqlite3 m.db "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 3000000) INSERT INTO more SELECT i FROM c"
cp m.db m2.db
evproject diff m.db m2.db more.sql >"$out" 2>"$err" & pid=$!
reading() { grep -q '^rchar: [0-9]\{8,\}' /proc/$pid/io; }
wait_for 60 reading
kill -INT $pid
wait $pid; status=$?
check_status 130 "a comparison that is interrupted ends with 128+2"
check "and says nothing of the rows" test ! -s "$out"
done_testing
