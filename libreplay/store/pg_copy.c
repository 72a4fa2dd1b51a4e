/* pg_copy.c - many rows into a table: COPY, with what indexes it has made after the rows */
#include "base/mem.h"
#include "store/pg_internal.h"

#define CHUNK (64u << 10)

int ev_pg_copy_begin(struct ev_store *store, const char *table, const char *columns, struct ev_error *err)
{
	struct ev_pg *s = ev_pg_of(store);
	struct ev_buf sql = EV_BUF_INIT;
	PGresult *res;
	int rc = 0;

	if (ev_pg_sync(store, err) < 0)
		return -1;
	ev_buf_adds(&sql, "COPY ");
	ev_buf_add_quoted(&sql, table, '"');
	ev_buf_addf(&sql, " (%s) FROM STDIN", columns);
	res = PQexec(s->conn, ev_buf_str(&sql));
	if (PQresultStatus(res) != PGRES_COPY_IN)
		rc = ev_pg_error(s, res, false, err);
	PQclear(res);
	ev_buf_release(&sql);
	ev_buf_clear(&s->scratch);
	return rc;
}

static int send(struct ev_pg *s, struct ev_error *err)
{
	if (PQputCopyData(s->conn, s->scratch.data, (int)s->scratch.len) != 1)
		return ev_pg_error(s, NULL, false, err);
	ev_buf_clear(&s->scratch);
	return 0;
}

/* What ends a column or a row, and the backslash itself. */
static char escaped(char c)
{
	switch (c) {
	case '\\':
		return '\\';
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	default:
		return 0;
	}
}

static void add_text(struct ev_buf *out, struct ev_slice text)
{
	char *at;

	if (!ev_buf_reserve(out, text.len * 2 + 1))
		return;
	at = out->data + out->len;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i], e = (unsigned char)c > '\\' ? 0 : escaped(c);

		if (e)
			*at++ = '\\';
		*at++ = e ? e : c;
	}
	*at = '\0';
	out->len = (size_t)(at - out->data);
}

int ev_pg_copy_add(struct ev_store *store, const struct ev_bind *b, size_t n, struct ev_error *err)
{
	struct ev_pg *s = ev_pg_of(store);
	struct ev_buf *out = &s->scratch;

	for (size_t i = 0; i < n; i++) {
		if (b[i].kind == EV_BIND_NULL)
			ev_buf_adds(out, "\\N");
		else if (b[i].kind == EV_BIND_INT)
			ev_buf_add_i64(out, b[i].i);
		else if (b[i].kind == EV_BIND_BOOL)
			ev_buf_addc(out, b[i].i ? 't' : 'f');
		else
			add_text(out, b[i].text);
		ev_buf_addc(out, i + 1 < n ? '\t' : '\n');
	}
	if (out->failed)
		return ev_fail(err, EV_STORE, "out of memory for rows to copy");
	return out->len < CHUNK ? 0 : send(s, err);
}

int ev_pg_copy_end(struct ev_store *store, struct ev_error *err)
{
	struct ev_pg *s = ev_pg_of(store);
	PGresult *res;
	int rc = s->scratch.len ? send(s, err) : 0;

	if (PQputCopyEnd(s->conn, rc < 0 ? "given up" : NULL) != 1 && rc == 0)
		rc = ev_pg_error(s, NULL, false, err);
	while ((res = PQgetResult(s->conn))) {
		if (rc == 0 && PQresultStatus(res) != PGRES_COMMAND_OK)
			rc = ev_pg_error(s, res, true, err); /* what is refused is so for its values */
		PQclear(res);
	}
	return rc;
}

/*
 * Nothing hangs on them that their definition does not tell: no comment, storage options, tablespace, use as
 * replica identity, view, statistics.
 */
#define PLAIN                                                                                     \
	"x.reloptions IS NULL AND x.reltablespace = 0 AND NOT i.indisclustered AND NOT "          \
	"i.indisreplident AND i.indisvalid AND NOT EXISTS (SELECT 1 FROM "                        \
	"pg_catalog.pg_description d WHERE d.objoid IN (x.oid, k.oid)) AND NOT EXISTS (SELECT 1 " \
	"FROM pg_catalog.pg_depend d WHERE d.refobjid IN (x.oid, k.oid) AND d.deptype = 'n') "    \
	"AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a WHERE a.attrelid = x.oid AND "   \
	"a.attstattarget > 0)"

#define FROM_INDEXES                                                                              \
	"FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "    \
	"JOIN pg_catalog.pg_index i ON i.indrelid = c.oid "                                       \
	"JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid "                                     \
	"LEFT JOIN pg_catalog.pg_constraint k ON k.conindid = x.oid AND k.contype IN ('p', 'u', 'x') " \
	"WHERE n.nspname = $1 AND c.relname = $2 AND " PLAIN

/* Definitions are read under the search path that they are made under: they name no schema that is on it. */
static PGresult *ask(struct ev_store *store, const char *sql, const char *table, struct ev_error *err)
{
	struct ev_pg *s = ev_pg_of(store);
	const char *values[] = { s->schema, table };
	PGresult *res;
	bool own;

	if (ev_pg_enter(s, &own, err) < 0)
		return NULL;
	res = ev_pg_ask(s, sql, 2, values, err);
	if (ev_pg_leave(s, own, res ? 0 : -1, err) == 0)
		return res;
	PQclear(res);
	return NULL;
}

int ev_pg_strip(struct ev_store *store, const char *table, struct ev_buf *after, struct ev_error *err)
{
	static const char sql[] =
		"SELECT format('ALTER TABLE %I.%I DROP CONSTRAINT %I', n.nspname, c.relname, k.conname), "
		"format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', n.nspname, c.relname, k.conname, "
		"pg_catalog.pg_get_constraintdef(k.oid)) " FROM_INDEXES " AND k.contype = 'p'";
	PGresult *res = ask(store, sql, table, err);
	int rc = res ? 0 : -1;

	for (int i = 0; rc == 0 && i < PQntuples(res); i++) {
		rc = ev_pg_exec(ev_pg_of(store), PQgetvalue(res, i, 0), err);
		ev_buf_addf(after, "%s;\n", PQgetvalue(res, i, 1));
	}
	PQclear(res);
	return rc;
}

int ev_pg_indexes(struct ev_store *store, const char *table, struct ev_buf *out, struct ev_error *err)
{
	static const char sql[] = "SELECT format('%I.%I', n.nspname, x.relname), pg_catalog.pg_get_indexdef(x.oid) "
				  FROM_INDEXES " AND k.oid IS NULL AND NOT i.indisunique ORDER BY x.oid";
	PGresult *res = ask(store, sql, table, err);

	for (int i = 0; res && i < PQntuples(res); i++)
		for (int c = 0; c < 2; c++)
			ev_buf_add(out, PQgetvalue(res, i, c), (size_t)PQgetlength(res, i, c) + 1);
	PQclear(res);
	return res ? 0 : -1;
}
