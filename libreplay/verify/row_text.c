/* row_text.c - encoded rows read back, for people; see table.h */
#include <inttypes.h>
#include <stdio.h>
#include <math.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/utf8.h"
#include "verify/table.h"

#define SHOWN 200 /* bytes of a long value */

static uint64_t little(const char *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = n; i--;)
		v = v << 8 | (unsigned char)p[i];
	return v;
}

static void add_hex(struct ev_buf *out, struct ev_slice s, size_t n)
{
	ev_buf_adds(out, "x'");
	ev_buf_add_hex(out, ev_slice(s.ptr, n));
	ev_buf_addc(out, '\'');
}

static void add_text(struct ev_buf *out, struct ev_slice s)
{
	size_t n = s.len < SHOWN ? s.len : SHOWN;

	if (!ev_utf8_valid(s)) {
		ev_buf_adds(out, "text ");
		add_hex(out, s, n);
	} else {
		while (n < s.len && n && ((unsigned char)s.ptr[n] & 0xc0) == 0x80)
			n--; /* not in the middle of a character */
		ev_buf_addc(out, '\'');
		for (size_t i = 0; i < n; i++) {
			if (s.ptr[i] == '\'')
				ev_buf_addc(out, '\'');
			ev_buf_add_seen(out, ev_slice(s.ptr + i, 1));
		}
		ev_buf_addc(out, '\'');
	}
	if (n < s.len)
		ev_buf_addf(out, "... (%zu bytes)", s.len);
}

static void add_real(struct ev_buf *out, uint64_t bits)
{
	char text[40];
	double v;

	memcpy(&v, &bits, sizeof(v));
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (isnan(v) || strtod(text, NULL) == v)
			break;
	}
	ev_buf_adds(out, isnan(v) ? "NaN" : text);
	if (isfinite(v) && !strpbrk(text, ".e"))
		ev_buf_adds(out, ".0");
}

/* Bytes of a value behind its tag; SIZE_MAX: there are not so many. */
static size_t length(unsigned tag, struct ev_slice s, size_t *head)
{
	*head = 0;
	switch (tag) {
	case 0:
		return 0;
	case 1:
	case 2:
		return s.len < 8 ? SIZE_MAX : 8;
	case 6:
		return s.len < 1 ? SIZE_MAX : 1;
	}
	*head = 4;
	if (tag > 6 || s.len < 4 || little(s.ptr, 4) > s.len - 4)
		return SIZE_MAX;
	return (size_t)little(s.ptr, 4);
}

static void add_value(struct ev_buf *out, unsigned tag, struct ev_slice v)
{
	switch (tag) {
	case 0:
		ev_buf_adds(out, "NULL");
		return;
	case 1:
		ev_buf_add_i64(out, (int64_t)little(v.ptr, 8));
		return;
	case 2:
		add_real(out, little(v.ptr, 8));
		return;
	case 3:
		ev_buf_add_slice(out, v);
		return;
	case 4:
		add_text(out, v);
		return;
	case 5:
		add_hex(out, v, v.len < SHOWN ? v.len : SHOWN);
		if (v.len > SHOWN)
			ev_buf_addf(out, "... (%zu bytes)", v.len);
		return;
	default:
		ev_buf_adds(out, v.ptr[0] ? "true" : "false");
	}
}

bool ev_row_column(struct ev_slice *bytes, struct ev_buf *text, struct ev_slice *raw)
{
	size_t head, n;
	struct ev_slice rest;
	unsigned tag;

	if (bytes->len < 3)
		return false;
	tag = (unsigned char)bytes->ptr[2];
	rest = ev_slice(bytes->ptr + 3, bytes->len - 3);
	n = length(tag, rest, &head);
	if (n == SIZE_MAX)
		return false;
	if (text)
		add_value(text, tag, ev_slice(rest.ptr + head, n));
	*raw = ev_slice(bytes->ptr, 3 + head + n);
	*bytes = ev_slice(rest.ptr + head + n, rest.len - head - n);
	return true;
}

/* The bytes of a long text or of bytes. */
static struct ev_slice payload(struct ev_slice raw)
{
	unsigned tag = raw.len < 7 ? 0 : (unsigned char)raw.ptr[2];

	return tag == 4 || tag == 5 ? ev_slice(raw.ptr + 7, raw.len - 7) : ev_slice("", 0);
}

static void add_from(struct ev_buf *out, struct ev_slice raw, size_t at)
{
	struct ev_slice v = payload(raw);

	ev_buf_clear(out);
	ev_buf_addf(out, "%zu bytes, from byte %zu on ", v.len, at);
	add_value(out, (unsigned char)raw.ptr[2], ev_slice(v.ptr + at, v.len - at));
}

void ev_row_columns_differ(struct ev_slice a, struct ev_slice b, struct ev_buf *text_a, struct ev_buf *text_b)
{
	struct ev_slice x = payload(a), y = payload(b);
	size_t at = 0;

	while (at < x.len && at < y.len && x.ptr[at] == y.ptr[at])
		at++;
	if (a.len < 3 || b.len < 3 || a.ptr[2] != b.ptr[2] || at + 4 < SHOWN)
		return;
	while (a.ptr[2] == 4 && at && at < x.len && ((unsigned char)x.ptr[at] & 0xc0) == 0x80)
		at--; /* at the beginning of a character */
	add_from(text_a, a, at);
	add_from(text_b, b, at);
}

void ev_row_key(const struct ev_shape *shape, struct ev_slice bytes, struct ev_buf *out)
{
	size_t n = shape->keyed ? shape->nkeys : shape->ncolumns;
	struct ev_slice raw, v;

	for (size_t i = 0; i < n; i++) {
		if (i)
			ev_buf_adds(out, ", ");
		ev_buf_addf(out, "%s=", shape->columns[i].name);
		if (!ev_row_column(&bytes, out, &raw))
			return;
		v = payload(raw);
		if (v.len > SHOWN) /* what is not shown of two keys tells them apart */
			ev_buf_addf(out, " [%016" PRIx64 "]", (uint64_t)XXH3_64bits(v.ptr, v.len));
	}
}
