/*
 * sqlite_watch.c - who touches a row: triggers of this connection that call a function of ours
 *
 * Triggers see every write, whoever makes it: upserts, statements without WHERE, cascades of foreign
 * keys and, with recursive_triggers, rows that a REPLACE removes.
 */
#include <stdio.h>

#include "store/row.h"
#include "store/sqlite_internal.h"

static void touched(sqlite3_context *ctx, int n, sqlite3_value **values)
{
	int64_t *touches = sqlite3_user_data(ctx);

	(void)n;
	(void)values;
	++*touches;
}

static int create_trigger(struct ev_sqlite *s, const char *event, const char *table,
			  const struct ev_row_value *v, size_t n, struct ev_error *err)
{
	bool before = strcmp(event, "INSERT") != 0, after = strcmp(event, "DELETE") != 0;
	struct ev_buf sql = EV_BUF_INIT;
	int rc;

	ev_buf_addf(&sql, "CREATE TEMP TRIGGER ev_watch_%d_%s AFTER %s ON main.", s->watches, event, event);
	ev_buf_add_quoted(&sql, table, '"');
	ev_buf_adds(&sql, " WHEN ");
	if (before)
		ev_row_condition_of("OLD", v, n, &sql);
	if (before && after)
		ev_buf_adds(&sql, " OR ");
	if (after)
		ev_row_condition_of("NEW", v, n, &sql);
	ev_buf_addf(&sql, " BEGIN SELECT ev_touched_%d(); END", s->watches);
	rc = sqlite3_exec(s->db, ev_buf_str(&sql), NULL, NULL, NULL);
	ev_buf_release(&sql);
	return rc == SQLITE_OK ? 0 : ev_sqlite_error(s, rc, false, err);
}

int ev_sqlite_watch(struct ev_store *store, const char *table, const struct ev_row_value *v, size_t n,
		    int64_t *touches, struct ev_error *err)
{
	struct ev_sqlite *s = ev_sqlite_of(store);
	char name[32];
	int rc;

	snprintf(name, sizeof(name), "ev_touched_%d", ++s->watches);
	rc = sqlite3_create_function(s->db, name, 0, SQLITE_UTF8 | SQLITE_INNOCUOUS, touches, touched, NULL,
				     NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->db, "PRAGMA recursive_triggers=ON", NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return ev_sqlite_error(s, rc, false, err);
	if (create_trigger(s, "INSERT", table, v, n, err) < 0 ||
	    create_trigger(s, "UPDATE", table, v, n, err) < 0 ||
	    create_trigger(s, "DELETE", table, v, n, err) < 0)
		return -1;
	return 0;
}
