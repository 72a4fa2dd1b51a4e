/* reference.c - the scratch store in which the log is folded, and the shapes of its tables */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "verify/internal.h"

#define BATCH 10000

static bool is_postgres(const char *url)
{
	return strncmp(url, "postgresql://", 13) == 0 || strncmp(url, "postgres://", 11) == 0;
}

struct ev_store *ev_reference_scratch(struct ev_verifying *w, struct ev_error *err)
{
	const char *scratch = w->opt->scratch, *url = w->opt->url;
	struct ev_store_options opt = *w->opt->store;

	opt.schema = NULL;
	opt.read_only = false;
	if (is_postgres(url) != (scratch && is_postgres(scratch))) {
		if (!is_postgres(url))
			ev_fail(err, EV_USAGE, "option '--scratch': the store is an SQLite file, and what "
				"PostgreSQL makes of the log proves nothing of it");
		else if (ev_fail(err, EV_USAGE, "the log is folded in a PostgreSQL database, and never in the one "
				 "that is checked") < 0)
			ev_hint(err, "name one where a schema may be made for the time: --scratch postgresql://...");
		return NULL;
	}
	if (scratch && !is_postgres(scratch)) {
		ev_fail(err, EV_USAGE, "option '--scratch' is for PostgreSQL: SQLite's lies in memory");
		return NULL;
	}
	return ev_store_scratch(scratch ? scratch : url, w->p->name, &opt, true, err);
}

static int load_shape(struct ev_verifying *w, const char *table, bool *used, struct ev_error *err)
{
	struct ev_shape shape;
	int rc = ev_shape_load(&shape, w->reference, table, w->opt->ignore, w->opt->nignore, used, err);

	if (rc <= 0) {
		ev_shape_release(&shape);
		return rc;
	}
	EV_PUSH(w->tables, w->ntables)->shape = shape;
	return 0;
}

static int load_shapes(struct ev_verifying *w, struct ev_error *err)
{
	struct ev_buf names = EV_BUF_INIT;
	bool *used = ev_alloc(w->opt->nignore + 1);
	int rc = ev_ledger_tables(w->reference, w->p->name, &names, err);

	for (const char *t = ev_buf_str(&names), *end = t + names.len; rc == 0 && t < end; t += strlen(t) + 1)
		rc = load_shape(w, t, used, err);
	for (size_t i = 0; i < w->opt->nignore && rc == 0; i++)
		if (!used[i]) {
			rc = ev_fail(err, EV_USAGE, "option '--ignore': the projection has no column '%s'",
				     w->opt->ignore[i]);
			ev_hint(err, "it is TABLE.COLUMN");
		}
	free(used);
	ev_buf_release(&names);
	return rc;
}

int ev_reference_open(struct ev_verifying *w, struct ev_error *err)
{
	struct ev_apply_options ao = EV_APPLY_OPTIONS_INIT;

	ao.exact = w->opt->independent;
	ao.dead = ao.decided = true;
	w->reference = ev_reference_scratch(w, err);
	if (!w->reference)
		return -1;
	w->replay.apply = ev_apply_open(w->reference, w->p, &ao, err);
	w->replay.src = w->src;
	w->replay.hooks = &w->replay_hooks;
	w->replay.batch = BATCH;
	return w->replay.apply ? load_shapes(w, err) : -1;
}

void ev_reference_close(struct ev_verifying *w)
{
	ev_apply_close(w->replay.apply);
	if (w->reference)
		w->reference->ops->close(w->reference);
	for (size_t i = 0; i < w->ntables; i++) {
		ev_shape_release(&w->tables[i].shape);
		free(w->tables[i].buckets[0]);
		free(w->tables[i].buckets[1]);
		free(w->tables[i].wanted);
	}
	free(w->tables);
	w->tables = NULL;
	w->ntables = 0;
	w->replay.apply = NULL;
	w->reference = NULL;
}
