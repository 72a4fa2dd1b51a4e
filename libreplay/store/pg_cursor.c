/* pg_cursor.c - tables described, and read row by row */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/pg_stream.h"

#define ROWS_AT_ONCE 2000

struct ev_cursor {
	struct ev_pg *store;
	uint64_t number;
	bool own;       /* the transaction is the cursor's */
	PGresult *res;  /* rows at hand */
	int at, columns;
	struct ev_cell *row;
	void **owned;
	char fetch[64];
	struct ev_pg_stream *stream; /* instead of all this */
};

/* Sorts of types that both we and the server know how to sort; the rest is text. */
static bool sorts_by_value(Oid type)
{
	switch (type) {
	case EV_PG_BOOL: case EV_PG_INT2: case EV_PG_INT4: case EV_PG_INT8: case EV_PG_OID:
	case EV_PG_NUMERIC: case EV_PG_FLOAT4: case EV_PG_FLOAT8: case EV_PG_BYTEA:
		return true;
	default:
		return false;
	}
}

static char *expression(const char *fmt, const char *quoted)
{
	struct ev_buf b = EV_BUF_INIT;
	char *text;

	for (; *fmt; fmt++) {
		if (*fmt == '@')
			ev_buf_adds(&b, quoted);
		else
			ev_buf_addc(&b, *fmt);
	}
	text = ev_strdup(ev_buf_str(&b));
	ev_buf_release(&b);
	return text;
}

static void add_column(struct ev_table_info *out, const PGresult *res, int row)
{
	struct ev_column_info *c = EV_PUSH(out->columns, out->ncolumns);
	Oid type = (Oid)strtoul(PQgetvalue(res, row, 2), NULL, 10);
	struct ev_buf quoted = EV_BUF_INIT;
	const char *q;

	c->name = ev_strdup(PQgetvalue(res, row, 0));
	c->type = ev_strdup(PQgetvalue(res, row, 1));
	c->key = (int)strtol(PQgetvalue(res, row, 3), NULL, 10);
	c->not_null = PQgetvalue(res, row, 5)[0] == 't';
	c->fallback = PQgetisnull(res, row, 6) ? NULL : ev_strdup(PQgetvalue(res, row, 6));
	out->bytewise = PQgetvalue(res, row, 7)[0] == 't';
	c->collation = (unsigned)strtoul(PQgetvalue(res, row, 8), NULL, 10);
	c->bytewise = c->collation ? PQgetvalue(res, row, 9)[0] == 't' : out->bytewise;
	c->full = ev_strdup(PQgetvalue(res, row, 10));
	c->in_place = PQgetvalue(res, row, 11)[0] == 't';
	ev_buf_add_quoted(&quoted, c->name, '"');
	q = ev_buf_str(&quoted);
	c->value = expression(sorts_by_value(type) ? "@" : "@::text", q);
	c->portable = type == EV_PG_TIMESTAMPTZ
			      ? expression("to_char(@, 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')", q)
			      : ev_strdup(c->value);
	ev_buf_adds(&quoted, sorts_by_value(type) ? " NULLS FIRST" : "::text COLLATE \"C\" NULLS FIRST");
	c->order = ev_strdup(ev_buf_str(&quoted));
	if (!out->name)
		out->name = ev_strdup(PQgetvalue(res, row, 4));
	ev_buf_release(&quoted);
}

#define INDEXES 7 /* from there on it is only sought or sorted in another way */

/* What a row depends on beside its columns. A view is a rule for SELECT, which acts on nothing. */
static int find_oddity(struct ev_pg *s, const char *table, struct ev_table_info *out, struct ev_error *err)
{
	static const char sql[] =
		"SELECT CASE WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid "
		"AND (k.contype NOT IN ('p', 'n', 'c') OR k.condeferrable)) THEN 1 "
		"WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k WHERE k.confrelid = c.oid) THEN 2 "
		"WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid) THEN 3 "
		"WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid) THEN 4 "
		/* relhassubclass stays true when the last child is gone */
		"WHEN c.relrowsecurity OR c.relispartition OR c.relkind = 'p' OR EXISTS "
		"(SELECT 1 FROM pg_catalog.pg_inherits h WHERE h.inhparent = c.oid) THEN 5 "
		"WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 "
		"AND (a.attgenerated <> '' OR a.attidentity <> '')) THEN 6 "
		"WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND "
		"((i.indisunique AND NOT i.indisprimary) OR i.indexprs IS NOT NULL OR i.indpred IS NOT "
		"NULL)) THEN 7 "
		"WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_collation l "
		"ON l.oid = a.attcollation WHERE a.attrelid = c.oid AND a.attnum > 0 AND "
		"NOT l.collisdeterministic) THEN 8 ELSE 0 END, "
		"EXISTS (SELECT 1 FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal) OR "
		"EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid AND r.ev_type <> '1') "
		"FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
		"WHERE n.nspname = $1 AND c.relname = $2";
	static const char *const what[] = {
		NULL, "it has a constraint beside its primary key, or a DEFERRABLE one", "a foreign key points to it",
		"it has a trigger", "it has a rule", "it has row security, or is part of others",
		"it has a generated column", "it has a second unique index, or one of an expression or of a part of "
		"its rows", "it has a collation of its own",
	};
	const char *values[] = { s->schema, table };
	PGresult *res = ev_pg_ask(s, sql, 2, values, err);

	if (res && PQntuples(res)) {
		int n = PQgetvalue(res, 0, 0)[0] - '0';

		out->odd = what[n];
		out->tied = n < INDEXES ? what[n] : NULL; /* the tied ones come first */
		out->acts = PQgetvalue(res, 0, 1)[0] == 't';
	}
	PQclear(res);
	return res ? 0 : -1;
}

static int take_number(void *ctx, const struct ev_cell *c, size_t n)
{
	(void)n;
	*(int64_t *)ctx = c[0].i;
	return 0;
}

/* How many of them have what ties rows; a foreign key is triggers of both tables. Names as names are found by index. */
int ev_pg_stamp(struct ev_store *store, const struct ev_buf *tables, int64_t *out, struct ev_error *err)
{
	static const char sql[] =
		"SELECT count(*) FROM pg_catalog.pg_class c WHERE c.relnamespace = (SELECT n.oid FROM "
		"pg_catalog.pg_namespace n WHERE n.nspname = CAST(CAST(?1 AS text) AS name)) AND c.relname = ANY "
		"(CAST(string_to_array(CAST(?2 AS text), chr(10)) AS name[])) AND (c.relrowsecurity OR EXISTS "
		"(SELECT 1 FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid) OR EXISTS "
		"(SELECT 1 FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid) OR EXISTS "
		"(SELECT 1 FROM pg_catalog.pg_inherits h WHERE h.inhparent = c.oid))";
	struct ev_buf names = EV_BUF_INIT;
	struct ev_bind b[2] = { ev_bind_text(ev_pg_of(store)->schema) };
	int rc;

	ev_buf_add(&names, tables->data, tables->len);
	for (size_t i = 0; i < names.len; i++)
		if (!names.data[i])
			names.data[i] = '\n';
	b[1] = ev_bind_slice(ev_buf_slice(&names));
	rc = ev_store_select(store, sql, b, 2, take_number, out, err);
	ev_buf_release(&names);
	return rc;
}

static int find_checks(struct ev_pg *s, const char *table, struct ev_table_info *out, struct ev_error *err)
{
	static const char sql[] =
		"SELECT pg_catalog.pg_get_expr(k.conbin, k.conrelid) FROM pg_catalog.pg_constraint k "
		"JOIN pg_catalog.pg_class c ON c.oid = k.conrelid "
		"JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
		"WHERE n.nspname = $1 AND c.relname = $2 AND k.contype = 'c' ORDER BY k.conname";
	const char *values[] = { s->schema, table };
	PGresult *res = ev_pg_ask(s, sql, 2, values, err);

	for (int i = 0; res && i < PQntuples(res); i++)
		*EV_PUSH(out->checks, out->nchecks) = ev_strdup(PQgetvalue(res, i, 0));
	PQclear(res);
	return res ? find_oddity(s, table, out, err) : -1;
}

/* Is one of these the collation of column `a`? The type regcollation is of 13 and later. */
#define COLLATION(names) "EXISTS (SELECT 1 FROM pg_catalog.pg_collation l WHERE l.oid = a.attcollation " \
			 "AND l.collnamespace = 'pg_catalog'::regnamespace AND l.collname IN (" names "))"

int ev_pg_describe(struct ev_store *store, const char *table, struct ev_table_info *out,
		   struct ev_error *err)
{
	static const char sql[] =
		"SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.atttypid, "
		/* what a primary key INCLUDEs stands behind its columns, and is not of it */
		"CASE WHEN array_position(i.indkey::int2[], a.attnum) < i.indnkeyatts "
		"THEN array_position(i.indkey::int2[], a.attnum) + 1 ELSE 0 END, c.relname, a.attnotnull, "
		"pg_catalog.pg_get_expr(d.adbin, d.adrelid), "
		/* older servers tell of no provider: theirs is the C library */
		"(SELECT coalesce(to_jsonb(b)->>'datlocprovider', 'c') = 'c' AND b.datcollate IN ('C', 'POSIX') "
		"FROM pg_catalog.pg_database b WHERE b.datname = current_database()), "
		"CASE WHEN " COLLATION("'default'") " THEN 0 ELSE a.attcollation END, "
		COLLATION("'C', 'POSIX', 'ucs_basic'") ", "
		"format('%I.%I:%s', m.nspname, t.typname, a.atttypmod), "
		"a.attstorage = 'p' OR EXISTS (SELECT 1 FROM pg_catalog.pg_index x WHERE x.indrelid = c.oid "
		"AND a.attnum = ANY (x.indkey::int2[])) "
		"FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
		"JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid "
		"JOIN pg_catalog.pg_type t ON t.oid = a.atttypid "
		"JOIN pg_catalog.pg_namespace m ON m.oid = t.typnamespace "
		"LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
		"LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisprimary "
		"WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped "
		/* a name that the other store keeps as it was written was folded here */
		"AND c.relname = (SELECT o.relname FROM pg_catalog.pg_class o WHERE o.relnamespace = n.oid "
		"AND o.relname IN ($2::text, lower($2::text COLLATE \"C\")) ORDER BY o.relname <> $2::text LIMIT 1) "
		"ORDER BY a.attnum";
	struct ev_pg *s = ev_pg_of(store);
	const char *values[] = { s->schema, table };
	PGresult *res;
	bool own;

	*out = (struct ev_table_info){ 0 };
	if (ev_pg_enter(s, &own, err) < 0)
		return -1;
	res = ev_pg_ask(s, sql, 2, values, err);
	for (int i = 0; res && i < PQntuples(res); i++)
		add_column(out, res, i);
	if (ev_pg_leave(s, own, res ? find_checks(s, out->name ? out->name : table, out, err) : -1, err) < 0) {
		PQclear(res);
		return -1;
	}
	PQclear(res);
	return out->ncolumns > 0;
}

/* A column list says what a type is without a value of it, which a domain might refuse. */
static PGresult *ask_type(struct ev_pg *s, const char *type, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	char oid[16], modifier[16];
	const char *values[] = { oid, modifier };
	PGresult *res;

	ev_buf_addf(&sql, "SELECT * FROM pg_catalog.json_to_recordset('[]') AS x(c %s)", type);
	res = ev_pg_ask(s, ev_buf_str(&sql), 0, NULL, err);
	ev_buf_release(&sql);
	if (!res)
		return NULL;
	snprintf(oid, sizeof(oid), "%u", (unsigned)PQftype(res, 0));
	snprintf(modifier, sizeof(modifier), "%d", PQfmod(res, 0));
	PQclear(res);
	return ev_pg_ask(s, "SELECT pg_catalog.format_type($1::oid, $2::integer)", 2, values, err);
}

int ev_pg_describe_type(struct ev_store *store, const char *type, struct ev_buf *out, struct ev_error *err)
{
	struct ev_pg *s = ev_pg_of(store);
	PGresult *res;
	bool own;

	if (ev_pg_enter(s, &own, err) < 0)
		return -1;
	res = ask_type(s, type, err);
	if (res)
		ev_buf_adds(out, PQgetvalue(res, 0, 0));
	own = ev_pg_leave(s, own, res ? 0 : -1, err) < 0;
	PQclear(res);
	return own ? -1 : 0;
}

struct ev_cursor *ev_pg_cursor(struct ev_store *store, const char *sql, struct ev_error *err)
{
	struct ev_pg *s = ev_pg_of(store);
	struct ev_buf text = EV_BUF_INIT;
	struct ev_cursor *c = ev_alloc(sizeof(*c));
	int rc = ev_pg_enter(s, &c->own, err);

	c->store = s;
	c->number = ++s->names;
	snprintf(c->fetch, sizeof(c->fetch), "FETCH %d FROM ev_c%" PRIu64, ROWS_AT_ONCE, c->number);
	if (rc == 0 && c->own) /* several cursors share what the first has begun */
		s->open = true;
	ev_buf_addf(&text, "DECLARE ev_c%" PRIu64 " NO SCROLL CURSOR FOR %s", c->number, sql);
	if (rc == 0)
		rc = ev_pg_exec(s, ev_buf_str(&text), err);
	ev_buf_release(&text);
	if (rc == 0)
		return c;
	ev_pg_cursor_close(c);
	return NULL;
}

struct ev_cursor *ev_pg_cursor_stream(struct ev_store *store, const char *sql, struct ev_error *err)
{
	struct ev_pg *s = ev_pg_of(store);
	struct ev_cursor *c = ev_alloc(sizeof(*c));
	int rc = ev_pg_enter(s, &c->own, err);

	c->store = s;
	if (rc == 0 && c->own)
		s->open = true;
	if (rc == 0)
		rc = ev_pg_stream_open(s, sql, &c->stream, err);
	if (rc > 0)
		return c;
	ev_pg_cursor_close(c);
	return rc < 0 ? NULL : ev_pg_cursor(store, sql, err);
}

static PGresult *fetch_some(struct ev_cursor *c, struct ev_error *err)
{
	struct ev_pg *s = c->store;
	PGresult *res;

	if (!s->stopped)
		return ev_pg_ask(s, c->fetch, 0, NULL, err);
	if (!PQsendQueryParams(s->conn, c->fetch, 0, NULL, NULL, NULL, NULL, 0)) {
		ev_pg_error(s, NULL, false, err);
		return NULL;
	}
	res = ev_pg_answer(s);
	if (PQresultStatus(res) == PGRES_TUPLES_OK)
		return res;
	ev_pg_error(s, res, false, err);
	PQclear(res);
	return NULL;
}

static int more(struct ev_cursor *c, struct ev_error *err)
{
	PQclear(c->res);
	c->at = 0;
	c->res = fetch_some(c, err);
	if (!c->res)
		return -1;
	if (!c->row) {
		c->columns = PQnfields(c->res);
		c->row = ev_alloc(((size_t)c->columns + 1) * sizeof(*c->row));
		c->owned = ev_alloc(((size_t)c->columns + 1) * sizeof(*c->owned));
	}
	return PQntuples(c->res) > 0;
}

int ev_pg_fetch(struct ev_cursor *c, const struct ev_cell **row, struct ev_error *err)
{
	if (c->stream)
		return ev_pg_stream_fetch(c->stream, row, err);
	for (int i = 0; i < c->columns; i++) {
		PQfreemem(c->owned[i]);
		c->owned[i] = NULL;
	}
	if (!c->res || c->at >= PQntuples(c->res)) {
		int rc = more(c, err);

		if (rc <= 0)
			return rc;
	}
	for (int i = 0; i < c->columns; i++)
		ev_pg_cell(c->res, c->at, i, &c->row[i], &c->owned[i]);
	c->at++;
	*row = c->row;
	return 1;
}

void ev_pg_cursor_close(struct ev_cursor *c)
{
	if (!c)
		return;
	ev_pg_stream_close(c->stream);
	PQclear(c->res);
	for (int i = 0; i < c->columns; i++)
		PQfreemem(c->owned[i]);
	if (c->own) {
		c->store->base.ops->rollback(&c->store->base);
	} else if (c->number && !ev_pg_lost(c->store) && PQtransactionStatus(c->store->conn) == PQTRANS_INTRANS) {
		char sql[64];

		snprintf(sql, sizeof(sql), "CLOSE ev_c%" PRIu64, c->number);
		PQclear(PQexec(c->store->conn, sql));
	}
	free(c->row);
	free(c->owned);
	free(c);
}
