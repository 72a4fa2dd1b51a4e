# tests/store.sh - the stores of a test, by name; sourced after lib.sh.
#
# They are SQLite files, or with EV_STORE=postgresql schemas of a database of the script's own: the
# same test file proves both. tests/t82NN-*.t run those of SQLite so.
#
#   store NAME             print its URL, for --store "$(store NAME)"; NAME may be an URL itself
#   sql NAME 'SELECT ...'  its rows, a line each, columns separated by |
#   forget NAME...         remove it, as if it had never been there
#   copy FROM TO           one more store with the same tables and rows
#   untouched NAME         nothing was ever made in it
#   on sqlite|postgresql   which one is it? Also `on sqlite A postgresql B` prints A or B.
EV_STORE=${EV_STORE:-sqlite}
case $EV_STORE in
sqlite) ;;
postgresql)
	. "$TOP/tests/postgres.sh"
	database _stores
	;;
*) fail "EV_STORE=$EV_STORE is no store"; done_testing; exit 1 ;;
esac
on() {
	while [ $# -gt 1 ]; do
		[ "$1" != "$EV_STORE" ] || { echo "$2"; return; }
		shift 2
	done
	[ "${1:-}" = "$EV_STORE" ]
}
_schema() { echo "${1//[^a-z0-9]/_}"; }
store() {
	local schema
	case $EV_STORE:$1 in
	sqlite:*|*://*) echo "$1" ;;
	*)
		schema=$(_schema "$1")
		[ -e ".store.$schema" ] || { sql "$_stores" "CREATE SCHEMA $schema"; : >".store.$schema"; }
		echo "$_stores?options=-csearch_path%3D$schema"
		;;
	esac
}
sql() {
	case $EV_STORE:$1 in
	*://*) psql -qAtX -v ON_ERROR_STOP=1 "$1" -c "$2" ;;
	sqlite:*) sqlite3 -cmd '.timeout 5000' "$1" "$2" ;;
	*) psql -qAtX -v ON_ERROR_STOP=1 "$(store "$1")" -c "$2" ;;
	esac
}
forget() {
	local name schema
	for name; do
		schema=$(_schema "$name")
		if on sqlite; then
			rm -f "$name" "$name-wal" "$name-shm"
		elif [ -e ".store.$schema" ]; then
			psql -qAtX "$_stores" -c "DROP SCHEMA $schema CASCADE" 2>/dev/null
			rm -f ".store.$schema"
		fi
	done
}
copy() {
	local table
	if on sqlite; then
		cp "$1" "$2" # of one that is closed, so there is no WAL
		return
	fi
	store "$2" >/dev/null
	for table in $(sql "$1" "SELECT tablename FROM pg_tables WHERE schemaname = '$(_schema "$1")' ORDER BY 1"); do
		sql "$1" "CREATE TABLE $(_schema "$2").$table (LIKE $table INCLUDING ALL);
			INSERT INTO $(_schema "$2").$table SELECT * FROM $table"
	done
}
untouched() {
	if on sqlite; then
		[ ! -e "$1" ]
	else
		[ "$(sql "$1" "SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace")" = 0 ]
	fi
}
