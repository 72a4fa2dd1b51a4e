/*
 * plan_type.c - nodes of expressions, with the types that the store would give them
 *
 * PostgreSQL knows all types before it runs, so what it would convert is refused here, but for whole
 * numbers of several widths. SQLite knows only values: what they turn out to be is for eval.c to judge, and
 * only what could never come to anything is refused.
 */
#include <stdint.h>

#include "base/mem.h"
#include "fold/plan.h"

static const char mixed[] = "an expression mixes types in a way that is not folded";

static size_t earliest(const struct ev_fold_reader *r, const struct ev_fx *x, size_t self)
{
	const struct ev_fx *e = r->out->expr;
	size_t first = self;

	switch (x->kind) {
	case EV_FX_CONST: case EV_FX_PARAM: case EV_FX_OLD: case EV_FX_NEW:
		return self;
	default:
		first = e[x->left].first < e[x->right].first ? e[x->left].first : e[x->right].first;
		return x->kind == EV_FX_IF && e[x->other].first < first ? e[x->other].first : first;
	}
}

int ev_fold_add(struct ev_fold_reader *r, struct ev_fx x, struct ev_fold_type t)
{
	size_t self = r->out->nexpr, types = self;

	x.first = earliest(r, &x, self);
	if (self - x.first >= EV_FX_MOST)
		return ev_fold_refuse(r, "an expression is too long");
	*EV_PUSH(r->out->expr, r->out->nexpr) = x;
	*EV_PUSH(r->types, types) = t;
	return (int)self;
}

static int join_class(const struct ev_fold_reader *r, enum ev_fold_class a, enum ev_fold_class b)
{
	if (a == EV_FC_CARRIED || b == EV_FC_CARRIED)
		return -1;
	if (a == b || b == EV_FC_ANY)
		return (int)a;
	if (a == EV_FC_ANY)
		return (int)b;
	if ((a == EV_FC_INT && b == EV_FC_NUMERIC) || (a == EV_FC_NUMERIC && b == EV_FC_INT))
		return EV_FC_NUMERIC;
	return ev_fold_on(r, EV_SQLITE) ? EV_FC_ANY : -1;
}

/* What the store makes of the two together; false when it is not known to. */
static bool join(struct ev_fold_reader *r, int left, int right, struct ev_fold_type *out)
{
	const struct ev_fold_type *a, *b;
	int class;

	if (left < 0 || right < 0)
		return false;
	a = &r->types[left];
	b = &r->types[right];
	class = join_class(r, a->class, b->class);
	if (class < 0 || (a->collation && b->collation && a->collation != b->collation)) {
		ev_fold_refuse(r, mixed);
		return false;
	}
	*out = *a;
	out->class = (enum ev_fold_class)class;
	if (a->class != EV_FC_INT || (b->class == EV_FC_INT && b->max > a->max)) {
		out->min = b->min;
		out->max = b->max;
	}
	if (!a->collation) {
		out->collation = b->collation;
		out->bytewise = b->bytewise;
	}
	out->dates |= b->dates;
	out->rows |= b->rows;
	out->fixed &= b->fixed;
	return true;
}

/* A node that the store may find a fault in, or that we may. */
static int add_risky(struct ev_fold_reader *r, struct ev_fx x, struct ev_fold_type t)
{
	int at = ev_fold_add(r, x, t);

	if (at < 0)
		return -1;
	if (t.fixed && ev_fold_eval(r->f, r->out, (size_t)at, NULL, NULL, NULL).kind == EV_FV_DOUBT)
		return ev_fold_refuse(r, "its constants come to a value out of range");
	if (!t.fixed && !t.rows && ev_fold_on(r, EV_POSTGRESQL))
		*EV_PUSH(r->out->eager, r->out->neager) = (size_t)at;
	return at;
}

static bool counts(const struct ev_fold_reader *r, enum ev_fold_class c)
{
	return c == EV_FC_INT || c == EV_FC_NUMERIC || c == EV_FC_REAL ||
	       (c == EV_FC_ANY && ev_fold_on(r, EV_SQLITE));
}

int ev_fold_arithmetic(struct ev_fold_reader *r, enum ev_fx_kind kind, int left, int right)
{
	struct ev_fx x = { .kind = kind, .left = (size_t)left, .right = (size_t)right };
	struct ev_fold_type t;

	if (!join(r, left, right, &t))
		return -1;
	if (!counts(r, t.class))
		return ev_fold_refuse(r, "what is no number is computed with");
	x.class = t.class;
	if (ev_fold_on(r, EV_SQLITE)) {
		t.min = INT64_MIN;
		t.max = INT64_MAX;
	}
	x.min = t.min;
	x.max = t.max;
	t.collation = 0;
	t.dates = false;
	return add_risky(r, x, t);
}

void ev_fold_width(struct ev_fold_type *t, int64_t i)
{
	bool small = i >= INT32_MIN && i <= INT32_MAX;

	t->min = small ? INT32_MIN : INT64_MIN;
	t->max = small ? INT32_MAX : INT64_MAX;
}

/* A literal's sign is part of it to PostgreSQL: -2147483648 is an integer. SQLite, too, takes others from 0. */
int ev_fold_negate(struct ev_fold_reader *r, int x)
{
	struct ev_fx zero = { .kind = EV_FX_CONST, .class = EV_FC_INT, .value = { .kind = EV_FV_INT } };
	struct ev_fold_type t = { .class = EV_FC_INT, .min = INT16_MIN, .max = INT16_MAX, .fixed = true };
	struct ev_fx *e = &r->out->expr[x];
	int none;

	if (e->kind == EV_FX_CONST && e->value.kind == EV_FV_INT) {
		e->value.i = -e->value.i;
		if (r->types[x].literal)
			ev_fold_width(&r->types[x], e->value.i);
		else if (e->class == EV_FC_INT && ev_fold_on(r, EV_POSTGRESQL) &&
			 (e->value.i < r->types[x].min || e->value.i > r->types[x].max))
			return ev_fold_refuse(r, "its constants come to a value out of range");
		return x;
	}
	if (e->kind == EV_FX_CONST && e->value.kind == EV_FV_REAL) {
		e->value = ev_fv_of_real(-ev_fv_real(&e->value));
		return x;
	}
	none = ev_fold_add(r, zero, t);
	return none < 0 ? -1 : ev_fold_arithmetic(r, EV_FX_SUB, none, x);
}

static bool sorts(const struct ev_fold_reader *r, const struct ev_fold_type *t)
{
	if (t->class != EV_FC_TEXT)
		return true;
	return t->collation ? t->bytewise : r->f->bytewise;
}

static struct ev_fold_type truth_of(const struct ev_fold_reader *r, const struct ev_fold_type *from)
{
	bool pg = ev_fold_on(r, EV_POSTGRESQL);

	return (struct ev_fold_type){ .class = pg ? EV_FC_BOOL : EV_FC_INT, .max = pg ? 0 : 1,
				      .rows = from->rows, .fixed = from->fixed };
}

int ev_fold_compare(struct ev_fold_reader *r, size_t outcomes, int left, int right)
{
	struct ev_fx x = { .kind = EV_FX_COMPARE, .index = outcomes, .left = (size_t)left,
			   .right = (size_t)right };
	struct ev_fold_type t;

	if (!join(r, left, right, &t))
		return -1;
	if (outcomes != 2 && outcomes != (1 | 4) && !sorts(r, &t))
		return ev_fold_refuse(r, "texts are compared that do not sort by their bytes (COLLATE \"C\")");
	x.class = t.class;
	x.dates = t.dates;
	return ev_fold_add(r, x, truth_of(r, &t));
}

int ev_fold_truth(struct ev_fold_reader *r, int x)
{
	enum ev_fold_class c = x < 0 ? EV_FC_CARRIED : r->types[x].class;

	if (c == EV_FC_ANY || c == EV_FC_BOOL || (c != EV_FC_TEXT && x >= 0 && ev_fold_on(r, EV_SQLITE)))
		return x;
	return x < 0 ? -1 : ev_fold_refuse(r, "a condition is neither true nor false");
}

int ev_fold_logic(struct ev_fold_reader *r, enum ev_fx_kind kind, int left, int right)
{
	struct ev_fx x = { .kind = kind, .class = EV_FC_BOOL, .left = (size_t)left };
	struct ev_fold_type t;

	if (kind != EV_FX_AND && kind != EV_FX_OR)
		right = left;
	if (left < 0 || right < 0 ||
	    (kind != EV_FX_ISNULL && (ev_fold_truth(r, left) < 0 || ev_fold_truth(r, right) < 0)))
		return -1;
	x.right = (size_t)right;
	t = r->types[left];
	t.rows |= r->types[right].rows;
	t.fixed &= r->types[right].fixed;
	return ev_fold_add(r, x, truth_of(r, &t));
}

int ev_fold_choice(struct ev_fold_reader *r, enum ev_fx_kind kind, int test, int left, int right)
{
	struct ev_fx x = { .kind = kind, .left = (size_t)left, .right = (size_t)right };
	struct ev_fold_type t;

	if (!join(r, left, right, &t))
		return -1;
	if ((kind == EV_FX_MIN || kind == EV_FX_MAX) && !sorts(r, &t))
		return ev_fold_refuse(r, "texts are compared that do not sort by their bytes (COLLATE \"C\")");
	if (kind == EV_FX_IF) {
		if (ev_fold_truth(r, test) < 0)
			return -1;
		x.other = (size_t)right;
		x.right = (size_t)left;
		x.left = (size_t)test;
		t.rows |= r->types[test].rows;
		t.fixed &= r->types[test].fixed;
	}
	x.class = t.class;
	x.dates = t.dates && kind == EV_FX_SAME;
	return ev_fold_add(r, x, kind == EV_FX_SAME ? truth_of(r, &t) : t);
}

/* What PostgreSQL makes of a constant it knows before it looks at a row, and so whether the column holds it. */
static bool constant_fits(struct ev_fold_reader *r, size_t column, int x)
{
	struct ev_fv v;

	if (!r->types[x].fixed || ev_fold_on(r, EV_SQLITE))
		return true;
	v = ev_fold_eval(r->f, r->out, (size_t)x, NULL, NULL, NULL);
	if (v.kind != EV_FV_NULL && !ev_fold_fits(r->f, &r->table->columns[column], &v)) {
		ev_fold_refuse(r, "a column is given a constant that it does not hold");
		return false;
	}
	return true;
}

/* Could a value of it ever be one that the column holds as it is? Else each event would go to the store. */
bool ev_fold_assignable(struct ev_fold_reader *r, size_t column, int x)
{
	enum ev_fold_class c = r->table->columns[column].class, from = r->types[x].class;
	bool sqlite = ev_fold_on(r, EV_SQLITE), dates = r->table->columns[column].dates;
	bool fits = from == EV_FC_ANY || c == from;

	fits |= c == EV_FC_NUMERIC && (from == EV_FC_INT || from == EV_FC_REAL || (from == EV_FC_TEXT && dates));
	fits |= sqlite && c == EV_FC_REAL && (from == EV_FC_INT || from == EV_FC_NUMERIC);
	fits |= sqlite && c == EV_FC_INT && from == EV_FC_NUMERIC;
	if (!fits || c == EV_FC_CARRIED)
		ev_fold_refuse(r, "a column is given a value of another type, or of one that is not folded");
	return fits && c != EV_FC_CARRIED && constant_fits(r, column, x);
}
