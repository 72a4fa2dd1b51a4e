#!/usr/bin/env bash
# A rebuild that poison stops: the dry run says so beforehand, and status says what goes on with it. What a refused
# one was refused for, and since when, is in JSON and metrics, too.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
for i in {1..12}; do rec add "d$i" $((100 + i)); done >log.ndjson
sed 's/version 1/version 2/; s/n integer NOT NULL,/n integer NOT NULL CHECK (n < 102),/' p.sql >strict.sql
sed 's/version 1/version 2/; s/VALUES (\$\.k!, \$\.n!/VALUES ($.k!, 10 * $.n!/' p.sql >ten.sql
s=$(store s.db)
rebuild() { local f=$1; shift; run evproject rebuild "$f" --store "$s" "$@" ./log.ndjson; }
status_of() { run evproject status --store "$s"; }
is() { evproject status --store "$s" --format json | jq -e "$@"; }

# mode stop
project s.db --quiet ./log.ndjson
rebuild strict.sql --dry-run
check_status 5 "the dry run of a rebuild that poison will stop says no"
check_grep "in the plan" '^new poison +11 among the 12 records of the sample: THE REBUILD WOULD STOP$' "$out"
check_grep "and in a word, with the record" 'the rebuild would stop: t/0@1 is poison' "$err"
check_grep "and what helps" '^hint: mend the file, or keep such records with --on-error dead$' "$err"
check "nothing was begun" is '.rebuild == null'
rebuild strict.sql --dry-run --on-error dead
check_status 0 "which the plan takes"
check_grep "then it is none that stops" '^new poison +11 among the 12 records of the sample$' "$out"
rebuild strict.sql --dry-run --on-error dead --max-dead 10
check_status 5 "but for a limit"
check_grep "which is named" '11 records of the sample are new poison, more than --max-dead' "$err"
rebuild strict.sql --dry-run --on-error dead --max-dead 11
check_status 0 "a higher one will do"
rebuild strict.sql --yes
check_status 5 "the rebuild stops"
check_grep "and says how it goes on" '^hint: the same command with --on-error dead .*--abandon gives the rebuild up, and a mended file' "$err"
status_of
check_grep "status says that, too" '^to go on: the same command with --on-error dead .*--abandon gives the rebuild up, and a mended file' "$out"
check_no_grep "and not that the same command goes on" '^the same command goes on' "$out"
check "so does JSON" is '.rebuild | .phase == "load" and (.failed | test("t/0@1")) and (.advice | test("--on-error dead"))'
rebuild strict.sql --dry-run
check_status 5 "it would stop there again"
rebuild strict.sql --yes --on-error dead --max-dead 3
check_status 5 "with a limit it stops further on"
rebuild strict.sql --dry-run --on-error dead --max-dead 3
check_status 5 "and again"
rebuild strict.sql --dry-run
check_grep "as poison does that it has not passed, and no other" 'the rebuild would stop: t/0@4 is poison' "$err"
rebuild strict.sql --no-swap --quiet --on-error dead
check_status 0 "so it does"
for limit in "" "--on-error dead --max-dead 3"; do
	# shellcheck disable=SC2086
	rebuild strict.sql --dry-run $limit
	check_status 0 "what it has passed stops nothing ($limit)"
	check_grep "  though the sample has it" '^new poison +11 among the 12 records of the sample$' "$out"
done
rebuild strict.sql --yes --quiet
check_status 0 "and so it is"
check "with letters" is '.version == 2 and .dead == 11'

# letters of the old view: what is decided stops nothing, what is not does
rebuild strict.sql --dry-run --again --on-error stop
check_status 5 "a dead letter of the old view is poison still"
check_grep "which the plan says" 'the old view has 11 dead letters \(each that is still poison stops it\)' "$out"
for i in {1..11}; do evproject dead drop strict.sql --store "$s" "t/0@$i" --yes >/dev/null 2>&1; done
check "all are dropped" is '.dead == 0'
rebuild strict.sql --dry-run --again --on-error stop
check_status 0 "letters that are decided stop nothing"
rebuild strict.sql --dry-run --on-error stop
check_status 0 "nor does what has nothing to build"

# a refused one
s=$(store r.db)
project r.db --quiet ./log.ndjson
rebuild ten.sql --yes --max-change 5 --metrics m.prom
check_status 1 "a rebuild is refused"
check "JSON has the reason, and what was compared" is \
	'.rebuild | .phase == "refused" and (.refused | test("100.0 % of the rows change")) and (.compared | test("^12 rows changed"))'
check_grep "metrics have it" '^ev_rebuild_why\{projection="acc",reason="100.0 % of the rows change.*"\} 1$' m.prom
since=$(evproject status --store "$s" --format json | jq .rebuild.since)
check "moments are told as everywhere" is '.rebuild | .since, .updated_at | test("^2[0-9]{3}-[0-9-]{5}T[0-9:.]{12}Z$")'
rebuild ten.sql --yes --max-change 5
check "since is when that began: a call that is refused again is another" is --argjson s "$since" '.rebuild.since > $s'
rebuild ten.sql --no-swap
since=$(evproject status --store "$s" --format json | jq .rebuild.since)
status_of
check_grep "ready, and since when" '^rebuild to version 2: ready, since 2' "$out"
rebuild ten.sql --yes --metrics m.prom
check_status 0 "it is taken"
check_no_grep "metrics have no reason any more" ev_rebuild_why m.prom
sed 's/version 1/version 3/; s/WHERE n < 0/WHERE n > 0/' p.sql >fails.sql
s=$(store f.db)
rebuild strict.sql --yes --on-error dead --max-dead 3
check_status 5 "a first build that poison stops"
rebuild strict.sql --dry-run --on-error stop
check_grep "would be stopped by what it has not passed" 'the rebuild would stop: t/0@4 is poison' "$err"
s=$(store b.db)
rebuild fails.sql --yes --metrics m.prom
check_status 1 "a first build whose check fails"
check_grep "says so in metrics" '^ev_rebuild_why\{projection="acc",reason="checks of the file fail"\} 1$' m.prom

# a check that fails, and is wrong itself
s=$(store w.db)
project w.db --quiet ./log.ndjson
sed 's/version 1/version 2/; s/VALUES (\$\.k!, \$\.n!/VALUES ($.k!, 10 * $.n!/; s/WHERE n < 0/WHERE n > 1100/' p.sql >wrong.sql
rebuild wrong.sql --yes
check_status 1 "a rebuild whose check fails"
check_grep "says what goes on with what was loaded" 'acc: where it is the check that is wrong: mend it in the file, and the same command goes on' "$err"
status_of
check_grep "so does status" '^to go on: with the check mended in the file, and nothing else, the same command goes on; rebuild --abandon gives it up$' "$out"
began=$(sql w.db "SELECT plan FROM ev_rebuild" | jq -c .range)
rebuild ten.sql --no-swap --quiet
check_status 0 "which is so"
check "nothing was read again" test "$(sql w.db "SELECT plan FROM ev_rebuild" | jq -c .range)" = "$began"

# a swap that did not come through: why
if on sqlite; then
	sql w.db "CREATE TRIGGER stop AFTER DELETE ON ev_rebuild BEGIN SELECT RAISE(ABORT, 'stopped by test'); END"
else
	sql w.db "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE 'stopped by test'; END \$\$;
		CREATE TRIGGER stop AFTER DELETE ON ev_rebuild FOR EACH ROW EXECUTE FUNCTION stop()"
fi
rebuild ten.sql --yes --quiet
check_status 4 "a swap fails"
check "and JSON says with what" is '.rebuild | .phase == "swap" and (.failed | test("stopped by test"))'
status_of
check_grep "so does the text" '^nobody is at work on it; the last call ended with: .*stopped by test' "$out"
sql w.db "DROP TRIGGER stop $(on postgresql && echo ON ev_rebuild)"
if on postgresql; then
	db=$s
	session other
	say other 'BEGIN; SELECT count(*) FROM acc'
	rebuild ten.sql --yes --quiet --swap-wait 100ms
	check_status 6 "a swap is kept out"
	check "and JSON says by whom" is '.rebuild | .phase == "swap" and (.failed | test("does not let the swap through: pid [0-9]+"))'
	status_of
	check_grep "so does the text" 'the last call ended with: .*does not let the swap through: pid' "$out"
	say other COMMIT
	bye other
fi
rebuild ten.sql --yes --quiet
check_status 0 "the next one comes through"
check "and there is nothing to tell any more" is '.rebuild == null'

# the same version anew, beside a follower: which of the two serves
s=$(store a.db)
cp log.ndjson grows.ndjson
mkfifo feed
evproject run p.sql --store "$s" --follow --quiet --lock-wait 1m - <feed 2>follow.err & follower=$!
exec 9>feed
cat grows.ndjson >&9
at() { [ "$(sql a.db "SELECT next_offset FROM ev_ledger WHERE projection = 'acc'" 2>/dev/null)" = "$1" ]; }
check "a follower is at work" wait_for 60 at 12
run evproject rebuild p.sql --store "$s" --again --yes --quiet ./grows.ndjson
check_status 0 "the same version is built anew"
rec add z 5 12 | tee -a grows.ndjson >&9
check "the follower goes on with it" wait_for 60 at 13
exec 9>&-
wait $follower
check "and ends well" test $? = 0
check "the rows are the new ones" test "$(sql a.db "SELECT n FROM acc WHERE k = 'z'")" = 5
check "it has a time, and what a run has built has none" is '.version == 1 and .kept.version == 1 and .rebuilt and .kept.rebuilt == null'
status_of
check_grep "nor is one said" '^version 1 is kept for rollback, last commit 2[^ ]*$' "$out"
run evproject rebuild p.sql --store "$s" --again --yes --quiet ./grows.ndjson
is '.kept.rebuilt' >old
is '.rebuilt' >new
old=$(jq -r . old) new=$(jq -r . new)
check "times tell two builds of one version apart" test "$new" '>' "$old"
status_of
check_grep "of what serves" "^acc version 1, .*, rebuild of $new\$" "$out"
check_grep "and of what is kept" "^version 1 is kept for rollback, last commit .*, rebuild of $old\$" "$out"
run evproject rollback p.sql --store "$s"
check_grep "a rollback says which of them serves again" \
	"acc: version 1 \(rebuild of $old\) serves again, .*; that \(rebuild of $new\) is kept: rollback changes back" "$err"
check "status agrees" is --arg old "$old" --arg new "$new" '.rebuilt == $old and .kept.rebuilt == $new'
run evproject rollback p.sql --store "$s"
check_grep "and so does one that changes back" "version 1 \(rebuild of $new\) serves again, .*; that \(rebuild of $old\) is kept" "$err"
sql a.db "UPDATE ev_rows SET rows_key = 'acc/1' WHERE projection = 'acc'"
check "of what an earlier evproject has built it is not known" is '.rebuilt == null'

# it is the time when the rebuild began, and not that of the call that swaps
s=$(store two.db)
project two.db --quiet ./log.ndjson
rebuild ten.sql --no-swap --quiet
between=$(date -u +%FT%T.%3NZ)
rebuild ten.sql --yes --quiet
check "a rebuild of two calls is of the first one" is --arg t "$between" '.version == 2 and .rebuilt <= $t'

# one that is ready, and that a rollback has made void, is not to be swapped in
s=$(store v.db)
project v.db --quiet ./log.ndjson
rebuild ten.sql --yes --quiet
sed 's/version 2/version 3/; s/10 \* /11 * /' ten.sql >eleven.sql
rebuild eleven.sql --no-swap --quiet
status_of
check_grep "a rebuild is ready" '^rebuild --yes swaps it in, rebuild --abandon gives it up$' "$out"
evproject rollback ten.sql --store "$s" --quiet
status_of
check_grep "after a rollback status says that it is void" '^to go on: a rollback came between: --abandon gives the rebuild up' "$out"
check_no_grep "and no more" 'swaps it in' "$out"
check "so does JSON" is '.rebuild.advice | test("a rollback came between")'
rebuild eleven.sql --yes
check_status 2 "as it is"
evproject rollback ten.sql --store "$s" --quiet
check "another rollback, and it is not" is '.rebuild | .phase == "ready" and .advice == null'
rebuild eleven.sql --yes
check_status 0 "which holds"
done_testing
