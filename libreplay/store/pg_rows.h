/*
 * pg_rows.h - the rows of COPY ... TO STDOUT (FORMAT BINARY), taken out of the bytes that the server sends
 *
 * The stream: a header; for each row the number of fields, 16 bits, and each with its length, 32 bits, -1 for NULL; a
 * number of -1 ends it. The server sends a row in a message, which nothing promises, so rows may span them. No I/O is
 * done here, and bytes that are not of this form are told from bytes that are missing.
 */
#ifndef EV_PG_ROWS_H
#define EV_PG_ROWS_H

#include "base/buf.h"
#include "store/pg_internal.h"

struct ev_pg_rows {
	Oid *types;
	int columns;
	struct ev_buf *texts;  /* by column: of decimals */
	struct ev_cell *row;   /* the one at hand; its texts lie in the bytes that were fed */
	struct ev_buf joined;  /* a row that spans messages */
	const char *at, *end;  /* what was fed and not taken yet */
	bool begun;
};

/* Has the type a form that is read here? */
bool ev_pg_rows_form(Oid type);

/* For rows of these columns, all of which have a form. */
void ev_pg_rows_init(struct ev_pg_rows *r, const Oid *types, int columns);
void ev_pg_rows_release(struct ev_pg_rows *r);

/* More bytes, borrowed until the next are fed. EV_STORE: no memory. */
int ev_pg_rows_feed(struct ev_pg_rows *r, const char *bytes, size_t n, struct ev_error *err);

/* The next row, in r->row: 1; 0 where more bytes are needed; 2 behind the last; -1 these bytes are none of COPY's. */
int ev_pg_rows_next(struct ev_pg_rows *r);

#endif
