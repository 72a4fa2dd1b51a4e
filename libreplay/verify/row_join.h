/*
 * row_join.h - rows of the store beside those that the log makes, key by key, within bounded memory
 *
 * Rows are sorted by table, key and row, in temporary files beyond the memory that is given (audit/spill.h), and then
 * pass by once: however many differ, all that is held are those of one key.
 */
#ifndef EV_ROW_JOIN_H
#define EV_ROW_JOIN_H

#include "verify/internal.h"

struct ev_row_join;

/* `memory`: bytes for the sorting, about. `most`: of the rows of one key and side that differ so many are shown. */
struct ev_row_join *ev_row_join_new(size_t memory, size_t most);
void ev_row_join_free(struct ev_row_join *j); /* NULL allowed */

int ev_row_join_add(struct ev_row_join *j, size_t table, int side, const struct ev_scanned *row, struct ev_error *err);

/* Of one key: the rows that differ, as many pairs as there are, and what is left over on one side. */
struct ev_joined {
	size_t table;
	struct ev_hash128 key;
	bool has[2];              /* on this side; both: changed */
	struct ev_hash128 row[2];
	struct ev_slice bytes[2]; /* borrowed for the call */
	int64_t n;                /* so many, of which this one is shown */
};
typedef int (*ev_joined_fn)(void *ctx, const struct ev_joined *d, struct ev_error *err);

/* All that differ, table by table. What is not 0 ends it and is returned. */
int ev_row_join_all(struct ev_row_join *j, ev_joined_fn fn, void *ctx, struct ev_error *err);

#endif
