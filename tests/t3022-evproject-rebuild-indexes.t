# evproject rebuild: indexes beside the keys wait until the load has ended, whoever ends it, and after a kill
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"

cat >v1.sql <<'SQL'
-- @projection acc version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE acc (k text PRIMARY KEY, n bigint NOT NULL, note text);
CREATE INDEX acc_n ON acc (n);
CREATE INDEX acc_note ON acc (note, n);
-- @on add
INSERT INTO acc (k, n, note) VALUES ($.k!, $.n!, $.note)
ON CONFLICT (k) DO UPDATE SET n = acc.n + excluded.n, note = excluded.note;
SQL
sed 's/version 1/version 2/; s/(\$\.k!, \$\.n!,/($.k!, 10 * $.n!,/' v1.sql >v2.sql
awk 'BEGIN { for (i = 0; i < 40000; i++)
	printf "{\"topic\":\"t\",\"partition\":0,\"offset\":%d,\"timestamp\":%d,\"key\":null,\"headers\":[],\"value\":{\"type\":\"add\",\"k\":\"%060d\",\"n\":%d,\"note\":\"%080d\"}}\n",
		i, 1763200000000 + i, (i * 7919) % 31000, (i * 31) % 101, i * 48271 % 99991 }' >log.ndjson

rows() { sql "$1" 'SELECT * FROM acc ORDER BY k'; }
indexes() { # of a store, or of its schema $2
	if on sqlite; then
		sql "$1" "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'acc' AND sql IS NOT NULL ORDER BY 1" | tr -d '"'
	else
		sql "$1" "SELECT indexname, regexp_replace(indexdef, ' ON \S+ ', ' ON ') FROM pg_indexes
			WHERE tablename = 'acc' AND schemaname = '${2:-$(_schema "$1")}' ORDER BY 1"
	fi
}
shadow() { # ... of the version that is loaded beside the one that serves
	on sqlite && indexes "$1-evshadow-acc" || indexes "$1" "ev_shadow_$(_schema "$1")_acc"
}
build() { evproject run "$1" --store "$(store "$2")" --quiet "${@:3}" ./log.ndjson; }
rebuild() { run evproject rebuild "$1" --store "$(store "$2")" --quiet "${@:3}"; }
equal() { # equal STORE WANTED: rows, and the indexes of the file
	rows "$1" >got; rows "$2" >want
	cmp got want || return
	indexes "$1" >got; indexes "$2" >want
	diff want got && grep -q acc_note got
}
passed() { [ "$(sql "$1" 'SELECT coalesce(max(next_offset), 0) FROM ev_ledger' 2>/dev/null || echo 0)" -gt "$2" ]; }
waited_for() { # waited_for COMMAND...: within minutes
	local end=$((SECONDS + 300))
	until "$@"; do [ $SECONDS -lt $end ] || return 1; sleep .05; done
}
# A first build that is killed with the half of the log written, and the indexes waiting. $1: the store
killed() {
	mkfifo in
	evproject rebuild v1.sql --store "$(store "$1")" --quiet ./in 2>killed.err &
	exec 8>in
	head -n 25000 log.ndjson >&8
	check "$1: half of the log is there" waited_for passed "$1" 9999
	kill -9 $!
	wait $! 2>/dev/null
	exec 8>&-
	rm in
	check "$1: without indexes beside the key" test -z "$(indexes "$1" | grep -v acc_pkey)"
}

build v1.sql w1
build v2.sql w2
killed again
rebuild v1.sql again ./log.ndjson
check_status 0 "the next call goes on with it"
check "and makes the indexes" equal again w1
check "no plan is left" test "$(sql again 'SELECT count(*) FROM ev_rebuild')" = 0
killed goes_on
build v1.sql goes_on
check "a run goes on with it, and makes them" equal goes_on w1
killed stays
rebuild v1.sql stays --abandon
check_status 0 "it is given up"
check "what stays has its indexes" test "$(indexes stays)" = "$(indexes w1)"
killed gone
sql gone 'DROP TABLE acc'
rebuild v1.sql gone --abandon
check_status 0 "and so is one whose table was dropped by hand"
killed taken
sql taken 'CREATE TABLE acc_n (x integer)'
rebuild v1.sql taken --abandon
check_status 4 "one whose index cannot be made is not given up"
check "that is said, and what takes it away" grep -q 'waited for the rows.*already.*drop acc' <(tr '\n' ' ' <"$err")
check "it stands as it did" test "$(sql taken 'SELECT count(*) FROM ev_rebuild')" = 1
evproject run v1.sql --store "$(store taken)" --quiet ./log.ndjson 2>"$err"
check "a run goes on with it, and says what it lacks" grep -q 'first build .*an index of table' "$err"
run evproject drop acc --store "$(store taken)" --yes
check_status 0 "drop makes none first"
check "nothing of it is left" test "$(sql taken 'SELECT 1 FROM acc' 2>&1 | grep -c 'no such table\|does not exist')" = 1
check "the table of others is" test "$(sql taken 'SELECT count(*) FROM acc_n')" = 0

# beside a version that serves, where rows do not fit the memory
build v1.sql s --memory 16m
rebuild v2.sql s --yes --memory 16m --max-change 0 ./log.ndjson
check_status 1 "a version that changes too much is refused"
check "with its indexes, as everything is compared and proven so" test "$(shadow s)" = "$(indexes w2)"
rebuild v2.sql s --yes --memory 16m ./log.ndjson
check_status 0 "allowed, it is swapped in"
check "with the same" equal s w2

# killed somewhere in the load of the version beside it
build v1.sql k
for i in 1 2 3; do
	evproject rebuild v2.sql --store "$(store k)" --quiet --no-swap --memory 16m ./log.ndjson 2>killed.err &
	# sqlite3 would make the file that it is asked for
	waited_for eval "{ $(on sqlite && echo '[ -s k-evshadow-acc ] &&') shadow k >/dev/null 2>&1; } || ! kill -0 $!"
	sleep 0.0$i
	! jobs -pr | grep -qx $! || kill -9 $!
	wait $! 2>/dev/null
done
rebuild v2.sql k --yes --memory 16m ./log.ndjson
check_status 0 "after kills in its load, a rebuild ends"
check "with rows and indexes" equal k w2

# tables of another program, which have no position in the log: all of the load is catching up
sql adopted "CREATE TABLE acc (k text PRIMARY KEY, n bigint NOT NULL, note text); CREATE INDEX theirs ON acc (k, n)"
rebuild v2.sql adopted --adopt --yes --memory 16m ./log.ndjson
check_status 0 "tables are adopted"
check "their index goes over" test -n "$(indexes adopted | grep theirs)"
sql adopted 'DROP INDEX theirs'
check "beside those of the file" equal adopted w2

# what an index cannot hold is poison at its event, whether the index is there yet or not
{
	head -n 30000 log.ndjson
	printf '{"topic":"t","partition":0,"offset":50000,"timestamp":1,"key":null,"headers":[],"value":{"type":"add","k":"long","n":1,"note":"%s"}}\n' \
		"$(for i in {1..120}; do echo "$i" | sha256sum | cut -c-64; done | tr -d '\n')"
	printf '{"topic":"t","partition":0,"offset":50001,"timestamp":1,"key":null,"headers":[],"value":{"type":"add","k":"long","n":1,"note":"short"}}\n'
} >long.ndjson
evproject run v1.sql --store "$(store lw)" --quiet --on-error dead ./long.ndjson
letters() { sql "$1" 'SELECT record_offset, reason FROM ev_dead ORDER BY 1' | sed 's/tuple ([0-9,]*)/tuple/'; }
check "such a record is poison on PostgreSQL" test "$(letters lw | grep -c '^50000|')" = "$(on sqlite 0 postgresql 1)"
mkfifo in
cat long.ndjson >in & # in pieces, so that it comes when others are written and the indexes wait
rebuild v1.sql l --on-error dead ./in
check_status 0 "a first build takes it as a run does"
check "the same letters" test "$(letters l)" = "$(letters lw)"
check "the same rows and indexes" equal l lw
rm in
killed run_on
evproject run v1.sql --store "$(store run_on)" --quiet --on-error dead ./long.ndjson 2>"$err"
check "a run that goes on with one that was killed knows of the indexes that wait: $(cat "$err")" test $? = 0
check "the same letters" test "$(letters run_on)" = "$(letters lw)"
check "and rows and indexes" equal run_on lw
killed repaired
sql repaired "UPDATE acc SET note = 'by hand' WHERE k = (SELECT min(k) FROM acc)"
evverify v1.sql --store "$(store repaired)" --quiet --rows --repair --yes ./long.ndjson >"$out" 2>"$err"
check "a repair beside one that was killed: $(cat "$err")" test $? = 0
rebuild v1.sql repaired --on-error dead ./long.ndjson
check_status 0 "leaves what goes on as before"
check "with the same rows and indexes" equal repaired lw
killed folded
rebuild v1.sql folded --on-error dead ./long.ndjson
check_status 0 "one that goes on with one that was killed knows of the indexes that wait"
check "the same letters" test "$(letters folded)" = "$(letters lw)"
check "and rows and indexes" equal folded lw
killed exact
rebuild v1.sql exact --exact-statements --on-error dead ./long.ndjson
check_status 0 "statements that go on with one that was killed"
check "have the indexes: the same letters" test "$(letters exact)" = "$(letters lw)"
check "and rows and indexes" equal exact lw

# so is one that is too large as a column is copied
cat >copies.sql <<'SQL'
-- @projection acc version 1
-- @topics t
-- @envelope type=$.type
-- @schema
CREATE TABLE acc (k text PRIMARY KEY, a text, note text);
CREATE INDEX acc_note ON acc (note, a);
-- @on put
INSERT INTO acc (k, a) VALUES ($.k!, $.a)
ON CONFLICT (k) DO UPDATE SET a = excluded.a;
-- @on both
INSERT INTO acc (k, a) VALUES ($.k!, $.a)
ON CONFLICT (k) DO UPDATE SET a = excluded.a, note = excluded.a;
-- @on copy
UPDATE acc SET note = a WHERE k = $.k;
SQL
n=0
text=$(for i in {1..30}; do echo "$i" | sha256sum | cut -c-63; done | tr -d '\n')
for event in "put one $text" "copy one" "put two short" "both two $text" "put one short" "copy one"; do
	read -r type key a <<<"$event"
	printf '{"topic":"t","partition":0,"offset":%d,"timestamp":1,"key":null,"headers":[],"value":{"type":"%s","k":"%s","a":"%s"}}\n' \
		$((n++)) "$type" "$key" "$a"
done >copies.ndjson
evproject run copies.sql --store "$(store cw)" --quiet --on-error dead ./copies.ndjson
check "an index does not hold two copies" test "$(letters cw | cut -d'|' -f1 | xargs)" = "$(on sqlite '' postgresql '1 3')"
rebuild copies.sql c --on-error dead ./copies.ndjson
check_status 0 "a first build takes copies as a run does"
check "the same letters again" test "$(letters c)" = "$(letters cw)"
check "and the same rows and indexes" equal c cw

# so is a letter that is decided on while the indexes of a first build wait
if on postgresql; then
	sed 's/^-- @envelope.*/&\n-- @key $.k/; s/^-- @on copy/& must touch/' copies.sql >late.sql
	n=0
	for event in "put zero" "copy one" "copy two"; do
		printf '{"topic":"t","partition":0,"offset":%d,"timestamp":1,"key":"%s","headers":[],"value":{"type":"%s","k":"%s"}}\n' \
			$((n++)) "${event#* }" "${event% *}" "${event#* }"
	done >late.ndjson
	rebuild late.sql late --on-error dead --max-dead 1 ./late.ndjson
	check_status 5 "a first build that ends in its midst"
	check "its index waits" test "$(indexes late | grep -c acc_note)" = 0
	sql late "INSERT INTO acc VALUES ('one', '$text')"
	run evproject dead retry late.sql --store "$(store late)" t/0@1
	check_status 5 "a letter that an index cannot hold fails again"
	check_grep "by its name" 'acc_note' "$err"
	rebuild late.sql late --on-error dead ./late.ndjson
	check_status 0 "the build goes on"
	check "and has its index" test "$(indexes late | grep -c acc_note)" = 1
fi

# a collation that the session's search path finds, and that of the store does not
if on postgresql; then
	sql "$_stores" "CREATE COLLATION public.theirs (locale = 'C')"
	sed 's/(note, n)/(note COLLATE public.theirs, n)/' v1.sql >collated.sql
	beyond=$(store collated | sed 's/%3D.*/&,public/')
	evproject rebuild collated.sql --store "$beyond" --schema collated --quiet ./log.ndjson 2>"$err"
	check "a first build makes its index under the path that it has read it by" test $? = 0
	check "and it is there" test "$(indexes collated | grep -c theirs)" = 1
fi
done_testing
