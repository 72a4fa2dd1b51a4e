# evproject: poison records, dead letters, what waits behind them, and what people decide
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
# a retry wants rows that are their record key's own
cp p.sql path.sql
sed -i 's/\$\.k!*/:key/' p.sql

{ rec add a 1; rec add b '"x"'; rec add b 5; rec add a 5; rec add b 6; rec add c 9223372036854775808; } >b.ndjson
project stop.db ./b.ndjson
check_status 5 "a poison record stops the run"
check_grep "it is named by topic/partition@offset, file and line" \
	"t/0@1: p.sql:7: $(on sqlite 'acc.n is INTEGER and cannot hold' postgresql '\$\.n!: .* type integer: "x"')" "$err"
check_grep "with a hint what to do" '^hint: .*--on-error dead' "$err"
check "everything before it is applied" test "$(dump stop.db)" = "a|1|0"
project stop.db ./b.ndjson
check_status 5 "it stops the next run as well"
project stop.db --on-error dead ./b.ndjson
check_status 0 "--on-error dead goes on"
check "other keys are applied, the key's later records are held" ledger stop.db \
	'.balanced and .dead == 2 and .held == 2 and .partitions[0].applied == 2'
check "the rows know nothing of it" test "$(dump stop.db)" = "a|6|3"
for n in 1 2 100; do
	evproject run p.sql --store "$(store n$n.db)" --on-error dead --batch $n ./b.ndjson 2>>err.log
	sql n$n.db 'SELECT topic, partition, record_offset, state, line FROM ev_dead ORDER BY record_offset' >dead.$n
done
check "batches of 1, 2 and 100 keep the same letters" cmp dead.1 dead.100
check "letters there are" test -s dead.2
# the store is asked whether a key is blocked while a statement before it has failed, unheard of yet
{ rec add z '"x"'; rec add a 1; rec add b 1; rec add c 1; } | sed 's/"key":"a"/"key":null/' >asked.ndjson
head -n 1 asked.ndjson >first.ndjson
project asked.db --on-error dead --exact-statements ./first.ndjson
project asked.db --on-error dead --exact-statements ./asked.ndjson
check_status 0 "poison among keyed records, with a letter in the store already"
check "is a letter as well" ledger asked.db '.balanced and .dead == 2 and .partitions[0].applied == 2'
project max.db --on-error dead --max-dead 1 ./b.ndjson
check_status 5 "--max-dead stops"
check_grep "and says why" 'max-dead' "$err"
check "one letter is kept" ledger max.db '.dead == 1 and .balanced'
project held.db --on-error dead --max-held 1 ./b.ndjson
check_status 5 "--max-held stops"
check_grep "and says why" 'max-held' "$err"

run evproject dead list p.sql --store "$(store stop.db)"
check_status 0 "dead list"
check_grep "has a letter with its reason" "^t/0@1 +dead +b +1 .*$(on sqlite 'acc.n is INTEGER' postgresql '\$\.n!: .*integer')" "$out"
check_grep "and what waits" '^t/0@4 +held +b +0 .*waits behind offset 1' "$out"
check_grep "and the integer past 64 bits" "9223372036854775808 does not fit $(on sqlite '64 bits' postgresql integer)" "$out"
run evproject dead show p.sql --store "$(store stop.db)" t/0@1
sed -n '2,3p;5p' b.ndjson >chain
check_out "dead show prints the record lines of the chain" <chain
run evproject dead show p.sql --store "$(store stop.db)" --all
check "dead show --all prints all" test "$(wc -l <"$out")" = 4
run evproject dead show p.sql --store "$(store stop.db)" t/0@3
check_status 2 "a letter that is none"
check_grep "is named" 'no dead letter at t/0@3' "$err"
run evproject dead retry p.sql --store "$(store stop.db)" t/0@1 t/0@4
check_status 2 "what waits behind a letter is none"
check_grep "it says so, and behind which" '^hint: that record is held behind the letter at t/0@1,' "$err"
check "and the other one was not tried" test "$(sql stop.db "SELECT tries FROM ev_dead WHERE record_offset = 1")" = 1
run evproject dead list p.sql --store "$(store stop.db)" --format json
check_status 0 "dead list --format json"
check "has an object a line for each" test "$(jq -c '[.topic, .partition, .offset, .key, .state, .tries]' "$out" | xargs -d '\n')" = \
	'["t",0,1,"b","dead",1] ["t",0,2,"b","held",0] ["t",0,4,"b","held",0] ["t",0,5,"c","dead",1]'
check "with the reason, or what it waits behind" jq -se '.[0].behind == null and (.[0].reason | startswith("p.sql:7: ")) and
	.[1].reason == null and .[1].behind == {"partition": 0, "offset": 1} and
	all(.[].since; test("^2[0-9]{3}-[0-9-]{5}T[0-9:.]{12}Z$"))' "$out"
run evproject dead show p.sql --store "$(store stop.db)" --all --format json
check_status 2 "show is record lines in any case"
check_grep "it says so" '^hint: show and export print record lines' "$err"
for place in t/0 t@1 t/x@1 t/0@ /0@1 t/0@1x; do
	run evproject dead show p.sql --store "$(store stop.db)" "$place"
	check_status 2 "'$place' is no place"
done
run evproject dead show p.sql --store "$(store stop.db)"
check_status 2 "show wants a letter or --all"
run evproject dead lst p.sql --store "$(store stop.db)"
check_status 2 "an unknown action"
run evproject dead list p.sql --store "$(store nothing.db)"
check_status "$(on sqlite 4 postgresql 2)" "a store that is not there is an error"
check "and is not made" untouched nothing.db

dump stop.db >before
run evproject dead retry p.sql --store "$(store stop.db)" t/0@1
check_status 5 "a retry that fails again is bad data"
check_grep "and says why" 't/0@1: p.sql:7' "$err"
check "nothing has changed" test "$(dump stop.db)" = "$(cat before)"
check_grep "says so, and what to do" '^hint: a letter that fails is left as it was, but for its count of tries .* dead drop$' "$err"
check "but the tries" test "$(sql stop.db "SELECT tries FROM ev_dead WHERE record_offset = 1")" = 2
evproject dead drop p.sql --store "$(store stop.db)" t/0@1 </dev/null >"$out" 2>"$err"
status=$?
check_status 2 "drop without a terminal wants --yes"
check "and drops nothing" ledger stop.db '.dead == 2'
run evproject dead drop p.sql --store "$(store stop.db)" t/0@1 --yes
check_status 0 "drop --yes"
check "applies what waited" test "$(dump stop.db)" = "a|6|3
b|11|4"
check "and counts it" ledger stop.db '.balanced and .dead == 1 and .held == 0 and .partitions[0].dropped == 1'
run evproject dead drop p.sql --store "$(store stop.db)" t/0@1 --yes
check_status 2 "it cannot be dropped twice"
run evproject dead drop p.sql --store "$(store stop.db)" --all --yes
check "drop --all leaves none" ledger stop.db '.balanced and .dead == 0'
evproject dead drop p.sql --store "$(store stop.db)" --all </dev/null >"$out" 2>"$err"
status=$?
check_status 0 "where there is none it wants no yes"
project stop.db ./b.ndjson
check_status 0 "and the run goes on from its position"

# must touch: the row comes later by the other topic, then a retry succeeds
{ rec put z 3 0; rec put z 4 1; } >z.ndjson
project mt.db ./z.ndjson
check_status 5 "a statement under must touch that touches no row is poison"
check_grep "by file and line" 't/0@0: p.sql:12' "$err"
project mt.db --on-error dead ./z.ndjson
rec add z 1 0 0 u >zu.ndjson
project mt.db --on-error dead ./zu.ndjson ./z.ndjson
check "another topic's key is not held" test "$(dump mt.db)" = "z|1|0"
run evproject dead retry p.sql --store "$(store mt.db)" --all
check_status 0 "a retry that succeeds"
check "applies letter and followers in order" test "$(dump mt.db)" = "z|4|0"
check "and the ledger balances" ledger mt.db '.balanced and .dead == 0 and .held == 0'

# rows found by a path may be shared with other keys: then it makes a difference that the letter comes late
run evproject run path.sql --store "$(store path.db)" --on-error dead ./b.ndjson
dump path.db >before
run evproject dead retry path.sql --store "$(store path.db)" t/0@1
check_status 5 "a retry that may not come late is refused"
check_grep "by table and line" "cannot retry t/0@1: .*shared with other keys: table 'acc', handler at line 7" "$err"
check_grep "and why its rows are not its key's alone" "; nor are its rows one key's own: the handler at line 7 does not find" "$err"
check_grep "and what would make them so" 'if \$\.k is every record.s key, a line -- @key \$\.k in the file' "$err"
check_grep "and says what to do: build the view anew, or give the record up" '^hint: .*rebuild .*--again .*dead drop$' "$err"
check "nothing has changed, the tries included" test "$(dump path.db)" = "$(cat before)" -a \
	"$(sql path.db "SELECT max(tries) FROM ev_dead")" = 1
echo '{"topic":"t","partition":1,"offset":0,"timestamp":1763200000000,"key":"q","headers":[],"value":"none"}' >none.ndjson
run evproject run path.sql --store "$(store path.db)" --on-error dead ./b.ndjson ./none.ndjson
run evproject dead retry path.sql --store "$(store path.db)" --all
check_status 5 "two that are refused for different reasons"
check "have each its own advice behind it" test "$(grep -A 1 -E 'warning: .*t/[01]@' "$err" | grep -oE 't/[01]@[01]|^hint: (nothing was changed|a letter that fails)' | xargs)" = \
	"t/0@1 hint: nothing was changed t/1@0 hint: a letter that fails"

sed 's/n integer NOT NULL/n integer NOT NULL CHECK (n < 9)/' p.sql >checked.sql
run evproject run checked.sql --store "$(store checked.db)" --on-error dead ./b.ndjson
run evproject dead retry checked.sql --store "$(store checked.db)" t/0@1
check_status 5 "a table with a CHECK is not looked into"
check_grep "which is said, as the SET is not all that is in the way" "; nor are its rows one key's own: the table has a CHECK" "$err"
check_no_grep "no @key would help there" '@key' "$err"

# of many each is tried: those that fail stay as they are, with what they hold back
off=0
{ rec add b '"x"'; rec put z 3; rec put z 4; rec put y 1; rec put y 2; rec put z 5; rec put w 7 0 1; } >many.ndjson
{ rec add z 1 0 0 u; rec add w 1 1 0 u; } >u.ndjson
project each.db --on-error dead ./many.ndjson
project each.db --on-error dead ./u.ndjson ./many.ndjson
check "letters, and what waits behind them" ledger each.db '.balanced and .dead == 4 and .held == 3'
sql each.db "SELECT partition, record_offset, state, behind_partition, behind_offset FROM ev_dead WHERE
	record_offset IN (0, 3, 4) AND partition = 0 ORDER BY 2" >before
run evproject dead retry p.sql --store "$(store each.db)" --all
check_status 5 "retry --all, where two of four letters fail again"
check_grep "names the first of them" '^evproject dead: warning: t/0@0: p.sql:7: ' "$err"
check_grep "and the other" '^evproject dead: warning: t/0@3: p.sql:12: ' "$err"
check "goes on behind them, in the order of the log" test "$(grep -oE 't/[01]@[0-9]+' "$err" | xargs)" = "t/0@0 t/0@1 t/0@3 t/1@0"
check "says once what to do" test "$(grep -c '^hint: a letter that fails is left as it was' "$err")" = 1
check "and ends with how many they are" test "$(tail -n 1 "$err")" = "evproject dead: 2 of the 4 letters could not be retried"
check "what could be retried is applied, with what it held back" test "$(dump each.db | cut -d'|' -f1,2 | xargs)" = "w|7 z|5"
check "the others hold back what they did" cmp before <(sql each.db "SELECT partition, record_offset, state, behind_partition,
	behind_offset FROM ev_dead WHERE record_offset IN (0, 3, 4) AND partition = 0 ORDER BY 2")
check "and have one try more" test "$(sql each.db "SELECT record_offset, tries FROM ev_dead WHERE state = 'dead' ORDER BY 1" | xargs)" = "0|2 3|2"
check "so says the ledger" ledger each.db '.balanced and .dead == 2 and .held == 1'
run evproject dead drop p.sql --store "$(store each.db)" --all --yes
check_status 0 "drop --all gives up the rest"
check "but for what comes up behind them" ledger each.db '.balanced and .dead == 1 and .held == 0'

# one that others have decided on in the meantime is no reason to end
off=0
{ rec add b '"x"'; rec add c '"x"'; } >two.ndjson
project two.db --on-error dead ./two.ndjson
run evproject dead drop p.sql --store "$(store two.db)" --yes t/0@0 t/0@0 t/0@1
check_status 0 "a letter that is gone when its turn comes"
check_grep "is named" '^evproject dead: t/0@0 is no dead letter any more: it was decided on meanwhile' "$err"
check "and those behind it are dropped" ledger two.db '.balanced and .dead == 0 and .partitions[0].dropped == 2'

# a key that is longer than what an index takes
long=$(head -c 4500 /dev/urandom | base64 -w 0)
{ rec add a '"x"' 0; rec add a 2 1; } | sed "s|\"key\":\"a\"|\"key\":\"$long\"|" >long.ndjson
project long.db --on-error dead ./long.ndjson
check_status 0 "a poison record with a long key"
check "is kept, and holds back what has that key" ledger long.db '.dead == 1 and .held == 1 and .balanced'

# a record without a key holds nothing back; a value that is no event
{ rec add a '"x"' 0; rec add a 2 1; } | sed 's/"key":"a"/"key":null/' >nokey.ndjson
run evproject run path.sql --store "$(store nokey.db)" --on-error dead ./nokey.ndjson
check "records without a key hold nothing back" test "$(dump nokey.db)" = "a|2|1"
printf 'not json\n{"no":"type"}\n[1]\n' >odd.txt
project odd.db --on-error dead --lines t ./odd.txt
check "no JSON, no type and no object are poison" ledger odd.db '.dead == 3 and .balanced'
run evproject dead list p.sql --store "$(store odd.db)"
check "each with a reason" test "$(awk 'NR > 1 && NF > 5' "$out" | wc -l)" = 3

# keys that are no text
printf '{"topic":"t","partition":0,"offset":%s,"timestamp":1,%s,"headers":[],"text":"no JSON"}\n' 0 '"key_base64":"/w=="' \
	1 '"key":null' >keys.ndjson
project keys.db --on-error dead ./keys.ndjson
run evproject dead list p.sql --store "$(store keys.db)" --format json
check "keys of a list in JSON are those of record lines" test "$(jq -c '[.key_base64, has("key")]' "$out" | xargs)" = '[/w==,false] [null,true]'

# A reader that takes nothing any more does not keep an export from heeding the first signal.
for ((i = 0; i < 400; i++)); do rec add "k$i" "\"$(printf 'x%.0s' {1..400})\""; done >many.ndjson
project many.db --on-error dead ./many.ndjson
mkfifo asleep
exec 9<>asleep
evproject dead export p.sql --store "$(store many.db)" >asleep 2>"$err" &
pid=$!
read -r line <&9
kill -TERM $pid
ended() { ! kill -0 $pid 2>/dev/null; }
wait_for 60 ended || kill -KILL $pid
wait $pid
status=$?
check_status 143 "an export ends by a signal though nobody reads its pipe"
check "and that is no error" test ! -s "$err"
exec 9<&-
run evproject dead export p.sql --store "$(store many.db)"
check "with a reader it is whole" test "$(wc -l <"$out")" = 400

# A signal ends a retry of many between two letters: what it says of them, the pipe does not hold.
exec 9<>asleep
evproject dead retry p.sql --store "$(store many.db)" --all >"$out" 2>asleep 9>&- &
pid=$!
read -r line <&9
kill -TERM $pid
cat <&9 >said &
reader=$!
wait $pid
status=$?
check_status 143 "a retry of many ends by a signal"
said() { tail -n 1 said | grep -q 'evproject dead: stopped: 0 of the 400 letters were retried, and [0-9]* were not tried'; }
check "  and says how far it has come" wait_for 60 said
check "  which is not to the end" test "$(sql many.db 'SELECT count(*) FROM ev_dead WHERE tries = 1')" -gt 0
kill $reader
exec 9<&-
done_testing
