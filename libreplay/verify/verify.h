/*
 * verify.h - does a view say what its log says, at exactly the position where it stands?
 *
 * One session: a reference is opened (an empty scratch store, which the ordinary engine will fill), a
 * snapshot of the store is taken and its rows are streamed into digests, the snapshot is let go, the log is
 * folded to the snapshot's position in the reference, and both are compared. Nothing is written to the
 * store, and nobody waits.
 *
 *   rows.c      the comparison, table by table; suspects.c which rows they are; cause.c why
 *   counts.c    the ledger against a real count of the log
 *   checks.c    the file's assertions in the same snapshot
 *   freshness.c how far behind it is
 *
 * A mode is a file with one or two functions over struct ev_verifying; it reports by verdict.h alone. Its
 * own errors are ev_mode_unproven, and the other modes go on.
 */
#ifndef EV_VERIFY_H
#define EV_VERIFY_H

#include "verify/replay.h"
#include "verify/table.h"
#include "verify/verdict.h"

struct ev_verify_options {
	const char *url;                      /* of the store */
	const struct ev_store_options *store; /* borrowed */
	const char *scratch;                  /* where the reference lies; NULL: SQLite in memory */
	const char *base;                     /* URL of an older view to fold on from, or NULL */
	const char *base_receipt;             /* file; given with it */
	bool rows, counts, checks;
	bool independent;                     /* the reference by plain statements alone */
	bool allow_empty;
	const char *const *ignore;            /* TABLE.COLUMN */
	size_t nignore;
	double sample;                        /* share of the keys that is looked at: (0, 1] */
	size_t max_diffs;
	size_t memory;                        /* for rows that differ */
	int64_t max_lag, max_age_ms;          /* -1: not asked */
	bool repair;                          /* rows that differ; without repair_now it is only said */
	bool repair_now;
	double max_repair;                    /* percent of the rows */
	bool without_views;                   /* the drill alone: its copies have no SQL views */
	bool log, against;                    /* the drill alone: modes that look at logs */
	const char *sequence;                 /* path of the numbers in each key, for its --log, or NULL */
};

struct ev_verify_hooks {
	void *ctx;
	bool (*stop)(void *ctx);
	void (*progress)(void *ctx, const char *what, int64_t records, int64_t done, int64_t total);
	void (*note)(void *ctx, const char *text);
};

/*
 * The whole of it: `out` (to be released, whatever is returned) says what came out. -1: EV_USAGE only. 1: rows
 * were repaired, and `out` says what was wrong with them: verify again.
 */
int ev_verify(const struct ev_projection *p, struct ev_source *src, const struct ev_verify_options *opt,
	      const struct ev_verify_hooks *hooks, struct ev_verdict *out, struct ev_error *err);

#endif
