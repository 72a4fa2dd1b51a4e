/*
 * memory_fold.h - what a projection's tables must hold, folded in memory and never written
 *
 * For a proof: the store is asked for its catalogue alone, so it may be one that is only read, and the one that
 * is to be proved. Only projections that fold as a whole (fold.h) can be folded so, and only as far as
 * no value wants the store's own word. Else a scratch store is needed (store.h ev_store_scratch), filled by the
 * ordinary engine.
 *
 * Memory: all rows are kept. Where they are too many, fold several times, each time one slice of the keys.
 */
#ifndef EV_MEMORY_FOLD_H
#define EV_MEMORY_FOLD_H

#include "projection/projection.h"
#include "record/record.h"
#include "store/ledger.h"
#include "store/store.h"

struct ev_memory_fold;

/*
 * The tables are those that the projection has in `s`, and start empty. NULL with err->class EV_OK where this
 * projection does not fold as a whole; `why` (may be NULL) gets a line for each reason. `slice` of `slices`: rows
 * of other keys are passed over; 0 of 1 is all. Store and projection must outlive it.
 */
struct ev_memory_fold *ev_memory_fold_new(struct ev_store *s, const struct ev_projection *p,
					  uint32_t slice, uint32_t slices, struct ev_buf *why,
					  struct ev_error *err);
void ev_memory_fold_free(struct ev_memory_fold *r); /* NULL allowed */

/*
 * The next record: 0 and what becomes of it (EV_APPLIED, EV_IGNORED, EV_FILTERED), and how many rows of this slice it
 * has touched; 1 when it needs a scratch
 * (`err` says why): the record is poison, or not for the fold to say. It has changed nothing then. Neither
 * positions nor dead letters are known here: which records are given, and in which order, is the caller's.
 */
int ev_memory_fold_apply(struct ev_memory_fold *r, const struct ev_record *rec, enum ev_count *fate,
			 int64_t *touched, struct ev_error *err);

/*
 * One record may come to far more than itself (`each`, `every`): a sixteenth of `bytes` is for its statements, which
 * are folded in parts; where the rows come to more than all of it in its midst, it needs a scratch.
 */
void ev_memory_fold_limit(struct ev_memory_fold *r, size_t bytes);

/* Do the rows take more than that by now, or did they in the midst of the last record? */
bool ev_memory_fold_full(const struct ev_memory_fold *r);

/* The columns of a table, in the order in which rows are given; NULL: no such table. */
size_t ev_memory_fold_columns(const struct ev_memory_fold *r, const char *table);
const char *ev_memory_fold_column(const struct ev_memory_fold *r, const char *table,
				  size_t column);

/*
 * All rows of a table that are there, by key (text by its bytes); cells as ev_column_info's `portable` expression
 * gives them, borrowed for the call. 0, the callback's non-zero, or -1 (no such table).
 */
int ev_memory_fold_rows(struct ev_memory_fold *r, const char *table, ev_row_fn row, void *ctx,
			struct ev_error *err);

#endif
