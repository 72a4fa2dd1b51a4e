/* check.c - would a store take this projection? See apply.h */
#include <stdlib.h>
#include <strings.h>

#include "apply/internal.h"
#include "projection/ddl.h"
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

/* The first table of the projection behind the name of its schema; the name's bytes in `sql`, or SIZE_MAX. */
static size_t find_schema(const struct ev_apply *a, const char *home, const char *sql, struct ev_buf *table)
{
	struct ev_buf name = EV_BUF_INIT;
	size_t n, at = SIZE_MAX;
	struct ev_token *t = ev_sql_tokens(sql, &n);

	for (size_t i = 0; i + 2 < n && at == SIZE_MAX; i++) {
		if (!is_name(&t[i]) || !ev_token_is(t[i + 1], ".") || !is_name(&t[i + 2]))
			continue;
		ev_buf_clear(&name);
		ev_buf_clear(table);
		ev_sql_name(t[i], &name);
		ev_sql_name(t[i + 2], table);
		/* a table that is called as its schema: then it is a column of that table */
		if (strcasecmp(ev_buf_str(&name), home) == 0 && owns(a, ev_buf_str(table)) &&
		    !owns(a, ev_buf_str(&name)))
			at = (size_t)(t[i].text.ptr - sql);
	}
	ev_buf_release(&name);
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
