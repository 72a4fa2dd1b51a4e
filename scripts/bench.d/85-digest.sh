# digests: rows a second out of each store into typed, keyed 128-bit hashes (the store's half of evverify --rows)
# needs: postgres
n=$((events > 1000000 ? 1000000 : events))
title "digests of $n rows of 7 columns" '      rows/s   seconds     cpu s                    goal'
columns="order_id text PRIMARY KEY, customer text NOT NULL, status text NOT NULL, total bigint NOT NULL"
text="CASE i % 3 WHEN 0 THEN 'created' WHEN 1 THEN 'paid' ELSE 'shipped' END, i * 37 % 100000, i % 7"
empty SQLite
sqlite3 "$scratch/store.db" "CREATE TABLE orders ($columns, paid integer, ratio real, updated_at text NOT NULL);
	WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < $n)
	INSERT INTO orders SELECT printf('o-%07d', i), 'c-' || (i % 5000), $text, i / 3.0,
		printf('2026-11-20T10:00:00.%03dZ', i % 1000) FROM g"
empty PostgreSQL
psql -qAtX "$pg" -c "CREATE TABLE orders ($columns, paid numeric(12,2), ratio double precision, updated_at timestamptz NOT NULL);
	INSERT INTO orders SELECT 'o-' || lpad(i::text, 7, '0'), 'c-' || (i % 5000), $text + 0.5, i / 3.0,
		timestamptz '2026-11-20T10:00:00Z' + i * interval '1 ms' FROM generate_series(1, $n) i" -c 'VACUUM ANALYZE orders'
for kind in SQLite PostgreSQL; do
	best=''
	for _ in 1 2 3; do # a second each; the fastest is what the machine can do
		once digest_bench "$(store $kind)" orders
		best=$(printf '%s\n%s\n' "$best" "$(cut -d' ' -f1-3 "$scratch/out")" | sed '/^$/d' | sort -k2n | head -n 1)
	done
	goal='>=1.0'
	[ $kind = SQLite ] || goal='>=0.7'
	rate=$(awk '{ printf "%.2f", $1 / $2 / 1e6 }' <<<"$best")
	awk -v text="$kind" -v verdict="$(verdict "digests from $kind, M rows/s" "$rate" "$goal")" \
		'{ printf "%-46s %11.0f %9.2f %9.2f %22s  %s\n", text, $1 / $2, $2, $3, "", verdict }' <<<"$best"
done
