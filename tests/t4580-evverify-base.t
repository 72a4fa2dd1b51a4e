# evverify --base: where the log is trimmed, the fold goes on from an older view that has a receipt - its own, and no other.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/evverify.sh"
more() { # more N: events of all kinds, with poison, over three partitions of two topics
	local i
	for ((i = 0; i < $1; i++)); do
		case $((i % 11)) in
		3) rec put "k$((i % 29))" "$i" "$((n / 3))" $((n % 3)) ;;
		5) rec del "k$((i % 7))" 0 "$((n / 3))" $((n % 3)) ;;
		*) rec add "k$((i % 13))" "$i" "$((n / 3))" $((n % 3)) ;;
		esac
		n=$((n + 1))
	done
}
n=0
more 90 >first.ndjson
more 60 >rest.ndjson
cat first.ndjson rest.ndjson >log.ndjson
based() { verify "$1" "${log:-./rest.ndjson}" --base "$(store "${base:-old.db}")" --base-receipt "${receipt:-old.json}" "${@:2}"; }

project s.db --on-error dead ./first.ndjson
verify s.db ./first.ndjson --receipt old.json
check_status 0 "a view of the first part of the log has its receipt"
copy s.db old.db
project s.db --on-error dead ./log.ndjson
verify s.db ./rest.ndjson
check_status 5 "of what is left of the log the view cannot be proven"
based s.db --receipt r.json
check_status 0 "from its own past it can"
check_grep "what was not read is said" 't/0: offsets 50 = .* in the base 30' "$out"
check_grep "and on what it rests" "rests on a base at .*\"t\":\{\"0\":30,.* by receipt $(jq -r .digest old.json)" "$out"
check "so does the new receipt" test "$(jq -r .base r.json)" = "$(jq -r .digest old.json)"
log=./log.ndjson based s.db
check_status 0 "with the whole log, too"
copy s.db newer.db
more 30 >>rest.ndjson
project s.db --on-error dead ./rest.ndjson
base=newer.db receipt=r.json based s.db
check_status 0 "and from a base that rests on one"

row=$(sql old.db 'SELECT min(k) FROM acc')
same_but "UPDATE acc SET n = n + 1 WHERE k = '$row'"
based c.db
check_status 1 "a row that is wrong is seen"
check_grep "and named" "changed acc k='$row'" "$out"
same_but "DELETE FROM ev_dead"
based c.db
check_status 1 "so are dead letters that are gone"
verify s.db ./rest.ndjson --base "$(store old.db)"
check_status 2 "a base without a receipt is none"

refuse() { # refuse STATUS WHY SENTENCE: base and receipt as they are set
	based s.db
	check_status "$1" "refused: $3"
	check_grep "and it is said why: $3" "$2" "$err"
}
damaged() { forget d.db; copy old.db d.db; sql d.db "$1" >/dev/null; }
sed 's/"rows":/"rows":1/' old.json >edited.json
receipt=edited.json refuse 5 'its digest is wrong: damaged, or edited' "a receipt that was edited"
receipt=nosuch.json refuse 2 'cannot open' "one that is not there"
damaged "UPDATE acc SET n = n + 1 WHERE k = '$row'"
base=d.db refuse 5 "the rows of table 'acc' are not those" "a base whose rows are others"
damaged "UPDATE ev_dead SET state = 'dropped'"
base=d.db refuse 5 "the dead letters are not those" "or whose dead letters are"
for count in 'applied = applied + 1, ignored = ignored - 1' 'untouched = untouched + 1' \
	'last_timestamp = last_timestamp + 1'; do
	damaged "UPDATE ev_ledger SET $count WHERE partition = 0 AND topic = 't'"
	base=d.db refuse 5 "the counts of the ledger are not those" "a base whose ledger says $count"
done
damaged "UPDATE ev_projection SET generation = generation + 1"
base=d.db refuse 5 'it is of generation 1, the view is of generation 2' "a receipt of an older generation"
forget d.db
copy old.db d.db
dead=$(sql d.db "SELECT topic || '/' || partition || '@' || record_offset FROM ev_dead WHERE state = 'dead' LIMIT 1")
run evproject dead drop p.sql --store "$(store d.db)" "$dead" --yes
base=d.db refuse 5 'it is of generation' "one from before a dead letter was dropped"
base=newer.db refuse 5 'stands elsewhere than the receipt says' "one of an earlier position"
receipt=r.json refuse 5 'up to offset [0-9]+, the view stands at' "one of a later position"
damaged "ALTER TABLE acc RENAME COLUMN at TO later"
base=d.db refuse 5 "'acc'.* no column 'at'" "a base of another schema"
sed 's/version 1/version 2/; s/acc.n + excluded.n/acc.n + 2 * excluded.n/' p.sql >p2.sql
run evproject run p2.sql --store "$(store p2.db)" --on-error dead ./first.ndjson
cp p.sql p1.sql
cp p2.sql p.sql
verify p2.db ./first.ndjson --receipt p2.json
cp p1.sql p.sql
base=p2.db receipt=p2.json refuse 5 'another fingerprint' "a base of another projection of that name"
head -n 40 first.ndjson >a.ndjson
project two.db --on-error dead ./a.ndjson
project two.db --on-error dead ./first.ndjson
verify two.db ./first.ndjson --receipt two.json
base=two.db receipt=two.json refuse 5 "not of the view's own past: they part at cut" "one that was built otherwise"
forget far.db
project far.db --on-error dead ./log.ndjson
verify far.db ./log.ndjson --receipt far.json
forget near.db
project near.db --on-error dead ./first.ndjson
verify near.db ./log.ndjson --base "$(store far.db)" --base-receipt far.json
check_status 5 "refused: a base past the view"
check_grep "which is said" 'past the view, which stands at' "$err"
based s.db --repair
check_status 2 "a repair wants the whole log"
done_testing
