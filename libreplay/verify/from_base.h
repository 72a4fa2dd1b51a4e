/*
 * from_base.h - a fold that does not begin with the log: from an older view that has a receipt
 *
 * What the base holds (rows, ledger, dead letters, ids seen) is copied into the reference, and proven there: it must be
 * just what its receipt is of, to the digest. Then the log is folded on from there as from anywhere else. What that
 * says of the view is true as far as the receipt is: the new one names it.
 */
#ifndef EV_FROM_BASE_H
#define EV_FROM_BASE_H

#include "verify/internal.h"

/* In an empty reference whose tables are made, with no engine on it. EV_DATA where the receipt is not of the base. */
int ev_base_bring(struct ev_verifying *w, struct ev_error *err);

/* Is it the view's own past, by positions and cuts? EV_DATA says where not. */
int ev_base_precedes(const struct ev_verifying *w, const struct ev_snapshot *view, struct ev_error *err);

#endif
