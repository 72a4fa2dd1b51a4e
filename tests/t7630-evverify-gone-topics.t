# evverify --counts on topics: records that compaction took are not checkable, and nothing else is excused by that.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/evverify.sh"

of() { sed "s/@topics t u/@topics $1/; s/tombstone of t/tombstone of $1/" p0.sql >p.sql; }
cp p.sql p0.sql
add() { echo "put $1/0 - $2 {\"type\":\"${4:-add}\",\"k\":\"$2\",\"n\":$3}"; }

# markers, and no compaction: no record may be gone
topic txn 1 && of "$txn"
txn_open t
txn begin "$(add "$txn" a 1)" "$(add "$txn" b 2)" commit begin "$(add "$txn" a 3)" commit
txn_leave
project s.db
verify s.db
check_status 0 "a view of a topic with markers"
check_grep "which are holes" "offsets 5 = applied 3 .* invisible 2" "$out"
same_but "UPDATE ev_ledger SET applied = applied + 1, invisible = invisible - 1"
verify c.db
check_status 1 "one hole that is said to be a record is a difference where nothing compacts"
check_grep "which is told" "$txn/0: applied: the ledger says 4, the log says 3" "$out"

# compaction: the same rows, and one record less
topic compact 1 cleanup.policy=compact segment.ms=100 segment.bytes=1048576 \
	min.cleanable.dirty.ratio=0.001 delete.retention.ms=0 max.compaction.lag.ms=100 && of "$compact"
sed -i 's/SET n = acc.n + excluded.n, at = excluded.at/SET n = excluded.n/; s/, at)/)/; s/, :offset)/)/' p.sql
put < <(add "$compact" a 1; add "$compact" z 1 put; for i in {1..12}; do add "$compact" k$i 1; done; add "$compact" a 2)
forget s.db
project s.db --on-error dead
check_status 0 "a view of a topic that will be compacted"
verify s.db
check_status 0 "is consistent"
roll() { put < <(add "$compact" roll 0); ! evtail --from begin --to end "$compact" 2>/dev/null | grep -q '"offset":0,'; }
check "compaction happens" wait_for 60 roll
verify s.db
check_status 0 "where compaction took a record, rows that are the same are proven"
check_grep "its offset is not checkable" "offsets 15 = applied 13 .* not checkable 1\$" "$out"
same_but "UPDATE ev_ledger SET applied = applied - 10, ignored = ignored + 10"
verify c.db
check_status 1 "more than one record in another count is a difference"
check_grep "which is told" "$compact/0: ignored: the ledger says 10, the log says 0" "$out"
same_but "UPDATE ev_ledger SET last_timestamp = last_timestamp + 1"
verify c.db
check_status 1 "so is another time of the last record"
same_but "DELETE FROM ev_dead"
verify c.db --receipt r.json
check_status 5 "dead letters that are not those of the rest are not proven"
check_grep "which is said" 'the dead letters are not those that the rest of the log makes' "$err"
check "no receipt tells of them" test ! -e r.json
done_testing
