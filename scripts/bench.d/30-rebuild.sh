# a rebuild against T: consume-only, and a bulk load of the rows that it ends with
# needs: kafka postgres
stream orders shop "$events" $((events * 15 / 44))
bulk() { # bulk KIND TABLE...: $line, the seconds of its own clock
	case $1 in
	SQLite) once bulkload "$(store SQLite)" "$scratch/bulk.db" "${@:2}"; rm -f "$scratch/bulk.db" ;;
	*) psql -qAtX "$pg" -c 'DROP SCHEMA IF EXISTS bulk CASCADE; CHECKPOINT' 2>/dev/null
		once bulkload "$pg" bulk "${@:2}" ;;
	esac
	rows=$(cut -d' ' -f1 "$scratch/out")
	line="$(cut -d' ' -f2 "$scratch/out") ${line#* }"
}
rebuild() { # rebuild KIND [OPTION]...
	once evproject rebuild tests/bench/orders.sql --store "$(store "$1")" --yes --quiet "${@:2}"
}
title "rebuild of $events events (ratio: against T = consume-only + bulk load)"
for kind in SQLite PostgreSQL; do
	for ((run = 0; run < runs; run++)); do
		once consume "$EV_BROKERS" orders; keep $kind.consume
		empty $kind
		rebuild $kind; keep $kind.rebuild
		bulk $kind orders sku_demand; keep $kind.bulk
		rebuild $kind --again; keep $kind.again
	done
	t=$(add "$(seconds $kind.consume)" "$(seconds $kind.bulk)")
	row "consume only" $kind.consume "$events"
	row "bulk load of $rows rows, $kind" $kind.bulk "$rows"
	row "rebuild into $kind" $kind.rebuild "$events" "$(ratio "$(seconds $kind.rebuild)" "$t")" '<=1.5'
	row "the same beside a version that serves" $kind.again "$events" "$(ratio "$(seconds $kind.again)" "$t")"
done
