/*
 * sqlite_fts.c - full-text tables of others that find rows of the view by their rowids
 *
 * An FTS table with `content=orders` keeps no text but rowids of `orders`; the rows of a new version have others, in
 * the order of their keys, and nobody would be told. Where the rowid is a column of the table, or content_rowid= names
 * another column, it is a value like any, and the same in both versions. A view may show rowids under another name.
 */
#include <strings.h>

#include "projection/sql.h"
#include "rebuild/sqlite_kit.h"

struct content {
	struct ev_buf table, rowid; /* as they are written, in lower case; empty: none */
};

static struct ev_token next_token(struct ev_lexer *lx)
{
	struct ev_token t;

	do
		t = ev_sql_next(lx);
	while (t.kind == EV_TOKEN_SPACE);
	return t;
}

/* A name, or a text that is one. */
static void value_of(struct ev_token t, struct ev_buf *out)
{
	ev_buf_clear(out);
	if (t.kind == EV_TOKEN_STRING)
		ev_sql_string(t, out);
	else if (t.kind == EV_TOKEN_WORD || t.kind == EV_TOKEN_QUOTED)
		ev_sql_name(t, out);
}

/* The options of `CREATE VIRTUAL TABLE x USING fts5(a, b, content = 'orders', content_rowid = 'id')`. */
static void read_options(const char *sql, struct content *c)
{
	struct ev_lexer lx = { .at = sql, .end = sql + strlen(sql) };
	bool fts = false;

	for (struct ev_token t = next_token(&lx), to; t.kind != EV_TOKEN_END && t.kind != EV_TOKEN_ERROR; t = to) {
		to = next_token(&lx);
		if (ev_token_is(t, "USING"))
			fts = to.text.len > 3 && strncasecmp(to.text.ptr, "fts", 3) == 0;
		if (!fts || !ev_token_is(to, "="))
			continue;
		if (ev_token_is(t, "content"))
			value_of(next_token(&lx), &c->table);
		else if (ev_token_is(t, "content_rowid"))
			value_of(next_token(&lx), &c->rowid);
	}
}

static bool is_rowid(const struct ev_buf *name)
{
	static const char *const names[] = { "", "rowid", "oid", "_rowid_", NULL };

	for (const char *const *n = names; *n; n++)
		if (strcasecmp(ev_buf_str(name), *n) == 0)
			return true;
	return false;
}

/* Is it a table of the projection whose rowid is none of its columns? 1, 0, -1. */
static int has_hidden_rowid(struct ev_sqlite *stage, const char *projection, const char *table, struct ev_error *err)
{
	int64_t n = 0;

	/* an INTEGER PRIMARY KEY is the only kind of primary key without an index, but for WITHOUT ROWID */
	if (ev_kit_number(stage, &n, err, "SELECT count(*) FROM main.ev_table t JOIN main.sqlite_schema m "
			  "ON m.name = t.table_name COLLATE NOCASE WHERE m.type = 'table' AND t.projection = %Q "
			  "AND t.table_name = %Q COLLATE NOCASE AND (NOT EXISTS (SELECT 1 FROM "
			  "pragma_table_info(m.name) c WHERE c.pk > 0) OR EXISTS (SELECT 1 FROM "
			  "pragma_index_list(m.name) i WHERE i.origin = 'pk'))", projection, table) < 0)
		return -1;
	return n > 0;
}

/*
 * Does a view show rowids of such a table, itself or by a view that it reads? By its words alone: one too many is
 * refused with a way out. `looked`: at these, NUL after each: not again. 1, 0, -1.
 */
static int shows_rowids(struct ev_sqlite *stage, const char *projection, const char *view, struct ev_buf *looked,
			struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT, word = EV_BUF_INIT;
	int rc = ev_kit_rows(stage, &sql, err, "SELECT sql FROM main.sqlite_schema WHERE type = 'view' "
			     "AND name = %Q COLLATE NOCASE", view);
	struct ev_lexer lx = { .at = ev_buf_str(&sql), .end = ev_buf_str(&sql) + sql.len };
	bool named = false, of_ours = false;

	ev_buf_add(looked, view, strlen(view) + 1);
	for (struct ev_token t; rc == 0 && lx.at < lx.end && (t = next_token(&lx)).kind != EV_TOKEN_END &&
				t.kind != EV_TOKEN_ERROR;) {
		int ours;

		value_of(t, &word);
		if (!word.len)
			continue;
		named |= is_rowid(&word);
		ours = has_hidden_rowid(stage, projection, ev_buf_str(&word), err);
		of_ours |= ours > 0;
		if (ours < 0)
			rc = -1;
		else if (!ev_buf_lists(looked, ev_buf_str(&word), false))
			rc = shows_rowids(stage, projection, ev_buf_str(&word), looked, err);
	}
	ev_buf_release(&sql);
	ev_buf_release(&word);
	return rc ? rc : named && of_ours;
}

static int check_one(struct ev_sqlite *stage, const char *projection, const char *name, const char *sql,
		     struct ev_error *err)
{
	struct content c = { EV_BUF_INIT, EV_BUF_INIT };
	struct ev_buf looked = EV_BUF_INIT;
	int rc = 0;

	read_options(sql, &c);
	if (c.table.len && is_rowid(&c.rowid))
		rc = has_hidden_rowid(stage, projection, ev_buf_str(&c.table), err);
	if (rc == 0 && c.table.len)
		rc = shows_rowids(stage, projection, ev_buf_str(&c.table), &looked, err);
	if (rc > 0) {
		rc = ev_fail(err, EV_USAGE, "virtual table '%s' finds rows of '%s' by their rowids: after the swap it "
			     "would find others", name, ev_buf_str(&c.table));
		ev_hint(err, "drop it, and create it again after the swap; or give the table an "
			     "INTEGER PRIMARY KEY");
	}
	ev_buf_release(&looked);
	ev_buf_release(&c.table);
	ev_buf_release(&c.rowid);
	return rc;
}

int ev_kit_check_searched(struct ev_sqlite *live, struct ev_sqlite *stage, const char *projection, struct ev_error *err)
{
	struct ev_buf rows = EV_BUF_INIT;
	int rc = ev_kit_rows(live, &rows, err, "SELECT name, sql FROM main.sqlite_schema WHERE type = 'table' "
			     "AND sql LIKE 'CREATE VIRTUAL%%' ORDER BY name");

	for (const char *c = ev_kit_first(&rows); rc == 0 && c; c = ev_kit_next(&rows, c, 2))
		rc = check_one(stage, projection, c, ev_kit_cell(c, 1), err);
	ev_buf_release(&rows);
	return rc;
}
