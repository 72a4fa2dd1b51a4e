#!/usr/bin/env bash
# evproject run as its surroundings see it: lag, consumer group, metrics, JSON messages; --no-merge
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
. "$TOP/tests/project.sh"

# 16 records are read, three more stand in an open transaction: 3 behind, by whatever one looks at
topic log 2 && topic=$log
put < <(events 0 16 2)
chain_projection "$log" >chain.sql
evproject run chain.sql --store "$(store f.db)" --follow --group "g-$$" --metrics f.prom --log-format json 2>f.log &
follower=$!
script -qec "stty cols 100 rows 24; evproject run chain.sql --store $(store t.db) --follow" /dev/null </dev/null >t.raw &
terminal=$!
applied() { [ "$(chain "$1")" = "$2" ]; }
check "a follower reads what is there" wait_for 60 applied f.db 16
check "and so does one on a terminal" wait_for 60 applied t.db 16
behind() { tr '\r' '\n' <t.raw | tail -n 1 | grep -q "following: .* $1 behind, last record .* old"; }
check "its live line tells that nothing is behind" wait_for 60 behind 0
committed() { [ "$(evadmin committed "g-$$" "$log/$1")" = "$(sql f.db "SELECT next_offset FROM ev_ledger WHERE partition = $1")" ]; }
check "a follower that has nothing to do commits to its group as well" wait_for 60 committed 0
check "in all partitions" wait_for 60 committed 1
run timeout 300 evtail --from "group:g-$$" --to end "$log"
check "evtail --from group: sees nothing before it" test "$status$(wc -l <"$out")" = 00
txn_open w
txn begin "$(event 0 3000000 a 1)" "$(event 0 3000001 b 2)" "$(event 1 3000002 c 3)" flush
check "the live line counts what stands in an open transaction" wait_for 60 behind 3
told() { jq -e -s 'map(select(.progress)) | last | .progress | .phase == "following" and .lag == 3 and .lag_ms > 0' f.log; }
check "so do the sparse lines, in JSON" wait_for 60 told
in_metrics() { grep -qx "ev_projection_lag_records{projection=\"chain\"} $1" f.prom; }
check "so does the metrics file" wait_for 60 in_metrics 3
run evproject status --store "$(store f.db)" -b "$EV_BROKERS" --format json
check "so does status" test "$(jq .lag "$out")" = 3
run evproject status --store "$(store f.db)" -b "$EV_BROKERS" --max-lag 2
check_status 1 "which passes --max-lag 2"
check_grep "and says so" 'lag 3 is over 2' "$err"
run evproject status --store "$(store f.db)" -b "$EV_BROKERS" --max-lag 3
check_status 0 "but not --max-lag 3"
txn commit
txn_leave
check "once it commits" wait_for 60 applied t.db 19
check "nothing is behind" wait_for 60 behind 0
check "(the other one too)" wait_for 60 applied f.db 19
kill -TERM $follower
wait $follower
status=$?
check_status 0 "SIGTERM ends a follower with 0"
kill -TERM "$(sql t.db 'SELECT holder FROM ev_projection' | sed 's/pid \([0-9]*\) on .*/\1/')"
wait $terminal
status=$?
check_status 0 "also on a terminal"
check "the group stands where the view stands" committed 0
put < <(event 1 4000000 d 4)
run timeout 300 evtail --from "group:g-$$" --to end "$log"
check_grep "evtail --from group: goes on there" '"key":"d"' "$out"
check "with nothing else" test "$(wc -l <"$out")" = 1

# A view that has never applied a record is not young.
topic odd 1
put <<<"put $odd/0 1000 k no-json"
chain_projection "$odd" >odd.sql
run evproject run odd.sql --store "$(store odd.db)"
check_status 5 "a run stops at its first record"
run evproject status odd.sql --store "$(store odd.db)" -b "$EV_BROKERS" --max-age 1h
check_status 1 "which is no view that keeps --max-age"
check_grep "and says why" "odd-[^ ]*/0: behind, and the record at offset 0 is [0-9]+ s old, more than 3600" "$err"

# What counts is the record that waits, and not the last one that was applied.
topic age 1
now=$(date +%s%3N)
put <<<"put $age/0 1000 a {\"type\":\"put\",\"v\":1}"
chain_projection "$age" >age.sql
evproject run age.sql --store "$(store age.db)" --quiet
young() { run evproject status age.sql --store "$(store age.db)" -b "$EV_BROKERS" --max-age 1h; }
young
check_status 0 "a view that is not behind keeps --max-age, however old its last record"
put <<<"put $age/0 2000 b {\"type\":\"put\",\"v\":2}"
young
check_status 1 "not behind one that is old"
check_grep "and says which" "$age/0: behind, and the record at offset 1 is [0-9]+ s old, more than 3600" "$err"
evproject run age.sql --store "$(store age.db)" --quiet
put <<<"put $age/0 $now c {\"type\":\"put\",\"v\":3}"
young
check_status 0 "but behind one that has just come, however old the last that was applied"

# Metrics: text that Prometheus takes, replaced as a whole
valid() { # HELP, TYPE, then samples of that metric; no metric and no series twice; a line feed at the end
	[ -z "$(tail -c 1 "$1")" ] && awk '
	/^# HELP [a-z_]+ [^ ]/ { if (seen[$3]++) exit bad = 1; name = $3; typed = 0; next }
	/^# TYPE [a-z_]+ (counter|gauge)$/ { if ($3 != name) exit bad = 1; typed = 1; next }
	/^[a-z_]+(\{([a-z]+="([^"\\]|\\[\\"n])*",?)*\})? -?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?$/ {
		series = $0; sub(/ [^ ]*$/, "", series)
		metric = series; sub(/\{.*/, "", metric)
		if (metric != name || !typed || samples[series]++) exit bad = 1
		n++
		next
	}
	{ exit bad = 1 }
	END { exit bad || !n }' "$1"
}
check "the metrics file is valid" valid f.prom
exec 8<f.prom
cp f.prom before.prom
run timeout 60 evproject run chain.sql --store "$(store f.db)" --metrics f.prom --group "g-$$" --quiet
check_status 0 "a bounded run goes on with store, group and metrics"
check "its metrics are valid too" valid f.prom
check "and new" grep -qx "ev_projection_records_total{projection=\"chain\",topic=\"$log\",partition=\"1\",fate=\"applied\"} $(sql f.db 'SELECT applied FROM ev_ledger WHERE partition = 1')" f.prom
check "who reads the old file meanwhile reads all of it" cmp before.prom - <&8
exec 8<&-
check "nothing else is left beside it" test "$(echo f.prom*)" = f.prom
check "the group has moved on" committed 1

# --log-format json: whatever is said is JSON, a line each
each_json() { [ -s "$1" ] && jq -e -s 'all(.level and (.message or .progress))' "$1" && [ "$(jq -s length "$1")" = "$(wc -l <"$1")" ]; }
check "each line of a follower is JSON" each_json f.log
json() { run timeout 60 evproject run "$@" --log-format json; }
put < <(echo "put $log/0 5000000 \"\\e {\"type\":\"put\",\"v\":\"a\\nb\"}")
json chain.sql --store "$(store f.db)"
check_status 5 "a poison record"
check "is told in JSON" each_json "$err"
check "the error last, with status and hint" test "$(jq -s -c 'last | [.level, .status, (.hint | length > 0)]' "$err")" = '["error",5,true]'
json chain.sql --store "$(store f.db)" --from begin
check "a refusal is JSON" each_json "$err"
json chain.sql --store "$(store f.db)" -b 127.0.0.1:9 --timeout 300ms
check "a broker that is down is JSON" each_json "$err"
json chain.sql --store "$(on sqlite none/none.db postgresql postgresql://127.0.0.1:1/none)"
check "a store that cannot be opened is JSON" each_json "$err"
json chain.sql --store "$(store f.db)" --nonsense
check "a wrong option is JSON" each_json "$err"
run evproject rum chain.sql --log-format=json
check "a wrong command is JSON" each_json "$err"
check "nothing of that is on stdout" test ! -s "$out"

# --no-merge: where handlers commute, and there the view is the same
cat >sums.sql <<END
-- @projection sums version 1
-- @topics $log
-- @envelope type=\$.type
-- @schema
CREATE TABLE sums (k text PRIMARY KEY, n integer NOT NULL, newest bigint NOT NULL);
-- @on put
INSERT INTO sums (k, n, newest) VALUES (:key, 1, :timestamp)
ON CONFLICT (k) DO UPDATE SET n = sums.n + 1, newest = $(on sqlite max postgresql greatest)(sums.newest, excluded.newest);
END
run timeout 60 evproject run chain.sql --store "$(store no.db)" --no-merge
check_status 2 "--no-merge is refused where handlers do not commute"
check_grep "it says which" "chain\.sql: --no-merge .*line 8" "$err"
check "and no store is left behind" untouched no.db
sums() { sql "$1" 'SELECT * FROM sums ORDER BY k; SELECT partition, next_offset, last_hash, applied, ignored, invisible FROM ev_ledger'; }
run timeout 60 evproject run sums.sql --store "$(store merged.db)"
run timeout 60 evproject run sums.sql --store "$(store asis.db)" --no-merge --batch 3
check_status 0 "where they commute it is taken"
check "and gives the same view and ledger" cmp <(sums merged.db) <(sums asis.db)
check "which holds something" test "$(sql asis.db 'SELECT sum(n) FROM sums')" = 21
run timeout 60 evproject run sums.sql --store "$(store asis.db)" --no-merge --on-error dead
check_status 2 "not where dead letters are kept"
check_grep "it says why" "sums\.sql: --no-merge .*a dead letter holds back" "$err"
run timeout 60 evproject run sums.sql --store "$(store asis.db)" --on-error dead
run timeout 60 evproject run sums.sql --store "$(store asis.db)" --no-merge
check_status 2 "nor where they were before"
run timeout 60 evproject run sums.sql --store "$(store asis.db)" --no-merge --on-error stop
check_status 0 "unless they no longer are, and there is none"
done_testing
