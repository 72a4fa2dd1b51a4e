/* pool.c - the memory of rows and their texts: given back piece by piece, or all at once */
#include <stdlib.h>

#include "base/mem.h"
#include "fold/internal.h"

#define BLOCK (1u << 20)
#define STEP 8
#define SMALL ((size_t)STEP * EV_POOL_SMALL)

struct ev_pool_block {
	struct ev_pool_block *next;
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

static void *from_block(struct ev_pool *p, size_t n)
{
	void *at;

	if ((size_t)(p->end - p->at) < n) {
		size_t size = n > BLOCK / 4 ? n : BLOCK;
		struct ev_pool_block *b = malloc(sizeof(*b) + size);

		if (!b)
			abort(); /* as mem.h has it; the limit of --memory lies below */
		b->next = p->blocks;
		p->blocks = b;
		p->bytes += sizeof(*b) + size;
		if (size != BLOCK) /* what is left of the block at hand stays in use */
			return b->data;
		p->at = b->data;
		p->end = b->data + size;
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

void ev_pool_clear(struct ev_pool *p)
{
	for (struct ev_pool_block *b = p->blocks, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	*p = (struct ev_pool){ 0 };
}
