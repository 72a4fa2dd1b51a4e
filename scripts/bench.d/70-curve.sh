# cost per event as the log grows, to 20 million events
# needs: kafka postgres
if $full; then sizes=(1000000 2000000 5000000 10000000 20000000); else sizes=($((events / 4)) $((events / 2)) "$events"); fi
most=${sizes[-1]}
stream growing shop "$most" $((most * 15 / 44))
sed 's/^-- @topics .*/-- @topics growing/' tests/bench/orders.sql >"$scratch/growing.sql"
table=${EV_CURVE:-$scratch/curve.txt}
title "rebuild as the log grows (ratio: microseconds per event against the first row)"
echo "# store events seconds cpu_seconds peak_MiB" >"$table"
for kind in SQLite PostgreSQL; do
	first=''
	for n in "${sizes[@]}"; do
		# Each order's events are in one partition, and all partitions grow alike: a sixth of each is a prefix.
		awk -v n=$((n / 6)) 'BEGIN { printf "{\"growing\":{"; for (p = 0; p < 6; p++) printf "%s\"%d\":%d", p ? "," : "", p, n
			print "}}" }' >"$scratch/prefix.json"
		empty $kind
		to=(--to "$scratch/prefix.json")
		[ "$n" != "$most" ] || to=()
		once evproject rebuild "$scratch/growing.sql" --store "$(store $kind)" --yes --quiet ${to[@]+"${to[@]}"}
		keep $kind.$n
		cost=$(ratio "$(seconds $kind.$n)" $((n / 1000)))
		cost=$(awk -v s="$(seconds $kind.$n)" -v n="$n" 'BEGIN { printf "%.3f", s / n * 1e6 }')
		first=${first:-$cost}
		row "$n events, $kind: $cost us each" $kind.$n "$n" "$(ratio "$cost" "$first")"
		awk -v k=$kind -v n="$n" '{ print k, n, $1, $4, int($2 / 1024) }' <<<"$line" >>"$table"
	done
done
