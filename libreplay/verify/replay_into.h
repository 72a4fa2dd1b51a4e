/*
 * replay_into.h - where a replay folds: a scratch store by the ordinary engine, or memory alone; shared by
 * replay*.c
 */
#ifndef EV_REPLAY_INTO_H
#define EV_REPLAY_INTO_H

#include "verify/replay.h"

const struct ev_ledger *ev_into_ledger(const struct ev_replay *r);
/* Records with rec->part == `part` are of this partition of the store's ledger. */
void ev_into_partition(struct ev_replay *r, uint32_t part, const struct ev_ledger_part *p);
int ev_into_records(struct ev_replay *r, struct ev_record *records, size_t n, struct ev_error *err);
/* All partitions go on to next[part]. */
int ev_into_pass(struct ev_replay *r, const int64_t *next, size_t n, struct ev_error *err);
int ev_into_decide(struct ev_replay *r, const struct ev_taken_decision *d, struct ev_error *err);

#endif
