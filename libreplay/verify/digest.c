/* digest.c - see digest.h */
#include "verify/digest.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#define NAN_BITS UINT64_C(0x7ff8000000000000)

enum tag { TAG_NULL, TAG_INTEGER, TAG_REAL, TAG_DECIMAL, TAG_TEXT, TAG_BYTES, TAG_BOOLEAN };

void ev_digest_key_init(struct ev_digest_key *k, const void *seed, size_t n)
{
	XXH128_canonical_t block;

	*k = (struct ev_digest_key){ 0 };
	for (size_t i = 0; i < EV_DIGEST_SECRET / sizeof(block); i++) {
		XXH128_canonicalFromHash(&block, XXH3_128bits_withSeed(seed, n, i));
		memcpy(k->secret + i * sizeof(block), &block, sizeof(block));
	}
}

int ev_digest_key_random(struct ev_digest_key *k, struct ev_error *err)
{
	unsigned char seed[(EV_DIGEST_SEED_TEXT - 1) / 2];
	char text[EV_DIGEST_SEED_TEXT];
	size_t n = 0;

	while (n < sizeof(seed)) {
		ssize_t got = getrandom(seed + n, sizeof(seed) - n, 0);

		if (got < 0 && errno != EINTR)
			return ev_fail(err, EV_STORE, "cannot get a key for the digests: %s", strerror(errno));
		n += got > 0 ? (size_t)got : 0;
	}
	for (size_t i = 0; i < sizeof(seed); i++)
		snprintf(text + 2 * i, 3, "%02x", seed[i]);
	ev_digest_key_init(k, text, sizeof(text) - 1);
	memcpy(k->seed, text, sizeof(text));
	return 0;
}

static void put_little(char *out, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		out[i] = (char)(unsigned char)(v >> (8 * i));
}

static void add_little(struct ev_buf *out, uint64_t v, size_t bytes)
{
	char b[8];

	put_little(b, v, bytes);
	ev_buf_add(out, b, bytes);
}

static void add_bytes(struct ev_buf *out, struct ev_slice s)
{
	add_little(out, s.len, 4);
	ev_buf_add_slice(out, s);
}

#define HEAD 3 /* number and tag */

/* The common cases in one piece each: the number, the tag, and what has a fixed length. */
static void add_fixed(struct ev_buf *out, uint64_t head, uint64_t v, size_t bytes)
{
	if (!ev_buf_reserve(out, HEAD + 8))
		return;
	put_little(out->data + out->len, head, HEAD);
	put_little(out->data + out->len + HEAD, v, 8);
	out->len += HEAD + bytes;
	out->data[out->len] = '\0';
}

static void add_text(struct ev_buf *out, uint64_t head, struct ev_slice s)
{
	if (!ev_buf_reserve(out, HEAD + 4 + s.len))
		return;
	put_little(out->data + out->len, head, HEAD);
	put_little(out->data + out->len + HEAD, s.len, 4);
	if (s.len)
		memcpy(out->data + out->len + HEAD + 4, s.ptr, s.len);
	out->len += HEAD + 4 + s.len;
	out->data[out->len] = '\0';
}

static bool digits_alone(struct ev_slice s)
{
	size_t points = 0, digits = 0;

	for (size_t i = s.len && s.ptr[0] == '-'; i < s.len; i++) {
		points += s.ptr[i] == '.';
		digits += s.ptr[i] >= '0' && s.ptr[i] <= '9';
		if (s.ptr[i] != '.' && (s.ptr[i] < '0' || s.ptr[i] > '9'))
			return false;
	}
	return points <= 1 && digits > 0;
}

/* Zeros that say nothing are left out; -0 is 0. NaN and Infinity stay as they are. */
static void add_decimal(struct ev_buf *out, struct ev_slice s)
{
	bool minus = s.len && s.ptr[0] == '-';
	const char *from = s.ptr + minus, *to = s.ptr + s.len;
	bool zero;

	if (!digits_alone(s)) {
		add_bytes(out, s);
		return;
	}
	if (memchr(from, '.', (size_t)(to - from))) {
		while (to[-1] == '0')
			to--;
		to -= to[-1] == '.';
	}
	while (from + 1 < to && from[0] == '0' && from[1] != '.')
		from++;
	zero = from == to || (to - from == 1 && *from == '0');
	minus = minus && !zero;
	add_little(out, zero ? 1 : (size_t)(to - from) + minus, 4);
	if (minus)
		ev_buf_addc(out, '-');
	ev_buf_add(out, zero ? "0" : from, zero ? 1 : (size_t)(to - from));
}

static uint64_t real_bits(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return isnan(v) ? NAN_BITS : bits;
}

static enum tag tag_of(enum ev_digest_type type, const struct ev_cell *c)
{
	if (c->kind == EV_CELL_NULL)
		return TAG_NULL;
	if (type == EV_DIGEST_BOOLEAN && c->kind == EV_CELL_INT)
		return TAG_BOOLEAN;
	if (type == EV_DIGEST_DECIMAL && c->text.ptr && (c->kind == EV_CELL_INT || c->kind == EV_CELL_REAL))
		return TAG_DECIMAL;
	switch (c->kind) {
	case EV_CELL_INT:
		return TAG_INTEGER;
	case EV_CELL_REAL:
		return TAG_REAL;
	case EV_CELL_TEXT:
		return TAG_TEXT;
	default:
		return TAG_BYTES;
	}
}

void ev_digest_encode(struct ev_buf *out, unsigned number, enum ev_digest_type type, const struct ev_cell *c)
{
	enum tag tag = tag_of(type, c);
	uint64_t head = (number & 0xffff) | (uint64_t)tag << 16;

	switch (tag) {
	case TAG_NULL:
		add_fixed(out, head, 0, 0);
		return;
	case TAG_INTEGER:
		add_fixed(out, head, (uint64_t)c->i, 8);
		return;
	case TAG_REAL:
		add_fixed(out, head, real_bits(c->real), 8);
		return;
	case TAG_BOOLEAN:
		add_fixed(out, head, c->i != 0, 1);
		return;
	case TAG_DECIMAL:
		add_little(out, head, HEAD);
		add_decimal(out, c->text);
		return;
	case TAG_TEXT:
	case TAG_BYTES:
		add_text(out, head, c->text);
	}
}

struct ev_hash128 ev_digest_hash(const struct ev_digest_key *k, struct ev_slice bytes)
{
	XXH128_hash_t h = XXH3_128bits_withSecret(bytes.ptr, bytes.len, k->secret, EV_DIGEST_SECRET);

	return (struct ev_hash128){ h.low64, h.high64 };
}

void ev_digest_add(struct ev_digest *d, struct ev_hash128 h)
{
	d->count++;
	d->sum.lo += h.lo;
	d->sum.hi += h.hi + (d->sum.lo < h.lo);
}

bool ev_digest_same(const struct ev_digest *a, const struct ev_digest *b)
{
	return a->count == b->count && a->sum.lo == b->sum.lo && a->sum.hi == b->sum.hi;
}

void ev_digest_print(const struct ev_digest *d, struct ev_buf *out)
{
	ev_buf_addf(out, "%016" PRIx64 "%016" PRIx64, d->sum.hi, d->sum.lo);
}
