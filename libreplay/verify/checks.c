/* checks.c - see checks.h; and --checks, in the snapshot */
#include "verify/checks.h"

#include "apply/apply.h"
#include "base/plural.h"
#include "verify/internal.h"

#define SHOWN 3 /* rows of a check that fails */

struct asking {
	struct ev_check check;
	const struct ev_check_hooks *hooks;
};

static int take_row(void *ctx, const struct ev_cell *cells, size_t n)
{
	struct asking *a = ctx;

	if (a->check.rows++ < a->hooks->shown)
		a->hooks->row(a->hooks->ctx, &a->check, cells, n);
	return 0;
}

static int ask(struct ev_store *s, const struct ev_projection *p, const struct ev_query_def *d,
	       const struct ev_check_hooks *hooks, struct ev_error *err)
{
	struct asking a = { { .def = d, .store = s }, hooks };
	int rc;

	a.check.query = ev_prepare_query(s, p, d, err);
	if (!a.check.query)
		return -1;
	rc = ev_ask_query(s, p, d, a.check.query, take_row, &a, err);
	if (rc == 0)
		hooks->asked(hooks->ctx, &a.check);
	s->ops->finish(s, a.check.query);
	return rc < 0 ? -1 : a.check.rows > 0;
}

int ev_checks_ask(struct ev_store *s, const struct ev_projection *p, const struct ev_check_hooks *hooks,
		  const struct ev_query_def **at, struct ev_error *err)
{
	int failed = 0;

	for (size_t i = 0; i < p->nchecks; i++) {
		int rc;

		if (at)
			*at = &p->checks[i];
		rc = ask(s, p, &p->checks[i], hooks, err);
		if (rc < 0)
			return -1;
		failed += rc;
	}
	return failed;
}

struct checking { /* as a mode of the verdict */
	struct ev_mode *m;
	struct ev_buf text; /* of the first rows of one that fails */
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

static void add_row(void *ctx, const struct ev_check *check, const struct ev_cell *cells, size_t n)
{
	struct checking *c = ctx;

	ev_buf_adds(&c->text, c->text.len ? "; " : "");
	for (size_t i = 0; i < n; i++) {
		ev_buf_addf(&c->text, "%s%s=", i ? ", " : "",
			    check->store->ops->column(check->store, check->query, i));
		add_cell(&c->text, &cells[i]);
	}
}

static void tell(void *ctx, const struct ev_check *check)
{
	struct checking *c = ctx;

	c->m->checked++;
	if (check->rows)
		ev_finding_text(ev_mode_finding(c->m, "check", check->def->name), "%lld row%s: %s%s",
				(long long)check->rows, ev_plural(check->rows), ev_buf_str(&c->text),
				check->rows > SHOWN ? "; ..." : "");
	ev_buf_clear(&c->text);
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

int ev_checks_run(struct ev_verifying *w, struct ev_store *s, struct ev_mode *m, struct ev_error *err)
{
	struct checking c = { .m = m };
	struct ev_check_hooks hooks = { &c, SHOWN, add_row, tell };
	const struct ev_query_def *at = NULL;
	struct ev_equation *e;
	int failed;

	m->allow_empty = w->opt->allow_empty;
	m->optional = true; /* a file may have none */
	failed = ev_checks_ask(s, w->p, &hooks, &at, err);
	ev_buf_release(&c.text);
	if (failed < 0)
		return blame(w, s, at, err);
	if (!w->p->nchecks)
		return 0;
	e = ev_mode_equation(m, w->p->name, "checks", (int64_t)w->p->nchecks);
	ev_equation_term(e, "held", m->checked - failed);
	ev_equation_term(e, "failed", failed);
	return 0;
}
