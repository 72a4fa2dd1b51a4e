/*
 * digest.h - what a table holds, as numbers that can be compared
 *
 * A row becomes bytes from which it could be read back (so different rows are different bytes), the
 * bytes become 128 bits, and a table is the number of its rows and the sum of their hashes modulo
 * 2^128, in each of EV_DIGEST_BUCKETS buckets by the hash of the key. A sum, not an exclusive or: a row
 * that is there twice does not cancel itself.
 *
 * A row is its columns in order, each: number (2 bytes, little-endian), type tag (1 byte), value:
 *   0 NULL      nothing
 *   1 integer   8 bytes, two's complement, little-endian
 *   2 real      8 bytes, IEEE 754, little-endian; each NaN is 7ff8000000000000; -0.0 is not 0.0
 *   3 decimal   length (4 bytes), digits: no exponent, no superfluous zeros, so 1.10 is 1.1
 *   4 text      length, bytes: nothing is trimmed, folded or normalised
 *   5 bytes     length, bytes
 *   6 boolean   1 byte
 * An integer is not the real, the decimal or the text of the same value: what a column holds is part
 * of what is compared. Two tables are compared with the same columns in the same order.
 *
 * Hashes are XXH3 (128 bits) with a secret that is new in each run, so no pair of rows has the same hash
 * in two runs but by chance. Two different rows have the same with probability 2^-128; a table of n rows
 * passes for another with about the same. The algorithm's name changes with any of this.
 */
#ifndef EV_DIGEST_H
#define EV_DIGEST_H

#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "store/store.h"

#define EV_DIGEST_ALGORITHM "ev-digest-1 (xxh3-128, keyed, count and sum)"
#define EV_DIGEST_SECRET 192
#define EV_DIGEST_BITS 12
#define EV_DIGEST_BUCKETS (1u << EV_DIGEST_BITS)

#define EV_DIGEST_SEED_TEXT 65

struct ev_digest_key {
	unsigned char secret[EV_DIGEST_SECRET];
	char seed[EV_DIGEST_SEED_TEXT]; /* of a random one: hex digits, whose text is the seed of the same key */
};

/* The secret of a seed of any length: block i of 16 bytes is XXH3-128 of the seed with seed i. */
void ev_digest_key_init(struct ev_digest_key *k, const void *seed, size_t n);
/* A seed from the system. EV_STORE when it gives none. */
int ev_digest_key_random(struct ev_digest_key *k, struct ev_error *err);

struct ev_hash128 {
	uint64_t lo, hi;
};

/* By hi, then lo: -1, 0, 1. */
static inline int ev_hash128_cmp(struct ev_hash128 a, struct ev_hash128 b)
{
	if (a.hi != b.hi)
		return a.hi < b.hi ? -1 : 1;
	return (a.lo > b.lo) - (a.lo < b.lo);
}

/* How a column's cells are to be taken. */
enum ev_digest_type {
	EV_DIGEST_AS_IT_IS, /* by the cell's kind */
	EV_DIGEST_DECIMAL,  /* a number with an exact text */
	EV_DIGEST_BOOLEAN,
};

/* Append one cell as column `number`. */
void ev_digest_encode(struct ev_buf *out, unsigned number, enum ev_digest_type type,
		      const struct ev_cell *c);

struct ev_hash128 ev_digest_hash(const struct ev_digest_key *k, struct ev_slice bytes);

struct ev_digest {
	uint64_t count;
	struct ev_hash128 sum;
};

void ev_digest_add(struct ev_digest *d, struct ev_hash128 h);
bool ev_digest_same(const struct ev_digest *a, const struct ev_digest *b);
/* 32 hex digits, appended. */
void ev_digest_print(const struct ev_digest *d, struct ev_buf *out);

#endif
