/*
 * identity.h - is the log before us the one the view was built from?
 *
 * 2.0.2 of librdkafka tells a client neither topic ids nor leader epochs, so a recreated topic is
 * recognised by the record that stands at the ledger's last offset, and by the cluster's id.
 */
#ifndef EV_IDENTITY_H
#define EV_IDENTITY_H

#include "apply/run.h"

/*
 * Checks before a run: no --from beside a stored position (EV_USAGE), the ledger's topics are the
 * source's (EV_USAGE), cluster and last records are those of the ledger (EV_DATA). What cannot be
 * checked (no record there any more) is a note.
 */
int ev_identity_check(const struct ev_ledger *l, struct ev_source *src,
		      const struct ev_range_args *range, const struct ev_run_hooks *hooks,
		      struct ev_error *err);

#endif
