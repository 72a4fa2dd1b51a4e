/* range_impl.h - shared by range.c and range_file.c only */
#ifndef EV_RANGE_IMPL_H
#define EV_RANGE_IMPL_H

#include "source/range.h"

/* ev_range_resolve for files: what they do not know yet is told to the source by its bounds(). */
int ev_range_file(struct ev_source *src, const struct ev_point *from, const struct ev_point *to,
		  const struct ev_position *stored, struct ev_span **spans, struct ev_error *err);

/* EV_USAGE: "PLACE: the start B is after the end E"; INT64_MAX is said as a word. */
int ev_range_backwards(const char *topic, int32_t partition, int64_t begin, int64_t end,
		       struct ev_error *err);

#endif
