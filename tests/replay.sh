# tests/replay.sh - sourced after kafka.sh by the tests of evreplay
#
#   hostile TOPIC            record lines of every shape that can be produced, for `put`
#   contents TOPIC...        what the topics hold, in order per partition, without topic and offset
#   same_contents A B        are they the same?
hostile() {
	local t=$1 i
	printf '%s\n' \
		"put $t/0 1000 ~ ~" "put $t/0 1000 '' ''" "put $t/0 5 k ~" "put $t/1 1 ~ v" \
		"put $t/1 1732190400000 k v h= n a=1 a=2 a=1 =empty" \
		'{"topic":"'"$t"'","partition":0,"offset":0,"timestamp":5000,"key_base64":"//4A","headers":[["b",{"base64":"/wD+"}],["n",null],["e",""]],"base64":"AAH/gAoi"}' \
		'{"topic":"'"$t"'","partition":1,"offset":0,"timestamp":4000,"key":"\u0000\u001f\u007f\n","headers":[],"value":{"a" : [1e400,"\ud83d\ude00"]}}' \
		'{"topic":"'"$t"'","partition":2,"offset":0,"timestamp":4000,"key":"k","headers":[],"text":"null"}' \
		'{"topic":"'"$t"'","partition":2,"offset":0,"timestamp":4000,"key":"k","headers":[],"text":" {} "}' \
		'{"topic":"'"$t"'","partition":2,"offset":0,"timestamp":1732190400123,"key":"k","headers":[],"value":null}'
	printf '{"topic":"%s","partition":0,"offset":0,"timestamp":7,"key":"many","headers":[["h0",null]' "$t"
	for ((i = 1; i < 1000; i++)); do printf ',["h%d","%d"]' $((i % 7)) $i; done
	printf '],"value":{}}\n'
	printf '{"topic":"%s","partition":1,"offset":0,"timestamp":7,"key":"big","headers":[],"text":"%s"}\n' \
		"$t" "$(head -c 1000000 /dev/zero | tr '\0' 'x')"
}
contents() { evtail "$@" --from begin -o json -q 2>/dev/null | jq -c 'del(.topic, .offset)' | sort -s -t, -k1,1; }
same_contents() { cmp <(contents "$1") <(contents "$2"); }
