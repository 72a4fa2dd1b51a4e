# evreplay into an archive and out of it: go on, ranges, filters, checks, refusals
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"

for ((i = 0; i < 600; i++)); do rec add "k$((i % 23))" $((i % 11)) $((i * 2)) $((i % 3)); done >log.ndjson
sorted() { sort "$1" | cmp - <(sort log.ndjson); }

head -n 400 log.ndjson >begin.ndjson
run evreplay ./begin.ndjson --into ./a
check_status 0 "a file into an archive"
check_grep "and how much" 'evreplay: 400 records, ' "$err"
run evreplay ./log.ndjson --into ./a
check_status 2 "an archive that is there is not written over"
check_grep "the hint says how" 'hint: --append goes on where it ends' "$err"
run evreplay ./log.ndjson --into ./a --append
check_status 0 "--append"
check_grep "with what is new" ' 200 records, ' "$err"
evtail ./a -n +1 -q >got
check "and all of it is there" sorted got
run evreplay ./log.ndjson --into ./b --append
check_status 0 "--append where there is none yet begins one"
evreplay ./a --into ./c -q
check "an archive of an archive holds the same" sorted <(evreplay ./c --into -)
evreplay ./a --into ./one -q --threads 0
evreplay ./a --into ./four -q --threads 4
check "threads change no byte" diff -r -x archive.json -x archive.lock one four
evreplay ./a --into ./nine -q --level 9
check "--level makes it smaller" test "$(du -sb nine | cut -f1)" -lt "$(du -sb one | cut -f1)"

run evreplay ./a --into ./b --append --timestamps shift
check_status 2 "a shift would be another one at each --append"
random=$(head -c 200000 /dev/urandom | base64 -w 0)
printf '{"topic":"t","partition":0,"offset":0,"timestamp":9,"key":"k","headers":[],"text":"%s"}\n' "$random" >random.ndjson
run bash -c 'ulimit -f 50; evreplay ./random.ndjson --into ./limited'
check_status 4 "a limit of files' sizes is an error like a full disk"
check_grep "and is named" "File too large" "$err"

run evreplay ./a --verify
check_status 0 "a whole archive is whole"
check_grep "and all of it was looked at" '^./a: 600 records in 3 partitions, [0-9]+ segments, .* 2985 empty offsets, 0 faults' "$out"
cp -r a bad
printf X | dd of=bad/t/1/00000000000000000002.ndjson.gz bs=1 seek=300 conv=notrunc status=none
echo >bad/t/2/x
run evreplay ./bad --verify
check_status 5 "a damaged one is not"
check_grep "a fault is named with file and byte" "bad/t/1/00000000000000000002.ndjson.gz': gzip member at byte 0" "$err"
check_grep "and so is the next" "bad/t/2/x' is not of the archive" "$err"
check_grep "with the next step" 'hint: .* --to with its offset .* take the damaged files from another copy' "$err"
check_grep "and what was not looked at" "bad/t/1/.*: every member was looked at by its CRC, and none of their records" "$err"
run evtail ./bad/t/1 -n +1
check_status 5 "it is not read to the end"
check_grep "a reader says how far it can be" "hint: t/1 is whole before offset 2 .* evreplay --verify ./bad names" "$err"
cp -r bad blind
rm blind/t/1/*.index
run evreplay ./blind --verify
check_grep "without its index the rest of a file is not looked at" "blind/t/1/.*gz': nothing was looked at behind that" "$err"
cp -r a miscounted
awk '{ sub(/"empty":[0-9]+/, "\"empty\":7") } 1' a/archive.json >miscounted/archive.json
crc=$(head -c -20 miscounted/archive.json | gzip -c | tail -c 8 | head -c 4 | od -An -tx4 --endian=little | tr -d ' ')
sed -i "s/\"crc32\":\"[0-9a-f]*\"}\$/\"crc32\":\"$crc\"}/" miscounted/archive.json
run evreplay ./miscounted --verify
check_status 5 "a wrong number of empty offsets is a fault"
check_grep "and is named" "'./miscounted/archive.json': t/0: \"empty\" is 7, and its span has [0-9]+ offsets without a record" "$err"
run evreplay ./a ./one --verify -q
check "-q says nothing of whole ones" test "$status" = 0 -a -z "$(cat "$out" "$err")"
run evreplay ./a ./bad --verify -q
check "and is not quiet of others" test "$status" = 5 -a "$(grep -c '^./' "$out")" = 1
run evreplay ./none ./bad ./a --verify
check_status 5 "one that is not there hides no fault of the next"
check_grep "both are said" "cannot open './none/archive.json'" "$err"
check_grep "and the last is looked at, too" "^./a: .* 0 faults" "$out"
check_grep "what is said of that at the end goes for it" "hint: what stands before a fault is good" "$err"
run evreplay ./none ./a --verify
check_status 3 "one that is not there is no success"
run evreplay ./a/t/ --verify
check_grep "a slash behind a part is none" "'./a/t/' is a part of an archive" "$err"
run evreplay ./a/t --verify
check_status 3 "a part of an archive is not verified alone"
check_grep "the hint names the whole" 'hint: .* evreplay --verify ./a$' "$err"
run evreplay --verify
check_grep "without a folder the hint shows one" 'hint: name its folder' "$err"
run evreplay ./log.ndjson --into ./a --append
check_grep "nothing new is said to be that" "nothing new: 0 records, 0 B, into './a' in" "$err"
run evreplay ./log.ndjson --into ./dryer --dry-run
check_grep "the plan names the folder" '^t/0 .* ./dryer$' "$out"
run evreplay ./a --verify --into ./x
check_status 2 "--verify writes nothing"

run evreplay ./log.ndjson --into ./part --key k1
check_status 0 "filters make a part"
check_grep "which the manifest says" '"filter":"--key k1"' part/archive.json
run evtail ./part -n 1
check_grep "and each reader" "evtail: warning: archive './part' holds only part of the records \(--key k1\)" "$err"
run evreplay ./part --into ./again
check_grep "a copy too" "evreplay: warning: archive './part' holds only part" "$err"
check "which is one, too" test "$(jq -r .filter again/archive.json)" = "--key k1"
run evreplay ./part --into ./again --append
check_status 0 "and goes on as such"
run evreplay ./a --into ./again --append
check_status 2 "not with what was left out"
run evreplay ./part --type x --into ./fewer
check "what made it and what is left out of that stand together" test \
	"$(jq -r .filter fewer/archive.json)" = "--key k1 --type x"
for bound in '--since -1d' '--until today'; do
	run evreplay ./a --into ./moving --append $bound
	check_status 2 "$bound would be another time when it goes on"
	check_grep "so one is named that stays" "^hint: now it is 20.*Z: give that, in every run" "$err"
done
run evreplay ./a --into ./since --since -36500d
check "a filter by time is kept as the time that it was" test "$(jq -r .filter since/archive.json |
	grep -cE '^--since [0-9-]+T[0-9:.]+Z$')" = 1
run evverify --log ./part
check_grep "and a check" "evverify: warning: archive './part' holds only part" "$err"
run evreplay ./log.ndjson --into ./part --append
check_status 2 "it is not gone on with by another filter"
evreplay ./a --into ./red --redact '$.n' -q
run evtail ./red -n 1
check_grep "one of all records, changed, says that" "warning: archive './red' holds changed records \(--redact \\\$\.n\)" "$err"
evreplay ./red --into ./both --key k1 --timestamps now -q
run evtail ./both -n 1
check_grep "one of some of them says both" "holds only part of the records, and those changed \(--redact .* now\)" "$err"
run evreplay ./a --into - --from 100 --to 100
check_grep "of a range without a record that is said" "^evreplay: nothing is in the range: 0 records" "$err"
run evreplay ./a --into ./range --from 100 --to 200
check_status 0 "a range"
check "has its span" jq -e '.topics.t.partitions | [.[] | .first == 100 and .next == 200] | all' range/archive.json
tail -n 100 log.ndjson >end.ndjson
run evreplay ./end.ndjson --into ./range --append
check_status 5 "a gap is refused"
check_grep "and named" 'offsets 200\.\.[0-9]+ of t/[0-9] would be missing: the archive ends at 200' "$err"
run evreplay ./end.ndjson --into ./range --append --dry-run
check_status 5 "a dry run says so, too"
check_grep "in the same words" 'offsets 200\.\.[0-9]+ of t/[0-9] would be missing: the archive ends at 200' "$err"
run evreplay ./a --into ./range --append --key k1 --dry-run
check_status 2 "and that another filter is refused"
check_grep "in the same words" "was written with filter '.*', and this is '--key k1'" "$err"
mkdir taken nodir && touch taken/x
run evreplay ./a --into ./taken --append --dry-run
check_status 2 "and that a folder holds other things"
check_grep "in the same words" "it is no archive, and holds 'x'" "$err"
run evreplay ./a --into ./none/x --append --dry-run
check_status 4 "and that there is no folder to make it in"
run evreplay ./a --into ./nodir --append --dry-run
check_status 0 "an empty folder is as good as none"
check "and stays so" test -z "$(ls -A nodir)"
jq -c '.value = {"other":1}' log.ndjson >other.ndjson
evreplay ./begin.ndjson --into ./was -q
evreplay ./other.ndjson --into ./is -q
run evreplay ./is --into ./was --append
was=$status
run evreplay ./is --into ./was --append --dry-run
check "a source that is another log is refused alike, $was" test $was = 5 -a $status = 5
evreplay ./was --into ./hid --redact '$.n' -q
run evreplay ./is --into ./hid --append --redact '$.n'
check_status 5 "so it is where the archive has changed what it was written from"
run evreplay ./was --into ./hid --append --redact '$.n' -v
check_status 0 "the same log, changed in the same way, is the same"
check_no_grep "and what was compared is not counted" "value changed" "$err"
evreplay ./was --into ./now --timestamps now -q
for plan in -n ''; do
	run evreplay ./is --into ./now --append --timestamps now $plan
	check_status 0 "with the time of writing nothing can be compared $plan"
	check_grep "which is said" "warning: archive './now' has other timestamps .* is not checkable" "$err"
done
run evreplay ./log.ndjson --into ./was --append --dry-run
check_status 0 "a dry run of a file that the archive has a part of"
check_grep "tells the new records from those" '^200 records, ' "$out"
check_grep "which are passed over" '^400 records that the archive holds would be passed over$' "$out"
run evreplay ./log.ndjson --into ./was --append
check_grep "as the run does" '^evreplay: 400 records that the archive held before were passed over' "$err"
run evreplay ./log.ndjson --into ./was --append -n
check_grep "and nothing new is to come" '^0 records, ' "$out"
run evreplay ./other.ndjson --into ./was --append
was=$(sed -n 1p "$err")
check_status 5 "a file that has another record where the archive ends is refused"
run evreplay ./other.ndjson --into ./was --append --dry-run
check_status 5 "by a dry run as well"
check "in the same words" test "$(sed -n 1p "$err")" = "$was"
for suffix in gz index; do
	cp -r was cut-$suffix
	last=$(find cut-$suffix/t/1 -name "*$suffix*")
	truncate -s -1 "$last"
	run evreplay ./log.ndjson --into ./cut-$suffix --append
	cut=$(sed -n 1p "$err")
	check_status 5 "a last segment that is cut short is not gone on with ($suffix)"
	run evreplay ./log.ndjson --into ./cut-$suffix --append --dry-run
	check_status 5 "which a dry run finds"
	check "in the same words" test "$(sed -n 1p "$err")" = "$cut"
	rm "$last"
	run evreplay ./log.ndjson --into ./cut-$suffix --append --dry-run
	check_grep "as that it is not there" "^evreplay: cannot go on with './cut-$suffix/.*': No such file" "$err"
done
cp "$(command -v evreplay)" command
chmod 755 . command
other() {
	if [ "$(id -u)" = 0 ]; then
		run setpriv --reuid=65534 --regid=65534 --clear-groups "$T/command" "$@"
	else
		run "$T/command" "$@"
	fi
}
mkdir shut
cp -r was shut/was
chmod -R a+rX,a-w shut
other ./log.ndjson --into ./shut/was --append --dry-run
check_status 4 "a dry run says that the archive may not be written"
check_grep "and why" "^evreplay: cannot (write|open) './shut/was.*': Permission denied" "$err"
chmod a+w shut/was shut/was/archive.*
other ./log.ndjson --into ./shut/was --append --dry-run
check_status 4 "or one of its files"
check_grep "which it names" "^evreplay: cannot open './shut/was/t/.*': Permission denied" "$err"
chmod -R u+w shut
run evreplay ./a --into ./m --map 't=u'
check_status 2 "--map is for topics"
run evreplay ./a --into orders --append -b 127.0.0.1:1
check_status 2 "--append is for archives"
check_grep "which are paths" "hint: --into orders is a topic, ./orders an archive" "$err"
run evreplay ./log.ndjson --into ./dry --dry-run
check "a dry run makes nothing" test ! -e dry
run evreplay ./log.ndjson --into ./no/where
check_status 4 "a folder whose parent is not there"
check_no_grep "is not said to hold what was flushed" "flushed" "$err"
for plan in -n ''; do
	run evreplay ./log.ndjson --into ./a/t/sub $plan
	check_status 2 "no archive is begun inside another $plan"
	check_grep "which is named" "cannot write an archive into './a/t/sub': it would lie in archive '.*/a'" "$err"
	check "and nothing is made there $plan" test ! -e a/t/sub
done
ln -s a/t linked
run evreplay ./log.ndjson --into ./linked/sub
check_status 2 "nor by another way into it"
mkdir full && echo x >full/x
run evreplay ./log.ndjson --into ./full
check_status 2 "a folder of other things is left alone"

# two at once: the second is held off
mkfifo pipe
evreplay - --into ./held -q <pipe &
pid=$!
exec 9>pipe
head -n 1 log.ndjson >&9
wait_for 60 test -e held/archive.json
run evreplay ./log.ndjson --into ./held --append
check_status 6 "a second writer is held off"
check_grep "and told by whom" "archive './held' is being written by process $pid" "$err"
exec 9>&-
wait $pid
check "the first one ends well" test $? = 0

# A session that is closed is a stop like any other, and none to what nohup(1) has started.
mkfifo line
env --default-signal=HUP evreplay - --into ./hung --append --position hung.json <line 2>"$err" &
pid=$!
exec 8>line
head -n 100 log.ndjson >&8
flushed() { [ "$(jq '[.topics[].partitions[].records] | add' hung/archive.json)" = 100 ]; }
check "an archive is written from a pipe" wait_for 60 flushed
kill -HUP $pid
wait $pid
status=$?
check_status 129 "a hangup stops it"
check_grep "as any stop does" "stopped after 100 records" "$err"
check "its position is saved" test -s hung.json
exec 8>&-
(trap '' HUP; exec evreplay - --into ./hung2 --append <line 2>"$err") &
pid=$!
exec 8>line
head -n 100 log.ndjson >&8
flushed() { [ "$(jq '[.topics[].partitions[].records] | add' hung2/archive.json)" = 100 ]; }
check "one that hears of no hangup" wait_for 60 flushed
kill -HUP $pid
head -n 200 log.ndjson | tail -n 100 >&8
exec 8>&-
wait $pid
status=$?
check_status 0 "goes on"
check_grep "to its end" "200 records" "$err"

# It is removed while it is written.
evreplay - --into ./gone --position gone.json <line 2>"$err" &
pid=$!
exec 8>line
head -n 100 log.ndjson >&8
flushed() { [ "$(jq '[.topics[].partitions[].records] | add' gone/archive.json)" = 100 ]; }
check "an archive is begun" wait_for 60 flushed
rm -rf gone
tail -n 100 log.ndjson >&8
exec 8>&-
wait $pid
status=$?
check_status 4 "an archive that is removed under a run ends it with 4"
check_grep "and is not said to hold anything" "^hint: the folder is not there any more, and all that was flushed is gone with it" "$err"
check_grep "nothing is safe" "t/0: safe up to offset 0" "$err"

# Its manifest is away: both commands say the same.
evreplay ./begin.ndjson --into ./blank -q
rm blank/archive.json
mkdir empty
for c in "evtail ./NAME" "evreplay --verify ./NAME"; do
	run ${c/NAME/blank}
	check_status 5 "an archive without its manifest is damaged: $c"
	check_grep "which is said" "cannot read './blank/archive.json': it is not there" "$err"
	run ${c/NAME/empty}
	check_status 2 "any other folder is none: $c"
	check_grep "which is said, too" "cannot read folder './empty': it holds no archive" "$err"
	run ${c/NAME/nowhere}
	check_status 3 "and one that is not there cannot be read: $c"
done
run evreplay --verify ./empty ./a
check_status 3 "those beside it are looked at all the same"
check_grep "and told" "^./a: 600 records" "$out"
cp -r a garbled
sed -i 's/"records":/"recorde":/' garbled/archive.json
run evreplay --verify ./garbled
check_status 5 "a damaged manifest"
check_grep "is not said to let anything be read" "^hint: without its archive.json nothing of it is read" "$err"

# What a kill has left behind its end is no fault, and -q says nothing of it.
cp -r a cut
printf 'left' >>cut/t/1/00000000000000000002.ndjson.gz
run evreplay --verify ./cut
check_status 0 "what was not flushed is no fault"
check_grep "and noted" "were not flushed" "$err"
run evreplay --verify ./cut -q
check_status 0 "-q leaves that out"
check "of an archive that is whole" test ! -s "$err"
run evreplay --verify ./blind -q
check_grep "and not of another one" "blind/t/1/.*gz': nothing was looked at behind that" "$err"

# The root of a file system has a folder of its own.
mkdir -p root/lost+found
run evreplay ./begin.ndjson --into ./root
check_status 0 "an archive at the root of a file system"
run evreplay --verify ./root
check_status 0 "is whole"
mkdir -p strange/found
run evreplay ./begin.ndjson --into ./strange
check_status 2 "other folders are not overlooked"

# kill -9 at any time: what was flushed is whole, and the next run has all
{ cat log.ndjson; for ((i = 600; i < 2400; i++)); do rec add "k$((i * 7919 % 2311))" $((i * 7919 % 100003)) $((i * 2)) $((i % 3)); done; } >long.ndjson
for n in 1 2 3 4 5; do
	rm -rf killed
	evreplay ./long.ndjson --into ./killed --append -q 2>/dev/null &
	pid=$!
	command -p sleep 0.0$((n * 2))
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null # until it is gone, and its lock with it
	[ ! -e killed/archive.json ] || evreplay ./killed --verify >/dev/null 2>verify.txt || break
	evreplay ./long.ndjson --into ./killed --append -q || break
	evtail ./killed -n +1 -q | sort | cmp -s - <(sort long.ndjson) || break
done
check "killed five times: valid, and gone on with" test $n = 5
# no more space: an error, and the archive is as it was flushed
evreplay ./begin.ndjson --into ./limit -q
run bash -c "trap '' XFSZ; ulimit -f 4; evreplay ./long.ndjson --into ./limit --append"
check_status 4 "a file that cannot grow is an error of the target"
check_grep "with the reason" "cannot write archive './limit': cannot write .*: File too large" "$err"
run evreplay ./limit --verify
check_status 0 "what was flushed is whole"
run evreplay ./long.ndjson --into ./limit --append
check_status 0 "and is gone on with when there is room"
evtail ./limit -n +1 -q >got
check "to the end" cmp <(sort got) <(sort long.ndjson)

# A file that the archive has seen before.
line='{"topic":"seen","partition":0,"offset":%d,"timestamp":1,"key":"%s","headers":[],"value":{}}\n'
printf "$line" 1 a 2 b >two
printf "$line" 1 a 2 b 3 c >three
run evreplay ./two --into ./seen
run evreplay ./three --into ./seen --append
check_status 0 "a file that has grown is appended"
check_grep "and what was there is said" "^evreplay: 2 records that the archive held before were passed over" "$err"
run evreplay ./three --into ./seen --append
printf "$line" 3 x >other
run evreplay ./other --into ./seen --append
check_status 5 "another record in the place of the archive's last is refused"
check_grep "by its place" "seen/0@3: it is another record than the last one of the archive" "$err"
for plan in -n ''; do
	run evreplay ./two --into ./seen --append $plan
	check_status 0 "a file that ends before has nothing new $plan"
	check_grep "which is warned of" "warning: seen/0: the source ends at offset 3, the archive stands at 4: nothing of it" "$err"
done
printf "$line" 1 x 2 y >shorter
for plan in -n ''; do
	run evreplay ./shorter --into ./seen --append $plan
	check_status 5 "another file that is shorter is refused $plan"
	check_grep "by its first record" "seen/0@1: it is another record than that of the archive" "$err"
done
# Lines of a log that is begun anew: by their numbers it is the same one.
printf 'head\na\nb\n' >monday
printf 'head\nc\n' >tuesday
run evreplay ./monday --lines l --into ./lines
for plan in -n ''; do
	run evreplay ./tuesday --lines l --into ./lines --append $plan
	check_status 5 "a shorter file of lines is another one $plan"
	check_grep "and is refused by their number" "the source ends at line 2, the archive has copied 3" "$err"
done
echo c >>monday
run evreplay ./monday --lines l --into ./lines --append
check_status 0 "one that has grown goes on"
done_testing
