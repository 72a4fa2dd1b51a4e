#!/usr/bin/env bash
# evverify of a view on which somebody has put an index that refuses rows: the cause is named beside the letters
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/evproject.sh"
sed 's/n integer NOT NULL/note text, n integer NOT NULL/; s/(k, n, at) VALUES (\$\.k!/(k, note, n, at) VALUES ($.k!, $.note/
	s/DO UPDATE SET /&note = excluded.note, /' p.sql >noted.sql
text=$(for i in {1..120}; do echo "$i" | sha256sum | cut -c-64; done | tr -d '\n')
for i in {0..9}; do rec add "k$i" 1 "$i" | sed "/\"k5\"/s/\"n\":/\"note\":\"$text\",&/"; done >log.ndjson
said='index theirs on acc is none of the file'
database db
head -n 3 log.ndjson >begins.ndjson
run evproject run noted.sql --store "$db" --on-error dead ./begins.ndjson
sql "$db" 'CREATE INDEX theirs ON acc (note)'
run evverify noted.sql --store "$db" --scratch "$db" ./begins.ndjson
check_status 0 "an index of somebody is no difference"
check_no_grep "nor told" "$said" "$out"
run evproject run noted.sql --store "$db" --on-error dead ./log.ndjson
check "what it cannot hold is a dead letter" test "$status $(sql "$db" 'SELECT record_offset FROM ev_dead')" = '0 5'
run evverify noted.sql --store "$db" --scratch "$db" ./log.ndjson
check_status 1 "which the log does not make"
check_grep "the index is named" "$said.s: what it refuses is a dead letter in the store alone" "$out"

# an index of the file is none of somebody's, nor is one that has no name there
sed 's/^-- @on add/CREATE INDEX theirs ON acc (note);\n&/' noted.sql >named.sql
sed 's/^-- @on add/CREATE INDEX ON acc (note);\n&/' noted.sql >nameless.sql
for file in named.sql nameless.sql; do
	database db
	run evproject run $file --store "$db" --on-error dead ./log.ndjson
	sql "$db" 'DELETE FROM ev_dead'
	run evverify $file --store "$db" --scratch "$db" ./log.ndjson
	check_status 1 "letters differ ($file)"
	check_no_grep "and no index is to blame" 'none of the file' "$out"
done
done_testing
