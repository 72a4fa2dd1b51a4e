# evverify: rows, counts and checks of a view and its log; what is done to either is seen, and said.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/evverify.sh"

for i in {1..60}; do rec add k$((i % 13)) "$i"; done >log.ndjson
{ rec add k1 7 0 1 u; rec put zz 1 3 1 u; rec nop a 1 4 1 u; rec del k2 0 5 1 u; } >>log.ndjson
project s.db --on-error dead ./log.ndjson

verify s.db ./log.ndjson
check_status 0 "a view that was not touched is consistent"
check_grep "its rows are counted on both sides" 'acc: store rows 12 = matched 12 \+ differing 0 \+ extra 0' "$out"
check_grep "both of them" 'acc: log rows 12 = matched 12 \+ differing 0 \+ missing 0' "$out"
check_grep "so are the offsets" 'u/1: offsets 6 = applied 2 .* ignored 1 .* dead 1 .* invisible 2' "$out"
check "nothing is said on stderr" test ! -s "$err"
verify s.db ./log.ndjson --quiet
check "--quiet says nothing at all when all is well" test "$status$(cat "$out" "$err")" = 0
verify s.db ./log.ndjson --independent
check_status 0 "folded by plain statements it is the same"

same_but "UPDATE acc SET n = n + 1 WHERE k = 'k3'; DELETE FROM acc WHERE k = 'k4';
	INSERT INTO acc (k, n, at) VALUES ('it''s', 1, NULL)"
verify c.db ./log.ndjson
check_status 1 "a row changed, one deleted, one made: different"
check_grep "the changed one" "changed acc k='k3': n is 146, should be 145" "$out"
check_grep "the missing one" "missing acc k='k4': n=[0-9]+, at=[0-9]+" "$out"
check_grep "the extra one" "extra acc k='it''s': n=1, at=NULL" "$out"
check_grep "the next step is named" '--repair says how many rows' "$out"
check_grep "coverage tiles" 'store rows 12 = matched 10 \+ differing 1 \+ extra 1' "$out"
verify c.db ./log.ndjson --quiet
check "--quiet is not quiet then" test -s "$out"
verify c.db ./log.ndjson --max-diffs 1
check_grep "a cap is said to be one" 'and 2 more, not shown' "$out"
verify c.db ./log.ndjson --max-diffs 1 --format json
check "and in JSON" says '.modes[0] | .capped and .found == 3 and (.findings | length) == 1'
verify c.db ./log.ndjson --ignore acc.n
check_status 1 "rows that are missing are seen without the column"
check_grep "the column is in the coverage" 'acc: columns 3 = compared 2 \+ ignored 1' "$out"
same_but "UPDATE acc SET n = n + 1 WHERE k = 'k3'"
verify c.db ./log.ndjson --ignore acc.n
check_status 0 "a difference in an ignored column is none"
verify c.db ./log.ndjson --ignore acc.k
check_status 2 "a key is not ignored"
verify c.db ./log.ndjson --ignore acc.nosuch
check_status 2 "nor a column that is not there"
verify c.db ./log.ndjson --counts
check_status 0 "--counts alone does not look at rows"
verify c.db ./log.ndjson --rows --format json
check "--rows alone is one mode" says '[.modes[].mode] == ["rows"]'

same_but "UPDATE acc SET n = -1 WHERE k = 'k3'"
verify c.db --checks ./log.ndjson
check_status 1 "a check that fails"
check_grep "names its row" "check no negatives: 1 row: k='k3', n=-1" "$out"

# the ledger
same_but "UPDATE ev_ledger SET applied = applied + 1"
verify c.db ./log.ndjson
check "a ledger that does not balance is seen" test "$status" != 0
check_grep "and said" 'it does not balance' "$out"
same_but "UPDATE ev_ledger SET applied = applied - 1, ignored = ignored + 1 WHERE topic = 't'"
verify c.db ./log.ndjson
check_status 1 "one that balances and is wrong"
check_grep "which count is wrong is said" 't/0: applied: the ledger says 59, the log says 60' "$out"
for by in 1 -1; do
	same_but "UPDATE ev_ledger SET next_offset = next_offset + $by, invisible = invisible + $by WHERE topic = 't'"
	verify c.db ./log.ndjson
	check "a position that is off by $by is seen" test "$status" != 0
done
same_but "UPDATE ev_ledger SET last_offset = -1 WHERE topic = 't'"
verify c.db ./log.ndjson
check_status 1 "a ledger that has forgotten its last record"
check_grep "is told which it was" 't/0: the last record is at offset -1, the log says 59' "$out"

most=9223372036854775807
same_but "UPDATE ev_ledger SET applied = $most, ignored = $most, filtered = $most WHERE topic = 't'"
verify c.db ./log.ndjson
check "counts that are more than numbers can say are seen" test "$status" != 0
check_grep "as what does not balance" "t/0: it does not balance: .* the counts add up to $most" "$out"
for set in "begin_offset = -$most - 1" "next_offset = -1001" "last_offset = $most" "partition = partition + 4294967296"; do
	same_but "UPDATE ev_ledger SET $set WHERE topic = 't'"
	verify c.db ./log.ndjson
	check_status 4 "what no run writes cannot be checked: $set"
	check_grep "and is named" "the ledger of 'acc' is damaged: ${set%% *} is .* for topic 't', partition [0-9]+$" "$err"
done

same_but "UPDATE ev_projection SET fingerprint = fingerprint || 'x'"
verify c.db ./log.ndjson
check_status 4 "nor can what is longer than a fingerprint"
check_grep "which is named" "the ledger of 'acc' is damaged: fingerprint is [0-9a-f]{32}x$" "$err"

same_but "DELETE FROM ev_dead"
verify c.db ./log.ndjson
check_status 1 "dead letters that are gone are seen"

# a partition of which the view saw only markers, or what compaction emptied: a file cannot show it
same_but "INSERT INTO ev_ledger (projection, topic, partition, begin_offset, next_offset, target_offset, last_offset,
		last_hash, applied, ignored, filtered, deduplicated, dead, held, dropped, invisible, untouched)
	SELECT projection, topic, 9, 0, 2, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0 FROM ev_ledger WHERE topic = 't'"
verify c.db ./log.ndjson
check_status 0 "is no difference"
check_grep "but not checkable" 't/9: offsets 2 = not checkable 2$' "$out"
{ cat log.ndjson; rec nop a 1 1 9; } >more.ndjson
verify c.db ./more.ndjson
check_status 1 "a record there after all is one"
check_grep "which is told" 'count t/9: ignored: the ledger says 0, the log says 1' "$out"
sql c.db "UPDATE ev_ledger SET invisible = 0, ignored = 2 WHERE partition = 9"
verify c.db ./log.ndjson --counts
check_status 1 "and so is one that the ledger has counted"
check_grep "and the log not" 'count t/9: the log holds nothing of it' "$out"

cp log.ndjson held.ndjson
for i in 6 7 8; do rec add zz $i $i 1 u; done >>held.ndjson
{ rec put yy 1 9 1 u; rec add yy 1 10 1 u; } >>held.ndjson
project h.db --on-error dead ./held.ndjson
verify h.db ./held.ndjson
check_status 0 "records that are held behind two letters"
for edit in "behind_partition = 7" "behind_offset = 9" "arrival = -arrival"; do
	forget c.db
	copy h.db c.db
	sql c.db "UPDATE ev_dead SET $edit WHERE state = 'held'"
	verify c.db ./held.ndjson --counts
	check_status 1 "which one they wait for, and in which order, is looked at: $edit"
	check_grep "and said" '^  letters acc' "$out"
done
forget c.db
copy h.db c.db
sql c.db "UPDATE ev_dead SET arrival = arrival * 2"
verify c.db ./held.ndjson --counts
check_status 0 "not the numbers alone"

# causes: the view is of a log in which one event went wrong
as_if() { # as_if SED: a view of the log after sed, verified against the log as it is
	forget c.db
	sed "$1" log.ndjson >wrong.ndjson
	project c.db --on-error dead ./wrong.ndjson
	verify c.db --rows ./log.ndjson
}
as_if '20s/"add"/"nop"/'
check_grep "an event that was skipped" 'last touched by t/0@58; likely cause: t/0@19 was skipped' "$out"
as_if '20{h}; 21{G; s,\(.*"value":\).*\n.*"value":\(.*\),\1\2,}'
check_grep "one that was applied twice" 'likely cause: t/0@19 was applied twice' "$out"
same_but "UPDATE acc SET n = n + 1000 WHERE k = 'k7'; INSERT INTO acc (k, n) VALUES ('new', 1)"
verify c.db --rows ./log.ndjson
check_grep "what no event explains" 'last touched by t/0@58; likely cause: unknown' "$out"
check_grep "what no event touched" 'no event has ever touched it' "$out"
same_but "DELETE FROM acc WHERE k = 'k7'"
verify c.db --rows ./log.ndjson
check_grep "a row that is gone may have been deleted" \
	"likely cause: none of its events from t/0@[0-9]+ on was applied, or something else deleted it\$" "$out"
{ rec add p1 1 0; rec put p1 5 1; rec add p2 2 2; rec put p2 6 3; } >poison.ndjson
forget c.db
project c.db ./poison.ndjson
sql c.db "UPDATE acc SET n = 2 WHERE k = 'p2'; UPDATE acc SET n = 99 WHERE k = 'p1'" >/dev/null
verify c.db --rows ./poison.ndjson
check_grep "what is poison without the event before it is in no other trial's way" \
	'last touched by t/0@3; likely cause: t/0@3 was skipped' "$out"
check "and stops none" test -z "$(grep 'causes were not found' "$out")"
sed 's/.*"value":\(.*\)}$/\1/' log.ndjson | head -n 60 >lines.txt
forget c.db
project c.db --lines t ./lines.txt
sql c.db "UPDATE acc SET n = n - 58, at = 45 WHERE k = 'k6'" >/dev/null
verify c.db --rows --lines t ./lines.txt
check_grep "lines of text have causes, too" 'last touched by t/0@58; likely cause: t/0@58 was skipped' "$out"
for i in {1..70}; do rec add "m$i" 1 $((i - 1)); done >many.ndjson
forget c.db
project c.db ./many.ndjson
sql c.db "UPDATE acc SET n = 7" >/dev/null
verify c.db --rows --max-diffs 100 --format json ./many.ndjson
check "causes are looked for of the first 50 rows" says '[.modes[0].findings[] | has("cause")] | length == 70 and
	(map(select(.)) | length == 50)'
check "that they are not of the others is said" says '.modes[0].notes | any(test("of the first 50 rows, not of the other 20"))'
long=$(printf 'x%.0s' {1..300})
{ rec add "${long}1" 1 0; rec add "${long}2" 1 1; } >long.ndjson
forget c.db
project c.db ./long.ndjson
sql c.db "UPDATE acc SET n = 7" >/dev/null
verify c.db --rows ./long.ndjson
check "keys that are the same as far as they are shown are told apart" test "$(grep '  changed' "$out" | sort -u | wc -l)" = 2

# the log
head -n 50 log.ndjson >short.ndjson
verify s.db ./short.ndjson
check_status 5 "a log that ends before the view cannot prove it"
check_grep "where it ends is said" 't/0: the log has no record at offset 59' "$err"
sed 10d log.ndjson >gap.ndjson
verify s.db ./gap.ndjson
check_status 5 "nor one that lacks a record"
sed '60s/"n":60/"n":61/' log.ndjson >other.ndjson
verify s.db ./other.ndjson
check_status 5 "nor another log"
check_grep "which is said" 't/0 is not the log that the view was built from' "$err"
sed '10s/"n":10/"n":11/' log.ndjson >edited.ndjson
verify s.db ./edited.ndjson
check_status 1 "an event that was edited makes another row"
rec add k5 1 60 >>log.ndjson
verify s.db ./log.ndjson
check_status 0 "a log that has gone on is read up to the view's position"
verify s.db ./log.ndjson --max-lag 0
check_status 1 "--max-lag says how far it has gone on"
verify s.db ./log.ndjson --max-lag 1
check_status 0 "and takes what is allowed"
verify s.db --max-age 1h ./log.ndjson
check_status 1 "--max-age looks at what is waiting"
check_grep "the record that is next" 'age t/0: behind, and the record at offset 60 is [0-9]+ s old, more than 3600' "$out"
timed() { sed "\$s/\"timestamp\":[0-9]*/\"timestamp\":$1/" log.ndjson; }
timed "$(date +%s%3N)" >new.ndjson
verify s.db --max-age 1h ./new.ndjson
check_status 0 "one that has just come is not too old, however old the last that was applied"
timed null >timeless.ndjson
verify s.db --max-age 1h ./timeless.ndjson
check_status 5 "how old one without a time is nobody knows"
check_grep "which is said" 't/0@60 waits for the view and has no time' "$err"

# the tables
same_but "ALTER TABLE acc ADD COLUMN extra integer"
verify c.db ./log.ndjson
check_status 1 "a column that the projection does not make"
check_grep "is named" 'column acc: column extra is not of the projection' "$out"
same_but "ALTER TABLE acc RENAME COLUMN at TO at2"
verify c.db ./log.ndjson
check_status 1 "a column that is not there any more"
same_but "DELETE FROM ev_table WHERE table_name = 'acc'"
verify c.db --rows ./log.ndjson
check "a table that the ledger has forgotten is seen" test "$status" != 0
check "and named" grep -q "table '*acc.* ledger" "$out" "$err"
same_but "DROP TABLE acc"
verify c.db --rows ./log.ndjson
check_status 1 "a table that is gone"
check_grep "all its rows are missing" 'log rows 12 = matched 0 \+ differing 0 \+ missing 12' "$out"
done_testing
