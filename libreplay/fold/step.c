/* step.c - one statement over its row */
#include "fold/internal.h"

struct ev_fold_row *ev_fold_find(struct ev_fold *f, const struct ev_fold_statement *s, const struct ev_fv *params,
				 enum ev_fold_found *found)
{
	struct ev_fold_table *t = ev_fold_looked_up(s);
	struct ev_fv key[EV_FOLD_MOST_KEYS];

	*found = ev_fold_key(f, s, params, key);
	return *found == EV_KEY_HELD ? ev_fold_row_at(f, t, ev_fold_hash_key(t, key), key) : NULL;
}

/*
 * PostgreSQL could refuse the row for its size, or an index do so. What is then overwritten before it is written would
 * be refused by the store, and not by us. `bytes` of all its texts: most rows have so few that they need no weighing.
 */
static bool needs_weighing(const struct ev_fold *f, size_t bytes)
{
	return bytes > EV_FOLD_MOST_TEXT && f->store->ops->dialect == EV_POSTGRESQL;
}

static size_t text_at(const struct ev_fold_table *t, const struct ev_fold_row *row, size_t c)
{
	return ev_fold_get(t, row, c).text.len;
}

size_t ev_fold_row_weight(const struct ev_fold_table *t, const struct ev_fold_row *row)
{
	size_t weight = 0;

	for (size_t c = 0; c < t->ncolumns; c++)
		weight += ev_fold_weight(&t->columns[c], text_at(t, row, c));
	return weight;
}

static size_t fresh_weight(const struct ev_fold *f, const struct ev_fold_table *t)
{
	size_t weight = 0;

	for (size_t c = 0; c < t->ncolumns; c++)
		weight += ev_fold_weight(&t->columns[c], f->fresh[c].text.len);
	return weight;
}

/* Of the row as f->after will leave it. */
static size_t assigned_weight(const struct ev_fold *f, const struct ev_fold_statement *s, const struct ev_fold_row *row)
{
	const struct ev_fold_table *t = s->table;
	size_t weight = ev_fold_row_weight(t, row);

	for (size_t i = 0; i < s->nsets; i++) {
		size_t c = s->sets[i].column;

		weight += ev_fold_weight(&t->columns[c], f->after[i].text.len) -
			  ev_fold_weight(&t->columns[c], text_at(t, row, c));
	}
	return weight;
}

/* The row that an INSERT proposes, into f->fresh; false when it is not plain. */
static bool propose(struct ev_fold *f, const struct ev_fold_statement *s, const struct ev_fv *params)
{
	const struct ev_fold_table *t = s->table;
	size_t bytes = 0;

	for (size_t c = 0; c < t->ncolumns; c++)
		f->fresh[c] = t->columns[c].fallback;
	for (size_t i = 0; i < s->nvalues; i++)
		f->fresh[s->values[i].column] = ev_fold_eval(f, s, s->values[i].expr, params, NULL, NULL);
	for (size_t c = 0; c < t->ncolumns; c++) {
		if (!ev_fold_fits(f, &t->columns[c], &f->fresh[c]))
			return false;
		bytes += f->fresh[c].text.len;
	}
	if (needs_weighing(f, bytes) && fresh_weight(f, t) > EV_FOLD_MOST_TEXT)
		return false;
	return ev_fold_allowed(f, t, f->fresh);
}

/* SET: all of them see the row as it was. */
static bool assign(struct ev_fold *f, const struct ev_fold_statement *s, struct ev_fold_row *row,
		   const struct ev_fv *params, const struct ev_fv *fresh)
{
	struct ev_fold_table *t = s->table;
	size_t bytes = row->bytes;

	for (size_t i = 0; i < s->nsets; i++) {
		size_t c = s->sets[i].column;

		f->after[i] = ev_fold_eval(f, s, s->sets[i].expr, params, f->old, fresh);
		if (!ev_fold_fits(f, &t->columns[c], &f->after[i]))
			return false;
		bytes += f->after[i].text.len - text_at(t, row, c);
	}
	for (size_t i = 0; i < s->nsets; i++)
		f->old[s->sets[i].column] = f->after[i];
	if (needs_weighing(f, bytes) && assigned_weight(f, s, row) > EV_FOLD_MOST_TEXT)
		return false;
	if (!ev_fold_allowed(f, t, f->old))
		return false;
	ev_fold_touch(f, t, row);
	for (size_t i = 0; i < s->nsets; i++)
		ev_fold_put(f, t, row, s->sets[i].column, &f->after[i]);
	ev_fold_mark(t, row);
	return true;
}

/* Are the conditions met, which are of the row as it was? As ev_fold_holds. */
static int holds(struct ev_fold *f, const struct ev_fold_statement *s, const struct ev_fold_row *row,
		 const struct ev_fv *params, const struct ev_fv *fresh)
{
	for (size_t i = 0; i < s->nolds; i++)
		f->old[s->olds[i]] = ev_fold_get(s->table, row, s->olds[i]);
	return ev_fold_holds(f, s, params, f->old, fresh);
}

static int insert(struct ev_fold *f, const struct ev_fold_statement *s, struct ev_fold_row *row,
		  const struct ev_fv *params)
{
	struct ev_fold_table *t = s->table;

	if (!propose(f, s, params) || (row->state == EV_ROW_PRESENT && s->conflict == EV_FOLD_FAIL))
		return -1;
	if (row->state == EV_ROW_PRESENT && s->conflict == EV_FOLD_NOTHING)
		return 0;
	if (row->state == EV_ROW_PRESENT) {
		int met = holds(f, s, row, params, f->fresh);

		return met <= 0 ? met : assign(f, s, row, params, f->fresh) ? 1 : -1;
	}
	ev_fold_touch(f, t, row);
	for (size_t c = 0; c < t->ncolumns; c++)
		ev_fold_put(f, t, row, c, &f->fresh[c]);
	row->state = EV_ROW_PRESENT;
	ev_fold_link(f, t, row);
	ev_fold_mark(t, row);
	return 1;
}

int ev_fold_step(struct ev_fold *f, const struct ev_fold_statement *s, struct ev_fold_row *row,
		 const struct ev_fv *params)
{
	int met;

	if (s->verb == EV_FOLD_INSERT)
		return insert(f, s, row, params);
	if (row->state == EV_ROW_ABSENT)
		return 0;
	met = holds(f, s, row, params, NULL);
	if (met <= 0)
		return met;
	if (s->verb == EV_FOLD_UPDATE)
		return assign(f, s, row, params, NULL) ? 1 : -1;
	ev_fold_touch(f, s->table, row);
	row->state = EV_ROW_ABSENT;
	ev_fold_mark(s->table, row);
	return 1;
}
