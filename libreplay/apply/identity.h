/*
 * identity.h - is the log before us the one the view was built from?
 *
 * 2.0.2 of librdkafka tells a client neither topic ids nor leader epochs, so a recreated topic is
 * recognised by the record that stands at the ledger's last offset, and by the cluster's id.
 */
#ifndef EV_IDENTITY_H
#define EV_IDENTITY_H

#include "apply/run.h"

/*
 * Checks before a run: no --from beside a stored position (EV_USAGE), the ledger's topics are the
 * source's (EV_USAGE), cluster and last records are those of the ledger (EV_DATA). What cannot be
 * checked (no record there any more) is a note.
 */
int ev_identity_check(const struct ev_ledger *l, struct ev_source *src,
		      const struct ev_range_args *range, const struct ev_run_hooks *hooks,
		      struct ev_error *err);

/* Of that only cluster and last records, of the partitions that the source has. Nothing of files. */
int ev_identity_partitions(const struct ev_ledger *l, struct ev_source *src,
			   const struct ev_run_hooks *hooks, struct ev_error *err);

/*
 * The next handler from number *i on, which is moved past it, that is of a topic which is not read (of one whose copy
 * under another name is read, say): appended as a sentence; false: there is none. Of a file it is asked when it was
 * read. One that lacks a topic may have it the next time, so there it must have another than the projection's.
 */
bool ev_identity_unread(const struct ev_projection *p, const struct ev_source *src, size_t *i, struct ev_buf *out);

/*
 * A file shows its partitions only while it is read, and is read from its beginning, so what lies
 * below the position tells whether it is the log that the view was built from. One for each of the
 * source's partitions, zeroed.
 */
struct ev_file_identity {
	bool met;      /* a record of the partition has come */
	bool stored;   /* the view has a position in it: `next`, and what was last applied */
	bool open;     /* the last record applied must still come */
	int64_t next, last, newest; /* newest: offset of the last record that has come */
	uint64_t hash;
};

/*
 * The next record of a partition, in the order of the file; `p` is what the ledger said of it before
 * the first one, NULL: nothing. EV_DATA when the file begins behind the position, so that what lies
 * between is lost, or when another record stands where the last one applied stood.
 */
int ev_file_identity_next(struct ev_file_identity *f, const struct ev_ledger_part *p,
			  const struct ev_record *rec, const struct ev_run_hooks *hooks,
			  struct ev_error *err);

/*
 * The file has ended. One that ends before the last record applied holds nothing new: said; EV_DATA
 * where its offsets are line numbers, as it cannot be the file that the view was built from.
 */
int ev_file_identity_end(const struct ev_file_identity *f, const struct ev_partition *p,
			 const struct ev_run_hooks *hooks, struct ev_error *err);

#endif
