/* views.c - the SQL views that the file declares: are they in the store as the file says? */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "projection/ddl.h"
#include "verify/internal.h"

static int take_text(void *ctx, const struct ev_cell *cells, size_t n)
{
	if (n)
		ev_buf_add_slice(ctx, cells[0].text);
	return 0;
}

/* What the store says that it is; empty: there is none. */
static int definition(struct ev_store *s, const char *view, struct ev_buf *out, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT, name = EV_BUF_INIT;
	struct ev_query *q;
	size_t at;
	int rc;

	ev_buf_clear(out);
	if (s->ops->dialect == EV_SQLITE) {
		ev_buf_adds(&sql, "SELECT sql FROM sqlite_master WHERE type = 'view' AND name COLLATE NOCASE = ");
		ev_buf_add_quoted(&sql, view, '\'');
	} else {
		ev_buf_add_quoted(&name, view, '"');
		ev_buf_adds(&sql, "SELECT pg_catalog.pg_get_viewdef(c.oid) FROM pg_catalog.pg_class c "
				  "WHERE c.relkind = 'v' AND c.oid = pg_catalog.to_regclass(");
		ev_buf_add_quoted(&sql, ev_buf_str(&name), '\'');
		ev_buf_adds(&sql, ")");
	}
	q = s->ops->prepare(s, ev_buf_str(&sql), false, NULL, NULL, &at, err);
	rc = q ? s->ops->select(s, q, NULL, 0, take_text, out, err) : -1;
	s->ops->finish(s, q);
	ev_buf_release(&name);
	ev_buf_release(&sql);
	return rc < 0 ? -1 : 0;
}

static bool same_token(struct ev_token a, struct ev_token b)
{
	if (a.kind != b.kind || a.text.len != b.text.len)
		return false;
	return a.kind == EV_TOKEN_WORD ? strncasecmp(a.text.ptr, b.text.ptr, a.text.len) == 0
				       : memcmp(a.text.ptr, b.text.ptr, a.text.len) == 0;
}

/* SQLite keeps the words of who made it, and layout and comments are no part of what a file means. */
static bool same_words(const char *a, const char *b)
{
	size_t na, nb, i = 0;
	struct ev_token *x = ev_sql_tokens(a, &na), *y = ev_sql_tokens(b, &nb);

	while (i < na && i < nb && same_token(x[i], y[i]))
		i++;
	free(x);
	free(y);
	return i == na && i == nb;
}

/* 1: it is as the file says, or nobody knows; 0: a finding. */
static int compare(struct ev_verifying *w, struct ev_store *s, const char *view, struct ev_mode *m,
		   struct ev_error *err)
{
	struct ev_buf store = EV_BUF_INIT, file = EV_BUF_INIT;
	const char *what = NULL;
	int rc = definition(s, view, &store, err);

	if (rc == 0 && w->reference)
		rc = definition(w->reference, view, &file, err);
	if (rc == 0 && !store.len)
		what = "the store has no such view";
	else if (rc == 0 && w->reference && !same_words(ev_buf_str(&store), ev_buf_str(&file)))
		what = "the view is defined otherwise in the store";
	if (what)
		ev_finding_text(ev_mode_finding(m, "view", view), "%s", what);
	ev_buf_release(&store);
	ev_buf_release(&file);
	return rc < 0 ? -1 : !what;
}

int ev_views_compare(struct ev_verifying *w, struct ev_store *s, struct ev_mode *m, struct ev_error *err)
{
	const char *v = ev_buf_str(&w->views), *end = v + w->views.len;
	struct ev_equation *e;
	int64_t n = 0, same = 0;

	if (w->opt->without_views)
		return 0;
	for (; v < end; v += strlen(v) + 1, n++) {
		int rc = compare(w, s, v, m, err);

		if (rc < 0)
			return -1;
		same += rc;
	}
	if (!n)
		return 0;
	e = ev_mode_equation(m, w->p->name, "views", n);
	ev_equation_term(e, w->reference ? "matched" : "not compared", same);
	ev_equation_term(e, "differing", n - same);
	return 0;
}
