/*
 * eval.h - what eval.c asks of the operators of one class (eval_text.c, eval_number.c)
 */
#ifndef EV_FOLD_EVAL_H
#define EV_FOLD_EVAL_H

#include "fold/internal.h"

/* Beside 0 and 1, or -1, 0 and 1. */
#define EV_UNKNOWN 2 /* as SQL has it */
#define EV_UNSURE 3  /* not for us to say */

struct ev_fold_input { /* what an expression may name */
	const struct ev_fv *params, *old, *fresh;
};

static inline bool ev_fv_is_text(const struct ev_fv *v)
{
	return v->kind == EV_FV_TEXT || v->kind == EV_FV_TIME;
}

/* eval_text.c. Moments are as :time has them or as PostgreSQL prints them. */
int ev_fold_order_moments(struct ev_slice l, struct ev_slice r);
int ev_fold_like(enum ev_dialect d, const struct ev_fv *v, struct ev_slice pattern);
struct ev_fv ev_fold_substr(const struct ev_fx *x, const struct ev_fv *v);
struct ev_fv ev_fold_length(const struct ev_fv *v);

/* eval_number.c */
struct ev_fv ev_fold_decimals(enum ev_fx_kind kind, const struct ev_fv *l, const struct ev_fv *r);
int ev_fold_order_decimals(const struct ev_fv *l, const struct ev_fv *r);
struct ev_fv ev_fold_round(const struct ev_fv *v, int precision, int scale); /* as numeric(p, s) does */
struct ev_fv ev_fold_parse_decimal(struct ev_slice s);
struct ev_fv ev_fold_reals(enum ev_fx_kind kind, const struct ev_fv *l, const struct ev_fv *r);
int ev_fold_order_reals(const struct ev_fv *l, const struct ev_fv *r);
struct ev_fv ev_fold_parse_real(struct ev_slice s);

#endif
