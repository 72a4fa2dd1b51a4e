/*
 * slices.c - a fold in memory that is larger than --memory: several folds, each of one slice of the keys
 *
 * One slice of one is all of it, and when that fits nothing is read twice. A slice that does not fit is given up and
 * becomes two, as all others that are still to be folded; those that are done stay done, since slice i of n is
 * slices i and i + n of 2n.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "verify/internal.h"

#define MOST_SLICES 4096

static int begin_slice(struct ev_verifying *w, uint32_t slice, struct ev_error *err)
{
	struct ev_replay *r = &w->replay;

	ev_memory_fold_free(r->detached);
	ev_ledger_release(&r->mine);
	r->seq = 0; /* what was read is counted on */
	r->full = false;
	r->detached = ev_memory_fold_new(w->catalogue, w->p, slice, w->slices, NULL, err);
	if (r->detached)
		ev_memory_fold_limit(r->detached, r->memory);
	else if (err->class == EV_OK)
		ev_fail(err, EV_BUG, "the projection no longer folds in memory");
	return r->detached ? 0 : -1;
}

static bool *split(struct ev_verifying *w, bool *done)
{
	uint32_t n = w->slices;

	w->slices = 2 * n;
	done = ev_realloc_n(done, w->slices, sizeof(*done));
	memcpy(done + n, done, n * sizeof(*done));
	return done;
}

static int fold_slices(struct ev_verifying *w, const struct ev_snapshot *to, ev_folded_fn each, void *ctx,
		       struct ev_error *err)
{
	bool *done = ev_alloc(w->slices * sizeof(*done));
	int rc = 0;

	for (uint32_t i = 0; i < w->slices && rc == 0; i++) {
		if (done[i])
			continue;
		rc = begin_slice(w, i, err);
		if (rc == 0)
			rc = ev_replay_to(&w->replay, to, err);
		if (rc < 0 && w->replay.full && w->slices < MOST_SLICES) {
			done = split(w, done);
			rc = 0;
			i--; /* the first half of it is next */
			continue;
		}
		if (rc == 0)
			rc = each(ctx, err);
		done[i] = true;
	}
	free(done);
	return rc;
}

int ev_reference_fold(struct ev_verifying *w, const struct ev_snapshot *to, ev_folded_fn each, void *ctx,
		      struct ev_error *err)
{
	if (w->slices <= 1) {
		if (ev_replay_to(&w->replay, to, err) == 0)
			return each(ctx, err);
		if (!w->replay.full)
			return -1;
		w->slices = 2;
	}
	return fold_slices(w, to, each, ctx, err);
}
