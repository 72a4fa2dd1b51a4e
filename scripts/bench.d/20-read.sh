# reading a topic: consume-only, kcat, evtail
# needs: kafka
stream orders shop "$events" $((events * 15 / 44))
kcat=$(command -v kcat || command -v kafkacat || true)
value() { "$kcat" -C -q -e -o beginning -b "$EV_BROKERS" -t orders "$@"; }
title "reading $events events in 6 partitions, lz4; ratio: the rate against consume-only"
for ((run = 0; run < runs; run++)); do
	once consume "$EV_BROKERS" orders; keep consume
	if [ -n "$kcat" ]; then
		once "$kcat" -C -q -e -o beginning -b "$EV_BROKERS" -t orders; keep kcat
		once "$kcat" -C -q -e -J -o beginning -b "$EV_BROKERS" -t orders; keep kcat-json
	fi
	once evtail -n +1 -o value orders; keep value
	once evtail -n +1 -o value --no-merge orders; keep no-merge
	once evtail -n +1 -o json orders; keep json
	once evtail -n +1 -c orders; keep count
	once evtail -n +1 -o value --where '$.data.total > 500' orders; keep where
done
against() { row "$1" "$2" "$events" "$(ratio "$(seconds consume)" "$(seconds "$2")")"; }
against "consume only" consume
[ -z "$kcat" ] || against "kcat, values" kcat
against "evtail -o value" value
against "evtail -o value --no-merge" no-merge
against "evtail -c" count
against "evtail --where '\$.data.total > 500'" where
[ -z "$kcat" ] || against "kcat -J" kcat-json
against "evtail, record lines" json
