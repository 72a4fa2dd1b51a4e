# tests/run believes nothing: a test that fails in whatever way makes the run fail.
. "$(dirname "$0")/lib.sh"
mkdir -p build/unit
runs() { # runs WANTED SENTENCE: the script on stdin is the only test
	{ echo '#!/bin/bash'; cat; } >build/unit/probe_test
	chmod +x build/unit/probe_test
	run "$TOP/tests/run" --build "$T/build" --tier check probe_test
	check_status "$1" "$2"
}
unset CI
runs 0 "a test that passes" <<'END'
echo "ok 1 - a"; echo 1..1
END
check_grep "the count is printed" '^1 passed, 0 failed, 0 skipped$' "$out"
runs 1 "a check that fails" <<'END'
echo "ok 1 - a"; echo "not ok 2 - b"; echo 1..2
END
check_grep "and is shown" 'not ok 2 - b' "$out"
runs 1 "no plan" <<'END'
echo "ok 1 - a"
END
runs 1 "fewer checks than planned" <<'END'
echo "ok 1 - a"; echo 1..2
END
runs 1 "all is well, but the exit status" <<'END'
echo "ok 1 - a"; echo 1..1; exit 3
END
runs 1 "a crash" <<'END'
echo "ok 1 - a"; kill -SEGV $$
END
runs 1 "nothing at all" <<'END'
true
END
runs 0 "a skip passes by hand" <<'END'
echo "ok 1 - a"; echo "ok 2 - b # SKIP no such tool"; echo 1..2
END
check_grep "but is counted" '1 passed, 0 failed, 1 skipped' "$out"
export CI=1
runs 1 "a skip fails in CI" <<'END'
echo "ok 1 - a"; echo "ok 2 - b # SKIP no such tool"; echo 1..2
END

# stopped in mid-run: the test under way goes as well
printf '#!/bin/bash\necho $$ >"%s/pid"; sleep 100\n' "$T" >build/unit/probe_test
"$TOP/tests/run" --build "$T/build" --tier check probe_test >/dev/null 2>&1 &
runner=$!
wait_for 60 test -s pid
kill $runner
wait $runner
check "a stopped run ends with 130" test $? = 130
gone() { ! kill -0 "$(cat pid)" 2>/dev/null; }
check "and so does the test that it ran" wait_for 60 gone

# side by side: each waits for the other to have begun; all are counted, and one that fails is enough
mkfifo met
printf '#!/bin/bash\nread -r _ <"%s/met"; echo "ok 1 - a"; echo "ok 2 - b"; echo 1..2\n' "$T" >build/unit/probe_test
printf '#!/bin/bash\necho >"%s/met"; echo "not ok 1 - c"; echo 1..1\n' "$T" >build/unit/probf_test
chmod +x build/unit/probf_test
run timeout 60 "$TOP/tests/run" --build "$T/build" --jobs 2 --tier check prob
check_status 1 "two tests side by side, of which one fails"
check_grep "add up" '^2 passed, 1 failed, 0 skipped$' "$out"

# two tests of one server never meet; those of two servers do. In a tree of their own; the servers are names
mkdir -p tree/tests
cp "$TOP/tests/run" tree/tests/run
mkfifo there here
alone() { # alone NAME SERVER [COMMAND]: a test that finds nobody else at that server
	printf 'mkdir "%s/%s" && { %s; rmdir "%s/%s"; echo "ok 1 - a"; echo 1..1; }\n' "$T" "$2" "${3:-true}" "$T" "$2" \
		>"tree/tests/$1.t"
}
alone t5001-first kafka "echo >'$T/there'; read -r _ <'$T/here'"
alone t8001-meets postgres "read -r _ <'$T/there'; echo >'$T/here'"
alone t5002-second kafka
alone t6001-third kafka
alone t8002-second postgres
alone t8260-both kafka "mkdir '$T/postgres' && rmdir '$T/postgres' || exit 1"
EV_TEST_BROKERS=none EV_TEST_POSTGRES=none run timeout 60 tree/tests/run --build ../build --jobs 4 --tier servers
check_status 0 "tests of two servers side by side, of one server one after another"
check_grep "all of them" '^6 passed, 0 failed, 0 skipped$' "$out"

# of two servers of a kind each has one test at a time: the two meet, the third comes when one has gone
rm tree/tests/t*
two() { # two NAME [COMMAND]: a test that finds nobody else at the server that it is given
	printf 'mkdir "%s/$EV_TEST_BROKERS" && { %s; rmdir "%s/$EV_TEST_BROKERS"; echo "ok 1 - a"; echo 1..1; }\n' "$T" "${2:-true}" "$T" \
		>"tree/tests/$1.t"
}
two t5001-first "echo >'$T/there'; read -r _ <'$T/here'"
two t5002-second "read -r _ <'$T/there'; ls '$T' | grep -c '^at[12]\$' >'$T/met.at'; echo >'$T/here'"
two t5003-third
EV_TEST_BROKERS="at1 at2" run timeout 60 tree/tests/run --build ../build --jobs 4 --tier servers
check_status 0 "tests of one kind of server, which is there twice, side by side"
check_grep "all of them, each alone at its server" '^3 passed, 0 failed, 0 skipped$' "$out"
check "two at a time" grep -qx 2 met.at
run "$TOP/tests/run" --build "$T/build" --tier check no_such_test
check_status 1 "a run of no tests"
done_testing
