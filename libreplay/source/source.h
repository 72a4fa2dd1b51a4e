/*
 * source.h - where records come from; files of one name per implementation: kafka*.c, file*.c,
 * archive*.c, and join*.c for an archive and then its topic
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
	int64_t high;   /* high watermark: one past the last offset; files: INT64_MAX (not known)
			   until scan(); kept up to date, roughly, by a read that follows */
	int64_t stable; /* last stable offset; == high without open transactions and for files */
};

/* What is read of a partition (range.h); of a source one for each, in the order of its table. */
struct ev_span {
	int64_t begin; /* first offset to read */
	int64_t end;   /* first offset not to read; INT64_MAX: open end (file source, follow) */
};

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

typedef int ev_source_take(void *ctx, const struct ev_record *rec, struct ev_error *err);

struct ev_source_ops {
	const char *name; /* "kafka", "file", ... */

	/*
	 * Watermarks again (low, high, stable), and partitions added since at the end of the table
	 * (so indexes stay valid). A file source does nothing.
	 */
	int (*refresh)(struct ev_source *s, struct ev_error *err);

	/*
	 * First offset whose record has timestamp >= ms, per partition; high when there is none.
	 * Of a one_sequence source only after scan(), and it reads everything once more.
	 */
	int (*offsets_for_time)(struct ev_source *s, int64_t ms, int64_t *offsets,
				struct ev_error *err);

	/* Committed offsets of a consumer group for the source's partitions; absent: none. Joins a lost one again. */
	int (*group_offsets)(struct ev_source *s, const char *group, struct ev_position *out,
			     struct ev_error *err);
	int (*commit_group)(struct ev_source *s, const char *group, const struct ev_position *pos,
			    int timeout_ms, struct ev_error *err); /* -1: the source's own */
	/*
	 * Join the group as its only member, until close: nobody else can move it meanwhile, and commit_group
	 * does so as that member. One who is there is waited for (10 s; stopped() ends that), then EV_HELD. Where
	 * the broker has forgotten the member for a while commit_group is EV_HELD, retriable, until group_offsets has
	 * joined again, which is EV_HELD itself where another has moved the group meanwhile, or committed the same
	 * offsets. NULL: the source has no groups.
	 */
	int (*hold_group)(struct ev_source *s, const char *group, bool (*stopped)(void), struct ev_error *err);

	/*
	 * Read the record at exactly this offset into *rec (valid until the next call of any
	 * function of the source) and set *found; not found when there is no record (compaction,
	 * marker, below the low watermark). Not while a read is under way.
	 */
	int (*record_at)(struct ev_source *s, uint32_t part, int64_t offset, struct ev_record *rec,
			 bool *found, struct ev_error *err);

	/*
	 * The same for one offset of each partition (-1: none of it) at once: those that are there to each(), in any
	 * order, borrowed for the call; its -1 ends it. NULL: the source has no quicker way. By ev_source_records_at.
	 */
	int (*records_at)(struct ev_source *s, const int64_t *offsets, ev_source_take *each, void *ctx,
			  struct ev_error *err);

	/*
	 * One_sequence sources only (NULL for others), never while a read is under way. scan() reads
	 * everything once, so that all partitions stand in the table with their real high: for -N,
	 * @TIME and an end that must be a number. Standard input that is a pipe cannot be read twice:
	 * EV_USAGE with a hint. Costs a whole read: call it only when the range needs it.
	 */
	int (*scan)(struct ev_source *s, struct ev_error *err);

	/*
	 * One_sequence sources only (NULL for others), before start(): the span of every partition
	 * that is not in the table at start() and shows up while reading. An entry of `from` or `to`
	 * (either may be NULL; both are copied) wins over the default. Without a call: 0 and
	 * INT64_MAX. So, without any scan:
	 *   --from begin, --to end or stable   defaults 0, INT64_MAX
	 *   --from 5 --to 9                    defaults 5, 9
	 *   --from FILE.json                   from = the file, default 0 (absent: its start)
	 *   --to FILE.json                     to = the file, default 0 (absent: nothing of it)
	 *   a stored position                  from = the position, default 0 (or what --from says)
	 * `--from end` is the default INT64_MAX.
	 */
	void (*bounds)(struct ev_source *s, const struct ev_position *from,
		       const struct ev_position *to, int64_t default_from, int64_t default_to);

	/* One_sequence only: the span in force of a partition of the table, once it is known. */
	void (*span)(struct ev_source *s, uint32_t part, struct ev_span *out);

	/*
	 * Start (or start anew) a read of spans[0..nparts). With `follow`, ends are ignored, the read
	 * never ends and new partitions are added to the table and read from their first offset.
	 * Sets s->nlanes. A file ends also with `follow`; a regular file refuses it (EV_USAGE).
	 */
	int (*start)(struct ev_source *s, const struct ev_span *spans, bool merge, bool follow,
		     struct ev_error *err);

	/*
	 * For reads that are started from now on: what retention deletes below upto[part] before it is read is no
	 * loss, as another source has it, and the read goes on at what is left. NULL: of nothing. The function may be
	 * NULL: the source forgets nothing.
	 */
	void (*spare)(struct ev_source *s, const int64_t *upto);

	/*
	 * The next batch of a lane, waiting up to timeout_ms for one. Batches stay valid until they
	 * are released, in any order, however many more are fetched meanwhile. After an error the
	 * lane gives the same error for ever; what stood before the fault was given before it.
	 */
	enum ev_fetch (*fetch)(struct ev_source *s, size_t lane, struct ev_batch *batch,
			       int timeout_ms, struct ev_error *err);
	void (*release)(struct ev_source *s, struct ev_batch *batch);

	/*
	 * Give back memory of what was released: the one call that another thread may make, while a read is
	 * under way. False: there was nothing to do. NULL: release does it.
	 */
	bool (*tidy)(struct ev_source *s);

	/*
	 * How far the read of a partition has come apart from records: the offset up to which it is
	 * known that nothing more is to be delivered but what was fetched already (end of the span,
	 * or an end-of-partition reached, so holes and markers at the end count as passed; at the end
	 * of a file: one past the last record, as a file does not tell what followed it);
	 * -1 when unknown. Records already fetched but not consumed lie below it.
	 */
	int64_t (*passed)(struct ev_source *s, uint32_t part);

	/*
	 * One_sequence: how far the read has come in bytes, as offsets do not tell; false where that is not
	 * known, as of a pipe. NULL: of no source of this kind.
	 */
	bool (*share)(struct ev_source *s, int64_t *done, int64_t *total);

	/*
	 * May compaction have taken records away, or be about to? For each partition, by its topic's
	 * cleanup.policy: 1 yes, 0 no, -1 where the broker does not say. NULL: there is no such thing.
	 */
	void (*compaction)(struct ev_source *s, int *possible);

	/*
	 * Control records (marks that end transactions) that the read of the partition met, from the
	 * beginning of its span to *upto, which may lie beyond the span's end; -1 where that is not
	 * known. NULL: there are none.
	 */
	int64_t (*markers)(struct ev_source *s, uint32_t part, int64_t *upto);

	/*
	 * Is all that was given so far, by all reads, of one log? By ev_source_still. A read looks itself now and
	 * then, and when it comes to its end; who keeps what was read for good (a position, say) asks before. An
	 * answer that is no must is not waited for where no broker is there. NULL: it cannot become another.
	 */
	int (*still)(struct ev_source *s, bool must, struct ev_error *err);

	void (*close)(struct ev_source *s);
};

struct ev_source {
	const struct ev_source_ops *ops;
	struct ev_partition *parts; /* at open sorted by (topic bytewise, partition) */
	size_t nparts;
	size_t nlanes;
	char *cluster_id; /* of the broker's cluster; NULL for files */
	bool one_sequence; /* files: partitions show up as they are read (added at the end of parts,
			      which may move), ends are not known without scan(); the spans given
			      to start() are those of `parts` then known, others follow bounds() */
	bool uncommitted;  /* records of transactions that were given up, or are open, are given as well */
	bool kcat;         /* files: lines of kcat -J came, whose broker is not carried */
	bool holes_known;  /* an archive of all records: an offset without one was empty in the log */
};

/* Of the table; NULL, false: the source does not have it, or not yet. */
const struct ev_partition *ev_source_partition(const struct ev_source *s, const char *topic, int32_t partition);
int ev_source_records_at(struct ev_source *s, const int64_t *offsets, ev_source_take *each, void *ctx,
			 struct ev_error *err);
bool ev_source_has_topic(const struct ev_source *s, const char *topic);
/*
 * EV_DATA where it is another log by now (a topic was deleted and made again): what was given since the last answer may
 * be of that. The same error from then on, and nobody is asked. An answer that is no must is not waited for for long.
 */
int ev_source_still(struct ev_source *s, bool must, struct ev_error *err);
/* The same for who has nothing more to keep: 0 also where nobody answers. */
int ev_source_still_at_stop(struct ev_source *s, struct ev_error *err);

/*
 * No record was found at offsets[i] of partition i, though a committed one has stood there (-1: not asked for): is it
 * another log now? Where the topic is not compacted records go from its start alone. True for those that should be
 * there, false where nobody says; asked for all at once. An array to free.
 */
bool *ev_source_keeps(struct ev_source *s, const int64_t *offsets, const bool *found);
/* The same of one, within a read, which finds new partitions itself: by the watermarks as they were asked for last. */
bool ev_source_kept(struct ev_source *s, uint32_t part, int64_t offset);

/* For close: the table and the cluster's id. */
void ev_source_release_table(struct ev_source *s);

#endif
