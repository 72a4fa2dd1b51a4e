/* utf8.c - well-formed UTF-8 as in RFC 3629, table 3-7 of the Unicode standard */
#include "base/utf8.h"

static bool continues(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

size_t ev_utf8_sequence(const char *p, const char *end)
{
	const unsigned char *s = (const unsigned char *)p;
	size_t left = (size_t)(end - p);
	unsigned char low = 0x80, high = 0xbf; /* bounds of the second byte */
	size_t n;

	if (!left || s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (left < n)
		return 0;
	switch (s[0]) {
	case 0xe0: low = 0xa0; break;  /* no overlongs */
	case 0xed: high = 0x9f; break; /* no surrogates */
	case 0xf0: low = 0x90; break;
	case 0xf4: high = 0x8f; break; /* not past U+10FFFF */
	}
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (!continues(s[i]))
			return 0;
	return n;
}

size_t ev_utf8_put(char *out, uint32_t cp)
{
	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (char)(0xc0 | cp >> 6);
		out[1] = (char)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp < 0x10000) {
		out[0] = (char)(0xe0 | cp >> 12);
		out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		out[2] = (char)(0x80 | (cp & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | cp >> 18);
	out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
	out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
	out[3] = (char)(0x80 | (cp & 0x3f));
	return 4;
}

bool ev_utf8_valid(struct ev_slice s)
{
	const char *p = s.ptr, *end = s.ptr + s.len;

	while (p < end) {
		if (end - p >= 8 && !(ev_load8(p) & EV_HIGHS)) {
			p += 8;
		} else if (!(*p & 0x80)) {
			p++;
		} else {
			size_t n = ev_utf8_sequence(p, end);

			if (!n)
				return false;
			p += n;
		}
	}
	return true;
}

void ev_utf8_clean(const char *text, struct ev_buf *out)
{
	const char *end = text + strlen(text);

	while (text < end) {
		size_t n = (unsigned char)*text < 0x80 ? 1 : ev_utf8_sequence(text, end);

		if (n)
			ev_buf_add(out, text, n);
		else
			ev_buf_addc(out, '?');
		text += n ? n : 1;
	}
}
