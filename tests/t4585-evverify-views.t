# evverify: the SQL views that a file declares are in the store as the file says.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/evverify.sh"
cat >p.sql <<'SQL'
-- @projection acc version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE acc (k text PRIMARY KEY, n bigint);
CREATE VIEW big AS SELECT k, n FROM acc
  WHERE n > 3; -- as a person would say
CREATE VIEW bigger AS SELECT k FROM big WHERE n > 30 ORDER BY k LIMIT 5;
-- @on add
INSERT INTO acc (k, n) VALUES ($.k, $.n) ON CONFLICT (k) DO UPDATE SET n = acc.n + excluded.n;
SQL
for i in {1..9}; do rec add "k$((i % 4))" "$i"; done >log.ndjson
project s.db ./log.ndjson
check_status 0 "there is a view of rows with two of SQL"
verify s.db ./log.ndjson
check_status 0 "they are as the file says"
check_grep "and counted" 'acc: views 2 = matched 2' "$out"
other() { # NAME SQL: damaged.db has another definition
	forget damaged.db
	project damaged.db ./log.ndjson
	sql damaged.db "DROP VIEW ${3:-bigger}; $2" >/dev/null
	verify damaged.db ./log.ndjson --format json
	check_status 1 "seen: $1"
	check "and which" says "[.modes[0].findings[].kind] == [\"view\"] and .modes[0].findings[0].subject == \"bigger\""
}
other "another number in a view" 'CREATE VIEW bigger AS SELECT k FROM big WHERE n > 31 ORDER BY k LIMIT 5'
other "another limit, of which no plan speaks" 'CREATE VIEW bigger AS SELECT k FROM big WHERE n > 30 ORDER BY k LIMIT 6'
other "a view that is gone" 'SELECT 1'
check "which is said" says '.modes[0].findings[0].text == "the store has no such view"'
other "a table of its name" 'CREATE TABLE bigger (k text)'
forget damaged.db
project damaged.db ./log.ndjson
sql damaged.db 'DROP VIEW bigger; create view bigger as select  k /* the key */ from big where n > 30 order by k limit 5'
verify damaged.db ./log.ndjson
check_status 0 "the layout of a view says nothing"

# of a version that a rebuild has put in its place, by the same file laid out otherwise
sed -i 's/ -- as a person would say//; s/^CREATE VIEW big AS/create view big as/' p.sql
run evproject rebuild p.sql --again --yes --store "$(store s.db)" ./log.ndjson
check_status 0 "it is built anew"
verify s.db ./log.ndjson
check_status 0 "and its views are the file's"
verify s.db ./log.ndjson --drill --rows
check_status 0 "a drill has copies of tables alone"
verify s.db ./log.ndjson --receipt r.json
check_status 0 "a receipt is written"
check "with the views in its coverage" jq -e '[.. | objects | select(.what? == "views")] | .[0].total == 2' r.json
if on postgresql; then
	run evverify p.sql --store "$(store s.db)" ./log.ndjson
	check_status 2 "without a scratch store they cannot be compared, and nothing passes"
	check_grep "which is said" 'SQL views' "$err"
	check_grep "with what is to be done" 'hint: .*--scratch' "$err"
	run evproject check p.sql --store "$(store s.db)"
	check_grep "and known before" '^  proof     wants --scratch URL: SQL views' "$out"
	run evverify p.sql --store "$(store s.db)" ./log.ndjson --counts --checks --allow-empty
	check_status 0 "other modes do without"
	sql s.db 'DROP VIEW bigger'
	run evverify p.sql --store "$(store s.db)" ./log.ndjson --counts
	check_status 4 "but the views must be there"
	check_grep "by name" "table 'bigger' of the view is not in store" "$err"
fi
done_testing
