# evtail: filters, -c and --summary
. "$(dirname "$0")/lib.sh"

line() { echo "{\"topic\":\"o\",\"partition\":$1,\"offset\":$2,\"timestamp\":$3,\"key\":$4,\"headers\":$5,$6}"; }
{
	line 0 0 1700000000000 '"c-1"' '[["src","web"]]' '"value":{"type":"order.created","total":150}'
	line 0 1 1700000060000 '"c-2"' '[["src","app"]]' '"value":{"type":"order.created","total":50}'
	line 1 0 1700000120000 '"c-1"' '[]' '"value":{"type":"order.paid","total":150.0}'
	line 1 1 1700000180000 '"d-1"' '[]' '"value":null'
	line 1 2 1700000240000 null '[]' '"text":"not json"'
} >x.ndjson
offsets() { run evtail ./x.ndjson -o '%p@%o' "$@"; got=$(tr '\n' ' ' <"$out"); }

offsets --key 'c-*'
check "--key takes a glob; a null key matches none" test "$got" = '0@0 0@1 1@0 '
offsets --key c-2 --key d-1
check "several --key: any of them" test "$got" = '0@1 1@1 '
offsets --type 'order.*'
check "--type finds the type in the value" test "$got" = '0@0 0@1 1@0 '
offsets --where '$.total = 150'
check "--where compares numbers by value" test "$got" = '0@0 1@0 '
offsets --where '$.total > 100' --where '$.type = "order.paid"'
check "several --where: all of them" test "$got" = '1@0 '
offsets --header src=w*
check "--header takes a glob" test "$got" = '0@0 '
offsets --tombstones only
check "--tombstones only" test "$got" = '1@1 '
offsets --tombstones no
check "--tombstones no" test "$got" = '0@0 0@1 1@0 1@2 '
offsets --type order.created -n 1
check "the last one that passes, not the last one if it passes" test "$got" = '0@1 '
offsets --envelope 'type=$.total' --type '*'
check "--envelope says where the type is: a number is none" test "$got" = ''
offsets --where '$.total >'
check_status 2 "a --where that is no expression is a usage error"
check_grep "and names the option" "option '--where'" "$err"
offsets --header src
check_status 2 "a --header without = is a usage error"

run evtail ./x.ndjson -c
check_out "-c counts by partition" <<'EOT'
o/0    2
o/1    3
total  5
EOT
run evtail ./x.ndjson -c --key 'c-1' --format json
check_out "-c with a filter, as JSON" <<'EOT'
{"partitions":[{"topic":"o","partition":0,"records":1},{"topic":"o","partition":1,"records":1}],"records":2}
EOT

run evtail ./x.ndjson --summary --paths
check_status 0 "--summary"
check_grep "a row per type with its share" '^order.created +2 +40.0% ' "$out"
check_grep "tombstones have a row" '^\(tombstone\) +1 +20.0% ' "$out"
check_grep "what is no JSON has a row" '^\(not JSON\) +1 ' "$out"
check_grep "the histogram has a bar per step" '^2023-11-14 22:13:15  █+ 1$' "$out"
check_grep "paths say how often they are missing" '^\$\.total +0  number 3$' "$out"
LC_ALL=C run evtail ./x.ndjson --summary
check_grep "bars are ASCII outside of UTF-8" '^2023-11-14 22:13:15  #+ 1$' "$out"
run evtail ./x.ndjson --summary --paths --format json
check "--format json is one JSON document, and its numbers add up" jq -es 'length == 1 and (.[0] |
	.records == 5 and ([.types[].records] | add) == 5 and ([.histogram.bars[].records] | add) == 5 and
	.first == "2023-11-14T22:13:20.000Z" and .last == "2023-11-14T22:17:20.000Z" and
	([.paths[] | {(.path): .missing}] | add) == {"$.type": 0, "$.total": 0} and
	.documents == 3 and .paths_capped == false)' "$out"
done_testing
