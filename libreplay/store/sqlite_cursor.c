/* sqlite_cursor.c - tables described, and read row by row */
#include <stdlib.h>

#include "base/mem.h"
#include "store/sqlite_internal.h"

struct ev_cursor {
	struct ev_sqlite *store;
	sqlite3_stmt *stmt;
	struct ev_cell *row;
	int columns;
};

static void add_column(struct ev_table_info *out, sqlite3_stmt *row)
{
	struct ev_column_info *c = EV_PUSH(out->columns, out->ncolumns);
	struct ev_buf quoted = EV_BUF_INIT;

	c->name = ev_strdup((const char *)sqlite3_column_text(row, 0));
	c->type = ev_strdup((const char *)sqlite3_column_text(row, 1));
	c->key = sqlite3_column_int(row, 2);
	c->nullable = sqlite3_column_int(row, 3);
	if (!out->name)
		out->name = ev_strdup((const char *)sqlite3_column_text(row, 4));
	ev_buf_add_quoted(&quoted, c->name, '"');
	c->value = ev_strdup(ev_buf_str(&quoted));
	c->portable = ev_strdup(ev_buf_str(&quoted));
	ev_buf_adds(&quoted, " COLLATE BINARY");
	c->order = ev_strdup(ev_buf_str(&quoted));
	ev_buf_release(&quoted);
}

int ev_sqlite_describe(struct ev_store *store, const char *table, struct ev_table_info *out,
		       struct ev_error *err)
{
	/*
	 * Hidden: 1 a virtual table's, 2 and 3 generated columns, which are values like others. A key takes
	 * NULLs unless it says NOT NULL, is the rowid, or the table has none.
	 */
	static const char sql[] =
		"SELECT x.name, x.type, x.pk, x.pk AND NOT (x.\"notnull\" OR l.wr OR l.strict OR "
		"(x.type = 'INTEGER' COLLATE NOCASE AND NOT EXISTS "
		"(SELECT 1 FROM pragma_index_list(l.name) i WHERE i.origin = 'pk'))), l.name "
		"FROM pragma_table_list l, pragma_table_xinfo(l.name) x WHERE l.schema = 'main' AND "
		"l.type = 'table' AND l.name = ?1 COLLATE NOCASE AND x.hidden <> 1 ORDER BY x.cid";
	struct ev_sqlite *s = ev_sqlite_of(store);
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);

	*out = (struct ev_table_info){ 0 };
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		rc = sqlite3_step(stmt);
		if (rc == SQLITE_ROW)
			add_column(out, stmt);
	}
	sqlite3_finalize(stmt);
	return rc == SQLITE_DONE ? out->ncolumns > 0 : ev_sqlite_error(s, rc, false, err);
}

struct ev_cursor *ev_sqlite_cursor(struct ev_store *store, const char *sql, struct ev_error *err)
{
	struct ev_sqlite *s = ev_sqlite_of(store);
	struct ev_cursor *c;
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);

	if (rc != SQLITE_OK) {
		ev_sqlite_error(s, rc, false, err);
		return NULL;
	}
	c = ev_alloc(sizeof(*c));
	c->store = s;
	c->stmt = stmt;
	c->columns = sqlite3_column_count(stmt);
	c->row = ev_alloc(((size_t)c->columns + 1) * sizeof(*c->row));
	return c;
}

int ev_sqlite_fetch(struct ev_cursor *c, const struct ev_cell **row, struct ev_error *err)
{
	int rc = sqlite3_step(c->stmt);

	if (rc == SQLITE_DONE)
		return ev_sqlite_unchanged(c->store, err);
	if (rc != SQLITE_ROW)
		return ev_sqlite_error(c->store, rc, false, err);
	for (int i = 0; i < c->columns; i++)
		ev_sqlite_cell(c->stmt, i, &c->row[i]);
	*row = c->row;
	return 1;
}

void ev_sqlite_cursor_close(struct ev_cursor *c)
{
	if (!c)
		return;
	sqlite3_finalize(c->stmt);
	free(c->row);
	free(c);
}

int ev_sqlite_freeze(struct ev_store *store, struct ev_error *err)
{
	struct ev_sqlite *s = ev_sqlite_of(store);
	/* the first read after BEGIN fixes what is seen */
	int rc = sqlite3_exec(s->db, "PRAGMA query_only=ON; BEGIN; SELECT 1 FROM main.sqlite_schema LIMIT 1",
			      NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : ev_sqlite_error(s, rc, false, err);
}
