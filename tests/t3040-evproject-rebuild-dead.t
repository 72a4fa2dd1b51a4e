# evproject rebuild: dead letters, held records and what was decided on them go with the view. Both stores, see
# tests/store.sh.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
rebuild() { local f=$1 s=$2; shift 2; run evproject rebuild "$f" --store "$(store "$s")" "$@"; }
hold_swap() { # NAME: the swap fails until `let_swap NAME`
	evproject rebuild v2.sql --store "$(store "$1")" --forget 2>/dev/null # makes our tables
	if on sqlite; then
		sql "$1" "CREATE TRIGGER stop AFTER DELETE ON ev_rebuild BEGIN SELECT RAISE(ABORT, 'stopped by test'); END"
	else
		sql "$1" "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE 'stopped by test'; END \$\$;
			CREATE TRIGGER stop AFTER DELETE ON ev_rebuild FOR EACH ROW EXECUTE FUNCTION stop()"
	fi
}
let_swap() { sql "$1" "DROP TRIGGER stop $(on postgresql && echo ON ev_rebuild)"; }
cat >v1.sql <<'SQL'
-- @projection acc version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE acc (k text PRIMARY KEY, n bigint NOT NULL);
-- @on add
INSERT INTO acc (k, n) VALUES ($.k!, $.n!) ON CONFLICT (k) DO UPDATE SET n = acc.n + excluded.n;
SQL
sed 's/version 1/version 2/; s/NOT NULL);/NOT NULL, times integer NOT NULL);/; s/(k, n)/(k, n, times)/; s/\$\.n!)/$.n!, 1)/
	s/excluded.n;/excluded.n, times = acc.times + excluded.times;/' v1.sql >v2.sql
sed 's/version 1/version 3/; s/\$\.n!/1/' v1.sql >v3.sql
poison() { rec add "$1" '"no number"'; } # what a bigint column cannot hold
other() { # other RECORD-KEY ROW N: adds to another row than the record's key
	printf '{"topic":"t","partition":0,"offset":%s,"timestamp":%s,"key":"%s","headers":[],"value":{"type":"add","k":"%s","n":%s}}\n' \
		"$off" "$((1763200000000 + off))" "$1" "$2" "$3"
	off=$((off + 1))
}

off=0
# offset 6 does not fit 64 bits until offset 8 has made room; 7 waits behind it
{ rec add a 1; poison a; rec add a 2; rec add b 9223372036854775800; poison b; rec add b 5; other x b 20; other x a 50; other y b -70; } >one.ndjson
head -n 6 one.ndjson >begin.ndjson
{ cat one.ndjson; poison c; rec add c 3; rec add a 100; rec add y 2; } >two.ndjson

# the old view: a and b and x dead; a's letter is dropped after six records, x's retried after nine
run evproject run v1.sql --store "$(store s.db)" --on-error dead --quiet ./begin.ndjson
run evproject dead drop --yes v1.sql --store "$(store s.db)" t/0@1
check_status 0 "the letter of a is dropped"
run evproject run v1.sql --store "$(store s.db)" --on-error dead --quiet ./one.ndjson
run evproject dead retry v1.sql --store "$(store s.db)" t/0@6
check_status 0 "the letter of x is retried, with what it held back"
run evproject run v1.sql --store "$(store s.db)" --on-error dead --quiet ./two.ndjson
check "b and c are dead, b's next is held" test \
	"$(sql s.db "SELECT record_offset, state FROM ev_dead ORDER BY 1" | xargs)" = "1|dropped 2|retried 4|dead 5|held 6|retried 7|retried 9|dead 10|held"
copy s.db base.db
dead() { sql "$1" "SELECT topic, partition, record_offset, state, behind_offset, line FROM ev_dead
	WHERE projection = coalesce((SELECT rows_key FROM ev_rows WHERE projection = 'acc'), 'acc') ORDER BY 1, 2, 3"; }
ledger_of() { sql "$1" "SELECT * FROM ev_ledger WHERE projection = 'acc'"; }

# the same by hand, in the new version
run evproject run v2.sql --store "$(store want.db)" --on-error dead --quiet ./begin.ndjson
run evproject dead drop --yes v2.sql --store "$(store want.db)" t/0@1
run evproject run v2.sql --store "$(store want.db)" --on-error dead --quiet ./one.ndjson
run evproject dead retry v2.sql --store "$(store want.db)" t/0@6
run evproject run v2.sql --store "$(store want.db)" --on-error dead --quiet ./two.ndjson

# letters of which one is another by now, as it has other bytes
sql s.db "UPDATE ev_dead SET created_at = 1700000000000 + record_offset; UPDATE ev_dead SET line = line || ' ' WHERE record_offset = 9"
rebuild v2.sql s.db ./two.ndjson --yes
check_status 0 "a rebuild inherits the mode: no poison record stops it"
check_grep "and lists them" 'poison records: 4 as before, 0 new, 0 no longer' "$err"
check "a letter that is the same is one since when it was" test "$(sql s.db "SELECT record_offset FROM ev_dead
	WHERE projection = coalesce((SELECT rows_key FROM ev_rows WHERE projection = 'acc'), 'acc')
	AND created_at = 1700000000000 + record_offset ORDER BY 1" | xargs)" = '1 2 4 5 6 7 10'
sql s.db "UPDATE ev_dead SET line = rtrim(line)"
check "the letters and what was decided on them are the same" cmp <(dead s.db) <(dead base.db)
check "the rows are those of the same decisions taken by hand" cmp <(dump s.db) <(dump want.db)
check "and so is the ledger" cmp <(ledger_of s.db) <(ledger_of want.db)
check "letters can be decided on as ever" evproject dead drop --yes v2.sql --store "$(store s.db)" t/0@4
stand() { sql "$1" "SELECT * FROM ev_dead ORDER BY projection, topic, partition, record_offset"; }
stand s.db >stood
run evproject rollback v1.sql --store "$(store s.db)"
check "rollback brings the old letters" cmp <(dead s.db) <(dead base.db)
check "not one of them was written for it, so their number does not count" cmp stood <(stand s.db)

# which leave with their version
letters() { sql "$1" "SELECT projection, count(*) FROM ev_dead GROUP BY projection ORDER BY projection" | wc -l; }
check "two versions have letters" test "$(letters s.db)" = 2
run evproject rebuild v1.sql --store "$(store s.db)" --forget
check "--forget takes those of its version" test "$(letters s.db)" = 1
check "and no others" cmp <(dead s.db) <(dead base.db)
rebuild v2.sql s.db ./two.ndjson --no-swap
run evproject rebuild v2.sql --store "$(store s.db)" --abandon
check "a rebuild that is given up leaves none" test "$(letters s.db)" = 1
check "and takes no others" cmp <(dead s.db) <(dead base.db)
run evproject drop acc --store "$(store s.db)" --yes
check "nor does drop" test "$(letters s.db)" = 0

# a first build has nothing to compare its poison with: it says how much there is
rebuild v1.sql first.db ./begin.ndjson --on-error dead
check_status 0 "a first build keeps dead letters, too"
check_grep "and says how many" 'version 1 is built and serves, .*; 2 dead letters, 2 held behind them: dead list' "$err"

# a decision between load and swap
copy base.db s2.db
rebuild v2.sql s2.db ./two.ndjson --no-swap
check_status 0 "the load is done"
run evproject dead drop --yes v1.sql --store "$(store s2.db)" t/0@4
rebuild v2.sql s2.db ./two.ndjson --yes
check_status 0 "a letter of the old view is dropped before the swap"
run evproject dead drop --yes v2.sql --store "$(store want.db)" t/0@4
check "it is dropped in the new one too" cmp <(dead s2.db) <(dead want.db)
check "with the right rows" cmp <(dump s2.db) <(dump want.db)

# and while only the swap is left
copy base.db s3.db
hold_swap s3.db
rebuild v2.sql s3.db ./two.ndjson --yes
check_grep "a swap that fails" 'stopped by test' "$err"
let_swap s3.db
run evproject dead drop --yes v1.sql --store "$(store s3.db)" t/0@4
rebuild v2.sql s3.db ./two.ndjson --yes
check_status 0 "a letter is dropped when only the swap is left"
check "it is dropped in the new one too" cmp <(dead s3.db) <(dead want.db)
check "with the right rows" cmp <(dump s3.db) <(dump want.db)

# poison that is none any more, and new poison
copy base.db s4.db
rebuild v3.sql s4.db ./two.ndjson --yes
check_status 0 "a version that has no trouble with a record"
check_grep "says so" 'poison records: 0 as before, 0 new, 4 no longer' "$err"
sed 's/version 1/version 4/; s/bigint NOT NULL/bigint NOT NULL CHECK (n <> 2)/' v1.sql >v4.sql
copy base.db s5.db
rebuild v4.sql s5.db ./two.ndjson --yes --max-dead 0
check_status 5 "new poison past --max-dead stops it, also behind a letter that was dropped"
check_grep "it is that which is named" 't/0@2: .*(CHECK|check)' "$err"
rebuild v4.sql s5.db ./two.ndjson --yes
check_status 0 "without the limit it goes on"
check_grep "new poison is told" 'poison records: 4 as before, 2 new \(first t/0@2\), 0 no longer' "$err"
copy base.db s6.db
rebuild v2.sql s6.db ./two.ndjson --yes --on-error stop
check_status 5 "--on-error stop stops at the first that nobody has decided on"
check_grep "and names it" 'evproject rebuild: .*t/0@4' "$err"
check "the old version serves" cmp <(dump s6.db) <(dump base.db)
for exact in '' --exact-statements; do
	copy base.db s7$exact.db
	rebuild v2.sql s7$exact.db ./two.ndjson --yes --max-dead 0 --max-held 0 $exact
	check_status 0 "what the old view keeps is not counted by --max-dead and --max-held ($exact)"
	check "and is kept" cmp <(dead s7$exact.db) <(dead base.db)
done

# the mode stays until somebody says otherwise
mode() { sql "$1" "SELECT mode FROM ev_projection WHERE name = 'acc'"; }
copy base.db s8.db
run evproject run v1.sql --store "$(store s8.db)" --quiet ./two.ndjson
check_status 0 "a run that does not say how poison is treated"
check "leaves it as it was" test "$(mode s8.db)" = dead
{ cat two.ndjson; poison d; rec add d 1; } >three.ndjson
run evproject run v1.sql --store "$(store s8.db)" --quiet ./three.ndjson
check_status 0 "so new poison is kept"
rebuild v2.sql s8.db ./three.ndjson --yes
check_status 0 "and a rebuild is not stopped"
run evproject status --store "$(store s8.db)" --format json
check "status says so" jq -e '.on_error == "dead"' "$out"
run evproject run v2.sql --store "$(store s8.db)" --quiet --on-error stop ./three.ndjson
check "--on-error stop changes it" test "$(mode s8.db)" = stop
run evproject status --store "$(store s8.db)" --format json
check "status says so" jq -e '.on_error == "stop"' "$out"

# a letter that was decided on stops no rebuild, whatever the mode
for l in 4 9 13; do run evproject dead drop --yes v2.sql --store "$(store s8.db)" t/0@$l; done
check "all letters are decided on" test "$(sql s8.db "SELECT count(*) FROM ev_dead WHERE state IN ('dead', 'held')
	AND projection = (SELECT rows_key FROM ev_rows WHERE projection = 'acc')")" = 0
for exact in '' --exact-statements; do
	copy s8.db s9$exact.db
	sed 's/version 1/version 5/; s/(\$\.k!, /(substr($.k!, 1), /' v1.sql >v5.sql
	rebuild v5.sql s9$exact.db ./three.ndjson --yes $exact
	check_status 0 "a rebuild in the mode stop passes them ($exact)"
	check "and decides as before" cmp <(dead s9$exact.db) <(dead s8.db)
	check "with the same rows" cmp <(sql s8.db 'SELECT k, n FROM acc ORDER BY k') <(sql s9$exact.db 'SELECT k, n FROM acc ORDER BY k')
	check "in the same mode" test "$(mode s9$exact.db)" = stop
done

# a view that stands still before a poison record is mended by a new version
{ rec add a 1 0; poison z; rec add a 3; } >stuck.ndjson
run evproject run v1.sql --store "$(store stuck.db)" --quiet ./stuck.ndjson
check_status 5 "a view is stuck"
rebuild v3.sql stuck.db ./stuck.ndjson --yes
check_status 0 "a new version gets past it"
check "and serves all of the log" test "$(dump stuck.db)" = "$(printf 'a|2\nz|1')"
done_testing
