/*
 * draft.h - a first projection file from a sample of records (evproject draft)
 *
 * Records are added one by one (their bytes are copied where needed); printing writes a file that
 * ev_projection_parse takes and that runs as it is on these records: one table per event type, keyed
 * by the event's id, with a column per scalar path. A sample of a few thousand records is plenty.
 */
#ifndef EV_DRAFT_H
#define EV_DRAFT_H

#include "base/buf.h"
#include "base/error.h"
#include "record/record.h"

#define EV_DRAFT_MAX_TYPES 64    /* further types get a comment only */
#define EV_DRAFT_MAX_COLUMNS 12  /* columns from paths in one table */

struct ev_draft;

struct ev_draft *ev_draft_new(void); /* never NULL */
void ev_draft_free(struct ev_draft *d);

/* Take a record into the sample. What is no JSON object is counted, and gives a comment. */
void ev_draft_add(struct ev_draft *d, const struct ev_record *r);

/*
 * Append the file to `out`. `name` becomes the projection's name (what cannot stand in one is
 * replaced); `topics` are for `@topics`. -1 with EV_DATA when the sample holds no JSON object.
 */
int ev_draft_print(const struct ev_draft *d, const char *name, const char *const *topics,
		   size_t ntopics, struct ev_buf *out, struct ev_error *err);

#endif
