# evproject rebuild, rollback, drop: a new version beside the old one, in its place, and back
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/rebuild.sh"

log 400 >log.ndjson
head -n 300 log.ndjson >first.ndjson

# no old view: it is built; the same again does nothing
rebuild v1.sql s.db ./first.ndjson
check_status 0 "without an old view it is built"
check_grep "and says so" 'acc: no view was there: version 1 is built' "$err"
build v1.sql want1.db ./first.ndjson
check "as run would have built it" same s.db want1.db
rebuild v1.sql s.db ./log.ndjson
check_status 0 "the same version again is no error"
check_grep "and nothing is done" 'version 1 serves already, nothing to do' "$err"
check "not even catching up" same s.db want1.db
sed 's/version 1/version 7/' v1.sql >v7.sql
rebuild v7.sql s.db ./log.ndjson
check_status 0 "nor is another number of it"
check_grep "which is said to be no other version" "version 1 serves already, and means the same as the file's 7: nothing to do" "$err"

# the swap
sqlite3 s.db 'CREATE VIEW others AS SELECT count(*) AS n, sum(n) AS total FROM acc; CREATE INDEX others_at ON acc (at)'
rebuild v2.sql s.db ./log.ndjson
check_status 2 "without a terminal the swap wants --yes"
check_grep "and says so, before anything is read" '--yes swaps when the new version is ready, .* nothing was read yet' "$err"
check "the old version serves on" same s.db want1.db
rebuild v2.sql s.db ./log.ndjson --yes
check_status 0 "with it the new version serves"
check_grep "and says so" 'acc: version 2 serves, .* rollback goes back' "$err"
build v2.sql want2.db ./log.ndjson
check "it equals one that was built at once" same s.db want2.db
check "the view of others shows the new rows" test \
	"$(sqlite3 s.db 'SELECT * FROM others')" = "$(sqlite3 want2.db 'SELECT count(*), sum(n) FROM acc')"
check "the index of others is there" test \
	"$(sqlite3 s.db "SELECT sql FROM sqlite_schema WHERE name = 'others_at'")" = 'CREATE INDEX "others_at" ON "acc" (at)'
check "the own view is the new one's" test "$(sqlite3 s.db 'SELECT count(*) FROM big')" = \
	"$(sqlite3 want2.db 'SELECT count(*) FROM big')"
check "no file is left beside the store" only_files s.db s.db-evlock
check "nothing but the kept version is left in it" only_tables s.db acc ev_kept_acc
check "the database is sound" sound s.db

# and back, and forth
run evproject rollback v1.sql --store s.db
check_status 0 "rollback"
check_grep "says what serves" 'acc: version 1 serves again' "$err"
check "the old rows and their position are back, byte for byte" same s.db want1.db
check "the database is sound" sound s.db
run evproject run v1.sql --store s.db ./log.ndjson
check_status 0 "the old file goes on from its position"
build v1.sql want1b.db ./log.ndjson
check "with the right rows" same s.db want1b.db
run evproject rollback v2.sql --store s.db
check_status 0 "a second rollback"
check "changes back to the new version" same s.db want2.db
run evproject run v2.sql --store s.db ./log.ndjson
check_status 0 "which goes on too"
check "with nothing new" same s.db want2.db
run evproject rebuild v1.sql --store s.db ./log.ndjson --dry-run
check_grep "a number that is lower than what serves is told" 'version 2 serves, and the file is version 1, which is lower' "$err"
run evproject rebuild v2.sql --store s.db --forget
check_status 0 "--forget"
check "drops what was kept" only_tables s.db acc
run evproject rollback v2.sql --store s.db
check_status 2 "then there is nothing to go back to"
check_grep "and it is said" 'keeps no version' "$err"
check "the database is sound" sound s.db
done_testing
