/*
 * pg_stream.c - many rows out of a SELECT: COPY ... TO STDOUT (FORMAT BINARY)
 *
 * No text is made of numbers and none is read, and no row waits for a FETCH. Types that have no
 * binary form of their own here (all but a few are asked for as text, see describe), and real, whose text is what the
 * other stores compare, are left to the cursor.
 *
 * The stream: a header; for each row the number of fields, 16 bits, and each with its length, 32 bits, -1 for NULL; a
 * number of -1 ends it. The server sends a row in a message, which nothing promises, so rows may span them.
 */
#include "store/pg_stream.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SIGNATURE "PGCOPY\n\377\r\n" /* and a NUL */
#define HEADER 19
#define NUMERIC_MINUS 0x4000
#define NUMERIC_NAN 0xc000
#define NUMERIC_PLUS_INFINITY 0xd000
#define NUMERIC_MINUS_INFINITY 0xf000

struct ev_pg_stream {
	struct ev_pg *store;
	Oid *types;
	int columns;
	struct ev_buf *texts;   /* by column: of decimals */
	struct ev_cell *row;
	char *message;          /* the one at hand */
	struct ev_buf joined;   /* a row that spans messages */
	const char *at, *end;
	bool begun, ended;
};

static uint16_t get16(const char *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return ntohs(v);
}

static uint32_t get32(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return ntohl(v);
}

static uint64_t get64(const char *p)
{
	return (uint64_t)get32(p) << 32 | get32(p + 4);
}

static int damaged(struct ev_pg_stream *c, struct ev_error *err)
{
	return ev_fail(err, EV_STORE, "store '%s': the rows that it sends are not in the form of COPY",
		       c->store->base.url);
}

/* A group of four digits: `from` .. `to` of them. */
static void add_group(struct ev_buf *out, unsigned group, int from, int to)
{
	const char digits[4] = { (char)('0' + group / 1000 % 10), (char)('0' + group / 100 % 10),
				 (char)('0' + group / 10 % 10), (char)('0' + group % 10) };

	ev_buf_add(out, digits + from, (size_t)(to - from));
}

static unsigned group_at(const char *p, int n, int i)
{
	return i >= 0 && i < n ? get16(p + 8 + 2 * i) : 0;
}

/* As the server would print it. False: it is no number of its. */
static bool add_decimal(struct ev_buf *out, struct ev_slice raw)
{
	int n = raw.len < 8 ? -1 : get16(raw.ptr), weight, sign, scale;

	if (n < 0 || raw.len != 8 + 2 * (size_t)n)
		return false;
	weight = (int16_t)get16(raw.ptr + 2);
	sign = get16(raw.ptr + 4);
	scale = get16(raw.ptr + 6);
	if (sign == NUMERIC_NAN || sign == NUMERIC_PLUS_INFINITY || sign == NUMERIC_MINUS_INFINITY) {
		ev_buf_adds(out, sign == NUMERIC_NAN ? "NaN" : sign == NUMERIC_MINUS_INFINITY ? "-Infinity"
											      : "Infinity");
		return true;
	}
	ev_buf_adds(out, sign == NUMERIC_MINUS ? "-" : "");
	if (weight < 0)
		ev_buf_addc(out, '0');
	for (int i = 0; i <= weight; i++) {
		unsigned g = group_at(raw.ptr, n, i);

		add_group(out, g, i ? 0 : g > 999 ? 0 : g > 99 ? 1 : g > 9 ? 2 : 3, 4);
	}
	ev_buf_adds(out, scale ? "." : "");
	for (int i = weight + 1, left = scale; left > 0; i++, left -= 4)
		add_group(out, group_at(raw.ptr, n, i), 0, left < 4 ? left : 4);
	return true;
}

static bool has_form(Oid type)
{
	switch (type) {
	case EV_PG_BOOL: case EV_PG_INT2: case EV_PG_INT4: case EV_PG_INT8: case EV_PG_OID:
	case EV_PG_NUMERIC: case EV_PG_FLOAT8: case EV_PG_BYTEA: case EV_PG_TEXT:
		return true;
	default:
		return false;
	}
}

static size_t width(Oid type)
{
	switch (type) {
	case EV_PG_BOOL: return 1;
	case EV_PG_INT2: return 2;
	case EV_PG_INT4: case EV_PG_OID: return 4;
	case EV_PG_INT8: case EV_PG_FLOAT8: return 8;
	default: return SIZE_MAX; /* any */
	}
}

static bool take_cell(struct ev_pg_stream *c, int i, struct ev_slice raw)
{
	struct ev_cell *cell = &c->row[i];
	uint64_t bits;

	*cell = (struct ev_cell){ .kind = EV_CELL_INT };
	if (width(c->types[i]) != SIZE_MAX && raw.len != width(c->types[i]))
		return false;
	switch (c->types[i]) {
	case EV_PG_BOOL: cell->i = raw.ptr[0] != 0; return true;
	case EV_PG_INT2: cell->i = (int16_t)get16(raw.ptr); return true;
	case EV_PG_INT4: cell->i = (int32_t)get32(raw.ptr); return true;
	case EV_PG_OID: cell->i = get32(raw.ptr); return true;
	case EV_PG_INT8: cell->i = (int64_t)get64(raw.ptr); return true;
	case EV_PG_FLOAT8:
		bits = get64(raw.ptr);
		cell->kind = EV_CELL_REAL;
		memcpy(&cell->real, &bits, sizeof(bits));
		return true;
	case EV_PG_NUMERIC:
		ev_buf_clear(&c->texts[i]);
		if (!add_decimal(&c->texts[i], raw) || c->texts[i].failed)
			return false;
		cell->text = ev_buf_slice(&c->texts[i]);
		cell->kind = EV_CELL_REAL; /* and no more is made of it than its text */
		if (!memchr(cell->text.ptr, '.', cell->text.len))
			ev_pg_number(cell);
		return true;
	default:
		cell->kind = c->types[i] == EV_PG_BYTEA ? EV_CELL_BYTES : EV_CELL_TEXT;
		cell->text = raw;
		return true;
	}
}

/* One row from `at`: 1; 0 where more bytes are needed; 2 at the end; -1 not of this form. */
static int parse(struct ev_pg_stream *c)
{
	const char *p = c->at;
	int fields;

	if (!c->begun) {
		if (c->end - p < HEADER || (size_t)(c->end - p - HEADER) < get32(p + HEADER - 4))
			return 0;
		if (memcmp(p, SIGNATURE, sizeof(SIGNATURE)) != 0)
			return -1;
		c->at = p += HEADER + get32(p + HEADER - 4);
		c->begun = true;
	}
	if (c->end - p < 2)
		return 0;
	fields = (int16_t)get16(p);
	p += 2;
	if (fields == -1)
		return 2;
	if (fields != c->columns)
		return -1;
	for (int i = 0; i < fields; i++) {
		int32_t len = c->end - p < 4 ? 0 : (int32_t)get32(p);

		if (c->end - p < 4 || (len > 0 && c->end - p - 4 < len))
			return 0;
		p += 4;
		if (len < 0)
			c->row[i] = (struct ev_cell){ .kind = EV_CELL_NULL };
		else if (!take_cell(c, i, ev_slice(p, (size_t)len)))
			return -1;
		p += len > 0 ? len : 0;
	}
	c->at = p;
	return 1;
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
	struct ev_buf rest = EV_BUF_INIT;
	char *message = NULL;
	int n;

	if (c->at != c->end)
		if (c->end > c->at)
		ev_buf_add(&rest, c->at, (size_t)(c->end - c->at));
	n = PQgetCopyData(c->store->conn, &message, 0);
	PQfreemem(c->message);
	c->message = message;
	ev_buf_release(&c->joined);
	c->at = c->end = "";
	if (n < 0) {
		bool cut = rest.len > 0;

		ev_buf_release(&rest);
		n = n == -2 ? ev_pg_error(c->store, NULL, false, err) : finish(c, err);
		c->ended = true;
		return n < 0 ? -1 : cut ? damaged(c, err) : 0;
	}
	c->at = message;
	c->end = message + n;
	if (!rest.len)
		return 1;
	ev_buf_add(&rest, message, (size_t)n);
	c->joined = rest;
	if (rest.failed)
		return ev_fail(err, EV_STORE, "no memory for a row");
	c->at = rest.data;
	c->end = rest.data + rest.len;
	return 1;
}

int ev_pg_stream_fetch(struct ev_pg_stream *c, const struct ev_cell **row, struct ev_error *err)
{
	while (!c->ended) {
		int rc = c->at == c->end ? 0 : parse(c);

		*row = c->row;
		if (rc == 1)
			return 1;
		if (rc < 0)
			return damaged(c, err);
		if (rc == 2) /* and the words that end it */
			c->at = c->end = "";
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
	int rc = 1;

	if (PQresultStatus(res) == PGRES_COMMAND_OK) {
		PQclear(res);
		res = PQdescribePrepared(c->store->conn, "");
	}
	if (PQresultStatus(res) != PGRES_COMMAND_OK)
		rc = ev_pg_error(c->store, res, false, err);
	c->columns = rc > 0 ? PQnfields(res) : 0;
	c->types = ev_alloc(((size_t)c->columns + 1) * sizeof(*c->types));
	c->texts = ev_alloc(((size_t)c->columns + 1) * sizeof(*c->texts));
	c->row = ev_alloc(((size_t)c->columns + 1) * sizeof(*c->row));
	for (int i = 0; i < c->columns; i++) {
		c->types[i] = PQftype(res, i);
		rc = rc > 0 && has_form(c->types[i]);
	}
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
	c->at = c->end = "";
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
	ev_buf_release(&c->joined);
	for (int i = 0; i < c->columns; i++)
		ev_buf_release(&c->texts[i]);
	free(c->types);
	free(c->texts);
	free(c->row);
	free(c);
}
