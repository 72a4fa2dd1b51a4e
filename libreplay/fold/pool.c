/* pool.c - the memory of rows and their texts: given back piece by piece, or all at once */
#include "fold/internal.h"

#define FIRST_BLOCK (64u << 10)
#define LAST_BLOCK (4u << 20) /* each is twice as large as the one before, up to this */
#define PAGE 4096
#define STEP 8
#define SMALL ((size_t)STEP * EV_POOL_SMALL)

struct ev_pool_block {
	struct ev_pool_block *next;
	size_t size; /* LAST_BLOCK: kept for the rows to come */
	_Alignas(16) char data[];
};

/* A piece that was given back; it is at least as large as this. */
struct ev_pool_piece {
	struct ev_pool_piece *next;
};

/* By 8 bytes up to SMALL, then by powers of two. The size is what the class holds. */
static size_t class_of(size_t n, size_t *size)
{
	size_t class = EV_POOL_SMALL;

	if (n <= SMALL) {
		*size = (n + STEP - 1) / STEP * STEP;
		return *size / STEP - 1;
	}
	for (*size = SMALL * 2; *size < n; *size *= 2)
		class++;
	return class;
}

static struct ev_pool_block *add_block(struct ev_pool *p, struct ev_pool_block *b, size_t size)
{
	if (!b)
		b = ev_pages_take(size);
	b->size = size;
	b->next = p->blocks;
	p->blocks = b;
	p->bytes += size;
	return b;
}

/* One of before, or that another thread has made ready, if there is one. */
static struct ev_pool_block *large_block(struct ev_pool *p)
{
	struct ev_pool_block *b = p->kept;

	if (b)
		p->kept = b->next;
	else
		b = atomic_exchange(&p->spare, NULL);
	atomic_store_explicit(&p->large, !p->kept, memory_order_relaxed);
	return add_block(p, b, LAST_BLOCK);
}

bool ev_pool_ahead(struct ev_pool *p)
{
	volatile char *at;

	if (!atomic_load_explicit(&p->large, memory_order_relaxed) || atomic_load(&p->spare))
		return false;
	at = ev_pages_take(LAST_BLOCK);
	for (size_t i = 0; i < LAST_BLOCK; i += PAGE)
		at[i] = 0;
	atomic_store(&p->spare, (struct ev_pool_block *)(uintptr_t)at);
	return true;
}

static void *from_block(struct ev_pool *p, size_t n)
{
	struct ev_pool_block *b;
	void *at;

	if ((size_t)(p->end - p->at) < n) {
		size_t size = p->bytes > LAST_BLOCK || p->kept ? LAST_BLOCK : p->last ? p->last * 2 : FIRST_BLOCK;

		if (n > size / 4) /* what is left of the block at hand stays in use */
			return add_block(p, NULL, sizeof(*b) + n)->data;
		p->last = size;
		b = size == LAST_BLOCK ? large_block(p) : add_block(p, NULL, size);
		p->at = b->data;
		p->end = (char *)b + size;
	}
	at = p->at;
	p->at += n;
	return at;
}

void *ev_pool_take(struct ev_pool *p, size_t n)
{
	size_t size, class = class_of(n, &size);
	struct ev_pool_piece *piece = p->free[class];

	if (!piece)
		return from_block(p, size);
	p->free[class] = piece->next;
	return piece;
}

void ev_pool_give(struct ev_pool *p, void *at, size_t n)
{
	size_t size, class = class_of(n, &size);
	struct ev_pool_piece *piece = at;

	piece->next = p->free[class];
	p->free[class] = piece;
}

static void free_all(struct ev_pool_block *b)
{
	for (struct ev_pool_block *next; b; b = next) {
		next = b->next;
		ev_pages_give(b, b->size);
	}
}

void ev_pool_clear(struct ev_pool *p)
{
	struct ev_pool_block *small = NULL;

	for (struct ev_pool_block *b = p->blocks, *next; b; b = next) {
		struct ev_pool_block **list = b->size == LAST_BLOCK ? &p->kept : &small;

		next = b->next;
		b->next = *list;
		*list = b;
	}
	free_all(small);
	p->blocks = NULL;
	p->at = p->end = NULL;
	memset(p->free, 0, sizeof(p->free));
	p->bytes = p->last = 0;
}

void ev_pool_end(struct ev_pool *p)
{
	ev_pool_clear(p);
	free_all(p->kept);
	p->kept = NULL;
	ev_pages_give(atomic_exchange(&p->spare, NULL), LAST_BLOCK);
}
