# hot rows: four increments an event on 5,000 rows, against a rebuild of orders
# needs: kafka postgres
stream orders shop "$events" $((events * 15 / 44))
stream hot hot "$events" 1000000
sed 's/^-- @topics .*/-- @topics hot/' tests/bench/articles.sql >"$scratch/hot.sql"
title "increments: $events events, 4 of 5,000 rows each (ratio: the rate against the rebuild of orders)"
for kind in SQLite PostgreSQL; do
	for ((run = 0; run < runs; run++)); do
		empty $kind
		once evproject rebuild tests/bench/orders.sql --store "$(store $kind)" --yes --quiet; keep $kind.orders
		empty $kind
		once evproject rebuild "$scratch/hot.sql" --store "$(store $kind)" --yes --quiet; keep $kind.hot
		empty $kind
		once evproject run "$scratch/hot.sql" --store "$(store $kind)" --quiet; keep $kind.run
	done
	row "rebuild of orders, $kind" $kind.orders "$events" 1.00
	for way in hot run; do
		row "$([ $way = hot ] && echo rebuild || echo run) of increments, $kind" $kind.$way "$events" \
			"$(ratio "$(seconds $kind.orders)" "$(seconds $kind.$way)")" '>=1'
	done
done
