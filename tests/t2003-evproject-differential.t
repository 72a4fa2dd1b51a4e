# evproject run: random streams; batch sizes and kill -9 change no byte of the view
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"

cat >d.sql <<'SQL'
-- @projection d version 1
-- @topics t
-- @envelope type=$.type id=$.id
-- @dedupe id
-- @schema
CREATE TABLE pos (k text PRIMARY KEY, n bigint NOT NULL, at bigint NOT NULL);
CREATE TABLE log (at text PRIMARY KEY, k text, old bigint);
-- @on put
INSERT INTO pos (k, n, at) VALUES ($.k, $.n, :offset)
ON CONFLICT (k) DO UPDATE SET n = (3 * pos.n + excluded.n) % 100003, at = excluded.at;
-- @on del
INSERT INTO log (at, k, old) SELECT :partition || '/' || :offset, k, n FROM pos WHERE k = $.k;
DELETE FROM pos WHERE k = $.k;
-- @on move
DELETE FROM pos WHERE k = $.to AND $.to <> $.k;
UPDATE pos SET k = $.to WHERE k = $.k;
-- @on tombstone
DELETE FROM pos WHERE k = :key;
SQL
# inserts, updates, deletes, re-inserts, key changes, tombstones, doubled ids, holes, two partitions
stream() { # stream SEED COUNT
	awk -v seed="$1" -v n="$2" 'BEGIN { srand(seed); for (i = 0; i < n; i++) {
		p = int(rand() * 2); off[p] += 1 + (rand() < 0.02); k = "k" int(rand() * 12); r = rand()
		id = rand() < 0.05 && i ? int(rand() * i) : i
		v = r < 0.5 ? "{\"type\":\"put\",\"id\":\"" id "\",\"k\":\"" k "\",\"n\":" int(rand() * 50) "}" : \
		    r < 0.7 ? "{\"type\":\"del\",\"id\":\"" id "\",\"k\":\"" k "\"}" : \
		    r < 0.9 ? "{\"type\":\"move\",\"id\":\"" id "\",\"k\":\"" k "\",\"to\":\"k" int(rand() * 12) "\"}" : \
		    r < 0.95 ? "{\"type\":\"other\",\"id\":\"" id "\"}" : "null"
		printf "{\"topic\":\"t\",\"partition\":%d,\"offset\":%d,\"timestamp\":%.0f,\"key\":\"%s\",\"headers\":[]," \
			"\"value\":%s}\n", p, off[p], 1763200000000 + i * 10, k, v } }'
}
view() { # all that a person can see of the view
	sql "$1" 'SELECT * FROM pos ORDER BY k; SELECT * FROM log ORDER BY at;
		SELECT topic, partition, begin_offset, next_offset, last_offset, applied, ignored, filtered, deduplicated,
		dead, held, dropped, invisible, untouched FROM ev_ledger ORDER BY partition;'
}
balanced() { test "$(evproject status d.sql --store "$(store "$1")" --format json | jq .balanced)" = true; }
same() { # same TEXT STORE
	view "$2" >got
	check "$1" cmp want got
	check "$1: the ledger balances" balanced "$2"
	forget "$2"
}
RANDOM=${SEED:-$((EPOCHSECONDS % 30000))}
for ((round = 0; round < ${EFFORT:-1}; round++)); do
	seed=$RANDOM
	echo "# seed $seed (SEED= sets the first)"
	stream $seed "$(on sqlite 6000 postgresql 2000)" >d.ndjson
	evproject run d.sql --store "$(store base.db)" ./d.ndjson 2>"$err"
	view base.db >want
	check "seed $seed: the view holds something" test "$(wc -l <want)" -gt 100
	same "seed $seed: by default" base.db
	for b in 1 7 1000 100000; do
		run evproject run d.sql --store "$(store b$b.db)" --batch $b ./d.ndjson
		check_status 0 "seed $seed: batches of $b"
		same "seed $seed: batches of $b give the same view" b$b.db
	done
	# a file that began behind a hole would be refused: nobody could tell it from a lost record
	for n in 1000 3000 6000; do head -n $n d.ndjson >part.$n; done
	for n in 1000 3000 6000; do evproject run d.sql --store "$(store p.db)" ./part.$n 2>"$err"; done
	same "seed $seed: three runs give the same view" p.db
	kills=0 url=$(store k.db)
	for ((i = 0; i < 8; i++)); do
		evproject run d.sql --store "$url" --batch $((RANDOM % 40 + 1)) ./d.ndjson 2>"$err" &
		pid=$!
		read -rt "0.0$((RANDOM % 90 + 10))" <> <(:)
		kill -9 $pid 2>/dev/null && kills=$((kills + 1))
		wait $pid 2>/dev/null
	done
	run evproject run d.sql --store "$(store k.db)" ./d.ndjson
	check_status 0 "seed $seed: a run after $kills kills"
	same "seed $seed: kill -9 changes nothing" k.db
done
done_testing
