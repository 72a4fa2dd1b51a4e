/* checks.c - --checks: the file's assertions, each a query that must give no rows, in the snapshot */
#include <stdlib.h>

#include "apply/apply.h"
#include "verify/internal.h"

#define SHOWN 3 /* rows of a check that fails */

struct rows {
	int64_t n;
	struct ev_buf text;
	struct ev_store *s;
	struct ev_query *q;
};

static void add_cell(struct ev_buf *out, const struct ev_cell *c)
{
	struct ev_buf bytes = EV_BUF_INIT;
	struct ev_slice rest, raw;

	ev_digest_encode(&bytes, 0, EV_DIGEST_AS_IT_IS, c);
	rest = ev_buf_slice(&bytes);
	ev_row_column(&rest, out, &raw);
	ev_buf_release(&bytes);
}

static int take_row(void *ctx, const struct ev_cell *cells, size_t n)
{
	struct rows *r = ctx;

	if (r->n++ >= SHOWN)
		return 0;
	ev_buf_adds(&r->text, r->text.len ? "; " : "");
	for (size_t i = 0; i < n; i++) {
		ev_buf_addf(&r->text, "%s%s=", i ? ", " : "", r->s->ops->column(r->s, r->q, i));
		add_cell(&r->text, &cells[i]);
	}
	return 0;
}

/* What the reference would take is no fault of the file's: the store's tables are not what they were. */
static int blame(struct ev_verifying *w, struct ev_store *s, const struct ev_query_def *d, struct ev_error *err)
{
	struct ev_error why = EV_ERROR_INIT;
	struct ev_query *q;

	if (err->class != EV_USAGE || ev_reference_tables_there(s, w->p->name, err) < 0 || !w->reference)
		return -1;
	q = ev_prepare_query(w->reference, w->p, d, &why);
	w->reference->ops->finish(w->reference, q);
	if (!q)
		return -1;
	err->class = EV_STORE;
	return ev_context(err, "the tables in store '%s' are not as the projection makes them", s->url);
}

static int run_check(struct ev_verifying *w, struct ev_store *s, const struct ev_query_def *d, struct ev_mode *m,
		     struct ev_error *err)
{
	struct rows r = { .s = s };
	int rc;

	r.q = ev_prepare_query(s, w->p, d, err);
	if (!r.q)
		return blame(w, s, d, err);
	rc = s->ops->select(s, r.q, NULL, 0, take_row, &r, err);
	m->checked++;
	if (rc == 0 && r.n)
		ev_finding_text(ev_mode_finding(m, "check", d->name), "%lld row%s: %s%s", (long long)r.n,
				r.n == 1 ? "" : "s", ev_buf_str(&r.text), r.n > SHOWN ? "; ..." : "");
	s->ops->finish(s, r.q);
	ev_buf_release(&r.text);
	return rc;
}

int ev_checks_run(struct ev_verifying *w, struct ev_store *s, struct ev_mode *m, struct ev_error *err)
{
	int64_t failed = 0, before;

	m->allow_empty = true; /* a file may have none */
	for (size_t i = 0; i < w->p->nchecks; i++) {
		before = m->found;
		if (run_check(w, s, &w->p->checks[i], m, err) < 0)
			return -1;
		failed += m->found > before;
	}
	if (w->p->nchecks) {
		struct ev_equation *e = ev_mode_equation(m, w->p->name, "checks", (int64_t)w->p->nchecks);

		ev_equation_term(e, "held", m->checked - failed);
		ev_equation_term(e, "failed", failed);
	}
	return 0;
}
