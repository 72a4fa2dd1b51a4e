# --position is kept up while a copy lasts, and tells what is safe also where it cannot be written any more.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
now=$(date +%s%3N)
topic src 1
topic dst 1
at() { [ "$(jq '.[]["0"]' "$1")" = "$2" ]; }
add() { printf "many $src/0 $now %d\n" "$1" | put; }

add 10
timeout --foreground 200 evreplay "$src" -f --into "$dst" --position live.json 2>"$err" &
copy=$!
check "a copy that follows saves its position" wait_for 60 at live.json 10
add 5
check "and keeps it up" wait_for 60 at live.json 15
pkill -KILL -P $copy
wait $copy 2>/dev/null

run evreplay "$src" --into "$dst" --position nowhere/p.json
check_status 4 "a position that cannot be written is refused"
check_grep "by its name" "cannot write 'nowhere/p.json': No such file" "$err"
run evreplay "$src" --into "$dst" --from live.json
check_grep "before anything was copied" "^evreplay: nothing is in the range: 0 records" "$err"
run evreplay "$src" --into "$dst" --metrics nowhere/m.prom
check_status 4 "so are metrics that cannot be written"
run evreplay "$src" --into "$dst" --from live.json
check_grep "before anything was copied, too" "^evreplay: nothing is in the range: 0 records" "$err"

# A job that begins at a file's end goes on there when that has grown.
topic grown 1
seq 3 >grows.txt
for n in 3 4 5; do
	seq "$n" >grows.txt
	run evreplay --lines grows ./grows.txt --from end --into "$grown" --lossy --exactly-once --job "grown-$$"
	check_status 0 "a job of what comes behind a file's end, with $n lines"
done
check "has what has come" test "$(evtail "$grown" --from begin -q -o value | tr '\n' ' ')" = "4 5 "

# So do metrics tell it of a copy that lasts, and of one that fails, whose map has all that is safe.
safe() { grep -q "^ev_replay_safe_offset{.* $2\$" "$1"; }
topic told 1
timeout --foreground 200 evreplay "$src" -f --into "$told" --metrics live.prom 2>"$err" &
copy=$!
check "metrics of a copy that follows tell what is safe" wait_for 60 safe live.prom 15
pkill -KILL -P $copy
wait $copy 2>/dev/null
topic fails 1
topic small 1 max.message.bytes=2000
printf '%s\n' "many $fails/0 $now 15" "put $fails/0 $now k $(head -c 3000 /dev/urandom | base64 -w 0)" | put
run evreplay "$fails" --into "$small" --metrics failed.prom --offset-map failed.map --position failed.json
check_status 4 "a record that the target does not take ends a copy"
check "the position is before it" at failed.json 15
check "the metrics have that, too" safe failed.prom 15
check "the map has all up to there" test "$(jq -s 'map(.count // 0) | add' failed.map)" = 15
check "and says so" test "$(jq -c 'select(.end) | .end[]' failed.map)" = '{"0":15}'

# The file of another source would begin all over again.
echo '{"ordres":{"0":12}}' >other.json
for end in --from --to; do
	run evreplay "$src" --into "$dst" $end other.json
	check_status 2 "$end with a position that names none of the topics is refused"
	check_grep "with what it names" "position 'other.json' names none of the topics that are read, but 'ordres'" "$err"
done
run evtail "$src" --from begin -q
cp "$out" src.lines
for end in --from --to; do
	for file in ./src.lines -; do
		run evreplay $file --into "$dst" $end other.json <src.lines
		check_status 0 "of $file, which shows its topics late, $end with it"
		check_grep "is told at its end" "position 'other.json' names none of the topics that were read, but 'ordres'" "$err"
	done
	run evreplay ./src.lines --into "$dst" $end live.json
	check_no_grep "one that fits is not" "names none" "$err"
done

# What is replaced as a whole has a file of its own.
run evreplay "$src" --into "$dst" --position one --metrics one
check_status 2 "in one file they are refused"
check_grep "by their names" "options '--position' and '--metrics' name one file, 'one'" "$err"
cp src.lines kept.lines
run evreplay ./src.lines --into "$dst" --position src.lines
check_status 2 "so is a position in the file that is read"
check_grep "by its name" "option '--position' names a file that is read, 'src.lines'" "$err"
check "which is still whole" cmp src.lines kept.lines

# A map that nobody can read any more is told of.
topic mapped 1
for size in 0 1G; do
	truncate -s "+$size" large.map
	[ $size = 0 ] || echo >>large.map
	run evreplay "$src" --into "$mapped" --exactly-once --job "mapped-$$" --offset-map large.map
	check_status 0 "a job with a map of $size more"
done
check_grep "says where it is too large" "warning: offset map 'large.map' is larger than 1 GiB" "$err"
rm large.map

# It cannot be written any more: what the job has committed is safe all the same.
topic kept 1
mkdir place
timeout --foreground 200 evreplay "$src" -f --into "$kept" --position place/p.json --exactly-once --job "kept-$$" \
	--txn-time 30s 2>"$err" &
copy=$!
begun() { [ "$(evadmin marks "$kept/0" | awk '{ print $3 }')" -ge 15 ]; }
check "a job is in its first transaction" wait_for 60 begun
rm -r place
kill -TERM $copy
wait $copy
status=$?
check_status 4 "it ends where its folder is gone"
check_grep "and says up to where all is safe" "^evreplay: $src/0: safe up to offset 15$" "$err"
done_testing
