#!/usr/bin/env bash
# evproject history: every event that touched a row, and the row after each; in memory
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
history() { run timeout 60 evproject history "$@"; }
# touches: topic/partition@offset:what for each line of NDJSON in $out
touches() { jq -r '"\(.topic)/\(.partition)@\(.offset):\(.row)"' "$out" | tr '\n' ' '; }

# row, change, no change, deleted, touched nothing, another row, the tombstone
{ rec add a 1; rec add b 1; rec add a 2; rec put a 3; rec put a 3; rec del a 0; rec del a 0; rec add a 7; } >a.ndjson
echo '{"topic":"t","partition":0,"offset":8,"timestamp":1763200000008,"key":"a","headers":[],"value":null}' >>a.ndjson
history p.sql --row k=a ./a.ndjson
check_status 0 "a row's history"
sed -i 's/ *$//' "$out"
check_out "every event that touched it, what it changed, and nothing else" <<'END'
time                      record  type       row        column  change
2025-11-15T09:46:40.000Z  t/0@0   add        inserted   k       a
                                                        n       1
                                                        at      0
2025-11-15T09:46:40.002Z  t/0@2   add        changed    n       1 -> 3
                                                        at      0 -> 2
2025-11-15T09:46:40.003Z  t/0@3   put        unchanged
2025-11-15T09:46:40.004Z  t/0@4   put        unchanged
2025-11-15T09:46:40.005Z  t/0@5   del        deleted
2025-11-15T09:46:40.007Z  t/0@7   add        inserted   k       a
                                                        n       7
                                                        at      7
2025-11-15T09:46:40.008Z  t/0@8   tombstone  deleted
END
check_grep "how many were read and found" '9 records read in .*, 7 touched acc k=a' "$err"
history p.sql --row k=a --format json --quiet ./a.ndjson
check "as NDJSON: place, time, type, and the row before and after" test "$(sed -n 2p "$out")" = \
	'{"topic":"t","partition":0,"offset":2,"timestamp":1763200000002,"time":"2025-11-15T09:46:40.002Z","type":"add","tombstone":false,"row":"changed","before":{"k":"a","n":1,"at":0},"after":{"k":"a","n":3,"at":2}}'
check "a deletion has no row after" jq -se '.[4].after == null and .[4].before.n == 3 and .[6].tombstone' "$out"
check "--quiet is quiet" test ! -s "$err"
history p.sql --row k=zz ./a.ndjson
check_status 1 "a row that no event touched"
check "prints nothing" test ! -s "$out"
check_grep "and says so" ' 0 touched acc k=zz' "$err"
history p.sql --row k=a --to 3 --format json ./a.ndjson
check "a range ends it" test "$(touches)" = "t/0@0:inserted t/0@2:changed "
history p.sql --row k=a --from 2 --to 3 --format json ./a.ndjson
check "or begins it, with an empty view" test "$(touches)" = "t/0@2:inserted "
history p.sql --row k=a ./a.ndjson --format json </dev/null >/dev/null
check "no store is made" test -z "$(compgen -G '*.db*')"

# poison in the midst of a batch, which is then done again: nothing is told twice
{ cat a.ndjson; rec put c 1 9; rec add b '"x"'; rec add b 5; rec add a 1; } >poison.ndjson
history p.sql --row k=a --format json ./poison.ndjson
check_status 0 "poison is passed over"
check "it is named" grep -q 't/0@9 is poison and passed over: p.sql:12: .*must touch' "$err"
check_grep "with its reason" 't/0@10 is poison .* cannot hold' "$err"
check_grep "where it was folded is told, as another store may hold it" 'folded in SQLite: .*--scratch postgresql://' "$err"
check_grep "what waits behind it is counted" '1 later record .* held back' "$err"
check "and every touch is told once" test "$(touches)" = \
	"t/0@0:inserted t/0@2:changed t/0@3:unchanged t/0@4:unchanged t/0@5:deleted t/0@7:inserted t/0@8:deleted t/0@12:inserted "
history p.sql --row k=b --format json ./poison.ndjson
check "poison touches nothing" test "$(touches)" = "t/0@1:inserted "
for ((i = 0; i < 15; i++)); do rec put c$i 1 $((20 + i)); done >many.ndjson
history p.sql --row k=a ./many.ndjson
check "of much poison the first ones are named" test "$(grep -c 'is poison' "$err")" = 10
check_grep "and the others counted" '5 more records are poison' "$err"

# a view of PostgreSQL is not folded in SQLite unasked: every event would be poison there
sed 's/at integer);/at integer, doc jsonb, tags text[]);/' p.sql >pg.sql
history pg.sql --row k=a ./a.ndjson
check_status 2 "columns that SQLite has not"
check_grep "are named" "pg.sql: acc.doc is jsonb, which SQLite has not" "$err"
check_grep "and where to fold them" '^hint: .*--scratch postgresql://' "$err"
history pg.sql --row k=a --scratch new.db --format json ./a.ndjson
check "in a file it is as asked" test "$(touches | wc -w)" = 7
sed -i 's/^-- @schema$/-- @schema sqlite/' pg.sql
history pg.sql --row k=a --format json ./a.ndjson
check "and what is said to be SQLite's is" test "$(touches | wc -w)" = 7

# what reaches a row from afar; columns of every kind
cat >far.sql <<'SQL'
-- @projection far version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE head (id integer PRIMARY KEY, name text UNIQUE, Code text COLLATE NOCASE, x real, b blob);
CREATE TABLE line (id integer REFERENCES head (id) ON DELETE CASCADE, no integer, what, PRIMARY KEY (id, no));
CREATE VIEW heads AS SELECT * FROM head;
-- @on head
INSERT OR REPLACE INTO head (id, name, Code, x, b) VALUES ($.id!, $.name, $.code, $.x, :header('b'));
-- @on line
INSERT INTO line (id, no, what) VALUES ($.id, $.no, $.what);
-- @on gone
DELETE FROM head WHERE id = $.id;
-- @on all
UPDATE head SET x = x + 1;
-- @on brief
INSERT INTO head (id, name) VALUES ($.id, $.name);
DELETE FROM head WHERE id = $.id;
-- @on move
UPDATE head SET id = $.to WHERE id = $.id;
-- @on half
UPDATE head SET x = 100 WHERE id = $.id;
INSERT INTO line (id, no) VALUES (999, 1);
SQL
ev() { jq -nc --argjson v "$1" --argjson o "$off" '{topic: "t", partition: 0, offset: $o, timestamp: (1763200000000 + $o), key: null, headers: [["b", {base64: "/w=="}]], value: $v}'; off=$((off + 1)); }
off=0
{
	ev '{"type":"head","id":42,"name":"n","code":"Ab","x":1.5}'
	ev '{"type":"line","id":42,"no":1,"what":7}'
	ev '{"type":"line","id":42,"no":2,"what":"7"}'
	ev '{"type":"all"}'
	ev '{"type":"line","id":42,"no":3,"what":"a,b=\u001b[31m"}'
	ev '{"type":"head","id":43,"name":"n","code":"042","x":9}'
	ev '{"type":"brief","id":44,"name":"m"}'
	ev '{"type":"move","id":43,"to":45}'
	ev '{"type":"gone","id":45}'
} >far.ndjson
history far.sql --row id=42 --table head --format json ./far.ndjson
check "a statement without WHERE, and a REPLACE by another key, touch the row" test "$(touches)" = \
	"t/0@0:inserted t/0@3:changed t/0@5:deleted "
check "an integer column is compared as one, and bytes and fractions are kept" \
	jq -se '.[1].after == {id: 42, name: "n", Code: "Ab", x: 2.5, b: {base64: "/w=="}}' "$out"
history far.sql --row id=42,no=2 --format json ./far.ndjson
check "several columns, and the table that has them all; a cascade touches" test "$(touches)" = \
	"t/0@2:inserted t/0@5:deleted "
history far.sql --row id=042 --row no=2 --format json ./far.ndjson
check "--row twice; numbers are compared as numbers" test "$(touches)" = "t/0@2:inserted t/0@5:deleted "
history far.sql --row code=042 --format json ./far.ndjson
check "texts as texts, and names in any case" test "$(touches)" = "t/0@5:inserted t/0@7:changed t/0@8:deleted "
history far.sql --row code=42 --format json ./far.ndjson
check_status 1 "so 42 is not 042"
history far.sql --row Code=AB --format json ./far.ndjson
check "by the column's collation" test "$(touches)" = "t/0@0:inserted t/0@3:changed t/0@5:deleted "
history far.sql --row x=2.5 --format json ./far.ndjson
check "a row by a value that it has for a while" test "$(touches)" = "t/0@3:inserted t/0@5:deleted "
history far.sql --row id=44 --table head ./far.ndjson
check_grep "inserted and deleted by one event" 't/0@6 +brief +inserted and deleted *$' "$out"
history far.sql --row id=45 --table head --format json ./far.ndjson
check "a row that gets another key is another row" test "$(touches)" = "t/0@7:inserted t/0@8:deleted "
history far.sql --row id=43 --table head --format json ./far.ndjson
check "and is gone under the one it had" test "$(touches)" = "t/0@5:inserted t/0@7:deleted "
off=1
{ head -n 1 far.ndjson; ev '{"type":"half","id":42}'; ev '{"type":"all"}'; } >half.ndjson
history far.sql --row id=42 --table head --format json ./half.ndjson
check "what poison has touched before it failed is undone, and no event" \
	jq -se 'map([.offset, .row, .after.x]) == [[0, "inserted", 1.5], [2, "changed", 2.5]]' "$out"
history far.sql --row what='a,b=' ./far.ndjson
check_status 2 "a comma with a name and = behind it begins another column"
check_grep "here one of another table" "no table with all these columns" "$err"
history far.sql --row "what=a,b" ./far.ndjson
check_status 1 "without = it is part of the value"
history far.sql --row 'what="a,b='$'\e''[31m",no=3' --format json ./far.ndjson
check "unless it stands in quotes" test "$(touches)" = "t/0@4:inserted t/0@5:deleted "
off=0
{ ev '{"type":"head","id":1,"name":"n"}'; ev '{"type":"line","id":1,"no":1,"what":"\"x\",no=2"}'; ev '{"type":"line","id":1,"no":2,"what":"\"x"}'; } >quotes.ndjson
history far.sql --row 'what="""x"",no=2"' ./quotes.ndjson
check_grep "two stand for one there" '1 touched line what="""x"",no=2"$' "$err"
history far.sql --row 'what="""x"' --format json ./quotes.ndjson
check "also one that it begins with" test "$(touches)" = "t/0@2:inserted "
for row in 'what="x' 'what="x""' 'what="x"y' 'what="'; do
	history far.sql --row "$row" ./quotes.ndjson
	check_grep "$row has quotes that do not end" "the quotes of the value of 'what' do not end" "$err"
done
history far.sql --row id=42,no=3 ./far.ndjson
check_grep "control characters are escaped" 'what +a,b=\\x1b' "$out"
check "and none is printed" test -z "$(tr -dc '\033' <"$out")"
history far.sql --row what=7 ./far.ndjson
check_status 2 "two rows of that name; a column without a type may hold 7 and '7'"
check_grep "are an error" "more than one row of 'line' has what=7" "$err"
check_grep "that says what to do" '^hint: .*all columns of its key' "$err"

# usage
refused() { # refused TEXT REGEX ARGS...
	history "${@:3}"
	check_status 2 "$1"
	check_grep "$1: named" "$2" "$err"
}
refused "no row" 'which row\?' p.sql ./a.ndjson
refused "a row without =" "COLUMN=VALUE, not 'k'" p.sql --row k ./a.ndjson
refused "a column twice" "names the column 'K' twice" p.sql --row k=1,K=2 ./a.ndjson
refused "an unknown column" "no table with a column 'nn'" p.sql --row nn=1 ./a.ndjson
sed 's/line (id integer REFERENCES head (id) ON DELETE CASCADE, no integer, what, PRIMARY KEY (id, no))/line (id integer PRIMARY KEY, no integer, what)/' far.sql >twice.sql
refused "columns of several tables" 'several tables have such columns: (head, line|line, head)$' twice.sql --row id=42 ./far.ndjson
check_grep "with a hint" '^hint: .*--table' "$err"
refused "columns of no one table" 'no table with all these columns' far.sql --row no=1,name=n ./far.ndjson
refused "an unknown table" "has no table 'heda'" far.sql --table heda --row id=1 ./far.ndjson
check_grep "with a suggestion" "did you mean 'head'" "$err"
refused "a view" "has no table 'heads'" far.sql --table heads --row id=1 ./far.ndjson
refused "a column of another table" "table 'line' has no column 'nam'" far.sql --table line --row nam=1 ./far.ndjson
refused "--key and a file" "--key picks a partition of a topic, and './a.ndjson' is a file" p.sql --row k=a --key a ./a.ndjson
refused "--key and partitions" "--key picks the partition of 't'" p.sql --row k=a --key a t/0
refused "--no-merge" '--no-merge has no place' p.sql --row k=a --no-merge ./a.ndjson
sed 's/^-- @topics.*/&\n-- @reads other/' p.sql >reads.sql
refused "@reads" '@reads' reads.sql --row k=a ./a.ndjson
sed 's/^-- @schema/& postgresql/' p.sql >pg.sql
refused "no schema for SQLite" 'pg.sql has no schema for SQLite' pg.sql --row k=a ./a.ndjson
check_grep "says what to do" '^hint: .*--scratch postgresql://' "$err"

# elsewhere than in memory
history p.sql --row k=a --format json --quiet ./a.ndjson
cp "$out" memory.json
history p.sql --row k=a --format json --quiet --scratch sqlite:scratch.db ./a.ndjson
check "a scratch file gives the same" cmp memory.json "$out"
check "and goes away" test -z "$(compgen -G '*scratch*')"
: >there.db
refused "a scratch file that is there" "'there.db' is there already" p.sql --row k=a --scratch there.db ./a.ndjson
check "is left alone" test -e there.db
evproject history p.sql --row k=a --format json ./a.ndjson >/dev/full 2>"$err"; status=$?
check_status 4 "a full disk under the output is an error"
evproject history p.sql --row k=a ./a.ndjson >/dev/full 2>"$err"; status=$?
check_status 4 "also of a table"
rec add 'z\u0000y' 1 >nul.ndjson
history p.sql --row n=1 ./nul.ndjson
check_grep "a text is shown behind a NUL as well" 'k +z.x00y' "$out"
for i in {0..999}; do rec add a 1; done >long.ndjson
evproject history p.sql --row k=a --format json --quiet ./long.ndjson 2>"$err" | head -n 1 >"$out"; status=${PIPESTATUS[0]}
check_status 0 "a closed pipe is a quiet end"
check "with what was read" test -s "$out"
check "and no word" test ! -s "$err"

# against the view itself: each row's last state is the view's, and each state follows from the one before
n=$((EFFORT >= 10 ? 6 : 1))
"$TOP/scripts/generate" orders $((500 * n)) 7 >orders.ndjson
evproject run "$TOP/projections/orders.sql" --store orders.db --quiet --on-error dead ./orders.ndjson
keys=$({ sqlite3 orders.db "SELECT order_id FROM orders ORDER BY random() LIMIT $n"; jq -r .key orders.ndjson | shuf -n $n; } | sort -u)
for key in $keys; do
	history "$TOP/projections/orders.sql" --row order_id="$key" --table orders --format json --quiet ./orders.ndjson
	sqlite3 -json orders.db "SELECT * FROM orders WHERE order_id = '$key'" | jq -c '.[0]' >want
	[ -s want ] || echo null >want
	check "$key: the last state is the view's" cmp want <(jq -sc '(.[-1] // {after: null}).after' "$out")
	check "$key: each begins where the one before ended" jq -se \
		'. as $e | all(range(length); $e[.].before == (if . == 0 then null else $e[. - 1].after end))' "$out"
	check "$key: no event of another order" jq -se --arg k "$key" 'all(.[]; (.after // .before).order_id == $k)' "$out"
done
done_testing
