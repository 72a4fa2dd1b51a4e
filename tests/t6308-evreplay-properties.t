# Properties of an application's client, given to a copy, do not touch what exactly once and a redrive rest on.
. "$(dirname "$0")/lib.sh"
unset EV_TEST_BROKERS
. "$TOP/tests/kafka.sh"

topic src 1
topic into 1
evproduce orders "$src" 1 6
values() { evtail "$1" --from begin -q -o '%v' 2>/dev/null; }
copy() { run timeout 120 evreplay "$src" --into "$into" --exactly-once --job j --partition keep "$@"; }
raw=(-X isolation.level=read_uncommitted)

# The token of a transaction that was killed before its commit says that more is done than is.
copy --to 2 "${raw[@]}"
check_status 0 "a first part"
token=$(evtail __evreplay_jobs --from begin -q -o '%v' | tail -n 1)
# without blanks, which part the words of a script
ahead() { sed "s/\(\"position\":{\"$src\":{\"0\":\)2/\1$1/; s/ /\\\\u0020/g" <<<"$token"; }
check "a token can be made that is ahead" test "$(ahead 4 | jq -c .position)" = "{\"$src\":{\"0\":4}}"
txn_open other
txn begin "put __evreplay_jobs/0 - j $(ahead 4)" flush abort
txn_leave
copy --to 5 "${raw[@]}"
check_status 0 "a copy that reads what is not committed goes on"
check "at what is committed of its own" cmp <(values "$src" | head -n 5) <(values "$into")
printf 'isolation.level=read_uncommitted\n' >consumer.properties
txn_open another
txn begin "put __evreplay_jobs/0 - j $(ahead 6)" flush abort
txn_leave
copy -F consumer.properties
check_status 0 "so does one that is told so by a file"
check "nothing is missing" cmp <(values "$src") <(values "$into")

# Another's transactional id is neither fenced off nor used.
topic elsewhere 1
printf '%s\n' "bootstrap.servers=$EV_BROKERS" "transactional.id=app-$$" >producer.properties
txn_open app
txn begin "put $elsewhere/0 - k v" flush
topic second 1
run timeout 120 evreplay "$src" --into "$second" --exactly-once --job second --into-config producer.properties
check_status 0 "a job beside the file of an application"
run timeout 120 evreplay "$src" --into "$second" --into-config producer.properties -F producer.properties
check_status 0 "a plain copy as well"
check "both have copied" test "$(values "$second" | wc -l)" = 12
txn commit
check "and the application's own transaction was not fenced off" test "$(values "$elsewhere")" = v
txn_leave
run evreplay "$src" --into "$second" --exactly-once --job second -X transactional.id=app
check_status 2 "asked for by hand it is refused"
check_grep "with the one there is" "'transactional.id': it has to be 'evreplay-second'" "$err"
run evreplay "$src" --into "$second" -X transactional.id=app
check_status 2 "in a plain copy too"

# A static member would stay in the group when its redrive has gone.
topic dlq 1
topic home 1
printf 'group.instance.id=app-1\nsession.timeout.ms=30000\n' >member.properties
for n in 1 2; do
	put <<-END
	put $dlq/0 - k$n v$n __connect.errors.topic=$home
	END
	run timeout 120 evreplay redrive "$dlq" -g "static-$$" -F member.properties
	check_status 0 "redrive $n with a static member's file"
done
check "both letters are home" test "$(values "$home" | tr '\n' ' ')" = "v1 v2 "
done_testing
