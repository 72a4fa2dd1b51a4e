/* sqlite_bring.c - rows of a table of another file, value by value */
#include "store/sqlite_internal.h"

static sqlite3_stmt *prepare(struct ev_sqlite *s, const char *sql, struct ev_error *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);

	if (rc != SQLITE_OK)
		ev_sqlite_error(s, rc, false, err);
	return stmt;
}

static int copy_rows(struct ev_sqlite *to, sqlite3_stmt *in, struct ev_sqlite *from, sqlite3_stmt *out,
		     struct ev_error *err)
{
	int n = sqlite3_column_count(out), rc;

	while ((rc = sqlite3_step(out)) == SQLITE_ROW) {
		for (int i = 0; i < n; i++)
			sqlite3_bind_value(in, i + 1, sqlite3_column_value(out, i));
		rc = sqlite3_step(in);
		if (rc != SQLITE_DONE)
			return ev_sqlite_error(to, rc, false, err);
		sqlite3_reset(in);
	}
	return rc == SQLITE_DONE ? 0 : ev_sqlite_error(from, rc, false, err);
}

int ev_sqlite_bring(struct ev_store *to, struct ev_store *from, const char *select, const char *insert,
		    struct ev_error *err)
{
	sqlite3_stmt *out = prepare(ev_sqlite_of(from), select, err);
	sqlite3_stmt *in = out ? prepare(ev_sqlite_of(to), insert, err) : NULL;
	int rc = in ? copy_rows(ev_sqlite_of(to), in, ev_sqlite_of(from), out, err) : -1;

	sqlite3_finalize(in);
	sqlite3_finalize(out);
	return rc;
}
