/*
 * progress.h - how far a run is: a live line on a terminal, sparse plain lines elsewhere
 *
 * On a terminal (stderr) one line is redrawn at most five times a second; otherwise a plain line (or
 * JSON object) every ten seconds, the first after ten seconds, so short runs say nothing.
 */
#ifndef EV_PROGRESS_H
#define EV_PROGRESS_H

#include <stdint.h>

#include "common/message.h"
#include "merge/merge.h"

struct ev_progress_now {
	uint64_t records;
	uint64_t done, total; /* offsets (files: bytes) passed of all of the range; total 0: not known */
	int64_t lag;          /* records behind, -1: not known (a bounded run) */
	int64_t lag_ms;       /* age of the last record, -1: not known */
	const char *phase;    /* NULL, or what is being done: "verify" */
	const char *unit;     /* what `records` counts; NULL: records */
	bool waits;           /* nothing comes: no estimate of the rest */
};

struct ev_progress {
	struct ev_messages *msg;
	bool on;      /* off: everything below does nothing */
	bool tty;
	int64_t start_ms, last_ms; /* monotonic clock */
	uint64_t last_records, seen; /* when a line was drawn last; in the last update */
	double rate;  /* records a second, smoothed */
};

/* `quiet`: stay silent (--quiet, or stdout is the same terminal). */
void ev_progress_init(struct ev_progress *p, struct ev_messages *msg, bool quiet);
/* Cheap enough for every batch. */
void ev_progress_update(struct ev_progress *p, const struct ev_progress_now *now);
/*
 * Of a bounded read of `records` so far: by its `n` spans (0: it follows), and that it waits for an open transaction.
 */
void ev_progress_read(struct ev_progress *p, const struct ev_source *src, const struct ev_merge *m,
		      const struct ev_span *spans, size_t n, uint64_t records);
/* Wipe the line; later updates draw again. */
void ev_progress_clear(struct ev_progress *p);

#endif
