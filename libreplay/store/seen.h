/*
 * seen.h - ids seen, for @dedupe
 *
 *   ev_seen(projection, scope, id, first_ms, topic, partition, record_offset; PK projection, scope, id)
 * where `projection` is the rows_key of ledger.h.
 * scope is the topic, or '' with `across topics`. A record is a duplicate when its id was first
 * seen at record timestamp t0, its own timestamp lies at most `within` behind t0, and t0 + within
 * is not below the watermark as it stood before this record. The watermark is the largest record
 * timestamp that was asked for so far (in the ledger); rows behind it are only garbage and are
 * removed at any time without changing any answer. A record without a timestamp counts as one at
 * the watermark.
 */
#ifndef EV_SEEN_H
#define EV_SEEN_H

#include "record/record.h"
#include "store/store.h"

int ev_seen_create(struct ev_store *s, struct ev_error *err);

/*
 * Ask and remember in one step, in the open transaction: 1 duplicate, 0 first (now remembered), -1.
 * within_ms 0: for ever. *watermark is read and moved.
 */
int ev_seen_check(struct ev_store *s, const char *projection, const struct ev_record *r,
		  struct ev_slice id, bool across, int64_t within_ms, int64_t *watermark,
		  struct ev_error *err);
/* Forget the id that this record was the first of (dead drop). */
int ev_seen_forget(struct ev_store *s, const char *projection, const struct ev_record *r,
		   struct ev_error *err);
/* Remove what lies behind the watermark; call now and then. */
int ev_seen_sweep(struct ev_store *s, const char *projection, int64_t within_ms,
		  int64_t watermark, struct ev_error *err);

#endif
