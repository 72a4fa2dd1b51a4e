/* spill.c - see spill.h; items in blocks, an index that is sorted, runs by level */
#include "audit/spill.h"

#include <stdlib.h>

#include "base/mem.h"
#include "audit/spill_file.h"

enum {
	LEAST = 64 << 10,
	MOST_BLOCK = 256 << 10,
	FAN_IN = 64,
	WRITE = 256 << 10,
	LEAST_READ = 4 << 10,
	MOST_READ = 1 << 20
};

struct entry {
	uint64_t first; /* eight bytes of the item, so that most comparisons end here */
	const char *ptr;
	uint32_t len;
};

struct block {
	struct block *next;
	size_t cap;
	char data[];
};

struct run {
	struct spill_run file;
	int level; /* made of FAN_IN runs of the level below */
};

struct ev_spill {
	char *dir;
	size_t memory, block_size;
	struct block *blocks, *spare;
	size_t block_at, used; /* of the first block; bytes of all */
	struct entry *entries;
	size_t n, cap, at;
	struct run *runs;
	size_t nruns;
	size_t *heap; /* runs by their item at hand */
	size_t nheap;
	bool given; /* the first of the heap was given: it moves on first */
	struct ev_buf out;
	int64_t items, written;
};

struct ev_spill *ev_spill_new(size_t memory, const char *dir)
{
	struct ev_spill *s = ev_alloc(sizeof(*s));

	if (!dir)
		dir = getenv("TMPDIR");
	s->dir = ev_strdup(dir && *dir ? dir : "/tmp");
	s->memory = memory < LEAST ? LEAST : memory;
	s->block_size = s->memory / 8 < MOST_BLOCK ? s->memory / 8 : MOST_BLOCK;
	return s;
}

static void free_blocks(struct block *b)
{
	while (b) {
		struct block *next = b->next;

		free(b);
		b = next;
	}
}

static void free_items(struct ev_spill *s)
{
	free_blocks(s->blocks);
	free_blocks(s->spare);
	free(s->entries);
	s->blocks = s->spare = NULL;
	s->entries = NULL;
	s->block_at = s->used = s->n = s->cap = s->at = 0;
}

void ev_spill_free(struct ev_spill *s)
{
	if (!s)
		return;
	free_items(s);
	for (size_t i = 0; i < s->nruns; i++)
		spill_run_close(&s->runs[i].file);
	free(s->runs);
	free(s->heap);
	free(s->dir);
	ev_buf_release(&s->out);
	free(s);
}

static int compare_bytes(const char *a, size_t an, const char *b, size_t bn)
{
	int c = memcmp(a, b, an < bn ? an : bn);

	return c ? c : (an > bn) - (an < bn);
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return compare_bytes(x->ptr, x->len, y->ptr, y->len);
}

/*
 * Zeros where the item has no more bytes: never in the wrong order, and ties are looked at whole.
 */
static uint64_t first_bytes(struct ev_slice item)
{
	unsigned char b[8] = { 0 };

	memcpy(b, item.ptr, item.len < 8 ? item.len : 8);
	return ev_spill_u64((char *)b);
}

/* What n entries and their sorting take: qsort copies the array. */
static size_t index_bytes(size_t n)
{
	return 2 * n * sizeof(struct entry);
}

static char *room(struct ev_spill *s, size_t n)
{
	struct block *b = s->blocks;

	if (!b || b->cap - s->block_at < n) {
		b = s->spare;
		if (b && n <= b->cap) {
			s->spare = b->next;
		} else {
			size_t cap = n > s->block_size ? n : s->block_size;

			b = ev_alloc(sizeof(*b) + cap);
			b->cap = cap;
		}
		b->next = s->blocks;
		s->blocks = b;
		s->block_at = 0;
	}
	s->block_at += n;
	return b->data + s->block_at - n;
}

static void forget_items(struct ev_spill *s)
{
	while (s->blocks) {
		struct block *b = s->blocks;

		s->blocks = b->next;
		b->next = s->spare;
		s->spare = b;
	}
	s->block_at = s->used = s->n = s->at = 0;
}

static void sort_items(struct ev_spill *s)
{
	if (s->n)
		qsort(s->entries, s->n, sizeof(*s->entries), compare_entries);
}

static int begin_run(struct ev_spill *s, int level, struct ev_error *err)
{
	struct run *r = EV_PUSH(s->runs, s->nruns);

	r->level = level;
	if (spill_run_create(&r->file, s->dir, err) == 0)
		return 0;
	s->nruns--;
	return -1;
}

static int end_run(struct ev_spill *s, struct ev_error *err)
{
	struct spill_run *r = &s->runs[s->nruns - 1].file;

	if (spill_run_flush(r, &s->out, err))
		return -1;
	s->written += r->bytes;
	return 0;
}

static bool heap_less(const struct ev_spill *s, size_t a, size_t b)
{
	const struct ev_slice *x = &s->runs[a].file.item, *y = &s->runs[b].file.item;
	int c = compare_bytes(x->ptr, x->len, y->ptr, y->len);

	return c ? c < 0 : a < b;
}

static void sift_down(struct ev_spill *s, size_t i)
{
	for (;;) {
		size_t least = i, v;

		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < s->nheap; child++)
			if (heap_less(s, s->heap[child], s->heap[least]))
				least = child;
		if (least == i)
			return;
		v = s->heap[i];
		s->heap[i] = s->heap[least];
		s->heap[least] = v;
		i = least;
	}
}

/* Open runs [first, nruns) for a merge. */
static int heap_open(struct ev_spill *s, size_t first, struct ev_error *err)
{
	size_t n = s->nruns - first, size = s->memory / (n + 1);

	size = size < LEAST_READ ? LEAST_READ : size > MOST_READ ? MOST_READ : size;
	s->heap = ev_realloc_n(s->heap, n, sizeof(*s->heap));
	s->nheap = 0;
	s->given = false;
	for (size_t i = first; i < s->nruns; i++) {
		int rc;

		spill_run_rewind(&s->runs[i].file, size);
		rc = spill_run_next(&s->runs[i].file, err);
		if (rc < 0)
			return -1;
		if (rc)
			s->heap[s->nheap++] = i;
	}
	for (size_t i = s->nheap; i-- > 0;)
		sift_down(s, i);
	return 0;
}

static int heap_next(struct ev_spill *s, struct ev_slice *item, struct ev_error *err)
{
	if (s->given) {
		int rc = spill_run_next(&s->runs[s->heap[0]].file, err);

		if (rc < 0)
			return -1;
		if (!rc)
			s->heap[0] = s->heap[--s->nheap];
		sift_down(s, 0);
	}
	s->given = s->nheap > 0;
	if (!s->given)
		return 0;
	*item = s->runs[s->heap[0]].file.item;
	return 1;
}

/* The last FAN_IN runs, all of one level, become one of the next. */
static int merge_level(struct ev_spill *s, struct ev_error *err)
{
	size_t first = s->nruns - FAN_IN;
	int level = s->runs[first].level, rc;
	struct ev_slice item;
	struct run merged;

	free_items(s);
	if (heap_open(s, first, err) || begin_run(s, level + 1, err))
		return -1;
	while ((rc = heap_next(s, &item, err)) > 0)
		if (spill_run_put(&s->runs[s->nruns - 1].file, &s->out, WRITE, item, err))
			return -1;
	if (rc < 0 || end_run(s, err))
		return -1;
	merged = s->runs[--s->nruns];
	while (s->nruns > first)
		spill_run_close(&s->runs[--s->nruns].file);
	s->runs[s->nruns++] = merged;
	return 0;
}

static bool level_full(const struct ev_spill *s)
{
	return s->nruns >= FAN_IN &&
	       s->runs[s->nruns - FAN_IN].level == s->runs[s->nruns - 1].level;
}

static int spill(struct ev_spill *s, struct ev_error *err)
{
	sort_items(s);
	if (begin_run(s, 0, err))
		return -1;
	for (size_t i = 0; i < s->n; i++) {
		struct ev_slice item = ev_slice(s->entries[i].ptr, s->entries[i].len);

		if (spill_run_put(&s->runs[s->nruns - 1].file, &s->out, WRITE, item, err))
			return -1;
	}
	if (end_run(s, err))
		return -1;
	forget_items(s);
	while (level_full(s))
		if (merge_level(s, err))
			return -1;
	return 0;
}

int ev_spill_add(struct ev_spill *s, struct ev_slice item, struct ev_error *err)
{
	char *p;

	if (item.len > EV_SPILL_MAX_ITEM)
		return ev_fail(err, EV_STORE, "an item of %zu bytes is too long to be sorted",
			       item.len);
	if (s->n && s->used + item.len + index_bytes(s->n + 1) > s->memory && spill(s, err))
		return -1;
	p = room(s, item.len);
	if (item.len)
		memcpy(p, item.ptr, item.len);
	EV_GROW(s->entries, s->n, s->cap);
	s->entries[s->n++] = (struct entry){ first_bytes(ev_slice(p, item.len)), p,
					     (uint32_t)item.len };
	s->used += item.len;
	s->items++;
	return 0;
}

int ev_spill_sort(struct ev_spill *s, struct ev_error *err)
{
	if (!s->nruns) {
		sort_items(s);
		s->at = 0;
		return 0;
	}
	if (s->n && spill(s, err))
		return -1;
	free_items(s);
	return heap_open(s, 0, err);
}

int ev_spill_next(struct ev_spill *s, struct ev_slice *item, struct ev_error *err)
{
	if (s->nruns)
		return heap_next(s, item, err);
	if (s->at == s->n)
		return 0;
	*item = ev_slice(s->entries[s->at].ptr, s->entries[s->at].len);
	s->at++;
	return 1;
}

int64_t ev_spill_items(const struct ev_spill *s)
{
	return s->items;
}

int64_t ev_spill_on_disk(const struct ev_spill *s)
{
	return s->written;
}
