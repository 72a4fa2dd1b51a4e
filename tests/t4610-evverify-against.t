#!/usr/bin/env bash
# evverify --against: two files hold the same records, or it is said which they do not share.
. "$(dirname "$0")/lib.sh"

line() { # line TOPIC PARTITION OFFSET KEY VALUE [MS]
	printf '{"topic":"%s","partition":%s,"offset":%s,"timestamp":%s,"key":"%s","headers":[["h","%s"]],"value":"%s"}\n' \
		"$1" "$2" "$3" "${6:-$((1000 + $5))}" "$4" "$4" "$5"
}
for i in {0..29}; do line o $((i % 3)) $((i / 3)) "k$((i % 7))" "$i"; done >a.ndjson
sed 's/"topic":"o"/"topic":"copy"/; s/"offset":/&1/' a.ndjson >b.ndjson
against() { run evverify ./a.ndjson --against "$@"; }
found() { jq -e "$1" "$out"; }

against ./a.ndjson --same-offsets
check_status 0 "a file holds what it holds"
check_grep "records are counted" 'the first source: records 30 = matched 30 \+ changed 0 \+ missing 0' "$out"
check_grep "each partition has a hash" 'o/2: 10 records, [0-9]+ bytes, hash [0-9a-f]{32}$' "$out"
against ./b.ndjson
check_status 0 "a copy under another name, at other offsets"
against ./b.ndjson --same-offsets
check_status 1 "unless offsets count"
check_grep "then they are named" "moved o/0@1: key 'k3', timestamp 1003: at another offset, copy/0@11" "$out"

grep -v '"value":"13"' b.ndjson >c.ndjson
against ./c.ndjson
check_status 1 "a record is missing"
check_grep "it is named" "missing o/1@4: key 'k6', timestamp 1013" "$out"
check "that is all" test "$(grep -c @ "$out")" = 1
{ cat b.ndjson; line copy 1 30 k1 99; } >c.ndjson
against ./c.ndjson
check_grep "one too many" "extra copy/1@30: key 'k1', timestamp 1099" "$out"
sed 's/"value":"13"/"value":"1E1"/' b.ndjson >c.ndjson
against ./c.ndjson
check_grep "another value" "changed o/1@4: key 'k6', timestamp 1013: another value at copy/1@14" "$out"
sed 's/"h","k6"/"H","k6"/' b.ndjson >c.ndjson
against ./c.ndjson --format json --max-diffs 2
check_status 1 "another header's name"
check "counted past the limit" found '.modes[0] | .kinds.changed == 4 and .capped and (.findings | length) == 2'
check "and covered" found '.modes[0].coverage[0].terms == {matched: 26, changed: 4, missing: 0}'
against ./b.ndjson --since 1970-01-01T00:00:01.010Z --until 1970-01-01T00:00:01.020Z
check_status 0 "a span of time, of both"
check_grep "is counted" 'records 10 = matched 10' "$out"

# by key: other partitions
awk -F'"key":"k' '{ k = substr($2, 1, 1); sub(/"partition":[0-9]+,"offset":[0-9]+/,
	"\"partition\":" k ",\"offset\":" n[k]++); print }' a.ndjson >keys.ndjson
against ./keys.ndjson
check_status 1 "other partitions hold other records"
against ./keys.ndjson --by key
check_status 0 "each key's records are the same"
awk '{ l[NR] = $0 } END { for (i = 1; i <= NR; i++) print l[i] }' keys.ndjson |
	sed -e 's/"value":"3"/"value":"x"/; s/"value":"10"/"value":"3"/; s/"value":"x"/"value":"10"/' \
		-e 's/"timestamp":1003,/"timestamp":xx,/; s/"timestamp":1010,/"timestamp":1003,/; s/:xx,/:1010,/' >moved.ndjson
against ./moved.ndjson --by key
check_status 1 "two records of a key that changed places"
check_grep "are out of order" "moved o/1@3: key 'k3', timestamp 1010: out of order, at o/3@0" "$out"
against ./keys.ndjson --by key --same-offsets
check_status 2 "offsets by key make no sense"

against ./nosuch.ndjson
check_status 3 "a source that is not there"
: >empty.ndjson
run evverify ./empty.ndjson --against ./empty.ndjson
check_status 5 "nothing against nothing is no pass"
against ./empty.ndjson
check_status 1 "everything is missing"
printf '{"topic":' >cut.ndjson
against ./cut.ndjson
check_status 5 "a copy that is cut short"
run evverify - --against ./a.ndjson < <(sed -n 1,5p a.ndjson)
check_status 2 "a pipe that would have to be read twice is refused"
check_grep "which is said" 'standard input|stdin' "$err"
run evverify - --against ./a.ndjson <a.ndjson
check_status 0 "one that is the same is read once"
run evverify ./a.ndjson --against-broker x
check_status 2 "an option of the mode without the mode"

# what looks like loss may be another question
sed 's/"partition":0/"partition":9/; s/"partition":1/"partition":0/; s/"partition":9/"partition":1/' a.ndjson |
	sort -t: -k3,3n -k4,4n >spread.ndjson
against ./spread.ndjson
check_status 1 "partitions that have each other's records differ"
check_grep "--by key is named" 'spread the keys over its partitions anew, --by key compares' "$out"
against ./spread.ndjson --by key
check "it is not where keys are compared" test -z "$(grep 'by key compares' "$out")"
{ cat a.ndjson; line more 0 0 k1 5; } >more.ndjson
against ./more.ndjson
check_grep "a topic that one side has alone is named" 'more: only the second source has records of it' "$out"
check "no other is" test "$(grep -c 'source has records' "$out")" = 1
done_testing
