/* where_eval.c - evaluate and print a filter; see where.h */
#include "json/number.h"
#include "event/where_impl.h"

const struct where_operator where_operators[WHERE_OPERATORS] = {
	{ "!=", WHERE_NE }, { "<=", WHERE_LE }, { ">=", WHERE_GE }, { "=", WHERE_EQ },
	{ "<", WHERE_LT },  { ">", WHERE_GT },  { "GLOB", WHERE_GLOB },
};

static bool ordered(enum where_op op, int c)
{
	switch (op) {
	case WHERE_EQ:
		return c == 0;
	case WHERE_NE:
		return c != 0;
	case WHERE_LE:
		return c <= 0;
	case WHERE_GE:
		return c >= 0;
	case WHERE_LT:
		return c < 0;
	case WHERE_GT:
		return c > 0;
	default:
		return false;
	}
}

static bool test_string(const struct ev_where *w, const struct ev_value *v, struct ev_buf *scratch)
{
	struct ev_slice text;

	ev_buf_clear(scratch);
	if (ev_value_text(v, scratch, &text))
		return w->op == WHERE_NE; /* a lone surrogate equals nothing */
	if (w->op == WHERE_GLOB)
		return ev_glob(ev_buf_str(&w->literal), text);
	return ordered(w->op, ev_slice_cmp(text, ev_buf_slice(&w->literal)));
}

bool ev_where_test(const struct ev_where *w, const struct ev_value *values, struct ev_buf *scratch)
{
	const struct ev_value *v;

	switch (w->op) {
	case WHERE_NOT:
		return !ev_where_test(w->kids[0], values, scratch);
	case WHERE_AND:
		for (size_t i = 0; i < w->n; i++)
			if (!ev_where_test(w->kids[i], values, scratch))
				return false;
		return true;
	case WHERE_OR:
		for (size_t i = 0; i < w->n; i++)
			if (ev_where_test(w->kids[i], values, scratch))
				return true;
		return false;
	default:
		break;
	}
	v = &values[w->path];
	if (w->op == WHERE_TRUE)
		return v->type == EV_JSON_TRUE;
	if (v->type == EV_JSON_MISSING)
		return false;
	if (v->type != w->type)
		return w->op == WHERE_NE;
	if (v->type == EV_JSON_STRING)
		return test_string(w, v, scratch);
	if (v->type == EV_JSON_NUMBER)
		return ordered(w->op, ev_number_cmp(v->raw, ev_buf_slice(&w->literal)));
	return w->op == WHERE_EQ;
}

/* 'text', or "text" where there is a NUL that only an escape can write. */
static void print_string(const struct ev_buf *s, struct ev_buf *out)
{
	bool nul = memchr(ev_buf_str(s), '\0', s->len);
	char quote = nul ? '"' : '\'';

	ev_buf_addc(out, quote);
	for (size_t i = 0; i < s->len; i++) {
		unsigned char c = (unsigned char)s->data[i];

		if (nul && c < 0x20) {
			ev_buf_addf(out, "\\u%04x", c);
			continue;
		}
		if (nul && (c == '"' || c == '\\'))
			ev_buf_addc(out, '\\');
		else if (!nul && c == '\'')
			ev_buf_addc(out, '\'');
		ev_buf_addc(out, (char)c);
	}
	ev_buf_addc(out, quote);
}

static void print_test(const struct ev_where *w, struct ev_buf *out)
{
	ev_buf_add_slice(out, ev_buf_slice(&w->path_text));
	if (w->op == WHERE_TRUE)
		return;
	for (size_t i = 0; i < WHERE_OPERATORS; i++)
		if (where_operators[i].op == w->op)
			ev_buf_addf(out, " %s ", where_operators[i].name);
	if (w->type == EV_JSON_STRING)
		print_string(&w->literal, out);
	else if (w->type == EV_JSON_NUMBER)
		ev_buf_add_slice(out, ev_buf_slice(&w->literal));
	else
		ev_buf_adds(out, w->type == EV_JSON_TRUE  ? "true" :
				 w->type == EV_JSON_FALSE ? "false" :
							    "null");
}

/* A kid that binds less than its parent stands in brackets. */
static void print_kid(const struct ev_where *parent, const struct ev_where *kid, struct ev_buf *out)
{
	bool brackets = (kid->op == WHERE_AND || kid->op == WHERE_OR) && kid->op > parent->op;

	if (parent->op == WHERE_NOT)
		brackets = kid->op == WHERE_AND || kid->op == WHERE_OR;
	ev_buf_adds(out, brackets ? "(" : "");
	ev_where_print(kid, out);
	ev_buf_adds(out, brackets ? ")" : "");
}

void ev_where_print(const struct ev_where *w, struct ev_buf *out)
{
	if (w->op < WHERE_NOT) {
		print_test(w, out);
		return;
	}
	if (w->op == WHERE_NOT)
		ev_buf_adds(out, "not ");
	for (size_t i = 0; i < w->n; i++) {
		if (i)
			ev_buf_adds(out, w->op == WHERE_AND ? " and " : " or ");
		print_kid(w, w->kids[i], out);
	}
}
