/* sqlite_strip.c - indexes that are made after the rows */
#include "store/sqlite_internal.h"

struct strip {
	struct ev_buf drop, *after;
};

static int take_index(void *ctx, int n, char **cells, char **names)
{
	struct strip *st = ctx;

	(void)n;
	(void)names;
	ev_buf_adds(&st->drop, "DROP INDEX main.");
	ev_buf_add_quoted(&st->drop, cells[0], '"');
	ev_buf_adds(&st->drop, ";");
	ev_buf_addf(st->after, "%s;\n", cells[1]);
	return 0;
}

/* The index of a primary key is the table's own, and grows at its end where the rows come in its order. */
int ev_sqlite_strip(struct ev_store *store, const char *table, struct ev_buf *after, struct ev_error *err)
{
	struct ev_sqlite *s = ev_sqlite_of(store);
	struct strip st = { .after = after };
	char *sql = sqlite3_mprintf("SELECT name, sql FROM main.sqlite_schema WHERE type = 'index' AND "
				    "sql IS NOT NULL AND tbl_name = %Q COLLATE NOCASE ORDER BY rowid", table);
	int rc = sql ? sqlite3_exec(s->db, sql, take_index, &st, NULL) : SQLITE_NOMEM;

	sqlite3_free(sql);
	if (rc == SQLITE_OK && st.drop.len)
		rc = sqlite3_exec(s->db, ev_buf_str(&st.drop), NULL, NULL, NULL);
	ev_buf_release(&st.drop);
	return rc == SQLITE_OK ? 0 : ev_sqlite_error(s, rc, false, err);
}
