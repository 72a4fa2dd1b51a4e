/*
 * group.c - statements about all rows of one beginning of the key
 *
 * DELETE ... WHERE order_id = ... on a table whose key is (order_id, sku). The rows of a beginning are a chain
 * through their last slot; where it begins stands in a row of a table of its own (t->group), whose state says
 * whether all rows that the store has are in it: PRESENT, they are. Rows that were gone before the record at hand
 * leave the chain when it is next looked at, and come back with their next INSERT: else a beginning whose rows are
 * replaced by others again and again would be as long as all that it ever had.
 */
#include "base/mem.h"
#include "fold/internal.h"

static struct ev_fold_row **link_of(const struct ev_fold_table *t, struct ev_fold_row *r)
{
	return &r->v[t->ncolumns].next;
}

bool ev_fold_make_group(struct ev_fold_table *t, size_t nkey)
{
	if (t->group)
		return t->group->nkey == nkey;
	t->group = ev_alloc(sizeof(*t->group));
	t->group->name = ev_strdup(t->name);
	t->group->ncolumns = t->group->nkey = nkey;
	t->group->key = ev_alloc(nkey * sizeof(*t->group->key));
	t->group->columns = ev_alloc(nkey * sizeof(*t->group->columns));
	for (size_t i = 0; i < nkey; i++) {
		t->group->key[i] = i;
		t->group->columns[i] = t->columns[t->key[i]]; /* its texts are the table's */
	}
	t->group->linked = t->linked = 1;
	return true;
}

void ev_fold_free_group(struct ev_fold *f, struct ev_fold_table *t)
{
	if (!t->group)
		return;
	f->store->ops->finish(f->store, t->group->load);
	free(t->group->key);
	free(t->group->columns);
	free(t->group->name);
	free(t->group);
}

void ev_fold_link(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row *r)
{
	struct ev_fv key[EV_FOLD_MOST_KEYS];
	struct ev_fold_row *g;

	if (!t->group || r->linked)
		return;
	for (size_t i = 0; i < t->group->nkey; i++)
		key[i] = ev_fold_get(t, r, t->key[i]);
	g = ev_fold_row_at(f, t->group, ev_fold_hash_key(t->group, key), key);
	*link_of(t, r) = *link_of(t->group, g);
	*link_of(t->group, g) = r;
	r->linked = true;
	if (g->state == EV_ROW_PRESENT && r->state == EV_ROW_UNKNOWN)
		r->state = EV_ROW_ABSENT;
}

void ev_fold_want_group(struct ev_fold_table *t, struct ev_fold_row *g)
{
	if (g && !t->complete && !t->group->vast)
		ev_fold_want_row(t->group, g);
}

void ev_fold_group_loaded(const struct ev_fold_table *t, struct ev_fold_row *g)
{
	for (struct ev_fold_row *r = *link_of(t->group, g); r; r = *link_of(t, r)) {
		if (r->state != EV_ROW_UNKNOWN)
			continue;
		r->state = EV_ROW_ABSENT;
		r->stored = false;
	}
	g->state = EV_ROW_PRESENT;
}

/* 1 the row is there and is meant, 0 not, -1 it is not for us to say. */
static int is_meant(struct ev_fold *f, const struct ev_fold_statement *s, const struct ev_fold_row *r,
		    const struct ev_fv *params)
{
	if (r->state != EV_ROW_PRESENT)
		return 0;
	for (size_t i = 0; i < s->nolds; i++)
		f->old[s->olds[i]] = ev_fold_get(s->table, r, s->olds[i]);
	return ev_fold_holds(f, s, params, f->old, NULL);
}

/* One that the record at hand has taken away may come back by its undo. */
static bool is_gone(const struct ev_fold_row *r)
{
	return r->state == EV_ROW_ABSENT && !r->saved;
}

/* All that must be known before anything is changed; and whether there is a row that is meant. */
static int look(struct ev_fold *f, const struct ev_fold_statement *s, struct ev_fold_row *g,
		const struct ev_fv *params, bool *any, struct ev_error *err)
{
	struct ev_fold_table *t = s->table;
	struct ev_fold_row **link, *r;
	int met, rc;

	if (!t->complete && g->state != EV_ROW_PRESENT) {
		if (!t->group->vast && !ev_fold_over(f) && ev_fold_load_group(f, t, g, err) < 0)
			return -1;
		if (g->state != EV_ROW_PRESENT)
			return 1;
	}
	for (link = link_of(t->group, g); (r = *link);) {
		if (r->state == EV_ROW_UNKNOWN && ev_fold_over(f))
			return 1;
		rc = r->state == EV_ROW_UNKNOWN ? ev_fold_load_one(f, t, r, err) : 0;
		if (rc)
			return rc;
		if (is_gone(r)) {
			*link = *link_of(t, r);
			r->linked = false;
			continue;
		}
		met = is_meant(f, s, r, params);
		if (met < 0)
			return 1;
		*any |= met > 0;
		link = link_of(t, r);
	}
	return 0;
}

int ev_fold_sweep(struct ev_fold *f, const struct ev_fold_statement *s, struct ev_fold_row *g,
		  const struct ev_fv *params, int64_t *touched, struct ev_error *err)
{
	struct ev_fold_table *t = s->table;
	bool any = false;
	int rc = g ? look(f, s, g, params, &any, err) : 1;

	*touched = 0;
	if (rc || !any)
		return rc;
	for (struct ev_fold_row *r = *link_of(t->group, g); r; r = *link_of(t, r)) {
		if (is_meant(f, s, r, params) <= 0)
			continue;
		ev_fold_touch(f, t, r);
		r->state = EV_ROW_ABSENT;
		ev_fold_mark(t, r);
		++*touched;
	}
	return 0;
}
