# evtail on a terminal: the short line, colour, control characters
. "$(dirname "$0")/lib.sh"
command -v script >/dev/null || { skip "a pseudo terminal" "script(1) is not installed"; done_testing; exit; }
unset NO_COLOR
export TERM=xterm

cat >x.ndjson <<'EOT'
{"topic":"orders","partition":2,"offset":7,"timestamp":1700000000000,"key":"c-1","headers":[],"value":{"type":"order.created","note":"a value that is far longer than the eighty columns of this terminal"}}
{"topic":"orders","partition":2,"offset":8,"timestamp":1700090000000,"key":"\u001b[2J\u202e","headers":[],"text":"\u001b]0;owned\u0007\u009b31m\nnext"}
{"topic":"orders","partition":2,"offset":9,"timestamp":1700090000001,"key":"c-1","headers":[],"value":null}
EOT
on_terminal() { script -qec "stty cols 80 rows 24; $*" /dev/null </dev/null | tr -d '\r' >"$out"; }
plain() { sed 's/\x1b\[[0-9;]*m//g' "$out"; }

on_terminal evtail ./x.ndjson
plain >got
check_grep "time, place, type, key, value" '^22:13:20.000 orders/2@7 order.created c-1 +\{"type"' got
check_grep "the day stands on a line of its own" '^-- 2023-11-14 UTC --$' got
check_grep "and again when it changes" '^-- 2023-11-15 UTC --$' got
check "no line is wider than the terminal" test "$(wc -L <got)" -le 80
check_grep "what was cut ends with an ellipsis" '…$' got
check_grep "a tombstone is called one" '\(tombstone\)$' got
check_grep "there are colours" $'\x1b\\[36morders/2@7' "$out"
check_grep "control characters of a key are shown, not obeyed" '\\x1b\[2J\\u202e' got
check "no escape sequence but colours came out" test -z "$(tr -d '\n' <got | LC_ALL=C grep -aP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]')"

check_grep "columns line up with those of later records" '^22:13:20.000 orders/2@7 order.created c-1            *\{' got

NO_COLOR=1 on_terminal evtail ./x.ndjson
check_no_grep "NO_COLOR is heard" $'\x1b' "$out"
NO_COLOR='' on_terminal evtail ./x.ndjson
check_grep "an empty NO_COLOR is none" $'\x1b\\[' "$out"
TERM=dumb on_terminal evtail ./x.ndjson
check_no_grep "a dumb terminal gets no colours" $'\x1b' "$out"

sed -n '1s/1700000000000/253402300800000/p' x.ndjson >far.ndjson
NO_COLOR=1 on_terminal evtail ./far.ndjson
check_grep "a time outside of the years 1 to 9999 is its milliseconds" '^\?253402300800000 orders/2@7 ' "$out"
check_no_grep "on no day" '^-- ' "$out"
check "in no more room than there is" test "$(wc -L <"$out")" -le 80
for form in value json pretty key '%v'; do
	NO_COLOR=1 on_terminal "evtail ./x.ndjson -o $form"
	check "-o $form: no control character reaches the terminal" \
		test -z "$(tr -d '\n' <"$out" | LC_ALL=C grep -aP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae')"
done
printf '%s\n' '{"topic":"o","partition":0,"offset":0,"timestamp":1,"key":"\udb40\udc41 \u200e","headers":[],"value":1}' >tag.ndjson
for form in json pretty; do
	NO_COLOR=1 on_terminal "evtail ./x.ndjson ./tag.ndjson -o $form"
	check "-o $form on a terminal is the same JSON" \
		cmp <(cat tag.ndjson x.ndjson | jq -cS .) <(jq -cS . "$out")
	check_grep "-o $form escapes what is invisible as JSON does" '"\\udb40\\udc41 \\u200e"' "$out"
done
done_testing
