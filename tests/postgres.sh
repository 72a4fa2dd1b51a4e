# tests/postgres.sh - sourced after lib.sh by the tests that need a real PostgreSQL (t8*).
#
#   . "$(dirname "$0")/lib.sh"; . "$TOP/tests/postgres.sh"
#   database NAME              # a new database, owned by a plain role: $NAME holds its URL
#   sql URL 'SELECT ...'       # its rows, a line each, columns separated by |
#   super 'ALTER ...' [URL]    # the same as the superuser, who no command of ours is
#   proxied HOW N              # a proxy before the server (tests/helpers/evproxy.c): $through is its URL without
#                              # a database, $proxy its process
#   session NAME               # a psql on $db that stays; `say NAME SQL` has it do that, `bye NAME` ends it
#   own_postgres               # a server of this script alone: $postgres_dir, may be killed
#
# The run has servers for all: tests/run starts them and sets EV_TEST_POSTGRES to one; a script that is run
# by hand starts one for itself.
postgres=$TOP/scripts/postgres
_databases=0
unset PGHOST PGPORT PGUSER PGDATABASE PGSERVICE PGPASSWORD PGOPTIONS
chmod 711 "$T" # a server of its own runs as another user

own_postgres() {
	postgres_dir=$T/postgres
	_server=$("$postgres" start "$postgres_dir" 2>"$T/postgres.err") || {
		fail "a PostgreSQL server starts"; show <"$T/postgres.err"; done_testing; exit 1
	}
	at_exit '"$postgres" stop "$postgres_dir"'
	super "CREATE ROLE app LOGIN" >/dev/null
}
sql() { psql -qAtX -v ON_ERROR_STOP=1 "$1" -c "$2"; }
super() { sql "${2:-$_server}" "$1"; }
database() {
	local name
	_databases=$((_databases + 1))
	name=t$((EPOCHSECONDS % 100000))$$_$_databases # process ids come again within a run
	super "CREATE DATABASE $name OWNER app" || fail "database $name is made"
	printf -v "$1" '%s' "${_server/postgres@/app@}"
	printf -v "$1" '%s' "${!1%/*}/$name"
	_super_url=${_server%/*}/$name
}
session() {
	mkfifo "$1.in"
	psql -qAtX "$db" <"$1.in" >"$1.out" 2>&1 & printf -v "$1_pid" %s $!
	eval "exec {$1_fd}>$1.in"
}
say() { local fd=$1_fd; echo "$2; SELECT 'did $((++_said))';" >&"${!fd}"; wait_for 60 grep -q "did $_said\$" "$1.out"; }
bye() { local fd=$1_fd pid=$1_pid; echo "\\q" >&"${!fd}"; eval "exec {$1_fd}>&-"; wait "${!pid}"; rm "$1.in"; }
_said=0
proxied() {
	local port host=${_server#*@}
	coproc PROXY { exec evproxy "${host%/*}" "$1" "$2"; }
	proxy=$PROXY_PID
	read -r port <&"${PROXY[0]}"
	at_exit "! jobs -p | grep -qx $proxy || kill $proxy" # where it has ended its id may be another's
	through=postgresql://app@127.0.0.1:$port
}

if [ -n "${EV_TEST_POSTGRES:-}" ]; then
	_server=$EV_TEST_POSTGRES
	super "CREATE ROLE app LOGIN" >/dev/null 2>&1 # the first of the run makes it
else
	own_postgres
fi
