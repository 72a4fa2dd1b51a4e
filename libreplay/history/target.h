/*
 * target.h - which row a history is of: `order_id=42,line=1` and perhaps a table, made precise
 *
 * Parse what was given, then find the table that has such columns in a store that holds the view's
 * tables.
 */
#ifndef EV_TARGET_H
#define EV_TARGET_H

#include "store/row.h"
#include "store/store.h"

struct ev_target {
	char *table; /* by ev_target_find */
	struct ev_row_value *values; /* both strings owned; columns as the store spells them */
	size_t n;
};

#define EV_TARGET_INIT { NULL, NULL, 0 }

/*
 * Add NAME=VALUE[,NAME=VALUE]...; a comma that no NAME= follows is part of the value, and so is all of one in double
 * quotes, two of which stand for one there. EV_USAGE.
 */
int ev_target_parse(struct ev_target *t, const char *text, struct ev_error *err);

/*
 * Find the one table of the projection that has all the columns, or `table` where it is not NULL.
 * EV_USAGE when there is none, or more than one: then they are named.
 */
int ev_target_find(struct ev_target *t, struct ev_store *s, const struct ev_projection *p,
		   const char *table, struct ev_error *err);

void ev_target_release(struct ev_target *t);

/* `order_id=42,line=1`, for messages: as it is given. */
void ev_target_print(const struct ev_target *t, struct ev_buf *out);

#endif
