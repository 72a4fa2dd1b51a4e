# readers while a view is rebuilt and swapped
# needs: postgres
n=$((events / 10))
title "readers while a view of $n events is rebuilt and swapped, 3 at a time; the goal is a max under 100 ms" \
	'  answers    p50 ms    p99 ms    max ms  errors'
evstream -b - shop orders 6 $n $((n * 15 / 44)) 1 >"$scratch/orders.ndjson"
sed "s/version [0-9]*/version 99/; s/'created'/'new'/" tests/bench/orders.sql >"$scratch/next.sql"
asked() { # asked KIND NAME COMMAND...: what readers wait for their answers while the command runs
	local kind=$1 name=$2
	shift 2
	mkfifo "$scratch/go"
	evreaders "$(store $kind)" "SELECT count(*) FROM orders WHERE customer = 'c-7'" 3 <"$scratch/go" >"$scratch/waits" &
	exec 9>"$scratch/go"
	"$@" >"$scratch/err" 2>&1 || tail -n 1 "$scratch/err"
	exec 9>&-
	wait $!
	rm "$scratch/go"
	awk -v name="$name" '{ printf "%-46s %9d %9.2f %9.2f %9.2f %7d\n", name, $1, $2, $3, $4, $5 }' "$scratch/waits"
}
for kind in SQLite PostgreSQL; do
	empty $kind
	evproject run tests/bench/orders.sql --store "$(store $kind)" --quiet "$scratch/orders.ndjson"
	asked $kind "$kind, nobody else" sleep 3
	asked $kind "$kind, a rebuild" evproject rebuild "$scratch/next.sql" --store "$(store $kind)" --yes --quiet "$scratch/orders.ndjson"
done
