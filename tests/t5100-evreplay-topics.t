# evreplay from topic to topic on a real broker: what arrives, where, and what is said when it cannot.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
. "$TOP/tests/replay.sh"
big=max.message.bytes=4000000

topic src 3 $big
topic dst 3 $big
hostile "$src" | put
run evreplay "$src" --into "$dst" --partition keep --position done.json
check_status 0 "hostile records are copied"
check "and are the same, byte for byte" same_contents "$src" "$dst"
check "the position is the source's end" test "$(jq -c ".[\"$src\"]" done.json)" = "$(
	for p in 0 1 2; do evadmin marks "$src/$p" | awk -v p=$p '{ printf "%s\"%d\":%d", p ? "," : "{", p, $3 }'; done)}"
run evreplay "$src" --into "$dst" --from done.json
check_status 0 "from there on there is nothing"
check "and nothing is copied" same_contents "$src" "$dst"

# Through record lines, and through kcat.
topic piped 3 $big
evtail "$src" --from begin -o json -q >lines
run evreplay - --into "$piped" --partition keep <lines
check_status 0 "record lines from a pipe are copied"
check "and are the same" same_contents "$src" "$piped"
if command -v kcat >/dev/null; then
	topic kcat 3 $big
	kcat -b "$EV_BROKERS" -C -t "$src" -J -e -q >lines
	run evreplay - --into "$kcat" --partition keep <lines
	check_status 0 "lines of kcat -J are copied"
	check "and are the same" same_contents "$src" "$kcat"
fi
echo '{"topic":"t","partition":0,"offset":1,"tstype":"create","ts":1,"broker":1,"key":null,"value_schema_id":3,"payload":{"a":1}}' >lines
run evreplay - --into "$dst" <lines
check_status 5 "a value that kcat has unpacked is refused"
check_grep "by name" "unpacked by a schema" "$err"
run evreplay - --into - <<<'{"topic":"x","partition":0,"offset":1,"tstype":"create","ts":1,"broker":1,"key":"a","payload":"p","foo":3}'
check_grep "so is a field that kcat does not write" 'unknown member "foo"' "$err"
topic jq 3
"$TOP/scripts/generate" orders 20 | jq -c '.value.data.total = 1' >lines
run evreplay - --into "$jq" <lines
check_status 0 "what jq changed is copied"

# Partitions.
topic four 4
topic crc 4
topic list 2
"$TOP/scripts/generate" orders 300 | jq -c 'select(.topic == "orders")' >orders.ndjson
run evreplay ./orders.ndjson --into "$four"
check_status 0 "a file is copied into a topic"
java() { # murmur2 of these keys in 4 partitions, as evproject computes it for Java's clients
	evtail "$four" --from begin -o '%k %p' -q 2>/dev/null | sort -u
}
check "each key has one partition" test "$(java | wc -l)" = "$(java | cut -d' ' -f1 | sort -u | wc -l)"
check "and all partitions are used" test "$(java | cut -d' ' -f2 | sort -u | wc -l)" = 4
# Known answers of Kafka's DefaultPartitioner: murmur2("21") = -973932308, ("foobar") = -790332482.
printf '%s\n' "put $src/0 9 21 x" "put $src/0 9 foobar x" | put
run evreplay "$src/0" --from -2 --into "$four"
check "keys land where Java clients put them" test "$(evtail "$four" --from begin -o '%k=%p' -q 2>/dev/null |
	grep -E '^(21|foobar)=' | sort | tr '\n' ' ')" = "21=$(((-973932308 & 0x7fffffff) % 4)) foobar=$(((-790332482 & 0x7fffffff) % 4)) "
run evreplay "$src/0" --from -2 --into "$crc" --partition librdkafka
check_status 0 "librdkafka's own choice is there, too"
run evreplay "$src/0,1" --into "$list" --partition 0=1,1=0 --to 2
check_status 0 "partitions by a list"
check "go where it says" test "$(evtail "$list/1" --from begin -c -q | tail -n 1 | awk '{ print $2 }')" = 2
run evreplay "$src" --into "$list" --partition 0=1
check_status 2 "a partition that the list lacks is refused"
check_grep "by name" "names no partition of it for partition 1 of the source" "$err"
run evreplay "$src" --into "$list" --partition 0=1,0=2
check_status 2 "a list with doubles is a usage error"

# Names.
topic few 1
topic more 1
put <<END
put $few/0 9 a x
put $more/0 9 b x
END
evadmin create "copy.${few#few-}" 1
evadmin create "copy.${more#more-}" 1
run evreplay "$few" "$more" --map 'few-*=copy.\1' --map '*re-*=copy.\2'
check_status 0 "several topics by --map"
check "arrive under their new names" same_contents "$few" "copy.${few#few-}"
check "each" same_contents "$more" "copy.${more#more-}"
run evreplay "$few" "$more" --map 'few-*=copy.\1' --map 'nosuch.*=copy.\1' --dry-run
check_status 2 "a rule that fits no topic is a slip"
check_grep "and named" "option '--map': 'nosuch.\*=copy.*' fits no topic that is read" "$err"
run evreplay "$few" --map 'nosuch.*=copy.\1' --into -
check_status 2 "into a pipe, too"
run evreplay "$few" "$more" --map '*=x' --into -
check_status 2 "where two topics are not made one"
check "before a line of it is printed" test ! -s "$out"
# Lines may be of the cluster that is written: a slip would write each of them into their own topic once more.
run evtail "$few" --from begin -q
cp "$out" few.lines
held=$(evadmin marks "$few/0")
for n in -n ''; do
	run evreplay ./few.lines --map "x$few=$dst" $n
	check_status 2 "of a file a topic that no rule fits is refused $n"
	check_grep "by its name" "option '--map': no rule fits topic '$few', which would keep its name" "$err"
	run evreplay - --map "x$few=$dst" $n <few.lines
	check_status 2 "of a pipe, too $n"
done
check "nothing was written" test "$(evadmin marks "$few/0")" = "$held"
run evreplay ./few.lines --map "x$few=y" --map '*=z' --into -
check_status 0 "a rule that fits no topic of a file"
check_grep "is said at its end" "warning: option '--map': 'x$few=y' fits no topic that was read" "$err"
run evreplay "$few" --map 'few-*=copy.\2'
check_status 2 "a rule that names a star too many is refused"

# What cannot be produced as it is.
topic odd 1 message.timestamp.type=LogAppendTime
put <<END
put $odd/0 9 a x
END
run evreplay "$odd" --into "$dst"
check_status 5 "LogAppendTime is not kept, and refused"
check_grep "by name" "$odd/0@0: cannot produce this record as it is: .*LogAppendTime" "$err"
run evreplay "$odd" --into "$dst" --lossy
check_status 0 "unless --lossy"
check_grep "which says what it has changed" "evreplay: 1 record was not produced as it is: 1 with the broker's time as their own" "$err"
printf '%s\n' '{"topic":"t","partition":0,"offset":3,"timestamp":0,"key":null,"headers":[],"value":1}' >zero.ndjson
run evreplay ./zero.ndjson --into "$dst"
check_status 5 "so is a timestamp of 0"
check_grep "with a hint" "hint: --lossy" "$err"
printf '%s\n' '{"topic":"t","partition":0,"offset":3,"timestamp":4,"key":null,"headers":[["a\u0000b",null]],"value":1}' >nul.ndjson
run evreplay ./nul.ndjson --into "$dst"
check_status 5 "and a NUL in a header's name"
topic less 1
cat >three.ndjson <<END
{"topic":"t","partition":0,"offset":3,"timestamp":4,"key":null,"headers":[["a","1"],["a\u0000b",null],["a\u0000c","2"],["d","3"]],"value":1}
{"topic":"t","partition":0,"offset":4,"timestamp":0,"key":null,"headers":[["\u0000",null]],"value":1}
{"topic":"t","partition":0,"offset":5,"timestamp":4,"key":null,"headers":[],"value":1}
END
run evreplay ./three.ndjson --into "$less" --lossy --allow retention --dry-run
check_grep "a plan says what --lossy would change" "^2 records would not be produced as they are: 1 with the time of writing, 2 without headers whose names hold a NUL" "$out"
run evreplay ./three.ndjson --into "$less" --lossy --allow retention
check_status 0 "such a header is left out by --lossy"
check "and no other" test "$(evtail "$less" --from begin -q -o json | jq -c .headers | tr '\n' ' ')" = '[["a","1"],["d","3"]] [] [] '
check_grep "and counted" "2 records were not produced as they are: 1 with the time of writing, 2 without headers" "$err"
"$TOP/scripts/generate" orders 20 | sed 's/"timestamp":[0-9]*/"timestamp":null/' >none.ndjson
run evreplay ./none.ndjson --into "$dst"
check_status 5 "and no timestamp"

# An open transaction is waited for, and the line that tells how far it is says so.
topic held 1
topic beyond 1
printf 'many %s/0 1732190400000 100\n' "$held" | put
txn_open held
txn begin "put $held/0 1732190400000 a x" flush
printf 'many %s/0 1732190400000 100\n' "$held" | put
timeout --foreground 600 evreplay "$held" --into "$beyond" --allow retention --txn-wait 10m 2>"$err" &
copy=$!
says() { grep -q "waiting for an open transaction: 100 records, .*, [0-9]*%$" "$err"; }
check "a copy tells what it waits for, and no time that the rest takes" wait_for 120 says
txn commit
wait $copy
check "and goes on behind it" test $? = 0
txn_leave

# Targets that refuse.
run evreplay "$src" --into nowhere-$$
check_status 4 "a topic that is not there"
check_grep "is named" "cannot write topic 'nowhere-$$': it is not there" "$err"
{
	printf '{"topic":"t","partition":0,"offset":0,"timestamp":1732190400000,"key":null,"headers":[],"text":"'
	head -c 9000000 /dev/zero | tr '\0' x
	printf '"}\n'
} >huge.ndjson
run timeout 60 evreplay ./huge.ndjson --into "$dst" --memory 16m
check_status 4 "a record that is larger than the queue does not wait for room that never comes"
check_grep "it is named, and what bounds it" 'half of --memory holds the queue' "$err"
topic small 3 max.message.bytes=2000
run evreplay "$src" --into "$small" --partition keep --position small.json
check_status 4 "a message that is too large"
check_grep "is named" "cannot write $src/[01]@[0-9]+ to '$small/[01]': .*[Ll]arge" "$err"
at() { jq ".[\"$src\"][\"$1\"]" small.json; }
held() { evtail "$small/$1" --from begin -c -q 2>/dev/null | awk '$1 == "total" { print $2 }'; }
beyond() { sed -n "s,.*$src/$1: \([0-9]*\) records behind.*,\1,p" "$err"; }
for p in 0 1 2; do
	check "partition $p: position and what is said account for every record of the target" \
		test $(($(at $p) + $(beyond $p) + 0)) = "$(held $p)"
done
topic many 1
topic narrow 1 max.message.bytes=2000
for i in {1..200}; do echo "put $many/0 $((1732190400000 + i)) k$i value-$(printf %0100d "$i" | md5sum | cut -c1-32)"; done | put
run evreplay "$many" --into "$narrow"
check_status 0 "records that the topic takes do not fail by the batches that they are in"
check "all are there" test "$(evtail "$narrow" --from begin -c -q | awk '$1 == "total" { print $2 }')" = 200
run evreplay "$many" --into "narrow-made-$$" --create --exactly-once --job "narrow-$$"
check_status 0 "and in transactions"
run evreplay "$narrow" --into "narrow-like-$$" --create --exactly-once --job "like-$$"
check_status 0 "into one that is made with such a bound, too"
check "all of them" test "$(evtail "narrow-like-$$" --from begin -c -q | awk '$1 == "total" { print $2 }')" = 200
topic taken 1 max.message.bytes=2000
{
	for i in 1 2 3; do echo '{"topic":"x","partition":0,"offset":'$i',"timestamp":5,"key":"k","headers":[],"value":1}'; done
	echo '{"topic":"x","partition":0,"offset":4,"timestamp":5,"key":"k","headers":[],"text":"'"$(head -c 6000 /dev/urandom | base64 -w0)"'"}'
} >large.ndjson
run evreplay ./large.ndjson --into "$taken" --position large.json
check_status 4 "of a file, too, a message may be too large"
check_grep "the record is named, not one that is in its batch" "@4 to '$taken/0': .*[Ll]arge" "$err"
check "and those before it are safe" test "$(jq .x[] large.json) $(evtail "$taken" --from begin -c -q | awk '$1 == "total" { print $2 }')" = "4 3"
topic doomed 1
evtail "$src/2" --from begin -o json -q 2>/dev/null >one.ndjson
{ cat one.ndjson
	until [ -e deleted ]; do command -p sleep 0.05; done
	sed 's/"offset":/"offset":1/' one.ndjson
	until [ -e over ]; do command -p sleep 0.05; done; } | {
	timeout 60 evreplay - --into "$doomed" --timeout 10s --position doomed.json >"$out" 2>"$err"; echo $? >rc; touch over; } &
copy=$!
arrived() { [ "$(evadmin marks "$doomed/0" | awk '{ print $3 }')" -ge 1 ]; }
check "a copy is under way" wait_for 60 arrived
evadmin delete "$doomed"
touch deleted
wait $copy
status=$(cat rc)
check_status 4 "a target that is deleted meanwhile"
check_grep "is named" "cannot write $src/2@[0-9]+ to '$doomed/0': " "$err"
check_grep "and that what it held is gone with it" "^hint: where it was deleted, what it held is gone with it: --create" "$err"
evreplay "$src" --into - 2>"$err" >/dev/full
status=$?
check_status 4 "a full disk behind standard output"

topic crumbs 1 max.message.bytes=2000
evreplay "$src" --into "$crumbs" --position /dev/full/x 2>"$err"
check "a position that cannot be saved is said" test "$(grep -c "cannot write '/dev/full/x'" "$err")" = 1
evreplay "$jq" --into "$dst" --position /dev/full/x 2>"$err.all"
check "once" test "$(grep -c "cannot write '/dev/full/x'" "$err.all")" = 1
check_no_grep "and is no place to go on from" "--from /dev/full/x" "$err.all"
check_no_grep "and is no place to go on from" "--from /dev/full/x" "$err"
printf '{"topic":"x","partition":0,"offset":0,"timestamp":9,"key":"k","headers":[["h","%s"]],"value":null}\n' \
	"$(head -c 2250 /dev/urandom | base64 -w 0)" >wide.ndjson
run evreplay ./wide.ndjson --into "$crumbs"
check_status 4 "a record that is too large by its headers"
check_grep "is as large as they make it" "hint: the record has 3002 bytes" "$err"
# A file shows its topics late: the second one takes small batches only.
topic roomy 1
for i in {1..40}; do
	[ "$i" -gt 3 ] && of=b || of=a
	printf '{"topic":"%s","partition":0,"offset":%s,"timestamp":1732190400000,"key":"k%s","headers":[],"text":"%s"}\n' \
		$of "$i" "$i" "$(head -c 420 /dev/urandom | base64 -w 0)"
done >late.ndjson
run evreplay ./late.ndjson --map "a=$roomy" --map "b=$crumbs"
check_status 0 "batches fit a topic that is met under way"
check "and each record is there once" test "$(evtail "$crumbs" --from begin -q -o %k | sort -u | wc -l)/$(evtail "$crumbs" --from begin -q -o %k | wc -l)" = 37/37
check "of the other, too" test "$(evtail "$roomy" --from begin -q -o %k | tr '\n' ' ')" = "k1 k2 k3 "
check_grep "and all are counted" "40 records, " "$err"

# No right to write.
KAFKA_CONF="authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true" own_broker
topic open 1
topic shut 1
printf '%s\n' "put $open/0 9 a x" | put
evadmin deny "$shut"
run evreplay "$open" --into "$shut"
check_status 4 "a target that one may not write"
check_grep "is named" "cannot write $open/0@0 to '$shut/0': .*[Aa]uthoriz" "$err"
check_grep "and the right that it takes" "hint: the broker wants an ACL that allows Write on topic '$shut'" "$err"
run evreplay "$open" --into "$shut" --exactly-once --job "shut-$$"
check_status 4 "for a job, too"
check_grep "which ends, and says why" "cannot write a transaction of job 'shut-$$': .*uthoriz" "$err"
check_grep "and what it takes" "hint: the broker wants ACLs that allow a job Read and Write on '$shut' and on" "$err"

# No right to read what a job has written: it cannot look whether that is still there.
topic blind 1
run evreplay "$open" --into "$blind" --exactly-once --job "blind-$$"
check_status 0 "a job that may read its target"
evadmin deny "$blind" read
run evreplay "$open" --into "$blind" --exactly-once --job "blind-$$" --timeout 10m
check_status 4 "and one that may not any more"
check_grep "is told at once" "job 'blind-$$': cannot read '$blind/0': .*uthoriz" "$err"
check_grep "and the right that it takes" "hint: the broker wants an ACL that allows Read on topic '$blind'" "$err"
run evreplay "$open" --into "$blind" --exactly-once --job "blinder-$$" --timeout 10m --allow other-job
check_status 4 "one that never might, too"
check_grep "with that right" "hint: the broker wants ACLs that allow a job Read and Write on '$blind' and on" "$err"
run evtail "$blind" --from begin --timeout 10m
check_status 3 "nor can anybody else read it"
check_grep "which is said, too" "hint: the broker wants an ACL that allows Read on topic '$blind'" "$err"

# No right on the group of a redrive.
evadmin shut "shut-$$"
run timeout 60 evreplay redrive "$open" -g "shut-$$" --into "$open" --allow same-topic --timeout 10m
check_status 3 "a group that one may not join"
check_grep "is told at once" "cannot join consumer group 'shut-$$' at broker .*uthoriz" "$err"
check_grep "and the right that it takes" "hint: the broker wants an ACL that allows Read on group 'shut-$$'" "$err"
done_testing
