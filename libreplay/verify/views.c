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

static bool is_postgres(const struct ev_store *s)
{
	return s->ops->dialect == EV_POSTGRESQL;
}

/* What the store says that it is; empty: there is none. */
static int definition(struct ev_store *s, const char *view, struct ev_buf *out, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT, name = EV_BUF_INIT;
	struct ev_query *q;
	size_t at;
	int rc;

	ev_buf_clear(out);
	if (!is_postgres(s)) {
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
	if (rc == 0 && out->failed)
		rc = ev_fail(err, EV_STORE, "no memory for the definition of view '%s'", view);
	ev_buf_release(&name);
	ev_buf_release(&sql);
	return rc < 0 ? -1 : 0;
}

static int nothing(void *ctx, const struct ev_cell *cells, size_t n)
{
	(void)ctx;
	(void)cells;
	(void)n;
	return 0;
}

/* As the file's view stands in the reference, where names are looked up in the schema of its tables alone. */
static int file_definition(struct ev_store *reference, const char *view, struct ev_buf *out, struct ev_error *err)
{
	int rc;

	if (!is_postgres(reference))
		return definition(reference, view, out, err);
	if (reference->ops->begin(reference, err) < 0)
		return -1;
	rc = ev_store_select(reference, "SELECT pg_catalog.set_config('search_path', "
			     "pg_catalog.quote_ident(current_schema()), true)", NULL, 0, nothing, NULL, err);
	if (rc == 0)
		rc = definition(reference, view, out, err);
	reference->ops->rollback(reference);
	return rc;
}

/* Where names are looked up: the schema of the tables (1) or the one behind it (2), as SQL; "": there is none. */
static int schema_of(struct ev_store *s, int number, struct ev_buf *out, struct ev_error *err)
{
	struct ev_bind b = ev_bind_int(number);

	ev_buf_clear(out);
	if (!is_postgres(s))
		return 0;
	return ev_store_select(s, "SELECT pg_catalog.quote_ident((pg_catalog.current_schemas(false))[?1::integer])",
			       &b, 1, take_text, out, err);
}

struct words {
	struct ev_token *v;
	size_t n;
};

static struct words words_of(const char *sql)
{
	struct words w;

	w.v = ev_sql_tokens(sql, &w.n);
	return w;
}

static bool same_token(struct ev_token a, struct ev_token b)
{
	if (a.kind != b.kind || a.text.len != b.text.len)
		return false;
	return a.kind == EV_TOKEN_WORD ? strncasecmp(a.text.ptr, b.text.ptr, a.text.len) == 0
				       : memcmp(a.text.ptr, b.text.ptr, a.text.len) == 0;
}

/* Is it `schema.`, at `i`? */
static bool names_schema(const struct words *w, size_t i, const char *schema)
{
	return i + 2 < w->n && ev_token_is(w->v[i + 1], ".") && ev_slice_is(w->v[i].text, schema);
}

/* Does the file itself write `schema.name`? */
static bool file_says(const struct ev_projection *p, const char *schema, struct ev_token name)
{
	bool says = false;

	for (size_t i = 0; i < p->nschemas && !says; i++) {
		struct words w = words_of(p->schemas[i].sql);

		for (size_t k = 0; k < w.n && !says; k++)
			says = names_schema(&w, k, schema) && same_token(w.v[k + 2], name);
		free(w.v);
	}
	return says;
}

/*
 * The store leaves out the schema of what lies beside its tables. In the reference that lies elsewhere: in the same
 * schema, or in another one in which a name of the file is found that has none.
 */
struct places {
	struct ev_buf own, beyond;
};

static bool left_out(const struct ev_verifying *w, const struct places *at, const struct words *file, size_t i)
{
	const char *own = ev_buf_str(&at->own), *beyond = ev_buf_str(&at->beyond);

	return names_schema(file, i, own) ||
	       (names_schema(file, i, beyond) && !file_says(w->p, beyond, file->v[i + 2]));
}

/*
 * `OPERATOR(schema.+)`, as the server writes an operator that is not on the path, where the store has a plain `+`: the
 * tokens that this takes in the file's, *i behind those of the store's; 0: it is not.
 */
static size_t far_operator(const struct ev_verifying *w, const struct places *at, const struct words *store, size_t *i,
			   const struct words *file, size_t k)
{
	size_t n = k + 4, x = *i;

	if (n >= file->n || !ev_token_is(file->v[k], "OPERATOR") || !ev_token_is(file->v[k + 1], "(") ||
	    !left_out(w, at, file, k + 2))
		return 0;
	for (; n < file->n && !ev_token_is(file->v[n], ")"); n++, x++)
		if (x >= store->n || !same_token(store->v[x], file->v[n]))
			return 0;
	*i = x;
	return n + 1 - k;
}

/* SQLite keeps the words of who made it, and layout and comments are no part of what a file means. */
static bool same_words(const struct ev_verifying *w, const struct places *at, const char *store, const char *file)
{
	struct words x = words_of(store), y = words_of(file);
	size_t i = 0, k = 0, n;

	while (i < x.n && k < y.n) {
		if (same_token(x.v[i], y.v[k])) {
			i++;
			k++;
		} else if (left_out(w, at, &y, k)) {
			k += 2;
		} else if ((n = far_operator(w, at, &x, &i, &y, k))) {
			k += n;
		} else {
			break;
		}
	}
	free(x.v);
	free(y.v);
	return i == x.n && k == y.n;
}

/* 1: it is as the file says; 0: a finding. */
static int compare(struct ev_verifying *w, struct ev_store *s, const struct places *at, const char *view,
		   struct ev_mode *m, struct ev_error *err)
{
	struct ev_buf store = EV_BUF_INIT, file = EV_BUF_INIT;
	const char *what = NULL;
	int rc = definition(s, view, &store, err);

	if (rc == 0)
		rc = file_definition(w->reference, view, &file, err);
	if (rc == 0 && !store.len)
		what = "the store has no such view";
	else if (rc == 0 && !same_words(w, at, ev_buf_str(&store), ev_buf_str(&file)))
		what = "the view is defined otherwise in the store";
	if (what)
		ev_finding_text(ev_mode_finding(m, "view", view), "%s", what);
	ev_buf_release(&store);
	ev_buf_release(&file);
	return rc < 0 ? -1 : !what;
}

/* How many are the same; -1. */
static int64_t compare_all(struct ev_verifying *w, struct ev_store *s, struct ev_mode *m, int64_t *n,
			   struct ev_error *err)
{
	const char *v = ev_buf_str(&w->views), *end = v + w->views.len;
	struct places at = { EV_BUF_INIT, EV_BUF_INIT };
	int64_t same = 0;
	int rc = schema_of(s, 1, &at.own, err);

	if (rc == 0)
		rc = schema_of(w->reference, 2, &at.beyond, err);
	for (; v < end && rc >= 0; v += strlen(v) + 1, ++*n) {
		rc = compare(w, s, &at, v, m, err);
		same += rc > 0;
	}
	ev_buf_release(&at.own);
	ev_buf_release(&at.beyond);
	return rc < 0 ? -1 : same;
}

int ev_views_compare(struct ev_verifying *w, struct ev_store *s, struct ev_mode *m, struct ev_error *err)
{
	struct ev_equation *e;
	int64_t n = 0, same;

	if (w->opt->without_views || !w->reference || !w->views.len)
		return 0;
	same = compare_all(w, s, m, &n, err);
	if (same < 0)
		return -1;
	e = ev_mode_equation(m, w->p->name, "views", n);
	ev_equation_term(e, "matched", same);
	ev_equation_term(e, "differing", n - same);
	return 0;
}
