# evproject dead: what waits behind a letter that is dropped or retried may be poison itself. It becomes a letter then, as
# if it had come first, and a proof and a rebuild make the same of it. Both stores, see tests/store.sh.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/evverify.sh"
sed -i 's/\$\.k!*/:key/' p.sql
cp p.sql keyed.sql
sed -i 's/n integer NOT NULL/n integer NOT NULL CHECK (n BETWEEN 0 AND 20)/' p.sql
dead() { local s=$1; shift; run evproject dead "$1" p.sql --store "$(store "$s")" "${@:2}"; }
letters() { # STORE [STATE]: offset, state, what it waits behind
	sql "$1" "SELECT record_offset, state, behind_offset FROM ev_dead WHERE projection =
		coalesce((SELECT rows_key FROM ev_rows WHERE projection = 'acc'), 'acc') ${2:+AND state = '$2'} ORDER BY topic, 1" | xargs
}
all_of() { # STORE: what a proof and a rebuild have to agree with
	dump "$1"
	sql "$1" "SELECT topic, partition, record_offset, state, behind_partition, behind_offset, line FROM ev_dead WHERE projection =
		coalesce((SELECT rows_key FROM ev_rows WHERE projection = 'acc'), 'acc') ORDER BY 1, 2, 3"
	sql "$1" "SELECT topic, partition, next_offset, applied, deduplicated, dead, held, dropped FROM ev_ledger WHERE projection = 'acc' ORDER BY 1, 2"
}
# proven STORE WHAT SOURCE...: the log makes the same, by the fold, by statements, and in a rebuild
proven() {
	local s=$1 what=$2 again=again$((proofs += 1)).db way
	shift 2
	all_of "$s" >was
	for way in '' --independent; do
		verify "$s" "$@" $way
		check_status 0 "$what: it is what the log makes ($way)"
	done
	copy "$s" $again
	way=
	[ $((proofs % 2)) = 0 ] || way=--exact-statements
	run evproject rebuild p.sql --store "$(store $again)" --yes --again --quiet --max-dead 0 --max-held 0 $way "$@"
	check_status 0 "$what: a rebuild takes the same decisions, and meets no new poison ($way)"
	check "  and makes the same of them" cmp was <(all_of $again)
}

proofs=0 off=0
{ rec add a 1; rec add b '"x"'; rec add b 5; rec add b '"y"'; rec add b 6; rec add b 90; rec add b 7; rec add c 1; } >log.ndjson
project s.db --on-error dead --quiet ./log.ndjson
check "a letter, and two of what waits behind it are poison" test "$(letters s.db)" = "1|dead|-1 2|held|1 3|held|1 4|held|1 5|held|1 6|held|1"
copy s.db stop.db
dead s.db drop t/0@1 --yes
check_status 0 "the letter is dropped"
check_grep "  and what waited is applied" '^evproject dead: t/0@1 dropped, 1 record applied' "$err"
check_grep "  up to what is poison itself, which is a letter now, with its reason" \
	'warning: t/0@3, which waited behind it, is a dead letter itself now, and holds back 3 records: p.sql:7: .*n' "$err"
check "  and the rest waits behind that" test "$(letters s.db)" = "1|dropped|-1 2|retried|1 3|dead|-1 4|held|3 5|held|3 6|held|3"
check "  with its reason in the store" test "$(sql s.db "SELECT count(*) FROM ev_dead WHERE state = 'dead' AND reason LIKE 'p.sql:7: %' AND tries = 1")" = 1
check "  so says the ledger" ledger s.db '.balanced and .dead == 1 and .held == 3 and .partitions[0].dropped == 1 and .partitions[0].applied == 3'
check "  and the rows" test "$(sql s.db "SELECT n FROM acc WHERE k = 'b'")" = 5
# as if the first had never been there
sed '2s/"type":"add"/"type":"nothing"/' log.ndjson >first.ndjson
project first.db --on-error dead --quiet ./first.ndjson
check "as if it had come first" cmp <(dump s.db) <(dump first.db)
why() { sql "$1" "SELECT record_offset, reason, tries, key_bytes FROM ev_dead WHERE state IN ('dead', 'held') ORDER BY 1"; }
check "  for the same reason" cmp <(why s.db) <(why first.db)
proven s.db "one letter dropped" ./log.ndjson
{ cat log.ndjson; rec add b 2; rec add a 3; } >more.ndjson
project s.db --on-error dead --quiet ./more.ndjson
check "a run holds back behind the new letter" test "$(letters s.db held)" = "4|held|3 5|held|3 6|held|3 8|held|3"
proven s.db "a run after that" ./more.ndjson
if command -v script >/dev/null; then
	said() { # ANSWER: the question of `dead drop --all` on a terminal, with that answer
		rm -f asked.txt
		asked() { grep -q 'y/N' asked.txt 2>/dev/null; }
		{ wait_for 60 asked >/dev/null; echo "$1"; wait_for 60 test -e ended; } |
			SHELL=$BASH script -qefc "evproject dead drop p.sql --store '$(store s.db)' --all; echo \$? >status; touch ended" asked.txt >/dev/null
		rm -f ended
	}
	said n
	check_grep "drop says which letters it is asked to drop" '^evproject dead: t/0@3, key b: p.sql:7: .* \(4 held behind it\)' asked.txt
	check_grep "  and that what is held will be applied" '^Give this record up for ever, and apply the 4 held behind it\? \[y/N\]' asked.txt
	check "  and drops none without a yes" test "$(letters s.db dead)" = "3|dead|-1"
fi
dead s.db drop --all --yes
check_status 0 "--all drops those that there were"
check "  and what came up is left" test "$(letters s.db dead)" = "5|dead|-1"
dead s.db drop --all --yes
check "once more: there are none" ledger s.db '.balanced and .dead == 0 and .held == 0 and .partitions[0].dropped == 3'
check "  with the rows of the rest" test "$(sql s.db "SELECT n FROM acc WHERE k = 'b'")" = 20
proven s.db "all dropped" ./more.ndjson
dead s.db drop --all --yes
check_status 0 "none is none"

# where poison ends a run: what waited can end none any more
project stop.db --on-error stop --quiet ./log.ndjson
dead stop.db drop t/0@1 --yes
check_status 0 "a letter of a view that stops at poison is dropped as well"
check "  with a letter behind it" test "$(letters stop.db dead)" = "3|dead|-1"
run evproject rebuild p.sql --store "$(store stop.db)" --yes --again --quiet ./log.ndjson
check_status 5 "a rebuild stops at what nobody has decided on"
check_grep "  and names it" 'evproject rebuild: .*t/0@3' "$err"
check_grep "  and says what goes on" '^hint: .*--on-error dead' "$err"
run evproject rebuild p.sql --store "$(store stop.db)" --yes --again --quiet --on-error dead ./log.ndjson
check_status 0 "with that it goes on"
check "  to the same letters" test "$(letters stop.db)" = "1|dropped|-1 2|retried|1 3|dead|-1 4|held|3 5|held|3 6|held|3"
# new poison behind a letter that was dropped
sed 's/version 1/version 2/; s/BETWEEN 0 AND 20/BETWEEN 0 AND 4/' p.sql >v2.sql
copy stop.db new.db
run evproject rebuild v2.sql --store "$(store new.db)" --yes --quiet --max-dead 0 ./log.ndjson
check_status 5 "what is poison in the new version alone is new, and counts"
check_grep "  it is named" 'evproject rebuild: .*t/0@2' "$err"
run evproject rebuild v2.sql --store "$(store new.db)" --yes --quiet --max-dead 1 ./log.ndjson
check_status 0 "a higher limit goes on"
check "  to its letters" test "$(letters new.db)" = "1|dropped|-1 2|dead|-1 3|held|2 4|held|2 5|held|2 6|held|2"

# a retry: the letter finds its row now, and what waited does not fit
cp p.sql checked.sql
cp keyed.sql p.sql
off=0
{ rec put z 3; rec add z '"x"'; rec put z 4; rec put y 1; rec put y 2; } >z.ndjson
rec add z 1 0 0 u >u.ndjson
project z.db --on-error dead --quiet ./z.ndjson
project z.db --on-error dead --quiet ./u.ndjson ./z.ndjson
dead z.db retry t/0@0
check_status 0 "a letter is retried"
check_grep "  and what waited behind it is a letter" 'warning: t/0@1, which waited behind it, is a dead letter itself now, and holds back 1 record: ' "$err"
check "  so it is in the store" test "$(letters z.db)" = "0|retried|-1 1|dead|-1 2|held|1 3|dead|-1 4|held|3"
check "  and its rows" test "$(dump z.db | cut -d'|' -f1,2)" = "z|3"
proven z.db "retried" ./u.ndjson ./z.ndjson
rec add a 1 0 0 u >a.ndjson
rec add y 1 1 0 u >>u.ndjson
project z.db --on-error dead --quiet ./u.ndjson ./z.ndjson
dead z.db retry t/0@3 t/0@1
check_status 5 "of two the second fails"
check_grep "  and it says of which it speaks" '^evproject dead: warning: t/0@1: p.sql:7' "$err"
check_grep "  and what became of the others" '^evproject dead: 1 of the 2 letters could not be retried' "$err"
check "  so it is" test "$(letters z.db)" = "0|retried|-1 1|dead|-1 2|held|1 3|retried|-1 4|retried|3"

# letters that were decided on in any order, some of them with poison behind, in two partitions and with @dedupe
sed 's/^-- @envelope type=\$\.type/& id=$.id\n-- @dedupe id/' checked.sql >p.sql
for seed in 1 2; do
	RANDOM=$seed
	rm -f ./0.ndjson ./1.ndjson
	declare -A next=([0]=0 [1]=0)
	for step in 1 2 3 4 5; do
		for ((i = 0; i < 12; i++)); do
			part=$((RANDOM % 2)) n=$((RANDOM % 12)) key=k$((RANDOM % 3)) id=$((RANDOM % 40))
			[ $((RANDOM % 4)) != 0 ] || n=null
			rec add $key "$n,\"id\":$id" "${next[$part]}" $part >>"$part.ndjson"
			next[$part]=$((${next[$part]} + 1))
		done
		touch 0.ndjson 1.ndjson
		project r$seed.db --on-error dead --quiet ./0.ndjson ./1.ndjson
		place=$(sql r$seed.db "SELECT topic || '/' || partition || '@' || record_offset FROM ev_dead WHERE state = 'dead'
			ORDER BY record_offset, partition LIMIT 1")
		[ -z "$place" ] || dead r$seed.db drop --yes "$place"
	done
	check "seed $seed: letters came up behind others" test "$(sql r$seed.db "SELECT count(*) FROM ev_dead WHERE state = 'dropped'")" -gt 2
	proven r$seed.db "seed $seed" ./0.ndjson ./1.ndjson
done
done_testing
