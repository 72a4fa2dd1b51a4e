#!/usr/bin/env bash
# An index that somebody makes on a view under the run that goes on with it, and that cannot hold what comes then
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/evproject.sh"
database db
sed 's/n integer NOT NULL/note text, n integer NOT NULL/; s/(k, n, at) VALUES (\$\.k!/(k, note, n, at) VALUES ($.k!, $.note/
	s/DO UPDATE SET /&note = excluded.note, /' p.sql >noted.sql
stands_at() { ledger "$db" ".partitions[0].next == $1" >/dev/null 2>&1; }
for i in {0..49}; do rec add "k$i" 1; done >log.ndjson
mkfifo feed
evproject run noted.sql --store "$db" --on-error dead --follow - <feed >"$out" 2>"$err" & pid=$!
exec 8>feed
cat log.ndjson >&8
check "a run follows" wait_for 60 stands_at 50
sql "$db" 'CREATE INDEX theirs ON acc (note)'
text=$(for i in {1..120}; do echo "$i" | sha256sum | cut -c-64; done | tr -d '\n')
rec add long 1 | sed "s/\"n\":/\"note\":\"$text\",&/" | tee -a log.ndjson >&8
wait $pid
status=$?
exec 8>&-
check_status 4 "a text that the new index cannot hold ends it"
check_grep "which is said" "the indexes of the view's tables have changed under it: cannot write rows of table 'acc'" "$err"
check_grep "with what to do" '^hint: started again it goes on' "$err"
run evproject run noted.sql --store "$db" --on-error dead ./log.ndjson
check_status 0 "started again it goes on"
check "and the record is a dead letter" test "$(sql "$db" 'SELECT record_offset FROM ev_dead')" = 50
check "beside the rows" test "$(sql "$db" 'SELECT count(*) FROM acc')" = 50
done_testing
