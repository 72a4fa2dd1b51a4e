/*
 * run.h - from a source to a store: finish the stored range, read on to the end, perhaps follow
 *
 * The end of a bounded read is stored before it is read (ev_apply_target), so a killed run that is
 * started again first finishes the very same range in the same order; then it goes on to its own
 * end.
 *
 * The position of truth is the store's. A commit to a group that fails on the way is noted and made
 * up for by the next one; only the one at the end must succeed.
 */
#ifndef EV_RUN_H
#define EV_RUN_H

#include "apply/apply.h"
#include "source/range.h"
#include "source/source.h"

struct ev_run_options {
	const struct ev_range_args *range; /* `prefix` is taken as set */
	bool follow;
	bool scan_late;     /* count later offsets with a time before --until */
	bool no_merge;      /* as it comes; only right where the handlers commute */
	bool checked;       /* the caller has had the log's identity checked (identity.h) */
	const char *group;  /* also commit the position to this consumer group, or NULL */
	size_t batch;       /* records per transaction, at most; 0: ev_apply_batch_size */
	size_t batch_bytes; /* their keys, values and headers, about; 0: ev_apply_batch_bytes */
};

#define EV_RUN_OPTIONS_INIT { 0 }

struct ev_run_status {
	int64_t records, bytes;   /* read by this run */
	int64_t passed, span;     /* offsets (files: bytes) passed and to pass in the range at hand; span -1: unknown */
	int64_t late;             /* scan_late: how many; -1: not (all) looked at */
	int64_t lag;              /* following: offsets of the log behind the position; -1: unknown */
	bool committed;           /* something that this run has done is in the store */
	bool following;
	bool stopped;             /* by the hook, before the end */
};

struct ev_run_hooks {
	void *ctx;
	bool (*stop)(void *ctx);
	void (*progress)(void *ctx, const struct ev_run_status *s);
	void (*note)(void *ctx, const char *text); /* a fact worth a line to the user */
};

/* `src` must be open; its partitions decide what is read. 0 when the end was reached or stopped. */
int ev_run(struct ev_apply *a, struct ev_source *src, const struct ev_run_options *opt,
	   const struct ev_run_hooks *hooks, struct ev_run_status *status, struct ev_error *err);

#endif
