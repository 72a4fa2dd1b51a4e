#!/usr/bin/env bash
# Rebuild, swap and rollback on PostgreSQL where others have had their hands on the tables: privileges, children, rules,
# constraints, what was dropped or is locked by hand
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/swap.sh"
for i in {0..299}; do rec add "k$((i % 53))" $((i % 5)); done >in.ndjson
leftovers() { sql "$1" "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'ev%'" | tr '\n' ' '; }
super 'CREATE ROLE reader' >/dev/null 2>&1
super 'CREATE ROLE second' >/dev/null 2>&1

# nobody may read after a swap who might not before: not by default privileges, not by what was revoked since
database db
project "$db" ./in.ndjson
sql "$db" 'ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC; GRANT SELECT ON acc TO reader; GRANT UPDATE (n) ON acc TO second'
may() { sql "$1" "SELECT relacl FROM pg_class WHERE oid = 'acc'::regclass UNION ALL SELECT attacl FROM pg_attribute
	WHERE attrelid = 'acc'::regclass AND attacl IS NOT NULL"; }
may "$db" >may.before
rebuild p2.sql "$db" ./in.ndjson
check_status 0 "a role with default privileges rebuilds its view"
may "$db" >may.after
check "nobody else may read it" cmp may.before may.after
sql "$db" 'REVOKE ALL ON acc FROM reader, second'
may "$db" >may.before
run evproject rollback p.sql --store "$db"
check_status 0 "what was revoked since"
may "$db" >may.after
check "stays so when the version before serves again" cmp <(grep -o 'reader=\|second=\|[{,]=' may.before) <(grep -o 'reader=\|second=\|[{,]=' may.after)

# the kept version is not there any more: a rollback would leave nothing that serves
before=$(sums "$db")
sql "$db" 'ALTER SCHEMA ev_kept_public_acc RENAME TO elsewhere; COMMENT ON SCHEMA elsewhere IS NULL'
run evproject rollback p2.sql --store "$db"
check_status 2 "a rollback to tables that are gone is refused"
check_grep "by name" "table 'acc' of the version that is kept is not in schema 'ev_kept_public_acc'" "$err"
check "and what served serves" test "$(sums "$db")" = "$before" -a "$(versions "$db")" = 'acc|1 acc (kept)|2 '
run evproject rebuild p2.sql --store "$db" --forget
check_status 0 "--forget removes the rest"
rebuild p2.sql "$db" ./in.ndjson
check_status 0 "and a rebuild goes as ever"

# what would be tied to the old version without a word, or end the swap after the load
refused() { # SQL PATTERN [FILE [ARG...]]
	database no
	project "$no" ./in.ndjson
	super "$1" "$_super_url"
	rebuild "${3:-p2.sql}" "$no" ./in.ndjson "${@:4}"
	check_status 2 "refused: $1"
	check_grep "  by name" "$2" "$err"
	check "  the old view serves, nothing is left" test "$(versions "$no")$(leftovers "$no")" = 'acc|1 '
}
super 'CREATE ROLE poor LOGIN' >/dev/null 2>&1
super 'GRANT poor TO app'
refused 'CREATE TABLE every_acc (k text, n integer NOT NULL); ALTER TABLE every_acc OWNER TO app; ALTER TABLE acc INHERIT every_acc' \
	"table 'every_acc' has 'acc' among its children"
refused 'CREATE VIEW nothing AS SELECT 1 AS x; CREATE RULE ru AS ON INSERT TO nothing DO INSTEAD DELETE FROM acc' \
	"rule ru of nothing uses 'acc'"
refused 'ALTER TABLE acc OWNER TO poor; REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT CREATE ON SCHEMA public TO app' "role 'poor' owns table 'acc' and may not create in its schema"
refused 'CREATE SCHEMA closed; GRANT USAGE ON SCHEMA closed TO app; CREATE VIEW closed.v AS SELECT k FROM acc; ALTER VIEW closed.v OWNER TO app' \
	"view 'closed.v' uses the old tables, and this role may not create in its schema 'closed'"
refused "SET allow_system_table_mods = on; INSERT INTO pg_seclabel VALUES ('acc'::regclass, 'pg_class'::regclass, 2, 'anon', 'MASKED')" \
	"a security label of provider 'anon' on 'acc' would not survive the swap"
# but not a label that each table is given anew
database mac
super "CREATE FUNCTION label() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET allow_system_table_mods = on AS \$\$ BEGIN
	INSERT INTO pg_seclabel SELECT objid, classid, 0, 'mac', 'as all' FROM pg_event_trigger_ddl_commands() WHERE object_type = 'table';
	INSERT INTO pg_seclabel SELECT objid, classid, attnum, 'mac', 'as all ' || attname FROM pg_event_trigger_ddl_commands()
		JOIN pg_attribute ON attrelid = objid WHERE object_type = 'table' AND attnum > 0; END \$\$;
	CREATE EVENT TRIGGER label ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION label()" "$_super_url"
project "$mac" ./in.ndjson
sed '/^CREATE TABLE/s/(k text PRIMARY KEY, /(kind text, k text PRIMARY KEY, /' p2.sql >mac.sql
rebuild mac.sql "$mac" ./in.ndjson --dry-run
check_status 0 "a label that every new table has is in no way of the plan"
rebuild mac.sql "$mac" ./in.ndjson --no-swap
check_status 0 "  nor of a rebuild"
super "SET allow_system_table_mods = on; UPDATE pg_seclabel SET label = 'as none' WHERE objoid = 'acc'::regclass AND objsubid = 2" "$_super_url"
rebuild mac.sql "$mac" ./in.ndjson
check_status 2 "  where it is another one the swap is refused"
check_grep "    by name" "a security label of provider 'mac' on 'acc' would not survive the swap" "$err"
super "SET allow_system_table_mods = on; UPDATE pg_seclabel SET label = 'as all n' WHERE objoid = 'acc'::regclass AND objsubid = 2" "$_super_url"
rebuild mac.sql "$mac" ./in.ndjson
check_status 0 "  and put back it is swapped"
check "  with them" test "$(sql "$mac" "SELECT count(*) FROM pg_seclabel WHERE objoid = 'acc'::regclass")" = 5
# names that the new version brings, beside those of its tables
sed '/^CREATE TABLE/a CREATE INDEX by_n ON acc (n);\nCREATE TABLE kinds (k text PRIMARY KEY);' p2.sql >names.sql
needs="the version that is to serve needs the name"
refused 'CREATE TABLE other (x integer); CREATE INDEX by_n ON other (x)' "$needs 'by_n', which an index of table other has" names.sql
refused 'CREATE SEQUENCE kinds_pkey' "$needs 'kinds_pkey', which sequence kinds_pkey has" names.sql
refused "CREATE TYPE kinds AS ENUM ('a')" "$needs 'kinds', which type kinds has" names.sql
sed 's/projection acc/projection more/; s/TABLE acc/TABLE more/; s/INTO acc/INTO more/; s/acc\.n/more.n/; s/UPDATE acc/UPDATE more/
	s/FROM acc/FROM more/; /^CREATE TABLE/a CREATE INDEX by_n ON more (n);' p.sql >more.sql
database two
project "$two" ./in.ndjson
run evproject run more.sql --store "$two" --quiet ./in.ndjson
rebuild names.sql "$two" ./in.ndjson
check_status 2 "so is one that another projection's index has"
check_grep "  by name" "$needs 'by_n', which an index of table more has" "$err"
rebuild names.sql "$two" ./in.ndjson --dry-run
check_grep "  and in the plan" "$needs 'by_n'" "$err"
sql "$two" 'ALTER INDEX by_n RENAME TO more_by_n'
rebuild names.sql "$two" ./in.ndjson
check_status 0 "  with another name there it goes through"
# a table of others is adopted beside those that are ours, which are looked at as well
sed 's/version 1/version 2/; s/TABLE acc/TABLE base/; s/INTO acc/INTO base/; s/acc\.n/base.n/; s/UPDATE acc/UPDATE base/; s/FROM acc/FROM base/' p.sql >base.sql
refused 'CREATE TABLE base (k text PRIMARY KEY, n integer NOT NULL, at integer); ALTER TABLE base OWNER TO app; CREATE MATERIALIZED VIEW mat AS SELECT k FROM acc' \
	"materialized view 'mat' of 'acc'" base.sql --adopt
# a view that another session has for itself, with a column that ends: told from the beginning, refused by the swap alone
database db
project "$db" ./in.ndjson
sed 's/version 1/version 2/; s/, at integer//; s/(k, n, at) VALUES (\$\.k!, \$\.n!, :offset)/(k, n) VALUES ($.k!, $.n!)/
	s/, at = excluded.at//' p.sql >less.sql
session other
say other 'CREATE TEMP VIEW own AS SELECT k, at FROM acc'
names="temporary view 'pg_temp_[0-9]+\.own' of a session of role 'app' uses the old tables"
rebuild less.sql "$db" ./in.ndjson --dry-run
check_status 0 "a temporary view of another session is in no way of the plan"
check_grep "  which tells of it" "$names.*; the swap wants that session to have ended" "$err"
rebuild less.sql "$db" ./in.ndjson
check_status 2 "the swap refuses it"
check_grep "  by name" "evproject rebuild: $names" "$err"
check_grep "  when it was told before the load" "$names.*; the swap wants that session to have ended" "$err"
check "  the old view serves" test "$(sql "$db" "SELECT version FROM ev_projection WHERE name = 'acc'")" = 1
bye other
rebuild less.sql "$db" ./in.ndjson
check_status 0 "when the session has ended the same command swaps"
check_no_grep "  and tells nothing of it" 'temporary view' "$err"

# the plan names all that the swap locks: views of others, which it defines anew, and the version that is kept, too
database lk
project "$lk" ./in.ndjson
sql "$lk" 'CREATE VIEW sees AS SELECT k FROM acc; CREATE VIEW sees_it AS SELECT k FROM sees'
rebuild p2.sql "$lk" ./in.ndjson
rebuild p.sql "$lk" ./in.ndjson --dry-run
sed -n '/^locks/,/^[^l ]/p' "$out" | grep -o "^\(locks\)\? *\(SHARE UPDATE EXCLUSIVE on the tables\|the ledger's row\|ACCESS EXCLUSIVE on [a-z_. ]*\)" |
	sed 's/^locks//; s/^ *//' >locks.txt
check "the plan names all that the swap locks, in its order" diff - locks.txt <<'EOF'
SHARE UPDATE EXCLUSIVE on the tables
the ledger's row
ACCESS EXCLUSIVE on ev_kept_public_acc.acc
ACCESS EXCLUSIVE on view sees
ACCESS EXCLUSIVE on acc
EOF

# a constraint that somebody put there does not go without a word
database con
project "$con" ./in.ndjson
sql "$con" "CREATE TABLE keys AS SELECT k FROM acc; ALTER TABLE keys ADD PRIMARY KEY (k);
	ALTER TABLE acc ADD CONSTRAINT known FOREIGN KEY (k) REFERENCES keys, ADD CONSTRAINT sane CHECK (n >= 0)"
rebuild p2.sql "$con" ./in.ndjson --dry-run
check_grep "the plan says that a foreign key ends" 'constraint known on acc is NOT carried over' "$out"
check_grep "and a check" 'constraint sane on acc is NOT carried over' "$out"
rebuild p2.sql "$con" ./in.ndjson
check_status 0 "a rebuild without them"
check_grep "says so" 'constraint known on acc is NOT carried over' "$err"
check_no_grep "of no other" 'constraint acc' "$err"

# options of tables and of the file's own views are carried over, settings of columns end, which is said
database opt
sed '/^CREATE TABLE/a CREATE VIEW big AS SELECT k, n FROM acc WHERE n > 50;' p.sql >o1.sql
sed '/^CREATE TABLE/a CREATE VIEW big AS SELECT k, n FROM acc WHERE n > 50;' p2.sql >o2.sql
run evproject run o1.sql --store "$opt" --quiet ./in.ndjson
sql "$opt" "ALTER VIEW big SET (security_barrier = true, check_option = local); ALTER VIEW big ALTER k SET DEFAULT 'x'; ALTER TABLE acc SET (fillfactor = 70);
	ALTER TABLE acc ALTER n SET DEFAULT 7, ALTER n SET STATISTICS 500, ALTER k SET STORAGE EXTERNAL, ALTER at SET NOT NULL,
	ALTER k SET (n_distinct = 50), CLUSTER ON acc_pkey; ALTER TABLE acc SET UNLOGGED"
rebuild o2.sql "$opt" ./in.ndjson --dry-run
cp "$out" plan.txt
rebuild o2.sql "$opt" ./in.ndjson
check_status 0 "a rebuild of tables with settings"
for what in 'the default of column n' 'the statistics target of column n' 'the storage of column k' 'NOT NULL of column at' \
	'the options of column k' 'CLUSTER on index acc_pkey' UNLOGGED; do
	check_grep "the plan names what ends: $what" "$what on acc is NOT carried over" plan.txt
	check_grep "so does the rebuild" "$what on acc is NOT carried over" "$err"
done
check_grep "so it does of the file's own view" 'the default of column k on big is NOT carried over' plan.txt
check_grep "so does the rebuild" 'the default of column k on big is NOT carried over' "$err"
check "nothing else ends" test "$(grep -c 'NOT carried over' plan.txt)" = 8
check "options are carried over, of the own view, too" test "$(sql "$opt" "SELECT string_agg(relname || reloptions::text, ' '
	ORDER BY relname) FROM pg_class WHERE oid IN ('acc'::regclass, 'big'::regclass)")" = 'acc{fillfactor=70} big{security_barrier=true}'

# what is said of constraints and indexes, statistics and options of indexes, options of a table's TOAST and what its owner
# has taken from himself go with them; back with the version before
database said
super 'CREATE ROLE team' >/dev/null 2>&1
super 'GRANT team TO app; GRANT CREATE ON SCHEMA public TO team' "$_super_url"
sed '/^CREATE TABLE/a CREATE INDEX by_sum ON acc ((n + at));' p.sql >s1.sql
sed '/^CREATE TABLE/a CREATE INDEX by_sum ON acc ((n + at));' p2.sql >s2.sql
run evproject run s1.sql --store "$said" --quiet ./in.ndjson
sql "$said" "COMMENT ON CONSTRAINT acc_pkey ON acc IS 'the key'; COMMENT ON INDEX acc_pkey IS 'its index'; COMMENT ON INDEX by_sum IS 'of the sum';
	ALTER INDEX by_sum ALTER COLUMN 1 SET STATISTICS 77; ALTER INDEX by_sum SET (fillfactor = 60);
	CREATE INDEX theirs ON acc ((n * 2)); COMMENT ON INDEX theirs IS 'not ours'; ALTER INDEX theirs ALTER COLUMN 1 SET STATISTICS 88;
	ALTER TABLE acc SET (toast.autovacuum_enabled = false); REVOKE TRUNCATE, TRIGGER, REFERENCES ON acc FROM app;
	GRANT SELECT ON acc TO reader"
hung() {
	sql "$1" "SELECT x.relname, obj_description(x.oid, 'pg_class'), obj_description(k.oid, 'pg_constraint'), a.attstattarget, x.reloptions
		FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_attribute a ON a.attrelid = x.oid AND a.attnum = 1
		LEFT JOIN pg_constraint k ON k.conindid = x.oid WHERE i.indrelid = 'acc'::regclass ORDER BY 1"
	sql "$1" "SELECT relacl, relowner::regrole, (SELECT t.reloptions FROM pg_class t WHERE t.oid = c.reltoastrelid) FROM pg_class c
		WHERE oid = 'acc'::regclass"
}
hung "$said" >hung.1
rebuild s2.sql "$said" ./in.ndjson --dry-run
check_no_grep "nothing of that ends" 'NOT carried over' "$out"
rebuild s2.sql "$said" ./in.ndjson
check_status 0 "a rebuild of a table with comments on its constraints and indexes"
hung "$said" >hung.2
check "all of that is on the new one" diff hung.1 hung.2
sql "$said" 'GRANT TRUNCATE ON acc TO app; REVOKE DELETE ON acc FROM app'
hung "$said" >hung.1
run evproject rollback s1.sql --store "$said"
check_status 0 "the owner takes something else from himself"
hung "$said" >hung.2
check "which stays so when the version before serves again" diff hung.1 hung.2
sql "$said" 'REVOKE ALL ON acc FROM app; GRANT SELECT ON acc TO app'
rebuild s2.sql "$said" ./in.ndjson
check_status 2 "an owner who may only read his table cannot swap it, which is said before the load"
check_grep "by name" "role 'app' may neither update, delete nor truncate 'acc': it could not lock it for the swap" "$err"
sql "$said" 'GRANT UPDATE ON acc TO app'
# the table is given to another role, which has granted something to the one that rebuilds it
sql "$said" 'ALTER TABLE acc OWNER TO team; GRANT SELECT, INSERT ON acc TO app'
hung "$said" >hung.1
rebuild s2.sql "$said" ./in.ndjson --again
check_status 0 "a rebuild by a member of the role that owns the table"
hung "$said" >hung.2
check "which is given the new one, with its grants to him" diff hung.1 hung.2

# an index of others is in the plan, whether it survives or not, and what does not is named again by the rebuild
database ix
project "$ix" ./in.ndjson
sql "$ix" "CREATE INDEX by_n ON acc (n DESC); COMMENT ON INDEX by_n IS 'for the report'; CREATE INDEX by_at ON acc (at);
	CREATE INDEX by_both ON acc (lower(k), at); CREATE UNIQUE INDEX at_k ON acc (at, k); CREATE INDEX by_text ON acc ((k || 'x'))"
sed 's/version 1/version 2/; s/, at integer//; s/(k, n, at) VALUES (\$\.k!, \$\.n!, :offset)/(k, n) VALUES ($.k!, 10 * $.n!)/
	s/, at = excluded.at//' p.sql >lost.sql
rebuild lost.sql "$ix" ./in.ndjson --dry-run
check_status 0 "the plan of a version without a column"
check_grep "names an index that survives" '^(survive)? +index by_n on acc$' "$out"
check_grep "also over an expression" '^ +index by_text on acc, which is of an expression' "$out"
check_grep "one on the column, and that it does not" 'index by_at on acc is NOT carried over: column "at" does not exist' "$out"
check_grep "one that has it as well" 'index by_both on acc is NOT carried over: column "at" does not exist' "$out"
check_grep "a unique one" 'index at_k on acc is NOT carried over: it is UNIQUE' "$out"
check "and leaves nothing" test -z "$(leftovers "$ix")"
rebuild lost.sql "$ix" ./in.ndjson
check_status 0 "the rebuild"
check_grep "says the same" 'index by_at on acc is NOT carried over: column "at" does not exist' "$err"
check_grep "of each" 'index by_both on acc is NOT carried over' "$err"
indexes() { sql "$1" "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND tablename = 'acc' ORDER BY 1" | tr '\n' ' '; }
check "and the others are there" test "$(indexes "$ix")" = 'acc_pkey by_n by_text '
check "with what was said of them" test "$(sql "$ix" "SELECT obj_description('by_n'::regclass)")" = 'for the report'
sql "$ix" 'CREATE INDEX late ON acc (n, k)'
run evproject rollback p.sql --store "$ix"
check_grep "a rollback names what it could have" 'index late on acc stays with the version that is kept' "$err"
check "and all are there again" test "$(indexes "$ix")" = 'acc_pkey at_k by_at by_both by_n by_text '
rebuild lost.sql "$ix" --forget
# another type, that the index cannot be over; rows that it cannot hold
sed 's/n integer NOT NULL/n jsonb NOT NULL/; s/10 \* \$\.n!/$.n!/; s/SET n = acc.n + excluded.n/SET n = excluded.n/' lost.sql >json.sql
sql "$ix" 'DROP INDEX by_n; CREATE INDEX by_sum ON acc ((n + 1))'
rebuild json.sql "$ix" ./in.ndjson --dry-run
check_grep "the plan names one over a column of another type" 'index by_sum on acc is NOT carried over: operator does not exist' "$out"
sql "$ix" 'CREATE INDEX over_n ON acc ((1 / (n - 500)))'
sed 's/10 \* \$\.n!/500/; s/SET n = acc.n + excluded.n/SET n = 500/' lost.sql >zero.sql
rebuild zero.sql "$ix" ./in.ndjson
check_status 5 "an index that does not let a new row in is no surprise at the end"
check_grep "but told before the load" "index over_n on acc, which is of an expression" "$err"
check_grep "where its row is poison" 't/0@0: zero.sql:7: division by zero' "$err"
check "and the old version serves" test "$(versions "$ix")" = 'acc|1 '
sql "$ix" 'DROP INDEX over_n'
rebuild zero.sql "$ix" ./in.ndjson
check_status 0 "without it the same call goes on"
check "and does not make it" test "$(indexes "$ix")" = 'acc_pkey by_sum by_text '

# a check that names the schema would look at the old view as long as it serves
database named
project "$named" ./in.ndjson
sed 's/version 1/version 2/; s/\$\.n!,/-1 - $.n!,/' p.sql >plain.sql
sed '/^SELECT/s/FROM acc/FROM public.acc/' plain.sql >qualified.sql
rebuild qualified.sql "$named" ./in.ndjson
check_status 2 "a check that names the schema is refused"
check_grep "at its place" "^evproject rebuild: qualified.sql:[0-9]+:18: 'public\.' before the projection's own 'acc'" "$err"
check "and leaves nothing" test "$(versions "$named")$(leftovers "$named")" = 'acc|1 '
run evproject rebuild plain.sql --store "$named" --no-swap ./in.ndjson
check_status 1 "plainly it fails for the new rows"
rebuild qualified.sql "$named" ./in.ndjson
check_status 2 "nor does a rebuild that is under way take the other"
check "and the old version serves" test "$(versions "$named")" = 'acc|1 '

# an index of others may refuse a row of the new version, whenever it is carried over: in the load, or as it catches up
letters() { sql "$1" "SELECT record_offset FROM ev_dead WHERE projection = coalesce((SELECT rows_key FROM ev_rows
	WHERE projection = 'acc'), 'acc') ORDER BY 1" | xargs; }
sed 's/n integer NOT NULL/note text, n integer NOT NULL/; s/(k, n, at) VALUES (\$\.k!/(k, note, n, at) VALUES ($.k!, $.note/
	s/DO UPDATE SET /&note = excluded.note, /' p.sql >long.sql
sed 's/version 1/version 2/; s/acc.n + excluded.n/acc.n + 2 * excluded.n/' long.sql >long2.sql
text=$(for i in {1..120}; do echo "$i" | sha256sum | cut -c-64; done | tr -d '\n')
for i in {0..299}; do rec add "k$i" 1 "$i" | sed "/\"k[0-9]*50\"/s/\"n\":/\"note\":\"$text\",&/"; done >long.ndjson
database long
head -n 40 long.ndjson >begins.ndjson
run evproject run long.sql --store "$long" --on-error dead ./begins.ndjson
sql "$long" 'CREATE INDEX theirs ON acc (note)'
head -n 200 long.ndjson >goes_on.ndjson
run evproject run long.sql --store "$long" --on-error dead ./goes_on.ndjson
check "the view has letters for it" test "$(letters "$long")" = '50 150'
rebuild long2.sql "$long" ./long.ndjson
check_status 0 "a rebuild takes them over"
check "and has one for what came since" test "$(letters "$long")" = '50 150 250'
check "with the index" test "$(indexes "$long")" = 'acc_pkey theirs '
database catch
run evproject run long.sql --store "$catch" --on-error dead ./begins.ndjson
sql "$catch" 'CREATE INDEX theirs ON acc (note); CREATE INDEX short ON acc (length(note)) WHERE n > 0'
rebuild long2.sql "$catch" ./long.ndjson
check_status 0 "one that meets the first as it catches up, with an index over an expression"
check "has the same letters" test "$(letters "$catch")" = '50 150 250'
check "and the indexes" test "$(indexes "$catch")" = 'acc_pkey short theirs '

# one that is of an expression or of a part of the rows refuses them at their events, too
for theirs in '(note) WHERE n > 0' '(length(repeat(note, 300000)))'; do
	database long
	run evproject run long.sql --store "$long" --on-error dead ./begins.ndjson
	sql "$long" "CREATE INDEX theirs ON acc $theirs"
	run evproject run long.sql --store "$long" --on-error dead ./goes_on.ndjson
	check "the view has letters for an index on acc $theirs" test "$(letters "$long")" = '50 150'
	run evproject rebuild long2.sql --store "$long" --dry-run ./long.ndjson
	check_grep "  the plan says what it costs" '^survive +index theirs on acc, which is of an expression .* its table is loaded by statements' "$out"
	rebuild long2.sql "$long" ./long.ndjson
	check_status 0 "  a rebuild takes them over"
	check_grep "  and says so" 'index theirs on acc, which is of an expression .* its table is loaded by statements' "$err"
	check "  and has one for what came since" test "$(letters "$long")" = '50 150 250'
	check "  with the index" test "$(indexes "$long")" = 'acc_pkey theirs '
done

# a table becomes a view, with what hangs on it
database kind
project "$kind" ./in.ndjson
sql "$kind" "COMMENT ON TABLE acc IS 'accounts'; GRANT SELECT ON acc TO reader; ALTER TABLE acc SET (fillfactor = 70);
	CREATE VIEW theirs AS SELECT k, n FROM acc; CREATE INDEX by_n ON acc (n)"
before=$(sums "$kind")
sed 's/version 1/version 2/; s/TABLE acc/TABLE base/; s/INTO acc/INTO base/; s/acc\.n/base.n/; s/UPDATE acc/UPDATE base/; s/FROM acc/FROM base/
	/^CREATE TABLE/a CREATE VIEW acc AS SELECT n, k FROM base;' p.sql >view.sql
rebuild view.sql "$kind" ./in.ndjson
check_status 0 "a table becomes a view"
check_grep "an index on it ends, which is said" 'index by_n on acc is NOT carried over: the new version has a view' "$err"
check "with the same rows" test "$(sums "$kind")" = "$before" -a "$(sql "$kind" 'SELECT count(*), sum(n) FROM theirs')" = "$before"
check "comment and grants" test "$(sql "$kind" "SELECT relkind, obj_description(oid), relacl::text LIKE '%reader=r%' FROM pg_class WHERE oid = 'acc'::regclass")" = 'v|accounts|t'
run evproject rollback p.sql --store "$kind"
check_status 0 "and a table again"
check "with the same rows" test "$(sums "$kind")" = "$before" -a "$(sql "$kind" 'SELECT count(*), sum(n) FROM theirs')" = "$before"

# what another program made is adopted with its own indexes; what cannot be swapped is found before the load
database theirs
sql "$theirs" 'CREATE TABLE acc (k text PRIMARY KEY, n integer NOT NULL, at integer); CREATE INDEX lower_k ON acc (lower(k))'
rebuild p.sql "$theirs" ./in.ndjson --adopt
check_status 0 "another program's table with an index is adopted"
check "with the index" test "$(sql "$theirs" "SELECT count(*) FROM pg_indexes WHERE schemaname = 'public' AND indexname = 'lower_k'")" = 1
check "nothing of theirs is left on the list twice" test "$(sql "$theirs" 'SELECT projection, table_name FROM ev_table ORDER BY 1' | tr '\n' ' ')" = 'acc|acc acc (kept)|ev_kept_acc '
database mat
sql "$mat" "CREATE MATERIALIZED VIEW acc AS SELECT 'k' AS k, 1 AS n, 1 AS at"
rebuild p.sql "$mat" ./in.ndjson --adopt
check_status 2 "a materialized view is not"
check_grep "by name" "'acc' is neither a table nor a view" "$err"
check "and nothing is left" test -z "$(leftovers "$mat")"

# names are cut between characters
database long
schema=$(printf 'aé%.0s' {1..19})
sql "$long" "CREATE SCHEMA $schema"
run evproject run p.sql --store "$long" --schema "$schema" --quiet ./in.ndjson
rebuild p2.sql "$long" ./in.ndjson --schema "$schema"
check_status 0 "a schema of 57 bytes, not ASCII"
run evproject rollback p.sql --store "$long" --schema "$schema"
check_status 0 "there and back"

# somebody has a lock on a table that the swap moves, and waits for the swap himself: it gives way and comes again. He
# begins while the swap waits for another, or it would let him end before
database lock
project "$lock" ./in.ndjson
rebuild p2.sql "$lock" ./in.ndjson --no-swap
check_status 0 "a shadow is ready"
mkfifo other
psql -qAtX "$lock" <other >other.out 2>&1 & other=$!
exec 8>other
echo "BEGIN; SELECT 'begun' FROM acc LIMIT 1;" >&8
check "a transaction" wait_for 60 grep -q begun other.out
evproject rebuild p2.sql --store "$lock" --yes --swap-wait 10m ./in.ndjson 8>&- >swap.out 2>swap.err & swap=$!
outlives() { [ "$(super "SELECT count(*) FROM pg_stat_activity WHERE datname = '$(basename "$lock")' AND query LIKE '%virtualxid = ANY%'")" = 1 ]; }
check "which the swap waits for" wait_for 60 outlives
psql -qAtX "$_super_url" -v ON_ERROR_STOP=1 >lock.out 2>&1 <<'SQL' 8>&- &
SET deadlock_timeout = '10min';
BEGIN;
LOCK TABLE ev_shadow_public_acc.acc IN ACCESS SHARE MODE;
\echo locked
DO $$ BEGIN
	WHILE NOT EXISTS (SELECT 1 FROM pg_locks WHERE relation = 'ev_projection'::regclass AND mode = 'RowShareLock'
		AND granted AND pid <> pg_backend_pid()) LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
UPDATE ev_projection SET generation = generation;
COMMIT;
SQL
pid=$!
check "somebody reads the shadow" wait_for 60 grep -q locked lock.out
echo 'COMMIT;' >&8
exec 8>&-
wait $other
wait $swap
check "the swap comes through in the end" test $? = 0
show <swap.err
wait $pid
check "and so does the reader" test $? = 0
show <lock.out
check "the new version serves" test "$(versions "$lock")" = 'acc|2 acc (kept)|1 '

# a view of others on the version that is kept, which the next swap would drop: found before the load, and by --forget
database kept
project "$kept" ./in.ndjson
rebuild p2.sql "$kept" ./in.ndjson
sql "$kept" 'CREATE VIEW before AS SELECT k, n FROM ev_kept_public_acc.acc; CREATE VIEW sum_before AS SELECT sum(n) FROM before'
sed 's/version 2/version 3/; s/2 \* /3 * /' p2.sql >p3.sql
told() { # told COMMAND...
	run "$@" --store "$kept"
	check_status 2 "$2 ${4:-} beside a view on the kept version is refused"
	check_grep "  by name, and with the way out" "version of projection 'acc' that is kept, which is to be dropped: view before$" "$err"
	check_grep "  " 'hint: nothing of others is dropped: drop it, or let it use the tables that serve' "$err"
	check "  nothing has changed" test "$(versions "$kept")$(sql "$kept" 'SELECT * FROM sum_before')$(leftovers "$kept")" = "$as_is"
}
as_is="$(versions "$kept")$(sql "$kept" 'SELECT * FROM sum_before')$(leftovers "$kept")"
told evproject rebuild p3.sql --yes ./in.ndjson
told evproject rebuild p2.sql --forget
run evproject drop acc --store "$kept" --yes
check_status 2 "so is a drop"
check_grep "  by name" "others depend on tables of projection 'acc': view before$" "$err"
run evproject rollback p.sql --store "$kept"
check_status 0 "a rollback is not"
check "  it shows what serves now" test "$(sql "$kept" 'SELECT * FROM sum_before')" = "$(sql "$kept" 'SELECT sum(n) FROM acc')"
rebuild p2.sql "$kept" ./in.ndjson --quiet
check_status 0 "  and so nothing is in the way"
sql "$kept" 'DROP VIEW before CASCADE'
# it is put there when all but the swap is done
rebuild p3.sql "$kept" ./in.ndjson --no-swap
sql "$kept" 'CREATE VIEW before AS SELECT k, n FROM ev_kept_public_acc.acc; CREATE VIEW sum_before AS SELECT sum(n) FROM before'
as_is="$(versions "$kept")$(sql "$kept" 'SELECT * FROM sum_before')$(leftovers "$kept")"
told evproject rebuild p3.sql --yes ./in.ndjson
sql "$kept" 'DROP VIEW before CASCADE'
# what others put on the shadow, and into its schema, is theirs as well
sql "$kept" 'CREATE VIEW soon AS SELECT k FROM ev_shadow_public_acc.acc'
run evproject rebuild p3.sql --store "$kept" --abandon
check_status 2 "--abandon with a view of others on the shadow is refused"
check_grep "  by name" 'that is being built, which is to be dropped: view soon$' "$err"
sql "$kept" 'DROP VIEW soon; CREATE TABLE ev_shadow_public_acc.mine (x integer)'
rebuild p3.sql "$kept" ./in.ndjson
check_status 2 "a swap with a table of others in the shadow's schema is refused"
check_grep "  by name" "schema 'ev_shadow_public_acc' .* holds 'mine', which is none of it" "$err"
run evproject rebuild p3.sql --store "$kept" --abandon
check_status 4 "so is --abandon"
check_grep "  by name" 'table ev_shadow_public_acc.mine' "$err"
sql "$kept" 'ALTER TABLE ev_shadow_public_acc.mine SET SCHEMA public'
rebuild p3.sql "$kept" ./in.ndjson
check_status 0 "without them it goes through"
check "  to the new version" test "$(versions "$kept")$(leftovers "$kept")" = 'acc|3 acc (kept)|2 ev_kept_public_acc '

# a shadow that is removed by hand when only the swap is left, and one of whose tables is
gone() { # gone SQL...
	database gone
	project "$gone" ./in.ndjson
	before=$(sums "$gone")
	evproject rebuild p2.sql --store "$gone" --forget 2>/dev/null # makes our tables
	sql "$gone" "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''stopped by test''; END';
		CREATE TRIGGER stop AFTER DELETE ON ev_rebuild FOR EACH ROW EXECUTE FUNCTION stop()"
	rebuild p2.sql "$gone" ./in.ndjson "${@:2}"
	sql "$gone" 'DROP TRIGGER stop ON ev_rebuild'
	sql "$gone" "$1" 2>/dev/null
	rebuild p2.sql "$gone" ./in.ndjson
	check_status 2 "refused: $*"
	check_grep "  with what is gone" "'[a-z_]*' of the new version is not there any more" "$err"
	check_grep "  and the way out" "hint: it was removed by hand; .* --abandon gives the rebuild of 'acc' up, to begin anew" "$err"
	check "  the old view serves" test "$(versions "$gone")$(sums "$gone")" = "acc|1 $before"
	run evproject rebuild p2.sql --store "$gone" --abandon
	check_status 0 "  --abandon"
	check "  leaves nothing" test "$(leftovers "$gone")$(sql "$gone" 'SELECT count(*) FROM ev_rebuild')" = 0
	rebuild p2.sql "$gone" ./in.ndjson
	check_status 0 "  and it is built anew"
}
gone 'DROP SCHEMA ev_shadow_public_acc CASCADE'
gone 'DROP TABLE ev_shadow_public_acc.acc'
gone 'DROP TABLE ev_shadow_public_acc.ev_ledger'
gone 'DROP TABLE ev_shadow_public_acc.acc' --no-swap
done_testing
