# evverify --base on a topic whose beginning retention has taken: not provable, but from the view's own past.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
. "$TOP/tests/project.sh"

topic log 3 && topic=$log
put < <(events 0 300 3)
chain_projection "$log" >chain.sql # its rows tell the order in which records came
view=$(store v.db)
scratch=()
if on postgresql; then
	scratch=(--scratch "$_stores")
fi
verify() { run evverify chain.sql --store "$view" "${scratch[@]}" "$@"; }
run evproject run chain.sql --store "$view" --batch 50 --quiet
put < <(events 300 100 3)
run evproject run chain.sql --store "$view" --batch 7 --quiet
verify --receipt old.json
check_status 0 "the view has its receipt"
copy v.db old.db
put < <(events 400 200 3)
run evproject run chain.sql --store "$view" --batch 50 --quiet
for p in 0 1 2; do
	check "retention takes the beginning of partition $p" evadmin trim "$topic/$p" \
		"$(jq --argjson p $p '.partitions[] | select(.partition == $p) | .next - 1' old.json)"
done
verify
check_status 5 "the view cannot be proven by what is left"
check_grep "a base is offered" 'hint: .*--base' "$err"
verify --base "$(store old.db)" --base-receipt old.json --receipt new.json
check_status 0 "from its own past it can"
check "the new receipt names the old one" test "$(jq -r .base new.json)" = "$(jq -r .digest old.json)"
sql v.db "UPDATE chain SET h = h + 1" >/dev/null
verify --base "$(store old.db)" --base-receipt old.json
check_status 1 "a row that is wrong is seen"
evadmin trim "$topic/0" "$(jq '.partitions[0].next + 1' old.json)" >/dev/null
verify --base "$(store old.db)" --base-receipt old.json
check_status 5 "records that are gone behind the base: not provable"
check_grep "and which" "$topic/0: .*offsets .* are gone" "$err"
done_testing
