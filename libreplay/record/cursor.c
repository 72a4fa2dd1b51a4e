/* cursor.c - see cursor.h */
#include "record/cursor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "json/json.h"
#include "record/base64.h"

#define CHUNK (64u << 10)

struct ev_chunk {
	struct ev_chunk *next;
	size_t cap, used;
	_Alignas(16) char data[];
};

struct ev_line_reader *ev_line_reader_new(void)
{
	return ev_alloc(sizeof(struct ev_line_reader));
}

void ev_line_reader_keep(struct ev_line_reader *lr, bool keep)
{
	lr->keep = keep;
}

void ev_line_reader_reset(struct ev_line_reader *lr)
{
	struct ev_chunk *kept = NULL, *next;

	for (struct ev_chunk *c = lr->chunks; c; c = next) {
		next = c->next;
		if (!kept && c->cap <= CHUNK) {
			kept = c;
			kept->used = 0;
			kept->next = NULL;
		} else {
			free(c);
		}
	}
	lr->chunks = kept;
}

void ev_line_reader_free(struct ev_line_reader *lr)
{
	if (!lr)
		return;
	ev_line_reader_reset(lr);
	free(lr->chunks);
	free(lr->headers);
	free(lr);
}

void *ev_line_reader_room(struct ev_line_reader *lr, size_t n)
{
	struct ev_chunk *c = lr->chunks;
	size_t cap = n > CHUNK ? n : CHUNK;

	n = (n + 15) & ~(size_t)15;
	if (!c || n > c->cap - c->used) {
		cap = (cap + 15) & ~(size_t)15;
		c = malloc(sizeof(*c) + cap);
		if (!c)
			return NULL;
		c->cap = cap;
		c->used = 0;
		c->next = lr->chunks;
		lr->chunks = c;
	}
	c->used += n;
	return c->data + c->used - n;
}

int ev_cursor_fail(struct ev_cursor *c, const char *at, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return ev_fail(c->err, EV_DATA, "byte %zu: %s", (size_t)(at - c->start) + 1, text);
}

int ev_cursor_fail_name(struct ev_cursor *c, const char *at, const char *what, struct ev_slice name)
{
	struct ev_buf quoted = EV_BUF_INIT;

	if (name.len > 100 || !ev_utf8_valid(name))
		name = EV_LITERAL("..."); /* a cut could fall into a character */
	ev_json_quote(&quoted, name);
	ev_cursor_fail(c, at, "%s %s", what, ev_buf_str(&quoted));
	ev_buf_release(&quoted);
	return -1;
}

int ev_cursor_integer(struct ev_cursor *c, int64_t *out)
{
	const char *at = c->p, *first;
	bool negative = ev_cursor_take(c, '-');
	uint64_t n = 0;

	first = c->p;
	for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++) {
		unsigned d = (unsigned)(*c->p - '0');

		if (n > ((uint64_t)INT64_MAX - d) / 10)
			return ev_cursor_fail(c, at, "an integer of more than 64 bits");
		n = n * 10 + d;
	}
	if (c->p == first || (*first == '0' && (negative || c->p - first > 1)))
		return ev_cursor_fail(c, at, "expected an integer");
	if (c->p < c->end && (*c->p == '.' || *c->p == 'e' || *c->p == 'E'))
		return ev_cursor_fail(c, at, "expected an integer without fraction or exponent");
	*out = negative ? -(int64_t)n : (int64_t)n;
	return 0;
}

static bool is_plain(char ch)
{
	return (unsigned char)ch >= 0x20 && (unsigned char)ch < 0x80 && ch != '"' && ch != '\\';
}

/* The quote that closes the string whose first byte is at p; checks all that needs no decoding. */
static const char *string_end(struct ev_cursor *c, const char *p, bool *escaped)
{
	bool control;
	size_t n;

	for (;;) {
		while (c->end - p >= 8 && !ev_any_special(ev_load8(p)))
			p += 8;
		while (p < c->end && is_plain(*p))
			p++;
		if (p == c->end) {
			ev_cursor_fail(c, p, "a string without its closing quote");
			return NULL;
		}
		if (*p == '"')
			return p;
		if (*p == '\\') {
			*escaped = true;
			p += c->end - p >= 2 ? 2 : 1;
			continue;
		}
		control = (unsigned char)*p < 0x20;
		n = control ? 0 : ev_utf8_sequence(p, c->end);
		if (!n) {
			ev_cursor_fail(c, p, "%s", control ? "a control character in a string" :
							     "invalid UTF-8");
			return NULL;
		}
		p += n;
	}
}

/* Four hexadecimal digits; -1 when they are none. */
static int32_t hex4(const char *p, const char *end)
{
	int32_t v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char h = p[i];

		if (h >= '0' && h <= '9')
			v = v * 16 + (h - '0');
		else if ((h | 32) >= 'a' && (h | 32) <= 'f')
			v = v * 16 + ((h | 32) - 'a') + 10;
		else
			return -1;
	}
	return v;
}

/* The code point of the \u escape whose backslash is at *p; -1 with the error filled. */
static int32_t unicode_escape(struct ev_cursor *c, const char **p, const char *end)
{
	const char *at = *p;
	int32_t high = hex4(at + 2, end), low;

	*p += 6;
	if (high < 0)
		return ev_cursor_fail(c, at, "an invalid \\u escape");
	if (high < 0xd800 || high > 0xdfff)
		return high;
	low = end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u' ? hex4(*p + 2, end) : -1;
	if (high > 0xdbff || low < 0xdc00 || low > 0xdfff)
		return ev_cursor_fail(c, at, "a lone surrogate, which is no character");
	*p += 6;
	return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* Decode the one escape at *p to *q, moving both. */
static int decode_escape(struct ev_cursor *c, const char **p, const char *end, char **q)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *known;
	int32_t cp;

	if ((*p)[1] == 'u') {
		cp = unicode_escape(c, p, end);
		if (cp < 0)
			return -1;
		*q += ev_utf8_put(*q, (uint32_t)cp);
		return 0;
	}
	known = memchr(from, (*p)[1], sizeof(from) - 1);
	if (!known)
		return ev_cursor_fail(c, *p, "an unknown escape in a string");
	*(*q)++ = to[known - from];
	*p += 2;
	return 0;
}

/* The text of p..end, which holds escapes; never longer than what it is decoded from. */
static int decode(struct ev_cursor *c, const char *p, const char *end, struct ev_slice *out)
{
	char *q = ev_line_reader_room(c->lr, (size_t)(end - p));

	if (!q)
		return ev_cursor_fail(c, p, "out of memory");
	out->ptr = q;
	while (p < end) {
		const char *stop = memchr(p, '\\', (size_t)(end - p));
		size_t n = (size_t)((stop ? stop : end) - p);

		memcpy(q, p, n);
		q += n;
		p += n;
		if (stop && decode_escape(c, &p, end, &q))
			return -1;
	}
	out->len = (size_t)(q - out->ptr);
	return 0;
}

int ev_cursor_string(struct ev_cursor *c, struct ev_slice *out)
{
	bool escaped = false;
	const char *first, *end;

	if (!ev_cursor_take(c, '"'))
		return ev_cursor_fail(c, c->p, "expected a string");
	first = c->p;
	end = string_end(c, first, &escaped);
	if (!end)
		return -1;
	c->p = end + 1;
	*out = ev_slice(first, (size_t)(end - first));
	return escaped ? decode(c, first, end, out) : 0;
}

int ev_cursor_base64(struct ev_cursor *c, struct ev_slice *out)
{
	const char *at = c->p;
	struct ev_slice text;
	char *bytes;

	if (ev_cursor_string(c, &text))
		return -1;
	bytes = ev_line_reader_room(c->lr, text.len / 4 * 3);
	if (!bytes)
		return ev_cursor_fail(c, at, "out of memory");
	if (!ev_base64_decode(bytes, text, &out->len))
		return ev_cursor_fail(c, at, "not base64 (RFC 4648, with padding)");
	out->ptr = bytes;
	return 0;
}

/*
 * Where the document at p would end if it were valid: strings skipped, brackets counted. What it is
 * really is for the validator to say.
 */
static const char *skip_document(const char *p, const char *end)
{
	size_t depth = 0;

	for (; p < end; p++) {
		switch (*p) {
		case '"':
			for (p++; p < end && *p != '"'; p++)
				if (*p == '\\' && p + 1 < end)
					p++;
			if (p == end)
				return end;
			break;
		case '{': case '[':
			depth++;
			break;
		case '}': case ']':
			if (!depth)
				return p;
			depth--;
			break;
		case ',':
			if (!depth)
				return p;
			break;
		}
	}
	return end;
}

/* What stands between p and end, without white space behind it. */
static struct ev_slice trimmed(const char *p, const char *end)
{
	while (end > p && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\n' || end[-1] == '\r'))
		end--;
	return ev_slice(p, (size_t)(end - p));
}

int ev_cursor_document(struct ev_cursor *c, struct ev_slice *out)
{
	struct ev_slice line = trimmed(c->p, c->end);
	struct ev_json_error jerr;
	struct ev_value top;
	const char *end;

	/* Mostly the value is the last member, so the line's last brace is behind it. */
	if (line.len && line.ptr[line.len - 1] == '}') {
		*out = trimmed(c->p, line.ptr + line.len - 1);
		if (ev_json_validate(*out, &top, &jerr) == 0) {
			c->p = out->ptr + out->len;
			return 0;
		}
	}
	end = skip_document(c->p, c->end);
	*out = trimmed(c->p, end);
	if (ev_json_validate(*out, &top, &jerr))
		return ev_cursor_fail(c, out->ptr + jerr.at, "the value is no JSON document: %s",
				      jerr.what);
	c->p = end;
	return 0;
}

int ev_cursor_headers(struct ev_cursor *c, int (*one)(struct ev_cursor *c, struct ev_header *h),
		      struct ev_record *rec)
{
	struct ev_line_reader *lr = c->lr;
	size_t n = 0;
	void *kept;

	if (!ev_cursor_take(c, '['))
		return ev_cursor_fail(c, c->p, "expected an array of headers");
	for (ev_cursor_space(c); !ev_cursor_take(c, ']'); ev_cursor_space(c), n++) {
		if (n && !ev_cursor_take(c, ','))
			return ev_cursor_fail(c, c->p, "expected ',' or ']'");
		if (n == EV_LINE_MAX_HEADERS)
			return ev_cursor_fail(c, c->p, "more than 65536 headers");
		EV_GROW(lr->headers, n, lr->headers_cap);
		ev_cursor_space(c);
		if (one(c, &lr->headers[n]))
			return -1;
	}
	if (!n)
		return 0;
	kept = ev_line_reader_room(lr, n * sizeof(*rec->headers));
	if (!kept)
		return ev_cursor_fail(c, c->p, "out of memory");
	memcpy(kept, lr->headers, n * sizeof(*rec->headers));
	rec->headers = kept;
	rec->nheaders = n;
	return 0;
}
