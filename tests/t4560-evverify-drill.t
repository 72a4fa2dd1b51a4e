# evverify --drill: each corruption of the table is done to a copy of a view that has a place for it, and seen as claimed.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/evverify.sh"
export TMPDIR=$PWD/tmp # others drill at the same time
mkdir tmp

# a column of each type, texts with NULL, '' and accents, a table without a key, a hole, a dead letter
types='i integer, j integer, r real, s text, u text, w text, b blob' more='' values='' columns=''
if on postgresql; then
	types='i bigint, j bigint, r double precision, s text, u text, w text, b bytea'
	more=', d numeric, f boolean, z timestamptz, o jsonb' values=', $.d, $.f, :time, $.o' columns=', d, f, z, o'
fi
cat >p.sql <<SQL
-- @projection drilled version 1
-- @topics t u
-- @envelope type=\$.type id=\$.id
-- @dedupe id within '1 hour'
-- @schema
CREATE TABLE v (k text PRIMARY KEY, $types$more);
CREATE TABLE l (s text, n integer);
-- @on put
INSERT INTO v (k, i, j, r, s, u, w, b$columns)
VALUES (\$.k!, \$.i, \$.j, \$.r, \$.s, \$.u, :time, :key$values)
ON CONFLICT (k) DO UPDATE SET i = excluded.i, s = excluded.s;
-- @on add must touch
UPDATE v SET i = i + \$.n! WHERE k = \$.k;
-- @on line
INSERT INTO l (s, n) VALUES (\$.s, \$.n);
-- @check sizes
SELECT k FROM v WHERE i > 100000000000;
SQL
events() { # TYPE KEY REST
	local id
	while read -r type key rest; do
		id="\"key\":\"$key\""
		[ $type != put ] || id='"key_base64":"/wE="' # no UTF-8, so :key is bytes
		printf '{"topic":"t","partition":0,"offset":%d,"timestamp":%d,%s,"headers":[],"value":{"type":"%s","id":%d,"k":"%s"%s}}\n' \
			$off $((1763200000000 + off)) "$id" "$type" $off "$key" "$rest"
		off=$((off + 1 + (off == 3)))
	done
}
pg=',"d":1.5,"f":true,"o":{"x":[1,null]}'
events >log.ndjson <<LOG
put a ,"i":1,"j":7,"r":0,"s":"x","u":"y"$pg
put b ,"i":2,"j":8,"r":2.5,"s":"","u":"café"$pg
put c ,"i":3,"r":-2.25,"u":"z|"$pg
line a ,"s":"one","n":1
line a ,"s":"two","n":2
line b ,"s":"one","n":1
line b ,"s":"three"
nop a
add a ,"n":2
put a ,"i":50,"s":"x again"
add a ,"n":5
add b ,"n":1
add b ,"n":3
add missing ,"n":1
nop b
nop c
LOG
project s.db --on-error dead ./log.ndjson
check_status 0 "a view with a place for everything"
was=$(for t in v l ev_ledger ev_dead ev_seen ev_projection; do sql s.db "SELECT * FROM $t"; done | sort)

verify s.db --capabilities --format json 2>/dev/null # the store is not looked at
check_status 2 "--capabilities takes no file"
run evverify --capabilities --format json
check_status 0 "it is a table"
cp "$out" table.json
dialect=sqlite
if on postgresql; then dialect=postgresql; fi

verify s.db ./log.ndjson --drill --format json
check_status 0 "all is seen as claimed"
show <"$err"
check "no claim is without a proof: each was possible in this view" test -z \
	"$(jq -r --slurpfile t table.json '.modes[] | select(.mode == "drill") | .notes as $n | $t[0][] | select(.'$dialect' and .log == "never" and .against == "never") |
		.corruption as $c | select(any($n[]; . == $c + ": not possible in this view")) | $c' "$out" | tee left)"
show <left
check "modes saw what they claim, and nothing that they never see" jq -e --slurpfile t table.json '
	[.modes[] | select(.mode == "drill") | .notes[] | select(endswith("not possible in this view") | not)] as $n |
	[$t[0][] | . as $row | $n[] | select(startswith($row.corruption + ", ")) | split(": seen by ")[1] | split(", ") as $by |
	 ("rows", "counts", "checks") | . as $m |
	 if $row[$m] == "sees" then any($by[]; . == $m) elif $row[$m] == "never" then all($by[]; . != $m) else true end] |
	length > 100 and all' "$out"
check "each corruption is accounted for" says '.modes[] | select(.mode == "drill") | .checked > 35 and .found == 0'
check "the store is as it was" test \
	"$(for t in v l ev_ledger ev_dead ev_seen ev_projection; do sql s.db "SELECT * FROM $t"; done | sort)" = "$was"
check "nothing is left behind" test -z "$(ls -d tmp/evdrill.* 2>/dev/null)"

if ! on postgresql; then # where each takes its time
	verify s.db ./log.ndjson --drill --counts
	check_status 0 "one mode alone is drilled"
	check_grep "and only it" 'a count is wrong, .*: seen by counts$' "$out"
	check_no_grep "not the others" 'a row is deleted' "$out"
fi
verify s.db ./log.ndjson --drill --ignore v.i
check_status 2 "nothing is left out of a drill"
same_but "UPDATE v SET j = 9 WHERE k = 'a'"
verify c.db ./log.ndjson --drill
check_status 1 "a view that is wrong is not drilled"
check_grep "but said to be wrong" 'changed v k=.a.: j is 9, should be 7' "$out"
check_grep "and why" 'not consistent as it is, so nothing was damaged' "$err"
verify s.db --drill ./nosuch.ndjson
check_status 3 "without its log nothing is drilled"
if on postgresql; then
	run evverify p.sql --store "$(store s.db)" ./log.ndjson --drill
	check_status 2 "no copy is made in the database that is checked, unless it is named"
	check_grep "which is said" 'hint: .*--scratch' "$err"
	check "no schema is left behind" test "$(sql s.db "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'ev_scratch%'")" = 0
fi
done_testing
