/*
 * declared.h - what the file says of its tables, against what the store's catalogue says of them
 *
 * A fold in memory alone takes columns, types and defaults from the store, as there is no scratch store that the file
 * has made. What was done to the tables there would then be on both sides, and not seen: so it is compared with the
 * words of the file. The server is asked what they mean; nothing is made in it.
 */
#ifndef EV_DECLARED_H
#define EV_DECLARED_H

#include "projection/projection.h"
#include "verify/verdict.h"

struct ev_store; /* store/store.h */

/*
 * Of PostgreSQL, in a snapshot; `owned`: the tables that the ledger names, NUL after each. What differs is a finding of
 * `m`. -1: EV_USAGE where the words are not understood, and only a scratch store can tell.
 */
int ev_declared_compare(const struct ev_projection *p, struct ev_store *s, const struct ev_buf *owned,
			struct ev_mode *m, struct ev_error *err);

#endif
