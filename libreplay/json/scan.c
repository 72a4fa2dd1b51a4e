/*
 * scan.c - the grammar: strings, numbers, literals, and whole values that nobody asked for
 *
 * Nothing here recurses: what a skipped value is nested in is one bit a level.
 */
#include "json/json_impl.h"

const char *ev_scan_fail(struct ev_scan *s, const char *at, const char *what)
{
	s->at = at;
	s->what = what;
	return NULL;
}

const char *ev_scan_space_slow(const char *p, const char *end)
{
#ifdef __SSE2__
	/* indentation: a line's end and a row of blanks */
	while (end - p >= 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)p);
		__m128i blank = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(' ')),
							  _mm_cmpeq_epi8(v, _mm_set1_epi8('\n'))),
					     _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\r')),
							  _mm_cmpeq_epi8(v, _mm_set1_epi8('\t'))));
		unsigned other = ~(unsigned)_mm_movemask_epi8(blank) & 0xffff;

		if (other)
			return p + __builtin_ctz(other);
		p += 16;
	}
#endif
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

static bool is_digit(const char *p, const char *end)
{
	return p < end && *p >= '0' && *p <= '9';
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

/* p is at the backslash. */
static const char *escape(struct ev_scan *s, const char *p)
{
	if (s->end - p < 2)
		return ev_scan_fail(s, s->end, "unterminated string");
	switch (p[1]) {
	case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
		return p + 2;
	case 'u':
		if (s->end - p >= 6 && is_hex(p[2]) && is_hex(p[3]) && is_hex(p[4]) && is_hex(p[5]))
			return p + 6;
	}
	return ev_scan_fail(s, p, "invalid escape");
}

/* Past bytes that mean nothing in a string; may stop early, never late. */
static const char *plain(const char *p, const char *end)
{
#ifdef __SSE2__
	while (end - p >= 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)p);
		__m128i hit = _mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(' ')),
					   _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
							_mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));
		unsigned mask = (unsigned)_mm_movemask_epi8(hit);

		if (mask)
			return p + __builtin_ctz(mask);
		p += 16;
	}
#endif
	while (end - p >= 8 && !ev_any_special(ev_load8(p)))
		p += 8;
	while (p < end && (unsigned char)*p >= ' ' && *p != '"' && *p != '\\' && !(*p & 0x80))
		p++;
	return p;
}

/* Past letters that are not ASCII, which come in rows; stops at what is not well-formed. */
static const char *letters(const char *p, const char *end)
{
	size_t n = 1;

	while (n && p < end && *p & 0x80) {
		const unsigned char c = (unsigned char)*p;

		if (c >= 0xc2 && c < 0xe0 && end - p >= 2 && (p[1] & 0xc0) == 0x80)
			n = 2;
		else
			n = ev_utf8_sequence(p, end);
		p += n;
	}
	return p;
}

const char *ev_scan_string_slow(struct ev_scan *s, const char *p, bool *escaped)
{
	for (;;) {
		p = plain(p, s->end);
		if (p == s->end)
			return ev_scan_fail(s, p, "unterminated string");
		if (*p == '"')
			return p;
		if (*p & 0x80) {
			p = letters(p, s->end);
			if (p < s->end && *p & 0x80)
				return ev_scan_fail(s, p, "invalid UTF-8");
		} else if (*p == '\\') {
			*escaped = true;
			p = escape(s, p);
			if (!p)
				return NULL;
		} else {
			return ev_scan_fail(s, p, "control character in string");
		}
	}
}

static const char *digits(struct ev_scan *s, const char *p)
{
	if (!is_digit(p, s->end))
		return ev_scan_fail(s, p, "a digit was expected");
	while (is_digit(p, s->end))
		p++;
	return p;
}

static const char *number(struct ev_scan *s, const char *p)
{
	p += *p == '-';
	if (is_digit(p, s->end) && *p == '0') {
		if (is_digit(++p, s->end))
			return ev_scan_fail(s, p, "leading zero in number");
	} else {
		p = digits(s, p);
	}
	if (p && p < s->end && *p == '.')
		p = digits(s, p + 1);
	if (p && p < s->end && (*p | 32) == 'e') {
		p++;
		p += p < s->end && (*p == '+' || *p == '-');
		p = digits(s, p);
	}
	return p;
}

static const char *literal(struct ev_scan *s, const char *p, const char *word, size_t len)
{
	if ((size_t)(s->end - p) < len || memcmp(p, word, len) != 0)
		return ev_scan_fail(s, p, "invalid literal");
	return p + len;
}

const char *ev_scan_scalar(struct ev_scan *s, const char *p)
{
	if (p == s->end)
		return ev_scan_fail(s, p, "a value was expected");
	switch (*p) {
	case 't':
		return literal(s, p, "true", 4);
	case 'f':
		return literal(s, p, "false", 5);
	case 'n':
		return literal(s, p, "null", 4);
	case '-': case '0': case '1': case '2': case '3': case '4':
	case '5': case '6': case '7': case '8': case '9':
		return number(s, p);
	}
	return ev_scan_fail(s, p, "a value was expected");
}

enum ev_json_type ev_json_type_of(char first)
{
	switch (first) {
	case '"':
		return EV_JSON_STRING;
	case '{':
		return EV_JSON_OBJECT;
	case '[':
		return EV_JSON_ARRAY;
	case 't':
		return EV_JSON_TRUE;
	case 'f':
		return EV_JSON_FALSE;
	case 'n':
		return EV_JSON_NULL;
	}
	return EV_JSON_NUMBER;
}

_Static_assert(EV_JSON_MAX_DEPTH % 64 == 0, "a bit a level fills whole words");

/* What skipping knows about the arrays and objects it is in: one bit a level, set for objects. */
struct nest {
	uint64_t objects[EV_JSON_MAX_DEPTH / 64];
	unsigned depth, base;
	bool object; /* the innermost */
};

static inline void enter(struct nest *n, bool object)
{
	uint64_t bit = UINT64_C(1) << (n->depth % 64), *word = &n->objects[n->depth / 64];

	*word = object ? *word | bit : *word & ~bit;
	n->object = object;
	n->depth++;
}

static inline void leave(struct nest *n)
{
	unsigned outer = --n->depth - 1;

	n->object = n->depth > n->base && n->objects[outer / 64] >> (outer % 64) & 1;
}

/* Past a member's name and its colon, to the value's first byte. */
static inline const char *name(struct ev_scan *s, const char *p)
{
	bool escaped;

	if (p == s->end || *p != '"')
		return ev_scan_fail(s, p, "a member's name was expected");
	p = ev_scan_string(s, p + 1, &escaped);
	if (!p)
		return NULL;
	p = ev_scan_space(p + 1, s->end);
	if (p == s->end || *p != ':')
		return ev_scan_fail(s, p, "':' was expected");
	return ev_scan_space(p + 1, s->end);
}

/*
 * Behind a value: past closing brackets and a comma, to the next value's first byte; or *done, and
 * behind the outermost value.
 */
static inline const char *after(struct ev_scan *s, const char *p, struct nest *n, bool *done)
{
	while (n->depth > n->base) {
		p = ev_scan_space(p, s->end);
		if (p < s->end && *p == ',') {
			p = ev_scan_space(p + 1, s->end);
			return n->object ? name(s, p) : p;
		}
		if (p == s->end || *p != (n->object ? '}' : ']'))
			return ev_scan_fail(s, p, n->object ? "',' or '}' was expected"
							    : "',' or ']' was expected");
		leave(n);
		p++;
	}
	*done = true;
	return p;
}

const char *ev_scan_skip(struct ev_scan *s, const char *p, unsigned depth)
{
	struct nest n;
	bool done = false, escaped;

	n.depth = n.base = depth;
	n.object = false;
	while (p && !done) {
		if (p < s->end && *p == '"') {
			p = ev_scan_string(s, p + 1, &escaped);
			p = p ? p + 1 : NULL;
		} else if (p < s->end && (*p == '{' || *p == '[')) {
			if (n.depth == EV_JSON_MAX_DEPTH)
				return ev_scan_fail(s, p, "nested too deep");
			enter(&n, *p == '{');
			p = ev_scan_space(p + 1, s->end);
			if (p == s->end || *p != (n.object ? '}' : ']')) {
				p = n.object ? name(s, p) : p;
				continue;
			}
		} else {
			p = ev_scan_scalar(s, p);
		}
		if (p)
			p = after(s, p, &n, &done);
	}
	return p;
}
