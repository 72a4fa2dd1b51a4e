/*
 * taken.h - what was decided on the dead letters of a view, oldest first
 *
 * There may be as many as there are letters, so beyond a megabyte they lie in a temporary file (audit/spill.h); one
 * reader at a time.
 */
#ifndef EV_TAKEN_H
#define EV_TAKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

struct ev_taken_decision {
	int64_t seq;  /* the cut at which it was taken */
	const char *topic;
	int32_t partition;
	int64_t offset;
	bool drop;    /* else it was tried again */
};

struct ev_taken;

struct ev_taken *ev_taken_new(void);
void ev_taken_free(struct ev_taken *t); /* NULL allowed */

/* In any order. */
int ev_taken_add(struct ev_taken *t, int64_t seq, struct ev_slice topic, int32_t partition, int64_t offset, bool drop,
		 struct ev_error *err);

/* The first behind cut `after`, and the one behind that which was given last; NULL: none. Borrowed until the next. */
int ev_taken_first(struct ev_taken *t, int64_t after, const struct ev_taken_decision **d, struct ev_error *err);
int ev_taken_next(struct ev_taken *t, const struct ev_taken_decision **d, struct ev_error *err);

#endif
