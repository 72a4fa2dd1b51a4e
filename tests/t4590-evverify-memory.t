# evverify with less memory than the view: SQLite's fold lies in a temporary file, that of PostgreSQL is made by parts.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/evverify.sh"
cat >p.sql <<'SQL'
-- @projection wide version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE wide (k text PRIMARY KEY, n bigint NOT NULL, s text NOT NULL);
CREATE TABLE few (m bigint PRIMARY KEY, n bigint NOT NULL);
-- @on add
INSERT INTO wide (k, n, s) VALUES ($.k, $.n, $.s) ON CONFLICT (k) DO UPDATE SET n = wide.n + excluded.n, s = excluded.s;
INSERT INTO few (m, n) VALUES ($.m, 1) ON CONFLICT (m) DO UPDATE SET n = few.n + 1;
-- @on del
DELETE FROM wide WHERE k = $.k;
SQL
events=$((17000 * EFFORT)) keys=$((15000 * EFFORT))
awk -v n=$events -v keys=$keys 'BEGIN {
	for (; length(x) < 700; x = x "x");
	for (i = 0; i < n; i++)
		printf "{\"topic\":\"t\",\"partition\":%d,\"offset\":%d,\"timestamp\":%d,\"key\":\"k\",\"headers\":[]," \
			"\"value\":{\"type\":\"%s\",\"k\":\"k%d\",\"m\":%d,\"n\":%d,\"s\":\"%s\"}}\n", i % 2, i, 1763200000000 + i,
			i % 50 ? "add" : "del", (i * 7919) % keys, i % 10, i, x
}' >log.ndjson
project s.db --quiet ./log.ndjson
check_status 0 "there is a view of some megabytes"
small() { run evverify p.sql --store "$(store "$1")" --memory 16m ./log.ndjson "${@:2}"; }

small s.db --receipt r.json
check_status 0 "with less memory than that it is consistent"
if on postgresql; then
	check_grep "and was folded by parts" 'the log was read [0-9]+ times, each for a part of the keys' "$out"
fi
run evverify p.sql --store "$(store s.db)" --memory 1g ./log.ndjson --receipt all.json
check "as many rows were compared as at once" test "$(jq -c '[.tables[].rows]' r.json)" = "$(jq -c '[.tables[].rows]' all.json)"
check_no_grep "then without parts" 'the log was read' "$out"
same_but "UPDATE wide SET n = n + 1 WHERE k = 'k3'; DELETE FROM wide WHERE k = 'k1234'; UPDATE few SET n = 0 WHERE m = 7;
	INSERT INTO wide (k, n, s) VALUES ('zz', 1, 'x')"
evmeasure .took evverify p.sql --store "$(store s.db)" --memory 16m ./log.ndjson -q
if [[ $EV_BUILD != *address* ]]; then
	check "it takes no more than was given, but for the program itself" test "$(cut -d' ' -f2 .took)" -le $((30 << 10))
fi
small c.db
check_status 1 "what is wrong is seen"
check_grep "a changed row" "changed wide k='k3': n is" "$out"
check_grep "a missing one" "missing wide k='k1234'" "$out"
check_grep "an extra one" "extra wide k='zz'" "$out"
check_grep "one of the other table" "changed few m=7: n is 0" "$out"
check_grep "and no other" 'different: 4 findings' "$out"
check_grep "the coverage adds up over the parts" 'wide: log rows [0-9]+ = matched [0-9]+ \+ differing 1 \+ missing 1' "$out"
done_testing
