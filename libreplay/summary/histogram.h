/*
 * histogram.h - records over time in bounded memory
 *
 * The width of a bar is a step of a ladder (1 ms ... 1 s, 5 s, 15 s, 1 min ... 1 h, 6 h, 1 d ...) of
 * which each divides the next; when a timestamp does not fit any more the bars are folded into the
 * next step. Bars are aligned to the epoch.
 */
#ifndef EV_HISTOGRAM_H
#define EV_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define EV_HISTOGRAM_BARS 1024

struct ev_histogram {
	uint64_t bars[EV_HISTOGRAM_BARS];
	int64_t base;     /* number of the first bar: its start / width */
	size_t n;         /* bars in use */
	size_t step;      /* of the ladder */
	uint64_t outside; /* records with no timestamp, or one outside of the years 1-9999 */
};

void ev_histogram_add(struct ev_histogram *h, int64_t ms);
/* Fold until at most `max` (>= 1) bars are left, or the step is the widest, 36000 days. */
void ev_histogram_fit(struct ev_histogram *h, size_t max);
int64_t ev_histogram_width(const struct ev_histogram *h); /* ms of one bar */
int64_t ev_histogram_start(const struct ev_histogram *h, size_t bar);

#endif
