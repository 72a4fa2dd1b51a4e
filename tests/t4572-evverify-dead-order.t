# A key in two partitions: what a dead letter holds back depends on the order, also where all handlers commute.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/evverify.sh"

cat >p.sql <<'SQL'
-- @projection sums version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE sums (k text PRIMARY KEY, n integer NOT NULL);
-- @on add
INSERT INTO sums (k, n) VALUES ($.k, $.n!) ON CONFLICT (k) DO UPDATE SET n = sums.n + excluded.n;
SQL
run evproject check p.sql
check_grep "all handlers commute" 'all handlers commute' "$out"
at() { # PARTITION OFFSET TIME KEY N: one record; null is poison. A file each, so that they merge by their times
	rec add "$4" "$5" "$2" "$1" | sed "s/\"timestamp\":[0-9]*/\"timestamp\":$3/" >>"$1.ndjson"
}
anew() { forget s.db; rm -f ?.ndjson; }
letters() { sql s.db "SELECT count(*) FROM ev_dead WHERE state = '$1'"; }
rows() { sql s.db "SELECT k, n FROM sums ORDER BY k" | paste -sd' '; }
cuts() { sql s.db "SELECT count(*) FROM ev_cut"; }
# took WHAT ROWS RUN-ARGS...: it goes on with the log, has these rows then, and they are those of the log
took() {
	local what=$1 want=$2
	shift 2
	run evproject run p.sql --store "$(store s.db)" --on-error dead "$@" ./0.ndjson ./1.ndjson
	check_status 0 "$what"
	check "$what: the rows" test "$(rows)" = "$want"
	verify s.db ./0.ndjson ./1.ndjson
	check_status 0 "$what: they are the log's"
	verify s.db ./0.ndjson ./1.ndjson --independent
	check_status 0 "$what: also by statements"
}

for way in --exact-statements --batch=1 ""; do
	anew
	at 0 0 100 J 1; at 1 0 200 K 5; at 1 1 210 L 1
	took "two partitions" "J|1 K|5 L|1" $way
	check "store no cuts where order does not matter" test "$(cuts)" = 0
	# of an earlier time than what is there
	at 0 1 110 K null; at 0 2 120 L 2; at 1 2 220 K 7
	took "a dead letter of a key that the other partition has" "J|1 K|5 L|3" $way
	check "the one that came before it is applied, the one behind it held" test "$(letters dead) $(letters held)" = "1 1"
	at 0 3 130 L null; at 1 3 230 L 4
	took "one more" "J|1 K|5 L|3" $way
	check "holds back, too" test "$(letters dead) $(letters held)" = "2 2"
	for letter in t/0@1 t/0@3; do
		run evproject dead drop p.sql --yes --store "$(store s.db)" "$letter"
		check_status 0 "$letter is given up"
	done
	check "what was held is applied" test "$(rows)" = "J|1 K|12 L|7"
	verify s.db ./0.ndjson ./1.ndjson
	check_status 0 "as the log has it, with these decisions"
	n=$(cuts)
	at 0 4 140 K 1; at 1 4 240 L 1
	took "without dead letters" "J|1 K|13 L|8" $way
	check "there are no more cuts" test "$(cuts)" = "$n"
	at 0 5 150 L null
	took "the next dead letter" "J|1 K|13 L|8" $way
	check "holds back nothing that came before" test "$(letters dead) $(letters held)" = "1 0"
done

# letters of a view that stored no cuts for them
anew
at 0 0 100 K null; at 1 0 200 M 5
took "a dead letter in the order of the merge" "M|5"
sql s.db "DELETE FROM ev_cut; UPDATE ev_projection SET cuts = 0" >/dev/null
verify s.db ./0.ndjson ./1.ndjson
check_status 0 "is proven without cuts"
at 0 1 150 M null
took "what comes now is told apart" "M|5"
n=$(cuts)
took "with nothing new" "M|5"
at 1 1 250 M 1
took "and it goes on" "M|5"
check "by one cut for each run" test "$(cuts)" -le $((n + 2))
done_testing
