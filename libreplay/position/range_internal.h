/* range_internal.h - shared by range.c and range_file.c */
#ifndef EV_RANGE_INTERNAL_H
#define EV_RANGE_INTERNAL_H

#include "position/range.h"

/* Every partition that a position file names must be there, where its topic is read. */
int ev_range_known(const struct ev_source *src, const struct ev_point *point, struct ev_error *err);

/* The same for files: partitions are told to the source by its bounds(). */
int ev_range_file(struct ev_source *src, const struct ev_point *from, const struct ev_point *to,
		  const struct ev_position *stored, struct ev_span **spans, struct ev_error *err);

#endif
