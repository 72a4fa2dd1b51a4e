#!/usr/bin/env bash
# scripts/bench and the streams that it measures by
. "$(dirname "$0")/lib.sh"

run "$TOP/scripts/bench" --list
check_status 0 "the parts can be listed"
check_grep "each with what it measures" '^rebuild +a rebuild against T' "$out"
run "$TOP/scripts/bench" --list --no-kafka
check_no_grep "without Kafka the parts that need it are left out" rebuild "$out"
run "$TOP/scripts/bench" --list --only 're*'
check "--only takes a pattern" test "$(cut -d' ' -f1 "$out" | xargs)" = "read rebuild replay readers"
run "$TOP/scripts/bench" --events few
check_status 2 "a size that is no number is a usage error"
check_grep "which says how" '^usage: scripts/bench' "$err"

for kind in shop updates hot skewed distinct; do
	"$TOP/scripts/generate" $kind 3000 7 >one && "$TOP/scripts/generate" $kind 3000 7 >two &&
		"$TOP/scripts/generate" $kind 3000 8 >three
	check "$kind: the same seed gives the same bytes" cmp one two
	check "$kind: another seed gives others" test -n "$(cmp one three 2>&1)"
	check "$kind: as many events as asked for" test "$(wc -l <one)" = 3000
	topics=$(sed -n '1s/.*"topic":"\([a-z]*\)".*/\1/p' one)
	for p in orders articles; do
		sed "s/^-- @topics .*/-- @topics $topics/" "$TOP/tests/bench/$p.sql" >$p.sql
		run evproject run $p.sql --store $kind-$p.db ./one
		check_status 0 "$kind: $p.sql takes all of it"
	done
	check "$kind: the articles add up" test "$(sqlite3 $kind-articles.db 'SELECT sum(qty) FROM sku_demand')" = \
		"$(grep -o '"qty":[0-9]*' one | awk -F: '{ n += $2 } END { print n }')"
done
check "shop: events are some 337 bytes" test "$("$TOP/scripts/generate" shop 2000 | jq -c .value |
	awk '{ n += length + 4 } END { print (n / NR > 330 && n / NR < 350) }')" = 1
check "hot: 5,000 articles" test "$(sqlite3 hot-articles.db 'SELECT count(*) > 4500 AND count(*) <= 5000 FROM sku_demand')" = 1
check "distinct: a row for each key" test "$("$TOP/scripts/generate" distinct 1500 --keys 1500 | jq -r .key | sort -u | wc -l)" = 1500

for p in orders articles latency; do
	run evproject check "$TOP/tests/bench/$p.sql"
	check_grep "$p.sql is folded as a whole" "speed +a transaction's events are folded in memory" "$out"
done
done_testing
