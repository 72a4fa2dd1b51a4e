/* pg_rows.c - see pg_rows.h */
#include "store/pg_rows.h"

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

void ev_pg_rows_init(struct ev_pg_rows *r, const Oid *types, int columns)
{
	size_t n = (size_t)columns + 1;

	*r = (struct ev_pg_rows){ .columns = columns, .at = "", .end = "" };
	r->end = r->at;
	r->types = ev_alloc(n * sizeof(*r->types));
	r->texts = ev_alloc(n * sizeof(*r->texts));
	r->row = ev_alloc(n * sizeof(*r->row));
	if (columns)
		memcpy(r->types, types, (size_t)columns * sizeof(*types));
}

void ev_pg_rows_release(struct ev_pg_rows *r)
{
	for (int i = 0; i < r->columns; i++)
		ev_buf_release(&r->texts[i]);
	ev_buf_release(&r->joined);
	free(r->types);
	free(r->texts);
	free(r->row);
	*r = (struct ev_pg_rows){ 0 };
}

int ev_pg_rows_feed(struct ev_pg_rows *r, const char *bytes, size_t n, struct ev_error *err)
{
	struct ev_buf rest = EV_BUF_INIT;

	if (r->at == r->end) {
		ev_buf_clear(&r->joined);
		r->at = bytes;
		r->end = bytes + n;
		return 0;
	}
	ev_buf_add(&rest, r->at, (size_t)(r->end - r->at));
	ev_buf_add(&rest, bytes, n);
	ev_buf_release(&r->joined);
	r->joined = rest;
	if (rest.failed)
		return ev_fail(err, EV_STORE, "no memory for a row");
	r->at = rest.data;
	r->end = rest.data + rest.len;
	return 0;
}

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
	if (sign && sign != NUMERIC_MINUS)
		return false;
	for (int i = 0; i < n; i++)
		if (group_at(raw.ptr, n, i) > 9999)
			return false;
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

bool ev_pg_rows_form(Oid type)
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

static bool take_cell(struct ev_pg_rows *r, int i, struct ev_slice raw)
{
	struct ev_cell *cell = &r->row[i];
	uint64_t bits;

	*cell = (struct ev_cell){ .kind = EV_CELL_INT };
	if (width(r->types[i]) != SIZE_MAX && raw.len != width(r->types[i]))
		return false;
	switch (r->types[i]) {
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
		ev_buf_clear(&r->texts[i]);
		if (!add_decimal(&r->texts[i], raw) || r->texts[i].failed)
			return false;
		cell->text = ev_buf_slice(&r->texts[i]);
		cell->kind = EV_CELL_REAL; /* and no more is made of it than its text */
		if (!memchr(cell->text.ptr, '.', cell->text.len))
			ev_pg_number(cell);
		return true;
	default:
		cell->kind = r->types[i] == EV_PG_BYTEA ? EV_CELL_BYTES : EV_CELL_TEXT;
		cell->text = raw;
		return true;
	}
}

int ev_pg_rows_next(struct ev_pg_rows *r)
{
	const char *p = r->at;
	int fields;

	if (!r->begun) {
		if (r->end - p < HEADER || (size_t)(r->end - p - HEADER) < get32(p + HEADER - 4))
			return 0;
		if (memcmp(p, SIGNATURE, sizeof(SIGNATURE)) != 0)
			return -1;
		r->at = p += HEADER + get32(p + HEADER - 4);
		r->begun = true;
	}
	if (r->end - p < 2)
		return 0;
	fields = (int16_t)get16(p);
	p += 2;
	if (fields == -1)
		return 2;
	if (fields != r->columns)
		return -1;
	for (int i = 0; i < fields; i++) {
		int32_t len = r->end - p < 4 ? 0 : (int32_t)get32(p);

		if (r->end - p < 4 || (len > 0 && r->end - p - 4 < len))
			return 0;
		p += 4;
		if (len < -1)
			return -1;
		if (len < 0)
			r->row[i] = (struct ev_cell){ .kind = EV_CELL_NULL };
		else if (!take_cell(r, i, ev_slice(p, (size_t)len)))
			return -1;
		p += len > 0 ? len : 0;
	}
	r->at = p;
	return 1;
}
