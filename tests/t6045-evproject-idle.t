#!/usr/bin/env bash
# A follower without events: fenced by a swap and a rollback, not by who writes beside it
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
. "$TOP/tests/project.sh"

topic log 2 && topic=$log
put < <(events 0 16 2)
chain_projection "$log" >chain.sql
sed 's/version 1/version 2/; s/VALUES (1, 1, /VALUES (1, 1, 0 * /' chain.sql >chain2.sql
s=$(store s.db)
follow() { # FILE ERR
	evproject run "$1" --store "$s" --follow --quiet --on-error dead --lock-wait 60s 2>"$2" &
	follower=$!
	at_exit "kill -9 $follower 2>/dev/null"
}
applied() { [ "$(chain s.db)" = "$1" ]; }
ended() { ! kill -0 "$follower" 2>/dev/null || grep -q '^State:.Z' "/proc/$follower/status"; }
holds() { sql s.db "SELECT holder FROM ev_projection WHERE name = 'chain'" | grep -q "^pid $1 on "; }
exits() {
	wait_for 60 ended || kill -9 $follower
	wait $follower
	status=$?
}
refused() { # FILE: another run, that does not wait
	run timeout 300 evproject run "$1" --store "$s" --quiet --lock-wait 1ms
	check_status 6 "another run is refused"
	check_grep "and told who has the lock" "hint: it is held by pid $follower on " "$err"
}
scratch=()
on sqlite || scratch=(--scratch "$_stores")
verify() { run timeout 300 evverify chain.sql --store "$s" "${scratch[@]}" "$@"; }
swap() { run timeout 300 evproject rebuild "$@" --store "$s" --yes --quiet; check_status 0 "a rebuild swaps"; }

# a swap
follow chain.sql old.err
check "the old version is followed" wait_for 60 applied 16
swap chain2.sql
exits
check_status 6 "its follower ends with 6, though no event comes"
check_grep "and says why" "^evproject run: projection 'chain' was swapped: version 2 serves now$" old.err
check_grep "and what to do" '^hint: start again with the file of that version' old.err
follow chain2.sql new.err
put < <(events 16 4 2)
check "started again with the new file it goes on" wait_for 60 applied 20
check "at the swapped position" balanced s.db

# a rollback
run timeout 300 evproject rollback chain2.sql --store "$s" --quiet
check_status 0 "a rollback"
exits
check_status 6 "ends the new version's follower"
check_grep "and says why" 'was swapped: version 1 serves now$' new.err

# who writes beside it takes neither its place nor its name
follow chain.sql beside.err
check "the old version goes on from where it stood" wait_for 60 applied 20
put < <(echo "put $log/0 2000000 poison {\"type\":\"put\"}"; echo "put $log/0 2000010 k1 {\"type\":\"put\",\"v\":1}")
check "with a dead letter" wait_for 60 applied 21
refused chain.sql
run timeout 300 evproject dead drop chain.sql --store "$s" "$log/0@$(sql s.db 'SELECT record_offset FROM ev_dead')" --yes
check_status 0 "dead drop beside it"
refused chain.sql
sql s.db "UPDATE last SET v = v + 1 WHERE k = 'k1'"
verify --rows --repair --yes
check_status 0 "a repair beside it"
refused chain.sql
if on postgresql; then
	sessions() {
		sql s.db "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND
			backend_type = 'client backend' AND application_name = 'evtools'"
	}
	another() { now=$(sessions) && [ -n "$now" ] && [ "$now" != "$before" ]; }
	alone() { before=$(sessions) && [[ $before =~ ^[0-9]+$ ]]; } # a session ends some time after its client
	check "(it has one connection)" wait_for 60 alone
	sql s.db "SELECT pg_terminate_backend($before)" >/dev/null
	check "a connection that is lost while it idles is made anew" wait_for 60 another
fi
put < <(events 20 4 2)
check "it goes on after all of them" wait_for 60 applied 25
verify --counts --rows
check_status 0 "and the view is what the log makes"

# one that does not get to look has the lock still, and whoever comes is told so
kill -STOP $follower
swap chain2.sql
refused chain2.sql
kill -CONT $follower
exits
check_status 6 "it is fenced when it does"
check_grep "and says why" 'was swapped: version 2 serves now$' beside.err

# the same version anew: its follower goes on, and ends where a rollback takes the view back behind it
s=$(store again.db)
run timeout 300 evproject run chain.sql --store "$s" --quiet --on-error dead
follow chain.sql again.err
check "a follower is at work" wait_for 60 eval 'sql again.db "SELECT holder FROM ev_projection" | grep -q "^pid $follower on "'
swap chain.sql --again
before=$(chain again.db)
put < <(events 24 4 2)
check "a rebuild of the same version does not end it" wait_for 60 eval '[ "$(chain again.db)" = $((before + 4)) ]'
run timeout 300 evproject rollback chain.sql --store "$s"
check_status 0 "a rollback to what was before"
check_grep "tells which of the two it is behind" ', 4 offsets behind the other version 1; that \(rebuild of [^)]*\) is kept' "$err"
exits
check_status 6 "ends it, as it stands elsewhere"
check_grep "and says why" "another process has moved projection 'chain'" again.err
check_grep "and what to do" '^hint: .* start again, and it goes on where the view stands' again.err
run timeout 300 evproject run chain.sql --store "$s" --quiet
check "which it does" test "$(chain again.db)" = $((before + 4))
done_testing
