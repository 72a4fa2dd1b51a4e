# evreplay redrive: dead letters go home by their headers, are counted, committed, and put into quarantine.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
. "$TOP/tests/replay.sh"
topic orders 2
topic payments 1
topic dlq 2
topic sick 1
letter() { # letter PARTITION TIMESTAMP KEY HEADERS
	printf '{"topic":"%s","partition":%s,"offset":0,"timestamp":%s,"key":"%s","headers":[%s],"value":{"k":"%s"}}\n' \
		"$dlq" "$1" "$2" "$3" "$4" "$3"
}
connect() { # connect TOPIC PARTITION REASON
	printf '["trace","t"],["__connect.errors.topic","%s"],["__connect.errors.partition","%s"],["__connect.errors.offset","7"],["__connect.errors.exception.class.name","com.x.Bad"],["__connect.errors.exception.message","%s"]' "$@"
}
spring() { # spring TOPIC PARTITION-BASE64
	printf '["kafka_dlt-original-topic","%s"],["kafka_dlt-original-partition",{"base64":"%s"}],["kafka_dlt-original-offset",{"base64":"AAAAAAAAAAw="}],["kafka_dlt-exception-fqcn","java.lang.Oops"],["kafka_dlt-exception-message","no"]' "$@"
}
{
	letter 0 1000 a "$(connect "$orders" 1 'bad number')"
	letter 0 2000 b "$(connect "$payments" 0 'bad number')"
	letter 0 3000 c "$(connect "$orders" 0 'late')"
	letter 1 1500 d "$(spring "$orders" AAAAAQ==)"
	letter 1 2500 e "$(spring "$payments" AAAAAA==)"
} | put
values() { evtail "$1" --from begin -q -o '%k' | sort | tr '\n' ' '; }
lag() { # how many records of the backlog the group has not passed
	local p sum=0 at
	for p in 0 1; do
		at=$(evadmin committed "$1" "$dlq/$p")
		[ "$at" -ge 0 ] || at=0
		sum=$((sum + $(evadmin marks "$dlq/$p" | awk '{ print $3 }') - at))
	done
	echo $sum
}

run evreplay redrive "$dlq" -g ops --dry-run
check_status 0 "a dry run"
check_grep "shows the routing" "^ *3 .* $dlq +$orders\$" "$out"
check_grep "all of it" "^ *2 .* $dlq +$payments\$" "$out"
check_grep "and a histogram of reasons" "^ *2 .* com.x.Bad +bad number\$" "$out"
check_grep "of Spring's, too" "^ *2 .* java.lang.Oops +no\$" "$out"
check "and sends nothing" test -z "$(values "$orders")" -a "$(lag ops)" = 5

run evreplay redrive "$dlq" -g ops --max 1
check_status 0 "one record"
check_grep "and what is behind it is not said to be none" "1 record sent home, 0 into quarantine; what may be behind the last of --max" "$err"
check "goes home, the oldest" test "$(values "$orders")" = "a "
check "and the group's lag is the backlog" test "$(lag ops)" = 4
run evreplay redrive "$dlq" -g ops --partition keep
check_status 0 "the rest"
check "goes home" test "$(values "$orders")$(values "$payments")" = "a c d b e "
check "each into the partition it came from" test "$(evtail "$orders/1" --from begin -q -o %k | sort | tr '\n' ' ')" = "a d " -o \
	"$(evtail "$orders/1" --from begin -q -o %k | sort | tr '\n' ' ')" = "d "
check "nothing is left" test "$(lag ops)" = 0
check_grep "what was done is said" "4 records sent home, 0 into quarantine, 0 left" "$err"
check "headers stay, with the count of tries" test "$(evtail "$payments" --from begin -q -o json --key b |
	jq -c '.headers | (map(select(.[0] == "trace")) + map(select(.[0] == "evreplay.redrives")))')" = \
	'[["trace","t"],["evreplay.redrives","1"]]'
run evreplay redrive "$dlq" -g ops -n
check_status 0 "a dry run of nothing"
check_out "says so" <<<"nothing to send: group 'ops' has no backlog (--from begin reads it all again)"
run evreplay redrive "$dlq" -g ops
check_status 0 "once more has nothing to do"
check "and does nothing" test "$(values "$orders")$(values "$payments")" = "a c d b e "

# It dies again, until it is put aside.
tries() { letter 0 4000 "$1" "$(connect "$orders" 0 again),[\"evreplay.redrives\",\"$2\"]"; }
{ tries x 2; tries y 3; } | put
run evreplay redrive "$dlq" -g ops
check_status 5 "a record that was sent home often enough needs a quarantine"
check "the one before it went home" test "$(values "$orders")" = "a c d x "
check "and is no backlog any more" test "$(lag ops)" = 1
check_grep "by place" "$dlq/0@[0-9]+: this record was sent home 3 times already" "$err"
run evreplay redrive "$dlq" -g ops -n
check_status 1 "the plan has that against it"
check_grep "and counts it" "^conflict: 1 record without a home" "$out"
run evreplay redrive "$dlq" -g ops --quarantine "no-$sick"
check_status 4 "a quarantine that is not there is not made"
check_grep "and the hint names no option that a redrive lacks" "hint: make it first, or send all to another topic" "$err"
run evreplay redrive "$dlq" -g ops --quarantine "$sick"
check_status 0 "with one it goes there"
check "it alone" test "$(values "$sick")" = "y "
check "what went home before stays there once" test "$(values "$orders")" = "a c d x "
check "and is not counted on" test "$(evtail "$sick" -q -o json | jq -r '.headers[] | select(.[0] == "evreplay.redrives")[1]')" = 3
check "the other is" test "$(evtail "$orders" --from begin --key x -q -o json | jq -rs '[.[].headers[] | select(.[0] == "evreplay.redrives")[1]] | unique | join(",")')" = 3

# Its home is not there.
{ letter 0 4100 v "$(connect "$orders" 0 v)"; letter 0 4200 w "$(connect "no-$orders" 0 w)"; } | put
run evreplay redrive "$dlq" -g ops
check_status 4 "a home that is not there"
check_grep "how many went home before it is said" "1 record sent home, 0 into quarantine, 0 left before that" "$err"
{ letter 0 4300 z "$(connect "no-$orders" 0 z)"; letter 0 4400 zz "$(connect "$orders" 99 zz)"; } | put
run evreplay redrive "$dlq" -g ops --dry-run --partition keep
check_status 1 "a plan goes on behind it"
check_grep "names it once" "^conflict: topic no-$orders: it is not there, or may not be seen" "$out"
check_grep "counts its letters, and those of a partition that is not there" "^conflict: 3 records for a topic or a partition" "$out"
check_grep "and has the routing" "^ *2 .* $dlq +no-$orders\$" "$out"
run evreplay redrive "$dlq" -g ops --into "no-$sick"
check_status 4 "nor is the topic where all is sent"
check_grep "how one is made is said, and not that one may be named" \
	"hint: make it first: 'evreplay $dlq --to begin --into no-$sick --create' makes an empty one" "$err"
run evreplay redrive "$dlq" -g ops --into "$sick"
check_status 0 "does not send those before it twice"
check "they went home" test "$(values "$orders")$(values "$sick")" = "a c d v x w y z zz "

# What filters leave stays in the backlog.
before=$(lag ops)
{ letter 1 5000 f "$(connect "$orders" 0 f)"; letter 1 6000 g "$(connect "$orders" 0 g)"; } | put
run evreplay redrive "$dlq" -g ops --key g
check_status 0 "a filter sends some"
check_grep "and says what it left" "1 record sent home, 0 into quarantine, 1 left" "$err"
check_grep "and what that means" "would be sent again" "$err"
check "also before it sends" test "$(grep -n 'what the filters leave keeps group' "$err" | cut -d : -f 1)" = 1
check "the backlog still holds what was left" test "$(lag ops)" = $((before + 2))
run evreplay redrive "$dlq" -g ops --since 1970-01-01T00:00:05.500Z
check "--since leaves the older ones there, too" test "$(lag ops)" = $((before + 2))

# What means a pipe or a folder elsewhere.
for into in - .x ./x /x; do
	run evreplay redrive "$dlq" -g ops --into "$into"
	check_status 2 "a redrive goes into topics, not into $into"
	check_grep "which is said" "cannot write '$into': not a topic name" "$err"
done
run evreplay redrive "$dlq" -g ops --into "$orders" --quarantine a/b
check_grep "of a quarantine, too" "cannot write 'a/b': not a topic name" "$err"

# No origin.
topic nowhere 1
put <<END
put $nowhere/0 9 k v
END
run evreplay redrive "$nowhere" -g ops2
check_status 5 "a record without an origin is refused"
check_grep "by place" "$nowhere/0@0: cannot send this record home" "$err"
run evreplay redrive "$nowhere" -g ops2 -n
check_status 1 "in the plan, too"
run evreplay redrive "$nowhere" -g ops2 --key nosuch -n
check_grep "what filters leave is counted where nothing else is" "nothing to send: the filters leave all of it \(1\)" "$out"
run evreplay redrive "$nowhere" -g ops2 --into "$payments"
check_status 0 "unless --into names its home"

# Our own dead letters.
cat >view.sql <<END
-- @projection redriven version 1
-- @topics $orders
-- @envelope type=\$.type
-- @schema
CREATE TABLE t (id text PRIMARY KEY, n integer NOT NULL);
-- @on add
INSERT INTO t (id, n) VALUES (:key, \$.n!);
END
topic bad 1
sed -i "s/$orders/$bad/" view.sql
printf '%s\n' "{\"topic\":\"$bad\",\"partition\":0,\"offset\":0,\"timestamp\":9,\"key\":\"p\",\"headers\":[[\"h\",null]],\"value\":{\"type\":\"add\"}}" \
	"{\"topic\":\"$bad\",\"partition\":0,\"offset\":1,\"timestamp\":9,\"key\":\"p\",\"headers\":[],\"value\":{\"type\":\"add\",\"n\":5}}" | put
run evproject run view.sql --store v.db --on-error dead
check_status 0 "a poison record becomes a dead letter"
run evproject dead export view.sql --store v.db
check_status 0 "which is exported, without what it holds back"
check "with its origin" test "$(jq -c '.headers' "$out")" = \
	"[[\"h\",null],[\"evproject.dead.topic\",\"$bad\"],[\"evproject.dead.partition\",\"0\"],[\"evproject.dead.offset\",\"0\"],[\"evproject.dead.reason\",$(jq -c '.headers[] | select(.[0] == "evproject.dead.reason")[1]' "$out")]]"
cp "$out" letters
run evreplay redrive - <letters
check_status 0 "and sent home from a pipe"
check "behind those that were there" test "$(evtail "$bad" --from begin -c -q | awk '$1 == "total" { print $2 }')" = 3
run evproject dead drop view.sql --store v.db --all --yes
check_status 0 "the drop gives it up there"
check "and applies what it held back" test "$(sqlite3 v.db 'SELECT n FROM t')" = 5

# A dry run says what the run would be refused for.
topic brief 1 retention.ms=1000
letter='{"topic":"t","partition":0,"offset":0,"timestamp":1000,"key":"k","headers":[["evproject.dead.topic","'$brief'"]%s],"value":{}}\n'
printf "$letter" "" >letter
run evreplay redrive - --dry-run <letter
check_status 1 "a dry run ends with 1 where the letters would not be kept"
check_grep "and says why" "conflict: topic $brief: retention \\(1 record\\); --allow retention" "$out"
run evreplay redrive - <letter
check_status 2 "as the run is refused"
printf "$letter" ',["evreplay.redrives","99999999999999999999"],["evreplay.redrives","1"]' >letter
run evreplay redrive - --allow retention <letter
check_status 5 "a count of tries past all numbers is many"

# Small letters whose home takes small batches only; the first home takes large ones.
topic tight 1 max.message.bytes=2000
topic crammed 1
filled() { head -c 420 /dev/urandom | base64 -w 0; }
for i in {1..40}; do
	home=$tight
	[ "$i" -gt 3 ] || home=$payments
	printf '{"topic":"%s","partition":0,"offset":0,"timestamp":1732190400000,"key":"k%s","headers":[["evproject.dead.topic","%s"]],"text":"%s"}\n' \
		"$crammed" "$i" "$home" "$(filled)"
done | put
run evreplay redrive "$crammed" -g tight
check_status 0 "batches fit the smallest max.message.bytes of the homes"
check_grep "and all are counted" "40 records sent home, 0 into quarantine, 0 left" "$err"
check "each is there once" test "$(evtail "$tight" --from begin -q -o %k | sort -u | wc -l)/$(evtail "$tight" --from begin -q -o %k | wc -l)" = 37/37
check "and no backlog is left" test "$(evadmin committed tight "$crammed/0")" = 40

# A letter that its home refuses: those before it have gone home for good.
topic refused 1
for k in s1 big s2; do
	text=$k
	[ $k != big ] || text=$(head -c 3000 /dev/urandom | base64 -w 0)
	printf '{"topic":"%s","partition":0,"offset":0,"timestamp":1732190400000,"key":"%s","headers":[["evproject.dead.topic","%s"]],"text":"%s"}\n' \
		"$refused" $k "$tight" "$text"
done | put
for run in 1 2; do
	run evreplay redrive "$refused" -g refused
	check_status 4 "a letter that is too large for its home, run $run"
	check "what was before it is sent once" test "$(evtail "$tight" --from begin -q -o %k --key s1 | wc -l)" = 1
	check "and no backlog any more" test "$(evadmin committed refused "$refused/0")" = 1
done

# As far as another group has come; the properties of one who reads cooperatively change nothing.
topic seen 1
for k in a b c; do
	printf '{"topic":"%s","partition":0,"offset":0,"timestamp":1732190400000,"key":"%s","headers":[],"value":1}\n' "$seen" $k
done | put
evadmin commit "audit-$$" "$seen/0=2"
run evreplay redrive "$seen" -g "seen-$$" --into "$payments" --to "group:audit-$$" -X partition.assignment.strategy=cooperative-sticky
check_status 0 "a redrive up to another group's offset"
check_grep "sends what that has passed" "2 records sent home" "$err"
check "and leaves the rest" test "$(evadmin committed "seen-$$" "$seen/0")" = 2

# A marker is no letter.
topic marked 1
ends_at() { [ "$(evadmin marks "$marked/0" | awk '{ print $3 }')" = "$1" ]; } # a marker is written after commit has returned
txn_open marked
txn begin "put $marked/0 1732190400000 a x" commit
txn_leave
check "a transaction has its marker" wait_for 60 ends_at 2
run evreplay redrive "$marked" -g marked --into "$payments"
check_status 0 "letters of a transaction"
check "leave no backlog behind them" test "$(evadmin committed marked "$marked/0")" = "$(evadmin marks "$marked/0" | awk '{ print $3 }')"
txn_open marked
txn begin "put $marked/0 1732190400000 b x" "put $marked/0 1732190400000 c x" commit
txn_leave
check "so has the next" wait_for 60 ends_at 5
run evreplay redrive "$marked" -g marked --into "$payments" --max 1
check "--max leaves what is behind it" test "$(evadmin committed marked "$marked/0")" = 3
run evreplay redrive "$marked" -g marked --into "$payments" --key b
check "and so does a filter" test "$(evadmin committed marked "$marked/0")" = 3

# Consumers of the group would be given its offsets, and the broker takes none of ours.
kcat -b "$EV_BROKERS" -G "busy-$$" "$dlq" -X auto.offset.reset=earliest >/dev/null 2>&1 &
busy=$!
joined() { [ "$(evadmin committed "busy-$$" "$dlq/0")" -ge 0 ]; }
check "a group reads" wait_for 60 joined
run evreplay redrive "$dlq" -g "busy-$$"
check_status 6 "a group with members is left alone"
check_grep "which is said before anything is sent" "consumer group 'busy-$$' has a member already: rdkafka at" "$err"
run evreplay redrive "$dlq" -g "busy-$$" --dry-run
check_status 6 "the plan says so, too"
kill $busy
wait $busy 2>/dev/null
member_in "modern-$$" "$dlq"
run evreplay redrive "$dlq" -g "modern-$$"
check_status 6 "so is one whose consumer speaks Kafka 4's own protocol"
check_grep "and said" "consumer group 'modern-$$' has a member already: a consumer of group.protocol=consumer\$" "$err"
run evreplay redrive "$dlq" -g "modern-$$" --dry-run
check_status 6 "and by the plan"
member_out
run evreplay redrive "$dlq" -g "modern-$$" --into "$sick" --max 1 --max-redrives 9
check_status 0 "when it has left the redrive is let in"

# An archive has no group.
run evreplay "$dlq" --into ./kept
run evreplay redrive ./kept
check_status 2 "an archive has no backlog of a group"
check_grep "and the hint says how it is redriven" "hint: --from begin sends all of it" "$err"
run evreplay redrive ./kept --from begin --into "$sick" --max-redrives 9 --dry-run
check_status 0 "which it is"

# More reasons than a table bears are counted as others.
for i in {1..1003}; do
	printf '{"topic":"t","partition":0,"offset":%s,"timestamp":9,"key":"k","headers":[["evproject.dead.topic","%s"],["evproject.dead.reason","reason %s"]],"value":{}}\n' "$i" "$payments" "$i"
done >many
run evreplay redrive - --dry-run <many
check_grep "a thousand reasons and the others" "^ *3 .* \(others\) +-\$" "$out"
check_grep "each other once" "^ *1 .* reason 1000\$" "$out"

# Two at once: the second is refused, and while one is at work nobody else moves the group.
topic twice 1
topic letters 1
for k in a b; do
	printf '{"topic":"%s","partition":0,"offset":0,"timestamp":1732190400000,"key":"%s","headers":[["evproject.dead.topic","%s"]],"value":{}}\n' \
		"$letters" $k "$twice"
done | put
slow() {
	evreplay redrive "$letters" -g "both-$$" --rate 0.01/m 2>slow.err &
	slow=$!
	at_exit "! jobs -p | grep -qx $slow || kill -9 $slow"
	check "a slow redrive is under way" wait_for 60 sent "$1"
}
sent() { [ "$(evtail "$twice" --from begin -q -o '%k' 2>/dev/null | tr -d '\n')" = "$1" ]; }
slow a
run evreplay redrive "$letters" -g "both-$$" --from begin --max 1 --key b
check_status 0 "one that is told where to begin leaves the group alone"
run evreplay redrive "$letters" -g "both-$$"
check_status 6 "a second redrive of the group is refused"
check_grep "and told of the first" "consumer group 'both-$$' has a member already: evtools at" "$err"
check "it has sent nothing" sent ab
check "nor can anybody else move the group" eval '! evadmin commit "both-$$" "$letters/0=2" 2>/dev/null'
kill -STOP $slow
moved() { evadmin commit "both-$$" "$letters/0=2" 2>/dev/null; }
check "one that sleeps for too long loses it" wait_for 60 moved
kill -CONT $slow
wait $slow
status=$?
check_status 6 "a redrive whose group was moved ends with 6"
check_grep "and says so" "consumer group 'both-$$' was moved while its backlog was sent" slow.err

# One that the broker has forgotten, and whose group nobody has moved, goes on.
evadmin commit "both-$$" "$letters/0=0"
slow aba
kill -STOP $slow
forgotten() { evadmin commit "both-$$" "$orders/0=0" 2>/dev/null; } # which no member would let in
check "another redrive sleeps for too long" wait_for 60 forgotten
kill -TERM $slow
kill -CONT $slow
wait $slow
status=$?
check_status 143 "one whose group was not moved meanwhile is ended by its signal only"
check "and has committed what it sent" test "$(evadmin committed "both-$$" "$letters/0")" = 1

# Another that has sent some of its letters, and left the group where it stood, has moved it all the same.
evadmin commit "both-$$" "$letters/0=0"
slow abaa
kill -STOP $slow
check "a third one sleeps for too long" wait_for 60 forgotten
run evreplay redrive "$letters" -g "both-$$" --key b
check_status 0 "and another sends a part of the backlog"
kill -CONT $slow
wait $slow
status=$?
check_status 6 "which is noticed, though no offset tells"
check_grep "and said" "consumer group 'both-$$' was moved while its backlog was sent" slow.err

# One that was killed is in nobody's way for long.
evadmin commit "both-$$" "$letters/0=0"
slow abaaba
kill -9 $slow
wait $slow 2>/dev/null
left=ab # it may have committed the first one, which it does from time to time
[ "$(evadmin committed "both-$$" "$letters/0")" = 0 ] || left=b
again() { run evreplay redrive "$letters" -g "both-$$"; [ "$status" != 6 ]; }
wait_for 60 again
check_status 0 "after a kill the next one goes on"
check "where the group stands" sent "abaaba$left"
check "and leaves no backlog" test "$(evadmin committed "both-$$" "$letters/0")" = 2

# Two that begin at the same time: one of them sends the letters, each once.
topic once 1
sed "s/$twice/$once/" <<END | put
$(printf '{"topic":"%s","partition":0,"offset":0,"timestamp":1732190400000,"key":"%s","headers":[["evproject.dead.topic","'"$twice"'"]],"value":{}}\n' "$letters" c "$letters" d)
END
for i in 1 2; do
	{ evreplay redrive "$letters" -g "both-$$" -q 2>/dev/null; echo $? >rc.$i; } &
done
wait
check "of two that begin at once none fails but for the other" test "$(cat rc.1 rc.2 | sort -u | tr -d '\n')" = 0 -o \
	"$(cat rc.1 rc.2 | sort -u | tr -d '\n')" = 06
check "and each letter goes home once" test "$(evtail "$once" --from begin -q -o '%k' | tr -d '\n')" = cd

# A letter that died here and there: whoever put it aside last has said where it came from last.
cat >kinds.ndjson <<END
{"topic":"x","partition":0,"offset":0,"timestamp":1732190400000,"key":"a","headers":[["evproject.dead.topic","px"],["__connect.errors.topic","py"]],"value":1}
{"topic":"x","partition":0,"offset":1,"timestamp":1732190400000,"key":"b","headers":[["__connect.errors.topic","py"],["kafka_dlt-original-topic","pz"]],"value":1}
{"topic":"x","partition":0,"offset":2,"timestamp":1732190400000,"key":"c","headers":[["kafka_dlt-original-topic","pz"],["__connect.errors.topic","no such"],["evproject.dead.topic","px"]],"value":1}
{"topic":"x","partition":0,"offset":3,"timestamp":1732190400000,"key":"d","headers":[["kafka_original-topic","pq"],["kafka_exception-message","of a retry topic"]],"value":1}
END
run evreplay redrive ./kinds.ndjson --dry-run
check "the origin that stands last counts" test "$(awk '/^ +1 .* x +p/ { print $NF }' "$out" | sort | tr '\n' ' ')" = "pq px py pz "
check_grep "letters of Spring's @RetryableTopic say why, too" "of a retry topic" "$out"

# A broker that takes no sessions as short as ours.
KAFKA_CONF="group.min.session.timeout.ms=10000" own_broker
evadmin create letters 1
evadmin create home 1
letter='{"topic":"letters","partition":0,"offset":0,"timestamp":1732190400000,"key":"k","headers":[["evproject.dead.topic","home"]],"value":{}}'
echo "$letter" | put
run evreplay redrive letters --timeout 10m
check_status 3 "a broker that wants longer sessions"
check_grep "is told at once, with what helps" "hint: .* -X session.timeout.ms=20000" "$err"
run evreplay redrive letters -X session.timeout.ms=20000
check_status 0 "which it does"

# Jobs keep their positions in a topic of ours: what a letter put there would be taken for one.
topic forged 1
printf '{"topic":"%s","partition":0,"offset":0,"timestamp":5,"key":"job","headers":[%s],"value":{"position":{}}}\n' "$forged" \
	"$(connect __evreplay_jobs 0 'no')" | put
run evreplay redrive "$forged" -g forged -n
check_grep "a letter of which the home would be the topic of jobs has none" "(nowhere)" "$out"
run evreplay redrive "$forged" -g forged -X session.timeout.ms=20000
check_status 5 "and is not sent"
check_grep "which is said" "its headers name '__evreplay_jobs', where jobs keep their positions" "$err"
run evreplay "$forged" --into __evreplay_jobs
check_status 2 "nor is anything else copied into it"
done_testing
