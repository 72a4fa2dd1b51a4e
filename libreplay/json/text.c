/* text.c - the text of strings, and iteration over values that are known to be valid */
#include "json/json_impl.h"

static uint32_t hex4(const char *p)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++)
		v = v << 4 | (uint32_t)(p[i] <= '9' ? p[i] - '0' : (p[i] | 32) - 'a' + 10);
	return v;
}

const char *ev_json_unescape(const char *p, const char *end, char out[4], size_t *n)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	uint32_t c, low;

	if (p[1] != 'u') {
		out[0] = to[strchr(from, p[1]) - from];
		*n = 1;
		return p + 2;
	}
	c = hex4(p + 2);
	p += 6;
	if (c >= 0xd800 && c <= 0xdfff) {
		low = end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2) : 0;
		if (c > 0xdbff || low < 0xdc00 || low > 0xdfff)
			return NULL;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		p += 6;
	}
	*n = ev_utf8_put(out, c);
	return p;
}

int ev_value_text(const struct ev_value *v, struct ev_buf *scratch, struct ev_slice *out)
{
	const char *p = v->raw.ptr, *end = p + v->raw.len;
	char *to;

	if (!v->escaped) {
		*out = v->raw;
		return 0;
	}
	if (!ev_buf_reserve(scratch, v->raw.len)) /* no escape is shorter than what it stands for */
		return -1;
	to = scratch->data + scratch->len;
	while (p < end) {
		const char *stop = memchr(p, '\\', (size_t)(end - p));
		size_t n = (size_t)((stop ? stop : end) - p);
		char c[4];

		memcpy(to, p, n);
		to += n;
		p += n;
		if (!stop)
			break;
		p = ev_json_unescape(stop, end, c, &n);
		if (!p) {
			scratch->data[scratch->len] = '\0';
			return -1;
		}
		memcpy(to, c, n);
		to += n;
	}
	*out = ev_slice(scratch->data + scratch->len, (size_t)(to - scratch->data) - scratch->len);
	scratch->len += out->len;
	scratch->data[scratch->len] = '\0';
	return 0;
}

void ev_each_begin(struct ev_each *it, const struct ev_value *array)
{
	bool nested = array->type == EV_JSON_ARRAY || array->type == EV_JSON_OBJECT;

	it->rest = nested ? ev_slice(array->raw.ptr + 1, array->raw.len - 1) : EV_LITERAL("");
}

/* The next value, past white space and separators. */
static bool next(struct ev_each *it, struct ev_value *v)
{
	struct ev_scan s = { .start = it->rest.ptr, .end = it->rest.ptr + it->rest.len };
	const char *p = ev_scan_space(s.start, s.end), *from;

	if (p < s.end && (*p == ',' || *p == ':'))
		p = ev_scan_space(p + 1, s.end);
	if (p == s.end || *p == ']' || *p == '}')
		return false;
	from = p;
	v->escaped = false;
	if (*p == '"') {
		p = ev_scan_string(&s, ++from, &v->escaped);
		v->type = EV_JSON_STRING;
	} else {
		p = ev_scan_skip(&s, p, 0);
		v->type = ev_json_type_of(*from);
	}
	if (!p)
		return false;
	v->raw = ev_slice(from, (size_t)(p - from));
	p += v->type == EV_JSON_STRING;
	it->rest = ev_slice(p, (size_t)(s.end - p));
	return true;
}

bool ev_each_next(struct ev_each *it, struct ev_value *element)
{
	return next(it, element);
}

bool ev_member_next(struct ev_each *it, struct ev_value *name, struct ev_value *member)
{
	return next(it, name) && next(it, member);
}
