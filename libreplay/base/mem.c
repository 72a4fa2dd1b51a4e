/* mem.c - see mem.h */
#include "base/mem.h"

#include <stdint.h>

void *ev_alloc(size_t n)
{
	void *p = calloc(1, n ? n : 1);

	if (!p)
		abort();
	return p;
}

void *ev_realloc_n(void *p, size_t n, size_t size)
{
	if (size && n > SIZE_MAX / size)
		abort();
	p = realloc(p, n && size ? n * size : 1);
	if (!p)
		abort();
	return p;
}

char *ev_strndup(const char *s, size_t n)
{
	char *p = ev_alloc(n + 1);

	if (n)
		memcpy(p, s, n);
	return p;
}

char *ev_strdup(const char *s)
{
	return s ? ev_strndup(s, strlen(s)) : NULL;
}

char *ev_slice_dup(struct ev_slice s)
{
	return s.ptr ? ev_strndup(s.ptr, s.len) : NULL;
}

void *ev_push(void *v, size_t n, size_t size)
{
	if ((n & (n - 1)) == 0)
		v = ev_realloc_n(v, n ? 2 * n : 1, size);
	memset((char *)v + n * size, 0, size);
	return v;
}
