/* where.c - parse a filter expression; where_eval.c evaluates and prints it (see where.h) */
#include "event/where.h"

#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"
#include "event/where_impl.h"
#include "json/number.h"

#define MAX_DEPTH 64 /* brackets and nots inside each other */

struct parser {
	const char *text, *p, *end;
	struct ev_paths *paths;
	struct ev_error *err;
	int depth;
};

void ev_where_free(struct ev_where *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->n; i++)
		ev_where_free(w->kids[i]);
	free(w->kids);
	ev_buf_release(&w->path_text);
	ev_buf_release(&w->literal);
	free(w);
}

/* The character at `at`, counted from 1 as a person counts. */
static int column(const struct parser *ps, const char *at)
{
	int n = 1;

	for (const char *p = ps->text; p < at; p++)
		n += (*p & 0xc0) != 0x80;
	return n;
}

static struct ev_where *fail(struct parser *ps, const char *at, const char *what)
{
	ev_fail(ps->err, EV_USAGE, "cannot read filter: character %d: %s", column(ps, at), what);
	ev_hint(ps->err, "write tests such as $.data.total > 100 or $.type GLOB 'order.*', joined by "
			 "and, or, not and brackets");
	return NULL;
}

static void skip(struct parser *ps)
{
	while (ps->p < ps->end && strchr(" \t\r\n", *ps->p))
		ps->p++;
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Take a keyword, in any case, that stands there as a whole word. */
static bool keyword(struct parser *ps, const char *word)
{
	size_t n = strlen(word);

	skip(ps);
	if ((size_t)(ps->end - ps->p) < n || strncasecmp(ps->p, word, n) != 0 ||
	    (ps->p + n < ps->end && is_word(ps->p[n])))
		return false;
	ps->p += n;
	return true;
}

static struct ev_where *node(enum where_op op)
{
	struct ev_where *w = ev_alloc(sizeof(*w));

	w->op = op;
	return w;
}

/* Give `w` a kid; one of the same kind (and, or) gives its own, so brackets do not matter. */
static void adopt(struct ev_where *w, struct ev_where *kid)
{
	if (kid->op == w->op && w->op != WHERE_NOT) {
		for (size_t i = 0; i < kid->n; i++)
			adopt(w, kid->kids[i]);
		kid->n = 0;
		ev_where_free(kid);
		return;
	}
	EV_GROW(w->kids, w->n, w->cap);
	w->kids[w->n++] = kid;
}

static bool name_byte(char c, bool first)
{
	return (is_word(c) && !(first && c >= '0' && c <= '9')) || (!first && c == '-') || (c & 0x80);
}

/* `['x']` and `.x` are one path: write the second wherever it can be. */
static void print_step(struct ev_slice name, struct ev_buf *out)
{
	bool plain = name.len > 0;

	for (size_t i = 0; i < name.len; i++)
		plain &= name_byte(name.ptr[i], i == 0);
	ev_buf_adds(out, plain ? "." : "['");
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] == '\'' || name.ptr[i] == '\\')
			ev_buf_addc(out, '\\');
		ev_buf_addc(out, name.ptr[i]);
	}
	ev_buf_adds(out, plain ? "" : "']");
}

/* The path, known to be right, as it is printed. */
static void print_path(const char *p, const char *end, struct ev_buf *out)
{
	struct ev_buf name = EV_BUF_INIT;

	while (p < end) {
		if (*p != '[' || p + 1 == end || p[1] != '\'') {
			ev_buf_addc(out, *p++);
			continue;
		}
		ev_buf_clear(&name);
		for (p += 2; p < end && *p != '\''; p++) {
			if (*p == '\\' && p + 1 < end)
				p++;
			ev_buf_addc(&name, *p);
		}
		print_step(ev_buf_slice(&name), out);
		p += 2;
		if (p > end)
			p = end;
	}
	ev_buf_release(&name);
}

static bool digits(struct parser *ps)
{
	const char *from = ps->p;

	while (ps->p < ps->end && *ps->p >= '0' && *ps->p <= '9')
		ps->p++;
	return ps->p > from;
}

/* A number as JSON writes it; `w->literal` is its canonical form. */
static bool number(struct parser *ps, struct ev_where *w)
{
	const char *from = ps->p, *whole;
	bool good;

	if (*ps->p == '-')
		ps->p++;
	whole = ps->p;
	good = digits(ps) && (*whole != '0' || ps->p == whole + 1);
	if (good && ps->p < ps->end && *ps->p == '.') {
		ps->p++;
		good = digits(ps);
	}
	if (good && ps->p < ps->end && (*ps->p == 'e' || *ps->p == 'E')) {
		ps->p++;
		if (ps->p < ps->end && (*ps->p == '+' || *ps->p == '-'))
			ps->p++;
		good = digits(ps);
	}
	if (!good || (ps->p < ps->end && (is_word(*ps->p) || *ps->p == '.')))
		return fail(ps, from, "no number as JSON writes it");
	if (!ev_number_canonical(ev_slice(from, (size_t)(ps->p - from)), &w->literal))
		return fail(ps, from, "the number is too long");
	w->type = EV_JSON_NUMBER;
	return true;
}

/* 'text', where '' is a quote. */
static bool sql_string(struct parser *ps, struct ev_where *w)
{
	const char *from = ps->p++;

	for (; ps->p < ps->end; ps->p++) {
		if (*ps->p == '\'') {
			if (ps->p + 1 == ps->end || ps->p[1] != '\'') {
				ps->p++;
				return true;
			}
			ps->p++;
		}
		ev_buf_addc(&w->literal, *ps->p);
	}
	return fail(ps, from, "the text has no end");
}

/* "text" with the escapes of JSON, read as JSON. */
static bool json_string(struct parser *ps, struct ev_where *w)
{
	const char *from = ps->p++;
	struct ev_json_error jerr;
	struct ev_slice text;
	struct ev_value v;

	while (ps->p < ps->end && *ps->p != '"')
		ps->p += *ps->p == '\\' && ps->p + 1 < ps->end ? 2 : 1;
	if (ps->p == ps->end)
		return fail(ps, from, "the text has no end");
	ps->p++;
	if (ev_json_validate(ev_slice(from, (size_t)(ps->p - from)), &v, &jerr))
		return fail(ps, from + jerr.at, jerr.what);
	if (ev_value_text(&v, &w->literal, &text))
		return fail(ps, from, "a lone surrogate has no character");
	if (!v.escaped)
		ev_buf_add_slice(&w->literal, text);
	return true;
}

static bool literal(struct parser *ps, struct ev_where *w)
{
	static const struct {
		const char *word;
		enum ev_json_type type;
	} words[] = {
		{ "true", EV_JSON_TRUE },
		{ "false", EV_JSON_FALSE },
		{ "null", EV_JSON_NULL },
	};
	char c;

	skip(ps);
	c = ps->p < ps->end ? *ps->p : '\0';
	if (c == '-' || (c >= '0' && c <= '9'))
		return number(ps, w);
	if (c == '\'' || c == '"') {
		w->type = EV_JSON_STRING;
		return c == '"' ? json_string(ps, w) : sql_string(ps, w);
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (keyword(ps, words[i].word)) {
			w->type = words[i].type;
			return true;
		}
	}
	return fail(ps, ps->p, "a number, 'text', \"text\", true, false or null is missing");
}

static bool operator(struct parser *ps, enum where_op *op)
{
	for (size_t i = 0; i < WHERE_OPERATORS; i++) { /* longer ones stand first */
		const char *name = where_operators[i].name;
		size_t n = strlen(name);

		if (where_operators[i].op == WHERE_GLOB) {
			if (!keyword(ps, name))
				continue;
		} else if ((size_t)(ps->end - ps->p) < n || memcmp(ps->p, name, n) != 0) {
			continue;
		} else {
			ps->p += n;
		}
		*op = where_operators[i].op;
		return true;
	}
	return false;
}

/* What may not be: an order of what has none, a pattern that is no text. */
static bool fits(struct parser *ps, const struct ev_where *w, const char *at)
{
	if (w->op == WHERE_GLOB) {
		if (w->type != EV_JSON_STRING)
			return fail(ps, at, "GLOB needs a 'text'");
		if (memchr(ev_buf_str(&w->literal), '\0', w->literal.len))
			return fail(ps, at, "a pattern cannot hold a NUL");
	} else if (w->op != WHERE_EQ && w->op != WHERE_NE && w->type != EV_JSON_STRING &&
		   w->type != EV_JSON_NUMBER) {
		return fail(ps, at, "true, false and null have no order: use = or !=");
	}
	return true;
}

static bool path(struct parser *ps, struct ev_where *w)
{
	size_t len = ev_path_scan(ps->p, (size_t)(ps->end - ps->p));

	w->path = ev_paths_add(ps->paths, ps->p, len, ps->err);
	if (w->path < 0) {
		ev_context(ps->err, "cannot read filter: path at character %d", column(ps, ps->p));
		return false;
	}
	print_path(ps->p, ps->p + len, &w->path_text);
	ps->p += len;
	return true;
}

static struct ev_where *test(struct parser *ps)
{
	struct ev_where *w;
	const char *at;

	if (ps->p == ps->end || *ps->p != '$')
		return fail(ps, ps->p, ps->p == ps->end ? "a test is missing" : "no path: one starts with $");
	w = node(WHERE_TRUE);
	if (!path(ps, w))
		goto fail;
	skip(ps);
	if (!operator(ps, &w->op))
		return w;
	skip(ps);
	at = ps->p;
	if (literal(ps, w) && fits(ps, w, at))
		return w;
fail:
	ev_where_free(w);
	return NULL;
}

static struct ev_where *parse_or(struct parser *ps);

static struct ev_where *bracket(struct parser *ps)
{
	const char *from = ps->p++;
	struct ev_where *w = parse_or(ps);

	if (!w)
		return NULL;
	skip(ps);
	if (ps->p < ps->end && *ps->p == ')') {
		ps->p++;
		return w;
	}
	ev_where_free(w);
	if (ps->p < ps->end)
		return fail(ps, ps->p, "expected an operator, and, or, or )");
	return fail(ps, from, "the bracket is not closed");
}

static struct ev_where *parse_not(struct parser *ps)
{
	struct ev_where *w = NULL, *kid;

	skip(ps);
	if (ps->depth == MAX_DEPTH)
		return fail(ps, ps->p, "more than 64 levels of brackets and not");
	ps->depth++;
	if (keyword(ps, "not")) {
		kid = parse_not(ps);
		if (kid) {
			w = node(WHERE_NOT);
			adopt(w, kid);
		}
	} else if (ps->p < ps->end && *ps->p == '(') {
		w = bracket(ps);
	} else {
		w = test(ps);
	}
	ps->depth--;
	return w;
}

static struct ev_where *parse_chain(struct parser *ps, enum where_op op, const char *word,
				    struct ev_where *(*next)(struct parser *))
{
	struct ev_where *first = next(ps), *w, *kid;

	if (!first || !keyword(ps, word))
		return first;
	w = node(op);
	adopt(w, first);
	do {
		kid = next(ps);
		if (!kid) {
			ev_where_free(w);
			return NULL;
		}
		adopt(w, kid);
	} while (keyword(ps, word));
	return w;
}

static struct ev_where *parse_and(struct parser *ps)
{
	return parse_chain(ps, WHERE_AND, "and", parse_not);
}

static struct ev_where *parse_or(struct parser *ps)
{
	return parse_chain(ps, WHERE_OR, "or", parse_and);
}

struct ev_where *ev_where_parse(const char *text, struct ev_paths *paths, struct ev_error *err)
{
	struct parser ps = { text, text, text + strlen(text), paths, err, 0 };
	struct ev_where *w = parse_or(&ps);

	if (!w)
		return NULL;
	skip(&ps);
	if (ps.p == ps.end)
		return w;
	ev_where_free(w);
	return fail(&ps, ps.p, "expected an operator, and, or, or the end");
}
