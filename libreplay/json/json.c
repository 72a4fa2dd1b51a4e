/*
 * json.c - the extractor: follows the trie of paths through a document (see json.h)
 *
 * It recurses only along asked paths, so never deeper than they are long; everything beside them is
 * skipped by json_scan.c in the same pass.
 */
#include "json/json_impl.h"

_Static_assert(EV_JSON_MAX_PATH_STEPS < EV_JSON_MAX_DEPTH, "no path leads too deep");

static const char *visit(struct ev_scan *s, const char *p, const struct ev_node *node,
			 unsigned depth);

/* The character at p of a name, decoded into c; returns behind it, NULL: a lone surrogate. */
static const char *character(const char *p, const char *end, char c[4], size_t *n)
{
	if (*p == '\\')
		return ev_json_unescape(p, end, c, n);
	c[0] = *p;
	*n = 1;
	return p + 1;
}

/* Does a name with escapes spell `name`? */
static bool spells(struct ev_slice raw, const char *name, size_t len)
{
	const char *p = raw.ptr, *end = raw.ptr + raw.len;
	char c[4];
	size_t n;

	while (p < end) {
		p = character(p, end, c, &n);
		if (!p || n > len || memcmp(c, name, n) != 0)
			return false;
		name += n;
		len -= n;
	}
	return len == 0;
}

/* The same bytes, of which the first eight are known to be the same. */
static inline bool same_rest(const char *a, const char *b, size_t len)
{
	if (len <= 8)
		return true;
	for (size_t i = 8; i + 8 < len; i += 8)
		if (ev_load8(a + i) != ev_load8(b + i))
			return false;
	return ev_load8(a + len - 8) == ev_load8(b + len - 8);
}

static inline const struct ev_node *find_name(const struct ev_scan *s, const struct ev_node *node,
					      const char *p, size_t len)
{
	uint64_t head = ev_json_head(p, len, s->end);
	size_t i = ev_json_hash(head, ev_json_tail(head, p, len), len) >> (64 - node->bits);

	for (; node->slots[i]; i = (i + 1) & ((1u << node->bits) - 1)) {
		const struct ev_node *n = &s->nodes[node->slots[i]];

		if (n->head == head && n->len == len && n->name && same_rest(n->name, p, len))
			return n;
	}
	return NULL;
}

/* The same for a name with escapes, which is decoded nowhere but for its ends. */
static const struct ev_node *find_escaped(const struct ev_scan *s, const struct ev_node *node,
					  struct ev_slice raw)
{
	const char *end = raw.ptr + raw.len;
	char c[4], first[8] = { 0 }, last[8] = { 0 };
	size_t n, len = 0, i;

	for (const char *p = raw.ptr; p < end;) {
		p = character(p, end, c, &n);
		if (!p)
			return NULL;
		for (size_t k = 0; k < n; k++, len++) {
			if (len < 8)
				first[len] = c[k];
			memmove(last, last + 1, 7);
			last[7] = c[k];
		}
	}
	i = ev_json_hash(ev_load8(first), ev_load8(len > 8 ? last : first), len) >>
	    (64 - node->bits);
	for (; node->slots[i]; i = (i + 1) & ((1u << node->bits) - 1)) {
		const struct ev_node *found = &s->nodes[node->slots[i]];

		if (found->name && found->len == len && spells(raw, found->name, len))
			return found;
	}
	return NULL;
}

static const struct ev_node *find_index(const struct ev_scan *s, const struct ev_node *node,
					int64_t index)
{
	size_t i = ev_json_hash_index(index) >> (64 - node->bits);

	if (index > node->last_index)
		return NULL;
	for (; node->slots[i]; i = (i + 1) & ((1u << node->bits) - 1)) {
		const struct ev_node *n = &s->nodes[node->slots[i]];

		if (!n->name && n->head == (uint64_t)index)
			return n;
	}
	return NULL;
}

/* Of two members with one name the last wins: forget what the earlier one held below it. */
static void forget(struct ev_scan *s, const struct ev_node *node)
{
	for (uint32_t i = node->child; i; i = s->nodes[i].next) {
		if (s->nodes[i].path >= 0)
			memset(&s->out[s->nodes[i].path], 0, sizeof(*s->out));
		forget(s, &s->nodes[i]);
	}
}

/*
 * A member from its name to behind its value. `seen` has a bit for each of the first 63 asked names
 * and one for all others: with it set, the name may have come before.
 */
static inline const char *member(struct ev_scan *s, const char *p, const struct ev_node *node,
				 unsigned depth, uint64_t *seen)
{
	const char *from = p + 1;
	const struct ev_node *n;
	bool escaped;

	if (p == s->end || *p != '"')
		return ev_scan_fail(s, p, "a member's name was expected");
	p = ev_scan_string(s, from, &escaped);
	if (!p)
		return NULL;
	n = escaped ? find_escaped(s, node, ev_slice(from, (size_t)(p - from)))
		    : find_name(s, node, from, (size_t)(p - from));
	p = ev_scan_space(p + 1, s->end);
	if (p == s->end || *p != ':')
		return ev_scan_fail(s, p, "':' was expected");
	p = ev_scan_space(p + 1, s->end);
	if (!n)
		return ev_scan_skip(s, p, depth);
	if (n->child) {
		uint64_t bit = UINT64_C(1) << (n->ordinal < 63 ? n->ordinal : 63);

		if (*seen & bit)
			forget(s, n);
		*seen |= bit;
	}
	return visit(s, p, n, depth);
}

/* The members of an object or the elements of an array; p is at the bracket, `depth` counts it. */
static const char *inside(struct ev_scan *s, const char *p, const struct ev_node *node,
			  unsigned depth)
{
	const char close = *p == '{' ? '}' : ']';
	const struct ev_node *n;
	uint64_t seen = 0;

	p = ev_scan_space(p + 1, s->end);
	if (p < s->end && *p == close)
		return p + 1;
	for (int64_t i = 0;; i++) {
		if (close == '}') {
			p = member(s, p, node, depth, &seen);
		} else {
			n = find_index(s, node, i);
			p = n ? visit(s, p, n, depth) : ev_scan_skip(s, p, depth);
		}
		if (!p)
			return NULL;
		p = ev_scan_space(p, s->end);
		if (EV_UNLIKELY(p == s->end || *p != ','))
			break;
		p = ev_scan_space(p + 1, s->end);
	}
	if (p == s->end || *p != close)
		return ev_scan_fail(s, p, close == '}' ? "',' or '}' was expected"
						       : "',' or ']' was expected");
	return p + 1;
}

static inline const char *string(struct ev_scan *s, const char *p, struct ev_value *v)
{
	const char *from = p + 1;

	p = ev_scan_string(s, from, &v->escaped);
	if (!p)
		return NULL;
	v->type = EV_JSON_STRING;
	v->raw = ev_slice(from, (size_t)(p - from));
	return p + 1;
}

/* The value of these bytes, which are no string. */
static inline struct ev_value whole(const char *from, const char *to)
{
	return (struct ev_value){
		.type = ev_json_type_of(*from),
		.raw = ev_slice(from, (size_t)(to - from)),
	};
}

/* The value at p, of the members and elements of which nobody asks for one. */
static inline const char *leaf(struct ev_scan *s, const char *p, unsigned depth,
			       struct ev_value *v)
{
	const char *from = p;

	if (p < s->end && *p == '"')
		return string(s, p, v);
	if (p < s->end && (*p == '{' || *p == '['))
		p = ev_scan_skip(s, p, depth);
	else
		p = ev_scan_scalar(s, p);
	if (p)
		*v = whole(from, p);
	return p;
}

static const char *visit(struct ev_scan *s, const char *p, const struct ev_node *node,
			 unsigned depth)
{
	struct ev_value *v = node->path >= 0 ? &s->out[node->path] : &s->spare;
	const char *from = p;

	if (!node->child || p == s->end || (*p != '{' && *p != '['))
		return leaf(s, p, depth, v);
	p = inside(s, p, node, depth + 1);
	if (p)
		*v = whole(from, p);
	return p;
}

/* The whole document, with `node` (or no node) at its top. */
static int document(struct ev_scan *s, struct ev_slice json, const struct ev_node *node,
		    struct ev_value *top, struct ev_json_error *err)
{
	const char *p = json.ptr ? json.ptr : "";

	s->start = p;
	s->end = p + json.len;
	if (json.len > EV_JSON_MAX_SIZE) {
		p = ev_scan_fail(s, s->start + EV_JSON_MAX_SIZE, "the document is too large");
	} else {
		p = ev_scan_space(p, s->end);
		p = node ? visit(s, p, node, 0) : leaf(s, p, 0, top);
	}
	if (p) {
		p = ev_scan_space(p, s->end);
		if (p == s->end)
			return 0;
		ev_scan_fail(s, p, "bytes behind the document");
	}
	*err = (struct ev_json_error){ (size_t)(s->at - s->start), s->what };
	return -1;
}

int ev_json_extract(const struct ev_paths *p, struct ev_slice json, struct ev_value *out,
		    struct ev_json_error *err)
{
	struct ev_scan s;

	s.nodes = p->nodes;
	s.out = out;
	if (p->npaths)
		memset(out, 0, p->npaths * sizeof(*out));
	return document(&s, json, p->nodes, NULL, err);
}

int ev_json_validate(struct ev_slice json, struct ev_value *top, struct ev_json_error *err)
{
	struct ev_scan s;

	s.nodes = NULL;
	s.out = NULL;
	return document(&s, json, NULL, top, err);
}
