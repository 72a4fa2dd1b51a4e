/*
 * bulkload.c - the other half of a rebuild's yardstick: load rows that are there already
 *
 *   bulkload SQLITE-FILE NEW-FILE TABLE...       key-sorted inserts, one transaction, then the indexes
 *   bulkload postgresql://... SCHEMA TABLE...    COPY into new tables of SCHEMA, one transaction, then keys
 *                                                and indexes
 *
 * The rows of the tables are read into memory first, in the order of their keys, and that is not timed. Prints
 * "ROWS SECONDS". Nothing is checked that the server does not check, and no ledger is kept: a rebuild cannot be
 * faster than this and reading the log.
 */
#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"

_Noreturn static void die(const char *what, const char *why)
{
	fprintf(stderr, "bulkload: %s: %s\n", what, why);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A table's rows: for SQLite cells of type, length, bytes; for PostgreSQL what COPY sent. */
struct rows {
	struct ev_buf bytes;
	long n;
	int columns;
};

static sqlite3_stmt *prepare(sqlite3 *db, const char *fmt, const char *a, const char *b)
{
	char *sql = sqlite3_mprintf(fmt, a, b);
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL))
		die(sql, sqlite3_errmsg(db));
	sqlite3_free(sql);
	return st;
}

static void cell(struct ev_buf *b, sqlite3_stmt *st, int i)
{
	char type = (char)sqlite3_column_type(st, i);
	sqlite3_int64 v = sqlite3_column_int64(st, i);
	double d = sqlite3_column_double(st, i);
	const void *p = type == SQLITE_INTEGER ? &v : type == SQLITE_FLOAT ? (void *)&d :
			sqlite3_column_blob(st, i);
	int n = type == SQLITE_INTEGER || type == SQLITE_FLOAT ? 8 : type == SQLITE_NULL ? 0 :
		sqlite3_column_bytes(st, i);

	ev_buf_addc(b, type);
	ev_buf_add(b, &n, sizeof(n));
	ev_buf_add(b, p, (size_t)n);
}

/* The columns of the primary key, or rowid. */
static char *order_of(sqlite3 *db, const char *table)
{
	sqlite3_stmt *st = prepare(db, "SELECT coalesce(group_concat('\"' || name || '\"'), 'rowid') FROM (SELECT "
				       "name FROM pragma_table_info(%Q) WHERE pk ORDER BY pk)%s", table, "");
	char *list;

	sqlite3_step(st);
	list = sqlite3_mprintf("%s", sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	return list;
}

static void read_sqlite(sqlite3 *db, const char *table, struct rows *r)
{
	char *order = order_of(db, table);
	sqlite3_stmt *st = prepare(db, "SELECT * FROM \"%w\" ORDER BY %s", table, order);

	r->columns = sqlite3_column_count(st);
	for (; sqlite3_step(st) == SQLITE_ROW; r->n++)
		for (int i = 0; i < r->columns; i++)
			cell(&r->bytes, st, i);
	if (sqlite3_finalize(st) || r->bytes.failed)
		die(table, "cannot be read");
	sqlite3_free(order);
}

static const char *bind(sqlite3_stmt *st, int i, const char *p)
{
	char type = *p++;
	sqlite3_int64 v;
	double d;
	int n;

	memcpy(&n, p, sizeof(n));
	p += sizeof(n);
	if (type == SQLITE_INTEGER)
		memcpy(&v, p, sizeof(v)), sqlite3_bind_int64(st, i, v);
	else if (type == SQLITE_FLOAT)
		memcpy(&d, p, sizeof(d)), sqlite3_bind_double(st, i, d);
	else if (type == SQLITE_NULL)
		sqlite3_bind_null(st, i);
	else if (type == SQLITE_TEXT)
		sqlite3_bind_text(st, i, p, n, SQLITE_STATIC);
	else
		sqlite3_bind_blob(st, i, p, n, SQLITE_STATIC);
	return p + n;
}

static void exec(sqlite3 *db, const char *sql)
{
	char *why = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &why))
		die(sql, why);
}

/* The DDL of the table, or of its indexes, as the source has it. */
static void copy_ddl(sqlite3 *from, sqlite3 *to, const char *table, const char *type)
{
	sqlite3_stmt *st = prepare(from, "SELECT sql FROM sqlite_schema WHERE tbl_name = %Q AND sql IS NOT NULL AND "
					 "type = %Q", table, type);

	while (sqlite3_step(st) == SQLITE_ROW)
		exec(to, (const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
}

static void load_sqlite(sqlite3 *db, const char *table, const struct rows *r)
{
	struct ev_buf marks = EV_BUF_INIT;
	const char *p = r->bytes.data;
	sqlite3_stmt *st;

	for (int i = 0; i < r->columns; i++)
		ev_buf_adds(&marks, i ? ",?" : "?");
	st = prepare(db, "INSERT INTO \"%w\" VALUES (%s)", table, ev_buf_str(&marks));
	for (long k = 0; k < r->n; k++) {
		for (int i = 0; i < r->columns; i++)
			p = bind(st, i + 1, p);
		if (sqlite3_step(st) != SQLITE_DONE)
			die(table, sqlite3_errmsg(db));
		sqlite3_reset(st);
	}
	sqlite3_finalize(st);
	ev_buf_release(&marks);
}

static long sqlite(const char *from, const char *to, char **tables, int n, double *took)
{
	struct rows *rows = calloc((size_t)n, sizeof(*rows));
	sqlite3 *source, *db;
	long sum = 0;
	double start;

	if (!rows || sqlite3_open_v2(from, &source, SQLITE_OPEN_READONLY, NULL))
		die(from, "cannot be opened");
	for (int i = 0; i < n; i++)
		read_sqlite(source, tables[i], &rows[i]);
	unlink(to);
	start = now();
	if (sqlite3_open(to, &db))
		die(to, sqlite3_errmsg(db));
	exec(db, "PRAGMA journal_mode=OFF; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536; BEGIN");
	for (int i = 0; i < n; i++) {
		copy_ddl(source, db, tables[i], "table");
		load_sqlite(db, tables[i], &rows[i]);
		copy_ddl(source, db, tables[i], "index");
		sum += rows[i].n;
	}
	exec(db, "COMMIT");
	sqlite3_close(db);
	*took = now() - start;
	sqlite3_close(source);
	for (int i = 0; i < n; i++)
		ev_buf_release(&rows[i].bytes);
	free(rows);
	return sum;
}

/* The first column of the answer's rows, each with a semicolon behind it, into `out`. */
static void ask(PGconn *c, struct ev_buf *out, const char *fmt, ...)
{
	va_list ap;
	char *text;
	PGresult *r;

	va_start(ap, fmt);
	text = sqlite3_vmprintf(fmt, ap);
	va_end(ap);
	r = PQexec(c, text);
	if (PQresultStatus(r) == PGRES_FATAL_ERROR)
		die(text, PQerrorMessage(c));
	for (int i = 0; out && i < PQntuples(r); i++)
		ev_buf_addf(out, "%s;", PQgetvalue(r, i, 0));
	PQclear(r);
	sqlite3_free(text);
}

static void read_postgres(PGconn *c, const char *table, struct rows *r)
{
	struct ev_buf key = EV_BUF_INIT;
	char *sql, *data;
	PGresult *res;
	int n;

	ask(c, &key, "SELECT coalesce(string_agg(quote_ident(a.attname), ',' ORDER BY k.at), '1') FROM pg_index i, "
		     "unnest(i.indkey) WITH ORDINALITY k (num, at), pg_attribute a WHERE i.indrelid = '%s'::regclass "
		     "AND i.indisprimary AND a.attrelid = i.indrelid AND a.attnum = k.num", table);
	sql = sqlite3_mprintf("COPY (SELECT * FROM %s ORDER BY %.*s) TO STDOUT (FORMAT binary)", table,
			      (int)key.len - 1, key.data);
	res = PQexec(c, sql);
	if (PQresultStatus(res) != PGRES_COPY_OUT)
		die(sql, PQerrorMessage(c));
	PQclear(res);
	for (; (n = PQgetCopyData(c, &data, 0)) > 0; r->n++) {
		ev_buf_add(&r->bytes, data, (size_t)n);
		PQfreemem(data);
	}
	r->n -= 1; /* the trailer */
	while ((res = PQgetResult(c)))
		PQclear(res);
	sqlite3_free(sql);
	ev_buf_release(&key);
}

static void load_postgres(PGconn *c, const char *schema, const char *table, const struct rows *r)
{
	struct ev_buf ddl = EV_BUF_INIT;
	PGresult *res;

	ask(c, NULL, "CREATE TABLE %s.%s (LIKE %s INCLUDING ALL EXCLUDING INDEXES)", schema, table, table);
	ask(c, NULL, "COPY %s.%s FROM STDIN (FORMAT binary)", schema, table);
	for (size_t at = 0, n; at < r->bytes.len; at += n) {
		n = r->bytes.len - at < 65536 ? r->bytes.len - at : 65536;
		if (PQputCopyData(c, r->bytes.data + at, (int)n) != 1)
			die(table, PQerrorMessage(c));
	}
	PQputCopyEnd(c, NULL);
	while ((res = PQgetResult(c))) {
		if (PQresultStatus(res) != PGRES_COMMAND_OK)
			die(table, PQerrorMessage(c));
		PQclear(res);
	}
	ask(c, &ddl, "SELECT 'ALTER TABLE %s.%s ADD ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = "
		     "'%s'::regclass AND contype IN ('p', 'u')", schema, table, table);
	ask(c, &ddl, "SELECT regexp_replace(pg_get_indexdef(indexrelid), ' ON [^ ]+ ', ' ON %s.%s ') FROM pg_index i "
		     "WHERE indrelid = '%s'::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = "
		     "indexrelid)", schema, table, table);
	ask(c, NULL, "%s", ev_buf_str(&ddl));
	ev_buf_release(&ddl);
}

static long postgres(const char *url, const char *schema, char **tables, int n, double *took)
{
	struct rows *rows = calloc((size_t)n, sizeof(*rows));
	PGconn *c = PQconnectdb(url);
	double start;
	long sum = 0;

	if (!rows || PQstatus(c) != CONNECTION_OK)
		die(url, PQerrorMessage(c));
	for (int i = 0; i < n; i++)
		read_postgres(c, tables[i], &rows[i]);
	start = now();
	ask(c, NULL, "BEGIN; CREATE SCHEMA %s", schema);
	for (int i = 0; i < n; i++) {
		load_postgres(c, schema, tables[i], &rows[i]);
		sum += rows[i].n;
	}
	ask(c, NULL, "COMMIT");
	*took = now() - start;
	ask(c, NULL, "SET client_min_messages = error; DROP SCHEMA %s CASCADE", schema);
	PQfinish(c);
	for (int i = 0; i < n; i++)
		ev_buf_release(&rows[i].bytes);
	free(rows);
	return sum;
}

int main(int argc, char **argv)
{
	double took;
	long n;

	if (argc < 4)
		die("usage", "bulkload STORE TARGET TABLE...");
	n = (strncmp(argv[1], "postgres", 8) ? sqlite : postgres)(argv[1], argv[2], argv + 3, argc - 3, &took);
	printf("%ld %.3f\n", n, took);
	return 0;
}
