/*
 * rebuild.h - a view built anew while the old one serves: prepare, load, catch up, verify, swap
 *
 * What a session does, whatever one before it left undone:
 *   prepare  refuse what would not survive (shadow.h preflight), a log that lost its beginning
 *   load     the log from its beginning to where the old view stands, into the shadow
 *   verify   old against new at exactly the old view's position (compare.h); tables of another program have none, and
 *            are compared at the end of the log
 *   catch up to the end of the log, until less than max_lag is left
 *   verify   the ledger's balance and the file's checks, on what is about to serve
 *   prove    where a receipt is wanted: what verify/verify.h proves of any view, of the shadow
 *   swap     after a yes, and what came since verified as before: copy (SQLite), and one short transaction
 * The phase is stored (plan.h), so the next call goes on where a killed one stopped.
 */
#ifndef EV_REBUILD_H
#define EV_REBUILD_H

#include "apply/run.h"
#include "rebuild/shadow.h"

/* The hint where poison ends it. */
#define EV_REBUILD_REMEDY "the same command with --on-error dead keeps such records as dead letters and goes on; " \
			  "else --abandon gives the rebuild up, and a mended file begins anew"

enum ev_on_error { EV_ON_ERROR_INHERIT, EV_ON_ERROR_STOP, EV_ON_ERROR_DEAD };

struct ev_rebuild_options {
	const struct ev_range_args *range;
	enum ev_on_error on_error; /* INHERIT: as the old view was run */
	int64_t max_dead, max_held;
	int64_t max_lag;           /* records behind the log's end before the swap */
	double max_change;         /* percent of rows that may differ from the old; < 0: any */
	bool accept_trimmed, allow_empty, again, adopt, no_swap;
	bool exact;                /* nothing folded in memory */
	bool quiet;                /* what was compared is not noted */
	bool pipe;                 /* the source can be read once only: enough for a first build */
	size_t batch;              /* records of one transaction; 0: what suits (ev_apply_batch_size) */
	size_t memory;             /* bytes for rows while the log is read; 0: any number */
	const char *receipt;       /* no swap without a proof, whose receipt is written there; NULL: none wanted */
	int64_t receipt_age_ms;    /* one of this version that stands there and is no older is proof enough */
	const char *scratch;       /* PostgreSQL: where the log is folded for the proof, or NULL */
	const char *written_by;    /* for the receipt: "evtools 0.1.0" */
};

#define EV_REBUILD_OPTIONS_INIT \
	{ .max_dead = -1, .max_held = -1, .max_lag = 1000, .max_change = -1 }

struct ev_rebuild_now {
	enum ev_phase phase;
	const char *what;      /* the step, for people: "load", "index", "swap" */
	int64_t records;       /* read, or copied rows */
	int64_t done, total;   /* offsets, bytes of files or rows of this step; total -1: not known */
	int64_t lag;           /* behind the log's end; -1: not known */
};

enum ev_rebuild_end {
	EV_REBUILT_BUILT,    /* there was no old view */
	EV_REBUILT_UNFIT,    /* the same; what is in place fails a check, or is not proven: a hook has said so */
	EV_REBUILT_SWAPPED,
	EV_REBUILT_SERVES,   /* this fingerprint serves already: nothing was done, but proven if a receipt is wanted */
	EV_REBUILT_UNPROVEN, /* the same, and it is not what the log makes */
	EV_REBUILT_READY,    /* no_swap, or the answer was no */
	EV_REBUILT_REFUSED,  /* empty, not proven: a hook has said so */
	EV_REBUILT_TOO_MUCH, /* refused, as more of the rows change than was allowed */
	EV_REBUILT_CHECKED,  /* refused, as checks of the file fail: a hook has said so */
	EV_REBUILT_STOPPED,  /* by the hook */
};

struct ev_rebuilt {
	enum ev_rebuild_end end;
	int64_t version;   /* of what was built, or serves already, as the store has it; the file's may be another */
	char refusal[512]; /* UNFIT, REFUSED, TOO_MUCH, CHECKED: why; else empty */
};

#define EV_REBUILD_SAMPLES 5

struct ev_comparison; /* compare.h */
struct ev_verdict;    /* verify/verdict.h */

struct ev_rebuild_hooks {
	void *ctx;
	bool (*stop)(void *ctx);
	void (*progress)(void *ctx, const struct ev_rebuild_now *now);
	void (*note)(void *ctx, const char *text);
	/*
	 * Old against new, with up to EV_REBUILD_SAMPLES rows of each kind a table; borrowed. `label`: what is
	 * to be known of it, NULL where both stood at the same position.
	 */
	void (*compared)(void *ctx, const struct ev_comparison *c, const char *label);
	/* Run the file's checks on `s`: number that failed, or -1. */
	int (*check)(void *ctx, struct ev_store *s, struct ev_error *err);
	/* What the proof came to (verify/verdict.h); borrowed. NULL: nobody wants to know. */
	void (*proved)(void *ctx, const struct ev_verdict *v, int status, const struct ev_error *why);
	/* Is there somebody who may answer that? Asked before anything is read. 0, -1. NULL: there is. */
	int (*can_confirm)(void *ctx, struct ev_error *err);
	/* May version `version` serve? 1, 0, -1. NULL: it may. */
	int (*confirm)(void *ctx, int64_t version, struct ev_error *err);
};

/* The whole of it. Both stay open; where a view serves already the source is read several times. */
int ev_rebuild(struct ev_shadow *sh, const struct ev_projection *p, struct ev_source *src,
	       const struct ev_rebuild_options *opt, const struct ev_rebuild_hooks *hooks, struct ev_rebuilt *out,
	       struct ev_error *err);

#endif
