/* plan_token.c - the words that a reader stands at; see plan.h */
#include <stdlib.h>

#include "base/mem.h"
#include "fold/plan.h"
#include "projection/ddl.h"

#define AHEAD 4 /* how far anybody looks */

void ev_fold_reader_init(struct ev_fold_reader *r, const char *sql)
{
	struct ev_token *t = ev_sql_tokens(sql, &r->n);

	r->t = ev_alloc((r->n + AHEAD) * sizeof(*r->t));
	if (r->n)
		memcpy(r->t, t, r->n * sizeof(*t));
	free(t);
	for (size_t i = r->n; i < r->n + AHEAD; i++)
		r->t[i].text = ev_slice("", 0);
}

void ev_fold_reader_release(struct ev_fold_reader *r)
{
	free(r->t);
	free(r->types);
}

bool ev_fold_at(const struct ev_fold_reader *r, const char *word)
{
	return ev_token_is(r->t[r->at], word);
}

bool ev_fold_take(struct ev_fold_reader *r, const char *word)
{
	if (!ev_fold_at(r, word))
		return false;
	r->at++;
	return true;
}

/* The name at hand, when it is this one; else nothing is taken. */
bool ev_fold_take_name(struct ev_fold_reader *r, const char *name)
{
	bool same = ev_token_named(&r->t[r->at], name);

	r->at += same;
	return same;
}

int ev_fold_take_column(struct ev_fold_reader *r)
{
	for (size_t i = 0; i < r->table->ncolumns; i++)
		if (ev_fold_take_name(r, r->table->columns[i].name))
			return (int)i;
	return -1;
}

int ev_fold_refuse(struct ev_fold_reader *r, const char *why)
{
	if (!r->why)
		r->why = why;
	return -1;
}

bool ev_fold_on(const struct ev_fold_reader *r, enum ev_dialect d)
{
	return r->f->store->ops->dialect == d;
}
