# evverify --max-lag: what is written to the log after the snapshot is no lag of the position that is checked.
export EV_STORE=postgresql
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"

for i in {1..60}; do rec add k$((i % 13)) "$i"; done >log.ndjson
project s.db ./log.ndjson
check_status 0 "a view that has all of its log"
db=$(store s.db)
session holder
say holder 'BEGIN; LOCK TABLE ev_dead IN ACCESS EXCLUSIVE MODE'
evverify p.sql --store "$db" --lock-wait 600s --max-lag 0 --max-age 1s ./log.ndjson >"$out" 2>"$err" & pid=$!
waits() { [ "$(super "SELECT count(*) FROM pg_locks WHERE NOT granted AND database =
	(SELECT oid FROM pg_database WHERE datname = '$(sql "$db" 'SELECT current_database()')')")" = 1 ]; }
check "its snapshot is taken, its rows are not read yet" wait_for 60 waits
for i in {1..5}; do rec add k1 1; done >>log.ndjson
say holder COMMIT
bye holder
wait $pid
status=$?
check_status 0 "what is written then is no lag of it"
check_grep "which is told" '0 records behind the log' "$out"
run evverify p.sql --store "$db" --max-lag 0 --max-age 1s --format json ./log.ndjson
check_status 1 "the next check sees both"
check "the lag and the age" jq -e '[.modes[].kinds] | any(. == {lag: 1, age: 1})' "$out"
done_testing
