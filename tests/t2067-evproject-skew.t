#!/usr/bin/env bash
# Memory stays under --memory + 64 MiB whatever an event, a row or a beginning of a key comes to. Both stores.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
[[ $EV_BUILD == *address* || $EV_BUILD == *thread* ]] && slim=1 || slim='' # a sanitizer multiplies memory
head='-- @topics t
-- @envelope type=$.type time=$.at
-- @schema'
event() { # VALUES-AS-AWK N: N events
	awk -v n="$2" 'BEGIN { for (i = 0; i < n; i++) {
		printf "{\"topic\":\"t\",\"partition\":0,\"offset\":%d,\"timestamp\":%d,\"key\":\"k\",\"value\":{\"type\":\"e\",\"at\":%d", \
			i, 1763200000000 + i, 1763200000 + i
		'"$1"'
		print "}}" } }'
}
measured() { # measured COMMAND-AND-FILE STORE SENTENCE ARGS...
	local peak
	run evmeasure peak.txt evproject $1 --store "$(store "$2")" --memory 32m --quiet "${@:4}"
	check_status 0 "$3"
	peak=$(($(cut -d' ' -f2 peak.txt) / 1024))
	[ -n "$slim" ] || check "and memory stays bounded ($peak MiB)" test $peak -lt 96
}

# arrays: 1 MB of JSON in a few events, 600,000 statements
cat >arrays.sql <<EOF
-- @projection arrays version 1
$head
CREATE TABLE a (i integer PRIMARY KEY, n integer NOT NULL);
-- @on e each \$.v
INSERT INTO a (i, n) VALUES (\$item, 1) ON CONFLICT (i) DO UPDATE SET n = a.n + 1;
EOF
array='printf ",\"v\":["; for (j = 0; j < 50000; j++) printf "%s%d", j ? "," : "", (i * 31 + j) % 500; printf "]"'
event "$array" 12 >arrays.ndjson
measured 'run arrays.sql' arrays.db "events of large arrays are applied" ./arrays.ndjson
check "each element once" test "$(sql arrays.db 'SELECT count(*), sum(n), min(n), max(n) FROM a')" = '500|600000|1200|1200'
event "$array" 40 >more.ndjson
measured 'rebuild arrays.sql' dry.db "and more of them looked at by a dry run" --dry-run ./more.ndjson

# sliding windows: 9,000 of each event
cat >windows.sql <<EOF
-- @projection windows version 1
$head
CREATE TABLE w (at text PRIMARY KEY, n integer NOT NULL);
-- @on e every '1 second' over '150 minutes'
INSERT INTO w (at, n) VALUES (:window, 1) ON CONFLICT (at) DO UPDATE SET n = w.n + 1;
EOF
event '' 150 >windows.ndjson
measured 'run windows.sql' windows.db "events of many windows are applied" ./windows.ndjson
check "each window as often as it should be" test "$(sql windows.db 'SELECT count(*), sum(n), max(n) FROM w')" = '9149|1350000|150'

# rows of 100 KB, all of which one window of records wants
cat >rows.sql <<EOF
-- @projection rows version 1
$head
CREATE TABLE r (k text PRIMARY KEY, n integer NOT NULL, doc text);
-- @on e
UPDATE r SET n = n + 1 WHERE k = \$.k;
EOF
event 'printf ",\"k\":\"k%d\"", i % 1500' 3000 >rows.ndjson
run evproject run rows.sql --store "$(store rows.db)" --to 0 ./rows.ndjson
sql rows.db "$(on sqlite "WITH RECURSIVE g(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM g WHERE i < 1499)
	INSERT INTO r SELECT 'k' || i, 0, hex(zeroblob(50000)) FROM g" \
	postgresql "INSERT INTO r SELECT 'k' || i, 0, repeat(md5(i::text), 3125) FROM generate_series(0, 1499) i")"
measured 'run rows.sql' rows.db "rows that are large are updated" ./rows.ndjson
check "each as it should be" test "$(sql rows.db 'SELECT count(*), min(n), max(n), min(length(doc)), max(length(doc)) FROM r')" = \
	'1500|2|2|100000|100000'

# a beginning of the key that has more rows than memory
cat >sweeps.sql <<EOF
-- @projection sweeps version 1
$head
CREATE TABLE s (p text, i integer, doc text, PRIMARY KEY (p, i));
CREATE TABLE seen (p text PRIMARY KEY, n integer NOT NULL);
-- @on e
DELETE FROM s WHERE p = \$.p AND doc = \$.doc;
INSERT INTO seen (p, n) VALUES (\$.p, 1) ON CONFLICT (p) DO UPDATE SET n = seen.n + 1;
EOF
event 'printf ",\"p\":\"%s\",\"doc\":\"d%d\"", i % 5 ? "p" i % 7 : "hot", i' 20 >sweeps.ndjson
run evproject run sweeps.sql --store "$(store sweeps.db)" --to 0 ./sweeps.ndjson
sql sweeps.db "$(on sqlite "WITH RECURSIVE g(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM g WHERE i < 399999)
	INSERT INTO s SELECT CASE i % 100 WHEN 3 THEN 'p' || (i % 7) ELSE 'hot' END, i,
		'd' || (i % 50) || CASE WHEN i % 50 > 19 THEN printf('%.200c', 'x') ELSE '' END FROM g" \
	postgresql "INSERT INTO s SELECT CASE i % 100 WHEN 3 THEN 'p' || (i % 7) ELSE 'hot' END, i,
		'd' || (i % 50) || repeat('x', 200 * (i % 50 > 19)::int) FROM generate_series(0, 399999) i")"
left=$((400000 - 4 * 8000 - 572)) # of hot, and of p3
measured 'run sweeps.sql' sweeps.db "a beginning of a key that is larger than memory is swept" ./sweeps.ndjson
check "of all its rows" test "$(sql sweeps.db 'SELECT count(*) FROM s')" = $left
check "and what folds does" test "$(sql sweeps.db 'SELECT sum(n) FROM seen')" = 20
done_testing
