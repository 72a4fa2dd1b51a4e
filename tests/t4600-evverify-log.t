#!/usr/bin/env bash
# evverify --log: holes, doubled ids, sequences, lost causes and times of a log, each where it stands.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/evverify.sh"

# event PARTITION OFFSET KEY ID VERSION [CAUSE [MS]]: a record line
event() {
	local cause=${6:+",\"causation_id\":\"$6\""}
	printf '{"topic":"o","partition":%s,"offset":%s,"timestamp":%s,"key":"%s","value":%s}\n' "$1" "$2" \
		"${7:-$((1000 + $2))}" "$3" "{\"event_id\":\"$4\",\"event_type\":\"x\",\"version\":$5$cause}"
}
for i in {0..9}; do event 0 "$i" a "a$i" "$((i + 1))" "${i/0/}"; done | sed 's/causation_id":"/&a/' >good.ndjson
for i in {0..9}; do event 1 "$i" b "b$i" "$((i + 5))" "a$i"; done >>good.ndjson
log() { run evverify --log "$@"; }
found() { jq -e "$1" "$out"; }
except() { grep -v "\"partition\":0,\"offset\":$1," good.ndjson; }

log ./good.ndjson --sequence '$.version' --contiguous --strict-time
check_status 0 "a good log has no fault"
check_grep "its offsets are accounted for" 'o/0: offsets 10 = records 10$' "$out"
check_grep "its ids too" 'ids: records 20 = with an id 20$' "$out"
check_grep "and its sequences" 'sequence \$\.version: records 20 = numbered 20$' "$out"
check_grep "where keys begin is said" '2 keys; 1 of them begins at number 1' "$out"

except 4 >lost.ndjson
log ./lost.ndjson --format json
check_status 5 "what a file leaves out is not known, so the log is not proven to be whole"
check "the lost cause is found all the same" found '[.modes[0].findings[].kind] | contains(["causation"])'
log ./lost.ndjson --sequence '$.version' --contiguous --format json
check_status 1 "a hole in a log that is said to have none is a fault"
check "so is the gap in the key's numbers" found '.modes[0].kinds.gap == 1 and .modes[0].kinds.hole == 1'
check "it is named" found '.modes[0].findings[] | select(.kind == "gap") | .subject == "o/0@5" and
	(.text | test("number 5 is missing"))'

{ cat good.ndjson; event 0 10 a a3 4; } >double.ndjson
log ./double.ndjson --sequence '$.version'
check_status 1 "a doubled id is a fault"
check_grep "it and its first are named" "duplicate o/0@10: id 'a3' again, first at o/0@3, another record" "$out"
check_grep "its number is a repeat" "repeat o/0@10: key 'a': number 4 again, first at o/0@3" "$out"
log ./double.ndjson --sequence '$.version' --to 10
check_status 0 "a range leaves it out"
log ./double.ndjson --max-diffs 0
check_grep "a limit is said to be one" '... and 1 more, not shown' "$out"
check_status 1 "and changes nothing"

{ cat good.ndjson; event 0 10 c x 2 '' 2000; event 0 11 c y 1 '' 2001; } >order.ndjson
log ./order.ndjson --sequence '$.version'
check_status 1 "a number behind a larger one is a fault"
check_grep "it is named" "reorder o/0@11: key 'c': number 1 comes behind number 2 at o/0@10" "$out"
log ./order.ndjson
check_status 0 "which nobody looks for who does not ask"

{ cat good.ndjson; event 0 10 a n 11 '' 5; } >time.ndjson
log ./time.ndjson
check_status 0 "a timestamp that goes back is information"
check_grep "it is said" 'o/0: 1 timestamps below one before' "$out"
log ./time.ndjson --strict-time
check_status 1 "or a fault, where asked"
check_grep "then it is named" 'time o/0@10: timestamp 5 is 1004 ms below' "$out"

log ./good.ndjson --sequence '$.nosuch'
check_status 5 "numbers that no event has prove nothing"
log ./good.ndjson --envelope id=$.nosuch
check_status 5 "nor do ids"
log ./good.ndjson --envelope type=$.event_type
check_status 0 "ids are not looked at where none are mapped"
: >empty.ndjson
log ./empty.ndjson
check_status 5 "nothing to check is no pass"
log ./empty.ndjson --allow-empty
check_status 0 "but where it is said to be right"
log ./nosuch.ndjson
check_status 3 "a log that is not there"
printf '{"topic":"o",' >cut.ndjson
log ./cut.ndjson
check_status 5 "a log that is cut short"
log
check_status 2 "no source"
log ./good.ndjson --sequence 'version'
check_status 2 "a path that is none"
run evverify ./good.ndjson --sequence '$.v'
check_status 2 "an option of the mode without the mode"
log ./good.ndjson --rows
check_status 2 "rows need a projection file"

# bounded memory: what does not fit is sorted in files, and a full disk is no pass
seq 0 60000 | awk '{ printf "{\"topic\":\"o\",\"partition\":0,\"offset\":%d,\"timestamp\":1,\"key\":\"k%d\"," \
	"\"value\":{\"event_id\":\"a-rather-long-identifier-of-an-event-%d\",\"version\":%d}}\n",
	$1, $1 % 977, $1 == 59000 ? 7 : $1, int($1 / 977) }' >many.ndjson
log ./many.ndjson --sequence '$.version' --memory 16m
check_status 1 "many ids"
check_grep "the one that is doubled is found" "duplicate o/0@59000: id 'a-rather-long-identifier-of-an-event-7' again" "$out"
check "and nothing else" test "$(grep -c '@' "$out")" = 1
sed 's/event-7"/event-59000"/; 8s/event-59000"/event-7"/' many.ndjson >once.ndjson
(ulimit -f 100; trap '' XFSZ; exec evverify --log ./once.ndjson --sequence '$.version' --memory 16m) >"$out" 2>"$err"
status=$?
check_status 4 "a disk that is full is no pass"
check_grep "and is said" 'cannot write a temporary file: File too large' "$err"
TMPDIR=/nowhere run evverify --log ./once.ndjson --sequence '$.version' --memory 16m
check_status 4 "nor is a folder for temporary files that is not there"
check_grep "and is named" "cannot create a temporary file in '/nowhere'" "$err"

# an archive knows which offsets were empty in the log
evarchive --pass 12 arch <lost.ndjson >/dev/null
log ./arch
check_status 5 "a cause that stood there may be compacted away"
check_grep "an archive's holes were holes of the log" 'o/0: offsets 12 = records 9 \+ empty when archived 3$' "$out"
log ./arch --envelope id=$.event_id
check_status 0 "which is no fault"
log ./arch --envelope id=$.event_id --sequence '$.version'
check_status 5 "a gap there may be the work of compaction, too"
run evverify ./lost.ndjson --against ./arch --same-offsets
check_status 0 "an archive holds what it was made of"
evarchive --filter 'key a' some <lost.ndjson >/dev/null
log ./some
check_status 5 "a filtered one does not know"

# a part of a file: partitions that have no record there, and such as begin in it behind another
{ event 0 5 a a5 1; event 1 100 b b100 1; event 1 101 b b101 2; } >part.ndjson
log ./part.ndjson --from 100
check_status 0 "a part of a file in which a partition has nothing"
check_grep "which is named" '^  o/0: offsets 0 = records 0$' "$out"
check_grep "beside the one that has" '^  o/1: offsets 2 = records 2$' "$out"
event 0 101 a b100 6 >>part.ndjson
log ./part.ndjson --from 100
check_status 1 "an id of one partition, again in one that stands before it in the file"
check_grep "is told" "duplicate o/0@101: id 'b100' again, first at o/1@100" "$out"

{
	event 0 5 a a5 1; event 1 5 b b5 1; event 2 100 c twice 1
	event 1 100 b b100 2; event 0 100 a twice 2
} >three.ndjson
log ./three.ndjson --from 100
check_status 1 "the same where three begin in it from the last to the first"
check_grep "is told, too" "duplicate o/0@100: id 'twice' again, first at o/2@100" "$out"

# beside a view
{ rec add k1 1 0; rec add k2 2 1; rec add k1 3 2; } >log.ndjson
project s.db ./log.ndjson
verify s.db ./log.ndjson --log --rows --format json
check_status 0 "beside the rows"
check "each is a mode" found '[.modes[].mode] == ["rows", "log"]'
run evverify p.sql --log ./log.ndjson
check_status 0 "a log is checked with the file's envelope without a store"
sed 's/@envelope type=/@envelope id=$.k type=/' p.sql >id.sql
run evverify id.sql --log ./log.ndjson
check_status 1 "ids are those of the file"
sed -i 's/@topics t u/&\n-- @dedupe id/' id.sql
run evverify id.sql --log ./log.ndjson
check_status 0 "for a view that drops doubles they are no fault"
check_grep "but said" '1 id again; the view passes over it' "$out"
verify s.db ./log.ndjson --log --rows --to 2
check_status 2 "a range is of a log alone"
done_testing
