# a follower while evverify looks at its view, again and again or now and then: ms until an event is visible
# needs: kafka postgres
took=$($full && echo 20 || echo 4)
# chrt, as the rest may run at a real-time priority where the machine has other work
rate=2000
pause=3 # between two checks of "now and then", as cron leaves far longer ones
title "evverify (nice 19) in a loop, or each $pause s, beside --follow at $rate events/s, twice $took s" '    p50    p95    p99    max   checks  p99 beside : alone, goal (p95 until acknowledged, and from then on)'
beside() { # beside KIND alone|beside|now-and-then N: "P50 P95 P99 MAX RATE ACK REST CHECKS" into a file
	local topic=beside-$1-$2-$3 file=$scratch/beside.sql store follower looker='' said
	store=$(store "$1")
	evadmin create "$topic" 6
	sed "s/^-- @topics .*/-- @topics $topic/" tests/bench/latency.sql >"$file"
	empty "$1"
	evproject run "$file" --store "$store" --quiet
	evproject run "$file" --store "$store" --quiet --follow 2>"$scratch/err" &
	follower=$!
	: >"$scratch/checks"
	rm -f "$scratch/enough"
	if [ "$2" != alone ]; then
		while [ ! -e "$scratch/enough" ]; do
			chrt -o 0 nice -n 19 evverify "$file" --store "$store" --quiet --allow-empty >"$scratch/verdict" 2>&1 ||
				{ cat "$scratch/verdict" >&2; break; }
			echo >>"$scratch/checks"
			[ "$2" = beside ] || sleep $pause
		done &
		looker=$!
	fi
	said=$(evlatency "$store" "$topic" 6 $rate "$took") || said=failed
	touch "$scratch/enough"
	[ -z "$looker" ] || wait "$looker"
	kill $follower
	wait $follower || true
	[ "$said" != failed ] || exit 1
	echo "$said $(wc -l <"$scratch/checks")" >>"$scratch/beside.$1.$2"
}
for kind in SQLite PostgreSQL; do
	for n in 1 2; do # in turns, as the machine may have other work; the better of each counts
		beside $kind alone $n
		beside $kind beside $n
		beside $kind now-and-then $n
	done
	alone=''
	for how in alone beside now-and-then; do
		read -r p50 p95 p99 max _ ack rest checks < <(sort -k3n "$scratch/beside.$kind.$how" | head -n 1)
		verdict=''
		if [ -z "$alone" ]; then
			alone=$p99
		else
			r=$(ratio "$p99" "$alone")
			verdict="$r  $(verdict "$kind, p99 of a follower beside evverify" "$r" '<=1.10')"
		fi
		printf '%-46s %6.1f %6.1f %6.1f %6.1f %8d  %s (%s, %s)\n' "$kind, $how" "$p50" "$p95" "$p99" "$max" "$checks" "$verdict" "$ack" "$rest"
	done
done
