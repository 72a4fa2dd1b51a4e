/*
 * eval.c - expressions computed
 *
 * Every part of an expression is computed, also where the store would pass over it: what is in doubt anywhere
 * is in doubt as a whole, and goes to the store. (PostgreSQL, too, may compute what it does not need: a plan
 * for given parameters finds their faults before it looks at a row.)
 */
#include "fold/eval.h"

static const struct ev_fv doubt = { .kind = EV_FV_DOUBT };
static const struct ev_fv null = { .kind = EV_FV_NULL };

/* Of a condition: 0 false, 1 true, EV_UNKNOWN, EV_UNSURE. */
static int truth(const struct ev_fv *v)
{
	switch (v->kind) {
	case EV_FV_NULL:
		return EV_UNKNOWN;
	case EV_FV_INT:
	case EV_FV_BOOL:
		return v->i != 0;
	case EV_FV_REAL:
		return ev_fv_real(v) != 0;
	default:
		return EV_UNSURE;
	}
}

static struct ev_fv of_truth(const struct ev_fold *f, int truth)
{
	if (truth == EV_UNSURE)
		return doubt;
	if (truth == EV_UNKNOWN)
		return null;
	return (struct ev_fv){ .kind = f->store->ops->dialect == EV_SQLITE ? EV_FV_INT : EV_FV_BOOL, .i = truth };
}

static int both(int l, int r)
{
	if (l == EV_UNSURE || r == EV_UNSURE)
		return EV_UNSURE;
	if (l == 0 || r == 0)
		return 0;
	return l == EV_UNKNOWN || r == EV_UNKNOWN ? EV_UNKNOWN : 1;
}

static int negated(int t)
{
	return t == 0 || t == 1 ? !t : t;
}

/* A column that is NUMERIC to SQLite would make numbers of texts that look like some. */
static bool texts_stay(const struct ev_fx *x, const struct ev_fv *l, const struct ev_fv *r)
{
	return !x->dates || (memchr(l->text.ptr, ':', l->text.len) && memchr(r->text.ptr, ':', r->text.len));
}

static int order(const struct ev_fold *f, const struct ev_fx *x, const struct ev_fv *l, const struct ev_fv *r)
{
	if (l->kind == EV_FV_NULL || r->kind == EV_FV_NULL)
		return EV_UNKNOWN;
	if (l->kind == r->kind && (l->kind == EV_FV_INT || l->kind == EV_FV_BOOL))
		return (l->i > r->i) - (l->i < r->i);
	if (x->class == EV_FC_TIME)
		return ev_fold_order_moments(l->text, r->text);
	if (l->kind < EV_FV_TEXT && r->kind < EV_FV_TEXT)
		return f->store->ops->dialect == EV_SQLITE ? ev_fold_order_reals(l, r)
							   : ev_fold_order_decimals(l, r);
	if (ev_fv_is_text(l) && ev_fv_is_text(r) && texts_stay(x, l, r)) {
		int by = ev_slice_cmp(l->text, r->text);

		return (by > 0) - (by < 0);
	}
	return EV_UNSURE;
}

static int compared(const struct ev_fold *f, const struct ev_fx *x, const struct ev_fv *l, const struct ev_fv *r)
{
	int by = order(f, x, l, r);

	return by == EV_UNKNOWN || by == EV_UNSURE ? by : (int)(x->index >> (by + 1) & 1);
}

/* IS NOT DISTINCT FROM */
static int same(const struct ev_fold *f, const struct ev_fx *x, const struct ev_fv *l, const struct ev_fv *r)
{
	int by = order(f, x, l, r);

	if (by == EV_UNKNOWN)
		return l->kind == r->kind;
	return by == EV_UNSURE ? by : by == 0;
}

static bool in_type(const struct ev_fx *x, int64_t i)
{
	return i >= x->min && i <= x->max;
}

static struct ev_fv whole(const struct ev_fx *x, const struct ev_fv *l, const struct ev_fv *r)
{
	struct ev_fv v = { .kind = EV_FV_INT };
	bool over;

	if (!in_type(x, l->i) || !in_type(x, r->i))
		return doubt;
	if (x->kind == EV_FX_ADD)
		over = __builtin_add_overflow(l->i, r->i, &v.i);
	else if (x->kind == EV_FX_SUB)
		over = __builtin_sub_overflow(l->i, r->i, &v.i);
	else
		over = __builtin_mul_overflow(l->i, r->i, &v.i);
	return over || !in_type(x, v.i) ? doubt : v;
}

static struct ev_fv arithmetic(const struct ev_fold *f, const struct ev_fx *x, const struct ev_fv *l,
			       const struct ev_fv *r)
{
	if (ev_fv_has_text(l->kind) || ev_fv_has_text(r->kind))
		return doubt;
	if (l->kind == EV_FV_NULL || r->kind == EV_FV_NULL)
		return null;
	if (x->class == EV_FC_NUMERIC && f->store->ops->dialect == EV_POSTGRESQL)
		return ev_fold_decimals(x->kind, l, r);
	if (l->kind == EV_FV_INT && r->kind == EV_FV_INT)
		return whole(x, l, r);
	return ev_fold_reals(x->kind, l, r);
}

/*
 * SQLite's min and max are NULL when one is, PostgreSQL's least and greatest pass over it. Of equals the first
 * is taken, but for SQLite's min, which takes the last.
 */
static const struct ev_fv *extreme(const struct ev_fold *f, const struct ev_fx *x, const struct ev_fv *l,
				   const struct ev_fv *r)
{
	bool sqlite = f->store->ops->dialect == EV_SQLITE;
	int by;

	if (l->kind == EV_FV_NULL)
		return sqlite ? l : r;
	if (r->kind == EV_FV_NULL)
		return sqlite ? r : l;
	by = order(f, x, l, r);
	if (by == EV_UNSURE)
		return &doubt;
	if (x->kind == EV_FX_MAX)
		return by < 0 ? r : l;
	return by > 0 || (by == 0 && sqlite) ? r : l;
}

static struct ev_fv compute(const struct ev_fold *f, const struct ev_fx *x, const struct ev_fv *l,
			    const struct ev_fv *r)
{
	switch (x->kind) {
	case EV_FX_ADD:
	case EV_FX_SUB:
	case EV_FX_MUL:
		return arithmetic(f, x, l, r);
	case EV_FX_COMPARE:
		return of_truth(f, compared(f, x, l, r));
	case EV_FX_SAME:
		return of_truth(f, same(f, x, l, r));
	case EV_FX_AND:
		return of_truth(f, both(truth(l), truth(r)));
	case EV_FX_OR:
		return of_truth(f, negated(both(negated(truth(l)), negated(truth(r)))));
	case EV_FX_NOT:
		return of_truth(f, negated(truth(l)));
	case EV_FX_ISNULL:
		return of_truth(f, l->kind == EV_FV_NULL);
	case EV_FX_ISTRUE:
		return of_truth(f, truth(l) == EV_UNKNOWN ? 0 : truth(l));
	case EV_FX_LIKE:
		return of_truth(f, ev_fold_like(f->store->ops->dialect, l, x->value.text));
	case EV_FX_SUBSTR:
		return ev_fold_substr(x, l);
	case EV_FX_LENGTH:
		return ev_fold_length(l);
	default:
		return doubt;
	}
}

static const struct ev_fv *choose(const struct ev_fv *test, const struct ev_fv *then, const struct ev_fv *other)
{
	int t = truth(test);

	if (t == EV_UNSURE)
		return &doubt;
	return t == 1 ? then : other;
}

/* The value of one node, those of its operands in `at`; `out` is room for one that is computed. */
static const struct ev_fv *step(const struct ev_fold *f, const struct ev_fx *x, const struct ev_fv *const *at,
				size_t first, struct ev_fv *out, const struct ev_fold_input *in)
{
	switch (x->kind) {
	case EV_FX_CONST:
		return &x->value;
	case EV_FX_PARAM:
		return &in->params[x->index];
	case EV_FX_OLD:
		return in->old ? &in->old[x->index] : &doubt;
	case EV_FX_NEW:
		return in->fresh ? &in->fresh[x->index] : &doubt;
	case EV_FX_COALESCE:
		return at[(at[x->left - first]->kind == EV_FV_NULL ? x->right : x->left) - first];
	case EV_FX_IF:
		return choose(at[x->left - first], at[x->right - first], at[x->other - first]);
	case EV_FX_MIN:
	case EV_FX_MAX:
		return extreme(f, x, at[x->left - first], at[x->right - first]);
	default:
		*out = compute(f, x, at[x->left - first], at[x->right - first]);
		return out;
	}
}

struct ev_fv ev_fold_compute(const struct ev_fold *f, const struct ev_fold_statement *s, size_t expr,
			     const struct ev_fv *params, const struct ev_fv *old, const struct ev_fv *fresh)
{
	const struct ev_fold_input in = { params, old, fresh };
	size_t first = s->expr[expr].first, n = expr - first;
	const struct ev_fv *at[EV_FX_MOST];
	struct ev_fv room[EV_FX_MOST];

	if (!n)
		return *step(f, &s->expr[expr], NULL, 0, NULL, &in);
	for (size_t i = 0; i <= n; i++) {
		at[i] = step(f, &s->expr[first + i], at, first, &room[i], &in);
		if (at[i]->kind == EV_FV_DOUBT)
			return doubt;
	}
	return *at[n];
}

int ev_fold_holds(const struct ev_fold *f, const struct ev_fold_statement *s, const struct ev_fv *params,
		  const struct ev_fv *old, const struct ev_fv *fresh)
{
	int holds = 1;

	for (size_t i = 0; i < s->nconds; i++) {
		struct ev_fv v = ev_fold_eval(f, s, s->conds[i], params, old, fresh);
		int t = truth(&v);

		if (t == EV_UNSURE)
			return -1;
		holds &= t == 1;
	}
	return holds;
}

bool ev_fold_obeys(const struct ev_fold *f, const struct ev_fold_table *t, const struct ev_fv *row)
{
	for (size_t i = 0; i < t->rules->nconds; i++) {
		struct ev_fv v = ev_fold_eval(f, t->rules, t->rules->conds[i], NULL, row, NULL);
		int holds = truth(&v);

		if (holds == 0 || holds == EV_UNSURE) /* unknown is no breach */
			return false;
	}
	return true;
}
