/* eval.c - values: what they are, what they become, and whether a column holds them as they are */
#include "fold/internal.h"

static const struct ev_fv doubt = { .kind = EV_FV_DOUBT };

bool ev_fold_same(const struct ev_fv *a, const struct ev_fv *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == EV_FV_INT || a->kind == EV_FV_BOOL)
		return a->i == b->i;
	return ev_slice_eq(a->text, b->text);
}

struct ev_fv ev_fold_value(struct ev_arena *a, const struct ev_bind *b, enum ev_dialect d)
{
	struct ev_fv v = { .kind = EV_FV_NULL };

	switch (b->kind) {
	case EV_BIND_NULL:
		return v;
	case EV_BIND_BOOL:
		v.kind = d == EV_SQLITE ? EV_FV_INT : EV_FV_BOOL;
		v.i = b->i;
		return v;
	case EV_BIND_INT:
		v.kind = EV_FV_INT;
		v.i = b->i;
		return v;
	case EV_BIND_TEXT:
	case EV_BIND_JSON:
	case EV_BIND_TIME:
		if (b->text.len && memchr(b->text.ptr, '\0', b->text.len))
			return doubt;
		v.kind = b->kind == EV_BIND_TIME && d == EV_POSTGRESQL ? EV_FV_TIME : EV_FV_TEXT;
		v.text = a ? ev_arena_copy(a, b->text) : b->text;
		return v;
	default:
		return doubt;
	}
}

bool ev_fold_fits(const struct ev_fold *f, const struct ev_fold_column *c, const struct ev_fv *v)
{
	if (v->kind == EV_FV_NULL)
		return !c->not_null;
	switch (c->class) {
	case EV_FC_INT:
		return v->kind == EV_FV_INT && v->i >= c->min && v->i <= c->max;
	case EV_FC_BOOL:
		return v->kind == EV_FV_BOOL;
	case EV_FC_TEXT:
		/* a time bound to a text column is its text */
		return v->kind == EV_FV_TEXT || (v->kind == EV_FV_TIME && f->store->ops->dialect == EV_POSTGRESQL);
	case EV_FC_TIME:
		return v->kind == EV_FV_TIME && v->text.len && v->text.ptr[0] != '0';
	default:
		return false;
	}
}

bool ev_fold_binds(const struct ev_fold *f, const struct ev_fold_statement *s, const struct ev_fv *params)
{
	for (size_t i = 0; i < s->nexpr; i++) {
		const struct ev_fx *x = &s->expr[i];
		struct ev_fold_column type = { .class = x->class, .min = x->min, .max = x->max };

		if (x->kind != EV_FX_PARAM)
			continue;
		if (f->store->ops->dialect == EV_SQLITE ? params[x->index].kind == EV_FV_DOUBT
							: !ev_fold_fits(f, &type, &params[x->index]))
			return false;
	}
	return true;
}

static struct ev_fv arithmetic(const struct ev_fx *x, struct ev_fv l, struct ev_fv r)
{
	struct ev_fv v = { .kind = EV_FV_INT };
	bool over;

	if (l.kind == EV_FV_NULL || r.kind == EV_FV_NULL) {
		bool other_fits = (l.kind == EV_FV_NULL || l.kind == EV_FV_INT) &&
				  (r.kind == EV_FV_NULL || r.kind == EV_FV_INT);

		v.kind = EV_FV_NULL;
		return other_fits ? v : doubt;
	}
	if (l.kind != EV_FV_INT || r.kind != EV_FV_INT || l.i < x->min || l.i > x->max || r.i < x->min ||
	    r.i > x->max)
		return doubt;
	over = x->kind == EV_FX_ADD ? __builtin_add_overflow(l.i, r.i, &v.i)
				    : __builtin_sub_overflow(l.i, r.i, &v.i);
	return over || v.i < x->min || v.i > x->max ? doubt : v;
}

/* SQLite's min and max of two are NULL when one is; PostgreSQL's least and greatest pass over it. */
static struct ev_fv extreme(const struct ev_fold *f, const struct ev_fx *x, struct ev_fv l, struct ev_fv r)
{
	bool null = l.kind == EV_FV_NULL || r.kind == EV_FV_NULL;

	if (null && f->store->ops->dialect == EV_SQLITE)
		return (struct ev_fv){ .kind = EV_FV_NULL };
	if (null)
		return l.kind == EV_FV_NULL ? r : l;
	if (l.kind != EV_FV_INT || r.kind != EV_FV_INT || l.i < x->min || l.i > x->max || r.i < x->min ||
	    r.i > x->max)
		return doubt;
	return (l.i < r.i) == (x->kind == EV_FX_MIN) ? l : r;
}

struct ev_fv ev_fold_eval(const struct ev_fold *f, const struct ev_fold_statement *s, size_t expr,
			  const struct ev_fv *params, const struct ev_fv *old, const struct ev_fv *fresh)
{
	const struct ev_fx *x = &s->expr[expr];
	struct ev_fv l, r;

	switch (x->kind) {
	case EV_FX_CONST:
		return x->value;
	case EV_FX_PARAM:
		return params[x->index];
	case EV_FX_OLD:
		return old ? old[x->index] : doubt;
	case EV_FX_NEW:
		return fresh ? fresh[x->index] : doubt;
	default:
		break;
	}
	l = ev_fold_eval(f, s, x->left, params, old, fresh);
	if (l.kind == EV_FV_DOUBT)
		return doubt;
	r = ev_fold_eval(f, s, x->right, params, old, fresh);
	if (r.kind == EV_FV_DOUBT)
		return doubt;
	switch (x->kind) {
	case EV_FX_ADD:
	case EV_FX_SUB:
		return arithmetic(x, l, r);
	case EV_FX_MIN:
	case EV_FX_MAX:
		return extreme(f, x, l, r);
	default: /* COALESCE: of one kind, as the store wants one type */
		if (l.kind != EV_FV_NULL && r.kind != EV_FV_NULL && l.kind != r.kind)
			return doubt;
		return l.kind == EV_FV_NULL ? r : l;
	}
}
