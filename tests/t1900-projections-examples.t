# The projections that we ship check, pass their cases, and hold their own checks on real and generated events.
. "$(dirname "$0")/lib.sh"
events=$TOP/projections/data/github-events-2021-07-21.ndjson.gz

for file in "$TOP"/projections/*.sql; do
	name=$(basename "$file" .sql)
	check "$name: evproject check" evproject check "$file"
	check "$name: its cases" evproject test "$file" "$TOP/projections/cases/$name.json"
	case $name in
	github) source=(--lines github "$events") ;;
	*) "$TOP/scripts/generate" "$name" 3000 >"$name.ndjson"; source=("./$name.ndjson") ;;
	esac
	run evproject run "$file" --store "$name.db" --check "${source[@]}"
	check_status 0 "$name: a run holds its checks"
	run evproject run "$file" --store "$name.db" --check "${source[@]}"
	check_status 0 "$name: a second run has nothing to do"
	run evproject show "$file" --store "$name.db"
	check_status 0 "$name: its samples can be shown"
	samples=$(grep -c '^-- @sample' "$file")
	check "$name: show prints each of $samples samples" test "$(wc -l <"$out")" -gt $((3 * samples))
done

# The bundled file, counted in another way.
total=$(zcat "$events" | jq -s 'map(select(.public)) | length')
check "github: each public event is counted once" \
	test "$(sqlite3 github.db 'SELECT sum(events) FROM repos')" = "$total"
zcat "$events" | jq -r 'select(.type == "PushEvent") | .payload.commits[].author.name' | sort | uniq -c |
	awk '{ n = $1; sub(/^ *[0-9]+ /, ""); print $0 "|" n }' | sort >expected
sqlite3 github.db 'SELECT name, commits FROM authors' | sort >found
check "github: commits per author are what jq counts" cmp expected found

# Orders, folded by jq: created less deleted; what is paid.
jq -rs '[.[] | select(.topic == "orders") | select(.value == null or .value.event_type == "order.deleted") | .key] as $gone |
	[.[] | select(.value.event_type? == "order.created") | .key] - $gone | sort[]' orders.ndjson >expected
sqlite3 orders.db 'SELECT order_id FROM orders' | sort >found
check "orders: those that are left are what jq finds" cmp <(sort expected) found
jq -rs '[.[] | .value | select(.event_type? == "payment.completed") | .data] | group_by(.orderId)[] |
	[.[0].orderId, (map(.amount * 100) | add | round)] | join("|")' orders.ndjson | sort >expected
sqlite3 orders.db 'SELECT order_id, paid FROM orders WHERE paid > 0' | sort >found
check "orders: what is paid is what jq adds up" test -z "$(comm -13 expected found)"
check "orders: somebody has paid" test "$(wc -l <found)" -gt 100

# Readers may look at the ledger; what its columns are is documented.
for table in $(sqlite3 orders.db "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'ev\_%' ESCAPE '\'"); do
	check "evproject.1 documents $table" grep -qE "^\.It Li $table$" "$TOP/docs/man/evproject.1"
	for column in $(sqlite3 orders.db "SELECT name FROM pragma_table_info('$table')"); do
		check "evproject.1 documents $table.$column" \
			grep -qE "^\.Li $column( |$)" <(sed -n "/^\.It Li $table$/,/^\.\(It\|El\)/p" "$TOP/docs/man/evproject.1")
	done
done

# The generator: the same seed gives the same bytes, another seed others.
for kind in orders datasets sensors sessions; do
	"$TOP/scripts/generate" $kind 500 7 >one && "$TOP/scripts/generate" $kind 500 7 >two &&
		"$TOP/scripts/generate" $kind 500 8 >three
	check "generate $kind: one seed, one stream" cmp one two
	check "generate $kind: another seed, another stream" test -n "$(cmp one three 2>&1)"
	check "generate $kind: 500 lines of JSON" test "$(jq -c . one | wc -l)" = 500
done
done_testing
