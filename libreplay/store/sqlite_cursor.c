/* sqlite_cursor.c - tables described, and read row by row */
#include <stdlib.h>

#include "base/mem.h"
#include "projection/sql.h"
#include "store/sqlite_internal.h"

struct ev_cursor {
	struct ev_sqlite *store;
	sqlite3_stmt *stmt;
	struct ev_cell *row;
	int columns;
	bool plain; /* numbers without their texts */
};

static void add_column(struct ev_table_info *out, sqlite3_stmt *row)
{
	struct ev_column_info *c = EV_PUSH(out->columns, out->ncolumns);
	struct ev_buf quoted = EV_BUF_INIT;

	c->name = ev_strdup((const char *)sqlite3_column_text(row, 0));
	c->type = ev_strdup((const char *)sqlite3_column_text(row, 1));
	c->full = ev_strdup(c->type);
	c->key = sqlite3_column_int(row, 2);
	c->nullable = sqlite3_column_int(row, 3);
	if (!out->name)
		out->name = ev_strdup((const char *)sqlite3_column_text(row, 4));
	c->not_null = sqlite3_column_int(row, 5) != 0;
	c->fallback = ev_strdup((const char *)sqlite3_column_text(row, 6));
	ev_buf_add_quoted(&quoted, c->name, '"');
	c->value = ev_strdup(ev_buf_str(&quoted));
	c->portable = ev_strdup(ev_buf_str(&quoted));
	ev_buf_adds(&quoted, " COLLATE BINARY");
	c->order = ev_strdup(ev_buf_str(&quoted));
	c->bytewise = out->bytewise = true; /* COLLATE makes a table odd */
	ev_buf_release(&quoted);
}

/* The queries find what a row depends on beside its columns; ?1 is the table. */
static const struct oddity { const char *sql, *what; bool tied, acts; } oddities[] = {
	{ "SELECT 1 FROM pragma_index_list(?1) WHERE (\"unique\" AND origin <> 'pk') OR partial",
	  "it has a second unique index, or one of a part of its rows", false, false },
	{ "SELECT 1 FROM pragma_index_list(?1) l, pragma_index_xinfo(l.name) x WHERE x.cid = -2",
	  "it has an index of an expression", false, false },
	{ "SELECT 1 FROM pragma_foreign_key_list(?1)", "it has a foreign key", true, false },
	{ "SELECT 1 FROM sqlite_schema s, pragma_foreign_key_list(s.name) k WHERE s.type = 'table' "
	  "AND k.\"table\" = ?1 COLLATE NOCASE", "a foreign key points to it", true, false },
	{ "SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE",
	  "it has a trigger", true, true },
	{ "SELECT 1 FROM pragma_table_xinfo(?1) WHERE hidden <> 0", "it has a generated column", true, false },
};

/* Behind CHECK, a word that means nothing else: what stands between the brackets. */
static void add_check(struct ev_table_info *out, struct ev_lexer *lx)
{
	struct ev_token t;
	const char *start = NULL;
	int depth = 0;

	do {
		t = ev_sql_next(lx);
		depth += ev_token_is(t, "(") - ev_token_is(t, ")");
		if (!start && depth)
			start = lx->at;
	} while (t.kind != EV_TOKEN_END && (depth || !start));
	*EV_PUSH(out->checks, out->nchecks) =
		start ? ev_strndup(start, (size_t)(t.text.ptr - start)) : ev_strdup("");
}

/* Clauses that no pragma tells of. */
static void read_clauses(struct ev_table_info *out, const char *sql)
{
	static const char *const odd[] = { "collate", "conflict", "virtual", NULL };
	struct ev_lexer lx = { .at = sql, .end = sql + strlen(sql) };
	struct ev_token t;

	while ((t = ev_sql_next(&lx)).kind != EV_TOKEN_END) {
		for (const char *const *w = odd; *w; w++)
			if (ev_token_is(t, *w))
				out->odd = "it has a COLLATE or an ON CONFLICT clause";
		if (ev_token_is(t, "check"))
			add_check(out, &lx);
	}
}

static int find_oddity(struct ev_sqlite *s, const char *table, struct ev_table_info *out,
		       struct ev_error *err)
{
	for (size_t i = 0; i < sizeof(oddities) / sizeof(*oddities); i++) {
		sqlite3_stmt *stmt = NULL;
		int rc = sqlite3_prepare_v2(s->db, oddities[i].sql, -1, &stmt, NULL);

		if (rc == SQLITE_OK)
			rc = sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
		if (rc == SQLITE_OK)
			rc = sqlite3_step(stmt);
		sqlite3_finalize(stmt);
		if (rc != SQLITE_ROW && rc != SQLITE_DONE)
			return ev_sqlite_error(s, rc, false, err);
		if (rc == SQLITE_ROW && !out->odd)
			out->odd = oddities[i].what;
		if (rc == SQLITE_ROW && oddities[i].tied && !out->tied)
			out->tied = oddities[i].what;
		out->acts |= rc == SQLITE_ROW && oddities[i].acts;
	}
	return 0;
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
		"(SELECT 1 FROM pragma_index_list(l.name) i WHERE i.origin = 'pk'))), l.name, "
		"x.\"notnull\", x.dflt_value, s.sql "
		"FROM pragma_table_list l JOIN main.sqlite_schema s ON s.type = 'table' AND s.name = l.name, "
		"pragma_table_xinfo(l.name) x WHERE l.schema = 'main' AND "
		"l.type = 'table' AND l.name = ?1 COLLATE NOCASE AND x.hidden <> 1 ORDER BY x.cid";
	struct ev_sqlite *s = ev_sqlite_of(store);
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);

	*out = (struct ev_table_info){ 0 };
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		rc = sqlite3_step(stmt);
		if (rc != SQLITE_ROW)
			break;
		add_column(out, stmt);
		if (out->ncolumns == 1)
			read_clauses(out, (const char *)sqlite3_column_text(stmt, 7));
	}
	sqlite3_finalize(stmt);
	if (rc != SQLITE_DONE)
		return ev_sqlite_error(s, rc, false, err);
	return out->ncolumns && find_oddity(s, table, out, err) < 0 ? -1 : out->ncolumns > 0;
}

static int take_number(void *ctx, const struct ev_cell *c, size_t n)
{
	(void)n;
	*(int64_t *)ctx = c[0].i;
	return 0;
}

int ev_sqlite_stamp(struct ev_store *store, const struct ev_buf *tables, int64_t *out, struct ev_error *err)
{
	(void)tables;
	return ev_store_select(store, "PRAGMA main.schema_version", NULL, 0, take_number, out, err);
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

struct ev_cursor *ev_sqlite_stream(struct ev_store *store, const char *sql, struct ev_error *err)
{
	struct ev_cursor *c = ev_sqlite_cursor(store, sql, err);

	if (c)
		c->plain = true;
	return c;
}

/*
 * SQLite prints a number with more effort than it takes to read the whole row, so that is not asked for. The
 * connection has no mutex, so a column's value may be looked at itself.
 */
static int take_plain(struct ev_cursor *c, int i, struct ev_error *err)
{
	sqlite3_value *v = sqlite3_column_value(c->stmt, i);
	struct ev_cell *cell = &c->row[i];

	switch (sqlite3_value_type(v)) {
	case SQLITE_NULL:
		cell->kind = EV_CELL_NULL;
		break;
	case SQLITE_INTEGER:
		cell->kind = EV_CELL_INT;
		cell->i = sqlite3_value_int64(v);
		break;
	case SQLITE_FLOAT:
		cell->kind = EV_CELL_REAL;
		cell->real = sqlite3_value_double(v);
		break;
	case SQLITE_TEXT:
		cell->kind = EV_CELL_TEXT;
		cell->text.ptr = (const char *)sqlite3_value_text(v);
		cell->text.len = (size_t)sqlite3_value_bytes(v);
		return cell->text.ptr ? 0 : ev_fail(err, EV_STORE, "no memory for a row");
	default:
		ev_sqlite_cell(c->stmt, i, cell);
		return 0;
	}
	cell->text = EV_NULL_SLICE;
	return 0;
}

int ev_sqlite_fetch(struct ev_cursor *c, const struct ev_cell **row, struct ev_error *err)
{
	int rc = sqlite3_step(c->stmt);

	if (rc == SQLITE_DONE)
		return ev_sqlite_unchanged(c->store, err);
	if (rc != SQLITE_ROW)
		return ev_sqlite_error(c->store, rc, false, err);
	for (int i = 0; i < c->columns; i++) {
		if (!c->plain)
			ev_sqlite_cell(c->stmt, i, &c->row[i]);
		else if (take_plain(c, i, err) < 0)
			return -1;
	}
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
