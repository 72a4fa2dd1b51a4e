#!/usr/bin/env bash
# Somebody else has a lock on PostgreSQL that we want: status 6 says who, from where, and what he has.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/swap.sh"
for i in {0..99}; do rec add "k$((i % 7))" 1; done >in.ndjson
{ cat in.ndjson; rec add k1 1; } >more.ndjson
database db
project "$db" ./in.ndjson
session other
held() { # SQL PATTERN COMMAND...
	say other "BEGIN; $1"
	run "${@:3}" --store "$db" --lock-wait 100ms
	check_status 6 "$3 $4 beside: $1"
	check_grep "  says who" "is locked by another writer: ${2}[0-9]* s$" "$err"
	say other 'ROLLBACK'
}
say other 'SELECT pg_backend_pid()'
him="pid $(head -n 1 other.out) \\(psql, role app, host 127.0.0.1\\)"
held 'LOCK TABLE acc IN EXCLUSIVE MODE' "$him, which has ExclusiveLock on acc, for " evproject run p.sql ./more.ndjson
held 'LOCK TABLE ev_projection' "$him, which has AccessExclusiveLock on ev_projection, for " evproject run p.sql ./more.ndjson
held 'LOCK TABLE ev_projection' "$him, which has AccessExclusiveLock on ev_projection, for " evproject status
held 'SELECT FROM ev_projection FOR UPDATE' "the oldest writer there is $him, for " evproject run p.sql ./more.ndjson
held "SELECT FROM acc WHERE k = 'k1' FOR UPDATE" "the oldest writer there is $him, for " evproject run p.sql ./more.ndjson
rebuild p2.sql "$db" ./in.ndjson
held 'SELECT FROM ev_kept_public_acc.acc' "the oldest reader there is $him, for " evproject rebuild p2.sql --forget
bye other
run evproject rebuild p2.sql --store "$db" --forget
check_status 0 "without him it goes on"
done_testing
