# --follow: from the producer to a row that a reader sees
# needs: kafka postgres
took=$($full && echo 20 || echo 4)
title "--follow, default settings, $took s each: ms until an event is visible" '    p50    p95    p99    max   rate/s  goal for p95 (p95 until acknowledged, and from then on)'
for kind in SQLite PostgreSQL; do
	for rate in 5000 40000; do
		topic=latency-$kind-$rate
		evadmin create "$topic" 6
		sed "s/^-- @topics .*/-- @topics $topic/" tests/bench/latency.sql >"$scratch/latency.sql"
		empty $kind
		evproject run "$scratch/latency.sql" --store "$(store $kind)" --quiet
		evproject run "$scratch/latency.sql" --store "$(store $kind)" --quiet --follow 2>"$scratch/err" &
		follower=$!
		if ! said=$(evlatency "$(store $kind)" "$topic" 6 $rate "$took"); then
			kill $follower 2>/dev/null
			tail -n 3 "$scratch/err" >&2
			exit 1
		fi
		kill $follower
		wait $follower || true
		read -r p50 p95 p99 max reached ack rest <<<"$said"
		printf '%-46s %7.1f %6.1f %6.1f %6.1f %8.0f  %s (%s, %s)\n' "$kind, $rate events/s" "$p50" "$p95" "$p99" "$max" "$reached" \
			"$(verdict "$kind at $rate events/s, p95 in ms" "$p95" "$([ $rate = 5000 ] && echo '<=50' || echo '<=250')")" "$ack" "$rest"
	done
done
