#!/usr/bin/env bash
# Seen ids and cuts through swaps: they stay where they are, each version finds its own, and none is left over.
# Both stores, see tests/store.sh.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
sed 's/type=\$.type/id=$.id type=$.type/; /^-- @schema/i -- @dedupe id' p.sql >v1.sql
for v in 2 3 4; do sed "s/version 1/version $v/; s/n = acc.n + excluded.n/n = acc.n + $v * excluded.n/" v1.sql >v$v.sql; done
# 600 events in two partitions, of 400 ids
for i in {0..599}; do rec add "k$((i % 7))" 1 $((i / 2)) $((i % 2)); done | awk '{ sub(/"type"/, "\"id\":\"i" NR % 400 "\",\"type\""); print }' >all.ndjson
head -n 500 all.ndjson >in.ndjson
s=$(store ids.db)
rebuild() { run evproject rebuild "$1" --store "$s" --yes --quiet "${@:2}"; }
seen() { sql ids.db "SELECT count(*) FROM ev_seen WHERE projection = coalesce((SELECT rows_key FROM ev_rows WHERE projection = '$1'), '$1')"; }
want() { # VERSION SOURCE: the view is that of one built at once
	forget want.db
	evproject run "v$1.sql" --store "$(store want.db)" --quiet "$2"
	cmp <(dump ids.db) <(dump want.db)
}
evproject run v1.sql --store "$s" --quiet ./in.ndjson
check "a view with 400 ids" test "$(seen acc)" = 400
for i in 1 2 3; do # more than can be kept
	rebuild v$((i + 1)).sql ./in.ndjson
	check_status 0 "swap $i"
	check "  the new version has its ids" test "$(seen acc)" = 400
	check "  the kept one too" test "$(seen 'acc (kept)')" = 400
	check "  and nobody else" test "$(sql ids.db 'SELECT count(*) FROM ev_seen')" = 800
done
run evproject rollback v3.sql --store "$s"
check_status 0 "rollback"
run evproject run v3.sql --store "$s" --quiet ./all.ndjson
check_status 0 "the version before goes on"
check "and knows which ids it has seen" want 3 ./all.ndjson
run evproject rollback v4.sql --store "$s"
run evproject run v4.sql --store "$s" --quiet ./all.ndjson
check "so does the other" want 4 ./all.ndjson
rebuild v4.sql --again --no-swap ./all.ndjson
rebuild v4.sql --abandon
check "a rebuild that is given up leaves no ids" test "$(sql ids.db 'SELECT count(*) FROM ev_seen')" = 800
rebuild v4.sql --forget
check "nor does a version that is dropped" test "$(sql ids.db 'SELECT count(*) FROM ev_seen')" = 400
rebuild v4.sql --again ./all.ndjson
check "and again" want 4 ./all.ndjson
run evproject drop acc --store "$s" --yes
check_status 0 "a projection that is dropped"
gone() { ! sql ids.db "SELECT 1 FROM ev_$1" 2>/dev/null; }
for t in seen cut rows dead ledger; do check "leaves nothing in ev_$t, and not the table" gone $t; done
done_testing
