/* buf.c - see buf.h */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

void ev_buf_release(struct ev_buf *b)
{
	free(b->data);
	*b = (struct ev_buf)EV_BUF_INIT;
}

bool ev_buf_reserve_slow(struct ev_buf *b, size_t n)
{
	size_t want, cap = b->cap ? b->cap : 64;
	char *p;

	if (b->failed || n > SIZE_MAX / 4 - b->len)
		goto fail;
	want = b->len + n + 1;
	while (cap < want)
		cap += cap / 2;
	p = realloc(b->data, cap);
	if (!p)
		goto fail;
	b->data = p;
	b->cap = cap;
	b->data[b->len] = '\0';
	return true;
fail:
	b->failed = true;
	return false;
}

void ev_buf_add_i64(struct ev_buf *b, int64_t v)
{
	char tmp[20];
	size_t at = sizeof(tmp);
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do {
		tmp[--at] = (char)('0' + u % 10);
		u /= 10;
	} while (u);
	if (v < 0)
		ev_buf_addc(b, '-');
	ev_buf_add(b, tmp + at, sizeof(tmp) - at);
}

void ev_buf_addf(struct ev_buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0) {
		b->failed = true;
		return;
	}
	if (!ev_buf_reserve(b, (size_t)n))
		return;
	va_start(ap, fmt);
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void ev_buf_add_quoted(struct ev_buf *b, const char *s, char quote)
{
	ev_buf_addc(b, quote);
	for (; *s; s++) {
		if (*s == quote)
			ev_buf_addc(b, quote);
		ev_buf_addc(b, *s);
	}
	ev_buf_addc(b, quote);
}

void ev_buf_add_hex(struct ev_buf *b, struct ev_slice s)
{
	static const char digits[] = "0123456789abcdef";

	if (!ev_buf_reserve(b, 2 * s.len))
		return;
	for (size_t i = 0; i < s.len; i++) {
		ev_buf_addc(b, digits[(unsigned char)s.ptr[i] >> 4]);
		ev_buf_addc(b, digits[s.ptr[i] & 15]);
	}
}

void ev_buf_add_seen(struct ev_buf *b, struct ev_slice s)
{
	for (const char *nul; s.len && (nul = memchr(s.ptr, '\0', s.len));) {
		size_t n = (size_t)(nul - s.ptr);

		ev_buf_add(b, s.ptr, n);
		ev_buf_adds(b, "\\x00");
		s = ev_slice(nul + 1, s.len - n - 1);
	}
	ev_buf_add_slice(b, s);
}

bool ev_buf_lists(const struct ev_buf *list, const char *text, bool exact)
{
	for (const char *t = ev_buf_str(list), *end = t + list->len; t < end; t += strlen(t) + 1)
		if ((exact ? strcmp(t, text) : strcasecmp(t, text)) == 0)
			return true;
	return false;
}
