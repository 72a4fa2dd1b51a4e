/* sqlite_create.c - the new version's empty tables in the live file, and tables of others that it takes over */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rebuild/sqlite_kit.h"

/*
 * name, type, sql of the tables, indexes and views of a projection in a store, in the order of creation; not those that
 * ev_kit_expect_indexes made
 */
static int definitions(struct ev_sqlite *fresh, const char *projection, struct ev_buf *out,
		       struct ev_error *err)
{
	return ev_kit_rows(fresh, out, err,
			   "SELECT m.name, m.type, m.sql FROM main.sqlite_schema m JOIN main.ev_table t "
			   "ON t.table_name = m.tbl_name COLLATE NOCASE WHERE t.projection = %Q "
			   "AND m.sql IS NOT NULL AND m.type IN ('table', 'index', 'view') "
			   "AND m.name NOT GLOB '" EV_KIT_EXPECTED "*' "
			   "ORDER BY CASE m.type WHEN 'table' THEN 0 ELSE 1 END, m.rowid", projection);
}

static int own(struct ev_sqlite *s, const char *projection, const char *name, struct ev_error *err)
{
	struct ev_buf owner = EV_BUF_INIT;
	int rc;

	ev_role_name(&owner, projection, EV_ROLE_NEW);
	rc = ev_kit_exec(s, err, "INSERT INTO main.ev_table (table_name, projection) VALUES (%Q, %Q)", name,
			 ev_buf_str(&owner));
	ev_buf_release(&owner);
	return rc;
}

static int create_view(struct ev_sqlite *s, const char *projection, const char *name, const char *sql,
		       struct ev_error *err)
{
	struct ev_buf owner = EV_BUF_INIT;
	int rc;

	ev_role_name(&owner, projection, EV_ROLE_NEW);
	rc = ev_kit_exec(s, err, "INSERT INTO main.ev_view (projection, view_name, sql) "
			 "VALUES (%Q, %Q, %Q)", ev_buf_str(&owner), name, sql);
	ev_buf_release(&owner);
	return rc;
}

static int create_one(struct ev_sqlite *s, const char *projection, const char *name, const char *type,
		      const char *sql, struct ev_error *err)
{
	struct ev_buf text = EV_BUF_INIT, renamed = EV_BUF_INIT;
	int rc = 0;

	ev_buf_addf(&renamed, "%s%s", ev_role_prefix(EV_ROLE_NEW), name);
	if (strcmp(type, "view") == 0) {
		rc = create_view(s, projection, name, sql, err);
	} else {
		ev_kit_rename_sql(sql, EV_ROLE_LIVE, EV_ROLE_NEW, &text);
		rc = ev_kit_exec(s, err, "%s", ev_buf_str(&text));
		if (rc < 0 && sqlite3_errcode(s->db) == SQLITE_ERROR) {
			ev_fail(err, EV_USAGE, "%s '%s' does not survive a change of its table's name: %s",
				type, name, sqlite3_errmsg(s->db));
			ev_hint(err, "write columns in it without the table's name");
		}
	}
	if (rc == 0 && strcmp(type, "index") != 0)
		rc = own(s, projection, ev_buf_str(&renamed), err);
	ev_buf_release(&text);
	ev_buf_release(&renamed);
	return rc;
}

int ev_kit_create(struct ev_sqlite *s, const char *projection, struct ev_sqlite *fresh,
		  struct ev_buf *carried, struct ev_error *err)
{
	struct ev_buf rows = EV_BUF_INIT;
	int rc = definitions(fresh, projection, &rows, err);

	for (const char *c = ev_kit_first(&rows); rc == 0 && c; c = ev_kit_next(&rows, c, 3))
		rc = create_one(s, projection, c, ev_kit_cell(c, 1), ev_kit_cell(c, 2), err);
	if (rc == 0)
		rc = ev_kit_carry_indexes(s, projection, carried, err);
	if (rc == 0)
		rc = ev_kit_ending(s, projection, carried, err);
	ev_buf_release(&rows);
	return rc;
}

int ev_kit_adopt(struct ev_sqlite *s, const char *projection, struct ev_sqlite *fresh, struct ev_buf *adopted,
		 struct ev_error *err)
{
	struct ev_buf rows = EV_BUF_INIT;
	int rc = ev_kit_rows(fresh, &rows, err, "SELECT table_name FROM main.ev_table "
			     "WHERE projection = %Q", projection);

	for (const char *c = ev_kit_first(&rows); rc == 0 && c; c = ev_kit_next(&rows, c, 1))
		rc = ev_kit_rows(s, adopted, err, "INSERT OR IGNORE INTO main.ev_table (table_name, projection) "
				 "SELECT name, %Q FROM main.sqlite_schema WHERE type IN ('table', 'view') "
				 "AND name = %Q COLLATE NOCASE RETURNING table_name", projection, c);
	ev_buf_release(&rows);
	return rc;
}

int ev_kit_fence(struct ev_sqlite *s, const char *projection, struct ev_error *err)
{
	return ev_kit_exec(s, err, "UPDATE main.ev_projection SET generation = 1 + "
			   "(SELECT max(generation) FROM main.ev_projection "
			   "WHERE name = %Q OR substr(name, 1, %d) = %Q || ' ('), holder = coalesce((SELECT k.holder "
			   "FROM main.ev_projection k WHERE k.name = %Q || ' (kept)'), holder) WHERE name = %Q",
			   projection, (int)strlen(projection) + 2, projection, projection, projection);
}
