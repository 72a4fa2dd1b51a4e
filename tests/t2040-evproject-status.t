# evproject status: text and JSON, limits, several views, the last error
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"

{ rec add a 1; rec nop a 1; rec put zz 1 5; } >a.ndjson
project s.db ./a.ndjson
check_status 5 "(a run that ends by poison)"
run evproject status p.sql --store "$(store s.db)"
check_status 0 "status"
check_grep "name, version, fingerprint" '^acc version 1, fingerprint [0-9a-f]{32}, last commit 20' "$out"
check_grep "no broker, no lag" '^lag not known \(no broker asked\), last record .* old, dead letters 0, held 0$' "$out"
check_grep "the last error" '^last error: t/0@5: p.sql:12: ' "$out"
check_grep "a row per partition" '^t/0 +0 +2 +1 +1$' "$out"
check_grep "counts that are 0 everywhere have no column" '^topic/partition +begin +next +applied +ignored$' "$out"
check "so it fits a terminal of 80 columns" test -z "$(sed -n '/^topic/,$p' "$out" | awk 'length > 80')"
run evproject status --store "$(store s.db)" --format json
check "as JSON" jq -e '.projection == "acc" and .version == 1 and .lag == null and .balanced and
	(.last_error | startswith("t/0@5")) and .partitions == [{topic: "t", partition: 0, begin: 0, next: 2,
	applied: 1, ignored: 1, filtered: 0, deduplicated: 0, dead: 0, held: 0, dropped: 0, invisible: 0,
	untouched: 0}]' "$out"
project s.db --on-error dead ./a.ndjson
run evproject status --store "$(store s.db)"
check_grep "the others have" '^topic/partition +begin +next +applied +ignored +dead( +invisible)?$' "$out"
check_no_grep "a run that ends well clears the last error" 'last error' "$out"
run evproject status --store "$(store s.db)" --max-dead 0
check_status 1 "past --max-dead is exit 1"
check_grep "and says so" 'acc: 1 dead letters? .* over 0' "$err"
run evproject status --store "$(store s.db)" --max-dead 1
check_status 0 "at --max-dead is exit 0"
for limit in '--max-lag 5' '--max-age 1h'; do
	run evproject status --store "$(store s.db)" $limit
	check_status 2 "$limit without a broker cannot be answered"
	check_grep "$limit: and says what is missing" 'name the broker with -b' "$err"
done
sed 's/acc/others/g' p.sql >o.sql
evproject run o.sql --store "$(store s.db)" --on-error dead ./a.ndjson 2>"$err"
run evproject status --store "$(store s.db)" --format json
check "all views of a store, a line each" test "$(jq -r .projection "$out" | tr '\n' ' ')" = "acc others "
run evproject status o.sql --store "$(store s.db)" --format json
check "or the one of a file" test "$(jq -r .projection "$out")" = others
sql s.db "UPDATE ev_ledger SET cluster_id = 'gone'"
run evproject status --store "$(store s.db)" --format json -b 127.0.0.1:1 --timeout 200ms --max-lag 1
check_status 3 "a log that cannot be asked is exit 3"
check "after all views were told" test "$(jq -r .projection "$out" | tr '
' ' ')" = "acc others "
check_grep "the first error stays" "acc: cannot reach broker '127.0.0.1:1'" "$err"
check_grep "the second is told as well" "warning: others: cannot reach broker" "$err"
sql s.db 'UPDATE ev_ledger SET cluster_id = NULL'
sed 's/acc/third/g' p.sql >t.sql
run evproject status t.sql --store "$(store s.db)"
check_status 2 "a view that is not there"
check_grep "is named" "has no view 'third'" "$err"
check_grep "with those that there are" '^hint: .* it has acc' "$err"
run evproject drop third --store "$(store s.db)" --yes
check_status 2 "there is nothing to drop by that name"
check_grep "nor is there to drop" '^hint: .* it has acc' "$err"
run evproject status acc --store "$(store s.db)"
check_status 2 "a name is no file"
check_grep "which is said" '^hint: the projection is given by its file, for example acc.sql' "$err"
sql empty.db 'CREATE TABLE x (y text)'
run evproject status --store "$(store empty.db)"
check_status 2 "a database without views"
run evproject status --store "$(store none.db)"
check_status "$(on sqlite 4 postgresql 2)" "a store that is not there is an error"
check "and is not made" untouched none.db
sql s.db "UPDATE ev_ledger SET applied = applied + 1 WHERE projection = 'others'"
run evproject status o.sql --store "$(store s.db)"
check_status 1 "a ledger that does not balance is exit 1"
check_grep "and is shouted" 'DOES NOT BALANCE: .*t/0' "$out"
evproject status --store "$(store s.db)" >/dev/full 2>"$err"
status=$?
check_status 4 "a full disk behind stdout is exit 4"
done_testing
