/*
 * replay.h - the log folded to exactly where a store stands, into a reference
 *
 * The reference is a scratch store that the ordinary engine fills, or rows in memory that never get into any
 * store (apply/memory_fold.h). Records come in the order in which the
 * store got them: where cuts are stored, the merge of each piece between two of them; else one merge of
 * all. Decisions on dead letters are taken again at their cuts. Poison becomes a dead letter, as no
 * record below the position of a store was poison that is none in it.
 */
#ifndef EV_REPLAY_H
#define EV_REPLAY_H

#include "apply/apply.h"
#include "apply/memory_fold.h"
#include "source/source.h"
#include "verify/snapshot.h"

struct ev_replay_hooks {
	void *ctx;
	bool (*stop)(void *ctx);
	void (*progress)(void *ctx, int64_t records, int64_t done, int64_t total);
	void (*note)(void *ctx, const char *text);
};

struct ev_replay {
	struct ev_apply *apply;  /* on the reference; NULL: */
	struct ev_memory_fold *detached;
	struct ev_ledger mine;   /* where the detached one stands; `untouched` is not counted */
	size_t memory;           /* that its rows may take */
	struct ev_source *src;
	const struct ev_replay_hooks *hooks;
	size_t batch;            /* records of one transaction on the reference */
	size_t batch_bytes;      /* of their keys and values; 0: 32 MiB */
	int64_t seq;             /* the last cut that was passed */
	int64_t records;         /* read so far */
	bool stopped;            /* by the hook: nothing can be said */
	bool full;               /* the detached one's rows take more than `memory` */
	/* For a drill alone: records may be changed before they are folded; how many are left. */
	size_t (*change)(void *ctx, struct ev_record *records, size_t n);
	void *change_ctx;
};

/*
 * Fold on from where the reference stands to where the snapshot stands; EV_DATA where the log does not
 * give it: another log, one that lost its beginning, or one that ends before.
 */
int ev_replay_to(struct ev_replay *r, const struct ev_snapshot *to, struct ev_error *err);

#endif
