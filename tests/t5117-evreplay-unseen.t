# Settings of a target that may not be seen (ACL): what they would do cannot be refused, and that is said.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
KAFKA_CONF="authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true" own_broker
topic src 1
printf '%s\n' "put $src/0 $(date +%s%3N) k v" | put

topic veiled 1 message.timestamp.type=LogAppendTime
run evreplay "$src" --into "$veiled"
check_status 2 "a target that rewrites times is refused"
evadmin veil "$veiled"
unseen="evreplay: warning: the settings of topic '$veiled' may not be seen: it is not checked"
run evreplay "$src" --into "$veiled" --dry-run
check_status 0 "where its settings may not be seen nothing stands against it"
check_grep "which the plan says" "^unchecked: topic $veiled: its settings may not be seen" "$out"
check_grep "and what it takes to see them" "$unseen .*ACL that allows DescribeConfigs on it" "$err"
run evreplay "$src" --into "$veiled" -q
check_status 0 "it is written"
check_grep "and that is said, quiet or not" "$unseen" "$err"
topic plain 1
run evreplay "$src" --into "$plain"
check_no_grep "of settings that are seen nothing is said" "may not be seen" "$err"

# A job's positions.
run evreplay "$src" --into "$plain" --exactly-once --job "veiled-$$"
check_status 0 "a job"
check_no_grep "sees the settings of its positions' topic" "may not be seen" "$err"
evadmin veil __evreplay_jobs
run evreplay "$src" --into "$plain" --exactly-once --job "veiled-$$"
check_status 0 "where it may not it goes on"
check_grep "and says so" "the settings of topic '__evreplay_jobs' may not be seen: it is not checked whether" "$err"

# Those that the brokers give a topic which is made: like one of the same cluster all are known.
evadmin veil @
run evtail "$src" --from begin -q
cp "$out" src.lines
run evreplay ./src.lines --into "$src-made" --create
check_status 0 "of a file a topic is made by the brokers' settings"
check_grep "which may not be seen" "the settings of topic '$src-made' may not be seen: .* DescribeConfigs on the cluster" "$err"
run evreplay "$src" --into "$src-like" --create
check_status 0 "one like the source's"
check_no_grep "has its settings, which are known" "may not be seen" "$err"
done_testing
