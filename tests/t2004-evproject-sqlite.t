# evproject run into SQLite files: what other stores do not have (folders, a full disk, torn files)
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"

{ rec add a 1; rec add b 2; rec nop a 1; rec del b 0 5; rec add c 7; } >a.ndjson
project no/such/x.db ./a.ndjson
check_status 4 "a store in a folder that is not there is exit 4"
check_grep "and is named" "cannot open store 'no/such/x.db'" "$err"
for url in '' sqlite:; do
	run evproject run p.sql --store "$url" ./a.ndjson
	check_status 2 "the path '$url' is none"
done
for url in mysql://foo http:///x sqlite://x.db; do
	run evproject run p.sql --store "$url" ./a.ndjson
	check_status 2 "no store is reached by $url"
	check_grep "and it is said what is" '^hint: it is a path, sqlite:PATH, or postgresql://' "$err"
done
run evproject run p.sql --store - ./a.ndjson
check_status 2 "standard output is no store"
check "none of them became a file" test "$(echo *)" = 'a.ndjson p.sql'
run evproject run p.sql --store :memory: ./a.ndjson
check_status 0 "a store in memory is one for the run alone"
check_grep "which is said" '^evproject run: warning: .*nothing is kept' "$err"
run evproject run p.sql --store sqlite:u.db ./a.ndjson
check "sqlite:PATH is a path" test "$status $(dump u.db)" = "0 a|1|0
c|7|6"
check "the store is in WAL mode" test "$(sqlite3 u.db 'PRAGMA journal_mode')" = wal
check "beside it lies an empty file for locks" test -e u.db-evlock -a ! -s u.db-evlock
sqlite3 theirs.db 'CREATE TABLE acc (k)'
run evproject run p.sql --store theirs.db ./a.ndjson
check "a database that is refused stays in its own mode" test "$status $(sqlite3 theirs.db 'PRAGMA journal_mode')" = '2 delete'
sqlite3 theirs.db 'DROP TABLE acc; CREATE TABLE their (k)'
run evproject run p.sql --store theirs.db ./a.ndjson
check "one that takes the view is in WAL mode from then on" test "$status $(sqlite3 theirs.db 'PRAGMA journal_mode')" = '0 wal'

# read by somebody who may not write in its folder
cp "$(command -v evproject)" command
chmod 755 . command
mkdir 'shut?%'
project 'shut?%/s.db' ./a.ndjson
chmod 444 'shut?%/s.db'
rm -f 'shut?%/s.db-evlock'
chmod 555 'shut?%'
other() {
	if [ "$(id -u)" = 0 ]; then
		run setpriv --reuid=65534 --regid=65534 --clear-groups "$T/command" "$@"
	else
		run "$T/command" "$@"
	fi
}
other status --store 'shut?%/s.db'
check_status 0 "status reads a store in a folder that is read only"
check_grep "all of it" '^acc version 1' "$out"
other show p.sql --store 'shut?%/s.db'
check_grep "show as well" '^c +7' "$out"
other dead list p.sql --store 'shut?%/s.db'
check_status 0 "and dead list"
other run p.sql --store 'shut?%/s.db' ./a.ndjson
check_status 4 "run cannot"
chmod 755 'shut?%'
cp 'shut?%/s.db' torn.db
sqlite3 torn.db '.dbconfig no_ckpt_on_close on' 'UPDATE acc SET n = 8' >/dev/null
if [ -s torn.db-wal ]; then
	mv torn.db torn.db-wal 'shut?%/'
	rm -f torn.db-shm
	chmod 444 'shut?%'/*
	chmod 555 'shut?%'
	other status --store 'shut?%/torn.db'
	check_status 4 "not one whose writer was killed"
	check_grep "and it is said what would help" '^hint: its folder cannot be written' "$err"
	chmod 755 'shut?%'
fi
mkfifo pipe.db
for odd in pipe.db /dev/null .; do
	run timeout -s KILL 20 evproject status --store $odd
	check_status 4 "the store $odd is an error at once"
	check_grep "$odd: says why" 'it is (no regular file|a directory)' "$err"
	run timeout -s KILL 20 evproject run p.sql --store $odd ./a.ndjson
	check_status 4 "to run into $odd too"
done

# check and test against a file: its tables of others are known, and nothing of it is changed
sqlite3 ck.db 'CREATE TABLE prices (sku text PRIMARY KEY, cents integer); CREATE TABLE other (x)'
sed 's/^-- @schema/-- @reads prices\n&/; s/VALUES (\$\.k!, \$\.n!, :offset)/SELECT $.k!, $.n! * cents, :offset FROM prices WHERE sku = $.k/' \
	p.sql >reads.sql
evproject run p.sql --store ck.db --quiet ./a.ndjson
sum=$(md5sum <ck.db)
run evproject check reads.sql --store ck.db
check_status 0 "check against a file knows its tables"
run evproject check reads.sql
check_status 2 "without it they are not there"
check_grep "and that is said" 'reads\.sql:.*no such table: prices' "$err"
sed 's/acc/other/g' p.sql >taken.sql
run evproject check taken.sql --store ck.db
check_grep "a table that no ledger owns is refused as by run" "taken.sql:5:1: table 'other' exists already" "$err"
run evproject check p.sql --store ck.db
check_status 0 "the view's own table is in nobody's way"
echo '[{"name":"adds","given":[{"type":"add","k":"a","n":1}],"expect":{"acc":[{"k":"a","n":1}]}}]' >c.json
run evproject test p.sql c.json --store ck.db
check_status 0 "cases run beside the view"
check "the file is as it was" test "$sum" = "$(md5sum <ck.db)"
run evproject check p.sql --store none.db
check "a file that is not there is not made" test "$status" = 0 -a ! -e none.db

# the store is taken away in mid-run
for way in 'rm gone.db' 'mv gone.db elsewhere.db' 'cp gone.db copy.db; mv copy.db gone.db'; do
	rm -f gone.db* feed && mkfifo feed
	evproject run p.sql --store gone.db - <feed 2>"$err" &
	pid=$!
	exec 7>feed
	rec add gone 1 0 >&7
	check "a run waits for its source ($way)" wait_for 60 sqlite3 -readonly gone.db 'SELECT * FROM acc'
	eval "$way"
	rec add gone 1 1 >&7
	exec 7>&-
	wait $pid
	status=$?
	check_status 4 "its records are not said to be applied: $way"
	check_grep "and why ($way)" "store 'gone.db' was moved or deleted" "$err"
done

# somebody puts something on the view under a run that goes on, and that refuses what comes then
rm -f feed && mkfifo feed
rec add first 1 0 >under.ndjson
evproject run p.sql --store under.db - <feed 2>"$err" & pid=$!
exec 7>feed
cat under.ndjson >&7
check "a run waits for its source" wait_for 60 sqlite3 -readonly under.db 'SELECT * FROM acc'
sqlite3 -cmd '.timeout 60000' under.db "CREATE TRIGGER theirs AFTER INSERT ON acc WHEN NEW.n = 7 BEGIN SELECT RAISE(ABORT, 'not by me'); END"
rec add second 7 1 | tee -a under.ndjson >&7
exec 7>&-
wait $pid
status=$?
check_status 4 "a row that a trigger of somebody refuses ends it"
check_grep "which is told" "table 'acc' has been changed under it: it has a trigger$" "$err"
check_grep "with what to do" '^hint: started again it goes on' "$err"
run evproject run p.sql --store under.db --on-error dead ./under.ndjson
check "started again it goes on, with a letter" test "$status $(sqlite3 under.db 'SELECT record_offset FROM ev_dead')" = '0 1'

# a full disk: nothing torn, and it goes on afterwards
awk 'BEGIN { for (i = 0; i < 20000; i++)
	printf "{\"topic\":\"t\",\"partition\":0,\"offset\":%d,\"timestamp\":%d,\"key\":\"k%d\",\"headers\":[],\"value\":" \
	"{\"type\":\"add\",\"k\":\"key-%d-of-a-length-that-fills-pages\",\"n\":1}}\n", i, 1763200000000 + i, i, i }' >big.ndjson
project want.db ./big.ndjson
check "20000 rows without trouble" test "$(dump want.db | wc -l)" = 20000
mkdir small
if mount -t tmpfs -o size=700k tmpfs small 2>/dev/null; then
	at_exit "umount $T/small 2>/dev/null || umount -l $T/small"
	run evproject run p.sql --store small/s.db --batch 500 ./big.ndjson
	check_status 4 "a full disk is exit 4"
	check_grep "and says so" "small/s.db'?: .*(full|disk)" "$err"
	mount -o remount,size=40m small
else
	run bash -c 'ulimit -f 500; trap "" XFSZ; exec evproject run p.sql --store small/s.db --batch 500 ./big.ndjson'
	check_status 4 "a file that cannot grow is exit 4"
	check "and says so" test -s "$err"
fi
check "what is there is whole" ledger small/s.db '.balanced and .partitions[0].next > 0'
check "rows and position agree" test "$(sqlite3 small/s.db 'SELECT count(*) = max(next_offset) FROM acc, ev_ledger')" = 1
check "SQLite finds nothing torn" test "$(sqlite3 small/s.db 'PRAGMA integrity_check')" = ok
project small/s.db ./big.ndjson
check_status 0 "with room again it goes on"
dump want.db >want
dump small/s.db >got
check "to the same rows" cmp want got

# a file that is not in WAL mode (from VACUUM INTO, say), in which somebody reads: --lock-wait bounds all of it
evproject run p.sql --store plain.db --quiet ./a.ndjson
sed 's/version 1/version 2/' p.sql >p2.sql
evproject rebuild p2.sql --store plain.db --yes --quiet ./a.ndjson
sqlite3 plain.db 'PRAGMA journal_mode = DELETE' >/dev/null
sqlite3 other.db 'PRAGMA journal_mode = DELETE; CREATE TABLE other (x)' >/dev/null
mkfifo sql
for db in plain.db other.db; do
	rm -f reads
	sqlite3 $db <sql >/dev/null &
	reader=$!
	exec 8>sql
	printf '%s\n' 'BEGIN; SELECT count(*) FROM sqlite_schema;' '.shell touch reads' >&8
	check "somebody reads in $db" wait_for 60 test -e reads
	for cmd in 'run p2.sql ./a.ndjson' 'rebuild p.sql --yes ./a.ndjson' 'rebuild p2.sql --forget' 'rollback p.sql'; do
		[ $db = plain.db ] || [ "${cmd%% *}" = run ] || continue
		before=${EPOCHREALTIME/./}
		run timeout -s KILL 60 evproject $cmd --store $db --lock-wait 500ms
		took=$((${EPOCHREALTIME/./} - before))
		check_status 6 "${cmd%% *} on $db is held off"
		check "after --lock-wait ($((took / 1000)) ms)" test $took -ge 500000 -a $took -lt 10000000
	done
	evproject run p2.sql --store $db --lock-wait 1h ./a.ndjson 2>"$err" 8>&- & pid=$!
	has_open() { readlink /proc/$pid/fd/* | grep -q "/$db\$"; }
	check "one that may wait for an hour has opened $db" wait_for 60 has_open
	kill -TERM $pid
	wait $pid; status=$?
	check_status 143 "and ends by a signal"
	exec 8>&-
	wait $reader
	run evproject run p2.sql --store $db --quiet ./a.ndjson
	check_status 0 "it goes on when the reader has gone"
done

# rows that another program has written into the view, whose keys and columns take more from it than from us: what
# becomes of them is the same in memory as by statements
cat >lines.sql <<'SQL'
-- @projection lines version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE lines (k text, sku text, n int, note text, PRIMARY KEY (k, sku));
-- @on add
INSERT INTO lines (k, sku, n) VALUES ($.k, 's', $.n) ON CONFLICT (k, sku) DO UPDATE SET n = excluded.n;
-- @on del
DELETE FROM lines WHERE k = $.k;
SQL
{ rec add a 1 0; rec add b 2; } >begin.ndjson
{ cat begin.ndjson; rec add a 3 2; rec add b 4; } >lines.ndjson
{ cat begin.ndjson; rec del a 0 2; rec add b 4; } >dels.ndjson
lines() { sqlite3 "$1" 'SELECT k, sku, n, quote(note) FROM lines ORDER BY k, sku'; }
begin() { evproject run lines.sql --store "$1" --quiet ./begin.ndjson; sqlite3 "$1" "$2"; }
for way in '' --exact-statements; do
	by=${way:+ by statements}
	begin bytes$way.db "UPDATE lines SET note = x'6162' WHERE k = 'a'"
	run evproject run lines.sql --store bytes$way.db $way ./lines.ndjson
	check_status 5 "bytes in a column of texts are not made a text$by"
	check_grep "but named" 'lines.note is TEXT and cannot hold this value' "$err"
	check "and left" test "$(lines bytes$way.db)" = "a|s|1|X'6162'
b|s|2|NULL"
	run evproject run lines.sql --store bytes$way.db $way --on-error dead ./lines.ndjson
	check "the rest goes on$by" test "$status $(lines bytes$way.db)" = "0 a|s|1|X'6162'
b|s|4|NULL"
	begin keys$way.db "UPDATE lines SET n = 'many'; INSERT INTO lines VALUES ('a', NULL, 1, 'x'), ('c', NULL, 1, 'x')"
	run evproject run lines.sql --store keys$way.db $way --on-error dead ./dels.ndjson
	check "keys without a value are deleted$by" test "$status $(lines keys$way.db)" = "0 b|s|4|NULL
c||1|'x'"
done

# an index of the file over a JSON function, which SQLite takes for unsafe in some versions
sed '/^CREATE TABLE/a CREATE INDEX by_x ON acc (json_extract(k, '"'\$.x'"'));' p.sql >documents.sql
{ rec add '{}' 1 0 | sed 's/"{}"/"{\\"x\\":1}"/g'; rec add text 1 1; } >documents.ndjson
run evproject run documents.sql --store documents.db --on-error dead ./documents.ndjson
check_status 0 "an index over a JSON function"
check "holds documents, and what is none is a letter" test "$(sqlite3 documents.db 'SELECT k FROM acc; SELECT record_offset FROM ev_dead' | xargs -0)" = \
	"$(printf '{"x":1}\n1\n')"

# a database of others in UTF-16: its texts have another order, and no file of UTF-8 can be attached to it
sqlite3 wide.db "PRAGMA encoding = 'UTF-16le'; CREATE TABLE theirs (x)"
run evproject run p.sql --store wide.db ./a.ndjson
check_status 2 "a database in UTF-16 is refused"
check_grep "for what it is" "store 'wide.db': the database's encoding is UTF-16le, UTF-8 is needed" "$err"
check "nothing was made in it" test "$(sqlite3 wide.db .tables)" = theirs

# a store that a group shares, or that root sees to for its owner: the lock is theirs as well
evproject run p.sql --store group.db --quiet ./a.ndjson
rm -f group.db-evlock
chmod 660 group.db
[ $EUID != 0 ] || chown 65534 group.db
run evproject run p.sql --store group.db ./a.ndjson
check_status 0 "a store that a group shares"
check "so does its lock" test "$(stat -c '%a %u' group.db-evlock)" = "$(stat -c '%a %u' group.db)"
done_testing
