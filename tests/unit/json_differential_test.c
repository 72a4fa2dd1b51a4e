/*
 * json_differential_test.c - random documents, whole and damaged, beside jansson's trees of them
 *
 * Both must accept the same bytes and find the same values. Not compared is what jansson refuses
 * as a limit of its own: numbers beyond a double, names with U+0000, lone surrogates; nor a NUL
 * byte behind a number or word, which it (2.14) swallows.
 */
#include "test.h"

#include <ctype.h>
#include <jansson.h>

#include "base/buf.h"
#include "json/json.h"

enum { NPATHS = 12, DEPTH = 6 };

static const char *const paths[NPATHS] = {
	"$", "$.a", "$.b", "$.a.b", "$.a.a.b", "$.b[0]", "$[0]", "$[1].a", "$[2][1]",
	"$['']", "$.a_longer_name", "$.\xc3\xa9.a",
};

static uint64_t rng;

static size_t below(size_t n)
{
	return test_rand(&rng) % n;
}

static const char *any(const char *const *texts, size_t n)
{
	return texts[below(n)];
}
#define ANY(table) any(table, sizeof(table) / sizeof(*(table)))
/* The last entry of the table, at which jansson stops, comes seldom. */
#define USUAL(table) any(table, sizeof(table) / sizeof(*(table)) - (below(50) != 0))

static void add_space(struct ev_buf *b)
{
	while (below(8) == 0)
		ev_buf_addc(b, " \t\r\n"[below(4)]);
}

static void add_name(struct ev_buf *b)
{
	static const char *const names[] = {
		"a", "a", "a", "b", "b", "", "c", "\\u0061", "\\u0062", "\xc3\xa9", "\\u00e9",
		"a_longer_name", "a_longer_same", "\\\"", "a\\u0000",
	};

	ev_buf_addf(b, "\"%s\"", USUAL(names));
}

static void add_string(struct ev_buf *b)
{
	static const char *const parts[] = {
		"x", "some plain text", "\\n", "\\\"", "\\\\", "\\/", "\\u0041", "\\u00E9",
		"\\u20ac", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\\ud83d\\ude00",
		"\\u0000", "\x7f",
		"{}[],:", "0123456789abcdef", "\\ud800",
	};
	const size_t n = below(6);

	ev_buf_addc(b, '"');
	for (size_t i = 0; i < n; i++)
		ev_buf_adds(b, USUAL(parts));
	ev_buf_addc(b, '"');
}

static void add_number(struct ev_buf *b)
{
	static const char *const whole[] = { "0", "1", "7", "10", "120", "9007199254740993", "31" };
	static const char *const fraction[] = { "", "", ".0", ".5", ".25", ".001", ".10" };
	static const char *const exponent[] = { "",     "",    "e0",    "E5",
						"e+12", "e-3", "e-400", "e400" };

	ev_buf_addf(b, "%s%s%s%s", below(3) ? "" : "-", ANY(whole), ANY(fraction), USUAL(exponent));
}

static void add_value(struct ev_buf *b, int depth)
{
	const size_t n = below(5), kind = below(depth < 2 ? 4 : depth < DEPTH ? 10 : 6);

	add_space(b);
	if (kind < 4 && depth < DEPTH) {
		const bool object = kind < 3;

		ev_buf_addc(b, object ? '{' : '[');
		add_space(b);
		for (size_t i = 0; i < n; i++) {
			ev_buf_adds(b, i ? "," : "");
			add_space(b);
			if (object) {
				add_name(b);
				add_space(b);
				ev_buf_addc(b, ':');
			}
			add_value(b, depth + 1);
		}
		ev_buf_addc(b, object ? '}' : ']');
	} else if (kind < 6) {
		add_number(b);
	} else if (kind < 8) {
		add_string(b);
	} else {
		ev_buf_adds(b, kind == 8 ? "null" : below(2) ? "true" : "false");
	}
	add_space(b);
}

/* Bytes on which a grammar turns are put in more often than others. */
static char turning_byte(void)
{
	static const char turning[] = "{}[]\",:\\/ \n\t-+.eE0019abftnu\x1f\x80\xbf\xc3\xed\xf4\xff";

	return below(4) ? turning[below(sizeof(turning))] : (char)below(256);
}

static void damage(struct ev_buf *b)
{
	const size_t at = below(b->len + 1), left = b->len - at;

	switch (below(5)) {
	case 0:
		b->len = at;
		break;
	case 1:
		if (left)
			b->data[at] = turning_byte();
		break;
	case 2:
		if (left)
			b->data[at] = (char)(b->data[at] ^ 1 << below(8));
		break;
	case 3: /* take some bytes out */
		if (left) {
			const size_t n = 1 + below(left < 8 ? left : 8);

			memmove(b->data + at, b->data + at + n, left - n);
			b->len -= n;
		}
		break;
	default: /* put a byte in */
		ev_buf_addc(b, 0);
		memmove(b->data + at + 1, b->data + at, left);
		b->data[at] = turning_byte();
	}
}

/* Refused by jansson for a limit of its own, so that nothing follows for us. */
static bool own_limit(const json_error_t *e)
{
	enum json_error_code code = json_error_code(e);

	return code == json_error_numeric_overflow || code == json_error_null_byte_in_key ||
	       strncmp(e->text, "invalid Unicode", 15) == 0;
}

static bool swallowed(const struct ev_buf *b, bool ok, const struct ev_json_error *e)
{
	return !ok && e->at > 0 && e->at < b->len && b->data[e->at] == '\0' &&
	       isalnum((unsigned char)b->data[e->at - 1]);
}

static bool same(const struct ev_value *v, const json_t *tree);

static bool same_text(const struct ev_value *v, const char *text, size_t len)
{
	struct ev_buf scratch = EV_BUF_INIT;
	struct ev_slice s;
	bool ok = ev_value_text(v, &scratch, &s) == 0 && ev_slice_eq(s, ev_slice(text, len));

	ev_buf_release(&scratch);
	return ok;
}

/* Each element stands where it should, and there are no more. */
static bool same_array(const struct ev_value *v, const json_t *tree)
{
	struct ev_value element;
	struct ev_each it;
	size_t n = 0;

	ev_each_begin(&it, v);
	while (ev_each_next(&it, &element))
		if (!same(&element, json_array_get(tree, n++)))
			return false;
	return n == json_array_size(tree);
}

static bool same_object(const struct ev_value *v, json_t *tree)
{
	const char *key;
	json_t *member;

	json_object_foreach(tree, key, member) {
		struct ev_value name, value, last = { .type = EV_JSON_MISSING };
		struct ev_each it;

		ev_each_begin(&it, v);
		while (ev_member_next(&it, &name, &value))
			if (same_text(&name, key, strlen(key)))
				last = value;
		if (!same(&last, member))
			return false;
	}
	return true;
}

static bool same(const struct ev_value *v, const json_t *tree)
{
	switch (v->type) {
	case EV_JSON_MISSING:
		return !tree;
	case EV_JSON_NULL:
		return json_is_null(tree);
	case EV_JSON_FALSE:
		return json_is_false(tree);
	case EV_JSON_TRUE:
		return json_is_true(tree);
	case EV_JSON_NUMBER:
		return json_is_real(tree) && strtod(v->raw.ptr, NULL) == json_real_value(tree);
	case EV_JSON_STRING:
		return json_is_string(tree) &&
		       same_text(v, json_string_value(tree), json_string_length(tree));
	case EV_JSON_ARRAY:
		return json_is_array(tree) && same_array(v, tree);
	case EV_JSON_OBJECT:
		return json_is_object(tree) && same_object(v, (json_t *)tree);
	}
	return false;
}

/* What a path of the table above leads to in a tree. */
static const json_t *follow(const json_t *tree, const char *path)
{
	static const char *const name[] = { "['']", ".a_longer_name", ".a", ".b", ".\xc3\xa9" };
	static const char *const key[] = { "", "a_longer_name", "a", "b", "\xc3\xa9" };

	for (path++; *path && tree;) {
		size_t i = 0;

		if (path[0] == '[' && path[1] != '\'') {
			tree = json_array_get(tree, (size_t)(path[1] - '0'));
			path += 3;
			continue;
		}
		while (strncmp(path, name[i], strlen(name[i])) != 0)
			i++;
		tree = json_object_get(tree, key[i]);
		path += strlen(name[i]);
	}
	return tree;
}

static void print_document(const struct ev_buf *b)
{
	printf("#   ");
	for (size_t i = 0; i < b->len; i++) {
		const unsigned char c = (unsigned char)b->data[i];

		printf(c >= ' ' && c < 0x7f ? "%c" : "\\x%02x", c);
	}
	printf("\n");
}

enum verdict { ALIKE_YES, ALIKE_NO, NOT_COMPARED, DIFFERENT };

static enum verdict compare(const struct ev_paths *p, const struct ev_buf *b)
{
	const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL;
	struct ev_json_error fault = { 0, NULL };
	struct ev_value v[NPATHS], top;
	enum verdict verdict = ALIKE_YES;
	json_error_t e;
	json_t *tree = json_loadb(b->data, b->len, flags, &e);
	bool ok = ev_json_extract(p, ev_buf_slice(b), v, &fault) == 0;

	if ((ev_json_validate(ev_buf_slice(b), &top, &fault) == 0) != ok)
		verdict = DIFFERENT;
	else if (tree ? swallowed(b, ok, &fault) : own_limit(&e))
		verdict = NOT_COMPARED;
	else if (ok != (tree != NULL))
		verdict = DIFFERENT;
	else if (!tree)
		verdict = fault.what && fault.at <= b->len ? ALIKE_NO : DIFFERENT;
	for (size_t i = 0; tree && verdict == ALIKE_YES && i < NPATHS; i++)
		if (!same(&v[i], follow(tree, paths[i]))) {
			printf("#   not the same: %s\n", paths[i]);
			verdict = DIFFERENT;
		}
	if (verdict == DIFFERENT)
		printf("#   here: %s; jansson: %s\n", fault.what ? fault.what : "accepted",
		       tree ? "accepted" : e.text);
	json_decref(tree);
	return verdict;
}

int main(void)
{
	const uint64_t seed = test_seed();
	const size_t rounds = 50000 * (size_t)test_effort();
	size_t count[DIFFERENT + 1] = { 0 }, i;
	struct ev_paths *p = ev_paths_new();
	struct ev_error err = EV_ERROR_INIT;
	struct ev_buf b = EV_BUF_INIT;

	for (i = 0; i < NPATHS; i++)
		if (ev_paths_add(p, paths[i], strlen(paths[i]), &err) != (int)i)
			CHECK(false, "%s is a path: %s", paths[i], err.text);
	for (i = 0; i < rounds && !count[DIFFERENT]; i++) {
		rng = seed + i * 1000003;
		ev_buf_clear(&b);
		add_value(&b, 0);
		for (size_t n = below(4); n; n--)
			damage(&b);
		ev_buf_addc(&b, 0); /* strtod looks one byte behind a number */
		b.len--;
		count[compare(p, &b)]++;
	}
	if (!CHECK(!count[DIFFERENT], "jansson and we read %zu documents alike", rounds))
		print_document(&b);
	CHECK(count[ALIKE_YES] > rounds / 8, "accepted: %zu", count[ALIKE_YES]);
	CHECK(count[ALIKE_NO] > rounds / 8, "refused: %zu", count[ALIKE_NO]);
	CHECK(count[NOT_COMPARED] < rounds / 4, "not compared: %zu", count[NOT_COMPARED]);
	ev_paths_free(p);
	ev_buf_release(&b);
	return test_done();
}
