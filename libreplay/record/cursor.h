/*
 * cursor.h - the tokens of a record line, and the memory of its reader; internal to record/
 *
 * Each token function stands at the first byte of the token and leaves the cursor behind it. -1 is
 * an error that is filled; a `bool` only says whether the token was there.
 */
#ifndef EV_CURSOR_H
#define EV_CURSOR_H

#include "base/error.h"
#include "record/line.h"

struct ev_chunk; /* decoded bytes; chunks never move */

struct ev_line_reader {
	struct ev_chunk *chunks; /* the one in use first */
	bool keep;
	struct ev_header *headers; /* scratch */
	size_t headers_cap;
};

struct ev_cursor {
	const char *start, *p, *end;
	struct ev_line_reader *lr;
	struct ev_error *err;
};

/* Memory that stays until the reader's reset; NULL when there is none. */
void *ev_line_reader_room(struct ev_line_reader *lr, size_t n);

/* "byte N: ..." for the byte at `at`; returns -1. */
int ev_cursor_fail(struct ev_cursor *c, const char *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Likewise: "byte N: WHAT \"name\"", escaped. */
int ev_cursor_fail_name(struct ev_cursor *c, const char *at, const char *what, struct ev_slice name);

static inline void ev_cursor_space(struct ev_cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r'))
		c->p++;
}

static inline bool ev_cursor_take(struct ev_cursor *c, char ch)
{
	if (c->p == c->end || *c->p != ch)
		return false;
	c->p++;
	return true;
}

static inline bool ev_cursor_word(struct ev_cursor *c, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n) != 0)
		return false;
	c->p += n;
	return true;
}

/* A decimal integer of 64 bits, as JSON writes it, with neither fraction nor exponent. */
int ev_cursor_integer(struct ev_cursor *c, int64_t *out);

/* A string, decoded; borrowed from the line where nothing is escaped. Never null. */
int ev_cursor_string(struct ev_cursor *c, struct ev_slice *out);
int ev_cursor_base64(struct ev_cursor *c, struct ev_slice *out);

/* Any JSON document, validated; its bytes as they stand, without white space around them. */
int ev_cursor_document(struct ev_cursor *c, struct ev_slice *out);

/*
 * An array of headers, each read by `one`, into the record: gathered in the reader's own array, then
 * copied to where they may stay.
 */
int ev_cursor_headers(struct ev_cursor *c, int (*one)(struct ev_cursor *c, struct ev_header *h),
		      struct ev_record *rec);

#endif
