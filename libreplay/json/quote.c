/* quote.c - texts as JSON strings; see json.h */
#include "base/utf8.h"
#include "json/json.h"

/*
 * What a byte is inside of a JSON string: plain, a lead byte of something that may have to be
 * escaped, to be escaped by its code, or (any other value) by that letter behind a backslash.
 */
enum { PLAIN = 0, LEAD = 1, BY_CODE = 2 };

static const unsigned char kind[256] = {
	[0 ... 7] = BY_CODE, ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', [11] = BY_CODE,
	['\f'] = 'f', ['\r'] = 'r', [14 ... 31] = BY_CODE, ['"'] = '"', ['\\'] = '\\',
	[0x7f] = BY_CODE, [0xc2] = LEAD, [0xe2] = LEAD,
};

/* The control character that a lead byte starts (U+0080 to U+009F, U+2028, U+2029), else 0. */
static unsigned wide_control(const char *p, const char *end)
{
	const unsigned char *s = (const unsigned char *)p;

	if (s[0] == 0xc2 && end - p >= 2 && s[1] >= 0x80 && s[1] < 0xa0)
		return s[1];
	if (s[0] == 0xe2 && end - p >= 3 && s[1] == 0x80 && (s[2] == 0xa8 || s[2] == 0xa9))
		return 0x2028u + (s[2] - 0xa8u);
	return 0;
}

/* The end of the bytes at p that need no escape. */
static const char *plain_end(const char *p, const char *end)
{
	for (;;) {
		while (end - p >= 8) {
			uint64_t w = ev_load8(p);

			if (ev_any_special(w) | ev_any_byte(w, 0x7f))
				break;
			p += 8;
		}
		/* At most eight bytes singly, then by eight again. */
		for (int i = 0; i < 8; i++, p++) {
			unsigned char k;

			if (p == end)
				return p;
			k = kind[(unsigned char)*p];
			if (k > LEAD || (k == LEAD && wide_control(p, end)))
				return p;
		}
	}
}

/* Escape the character at p; returns what is behind it. */
static const char *add_escaped(struct ev_buf *out, const char *p, const char *end)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char k = kind[(unsigned char)*p];
	unsigned code = (unsigned char)*p;

	if (k > BY_CODE) {
		ev_buf_add(out, (char[]){ '\\', (char)k }, 2);
		return p + 1;
	}
	if (k == LEAD)
		code = wide_control(p, end);
	ev_buf_add(out,
		   (char[]){ '\\', 'u', hex[code >> 12], hex[code >> 8 & 15], hex[code >> 4 & 15],
			     hex[code & 15] },
		   6);
	return p + (code < 0x80 ? 1 : code < 0x100 ? 2 : 3);
}

void ev_json_quote(struct ev_buf *out, struct ev_slice s)
{
	const char *p = s.ptr, *end = s.ptr + s.len;

	if (!ev_buf_reserve(out, s.len + 2))
		return;
	ev_buf_addc(out, '"');
	while (p < end) {
		const char *stop = plain_end(p, end);

		ev_buf_add(out, p, (size_t)(stop - p));
		p = stop < end ? add_escaped(out, stop, end) : stop;
	}
	ev_buf_addc(out, '"');
}

void ev_json_quote_text(struct ev_buf *out, const char *text)
{
	if (text)
		ev_json_quote(out, ev_slice_str(text));
	else
		ev_buf_adds(out, "null");
}
