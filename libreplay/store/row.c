/* row.c - see row.h */
#include "store/row.h"

#include <string.h>

/* Does SQLite read it as a number, where a column asks for one? Plain decimals only. */
static bool decimal(const char *s)
{
	size_t whole, part = 0;

	if (*s == '-' || *s == '+')
		s++;
	whole = strspn(s, "0123456789");
	s += whole;
	if (*s == '.') {
		part = strspn(++s, "0123456789");
		s += part;
	}
	if (!whole && !part)
		return false;
	if (*s == 'e' || *s == 'E') {
		s += s[1] == '-' || s[1] == '+' ? 2 : 1;
		part = strspn(s, "0123456789");
		if (!part)
			return false;
		s += part;
	}
	return !*s;
}

static void add_name(struct ev_buf *out, const char *of, const char *column)
{
	if (of)
		ev_buf_addf(out, "%s.", of);
	ev_buf_add_quoted(out, column, '"');
}

/* Without a type on either side a text never equals a number: ask for both. */
static void add_either(struct ev_buf *out, const char *of, const struct ev_row_value *v)
{
	ev_buf_addc(out, '(');
	add_name(out, of, v->column);
	ev_buf_adds(out, " = ");
	ev_buf_add_quoted(out, v->value, '\'');
	ev_buf_adds(out, " OR (");
	add_name(out, of, v->column);
	ev_buf_addf(out, " = %s AND typeof(", v->value);
	add_name(out, of, v->column);
	ev_buf_adds(out, ") <> 'text'))");
}

static void add_equal(struct ev_buf *out, const char *of, const struct ev_row_value *v)
{
	add_name(out, of, v->column);
	ev_buf_adds(out, " = ");
	ev_buf_add_quoted(out, v->value, '\'');
}

void ev_row_condition(enum ev_dialect d, const struct ev_row_value *v, size_t n, struct ev_buf *out)
{
	ev_buf_addc(out, '(');
	for (size_t i = 0; i < n; i++) {
		if (i)
			ev_buf_adds(out, " AND ");
		if (d == EV_SQLITE && v[i].untyped && decimal(v[i].value))
			add_either(out, NULL, &v[i]);
		else
			add_equal(out, NULL, &v[i]);
	}
	ev_buf_addc(out, ')');
}

void ev_row_condition_of(const char *of, const struct ev_row_value *v, size_t n, struct ev_buf *out)
{
	ev_buf_addc(out, '(');
	for (size_t i = 0; i < n; i++) {
		if (i)
			ev_buf_adds(out, " AND ");
		if (decimal(v[i].value))
			add_either(out, of, &v[i]);
		else
			add_equal(out, of, &v[i]);
	}
	ev_buf_addc(out, ')');
}
