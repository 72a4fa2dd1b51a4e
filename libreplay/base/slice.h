/*
 * slice.h - borrowed bytes
 *
 * A slice points into memory that somebody else owns; it is not NUL-terminated and may hold any
 * byte. `ptr == NULL` is null (absent), which is not the same as empty (`ptr != NULL, len == 0`):
 * Kafka keeps the two apart, and so do we.
 */
#ifndef EV_SLICE_H
#define EV_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct ev_slice {
	const char *ptr;
	size_t len;
};

#define EV_NULL_SLICE ((struct ev_slice){ NULL, 0 })
#define EV_LITERAL(s) ((struct ev_slice){ (s), sizeof(s) - 1 })

static inline struct ev_slice ev_slice(const char *ptr, size_t len)
{
	return (struct ev_slice){ ptr, len };
}

/* The slice of a C string; NULL gives the null slice. */
static inline struct ev_slice ev_slice_str(const char *s)
{
	return (struct ev_slice){ s, s ? strlen(s) : 0 };
}

/* Same bytes; null equals only null. */
static inline bool ev_slice_eq(struct ev_slice a, struct ev_slice b)
{
	if (!a.ptr || !b.ptr)
		return !a.ptr && !b.ptr;
	return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

static inline bool ev_slice_is(struct ev_slice a, const char *s)
{
	return ev_slice_eq(a, ev_slice_str(s));
}

/* Bytewise order, a prefix before the longer; null before everything. */
static inline int ev_slice_cmp(struct ev_slice a, struct ev_slice b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n ? memcmp(a.ptr, b.ptr, n) : 0;

	if (c)
		return c;
	if (!a.ptr != !b.ptr)
		return a.ptr ? 1 : -1;
	return (a.len > b.len) - (a.len < b.len);
}

#endif
