/*
 * pages.c - large pieces of memory, straight from the kernel
 *
 * The C library has an arena for each thread, keeps what was freed in it, and loses up to a large page with each
 * piece that is aligned: what is bounded by --memory has to go back when it is given back.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "fold/internal.h"

#define HUGE ((size_t)2 << 20) /* a page of the larger kind */

static size_t whole_pages(size_t n)
{
	return (n + HUGE - 1) / HUGE * HUGE;
}

/* Aligned: what stands before and behind is given back. */
static char *map(size_t n)
{
	char *at = mmap(NULL, n + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before;

	if (at == MAP_FAILED)
		abort(); /* as mem.h has it; the limit of --memory lies below */
	before = whole_pages((uintptr_t)at) - (uintptr_t)at;
	if (before)
		munmap(at, before);
	if (before < HUGE)
		munmap(at + before + n, HUGE - before);
	madvise(at + before, n, MADV_HUGEPAGE);
	return at + before;
}

void *ev_pages_take(size_t n)
{
	return n < HUGE ? ev_alloc(n) : map(whole_pages(n));
}

void ev_pages_give(void *at, size_t n)
{
	if (n < HUGE)
		free(at);
	else if (at)
		munmap(at, whole_pages(n));
}

void *ev_pages_grow(void *at, size_t from, size_t to)
{
	void *grown;

	if (from < HUGE) {
		grown = ev_pages_take(to);
		if (from)
			memcpy(grown, at, from);
		free(at);
		return grown;
	}
	grown = mremap(at, whole_pages(from), whole_pages(to), MREMAP_MAYMOVE);
	if (grown == MAP_FAILED)
		abort();
	return grown;
}
