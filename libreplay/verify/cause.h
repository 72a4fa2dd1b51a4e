/*
 * cause.h - which events made a row, and what may have gone wrong with one of them
 *
 * The log is folded once more, by plain statements, with an eye on the rows that differ: each record that
 * touches one is kept. Then the events of a row are folded alone, with one left out, doubled, swapped with
 * its neighbour, or all from one on left out: where that gives the row that the store has, it is the
 * likely cause. Where the events alone do not even give the row that the log makes (it depends on others), or
 * nothing fits, the cause is unknown, and said to be.
 *
 * A store that can watch rows (SQLite) says who touches them. Another is asked for the row's version after each
 * record that holds a value of its key, so events that make the key from something else are not found.
 */
#ifndef EV_CAUSE_H
#define EV_CAUSE_H

#include "verify/internal.h"

struct ev_suspect {
	const struct ev_table_check *table;
	size_t finding;             /* index in the mode's findings, which gets last_event and cause */
	struct ev_hash128 key;
	bool in_log, in_store;
	struct ev_hash128 log, store; /* hashes of the row there */
	struct ev_slice bytes;      /* a row with this key, encoded; borrowed */
};

/* Fill the findings of `m`. `at`: the snapshot that the rows are of, with all its cuts. */
int ev_cause_find(struct ev_verifying *w, const struct ev_snapshot *at, const struct ev_suspect *suspects,
		  size_t n, struct ev_mode *m, struct ev_error *err);

/* cause_touch.c: the records that touched the rows. */
struct ev_touch {
	char *line;       /* record line; "" where others are forgotten */
	char *place;      /* topic/partition@offset */
};

struct ev_touches {   /* of one suspect */
	struct ev_touch *v;
	size_t n, cap;
	size_t forgotten; /* older ones, not kept: then `v` has the last alone */
};

int ev_touches_find(struct ev_verifying *w, const struct ev_snapshot *at, const struct ev_suspect *suspects,
		    size_t n, struct ev_touches *out, struct ev_error *err);
void ev_touches_release(struct ev_touches *t, size_t n);

/* cause_try.c: what might have been. `cause` is appended to; empty: nothing fits. */
struct ev_trial;
struct ev_trial *ev_trial_open(struct ev_verifying *w, struct ev_error *err);
void ev_trial_close(struct ev_trial *t);
int ev_trial_explain(struct ev_trial *t, const struct ev_suspect *s, const struct ev_touches *touches,
		     struct ev_buf *cause, struct ev_error *err);

#endif
