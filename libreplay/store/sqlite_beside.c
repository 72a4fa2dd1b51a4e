/*
 * sqlite_beside.c - can a schema be read where its file is attached to another one?
 *
 * A view or a trigger that says `main.` works in its own file alone; where that is attached, not one object of the file
 * can be read. Each is created once more, without rows, in a schema of another name.
 */
#include <stdlib.h>
#include <strings.h>

#include "store/sqlite_file.h"
#include "store/sqlite_internal.h"

struct beside {
	sqlite3 *db; /* in memory */
	const struct ev_buf *only;
	struct ev_error *err;
};

/* A row: type, name, sql, which SQLite begins with `CREATE TYPE NAME`, whatever was typed. */
static int create(void *ctx, int n, char **cells, char **names)
{
	struct beside *b = ctx;
	size_t head = strlen("CREATE ") + strlen(cells[0]);
	bool plain = strncasecmp(cells[2] + strlen("CREATE "), cells[0], strlen(cells[0])) == 0; /* not VIRTUAL */
	char *sql = plain ? sqlite3_mprintf("CREATE %s ev_other.%s", cells[0], cells[2] + head + 1) : NULL;
	int rc = sql ? sqlite3_exec(b->db, sql, NULL, NULL, NULL) : SQLITE_OK;

	(void)n;
	(void)names;
	sqlite3_free(sql);
	/* what else fails fails in its own file, too */
	if (rc == SQLITE_OK || !strstr(sqlite3_errmsg(b->db), "cannot reference objects in database"))
		return 0;
	if (b->only && !ev_buf_lists(b->only, cells[1], false))
		return 0;
	ev_fail(b->err, EV_USAGE, "%s '%s' says 'main.' before a table's name: a store with it cannot be rebuilt",
		cells[0], cells[1]);
	ev_hint(b->err, "create it anew with plain names of tables, without 'main.'");
	return 1;
}

int ev_sqlite_check_beside(struct ev_store *store, const struct ev_buf *only, struct ev_error *err)
{
	static const char schema[] = "SELECT type, name, sql FROM main.sqlite_schema WHERE sql IS NOT NULL AND type IN "
				     "('table', 'view', 'trigger') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
				     "ORDER BY CASE type WHEN 'table' THEN 0 WHEN 'view' THEN 1 ELSE 2 END, rowid";
	struct ev_sqlite *s = ev_sqlite_of(store);
	struct beside b = { .only = only, .err = err };
	int rc = sqlite3_open(":memory:", &b.db);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(b.db, "ATTACH ':memory:' AS ev_other", NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		rc = ev_fail(err, EV_STORE, "cannot open a database in memory: %s", sqlite3_errmsg(b.db));
	else if ((rc = sqlite3_exec(s->db, schema, create, &b, NULL)) == SQLITE_ABORT)
		rc = -1; /* said by create */
	else if (rc != SQLITE_OK)
		rc = ev_sqlite_error(s, rc, false, err);
	sqlite3_close(b.db);
	return rc;
}
