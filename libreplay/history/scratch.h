/*
 * scratch.h - a store for a while, which goes away when it is closed
 *
 * In memory; or a SQLite file that did not exist before; or a schema of its own in a PostgreSQL
 * database (ev_store_scratch). What a killed process leaves may be deleted.
 */
#ifndef EV_SCRATCH_H
#define EV_SCRATCH_H

#include "store/store.h"

struct ev_scratch {
	struct ev_store *store;
	char *file; /* to be deleted */
};

/*
 * `url` NULL: in memory, which is SQLite's, so that the projection must have a schema for it (EV_USAGE).
 */
int ev_scratch_open(struct ev_scratch *x, const char *url, const struct ev_projection *p,
		    struct ev_error *err);
void ev_scratch_close(struct ev_scratch *x); /* what was never opened as well */

#endif
