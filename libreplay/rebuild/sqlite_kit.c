/* sqlite_kit.c - see sqlite_kit.h: short ways to run SQL that is made up of names */
#include "rebuild/sqlite_kit.h"

#include <stdarg.h>
#include <stdlib.h>

static int take_cells(void *ctx, int n, char **cells, char **names)
{
	struct ev_buf *out = ctx;

	(void)names;
	for (int i = 0; out && i < n; i++) {
		if (cells[i])
			ev_buf_adds(out, cells[i]);
		ev_buf_addc(out, '\0');
	}
	return 0;
}

static int run(struct ev_sqlite *s, struct ev_buf *out, struct ev_error *err, const char *fmt, va_list ap)
{
	char *sql = sqlite3_vmprintf(fmt, ap);
	int rc = sql ? sqlite3_exec(s->db, sql, take_cells, out, NULL) : SQLITE_NOMEM;

	sqlite3_free(sql);
	return rc == SQLITE_OK ? 0 : ev_sqlite_error(s, rc, false, err);
}

int ev_kit_exec(struct ev_sqlite *s, struct ev_error *err, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = run(s, NULL, err, fmt, ap);
	va_end(ap);
	return rc;
}

int ev_kit_rows(struct ev_sqlite *s, struct ev_buf *out, struct ev_error *err, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = run(s, out, err, fmt, ap);
	va_end(ap);
	return rc;
}

int ev_kit_number(struct ev_sqlite *s, int64_t *out, struct ev_error *err, const char *fmt, ...)
{
	struct ev_buf text = EV_BUF_INIT;
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = run(s, &text, err, fmt, ap);
	va_end(ap);
	*out = strtoll(ev_buf_str(&text), NULL, 10);
	ev_buf_release(&text);
	return rc;
}

int ev_kit_legacy(struct ev_sqlite *s, struct ev_error *err)
{
	/* renames leave views alone, and follow foreign keys where these are on */
	return ev_kit_exec(s, err, "PRAGMA legacy_alter_table=ON; PRAGMA foreign_keys=ON");
}

int ev_kit_foreign_keys(struct ev_sqlite *s, bool on, struct ev_error *err)
{
	return ev_kit_exec(s, err, "PRAGMA foreign_keys=%s", on ? "ON" : "OFF");
}

int ev_kit_create_views(struct ev_sqlite *s, struct ev_error *err)
{
	return ev_kit_exec(s, err, "CREATE TABLE IF NOT EXISTS ev_view (projection text NOT NULL, "
			   "view_name text NOT NULL, sql text NOT NULL, "
			   "PRIMARY KEY (projection, view_name))");
}
