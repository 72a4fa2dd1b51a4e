/*
 * freshness.h - how far a view is behind its log: --max-lag, --max-age
 *
 * The log's end is asked at one moment, and a ledger is held against it. A record is too old where it waits and is
 * older than is allowed: the view stands before the first one that is not. How old those are that it has applied says
 * nothing.
 */
#ifndef EV_FRESHNESS_H
#define EV_FRESHNESS_H

#include "source/source.h"
#include "store/ledger.h"

struct ev_freshness {
	struct ev_log_end {
		int64_t low, high;
		int64_t fresh; /* the first offset whose record is no older than max_age_ms */
	} *ends;           /* of the source's partitions */
	size_t nends;
	int64_t now;        /* when it was asked, ms */
	int64_t max_age_ms; /* < 0: no age was asked for */
};

/* Released by the caller, also after -1. The other functions take the same source. */
int ev_freshness_ask(struct ev_freshness *f, struct ev_source *src, int64_t max_age_ms, struct ev_error *err);
void ev_freshness_release(struct ev_freshness *f);

/* Records that the log held beyond the view; a partition that it does not know is all lag. */
int64_t ev_freshness_lag(const struct ev_freshness *f, const struct ev_source *src, const struct ev_ledger *l);

/*
 * Each partition whose next record is too old is told: "orders/0", "behind, and ...". EV_DATA where that record has no
 * time.
 */
typedef void ev_stale_fn(void *ctx, const char *partition, const char *what);
int ev_freshness_stale(const struct ev_freshness *f, struct ev_source *src, const struct ev_ledger *l, ev_stale_fn *fn,
		       void *ctx, struct ev_error *err);

#endif
