/* base64.c - RFC 4648 section 4, with padding, strict: one text for one sequence of bytes */
#include "record/base64.h"

#include <stdint.h>


static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void ev_base64_encode(struct ev_buf *out, struct ev_slice s)
{
	const unsigned char *p = (const unsigned char *)s.ptr;
	size_t i = 0, need = s.len / 3 * 4 + (s.len % 3 ? 4 : 0);
	char *q;

	if (s.len > SIZE_MAX / 8)
		need = SIZE_MAX / 2; /* marks the buffer as failed */
	if (!ev_buf_reserve(out, need))
		return;
	q = out->data + out->len;
	for (; i + 3 <= s.len; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16 | (uint32_t)p[i + 1] << 8 | p[i + 2];

		*q++ = alphabet[v >> 18];
		*q++ = alphabet[v >> 12 & 63];
		*q++ = alphabet[v >> 6 & 63];
		*q++ = alphabet[v & 63];
	}
	if (i < s.len) {
		uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < s.len ? (uint32_t)p[i + 1] << 8 : 0);

		*q++ = alphabet[v >> 18];
		*q++ = alphabet[v >> 12 & 63];
		*q++ = i + 1 < s.len ? alphabet[v >> 6 & 63] : '=';
		*q++ = '=';
	}
	out->len += need;
	out->data[out->len] = '\0';
}

/* The value of a character; 64 when it is none. */
static uint32_t digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (uint32_t)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (uint32_t)(c - 'a') + 26;
	if (c >= '0' && c <= '9')
		return (uint32_t)(c - '0') + 52;
	return c == '+' ? 62 : c == '/' ? 63 : 64;
}

/* The last group, which may end in one or two `=`; bits that no byte takes must be zero. */
static bool decode_last(unsigned char *q, const char *p, size_t *len)
{
	uint32_t a = digit(p[0]), b = digit(p[1]), c, d;
	size_t pad = p[3] != '=' ? 0 : p[2] != '=' ? 1 : 2;

	c = pad == 2 ? 0 : digit(p[2]);
	d = pad ? 0 : digit(p[3]);
	if ((a | b | c | d) & 64)
		return false;
	if ((pad == 2 && (b & 15)) || (pad == 1 && (c & 3)))
		return false;
	*len = 3 - pad;
	q[0] = (unsigned char)(a << 2 | b >> 4);
	if (pad < 2)
		q[1] = (unsigned char)(b << 4 | c >> 2);
	if (!pad)
		q[2] = (unsigned char)(c << 6 | d);
	return true;
}

bool ev_base64_decode(char *out, struct ev_slice s, size_t *len)
{
	unsigned char *q = (unsigned char *)out;
	size_t i = 0, tail = 0;

	*len = 0;
	if (s.len % 4)
		return false;
	for (; i + 4 < s.len; i += 4, q += 3) {
		uint32_t a = digit(s.ptr[i]), b = digit(s.ptr[i + 1]);
		uint32_t c = digit(s.ptr[i + 2]), d = digit(s.ptr[i + 3]);

		if ((a | b | c | d) & 64)
			return false;
		q[0] = (unsigned char)(a << 2 | b >> 4);
		q[1] = (unsigned char)(b << 4 | c >> 2);
		q[2] = (unsigned char)(c << 6 | d);
	}
	if (s.len && !decode_last(q, s.ptr + i, &tail))
		return false;
	*len = (size_t)(q - (unsigned char *)out) + tail;
	return true;
}
