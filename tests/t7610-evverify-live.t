# evverify beside a writer at full speed: no false alarm, at many positions, by many cuts.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
. "$TOP/tests/project.sh"

topic log 3 && topic=$log
put < <(events 0 300 3)
chain_projection "$log" >chain.sql # its rows tell the order in which records came
view=$(store v.db)
# a repair holds the writer's lock for as long as this machine takes
evproject run chain.sql --store "$view" --follow --quiet --lock-wait 600s 2>follow.err &
follower=$!
at_exit 'kill $follower 2>/dev/null'
applied() { [ "$(chain v.db)" -ge "$1" ]; }
check "the follower is at work" wait_for 60 applied 300
# As fast as the follower goes: a log that outran the store would be a test of its length.
for ((i = 300; ; i += 200)); do
	until [ -e stop ] || applied $((i - 1000)); do :; done
	[ ! -e stop ] || break
	{ events $i 200 3; echo flush; } | evproduce script >>produce.log 2>&1
done &
writer=$!
scratch=()
if on postgresql; then
	scratch=(--scratch "$_stores")
fi
verify() { timeout $((120 * EFFORT)) evverify chain.sql --store "$view" "${scratch[@]}" --format json "$@" >v.json 2>v.err; }
rounds=0 alarms=0 first='' last=''
end=$((SECONDS + 6 * EFFORT))
while [ $SECONDS -lt $end ] || { [ "$first" = "$last" ] && [ $SECONDS -lt $((end + 60)) ]; }; do
	verify || { alarms=$((alarms + 1)); show <v.err; head -c 2000 v.json | sed 's/^/# /'; }
	last=$(jq -c .position v.json)
	first=${first:-$last}
	rounds=$((rounds + 1))
done
check "no false alarm in $rounds rounds" test $alarms = 0
check "from $first to $last" test "$first" != "$last"
sql v.db "UPDATE chain SET h = h + 1" >/dev/null
verify
status=$?
check_status 1 "a row that is wrong is seen, also while it moves on"
check "and which" jq -e '.modes[0].kinds.changed == 1' v.json
verify --repair --yes --max-repair 100%
status=$?
check_status 0 "and repaired beside the follower"
check_grep "which is said" 'repaired: 1 row deleted, 1 written' v.err
here=$(chain v.db)
check "the follower goes on" wait_for 60 applied $((here + 200)) || show <follow.err
verify
status=$?
check_status 0 "from what was repaired"
: >stop
wait $writer
kill -TERM $follower
wait $follower
check "by cuts it could be told" test "$(sql v.db 'SELECT count(*) FROM ev_cut')" -gt 3
done_testing
