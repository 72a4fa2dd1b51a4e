# What bit others who keep a view of a log in a database; each with the project that it once bit.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
balanced() { ledger "$1" '.balanced'; }
projection() { # projection FILE <<SQL: schema and handlers of a projection of its own name
	{ printf -- '-- @projection %s version 1\n-- @topics t, u\n-- @envelope type=$.type\n' "${1%.sql}"; cat; } >"$1"
}
line() { # line OFFSET VALUE [KEY [PARTITION]]: KEY as JSON
	printf '{"topic":"t","partition":%d,"offset":%s,"timestamp":%s,"key":%s,"headers":[],"value":%s}\n' \
		"${4:-0}" "$1" $((1763200000000 + ${1%??????????})) "${3:-\"k\"}" "$2"
}
into() { run evproject run "$2" --store "$(store "$1")" "${@:3}"; } # into STORE FILE ARGS...

# zero events: a rebuild waited for ever (marten#2519, #2597)
: >none.ndjson
run timeout 60 evproject run p.sql --store "$(store zero.db)" --check ./none.ndjson
check_status 0 "no events: a run ends"
check "no events: with tables that are there and empty" test "$(sql zero.db 'SELECT count(*) FROM acc')" = 0
run timeout 60 evproject rebuild p.sql --store "$(store zero.db)" --again --yes ./none.ndjson
check_status 0 "no events: so does a rebuild"

# rebuilt twice: the second did nothing (marten#577), or lost rows (marten#3690)
{ for i in 1 2 3; do rec add a $i; rec add b 1; done; } >two.ndjson
project twice.db ./two.ndjson
dump twice.db >once
for i in 1 2; do
	run evproject rebuild p.sql --store "$(store twice.db)" --again --yes ./two.ndjson
	check_status 0 "rebuild number $i"
	check "rebuild number $i: gives the same rows" cmp once <(dump twice.db)
done

# a gap of offsets: took as long as if every one were there, or stopped (marten#624)
off=0
{ rec add a 1 5; rec add a 1 4000000000000000000; rec add a 1 9223372036854775000; } >gap.ndjson
sed 's/at integer/at bigint/' p.sql >gap.sql
run timeout 20 evproject run gap.sql --store "$(store gap.db)" ./gap.ndjson
check_status 0 "a huge gap of offsets"
check "is counted, not walked" ledger gap.db '.balanced and .partitions[0].next == 9223372036854775001'
check "and the rows are there" test "$(dump gap.db)" = 'a|3|9223372036854775000'

# all columns are the key: there is nothing to SET (risingwave#25252)
projection pair.sql <<'SQL'
-- @schema
CREATE TABLE pair (a text, b text, PRIMARY KEY (a, b));
-- @on put
INSERT INTO pair (a, b) VALUES ($.a, $.b) ON CONFLICT (a, b) DO NOTHING;
-- @on del
DELETE FROM pair WHERE a = $.a AND b = $.b;
SQL
n=0
for t in put put del put; do line $n "{\"type\":\"$t\",\"a\":\"x\",\"b\":\"y\"}"; n=$((n + 1)); done >pair.ndjson
into pair.db pair.sql ./pair.ndjson
check "a table where every column is the key" test "$status $(sql pair.db 'SELECT * FROM pair')" = '0 x|y'

# the key of every row changes in one batch: half of the rows were lost (risingwave#12026), as were those
# that came again after their deletion (flink#12803, DBZ-7830)
projection moved.sql <<'SQL'
-- @schema
CREATE TABLE moved (k bigint PRIMARY KEY, v text);
-- @on put
INSERT INTO moved (k, v) VALUES ($.k, $.v);
-- @on move
DELETE FROM moved WHERE k = $.k;
INSERT INTO moved (k, v) VALUES ($.k + 1000, $.v);
SQL
n=0
for ((i = 0; i < 500; i++)); do line $n "{\"type\":\"put\",\"k\":$i,\"v\":\"v$i\"}"; n=$((n + 1)); done >moved.ndjson
for ((i = 0; i < 500; i++)); do line $n "{\"type\":\"move\",\"k\":$i,\"v\":\"v$i\"}"; n=$((n + 1)); done >>moved.ndjson
for ((i = 0; i < 500; i++)); do line $n "{\"type\":\"put\",\"k\":$i,\"v\":\"again\"}"; n=$((n + 1)); done >>moved.ndjson
for batch in 1000000 13; do
	forget moved.db
	into moved.db moved.sql --batch $batch ./moved.ndjson
	check "keys of a whole table change, batches of $batch" test "$status $(sql moved.db "SELECT count(*), min(k), max(k),
		count(CASE WHEN v = 'again' THEN 1 END) FROM moved")" = '0 1000|0|1499|500'
done

# the same key twice in one statement of many rows: "cannot affect row a second time" (dbz#2356)
projection each.sql <<'SQL'
-- @schema
CREATE TABLE demand (sku text PRIMARY KEY, qty bigint NOT NULL);
-- @on put each $.items
INSERT INTO demand (sku, qty) VALUES ($item.sku, $item.qty)
ON CONFLICT (sku) DO UPDATE SET qty = demand.qty + excluded.qty;
SQL
line 0 '{"type":"put","items":[{"sku":"a","qty":1},{"sku":"b","qty":5},{"sku":"a","qty":2}]}' >each.ndjson
line 1 '{"type":"put","items":[{"sku":"a","qty":4}]}' >>each.ndjson
into each.db each.sql ./each.ndjson
check "a key twice in one event and in one batch" test "$status $(sql each.db 'SELECT * FROM demand ORDER BY 1' | tr '\n' ' ')" = '0 a|7 b|5 '

# more than 65535 parameters in one statement (pgjdbc, under JDBC sinks with large batches)
awk 'BEGIN { printf "{\"topic\":\"t\",\"partition\":0,\"offset\":2,\"timestamp\":1,\"key\":null,\"headers\":[],\"value\":{\"type\":\"put\",\"items\":["
	for (i = 0; i < 70000; i++) printf "%s{\"sku\":\"s%d\",\"qty\":1}", i ? "," : "", i % 1000
	print "]}}" }' >>each.ndjson
into each.db each.sql ./each.ndjson
check "an event of 70000 elements" test "$status $(sql each.db 'SELECT count(*), sum(qty) FROM demand')" = '0 1002|70012'

# a unique index beside the key: the upsert does not see it (debezium#7801)
projection uniq.sql <<'SQL'
-- @schema
CREATE TABLE users (id text PRIMARY KEY, mail text UNIQUE);
-- @on put
INSERT INTO users (id, mail) VALUES ($.id, $.mail) ON CONFLICT (id) DO UPDATE SET mail = excluded.mail;
-- @on del
DELETE FROM users WHERE id = $.id;
SQL
{ line 0 '{"type":"put","id":"1","mail":"m"}' '"1"'; line 1 '{"type":"put","id":"2","mail":"m"}' '"2"'
	line 2 '{"type":"put","id":"2","mail":"n"}' '"2"'; line 3 '{"type":"del","id":"1"}' '"1"'
	line 4 '{"type":"put","id":"3","mail":"m"}' '"3"'; } >uniq.ndjson
into uniq.db uniq.sql --on-error dead ./uniq.ndjson
check "a second unique index: the event that breaks it is poison, what frees the value counts" \
	test "$status $(sql uniq.db 'SELECT * FROM users ORDER BY 1' | tr '\n' ' ')" = '0 3|m '
check "and it holds back its key alone" ledger uniq.db '.balanced and .dead == 1 and .held == 1 and .partitions[0].applied == 3'

# the table is altered under a run, in the midst of a batch: columns mixed up, or events skipped as bad, by sinks that
# keep a table's definition (kafka-connect-jdbc)
mkfifo feed
url=$(store alter.db)
evproject run p.sql --store "$url" --follow --on-error dead - <feed 2>alter.err &
pid=$!
exec 7>feed
off=0
rec add a 1 >&7
at() { ledger alter.db ".partitions[0].applied == $1"; }
check "(a follower applies)" wait_for 60 at 1
sql alter.db 'ALTER TABLE acc ADD COLUMN more text'
rec add a 1 >&7
check "a column that is added under a run disturbs nobody" wait_for 60 at 2
sql alter.db 'ALTER TABLE acc DROP COLUMN n'
rec add a 1 >&7
exec 7>&-
wait $pid
status=$?
check_status 4 "one that is dropped is the store's fault"
check "and makes no dead letter" ledger alter.db '.balanced and .dead == 0 and .partitions[0].next == 2'

# a tombstone alone, and a deletion without one (debezium-connector-jdbc#43)
off=0
{ rec add a 1; rec add b 1; rec del a 0; line 3 null '"b"'; line 4 null '"nobody"'; line 5 null null; } >tomb.ndjson
project tomb.db ./tomb.ndjson
check "deletions by event and by tombstone, also of what is not there" test "$status $(sql tomb.db 'SELECT count(*) FROM acc')" = '0 0'
check "all of them counted" ledger tomb.db '.balanced and .partitions[0].applied == 6'

# records without a key: passed over without a trace (ksql#8658, ksql#1705)
{ line 0 '{"type":"add","k":"a","n":1}' null; line 1 '{"type":"add","n":1}' null; line 2 '{"type":"add","k":"a","n":1}' null; } >nokey.ndjson
project nokey.db --on-error dead ./nokey.ndjson
check "records without a key are applied" test "$(dump nokey.db)" = 'a|2|2'
check "and what cannot be is there to be seen" ledger nokey.db '.balanced and .dead == 1 and .held == 0'

# a batch that begins before the position (commanded-ecto-projections#54)
off=0
for ((i = 0; i < 20; i++)); do rec add a 1; done >all.ndjson
head -n 12 all.ndjson >some.ndjson
project part.db --batch 5 ./some.ndjson
project part.db --batch 5 ./all.ndjson
check "a batch that is in part applied already" test "$(dump part.db)" = 'a|20|19'
check "each record is counted once" ledger part.db '.balanced and .partitions[0].applied == 20'

# a rebuild that catches up beside a live writer: what that wrote meanwhile was lost, or was there twice, and it went on
# writing as if nothing had been exchanged (critter-stack#25)
off=0
for ((i = 0; i < 200; i++)); do rec add "k$((i % 17))" 1; done >beside.ndjson
sed 's/version 1/version 2/; s/n = acc.n + excluded.n/n = acc.n + 2 * excluded.n/' p.sql >p2.sql
url=$(store beside.db)
mkfifo beside
evproject run p.sql --store "$url" --follow - <beside 2>beside.err &
pid=$!
exec 7>beside
cat beside.ndjson >&7
stands() { ledger beside.db ".partitions[0].next == $1"; }
check "(a writer has come to the end)" wait_for 60 stands 200
run evproject rebuild p2.sql --store "$url" --no-swap ./beside.ndjson
check_status 0 "a rebuild is ready beside it"
rec add k1 1000 >>beside.ndjson
tail -n 1 beside.ndjson >&7
check "(the writer has gone on)" wait_for 60 stands 201
run evproject rebuild p2.sql --store "$url" --yes ./beside.ndjson 7>&-
check_status 0 "the swap, beside the writer"
check "what it wrote meanwhile is there, once" test "$(sql beside.db 'SELECT sum(n) FROM acc')" = "$(( (200 - 17) * 2 + 17 + 2000 ))"
rec add k1 1000000 >>beside.ndjson
tail -n 1 beside.ndjson >&7
exec 7>&-
wait $pid
status=$?
check_status 6 "it is fenced, and writes no more"
run evproject run p2.sql --store "$url" --quiet ./beside.ndjson
evproject run p2.sql --store "$(store atonce.db)" --quiet ./beside.ndjson
check "with the new file the view goes on, as one that was built at once" cmp <(dump beside.db) <(dump atonce.db)

# the position and a letter that is tried again: the checkpoint went back, or on (KurrentDB#500)
off=0
{ rec put z 3 0; rec add a 1; rec add a 1; } >letter.ndjson
sed 's/\$\.k!/:key/; s/\$\.k;/:key;/' p.sql >key.sql # so no other key's records can depend on it
into letter.db key.sql --on-error dead ./letter.ndjson
rec add z 1 0 0 u >u.ndjson
into letter.db key.sql --on-error dead ./u.ndjson ./letter.ndjson
next() { evproject status --store "$(store letter.db)" --format json | jq -c '[.partitions[].next]'; }
before=$(next)
run evproject dead retry key.sql --store "$(store letter.db)" --all
check_status 0 "a dead letter that is tried again"
check "does not move the position" test "$(next)" = "$before"
check "and is applied where its row now is" test "$(dump letter.db)" = 'a|2|2
z|3|0'

# a changed filter: rows of before stayed for ever (ksql#6493)
sed 's/^-- @schema/-- @filter $.n > 1\n&/' p.sql >filter.sql
run evproject run filter.sql --store "$(store twice.db)" ./two.ndjson
check_status 2 "a changed filter on old tables is refused"
sed -i 's/version 1/version 2/' filter.sql
run evproject rebuild filter.sql --store "$(store twice.db)" --yes ./two.ndjson
check_status 0 "a rebuild with it"
check "leaves no ghosts" test "$(dump twice.db)" = 'a|5|4'

# a late update of a row that is deleted: it came back, half empty (kafka-connect-jdbc#1016, DBZ-7830)
off=0
{ rec add a 1; rec del a 0; rec put a 5; } >late.ndjson
project late.db ./late.ndjson
check_status 5 "an update after the deletion, under must touch"
check "brings nothing back" test -z "$(dump late.db)"

# two tables of one event: a reader saw the one without the other (Debezium's JDBC sink flushes each table by itself)
projection both.sql <<'SQL'
-- @schema
CREATE TABLE one (k bigint PRIMARY KEY);
CREATE TABLE other (k bigint PRIMARY KEY);
-- @on put
INSERT INTO one VALUES (:offset);
INSERT INTO other VALUES (:offset);
SQL
for ((i = 0; i < 3000; i++)); do line $i '{"type":"put"}'; done >both.ndjson
into both.db both.sql --to 1 ./both.ndjson
url=$(store both.db)
evproject run both.sql --store "$url" --batch 10 --quiet ./both.ndjson &
pid=$!
reads=0 torn=0
while kill -0 $pid 2>/dev/null; do
	[ "$(sql both.db 'SELECT (SELECT count(*) FROM one) - (SELECT count(*) FROM other)')" = 0 ] || torn=$((torn + 1))
	reads=$((reads + 1))
done
wait $pid
check "two tables of one event are never seen apart ($reads looks)" test $reads -gt 0 -a $torn = 0
check "and hold all of them" test "$(sql both.db 'SELECT (SELECT count(*) FROM one), (SELECT count(*) FROM other)')" = '3000|3000'

# a partition that comes later, where the key goes from then on (Kafka's own, at kafka-topics --alter)
off=0
{ rec add a 1 0 0; rec add a 1 1 0; } >parts.ndjson
project parts.db ./parts.ndjson
{ rec add a 5 0 3; rec add a 7 2 0; } >>parts.ndjson
project parts.db ./parts.ndjson
check_status 0 "a partition that was not there before"
check "is read from its first offset, and the key goes on" test "$(sql parts.db 'SELECT k, n FROM acc')" = 'a|14'
check "with a place of its own in the ledger" ledger parts.db '.balanced and (.partitions | length) == 2'
check "and gives what one run over all gives" test "$(project whole.db ./parts.ndjson; sql whole.db 'SELECT k, n FROM acc')" = 'a|14'
done_testing
