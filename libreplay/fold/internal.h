/*
 * internal.h - the fold's own types, shared by its files and nobody else
 *
 * columns.c looks at tables, plan*.c read statements into shapes, eval*.c compute values, value.c takes them in
 * and out, step.c folds one statement over its row; rows.c finds rows by key and takes back what a record has
 * done, pool.c is their memory out of that of pages.c, order.c sorts them, io.c loads and writes them, pack.c brings
 * them together for it.
 * fold.c opens it all; event.c folds record by record, batch.c batch by batch.
 */
#ifndef EV_FOLD_INTERNAL_H
#define EV_FOLD_INTERNAL_H

#include <stdatomic.h>

#include "fold/fold.h"
#include "projection/sql.h"

#define EV_FOLD_MOST_KEYS 16
/*
 * Bytes of a row's texts, as far as an index of PostgreSQL has them: an entry holds 2704, other columns among them.
 * So many of those that no index has stay in the row, which a page of 8 KiB has to hold; the rest is put elsewhere.
 */
#define EV_FOLD_MOST_TEXT 2000
#define EV_FOLD_STAYS 24
#define EV_FOLD_APART 64 /* bytes, so that what one thread changes is in no line that another one reads */

enum ev_fv_kind {
	EV_FV_NULL, EV_FV_INT, EV_FV_BOOL,
	EV_FV_REAL,   /* i: the bits of a double, ev_fv_real() */
	EV_FV_DECIMAL, /* i: 64 times its digits, plus how many of them stand behind the point, of which there
			  is at least one; a decimal without any is an INT */
	EV_FV_TEXT, EV_FV_TIME, /* these and the next have text, those before have none */
	EV_FV_OPAQUE, /* as the store gave it, of a type that we only carry */
	EV_FV_DOUBT,  /* not for us to say: the statement goes to the store */
};

struct ev_fv {
	enum ev_fv_kind kind;
	int64_t i;
	struct ev_slice text; /* in the batch's arena, or of the statement */
};

static inline bool ev_fv_has_text(enum ev_fv_kind kind)
{
	return kind >= EV_FV_TEXT;
}

static inline double ev_fv_real(const struct ev_fv *v)
{
	double d;

	memcpy(&d, &v->i, sizeof(d));
	return d;
}

static inline struct ev_fv ev_fv_of_real(double d)
{
	struct ev_fv v = { .kind = EV_FV_REAL };

	memcpy(&v.i, &d, sizeof(d));
	return v;
}

/* Memory that is given back all at once. */
struct ev_arena {
	struct ev_arena_block *first, *at;
	size_t bytes;
};
void *ev_arena_take(struct ev_arena *a, size_t n);
struct ev_slice ev_arena_copy(struct ev_arena *a, struct ev_slice s);
void ev_arena_clear(struct ev_arena *a);
void ev_arena_release(struct ev_arena *a);

enum ev_fold_class {
	EV_FC_ANY, /* of an expression: NULL, or what SQLite knows only when it is there */
	EV_FC_INT, EV_FC_BOOL, EV_FC_TEXT, EV_FC_TIME,
	EV_FC_NUMERIC, /* PostgreSQL's, exact; SQLite's affinity: whole numbers, reals, texts that are dates */
	EV_FC_REAL,    /* SQLite's affinity */
	EV_FC_CARRIED,
};

struct ev_fold_column {
	char *name;
	enum ev_fold_class class;
	int64_t min, max;       /* INT */
	int precision, scale;   /* NUMERIC in PostgreSQL; precision 0: any */
	size_t longest;         /* TEXT: in characters; 0: any */
	bool dates;             /* NUMERIC in SQLite that also takes texts */
	bool not_null, has_default;
	bool in_place;          /* see ev_column_info */
	struct ev_fv fallback;  /* its default; DOUBT when we cannot say */
	char *type, *value;     /* see ev_column_info */
	unsigned collation;     /* see ev_column_info */
	bool bytewise;
};

/*
 * pages.c: memory, zeroed, that goes back to the kernel where it is much; in large pages then, so that few are
 * missed. The size is said again. What it has grown by may be anything.
 */
void *ev_pages_take(size_t n);
void ev_pages_give(void *at, size_t n); /* NULL allowed */
void *ev_pages_grow(void *at, size_t from, size_t to);

/* Pieces of memory that may be given back; the largest class is far above what a record may hold. */
#define EV_POOL_SMALL 64
struct ev_pool {
	struct ev_pool_block *blocks, *kept; /* kept: large ones of before it was cleared, for what comes */
	char *at, *end;
	struct ev_pool_piece *free[EV_POOL_SMALL + 32];
	size_t bytes, last; /* of all blocks; of the last one that is shared */
	_Atomic(struct ev_pool_block *) spare; /* the next one of the largest size, its pages there already */
	atomic_bool large;  /* it has come to those */
};
void *ev_pool_take(struct ev_pool *p, size_t n);
void ev_pool_give(struct ev_pool *p, void *at, size_t n);
void ev_pool_clear(struct ev_pool *p);
void ev_pool_end(struct ev_pool *p);
/* By any thread: make a block ready, as the kernel takes its time to find pages. False: there is one, or no need. */
bool ev_pool_ahead(struct ev_pool *p);

enum ev_row_state { EV_ROW_UNKNOWN, EV_ROW_ABSENT, EV_ROW_PRESENT };

struct ev_fold_text { /* in the pool; never changed once it is written */
	uint32_t len;
	char bytes[];
};

union ev_fold_slot {
	int64_t i;
	struct ev_fold_text *text;
	struct ev_fold_row *next; /* behind the columns, see group.c */
};

/*
 * A row is its slots, and one more where rows are linked, then a byte for the kind of each; those of the key
 * are always there.
 */
struct ev_fold_row {
	uint64_t hash;
	uint32_t bytes;      /* of all its texts */
	uint32_t saved;      /* its place in the record's log, from 1 on; 0: not in it */
	unsigned char state;
	bool stored;         /* is there a row in the store? */
	bool dirty, listed;  /* to be written; in the list of those */
	bool wanted;         /* in the list of those to be loaded */
	bool linked;         /* in the chain of its group, see group.c */
	union ev_fold_slot v[];
};

struct ev_fold_sorted { /* for order.c */
	uint64_t head; /* of the key: what sorts before has less */
	struct ev_fold_row *row;
};

struct ev_fold_rows {
	struct ev_fold_sorted *v;
	size_t n, cap;
};

struct ev_fold_table {
	char *name;
	struct ev_fold_column *columns;
	size_t ncolumns;
	size_t *key; /* its columns, in order */
	size_t nkey;
	struct ev_fold_statement *rules; /* its CHECKs, as `conds`; owns the texts of defaults */
	size_t nchecks;
	char *why;   /* it goes by statements, or NULL */
	bool plain;  /* goes through the fold */
	bool view;   /* is none */
	struct ev_fold_table *group; /* of beginnings of the key, as a table of its own, or NULL */
	size_t linked; /* 1: rows have a link */
	bool vast;   /* of a group: one was too large for memory, so they are the store's */
	char apart[EV_FOLD_APART]; /* all above may be read by any thread */

	uint64_t *slots;   /* open addressing: 16 bits of the hash, 48 of the row's address; 0: free */
	size_t nslots, nrows;
	struct ev_fold_rows dirty, wanted;
	bool complete;     /* a row that is not here is not in the store either */
	bool empty;        /* the store holds no row at all */

	struct ev_query *load, *write, *erase, *any, *insert;
};

static inline size_t ev_fold_row_size(const struct ev_fold_table *t)
{
	return sizeof(struct ev_fold_row) + (t->ncolumns + t->linked) * sizeof(union ev_fold_slot) + t->ncolumns;
}

static inline unsigned char *ev_fold_kinds(const struct ev_fold_table *t, const struct ev_fold_row *r)
{
	return (unsigned char *)(r->v + t->ncolumns + t->linked);
}

static inline struct ev_fv ev_fold_get(const struct ev_fold_table *t, const struct ev_fold_row *r, size_t column)
{
	struct ev_fv v = { .kind = ev_fold_kinds(t, r)[column] };

	if (ev_fv_has_text(v.kind))
		v.text = ev_slice(r->v[column].text->bytes, r->v[column].text->len);
	else
		v.i = r->v[column].i;
	return v;
}

enum ev_fx_kind {
	EV_FX_CONST, EV_FX_PARAM, EV_FX_OLD, EV_FX_NEW,
	EV_FX_ADD, EV_FX_SUB, EV_FX_MUL, EV_FX_MIN, EV_FX_MAX, EV_FX_COALESCE,
	EV_FX_COMPARE, /* `index` has a bit for each outcome that is true: 1 less, 2 equal, 4 greater */
	EV_FX_SAME,    /* IS NOT DISTINCT FROM */
	EV_FX_AND, EV_FX_OR, EV_FX_NOT, EV_FX_ISNULL, EV_FX_ISTRUE,
	EV_FX_IF,      /* left: condition, right: then, other: else */
	EV_FX_LIKE,    /* `value` is the pattern */
	EV_FX_SUBSTR,  /* of `max` characters from number `min` on, from 1 on */
	EV_FX_LENGTH,
};

/*
 * An expression is a run of these, operands before what uses them: it is computed from its first to its last,
 * which is its value, all of them each time.
 */
struct ev_fx {
	enum ev_fx_kind kind;
	enum ev_fold_class class; /* of the operands of arithmetic and comparison; of the rest the value's */
	size_t index;             /* PARAM from 0 on; OLD, NEW: column */
	size_t left, right, other;
	bool dates;               /* of comparison: texts that look like numbers are not for us */
	size_t first;             /* the last of an expression: where it begins */
	int64_t min, max;         /* of arithmetic: the type that the store computes in */
	struct ev_fv value;
};
#define EV_FX_MOST 128 /* in one expression */

/* A parameter's type, as the store gave it. */
struct ev_fold_param {
	enum ev_fold_class class;
	int64_t min, max;
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
	bool sweeps;                 /* ... of those that the table's group has: it is about all such rows */
	size_t *key;                 /* the same of any verb; filled by ev_fold_new */
	size_t *olds, nolds;         /* columns that an expression reads of the row as it was */
	size_t *conds;               /* what must be true beside the key, or of DO UPDATE */
	size_t nconds;
	size_t *eager;               /* in which PostgreSQL finds a fault before it looks at any row */
	size_t neager;
	struct ev_fold_param *params; /* their types; NULL: the store gives them none */
	size_t nparams;
	char *why;                   /* it is not understood, or NULL */
};

struct ev_fold_op {
	const struct ev_fold_statement *s;
	struct ev_fold_row *row, *group; /* NULL: not to be known */
	bool none;               /* its key is that of no row */
	bool plain;              /* the store can bind its values as they are */
	struct ev_query *query;
	struct ev_fv *params;
	struct ev_bind *binds;   /* for the store */
	size_t nparams;
	uint64_t tag;
};

/* A row as it was before the record at hand: its copy stands in `copies` from `at` on. */
struct ev_fold_saved {
	struct ev_fold_row *row;
	const struct ev_fold_table *table;
	size_t at;
};

struct ev_fold_named {
	struct ev_fold_table *table;
	struct ev_fold_row *row; /* NULL: its key is not to be known */
};

struct ev_fold {
	struct ev_store *store;
	const struct ev_projection *projection;
	struct ev_fold_table *tables;
	size_t ntables;
	struct ev_fold_statement **statements; /* [handler][statement] */
	size_t nhandlers;
	bool whole;            /* every statement of the projection folds */
	struct ev_buf names;   /* of the tables, as the store has them, NUL after each */
	int64_t stamp;         /* of the tables when they were looked at last */
	char apart[EV_FOLD_APART]; /* all above may be read by any thread */
	struct ev_pool pool;   /* rows and their texts */
	size_t limit;          /* bytes; 0: none */
	size_t beside;         /* ... of which others take so many */
	bool bulk;             /* a load: the primary key may be made after the rows */
	uint32_t slice, slices; /* only rows of such keys; slices 0 and 1: all */
	struct ev_fv *params;  /* as many as the widest statement has */
	struct ev_fv *fresh;   /* a proposed row, as wide as the widest table */
	struct ev_fv *old;     /* the row as it was, as wide */
	struct ev_fv *after;   /* what SET gives, as wide */
	struct ev_bind *binds; /* of a row, as wide */
	struct ev_fold_saved *saved; /* rows that the record at hand has touched */
	size_t nsaved, saved_cap;
	struct ev_buf copies;
	struct ev_buf digits;  /* of a row's decimals */
	struct ev_fold_text **spent; /* texts that came and went within the record */
	size_t nspent, spent_cap;
	struct ev_fold_named *named;
	size_t nnamed, named_cap;
	size_t named_bytes;   /* of texts that the record's statements put into columns, at most */
	size_t named_most, named_longest; /* of those that a row had before; of the longest one */
	bool naming;
	uint64_t folded, left; /* statements done here, left to the store */

	/* batch.c */
	struct ev_arena arena; /* parameters of the batch */
	size_t synced;         /* its bytes at the last sync */
	struct ev_fold_op *ops;
	size_t nops, ops_cap;
	bool bytewise;         /* text that is of no column sorts by its bytes */
	bool failed;           /* a statement failed: the rest of the batch does not matter */
	size_t most_ops;       /* collected at once; 0: as many as there is room for */
	ev_result_fn on_result;
	void *on_result_ctx;
};

/* columns.c: NULL, or why the table goes by statements. */
const char *ev_fold_take_table(struct ev_fold *f, struct ev_fold_table *t, const struct ev_table_info *info);
char *ev_fold_lower(const char *name); /* as ev_token_name gives names; free it */
/* A type of PostgreSQL by its name; NULL: of SQLite, any. */
void ev_fold_param_type(const char *name, struct ev_fold_param *p);

/*
 * plan.c: `out` filled, table NULL when it is not understood; `q` is the same statement, prepared, or NULL and
 * `refused` why it was not.
 */
void ev_fold_read(struct ev_fold *f, const struct ev_statement *s, struct ev_query *q, const char *refused,
		  struct ev_fold_statement *out);
void ev_fold_statement_release(struct ev_fold_statement *s);
/* A constant as the store writes one; DOUBT when it is not understood. Its text belongs to t->rules. */
struct ev_fv ev_fold_read_default(struct ev_fold *f, struct ev_fold_table *t, const char *sql);
/* A CHECK, into t->rules. NULL, or why it is not understood, to be freed. */
char *ev_fold_read_check(struct ev_fold *f, struct ev_fold_table *t, const char *sql);

/* eval*.c. `old` and `fresh` are rows' values; NULL where there is none. */
struct ev_fv ev_fold_compute(const struct ev_fold *f, const struct ev_fold_statement *s, size_t expr,
			     const struct ev_fv *params, const struct ev_fv *old, const struct ev_fv *fresh);

/* Most expressions are a parameter, and most others a constant. */
static inline struct ev_fv ev_fold_eval(const struct ev_fold *f, const struct ev_fold_statement *s, size_t expr,
					const struct ev_fv *params, const struct ev_fv *old,
					const struct ev_fv *fresh)
{
	const struct ev_fx *x = &s->expr[expr];

	if (x->kind == EV_FX_PARAM)
		return params[x->index];
	return x->kind == EV_FX_CONST ? x->value : ev_fold_compute(f, s, expr, params, old, fresh);
}

/* Are its conditions met? 1, 0, or -1: not for us to say. */
int ev_fold_holds(const struct ev_fold *f, const struct ev_fold_statement *s, const struct ev_fv *params,
		  const struct ev_fv *old, const struct ev_fv *fresh);
/* Does the row break none of the table's CHECKs, for sure? */
bool ev_fold_obeys(const struct ev_fold *f, const struct ev_fold_table *t, const struct ev_fv *row);

static inline bool ev_fold_allowed(const struct ev_fold *f, const struct ev_fold_table *t, const struct ev_fv *row)
{
	return !t->rules->nconds || ev_fold_obeys(f, t, row);
}

/* value.c. Can the store bind the parameters just as they are, whether they are then used or not? */
bool ev_fold_binds(const struct ev_fold *f, const struct ev_fold_statement *s, const struct ev_fv *params);
/* Is it known what the column makes of this value? Then it is that. */
bool ev_fold_fits(const struct ev_fold *f, const struct ev_fold_column *c, struct ev_fv *v);
/* What the column has given back. Its text is that of the cell. */
struct ev_fv ev_fold_cell(const struct ev_fold *f, const struct ev_fold_column *c, const struct ev_cell *cell);
/* As the store takes it back; a decimal is written to `digits`, where room for it must be. */
#define EV_FOLD_DIGITS 24
struct ev_bind ev_fold_bind(const struct ev_fv *v, struct ev_buf *digits);
void ev_fold_add_decimal(struct ev_buf *out, int64_t decimal);
/* `a` NULL: the text is borrowed from the bind. */
void ev_fold_value(struct ev_arena *a, const struct ev_bind *b, enum ev_dialect d, struct ev_fv *out);

/* What is looked up for a statement: a row, or a beginning of the key. */
static inline struct ev_fold_table *ev_fold_looked_up(const struct ev_fold_statement *s)
{
	return s->sweeps ? s->table->group : s->table;
}

enum ev_fold_found {
	EV_KEY_HELD,  /* one that the columns hold */
	EV_KEY_NONE,  /* WHERE key = NULL: no row is meant */
	EV_KEY_DOUBT, /* not plainly one that they hold: for the store to say */
};

/* The key that a statement asks for. */
static inline enum ev_fold_found ev_fold_key(const struct ev_fold *f, const struct ev_fold_statement *s,
					     const struct ev_fv *params, struct ev_fv *key)
{
	const struct ev_fold_table *t = s->table;
	enum ev_fold_found found = EV_KEY_HELD;

	for (size_t k = 0; k < ev_fold_looked_up(s)->nkey; k++) {
		key[k] = ev_fold_eval(f, s, s->key[k], params, NULL, NULL);
		if (key[k].kind == EV_FV_NULL && s->verb != EV_FOLD_INSERT)
			return EV_KEY_NONE;
		if (!ev_fold_fits(f, &t->columns[t->key[k]], &key[k]))
			found = EV_KEY_DOUBT;
	}
	return found;
}

/* step.c: what is looked up for a statement, or NULL where its key is not held. */
struct ev_fold_row *ev_fold_find(struct ev_fold *f, const struct ev_fold_statement *s, const struct ev_fv *params,
				 enum ev_fold_found *found);
/* Rows touched, or -1: for the store to do. The row is known. */
int ev_fold_step(struct ev_fold *f, const struct ev_fold_statement *s, struct ev_fold_row *row,
		 const struct ev_fv *params);

/* ... the bytes of a text, or of all of a row, that EV_FOLD_MOST_TEXT bounds. */
static inline size_t ev_fold_weight(const struct ev_fold_column *c, size_t bytes)
{
	return c->in_place || bytes < EV_FOLD_STAYS ? bytes : EV_FOLD_STAYS;
}
size_t ev_fold_row_weight(const struct ev_fold_table *t, const struct ev_fold_row *row);

/* rows.c: the row of a key (ncolumns values, those of the key are used), made when new. */
struct ev_fold_row *ev_fold_row(struct ev_fold *f, struct ev_fold_table *t, const struct ev_fv *values);
/* The same by the key's values alone, in its order, and their hash. */
uint64_t ev_fold_hash_key(const struct ev_fold_table *t, const struct ev_fv *key);
struct ev_fold_row *ev_fold_row_at(struct ev_fold *f, struct ev_fold_table *t, uint64_t hash,
				   const struct ev_fv *key);
/* Ask memory for a place in the table of rows; some time later for the row that most likely stands there. */
void ev_fold_ask_slot(const struct ev_fold_table *t, uint64_t hash);
void ev_fold_ask_row(const struct ev_fold_table *t, uint64_t hash);
/* event.c: it is to be loaded, if it is not known. */
void ev_fold_want_row(struct ev_fold_table *t, struct ev_fold_row *row);
/* The row may be taken back to what it is now until ev_fold_keep. Call it before a change. */
void ev_fold_touch(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row *r);
void ev_fold_put(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row *r, size_t column,
		 const struct ev_fv *v);
void ev_fold_mark(struct ev_fold_table *t, struct ev_fold_row *r); /* it is to be written */
void ev_fold_forget(struct ev_fold *f); /* all rows */
/* The store may have changed the row; NULL: any of the table's. None of them is to be written. */
void ev_fold_unsure(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row *r);
void ev_fold_add_row(struct ev_fold_rows *list, struct ev_fold_row *r);

/*
 * group.c. A table of a plan that has such statements: true when they may be about `nkey` columns. A row that is
 * not absent must be linked; one that is may be (twice does no harm, nor does a table without a group). A
 * statement's group (NULL: its key is not held) is wanted, fetched with all others,
 * and swept: 0, 1 for the store to do, -1.
 */
bool ev_fold_make_group(struct ev_fold_table *t, size_t nkey);
void ev_fold_free_group(struct ev_fold *f, struct ev_fold_table *t);
void ev_fold_link(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row *r);
void ev_fold_want_group(struct ev_fold_table *t, struct ev_fold_row *g);
int ev_fold_sweep(struct ev_fold *f, const struct ev_fold_statement *s, struct ev_fold_row *g,
		  const struct ev_fv *params, int64_t *touched, struct ev_error *err);
/* Every row of it that the store has is known. */
void ev_fold_group_loaded(const struct ev_fold_table *t, struct ev_fold_row *g);

/* order.c: by key; B-trees like it, and two writers never wait for each other in a circle. */
void ev_fold_sort(const struct ev_fold_table *t, struct ev_fold_rows *rows);

/* io.c. What would fill memory is not read any more, nor what only others can have written: it stays unknown. */
int ev_fold_load_groups(struct ev_fold *f, struct ev_fold_table *t, struct ev_error *err); /* all wanted ones */
int ev_fold_load_group(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row *g, struct ev_error *err);
int ev_fold_load(struct ev_fold *f, struct ev_fold_table *t, struct ev_error *err); /* all wanted rows */
/* 0; 1: it stays unknown; -1. */
int ev_fold_load_one(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row *row, struct ev_error *err);
int ev_fold_write(struct ev_fold *f, struct ev_fold_table *t, struct ev_error *err); /* all dirty rows */
int ev_fold_write_one(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row *row, struct ev_error *err);
int ev_fold_prepare(struct ev_fold *f, struct ev_fold_table *t, struct ev_error *err);

/* pack.c: the new rows among those to be written, which are marked as written, one after the other; NULL: no more. */
struct ev_fold_pack;
struct ev_fold_pack *ev_fold_pack_new(const struct ev_fold_table *t);
const struct ev_bind *ev_fold_pack_next(struct ev_fold_pack *p, const struct ev_fold_row **row);
void ev_fold_pack_free(struct ev_fold_pack *p);
bool ev_fold_is_new(const struct ev_fold_row *row); /* the store does not have it yet */
/* Ask memory for rows to come: they are all over it. */
void ev_fold_look_ahead(const struct ev_fold_rows *rows, const struct ev_fold_table *t, size_t i);

#endif
