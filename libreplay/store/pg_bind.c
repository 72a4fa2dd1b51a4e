/*
 * pg_bind.c - an event's values as parameters of the types that the server inferred
 *
 * Values go as text, bytea in binary. What PostgreSQL would take but a view must not depend on (the
 * date words 'now' and 'today', a number as a date) is refused here; what it would refuse is left to
 * it, where its message is as good as ours.
 */
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "base/mem.h"
#include "json/json.h"
#include "json/number.h"
#include "store/pg_internal.h"

const char *ev_pg_type_name(Oid type)
{
	static const struct { Oid oid; const char *name; } names[] = {
		{ EV_PG_BOOL, "boolean" }, { EV_PG_BYTEA, "bytea" }, { EV_PG_INT8, "bigint" },
		{ EV_PG_INT2, "smallint" }, { EV_PG_INT4, "integer" }, { EV_PG_TEXT, "text" },
		{ EV_PG_JSON, "json" }, { EV_PG_FLOAT4, "real" }, { EV_PG_FLOAT8, "double precision" },
		{ EV_PG_BPCHAR, "character" }, { EV_PG_VARCHAR, "character varying" },
		{ EV_PG_DATE, "date" }, { EV_PG_TIME, "time" }, { EV_PG_TIMETZ, "time with time zone" },
		{ EV_PG_TIMESTAMP, "timestamp" }, { EV_PG_TIMESTAMPTZ, "timestamp with time zone" },
		{ EV_PG_NUMERIC, "numeric" }, { EV_PG_UUID, "uuid" }, { EV_PG_JSONB, "jsonb" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].oid == type)
			return names[i].name;
	return "this type";
}

/* Values are collected in scratch, which may move: until all are there, a value is its offset. */
struct binder {
	struct ev_buf *out;
	Oid type;
	struct ev_error *err;
};

static int misfit(struct binder *w, const char *what, struct ev_slice v)
{
	return ev_fail(w->err, EV_DATA, "%s %.*s%s does not fit %s", what,
		       v.len < 60 ? (int)v.len : 60, v.ptr, v.len > 60 ? "..." : "",
		       ev_pg_type_name(w->type));
}

static bool is_time(Oid type)
{
	return type == EV_PG_DATE || type == EV_PG_TIME || type == EV_PG_TIMETZ ||
	       type == EV_PG_TIMESTAMP || type == EV_PG_TIMESTAMPTZ;
}

static bool is_integer(Oid type)
{
	return type == EV_PG_INT2 || type == EV_PG_INT4 || type == EV_PG_INT8;
}

/* A word of letters in a date that stands for another day at each rebuild. */
static bool has_date_word(struct ev_slice v)
{
	static const char *const words[] = { "now", "today", "tomorrow", "yesterday" };

	for (size_t i = 0; i < v.len; i++)
		for (size_t k = 0; k < sizeof(words) / sizeof(*words); k++)
			if (v.len - i >= strlen(words[k]) &&
			    strncasecmp(v.ptr + i, words[k], strlen(words[k])) == 0)
				return true;
	return false;
}

static void add_json_string(struct ev_buf *out, struct ev_slice v)
{
	ev_buf_addc(out, '"');
	for (size_t i = 0; i < v.len; i++) {
		unsigned char c = (unsigned char)v.ptr[i];

		if (c == '"' || c == '\\')
			ev_buf_addc(out, '\\');
		if (c < 0x20)
			ev_buf_addf(out, "\\u%04x", c);
		else
			ev_buf_addc(out, (char)c);
	}
	ev_buf_addc(out, '"');
}

/* Is it an integral number, but spelled otherwise than PostgreSQL reads integers (5.0, 1e3)? */
static bool is_whole(struct ev_slice v, int64_t *i)
{
	struct ev_json_error je;
	struct ev_value top;

	return v.len < 60 && (memchr(v.ptr, '.', v.len) || memchr(v.ptr, 'e', v.len) || memchr(v.ptr, 'E', v.len)) &&
	       ev_json_validate(v, &top, &je) == 0 && top.type == EV_JSON_NUMBER &&
	       top.raw.len == v.len && ev_number_scaled(v, 0, i) == EV_NUMBER_OK;
}

static int add_text(struct binder *w, struct ev_slice v)
{
	int64_t i;

	if (memchr(v.ptr, '\0', v.len))
		return ev_fail(w->err, EV_DATA, "a text with a NUL character does not fit %s",
			       ev_pg_type_name(w->type));
	if (is_time(w->type) && has_date_word(v))
		return misfit(w, "the date word", v);
	if (w->type == EV_PG_BOOL) /* PostgreSQL would take 'on', 't', 'yes' and more */
		return misfit(w, "the text", v);
	if (is_integer(w->type) && is_whole(v, &i)) {
		ev_buf_add_i64(w->out, i);
		return 0;
	}
	if (w->type == EV_PG_JSONB || w->type == EV_PG_JSON)
		add_json_string(w->out, v);
	else
		ev_buf_add_slice(w->out, v);
	return 0;
}

static int add_number(struct binder *w, struct ev_slice text, bool integral)
{
	if (is_time(w->type) || w->type == EV_PG_BOOL || w->type == EV_PG_BYTEA ||
	    w->type == EV_PG_UUID || (is_integer(w->type) && !integral))
		return misfit(w, "the number", text);
	ev_buf_add_slice(w->out, text);
	return 0;
}

static int add_bool(struct binder *w, bool v)
{
	const char *text = v ? "true" : "false";

	if (w->type != EV_PG_BOOL && w->type != EV_PG_TEXT && w->type != EV_PG_VARCHAR &&
	    w->type != EV_PG_JSON && w->type != EV_PG_JSONB)
		return misfit(w, "the boolean", ev_slice_str(text));
	ev_buf_adds(w->out, text);
	return 0;
}

/* An array's element in PostgreSQL's own notation: quoted, but for NULL and arrays. */
static void add_quoted(struct ev_buf *out, struct ev_slice v)
{
	ev_buf_addc(out, '"');
	for (size_t i = 0; i < v.len; i++) {
		if (v.ptr[i] == '"' || v.ptr[i] == '\\')
			ev_buf_addc(out, '\\');
		ev_buf_addc(out, v.ptr[i]);
	}
	ev_buf_addc(out, '"');
}

static int add_array(struct binder *w, struct ev_slice json);

static int add_element(struct binder *w, const struct ev_value *v)
{
	struct ev_buf plain = EV_BUF_INIT, text = EV_BUF_INIT;
	struct binder inner = { &plain, w->type, w->err };
	struct ev_slice s;
	int rc = 0;

	switch (v->type) {
	case EV_JSON_NULL:
		ev_buf_adds(w->out, "NULL");
		return 0;
	case EV_JSON_ARRAY:
		if (w->type != EV_PG_JSON && w->type != EV_PG_JSONB)
			return add_array(w, v->raw);
		/* fall through */
	case EV_JSON_OBJECT:
		if (w->type == EV_PG_JSON || w->type == EV_PG_JSONB)
			ev_buf_add_slice(&plain, v->raw);
		else
			rc = misfit(w, "the object", v->raw);
		break;
	case EV_JSON_TRUE:
	case EV_JSON_FALSE:
		rc = add_bool(&inner, v->type == EV_JSON_TRUE);
		break;
	case EV_JSON_NUMBER:
		rc = add_number(&inner, v->raw, true); /* the server sees what is no integer */
		break;
	default:
		if (ev_value_text(v, &text, &s) < 0)
			rc = ev_fail(w->err, EV_DATA, "an array holds a lone surrogate escape");
		else
			rc = add_text(&inner, s);
	}
	if (rc == 0)
		add_quoted(w->out, ev_buf_slice(&plain));
	ev_buf_release(&plain);
	ev_buf_release(&text);
	return rc;
}

static int add_array(struct binder *w, struct ev_slice json)
{
	struct ev_value array, element;
	struct ev_json_error je;
	struct ev_each it;
	bool first = true;

	if (ev_json_validate(json, &array, &je) < 0)
		return ev_fail(w->err, EV_BUG, "an array was valid and is not: %s", je.what);
	if (array.type != EV_JSON_ARRAY)
		return ev_fail(w->err, EV_DATA, "an object does not fit an array of %s",
			       ev_pg_type_name(w->type));
	ev_buf_addc(w->out, '{');
	for (ev_each_begin(&it, &array); ev_each_next(&it, &element); first = false) {
		if (!first)
			ev_buf_addc(w->out, ',');
		if (add_element(w, &element) < 0)
			return -1;
	}
	ev_buf_addc(w->out, '}');
	return 0;
}

static int add_value(struct binder *w, Oid element, const struct ev_bind *b)
{
	char digits[24];
	int n;

	if (element && b->kind == EV_BIND_JSON) {
		w->type = element;
		return add_array(w, b->text);
	}
	switch (b->kind) {
	case EV_BIND_BOOL:
		return add_bool(w, b->i != 0);
	case EV_BIND_INT:
		n = snprintf(digits, sizeof(digits), "%" PRId64, b->i);
		return add_number(w, ev_slice(digits, (size_t)n), true);
	case EV_BIND_NUMBER:
		return add_number(w, b->text, false);
	case EV_BIND_JSON: /* also into a text column, as the other dialect has it */
		if (w->type != EV_PG_JSONB && w->type != EV_PG_JSON && w->type != EV_PG_TEXT &&
		    w->type != EV_PG_VARCHAR)
			return misfit(w, "the value", b->text);
		ev_buf_add_slice(w->out, b->text);
		return 0;
	case EV_BIND_REAL:
		return ev_fail(w->err, EV_BUG, "a double is bound to PostgreSQL");
	case EV_BIND_BYTES:
		return ev_fail(w->err, EV_DATA, "bytes that are no UTF-8 do not fit %s",
			       ev_pg_type_name(w->type));
	default:
		return add_text(w, b->text);
	}
}

static void reserve(struct ev_pg *s, size_t n)
{
	if (n <= s->params_cap)
		return;
	s->values = ev_realloc_n(s->values, n, sizeof(*s->values));
	s->lengths = ev_realloc_n(s->lengths, n, sizeof(*s->lengths));
	s->formats = ev_realloc_n(s->formats, n, sizeof(*s->formats));
	s->params_cap = n;
}

int ev_pg_bind(struct ev_pg *s, const struct ev_query *q, const struct ev_bind *b, size_t n,
	       struct ev_error *err)
{
	struct binder w = { &s->scratch, 0, err };

	if (n != q->nparams)
		return ev_fail(err, EV_BUG, "%zu values for %zu parameters", n, q->nparams);
	reserve(s, n);
	ev_buf_clear(&s->scratch);
	for (size_t i = 0; i < n; i++) {
		size_t start = s->scratch.len;

		w.type = q->params[i];
		q->labels[i] = b[i].name;
		s->formats[i] = w.type == EV_PG_BYTEA;
		s->lengths[i] = -1;
		if (b[i].kind == EV_BIND_NULL)
			continue;
		if (w.type == EV_PG_BYTEA &&
		    (b[i].kind == EV_BIND_BYTES || b[i].kind == EV_BIND_TEXT))
			ev_buf_add_slice(&s->scratch, b[i].text);
		else if (i < q->nnullness && q->nullness[i])
			ev_buf_adds(&s->scratch, "given");
		else if (add_value(&w, q->elements[i], &b[i]) < 0) {
			ev_pg_name_value(q, i + 1, NULL, err);
			return -1;
		}
		s->lengths[i] = (int)(s->scratch.len - start);
		ev_buf_addc(&s->scratch, '\0');
	}
	/* it moves no more */
	for (size_t i = 0, at = 0; i < n; i++) {
		s->values[i] = s->lengths[i] < 0 ? NULL : ev_buf_str(&s->scratch) + at;
		at += s->lengths[i] < 0 ? 0 : (size_t)s->lengths[i] + 1;
	}
	return 0;
}
