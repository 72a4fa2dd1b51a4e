/*
 * range.h - from what was asked to one [begin, end) per partition
 *
 * The end is taken once, here; a bounded read then stops exactly there. Asks the source for
 * watermarks (already in its partition table), offsets for times and group offsets.
 */
#ifndef EV_RANGE_H
#define EV_RANGE_H

#include "position/point.h"
#include "source/source.h"

struct ev_range_args {
	struct ev_point from;  /* --from */
	struct ev_point to;    /* --to */
	bool has_since, has_until;
	int64_t since, until;  /* ms */
	bool prefix;           /* a store reads: a time is turned into a position (first offset at or
				  after it) and nothing is filtered; else since/until stay filters and
				  only bound the scan: begin at the first offset at or after since, end
				  at the high watermark */
};

#define EV_RANGE_ARGS_INIT { .from = EV_POINT_INIT, .to = EV_POINT_INIT }

/*
 * Resolve for every partition of `src` into *spans, an array of src->nparts that the caller frees: a
 * source may learn of partitions here, so the table can grow. On failure *spans is untouched.
 * `stored` (may be NULL) is where the reader already stands: it is the begin of partitions that it
 * holds, and partitions that it lacks begin at their first offset; a file is given from its beginning
 * all the same, and the reader passes over what it has. Without `stored` and `from` the
 * begin is the first offset. Errors: start after end (EV_USAGE); a position file's partition that
 * the topic lacks, or an offset past the end (EV_USAGE); stored or asked begin below the low
 * watermark (EV_DATA, names topic/partition and the lost span); stored position past the high
 * watermark (EV_DATA: the topic was recreated).
 * An asked begin below the low watermark is lost only where it was given as an offset, a saved
 * position, a group's offset or a stored position, never for begin, -N or a time. A `stored` without
 * entries is none. With `--to stable` a range that begins behind the last stable offset is empty.
 */
int ev_range_resolve(struct ev_source *src, const struct ev_range_args *args,
		     const struct ev_position *stored, struct ev_span **spans,
		     struct ev_error *err);

#endif
