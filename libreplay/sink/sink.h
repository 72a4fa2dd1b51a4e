/*
 * sink.h - where copied records go; some files per implementation (kafka*.c, archive.c, lines.c)
 *
 * A sink takes records in the order in which the copy gives them and owns whatever batching, files
 * or connections that needs. `put` only hands a record over: it is *safe* (acknowledged by the
 * brokers, committed, on the disk) once a `flush` behind it has returned 0. A sink that remembers
 * how far it has come (an archive, an exactly-once copy) stores the position that flush is given
 * together with the records, atomically, and tells it again by `resume` in the next run.
 *
 * A record's topic is the target's (--map is applied before); its partition, offset and `part` are
 * the source's: the sink decides what to do with the partition. One thread uses a sink. After an
 * error a sink takes nothing more; close it.
 */
#ifndef EV_SINK_H
#define EV_SINK_H

#include "base/error.h"
#include "position/position.h"
#include "record/record.h"

struct ev_sink;
struct ev_job_token; /* sink/job_token.h */

struct ev_sink_ops {
	const char *name; /* "kafka", "archive", "lines" */

	/*
	 * The source's next offsets as of the last flush of an earlier run, into *stored (empty:
	 * *known is false, there was none). NULL: the sink remembers nothing. Once, before any put.
	 * EV_HELD when another holds it.
	 */
	int (*resume)(struct ev_sink *s, struct ev_position *stored, bool *known,
		      struct ev_error *err);

	/*
	 * What the next flush keeps of the copy besides the position; the sink's. After resume it is what was
	 * stored, and routes and last records are the caller's to keep up. NULL: this sink keeps nothing more.
	 */
	struct ev_job_token *(*token)(struct ev_sink *s);

	/*
	 * One record, borrowed for the call. EV_DATA and EV_USAGE are faults of this record, and the
	 * caller says which it is; the text of others names a place if there is one.
	 */
	int (*put)(struct ev_sink *s, const struct ev_record *r, struct ev_error *err);

	/*
	 * Nothing is there to put for the next wait_ms (0: keep going): pass on what should not lie
	 * around, serve callbacks, report what failed meanwhile. NULL: nothing to do.
	 */
	int (*turn)(struct ev_sink *s, int wait_ms, struct ev_error *err);

	/*
	 * Make everything that was put safe. `next` is the source's position behind it, holes
	 * included: all partitions of the source, target topics' names do not matter here.
	 */
	int (*flush)(struct ev_sink *s, const struct ev_position *next, struct ev_error *err);

	/*
	 * After put, turn or flush has failed: the first offset of source partition `part` that was
	 * put and is not safe, INT64_MAX where all is, and in *beyond how many records behind it are
	 * in the target nevertheless. Nothing of the run is under way any more. NULL: what the last
	 * flush made safe is all that is known to be.
	 */
	int64_t (*undone)(struct ev_sink *s, uint32_t part, uint64_t *beyond);

	/* Frees the sink. What was put and not flushed may or may not be in the target. */
	void (*close)(struct ev_sink *s);
};

struct ev_sink {
	const struct ev_sink_ops *ops;
	char *target;           /* for messages: "topic 'x'", "archive './a'", "standard output" */
	uint64_t records, bytes;/* put so far; bytes of keys, values and headers */
	uint64_t failed;        /* of those put: are known not to be in the target */
	uint64_t passed;        /* records that it was given, and holds already */
	bool lost;              /* the target is gone, or was made anew: what was flushed before is not in it either */
	bool closed;            /* the reader is gone (a pipe), or asleep: nothing more is wanted, end quietly */
};

/* Keep the counters; called by every implementation's put. */
void ev_sink_count(struct ev_sink *s, const struct ev_record *r);

/* Record lines to `write`: 0; 1: nobody takes more, which closes the sink; -1. `name`: for messages. */
struct ev_sink *ev_lines_sink_open(int (*write)(const char *data, size_t n, struct ev_error *err), const char *name);

#endif
