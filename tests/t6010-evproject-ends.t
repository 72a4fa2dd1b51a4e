#!/usr/bin/env bash
# evproject run on a topic: its ends, times, stored ranges cut short, topics and partitions that are not read
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
. "$TOP/tests/project.sh"

topic empty 3
chain_projection "$empty" >chain.sql
project empty.db
check_status 0 "an empty topic is a view without rows"
check "which stands at its beginning" test "$(position empty.db)" = '0:0 1:0 2:0 '

topic plain 3 && topic=$plain
put < <(event 0 3000 a 1; event 2 1000 b 2; event 2 2000 a 3; event 1 4000 c 4
	echo "put $topic/1 5000 b ~"; echo "put $topic/0 6000 ~ {\"type\":\"other\",\"v\":1}")
chain_projection "$plain" >chain.sql
project plain.db
check_status 0 "a topic becomes a view"
check "in the order of time; a tombstone deletes" \
	test "$(sql plain.db 'SELECT k, v, p, o FROM last ORDER BY k' | tr '\n' ' ')" = 'a|1|0|0 c|4|1|0 '
check "each record has its place in the ledger" \
	test "$(sql plain.db 'SELECT sum(applied), sum(ignored), sum(invisible) FROM ev_ledger')" = '5|1|0'
put < <(event 0 7000 d 7)
run evproject status --store "$(store plain.db)" --format json
check "status tells the lag with a broker" test "$(jq .lag "$out")" = 1
run evproject status --store "$(store plain.db)" -b "$EV_BROKERS" --max-lag 0
check_status 1 "and passes --max-lag"
project plain.db --group "g-$$"
check_status 0 "the next run goes on"
check "from where it stood" test "$(position plain.db)" = '0:3 1:2 2:2 '
check "--group commits the position" test "$(evadmin committed "g-$$" "$plain/0")" = 3
run evproject status --store "$(store plain.db)" -b "$EV_BROKERS" --max-lag 0
check_status 0 "nothing is behind then"
project plain.db --from begin
check_status 2 "--from is refused where there is a position"
project plain.db --to 1
check_status 2 "and so is a --to behind it"

# Time: a prefix of the log
topic late 1 && topic=$late
put < <(event 0 1000 a 1; event 0 5000 b 2; event 0 2000 c 3; event 0 6000 d 4)
chain_projection "$late" >chain.sql
run timeout 60 evproject run chain.sql --store "$(store late.db)" --until 1970-01-01T00:00:04Z --scan-late
check_status 0 "--until ends before the first record at or after it"
check "which is a prefix" test "$(position late.db)" = '0:1 '
check_grep "--scan-late counts what carries an earlier time behind it" '; 1 later record carries an earlier time$' "$err"
run timeout 60 evproject run chain.sql --store "$(store late.db)" --until 1970-01-01T00:00:04Z
check_status 0 "the same --until again adds nothing"
check "as the first record at or after it is the same" test "$(position late.db)" = '0:1 '
run timeout 60 evproject run chain.sql --store "$(store none.db)" --until 1970-01-01T00:00:00.900Z --scan-late
check_grep "it says that there is none, too" '; 0 later records carry an earlier time$' "$err"
evtail -n +1 "$late" >late.ndjson 2>/dev/null
run timeout 60 evproject run chain.sql --store "$(store file.db)" --until 1970-01-01T00:00:04Z --scan-late ./late.ndjson
check_grep "and counts in a file as well" '; 1 later record carries an earlier time$' "$err"
run evproject run chain.sql --store "$(store file.db)" --scan-late
check_status 2 "--scan-late without --until is refused"
run evproject run chain.sql --store "$(store file.db)" --group g ./late.ndjson
check_status 2 "and so is --group for a file"
project late.db
check "the next run takes the rest" test "$(chain late.db)" = 4

# A stored range, and a transaction that hangs in it
topic open 2 && topic=$open
put < <(event 0 1000 a 1; event 1 1100 a 2; event 0 1200 b 3; event 1 1300 b 4)
txn_open open
txn begin "$(event 1 5000 t 5)" flush
put < <(event 0 6000 z 6; event 1 6000 z 7)
chain_projection "$open" >chain.sql
project open.db --txn-wait 300ms
check_status 3 "an open transaction that outlasts --txn-wait is exit 3"
check_grep "which names the partition" "$open/1" "$err"
check "what stands before it is applied" test "$(chain open.db)" = 4
check "and the range is stored" test "$(sql open.db 'SELECT target_offset FROM ev_ledger WHERE partition = 1')" = 4
copy open.db cut.db
put < <(event 0 100 y 8)
project open.db --txn-wait 300ms
check_status 3 "so it is the next time"
copy open.db wait.db
run timeout 60 evproject run chain.sql --store "$(store cut.db)" --to stable
check_status 0 "an explicit --to before the transaction cuts the stored range short"
check_grep "and says so" 'cut short' "$err"
check "the position is there" test "$(sql cut.db 'SELECT next_offset FROM ev_ledger WHERE partition = 1')" = 2
check "where the range ends now, a cut is stored" \
	test "$(sql cut.db "SELECT count(*) FROM ev_cut WHERE position = '{\"$open\":{\"0\":3,\"1\":2}}'")" = 1
check "and no range is open any more" test "$(sql cut.db 'SELECT max(target_offset) FROM ev_ledger')" = -1
txn commit
txn_leave
marked() { [ "$(evadmin marks "$open/1")" = '0 5 5' ]; } # the marker comes a moment after the answer
check "(it is committed)" wait_for 60 marked
project open.db
check_status 0 "once it commits a run finishes"
check "with all of its records" test "$(chain open.db)" = 8
cat >first.json <<END
{"$open":{"0":3,"1":4}}
END
project calm.db --to first.json
check_status 0 "an undisturbed run over the first range"
project calm.db
check "and one more give the same rows, the older record that came meanwhile last" cmp <(dump calm.db) <(dump open.db)
project cut.db
check "the run that was cut short finishes too" test "$(chain cut.db)" = 8
check "and balances" balanced cut.db

# Retention up to the very position
topic edge 1 && topic=$edge
put < <(events 0 10 1)
chain_projection "$edge" >chain.sql
project edge.db
put < <(events 10 10 1)
evadmin trim "$edge/0" 10
run timeout 60 evproject run chain.sql --store "$(store edge.db)"
check_status 0 "retention up to the position loses nothing"
check_grep "that the log's identity cannot be checked is said" 'not checkable' "$err"
check "the rest is applied" test "$(chain edge.db)" = 20

# The last record has headers, which no handler asks for
topic headers 1
put <<<"put $headers/0 1000 k {\"type\":\"other\"} trace=t1 empty"
chain_projection "$headers" >chain.sql
for mode in stop dead; do
	project "headers-$mode.db" --on-error $mode
	check_status 0 "a log with headers, --on-error $mode"
	for again in $mode dead stop; do
		project "headers-$mode.db" --on-error $again
		check_status 0 "is known again by --on-error $again"
	done
done

# Two topics; what the view stands on is what must be read
topic one 2 && topic=$one
put < <(events 0 30 2)
topic two 1 && topic=$two
put < <(events 30 30 1)
chain_projection "$one" "$two" >chain.sql
project two.db
check_status 0 "two topics are one view"
check "with all their records" test "$(chain two.db)" = 60
project two.db "$one"
check_status 2 "a topic that the view stands on and that is not read is exit 2"
check_grep "and is named" "$two" "$err"
project two.db "$one/0" "$two"
check_status 2 "a partition likewise"
check_grep "and is named" "$one/1" "$err"
project two.db "$one" "$two" "$plain"
check_status 2 "a topic that it does not stand on is exit 2"
evadmin grow "$two" 2
topic=$two
put < <(event 1 1 new 99)
project two.db
check_status 0 "a partition that was added"
check "is read from its first offset" test "$(chain two.db)" = 61


# A copy under another name: what is of the topic itself is never called
cat >of.sql <<'SQL'
-- @projection of version 1
-- @topics first second
-- @envelope type=$.type
-- @schema
CREATE TABLE of_one (k text PRIMARY KEY);
-- @on tombstone of second
DELETE FROM of_one WHERE k = :key;
SQL
run evproject run of.sql --store "$(store of.db)" "$headers"
check_status 0 "a view of a topic that a handler is not of"
check_grep "says that the handler is never called" "warning: of.sql:6: this handler is of topic 'second', which is not read" "$err"
run evverify of.sql --store "$(store of.db)" --allow-empty "$headers"
check_status 0 "evverify proves what the log makes"
check_grep "and says so as well" "of.sql:6: this handler is of topic 'second', which is not read" "$out"
run evproject rebuild of.sql --store "$(store of2.db)" "$headers"
check_grep "a first rebuild says so" "warning: of.sql:6: .*'second', which is not read" "$err"

# A file shows its topics while it is read: one that lacks a topic may have it the next time, one with others is a copy
evtail "$headers" -n 2 -o json | jq -c '.topic = "copied"' >copied.ndjson
jq -c '.topic = "first"' copied.ndjson >first.ndjson
run evproject run of.sql --store "$(store copied.db)" ./copied.ndjson
check_status 0 "a file of a copy"
check_grep "says so when it was read" "warning: of.sql:6: .*'second', which is not read" "$err"
run evverify of.sql --store "$(store copied.db)" --allow-empty ./copied.ndjson
check_grep "evverify, too" "of.sql:6: this handler is of topic 'second'" "$out"
run evproject run of.sql --store "$(store first.db)" ./first.ndjson
check_status 0 "a file of the file's topics alone"
check_no_grep "that has no record of one says nothing" "second" "$err"
done_testing
