/*
 * sqlite_move.c - a version from one role to another: all names change, not a row
 *
 * Tables are renamed by ALTER TABLE, in its legacy form: views keep their text and so mean whatever has the
 * name; foreign keys inside the version follow. There is no ALTER INDEX in SQLite, so the names of
 * indexes are changed where they are kept, by the procedure that the manual gives for such edits
 * (lang_altertable, section 7), in the same transaction. Views of a version that does not serve are kept
 * as text.
 */
#include <stdlib.h>
#include <strings.h>

#include "projection/sql.h"
#include "rebuild/sqlite_kit.h"

static const char *const ledger_tables[] = { "ev_table", "ev_ledger", "ev_rows", "ev_view", NULL };
static const char *const many_rows[] = { "ev_cut", "ev_dead", "ev_seen", NULL }; /* found by ev_rows */

static bool has_prefix(const char *name, enum ev_role role)
{
	return strncasecmp(name, ev_role_prefix(role), strlen(ev_role_prefix(role))) == 0;
}

/* A name in another role: without the prefix of `from`, with that of `to`, unless it has that already. */
static void rename_name(const char *name, enum ev_role from, enum ev_role to, struct ev_buf *out)
{
	if (to == EV_ROLE_LIVE || !has_prefix(name, to)) {
		if (has_prefix(name, from))
			name += strlen(ev_role_prefix(from));
		ev_buf_adds(out, ev_role_prefix(to));
	}
	ev_buf_adds(out, name);
}

/* The name in a token as it is written, without its quotes. */
static void bare_name(struct ev_token t, struct ev_buf *out)
{
	const char *p = t.text.ptr, *end = p + t.text.len;
	char quote;

	if (t.kind != EV_TOKEN_QUOTED && t.kind != EV_TOKEN_STRING) {
		ev_buf_add_slice(out, t.text);
		return;
	}
	quote = *p == '[' ? ']' : *p;
	for (p++; p < end - 1; p++) {
		ev_buf_addc(out, *p);
		p += *p == quote && p[1] == quote;
	}
}

static void add_renamed(struct ev_token t, enum ev_role from, enum ev_role to, struct ev_buf *out)
{
	struct ev_buf name = EV_BUF_INIT, renamed = EV_BUF_INIT;

	bare_name(t, &name);
	rename_name(ev_buf_str(&name), from, to, &renamed);
	ev_buf_add_quoted(out, ev_buf_str(&renamed), '"');
	ev_buf_release(&name);
	ev_buf_release(&renamed);
}

/* Is it the table's own name before a column, as in `acc.n`? Then `lx` goes on behind the point. */
static bool skip_qualifier(struct ev_lexer *lx, struct ev_token t, const struct ev_buf *own)
{
	struct ev_lexer ahead = *lx;
	struct ev_buf name = EV_BUF_INIT;
	struct ev_token point;
	bool yes;

	if (!own->len || (t.kind != EV_TOKEN_WORD && t.kind != EV_TOKEN_QUOTED))
		return false;
	point = ev_sql_next(&ahead);
	if (point.kind == EV_TOKEN_SPACE)
		point = ev_sql_next(&ahead);
	ev_sql_name(t, &name);
	yes = ev_token_is(point, ".") && ev_slice_eq(ev_buf_slice(&name), ev_buf_slice(own));
	ev_buf_release(&name);
	if (yes)
		*lx = ahead;
	return yes;
}

bool ev_kit_rename_sql(const char *sql, enum ev_role from, enum ev_role to, struct ev_buf *out)
{
	struct ev_lexer lx = { .at = sql, .end = sql + strlen(sql) };
	bool named = false, on = false, index = false, next = false, skipped = false;
	struct ev_buf own = EV_BUF_INIT; /* the table's name */
	struct ev_token t;

	while ((t = ev_sql_next(&lx)).kind != EV_TOKEN_END) {
		if (!next && skip_qualifier(&lx, t, &own)) {
			skipped = true;
			continue;
		}
		if (t.kind == EV_TOKEN_SPACE || !next)
			ev_buf_add_slice(out, t.text);
		else
			add_renamed(t, from, to, out);
		if (t.kind == EV_TOKEN_SPACE)
			continue;
		if (next) {
			if (!own.len && (!index || on))
				ev_sql_name(t, &own);
			next = false;
			continue;
		}
		index |= !named && ev_token_is(t, "INDEX");
		next = (!named && (ev_token_is(t, "TABLE") || ev_token_is(t, "INDEX"))) ||
		       (index && named && !on && ev_token_is(t, "ON")) ||
		       (!index && ev_token_is(t, "REFERENCES"));
		on |= index && named && next;
		named |= next;
	}
	ev_buf_release(&own);
	return skipped;
}

/* Tables and views of a version: name, then `table`, `view` or nothing (a view that is kept as text). */
static int list(struct ev_sqlite *s, const char *ledger_name, struct ev_buf *out, struct ev_error *err)
{
	return ev_kit_rows(s, out, err,
			   "SELECT t.table_name, coalesce(m.type, '') FROM main.ev_table t "
			   "LEFT JOIN main.sqlite_schema m ON m.name = t.table_name COLLATE NOCASE "
			   "AND m.type IN ('table', 'view') WHERE t.projection = %Q "
			   "ORDER BY t.table_name", ledger_name);
}

static int keep_view(struct ev_sqlite *s, const char *view, const char *ledger_name, struct ev_error *err)
{
	return ev_kit_exec(s, err,
			   "INSERT INTO main.ev_view (projection, view_name, sql) SELECT %Q, name, sql "
			   "FROM main.sqlite_schema WHERE type = 'view' AND name = %Q COLLATE NOCASE;"
			   "DROP VIEW main.\"%w\"", ledger_name, view, view);
}

/* What ANALYZE has found goes with its table or index. Its tables can only be asked for by their names. */
static int move_statistics(struct ev_sqlite *s, const char *column, const char *from, const char *to,
			   struct ev_error *err)
{
	static const char *const tables[] = { "sqlite_stat1", "sqlite_stat4", NULL };
	int there = 0;

	for (const char *const *t = tables; *t && there >= 0; t++) {
		there = ev_sqlite_has_table(&s->base, *t, err);
		if (there > 0 &&
		    ev_kit_exec(s, err, "UPDATE main.%s SET idx = replace(idx, 'sqlite_autoindex_' || %Q, "
				"'sqlite_autoindex_' || %Q) WHERE tbl = %Q;"
				"UPDATE main.%s SET %s = %Q WHERE %s = %Q", *t, from, to, from, *t, column, to,
				column, from) < 0)
			there = -1;
	}
	return there < 0 ? -1 : 0;
}

static int rename_table(struct ev_sqlite *s, const char *from, const char *to, struct ev_error *err)
{
	if (ev_kit_exec(s, err, "ALTER TABLE main.\"%w\" RENAME TO \"%w\"", from, to) < 0)
		return -1;
	return move_statistics(s, "tbl", from, to, err);
}

static int move_tables(struct ev_sqlite *s, const char *from_name, enum ev_role from, enum ev_role to,
		       struct ev_error *err)
{
	struct ev_buf rows = EV_BUF_INIT, name = EV_BUF_INIT;
	int rc = list(s, from_name, &rows, err);

	for (const char *c = ev_kit_first(&rows); rc == 0 && c; c = ev_kit_next(&rows, c, 2)) {
		const char *type = ev_kit_cell(c, 1);

		ev_buf_clear(&name);
		rename_name(c, from, to, &name);
		if (strcmp(type, "table") == 0)
			rc = rename_table(s, c, ev_buf_str(&name), err);
		else if (strcmp(type, "view") == 0)
			rc = keep_view(s, c, from_name, err);
		if (rc == 0)
			rc = ev_kit_exec(s, err, "UPDATE main.ev_table SET table_name = %Q "
					 "WHERE table_name = %Q", ev_buf_str(&name), c);
	}
	ev_buf_release(&rows);
	ev_buf_release(&name);
	return rc;
}

/* Their CREATE VIEW is run, now that the tables have the plain names. */
static int show_views(struct ev_sqlite *s, const char *ledger_name, struct ev_error *err)
{
	struct ev_buf rows = EV_BUF_INIT;
	int rc = ev_kit_rows(s, &rows, err, "SELECT sql FROM main.ev_view WHERE projection = %Q "
			     "ORDER BY rowid", ledger_name);

	for (const char *c = ev_kit_first(&rows); rc == 0 && c; c = ev_kit_next(&rows, c, 1))
		rc = ev_kit_exec(s, err, "%s", c);
	if (rc == 0)
		rc = ev_kit_exec(s, err, "DELETE FROM main.ev_view WHERE projection = %Q", ledger_name);
	ev_buf_release(&rows);
	return rc;
}

typedef int (*edit_fn)(struct ev_sqlite *s, const char *row, enum ev_role from, enum ev_role to,
		       struct ev_error *err);

static int rename_index(struct ev_sqlite *s, const char *index, enum ev_role from, enum ev_role to,
			struct ev_error *err)
{
	struct ev_buf name = EV_BUF_INIT, text = EV_BUF_INIT;
	int rc;

	rename_name(index, from, to, &name);
	/* ALTER TABLE has put the table's new name in already: only the index keeps the old prefix */
	ev_kit_rename_sql(ev_kit_cell(index, 1), from, to, &text);
	rc = ev_kit_exec(s, err, "UPDATE main.sqlite_schema SET name = %Q, sql = %Q "
			 "WHERE type = 'index' AND name = %Q", ev_buf_str(&name), ev_buf_str(&text), index);
	if (rc == 0)
		rc = move_statistics(s, "idx", index, ev_buf_str(&name), err);
	ev_buf_release(&name);
	ev_buf_release(&text);
	return rc;
}

/* `edit` gets each of the rows: name, sql, and what it likes. */
static int edit_schema(struct ev_sqlite *s, const struct ev_buf *rows, edit_fn edit, enum ev_role from,
		       enum ev_role to, struct ev_error *err)
{
	struct ev_error err2 = EV_ERROR_INIT;
	int rc;

	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
	rc = ev_kit_exec(s, err, "PRAGMA writable_schema=ON");
	for (const char *c = ev_kit_first(rows); rc == 0 && c; c = ev_kit_next(rows, c, 3))
		rc = edit(s, c, from, to, err);
	if (ev_kit_exec(s, &err2, "PRAGMA writable_schema=RESET") < 0 && rc == 0) {
		*err = err2;
		rc = -1;
	}
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	return rc;
}

/* Of the version that is in role `to` now: index, sql, table. */
static int move_indexes(struct ev_sqlite *s, const char *to_name, enum ev_role from, enum ev_role to,
			struct ev_error *err)
{
	struct ev_buf indexes = EV_BUF_INIT;
	int rc = ev_kit_rows(s, &indexes, err,
			     "SELECT m.name, m.sql, m.tbl_name FROM main.sqlite_schema m "
			     "JOIN main.ev_table t ON t.table_name = m.tbl_name COLLATE NOCASE "
			     "WHERE m.type = 'index' AND m.sql IS NOT NULL AND t.projection = %Q "
			     "ORDER BY m.name", to_name);

	if (rc == 0 && indexes.len)
		rc = edit_schema(s, &indexes, rename_index, from, to, err);
	ev_buf_release(&indexes);
	return rc;
}

static int unqualify(struct ev_sqlite *s, const char *row, enum ev_role from, enum ev_role to, struct ev_error *err)
{
	struct ev_buf text = EV_BUF_INIT;
	int rc = 0;

	(void)from;
	(void)to;
	if (ev_kit_rename_sql(ev_kit_cell(row, 1), EV_ROLE_LIVE, EV_ROLE_LIVE, &text))
		rc = ev_kit_exec(s, err, "UPDATE main.sqlite_schema SET sql = %Q WHERE type = %Q AND name = %Q",
				 ev_buf_str(&text), ev_kit_cell(row, 2), row);
	ev_buf_release(&text);
	return rc;
}

/* `CHECK (acc.n > 0)` of a table that is called otherwise would name a column that is not there. */
static int unqualify_all(struct ev_sqlite *s, const char *ledger_name, struct ev_error *err)
{
	struct ev_buf rows = EV_BUF_INIT, text = EV_BUF_INIT;
	bool any = false;
	int rc = ev_kit_rows(s, &rows, err,
			     "SELECT m.name, m.sql, m.type FROM main.sqlite_schema m JOIN main.ev_table t "
			     "ON t.table_name = m.tbl_name COLLATE NOCASE WHERE m.type IN ('table', 'index') "
			     "AND m.sql IS NOT NULL AND t.projection = %Q ORDER BY m.rowid", ledger_name);

	for (const char *c = ev_kit_first(&rows); rc == 0 && c && !any; c = ev_kit_next(&rows, c, 3)) {
		ev_buf_clear(&text);
		any = ev_kit_rename_sql(ev_kit_cell(c, 1), EV_ROLE_LIVE, EV_ROLE_LIVE, &text);
	}
	if (rc == 0 && any)
		rc = edit_schema(s, &rows, unqualify, EV_ROLE_LIVE, EV_ROLE_LIVE, err);
	ev_buf_release(&rows);
	ev_buf_release(&text);
	return rc;
}

static int move_ledger(struct ev_sqlite *s, const char *from_name, const char *to_name,
		       struct ev_error *err)
{
	int rc = ev_kit_exec(s, err, "INSERT INTO main.ev_rows SELECT name, name FROM main.ev_projection "
			     "WHERE name = %Q ON CONFLICT DO NOTHING; "
			     "UPDATE main.ev_projection SET name = %Q WHERE name = %Q", from_name, to_name,
			     from_name);

	for (const char *const *t = ledger_tables; rc == 0 && *t; t++)
		rc = ev_kit_exec(s, err, "UPDATE main.%s SET projection = %Q WHERE projection = %Q", *t,
				 to_name, from_name);
	return rc;
}

int ev_kit_move(struct ev_sqlite *s, const char *projection, enum ev_role from, enum ev_role to,
		struct ev_error *err)
{
	struct ev_buf from_name = EV_BUF_INIT, to_name = EV_BUF_INIT;
	int rc;

	ev_role_name(&from_name, projection, from);
	ev_role_name(&to_name, projection, to);
	rc = unqualify_all(s, ev_buf_str(&from_name), err);
	if (rc == 0)
		rc = move_tables(s, ev_buf_str(&from_name), from, to, err);
	if (rc == 0)
		rc = move_ledger(s, ev_buf_str(&from_name), ev_buf_str(&to_name), err);
	if (rc == 0)
		rc = move_indexes(s, ev_buf_str(&to_name), from, to, err);
	if (rc == 0 && to == EV_ROLE_LIVE)
		rc = show_views(s, ev_buf_str(&to_name), err);
	ev_buf_release(&from_name);
	ev_buf_release(&to_name);
	return rc;
}

/* One table of a version, and that it is known. */
static int drop_one(struct ev_sqlite *s, const char *name, const char *type, struct ev_error *err)
{
	if (*type && ev_kit_exec(s, err, "DROP %s main.\"%w\"", type, name) < 0)
		return -1;
	return ev_kit_exec(s, err, "DELETE FROM main.ev_table WHERE table_name = %Q", name);
}

static int drop_ledger(struct ev_sqlite *s, const char *ledger_name, struct ev_error *err)
{
	int rc = 0;

	for (const char *const *t = many_rows; rc == 0 && *t; t++)
		rc = ev_kit_exec(s, err, "DELETE FROM main.%s WHERE projection = " EV_ROWS_KEY("%Q"), *t,
				 ledger_name, ledger_name);
	for (const char *const *t = ledger_tables; rc == 0 && *t; t++)
		rc = ev_kit_exec(s, err, "DELETE FROM main.%s WHERE projection = %Q", *t, ledger_name);
	if (rc == 0)
		rc = ev_kit_exec(s, err, "DELETE FROM main.ev_projection WHERE name = %Q", ledger_name);
	return rc;
}

static int begin(struct ev_sqlite *s, bool pieces, struct ev_error *err)
{
	return pieces ? s->base.ops->begin(&s->base, err) : 0;
}

static int end(struct ev_sqlite *s, bool pieces, int rc, struct ev_error *err)
{
	if (pieces && rc == 0)
		rc = s->base.ops->commit(&s->base, err);
	if (pieces && rc < 0)
		s->base.ops->rollback(&s->base);
	return rc;
}

int ev_kit_drop(struct ev_sqlite *s, const char *projection, enum ev_role role, bool pieces,
		struct ev_error *err)
{
	struct ev_buf name = EV_BUF_INIT, rows = EV_BUF_INIT;
	int rc;

	ev_role_name(&name, projection, role);
	rc = list(s, ev_buf_str(&name), &rows, err);
	for (const char *c = ev_kit_first(&rows); rc == 0 && c; c = ev_kit_next(&rows, c, 2)) {
		rc = begin(s, pieces, err);
		if (rc == 0)
			rc = end(s, pieces, drop_one(s, c, ev_kit_cell(c, 1), err), err);
	}
	if (rc == 0 && (rc = begin(s, pieces, err)) == 0)
		rc = end(s, pieces, drop_ledger(s, ev_buf_str(&name), err), err);
	ev_buf_release(&rows);
	ev_buf_release(&name);
	return rc;
}
