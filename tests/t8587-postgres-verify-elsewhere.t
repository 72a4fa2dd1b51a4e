# evverify: a view in a schema of its own, with a type and a function that lie in another, is as the file says.
. "$(dirname "$0")/lib.sh"
export EV_STORE=postgresql
. "$TOP/tests/evproject.sh"
cat >p.sql <<'SQL'
-- @projection shop version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE shop (k text PRIMARY KEY, mood public.mood, moods public.mood[], near mood, price public.price);
CREATE VIEW happy AS SELECT k, public.loud(k) AS loud FROM shop WHERE mood = 'fine'::public.mood;
CREATE VIEW own AS SELECT k FROM shop WHERE k OPERATOR(public.===) k;
-- @on add
INSERT INTO shop (k, mood, moods, near, price) VALUES ($.k, $.n, ARRAY['sad'::public.mood], 'sad', 5);
SQL
for k in a b; do rec add $k '"fine"'; done >log.ndjson
word() { sql "$_stores" "$1" >/dev/null; }
word "CREATE TYPE public.mood AS ENUM ('sad', 'fine'); CREATE DOMAIN public.price AS numeric(8,2);
	CREATE FUNCTION public.loud(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT upper(\$1)';
	CREATE OPERATOR public.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq);
	CREATE SCHEMA shop; CREATE SCHEMA other; CREATE TYPE shop.mood AS ENUM ('sad', 'fine');
	CREATE TYPE other.mood AS ENUM ('sad', 'fine')"
shop() { run evverify p.sql --store "$_stores" --schema shop --scratch "${2:-$_stores}" "$1" "${@:3}"; }
run evproject run p.sql --store "$_stores" --schema shop ./log.ndjson
check_status 0 "there is such a view"
shop ./log.ndjson
check_status 0 "it is as the file says"
check_grep "its SQL view as well" 'views 2 = matched 2' "$out"
shop ./log.ndjson "$_stores?options=-csearch_path%3Dother"
check_status 0 "also by a role that has another schema of its own"
run evproject run p.sql --store "$_stores" ./log.ndjson
check_status 0 "a view where the type is"
run evverify p.sql --store "$_stores" --scratch "$_stores?options=-csearch_path%3Dother" ./log.ndjson
check_status 0 "is as the file says, too"
damaged() { # WHAT SQL
	word "$2"
	shop ./log.ndjson
	check_status 1 "seen: $1"
}
damaged "a view of another function" "CREATE FUNCTION shop.loud(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT \$1';
	CREATE OR REPLACE VIEW shop.happy AS SELECT k, shop.loud(k) AS loud FROM shop.shop WHERE mood = 'fine'"
check_grep "as that" "view is defined otherwise" "$out"
word "CREATE OR REPLACE VIEW shop.happy AS SELECT k, public.loud(k) AS loud FROM shop.shop WHERE mood = 'fine'"
damaged "a type of the same name" "ALTER TABLE shop.shop ALTER near TYPE other.mood USING near::text::other.mood"
check_grep "as that" "column near has another type" "$out"
word "ALTER TABLE shop.shop ALTER near TYPE shop.mood USING near::text::shop.mood"
damaged "another value" "UPDATE shop.shop SET mood = 'sad', price = 6 WHERE k = 'b'"
shop ./log.ndjson "$_stores" --repair --yes --max-repair 100%
check_status 0 "which is repaired, by the types' names in the store"

# the view in public has an operator by its name alone, where the reference has to say where it lies
word "CREATE OR REPLACE VIEW public.own AS SELECT k FROM public.shop WHERE k <> k"
run evverify p.sql --store "$_stores" --scratch "$_stores?options=-csearch_path%3Dother" ./log.ndjson
check_status 1 "seen: a view with another operator"
done_testing
