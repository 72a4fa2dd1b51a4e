/*
 * repair.h - the rows that are wrong, and only those, made anew from the log
 *
 * One transaction, under the writer's lock and guarded by the ledger's row: the reference is folded on to where the
 * store stands by now (a follower may have gone on), the wrong keys are deleted and written again as the reference
 * has them, and the generation goes up, so that a follower forgets the rows that it remembers.
 */
#ifndef EV_REPAIR_H
#define EV_REPAIR_H

#include "verify/internal.h"

struct ev_wrong_row {
	const struct ev_table_check *table;
	struct ev_hash128 key;
	struct ev_slice bytes; /* a row with this key, encoded; borrowed */
};

/*
 * Write `rows` anew, which are wrong in the view as it stood `at`. EV_USAGE where it may not be done (too many, a table
 * without a key, rows that others hang on, columns that the log does not make or that are ignored), EV_HELD when a
 * writer does not let us, or it is another view by now (swapped, repaired, brought back): nothing has been
 * changed then. Without repair_now nothing is, ever.
 */
int ev_repair(struct ev_verifying *w, const struct ev_snapshot *at, struct ev_wrong_row *rows, size_t n,
	      struct ev_mode *m, struct ev_error *err);

#endif
