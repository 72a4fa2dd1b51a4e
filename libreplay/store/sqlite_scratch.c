/*
 * sqlite_scratch.c - an empty store, in memory as far as its cache goes, that has the tables of another file,
 * without their rows
 */
#include <unistd.h>

#include "base/mem.h"
#include "store/ledger.h"
#include "store/sqlite_internal.h"

struct copying {
	struct ev_sqlite *to;
	const struct ev_buf *except;
};

/* One that cannot be made there (a collation that is not there) is missed by who names it. */
static int copy_table(void *ctx, const struct ev_cell *c, size_t n)
{
	struct copying *w = ctx;
	char *name = ev_slice_dup(c[0].text), *sql = ev_slice_dup(c[1].text);

	(void)n;
	if (!ev_buf_lists(w->except, name, false))
		sqlite3_exec(w->to->db, sql, NULL, NULL, NULL);
	free(name);
	free(sql);
	return 0;
}

/* All but ours and those of the projection itself. */
static int copy_tables(struct ev_sqlite *to, struct ev_store *from, const char *projection,
		       struct ev_error *err)
{
	static const char sql[] =
		"SELECT name, sql FROM sqlite_schema WHERE type IN ('table', 'view') AND sql NOT LIKE "
		"'CREATE VIRTUAL%' AND substr(name, 1, 3) <> 'ev_' AND substr(name, 1, 7) <> 'sqlite_' "
		"ORDER BY rowid";
	struct ev_buf own = EV_BUF_INIT;
	struct copying w = { to, &own };
	int rc = ev_ledger_present(from, err);

	if (rc > 0)
		rc = ev_ledger_tables(from, projection, &own, err);
	if (rc >= 0)
		rc = ev_store_select(from, sql, NULL, 0, copy_table, &w, err);
	ev_buf_release(&own);
	return rc;
}

struct ev_store *ev_sqlite_scratch(const char *path, const char *projection,
				   const struct ev_store_options *opt, struct ev_error *err)
{
	struct ev_store_options ro = *opt;
	struct ev_store *s = ev_sqlite_open("", opt, err), *from = NULL;
	int rc = 0;

	ro.read_only = true;
	if (s && path && access(path, F_OK) == 0) {
		from = ev_sqlite_open(path, &ro, err);
		rc = from ? copy_tables(ev_sqlite_of(s), from, projection, err) : -1;
	}
	if (from)
		from->ops->close(from);
	if (!s || rc == 0)
		return s;
	s->ops->close(s);
	return NULL;
}
