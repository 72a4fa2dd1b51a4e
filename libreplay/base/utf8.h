/* utf8.h - UTF-8 (RFC 3629): whole texts, single characters, and bytes by eight */
#ifndef EV_UTF8_H
#define EV_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/slice.h"

#define EV_ONES UINT64_C(0x0101010101010101)
#define EV_HIGHS UINT64_C(0x8080808080808080)

static inline uint64_t ev_load8(const char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

/* Non-zero when any of the eight bytes of `w` equals `c` (which of them is not reliable). */
static inline uint64_t ev_any_byte(uint64_t w, unsigned char c)
{
	uint64_t x = w ^ (EV_ONES * c);

	return (x - EV_ONES) & ~x & EV_HIGHS;
}

/* Non-zero when any byte ends plain ASCII in a JSON string: control, `"`, `\`, >= 0x80. */
static inline uint64_t ev_any_special(uint64_t w)
{
	return ((w - EV_ONES * 0x20) & ~w & EV_HIGHS) | ev_any_byte(w, '"') | ev_any_byte(w, '\\') |
	       (w & EV_HIGHS);
}

/* Length of the well-formed multibyte sequence at p (2 to 4); 0 when it is none. */
size_t ev_utf8_sequence(const char *p, const char *end);

/* Write code point `cp` (no surrogate) as UTF-8; returns the number of bytes. */
size_t ev_utf8_put(char *out, uint32_t cp);

/* Is `s` well-formed (no surrogates, no overlongs)? */
bool ev_utf8_valid(struct ev_slice s);

/* A text for people as UTF-8, appended: it may quote any bytes, or be cut in the middle of a letter. */
void ev_utf8_clean(const char *text, struct ev_buf *out);

#endif
