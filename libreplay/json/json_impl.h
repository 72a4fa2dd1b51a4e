/*
 * json_impl.h - what the parts of the JSON extractor share; internal to libreplay/json
 *
 * path.c compiles path texts into a trie, scan.c knows the grammar of single values and walks over
 * values that nobody asked for, json.c follows the trie, text.c decodes strings and iterates over
 * values that are known to be valid.
 */
#ifndef EV_JSON_IMPL_H
#define EV_JSON_IMPL_H

#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/utf8.h"
#include "json/json.h"

#define EV_LIKELY(x) __builtin_expect(!!(x), 1)
#define EV_UNLIKELY(x) __builtin_expect(!!(x), 0)

/*
 * A node of the trie: a name or an index below its parent. The children of a node are found
 * through `slots`, a hash table of 1 << bits entries (0: free, else the number of a node).
 */
struct ev_node {
	uint64_t head;      /* the name's first 8 bytes, zeroes behind a short one; or the index */
	const char *name;   /* decoded, owned; NULL for an index */
	uint32_t len;       /* of the name */
	int32_t path;       /* the path that ends here, or -1 */
	uint32_t *slots;    /* owned; NULL without children */
	unsigned bits;
	uint32_t nchildren;
	uint32_t ordinal;   /* how many children its parent had before it */
	uint32_t child;     /* the first child; 0: none, as the root is nobody's child */
	uint32_t next;      /* the next child of the same parent; 0: none */
	int64_t last_index; /* the largest index among the children, -1: none */
};

struct ev_paths {
	struct ev_node *nodes; /* 0 is the root, `$` */
	size_t nnodes, cap;
	size_t npaths;
};

/* One document on its way. Who finds a fault returns NULL and has set `at` and `what`. */
struct ev_scan {
	const char *start, *end;
	const struct ev_node *nodes;
	struct ev_value *out;
	struct ev_value spare; /* the value of a node that is only on the way to others */
	const char *at;
	const char *what;
};

const char *ev_scan_fail(struct ev_scan *s, const char *at, const char *what);

/* Where the string ends whose bytes are known up to p; *escaped is set, never cleared. */
const char *ev_scan_string_slow(struct ev_scan *s, const char *p, bool *escaped);

/* Behind the number, literal or whatever else starts at p, which is no string, object or array. */
const char *ev_scan_scalar(struct ev_scan *s, const char *p);

/* Behind the value that starts at p (no white space there), within `depth` arrays and objects. */
const char *ev_scan_skip(struct ev_scan *s, const char *p, unsigned depth);

/* Behind white space of which there is some at p. */
const char *ev_scan_space_slow(const char *p, const char *end);

enum ev_json_type ev_json_type_of(char first);

/* What the valid escape at p stands for, into out; returns behind it, NULL: a lone surrogate. */
const char *ev_json_unescape(const char *p, const char *end, char out[4], size_t *n);

static inline const char *ev_scan_space(const char *p, const char *end)
{
	if (EV_LIKELY(p < end && (unsigned char)*p > ' '))
		return p;
	return ev_scan_space_slow(p, end);
}

/* p is behind the opening quote; returns the closing one. */
static inline const char *ev_scan_string(struct ev_scan *s, const char *p, bool *escaped)
{
	*escaped = false;
#ifdef __SSE2__
	if (EV_LIKELY(s->end - p >= 16)) {
		__m128i v = _mm_loadu_si128((const __m128i *)p);
		/* below ' ' as signed bytes: control characters and all that is not ASCII */
		__m128i hit = _mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(' ')),
					   _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
							_mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));
		unsigned mask = (unsigned)_mm_movemask_epi8(hit);

		p += mask ? __builtin_ctz(mask) : 16;
		if (EV_LIKELY(mask && *p == '"'))
			return p;
	}
#endif
	return ev_scan_string_slow(s, p, escaped);
}

/* The first eight of the `len` bytes at p as a number, zero bytes behind a shorter text. */
static inline uint64_t ev_json_head(const char *p, size_t len, const char *end)
{
	uint64_t w = 0;

	if (EV_UNLIKELY(end - p < 8)) {
		memcpy(&w, p, len < 8 ? len : 8);
		return w;
	}
	memcpy(&w, p, 8);
	if (len >= 8)
		return w;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return w & ((UINT64_C(1) << (8 * len)) - 1);
#else
	return len ? w & ~(UINT64_MAX >> (8 * len)) : 0;
#endif
}

/* The last eight; of a shorter name all, which are its head. */
static inline uint64_t ev_json_tail(uint64_t head, const char *p, size_t len)
{
	return len > 8 ? ev_load8(p + len - 8) : head;
}

/* Hash of a name: both its ends count, as long names often start alike. */
static inline uint64_t ev_json_hash(uint64_t head, uint64_t tail, size_t len)
{
	return (head ^ (tail << 7 | tail >> 57) ^ len) * UINT64_C(0x9e3779b97f4a7c15);
}

static inline uint64_t ev_json_hash_index(int64_t index)
{
	return ((uint64_t)index + 1) * UINT64_C(0xbf58476d1ce4e5b9);
}

#endif
