# evverify: a scratch database where text sorts, or changes case, otherwise than in the store proves nothing: refused.
. "$(dirname "$0")/lib.sh"
export EV_STORE=postgresql
. "$TOP/tests/evproject.sh"
cat >p.sql <<'SQL'
-- @projection loud version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE loud (k text PRIMARY KEY, name text);
-- @on add
INSERT INTO loud (k, name) VALUES ($.k, upper($.n));
SQL
rec add a '"né"' >log.ndjson
named() { # NAME LOCALE: $NAME is the URL of a database of its own
	local name=t8586_$$_$1
	super "CREATE DATABASE $name OWNER app TEMPLATE template0 ENCODING 'UTF8' $2" || fail "$name is made"
	at_exit "super 'DROP DATABASE $name' >/dev/null"
	printf -v "$1" %s "${_stores%/*}/$name"
}
named accents "LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"
named same "LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"
named plain "LC_COLLATE 'C' LC_CTYPE 'C'"
project "$accents" ./log.ndjson
check_status 0 "there is a view whose words went by the database's locale"
check "the locale knows the letter" [ "$(sql "$accents" 'SELECT name FROM loud')" = NÉ ]
run evverify p.sql --store "$accents" --scratch "$same" ./log.ndjson
check_status 0 "a scratch database of the same locale"
run evverify p.sql --store "$accents" --scratch "$plain" ./log.ndjson
check_status 2 "one of another is refused, and no difference is told"
check_grep "with both locales" "there as by .*LC_CTYPE 'C', in the store as by .*LC_CTYPE 'C\.UTF-8'" "$err"
check_grep "and how to make one" "CREATE DATABASE .* TEMPLATE template0 ENCODING 'UTF8' .*LC_CTYPE 'C\.UTF-8'" "$err"
run evverify p.sql --store "$accents" --scratch "$plain" ./log.ndjson --repair --yes
check_status 2 "nothing is repaired by it"
check "the row is as it was" [ "$(sql "$accents" 'SELECT name FROM loud')" = NÉ ]
run evverify p.sql --store "$accents" --scratch "$plain" ./log.ndjson --drill
check_status 2 "nor drilled"
run evverify p.sql --store "$accents" ./log.ndjson --checks --allow-empty --scratch "$plain"
check_status 0 "checks alone fold nothing"
done_testing
