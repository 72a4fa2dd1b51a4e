/*
 * json.c - the extractor: one recursive-descent pass (see json.h)
 *
 * A node of -1 means that no path leads here: the same code validates and keeps nothing. Strings are
 * scanned 16 bytes at a time where the machine can; UTF-8 is decoded only from a non-ASCII byte on.
 */
#include "event/json.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "event/json_internal.h"

struct scan {
	const unsigned char *start, *at, *end;
	const struct ev_node *nodes;
	struct ev_value *out;
	int depth;
	const char *what;
};

static int fail(struct scan *s, const char *what)
{
	if (!s->what)
		s->what = what;
	return -1;
}

static inline void skip_space(struct scan *s)
{
	while (s->at < s->end && *s->at <= ' ' &&
	       (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
		s->at++;
}

/* One well-formed UTF-8 sequence of two to four bytes at s->at (RFC 3629). */
static int utf8(struct scan *s)
{
	const unsigned char *p = s->at;
	size_t left = (size_t)(s->end - p), n = *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;
	unsigned char lo = 0x80, hi = 0xbf;

	if (*p < 0xc2 || *p > 0xf4)
		return fail(s, "invalid UTF-8");
	lo = *p == 0xe0 ? 0xa0 : *p == 0xf0 ? 0x90 : lo;
	hi = *p == 0xed ? 0x9f : *p == 0xf4 ? 0x8f : hi;
	if (left < n || p[1] < lo || p[1] > hi)
		return fail(s, "invalid UTF-8");
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return fail(s, "invalid UTF-8");
	s->at += n;
	return 0;
}

static int hex_digit(unsigned char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static int escape(struct scan *s)
{
	if (s->at + 1 >= s->end) {
		s->at = s->end;
		return fail(s, "unterminated string");
	}
	if (s->at[1] == 'u') {
		for (int i = 2; i < 6; i++)
			if (s->at + i >= s->end || hex_digit(s->at[i]) < 0)
				return fail(s, "invalid escape");
		s->at += 6;
		return 0;
	}
	if (!memchr("\"\\/bfnrt", s->at[1], 8))
		return fail(s, "invalid escape");
	s->at += 2;
	return 0;
}

/* Skip bytes that need no look: not a quote, backslash, control character or non-ASCII. */
static inline const unsigned char *plain(const unsigned char *p, const unsigned char *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"'), back = _mm_set1_epi8('\\'), low = _mm_set1_epi8(0x1f);

	while (end - p >= 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)p);
		__m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, back)),
					   _mm_cmpeq_epi8(_mm_min_epu8(v, low), v));
		int mask = _mm_movemask_epi8(_mm_or_si128(hit, v)); /* the sign bit: non-ASCII */

		if (mask)
			return p + __builtin_ctz((unsigned)mask);
		p += 16;
	}
#endif
	while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* At the opening quote; leaves s->at behind the closing one. */
static int string(struct scan *s, struct ev_slice *raw, bool *escaped)
{
	const unsigned char *start = ++s->at;

	*escaped = false;
	for (;;) {
		s->at = plain(s->at, s->end);
		if (s->at >= s->end)
			return fail(s, "unterminated string");
		if (*s->at == '"')
			break;
		if (*s->at == '\\') {
			*escaped = true;
			if (escape(s) < 0)
				return -1;
		} else if (*s->at < 0x20) {
			return fail(s, "control character in string");
		} else if (utf8(s) < 0) {
			return -1;
		}
	}
	*raw = ev_slice((const char *)start, (size_t)(s->at - start));
	s->at++;
	return 0;
}

static inline bool digit(const struct scan *s)
{
	return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

static int digits(struct scan *s)
{
	if (!digit(s))
		return fail(s, "invalid number");
	while (digit(s))
		s->at++;
	return 0;
}

static int number(struct scan *s)
{
	s->at += *s->at == '-';
	if (s->at < s->end && *s->at == '0') {
		s->at++;
		if (digit(s))
			return fail(s, "leading zero in number");
	} else if (digits(s) < 0) {
		return -1;
	}
	if (s->at < s->end && *s->at == '.') {
		s->at++;
		if (digits(s) < 0)
			return -1;
	}
	if (s->at < s->end && (*s->at | 32) == 'e') {
		s->at++;
		s->at += s->at < s->end && (*s->at == '+' || *s->at == '-');
		return digits(s);
	}
	return 0;
}

static int word(struct scan *s, const char *w, size_t n)
{
	if ((size_t)(s->end - s->at) < n || memcmp(s->at, w, n) != 0)
		return fail(s, "invalid literal");
	s->at += n;
	return 0;
}

static int32_t hex4(const char *p)
{
	int32_t v = 0;

	for (int i = 0; i < 4; i++)
		v = v << 4 | hex_digit((unsigned char)p[i]);
	return v;
}

/*
 * Decode the escape at p (which starts with a backslash and is well-formed) into up to four bytes.
 * Returns bytes consumed, 0 for a lone surrogate.
 */
static size_t decode_escape(const char *p, const char *end, char out[4], size_t *n)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	size_t used = 6;
	int32_t c;

	if (p[1] != 'u') {
		out[0] = to[strchr(from, p[1]) - from];
		*n = 1;
		return 2;
	}
	c = hex4(p + 2);
	if (c >= 0xd800 && c <= 0xdfff) {
		int32_t d = c < 0xdc00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u' ? hex4(p + 8) : 0;

		if (d < 0xdc00 || d > 0xdfff)
			return 0;
		c = 0x10000 + ((c - 0xd800) << 10) + (d - 0xdc00);
		used = 12;
	}
	*n = 0;
	if (c < 0x80) {
		out[(*n)++] = (char)c;
		return used;
	}
	if (c < 0x800) {
		out[(*n)++] = (char)(0xc0 | c >> 6);
	} else if (c < 0x10000) {
		out[(*n)++] = (char)(0xe0 | c >> 12);
		out[(*n)++] = (char)(0x80 | (c >> 6 & 0x3f));
	} else {
		out[(*n)++] = (char)(0xf0 | c >> 18);
		out[(*n)++] = (char)(0x80 | (c >> 12 & 0x3f));
		out[(*n)++] = (char)(0x80 | (c >> 6 & 0x3f));
	}
	out[(*n)++] = (char)(0x80 | (c & 0x3f));
	return used;
}

/* Does a member's name with escapes spell `name`? Without decoding it anywhere. */
static bool spells(struct ev_slice raw, const char *name, size_t len)
{
	const char *p = raw.ptr, *end = raw.ptr + raw.len;
	char c[4];
	size_t n;

	while (p < end) {
		if (*p == '\\') {
			size_t used = decode_escape(p, end, c, &n);

			if (!used)
				return false;
			p += used;
		} else {
			c[0] = *p++;
			n = 1;
		}
		if (n > len || memcmp(c, name, n) != 0)
			return false;
		name += n;
		len -= n;
	}
	return len == 0;
}

static int find_name(const struct scan *s, int node, struct ev_slice raw, bool escaped)
{
	int i = node < 0 ? -1 : s->nodes[node].child;

	for (; i >= 0; i = s->nodes[i].next) {
		const struct ev_node *n = &s->nodes[i];

		if (n->index >= 0)
			continue;
		if (escaped ? spells(raw, n->name, n->len)
			    : n->len == raw.len && memcmp(n->name, raw.ptr, raw.len) == 0)
			return i;
	}
	return -1;
}

static int find_index(const struct scan *s, int node, int32_t index)
{
	int i = node < 0 ? -1 : s->nodes[node].child;

	for (; i >= 0; i = s->nodes[i].next)
		if (s->nodes[i].index == index)
			return i;
	return -1;
}

/* The last of two members with one name wins: forget what the earlier one held below. */
static void forget(struct scan *s, int node)
{
	for (int i = s->nodes[node].child; i >= 0; i = s->nodes[i].next) {
		if (s->nodes[i].path >= 0)
			s->out[s->nodes[i].path].type = EV_JSON_MISSING;
		forget(s, i);
	}
}

static int value(struct scan *s, int node, struct ev_value *v);

static int visit(struct scan *s, int node)
{
	struct ev_value v;

	if (node >= 0 && s->nodes[node].child >= 0)
		forget(s, node);
	if (value(s, node, &v) < 0)
		return -1;
	if (node >= 0 && s->nodes[node].path >= 0)
		s->out[s->nodes[node].path] = v;
	return 0;
}

static int member(struct scan *s, int node)
{
	struct ev_slice name;
	bool escaped;

	skip_space(s);
	if (s->at >= s->end || *s->at != '"')
		return fail(s, "a member's name was expected");
	if (string(s, &name, &escaped) < 0)
		return -1;
	skip_space(s);
	if (s->at >= s->end || *s->at != ':')
		return fail(s, "':' was expected");
	s->at++;
	return visit(s, find_name(s, node, name, escaped));
}

/* Members or elements up to the closing character. */
static int container(struct scan *s, int node, unsigned char close)
{
	s->at++;
	if (++s->depth > EV_JSON_MAX_DEPTH)
		return fail(s, "nested too deep");
	skip_space(s);
	if (s->at < s->end && *s->at == close) {
		s->at++;
		s->depth--;
		return 0;
	}
	for (int32_t i = 0;; i++) {
		if ((close == '}' ? member(s, node) : visit(s, find_index(s, node, i))) < 0)
			return -1;
		skip_space(s);
		if (s->at >= s->end || (*s->at != ',' && *s->at != close))
			return fail(s, close == '}' ? "',' or '}' was expected" : "',' or ']' was expected");
		if (*s->at++ == close)
			break;
	}
	s->depth--;
	return 0;
}

static int value(struct scan *s, int node, struct ev_value *v)
{
	const unsigned char *start;
	int rc;

	skip_space(s);
	if (s->at >= s->end)
		return fail(s, "a value was expected");
	start = s->at;
	v->escaped = false;
	switch (*s->at) {
	case '"':
		v->type = EV_JSON_STRING;
		return string(s, &v->raw, &v->escaped);
	case '{':
		v->type = EV_JSON_OBJECT;
		rc = container(s, node, '}');
		break;
	case '[':
		v->type = EV_JSON_ARRAY;
		rc = container(s, node, ']');
		break;
	case 't':
		v->type = EV_JSON_TRUE;
		rc = word(s, "true", 4);
		break;
	case 'f':
		v->type = EV_JSON_FALSE;
		rc = word(s, "false", 5);
		break;
	case 'n':
		v->type = EV_JSON_NULL;
		rc = word(s, "null", 4);
		break;
	default:
		if (*s->at != '-' && !digit(s))
			return fail(s, "a value was expected");
		v->type = EV_JSON_NUMBER;
		rc = number(s);
	}
	v->raw = ev_slice((const char *)start, (size_t)(s->at - start));
	return rc;
}

static int document(struct scan *s, int node, struct ev_value *top, struct ev_json_error *err)
{
	int rc;

	if ((size_t)(s->end - s->start) > EV_JSON_MAX_SIZE)
		rc = fail(s, "the document is too large");
	else
		rc = value(s, node, top);
	if (rc == 0) {
		skip_space(s);
		if (s->at < s->end)
			rc = fail(s, "bytes behind the document");
	}
	if (rc < 0)
		*err = (struct ev_json_error){ (size_t)(s->at - s->start), s->what };
	return rc;
}

static struct scan scan_of(struct ev_slice json)
{
	const unsigned char *p = (const unsigned char *)(json.ptr ? json.ptr : "");

	return (struct scan){ .start = p, .at = p, .end = p + json.len };
}

int ev_json_extract(const struct ev_paths *p, struct ev_slice json, struct ev_value *out,
		    struct ev_json_error *err)
{
	struct scan s = scan_of(json);
	struct ev_value top;

	s.nodes = p->nodes;
	s.out = out;
	memset(out, 0, p->npaths * sizeof(*out));
	if (document(&s, 0, &top, err) < 0)
		return -1;
	if (p->nodes[0].path >= 0)
		out[p->nodes[0].path] = top;
	return 0;
}

int ev_json_validate(struct ev_slice json, struct ev_value *top, struct ev_json_error *err)
{
	struct scan s = scan_of(json);

	return document(&s, -1, top, err);
}

int ev_value_text(const struct ev_value *v, struct ev_buf *scratch, struct ev_slice *out)
{
	const char *p = v->raw.ptr, *end = p + v->raw.len;
	size_t start = scratch->len, n;
	char c[4];

	if (!v->escaped) {
		*out = v->raw;
		return 0;
	}
	if (!ev_buf_reserve(scratch, v->raw.len))
		return -1;
	while (p < end) {
		const char *stop = memchr(p, '\\', (size_t)(end - p));
		size_t used;

		ev_buf_add(scratch, p, (size_t)((stop ? stop : end) - p));
		if (!stop)
			break;
		used = decode_escape(stop, end, c, &n);
		if (!used) {
			scratch->len = start;
			return -1;
		}
		ev_buf_add(scratch, c, n);
		p = stop + used;
	}
	*out = ev_slice(scratch->data + start, scratch->len - start);
	return 0;
}

void ev_each_begin(struct ev_each *it, const struct ev_value *array)
{
	it->rest = array->raw.len ? ev_slice(array->raw.ptr + 1, array->raw.len - 1) : array->raw;
}

/* The next value in text known to be valid, past white space and separators. */
static bool next_value(struct ev_each *it, struct ev_value *v)
{
	struct scan s = scan_of(it->rest);

	for (; s.at < s.end && memchr(" \t\r\n,:", *s.at, 6); s.at++)
		;
	if (s.at >= s.end || *s.at == ']' || *s.at == '}' || value(&s, -1, v) < 0)
		return false;
	it->rest = ev_slice((const char *)s.at, (size_t)(s.end - s.at));
	return true;
}

bool ev_each_next(struct ev_each *it, struct ev_value *element)
{
	return next_value(it, element);
}

bool ev_member_next(struct ev_each *it, struct ev_value *name, struct ev_value *member_value)
{
	return next_value(it, name) && next_value(it, member_value);
}
