#!/usr/bin/env bash
# docs/rebuild-runbook.md on PostgreSQL: each command of it, with that store in the place of the example's file, by a
# role that has the rights which the page names and no others.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/examples.sh"
database shop
super "REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT CREATE, USAGE ON SCHEMA public TO app; ALTER DATABASE $(basename "$shop") OWNER TO postgres;
	GRANT CREATE ON DATABASE $(basename "$shop") TO app; CREATE SCHEMA before AUTHORIZATION app" "$_super_url"
printf '%s\n' '[shop]' "host=$(sed 's/.*@\(.*\):.*/\1/' <<<"$shop")" "port=$(sed 's/.*:\([0-9]*\)\/.*/\1/' <<<"$shop")" user=app \
	"dbname=$(basename "$shop")" >services
export PGSERVICEFILE=$T/services
url='postgresql:///?service=shop'
sed "s|--store shop.db|--store '$url'|; s|--store before.db|--store '$url' --schema before|;
	s|diff before.db shop.db|diff '$url' '$url' --schema-a before|" "$TOP/docs/rebuild-runbook.md" >runbook.md
check "the page's stores are replaced" test "$(grep -c "service=shop'" runbook.md)" -ge 15 -a -z "$(grep '^\$.*\.db' runbook.md)"
examples "$T/runbook.md" local
check "nothing is left but the view and our tables" test "$(sql "$shop" "SELECT string_agg(nspname, ' ') FROM pg_namespace WHERE nspname LIKE 'ev%'")" = ''
done_testing
