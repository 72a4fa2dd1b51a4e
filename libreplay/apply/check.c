/* check.c - would a store take this projection? See apply.h */
#include <stdlib.h>
#include <strings.h>

#include "apply/internal.h"
#include "projection/ddl.h"
#include "projection/places.h"
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

int ev_ask_query(struct ev_store *s, const struct ev_projection *p, const struct ev_query_def *d, struct ev_query *q,
		 ev_row_fn row, void *ctx, struct ev_error *err)
{
	int rc = s->ops->select(s, q, NULL, 0, row, ctx, err);

	if (rc == 0 || err->class != EV_DATA)
		return rc;
	ev_context(err, "%s:%d:%d: '%s'", p->file, d->place.line, d->place.column, d->name);
	ev_hint(err, "a row of the view stops this query: mend the query, which wants no new version, or what "
		     "made the row");
	return rc;
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

static bool owns(const struct ev_apply *a, const char *name)
{
	const char *p = ev_buf_str(&a->tables), *end = p + a->tables.len;

	while (p < end && strcasecmp(p, name) != 0)
		p += strlen(p) + 1;
	return p < end;
}

static bool is_name(const struct ev_token *t)
{
	return t->kind == EV_TOKEN_WORD || t->kind == EV_TOKEN_QUOTED;
}

/* `schema.table` of the projection's own, in tokens i to i + 2; its name is `table` then. `kind`: what is there. */
static bool names_home(const struct ev_apply *a, const char *home, const struct ev_token *t, size_t n, size_t i,
		       enum ev_place_kind kind, struct ev_buf *table)
{
	struct ev_buf name = EV_BUF_INIT;
	bool found;

	if (i + 2 >= n || !is_name(&t[i]) || !ev_token_is(t[i + 1], ".") || !is_name(&t[i + 2]))
		return false;
	ev_buf_clear(table);
	ev_sql_name(t[i], &name);
	ev_sql_name(t[i + 2], table);
	/* elsewhere it is a column of what is called as the schema, an alias, unless a further name follows */
	found = strcasecmp(ev_buf_str(&name), home) == 0 && owns(a, ev_buf_str(table)) &&
		(kind == EV_PLACE_TABLE || (i + 3 < n && ev_token_is(t[i + 3], ".")) ||
		 (kind == EV_PLACE_COLUMNS && !owns(a, ev_buf_str(&name))));
	ev_buf_release(&name);
	return found;
}

/* The last word of the type that begins at t[i], behind its schema where that is pg_catalog. */
static size_t type_at(const struct ev_token *t, size_t n, size_t i)
{
	return i + 2 < n && ev_token_is(t[i], "pg_catalog") && ev_token_is(t[i + 1], ".") ? i + 2 : i;
}

/* Is the text t[i] a table's name: 'a.b'::regclass, regclass 'a.b', CAST('a.b' AS regclass), to_regclass('a.b')? */
static bool is_regclass(const struct ev_token *t, size_t n, size_t i)
{
	size_t type = type_at(t, n, i + 2);

	if (t[i].kind != EV_TOKEN_STRING)
		return false;
	return (type < n && (ev_token_is(t[i + 1], "::") || ev_token_is(t[i + 1], "as")) &&
		ev_token_is(t[type], "regclass")) ||
	       (i > 0 && ev_token_is(t[i - 1], "regclass")) ||
	       (i > 1 && ev_token_is(t[i - 1], "(") && ev_token_is(t[i - 2], "to_regclass"));
}

static bool text_names_home(const struct ev_apply *a, const char *home, struct ev_token text, struct ev_buf *table)
{
	struct ev_buf inner = EV_BUF_INIT;
	struct ev_token *t;
	bool found = false;
	size_t n;

	if (ev_sql_string(text, &inner)) {
		t = ev_sql_tokens(ev_buf_str(&inner), &n);
		found = n == 3 && names_home(a, home, t, n, 0, EV_PLACE_TABLE, table);
		free(t);
	}
	ev_buf_release(&inner);
	return found;
}

/* The first table of the projection behind the name of its schema; the name's bytes in `sql`, or SIZE_MAX. */
static size_t find_schema(const struct ev_apply *a, const char *home, const char *sql, struct ev_buf *table)
{
	size_t n, at = SIZE_MAX;
	struct ev_token *t = ev_sql_tokens(sql, &n);
	unsigned char *places = ev_sql_places(t, n);

	for (size_t i = 0; i < n && at == SIZE_MAX; i++)
		if (names_home(a, home, t, n, i, places[i], table) ||
		    (is_regclass(t, n, i) && text_names_home(a, home, t[i], table)))
			at = (size_t)(t[i].text.ptr - sql);
	free(places);
	free(t);
	return at;
}

static int check_sql(const struct ev_apply *a, const char *home, const char *sql, size_t *at, struct ev_error *err)
{
	struct ev_buf table = EV_BUF_INIT;

	*at = find_schema(a, home, sql, &table);
	if (*at != SIZE_MAX) {
		ev_fail(err, EV_USAGE, "'%s.' before the projection's own '%s': name tables plainly", home,
			ev_buf_str(&table));
		ev_hint(err, "a rebuild and evverify make them in another schema; --schema says which one is meant");
	}
	ev_buf_release(&table);
	return *at == SIZE_MAX ? 0 : -1;
}

/* SQL that stands in the file as it is, from `place` on. */
static int check_at(const struct ev_apply *a, const char *home, const char *sql, struct ev_place place,
		    struct ev_error *err)
{
	size_t at;

	if (check_sql(a, home, sql, &at, err) == 0)
		return 0;
	place = ev_sql_place(sql, place, at);
	return ev_context(err, "%s:%d:%d", a->projection->file, place.line, place.column);
}

static int check_homes(const struct ev_apply *a, const char *home, struct ev_error *err)
{
	const struct ev_projection *p = a->projection;
	int rc = 0;

	for (size_t i = 0; i < p->nschemas && rc == 0; i++)
		if (p->schemas[i].any || p->schemas[i].dialect == a->store->ops->dialect)
			rc = check_at(a, home, p->schemas[i].sql, p->schemas[i].place, err);
	for (size_t i = 0; i < p->nhandlers; i++)
		for (size_t j = 0; j < p->handlers[i].nstatements && rc == 0; j++) {
			const struct ev_statement *s = &p->handlers[i].statements[j];
			struct ev_place place;
			size_t at;

			rc = check_sql(a, home, s->sql[a->store->ops->dialect], &at, err);
			if (rc == 0)
				continue;
			place = ev_statement_place(s, a->store->ops->dialect, at);
			ev_context(err, "%s:%d:%d", p->file, place.line, place.column);
		}
	for (size_t i = 0; i < p->nchecks && rc == 0; i++)
		rc = check_at(a, home, p->checks[i].sql, p->checks[i].place, err);
	for (size_t i = 0; i < p->nsamples && rc == 0; i++)
		rc = check_at(a, home, p->samples[i].sql, p->samples[i].place, err);
	return rc;
}

int ev_apply_check_names(struct ev_apply *a, struct ev_error *err)
{
	const char *home = a->store->ops->home ? a->store->ops->home(a->store) : NULL;

	if (home)
		return check_homes(a, home, err);
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

	if (rc == 0 && (ev_open_schema(a, err) < 0 || ev_apply_check_names(a, err) < 0 || ev_open_compile(a, err) < 0 ||
			check_queries(s, p, p->checks, p->nchecks, err) < 0 ||
			check_queries(s, p, p->samples, p->nsamples, err) < 0))
		rc = -1;
	ev_buf_adds(folds, ev_apply_folds(a));
	ev_apply_close(a); /* rolls back */
	return rc;
}
