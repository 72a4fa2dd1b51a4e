# evtail on files: what is printed, in which form
. "$(dirname "$0")/lib.sh"

cat >x.ndjson <<'EOT'
{"topic":"o","partition":0,"offset":5,"timestamp":1700000000000,"key":"k1","headers":[["h","a"],["h","b"]],"value":{"event_type":"made","n":1}}
{"topic":"o","partition":1,"offset":0,"timestamp":1700000000001,"key":null,"headers":[],"value":null}
{"topic":"o","partition":0,"offset":6,"timestamp":null,"key":"","headers":[],"text":"plain \u0001"}
{"topic":"p","partition":0,"offset":0,"timestamp":1700000001000,"key_base64":"/w==","headers":[],"base64":"//4="}
EOT

run evtail ./x.ndjson
check_status 0 "a file is read to its end"
check "into a pipe go record lines, byte for byte" cmp x.ndjson "$out"
run evtail - <x.ndjson
check "standard input is read the same way" cmp x.ndjson "$out"
gzip -k x.ndjson
run evtail ./x.ndjson.gz
check "and a gzip file" cmp x.ndjson "$out"

run evtail ./x.ndjson -o '%t|%p|%o|%k|%K|%S|%s|%T|%h|%y|%%\t.'
check_out "a FORMAT has all fields" <<EOT
o|0|5|k1|2|27|1700000000000|2023-11-14T22:13:20.000Z|h=a,h=b|made|%	.
o|1|0||-1|-1|1700000000001|2023-11-14T22:13:20.001Z|||%	.
o|0|6||0|7|||||%	.
p|0|0|$(printf '\377')|1|2|1700000001000|2023-11-14T22:13:21.000Z|||%	.
EOT
run evtail ./x.ndjson -o value
printf '{"event_type":"made","n":1}\n\nplain \001\n\377\376\n' >want
check "values are their exact bytes" cmp want "$out"
sed -n 1p x.ndjson | sed 's/1700000000000/253402300800000/' >far.ndjson
sed -n 1p x.ndjson | sed 's/1700000000000/-9223372036854775807/; s/:5,/:6,/' >>far.ndjson
run evtail ./far.ndjson -o '%T %s'
check_out "a time outside of the years 1 to 9999 is not clamped" <<'EOT'
?253402300800000 253402300800000
?-9223372036854775807 -9223372036854775807
EOT
run evtail ./far.ndjson --summary
check_grep "nor in a summary" '^total +2 .* \?-9223372036854775807 +\?253402300800000$' "$out"
run evtail ./far.ndjson --summary --format json
check "which has the milliseconds as a number" test "$(jq -c '[.first, .last]' "$out" | tr -d ' ')" = \
	"$(jq -nc '[-9223372036854775807, 253402300800000]')"
run evtail ./x.ndjson -o key -0
printf 'k1\0\0\0\377\0' >want
check "-0 ends records by NUL" cmp want "$out"
run evtail ./x.ndjson -n 1 -o pretty
check_out "pretty indents" <<'EOT'
{
  "topic": "p",
  "partition": 0,
  "offset": 0,
  "timestamp": 1700000001000,
  "key_base64": "/w==",
  "headers": [],
  "base64": "//4="
}
EOT

seq 1 30 >n.txt
run evtail --lines n ./n.txt -o value
check "ten by default" cmp <(seq 21 30) "$out"
run evtail --lines n ./n.txt -o value -n 3
check "-n 3: the last three" cmp <(seq 28 30) "$out"
run evtail --lines n -n +28 -o value - <n.txt
check "-n +28: from the 28th on, from a pipe too" cmp <(seq 28 30) "$out"
run evtail --lines n ./n.txt -n 0
check "-n 0: nothing" test ! -s "$out"
run evtail --lines n ./n.txt -n 100 -o value
check "more than there is: all" cmp n.txt "$out"
run evtail --lines n ./n.txt --from 4 --to 7 -o value
check "a range is printed whole" cmp <(seq 4 6) "$out"
run evtail --lines n ./n.txt --from 4 --to 20 -n 2 -o value
check "with -n the last of the range" cmp <(seq 18 19) "$out"
cat n.txt | evtail --lines n - -f -o value >"$out" 2>"$err"
status=${PIPESTATUS[1]}
check_status 0 "following a pipe ends with it"
check "and prints all of it" cmp n.txt "$out"
run evtail ./x.ndjson --since 2023-11-14T22:13:20.001Z --until 1700000001 -o '%t/%p@%o'
check_out "--since and --until choose by timestamp" <<'EOT'
o/1@0
EOT
run evtail ./x.ndjson --position pos.json
check "--position saves where the next read goes on" test "$(cat pos.json)" = '{"o":{"0":7,"1":1},"p":{"0":1}}'
done_testing
