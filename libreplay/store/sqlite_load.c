/*
 * sqlite_load.c - the journal of a first load
 *
 * In WAL mode each page of a load is written twice, with a checksum, and read once. A rollback journal holds what
 * pages were before, and those that a load adds were not there: so each is written once, and a load that is killed
 * is taken back all the same, when the file is next opened. But nobody reads meanwhile. So it is for a file in
 * which nothing serves, and which nobody else has open; else the mode stays.
 */
#include "store/sqlite_internal.h"

#define FEW_PAGES 256 /* what a new file holds: our tables, and those that are loaded */

/* Is there nothing in the file but this projection, and of it nothing yet? */
static bool is_new(struct ev_sqlite *s, const char *projection)
{
	static const char sql[] =
		"SELECT NOT EXISTS (SELECT 1 FROM main.ev_projection WHERE name <> ?1) AND NOT EXISTS (SELECT 1 FROM "
		"main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'ev\\_%' ESCAPE '\\' AND name NOT LIKE "
		"'sqlite\\_%' ESCAPE '\\' AND lower(name) NOT IN (SELECT lower(table_name) FROM main.ev_table WHERE "
		"projection = ?1)) AND (SELECT page_count FROM pragma_page_count('main')) <= ?2";
	sqlite3_stmt *stmt = NULL;
	bool yes = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) == SQLITE_OK &&
		   sqlite3_bind_text(stmt, 1, projection, -1, SQLITE_STATIC) == SQLITE_OK &&
		   sqlite3_bind_int(stmt, 2, FEW_PAGES) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW &&
		   sqlite3_column_int(stmt, 0);

	sqlite3_finalize(stmt);
	return yes;
}

void ev_sqlite_load(struct ev_store *store, const char *projection)
{
	struct ev_sqlite *s = ev_sqlite_of(store);

	if (s->joined || s->wal_due || !is_new(s, projection))
		return;
	sqlite3_busy_timeout(s->db, 0);
	if (sqlite3_exec(s->db, "PRAGMA main.journal_mode=DELETE; PRAGMA main.synchronous=FULL", NULL, NULL, NULL) ==
	    SQLITE_OK)
		s->wal_due = true; /* WAL mode comes back with the commit */
	ev_sqlite_wait(s);
}
