#!/usr/bin/env bash
# What somebody puts on a view under the run that goes on with it, and that is done with each write of a row: folded rows
# are written once a transaction, so the run ends, and goes on by statements
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
mkfifo feed
file=p.sql
stands_at() { ledger "$s" ".partitions[0].next == $1" >/dev/null 2>&1; }
follows() { # a run of $s, which has taken a record
	rec add "$s" 1 0 >log.ndjson
	evproject run $file --store "$(store "$s")" --follow "$@" - <feed >"$out" 2>"$err" & pid=$!
	exec 8>feed
	cat log.ndjson >&8
	check "a run follows${*:+ ($*)}" wait_for 60 stands_at 1
}
more() { # $1 records from offset $2
	local i
	for ((i = $2; i < $2 + $1; i++)); do rec add "$s" 1 "$i"; done >more.ndjson
	feed
}
feed() { # it may end before it has taken all: the log has them
	cat more.ndjson >>log.ndjson
	cat more.ndjson >&8 2>/dev/null
}
ends() {
	exec 8>&-
	wait $pid
	status=$?
}

# a trigger that counts the writes
s=counted
follows
sql $s 'CREATE TABLE log (k text)'
if on sqlite; then
	sql $s 'CREATE TRIGGER theirs AFTER UPDATE ON acc BEGIN INSERT INTO log SELECT NEW.k FROM acc LIMIT random() * 0 + 1; END'
else
	sql $s "CREATE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN INSERT INTO log VALUES (NEW.k); RETURN NEW; END';
		CREATE TRIGGER theirs AFTER UPDATE ON acc FOR EACH ROW EXECUTE FUNCTION theirs()"
fi
more 5 1
ends
check_status 4 "a trigger that refuses nothing ends it before the next rows are written"
check_grep "which is said" "table 'acc' has been changed under it: it has a trigger" "$err"
check_grep "with what to do" '^hint: started again it goes on by statements; or drop what was put there' "$err"
run evproject run p.sql --store "$(store $s)" ./log.ndjson
check_status 0 "started again it goes on"
check "and the trigger sees each write" test "$(sql $s 'SELECT count(*) FROM log')" = 5
check "the rows are right" test "$(sql $s 'SELECT k, n, at FROM acc')" = "$s|6|5"

# by statements from the beginning it sees them all, and what is harmless is in no way
s=exact
follows --exact-statements
sql $s "$(on sqlite 'CREATE TRIGGER theirs AFTER UPDATE ON acc BEGIN SELECT 1; END' \
	postgresql 'CREATE RULE theirs AS ON DELETE TO acc DO ALSO SELECT 1')"
more 5 1
check "by statements one is in no way of a run" wait_for 60 stands_at 6
exec 8>&-
wait $pid
s=harmless
follows
sql $s 'CREATE INDEX theirs ON acc (n); CREATE TABLE other (x integer); CREATE VIEW sees AS SELECT k FROM acc'
more 5 1
check "nor is an index, or a table, of others" wait_for 60 stands_at 6
sql $s "$(on sqlite 'CREATE TRIGGER theirs AFTER DELETE ON acc BEGIN SELECT 1; END' \
	postgresql 'CREATE RULE theirs AS ON DELETE TO acc DO ALSO SELECT 1')"
more 5 6
ends
check_status 4 "but a $(on sqlite trigger postgresql rule) is"
check_grep "which is said" "table 'acc' has been changed under it: it has a $(on sqlite trigger postgresql rule)" "$err"
check "what came before is there" test "$(sql $s 'SELECT n, at FROM acc')" = '6|5'

# a key of another table
s=pointed
follows
sql $s 'CREATE TABLE other (k text REFERENCES acc (k) ON DELETE CASCADE)'
more 1 1
ends
check_status 4 "so is a foreign key"
check_grep "which is said" "table 'acc' has been changed under it: a foreign key points to it" "$err"

# one on a table may write another of the view: neither folds
cat >two.sql <<'SQL'
-- @projection two version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE seen (k text PRIMARY KEY, n bigint NOT NULL);
CREATE TABLE total (k text PRIMARY KEY, n bigint NOT NULL);
-- @on add
INSERT INTO seen (k, n) VALUES ($.k, 1) ON CONFLICT (k) DO UPDATE SET n = seen.n + 1;
INSERT INTO total (k, n) VALUES ($.k, $.n) ON CONFLICT (k) DO UPDATE SET n = total.n + excluded.n;
-- @on look
UPDATE seen SET n = n + 1 WHERE k = $.k;
SQL
sed '/^CREATE TABLE seen/s/NULL)/NULL CHECK (n % 5 < 5))/' two.sql >odd.sql # which makes it go by statements from the first
writes="UPDATE total SET n = total.n + 100 WHERE k = NEW.k"
put() {
	if on sqlite; then
		sql $s "CREATE TRIGGER theirs AFTER UPDATE ON seen BEGIN $writes; END"
	else
		sql $s "CREATE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN $writes; RETURN NEW; END';
			CREATE TRIGGER theirs AFTER UPDATE ON seen FOR EACH ROW EXECUTE FUNCTION theirs()"
	fi
}
numbers() { sql $s 'SELECT n FROM seen'; sql $s 'SELECT n FROM total'; }
for file in two.sql odd.sql; do
	s=${file%.sql}
	follows
	put
	for i in {1..5}; do rec "$([ $((i % 2)) = 1 ] && echo add || echo look)" "$s" 1 "$i"; done >more.ndjson
	feed
	ends
	check_status 4 "one that writes another table ends a run ($file)"
	check_grep "which is said" "table 'seen' has been changed under it: it has a trigger" "$err"
	run evproject run $file --store "$(store $s)" ./log.ndjson
	check_status 0 "started again it goes on"
	check "and what the trigger writes is kept" test "$(numbers | tr '\n' ' ')" = '6 504 '
done
done_testing
