#!/usr/bin/env bash
# What somebody puts on a view under the run that goes on with it, and that cannot hold or refuses what comes then
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/evproject.sh"
database db
sed 's/n integer NOT NULL/note text, n integer NOT NULL/; s/(k, n, at) VALUES (\$\.k!/(k, note, n, at) VALUES ($.k!, $.note/
	s/DO UPDATE SET /&note = excluded.note, /' p.sql >noted.sql
stands_at() { ledger "$db" ".partitions[0].next == $1" >/dev/null 2>&1; }
for i in {0..48}; do rec add "k$i" 1; done >log.ndjson
mkfifo feed
follows() { # under it, when it has taken a record, comes SQL
	local n
	n=$(wc -l <log.ndjson)
	rec add "k$n" 1 "$n" >>log.ndjson
	evproject run noted.sql --store "$db" --on-error dead --follow - <feed >"$out" 2>"$err" & pid=$!
	exec 8>feed
	cat log.ndjson >&8
	check "a run follows: $1" wait_for 60 stands_at $((n + 1))
	sql "$db" "$1"
}
follows 'CREATE INDEX theirs ON acc (note)'
text=$(for i in {1..120}; do echo "$i" | sha256sum | cut -c-64; done | tr -d '\n')
rec add long 1 50 | sed "s/\"n\":/\"note\":\"$text\",&/" | tee -a log.ndjson >&8
wait $pid
status=$?
exec 8>&-
check_status 4 "a text that the new index cannot hold ends it"
check_grep "which is said" "table 'acc' has been changed under it: it has another index: cannot write rows of table 'acc'" "$err"
check_grep "with what to do" '^hint: started again it goes on' "$err"
run evproject run noted.sql --store "$db" --on-error dead ./log.ndjson
check_status 0 "started again it goes on"
check "and the record is a dead letter" test "$(sql "$db" 'SELECT record_offset FROM ev_dead')" = 50
check "beside the rows" test "$(sql "$db" 'SELECT count(*) FROM acc')" = 50

# what refuses a row otherwise is told as what it is
told() { # SQL WHAT UNDO
	local at
	follows "$1"
	at=$(wc -l <log.ndjson)
	rec add "k$at" 7 "$at" | tee -a log.ndjson >&8
	wait $pid
	status=$?
	exec 8>&-
	check_status 4 "  a row that it refuses ends the run"
	check_grep "  which is told" "table 'acc' has been changed under it: $2" "$err"
	run evproject run noted.sql --store "$db" --on-error dead ./log.ndjson
	check "  started again it goes on, with a letter" test "$status $(sql "$db" 'SELECT max(record_offset) FROM ev_dead')" = "0 $at"
	sql "$db" "$3"
}
sql "$db" "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.n = 7 THEN RAISE EXCEPTION ''not by me'';
	END IF; RETURN NEW; END'"
told 'CREATE TRIGGER theirs BEFORE INSERT OR UPDATE ON acc FOR EACH ROW EXECUTE FUNCTION no()' 'it has a trigger$' \
	'DROP TRIGGER theirs ON acc'
told 'ALTER TABLE acc ADD CONSTRAINT theirs CHECK (n <> 7)' "it has other CHECKs: cannot write rows of table 'acc'" 'ALTER TABLE acc DROP CONSTRAINT theirs'
told 'CREATE TABLE seven (n integer PRIMARY KEY); INSERT INTO seven SELECT DISTINCT n FROM acc; ALTER TABLE acc ADD CONSTRAINT theirs
	FOREIGN KEY (n) REFERENCES seven' 'it has a constraint beside its primary key, or a DEFERRABLE one$' \
	'ALTER TABLE acc DROP CONSTRAINT theirs'
told "UPDATE acc SET note = 'x'; ALTER TABLE acc ALTER note SET NOT NULL" "it has a column that is NOT NULL now: cannot write rows of table 'acc'" 'ALTER TABLE acc ALTER note DROP NOT NULL'
done_testing
