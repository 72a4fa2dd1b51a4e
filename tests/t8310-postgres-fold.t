#!/usr/bin/env bash
# Folded in memory or by statements: random programs leave the same tables, ledgers and dead letters in
# PostgreSQL too (the same test with SQLite is unit/fold_test).
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
database db
EV_FOLD_STORE=$db "$EV_BUILD/unit/fold_test" >fold.out
check "random programs" test $? = 0
grep '^#\|^not' fold.out | head -n 60

# and by the commands
"$TOP/scripts/generate" orders 5000 >orders.ndjson
database db
database exact
run evproject run "$TOP/projections/orders.sql" --store "$db" ./orders.ndjson
run evproject run "$TOP/projections/orders.sql" --store "$exact" --exact-statements ./orders.ndjson
check_status 0 "--exact-statements"
run evproject diff "$db" "$exact" "$TOP/projections/orders.sql"
check_status 0 "comes to the same rows"
for u in "$db" "$exact"; do sql "$u" "SELECT * FROM ev_ledger ORDER BY topic, partition" >"${u##*/}.txt"; done
check "and the same ledger" cmp "${db##*/}.txt" "${exact##*/}.txt"
run evproject check "$TOP/projections/orders.sql"
check_grep "check says what is not folded" "^ +table 'order_items' goes by statements: that of line 46" "$out"
check_no_grep "and nothing else" "table 'sku_demand'" "$out"
sed '/^CREATE TABLE sku_demand/s/qty integer NOT NULL/qty integer NOT NULL CHECK (qty > 0)/' "$TOP/projections/orders.sql" >odd.sql
run evproject check odd.sql
check_grep "and why" "table 'sku_demand' goes by statements: it has a CHECK" "$out"
done_testing
