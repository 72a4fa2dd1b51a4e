#!/usr/bin/env bash
# evverify: the exit status table, row by row, in the shell's way and in a plugin's (--format nagios).
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"

{ rec add k1 1 0; rec add k2 2 1; rec add k1 3 2; } >log.ndjson
project s.db ./log.ndjson
cp s.db changed.db
head -n 2 log.ndjson >short.ndjson
project behind.db ./short.ndjson
sqlite3 changed.db "UPDATE acc SET n = 9 WHERE k = 'k2'"
mkdir -p folder
sed 's/version 1/version 2/; s/excluded.n,/excluded.n + 1,/' p.sql >other.sql
exec {holder}>held.lock
flock -n $holder

# row SHELL PLUGIN TEXT ARGS...: the status of `evverify ARGS`, and with --format nagios
row() {
	local shell=$1 plugin=$2 text=$3
	shift 3
	run evverify "$@"
	check_status "$shell" "$text: $shell"
	[ "$shell" -le 1 ] || check "a reason is on stderr" test -s "$err"
	run evverify "$@" --format nagios
	check_status "$plugin" "as a plugin: $plugin"
	[ "$shell" = 2 ] || check "with one line" test "$(wc -l <"$out")" = 1
}
row 0 0 "consistent" p.sql --store s.db ./log.ndjson
row 0 0 "a whole log" --log ./log.ndjson --envelope type=$.type
row 0 0 "a copy" ./log.ndjson --against ./log.ndjson
row 1 2 "a row differs" p.sql --store changed.db ./log.ndjson
row 1 2 "a limit is passed" p.sql --store behind.db --max-lag 0 ./log.ndjson
row 1 2 "a copy is not the same" ./log.ndjson --against ./short.ndjson
row 2 3 "no store" p.sql ./log.ndjson
row 2 3 "another file" other.sql --store s.db ./log.ndjson
row 3 3 "the source is not there" p.sql --store s.db ./nosuch.ndjson
row 3 3 "the copy is not there" ./log.ndjson --against ./nosuch.ndjson
row 4 3 "the store is not there" p.sql --store ./folder/nosuch.db ./log.ndjson
row 5 3 "the log is too short" p.sql --store s.db ./short.ndjson
row 5 3 "nothing to check" ./log.ndjson --against ./log.ndjson --since 2200-01-01T00:00:00Z
row 6 3 "another run holds the lock" p.sql --store s.db --lock held.lock ./log.ndjson

run evverify p.sql --store ./folder/nosuch.db ./log.ndjson
check "what failed before it had a position shows none" test -z "$(grep -e null -e ' at ' "$out")"
run evverify p.sql --store ./folder/nosuch.db --max-lag 0 ./log.ndjson
check "every mode that was not done is listed" test "$(sed -n 's/ .*not proven: cannot open store.*//p' "$out" | xargs)" = \
	"rows counts checks freshness"
run evverify --log p.sql ./log.ndjson
check_grep "nor does a log alone, with a file for its envelope" '^log +consistent: 3 offsets' "$out"
check "it begins with that" test "$(grep -c . <<<"$(sed '/^log/q' "$out")")" = 1
run evverify ./log.ndjson --against ./log.ndjson --format nagios
check_grep "a log is called so where no view has a name" '^EVVERIFY OK - log consistent' "$out"
run evverify p.sql --store s.db --counts ./log.ndjson
check_grep "of a long sum what is not 0 is printed" '^  t/0: offsets 3 = applied 3$' "$out"
run evverify p.sql --store s.db ./log.ndjson --format prom
check "seconds have no digits of noise" test -z "$(grep -E '[0-9]\.[0-9]{7}' "$out")"

since=$(evverify --help | sed -n 's/.*only from that time (\([^,]*\),.*/\1/p')
run evverify --log ./log.ndjson --since "${since:-none}" --allow-empty
check_status 0 "the time that stands in the help is one"

run evverify --nosuch
check_status 2 "an unknown option: 2"

mkfifo pipe
evverify --log - <pipe >"$out" 2>"$err" &
pid=$!
exec {writer}>pipe
cat log.ndjson >&"$writer"
wait_for 60 grep -qx evverify "/proc/$pid/comm" # it runs; a signal before it is ready ends it all the same
kill -TERM $pid
wait $pid
check "stopped by a signal: 128 and its number" test $? = 143
exec {writer}>&-

# a report that is cut, as nobody reads it, is no verdict either
printf -v pad '%0200d' 0
for ((i = 0; i < 300; i++)); do rec add "$pad$i" 1 "$i"; done >many.ndjson
project many.db ./many.ndjson
sqlite3 many.db "UPDATE acc SET n = 9"
mkfifo asleep
exec {reader}<>asleep
evverify p.sql --store many.db ./many.ndjson --max-diffs 300 --format json >asleep 2>"$err" &
pid=$!
read -r -n 1 -u "$reader" _
kill -TERM $pid
wait $pid
check "nor is a cut report: 128 and its number" test $? = 143
exec {reader}>&-

evverify p.sql --store s.db ./log.ndjson >/dev/full 2>"$err"
check "a verdict that could not be printed is no verdict" test $? = 4
evverify p.sql --store s.db ./log.ndjson -q --metrics ./folder/no/m.prom >"$out" 2>"$err"
check "nor is one that could not be written for Prometheus" test $? = 4
run evverify p.sql --store s.db ./log.ndjson -q --metrics m.prom
check_grep "a success has its time" '^evverify_last_success_timestamp_seconds\{projection="acc"\} 1' m.prom
before=$(grep "last_success_timestamp_seconds.projection" m.prom)
for args in "--store changed.db ./log.ndjson" "--store s.db ./short.ndjson" "--store s.db ./nosuch.ndjson"; do
	# shellcheck disable=SC2086
	run evverify p.sql $args -q --metrics m.prom
	check "a run that ends with $status keeps it" test "$(grep "last_success_timestamp_seconds.projection" m.prom)" = "$before"
	check_grep "and says how it ended" "^evverify_status\{projection=\"acc\"\} $status\$" m.prom
done
run evverify other.sql --store s.db ./log.ndjson -q --metrics m.prom
check_status 2 "the file of another version"
check_grep "its metrics say so" '^evverify_status\{projection="acc"\} 2$' m.prom
check_grep "and that it was not checked" '^evverify_run_complete\{projection="acc"\} 0$' m.prom
check "the last success stays" test "$(grep "last_success_timestamp_seconds.projection" m.prom)" = "$before"
cp m.prom kept.prom
head -c 5000000 /dev/zero | tr '\0' '#' >>m.prom
run evverify p.sql --store changed.db ./log.ndjson -q --metrics m.prom
check_status 4 "metrics that cannot be read are not replaced"
check "they are what they were" test "$(wc -c <m.prom)" -gt 5000000
for option in "--receipt ./folder/no/r.json" "--metrics ./folder/no/m.prom"; do
	# shellcheck disable=SC2086
	run evverify p.sql --store s.db ./log.ndjson --format nagios $option
	check_status 3 "a plugin that cannot write $option: UNKNOWN"
	check "with the reason" test -s "$err"
done
evverify p.sql --store s.db ./log.ndjson --format nagios >/dev/full 2>"$err"
check "nor when nobody gets its line" test $? = 3

run evverify nosuch.sql --store s.db ./log.ndjson --format nagios
check_status 3 "nor where the file is not there"
check_grep "and it is no log that the line is of" '^EVVERIFY UNKNOWN - cannot open' "$out"

# a file without checks, of which nothing else is asked
sed '/^-- @check/,$d' p.sql >none.sql
for format in text tap json; do
	run evverify none.sql --store s.db --checks ./log.ndjson --format $format
	check_status 5 "nothing checked is no yes ($format)"
done
check_grep "with the reason" 'no checks to check' "$err"
run evverify none.sql --store s.db --checks --allow-empty ./log.ndjson
check_status 0 "unless that is said to be right"
run evverify none.sql --store s.db --rows --checks ./log.ndjson
check_status 0 "beside rows a file may have none"

# values that differ far behind what is printed of a long one
long=$(printf '%0300d' 0)
cat >long.sql <<'SQL'
-- @projection long version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE l (k text PRIMARY KEY, s text);
-- @on add
INSERT INTO l (k, s) VALUES ($.k, $.n);
SQL
rec add k1 "\"${long}right\"" 0 >long.ndjson
run evproject run long.sql --store long.db ./long.ndjson
sqlite3 long.db "UPDATE l SET s = replace(s, 'right', 'wrong')"
run evverify long.sql --store long.db --rows ./long.ndjson
check_status 1 "a long text that differs at its end"
check_grep "is printed from there on" "s is 305 bytes, from byte 300 on 'wrong', should be 305 bytes, from byte 300 on 'right'" "$out"
sqlite3 long.db "UPDATE l SET s = '$long'"
run evverify long.sql --store long.db --rows ./long.ndjson
check_grep "so is one that ends before" "s is 300 bytes, from byte 300 on '', should be 305 bytes" "$out"
done_testing
