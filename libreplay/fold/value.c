/* value.c - values on their way in and out: from events and rows, into columns and back to the store */
#include <math.h>
#include <stdint.h>

#include "fold/eval.h"

#define WHOLE 1e15 /* a double below it that is whole is that number, exactly */

void ev_fold_value(struct ev_arena *a, const struct ev_bind *b, enum ev_dialect d, struct ev_fv *out)
{
	*out = (struct ev_fv){ .kind = EV_FV_NULL };
	switch (b->kind) {
	case EV_BIND_NULL:
		return;
	case EV_BIND_BOOL:
		out->kind = d == EV_SQLITE ? EV_FV_INT : EV_FV_BOOL;
		out->i = b->i;
		return;
	case EV_BIND_INT:
		out->kind = EV_FV_INT;
		out->i = b->i;
		return;
	case EV_BIND_NUMBER:
		*out = d == EV_SQLITE ? ev_fold_parse_real(b->text) : ev_fold_parse_decimal(b->text);
		return;
	case EV_BIND_TEXT:
	case EV_BIND_JSON:
	case EV_BIND_TIME:
		out->kind = EV_FV_DOUBT;
		if (b->text.len && memchr(b->text.ptr, '\0', b->text.len))
			return;
		out->kind = b->kind == EV_BIND_TIME && d == EV_POSTGRESQL ? EV_FV_TIME : EV_FV_TEXT;
		out->text = a ? ev_arena_copy(a, b->text) : b->text;
		return;
	default:
		out->kind = EV_FV_DOUBT;
	}
}

/* NUMERIC of SQLite makes a whole number of a double that is one, and of a text that looks like one. */
static bool to_numeric(const struct ev_fold_column *c, struct ev_fv *v)
{
	double d = v->kind == EV_FV_REAL ? ev_fv_real(v) : 0;

	if (v->kind == EV_FV_REAL && d == trunc(d)) {
		*v = (struct ev_fv){ .kind = EV_FV_INT, .i = fabs(d) < WHOLE ? (int64_t)d : 0 };
		return fabs(d) < WHOLE;
	}
	if (v->kind == EV_FV_TEXT)
		return c->dates && v->text.len && memchr(v->text.ptr, ':', v->text.len);
	return v->kind == EV_FV_INT || v->kind == EV_FV_REAL;
}

/* REAL of SQLite makes doubles of whole numbers, and stores no -0.0. */
static bool to_real(struct ev_fv *v)
{
	if (v->kind == EV_FV_INT)
		*v = ev_fv_of_real((double)v->i);
	else if (v->kind == EV_FV_REAL && ev_fv_real(v) == 0)
		*v = ev_fv_of_real(0);
	return v->kind == EV_FV_REAL;
}

static bool to_exact(const struct ev_fold_column *c, struct ev_fv *v)
{
	if (v->kind != EV_FV_INT && v->kind != EV_FV_DECIMAL)
		return false;
	if (c->precision)
		*v = ev_fold_round(v, c->precision, c->scale);
	return v->kind != EV_FV_DOUBT;
}

/* A time bound to a text column of PostgreSQL is its text. */
static bool to_text(const struct ev_fold_column *c, struct ev_fv *v)
{
	if (v->kind == EV_FV_TIME)
		v->kind = EV_FV_TEXT;
	if (v->kind != EV_FV_TEXT)
		return false;
	return !c->longest || v->text.len <= c->longest || ev_fold_length(v).i <= (int64_t)c->longest;
}

/* The year 0 and those before it are written otherwise. */
static bool is_moment(const struct ev_fv *v)
{
	return v->kind == EV_FV_TIME && v->text.len && v->text.ptr[0] != '0';
}

bool ev_fold_fits(const struct ev_fold *f, const struct ev_fold_column *c, struct ev_fv *v)
{
	if (v->kind == EV_FV_NULL)
		return !c->not_null;
	switch (c->class) {
	case EV_FC_INT:
		return v->kind == EV_FV_INT && v->i >= c->min && v->i <= c->max;
	case EV_FC_BOOL:
		return v->kind == EV_FV_BOOL;
	case EV_FC_TEXT:
		return to_text(c, v);
	case EV_FC_TIME:
		return is_moment(v);
	case EV_FC_NUMERIC:
		return f->store->ops->dialect == EV_SQLITE ? to_numeric(c, v) : to_exact(c, v);
	case EV_FC_REAL:
		return to_real(v);
	default:
		return false;
	}
}

/* PostgreSQL also finds what is wrong with constants before it looks at a row. */
static bool eager_parts(const struct ev_fold *f, const struct ev_fold_statement *s, const struct ev_fv *params)
{
	for (size_t i = 0; i < s->neager; i++)
		if (ev_fold_eval(f, s, s->eager[i], params, NULL, NULL).kind == EV_FV_DOUBT)
			return false;
	return true;
}

/* Does PostgreSQL take it for a parameter of this type, as it is? */
static bool takes(const struct ev_fold_param *p, const struct ev_fv *v)
{
	if (v->kind == EV_FV_NULL)
		return true;
	switch (p->class) {
	case EV_FC_INT:
		return v->kind == EV_FV_INT && v->i >= p->min && v->i <= p->max;
	case EV_FC_BOOL:
		return v->kind == EV_FV_BOOL;
	case EV_FC_TEXT:
		return v->kind == EV_FV_TEXT || v->kind == EV_FV_TIME;
	case EV_FC_TIME:
		return is_moment(v);
	case EV_FC_NUMERIC:
		return v->kind == EV_FV_INT || v->kind == EV_FV_DECIMAL;
	default:
		return false;
	}
}

bool ev_fold_binds(const struct ev_fold *f, const struct ev_fold_statement *s, const struct ev_fv *params)
{
	for (size_t i = 0; i < s->nparams; i++)
		if (s->params ? !takes(&s->params[i], &params[i]) : params[i].kind == EV_FV_DOUBT)
			return false;
	return !s->neager || eager_parts(f, s, params);
}

struct ev_fv ev_fold_cell(const struct ev_fold *f, const struct ev_fold_column *c, const struct ev_cell *cell)
{
	bool sqlite = f->store->ops->dialect == EV_SQLITE;
	struct ev_fv v = { .kind = EV_FV_NULL };

	if (cell->kind == EV_CELL_NULL)
		return v;
	if (cell->kind == EV_CELL_INT && c->class != EV_FC_TEXT &&
	    (sqlite || c->class == EV_FC_INT || c->class == EV_FC_BOOL)) {
		v.kind = c->class == EV_FC_BOOL ? EV_FV_BOOL : EV_FV_INT;
		v.i = cell->i;
		return v;
	}
	if (cell->kind == EV_CELL_REAL && sqlite)
		return ev_fv_of_real(cell->real);
	if (c->class == EV_FC_NUMERIC && !sqlite)
		v = ev_fold_parse_decimal(cell->text);
	if (v.kind != EV_FV_NULL && v.kind != EV_FV_DOUBT)
		return v;
	v.kind = EV_FV_OPAQUE;
	/* SQLite's functions stop at a NUL */
	if (cell->kind == EV_CELL_TEXT && (sqlite ? !cell->text.len || !memchr(cell->text.ptr, 0, cell->text.len)
						    : c->class == EV_FC_TEXT))
		v.kind = EV_FV_TEXT;
	v.text = cell->text;
	return v;
}

struct ev_bind ev_fold_bind(const struct ev_fv *v, struct ev_buf *digits)
{
	size_t start;

	switch (v->kind) {
	case EV_FV_NULL:
		return (struct ev_bind){ .kind = EV_BIND_NULL };
	case EV_FV_INT:
		return (struct ev_bind){ .kind = EV_BIND_INT, .i = v->i };
	case EV_FV_BOOL:
		return (struct ev_bind){ .kind = EV_BIND_BOOL, .i = v->i };
	case EV_FV_REAL:
		return (struct ev_bind){ .kind = EV_BIND_REAL, .i = v->i };
	case EV_FV_DECIMAL:
		start = digits->len;
		ev_fold_add_decimal(digits, v->i);
		return (struct ev_bind){ .kind = EV_BIND_TEXT,
					 .text = ev_slice(digits->data + start, digits->len - start) };
	default:
		return (struct ev_bind){ .kind = EV_BIND_TEXT, .text = v->text };
	}
}
