/*
 * reads.c - which tables depend on what @reads names, so that no log makes them
 *
 * A handler that names such a table makes all that it writes depend on it, and so does one that names a table which
 * does. Handlers of one event depend on each other, too: what one of them cannot do is poison for all.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "event/where.h"
#include "projection/late.h"
#include "projection/sql.h"
#include "verify/internal.h"

struct spreading {
	const struct ev_projection *p;
	bool *handlers; /* that depend on others' tables */
	char **names;   /* of such tables: the others' own first */
	size_t nnames;
};

static bool is_listed(const struct spreading *s, const char *name)
{
	for (size_t i = 0; i < s->nnames; i++)
		if (strcasecmp(s->names[i], name) == 0)
			return true;
	return false;
}

static bool names_one(const struct spreading *s, const char *sql)
{
	struct ev_lexer lx = { .at = sql, .end = sql + strlen(sql) };
	struct ev_buf name = EV_BUF_INIT;
	struct ev_token t;
	bool found = false;

	while (!found && (t = ev_sql_next(&lx)).kind != EV_TOKEN_END) {
		if (t.kind != EV_TOKEN_WORD && t.kind != EV_TOKEN_QUOTED)
			continue;
		ev_buf_clear(&name);
		ev_sql_name(t, &name);
		found = is_listed(s, ev_buf_str(&name));
	}
	ev_buf_release(&name);
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

static bool spread(struct spreading *s)
{
	bool more = true, known = true;

	while (more) {
		more = false;
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
	struct spreading s = { .p = w->p };
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
