/*
 * pg_stream.c - many rows out of a SELECT: COPY ... TO STDOUT (FORMAT BINARY), as pg_rows.c reads it
 *
 * No text is made of numbers and none is read, and no row waits for a FETCH. Types that have no
 * binary form of their own here (all but a few are asked for as text, see describe), and real, whose text is what the
 * other stores compare, are left to the cursor.
 */
#include "store/pg_stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/pg_rows.h"

struct ev_pg_stream {
	struct ev_pg *store;
	struct ev_pg_rows rows;
	char *message; /* the one at hand */
	bool ended;
};

static int damaged(struct ev_pg_stream *c, struct ev_error *err)
{
	return ev_fail(err, EV_STORE, "store '%s': the rows that it sends are not in the form of COPY",
		       c->store->base.url);
}

/* What follows the last message: 0 when the server says that all went well. */
static int finish(struct ev_pg_stream *c, struct ev_error *err)
{
	PGresult *res;
	int rc = 0;

	c->ended = true;
	while ((res = PQgetResult(c->store->conn))) {
		if (rc == 0 && PQresultStatus(res) != PGRES_COMMAND_OK)
			rc = ev_pg_error(c->store, res, false, err);
		PQclear(res);
	}
	return rc;
}

/* 1 more bytes, 0 the end, -1 */
static int more(struct ev_pg_stream *c, struct ev_error *err)
{
	bool cut = c->rows.at != c->rows.end;
	char *message = NULL;
	int n = PQgetCopyData(c->store->conn, &message, 0), rc;

	if (n < 0) {
		n = n == -2 ? ev_pg_error(c->store, NULL, false, err) : finish(c, err);
		c->ended = true;
		return n < 0 ? -1 : cut ? damaged(c, err) : 0;
	}
	rc = ev_pg_rows_feed(&c->rows, message, (size_t)n, err);
	PQfreemem(c->message);
	c->message = message;
	return rc < 0 ? -1 : 1;
}

int ev_pg_stream_fetch(struct ev_pg_stream *c, const struct ev_cell **row, struct ev_error *err)
{
	while (!c->ended) {
		int rc = ev_pg_rows_next(&c->rows);

		*row = c->rows.row;
		if (rc == 1)
			return 1;
		if (rc < 0)
			return damaged(c, err);
		if (rc == 2) /* and the words that end it */
			c->rows.at = c->rows.end;
		rc = more(c, err);
		if (rc <= 0)
			return rc;
	}
	return 0;
}

/* 1 all types have a form, 0, -1 */
static int learn_types(struct ev_pg_stream *c, const char *sql, struct ev_error *err)
{
	PGresult *res = PQprepare(c->store->conn, "", sql, 0, NULL);
	Oid *types;
	int rc = 1, n;

	if (PQresultStatus(res) == PGRES_COMMAND_OK) {
		PQclear(res);
		res = PQdescribePrepared(c->store->conn, "");
	}
	if (PQresultStatus(res) != PGRES_COMMAND_OK)
		rc = ev_pg_error(c->store, res, false, err);
	n = rc > 0 ? PQnfields(res) : 0;
	types = ev_alloc(((size_t)n + 1) * sizeof(*types));
	for (int i = 0; i < n; i++) {
		types[i] = PQftype(res, i);
		rc = rc > 0 && ev_pg_rows_form(types[i]);
	}
	ev_pg_rows_init(&c->rows, types, n);
	free(types);
	PQclear(res);
	return rc;
}

int ev_pg_stream_open(struct ev_pg *s, const char *sql, struct ev_pg_stream **out, struct ev_error *err)
{
	struct ev_pg_stream *c = ev_alloc(sizeof(*c));
	struct ev_buf text = EV_BUF_INIT;
	PGresult *res;
	int rc;

	c->store = s;
	c->ended = true;
	rc = learn_types(c, sql, err);
	if (rc > 0) {
		ev_buf_addf(&text, "COPY (%s) TO STDOUT (FORMAT BINARY)", sql);
		res = PQexec(s->conn, ev_buf_str(&text));
		c->ended = PQresultStatus(res) != PGRES_COPY_OUT;
		if (c->ended)
			rc = ev_pg_error(s, res, false, err);
		PQclear(res);
		ev_buf_release(&text);
	}
	*out = rc > 0 ? c : NULL;
	if (rc <= 0)
		ev_pg_stream_close(c);
	return rc;
}

/* Rows that nobody wants any more: the server is asked to stop. */
static void cancel(struct ev_pg_stream *c)
{
	PGcancel *ask = PQgetCancel(c->store->conn);
	struct ev_error ignored = EV_ERROR_INIT;
	char said[256], *message;
	int n;

	if (ask)
		PQcancel(ask, said, sizeof(said));
	PQfreeCancel(ask);
	while ((n = PQgetCopyData(c->store->conn, &message, 0)) > 0)
		PQfreemem(message);
	finish(c, &ignored);
}

void ev_pg_stream_close(struct ev_pg_stream *c)
{
	if (!c)
		return;
	if (!c->ended)
		cancel(c);
	PQfreemem(c->message);
	ev_pg_rows_release(&c->rows);
	free(c);
}
