/*
 * source.h - where records come from; one file per implementation (kafka.c, file.c)
 *
 * A source is opened from what the command line names (spec.h), then knows its partitions. A read
 * is started with one span per partition and delivers batches by lane. A **lane** is a sequence
 * that is already in order: with `merge`, every Kafka partition is a lane; without, all partitions
 * arrive on one lane as they come; a file or stdin is one lane however many partitions it holds.
 * Records of a batch are borrowed from it until ev_source release. One thread uses a source.
 */
#ifndef EV_SOURCE_H
#define EV_SOURCE_H

#include "base/error.h"
#include "position/position.h"
#include "record/record.h"

struct ev_partition {
	char *topic;
	int32_t partition;
	int64_t low;    /* log start offset when opened or refreshed; files: 0 (--lines: 1) */
	int64_t high;   /* high watermark: one past the last offset; files: INT64_MAX (not known) */
	int64_t stable; /* last stable offset; == high without open transactions */
};

struct ev_span; /* position/range.h */

struct ev_batch {
	struct ev_record *records;
	size_t n;
	void *owner; /* the source's */
};

enum ev_fetch {
	EV_FETCH_ERROR = -1,
	EV_FETCH_SOME = 0, /* batch->n > 0 */
	EV_FETCH_WAIT,     /* nothing within the time given; ask again */
	EV_FETCH_DONE,     /* the lane has reached its end(s); for ever */
};

struct ev_source;

struct ev_source_ops {
	const char *name; /* "kafka", "file" */

	/*
	 * Watermarks again (low, high, stable), and partitions added since at the end of the table
	 * (so indexes stay valid). A file source does nothing.
	 */
	int (*refresh)(struct ev_source *s, struct ev_error *err);

	/* First offset whose record has timestamp >= ms, per partition; high when there is none. */
	int (*offsets_for_time)(struct ev_source *s, int64_t ms, int64_t *offsets,
				struct ev_error *err);

	/* Committed offsets of a consumer group for the source's partitions; absent: none. */
	int (*group_offsets)(struct ev_source *s, const char *group, struct ev_position *out,
			     struct ev_error *err);
	int (*commit_group)(struct ev_source *s, const char *group, const struct ev_position *pos,
			    struct ev_error *err);

	/*
	 * Read the record at exactly this offset into *rec (valid until the next call of any
	 * function of the source) and set *found; not found when there is no record (compaction,
	 * marker, below the low watermark). Not while a read is under way.
	 */
	int (*record_at)(struct ev_source *s, uint32_t part, int64_t offset, struct ev_record *rec,
			 bool *found, struct ev_error *err);

	/*
	 * Start (or start anew) a read of spans[0..nparts). With `follow`, ends are ignored, the read
	 * never ends and new partitions are added to the table and read from their first offset.
	 * Sets s->nlanes.
	 */
	int (*start)(struct ev_source *s, const struct ev_span *spans, bool merge, bool follow,
		     struct ev_error *err);

	/* The next batch of a lane, waiting up to timeout_ms for one. */
	enum ev_fetch (*fetch)(struct ev_source *s, size_t lane, struct ev_batch *batch,
			       int timeout_ms, struct ev_error *err);
	void (*release)(struct ev_source *s, struct ev_batch *batch);

	/*
	 * How far the read of a partition has come apart from records: the offset up to which it is
	 * known that nothing more is to be delivered but what was fetched already (end of the span,
	 * or an end-of-partition reached, so holes and markers at the end count as passed);
	 * -1 when unknown. Records already fetched but not consumed lie below it.
	 */
	int64_t (*passed)(struct ev_source *s, uint32_t part);

	void (*close)(struct ev_source *s);
};

struct ev_source {
	const struct ev_source_ops *ops;
	struct ev_partition *parts; /* at open sorted by (topic bytewise, partition) */
	size_t nparts;
	size_t nlanes;
	char *cluster_id; /* of the broker's cluster; NULL for files */
	bool one_sequence; /* a file: partitions show up as they are read, ends are not known; the
			      spans given to start() are those of `parts` then known, and others
			      are read whole */
};

#endif
