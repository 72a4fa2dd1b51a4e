/*
 * plan.h - reading statements and expressions: what plan*.c share
 *
 * A reader stands at a token. What it cannot read it refuses: -1 or false, with the reason in `why` or, where
 * that is empty, in the token that it stands at. Only what both stores read alike is read: where their
 * grammars differ (a = b = c, the rank of IS) brackets are wanted.
 */
#ifndef EV_FOLD_PLAN_H
#define EV_FOLD_PLAN_H

#include "fold/internal.h"

/* What is known of an expression before any value of it is. */
struct ev_fold_type {
	enum ev_fold_class class;
	int64_t min, max;   /* INT: of the store's type */
	unsigned collation; /* of the columns in it, 0: there are none */
	bool bytewise;      /* ... and what it sorts by */
	bool dates;         /* a column that is NUMERIC to SQLite, and takes texts, is in it */
	bool rows;          /* is a column in it? */
	bool fixed;         /* there are only constants in it */
	bool literal;       /* it is digits alone, perhaps in brackets, or with a sign */
};

struct ev_fold_reader {
	struct ev_fold *f;
	struct ev_fold_statement *out;
	struct ev_fold_type *types; /* of each of out->expr */
	struct ev_fold_table *table;
	struct ev_token *t; /* some END behind the last */
	size_t n, at;
	size_t first;       /* of the expression at hand */
	int depth;
	bool rows;          /* may columns be named? */
	bool merging;       /* in DO UPDATE: also those of excluded */
	const char *why;
};

/* plan_token.c */
void ev_fold_reader_init(struct ev_fold_reader *r, const char *sql);
void ev_fold_reader_release(struct ev_fold_reader *r);
bool ev_fold_take(struct ev_fold_reader *r, const char *word);
bool ev_fold_take_name(struct ev_fold_reader *r, const char *name);
int ev_fold_take_column(struct ev_fold_reader *r); /* its index, or -1 */
bool ev_fold_at(const struct ev_fold_reader *r, const char *word);
int ev_fold_refuse(struct ev_fold_reader *r, const char *why); /* -1 */
bool ev_fold_on(const struct ev_fold_reader *r, enum ev_dialect d);

/* plan_expr.c: the index of the node whose value it is, or -1. */
int ev_fold_read_expr(struct ev_fold_reader *r);
int ev_fold_read_condition(struct ev_fold_reader *r); /* one that AND may follow */
int ev_fold_read_operand(struct ev_fold_reader *r);

/* plan_leaf.c: constants, parameters, columns. */
int ev_fold_read_leaf(struct ev_fold_reader *r);
int ev_fold_read_cast(struct ev_fold_reader *r, int x); /* behind :: */
int ev_fold_read_null(struct ev_fold_reader *r);        /* adds NULL, reads nothing */
int ev_fold_read_string(struct ev_fold_reader *r);
bool ev_fold_digits(struct ev_slice s, int64_t *i);      /* digits alone, 18 at most */

/* plan_call.c: behind CASE, LIKE, or at a function's name. */
int ev_fold_read_call(struct ev_fold_reader *r);
int ev_fold_read_case(struct ev_fold_reader *r);
int ev_fold_read_like(struct ev_fold_reader *r, int x);

/* plan_type.c: nodes, with the types that the store would give them; -1 where it is not known to take them. */
int ev_fold_add(struct ev_fold_reader *r, struct ev_fx x, struct ev_fold_type t);
int ev_fold_arithmetic(struct ev_fold_reader *r, enum ev_fx_kind kind, int left, int right);
int ev_fold_negate(struct ev_fold_reader *r, int x);
void ev_fold_width(struct ev_fold_type *t, int64_t i); /* of a literal: PostgreSQL's integer where that holds it */
int ev_fold_compare(struct ev_fold_reader *r, size_t outcomes, int left, int right);
int ev_fold_logic(struct ev_fold_reader *r, enum ev_fx_kind kind, int left, int right);
/* MIN, MAX, COALESCE, SAME; IF, whose condition is `test`. */
int ev_fold_choice(struct ev_fold_reader *r, enum ev_fx_kind kind, int test, int left, int right);
int ev_fold_truth(struct ev_fold_reader *r, int x); /* x, if it can be a condition */
bool ev_fold_assignable(struct ev_fold_reader *r, size_t column, int x);

#endif
