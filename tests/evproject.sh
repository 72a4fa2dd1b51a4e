# tests/evproject.sh - a small projection and record lines for tests of a view; sourced after lib.sh
#
# Stores go by names, see tests/store.sh, so that one file tests SQLite and PostgreSQL.
#
#   rec TYPE KEY N [OFFSET [PARTITION [TOPIC]]]    one record line; $off counts offsets when none is given
#   dump STORE                                     the table, in key order
#   project STORE ARGS...                          evproject run p.sql
#   ledger STORE JQ                                does this hold of `status`?
. "$TOP/tests/store.sh"
cat >p.sql <<'SQL'
-- @projection acc version 1
-- @topics t u
-- @envelope type=$.type
-- @schema
CREATE TABLE acc (k text PRIMARY KEY, n integer NOT NULL, at integer);
-- @on add
INSERT INTO acc (k, n, at) VALUES ($.k!, $.n!, :offset)
ON CONFLICT (k) DO UPDATE SET n = acc.n + excluded.n, at = excluded.at;
-- @on del
DELETE FROM acc WHERE k = $.k;
-- @on put must touch
UPDATE acc SET n = $.n WHERE k = $.k;
-- @on tombstone of t
DELETE FROM acc WHERE k = :key;
-- @check no negatives
SELECT k, n FROM acc WHERE n < 0;
-- @sample all
SELECT k, n FROM acc ORDER BY k;
SQL
off=0
rec() {
	printf '{"topic":"%s","partition":%s,"offset":%s,"timestamp":%s,"key":"%s","headers":[],"value":%s}\n' \
		"${6:-t}" "${5:-0}" "${4:-$off}" "$((1763200000000 + ${4:-$off}))" "$2" \
		"{\"type\":\"$1\",\"k\":\"$2\",\"n\":$3}"
	off=$((${4:-$off} + 1))
}
dump() { sql "$1" 'SELECT * FROM acc ORDER BY k'; }
project() { run evproject run p.sql --store "$(store "$1")" "${@:2}"; }
ledger() { evproject status --store "$(store "$1")" --format json | jq -e "$2"; }
