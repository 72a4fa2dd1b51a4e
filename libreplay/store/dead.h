/*
 * dead.h - dead letters and the records held back behind them, in the store
 *
 *   ev_dead(projection, topic, partition, record_offset, record_timestamp, state, behind_partition,
 *           behind_offset, key_bytes, reason, line, tries, decided_seq, created_at, arrival;
 *           PK projection, topic, partition, record_offset)
 * where `projection` is the rows_key of ledger.h.
 * state: dead (poison), held (waits behind the letter at behind_partition, behind_offset), dropped
 * (given up), retried (applied since). arrival: its place in the order of application. `line` is
 * the record line (record/line.h) and so holds the record's bytes exactly. decided_seq: the cut at
 * which it was dropped or retried, -1 before.
 */
#ifndef EV_DEAD_H
#define EV_DEAD_H

#include "record/record.h"
#include "store/store.h"

struct ev_dead_letter {
	struct ev_slice topic;
	int32_t partition;
	int64_t offset;
	int64_t behind;         /* held: offset of the dead letter before it; else -1 */
	int32_t behind_partition; /* and its partition */
	struct ev_slice state, reason, line, key; /* key may be null */
	int64_t tries;
	int64_t decided_seq;
	int64_t created_at;     /* ms, clock */
};
/* Borrowed for the call; non-zero stops. */
typedef int (*ev_dead_fn)(void *ctx, const struct ev_dead_letter *d);

int ev_dead_create(struct ev_store *s, struct ev_error *err);

/* In the open transaction: keep a poison record (`behind` -1) or a held one. */
int ev_dead_add(struct ev_store *s, const char *projection, const struct ev_record *r,
		int64_t behind, const char *reason, struct ev_error *err);

/*
 * The offset of the dead letter that holds back records of this topic and key, or -1 for none, -2
 * on error; its partition goes to `partition`, if that is not NULL. Null keys hold nothing. One look into the index
 * of the dead ones.
 */
int64_t ev_dead_blocking(struct ev_store *s, const char *projection, const struct ev_record *r,
			 int32_t *partition, struct ev_error *err);

/* Walk letters in (topic, partition, offset) order; `state` NULL: dead and held. `fn` asks nothing of the store. */
int ev_dead_each(struct ev_store *s, const char *projection, const char *state, ev_dead_fn fn,
		 void *ctx, struct ev_error *err);
/* What is held, behind one letter after the other, in the order in which it is to be applied. */
int ev_dead_each_held(struct ev_store *s, const char *projection, ev_dead_fn fn, void *ctx, struct ev_error *err);
/* A letter and the records held behind it, in the order they are to be applied (merge order). */
int ev_dead_chain(struct ev_store *s, const char *projection, struct ev_slice topic,
		  int32_t partition, int64_t offset, ev_dead_fn fn, void *ctx,
		  struct ev_error *err);
int ev_dead_set_state(struct ev_store *s, const char *projection, struct ev_slice topic,
		      int32_t partition, int64_t offset, const char *state, int64_t decided_seq,
		      struct ev_error *err);
/*
 * What is held at topic/partition@offset is a letter itself from now on, for `reason`; what waits as it does behind the
 * letter at behind_partition, behind, waits behind it.
 */
int ev_dead_promote(struct ev_store *s, const char *projection, struct ev_slice topic, int32_t partition,
		    int64_t offset, int32_t behind_partition, int64_t behind, const char *reason,
		    struct ev_error *err);
int ev_dead_count(struct ev_store *s, const char *projection, int64_t *dead, int64_t *held,
		  struct ev_error *err);
/* A retry that failed again: keeps the new reason, and counts the try where no more than `most` are. */
int ev_dead_tried(struct ev_store *s, const char *projection, struct ev_slice topic,
		  int32_t partition, int64_t offset, int64_t most, const char *reason, struct ev_error *err);

#endif
