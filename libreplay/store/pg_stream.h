/* pg_stream.h - rows by COPY, in binary; of pg_cursor.c alone */
#ifndef EV_PG_STREAM_H
#define EV_PG_STREAM_H

#include "store/pg_internal.h"

struct ev_pg_stream;

/*
 * In the open transaction: 1 and `*out`; 0 where a column's type is not for this way; -1. Nothing else is done on the
 * connection until it is closed.
 */
int ev_pg_stream_open(struct ev_pg *s, const char *sql, struct ev_pg_stream **out, struct ev_error *err);
int ev_pg_stream_fetch(struct ev_pg_stream *c, const struct ev_cell **row, struct ev_error *err);
void ev_pg_stream_close(struct ev_pg_stream *c); /* NULL allowed */

#endif
