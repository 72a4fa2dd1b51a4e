/*
 * internal.h - the fold's own types, shared by its files and nobody else
 *
 * plan.c reads statements into shapes, eval.c computes values, rows.c finds rows by key, io.c loads and
 * writes them, fold.c is the batch.
 */
#ifndef EV_FOLD_INTERNAL_H
#define EV_FOLD_INTERNAL_H

#include "fold/fold.h"
#include "projection/sql.h"

enum ev_fv_kind {
	EV_FV_NULL, EV_FV_INT, EV_FV_BOOL, EV_FV_TEXT, EV_FV_TIME,
	EV_FV_OPAQUE, /* as the store gave it, of a type that we only carry */
	EV_FV_DOUBT,  /* not for us to say: the statement goes to the store */
};

struct ev_fv {
	enum ev_fv_kind kind;
	int64_t i;
	struct ev_slice text; /* in the batch's arena, or of the statement */
};

/* Memory that is given back all at once. */
struct ev_arena {
	struct ev_arena_block *first, *at;
	size_t bytes;
};
void *ev_arena_take(struct ev_arena *a, size_t n);
struct ev_slice ev_arena_copy(struct ev_arena *a, struct ev_slice s);
void ev_arena_clear(struct ev_arena *a);
void ev_arena_release(struct ev_arena *a);

enum ev_fold_class { EV_FC_INT, EV_FC_BOOL, EV_FC_TEXT, EV_FC_TIME, EV_FC_CARRIED };

struct ev_fold_column {
	char *name;
	enum ev_fold_class class;
	int64_t min, max;       /* INT */
	bool not_null, has_default;
	struct ev_fv fallback;  /* its default; DOUBT when we cannot say */
	char *type, *value;     /* see ev_column_info */
};

enum ev_row_state { EV_ROW_UNKNOWN, EV_ROW_ABSENT, EV_ROW_PRESENT };

struct ev_fold_row {
	struct ev_fold_row *next; /* of the same bucket */
	uint64_t hash;
	enum ev_row_state state;
	bool stored; /* is there a row in the store? */
	bool dirty;
	struct ev_fv v[]; /* one per column; those of the key are always there */
};

struct ev_fold_table {
	char *name;
	struct ev_fold_column *columns;
	size_t ncolumns;
	size_t *key; /* its columns, in order */
	size_t nkey;
	bool plain;  /* goes through the fold */

	struct ev_fold_row **buckets;
	size_t nbuckets, nrows;
	struct ev_fold_row **rows; /* all, in order of arrival */
	size_t rows_cap;
	size_t nunknown;           /* in `rows`, not asked for yet */

	struct ev_query *load, *write, *erase;
};

enum ev_fx_kind { EV_FX_CONST, EV_FX_PARAM, EV_FX_OLD, EV_FX_NEW, EV_FX_ADD, EV_FX_SUB, EV_FX_MIN, EV_FX_MAX,
		  EV_FX_COALESCE };

struct ev_fx { /* an expression; operands are indices in the same array */
	enum ev_fx_kind kind;
	struct ev_fv value;
	size_t index;       /* PARAM from 0 on; OLD, NEW: column */
	size_t left, right;
	int64_t min, max;   /* of arithmetic: the type that the store computes in */
	enum ev_fold_class class; /* PARAM: the type that the store gives it, min and max with it */
};

enum ev_fold_verb { EV_FOLD_INSERT, EV_FOLD_UPDATE, EV_FOLD_DELETE };
enum ev_fold_conflict { EV_FOLD_FAIL, EV_FOLD_NOTHING, EV_FOLD_MERGE };

struct ev_fold_set { size_t column, expr; };

struct ev_fold_statement {
	enum ev_fold_verb verb;
	enum ev_fold_conflict conflict;
	struct ev_fold_table *table; /* NULL: goes by statements */
	struct ev_fx *expr;
	size_t nexpr;
	struct ev_fold_set *values, *sets; /* INSERT; SET */
	size_t nvalues, nsets;
	size_t *where;               /* expressions, one per key column */
};

struct ev_fold_op {
	const struct ev_fold_statement *s;
	struct ev_fold_row *row; /* NULL: not to be known */
	bool plain;              /* the store can bind its values as they are */
	struct ev_query *query;
	struct ev_fv *params;
	struct ev_bind *binds;   /* for the store */
	size_t nparams;
	uint64_t tag;
};

struct ev_fold {
	struct ev_store *store;
	const struct ev_projection *projection;
	struct ev_fold_table *tables;
	size_t ntables;
	struct ev_fold_statement **statements; /* [handler][statement] */
	size_t nhandlers;
	struct ev_arena arena;
	struct ev_fold_op *ops;
	size_t nops, ops_cap;
	struct ev_fv *fresh;   /* a proposed row, as wide as the widest table */
	struct ev_fv *after;   /* a row as an update would leave it, as wide */
	bool failed;           /* a statement failed: the rest of the batch does not matter */
	uint64_t folded, left; /* statements done here, left to the store */
	ev_result_fn on_result;
	void *on_result_ctx;
};

/* plan.c: 0 and `out` filled, table NULL when it is not understood. */
void ev_fold_read(struct ev_fold *f, const struct ev_statement *s, struct ev_fold_statement *out);
void ev_fold_statement_release(struct ev_fold_statement *s);

/* eval.c. `old` and `fresh` are rows' values; NULL where there is none. */
struct ev_fv ev_fold_eval(const struct ev_fold *f, const struct ev_fold_statement *s, size_t expr,
			  const struct ev_fv *params, const struct ev_fv *old, const struct ev_fv *fresh);
/* Can the store bind the parameters just as they are, whether they are then used or not? */
bool ev_fold_binds(const struct ev_fold *f, const struct ev_fold_statement *s, const struct ev_fv *params);
/* Is this value one that the column holds just as it is? */
bool ev_fold_fits(const struct ev_fold *f, const struct ev_fold_column *c, const struct ev_fv *v);
struct ev_fv ev_fold_value(struct ev_arena *a, const struct ev_bind *b, enum ev_dialect d);
bool ev_fold_same(const struct ev_fv *a, const struct ev_fv *b);

/* rows.c: the row of a key (ncolumns values, those of the key are used), made UNKNOWN when new. */
struct ev_fold_row *ev_fold_row(struct ev_fold *f, struct ev_fold_table *t, const struct ev_fv *values);
void ev_fold_forget(struct ev_fold_table *t);

/* io.c */
int ev_fold_load(struct ev_fold *f, struct ev_fold_table *t, struct ev_error *err); /* all unknown rows */
int ev_fold_load_one(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row *row, struct ev_error *err);
int ev_fold_write(struct ev_fold *f, struct ev_fold_table *t, struct ev_error *err); /* all dirty rows */
int ev_fold_write_one(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row *row, struct ev_error *err);
int ev_fold_prepare(struct ev_fold *f, struct ev_fold_table *t, struct ev_error *err);

#endif
