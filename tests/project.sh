# tests/project.sh - sourced after kafka.sh by tests of evproject on a broker.
#
#   chain_projection TOPIC... >FILE   a projection whose rows tell the order in which records came:
#                                     `chain` folds all of them to one hash, `last` keeps the last of a key
#   event PARTITION TIME KEY V        one `put` line of a chain event for $topic (see evproduce)
#   position STORE                    partition:next words; with the topic where there are several
#   dump STORE                        the chain's tables and the ledger, in key order
#   balanced STORE
#   project STORE ARGS...             evproject run chain.sql into it, quiet and bounded in time
#
# Stores go by names, see tests/store.sh.
. "$TOP/tests/store.sh"
chain_projection() {
	local topics=$*
	cat <<END
-- @projection chain version 1
-- @topics ${topics// /, }
-- @envelope type=\$.type
-- @schema
CREATE TABLE chain (id integer PRIMARY KEY, n integer NOT NULL, h bigint NOT NULL);
CREATE TABLE last (k text PRIMARY KEY, v integer NOT NULL, p integer NOT NULL, o bigint NOT NULL);
-- @on put
INSERT INTO chain (id, n, h) VALUES (1, 1, :offset * 7 + :partition)
ON CONFLICT (id) DO UPDATE SET n = chain.n + 1,
	h = (chain.h * 31 + :offset * 7 + :partition) % 1000000007;
INSERT INTO last (k, v, p, o) VALUES (:key, \$.v!, :partition, :offset)
ON CONFLICT (k) DO UPDATE SET v = excluded.v, p = excluded.p, o = excluded.o;
END
	for topics; do
		printf -- '-- @on tombstone of %s\nDELETE FROM last WHERE k = :key;\n' "$topics"
	done
}
event() { echo "put $topic/$1 $2 $3 {\"type\":\"put\",\"v\":$4}"; }
# events FIRST COUNT PARTITIONS [BYTES]: times in a disorder that is the same everywhere; BYTES of ballast each
events() {
	awk -v t="$topic" -v first="$1" -v n="$2" -v parts="$3" -v bytes="${4:-0}" 'BEGIN {
		for (; length(x) < bytes; x = x "x");
		for (i = first; i < first + n; i++)
			printf "put %s/%d %d k%d {\"type\":\"put\",\"v\":%d,\"x\":\"%s\"}\n", t,
				(i * 7 + int(i / 5)) % parts, 1000000 + i * 10 + (i * 7919) % 97, i % 13, i, x
	}'
}
position() { sql "$1" 'SELECT partition, next_offset FROM ev_ledger ORDER BY topic, partition' | tr '|\n' ': '; }
chain() { sql "$1" 'SELECT n FROM chain'; }
dump() {
	sql "$1" 'SELECT * FROM chain; SELECT * FROM last ORDER BY k;
		SELECT topic, partition, begin_offset, next_offset, target_offset, last_offset, last_hash, applied,
		ignored, filtered, deduplicated, dead, held, dropped, invisible, untouched
		FROM ev_ledger ORDER BY topic, partition'
}
# The store alone is asked, as the broker may be away.
balanced() { [ "$(EV_BROKERS='' evproject status --store "$(store "$1")" --format json | jq .balanced)" = true ]; }
project() { run timeout 300 evproject run chain.sql --quiet --timeout 10s --store "$(store "$1")" "${@:2}"; }
