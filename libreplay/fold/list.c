/*
 * list.c - statements bound and understood, before any row is looked at
 *
 * What can be said of a statement without the rows: its parameters as values, the key of its row and its hash,
 * whether the store would take the values. Any thread may fill a list, as the fold is only read for it; only one
 * uses the fold with it. Far enough ahead of the statement at hand the memory of its row is asked for.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "fold/internal.h"

#define LOOK_EVERY 64 /* statements, before memory is looked at */
#define FAR 12  /* statements ahead: the place in the table of rows */
#define NEAR 6  /* the row */
#define KEPT ((size_t)256 << 10) /* bytes that a list which is cleared may keep */

struct ev_fold_item {
	const struct ev_fold_statement *s;
	uint64_t hash;
	size_t params;   /* where they are among the list's values; the key follows them */
	uint32_t nparams;
	bool keyed;      /* the key is one that its columns hold */
	bool plain;      /* the store takes all values as they are */
	bool none;       /* WHERE key = NULL: no row is meant */
	bool must_touch;
};

struct ev_fold_list {
	const struct ev_fold *fold;
	struct ev_fold_item *items;
	size_t n, cap;
	struct ev_fv *values;
	size_t nvalues, values_cap;
	struct ev_arena texts;
	size_t limit; /* bytes; 0: none */
	char apart[EV_FOLD_APART]; /* the next one may be filled while this one is folded */
};

struct ev_fold_list *ev_fold_list_new(const struct ev_fold *f)
{
	struct ev_fold_list *l = ev_alloc(sizeof(*l));

	l->fold = f;
	return l;
}

void ev_fold_list_free(struct ev_fold_list *l)
{
	if (!l)
		return;
	free(l->items);
	free(l->values);
	ev_arena_release(&l->texts);
	free(l);
}

size_t ev_fold_list_bytes(const struct ev_fold_list *l)
{
	return l->n * sizeof(*l->items) + l->nvalues * sizeof(*l->values) + l->texts.bytes;
}

void ev_fold_list_limit(struct ev_fold_list *l, size_t bytes)
{
	l->limit = bytes;
}

void ev_fold_list_clear(struct ev_fold_list *l)
{
	if (ev_fold_list_bytes(l) > KEPT) {
		free(l->items);
		free(l->values);
		ev_arena_release(&l->texts);
		l->items = NULL;
		l->values = NULL;
		l->cap = l->values_cap = 0;
	}
	l->n = l->nvalues = 0;
	ev_arena_clear(&l->texts);
}

void ev_fold_list_cut(struct ev_fold_list *l, size_t length)
{
	if (length < l->n)
		l->nvalues = l->items[length].params;
	l->n = length;
}

size_t ev_fold_list_length(const struct ev_fold_list *l)
{
	return l->n;
}

/* Texts that were made for the statement stand in memory that the next one takes. */
static bool is_fleeting(const struct ev_bind *b, struct ev_slice scratch)
{
	return (uintptr_t)b->text.ptr - (uintptr_t)scratch.ptr < scratch.len;
}

static struct ev_fv *room(struct ev_fold_list *l, size_t n)
{
	while (l->nvalues + n > l->values_cap) {
		l->values_cap = l->values_cap ? l->values_cap * 2 : 256;
		l->values = ev_realloc_n(l->values, l->values_cap, sizeof(*l->values));
	}
	l->nvalues += n;
	return l->values + l->nvalues - n;
}

bool ev_fold_list_add(struct ev_fold_list *l, size_t handler, size_t statement, const struct ev_bind *b, size_t n,
		      bool must_touch, struct ev_slice scratch)
{
	const struct ev_fold *f = l->fold;
	const struct ev_fold_statement *s = &f->statements[handler][statement];
	struct ev_fv *v = room(l, n + s->table->nkey);
	enum ev_fold_found found;

	for (size_t i = 0; i < n; i++)
		ev_fold_value(is_fleeting(&b[i], scratch) ? &l->texts : NULL, &b[i], f->store->ops->dialect, &v[i]);
	found = ev_fold_key(f, s, v, v + n);
	EV_GROW(l->items, l->n, l->cap);
	l->items[l->n++] = (struct ev_fold_item){
		.s = s, .hash = found == EV_KEY_HELD ? ev_fold_hash_key(ev_fold_looked_up(s), v + n) : 0,
		.params = (size_t)(v - l->values), .nparams = (uint32_t)n,
		.keyed = found == EV_KEY_HELD, .none = found == EV_KEY_NONE,
		.plain = found != EV_KEY_DOUBT && ev_fold_binds(f, s, v), .must_touch = must_touch,
	};
	return !l->limit || ev_fold_list_bytes(l) <= l->limit;
}

static struct ev_fold_row *row_of(struct ev_fold *f, const struct ev_fold_list *l, const struct ev_fold_item *item)
{
	return ev_fold_row_at(f, ev_fold_looked_up(item->s), item->hash, l->values + item->params + item->nparams);
}

void ev_fold_list_want(struct ev_fold *f, const struct ev_fold_list *l, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (l->items[i].keyed && l->items[i].s->sweeps)
			ev_fold_want_group(l->items[i].s->table, row_of(f, l, &l->items[i]));
		else if (l->items[i].keyed)
			ev_fold_want_row(l->items[i].s->table, row_of(f, l, &l->items[i]));
}

static void look_ahead(const struct ev_fold_list *l, size_t i)
{
	if (i + FAR < l->n)
		ev_fold_ask_slot(ev_fold_looked_up(l->items[i + FAR].s), l->items[i + FAR].hash);
	if (i + NEAR < l->n)
		ev_fold_ask_row(ev_fold_looked_up(l->items[i + NEAR].s), l->items[i + NEAR].hash);
}

/* Its rows may be of other slices: then they have been touched there. */
static int sweep(struct ev_fold *f, const struct ev_fold_list *l, const struct ev_fold_item *item, int64_t *touched,
		 struct ev_error *err)
{
	int64_t n;
	int rc = ev_fold_sweep(f, item->s, row_of(f, l, item), l->values + item->params, &n, err);

	if (rc)
		return rc;
	n += f->slices > 1;
	f->folded++;
	*touched += n;
	return !n && item->must_touch;
}

int ev_fold_list_run(struct ev_fold *f, const struct ev_fold_list *l, size_t from, size_t to, int64_t *touched,
		     struct ev_error *err)
{
	for (size_t i = from; i < to; i++) {
		const struct ev_fold_item *item = &l->items[i];
		struct ev_fold_row *row;
		int rc;

		look_ahead(l, i);
		if (!item->plain || (i % LOOK_EVERY == 0 && ev_fold_over(f)))
			return 1;
		if (item->none) {
			if (item->must_touch)
				return 1;
			continue;
		}
		if (item->s->sweeps) {
			rc = sweep(f, l, item, touched, err);
			if (rc)
				return rc;
			continue;
		}
		if (f->slices > 1 && item->hash % f->slices != f->slice) {
			++*touched;
			continue;
		}
		row = row_of(f, l, item);
		if (row->state == EV_ROW_UNKNOWN) {
			if (ev_fold_over(f))
				return 1;
			rc = ev_fold_load_one(f, item->s->table, row, err);
			if (rc)
				return rc;
		}
		rc = ev_fold_step(f, item->s, row, l->values + item->params);
		if (rc < 0 || (!rc && item->must_touch))
			return 1;
		f->folded++;
		*touched += rc;
	}
	return 0;
}
