# tests/rebuild.sh - for the tests of rebuilds; sourced after evproject.sh
#
#   v1.sql, v2.sql                 two versions of the projection; the second counts tenfold
#   log N                          N events of all kinds
#   biglog N KEYS                  N events that add to KEYS keys
#   rebuild FILE STORE SOURCE...   evproject rebuild
#   build FILE STORE SOURCE...     the view, built at once by run
#   same STORE STORE               rows, ledger and dead letters are equal
#   only_files NAME...             no other files that begin with the first name
#   only_tables STORE NAME...      no other tables than these and ours, no rows of other versions than kept ones
sed '/^CREATE TABLE/a CREATE INDEX acc_n ON acc (n);\nCREATE VIEW big AS SELECT k, n FROM acc WHERE n > 50;' p.sql >v1.sql
sed 's/version 1/version 2/; s/(\$\.k!, \$\.n!,/($.k!, 10 * $.n!,/; s/SET n = \$\.n WHERE/SET n = 10 * $.n WHERE/' v1.sql >v2.sql
log() {
	local i
	for ((i = 0; i < $1; i++)); do
		case $((i % 17)) in
		5) rec put "k$((i % 23))" $((i % 7)) ;;
		9) rec nop x 0 ;;
		13) rec del "k$((i % 5))" 0 ;;
		*) rec add "k$((i % 23))" $((i % 11)) ;;
		esac
	done
}
sed -i 's/ must touch//' v1.sql v2.sql
rebuild() { local f=$1 s=$2; shift 2; run evproject rebuild "$f" --store "$s" "$@"; }
build() { local f=$1 s=$2; shift 2; evproject run "$f" --store "$s" --quiet "$@" >/dev/null 2>&1; }
content() {
	sqlite3 "$1" "SELECT * FROM acc ORDER BY k; SELECT '--';
		SELECT * FROM ev_ledger WHERE projection = 'acc' ORDER BY topic, partition; SELECT '--';
		SELECT version, fingerprint, watermark, mode FROM ev_projection WHERE name = 'acc'; SELECT '--';
		SELECT topic, partition, record_offset, state, reason, line FROM ev_dead
			WHERE projection = coalesce((SELECT rows_key FROM ev_rows WHERE projection = 'acc'), 'acc')
			ORDER BY 1, 2, 3"
}
same() { content "$1" >.one && content "$2" >.two && diff .one .two; }
only_files() { # -wal and -shm go with the last connection
	local f
	for f in "$1"*; do [[ " $* " == *" $f "* ]] || { echo "there is $f"; return 1; }; done
}
only_tables() {
	local store=$1 rest; shift
	rest=$(sqlite3 "$store" "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'
		AND name NOT IN ('ev_projection', 'ev_table', 'ev_ledger', 'ev_cut', 'ev_dead', 'ev_seen', 'ev_rows', 'ev_rebuild',
		'ev_view') UNION ALL SELECT 'rows of ' || name FROM ev_projection WHERE name LIKE '%(new)' OR
		name LIKE '%(gone)' OR name LIKE '%(moving)' UNION ALL SELECT 'a plan' FROM ev_rebuild ORDER BY 1")
	[ "$rest" = "$(printf '%s\n' "$@")" ] || { echo "there is:" $rest; return 1; }
}
sound() { [ "$(sqlite3 "$1" 'PRAGMA integrity_check; PRAGMA foreign_key_check')" = ok ]; }
# biglog N KEYS: like log, by awk: events t/0@0.., all `add`, for KEYS keys
biglog() {
	awk -v n="$1" -v keys="$2" 'BEGIN { for (i = 0; i < n; i++)
		printf "{\"topic\":\"t\",\"partition\":0,\"offset\":%d,\"timestamp\":%d,\"key\":\"k%d\",\"headers\":[],\"value\":{\"type\":\"add\",\"k\":\"k%d\",\"n\":%d}}\n",
			i, 1763200000000 + i, (i * 7919) % keys, (i * 7919) % keys, (i * 31) % 101 }'
}
