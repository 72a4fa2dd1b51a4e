/*
 * sqlite_indexes.c - indexes that somebody has put on the old tables, made on the new ones
 *
 * That is done where the rows end up, by the copy. But one of an expression or of a part of the rows may refuse a row,
 * as no fold can tell: it is on the tables of the load, too, under a name of ours, which the copy leaves out.
 */
#include <string.h>

#include "base/mem.h"
#include "projection/sql.h"
#include "rebuild/sqlite_kit.h"

/* Of `m`, a row of sqlite_schema. */
#define ODD "(EXISTS (SELECT 1 FROM pragma_index_list(m.tbl_name, 'main') l WHERE l.name = m.name AND l.partial) " \
	    "OR EXISTS (SELECT 1 FROM pragma_index_xinfo(m.name, 'main') x WHERE x.cid = -2))"

static bool is_unique(const char *sql)
{
	return strncmp(sql, "CREATE UNIQUE ", strlen("CREATE UNIQUE ")) == 0;
}

/*
 * Indexes of the old tables that the new version does not define itself: name, table, sql, odd. CROSS: those of our
 * tables alone are looked for in the whole schema, which may have thousands of others.
 */
static int other_indexes(struct ev_sqlite *s, const char *projection, struct ev_buf *out,
			 struct ev_error *err)
{
	return ev_kit_rows(s, out, err,
			   "SELECT m.name, m.tbl_name, m.sql, " ODD " FROM main.ev_table t "
			   "CROSS JOIN main.sqlite_schema m ON t.table_name = m.tbl_name COLLATE NOCASE "
			   "WHERE t.projection = %Q AND m.type = 'index' AND m.sql IS NOT NULL AND NOT EXISTS "
			   "(SELECT 1 FROM main.sqlite_schema n WHERE n.name = 'ev_new_' || m.name "
			   "COLLATE NOCASE) AND EXISTS (SELECT 1 FROM main.sqlite_schema n "
			   "WHERE n.type = 'table' AND n.name = 'ev_new_' || m.tbl_name COLLATE NOCASE) "
			   "ORDER BY m.rowid", projection);
}

/* 0 made, 1 not: *why, -1. */
static int carry_index(struct ev_sqlite *s, const char *index, const char **why, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	int rc;

	*why = EV_UNIQUE_ENDS; /* it would turn away rows that the new file lets in */
	if (is_unique(index))
		return 1;
	ev_kit_rename_sql(index, EV_ROLE_LIVE, EV_ROLE_NEW, &sql);
	rc = sqlite3_exec(s->db, ev_buf_str(&sql), NULL, NULL, NULL);
	ev_buf_release(&sql);
	*why = sqlite3_errmsg(s->db);
	if (rc == SQLITE_OK)
		return 0;
	return sqlite3_errcode(s->db) == SQLITE_ERROR ? 1 : ev_sqlite_error(s, sqlite3_errcode(s->db), false, err);
}

int ev_kit_carry_indexes(struct ev_sqlite *s, const char *projection, struct ev_buf *carried, struct ev_error *err)
{
	struct ev_buf rows = EV_BUF_INIT;
	int rc = other_indexes(s, projection, &rows, err);
	const char *why;

	for (const char *c = ev_kit_first(&rows); rc >= 0 && c; c = ev_kit_next(&rows, c, 4)) {
		bool odd = strcmp(ev_kit_cell(c, 3), "1") == 0;

		rc = carry_index(s, ev_kit_cell(c, 2), &why, err);
		if (rc == 0)
			ev_buf_addf(carried, "index %s on %s%s\n", c, ev_kit_cell(c, 1), odd ? EV_ODD_INDEX : "");
		else if (rc > 0)
			ev_buf_addf(carried, "index %s on %s is NOT carried over: %s\n", c, ev_kit_cell(c, 1), why);
	}
	ev_buf_release(&rows);
	return rc < 0 ? -1 : 0;
}

int ev_kit_indexes_behind(struct ev_sqlite *s, const char *projection, struct ev_buf *out, struct ev_error *err)
{
	struct ev_buf rows = EV_BUF_INIT;
	int rc = ev_kit_rows(s, &rows, err,
			   "SELECT m.name, m.tbl_name FROM main.ev_table t CROSS JOIN main.sqlite_schema m "
			   "ON t.table_name = m.tbl_name COLLATE NOCASE WHERE t.projection = %Q AND m.type = 'index' "
			   "AND m.sql IS NOT NULL AND NOT EXISTS (SELECT 1 FROM main.sqlite_schema n "
			   "WHERE n.type = 'index' AND n.name = 'ev_kept_' || m.name COLLATE NOCASE) "
			   "AND EXISTS (SELECT 1 FROM main.sqlite_schema n WHERE n.type = 'table' "
			   "AND n.name = 'ev_kept_' || m.tbl_name COLLATE NOCASE) "
			   "ORDER BY m.rowid", projection);

	for (const char *c = ev_kit_first(&rows); rc == 0 && c; c = ev_kit_next(&rows, c, 2))
		ev_buf_addf(out, "index %s on %s\n", c, ev_kit_cell(c, 1));
	ev_buf_release(&rows);
	return rc;
}

/* ---- on the tables of the load ---- */

/* Indexes of live tables that may refuse rows: name, table, sql. */
static int odd_indexes(struct ev_sqlite *live, struct ev_buf *out, struct ev_error *err)
{
	return ev_kit_rows(live, out, err, "SELECT m.name, m.tbl_name, m.sql FROM main.sqlite_schema m "
			   "WHERE m.type = 'index' AND m.sql IS NOT NULL AND m.tbl_name NOT GLOB 'ev_*' AND " ODD
			   " ORDER BY m.rowid");
}

/* `CREATE INDEX i ON t (...)` with our name for it. */
static void expected_sql(const char *name, const char *sql, struct ev_buf *out)
{
	struct ev_lexer lx = { .at = sql, .end = sql + strlen(sql) };
	struct ev_buf ours = EV_BUF_INIT;
	struct ev_token t;

	while ((t = ev_sql_next(&lx)).kind != EV_TOKEN_END && !ev_token_is(t, "INDEX"))
		;
	while ((t = ev_sql_next(&lx)).kind == EV_TOKEN_SPACE)
		;
	ev_buf_addf(&ours, EV_KIT_EXPECTED "%s", name);
	ev_buf_adds(out, "CREATE INDEX ");
	ev_buf_add_quoted(out, ev_buf_str(&ours), '"');
	ev_buf_adds(out, lx.at);
	ev_buf_release(&ours);
}

/* Does one of the live store stand for it still, in the same form? */
static bool is_odd(const struct ev_buf *odd, const char *sql)
{
	struct ev_buf text = EV_BUF_INIT;
	bool same = false;

	for (const char *c = ev_kit_first(odd); c && !same; c = ev_kit_next(odd, c, 3)) {
		ev_buf_clear(&text);
		expected_sql(c, ev_kit_cell(c, 2), &text);
		same = strcmp(ev_buf_str(&text), sql) == 0;
	}
	ev_buf_release(&text);
	return same;
}

/* Those of the load that nobody has any more. How many, or -1. */
static int drop_gone(struct ev_sqlite *fresh, const struct ev_buf *odd, struct ev_error *err)
{
	struct ev_buf rows = EV_BUF_INIT;
	int rc = ev_kit_rows(fresh, &rows, err, "SELECT name, sql FROM main.sqlite_schema WHERE type = 'index' "
			     "AND name GLOB '" EV_KIT_EXPECTED "*'"), gone = 0;

	for (const char *c = ev_kit_first(&rows); rc == 0 && c; c = ev_kit_next(&rows, c, 2)) {
		if (is_odd(odd, ev_kit_cell(c, 1)))
			continue;
		rc = ev_kit_exec(fresh, err, "DROP INDEX main.\"%w\"", c);
		gone++;
	}
	ev_buf_release(&rows);
	return rc < 0 ? -1 : gone;
}

/* Is it to be on a table of the load, which does not have it yet? 1, 0, -1. */
static int lacks(struct ev_sqlite *fresh, const char *index, struct ev_error *err)
{
	int64_t n = 0;

	if (is_unique(ev_kit_cell(index, 2))) /* it ends with the old version */
		return 0;
	if (ev_kit_number(fresh, &n, err, "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE type = 'table' "
			  "AND name = %Q COLLATE NOCASE) AND NOT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE "
			  "type = 'index' AND (name = %Q COLLATE NOCASE OR name = '" EV_KIT_EXPECTED "' || %Q))",
			  ev_kit_cell(index, 1), index, index) < 0)
		return -1;
	return n > 0;
}

/* 1 made, 0 the new table cannot have it, -1. */
static int make(struct ev_sqlite *fresh, const char *index, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	sqlite3_stmt *stmt = NULL;
	int rc;

	expected_sql(index, ev_kit_cell(index, 2), &sql);
	rc = sqlite3_prepare_v2(fresh->db, ev_buf_str(&sql), -1, &stmt, NULL);
	ev_buf_release(&sql);
	if (rc != SQLITE_OK)
		return (rc & 0xff) == SQLITE_ERROR ? 0 : ev_sqlite_error(fresh, rc, false, err);
	rc = sqlite3_step(stmt);
	if (rc != SQLITE_DONE && ev_sqlite_error(fresh, rc, true, err) < 0 && err->class == EV_DATA) {
		ev_fail(err, EV_USAGE, "index '%s' on '%s' cannot be made on the new rows: %s", index,
			ev_kit_cell(index, 1), sqlite3_errmsg(fresh->db));
		ev_hint(err, "drop it, and the next call goes on without it");
	}
	sqlite3_finalize(stmt);
	return rc == SQLITE_DONE ? 1 : -1;
}

static void note(struct ev_shadow *sh, const char *index)
{
	struct ev_buf text = EV_BUF_INIT;

	ev_buf_addf(&text, "index %s on %s" EV_ODD_INDEX, index, ev_kit_cell(index, 1));
	if (sh->note)
		sh->note(sh->note_ctx, ev_buf_str(&text));
	ev_buf_release(&text);
}

/* How many, or -1. */
static int make_all(struct ev_shadow *sh, struct ev_sqlite *fresh, const struct ev_buf *odd, struct ev_error *err)
{
	int rc = 0, made = 0;

	for (const char *c = ev_kit_first(odd); rc >= 0 && c; c = ev_kit_next(odd, c, 3)) {
		rc = lacks(fresh, c, err);
		if (rc > 0 && (rc = make(fresh, c, err)) > 0) {
			note(sh, c);
			made++;
		}
	}
	return rc < 0 ? -1 : made;
}

int ev_kit_expect_indexes(struct ev_shadow_sqlite *sh, struct ev_sqlite *fresh, enum ev_shadow_rows rows,
			  struct ev_error *err)
{
	struct ev_store *s = &fresh->base;
	struct ev_buf odd = EV_BUF_INIT;
	int gone, made = 0, rc = odd_indexes(sh->live, &odd, err) < 0 ? -1 : s->ops->begin(s, err);

	if (rc == 0) {
		gone = drop_gone(fresh, &odd, err);
		if (gone >= 0 && rows != EV_SHADOW_LOADING) /* among rows of a load that goes on there is no gain */
			made = make_all(&sh->base, fresh, &odd, err);
		rc = gone < 0 || made < 0 || s->ops->commit(s, err) < 0 ? -1 : gone + made;
		if (rc < 0)
			s->ops->rollback(s);
	}
	ev_buf_release(&odd);
	return rc;
}
