/* plan_call.c - calls, CASE and LIKE; see plan.h */
#include <stdint.h>

#include "fold/plan.h"

#define MOST_WHENS 40

/* Behind `f(`: a, b, ... ) as f(f(a, b), ...) */
static int read_choices(struct ev_fold_reader *r, enum ev_fx_kind kind, int least)
{
	int x = ev_fold_read_expr(r), n = 1;

	for (; x >= 0 && ev_fold_take(r, ","); n++) {
		int y = ev_fold_read_expr(r);

		x = y < 0 ? -1 : ev_fold_choice(r, kind, -1, x, y);
	}
	return x >= 0 && n >= least && ev_fold_take(r, ")") ? x : -1;
}

/* nullif(a, b): CASE WHEN a = b THEN NULL ELSE a END */
static int read_nullif(struct ev_fold_reader *r)
{
	int a = ev_fold_read_expr(r), b = a >= 0 && ev_fold_take(r, ",") ? ev_fold_read_expr(r) : -1;
	int same = b < 0 || !ev_fold_take(r, ")") ? -1 : ev_fold_compare(r, 2, a, b);
	int none = same < 0 ? -1 : ev_fold_read_null(r);

	return none < 0 ? -1 : ev_fold_choice(r, EV_FX_IF, same, none, a);
}

static int text_operand(struct ev_fold_reader *r, int x)
{
	enum ev_fold_class c = x < 0 ? EV_FC_CARRIED : r->types[x].class;

	if (c == EV_FC_TEXT || (c == EV_FC_ANY && ev_fold_on(r, EV_SQLITE)))
		return x;
	return x < 0 ? -1 : ev_fold_refuse(r, "a function of texts is given something else");
}

static int of_text(struct ev_fold_reader *r, struct ev_fx x, int operand, struct ev_fold_type t)
{
	x.left = x.right = (size_t)operand;
	t.rows = r->types[operand].rows;
	t.fixed = r->types[operand].fixed;
	return ev_fold_add(r, x, t);
}

/* Behind `substr(`: x, 1, 10) */
static int read_substr(struct ev_fold_reader *r)
{
	struct ev_fx x = { .kind = EV_FX_SUBSTR, .class = EV_FC_TEXT, .max = INT32_MAX };
	int of = text_operand(r, ev_fold_read_expr(r));
	struct ev_fold_type t = { .class = EV_FC_TEXT };

	if (of < 0 || !ev_fold_take(r, ",") || !ev_fold_digits(r->t[r->at].text, &x.min))
		return -1;
	r->at++;
	if (ev_fold_take(r, ",") && (!ev_fold_digits(r->t[r->at++].text, &x.max)))
		return -1;
	if (x.min < 1 || x.min > INT32_MAX || x.max > INT32_MAX || !ev_fold_take(r, ")"))
		return -1;
	t.collation = r->types[of].collation;
	t.bytewise = r->types[of].bytewise;
	return of_text(r, x, of, t);
}

static int read_length(struct ev_fold_reader *r)
{
	struct ev_fx x = { .kind = EV_FX_LENGTH, .class = EV_FC_INT };
	int of = text_operand(r, ev_fold_read_expr(r));

	if (of < 0 || !ev_fold_take(r, ")"))
		return -1;
	return of_text(r, x, of, (struct ev_fold_type){ .class = EV_FC_INT, .min = INT32_MIN, .max = INT32_MAX });
}

int ev_fold_read_like(struct ev_fold_reader *r, int x)
{
	struct ev_fx like = { .kind = EV_FX_LIKE, .class = EV_FC_TEXT };
	int pattern = -1;

	if (text_operand(r, x) < 0 || r->t[r->at].kind != EV_TOKEN_STRING)
		return -1;
	pattern = ev_fold_read_string(r);
	if (pattern >= 0 && ev_fold_on(r, EV_POSTGRESQL) && ev_fold_take(r, "::") && !ev_fold_take(r, "text"))
		return -1;
	if (pattern < 0 || strpbrk(r->out->expr[pattern].value.text.ptr, "_\\"))
		return ev_fold_refuse(r, "only % is understood in the pattern of LIKE");
	like.value = r->out->expr[pattern].value;
	return of_text(r, like, x, (struct ev_fold_type){ .class = ev_fold_on(r, EV_SQLITE) ? EV_FC_INT : EV_FC_BOOL,
							  .max = ev_fold_on(r, EV_SQLITE) });
}

int ev_fold_read_call(struct ev_fold_reader *r)
{
	static const struct { const char *name; enum ev_fx_kind kind; int least, dialect; } calls[] = {
		{ "coalesce", EV_FX_COALESCE, 2, -1 }, { "ifnull", EV_FX_COALESCE, 2, EV_SQLITE },
		{ "min", EV_FX_MIN, 2, EV_SQLITE }, { "max", EV_FX_MAX, 2, EV_SQLITE },
		{ "least", EV_FX_MIN, 1, EV_POSTGRESQL }, { "greatest", EV_FX_MAX, 1, EV_POSTGRESQL },
	};
	static const struct { const char *name; int (*read)(struct ev_fold_reader *r); } others[] = {
		{ "nullif", read_nullif }, { "substr", read_substr }, { "substring", read_substr },
		{ "length", read_length },
	};
	size_t name = r->at;

	r->at += 2;
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (ev_token_is(r->t[name], calls[i].name) &&
		    (calls[i].dialect < 0 || ev_fold_on(r, (enum ev_dialect)calls[i].dialect)))
			return read_choices(r, calls[i].kind, calls[i].least);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (ev_token_is(r->t[name], others[i].name))
			return others[i].read(r);
	r->at = name;
	return ev_fold_refuse(r, NULL);
}

/* WHEN a THEN x ... ELSE y END; `of` is what stands behind CASE, or -1 */
static int read_whens(struct ev_fold_reader *r, int of)
{
	int test, then, other;

	if (ev_fold_take(r, "else")) {
		other = ev_fold_read_expr(r);
		return other >= 0 && ev_fold_take(r, "end") ? other : -1;
	}
	if (ev_fold_take(r, "end"))
		return ev_fold_read_null(r);
	if (!ev_fold_take(r, "when") || ++r->depth > MOST_WHENS)
		return -1;
	test = ev_fold_read_expr(r);
	if (test >= 0 && of >= 0)
		test = ev_fold_compare(r, 2, of, test);
	if (test < 0 || !ev_fold_take(r, "then"))
		return -1;
	then = ev_fold_read_expr(r);
	other = then < 0 ? -1 : read_whens(r, of);
	r->depth--;
	return other < 0 ? -1 : ev_fold_choice(r, EV_FX_IF, test, then, other);
}

int ev_fold_read_case(struct ev_fold_reader *r)
{
	int of = ev_fold_at(r, "when") ? -1 : ev_fold_read_expr(r);

	return of < 0 && !ev_fold_at(r, "when") ? -1 : read_whens(r, of);
}
