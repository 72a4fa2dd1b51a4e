#!/usr/bin/env bash
# How a PostgreSQL store is reached: URL, PG* variables, service files, password files, TLS; what is said where
# that fails; and that a password is told to nobody.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/evproject.sh"
for i in {0..49}; do rec add "k$((i % 7))" $i; done >in.ndjson
own_postgres
super "ALTER ROLE app PASSWORD 'geheim'; CREATE ROLE cert LOGIN"
database db
name=$(basename "$db") port=$(sed 's/.*:\([0-9]*\)\/.*/\1/' <<<"$_server")
rows() { super 'SELECT count(*), sum(n) FROM acc' "$_super_url"; }
want="7|1225"
try() { run evproject run p.sql --store-timeout 300ms --quiet --store "$@" ./in.ndjson; }
anew() { super 'DROP TABLE IF EXISTS acc, ev_projection, ev_table, ev_ledger, ev_cut, ev_rows, ev_dead, ev_seen CASCADE' "$_super_url" 2>/dev/null; }

# ---- a certificate authority, the server's certificate, one for a client, and an authority that nobody knows
ca() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" -keyout "$1.key" -out "$1.crt" 2>/dev/null; }
signed() { # FILE COMMON-NAME [EXTENSION]
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$2" -keyout "$1.key" -out "$1.csr" 2>/dev/null
	openssl x509 -req -in "$1.csr" -CA ours.key.crt -CAkey ours.key.key -CAcreateserial -days 2 -out "$1.crt" -extfile <(echo "${3:-}") 2>/dev/null
}
ca ours.key && ca theirs
signed server db.example 'subjectAltName=DNS:db.example'
signed client cert
check "certificates are made" test -s server.crt -a -s client.crt -a -s theirs.crt
chmod 600 client.key
data=$postgres_dir/data
cp server.crt server.key ours.key.crt "$data"
[ "$(id -u)" != 0 ] || chown postgres "$data"/server.* "$data/ours.key.crt"
chmod 600 "$data/server.key"
cat >>"$data/postgresql.conf" <<'CONF'
ssl = on
ssl_ca_file = 'ours.key.crt'
password_encryption = 'scram-sha-256'
CONF
hba() { printf '%s\n' "local all all trust" "host all postgres 127.0.0.1/32 trust" "$@" >"$data/pg_hba.conf"; }
hba 'host all app 127.0.0.1/32 scram-sha-256'
"$postgres" stop "$postgres_dir" && "$postgres" restart "$postgres_dir" >/dev/null
super "ALTER ROLE app PASSWORD 'geheim'"

# ---- passwords
try "postgresql://app@127.0.0.1:$port/$name"
check_status 4 "a password that is not given is exit 4"
check_grep "and told" 'password' "$err"
try "postgresql://app:falsch@127.0.0.1:$port/$name"
check_status 4 "a wrong one is exit 4"
check_grep "with the server's reason" 'password authentication failed' "$err"
check_no_grep "and is not shown" falsch "$err"
try "postgresql://app:geheim@127.0.0.1:$port/$name"
check_status 0 "in the URL it works"
check "and the rows are there" test "$(rows)" = "$want"
try "postgresql://127.0.0.1:$port/$name?user=app&password=geheim"
check_status 0 "also as a parameter"
PGPASSWORD=geheim try "postgresql://app@127.0.0.1:$port/$name"
check_status 0 "PGPASSWORD"
echo "127.0.0.1:$port:*:app:geheim" >pass && chmod 600 pass
PGPASSFILE=$T/pass try "postgresql://app@127.0.0.1:$port/$name"
check_status 0 "PGPASSFILE"
try "postgresql://app@127.0.0.1:$port/$name?passfile=$T/pass"
check_status 0 "a password file in the URL"
mkdir home && cp pass home/.pgpass
HOME=$T/home try "postgresql://app@127.0.0.1:$port/$name"
check_status 0 "the password file of the home"

# ---- variables and services
export PGPASSFILE=$T/pass
PGHOST=127.0.0.1 PGPORT=$port PGUSER=app PGDATABASE=$name try postgresql://
check_status 0 "PGHOST, PGPORT, PGUSER and PGDATABASE fill an empty URL"
PGHOST=127.0.0.1 PGPORT=$port PGUSER=app PGDATABASE=none try postgresql:///"$name"
check_status 0 "what the URL says goes before them"
PGHOST=127.0.0.1 PGPORT=$port PGUSER=app PGDATABASE=none try postgresql://
check_status 4 "a database that is not there is exit 4"
check_grep "and named" 'database "none" does not exist' "$err"
super 'CREATE SCHEMA other AUTHORIZATION app' "$_super_url"
PGOPTIONS='-c search_path=other' try "postgresql://app@127.0.0.1:$port/$name"
check_status 0 "PGOPTIONS"
check "put it into another schema" test "$(super 'SELECT count(*) FROM other.acc' "$_super_url")" = 7
printf '%s\n' '[view]' host=127.0.0.1 "port=$port" user=app "dbname=$name" >services
export PGSERVICEFILE=$T/services
try 'postgresql:///?service=view'
check_status 0 "a service"
PGSERVICE=view try postgresql://
check_status 0 "PGSERVICE"
run evproject status --store 'postgresql:///?service=view'
check_status 0 "status of a service"
try 'postgresql:///?service=nosuch'
check_status 2 "a service that is not defined is exit 2"
check_grep "and named" 'nosuch' "$err"
PGSERVICEFILE=$T/none try 'postgresql:///?service=view'
check_status 2 "so is a file of services that is not there"
check_grep "which is named" 'none' "$err"

# ---- TLS
tls="postgresql://app@db.example:$port/$name?hostaddr=127.0.0.1"
echo "db.example:$port:*:app:geheim" >>pass
echo "other.example:$port:*:app:geheim" >>pass
hba 'hostssl all app 127.0.0.1/32 scram-sha-256' 'hostssl all cert 127.0.0.1/32 cert'
super 'SELECT pg_reload_conf()' >/dev/null
encrypted() { [ "$(super "SELECT ssl FROM pg_stat_ssl s JOIN pg_stat_activity a ON a.pid = s.pid WHERE a.usename = 'app'")" = t ]; }
PGSSLMODE=disable try "$tls"
check_status 4 "without TLS a server that wants it is exit 4"
check_grep "with its reason" 'no encryption|SSL off' "$err"
try "$tls&sslmode=require"
check_status 0 "sslmode=require"
mkfifo feed
evproject run p.sql --store "$tls&sslmode=require" --follow - <feed 2>/dev/null & pid=$!
exec 9>feed
check "the session is encrypted" wait_for 60 encrypted
exec 9>&-
wait $pid
try "$tls&sslmode=verify-full&sslrootcert=$T/ours.key.crt"
check_status 0 "sslmode=verify-full with the right authority and name"
PGSSLMODE=verify-full PGSSLROOTCERT=$T/ours.key.crt try "$tls"
check_status 0 "also by PGSSLMODE and PGSSLROOTCERT"
try "$tls&sslmode=verify-full&sslrootcert=$T/theirs.crt"
check_status 4 "an authority that has not signed it is exit 4"
check_grep "with the reason" 'certificate verify failed' "$err"
try "${tls/db.example/other.example}&sslmode=verify-full&sslrootcert=$T/ours.key.crt"
check_status 4 "another name is exit 4"
check_grep "both names are told" 'certificate for "db.example" does not match host name "other.example"' "$err"
try "${tls/db.example/other.example}&sslmode=verify-ca&sslrootcert=$T/ours.key.crt"
check_status 0 "verify-ca does not look at the name"
try "$tls&sslmode=verify-full&sslrootcert=$T/none.crt"
check_status 4 "an authority's file that is not there is exit 4"
check_grep "and named" 'none.crt" does not exist' "$err"
super "GRANT USAGE ON SCHEMA other TO cert; ALTER ROLE cert SET search_path = other" "$_super_url"
mutual="${tls/app@/cert@}&sslmode=verify-full&sslrootcert=$T/ours.key.crt"
run evproject status --store "$mutual&sslcert=$T/none.crt&sslkey=$T/none.key"
check_status 4 "a client without a certificate where one is wanted is exit 4"
check_grep "with the reason" 'certificate' "$err"
mutual="$mutual&sslcert=$T/client.crt&sslkey=$T/client.key"
super "GRANT SELECT ON ALL TABLES IN SCHEMA other TO cert" "$_super_url"
run evproject status --store "$mutual"
check_status 0 "with one it works"
try "$tls&sslmode=perhaps"
check_status 2 "a mode that is none is exit 2"
check_grep "and named" 'invalid sslmode value: "perhaps"' "$err"

# a connection that is lost is made anew by the same means
anew
awk 'BEGIN { for (i = 0; i < 6000; i++) printf "{\"topic\":\"t\",\"partition\":0,\"offset\":%d,\"timestamp\":%d,\"key\":\"k\",\"headers\":[],\"value\":{\"type\":\"add\",\"k\":\"k%d\",\"n\":1}}\n", i, 1763200000000 + i, i % 97 }' >many.ndjson
evproject run p.sql --store "$tls&sslmode=verify-full&sslrootcert=$T/ours.key.crt" --follow - <feed 2>/dev/null & pid=$!
exec 9>feed
applied() { [ "$(super 'SELECT sum(applied) FROM ev_ledger' "$_super_url" 2>/dev/null)" = "$1" ]; }
for part in 1 2 3; do
	sed -n "$((part * 2000 - 1999)),$((part * 2000))p" many.ndjson >&9
	check "a follower over TLS has applied part $part" wait_for 60 applied $((part * 2000))
	cut=$(super "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'app'")
	check "  and its session is ended" test "$cut" = 1
done
exec 9>&-
wait $pid
check "it connects anew each time, and ends with its input" test $? = 0
check "nothing is applied twice or left out" test "$(super 'SELECT sum(n) FROM acc' "$_super_url")" = 6000

# ---- a password is told to nobody: not by messages, results, what the server sees, nor by what is stored
unset PGPASSFILE PGSERVICEFILE
u="postgresql://app:geheim@127.0.0.1:$port/$name?sslmode=require"
sed 's/version 1/version 2/; s/excluded.n,/excluded.n + 1,/' p.sql >p2.sql
{
	for c in "status --store $u" "status --format json --store $u" "check p.sql --store $u" "show p.sql --store $u" \
		"dead list p.sql --store $u" "rebuild p2.sql --dry-run ./many.ndjson --store $u" "rebuild p2.sql --no-swap ./many.ndjson --store $u" \
		"rebuild p2.sql --abandon --store $u" "rebuild p2.sql --yes ./many.ndjson --metrics m.prom --log-format json --store $u" \
		"rollback p.sql --store $u" "diff $u $u p.sql" "run p.sql --store $u --schema nowhere ./in.ndjson" \
		"run p2.sql --store $u ./in.ndjson" "drop nosuch --yes --store $u" "run p.sql --store ${u/$port/1} --store-timeout 1ms ./in.ndjson" \
		"run p.sql --store ${u/127/127x} --store-timeout 1ms ./in.ndjson" "run p.sql --store ${u/\/$name/\/none} ./in.ndjson" \
		"run p.sql --store ${u/sslmode/sslmod} ./in.ndjson" "run p.sql --store ${u/@/%zz@} ./in.ndjson" "run p.sql --store $u&password=geheim ./in.ndjson" \
		"run p.sql --store jdbc:$u ./in.ndjson" "run p.sql --store ${u/:\/\//:\/} ./in.ndjson" "run p.sql --store P$u ./in.ndjson" \
		"run p.sql $u ./in.ndjson" "run p.sql --stor $u ./in.ndjson" "run p.sql --lag $u ./in.ndjson" "$u" \
		"run p.sql --store sqlite:$u ./in.ndjson" "check p.sql --store ${u/:\/\//:} ./in.ndjson"; do
		evproject $c </dev/null 2>&1
		echo "## exit $? of $c" | sed 's/geheim/.../g'
	done
	run evproject run p.sql --store "host=127.0.0.1 port=$port user=app password=geheim dbname=$name" ./in.ndjson; cat "$out" "$err"
	evverify p.sql --store "$u" ./many.ndjson 2>&1
	evverify p.sql --store "$u" --format json ./in.ndjson 2>&1
	evverify p.sql --store "${u/$port/1}" ./in.ndjson 2>&1
} >said
check_no_grep "no command shows a password" geheim said
check "not in a file of ours" test -z "$(grep -l geheim m.prom 2>/dev/null; find . -name '*geheim*' -o -name 'host=*')"
check "not in the store" test -z "$(for t in ev_projection ev_rebuild ev_table; do super "SELECT * FROM $t" "$_super_url"; done | grep geheim)"
check "not in the server's log" test -z "$(grep geheim "$postgres_dir/log" | grep -v 'ALTER ROLE')"
evproject run p.sql --store "$u" --follow - <feed 2>/dev/null & pid=$!
exec 9>feed
check "a follower is at work" wait_for 60 encrypted
check "not in what the server shows of a session" test -z "$(super "SELECT query, application_name FROM pg_stat_activity WHERE usename = 'app'" | grep geheim)"
check "nor in what ps shows of the process" test -z "$(tr '\0' ' ' <"/proc/$pid/cmdline" | grep geheim)"
exec 9>&-
wait $pid
done_testing
