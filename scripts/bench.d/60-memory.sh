# memory: the peak at 1 and 10 million distinct keys, against --memory
# needs: kafka postgres
sizes=(1000000)
! $full || sizes+=(10000000)
limit=256 # MiB
title "rebuild of distinct keys, --memory ${limit}m (ratio: peak against that and 64 MiB)"
for keys in "${sizes[@]}"; do
	stream distinct-$keys distinct $keys $keys
	sed "s/^-- @topics .*/-- @topics distinct-$keys/" tests/bench/orders.sql >"$scratch/distinct.sql"
	for kind in SQLite PostgreSQL; do
		empty $kind
		once evproject rebuild "$scratch/distinct.sql" --store "$(store $kind)" --yes --quiet --memory ${limit}m
		keep $kind.$keys
		row "$keys keys, $kind" $kind.$keys $keys \
			"$(awk -v l=$((limit + 64)) '{ printf "%.2f", $2 / 1024 / l }' <<<"$line")" '<=1'
	done
done
