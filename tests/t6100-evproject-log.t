# evproject run against what a log can do to a view: transactions, retention, recreation, dead letters
# beside a follower, a second run, new partitions, groups.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
. "$TOP/tests/store.sh"

# event PARTITION MS KEY TYPE K V: a record line
event() {
	printf '{"topic":"%s","partition":%d,"offset":0,"timestamp":%d,"key":"%s","headers":[],"value":{"type":"%s","k":"%s","v":%s}}\n' \
		"$log" "$1" "$2" "$3" "$4" "$5" "$6"
}
send() { evload lines >/dev/null || fail "events are on the broker"; }
projection() {
	cat >"$1" <<-END
	-- @projection last version 1
	-- @topics $log
	-- @envelope type=\$.type
	-- @schema
	CREATE TABLE last (k text PRIMARY KEY, v integer NOT NULL, n integer NOT NULL DEFAULT 1);
	-- @on put
	INSERT INTO last (k, v) VALUES (\$.k, \$.v)
	ON CONFLICT (k) DO UPDATE SET v = excluded.v, n = last.n + 1;
	-- @on need must touch
	UPDATE last SET v = \$.v WHERE k = \$.k;
	END
}
rows() { sql "$1" 'SELECT * FROM last ORDER BY k' | tr '\n' ' '; }
ledger() { sql "$1" "SELECT sum($2) FROM ev_ledger"; }
balanced() { [ "$(evproject status --store "$(store "$1")" --format json | jq .balanced)" = true ]; }

# transactions: aborted records are not in the view, and the ledger counts what nobody can see
topic log 1
projection last.sql
txn_open w
txn begin "put $log/0 1000 a {\"type\":\"put\",\"k\":\"a\",\"v\":1}" commit
txn begin "put $log/0 1001 a {\"type\":\"put\",\"k\":\"a\",\"v\":666}" abort
txn begin "put $log/0 1002 b {\"type\":\"put\",\"k\":\"b\",\"v\":2}" flush
run evproject run last.sql --store "$(store txn.db)" --txn-wait 1s
check_status 3 "an open transaction at the end is waited for, then exit 3"
check_grep "which names the partition" "$log/0" "$err"
check "what stands before it is applied" test "$(rows txn.db)" = "a|1|1 "
check "the ledger balances meanwhile" balanced txn.db
txn commit
run evproject run last.sql --store "$(store txn.db)"
check_status 0 "once it is committed the run finishes"
check "the aborted record is nowhere" test "$(rows txn.db)" = "a|1|1 b|2|1 "
check "markers and aborted records are invisible" test "$(ledger txn.db invisible)" = 4
check "the ledger balances" balanced txn.db
txn_leave

# the stored range is finished first, in its own order, whatever came meanwhile
topic log 2
projection last.sql
for i in 1 2 3 4 5 6; do event $((i % 2)) $((1000 + i)) x put x $i; done | send
run evproject run last.sql --store "$(store calm.db)"
copy calm.db half.db
# as a run leaves it that was killed after one record: position behind, range stored
sql half.db "DELETE FROM last; UPDATE ev_ledger SET target_offset = 3, next_offset = 0, last_offset = -1,
	last_hash = 0, applied = 0; DELETE FROM ev_cut"
event 0 900 x put x 99 | send
run evproject run last.sql --store "$(store half.db)"
check_status 0 "a run with a stored range goes on"
check_grep "it says that it finishes the range" 'first the range that was begun before is read' "$err"
check "the later record, though its time is earlier, comes last" test "$(rows half.db)" = "x|99|7 "
run evproject run last.sql --store "$(store calm.db)"
check "as it does after two runs without a kill" test "$(rows calm.db)" = "x|99|7 "

# --follow: a dead letter, a retry beside it, a second run, SIGTERM
topic log 2
projection last.sql
evproject run last.sql --store "$(store follow.db)" --follow --on-error dead --group "ev-$log" 2>follow.err &
follower=$!
event 0 1000 a put a 1 | send
event 1 1001 z need z 5 | send
event 1 1002 z put z 6 | send
test_rows() { [ "$(rows follow.db)" = "$1" ]; }
check "a follower applies new records" wait_for 60 test_rows 'a|1|1 '
has_letter() { [ "$(ledger follow.db dead)" = 1 ] && [ "$(ledger follow.db held)" = 1 ]; }
check "poison becomes a letter and holds its key back" wait_for 60 has_letter
run evproject run last.sql --store "$(store follow.db)" --lock-wait 300ms
check_status 6 "a second run does not interleave"
check_grep "and is told by whom" "pid $follower on " "$err"
run evproject dead drop last.sql --store "$(store follow.db)" "$log/1@0" --yes
check_status 0 "the letter is dropped beside the follower"
event 0 1003 b put b 2 | send
check "and the follower goes on" wait_for 60 test_rows 'a|1|1 b|2|1 z|6|1 '
evadmin grow "$log" 3
event 2 1004 c put c 3 | send
check "a partition added meanwhile is read from its start" wait_for 60 test_rows 'a|1|1 b|2|1 c|3|1 z|6|1 '
kill -TERM $follower
wait $follower
status=$?
check_status 0 "a follower ends well on SIGTERM"
check "the ledger balances" balanced follow.db
check "the group stands where the view stands" test "$(evadmin committed "ev-$log" "$log/0")" = 2

# retention, recreation
before=$(rows follow.db)
for i in 1 2 3; do event 0 $((2000 + i)) q put q $i; done | send
evadmin trim "$log/0" 4
run evproject run last.sql --store "$(store follow.db)"
check_status 5 "records lost by retention end the run"
check_grep "the lost span is named" "$log/0.*2..3" "$err"
check "the view is as it was" test "$(rows follow.db)" = "$before"
evadmin delete "$log"
evadmin create "$log" 3
run evproject run last.sql --store "$(store follow.db)"
check_status 5 "a topic that was made anew with fewer records is recognised"
for i in 1 2 3 4 5 6 7 8 9; do event $((i % 3)) $((3000 + i)) q put q $i; done | send
run evproject run last.sql --store "$(store follow.db)"
check_status 5 "and one with more records"
check_grep "it says so" 'not the log' "$err"
check "the view is still as it was" test "$(rows follow.db)" = "$before"

# a first run takes the log from where it begins, and says where that is; who asks for a beginning knows
topic log 2
projection last.sql
for i in 1 2 3 4 5 6; do event $((i % 2)) $((1000 + i)) x put x $i; done | send
evadmin trim "$log/1" 2
run evproject rebuild last.sql --store "$(store built.db)" --dry-run
check_grep "a plan says where the log begins" "$log/1: the log begins at offset 2, not at 0" "$err"
for step in 'run trimmed.db' 'rebuild built.db'; do
	set -- $step
	run evproject "$1" last.sql --store "$(store "$2")"
	check_status 0 "$1: a first view of a log that lost its beginning"
	check_grep "names where the log begins, and what to do" "$log/1: the log begins at offset 2, not at 0.*: ./archive $log" "$err"
	run evproject "$1" last.sql --store "$(store "$2")"
	check_no_grep "the next one does not say it again" "the log begins" "$err"
done
run evproject run last.sql --store "$(store asked.db)" --from begin
check_status 0 "one from a beginning that was asked for"
check_no_grep "does not say it" "the log begins" "$err"

# what cannot be read leaves the store alone
run evproject run last.sql --store "$(store none.db)" -b 127.0.0.1:1 --timeout 1s
check_status 3 "no broker"
check_grep "the broker is named" '127.0.0.1:1' "$err"
check "no store is left behind" untouched none.db
done_testing
