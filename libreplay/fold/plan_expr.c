/* plan_expr.c - the grammar of expressions that fold, from OR down to unary minus; see plan.h */
#include "fold/plan.h"

#define DEEPEST 40

/* BETWEEN low AND high: x >= low AND x <= high */
static int read_between(struct ev_fold_reader *r, int x)
{
	int low = ev_fold_read_operand(r), high, above;

	if (low < 0 || !ev_fold_take(r, "and"))
		return -1;
	above = ev_fold_compare(r, 2 | 4, x, low);
	high = above < 0 ? -1 : ev_fold_read_operand(r);
	if (high < 0)
		return -1;
	return ev_fold_logic(r, EV_FX_AND, above, ev_fold_compare(r, 1 | 2, x, high));
}

/* (a, b, ...), or what PostgreSQL makes of it: = ANY (ARRAY[a, b, ...]); x = a OR x = b OR ... */
static int read_list(struct ev_fold_reader *r, int x, const char *end)
{
	int any = -1;

	do {
		int one = ev_fold_read_operand(r), same = one < 0 ? -1 : ev_fold_compare(r, 2, x, one);

		if (same < 0)
			return -1;
		any = any < 0 ? same : ev_fold_logic(r, EV_FX_OR, any, same);
		if (any < 0)
			return -1;
	} while (ev_fold_take(r, ","));
	return ev_fold_take(r, end) ? any : -1;
}

/* Behind = ANY or <> ALL: (ARRAY[...]), perhaps with a cast to text[] around it. */
static int read_array(struct ev_fold_reader *r, int x)
{
	bool cast;
	int any;

	if (!ev_fold_take(r, "("))
		return -1;
	cast = ev_fold_take(r, "(");
	if (!ev_fold_take(r, "array") || !ev_fold_take(r, "["))
		return -1;
	any = read_list(r, x, "]");
	if (any >= 0 && cast &&
	    !(ev_fold_take(r, ")") && ev_fold_take(r, "::") && ev_fold_take(r, "text") && ev_fold_take(r, "[") &&
	      ev_fold_take(r, "]")))
		return -1;
	return any >= 0 && ev_fold_take(r, ")") ? any : -1;
}

/* Behind IS: [NOT] NULL | TRUE | FALSE | DISTINCT FROM y */
static int read_is(struct ev_fold_reader *r, int x)
{
	bool not = ev_fold_take(r, "not");
	int y;

	if (ev_fold_take(r, "null")) {
		x = ev_fold_logic(r, EV_FX_ISNULL, x, x);
	} else if (ev_fold_take(r, "true")) {
		x = ev_fold_logic(r, EV_FX_ISTRUE, ev_fold_truth(r, x), x);
	} else if (ev_fold_take(r, "false")) {
		x = ev_fold_logic(r, EV_FX_NOT, ev_fold_truth(r, x), x);
		x = ev_fold_logic(r, EV_FX_ISTRUE, x, x);
	} else if (ev_fold_take(r, "distinct") && ev_fold_take(r, "from")) {
		y = ev_fold_read_operand(r);
		x = y < 0 ? -1 : ev_fold_choice(r, EV_FX_SAME, -1, x, y);
		not = !not;
	} else {
		return -1;
	}
	return not ? ev_fold_logic(r, EV_FX_NOT, x, x) : x;
}

static int read_compared(struct ev_fold_reader *r, int x)
{
	static const struct { const char *op; size_t outcomes; } ops[] = {
		{ "=", 2 }, { "==", 2 }, { "<>", 1 | 4 }, { "!=", 1 | 4 },
		{ "<", 1 }, { "<=", 1 | 2 }, { ">", 4 }, { ">=", 2 | 4 },
	};

	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		int y;

		if (!ev_fold_take(r, ops[i].op))
			continue;
		if (ops[i].outcomes == 2 && ev_fold_take(r, "any"))
			return read_array(r, x);
		if (ops[i].outcomes == 5 && ev_fold_take(r, "all"))
			return ev_fold_logic(r, EV_FX_NOT, read_array(r, x), 0);
		y = ev_fold_read_operand(r);
		return y < 0 ? -1 : ev_fold_compare(r, ops[i].outcomes, x, y);
	}
	return x;
}

/* At most one comparison: the stores do not agree on what a row of them means. */
static int read_predicate(struct ev_fold_reader *r)
{
	int x = ev_fold_read_operand(r), y;
	bool not;

	if (x < 0)
		return -1;
	if (ev_fold_take(r, "is"))
		return read_is(r, x);
	if (ev_fold_take(r, "isnull"))
		return ev_fold_logic(r, EV_FX_ISNULL, x, x);
	if (ev_fold_take(r, "notnull"))
		return ev_fold_logic(r, EV_FX_NOT, ev_fold_logic(r, EV_FX_ISNULL, x, x), 0);
	not = ev_fold_take(r, "not");
	if (ev_fold_take(r, "in"))
		y = ev_fold_take(r, "(") ? read_list(r, x, ")") : -1;
	else if (ev_fold_take(r, "between"))
		y = read_between(r, x);
	else if (ev_fold_take(r, "like") || (!not && ev_fold_take(r, "~~")))
		y = ev_fold_read_like(r, x);
	else
		return not ? -1 : read_compared(r, x);
	return not ? ev_fold_logic(r, EV_FX_NOT, y, y) : y;
}

int ev_fold_read_condition(struct ev_fold_reader *r)
{
	size_t nots = 0;
	int x;

	while (ev_fold_take(r, "not"))
		nots++;
	x = read_predicate(r);
	for (; nots && x >= 0; nots--)
		x = ev_fold_logic(r, EV_FX_NOT, ev_fold_truth(r, x), x);
	return x;
}

static int read_and(struct ev_fold_reader *r)
{
	int x = ev_fold_read_condition(r);

	while (x >= 0 && ev_fold_take(r, "and"))
		x = ev_fold_logic(r, EV_FX_AND, x, ev_fold_read_condition(r));
	return x;
}

int ev_fold_read_expr(struct ev_fold_reader *r)
{
	int x;

	if (++r->depth > DEEPEST)
		return ev_fold_refuse(r, "an expression is nested too deeply");
	x = read_and(r);
	while (x >= 0 && ev_fold_take(r, "or"))
		x = ev_fold_logic(r, EV_FX_OR, x, read_and(r));
	r->depth--;
	return x;
}

static int read_unary(struct ev_fold_reader *r)
{
	int signs = 0, minus = 0, x;

	for (; ev_fold_at(r, "-") || ev_fold_at(r, "+"); r->at++, signs++)
		minus += ev_fold_at(r, "-");
	if (signs > 1) /* the least of integers has no negative, and a text becomes a number */
		return ev_fold_refuse(r, "a sign of a sign is not folded");
	x = ev_fold_read_leaf(r);
	while (x >= 0 && ev_fold_take(r, "::"))
		x = ev_fold_read_cast(r, x);
	return minus && x >= 0 ? ev_fold_negate(r, x) : x;
}

static int read_product(struct ev_fold_reader *r)
{
	int x = read_unary(r);

	while (x >= 0 && ev_fold_take(r, "*"))
		x = ev_fold_arithmetic(r, EV_FX_MUL, x, read_unary(r));
	return x;
}

int ev_fold_read_operand(struct ev_fold_reader *r)
{
	int x = read_product(r);

	while (x >= 0 && (ev_fold_at(r, "+") || ev_fold_at(r, "-"))) {
		enum ev_fx_kind kind = ev_fold_at(r, "+") ? EV_FX_ADD : EV_FX_SUB;

		r->at++;
		x = ev_fold_arithmetic(r, kind, x, read_product(r));
	}
	return x;
}
