#!/usr/bin/env bash
# evproject history --scratch postgresql://...: the same as in memory, and nothing is left behind.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
EV_STORE=sqlite . "$TOP/tests/evproject.sh"
database db
schemas() { psql -qAtX "$db" -c "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'ev%'"; }
history() { run timeout 60 evproject history "$@" --format json; }
for i in {1..400}; do
	case $((i * 7919 % 11)) in
	0) rec del "k$((i * 31 % 9))" 0 ;;
	1|2) rec put "k$((i * 17 % 13))" $((i % 3)) ;; # often of a row that is not there: poison
	3) rec add "k$((i * 13 % 9))" '"x"' ;;
	*) rec add "k$((i * 5 % 9))" $((i % 4)) "$off" $((i % 2)) ;;
	esac
done >mix.ndjson
for k in k1 k4 k8; do
	history p.sql --row k=$k ./mix.ndjson
	mv "$out" memory.json && mv "$err" memory.err
	history p.sql --row k=$k --scratch "$db" ./mix.ndjson
	check "$k: the events are those of SQLite" cmp memory.json "$out"
	check "$k: (both found some)" test "$status" = 0
	check "$k: as many are poison" test "$(grep -c 'is poison' memory.err)" = "$(grep -c 'is poison' "$err")"
done
check "(there are some)" test "$(cat memory.json memory.err | wc -l)" -gt 5
check "nothing stays in the database" test -z "$(schemas)"

# a statement on the row that is undone, as the record is poison, is no touch by the next record
printf '%s\n' '-- @projection undone version 1' '-- @topics t' '-- @envelope type=$.type' '-- @schema' \
	'CREATE TABLE undone (k text PRIMARY KEY, n integer NOT NULL);' '-- @on add' \
	'INSERT INTO undone (k, n) VALUES ($.k, $.n);' '-- @on bad' 'UPDATE undone SET n = n + 1 WHERE k = $.k;' \
	'UPDATE undone SET n = NULL WHERE k = $.k;' >undone.sql
off=0
{ rec add k1 1; rec bad k1 1; rec add k2 1; } | sed 's/"key":"[^"]*"/"key":null/' >undone.ndjson
history undone.sql --row k=k1 --scratch "$db" ./undone.ndjson
check "a record that was poison leaves the row as it was" test "$(jq -c '[.offset, .row]' "$out" | tr '\n' ' ')" = '[0,"inserted"] '
check_grep "(it was poison)" 't/0@1 is poison' "$err"

# only PostgreSQL has these: a schema of its own, its types, rows touched from afar
cat >pg.sql <<'SQL'
-- @projection pg version 1
-- @topics t
-- @envelope type=$.type
-- @schema postgresql
CREATE TABLE head (id uuid PRIMARY KEY, amount numeric(12,2), doc jsonb, at timestamptz);
CREATE TABLE line (id uuid REFERENCES head (id) ON DELETE CASCADE, no integer, PRIMARY KEY (id, no));
-- @on head
INSERT INTO head (id, amount, doc, at) VALUES ($.id, $.amount, $.doc, :time)
ON CONFLICT (id) DO UPDATE SET amount = excluded.amount;
-- @on line
INSERT INTO line (id, no) VALUES ($.id, $.no);
-- @on all
UPDATE head SET amount = amount;
-- @on gone
DELETE FROM head WHERE id = $.id;
SQL
u=00000000-0000-0000-0000-00000000002a
off=0
ev() { jq -nc --argjson v "$1" --argjson o "$off" '{topic: "t", partition: 0, offset: $o, timestamp: (1763200000000 + $o), key: null, headers: [], value: $v}'; off=$((off + 1)); }
{
	ev "{\"type\":\"head\",\"id\":\"$u\",\"amount\":1.5,\"doc\":{\"a\":[1]}}"
	ev "{\"type\":\"line\",\"id\":\"$u\",\"no\":1}"
	ev '{"type":"head","id":"00000000-0000-0000-0000-00000000002b","amount":2}'
	ev '{"type":"all"}'
	ev "{\"type\":\"gone\",\"id\":\"$u\"}"
} >pg.ndjson
history pg.sql --row id=${u^^} --table head --scratch "$db" ./pg.ndjson
check "values are compared by type, and an update that changes nothing is a touch" test \
	"$(jq -c '[.offset, .row]' "$out" | tr '\n' ' ')" = '[0,"inserted"] [3,"unchanged"] [4,"deleted"] '
check_grep "exact decimals stay as they are" '"amount":"?1\.50' "$out"
history pg.sql --row id=$u,no=1 --scratch "$db" ./pg.ndjson
check "a cascade is seen" test "$(jq -c '[.offset, .row]' "$out" | tr '\n' ' ')" = '[1,"inserted"] [4,"deleted"] '
history pg.sql --row id=x --table head --scratch "$db" ./pg.ndjson
check "a value that the column's type cannot be is an error" test "$status" -eq 2
check_grep "which says so" 'uuid' "$err"
check "nothing stays after an error" test -z "$(schemas)"
history pg.sql --row id=$u --table head --scratch postgresql://nobody@127.0.0.1:1/none ./pg.ndjson
check_status 4 "no server, no history"
super "REVOKE CREATE ON DATABASE $(basename "$db") FROM app; ALTER DATABASE $(basename "$db") OWNER TO postgres" >/dev/null 2>&1
history p.sql --row k=a --scratch "$db" ./mix.ndjson
check_status 4 "a role that may not make a schema"
check_grep "is told so" 'permission denied' "$err"
done_testing
