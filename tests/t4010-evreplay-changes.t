# evreplay on its way: pace, timestamps, redaction; no broker is needed.
. "$(dirname "$0")/lib.sh"

line() { # line OFFSET TIMESTAMP VALUE-MEMBER...
	printf '{"topic":"t","partition":0,"offset":%s,"timestamp":%s,"key":"k","headers":[],%s}\n' "$@"
}

# ---- redaction ----
{
	line 0 1000 '"value":{ "data" : {"email": "a@b.c", "n":1.50} ,"email":"top"}'
	line 1 1000 '"value":{"data":{"email":"one","email":"two","e\u006dail":"three"}}'
	line 2 1000 '"value":{"data":{"email":null}}'
	line 3 1000 '"value":{"data":[1,{"email":"in a list"}]}'
	line 4 1000 '"value":null'
	line 5 1000 '"value":{"data":{"email":{"deep":[1,2]}}}'
} >in.ndjson
run evreplay ./in.ndjson --redact '$.data.email' --into -
check_status 0 "a part is redacted"
check_out "every place of that name, and nothing else" <<END
$(line 0 1000 '"value":{ "data" : {"email": "***", "n":1.50} ,"email":"top"}')
$(line 1 1000 '"value":{"data":{"email":"***","email":"***","e\u006dail":"***"}}')
$(line 2 1000 '"value":{"data":{"email":null}}')
$(line 3 1000 '"value":{"data":[1,{"email":"in a list"}]}')
$(line 4 1000 '"value":null')
$(line 5 1000 '"value":{"data":{"email":{}}}')
END
check "what was met needs no word" test ! -s "$err"
run evreplay ./in.ndjson --redact '$.data.email' --redact '$.data.mail' --into ./slip -v
check_grep "a path that no record has is said to be one" 'warning: \$.data.mail: no record has that, nothing was changed' "$err"
check_grep "how many values another has changed is told where it is asked for" '\$.data.email: 6 values changed' "$err"
run evreplay ./in.ndjson --redact '$.data.email' --redact '$.data' --key nosuch --into -
check "where no record is copied nothing is missed" test ! -s "$err"
run evreplay ./in.ndjson --redact '$.data.email' --redact '$.data' --into -
check "an outer path stands for those in it" test ! -s "$err"
run evreplay ./in.ndjson --redact '$.data.mail' --redact '$.data.email' --into - --dry-run
check_grep "the plan counts them, too" '^\$.data.email: changes 6 values' "$out"
check_grep "all of them" '^\$.data.mail: changes 0 values' "$out"
line 0 1 '"value":{"items":[{"p":1.5,"ok":true},{"p":[2]}],"odd name":"x"}' >list.ndjson
run evreplay ./list.ndjson --redact '$.items[*].p' --redact "\$['odd name']" --redact '$.items[0].ok' --into -
check_out "elements of lists, odd names, each by its type" <<END
$(line 0 1 '"value":{"items":[{"p":0,"ok":false},{"p":[]}],"odd name":"***"}')
END

printf 'a key of more than 16 bytes\n' >key
hashed() { evreplay ./in.ndjson --hash '$.data.email' --key-file "$1" --into - | jq -r 'select(.offset == 0).value.data.email'; }
expect=$(printf 'a@b.c' | openssl dgst -sha256 -hmac 'a key of more than 16 bytes' -r | cut -c1-32)
check "a hash is half of the HMAC" test "$(hashed key)" = "$expect"
printf 'another key of more bytes\n' >key2
check "by another key it is another" test "$(hashed key2)" != "$expect"
run evreplay ./in.ndjson --hash '$.data.email' --into -
check_status 2 "a hash without a key is a usage error"
printf short >short
run evreplay ./in.ndjson --hash '$.data.email' --key-file short --into -
check_status 2 "so is a short key"
run evreplay ./in.ndjson --redact 'data.email' --into -
check_status 2 "and what is no path"

{ line 6 1000 '"text":"no json: a@b.c"'; line 7 1000 '"value":{"data":{"email":"x"}}'; } >other.ndjson
run evreplay ./other.ndjson --redact '$.data.email' --into -
check_status 5 "a value that is no JSON is refused"
check_grep "by its place" "t/0@6: cannot redact this record" "$err"
check_no_grep "and does not leak" "a@b.c" "$out"
run evreplay ./other.ndjson --redact '$.data.email' --into - --dry-run
check_status 1 "a plan goes on behind it"
check_grep "and has it against it" "^conflict: 1 record cannot be redacted: no JSON; --redact-other drop leaves it out, pass copies it as it is" "$out"
check_grep "with all else" "^2 records, " "$out"
run evreplay ./other.ndjson --redact-other drop --into -
check_status 2 "what to do with such values is nothing by itself"
check_grep "and belongs to others" "option '--redact-other' belongs to '--redact' and '--hash'" "$err"
run evreplay ./other.ndjson --redact '$.data.email' --redact-other drop --into -
check_status 0 "or dropped"
check "it alone" test "$(wc -l <"$out")" = 1
run evreplay ./other.ndjson --redact '$.data.email' --redact-other pass --into -
check "or passed" grep -q 'no json: a@b.c' "$out"

# ---- pace: bounds below only, a slow machine must not fail ----
ms() { date +%s%3N; }
took() { # took ARGS...: milliseconds of a run
	local start
	start=$(ms)
	evreplay "$@" --into - >"$out" || return
	echo $(($(ms) - start))
}
for ((i = 0; i < 50; i++)); do line $i $((1000000 + i * 20)) '"value":1'; done >paced.ndjson
check "--rate is not passed" test "$(took ./paced.ndjson --rate 100/s)" -ge 380
check "nor is one in bytes (100 bytes)" test "$(took ./paced.ndjson --rate 250B/s)" -ge 280
check "the original pace is kept" test "$(took ./paced.ndjson --speed 1x)" -ge 980
check "twice as fast" test "$(took ./paced.ndjson --speed 2x)" -ge 490
{ line 0 1000 '"value":1'; line 1 900000 '"value":1'; line 2 500000 '"value":1'; line 3 1900000 '"value":1'; } >idle.ndjson
check "long silences are cut" test "$(took ./idle.ndjson --speed 1x --max-idle 200ms)" -ge 400
check "and late records are due at once" test "$(wc -l <"$out")" = 4
run evreplay ./paced.ndjson --rate fast --into -
check_status 2 "a bad rate is a usage error"
run evreplay ./paced.ndjson --speed 0x --into -
check_status 2 "a bad speed, too"
run evreplay ./paced.ndjson --max-idle 1s --into -
check_status 2 "and --max-idle alone"
run evreplay ./paced.ndjson --start-at -1m --into -
check_status 2 "a start that is over, too"
check "a start that comes is waited for" test "$(took ./paced.ndjson --start-at $(($(ms) + 6000)))" -ge 500

# ---- timestamps ----
run evreplay ./paced.ndjson --timestamps shift --into -
check "a shift keeps the distances" cmp <(jq .timestamp "$out" | awk 'NR > 1 { print $1 - last } { last = $1 }') \
	<(for ((i = 1; i < 50; i++)); do echo 20; done)
check "and the first is now" test "$(jq -s '.[0].timestamp' "$out")" -ge $(($(ms) - 60000))
run evreplay ./paced.ndjson --timestamps now --into -
check "now is now" test "$(jq -s 'map(.timestamp) | min' "$out")" -ge $(($(ms) - 60000))

# ---- a dry run without a broker ----
run evreplay ./paced.ndjson --dry-run --into - --speed 1x
check_status 0 "a dry run into a pipe"
check_grep "counts" "^t/0 +0 +50 +50 " "$out"
check_grep "and estimates by the pace" "50 records, .*about (980ms|1s|[1-9])" "$out"
done_testing
