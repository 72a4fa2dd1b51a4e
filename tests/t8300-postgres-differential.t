#!/usr/bin/env bash
# The same events and projection give the same rows, ledger, dead letters and seen ids in SQLite and in
# PostgreSQL, in batches of any size, on what both can hold: 64-bit integers, text, NULL, booleans, time.
# EFFORT rounds of random streams; SEED replays the first.
. "$(dirname "$0")/lib.sh"
EV_STORE=postgresql
. "$TOP/tests/store.sh"

# both STORE SQL: the same question to either; NAME.db is a file, NAME a schema
ask() {
	case $1 in
	*.db) sqlite3 -cmd '.timeout 5000' "$1" "$2" ;;
	*) psql -qAtX -v ON_ERROR_STOP=1 "$(store "$1")" -c "$2" ;;
	esac
}
url_of() { case $1 in *.db) echo "$1" ;; *) store "$1" ;; esac; }
within=600000
# everything of a view but words for people and moments of the clock
view() { # view STORE TABLE-SQL...
	local q
	for q in "${@:2}"; do echo "== $q"; ask "$1" "$q" || echo "cannot ask $1"; done
	echo '== ledger'
	ask "$1" 'SELECT topic, partition, begin_offset, next_offset, target_offset, last_offset, last_timestamp, last_hash,
		applied, ignored, filtered, deduplicated, dead, held, dropped, invisible, untouched FROM ev_ledger ORDER BY 1, 2'
	echo '== letters'
	ask "$1" 'SELECT topic, partition, record_offset, record_timestamp, state, behind_partition, behind_offset, tries, arrival,
		line FROM ev_dead ORDER BY 1, 2, 3'
	echo '== seen'
	# those that are out of their time mean nothing any more, and are swept now and then
	ask "$1" "SELECT scope, id, first_ms, topic, partition, record_offset FROM ev_seen
		WHERE first_ms >= coalesce((SELECT watermark FROM ev_projection), 0) - $within ORDER BY 1, 2"
	echo '== projection'
	ask "$1" 'SELECT name, version, fingerprint, generation, watermark FROM ev_projection ORDER BY 1'
}

# One value of each kind into one column of each: taken or poison alike, and the same when taken.
values='null true false 0 1 -1 5 1.0 1e3 -0 -0.0 1.5 9223372036854775807 -9223372036854775808 9223372036854775808 1e400
"" "x" "5" "_5" "5_" "5.0" "5e0" "5.5" "+5" "0x10" "1__000" "9223372036854775808" "true" "t" "yes" "on" "1" "0" "false"
"é" "\ud800" "now" "Infinity" "NaN" "null" {} {"a":1} [] [1,2]'
n=0
for v in $values; do
	printf '{"topic":"t","partition":0,"offset":%d,"timestamp":1,"key":null,"headers":[],"value":{"type":"v","v":%s}}\n' \
		$n "$(sed 's/_/ /' <<<"$v")"
	n=$((n + 1))
done >values.ndjson
from16= # a number to PostgreSQL of that version and later
[ "$(super 'SHOW server_version_num')" -lt 160000 ] || from16='"0x10" '
for type in bigint integer text boolean; do
	cat >m.sql <<-SQL
	-- @projection m version 1
	-- @topics t
	-- @envelope type=\$.type
	-- @schema
	CREATE TABLE m (o bigint PRIMARY KEY, v $type);
	-- @on v
	INSERT INTO m (o, v) VALUES (:offset, \$.v);
	SQL
	forget m
	rm -f m.db*
	for s in m.db m; do
		evproject run m.sql --store "$(url_of $s)" --quiet --on-error dead ./values.ndjson
		ask $s "SELECT o, $([ $type = boolean ] && echo "CASE WHEN v THEN 1 WHEN NOT v THEN 0 END" ||
			echo "coalesce(cast(v AS text), 'NULL')") FROM m
			UNION ALL SELECT record_offset, $([ $type = boolean ] && echo -9 || echo "'poison'") FROM ev_dead ORDER BY 1" >$type.$s
	done
	# where a column has a type of its own, and SQLite's has not, and where 64 bits are 32
	differ=$(paste -d '|' <(tr ' ' '\n' <<<"$values" | sed '/^$/d') $type.m.db $type.m | awk -F'|' '$3 != $5 { printf "%s ", $1 }')
	case $type in
	bigint) want="true false $from16" ;; # which SQLite has as 1 and 0
	integer) want="true false 9223372036854775807 -9223372036854775808 $from16" ;;
	text) want='true false ' ;;
	boolean) want='0 1 1.0 -0 -0.0 "1" "0" ' ;; # as 1 and 0 are SQLite's booleans
	esac
	check "values into $type: alike but for ${want:-none}" test "$differ" = "$want"
done

# A projection of all that handlers can be, and a stream that meets it; the seed decides on both.
generate() { # generate SEED COUNT
	awk -v seed="$1" -v n="$2" '
	function pick(list, a, k) { k = split(list, a, "|"); return a[1 + int(rand() * k)] }
	function key() { return "k" int(rand() * 40) }
	function number() { return pick("0|1|-1|7|50|99|1e2|3.0|-40|1000000007|4611686018427387904|-4611686018427387904") }
	function odd() { return pick("\"x\"|1.5|{}|[1]|9223372036854775808|null") }
	function text() { return pick("\"\"|\"a\"|\"é\\n\\\"\"|\"%\"|\"'"'"'); --\"|null|\"\\u0041\\ud83d\\ude00\"") }
	function instant(i, t) {
		t = 1763200000 + i * 7 - int(rand() * 300)
		if (rand() < .01) return pick("\"soon\"|null|{}|\"2026-02-30T00:00:00Z\"")
		return pick(t "|" t "000|" t "123456|\"" strftime("%Y-%m-%dT%H:%M:%SZ", t, 1) "\"|\"" \
			strftime("%Y-%m-%dT%H:%M:%S.25", t + 5400, 1) "+01:30\"")
	}
	BEGIN {
		srand(seed)
		sql = "d.sql"; out = "d.ndjson"
		dedupe = pick("|-- @dedupe id|-- @dedupe id within '"'10 minutes'"'|-- @dedupe id within '"'1 minute'"' across topics")
		print "-- @projection d version 1\n-- @topics a, b\n-- @envelope type=$.type id=$.id time=$.at" >sql
		if (dedupe) print dedupe >sql
		if (rand() < .5) print "-- @filter not ($.skip = true)" >sql
		print "-- @schema" >sql
		print "CREATE TABLE acc (k text PRIMARY KEY, n bigint NOT NULL, s text, ok boolean, at text NOT NULL);" >sql
		print "CREATE TABLE sums (k text, w text, n bigint NOT NULL, hi bigint, lo bigint, PRIMARY KEY (k, w));" >sql
		print "CREATE TABLE items (k text, sku text, qty bigint NOT NULL CHECK (qty < 60), PRIMARY KEY (k, sku));" >sql
		print "CREATE TABLE uniq (k text PRIMARY KEY, u text UNIQUE, m bigint DEFAULT 3);" >sql
		print "CREATE TABLE pair (a text, b text, PRIMARY KEY (a, b));" >sql
		print "CREATE TABLE slides (w text PRIMARY KEY, n integer NOT NULL);" >sql
		print "CREATE TABLE gone (at text PRIMARY KEY, k text, n bigint, next_one bigint);" >sql
		print "CREATE INDEX acc_n ON acc (n);\nCREATE VIEW rich AS SELECT k, n FROM acc WHERE n > 50;" >sql
		print "-- @on put\nINSERT INTO acc (k, n, s, ok, at) VALUES ($.k!, $.n!, $.s, $.ok, :time)\nON CONFLICT (k) DO " \
			pick("NOTHING|UPDATE SET n = excluded.n, s = excluded.s, ok = excluded.ok, at = excluded.at|UPDATE SET n = acc.n + excluded.n, s = coalesce(excluded.s, acc.s), ok = NOT acc.ok, at = CASE WHEN excluded.at > acc.at THEN excluded.at ELSE acc.at END") ";" >sql
		print "-- @on inc" pick("|||| must touch") "\nUPDATE acc SET n = n + $.n!, at = :time WHERE k = $.k;" >sql
		print "-- @on put, inc\nINSERT INTO sums (k, w, n, hi, lo) VALUES ($.k, :window('"'2 minutes'"'), 1, $.n, $.n)\nON CONFLICT (k, w) DO UPDATE SET n = sums.n + 1," >sql
		print "\thi = CASE WHEN sums.hi IS NULL OR excluded.hi > sums.hi THEN excluded.hi ELSE sums.hi END," >sql
		print "\tlo = CASE WHEN sums.lo IS NULL OR excluded.lo < sums.lo THEN excluded.lo ELSE sums.lo END;" >sql
		print "-- @on p* of a every '"'1 minute' over '3 minutes'"'\nINSERT INTO slides VALUES (:window, 1) ON CONFLICT (w) DO UPDATE SET n = slides.n + 1;" >sql
		print "-- @on list each $.items\nINSERT INTO items (k, sku, qty) VALUES ($.k!, $item.sku!, $item.qty)\nON CONFLICT (k, sku) DO UPDATE SET qty = items.qty + excluded.qty;" >sql
		print "-- @on list\nDELETE FROM items WHERE k = $.k AND qty < $.below;" >sql
		print "-- @on tag each $.tags\nINSERT INTO pair VALUES ($.k, $item) ON CONFLICT DO NOTHING;" >sql
		print "-- @on ren\nDELETE FROM acc WHERE k = $.to AND $.to <> $.k;\nUPDATE acc SET k = $.to! WHERE k = $.k;\nUPDATE pair SET a = $.to || a WHERE a = $.k AND length(a) < 9;" >sql
		print "-- @on uniq\nINSERT INTO uniq (k, u) VALUES ($.k!, $.s) ON CONFLICT (k) DO UPDATE SET u = excluded.u, m = uniq.m * 3;" >sql
		print "-- @on del" pick("|||| must touch") "\nINSERT INTO gone (at, k, n, next_one)\nSELECT :topic || :partition || '"'@'"' || :offset, k, n, (SELECT min(x.n) FROM acc x WHERE x.n > acc.n)\nFROM acc WHERE k = $.k ORDER BY k;\nDELETE FROM acc WHERE k = $.k;" >sql
		print "-- @on shift\nUPDATE acc SET n = n - 1, s = CASE WHEN $.s IS NULL THEN s ELSE s || $.s END WHERE n >= $.n;" >sql
		print "-- @on tombstone of a\nDELETE FROM acc WHERE k = :key;\nDELETE FROM uniq WHERE k = :key;" >sql
		for (i = 0; i < n; i++) {
			t = pick("a|b"); p = int(rand() * 2); off[t p] += 1 + (rand() < .03) * int(rand() * 5)
			k = key(); r = rand()
			id = rand() < .06 && i ? int(rand() * i) : i
			common = "\"id\":" (rand() < .5 ? "\"" id "\"" : id) ",\"at\":" instant(i) ",\"k\":\"" k "\"" (rand() < .05 ? ",\"skip\":true" : "")
			if (rand() < .01) sub(/"id":[^,]*,/, "", common)
			num = rand() < .01 ? odd() : number()
			v = r < .25 ? "\"put\"," common ",\"n\":" num ",\"s\":" text() ",\"ok\":" (rand() < .02 ? "\"yes\"" : pick("true|false|null")) : \
			    r < .42 ? "\"inc\"," common ",\"n\":" num : \
			    r < .52 ? "\"del\"," common : \
			    r < .62 ? "\"list\"," common ",\"below\":" int(rand() * 9) ",\"items\":" items() : \
			    r < .70 ? "\"tag\"," common ",\"tags\":" (rand() < .02 ? 3 : pick("[\"x\",\"y\"]|[]|[\"z\"]|null|[\"x\",\"x\"]")) : \
			    r < .80 ? "\"ren\"," common ",\"to\":\"" key() "\"" : \
			    r < .88 ? "\"uniq\"," common ",\"s\":\"u" int(rand() * 300) "\"" : \
			    r < .92 ? "\"shift\"," common ",\"n\":" number() ",\"s\":" pick("null|\"+\"") : \
			    r < .95 ? "\"other\"," common : ""
			line = v == "" ? (rand() < .9 ? "\"value\":null" : pick("\"text\":\"no json\"|\"value\":[1]|\"value\":{\"type\":7}|\"base64\":\"gP8=\"")) : "\"value\":{\"type\":" v "}"
			printf "{\"topic\":\"%s\",\"partition\":%d,\"offset\":%d,\"timestamp\":%.0f,\"key\":%s,\"headers\":[],%s}\n", t, p, off[t p], \
				1763200000000 + i * 7000 - int(rand() * 20000), rand() < .05 ? "null" : "\"" k "\"", line >out
		}
	}
	function items(j, s) {
		s = ""
		for (j = int(rand() * 4); j > 0; j--)
			s = s (s ? "," : "") "{\"sku\":" (rand() < .02 ? "null" : "\"s" int(rand() * 4) "\"") ",\"qty\":" (rand() < .02 ? odd() : int(rand() * 20)) "}"
		return "[" s "]"
	}'
}
tables=('SELECT k, n, s, CASE WHEN ok THEN 1 WHEN NOT ok THEN 0 END, at FROM acc ORDER BY 1' 'SELECT * FROM sums ORDER BY 1, 2'
	'SELECT * FROM items ORDER BY 1, 2' 'SELECT * FROM uniq ORDER BY 1' 'SELECT * FROM pair ORDER BY 1, 2'
	'SELECT * FROM slides ORDER BY 1' 'SELECT * FROM gone ORDER BY 1' 'SELECT * FROM rich ORDER BY 1')
cuts='SELECT seq, position FROM ev_cut ORDER BY 1'
RANDOM=${SEED:-$((EPOCHSECONDS % 30000))}
for ((round = 0; round < ${EFFORT:-1} * 2; round++)); do
	seed=$RANDOM
	[ $round -gt 0 ] || seed=${SEED:-$seed}
	echo "# SEED=$seed"
	generate "$seed" 1000
	case $(grep '^-- @dedupe' d.sql) in
	*10\ minutes*) within=600000 ;;
	*1\ minute*) within=60000 ;;
	*) within=9000000000000000 ;;
	esac
	rm -f w.db*
	run evproject run d.sql --store w.db --on-error dead --batch 1000 ./d.ndjson
	check_status 0 "seed $seed: a run into SQLite"
	view w.db "${tables[@]}" >want
	check "seed $seed: rows, letters and what they hold back are there" test "$(ask w.db 'SELECT count(*) > 100
		AND sum(dead) > 9 AND sum(held) > 9 AND sum(applied) > 300 FROM ev_ledger, (SELECT 1 FROM gone UNION ALL SELECT 1 FROM sums)')" = 1
	for batch in 1 7 1000; do
		forget "p$batch"
		run evproject run d.sql --store "$(store "p$batch")" --on-error dead --batch $batch ./d.ndjson
		check_status 0 "seed $seed: a run into PostgreSQL, batches of $batch"
		view "p$batch" "${tables[@]}" >got
		check "seed $seed: batches of $batch give what SQLite has" diff want got
		rm -f c.db*
		evproject run d.sql --store c.db --on-error dead --batch $batch --quiet ./d.ndjson
		check "seed $seed: and the same cuts" cmp <(ask c.db "$cuts") <(ask "p$batch" "$cuts")
	done
	rm -f decided.*
	# what people decide on dead letters, in the order of the list
	for place in $(ask w.db "SELECT topic || '/' || partition || '@' || record_offset FROM ev_dead WHERE state = 'dead'
		ORDER BY topic, partition, record_offset" | awk 'NR % 3 == 1' | head -n 12); do
		what=$([ $((RANDOM % 2)) = 0 ] && echo drop || echo retry)
		for s in w.db p7; do
			evproject dead $what d.sql --store "$(url_of $s)" --yes "$place" 2>>decided.$s
			echo "$what $place $?" >>decided.$s.status
		done
	done
	check "seed $seed: dead letters dropped and retried end alike" cmp decided.w.db.status decided.p7.status
	view w.db "${tables[@]}" >want
	view p7 "${tables[@]}" >got
	check "seed $seed: and leave the same" diff want got
done

within=600000
# The projections that we ship, on generated events.
for kind in orders datasets sensors sessions github; do
	case $kind in
	github) source=(--lines github "$TOP/projections/data/github-events-2021-07-21.ndjson.gz" --to 1500) ;;
	*) "$TOP/scripts/generate" $kind 1500 "$seed" >$kind.ndjson; source=("./$kind.ndjson") ;;
	esac
	for s in $kind.db $kind; do
		run evproject run "$TOP/projections/$kind.sql" --store "$(url_of $s)" --check --batch 500 "${source[@]}"
		check_status 0 "$kind: a run into ${s/%$kind/PostgreSQL} holds its checks"
		mapfile -t names < <(ask $s 'SELECT table_name FROM ev_table ORDER BY 1' | grep -v temperatures) # which has fractions
		view $s "${names[@]/#/SELECT * FROM }" | grep -v '^==' | sort >$s.view
		evproject show "$TOP/projections/$kind.sql" --store "$(url_of $s)" >$s.show
	done
	check "$kind: the same rows and ledger" diff $kind.db.view $kind.view
	check "$kind: of which there are many" test "$(wc -l <$kind.view)" -gt 100
	check "$kind: the same samples" diff $kind.db.show $kind.show
done

# PostgreSQL folds names by their ASCII letters, whatever the locale takes for the small letter of others
if super "CREATE DATABASE folds$$ OWNER app TEMPLATE template0 LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'" 2>/dev/null; then
	folds=${_stores%/*}/folds$$
	printf '%s\n' '-- @projection big version 1' '-- @topics t' '-- @envelope type=$.type' '-- @schema' \
		'CREATE TABLE ÄRGER_T (k text PRIMARY KEY);' '-- @on e' 'INSERT INTO ÄRGER_T (k) VALUES (:key) ON CONFLICT (k) DO NOTHING;' >big.sql
	echo '{"topic":"t","partition":0,"offset":0,"timestamp":1,"key":"k","value":{"type":"e"}}' >big.ndjson
	for s in big.db "$folds"; do
		run evproject run big.sql --store "$s" ./big.ndjson
		check_status 0 "a table with a capital that is not ASCII: ${s##*/}"
	done
	run evproject diff big.db "$folds" big.sql
	check_status 0 "  is found in both"
	check_grep "  with its row" 'ÄRGER_T +1 ' "$out"
	super "DROP DATABASE folds$$"
else
	skip "names that are not ASCII" "there is no locale C.UTF-8"
fi
done_testing
