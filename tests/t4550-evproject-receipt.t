# evproject rebuild --require-receipt: no swap without a proof, and no proof by a receipt of something else.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/rebuild.sh"
rebuild() { # rebuild FILE STORE ARGS...
	local f=$1 s=$2; shift 2
	on sqlite || set -- --scratch "$_stores" "$@"
	run evproject rebuild "$f" --store "$(store "$s")" --require-receipt r.json "$@"
}
shadow() { # shadow SQL: done to the new version of s.db, behind everybody's back
	if on sqlite; then
		sqlite3 s.db-evshadow-acc "$1"
	else
		sql s.db "SET search_path = $(sql s.db "SELECT quote_ident(nspname) FROM pg_namespace
			WHERE nspname LIKE 'ev_shadow%'"); $1"
	fi
}
says() { jq -e "$1" r.json; }
serves() { [ "$(sql s.db "SELECT version FROM ev_projection WHERE name = 'acc'")" = "$1" ]; }
again() { # again LOG ARGS...: the second version, from the beginning, up to the swap
	run evproject rebuild v2.sql --store "$(store s.db)" --abandon
	rm -f r.json
	rebuild v2.sql s.db "$1" --no-swap
}

log 120 >log.ndjson
head -n 100 log.ndjson >first.ndjson
head -n 110 log.ndjson >middle.ndjson
rebuild v1.sql s.db ./first.ndjson
check_status 0 "a first version is built"
check "and proven" says '.projection_version == 1 and .partitions[0].next == 100'

rebuild v2.sql s.db ./log.ndjson --no-swap
check_status 0 "a second one, up to the swap"
check_grep "a receipt of the first is not of it" "receipt 'r.json' is not enough: .*another fingerprint" "$err"
check "there is one of its own" says '.projection_version == 2 and .partitions[0].next == 120'
cp r.json good.json
rebuild v2.sql s.db ./log.ndjson --no-swap
check_grep "which the next call takes" "proven before: receipt 'r.json'" "$err"

shadow "UPDATE acc SET n = n + 1 WHERE k = 'k3'"
rebuild v2.sql s.db ./log.ndjson --yes
check_status 1 "a new version that is not what the log makes does not serve"
check_grep "its receipt is none any more" "not enough: the rows of table 'acc' are not those" "$err"
check_grep "what differs is said" "changed acc k='k3'" "$out"
check "the old one serves on" serves 1
shadow "UPDATE acc SET n = n - 1 WHERE k = 'k3'"

refused() { # refused WHY SENTENCE: r.json is passed over, and it is proven anew
	rebuild v2.sql s.db "${log:-./log.ndjson}" --no-swap
	check_status 0 "$2"
	check_grep "and why not" "receipt 'r.json' is not enough: .*$1" "$err"
}
sed 's/"generation":/"generation":1/' good.json >r.json
refused 'its digest is wrong: damaged, or edited' "one that was edited by hand is not taken"
cp good.json r.json
shadow "UPDATE ev_ledger SET applied = applied + 1, ignored = ignored - 1"
rebuild v2.sql s.db ./log.ndjson --yes
check_status 1 "nor one of counts that are others now"
check_grep "which is said" "not enough: the counts of the ledger are not those" "$err"
check "the old one serves on" serves 1
shadow "UPDATE ev_ledger SET applied = applied - 1, ignored = ignored + 1"
cp good.json r.json
shadow "UPDATE ev_projection SET generation = generation + 1"
refused 'it is of generation [0-9]+, the view is of generation' "nor one of an older generation"
again ./log.ndjson
cp r.json good.json
again ./middle.ndjson
cp good.json r.json
log=./middle.ndjson refused 'it speaks of t/0 up to offset 120, the view stands at 110' "nor one of a later position"
if on postgresql; then
	run evproject run v1.sql --store "$(store o.db)" ./first.ndjson
	run evproject rebuild v2.sql --store "$(store o.db)" --scratch "$_stores" --require-receipt r.json \
		./middle.ndjson --no-swap
	log=./middle.ndjson refused "it is of a view in s(tore|chema)" "nor one of another schema"
else
	cp s.db o.db
	run evproject rebuild v2.sql --store o.db --require-receipt r.json ./middle.ndjson --no-swap
	log=./middle.ndjson refused "it is of a view in store '.*o.db" "nor one of another store"
fi

rebuild v2.sql s.db ./log.ndjson --no-swap --receipt-age 1h
check_grep "of a version that has gone on it is enough when it is young" 'proven before' "$err"
rebuild v2.sql s.db ./log.ndjson --no-swap
check_grep "and without that it is not" 'the version has gone on since' "$err"
rebuild v2.sql s.db ./log.ndjson --yes
check_status 0 "with its proof it serves"

# what serves already is proven as it serves
cp r.json good.json
rebuild v2.sql s.db ./log.ndjson
check_status 0 "where it serves already there is nothing to build"
check_grep "but to prove it as it serves" "proven: receipt 'r.json'" "$err"
check_grep "says that it serves" 'version 2 serves already, nothing to do' "$err"
check "the receipt is of it" says '.projection_version == 2 and .partitions[0].next == 120'
rebuild v2.sql s.db ./log.ndjson
check_grep "the next call takes that" "proven before: receipt 'r.json'" "$err"
sql s.db "UPDATE acc SET n = n + 1 WHERE k = 'k3'"
cp r.json before.json
rebuild v2.sql s.db ./log.ndjson
check_status 1 "what is not what the log makes gets none"
check_grep "says which row" "changed acc k='k3'" "$out"
check_grep "and what to do" 'version 2 serves, and is not what the log makes: --again builds it anew' "$err"
check "there is none of it" cmp r.json before.json
check "nothing is under way" test "$(sql s.db 'SELECT count(*) FROM ev_rebuild')" = 0
: >empty.ndjson
rebuild v2.sql s.db ./empty.ndjson
check_status 5 "nor where it cannot be proven"
check_grep "says of what" 'the version that serves is not proven' "$err"
sql s.db "UPDATE acc SET n = n - 1 WHERE k = 'k3'"
cp good.json r.json
check "now" serves 2

# a proof that will want a scratch database says so before anything is loaded, and --dry-run does, too
if on postgresql; then
	sed 's/version 2/version 3/; s/^DELETE FROM acc WHERE k = \$.k;/DELETE FROM acc WHERE n = $.n;/' v2.sql | grep -v '^CREATE VIEW' >odd.sql
	for dry in --dry-run --yes; do
		run evproject rebuild odd.sql --store "$(store s.db)" ./log.ndjson --require-receipt odd.json $dry
		check_status 2 "$dry: a file that does not all fold in memory, without --scratch"
		check_grep "is told" "not all of the file folds in memory, and a proof wants a database" "$err"
		check_grep "and how" "^hint: name one .*--scratch postgresql" "$err"
		check "nothing is under way" test "$(sql s.db 'SELECT count(*) FROM ev_rebuild')" = 0
	done
	run evproject rebuild odd.sql --store "$(store first.db)" ./log.ndjson --require-receipt odd.json
	check_status 2 "so is a first build"
	check_grep "is told" "not all of the file folds in memory, and a proof wants a database" "$err"
	check "before anything is loaded" test "$(sql first.db 'SELECT count(*) FROM acc')" = 0
	run evproject rebuild odd.sql --store "$(store first.db)" ./log.ndjson --require-receipt odd.json --scratch "$_stores" --quiet
	check_status 0 "with it the same command goes on"
	run evproject rebuild odd.sql --store "$(store s.db)" ./log.ndjson --require-receipt odd.json --scratch "$_stores" --dry-run
	check_status 0 "with it the plan is printed"
	{ rec add k1 1; rec add k1 '"odd"'; } >poison.ndjson
	grep -v '^CREATE VIEW' v1.sql >plain.sql
	run evproject rebuild plain.sql --store "$(store p.db)" ./poison.ndjson --on-error dead --require-receipt p.json --dry-run
	check_status 0 "nor is it known of all that will want one"
	check_grep "but of poison it is said" "the proof of a version with dead letters ends with 2 without --scratch" "$err"
fi

sed 's/version 2/version 3/; s/-- @on nop/-- @on nopes/; s/10 \*/20 */' v2.sql >v3.sql
rm r.json
rebuild v3.sql s.db --require-receipt nosuch/r.json ./log.ndjson --yes
check_status 4 "a receipt that cannot be written is no receipt"
check "nothing is swapped then" serves 2
run evproject rebuild v3.sql --store "$(store s.db)" ./log.ndjson --receipt-age 1h
check_status 2 "--receipt-age alone is a mistake"
done_testing
