/* reference.c - the scratch store in which the log is folded, and the shapes of its tables */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "projection/ddl.h"
#include "verify/from_base.h"
#include "verify/table_make.h"

#define BATCH 10000
#define LEAST_BATCH 500
#define LEAST_BYTES ((size_t)1 << 20)
#define MOST_BYTES ((size_t)32 << 20)

/*
 * Tables of @reads, without their rows, as an SQLite scratch has them: handlers name them. A view is none, and
 * has to be in the scratch database.
 */
static int bring_reads(struct ev_verifying *w, struct ev_store *scratch, struct ev_error *err)
{
	struct ev_store_options ro = *w->opt->store;
	struct ev_store *from;
	int rc = 0;

	if (!w->p->nreads || scratch->ops->dialect != EV_POSTGRESQL)
		return 0;
	ro.read_only = true;
	from = ev_store_open(w->opt->url, &ro, err);
	if (!from)
		return -1;
	for (size_t i = 0; i < w->p->nreads && rc >= 0; i++) {
		struct ev_table_info t = { 0 };

		rc = from->ops->describe(from, w->p->reads[i], &t, err);
		if (rc > 0) /* it may be named twice */
			rc = scratch->ops->has_table(scratch, t.name, err) ? 0 : ev_table_make(scratch, &t, err);
		ev_table_info_release(&t);
	}
	from->ops->close(from);
	return rc < 0 ? -1 : 0;
}

static int wants_scratch(struct ev_error *err)
{
	return ev_hint(err, "name a database where a schema may be made for the time: --scratch postgresql://...");
}

struct ev_store *ev_reference_scratch(struct ev_verifying *w, struct ev_error *err)
{
	const char *scratch = w->opt->scratch, *url = w->opt->url;
	struct ev_store_options opt = *w->opt->store;
	struct ev_store *s;

	opt.schema = NULL;
	opt.read_only = false;
	if (ev_url_is_postgres(url) != (scratch && ev_url_is_postgres(scratch))) {
		if (!ev_url_is_postgres(url))
			ev_fail(err, EV_USAGE, "option '--scratch': the store is an SQLite file, and what "
				"PostgreSQL makes of the log proves nothing of it");
		else if (ev_fail(err, EV_USAGE, "the log is folded in a schema of its own of a PostgreSQL database, "
				 "and none is named") < 0)
			wants_scratch(err);
		return NULL;
	}
	if (scratch && !ev_url_is_postgres(scratch)) {
		ev_fail(err, EV_USAGE, "option '--scratch' is for PostgreSQL: SQLite's lies in memory");
		return NULL;
	}
	s = ev_store_scratch(scratch ? scratch : url, w->p->name, &opt, true, err);
	if (!s || bring_reads(w, s, err) == 0)
		return s;
	s->ops->close(s);
	return NULL;
}

int ev_reference_tables_there(struct ev_store *s, const char *projection, struct ev_error *err)
{
	struct ev_buf names = EV_BUF_INIT;
	int rc = ev_ledger_present(s, err);

	if (rc > 0)
		rc = ev_ledger_tables(s, projection, &names, err) < 0 ? -1 : 1;
	for (const char *t = ev_buf_str(&names), *end = t + names.len; rc > 0 && t < end; t += strlen(t) + 1) {
		rc = s->ops->has_table(s, t, err);
		if (rc == 0) {
			rc = ev_fail(err, EV_STORE, "table '%s' of the view is not in store '%s'", t, s->url);
			ev_hint(err, "build the view anew: evproject rebuild --again");
		}
	}
	ev_buf_release(&names);
	return rc < 0 ? -1 : 0;
}

static struct ev_store *described(const struct ev_verifying *w)
{
	return w->reference ? w->reference : w->catalogue;
}

static int load_shape(struct ev_verifying *w, const char *table, bool *used, struct ev_error *err)
{
	struct ev_shape shape;
	int rc = ev_shape_load(&shape, described(w), table, w->opt->ignore, w->opt->nignore, used, err);

	if (rc <= 0) {
		ev_shape_release(&shape);
		if (rc == 0)
			ev_buf_add(&w->views, table, strlen(table) + 1);
		return rc;
	}
	shape.portable = !w->reference;
	EV_PUSH(w->tables, w->ntables)->shape = shape;
	return 0;
}

static int load_shapes(struct ev_verifying *w, struct ev_error *err)
{
	struct ev_buf names = EV_BUF_INIT;
	bool *used = ev_alloc(w->opt->nignore + 1);
	int rc = ev_ledger_tables(described(w), w->p->name, &names, err);

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

/* Handlers may use what goes by the locale of a database, so two of them may make different views of one log. */
static int like_the_store(const struct ev_verifying *w, struct ev_error *err)
{
	struct ev_store_options ro = *w->opt->store;
	struct ev_store *store;
	int rc;

	if (!ev_url_is_postgres(w->opt->url))
		return 0;
	ro.read_only = true;
	store = ev_store_open(w->opt->url, &ro, err);
	if (!store)
		return -1;
	rc = ev_pg_alike(store, w->reference, err);
	store->ops->close(store);
	return rc;
}

static int open_engine(struct ev_verifying *w, struct ev_error *err)
{
	struct ev_apply_options ao = EV_APPLY_OPTIONS_INIT;

	ao.exact = w->opt->independent;
	ao.dead = ao.decided = true;
	ao.memory = w->opt->memory;
	w->reference = ev_reference_scratch(w, err);
	if (!w->reference || like_the_store(w, err) < 0)
		return -1;
	w->replay.apply = ev_apply_open(w->reference, w->p, &ao, err);
	if (!w->replay.apply || !w->opt->base)
		return w->replay.apply ? 0 : -1;
	ev_apply_close(w->replay.apply); /* that made the tables; it would not know of what is brought */
	w->replay.apply = NULL;
	if (ev_base_bring(w, err) < 0)
		return -1;
	w->replay.seq = w->base.ledger.cuts;
	w->replay.apply = ev_apply_open(w->reference, w->p, &ao, err);
	return w->replay.apply ? 0 : -1;
}

/* What the server makes of a view's words it says only of one that is made. */
static int refuse_views(const struct ev_verifying *w, struct ev_error *err)
{
	if (!w->opt->rows || w->opt->without_views || !ev_makes_views(w->p, EV_POSTGRESQL))
		return 0;
	ev_fail(err, EV_USAGE, "the file has SQL views, and where its tables are folded in memory alone there is "
		"nothing to compare the store's with");
	return wants_scratch(err);
}

/* Asked before what the fold says of tables that are not there, or are of another file. */
static int view_there(const struct ev_verifying *w, struct ev_error *err)
{
	struct ev_ledger l = { 0 };
	int rc = ev_snapshot_ledger(w->catalogue, w->p->name, &l, err);

	if (rc == 0)
		rc = ev_verify_same_projection(w, &l, err);
	ev_ledger_release(&l);
	return rc < 0 ? -1 : ev_reference_tables_there(w->catalogue, w->p->name, err);
}

/* Without a scratch store, where all of it folds in memory. */
static int open_memory(struct ev_verifying *w, struct ev_error *err)
{
	struct ev_store_options ro = *w->opt->store;
	struct ev_buf why = EV_BUF_INIT;

	if (refuse_views(w, err) < 0)
		return -1;
	ro.read_only = true;
	w->catalogue = ev_store_open(w->opt->url, &ro, err);
	if (!w->catalogue || view_there(w, err) < 0)
		return -1;
	w->replay.detached = ev_memory_fold_new(w->catalogue, w->p, 0, 1, &why, err);
	w->replay.memory = w->opt->memory;
	if (w->replay.detached)
		ev_memory_fold_limit(w->replay.detached, w->opt->memory);
	if (!w->replay.detached && err->class == EV_OK) {
		ev_fail(err, EV_USAGE, "the projection does not fold in memory alone: %.*s",
			(int)strcspn(ev_buf_str(&why), "\n"), ev_buf_str(&why));
		wants_scratch(err);
	}
	ev_buf_release(&why);
	return w->replay.detached ? 0 : -1;
}

/* What is read at once is part of what is given. */
static void share_memory(struct ev_verifying *w)
{
	size_t batch = w->replay.apply ? ev_apply_batch_size(w->replay.apply) : BATCH;
	size_t bytes = w->opt->memory / 8;

	if (w->replay.detached && w->opt->memory / 1024 < batch)
		batch = w->opt->memory / 1024;
	w->replay.batch = batch < LEAST_BATCH ? LEAST_BATCH : batch;
	w->replay.batch_bytes = bytes > MOST_BYTES ? MOST_BYTES : bytes && bytes < LEAST_BYTES ? LEAST_BYTES : bytes;
}

int ev_reference_open(struct ev_verifying *w, struct ev_error *err)
{
	bool memory = ev_url_is_postgres(w->opt->url) && !w->opt->scratch && !w->opt->independent && !w->opt->base;

	w->replay.src = w->src;
	w->replay.hooks = &w->replay_hooks;
	if ((memory ? open_memory(w, err) : open_engine(w, err)) < 0)
		return -1;
	share_memory(w);
	return load_shapes(w, err);
}

int ev_reference_scan(struct ev_verifying *w, const struct ev_shape *shape, ev_scan_fn fn, void *ctx,
		      struct ev_error *err)
{
	if (w->reference)
		return ev_table_scan(w->reference, shape, &w->key, NULL, fn, ctx, err);
	return ev_memory_scan(w->replay.detached, shape, &w->key, fn, ctx, err);
}

void ev_reference_close(struct ev_verifying *w)
{
	ev_apply_close(w->replay.apply);
	ev_memory_fold_free(w->replay.detached);
	ev_ledger_release(&w->replay.mine);
	ev_snapshot_release(&w->base);
	if (w->reference)
		w->reference->ops->close(w->reference);
	if (w->catalogue)
		w->catalogue->ops->close(w->catalogue);
	for (size_t i = 0; i < w->ntables; i++) {
		ev_shape_release(&w->tables[i].shape);
		free(w->tables[i].buckets[0]);
		free(w->tables[i].buckets[1]);
		free(w->tables[i].wanted);
	}
	free(w->tables);
	ev_buf_release(&w->views);
	ev_buf_release(&w->beside);
	w->tables = NULL;
	w->ntables = 0;
	w->replay = (struct ev_replay){ 0 };
	w->reference = w->catalogue = NULL;
}
