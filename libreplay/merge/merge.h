/*
 * merge.h - one deterministic sequence out of all lanes of a source
 *
 * Always the head record with the smallest (timestamp, topic, partition), offset order kept inside
 * a partition: so a bounded read is a function of the log's content and the spans alone (evtools(7),
 * ORDER). A record without a timestamp sorts first. Memory is bounded by the source's queues: a lane
 * that runs ahead simply is not fetched from.
 *
 * Bounded: heads of all lanes are awaited before one is given. Follow: what has arrived within
 * `linger_ms` (or fills the batch) is merged by the same rule, so each batch of a follower is
 * exactly the merge of the span between two cuts. A caller that is quick with a batch gets the next
 * one sooner: it waits no longer than twice what the one before took, 5 ms at least.
 */
#ifndef EV_MERGE_H
#define EV_MERGE_H

#include "source/source.h"

/*
 * Piece by piece, in a bounded read of lanes that are partitions each: records at or behind stops[part] (one
 * per partition of the source) wait until all before the stops is given; then the next stops are asked for,
 * which never lie before the last. NULL: *done; a later read asks again. So a span is given as the merges
 * of its pieces, one after the other, at the cost of one read. The array is borrowed until the next call.
 */
typedef const int64_t *(*ev_merge_stops_fn)(void *ctx);

struct ev_merge_options {
	bool merge;      /* false: --no-merge, as it comes */
	bool follow;
	int linger_ms;   /* follow: how long a batch may wait to fill, where batches take long */
	bool ahead;      /* bounded: what a read gives is borrowed until the next but one */
	bool patient;    /* follow: all of that time, for the sake of order over partitions */
	bool has_since, has_until; /* filter each record by its timestamp (readers) */
	int64_t since, until;
	ev_merge_stops_fn stops; /* or NULL */
	void *stops_ctx;
};

struct ev_merge;

/* Starts the read (source start). `spans` has one per partition, copied. */
struct ev_merge *ev_merge_new(struct ev_source *src, const struct ev_span *spans,
			      const struct ev_merge_options *opt, struct ev_error *err);
void ev_merge_free(struct ev_merge *m);

/*
 * Up to `max` records in order into `out`, stopping early once their values pass `max_bytes`.
 * Returns their number; 0 with *done false: nothing within timeout_ms (check signals, call again);
 * 0 with *done true: the read has ended. -1 on error. Records are borrowed until the next call (`ahead`: but one).
 */
int ev_merge_read(struct ev_merge *m, struct ev_record *out, size_t max, size_t max_bytes,
		  int timeout_ms, bool *done, struct ev_error *err);

/*
 * The position after what was read: next[part] for every partition of the source (its table may
 * have grown in a follow). A partition whose last record was given stands behind it; one that is
 * known to hold nothing more stands at its end (holes and markers included).
 */
int64_t ev_merge_next(const struct ev_merge *m, uint32_t part);

/* What was seen of a partition: for the closing report. */
struct ev_merge_seen {
	int64_t begin, next;  /* span read so far */
	int64_t records;      /* records delivered by the source in it (before since/until) */
	int64_t first;        /* offset of the first of them, where there is one */
	int64_t filtered;     /* kept back by since/until */
	int64_t late;         /* timestamp below one seen before in the same partition */
};
void ev_merge_seen(const struct ev_merge *m, uint32_t part, struct ev_merge_seen *out);

#endif
