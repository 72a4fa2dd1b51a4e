/*
 * pace.h - when each record of a paced copy is due
 *
 * By rate (records or bytes a second), by the records' own timestamps (--speed), or both: then the
 * later of the two counts. One clock serves all partitions: records come in merged order, and one
 * whose timestamp is below an earlier one's is due at once. A copy that falls behind catches up as
 * fast as it can with --speed; with a rate it owes at most a tenth of a second.
 */
#ifndef EV_PACE_H
#define EV_PACE_H

#include "base/error.h"
#include "record/record.h"

struct ev_pace {
	double records, bytes; /* a second; 0: no limit */
	double speed;          /* 0: not by timestamps */
	int64_t max_idle_ms;   /* a longer silence lasts that long; 0: no limit */

	/* the clock, in microseconds of the monotonic clock */
	int64_t start_us;      /* when time began; set it, or the first record does */
	int64_t latest_ms;     /* timestamp; EV_NO_TIMESTAMP: none yet */
	double at_us;          /* by timestamps: behind start_us */
	double next_us;        /* by rate: when the next is due */
};

#define EV_PACE_INIT { .latest_ms = EV_NO_TIMESTAMP }

/* "5000/s", "5000", "300/m", "10MB/s", "512KiB/s" into records or bytes. EV_USAGE. */
int ev_pace_rate(struct ev_pace *p, const char *text, struct ev_error *err);
/* "1x", "10x", "0.5x", "2". EV_USAGE. */
int ev_pace_speed(struct ev_pace *p, const char *text, struct ev_error *err);

static inline bool ev_pace_on(const struct ev_pace *p)
{
	return p->records > 0 || p->bytes > 0 || p->speed > 0;
}

/* When the record is due, given the time now; it counts as passed on. */
int64_t ev_pace_due(struct ev_pace *p, const struct ev_record *r, int64_t now_us);

#endif
