/* plan_leaf.c - constants, parameters, columns and casts; see plan.h */
#include <stdint.h>
#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"
#include "fold/eval.h"
#include "fold/plan.h"

int ev_fold_read_null(struct ev_fold_reader *r)
{
	return ev_fold_add(r, (struct ev_fx){ .kind = EV_FX_CONST },
			   (struct ev_fold_type){ .class = EV_FC_ANY, .fixed = true });
}

static int add_int(struct ev_fold_reader *r, int64_t i)
{
	struct ev_fx x = { .kind = EV_FX_CONST, .class = EV_FC_INT, .value = { .kind = EV_FV_INT, .i = i } };
	struct ev_fold_type t = { .class = EV_FC_INT, .fixed = true, .literal = true };

	ev_fold_width(&t, i);
	return ev_fold_add(r, x, t);
}

bool ev_fold_digits(struct ev_slice s, int64_t *i)
{
	*i = 0;
	if (s.len > 18)
		return false;
	for (size_t k = 0; k < s.len; k++) {
		if (s.ptr[k] < '0' || s.ptr[k] > '9')
			return false;
		*i = *i * 10 + (s.ptr[k] - '0');
	}
	return s.len > 0;
}

static int take_real(void *ctx, const struct ev_cell *cells, size_t n)
{
	struct ev_fv *v = ctx;

	if (n == 1 && cells[0].kind == EV_CELL_REAL)
		*v = ev_fv_of_real(cells[0].real);
	return 0;
}

/* How SQLite reads a fraction is its own affair: it is asked. */
static struct ev_fv ask_real(struct ev_fold_reader *r, struct ev_slice s)
{
	const struct ev_store_ops *ops = r->f->store->ops;
	struct ev_fv v = { .kind = EV_FV_DOUBT };
	struct ev_error err = EV_ERROR_INIT;
	struct ev_buf sql = EV_BUF_INIT;
	struct ev_query *q;
	size_t at;

	ev_buf_adds(&sql, "SELECT ");
	ev_buf_add_slice(&sql, s);
	q = ops->prepare(r->f->store, ev_buf_str(&sql), false, NULL, NULL, &at, &err);
	if (q)
		ops->select(r->f->store, q, NULL, 0, take_real, &v, &err);
	ops->finish(r->f->store, q);
	ev_buf_release(&sql);
	return v;
}

/* 1.10: a decimal to PostgreSQL, a double to SQLite */
static int read_fraction(struct ev_fold_reader *r, struct ev_slice s)
{
	bool sqlite = ev_fold_on(r, EV_SQLITE);
	enum ev_fold_class class = sqlite ? EV_FC_REAL : EV_FC_NUMERIC;
	struct ev_fx x = { .kind = EV_FX_CONST, .class = class };
	struct ev_fold_type t = { .class = class, .fixed = true };

	x.value = sqlite ? ask_real(r, s) : ev_fold_parse_decimal(s);
	if (x.value.kind == EV_FV_DOUBT)
		return -1;
	r->at++;
	return ev_fold_add(r, x, t);
}

static int read_number(struct ev_fold_reader *r)
{
	struct ev_slice s = r->t[r->at].text;
	int64_t i;

	if (ev_fold_digits(s, &i)) {
		r->at++;
		return add_int(r, i);
	}
	for (size_t k = 0; k < s.len; k++)
		if ((s.ptr[k] < '0' || s.ptr[k] > '9') && s.ptr[k] != '.')
			return -1;
	return read_fraction(r, s);
}

int ev_fold_read_string(struct ev_fold_reader *r)
{
	struct ev_buf text = EV_BUF_INIT;
	struct ev_fx x = { .kind = EV_FX_CONST, .class = EV_FC_TEXT, .value = { .kind = EV_FV_TEXT } };
	struct ev_fold_type t = { .class = EV_FC_TEXT, .fixed = true };
	bool plain = ev_sql_string(r->t[r->at], &text) && text.len < 1000;

	if (plain)
		x.value.text = ev_slice(ev_strndup(ev_buf_str(&text), text.len), text.len);
	ev_buf_release(&text);
	if (!plain)
		return -1;
	r->at++;
	return ev_fold_add(r, x, t);
}

static int read_bool(struct ev_fold_reader *r)
{
	bool pg = ev_fold_on(r, EV_POSTGRESQL);
	struct ev_fx x = { .kind = EV_FX_CONST, .class = pg ? EV_FC_BOOL : EV_FC_INT,
			   .value = { .kind = pg ? EV_FV_BOOL : EV_FV_INT, .i = ev_fold_at(r, "true") } };
	struct ev_fold_type t = { .class = x.class, .max = 1, .fixed = true };

	r->at++;
	return ev_fold_add(r, x, t);
}

/* ?1 or $1 */
static int read_param(struct ev_fold_reader *r)
{
	struct ev_slice s = r->t[r->at].text;
	struct ev_fx x = { .kind = EV_FX_PARAM };
	struct ev_fold_type t = { .class = EV_FC_ANY };
	int64_t n;

	if (!ev_fold_digits(ev_slice(s.ptr + 1, s.len - 1), &n) || n < 1 || (size_t)n > r->out->nparams)
		return -1;
	x.index = (size_t)n - 1;
	if (ev_fold_on(r, EV_POSTGRESQL)) {
		t.class = x.class = r->out->params[x.index].class;
		t.min = r->out->params[x.index].min;
		t.max = r->out->params[x.index].max;
	}
	r->at++;
	return ev_fold_add(r, x, t);
}

/* c, t.c or excluded.c */
static int read_column(struct ev_fold_reader *r)
{
	struct ev_fx x = { .kind = EV_FX_OLD };
	struct ev_fold_type t = { .rows = true };
	const struct ev_fold_column *c;
	int column;

	if (!r->rows)
		return -1;
	if (ev_token_is(r->t[r->at + 1], ".")) {
		if (r->merging && ev_fold_take_name(r, "excluded"))
			x.kind = EV_FX_NEW;
		else if (!ev_fold_take_name(r, r->table->name))
			return -1;
		r->at++;
	}
	column = ev_fold_take_column(r);
	if (column < 0)
		return -1;
	c = &r->table->columns[column];
	x.index = (size_t)column;
	x.class = t.class = c->class;
	t.min = c->min;
	t.max = c->max;
	t.collation = c->collation;
	t.bytewise = c->bytewise;
	t.dates = c->dates;
	return ev_fold_add(r, x, t);
}

static const struct cast {
	const char *name, *more;
	enum ev_fold_class class;
	int64_t min, max;
} casts[] = {
	{ "smallint", NULL, EV_FC_INT, INT16_MIN, INT16_MAX }, { "integer", NULL, EV_FC_INT, INT32_MIN, INT32_MAX },
	{ "int", NULL, EV_FC_INT, INT32_MIN, INT32_MAX },      { "bigint", NULL, EV_FC_INT, INT64_MIN, INT64_MAX },
	{ "boolean", NULL, EV_FC_BOOL, 0, 0 },		       { "text", NULL, EV_FC_TEXT, 0, 0 },
	{ "varchar", NULL, EV_FC_TEXT, 0, 0 },		       { "character", "varying", EV_FC_TEXT, 0, 0 },
	{ "timestamptz", NULL, EV_FC_TIME, 0, 0 },	       { "numeric", NULL, EV_FC_NUMERIC, 0, 0 },
};

/* '-5'::integer is how the catalogue writes -5. */
static bool number_in_text(struct ev_fx *e, enum ev_fold_class class)
{
	struct ev_fv v = ev_fold_parse_decimal(e->value.text);

	if (v.kind != EV_FV_INT && (v.kind == EV_FV_DOUBT || class == EV_FC_INT))
		return false;
	free((char *)e->value.text.ptr);
	e->value = v;
	return true;
}

static bool cast_to(struct ev_fx *e, struct ev_fold_type *t, const struct cast *to)
{
	bool fixed = e->kind == EV_FX_CONST;

	if (fixed && e->value.kind == EV_FV_TEXT && (to->class == EV_FC_INT || to->class == EV_FC_NUMERIC)) {
		if (!number_in_text(e, to->class))
			return false;
		t->class = to->class;
	}
	if (t->class == EV_FC_INT && to->class == EV_FC_NUMERIC)
		t->class = to->class;
	if (t->class != to->class && t->class != EV_FC_ANY)
		return false;
	/* to a narrower type only what is seen to fit */
	if (to->class == EV_FC_INT && to->max < t->max && !(fixed && e->value.i >= to->min && e->value.i <= to->max))
		return false;
	/* that of arithmetic is its operands': a sum of integers runs over as one, whatever is made of it */
	if (e->kind != EV_FX_ADD && e->kind != EV_FX_SUB && e->kind != EV_FX_MUL)
		e->class = to->class;
	t->class = to->class;
	t->min = to->min;
	t->max = to->max;
	t->literal = false;
	return true;
}

int ev_fold_read_cast(struct ev_fold_reader *r, int x)
{
	for (size_t i = 0; i < sizeof(casts) / sizeof(*casts); i++)
		if (ev_fold_take(r, casts[i].name)) {
			if ((casts[i].more && !ev_fold_take(r, casts[i].more)) || ev_fold_at(r, "(") ||
			    ev_fold_at(r, "[") || !cast_to(&r->out->expr[x], &r->types[x], &casts[i]))
				break;
			return x;
		}
	return ev_fold_refuse(r, "a cast is not folded");
}

int ev_fold_read_leaf(struct ev_fold_reader *r)
{
	const struct ev_token *t = &r->t[r->at];
	int x;

	switch (t->kind) {
	case EV_TOKEN_NUMBER:
		return read_number(r);
	case EV_TOKEN_STRING:
		return ev_fold_read_string(r);
	case EV_TOKEN_PARAM:
		return read_param(r);
	case EV_TOKEN_WORD:
	case EV_TOKEN_QUOTED:
		if (ev_token_is(t[1], "("))
			return ev_fold_read_call(r);
		if (ev_fold_take(r, "null"))
			return ev_fold_read_null(r);
		if (ev_fold_at(r, "true") || ev_fold_at(r, "false"))
			return read_bool(r);
		return ev_fold_take(r, "case") ? ev_fold_read_case(r) : read_column(r);
	default:
		if (!ev_fold_take(r, "("))
			return -1;
		x = ev_fold_read_expr(r);
		return x >= 0 && ev_fold_take(r, ")") ? x : -1;
	}
}
