# catching up on a large table: updates of random rows, against statement by statement
# needs: kafka postgres
keys=$((events * 15 / 44)) updates=$((events / 8))
stream updates updates $((keys + updates)) $keys
# The position behind the rows' creation: as many of each partition as there are orders in it.
evstream -b - updates updates 6 $keys $keys 1 | awk -F'[:,]' '{ n[$4]++ } END { for (p in n)
	printf "%s\"%d\":%d", s++ ? "," : "{\"updates\":{", p, n[p]; print "}}" }' >"$scratch/created.json"
sed 's/^-- @topics .*/-- @topics updates/' tests/bench/orders.sql >"$scratch/updates.sql"

copy() { # copy KIND from|to: put the store away, or take it back
	case $1.$2 in
	SQLite.to) sqlite3 "$scratch/store.db" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null; cp "$scratch/store.db" "$scratch/away.db" ;;
	SQLite.from) rm -f "$scratch"/store.db*; cp "$scratch/away.db" "$scratch/store.db"; sync ;;
	*.to) psql -qAtX "${pg%/*}/template1" -c 'VACUUM' -c 'DROP DATABASE IF EXISTS away' -c 'CREATE DATABASE away TEMPLATE postgres' 2>/dev/null ;;
	*.from) psql -qAtX "${pg%/*}/template1" -c 'DROP DATABASE postgres' -c 'CREATE DATABASE postgres TEMPLATE away' -c CHECKPOINT ;;
	esac
}
catchup() { once evproject run "$scratch/updates.sql" --store "$(store "$1")" --quiet "${@:2}"; }
title "run catches up: $updates updates of random rows among $keys (ratio: against statements)"
for kind in SQLite PostgreSQL; do
	empty $kind
	catchup $kind --to "$scratch/created.json"
	copy $kind to
	for ((run = 0; run < runs; run++)); do
		copy $kind from
		catchup $kind; keep $kind.run
		copy $kind from
		catchup $kind --exact-statements; keep $kind.exact
	done
	row "catching up, $kind" $kind.run $updates "$(ratio "$(seconds $kind.exact)" "$(seconds $kind.run)")" \
		"$([ $kind = SQLite ] && echo '>=2' || echo '>=5')"
	row "catching up --exact-statements, $kind" $kind.exact $updates 1.00
done
[ -z "$pg" ] || psql -qAtX "${pg%/*}/template1" -c 'DROP DATABASE IF EXISTS away'
rm -f "$scratch/away.db"
