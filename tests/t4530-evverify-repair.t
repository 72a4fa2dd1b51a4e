# evverify --repair: the wrong rows, and only those, made anew from the log.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/evverify.sh"

for i in {1..80}; do rec add "k$((i % 37))" "$i"; done >log.ndjson
{ rec add k1 7 0 1 u; rec put zz 1 3 1 u; rec del k2 0 5 1 u; } >>log.ndjson
project s.db --on-error dead ./log.ndjson
same_but "UPDATE acc SET n = n + 1 WHERE k = 'k3'; DELETE FROM acc WHERE k = 'k4';
	INSERT INTO acc (k, n, at) VALUES ('it''s', 1, NULL); UPDATE acc SET at = NULL WHERE k = 'k5'"
sql c.db "SELECT * FROM acc ORDER BY k" >before
generation() { sql c.db "SELECT generation FROM ev_projection"; }
was=$(generation)
verify c.db ./log.ndjson --repair --max-repair 20%
check_status 1 "without --yes it is only said what would be done"
check "a repair that was asked for is not advised" test -z "$(grep -e '--repair says' "$out")"
check_grep "how many rows" 'to be repaired: 4 rows \(--yes does it\)' "$out"
check "nothing is changed" test "$(sql c.db 'SELECT * FROM acc ORDER BY k') $(generation)" = "$(cat before) $was"
verify c.db ./log.ndjson --repair --yes --max-repair 5%
check_status 2 "more than --max-repair is refused"
verify c.db ./log.ndjson --repair --yes --max-repair 5
check_status 2 "so it is without the sign"
check_grep "with the share" '4 rows are wrong, 11.1 % of all, more than the 5 % of --max-repair' "$err"
check "nothing is changed" test "$(sql c.db 'SELECT * FROM acc ORDER BY k') $(generation)" = "$(cat before) $was"
verify c.db ./log.ndjson --repair --yes --max-repair 20%
check_status 0 "a repair, and then it is consistent"
check_grep "what was done is said" 'repaired: 3 rows deleted, 3 written' "$err"
check "the rows are those of the log" test "$(sql c.db 'SELECT * FROM acc ORDER BY k')" = \
	"$(sql s.db 'SELECT * FROM acc ORDER BY k')"
check "the generation went up, so that a follower forgets its rows" test "$(generation)" = $((was + 1))
rec add k3 1 80 >>log.ndjson
run evproject run p.sql --store "$(store c.db)" --quiet ./log.ndjson
check_status 0 "the view goes on from there"
verify c.db ./log.ndjson
check_status 0 "and is consistent"
verify c.db ./log.ndjson --repair --yes
check_status 0 "where nothing is wrong nothing is repaired"
check "the generation says so" test "$(generation)" = $((was + 1))
verify c.db ./log.ndjson --counts --repair
check_status 2 "rows are repaired where rows are looked at"

# another writer comes while causes are sought (evrepair does that)
! on postgresql || export EV_SCRATCH=$_stores
meanwhile() { # SQL: k3 is wrong, and then this is done
	same_but "UPDATE acc SET n = n + 1 WHERE k = 'k3'"
	sql c.db "SELECT * FROM acc ORDER BY k" >before
	was=$(generation)
	run "$EV_BUILD/helpers/evrepair" p.sql "$(store c.db)" ./log.ndjson "$1"
}
forget s.db
project s.db --on-error dead ./log.ndjson
meanwhile "UPDATE ev_projection SET updated_at = updated_at"
check "undisturbed the rows are repaired: $(cat "$out" "$err")" test "$(generation)" = $((was + 1))
for change in "UPDATE ev_projection SET fingerprint = 'another', generation = generation + 1" \
	"UPDATE ev_projection SET generation = generation + 1" "INSERT INTO ev_rows VALUES ('acc', 'acc/1')" \
	"UPDATE ev_projection SET cuts = cuts - 1"; do
	meanwhile "$change"
	check "refused ($status) after: $change" test "$status" = 6
	check_grep "and said why" 'was changed while causes were sought' "$out"
	check "nothing is written" test "$(sql c.db 'SELECT * FROM acc ORDER BY k')" = "$(cat before)"
done

# what a repair would take along
refused() { # TEXT SQL REASON [OPTION...]
	same_but "$2"
	sql c.db "SELECT * FROM acc ORDER BY k" >before
	was=$(generation)
	verify c.db ./log.ndjson --repair --yes --max-repair 20% "${@:4}"
	check_status 2 "$1: refused"
	check_grep "$1: the reason" "$3" "$err"
	check "$1: nothing is changed" test "$(sql c.db 'SELECT * FROM acc ORDER BY k') $(generation)" = "$(cat before) $was"
}
wrong="UPDATE acc SET n = n + 1 WHERE k = 'k3'"
on sqlite && refused "a trigger, and another index" "CREATE UNIQUE INDEX one ON acc (k, n); CREATE TABLE seen (k);
	CREATE TRIGGER t AFTER DELETE ON acc BEGIN INSERT INTO seen VALUES (old.k); END; $wrong" 'it has a trigger'
refused "a column of others" "ALTER TABLE acc ADD COLUMN note text; UPDATE acc SET note = 'mine'; $wrong" \
	"column 'note' is not of the projection"
refused "a column that is ignored" "UPDATE acc SET at = 7 WHERE k = 'k4'; $wrong" "column 'at' is ignored" --ignore acc.at

# rows that others hang on, in a table that has another index, too
mkdir keys
cat >keys/p.sql <<'SQL'
-- @projection keys version 1
-- @topics t u
-- @envelope type=$.type
-- @schema
CREATE TABLE customer (k text PRIMARY KEY, n integer NOT NULL UNIQUE);
CREATE TABLE address (k text PRIMARY KEY REFERENCES customer ON DELETE CASCADE);
-- @on add
INSERT INTO customer (k, n) VALUES ($.k, $.n);
INSERT INTO address (k) VALUES ($.k);
SQL
cd keys || exit
for i in {1..5}; do rec add "k$i" "$i"; done >log.ndjson
project keys.db ./log.ndjson
check_status 0 "a view with a key in another table"
sql keys.db "UPDATE customer SET n = 9 WHERE k = 'k1'"
verify keys.db ./log.ndjson --repair --yes --max-repair 50%
check_status 2 "its repair is refused"
check_grep "with the reason" "cannot repair table 'customer': it has a constraint beside|a foreign key points to it" "$err"
check "all addresses are there" test "$(sql keys.db 'SELECT count(*) FROM address')" = 5
cd .. || exit

if on sqlite; then
	same_but "PRAGMA journal_mode=DELETE; $wrong"
	verify c.db ./log.ndjson --repair --max-repair 20%
	check_status 1 "without --yes"
	check "the file stays what it was, not a WAL" test "$(sql c.db 'PRAGMA journal_mode')" = delete
	same_but "INSERT INTO acc (k, n) VALUES (NULL, 1), (NULL, 2); $wrong"
	verify c.db ./log.ndjson --repair --yes --max-repair 20%
	check_status 0 "rows whose key is NULL are repaired, too"
	check "they are gone" test "$(sql c.db 'SELECT count(*) FROM acc WHERE k IS NULL')" = 0
fi
done_testing
