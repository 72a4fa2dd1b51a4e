# @key PATH: which path of an event is its record's key; checked for each event, and what it is good for. Both stores.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
sed 's/:key/$.k/; /tombstone/,/^DELETE/d' p.sql >path.sql
sed '/^-- @envelope/a -- @key $.k' p.sql >key.sql
{ rec add a 1; rec add b '"odd"'; rec add b 5; rec add a 2; } >b.ndjson

# a dead letter whose rows are found by a path may come late, where the file says that it is the key
run evproject run key.sql --store "$(store key.db)" --on-error dead ./b.ndjson
check_status 0 "a projection with @key"
check "keeps poison, and holds back what has its key" ledger key.db '.dead == 1 and .held == 1 and .balanced'
run evproject dead retry key.sql --store "$(store key.db)" t/0@1
check_no_grep "a retry is not refused for its rows" 'shared with other keys' "$err"
run evproject dead drop key.sql --store "$(store key.db)" t/0@1 --yes
check_status 0 "a drop applies what was held"
check "rightly" test "$(dump key.db)" = "$(printf 'a|3|3\nb|5|2')"
run evproject run path.sql --store "$(store path.db)" --on-error dead ./b.ndjson
run evproject dead retry path.sql --store "$(store path.db)" t/0@1
check_grep "without @key it is refused" 'shared with other keys' "$err"

# the claim is checked: it cannot lie
lie() { # lie TEXT PATTERN LINE: poison
	forget lie.db
	printf '%s\n' "$3" >lie.ndjson
	run evproject run key.sql --store "$(store lie.db)" ./lie.ndjson
	check_status 5 "$1 is poison"
	check_grep "  and says why" "$2" "$err"
}
line() { echo '{"topic":"t","partition":0,"offset":0,"timestamp":1763200000000,'"$1"',"headers":[],"value":{"type":"'"${3:-add}"'"'"$2"',"n":1}}'; }
is='t/0@0: .*\$\.k is not the record.s key, as .@key. says'
lie "another key" "$is" "$(line '"key":"a"' ',"k":"b"')"
lie "no key" "$is: the record has none" "$(line '"key":null' ',"k":"b"')"
lie "a key that is no text" "$is" "$(line '"key_base64":"/w=="' ',"k":"b"')"
lie "an object" "$is" "$(line '"key":"{}"' ',"k":{}')"
lie "a truth value" "$is" "$(line '"key":"true"' ',"k":true')"
lie "a number with two spellings" "$is" "$(line '"key":"42.0"' ',"k":42.0')"
lie "a number with leading zeros in the key" "$is" "$(line '"key":"042"' ',"k":42')"
lie "a missing path, where it is required" 'is required' "$(line '"key":"a"' '')"
good() { # good TEXT LINE ROW
	forget good.db
	printf '%s\n' "$2" >good.ndjson
	run evproject run key.sql --store "$(store good.db)" ./good.ndjson
	check_status 0 "$1 is none"
	check "  and is applied" test "$(dump good.db)" = "$3"
}
good "the key itself" "$(line '"key":"a"' ',"k":"a"')" 'a|1|0'
good "written with escapes" "$(line '"key":"\u00e4\n"' ',"k":"\u00e4\u000a"')" $'\u00e4\n|1|0'
good "an integer" "$(line '"key":"-42"' ',"k":-42')" '-42|1|0'
good "a type without handler, whatever its key" "$(line '"key":"a"' ',"k":"b"' nop)" ''
good "a path that is missing where nothing wants it" "$(line '"key":"a"' '' del)" ''

# it is part of what the projection means, and said by check
print() { evproject check "$1" 2>/dev/null | sed -n 's/.*fingerprint //p' | head -n 1; }
sed 's/@key \$\.k/@key $.kk/' key.sql >other.sql
check "the fingerprint has it" test "$(printf '%s\n' "$(print p.sql)" "$(print key.sql)" "$(print other.sql)" | sort -u | wc -l)" = 3
run evproject check key.sql
check_grep "check says it" 'key +\$\.k is the record.s key' "$out"
for bad in '@key' '@key k' '@key $item.k' '@key $.k $.l'; do
	sed "s/@key .*/$bad/" key.sql >bad.sql
	run evproject check bad.sql
	check_status 2 "refused: $bad"
	check_grep "  with its place" '^evproject check: bad.sql:4:' "$err"
done
sed '/^-- @key/p' key.sql >bad.sql
run evproject check bad.sql
check_grep "twice is once too often" "bad.sql:5:.*'@key' stands twice" "$err"
done_testing
