# scripts/bench.d/lib.sh - what the parts of scripts/bench share; sourced by it
#
# Set by scripts/bench: events, runs, full, scratch, pg (URL), EV_BROKERS.
machine() {
	local os
	os=$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release 2>/dev/null)
	echo "$(nproc) cores, ${os:-$(uname -s)}, librdkafka $(pkg-config --modversion rdkafka)," \
		"SQLite $(pkg-config --modversion sqlite3)${pg:+, PostgreSQL $(psql -qAtX "$pg" -c 'SHOW server_version' | cut -d' ' -f1)}," \
		"load $(cut -d' ' -f1 /proc/loadavg 2>/dev/null)"
}
title() { # title TEXT [COLUMNS]
	printf '\n== %s\n' "$1"
	printf '%-46s %s\n' '' "${2:-   events/s   seconds     cpu s  peak MiB    ratio  goal}"
}

# stream TOPIC KIND EVENTS KEYS: the topic of 6 partitions, made once
stream() {
	[ ! -e "$scratch/topic.$1" ] || return 0
	evadmin create "$1" 6 retention.ms=-1 segment.bytes=1073741824
	evstream "$2" "$1" 6 "$3" "$4" 1
	touch "$scratch/topic.$1"
}

store() { # store KIND: its URL
	case $1 in SQLite) echo "$scratch/store.db" ;; *) echo "$pg" ;; esac
}
empty() { # empty KIND: a store that holds nothing
	case $1 in
	SQLite) rm -f "$scratch"/store.db* ;;
	*)
		psql -qAtX "$pg" -c "SELECT format('DROP SCHEMA %I CASCADE;', nspname) FROM pg_namespace
			WHERE nspname LIKE 'ev\_%' OR nspname = 'public'" | psql -qAtX "$pg" 2>/dev/null
		psql -qAtX "$pg" -c 'CREATE SCHEMA public; CHECKPOINT' ;;
	esac
}

# once COMMAND...: seconds, KiB, status, CPU seconds to $line; a command that fails says why and ends the part
once() {
	if ! evmeasure "$scratch/took" "$@" >"$scratch/out" 2>"$scratch/err"; then
		echo "failed: $*" >&2
		tail -n 3 "$scratch/err" >&2
		exit 1
	fi
	line=$(cat "$scratch/took")
}
# keep NAME: $line into the array of measurements, if it is the fastest of that name
declare -A least
keep() { least[$1]=$(printf '%s\n%s\n' "${least[$1]-}" "$line" | sed '/^$/d' | sort -n | head -n 1); }
seconds() { cut -d' ' -f1 <<<"${least[$1]}"; }

# row TEXT NAME EVENTS [RATIO [GOAL]]: a line of the table; a GOAL is <=N or >=N, for the ratio. CPU seconds and peak
# are of the command alone: a server has its own.
row() {
	local verdict='' ratio=${4:-}
	[ -z "${5:-}" ] || verdict=$(verdict "$1" "$ratio" "$5")
	awk -v text="$1" -v n="$3" -v ratio="$ratio" -v verdict="$verdict" \
		'{ printf "%-46s %11.0f %9.2f %9.2f %9.1f %8s  %s\n", text, n / $1, $1, $4, $2 / 1024, ratio, verdict }' <<<"${least[$2]}"
}
verdict() { # verdict TEXT VALUE GOAL: "GOAL met" or "GOAL missed", counted for the end
	local said
	said=$(awk -v v="$2" -v g="$3" 'BEGIN {
		n = substr(g, 3)
		print g, (substr(g, 1, 1) == "<" ? v <= n + 0 : v >= n + 0) ? "met" : "MISSED"
	}')
	echo "$said: $1 is $2" >>"$scratch/goals"
	echo "$said"
}
goals() {
	[ -e "$scratch/goals" ] || return 0
	printf '\n== goals: %d met, %d missed\n' "$(grep -c ' met: ' "$scratch/goals")" "$(grep -c MISSED "$scratch/goals")"
	! grep MISSED "$scratch/goals" || $full || echo "(they are for the sizes of --full)"
}
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
add() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", a + b }'; }
