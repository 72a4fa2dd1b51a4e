/*
 * cases.h - given events, expect rows: the tests of a projection (evproject test)
 *
 * A cases file is a JSON array of objects:
 *   {"name": "...", "given": [...], "expect": {"table": [{"column": value, ...}, ...], ...},
 *    "dead": [{"offset": 1, "reason": "*glob*"}, ...], "held": 0}
 * An element of `given` is a record line, of which topic, partition, offset and timestamp may be
 * left out (the projection's first topic, 0, the next one, none), or a bare event, which becomes
 * the value of such a record. It is a record line when it has a member "value", "text" or "base64".
 * Rows are compared in any order; columns that are not named are not compared; a table's rows must
 * be all there are. With "dead" poison records become dead letters, and those listed must be all.
 *
 * Each case is run several times, on an empty store each: in one batch, by batches of one and of
 * seven, every record given twice at the same offset, with a restart in the middle, and with
 * @dedupe every record again at a new offset. All must give the rows expected, and the same tables
 * altogether.
 */
#ifndef EV_CASES_H
#define EV_CASES_H

#include "projection/projection.h"
#include "store/store.h"

#define EV_CASES_MAX_SIZE (64u << 20)

/* Called once per case: `failure` is "" when it passed, else lines that say how it failed. */
typedef void (*ev_case_fn)(void *ctx, const char *name, const char *failure);

struct ev_cases {
	/* An empty store, as each run of a case wants one of its own. */
	struct ev_store *(*open)(void *open_ctx, const struct ev_projection *p, struct ev_error *err);
	void *open_ctx;
	ev_case_fn report;
	void *ctx;
};

/* Run all cases of a file. Number of failed cases, or -1 (EV_USAGE: the file itself is wrong). */
int ev_cases_run(const struct ev_projection *p, const char *file, const struct ev_cases *how,
		 struct ev_error *err);

#endif
