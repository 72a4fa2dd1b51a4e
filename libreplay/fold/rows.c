/*
 * rows.c - rows by key, and what a record has done to them, which can be taken back
 *
 * Texts never change in place: one that is overwritten is given back, at once or, where the row as it was
 * before the record still holds it, once the record is kept.
 */
#include <stdlib.h>
#include <xxhash.h>

#include "base/mem.h"
#include "fold/internal.h"

#define TAG 0xffff000000000000u /* the hash's part of a slot; addresses have 48 bits */
#define FIRST_SLOTS 1024
#define NEAR 64 /* bytes of a text of the key */
#define MOST_COPIES ((size_t)1 << 20) /* bytes that are kept for the next record */

static struct ev_fold_row *row_in(uint64_t slot)
{
	return (struct ev_fold_row *)(uintptr_t)(slot & ~TAG);
}

static size_t text_size(size_t len)
{
	return sizeof(struct ev_fold_text) + len + 1;
}

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

uint64_t ev_fold_hash_key(const struct ev_fold_table *t, const struct ev_fv *key)
{
	uint64_t h = t->nkey;

	for (size_t i = 0; i < t->nkey; i++)
		h = key[i].kind == EV_FV_INT ? mix((uint64_t)key[i].i + h * 0x9e3779b97f4a7c15u)
					     : XXH3_64bits_withSeed(key[i].text.ptr, key[i].text.len, h);
	return h;
}

static bool same_key(const struct ev_fold_table *t, const struct ev_fold_row *r, const struct ev_fv *key)
{
	const unsigned char *kinds = ev_fold_kinds(t, r);

	for (size_t i = 0; i < t->nkey; i++) {
		size_t c = t->key[i];

		if (kinds[c] != key[i].kind)
			return false;
		if (kinds[c] == EV_FV_INT ? r->v[c].i != key[i].i
					  : r->v[c].text->len != key[i].text.len ||
						    memcmp(r->v[c].text->bytes, key[i].text.ptr,
							   key[i].text.len) != 0)
			return false;
	}
	return true;
}

static void grow(struct ev_fold_table *t)
{
	size_t n = t->nslots ? t->nslots * 2 : FIRST_SLOTS;
	uint64_t *slots = ev_pages_take(n * sizeof(*slots));

	for (size_t i = 0; i < t->nslots; i++) {
		size_t at;

		if (i + 16 < t->nslots)
			__builtin_prefetch(row_in(t->slots[i + 16]));
		if (!t->slots[i])
			continue;
		at = row_in(t->slots[i])->hash & (n - 1);
		while (slots[at])
			at = (at + 1) & (n - 1);
		slots[at] = t->slots[i];
	}
	ev_pages_give(t->slots, t->nslots * sizeof(*t->slots));
	t->slots = slots;
	t->nslots = n;
}

static void fill_text(struct ev_fold_text *text, struct ev_slice s)
{
	text->len = (uint32_t)s.len;
	if (s.len)
		memcpy(text->bytes, s.ptr, s.len);
	text->bytes[s.len] = '\0';
}

/* Behind the row: whoever looks at it compares its key, and that never changes. 0: it is too long for that. */
static size_t near_size(const struct ev_fv *key)
{
	return ev_fv_has_text(key->kind) && key->text.len <= NEAR ? (text_size(key->text.len) + 3) & ~(size_t)3 : 0;
}

static void put_near(struct ev_fold_table *t, struct ev_fold_row *r, size_t column, const struct ev_fv *key, char *at)
{
	r->v[column].text = (struct ev_fold_text *)(void *)at;
	fill_text(r->v[column].text, key->text);
	ev_fold_kinds(t, r)[column] = (unsigned char)key->kind;
	r->bytes += r->v[column].text->len;
}

static struct ev_fold_row *new_row(struct ev_fold *f, struct ev_fold_table *t, uint64_t hash,
				   const struct ev_fv *key)
{
	size_t at = (ev_fold_row_size(t) + 3) & ~(size_t)3, size = at;
	struct ev_fold_row *r;

	for (size_t i = 0; i < t->nkey; i++)
		size += near_size(&key[i]);
	r = ev_pool_take(&f->pool, size);
	memset(r, 0, ev_fold_row_size(t));
	r->hash = hash;
	r->state = t->complete ? EV_ROW_ABSENT : EV_ROW_UNKNOWN;
	for (size_t i = 0; i < t->nkey; i++) {
		if (near_size(&key[i]))
			put_near(t, r, t->key[i], &key[i], (char *)r + at);
		else
			ev_fold_put(f, t, r, t->key[i], &key[i]);
		at += near_size(&key[i]);
	}
	ev_fold_link(f, t, r);
	return r;
}

struct ev_fold_row *ev_fold_row_at(struct ev_fold *f, struct ev_fold_table *t, uint64_t hash,
				   const struct ev_fv *key)
{
	uint64_t tag = hash & TAG;
	struct ev_fold_row *r;
	size_t at;

	if (t->nrows * 4 >= t->nslots * 3)
		grow(t);
	for (at = hash & (t->nslots - 1); t->slots[at]; at = (at + 1) & (t->nslots - 1)) {
		if ((t->slots[at] & TAG) != tag)
			continue;
		r = row_in(t->slots[at]);
		if (r->hash == hash && same_key(t, r, key))
			return r;
	}
	r = new_row(f, t, hash, key);
	t->slots[at] = tag | (uint64_t)(uintptr_t)r;
	t->nrows++;
	return r;
}

struct ev_fold_row *ev_fold_row(struct ev_fold *f, struct ev_fold_table *t, const struct ev_fv *values)
{
	struct ev_fv key[EV_FOLD_MOST_KEYS];

	for (size_t i = 0; i < t->nkey; i++)
		key[i] = values[t->key[i]];
	return ev_fold_row_at(f, t, ev_fold_hash_key(t, key), key);
}

void ev_fold_ask_slot(const struct ev_fold_table *t, uint64_t hash)
{
	if (t->nslots)
		__builtin_prefetch(&t->slots[hash & (t->nslots - 1)]);
}

void ev_fold_ask_row(const struct ev_fold_table *t, uint64_t hash)
{
	uint64_t slot = t->nslots ? t->slots[hash & (t->nslots - 1)] : 0;

	if (!slot)
		return;
	__builtin_prefetch(row_in(slot));
	__builtin_prefetch((const char *)row_in(slot) + 64);
	__builtin_prefetch((const char *)row_in(slot) + 128);
}

void ev_fold_add_row(struct ev_fold_rows *list, struct ev_fold_row *r)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 8;

		list->v = ev_pages_grow(list->v, list->cap * sizeof(*list->v), cap * sizeof(*list->v));
		list->cap = cap;
	}
	list->v[list->n++].row = r;
}

void ev_fold_mark(struct ev_fold_table *t, struct ev_fold_row *r)
{
	r->dirty = true;
	if (!r->listed)
		ev_fold_add_row(&t->dirty, r);
	r->listed = true;
}

/* ---- values ---- */

static const struct ev_fold_row *copy_of(const struct ev_fold *f, const struct ev_fold_row *r)
{
	return r->saved ? (const void *)(f->copies.data + f->saved[r->saved - 1].at) : NULL;
}

static void give_text(struct ev_fold *f, struct ev_fold_text *text)
{
	ev_pool_give(&f->pool, text, text_size(text->len));
}

/* The text of a slot that is overwritten; the row's copy may still hold it, or the statement at hand. */
static void release_text(struct ev_fold *f, const struct ev_fold_table *t, struct ev_fold_row *r, size_t c)
{
	const struct ev_fold_row *copy = copy_of(f, r);

	r->bytes -= r->v[c].text->len;
	if (!copy) {
		give_text(f, r->v[c].text);
	} else if (!ev_fv_has_text(ev_fold_kinds(t, copy)[c]) || copy->v[c].text != r->v[c].text) {
		EV_GROW(f->spent, f->nspent, f->spent_cap);
		f->spent[f->nspent++] = r->v[c].text;
	}
}

void ev_fold_put(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row *r, size_t c,
		 const struct ev_fv *v)
{
	unsigned char *kind = &ev_fold_kinds(t, r)[c];
	struct ev_fold_text *text;

	if (ev_fv_has_text(*kind)) {
		if (*kind == v->kind && r->v[c].text->len == v->text.len &&
		    memcmp(r->v[c].text->bytes, v->text.ptr, v->text.len) == 0)
			return;
		release_text(f, t, r, c);
	}
	*kind = (unsigned char)v->kind;
	if (!ev_fv_has_text(*kind)) {
		r->v[c].i = v->i;
		return;
	}
	text = ev_pool_take(&f->pool, text_size(v->text.len));
	fill_text(text, v->text);
	r->v[c].text = text;
	r->bytes += text->len;
}

static void not_known(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row *r)
{
	ev_fold_link(f, t, r);
	r->state = EV_ROW_UNKNOWN;
}

void ev_fold_unsure(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row *r)
{
	if (r) {
		not_known(f, t, r);
		return;
	}
	t->complete = false;
	for (size_t i = 0; i < t->nslots; i++)
		if (t->slots[i])
			not_known(f, t, row_in(t->slots[i]));
	if (t->group)
		ev_fold_unsure(f, t->group, NULL);
}

/* ---- what a record has done ---- */

void ev_fold_touch(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row *r)
{
	size_t at = (f->copies.len + 7) & ~(size_t)7, size = ev_fold_row_size(t);

	if (r->saved)
		return;
	EV_GROW(f->saved, f->nsaved, f->saved_cap);
	f->saved[f->nsaved++] = (struct ev_fold_saved){ r, t, at };
	if (f->copies.cap < at + size + 1) {
		size_t cap = (at + size + 1) * 2;

		f->copies.data = ev_realloc_n(f->copies.data, cap, 1);
		f->copies.cap = cap;
	}
	memcpy(f->copies.data + at, r, size);
	f->copies.len = at + size;
	r->saved = (uint32_t)f->nsaved;
}

/* Texts that only `gone` holds, of the two states of a row. */
static void release_texts(struct ev_fold *f, const struct ev_fold_table *t, const struct ev_fold_row *gone,
			  const struct ev_fold_row *stays)
{
	const unsigned char *k = ev_fold_kinds(t, gone), *l = ev_fold_kinds(t, stays);

	for (size_t c = 0; c < t->ncolumns; c++)
		if (ev_fv_has_text(k[c]) && !(ev_fv_has_text(l[c]) && gone->v[c].text == stays->v[c].text))
			give_text(f, gone->v[c].text);
}

static void end_record(struct ev_fold *f)
{
	for (size_t i = 0; i < f->nspent; i++)
		give_text(f, f->spent[i]);
	f->nspent = f->nsaved = 0;
	f->copies.len = 0;
	if (f->copies.cap > MOST_COPIES)
		ev_buf_release(&f->copies);
}

void ev_fold_keep(struct ev_fold *f)
{
	for (size_t i = 0; i < f->nsaved; i++) {
		struct ev_fold_row *r = f->saved[i].row;

		release_texts(f, f->saved[i].table, (void *)(f->copies.data + f->saved[i].at), r);
		r->saved = 0;
	}
	end_record(f);
}

void ev_fold_undo(struct ev_fold *f)
{
	for (size_t i = 0; i < f->nsaved; i++) {
		const struct ev_fold_row *copy = (const void *)(f->copies.data + f->saved[i].at);
		struct ev_fold_row *r = f->saved[i].row;
		const struct ev_fold_table *t = f->saved[i].table;
		bool listed = r->listed, wanted = r->wanted, linked = r->linked;
		union ev_fold_slot link = t->linked ? r->v[t->ncolumns] : (union ev_fold_slot){ 0 };

		release_texts(f, t, r, copy);
		memcpy(r, copy, ev_fold_row_size(t));
		r->listed = listed;
		r->wanted = wanted;
		r->linked = linked;
		if (t->linked)
			r->v[t->ncolumns] = link;
	}
	end_record(f);
}

static void forget_rows(struct ev_fold_table *t)
{
	ev_pages_give(t->slots, t->nslots * sizeof(*t->slots));
	ev_pages_give(t->dirty.v, t->dirty.cap * sizeof(*t->dirty.v));
	ev_pages_give(t->wanted.v, t->wanted.cap * sizeof(*t->wanted.v));
	t->slots = NULL;
	t->dirty = t->wanted = (struct ev_fold_rows){ 0 };
	t->nslots = t->nrows = 0;
	t->complete = t->empty = false;
}

void ev_fold_forget(struct ev_fold *f)
{
	for (size_t i = 0; i < f->ntables; i++) {
		forget_rows(&f->tables[i]);
		if (f->tables[i].group)
			forget_rows(f->tables[i].group);
	}
	f->nsaved = f->nspent = f->nnamed = 0;
	f->copies.len = 0;
	ev_pool_clear(&f->pool);
}
