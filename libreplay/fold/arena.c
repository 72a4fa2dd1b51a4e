/* arena.c - memory that is given back all at once */
#include <stdlib.h>

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
