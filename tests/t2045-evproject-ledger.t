# A store whose ledger an earlier evproject made, before the table ev_rows: whoever writes completes it, whoever
# only reads goes without it or says what to do. Both stores, see tests/store.sh.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
# ids (ev_seen) and an order that matters (ev_cut): what is found by that table
sed 's/^-- @envelope.*/-- @envelope id=$.k type=$.type\n-- @dedupe id/; s/n = acc.n + excluded.n/n = acc.n * 2 + excluded.n/' p.sql >d.sql
sed 's/version 1/version 2/; s/acc.n \* 2/acc.n * 3/' d.sql >d2.sql
for i in {0..19}; do rec add "k$((i % 15))" $i; done >a.ndjson
for i in {20..39}; do rec add "k$((i % 25))" $i; done >b.ndjson
cat a.ndjson b.ndjson >all.ndjson
old() { sql "$1" 'DROP TABLE ev_rows'; }
s=$(store s.db)
evproject run d.sql --store "$s" --quiet ./a.ndjson
evproject run d.sql --store "$(store want.db)" --quiet ./all.ndjson
evproject run d2.sql --store "$(store want2.db)" --quiet ./all.ndjson
whole() { sql "$1" "SELECT * FROM acc ORDER BY k; SELECT applied, deduplicated, next_offset FROM ev_ledger WHERE projection = 'acc'"; }
verify() { # PostgreSQL folds what wants a store in a schema for a while
	if on sqlite; then
		run evverify d.sql --store "$s" --rows "$@"
	else
		run evverify d.sql --store "$s" --scratch "$s" --rows "$@"
	fi
}
ids() { sql s.db "SELECT count(*) FROM ev_seen WHERE projection = coalesce((SELECT rows_key FROM ev_rows WHERE projection = 'acc'), 'acc')"; }

old s.db
run evproject status --store "$s"
check_status 0 "status does not need it"
run evproject show d.sql --store "$s"
check_status 0 "nor do samples"
run evproject rebuild d2.sql --store "$s" --dry-run ./all.ndjson
check_status 0 "nor does the plan of a rebuild"
verify ./a.ndjson
check_status 4 "evverify, which folds by cuts, does"
check_grep "says so" 'ledger is of an earlier evproject and has no table ev_rows yet' "$err"
check_grep "and what to do" '^hint: evproject run makes it' "$err"
run evproject run d.sql --store "$s" --quiet ./all.ndjson
check_status 0 "a run makes it and goes on"
check "what was seen before is known" cmp <(whole s.db) <(whole want.db)
check "and not seen twice" test "$(ids)" = "$(sql want.db 'SELECT count(*) FROM ev_seen')"
verify ./all.ndjson
check_status 0 "then evverify works"

old s.db
run evproject rebuild d2.sql --store "$s" --yes ./all.ndjson
check_status 0 "a rebuild makes it"
check "and comes to the right rows" cmp <(whole s.db) <(whole want2.db)
run evproject rollback d.sql --store "$s"
check_status 0 "with the way back"
check "to the old ones" cmp <(whole s.db) <(whole want.db)
check "and their ids" test "$(ids)" = "$(sql want.db 'SELECT count(*) FROM ev_seen')"
evproject run d.sql --store "$(store other.db)" --quiet ./a.ndjson
old other.db
run evproject drop acc --store "$(store other.db)" --yes
check_status 0 "drop takes such a one too"

# the number of cuts was edited: no cut could be stored, which each run found at its end
edited() { # COMMAND
	check_status 5 "$1 with a number of cuts that is not that of the store is refused"
	check_grep "$1: by what it is" "has 0 in ev_projection.cuts, and its last cut in ev_cut is [1-9][0-9]*: the store was edited" "$err"
	check_grep "$1: and what to do" "^hint: UPDATE ev_projection SET cuts = [1-9][0-9]* WHERE name = 'acc' mends that" "$err"
}
for i in {0..19}; do rec add "p$i" $i $((i / 2)) $((i % 2)); done >c.ndjson # of two partitions: their order is stored
head -n 10 c.ndjson >some.ndjson
evproject run d.sql --store "$(store cut.db)" --quiet ./some.ndjson
evproject run d.sql --store "$(store want3.db)" --quiet ./c.ndjson
sql cut.db 'UPDATE ev_projection SET cuts = 0'
run evproject run d.sql --store "$(store cut.db)" ./c.ndjson
edited run
sql cut.db "$(sed -n "s/^hint: \(UPDATE .* WHERE name = 'acc'\) mends.*/\1/p" "$err")"
run evproject run d.sql --store "$(store cut.db)" ./c.ndjson
check_status 0 "that done it goes on"
check "to the right rows" cmp <(whole cut.db) <(whole want3.db)
done_testing
