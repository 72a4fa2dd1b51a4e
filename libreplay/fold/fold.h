/*
 * fold.h - keyed statements evaluated in memory, over rows of which each is written once
 *
 * Statements of a recognised shape touch one row each, found by its primary key (or delete those of a beginning
 * of it). There are two ways.
 *
 * Where every statement of the projection is of such a shape (ev_fold_whole) they are folded record by record
 * over a cache of rows, which outlives the transaction and is dropped when the store may have changed behind
 * it. What a record has done can be taken back, so one that is poison costs nobody else anything.
 *
 * Else a batch of statements is collected, the rows are loaded at once, the statements are folded over them
 * in their order, each row that has changed is written once, in key order, and all are forgotten.
 *
 * What is not provably what the store would do is not done here. By shape: a table that has constraints
 * beside its key and CHECKs of the same expressions, triggers, or columns of types that are not understood, or
 * that a statement of another shape mentions, goes by statements altogether. By value: where it is not plain what
 * a column makes of a value, that statement (or record) is given to the store, with its rows written before and
 * read again after. What is poison, and why, is never the fold's to say: the store hears it by statements.
 */
#ifndef EV_FOLD_H
#define EV_FOLD_H

#include "projection/projection.h"
#include "store/store.h"

struct ev_fold;

/*
 * The fold of a projection's statements, prepared as `queries` [handler][statement], on its tables (NUL after
 * each), which must exist. `waiting` (NULL allowed): indexes of theirs that are made later, as store/indexes.h lists
 * them. `why` gets a line for each table that goes by statements. NULL when all of them do, or with `err`.
 */
struct ev_fold *ev_fold_new(struct ev_store *s, const struct ev_projection *p,
			    struct ev_query ***queries, const struct ev_buf *tables,
			    const struct ev_buf *waiting, struct ev_buf *why, struct ev_error *err);
void ev_fold_free(struct ev_fold *f); /* NULL allowed */

/* Does this statement go through the fold? */
bool ev_fold_takes(const struct ev_fold *f, size_t handler, size_t statement);

/* ---- batch by batch ---- */

/*
 * As the store's apply, sync: the result is reported to the store's on_result by the next sync. `q` is
 * the statement's own query, for the values that the fold leaves to the store.
 */
int ev_fold_apply(struct ev_fold *f, size_t handler, size_t statement, struct ev_query *q,
		  const struct ev_bind *b, size_t n, uint64_t tag, struct ev_error *err);
int ev_fold_sync(struct ev_fold *f, struct ev_error *err);

/* Write what has changed, and forget all rows. After sync, before commit. */
int ev_fold_flush(struct ev_fold *f, struct ev_error *err);
/* Forget everything; after a rollback. */
void ev_fold_drop(struct ev_fold *f);

/* ---- record by record ---- */

bool ev_fold_whole(const struct ev_fold *f); /* NULL allowed */

/*
 * How many bytes may the rows take (0: any number)? Have they? Then write all, and drop. `bulk`: a load, of
 * a table that nobody else wants while it is written, so that its primary key may be made anew.
 */
void ev_fold_set_limit(struct ev_fold *f, size_t bytes, bool bulk);
bool ev_fold_full(const struct ev_fold *f);
/* ... so much more that the record at hand is left to the store? Looked at now and then, also in its midst. */
bool ev_fold_over(const struct ev_fold *f);
void ev_fold_beside(struct ev_fold *f, size_t bytes); /* ... as the records at hand, and their lists, take so many */

/* In a transaction, or outside: which tables are empty, so that all of their rows are in memory from now on? */
int ev_fold_look(struct ev_fold *f, struct ev_error *err);
/* Are all tables so? Then nothing need be named before it is folded. */
bool ev_fold_complete(const struct ev_fold *f);

/*
 * Statements, bound, in their order. Any thread may fill a list, while another uses the fold. Texts are borrowed
 * until clear, but for those in `scratch`.
 */
struct ev_fold_list;
struct ev_fold_list *ev_fold_list_new(const struct ev_fold *f);
void ev_fold_list_free(struct ev_fold_list *l); /* NULL allowed */
void ev_fold_list_clear(struct ev_fold_list *l);
/* False: it is there, and the list has more bytes than it may. */
bool ev_fold_list_add(struct ev_fold_list *l, size_t handler, size_t statement, const struct ev_bind *b, size_t n,
		      bool must_touch, struct ev_slice scratch);
size_t ev_fold_list_length(const struct ev_fold_list *l);
void ev_fold_list_cut(struct ev_fold_list *l, size_t length);
size_t ev_fold_list_bytes(const struct ev_fold_list *l);
void ev_fold_list_limit(struct ev_fold_list *l, size_t bytes); /* 0: none, as at first */

/* Want the rows of items [from, to); then fetch all that are wanted and not known. */
void ev_fold_list_want(struct ev_fold *f, const struct ev_fold_list *l, size_t from, size_t to);
int ev_fold_fetch(struct ev_fold *f, struct ev_error *err);

/* Fold items [from, to), of one record: 0 and the rows touched; 1: the record is for the store to do; -1. */
int ev_fold_list_run(struct ev_fold *f, const struct ev_fold_list *l, size_t from, size_t to, int64_t *touched,
		     struct ev_error *err);
/* The record is done, and stays; or nothing of it does. One of them after each. */
void ev_fold_keep(struct ev_fold *f);
void ev_fold_undo(struct ev_fold *f);

/*
 * For a record that goes to the store, undone: naming on, ev_fold_want for each statement, yield writes the
 * rows; the record is run; if it has changed anything, resume; naming off. named_long: may one of its rows become
 * too large for an index?
 */
void ev_fold_naming(struct ev_fold *f, bool on);
void ev_fold_want(struct ev_fold *f, size_t handler, size_t statement, const struct ev_bind *b, size_t n);
bool ev_fold_named_long(const struct ev_fold *f);
int ev_fold_yield(struct ev_fold *f, struct ev_error *err);
void ev_fold_resume(struct ev_fold *f);

/* Any thread may make memory ready for rows, while another uses the fold. False: there was nothing to do. */
bool ev_fold_ahead(struct ev_fold *f);

/* How many rows are to be written? */
size_t ev_fold_changed(const struct ev_fold *f);

/* Are there many of them, and were all tables empty? */
bool ev_fold_loads(const struct ev_fold *f);

/* Write what has changed, before a commit. EV_BUG when the store refuses what was let through. */
int ev_fold_write_all(struct ev_fold *f, struct ev_error *err);

/* ---- detached: no store behind it but for its catalogue ---- */

/*
 * As ev_fold_new, of a projection that folds as a whole (else NULL), starting with tables that are empty. Nothing
 * is written; `slice` of `slices`: rows of other keys are passed over. Only lists, keep, undo and these.
 */
struct ev_fold *ev_fold_detached(struct ev_store *s, const struct ev_projection *p, const struct ev_buf *tables,
				 uint32_t slice, uint32_t slices, struct ev_buf *why, struct ev_error *err);
size_t ev_fold_bytes(const struct ev_fold *f); /* that rows take; also of others */
size_t ev_fold_columns(const struct ev_fold *f, const char *table);
const char *ev_fold_column_name(const struct ev_fold *f, const char *table, size_t column);
/* The rows by key; see apply/memory_fold.h. */
int ev_fold_rows(struct ev_fold *f, const char *table, ev_row_fn row, void *ctx, struct ev_error *err);

/* ---- */

/*
 * Where the store refuses a row that it let through: has somebody changed a table since it was made? Then `what` is
 * that, in words. Not in a transaction; false where the store cannot be asked.
 */
bool ev_fold_outdated(const struct ev_fold *f, struct ev_buf *what);

/*
 * In a transaction, before what it has is written: has somebody put something on a table that is done with each write
 * of a row (a trigger), since that was looked at? Then EV_STORE, and -1: it would see what comes of many as one.
 */
int ev_fold_check_tied(struct ev_fold *f, struct ev_error *err);

/* Is it of use? Not where most statements are left to the store. */
bool ev_fold_pays(const struct ev_fold *f);

#endif
