/* sqlite_indexes.c - indexes that may wait for the rows of a load */
#include "store/sqlite_internal.h"

static void add(struct ev_buf *out, const char *text)
{
	ev_buf_add(out, text, strlen(text) + 1);
}

static int take_index(void *ctx, int n, char **cells, char **names)
{
	struct ev_buf name = EV_BUF_INIT;

	(void)n;
	(void)names;
	ev_buf_adds(&name, "main.");
	ev_buf_add_quoted(&name, cells[0], '"');
	add(ctx, ev_buf_str(&name));
	add(ctx, cells[1]);
	ev_buf_release(&name);
	return 0;
}

/* The index of a primary key is the table's own, and grows at its end where the rows come in its order. */
int ev_sqlite_indexes(struct ev_store *store, const char *table, struct ev_buf *out, struct ev_error *err)
{
	struct ev_sqlite *s = ev_sqlite_of(store);
	char *sql = sqlite3_mprintf("SELECT m.name, m.sql FROM main.sqlite_schema m JOIN pragma_index_list(%Q, "
				    "'main') i ON i.name = m.name WHERE m.type = 'index' AND m.sql IS NOT NULL "
				    "AND NOT i.\"unique\" ORDER BY m.rowid", table);
	int rc = sql ? sqlite3_exec(s->db, sql, take_index, out, NULL) : SQLITE_NOMEM;

	sqlite3_free(sql);
	return rc == SQLITE_OK ? 0 : ev_sqlite_error(s, rc, false, err);
}
