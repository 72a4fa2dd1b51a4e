/* scratch.c - see scratch.h */
#include "history/scratch.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "projection/ddl.h"
#include "store/sqlite_file.h"

/* What SQLite has not it takes for something else: good records may be poison there, and the row another. */
static int refuse_foreign(const struct ev_projection *p, struct ev_error *err)
{
	struct ev_buf column = EV_BUF_INIT;
	bool foreign = ev_foreign_column(p, &column);

	if (foreign) {
		ev_fail(err, EV_USAGE, "%s: %s, which SQLite has not: in memory, where that folds, the history "
			"would be another", p->file, ev_buf_str(&column));
		ev_hint(err, "fold it where the view is: --scratch postgresql://... (or, if that is SQLite, --scratch "
			"FILE, a new one)");
	}
	ev_buf_release(&column);
	return foreign ? -1 : 0;
}

static int in_memory(struct ev_scratch *x, const struct ev_projection *p, struct ev_error *err)
{
	struct ev_store_options opt = EV_STORE_OPTIONS_INIT;
	bool has = false;

	for (size_t i = 0; i < p->nschemas; i++)
		has |= p->schemas[i].any || p->schemas[i].dialect == EV_SQLITE;
	if (!has) {
		ev_fail(err, EV_USAGE, "%s has no schema for SQLite, so it cannot be folded in memory", p->file);
		return ev_hint(err, "give a PostgreSQL database to fold it in: --scratch postgresql://...");
	}
	if (refuse_foreign(p, err) < 0)
		return -1;
	x->store = ev_sqlite_open(":memory:", &opt, err);
	return x->store ? 0 : -1;
}

/* A schema of its own, which close drops, and the next scratch store those that a kill left. */
static int in_schema(struct ev_scratch *x, const char *url, const struct ev_projection *p, struct ev_error *err)
{
	struct ev_store_options opt = EV_STORE_OPTIONS_INIT;

	x->store = ev_store_scratch(url, p->name, &opt, true, err);
	return x->store ? 0 : -1;
}

static int in_file(struct ev_scratch *x, const char *url, struct ev_error *err)
{
	struct ev_store_options opt = EV_STORE_OPTIONS_INIT;
	const char *path = strncmp(url, "sqlite:", 7) == 0 ? url + 7 : url;

	if (access(path, F_OK) == 0 || errno != ENOENT) {
		ev_fail(err, EV_USAGE, "option '--scratch': '%s' is there already", path);
		return ev_hint(err, "it is a place for a new file, which is deleted afterwards");
	}
	x->store = ev_store_open(url, &opt, err);
	if (!x->store)
		return -1;
	x->file = ev_strdup(path);
	return 0;
}

int ev_scratch_open(struct ev_scratch *x, const char *url, const struct ev_projection *p,
		    struct ev_error *err)
{
	*x = (struct ev_scratch){ 0 };
	return !url ? in_memory(x, p, err) : ev_url_is_postgres(url) ? in_schema(x, url, p, err) : in_file(x, url, err);
}

void ev_scratch_close(struct ev_scratch *x)
{
	struct ev_error ignored = EV_ERROR_INIT;

	if (x->store)
		x->store->ops->close(x->store);
	if (x->file)
		ev_sqlite_unlink(x->file, &ignored);
	free(x->file);
	*x = (struct ev_scratch){ 0 };
}
