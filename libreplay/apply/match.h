/*
 * match.h - which handlers does an event go to?
 *
 * Globs are matched once per (topic, type) and remembered, up to a bound, so that a log with
 * endless made-up types costs time and never memory.
 */
#ifndef EV_MATCH_H
#define EV_MATCH_H

#include "projection/projection.h"

#define EV_MATCH_MAX_REMEMBERED 4096

struct ev_match;

struct ev_match *ev_match_new(const struct ev_projection *p);
void ev_match_free(struct ev_match *m);

/* Indexes of the handlers in file order, ended by -1; valid until the next call. */
const int *ev_match_event(struct ev_match *m, struct ev_slice topic, struct ev_slice type);
const int *ev_match_tombstone(struct ev_match *m, struct ev_slice topic);

#endif
