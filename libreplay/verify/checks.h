/*
 * checks.h - the file's assertions: queries that must give no rows
 *
 * All who ask them ask here: evverify --checks in its snapshot, evproject run --check, and the verify phase of a
 * rebuild on the new version, with a receipt or without.
 */
#ifndef EV_CHECKS_H
#define EV_CHECKS_H

#include "projection/projection.h"
#include "store/store.h"

struct ev_check { /* one that is being asked, or has been */
	const struct ev_query_def *def;
	struct ev_store *store;
	struct ev_query *query;
	int64_t rows; /* so far; 0 at the end: it holds */
};

struct ev_check_hooks {
	void *ctx;
	int64_t shown; /* rows of each check that are given to `row` */
	void (*row)(void *ctx, const struct ev_check *c, const struct ev_cell *cells, size_t n);
	void (*asked)(void *ctx, const struct ev_check *c); /* it was asked to its end */
};

/*
 * All of them in their order: how many failed, or -1 and in `*at` (may be NULL) the one that could not be asked:
 * EV_USAGE where the tables have not what it names.
 */
int ev_checks_ask(struct ev_store *s, const struct ev_projection *p, const struct ev_check_hooks *hooks,
		  const struct ev_query_def **at, struct ev_error *err);

#endif
