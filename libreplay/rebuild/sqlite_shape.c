/*
 * sqlite_shape.c - what the tables of two versions are, as pg_shape.c: columns, indexes, the queries of views
 *
 * ALTER TABLE changes nothing else here.
 */
#include "rebuild/sqlite_kit.h"

/*
 * What is not the same on the serving tables and on those of role NEW: name, line, state, and whether the old and the
 * new one have it. Of indexes it is known which there are; that one of others is not on the old table any more is no
 * matter; nor is a table that they have taken away. CROSS: indexes of our tables alone are looked for in the whole
 * schema, which may have thousands of others.
 */
static const char diff_sql[] =
	"WITH pair (name) AS (SELECT t.table_name FROM main.ev_table t WHERE t.projection = %Q AND EXISTS (SELECT 1 "
	"FROM main.sqlite_schema n WHERE n.type = 'table' AND n.name = 'ev_new_' || t.table_name COLLATE NOCASE) "
	"AND EXISTS (SELECT 1 FROM main.sqlite_schema o WHERE o.type = 'table' AND o.name = t.table_name "
	"COLLATE NOCASE)), "
	"item (name, old, what, value) AS ("
	"SELECT p.name, o.column1, 'column ' || x.name, "
	"json_array(x.type, x.\"notnull\", x.pk, x.hidden, x.dflt_value) "
	"FROM pair p, (VALUES (1), (0)) o, "
	"pragma_table_xinfo(CASE o.column1 WHEN 1 THEN '' ELSE 'ev_new_' END || p.name) x "
	"UNION ALL SELECT p.name, 1, 'index ' || m.name, '' FROM pair p CROSS JOIN main.sqlite_schema m "
	"ON m.tbl_name = p.name COLLATE NOCASE WHERE m.type = 'index' AND m.sql IS NOT NULL AND NOT EXISTS (SELECT 1 "
	"FROM main.sqlite_schema n WHERE n.type = 'index' AND n.name = 'ev_new_' || m.name COLLATE NOCASE) "
	"UNION ALL SELECT m.name, 1, 'the query', m.sql FROM main.sqlite_schema m JOIN main.ev_table t "
	"ON t.table_name = m.name COLLATE NOCASE JOIN main.ev_view v ON v.view_name = m.name COLLATE NOCASE "
	"WHERE m.type = 'view' AND t.projection = %Q AND v.projection = %Q || ' (new)' "
	"UNION ALL SELECT v.view_name, 0, 'the query', v.sql FROM main.ev_view v JOIN main.sqlite_schema m "
	"ON v.view_name = m.name COLLATE NOCASE WHERE m.type = 'view' AND v.projection = %Q || ' (new)'), "
	"side AS (SELECT what || ' on ' || name AS line, max(CASE old WHEN 1 THEN value END) AS old, "
	"max(CASE old WHEN 0 THEN value END) AS new FROM item GROUP BY 1) "
	"SELECT line, line || ': ' || coalesce(old, 'none'), old IS NOT NULL, new IS NOT NULL FROM side "
	"WHERE old IS NOT new ORDER BY 1";

#define CELLS 4

static int differences(struct ev_sqlite *s, const char *p, struct ev_buf *rows, struct ev_error *err)
{
	return ev_kit_rows(s, rows, err, diff_sql, p, p, p, p);
}

static bool is(const char *row, int cell)
{
	return *ev_kit_cell(row, cell) == '1';
}

int ev_kit_shape(struct ev_sqlite *s, const char *projection, struct ev_buf *differs, struct ev_error *err)
{
	struct ev_buf rows = EV_BUF_INIT;
	int rc = differences(s, projection, &rows, err);

	for (const char *c = ev_kit_first(&rows); rc == 0 && c; c = ev_kit_next(&rows, c, CELLS))
		ev_buf_add(differs, ev_kit_cell(c, 1), strlen(ev_kit_cell(c, 1)) + 1);
	ev_buf_release(&rows);
	return rc;
}

int ev_kit_ending(struct ev_sqlite *s, const char *projection, struct ev_buf *out, struct ev_error *err)
{
	struct ev_buf rows = EV_BUF_INIT;
	int rc = differences(s, projection, &rows, err);

	for (const char *c = ev_kit_first(&rows); rc == 0 && c; c = ev_kit_next(&rows, c, CELLS))
		if (strncmp(c, "column ", strlen("column ")) == 0 && !is(c, 3))
			ev_buf_addf(out, "%s" EV_ENDS_SAID "\n", c);
	ev_buf_release(&rows);
	return rc;
}

int ev_kit_check_shape(struct ev_sqlite *s, const struct ev_shadow *sh, struct ev_error *err)
{
	struct ev_buf rows = EV_BUF_INIT;
	int rc = differences(s, sh->projection, &rows, err);

	for (const char *c = ev_kit_first(&rows); rc == 0 && c; c = ev_kit_next(&rows, c, CELLS)) {
		struct ev_shadow_change change = { c, ev_kit_cell(c, 1), is(c, 2), is(c, 3) };

		rc = ev_shadow_check_change(sh, &change, err);
	}
	ev_buf_release(&rows);
	return rc;
}
