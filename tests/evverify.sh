# tests/evverify.sh - sourced after evproject.sh by tests of evverify; stores go by names there.
#
#   verify STORE ARGS...    evverify p.sql of that store, with a scratch database where it needs one
#   says FORMAT...          jq expression over the JSON verdict of the last `verify STORE --format json`
verify() {
	local store=$1; shift
	if on postgresql; then
		set -- --scratch "$_stores" "$@"
	fi
	run evverify p.sql --store "$(store "$store")" "$@"
}
says() { jq -e "$1" "$out"; }
# same_but SQL: a copy of s.db to which SQL was done, as c.db
same_but() { forget c.db; copy s.db c.db; sql c.db "$1" >/dev/null; }
