/* rows.c - the rows of a batch, by key; and memory that goes with the batch */
#include <stdlib.h>
#include <xxhash.h>

#include "base/mem.h"
#include "fold/internal.h"

#define BLOCK (256u << 10)

struct ev_arena_block {
	struct ev_arena_block *next;
	size_t used, size;
	_Alignas(16) char data[];
};

/* Blocks stand in the order in which they fill up; those behind `at` are free. */
void *ev_arena_take(struct ev_arena *a, size_t n)
{
	struct ev_arena_block *b = a->at;
	void *p;

	n = (n + 15) & ~(size_t)15;
	if (b && b->size - b->used < n) {
		b = b->next;
		if (b)
			b->used = 0;
	}
	if (!b || b->size - b->used < n) {
		size_t size = n > BLOCK ? n : BLOCK;

		b = ev_alloc(sizeof(*b) + size);
		b->size = size;
		b->next = a->at ? a->at->next : NULL;
		*(a->at ? &a->at->next : &a->first) = b;
	}
	a->at = b;
	p = b->data + b->used;
	b->used += n;
	a->bytes += n;
	return p;
}

struct ev_slice ev_arena_copy(struct ev_arena *a, struct ev_slice s)
{
	char *p = ev_arena_take(a, s.len + 1);

	if (s.len)
		memcpy(p, s.ptr, s.len);
	p[s.len] = '\0';
	return ev_slice(p, s.len);
}

/* Blocks are kept for the next batch. */
void ev_arena_clear(struct ev_arena *a)
{
	a->at = a->first;
	if (a->at)
		a->at->used = 0;
	a->bytes = 0;
}

void ev_arena_release(struct ev_arena *a)
{
	for (struct ev_arena_block *b = a->first, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	*a = (struct ev_arena){ 0 };
}

static uint64_t hash_key(const struct ev_fold_table *t, const struct ev_fv *v)
{
	uint64_t h = t->nkey;

	for (size_t i = 0; i < t->nkey; i++) {
		const struct ev_fv *k = &v[t->key[i]];

		h = k->kind == EV_FV_INT ? XXH3_64bits_withSeed(&k->i, sizeof(k->i), h)
					 : XXH3_64bits_withSeed(k->text.ptr, k->text.len, h);
	}
	return h;
}

static bool same_key(const struct ev_fold_table *t, const struct ev_fv *a, const struct ev_fv *b)
{
	for (size_t i = 0; i < t->nkey; i++)
		if (!ev_fold_same(&a[t->key[i]], &b[t->key[i]]))
			return false;
	return true;
}

static void grow(struct ev_fold_table *t)
{
	size_t n = t->nbuckets ? t->nbuckets * 2 : 1024;

	free(t->buckets);
	t->buckets = ev_alloc(n * sizeof(*t->buckets));
	t->nbuckets = n;
	for (size_t i = 0; i < t->nrows; i++) {
		struct ev_fold_row **b = &t->buckets[t->rows[i]->hash & (n - 1)];

		t->rows[i]->next = *b;
		*b = t->rows[i];
	}
}

struct ev_fold_row *ev_fold_row(struct ev_fold *f, struct ev_fold_table *t, const struct ev_fv *values)
{
	uint64_t hash = hash_key(t, values);
	struct ev_fold_row *r;

	if (t->nrows >= t->nbuckets)
		grow(t);
	for (r = t->buckets[hash & (t->nbuckets - 1)]; r; r = r->next)
		if (r->hash == hash && same_key(t, r->v, values))
			return r;
	r = ev_arena_take(&f->arena, sizeof(*r) + t->ncolumns * sizeof(*r->v));
	memset(r, 0, sizeof(*r) + t->ncolumns * sizeof(*r->v));
	r->hash = hash;
	for (size_t i = 0; i < t->nkey; i++)
		r->v[t->key[i]] = values[t->key[i]];
	r->next = t->buckets[hash & (t->nbuckets - 1)];
	t->buckets[hash & (t->nbuckets - 1)] = r;
	EV_GROW(t->rows, t->nrows, t->rows_cap);
	t->rows[t->nrows++] = r;
	return r;
}

void ev_fold_forget(struct ev_fold_table *t)
{
	if (t->nrows)
		memset(t->buckets, 0, t->nbuckets * sizeof(*t->buckets));
	t->nrows = t->nunknown = 0;
}
