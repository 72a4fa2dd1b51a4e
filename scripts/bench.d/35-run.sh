# a first run into an empty store, on both paths, and of the shipped projection
# needs: kafka postgres
stream orders shop "$events" $((events * 15 / 44))
title "first run of $events events (ratio: against statement by statement)"
for kind in SQLite PostgreSQL; do
	for ((run = 0; run < runs; run++)); do
		empty $kind
		once evproject run tests/bench/orders.sql --store "$(store $kind)" --quiet; keep $kind.run
		empty $kind
		once evproject run tests/bench/orders.sql --store "$(store $kind)" --quiet --exact-statements
		keep $kind.exact
	done
	row "evproject run, $kind" $kind.run "$events" "$(ratio "$(seconds $kind.exact)" "$(seconds $kind.run)")"
	row "evproject run --exact-statements, $kind" $kind.exact "$events" 1.00
done
