/*
 * drill_log.h - the drill of what looks at logs alone: copies of the log are damaged, as record files
 *
 * The first records of each partition (at most EV_DRILL_LOG_RECORDS in all, within --memory) are written to a file of
 * their own, their offsets counted from 0 so that holes are none but ours; then once more for each corruption, with it.
 * --log reads the damaged file, --against compares both. What the untouched file has of faults is known, and only more
 * than that counts as seen.
 */
#ifndef EV_DRILL_LOG_H
#define EV_DRILL_LOG_H

#include "verify/drill_impl.h"

#define EV_DRILL_LOG_RECORDS 20000

struct ev_drill_log;

/* The records, and what the modes say of them as they are. */
struct ev_drill_log *ev_drill_log_open(const struct ev_projection *p, struct ev_source *src,
				       const struct ev_verify_options *opt, const struct ev_replay_hooks *hooks,
				       struct ev_error *err);
void ev_drill_log_close(struct ev_drill_log *d); /* NULL allowed; the files are removed */

/* Damage a copy and ask: 1, with where it was done and, by mode, who saw it; 0: no place for it in this log; -1. */
int ev_drill_log_try(struct ev_drill_log *d, const struct ev_drill_kind *k, struct ev_buf *where,
		     bool seen[EV_DRILL_MODES], struct ev_error *err);

#endif
