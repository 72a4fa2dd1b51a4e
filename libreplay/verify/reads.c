/*
 * reads.c - which tables depend on what @reads names, so that no log makes them
 *
 * A handler that names such a table makes all that it writes depend on it, and so does one that names a table which
 * does, or a view of either. Handlers of one event depend on each other, too: what one of them cannot do is poison for
 * all.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "event/where.h"
#include "projection/ddl.h"
#include "projection/late.h"
#include "verify/internal.h"

struct spreading {
	const struct ev_projection *p;
	bool *handlers; /* that depend on others' tables */
	char **names;   /* of such tables and views: the others' own first */
	size_t nnames;
	bool sqlite;    /* it takes a string for a name, too, where it wants a table */
};

static bool is_listed(const struct spreading *s, const char *name)
{
	for (size_t i = 0; i < s->nnames; i++)
		if (strcasecmp(s->names[i], name) == 0)
			return true;
	return false;
}

/* As a string to free; NULL: no name. */
static char *name_in(const struct spreading *s, const struct ev_token *t)
{
	struct ev_buf name = EV_BUF_INIT;
	char *found = NULL;

	if (t->kind == EV_TOKEN_WORD || t->kind == EV_TOKEN_QUOTED)
		return ev_token_name(t);
	if (s->sqlite && ev_sql_string(*t, &name))
		found = ev_strdup(ev_buf_str(&name));
	ev_buf_release(&name);
	return found;
}

/* Is one of the tokens before `end` the name of such a table? */
static bool name_one(const struct spreading *s, const struct ev_token *t, const struct ev_token *end)
{
	bool found = false;

	for (; t < end && !found; t++) {
		char *name = name_in(s, t);

		found = name && is_listed(s, name);
		free(name);
	}
	return found;
}

static bool names_one(const struct spreading *s, const char *sql)
{
	size_t n;
	struct ev_token *t = ev_sql_tokens(sql, &n);
	bool found = name_one(s, t, t + n);

	free(t);
	return found;
}

/* May one event be for both? Two globs may always be. */
static bool share_an_event(const struct ev_handler *a, const struct ev_handler *b)
{
	if (a->tombstone || b->tombstone)
		return a->tombstone && b->tombstone;
	for (size_t i = 0; i < a->ntypes; i++)
		for (size_t k = 0; k < b->ntypes; k++)
			if (ev_glob(a->types[i], ev_slice_str(b->types[k])) ||
			    ev_glob(b->types[k], ev_slice_str(a->types[i])) ||
			    (strpbrk(a->types[i], "*?[") && strpbrk(b->types[k], "*?[")))
				return true;
	return false;
}

static bool depends(const struct spreading *s, size_t at)
{
	const struct ev_handler *h = &s->p->handlers[at];

	for (size_t i = 0; i < h->nstatements; i++)
		if (names_one(s, h->statements[i].sql[EV_SQLITE]))
			return true;
	for (size_t i = 0; i < s->p->nhandlers; i++)
		if (s->handlers[i] && share_an_event(h, &s->p->handlers[i]))
			return true;
	return false;
}

/* False: it writes something that cannot be named, so any table may be it. */
static bool add_written(struct spreading *s, const struct ev_handler *h)
{
	bool ok = true;

	for (size_t i = 0; i < h->nstatements; i++) {
		char *table = ev_statement_table(&h->statements[i]);

		ok = ok && table;
		if (table && !is_listed(s, table))
			*EV_PUSH(s->names, s->nnames) = ev_strdup(table);
		free(table);
	}
	return ok;
}

/* CREATE VIEW [IF NOT EXISTS] [schema.]name ... of tokens [t, end): its name, if it is one, and names one of ours. */
static char *dependent_view(const struct spreading *s, const struct ev_token *t, const struct ev_token *end)
{
	if (end - t < 3 || !ev_token_is(t[0], "create") || !ev_token_is(t[1], "view"))
		return NULL;
	t += 2;
	if (end - t > 3 && ev_token_is(t[0], "if"))
		t += 3;
	if (end - t > 2 && ev_token_is(t[1], "."))
		t += 2;
	return name_one(s, t + 1, end) ? name_in(s, t) : NULL;
}

/* The views of a schema that come to depend on it. True: there is one more. */
static bool add_views(struct spreading *s, const char *sql)
{
	size_t n, from = 0;
	struct ev_token *t = ev_sql_tokens(sql, &n);
	bool more = false;

	for (size_t i = 0; i <= n; i++) {
		char *name;

		if (i < n && !ev_token_is(t[i], ";"))
			continue;
		name = dependent_view(s, t + from, t + i);
		if (name && !is_listed(s, name)) {
			*EV_PUSH(s->names, s->nnames) = ev_strdup(name);
			more = true;
		}
		free(name);
		from = i + 1;
	}
	free(t);
	return more;
}

static bool spread(struct spreading *s)
{
	bool more = true, known = true;

	while (more) {
		more = false;
		for (size_t i = 0; i < s->p->nschemas; i++)
			more |= add_views(s, s->p->schemas[i].sql);
		for (size_t i = 0; i < s->p->nhandlers; i++) {
			if (s->handlers[i] || !depends(s, i))
				continue;
			more = s->handlers[i] = true;
			known &= add_written(s, &s->p->handlers[i]);
		}
	}
	return known;
}

size_t ev_reads_mark(struct ev_verifying *w)
{
	struct spreading s = { .p = w->p, .sqlite = !ev_url_is_postgres(w->opt->url) };
	size_t n = 0;
	bool known;

	if (!w->p->nreads)
		return 0;
	s.handlers = ev_alloc(w->p->nhandlers + 1);
	for (size_t i = 0; i < w->p->nreads; i++)
		*EV_PUSH(s.names, s.nnames) = ev_strdup(w->p->reads[i]);
	known = spread(&s);
	for (size_t i = 0; i < w->ntables; i++) {
		w->tables[i].foreign = !known || is_listed(&s, w->tables[i].shape.table);
		n += w->tables[i].foreign;
	}
	for (size_t i = 0; i < s.nnames; i++)
		free(s.names[i]);
	free(s.names);
	free(s.handlers);
	return n;
}

int ev_reads_same_letters(struct ev_verifying *w, const struct ev_digest *store, struct ev_error *err)
{
	struct ev_digest mine;

	if (ev_counts_letters_made(w, &mine, err) < 0)
		return -1;
	if (ev_digest_same(&mine, store))
		return 0;
	ev_fail(err, EV_DATA, "the dead letters are not those that the log makes alone, and they may depend on '%s', "
		"which the log does not make: so may all that they hold back, and no rows can be proven",
		w->p->reads[0]);
	return ev_hint(err, "--checks can be checked without --rows");
}
