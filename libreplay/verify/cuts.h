/*
 * cuts.h - where a view stood at the end of each of its transactions, oldest first
 *
 * A follower may store a hundred a second for months, so beyond a megabyte they lie in a temporary file
 * (audit/spill.h), and are read from their beginning by each fold; one reader at a time.
 */
#ifndef EV_CUTS_H
#define EV_CUTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct ev_stored_cut {
	int64_t seq;
	int64_t *next; /* by partition of the ledger; -1: not known then */
};

struct ev_cuts;

struct ev_cuts *ev_cuts_new(size_t nparts);
void ev_cuts_free(struct ev_cuts *c); /* NULL allowed */

/* Added in their order. */
int ev_cuts_add(struct ev_cuts *c, const struct ev_stored_cut *cut, struct ev_error *err);

/* The first, and the one behind that which was given last: 1 and `*cut`, borrowed until the next call; 0: none; -1. */
int ev_cuts_first(struct ev_cuts *c, struct ev_stored_cut *cut, struct ev_error *err);
int ev_cuts_next(struct ev_cuts *c, struct ev_stored_cut *cut, struct ev_error *err);

#endif
