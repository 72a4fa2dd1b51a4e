/* pg.c - the PostgreSQL store: transactions and statements (see store.h and pg_internal.h) */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "json/number.h"
#include "store/pg_internal.h"

int ev_pg_exec(struct ev_pg *s, const char *sql, struct ev_error *err)
{
	PGresult *res = PQexec(s->conn, sql);
	ExecStatusType status = PQresultStatus(res);
	int rc = 0;

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY)
		rc = ev_pg_error(s, res, false, err);
	PQclear(res);
	return rc;
}

bool ev_pg_waits(const char *sql)
{
	static const char row[] = "UPDATE ev_projection ";

	return strstr(sql, "FOR UPDATE") || strncmp(sql, row, sizeof(row) - 1) == 0;
}

PGresult *ev_pg_ask(struct ev_pg *s, const char *sql, int n, const char *const *values,
		    struct ev_error *err)
{
	PGresult *res;

	if (!ev_pg_waits(sql))
		res = PQexecParams(s->conn, sql, n, NULL, values, NULL, NULL, 0);
	else if (PQsendQueryParams(s->conn, sql, n, NULL, values, NULL, NULL, 0))
		res = ev_pg_lock_answer(s);
	else
		res = NULL;
	if (PQresultStatus(res) == PGRES_TUPLES_OK || PQresultStatus(res) == PGRES_COMMAND_OK)
		return res;
	ev_pg_error(s, res, false, err);
	PQclear(res);
	return NULL;
}

/*
 * A pooler may give each transaction another of its sessions, which knows nothing of what was prepared
 * in the one before.
 */
static void meet(struct ev_pg *s, const PGresult *res)
{
	int pid = PQntuples(res) ? (int)strtol(PQgetvalue(res, 0, 0), NULL, 10) : 0;

	if (s->backend && s->backend != pid)
		s->epoch++;
	s->backend = pid;
}

static int start_with(struct ev_pg *s, const char *mode, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	PGresult *res;
	int rc = 0;

	ev_buf_addf(&sql, "BEGIN ISOLATION LEVEL %s; %s; SELECT pg_catalog.pg_backend_pid()", mode,
		    ev_buf_str(&s->settings));
	res = PQexec(s->conn, ev_buf_str(&sql));
	if (PQresultStatus(res) == PGRES_TUPLES_OK)
		meet(s, res);
	else
		rc = ev_pg_error(s, res, false, err);
	PQclear(res);
	ev_buf_release(&sql);
	return rc;
}

static int start(struct ev_pg *s, struct ev_error *err)
{
	if (s->frozen && ev_pg_lost(s)) {
		ev_fail(err, EV_STORE, "store '%s': the connection was lost, and what it saw with it", s->base.url);
		err->retriable = true; /* by who froze it */
		return -1;
	}
	if (ev_pg_reach(s, s->lock_wait_ms, err) < 0)
		return -1;
	if (PQtransactionStatus(s->conn) != PQTRANS_IDLE) /* an end that went wrong */
		ev_pg_exec(s, "ROLLBACK", err);
	return start_with(s, s->read_only ? "READ COMMITTED READ ONLY" : "READ COMMITTED", err);
}

static int freeze(struct ev_store *store, struct ev_error *err)
{
	struct ev_pg *s = ev_pg_of(store);

	ev_pg_let_last(store);
	/* the first query fixes what is seen; rows that a policy hides are an error, not as if they were not there */
	if (start_with(s, "REPEATABLE READ READ ONLY", err) < 0 ||
	    ev_pg_exec(s, "SET LOCAL row_security = off", err) < 0 || ev_pg_exec(s, "SELECT 1", err) < 0)
		return -1;
	s->frozen = s->open = true;
	return 0;
}

static void rollback(struct ev_store *store)
{
	struct ev_pg *s = ev_pg_of(store);

	ev_pg_pipe_drop(s);
	if (s->open && !ev_pg_lost(s))
		PQclear(PQexec(s->conn, "ROLLBACK"));
	s->open = s->failed = false;
}

static int begin(struct ev_store *store, struct ev_error *err)
{
	struct ev_pg *s = ev_pg_of(store);

	s->failed = false;
	if (start(s, err) < 0)
		return -1;
	s->open = true;
	if (!s->fleeting || ev_pg_scratch_make(s, err) == 0)
		return 0;
	rollback(store);
	return -1;
}

/* A COMMIT of a failed transaction is answered by ROLLBACK and no error. */
static int commit(struct ev_store *store, struct ev_error *err)
{
	struct ev_pg *s = ev_pg_of(store);
	PGresult *res;
	int rc = 0;

	if (ev_pg_sync(store, err) < 0)
		return -1;
	res = PQexec(s->conn, "COMMIT");
	if (PQresultStatus(res) != PGRES_COMMAND_OK)
		rc = ev_pg_error(s, res, false, err);
	else if (strcmp(PQcmdStatus(res), "COMMIT") != 0)
		rc = ev_fail(err, EV_STORE, "store '%s': the server rolled the transaction back",
			     s->base.url);
	PQclear(res);
	s->open = false;
	return rc;
}

int ev_pg_enter(struct ev_pg *s, bool *own, struct ev_error *err)
{
	*own = !s->open;
	return s->open ? ev_pg_sync(&s->base, err) : start(s, err);
}

int ev_pg_leave(struct ev_pg *s, bool own, int rc, struct ev_error *err)
{
	if (own && rc < 0)
		PQclear(PQexec(s->conn, "ROLLBACK"));
	else if (own && ev_pg_exec(s, "COMMIT", err) < 0)
		return -1;
	return rc;
}

static int script(struct ev_store *store, const char *sql, struct ev_error *err)
{
	struct ev_pg *s = ev_pg_of(store);
	bool own;

	if (ev_pg_enter(s, &own, err) < 0)
		return -1;
	return ev_pg_leave(s, own, ev_pg_exec(s, sql, err), err);
}

static int savepoint(struct ev_store *store, struct ev_error *err)
{
	return script(store, "SAVEPOINT ev_record", err);
}

static int release(struct ev_store *store, struct ev_error *err)
{
	return script(store, "RELEASE SAVEPOINT ev_record", err);
}

static int rollback_to(struct ev_store *store, struct ev_error *err)
{
	struct ev_pg *s = ev_pg_of(store);

	ev_pg_pipe_drop(s);
	s->failed = false;
	return ev_pg_exec(s, "ROLLBACK TO SAVEPOINT ev_record; RELEASE SAVEPOINT ev_record", err);
}

static const char *home(struct ev_store *store)
{
	const struct ev_pg *s = ev_pg_of(store);

	return s->beyond ? s->beyond : s->schema;
}

static int has_table(struct ev_store *store, const char *name, struct ev_error *err)
{
	static const char sql[] =
		"SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
		"ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2 "
		"AND c.relkind IN ('r', 'p', 'v', 'm', 'f')";
	struct ev_pg *s = ev_pg_of(store);
	const char *values[] = { s->schema, name };
	PGresult *res;
	bool own;
	int rc = -1;

	if (ev_pg_enter(s, &own, err) < 0)
		return -1;
	res = ev_pg_ask(s, sql, 2, values, err);
	if (res)
		rc = PQntuples(res) > 0;
	PQclear(res);
	return ev_pg_leave(s, own, rc, err);
}

/* Run a prepared statement and wait for its result; NULL with `err`. */
static PGresult *execute(struct ev_pg *s, struct ev_query *q, const struct ev_bind *b, size_t n,
			 struct ev_error *err)
{
	ExecStatusType status;
	PGresult *res;

	if (ev_pg_prepare_again(s, q, err) < 0 || ev_pg_bind(s, q, b, n, err) < 0)
		return NULL;
	if (!q->waits)
		res = PQexecPrepared(s->conn, q->name, (int)n, s->values, s->lengths, s->formats, 0);
	else if (PQsendQueryPrepared(s->conn, q->name, (int)n, s->values, s->lengths, s->formats, 0))
		res = ev_pg_lock_answer(s);
	else
		res = NULL;
	status = PQresultStatus(res);
	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
		return res;
	ev_pg_run_error(s, res, q, err);
	PQclear(res);
	return NULL;
}

static int64_t run(struct ev_store *store, struct ev_query *q, const struct ev_bind *b, size_t n,
		   struct ev_error *err)
{
	struct ev_pg *s = ev_pg_of(store);
	int64_t touched = -1;
	PGresult *res;
	bool own;

	if (ev_pg_enter(s, &own, err) < 0)
		return -1;
	if (s->failed)
		return 0;
	res = execute(s, q, b, n, err);
	if (res)
		touched = ev_pg_touched(res);
	PQclear(res);
	return ev_pg_leave(s, own, touched < 0 ? -1 : 0, err) < 0 ? -1 : touched;
}

/* Integral decimals that fit become integers, as a sum of bigint is numeric. Some are no numbers. */
void ev_pg_number(struct ev_cell *c)
{
	bool finite = !strpbrk(c->text.ptr, "NI"); /* NaN, -Infinity */

	if (finite && ev_number_scaled(c->text, 0, &c->i) == EV_NUMBER_OK) {
		c->kind = EV_CELL_INT;
		return;
	}
	c->kind = EV_CELL_REAL;
	c->real = strtod(c->text.ptr, NULL);
}

void ev_pg_cell(const PGresult *res, int row, int column, struct ev_cell *c, void **owned)
{
	size_t n;

	*c = (struct ev_cell){ .kind = EV_CELL_NULL };
	*owned = NULL;
	if (PQgetisnull(res, row, column))
		return;
	c->kind = EV_CELL_TEXT;
	c->text = ev_slice(PQgetvalue(res, row, column), (size_t)PQgetlength(res, row, column));
	switch (PQftype(res, column)) {
	case EV_PG_INT2:
	case EV_PG_INT4:
	case EV_PG_INT8:
	case EV_PG_OID:
		c->kind = EV_CELL_INT;
		c->i = strtoll(c->text.ptr, NULL, 10);
		break;
	case EV_PG_BOOL: /* as the other dialect has it */
		c->kind = EV_CELL_INT;
		c->i = c->text.ptr[0] == 't';
		c->text = ev_slice_str(c->i ? "1" : "0");
		break;
	case EV_PG_FLOAT4:
	case EV_PG_FLOAT8:
		c->kind = EV_CELL_REAL;
		c->real = strtod(c->text.ptr, NULL);
		break;
	case EV_PG_NUMERIC:
		ev_pg_number(c);
		break;
	case EV_PG_BYTEA:
		*owned = PQunescapeBytea((const unsigned char *)c->text.ptr, &n);
		c->kind = EV_CELL_BYTES;
		c->text = ev_slice(*owned ? *owned : "", *owned ? n : 0);
		break;
	}
}

static int give_rows(const PGresult *res, ev_row_fn row, void *ctx)
{
	int rows = PQntuples(res), columns = PQnfields(res), stop = 0;
	struct ev_cell *cells = ev_alloc((size_t)(columns ? columns : 1) * sizeof(*cells));
	void **owned = ev_alloc((size_t)(columns ? columns : 1) * sizeof(*owned));

	for (int r = 0; r < rows && !stop; r++) {
		for (int c = 0; c < columns; c++)
			ev_pg_cell(res, r, c, &cells[c], &owned[c]);
		stop = row(ctx, cells, (size_t)columns);
		for (int c = 0; c < columns; c++)
			PQfreemem(owned[c]);
	}
	free(cells);
	free(owned);
	return stop;
}

static void one_by_one(struct ev_query *q)
{
	q->singly = true;
}

/*
 * A snapshot is read by somebody who has bounded memory, and asks nothing else meanwhile; so are rows that the fold
 * wants: they come one by one. All of them are taken off the connection, also where the callback wants no more.
 */
static int stream_rows(struct ev_pg *s, struct ev_query *q, const struct ev_bind *b, size_t n, ev_row_fn row,
		       void *ctx, struct ev_error *err)
{
	PGresult *res;
	int rc = 0;

	if (ev_pg_prepare_again(s, q, err) < 0 || ev_pg_bind(s, q, b, n, err) < 0)
		return -1;
	if (!PQsendQueryPrepared(s->conn, q->name, (int)n, s->values, s->lengths, s->formats, 0)) {
		ev_pg_run_error(s, NULL, q, err);
		return -1;
	}
	PQsetSingleRowMode(s->conn);
	while ((res = ev_pg_next(s))) {
		ExecStatusType status = PQresultStatus(res);

		if (status != PGRES_SINGLE_TUPLE && status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
			ev_pg_run_error(s, res, q, err);
			rc = -1;
		} else if (rc == 0) {
			rc = give_rows(res, row, ctx);
		}
		PQclear(res);
	}
	return rc;
}

static int select_rows(struct ev_store *store, struct ev_query *q, const struct ev_bind *b, size_t n,
		       ev_row_fn row, void *ctx, struct ev_error *err)
{
	struct ev_pg *s = ev_pg_of(store);
	PGresult *res;
	bool own;
	int rc;

	if (ev_pg_enter(s, &own, err) < 0)
		return -1;
	if (s->failed)
		return 0;
	if (s->frozen || q->singly) {
		rc = stream_rows(s, q, b, n, row, ctx, err);
		return ev_pg_leave(s, own, rc < 0 ? -1 : 0, err) < 0 ? -1 : rc;
	}
	res = execute(s, q, b, n, err);
	if (ev_pg_leave(s, own, res ? 0 : -1, err) < 0) {
		PQclear(res);
		return -1;
	}
	rc = give_rows(res, row, ctx);
	PQclear(res);
	return rc;
}

static int guard(struct ev_store *store, const struct ev_buf *tables, struct ev_error *err)
{
	(void)store; /* columns hold nothing but their type */
	(void)tables;
	(void)err;
	return 0;
}

static const char *param_type(struct ev_store *store, const struct ev_query *q, size_t i)
{
	(void)store;
	return i < q->nparams ? ev_pg_type_name(q->params[i]) : "";
}

static size_t columns(struct ev_store *store, struct ev_query *q)
{
	(void)store;
	return q->ncolumns;
}

static const char *column(struct ev_store *store, struct ev_query *q, size_t i)
{
	(void)store;
	return q->columns[i];
}

static void close_store(struct ev_store *store)
{
	struct ev_pg *s = ev_pg_of(store);

	if (!s)
		return;
	if (s->conn)
		rollback(store);
	ev_store_forget(store);
	ev_pg_scratch_drop(s);
	ev_pg_unlock(s);
	PQfinish(s->conn);
	PQfinish(s->locker);
	ev_buf_release(&s->settings);
	free(s->locks);
	ev_buf_release(&s->scratch);
	free(s->values);
	free(s->lengths);
	free(s->formats);
	free(s->pending);
	free(s->conninfo);
	free(s->schema);
	free(s->beyond);
	free(s->base.url);
	free(s);
}

static const struct ev_store_ops ops = {
	.name = "postgresql",
	.dialect = EV_POSTGRESQL,
	.script = script,
	.schema = ev_pg_schema,
	.home = home,
	.has_table = has_table,
	.prepare = ev_pg_prepare,
	.finish = ev_pg_finish,
	.blame = ev_pg_blame,
	.one_by_one = one_by_one,
	.param_type = param_type,
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
	.savepoint = savepoint,
	.release = release,
	.rollback_to = rollback_to,
	.recover = ev_pg_recover,
	.run = run,
	.apply = ev_pg_apply,
	.sync = ev_pg_sync,
	.select = select_rows,
	.copy_begin = ev_pg_copy_begin,
	.copy_add = ev_pg_copy_add,
	.copy_end = ev_pg_copy_end,
	.strip = ev_pg_strip,
	.indexes = ev_pg_indexes,
	.describe = ev_pg_describe,
	.stamp = ev_pg_stamp,
	.type_name = ev_pg_describe_type,
	.cursor = ev_pg_cursor,
	.stream = ev_pg_cursor_stream,
	.fetch = ev_pg_fetch,
	.cursor_close = ev_pg_cursor_close,
	.freeze = freeze,
	.lock = ev_pg_lock,
	.locked = ev_pg_locked,
	.guard = guard,
	.columns = columns,
	.column = column,
	.close = close_store,
};

/* For messages: what was given, and never the password that may be in it. */
static char *public_url(const char *conninfo)
{
	struct ev_buf b = EV_BUF_INIT;
	PQconninfoOption *all = PQconninfoParse(conninfo, NULL);
	const char *host = NULL, *port = NULL, *user = NULL, *db = NULL, *service = NULL;
	char *url;

	for (PQconninfoOption *o = all; o && o->keyword; o++) {
		if (!o->val)
			continue;
		if (!strcmp(o->keyword, "host") || !strcmp(o->keyword, "hostaddr"))
			host = o->val;
		else if (!strcmp(o->keyword, "port"))
			port = o->val;
		else if (!strcmp(o->keyword, "user"))
			user = o->val;
		else if (!strcmp(o->keyword, "dbname"))
			db = o->val;
		else if (!strcmp(o->keyword, "service"))
			service = o->val;
	}
	ev_buf_addf(&b, "postgresql://%s%s%s%s%s/%s", user ? user : "", user ? "@" : "",
		    host ? host : "", port ? ":" : "", port ? port : "", db ? db : "");
	if (service)
		ev_buf_addf(&b, "?service=%s", service);
	PQconninfoFree(all);
	url = ev_strdup(ev_buf_str(&b));
	ev_buf_release(&b);
	return url;
}

struct ev_store *ev_pg_open(const char *url, const struct ev_store_options *opt, struct ev_error *err)
{
	struct ev_pg *s = ev_alloc(sizeof(*s));
	char *why = NULL;

	s->base.ops = &ops;
	/* so that clients of one pooler do not share names */
	s->names = ((uint64_t)ev_now_ms() << 20) ^ ((uint64_t)getpid() << 44);
	s->conninfo = ev_strdup(url);
	s->base.url = public_url(url);
	s->schema = ev_strdup(opt->schema);
	s->lock_wait_ms = opt->lock_wait_ms;
	s->timeout_ms = opt->timeout_ms;
	s->read_only = opt->read_only;
	s->stopped = opt->stopped;
	s->give_up = opt->give_up;
	PQconninfoFree(PQconninfoParse(url, &why));
	if (why) { /* libpq quotes what it does not understand, which may be a password */
		PQfreemem(why);
		ev_fail(err, EV_USAGE, "the store's URL is not one that PostgreSQL understands");
		ev_hint(err, "it looks like postgresql://user@host:5432/database; a password goes into "
			     "PGPASSWORD or ~/.pgpass");
	} else if (ev_pg_first(s, err) == 0) {
		return &s->base;
	}
	close_store(&s->base);
	return NULL;
}
