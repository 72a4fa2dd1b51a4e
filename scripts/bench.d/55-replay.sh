# copying topic to topic: plain and exactly once, against consume-only; how well a pace is kept
# needs: kafka
stream orders shop "$events" $((events * 15 / 44))
kcat=$(command -v kcat || command -v kafkacat || true)
copies=0
into() { # into WAY COMMAND...: into a topic of its own
	copies=$((copies + 1))
	evadmin create "copy-$copies" 6
	once "${@:2}"; keep "$1"
	evadmin delete "copy-$copies"
}
next() { echo "copy-$((copies + 1))"; }
title "copying $events events, 6 partitions into 6, lz4; ratio: the rate against consume-only"
for ((run = 0; run < runs; run++)); do
	once consume "$EV_BROKERS" orders; keep replay.consume
	into replay.bare transfer "$EV_BROKERS" orders "$(next)"
	into replay.plain evreplay orders -q --into "$(next)"
	into replay.keep evreplay orders -q --into "$(next)" --partition keep --no-merge
	into replay.once evreplay orders -q --into "$(next)" --exactly-once --job "bench-$copies"
	# values alone, by lines: key, headers, timestamp and partition are lost
	[ -z "$kcat" ] || into replay.kcat sh -c "$kcat -C -q -e -o beginning -b $EV_BROKERS -t orders |
		$kcat -P -b $EV_BROKERS -t $(next) -z lz4"
done
against() { row "$1" "$2" "$events" "$(ratio "$(seconds replay.consume)" "$(seconds "$2")")" ${3+"$3"}; }
against "consume only" replay.consume
against "librdkafka bare: consumer into producer" replay.bare
against "evreplay, by key" replay.plain '>=0.5'
against "evreplay --partition keep --no-merge" replay.keep
against "evreplay --exactly-once, a second a transaction" replay.once '>=0.35'
[ -z "$kcat" ] || against "kcat | kcat, values alone" replay.kcat
# Where bare librdkafka misses the goals above, this is what is left to evreplay itself.
verdict "copy by key, times bare librdkafka" "$(ratio "$(seconds replay.bare)" "$(seconds replay.plain)")" '>=0.7' >/dev/null
verdict "copy --partition keep --no-merge, times bare" "$(ratio "$(seconds replay.bare)" "$(seconds replay.keep)")" '>=0.9' >/dev/null

title "pace: 1,000 events a second for 10 s at 1x, how late each is" '    p50 ms    p99 ms    max ms'
awk 'BEGIN { for (i = 0; i < 10000; i++)
	printf "{\"topic\":\"t\",\"partition\":0,\"offset\":%d,\"timestamp\":%d,\"value\":{\"n\":%d}}\n", i, 1000000 + i, i }' \
	>"$scratch/paced.ndjson"
evreplay "$scratch/paced.ndjson" --speed 1x --into - | pacing >"$scratch/pace"
awk '{ printf "%-46s %9.2f %9.2f %9.2f\n", "evreplay --speed 1x", $1, $2, $3 }' "$scratch/pace"
verdict "pace: p99 of lateness, ms" "$(awk '{ print $2 }' "$scratch/pace")" '<=20' >/dev/null
