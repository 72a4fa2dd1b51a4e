/*
 * buf.h - a growable byte buffer
 *
 * Invariants: `data` is NULL or holds `len` bytes with a NUL behind them (not counted). A zeroed
 * struct is a valid empty buffer. Appending never fails visibly: when memory is out, or a length
 * would overflow, the buffer is marked `failed`, further appends do nothing, and the caller asks
 * once at the end. Owner calls ev_buf_release.
 */
#ifndef EV_BUF_H
#define EV_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct ev_buf {
	char *data;
	size_t len;
	size_t cap;
	bool failed;
};

#define EV_BUF_INIT { NULL, 0, 0, false }

void ev_buf_release(struct ev_buf *b); /* frees and leaves an empty buffer */

/* Room for `n` more bytes (and the NUL) behind len; false and `failed` set when there is none. */
bool ev_buf_reserve_slow(struct ev_buf *b, size_t n);

static inline bool ev_buf_reserve(struct ev_buf *b, size_t n)
{
	if (n < b->cap - b->len && b->cap)
		return true;
	return ev_buf_reserve_slow(b, n);
}

static inline void ev_buf_clear(struct ev_buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->data)
		b->data[0] = '\0';
}

static inline void ev_buf_add(struct ev_buf *b, const void *p, size_t n)
{
	if (!ev_buf_reserve(b, n))
		return;
	if (n)
		memcpy(b->data + b->len, p, n);
	b->len += n;
	b->data[b->len] = '\0';
}

static inline void ev_buf_addc(struct ev_buf *b, char c)
{
	ev_buf_add(b, &c, 1);
}

static inline void ev_buf_adds(struct ev_buf *b, const char *s)
{
	ev_buf_add(b, s, strlen(s));
}

static inline void ev_buf_add_slice(struct ev_buf *b, struct ev_slice s)
{
	ev_buf_add(b, s.ptr, s.len);
}

/* A list of texts, a NUL after each: is `text` one of them? Not `exact`: in any case of its ASCII letters. */
bool ev_buf_lists(const struct ev_buf *list, const char *text, bool exact);

/* For people: as it is, but a NUL, at which C's strings end, is \x00. */
void ev_buf_add_seen(struct ev_buf *b, struct ev_slice s);

void ev_buf_add_i64(struct ev_buf *b, int64_t v); /* decimal, no locale */
void ev_buf_addf(struct ev_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Its bytes as hexadecimal digits, two each. */
void ev_buf_add_hex(struct ev_buf *b, struct ev_slice s);

/* A name or string as SQL writes it: between two `quote`, those in it doubled. */
void ev_buf_add_quoted(struct ev_buf *b, const char *s, char quote);

/* The text as a C string, "" when empty; valid until the next change. */
static inline const char *ev_buf_str(const struct ev_buf *b)
{
	return b->data ? b->data : "";
}

static inline struct ev_slice ev_buf_slice(const struct ev_buf *b)
{
	return (struct ev_slice){ ev_buf_str(b), b->len };
}

#endif
