/* check.c - would a store take this projection? See apply.h */
#include "apply/internal.h"
#include "store/sqlite_file.h"

struct ev_query *ev_prepare_query(struct ev_store *s, const struct ev_projection *p,
				  const struct ev_query_def *d, struct ev_error *err)
{
	struct ev_query *q;
	struct ev_place place;
	size_t at = SIZE_MAX;

	q = s->ops->prepare(s, d->sql, true, NULL, NULL, &at, err);
	if (!q) {
		place = ev_sql_place(d->sql, d->place, at);
		ev_context(err, "%s:%d:%d", p->file, place.line, place.column);
	}
	return q;
}

static int check_queries(struct ev_store *s, const struct ev_projection *p,
			 const struct ev_query_def *defs, size_t n, struct ev_error *err)
{
	for (size_t i = 0; i < n; i++) {
		struct ev_query *q = ev_prepare_query(s, p, &defs[i], err);

		if (!q)
			return -1;
		s->ops->finish(s, q);
	}
	return 0;
}

/* A view of the file that a store would take, and that could not be rebuilt then. */
static int check_views(struct ev_apply *a, struct ev_error *err)
{
	if (a->store->ops->dialect != EV_SQLITE || ev_sqlite_check_beside(a->store, &a->tables, err) == 0)
		return 0;
	return ev_context(err, "%s", a->projection->file);
}

int ev_apply_check(struct ev_store *s, const struct ev_projection *p, struct ev_buf *folds,
		   struct ev_error *err)
{
	struct ev_apply_options opt = EV_APPLY_OPTIONS_INIT;
	struct ev_apply *a = ev_open_new(s, p, &opt);
	int rc = s->ops->begin(s, err);

	if (rc == 0 && (ev_open_schema(a, err) < 0 || check_views(a, err) < 0 || ev_open_compile(a, err) < 0 ||
			check_queries(s, p, p->checks, p->nchecks, err) < 0 ||
			check_queries(s, p, p->samples, p->nsamples, err) < 0))
		rc = -1;
	ev_buf_adds(folds, ev_apply_folds(a));
	ev_apply_close(a); /* rolls back */
	return rc;
}
