# evproject test: cases as TAP, what a failure shows, files that are none
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"

against=() # the store that cases run on
on postgresql && against=(--store "$(store c.db)")
cases() { cat >c.json; run evproject test p.sql c.json "${against[@]}"; }
cases <<JSON
[{"name": "adds up", "given": [{"type":"add","k":"a","n":1}, {"type":"add","k":"a","n":2}],
  "expect": {"acc": [{"k":"a","n":3}]}},
 {"name": "forgets", "given": [{"type":"add","k":"a","n":1}, {"topic":"t","key":"a","value":null}],
  "expect": {"acc": []}},
 {"name": "keeps poison", "given": [{"key":"a","value":{"type":"add","k":"a","n":"x"}},
                                    {"key":"a","value":{"type":"add","k":"a","n":2}}],
  "expect": {"acc": []}, "dead": [{"offset": 0, "reason": "$(on sqlite '*cannot hold*' postgresql '*type integer*')"}], "held": 1}]
JSON
check_status 0 "cases that pass"
check_out "are TAP" <<'TAP'
ok 1 - adds up
ok 2 - forgets
ok 3 - keeps poison
1..3
TAP
cases <<'JSON'
[{"name": "wrong value", "given": [{"type":"add","k":"a","n":1}], "expect": {"acc": [{"k":"a","n":3}]}},
 {"name": "missing row", "given": [{"type":"nop"}], "expect": {"acc": [{"k":"a"}]}},
 {"name": "extra row", "given": [{"type":"add","k":"a","n":1}], "expect": {"acc": []}},
 {"name": "poison", "given": [{"type":"add","k":"a"}], "expect": {"acc": []}},
 {"name": "no poison", "given": [{"type":"nop"}], "expect": {}, "dead": [{"offset": 0}]},
 {"name": "good", "given": [{"type":"nop"}], "expect": {"acc": []}}]
JSON
check_status 1 "cases that fail are exit 1"
check "each is told" test "$(grep -c '^not ok' "$out") $(grep -c '^ok' "$out") $(tail -n 1 "$out")" = "5 1 1..6"
sed -n '/wrong value/,/missing row/p' "$out" >one
check_grep "the row that is there" '^#.*n.*1' one
check_grep "the row that was expected" '^#.*n.*3' one
sed -n '/- poison/,/- no poison/p' "$out" >one
check_grep "poison without dead tells the record and why" '^#.*@0.*\$\.n' one

cases <<'JSON'
[{"name": "text for a number", "given": [{"type":"add","k":"1","n":1}], "expect": {"acc": [{"n":"1"}]}},
 {"name": "a number for text", "given": [{"type":"add","k":"1","n":1}], "expect": {"acc": [{"k":1}]}},
 {"name": "each its own", "given": [{"type":"add","k":"1","n":1}], "expect": {"acc": [{"k":"1","n":1}]}}]
JSON
check "the number 1 is not the text 1" test "$(grep -c '^not ok' "$out") $(grep '^ok' "$out")" = '2 ok 3 - each its own'
check_grep "which can be seen" '^#.*k="1", n=1,' "$out"

wrong() { # wrong TEXT REGEX: the cases on stdin are refused
	cases
	check_status 2 "$1"
	check_grep "$1: says where" "$2" "$err"
}
wrong "no JSON" 'c\.json' <<<'[{'
wrong "no array" 'c\.json' <<<'{}'
wrong "a case without events names the case" "c\.json.*(lonely|case 2)" <<'JSON'
[{"name":"fine","given":[],"expect":{}}, {"name":"lonely","expect":{}}]
JSON
wrong "an unknown member names the case" "c\.json.*(odd|case 1).*expct" <<'JSON'
[{"name":"odd","given":[],"expct":{}}]
JSON
wrong "an unknown table names the case" "c\.json.*(odd|case 1).*accc" <<'JSON'
[{"name":"odd","given":[],"expect":{"accc":[]}}]
JSON
cases <<'JSON'
[{"name":"odd","given":[{"type":"add","k":"a","n":1}],"expect":{"acc":[{"kk":1}]}}]
JSON
check_status 1 "a column that is not there cannot be as expected"
check_grep "and is named" '^#.*kk' "$out"
wrong "no case at all" 'c\.json' <<<'[]'
run evproject test p.sql
check_status 2 "cases are required"
run evproject test p.sql missing.json
check_status 2 "cases that are not there"

# the variants see what one pass does not: with rows counted by batch the view would differ
sed 's/^-- @topics.*/&\n-- @dedupe id/; s/type=\$.type/type=$.type id=$.id/' p.sql >d.sql
cat >c.json <<'JSON'
[{"name": "each id once", "given": [{"id":"1","type":"add","k":"a","n":1}, {"id":"1","type":"add","k":"a","n":1}],
  "expect": {"acc": [{"k":"a","n":1}]}}]
JSON
run evproject test d.sql c.json "${against[@]}"
check_status 0 "with @dedupe a record given again changes nothing"
run evproject test p.sql c.json "${against[@]}"
check_status 1 "without it does"
for f in "$TOP"/projections/*.sql; do
	n=${f##*/}
	run evproject test "$f" "$TOP/projections/cases/${n%.sql}.json" "${against[@]}"
	check_status 0 "the cases of $n pass"
done
done_testing
