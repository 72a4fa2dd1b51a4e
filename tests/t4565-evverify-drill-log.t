# evverify --drill of the modes that look at logs: copies of the log are damaged, and it is seen as the table claims.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/evverify.sh"
export TMPDIR=$PWD/tmp # others drill at the same time
mkdir tmp
sed -i 's/type=\$.type/type=$.type id=$.id/' p.sql
declare -A last=()
for ((i = 0; i < 60; i++)); do # a number in each key, an id, a header here and there, and tombstones
	key=k$((i % 5)) p=$((i % 5 % 2))
	last[$key]=$((${last[$key]:-0} + 1))
	value="{\"type\":\"add\",\"k\":\"$key\",\"n\":1,\"id\":\"e$i\",\"v\":${last[$key]}}"
	[ $((i % 20)) != 19 ] || { value=null; last[$key]=$((${last[$key]} - 1)); }
	printf '{"topic":"t","partition":%d,"offset":%d,"timestamp":%d,"key":"%s","headers":[],"value":%s}\n' \
		$p $((i * 3)) $((1763200000000 + i * 1000)) "$key" "$value"
done >log.ndjson
project s.db ./log.ndjson
check_status 0 "a view of a log with ids and numbers"
run evverify --capabilities --format json
cp "$out" table.json

verify s.db ./log.ndjson --drill --log --sequence '$.v' --format json
check_status 0 "all is seen as claimed, though the log has holes of its own"
show <"$err"
notes='.modes[] | select(.mode == "drill") | .notes'
check "each corruption of a log was possible in this one" test -z "$(jq -r --slurpfile t table.json "$notes"' as $n |
	$t[0][] | select(.log != "never" or .against != "never") | .corruption as $c |
	select(any($n[]; . == $c + ": not possible in this view")) | $c' "$out" | tee left)"
show <left
check "and seen by whom the table says" jq -e --slurpfile t table.json "$notes"' as $n |
	[$t[0][] | select(.log != "never" or .against != "never") | . as $row | $n[] | select(startswith($row.corruption + ", record ")) |
	 (split(": seen by ") | if length == 2 then .[1] | split(", ") else [] end) as $by | ("log", "against") | . as $m |
	 if $row[$m] == "sees" then any($by[]; . == $m) elif $row[$m] == "never" then all($by[]; . != $m) else true end] |
	length == 32 and all' "$out"
check "no mode but these two was asked" jq -e "[$notes[]"' | select(contains(", record "))] | all(contains("rows") or contains("counts") | not)' "$out"
check "nothing is left behind" test -z "$(ls -d tmp/evdrill.* 2>/dev/null)"

verify s.db ./log.ndjson --drill
check_status 0 "without --sequence"
check_grep "what would need one is not possible, and said so" "a number in a key's sequence is lost: not possible" "$out"
verify s.db ./log.ndjson --drill --counts
check_status 0 "with a mode of the view alone"
check_no_grep "the log is not drilled" 'seen by .*against' "$out"
verify s.db ./log.ndjson --drill --counts --log
check_status 0 "with --log, too"
check_grep "it is" 'a record is lost, and its offset is a hole, .*: seen by log$' "$out"
jq -c '.offset += 50000' log.ndjson >late.ndjson
project late.db ./late.ndjson
verify late.db ./late.ndjson --drill --log --sequence '$.v'
check_status 0 "a file whose offsets begin at 50000"
check_no_grep "is drilled, too" '^  a record .*not possible' "$out"
: >empty.ndjson
project none.db ./empty.ndjson
verify none.db ./empty.ndjson --drill --log --allow-empty
check_status 5 "a log without a record is not"
check_grep "which is said" 'the log has no record that could be damaged' "$err"
verify s.db ./log.ndjson --drill --against ./log.ndjson
check_status 2 "what --against reads is made by the drill"
done_testing
