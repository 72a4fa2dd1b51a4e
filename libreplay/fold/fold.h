/*
 * fold.h - a batch of keyed statements evaluated in memory, its net effect written once per row
 *
 * Statements of a recognised shape touch one row each, found by its primary key. A batch of them is
 * collected, the rows are loaded at once, the statements are folded over them in their order, and each
 * row that has changed is written once, in key order. Nothing is kept from one transaction to the next.
 *
 * What is not provably what the store would do is not done here. By shape: a table that has
 * constraints, triggers, or columns of types that are not understood, or that a statement of another
 * shape mentions, goes by statements altogether. By value: where a value is not plainly one that
 * its column holds as it is, that statement is given to the store, with its row written before and
 * read again after. And should a batch meet any error, the engine does it once more by statements alone,
 * so that what is poison, and why, is never the fold's to say.
 */
#ifndef EV_FOLD_H
#define EV_FOLD_H

#include "projection/projection.h"
#include "store/store.h"

struct ev_fold;

/*
 * The fold of a projection's statements on its tables (NUL after each), which must exist. `why` gets a line
 * for each table that goes by statements. NULL when all of them do, or with `err`.
 */
struct ev_fold *ev_fold_new(struct ev_store *s, const struct ev_projection *p,
			    const struct ev_buf *tables, struct ev_buf *why, struct ev_error *err);
void ev_fold_free(struct ev_fold *f); /* NULL allowed */

/* Does this statement go through the fold? */
bool ev_fold_takes(const struct ev_fold *f, size_t handler, size_t statement);

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

/* Is it of use? Not where most statements are left to the store. */
bool ev_fold_pays(const struct ev_fold *f);

#endif
