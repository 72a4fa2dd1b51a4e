/*
 * fold_expr.h - random expressions for fold_test.c, of the kinds that fold and of some that do not
 *
 * They are written for one dialect. Columns are named with their table, as both dialects want in DO UPDATE.
 */
#ifndef EV_FOLD_EXPR_H
#define EV_FOLD_EXPR_H

#include "test.h"

#include "base/buf.h"

struct exprs {
	uint64_t *seed;
	struct ev_buf *out;
	bool pg;
	int table;    /* its number; -1: no row may be named */
	bool merging; /* excluded may be named */
	bool bare;    /* no parameter may be: a CHECK */
};

static void add_number(struct exprs *e, int depth);
static void add_text(struct exprs *e, int depth);
static void add_test(struct exprs *e, int depth);

static uint64_t e_pick(struct exprs *e, uint64_t n)
{
	return test_rand(e->seed) % n;
}

static void e_add(struct exprs *e, const char *s)
{
	ev_buf_adds(e->out, s);
}

static void add_any(struct exprs *e, const char *const *list, size_t n)
{
	e_add(e, list[e_pick(e, n)]);
}
#define ADD_ANY(e, ...) \
	add_any(e, (const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void add_column(struct exprs *e, const char *name)
{
	if (e->merging && e_pick(e, 2))
		ev_buf_addf(e->out, "excluded.%s", name);
	else
		ev_buf_addf(e->out, "t%d.%s", e->table, name);
}

typedef void (*adder)(struct exprs *e, int depth);

/* CASE, coalesce and the like, of values that `add` gives. */
static void add_choice(struct exprs *e, int depth, adder add)
{
	size_t n = 1 + e_pick(e, 3);

	switch (e_pick(e, 5)) {
	case 0:
		e_add(e, "coalesce(");
		for (size_t i = 0; i <= n; i++, e_add(e, i <= n ? ", " : ")"))
			add(e, depth);
		return;
	case 1:
		e_add(e, "nullif(");
		add(e, depth);
		e_add(e, ", ");
		add(e, depth);
		e_add(e, ")");
		return;
	case 2:
		if (e->pg)
			ADD_ANY(e, "least(", "greatest(");
		else
			ADD_ANY(e, "min(", "max(");
		for (size_t i = 0; i <= n; i++, e_add(e, i <= n ? ", " : ")"))
			add(e, depth);
		return;
	case 3:
		e_add(e, "CASE ");
		add_number(e, 0);
		break;
	default:
		e_add(e, "CASE");
	}
	for (bool simple = e->out->data[e->out->len - 1] != 'E'; n; n--) {
		e_add(e, " WHEN ");
		(simple ? add_number : add_test)(e, simple ? 0 : depth);
		e_add(e, " THEN ");
		add(e, depth);
	}
	if (e_pick(e, 3)) {
		e_add(e, " ELSE ");
		add(e, depth);
	}
	e_add(e, " END");
}

static void add_number(struct exprs *e, int depth)
{
	if (depth > 0 && e_pick(e, 2)) {
		add_choice(e, depth - 1, add_number);
		return;
	}
	if (depth > 0 && e_pick(e, 2)) {
		e_add(e, "(");
		add_number(e, depth - 1);
		ADD_ANY(e, " + ", " - ", " + ", " * ", " - ");
		add_number(e, depth - 1);
		e_add(e, ")");
		return;
	}
	if (depth > 0 && e_pick(e, 4) == 0) {
		ADD_ANY(e, "-", "length(");
		if (e->out->data[e->out->len - 1] == '-')
			add_number(e, 0);
		else
			add_text(e, 0), e_add(e, ")");
		return;
	}
	if (e->table >= 0 && e_pick(e, 2)) {
		add_column(e, e_pick(e, 2) ? "a" : "b");
		return;
	}
	if (e->bare)
		ADD_ANY(e, "0", "1", "7", "-3", "100", e->pg ? "NULL::int" : "NULL");
	else if (e->pg) /* which calls NULL and what it cannot tell text */
		ADD_ANY(e, "$.a::int", "$.b::bigint", "$.a::int", "$.a", "0", "1", "(-1)", "7", "40000", "2147483647",
			"3000000000", "NULL::int", ":offset::bigint");
	else
		ADD_ANY(e, "$.a", "$.b", "$.a", "0", "1", "(-1)", "7", "40000", "2147483647", "3000000000",
			"NULL", ":offset");
}

/* A fraction: exact to PostgreSQL, a double to SQLite. */
static void add_fraction(struct exprs *e, int depth)
{
	if (depth > 0 && e_pick(e, 3) == 0) {
		add_choice(e, depth - 1, add_fraction);
		return;
	}
	if (depth > 0 && e_pick(e, 3)) {
		ADD_ANY(e, "(", "(", "-(");
		add_fraction(e, depth - 1);
		ADD_ANY(e, " + ", " - ", " + ", " * ", " - ");
		add_fraction(e, depth - 1);
		e_add(e, ")");
		return;
	}
	if (depth > 0 && e->pg && e_pick(e, 2)) { /* arithmetic of integers under a cast */
		e_add(e, "(");
		add_number(e, depth - 1);
		e_add(e, ")::numeric");
		return;
	}
	if (e->table >= 0 && e_pick(e, 2)) {
		add_column(e, e_pick(e, 4) ? "n" : "a");
		return;
	}
	if (e->bare)
		ADD_ANY(e, "0.5", "100.25", "-0.001", "7", e->pg ? "NULL::numeric" : "NULL");
	else if (e->pg)
		ADD_ANY(e, "$.n::numeric", "$.n::numeric", "1.10", "0.5", "-2.25", "0.001", "2.20", "3",
			"NULL::numeric", "$.a::int");
	else
		ADD_ANY(e, "$.n", "$.n", "1.10", "0.5", "-2.25", "0.001", "2.20", "3", "NULL", "$.a");
}

static void add_moment(struct exprs *e, int depth)
{
	if (depth > 0 && e_pick(e, 2))
		add_choice(e, depth - 1, add_moment);
	else if (e->table >= 0 && (e->bare || e_pick(e, 2)))
		add_column(e, "at");
	else
		e_add(e, e->bare ? "NULL" : e->pg && e_pick(e, 4) ? ":time::timestamptz" : ":time");
}

static void add_text(struct exprs *e, int depth)
{
	if (depth > 0 && e_pick(e, 2)) {
		add_choice(e, depth - 1, add_text);
		return;
	}
	if (depth > 0 && e_pick(e, 4) == 0) {
		e_add(e, "substr(");
		add_text(e, depth - 1);
		ADD_ANY(e, ", 1, 2)", ", 2)", ", 9, 1)", ", 1, 0)", ", -1)");
		return;
	}
	if (e->table >= 0 && e_pick(e, 2)) {
		add_column(e, e_pick(e, 4) ? "s" : "k");
		return;
	}
	if (e->bare)
		ADD_ANY(e, "'a'", "'lit'", "''", "NULL");
	else
		ADD_ANY(e, "$.s", "$.s", "'lit'", "''", "'a'", "'x''y'", ":key", "$.k", ":time", "NULL");
}

static void add_list(struct exprs *e, adder add)
{
	size_t n = 1 + e_pick(e, 3);

	ADD_ANY(e, " IN (", " NOT IN (");
	for (size_t i = 0; i < n; i++) {
		e_add(e, i ? ", " : "");
		add(e, 0);
	}
	e_add(e, ")");
}

static void add_comparison(struct exprs *e, int depth, adder add)
{
	e_add(e, "(");
	add(e, depth);
	switch (e_pick(e, 8)) {
	case 0:
		ADD_ANY(e, " IS NULL", " IS NOT NULL");
		break;
	case 1:
		add_list(e, add);
		break;
	case 2:
		ADD_ANY(e, " BETWEEN ", " NOT BETWEEN ");
		add(e, depth);
		e_add(e, " AND ");
		add(e, depth);
		break;
	case 3:
		ADD_ANY(e, " IS DISTINCT FROM ", " IS NOT DISTINCT FROM ");
		add(e, depth);
		break;
	case 4:
		if (add == add_text) {
			ADD_ANY(e, " LIKE '%a%'", " LIKE 'b%'", " NOT LIKE '%T'", " LIKE 'lit'", " LIKE '%'",
				" LIKE 'a_'");
			break;
		}
		/* fall through */
	default:
		ADD_ANY(e, " = ", " <> ", " < ", " <= ", " > ", " >= ", " != ");
		add(e, depth);
	}
	e_add(e, ")");
}

static void add_test(struct exprs *e, int depth)
{
	if (depth > 0 && e_pick(e, 2)) {
		if (e_pick(e, 3) == 0)
			e_add(e, "NOT ");
		e_add(e, "(");
		add_test(e, depth - 1);
		ADD_ANY(e, " AND ", " OR ");
		add_test(e, depth - 1);
		e_add(e, ")");
		if (e_pick(e, 4) == 0)
			ADD_ANY(e, " IS TRUE", " IS NOT TRUE", " IS FALSE");
		return;
	}
	if (e_pick(e, 12) == 0) {
		ADD_ANY(e, "true", "false");
		return;
	}
	add_comparison(e, depth > 1 ? 1 : 0, (adder[]){ add_number, add_number, add_text, add_fraction,
							 add_moment }[e_pick(e, 5)]);
}

#endif
