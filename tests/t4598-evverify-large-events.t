# evverify of events that are large, or make many rows, or are many dead letters: --memory holds for these, too.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/evverify.sh"
awk 'BEGIN {
	for (; length(x) < 200000; x = x "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	for (i = 0; i < 12; i++)
		printf "{\"topic\":\"t\",\"partition\":0,\"offset\":%d,\"timestamp\":%d,\"key\":\"k\",\"headers\":[]," \
			"\"value\":{\"type\":\"add\",\"k\":\"k1\",\"n\":%d,\"s\":\"%s\"}}\n", i, 1763200000000 + i, 2 ^ i, x
}' >log.ndjson
project s.db ./log.ndjson
check_status 0 "there is a row of twelve large events"
same_but "UPDATE acc SET n = n + 8"
verify c.db --memory 1g ./log.ndjson
check_status 1 "it differs"
check_grep "what went wrong is found" 'last touched by t/0@11; likely cause: t/0@3 was applied twice' "$out"
verify c.db --memory 16m ./log.ndjson
check_status 1 "with memory for five of the events"
check_grep "the last is told, and no cause is looked for" 'last touched by t/0@11; likely cause: unknown' "$out"
if ! on postgresql; then
	done_testing
	exit 0
fi

# within MIB WHAT: what evmeasure has measured
within() { [[ $EV_BUILD == *address* ]] || check "$2 ($(cut -d" " -f2 .took) KiB)" test "$(cut -d' ' -f2 .took)" -le $(($1 << 10)); }
cat >p.sql <<'SQL'
-- @projection heavy version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE heavy (k text, at text, s text NOT NULL, PRIMARY KEY (k, at));
-- @on add every '1 minute' over '50 minutes'
INSERT INTO heavy (k, at, s) VALUES ($.k, :window, $.s);
SQL
awk 'BEGIN {
	for (i = 0; i < 4000; i++)
		printf "{\"topic\":\"t\",\"partition\":0,\"offset\":%d,\"timestamp\":1763200000000,\"key\":\"k\",\"headers\":[]," \
			"\"value\":{\"type\":\"add\",\"k\":\"k%d\",\"s\":\"forty bytes that are in each of the rows.....\"}}\n", i, i
}' >log.ndjson
project heavy.db --quiet ./log.ndjson
check_status 0 "there is a view of 50 rows for each event"
run evmeasure .took evverify p.sql --store "$(store heavy.db)" --memory 16m ./log.ndjson
check_status 0 "folded in memory it is consistent"
within 40 "which takes what was given, and what the program itself takes"

# one event that makes many statements of few rows, and one that makes many rows
cat >p.sql <<'SQL'
-- @projection each version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE each_of (i bigint PRIMARY KEY, n bigint NOT NULL);
-- @on add each $.list
INSERT INTO each_of (i, n) VALUES ($item, 1) ON CONFLICT (i) DO UPDATE SET n = each_of.n + 1;
SQL
event() { # COUNT DISTINCT OFFSET
	awk -v n="$1" -v d="$2" -v o="$3" 'BEGIN {
		printf "{\"topic\":\"t\",\"partition\":0,\"offset\":%d,\"timestamp\":1763200000000,\"key\":\"k\",\"headers\":[]," \
			"\"value\":{\"type\":\"add\",\"list\":[0", o
		for (i = 1; i < n; i++)
			printf ",%d", i % d
		print "]}}" }'
}
event 400000 1000 0 >log.ndjson
project statements.db --quiet ./log.ndjson
check_status 0 "there is a view of one event with 400,000 statements"
run evmeasure .took evverify p.sql --store "$(store statements.db)" --memory 16m ./log.ndjson
check_status 0 "folded in memory it is consistent"
within 40 "part by part"
event 200000 200000 1 >>log.ndjson
project rows.db --quiet ./log.ndjson
check_status 0 "there is one of an event with 200,000 rows"
run evmeasure .took evverify p.sql --store "$(store rows.db)" --memory 16m ./log.ndjson
check_status 0 "it is consistent, too"
within 64 "slice by slice"

cat >p.sql <<'SQL'
-- @projection poison version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE poison (k text PRIMARY KEY, n bigint NOT NULL);
-- @on add
INSERT INTO poison (k, n) VALUES ($.k, $.n!);
SQL
awk 'BEGIN {
	for (; length(x) < 25000; x = x "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	for (i = 0; i < 2000; i++)
		printf "{\"topic\":\"t\",\"partition\":0,\"offset\":%d,\"timestamp\":%d,\"key\":\"k\",\"headers\":[]," \
			"\"value\":{\"type\":\"add\",\"k\":\"k%d\",\"s\":\"%s\"}}\n", i, 1763200000000 + i, i, x
}' >log.ndjson
project poison.db --quiet --on-error dead --max-dead 5000 ./log.ndjson
check_status 0 "there is a view of dead letters and those that wait behind them"
run evmeasure .took evverify p.sql --store "$(store poison.db)" --scratch "$_stores" --memory 16m --counts ./log.ndjson
check_status 0 "which are those of the log"
within 40 "and are never all in memory"
done_testing
