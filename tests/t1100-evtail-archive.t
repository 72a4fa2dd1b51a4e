# archives as a source: evtail, evproject run, rebuild and history read them as they read a topic
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/rebuild.sh"

# a log of two partitions with holes, in merge order (by timestamp)
for ((i = 0; i < 400; i++)); do
	case $((i % 13)) in
	5) rec put "k$((i % 23))" $((i % 7)) $((i * 2)) $((i % 2)) ;;
	9) rec nop x 0 $((i * 2)) $((i % 2)) ;;
	11) rec del "k$((i % 5))" 0 $((i * 2)) $((i % 2)) ;;
	*) rec add "k$((i % 23))" $((i % 11)) $((i * 2)) $((i % 2)) ;;
	esac
done >log.ndjson
run evarchive --cluster c1 --member 2000 --segment-records 60 --count 2 arch <log.ndjson
check_status 0 "an archive is written"
check_out "up to its last records" <<'END'
{"t":{"0":797,"1":799}}
END

run evtail ./arch -n +1 -q
check "evtail reads it in merge order, byte for byte" cmp log.ndjson "$out"
run evtail ./arch/t/1 --from 100 --to 200 -o '%o'
check "a range of a partition" test "$(head -1 "$out") $(tail -1 "$out") $(wc -l <"$out")" = "102 198 25"
run evtail ./arch -n 3 -o '%p@%o'
check_out "the last records come by seeking" <<'END'
1@794
0@796
1@798
END
run evtail ./arch --since 1763200000700 --until 1763200000710 -o '%o'
check "a span of time" test "$(tr '\n' ' ' <"$out")" = "700 702 704 706 708 "
run evtail ./arch -c
check_grep "counts" "^total +400$" "$out"
check "zcat reads it all" test "$(zcat arch/t/*/*.ndjson.gz | wc -l)" = 400
check "and the manifest is JSON that adds up" jq -e '
	[.topics.t.partitions[] | .records + .empty == .next - .first] | all' arch/archive.json
run evtail -f ./arch
check_status 2 "an archive cannot be followed"
check_grep "and the hint says what can" 'hint: name the topic behind it' "$err"
run evtail ./arch/u
check_status 3 "a topic that it does not hold"
check_grep "is named" "archive './arch' has no topic 'u'" "$err"
run evtail arch/t
check_status 2 "without ./ it is no path"
check_grep "which is said" "hint: ./arch/t is an archive: a path starts with '/' or '.'" "$err"
run env -u EV_BROKERS "$(command -v evtail)" arch
check_grep "also where no broker is named" "hint: .*EV_BROKERS; a file or archive here is named with ./ before it" "$err"
run evtail ./arch --from 900
check_status 2 "an offset past the end"

# a view from the archive is the view from the file, whatever the batches
build v1.sql file.db ./log.ndjson
build v1.sql arch.db ./arch
dump file.db >want
check "a view from the archive is the view from the file" test "$(dump arch.db)" = "$(cat want)"
check "its ledger balances" ledger arch.db '.balanced and [.partitions[].next] == [797, 799]'
build v1.sql small.db ./arch --batch 7 --to 300
build v1.sql small.db ./arch --batch 3
check "in two runs and small batches too" test "$(dump small.db)" = "$(cat want)"
rebuild v2.sql arch.db ./arch --yes
check_status 0 "a rebuild from an archive"
build v2.sql want2.db ./log.ndjson
check "gives the rows that the file gives" test "$(dump arch.db)" = "$(dump want2.db)"
check "and its ledger balances" ledger arch.db '.balanced and [.partitions[].next] == [797, 799]'
run evproject history v1.sql --row k=k3 ./arch
cp "$out" history.txt
run evproject history v1.sql --row k=k3 ./log.ndjson
check "the history of a row is the same" cmp history.txt "$out"

# the archive grows, the view goes on; another one is refused
head -n 300 log.ndjson >begin.ndjson
evarchive --cluster c1 grow <begin.ndjson >/dev/null
build v1.sql grow.db ./grow
evarchive --cluster c1 --append grow <log.ndjson >/dev/null
build v1.sql grow.db ./grow
check "an archive that has grown is gone on with" test "$(dump grow.db)" = "$(cat want)"
sed 's/"offset":598,/"offset":598,"timestamp_type":"log",/; /"offset":598,/s/"n":[0-9]*/"n":77/' begin.ndjson |
	evarchive --cluster c1 other >/dev/null
build v1.sql other.db ./other
project other.db ./grow
check_status 2 "another version of the projection is refused first"
run evproject run v1.sql --store other.db ./grow
check_status 5 "an archive of another log is refused"
check_grep "by the record that stands there" 't/1 is not the log .* another record stands at offset 598' "$err"
evarchive --cluster c2 foreign <log.ndjson >/dev/null
run evproject run v1.sql --store grow.db ./foreign
check_status 5 "and so is one of another cluster"
check_grep "by its id" "the cluster's id is another" "$err"
evarchive --cluster c1 short <begin.ndjson >/dev/null
run evproject run v1.sql --store grow.db ./short
check_status 5 "nor is one gone on with that ends before the view"
check_grep "which is said" 't/[01]: the archive ends at offset [0-9]+, the view stands at [0-9]+' "$err"
check_grep "and what to do" '^hint: append to the archive, or read the topic behind it, as in \./archive t$' "$err"
rebuild v2.sql grow.db ./short --yes
check_status 5 "nor built anew from"
check_grep "likewise" '^hint: append to the archive.*; --accept-trimmed builds the new version from this log' "$err"
run evproject run v1.sql --store grow.db --group g ./grow
check_status 2 "an archive has no consumer groups"

# what a crash has left is cut off by the next writer, and not seen before
cp -r grow torn
last=$(ls torn/t/0/*.gz | tail -1)
printf '\037\213torn' >>"$last"
echo '{"offset":' >>"${last%.ndjson.gz}.index"
run evtail ./torn -n +1 -q
check "bytes that the manifest does not count are not read" cmp log.ndjson "$out"
run evarchive --cluster c1 --append torn <log.ndjson
check_status 0 "the next writer goes on"
check "and cuts them off" test "$(zcat torn/t/*/*.gz | wc -l)" = 400

# one that does not begin at the log's beginning
tail -n 100 log.ndjson | evarchive --cluster c1 late >/dev/null
run evtail ./late/t/1 --from 100 -q
check_status 5 "what an archive does not have is missing"
check_grep "which is no matter of retention" "t/1: offsets 100..[0-9]+ are not in the archive, which starts at [0-9]+$" "$err"
run evtail ./late/t/1 --from begin --to 100 -q
check_status 2 "a range that ends before it is none"
check_grep "which says where it starts" "^hint: the archive starts at [0-9]+$" "$err"

# damage is found before anything of it comes out
printf 'X' | dd of="$last" bs=1 seek=200 conv=notrunc status=none
run evtail ./torn -n +1 -q
check_status 5 "a damaged member is bad data"
check_grep "named with file and byte" "${last#torn/}': gzip member at byte 0 \(offsets .*\) is damaged" "$err"
run evproject run v1.sql --store torn.db ./torn
check_status 5 "evproject stops there too"
rm grow/t/1/*.index
run evtail ./grow -n +1 -q
check "an index that is missing is done without" cmp log.ndjson "$out"
check_grep "which is said" 'evtail: .*\.index. is missing: reading all of the segment instead' "$err"

# Very many partitions: their files are not all open at once, and those of a few are by the hard limit.
for ((i = 0; i < 300; i++)); do
	printf '{"topic":"many","partition":%d,"offset":0,"timestamp":%d,"key":"k","headers":[],"value":%d}\n' $i $((i + 1)) $i
done >many.ndjson
run evarchive --cluster c1 --count 300 many <many.ndjson
check_status 0 "an archive of many partitions is written"
run bash -c 'ulimit -n 60 && exec evtail ./many -n +1 -q'
check_status 0 "it is read with fewer files than partitions"
check "in merge order" cmp many.ndjson "$out"
few=(./many/many/{0..49})
run bash -c 'ulimit -Sn 30 && exec evtail "$@" -n +1 -q' few "${few[@]}"
check_status 0 "some partitions are read whatever the soft limit is"
run bash -c 'ulimit -n 30 && exec evtail "$@" -n +1 -q' few "${few[@]}"
check_status 3 "the hard one is one"
check_grep "which is said" "^evtail: cannot (open|read) '.*many/.*': Too many open files" "$err"
check_grep "with what to do" "hint: more files have to be open at once than 'ulimit -Hn' allows" "$err"
done_testing
