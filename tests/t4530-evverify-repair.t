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
done_testing
