/*
 * late.h - may a record be applied late, behind records of other keys? (dead retry, DESIGN's §5)
 */
#ifndef EV_LATE_H
#define EV_LATE_H

#include "projection/projection.h"

/*
 * Would the `handlers` (indexes, ended by -1), run now for a record that came long ago, leave the
 * tables as they had been in its turn, as far as records of other keys go? Proved by shape, for
 * each table that they write: either all statements on it commute (commute.c), or all address their
 * rows by one text column = :key (or the path of @key), so that no two keys share a row (late.c). If not, a line in
 * `why`: what keeps it from either.
 */
bool ev_projection_may_be_late(const struct ev_projection *p, const int *handlers,
			       struct ev_buf *why);

/* The path, appended to `out`, that would make it so as the file's @key. False: there is none, or it has one. */
bool ev_projection_late_by_key(const struct ev_projection *p, const int *handlers, struct ev_buf *out);

/*
 * Do all the statements on one table commute? As ev_projection_commutes, but @dedupe is not looked
 * at: which record of an id came first was decided when it came.
 */
bool ev_table_commutes(const struct ev_projection *p, const char *table, struct ev_buf *why);

/* The table that a statement writes, as a string to free; NULL where it is not plain. */
char *ev_statement_table(const struct ev_statement *s);

#endif
