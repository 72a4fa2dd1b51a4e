/*
 * mem.h - allocation of small control structures
 *
 * These never return NULL: when memory for a control structure (a path, an option, a table of
 * partitions) is gone the process aborts, as nothing sensible is left to do and nothing is lost
 * (every store transaction is atomic). What an input can make large (values, lines, queues) goes
 * through `struct ev_buf`, which reports failure, or has a named limit.
 */
#ifndef EV_MEM_H
#define EV_MEM_H

#include <stddef.h>
#include <stdlib.h>

#include "base/slice.h"

void *ev_alloc(size_t n);                  /* zeroed; free() it */
void *ev_realloc_n(void *p, size_t n, size_t size); /* overflow-checked n * size; not zeroed */
char *ev_strdup(const char *s);            /* NULL gives NULL */
char *ev_strndup(const char *s, size_t n); /* always NUL-terminated */
char *ev_slice_dup(struct ev_slice s);     /* C string copy; null gives NULL */

/* Make room for one more element in a growable array: v, n, cap are lvalues. */
#define EV_GROW(v, n, cap)                                                     \
	do {                                                                   \
		if ((n) == (cap)) {                                            \
			(cap) = (cap) ? (cap) * 2 : 8;                         \
			(v) = ev_realloc_n((v), (cap), sizeof(*(v)));          \
		}                                                              \
	} while (0)

/*
 * The address of one more element, zeroed, in an array that has no capacity of its own (it grows at
 * powers of two): v and n are lvalues.
 */
#define EV_PUSH(v, n) ((v) = ev_push((v), (n), sizeof(*(v))), &(v)[(n)++])
void *ev_push(void *v, size_t n, size_t size);

static inline size_t ev_clamp(size_t v, size_t low, size_t high)
{
	return v < low ? low : v > high ? high : v;
}

#endif
