# evverify of a view in which every row differs: within --memory all the same, and each of them counted.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/evverify.sh"
cat >p.sql <<'SQL'
-- @projection many version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE many (k bigint PRIMARY KEY, n bigint NOT NULL);
CREATE TABLE nokey (n bigint);
-- @on add
INSERT INTO many (k, n) VALUES ($.k, $.n);
-- @on line
INSERT INTO nokey (n) VALUES ($.n);
SQL
if on postgresql; then # what has no key does not fold in memory alone
	sed -i '/nokey/d; /@on line/d' p.sql
fi
rows=$((EFFORT > 2 ? 150000 : 60000))
awk -v n=$rows 'BEGIN {
	for (i = 0; i < n + 50; i++)
		printf "{\"topic\":\"t\",\"partition\":0,\"offset\":%d,\"timestamp\":%d,\"key\":null,\"headers\":[]," \
			"\"value\":{\"type\":\"%s\",\"k\":%d,\"n\":%d}}\n", i, 1763200000000 + i, i < n ? "add" : "line", i + 1, i % 7
}' >log.ndjson
project s.db --quiet ./log.ndjson
check_status 0 "there is a view of $rows rows"
same_but "UPDATE many SET n = n + 1; DELETE FROM many WHERE k <= 1000; INSERT INTO many SELECT -k, n FROM many WHERE k <= 3000;
	$(on sqlite "DELETE FROM nokey WHERE n = 3; INSERT INTO nokey SELECT 4 FROM many WHERE k BETWEEN 1001 AND 1005" postgresql "")"
small() { evmeasure .took evverify p.sql --store "$(store c.db)" --memory 16m ./log.ndjson "$@"; }
run small --max-diffs 3
check_status 1 "all of them differ"
check_grep "of the first by their keys, one" "extra many k=-1001: n=7" "$out"
check_grep "and one" "extra many k=-1002: n=1" "$out"
check_grep "it is said that there are more" 'and [0-9]+ more' "$out"
check_grep "the store's side adds up" "many: store rows $((rows + 1000)) = matched 0 \+ differing $((rows - 1000)) \+ extra 2000" "$out"
check_grep "the log's side, too" "many: log rows $rows = matched 0 \+ differing $((rows - 1000)) \+ missing 1000" "$out"
threes=$(jq -n "[range($rows; $rows + 50) | select(. % 7 == 3)] | length")
if on sqlite; then
	check_grep "and where rows have no key" \
		"nokey: store rows $((55 - threes)) = matched $((50 - threes)) \+ differing 0 \+ extra 5" "$out"
	check_grep "on both sides" "nokey: log rows 50 = matched $((50 - threes)) \+ differing 0 \+ missing $threes" "$out"
fi
if [[ $EV_BUILD != *address* ]]; then
	check "it takes no more than was given, but for the program itself" test "$(cut -d' ' -f2 .took)" -le $((30 << 10))
fi
run small --max-diffs 0 --format json
check_status 1 "without one that is shown"
check "all are counted" says "(.modes[] | select(.mode == \"rows\") | .found) == $((rows - 1000 + 1000 + 2000 + $(on sqlite $((threes + 5)) postgresql 0)))"
run small --repair --max-repair 100%
check_status 2 "so many are not repaired within so little"
done_testing
