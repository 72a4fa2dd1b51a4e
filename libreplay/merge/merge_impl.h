/* merge_impl.h - the merge from inside: shared by merge.c and follow.c */
#ifndef EV_MERGE_IMPL_H
#define EV_MERGE_IMPL_H

#include <limits.h>

#include "base/clock.h"
#include "merge/merge.h"

struct merge_lane {
	struct ev_batch batch;
	size_t at;
	int lent; /* for how many reads more the caller holds records of this batch */
};

struct merge_held { /* follow: a batch with records that were not given yet */
	struct ev_batch batch;
	size_t left;
	bool lent;
};

struct merge_item {
	const struct ev_record *record;
	uint32_t held;
};

struct merge_queue { /* follow: what arrived of a partition, v[at..n) */
	struct merge_item *v;
	size_t at, n, cap;
};

struct merge_part {
	size_t pending; /* fetched, not consumed */
	int64_t newest; /* timestamp */
	struct ev_merge_seen seen;
};

struct ev_merge {
	struct ev_source *src;
	struct ev_merge_options opt;
	struct ev_error failed; /* met behind records that were given first */

	struct merge_part *parts;
	size_t nparts;

	struct merge_lane *lanes;
	size_t nlanes;
	const struct ev_record **heads; /* of lanes; follow: of partitions */
	uint32_t *heap;
	size_t nheap;
	uint32_t *needy; /* lanes without a head that are not done */
	size_t nneedy;
	const int64_t *stops; /* opt.stops: those in force */
	uint32_t *parked;     /* lanes whose head stands behind its stop */
	size_t nparked;

	struct ev_batch *retired; /* released with the next read; opt.ahead: the first `nold` */
	size_t nold, nretired, retired_cap;

	/* follow */
	struct merge_queue *queues; /* by partition */
	size_t nqueues, narrived;
	size_t arrived_bytes;
	int64_t first_arrival; /* ms, of what waits; 0: nothing waits */
	int64_t gave_at;       /* ms, when the caller got its batch; 0: it got none */
	int64_t busy_ms[2];    /* what it needed for the last one, and for the one before */
	struct merge_held *held;
	size_t nheld, held_cap;
};

/* A binary heap of ids, ordered by heads[id]. */
void ev_merge_sift(const struct ev_record **heads, uint32_t *heap, size_t n, size_t at);
void ev_merge_push(const struct ev_record **heads, uint32_t *heap, size_t *n, uint32_t id);

void ev_merge_arrived(struct ev_merge *m, const struct ev_batch *b);
bool ev_merge_consume(struct ev_merge *m, const struct ev_record *r);
void ev_merge_retire(struct ev_merge *m, struct ev_batch *b, bool lent);

int ev_merge_read_follow(struct ev_merge *m, struct ev_record *out, size_t max, size_t max_bytes,
			 int timeout_ms, bool *done, struct ev_error *err);
void ev_merge_follow_release(struct ev_merge *m);

#endif
