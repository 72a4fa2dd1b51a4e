/* row.h - a row that a person names by the text of some of its columns: order_id=42 */
#ifndef EV_ROW_H
#define EV_ROW_H

#include "projection/projection.h"

struct ev_row_value {
	const char *column; /* as the store spells it */
	const char *value;
	bool untyped;       /* the column has no type, so 42 may stand in it as a number or as a text */
};

/*
 * Append the condition as SQL, in brackets. The values are compared as the columns' types would:
 * '42' is 42 in an integer column.
 */
void ev_row_condition(enum ev_dialect d, const struct ev_row_value *v, size_t n, struct ev_buf *out);

/* The same for a trigger of SQLite: `of` is NEW or OLD, whose columns have values but no types. */
void ev_row_condition_of(const char *of, const struct ev_row_value *v, size_t n, struct ev_buf *out);

#endif
