/* sqlite.c - the SQLite store: connection, transactions, statements (see store.h) */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "json/number.h"
#include "store/sqlite_internal.h"
#include "store/sqlite_lock.h"

#define FEW_COLUMNS 32

int ev_sqlite_error(struct ev_sqlite *s, int rc, bool handler, struct ev_error *err)
{
	const char *why = sqlite3_errmsg(s->db);

	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		if (sqlite3_db_readonly(s->db, "main") > 0) {
			ev_fail(err, EV_HELD, "the store '%s' is locked by another process, which lets nobody read it",
				s->base.url);
			ev_hint(err, "a first load does so until it commits: call it again then");
		} else {
			ev_fail(err, EV_HELD, "the store '%s' is locked by another writer", s->base.url);
		}
		err->retriable = true;
		return -1;
	case SQLITE_ERROR:
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
	case SQLITE_RANGE:
		if (handler)
			return ev_fail(err, EV_DATA, "%s", why);
		break;
	}
	return ev_fail(err, EV_STORE, "store '%s': %s", s->base.url, why);
}

static int exec(struct ev_sqlite *s, const char *sql, struct ev_error *err)
{
	int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : ev_sqlite_error(s, rc, false, err);
}

static int script(struct ev_store *store, const char *sql, struct ev_error *err)
{
	return exec(ev_sqlite_of(store), sql, err);
}

int ev_sqlite_has_table(struct ev_store *store, const char *name, struct ev_error *err)
{
	struct ev_sqlite *s = ev_sqlite_of(store);
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(s->db, "SELECT 1 FROM sqlite_schema WHERE type IN ('table', 'view') "
				    "AND name = ?1 COLLATE NOCASE", -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	sqlite3_finalize(stmt);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return ev_sqlite_error(s, rc, false, err);
	return rc == SQLITE_ROW;
}

void ev_sqlite_join(struct ev_store *store, bool joined)
{
	ev_sqlite_of(store)->joined = joined;
	ev_sqlite_of(store)->in_batch = false;
}

static int begin_joined(struct ev_sqlite *s, struct ev_error *err)
{
	if (sqlite3_get_autocommit(s->db)) /* an error has rolled all of it back */
		return ev_fail(err, EV_STORE, "store '%s': the transaction is gone", s->base.url);
	if (exec(s, "SAVEPOINT ev_batch", err) < 0)
		return -1;
	s->in_batch = true;
	return 0;
}

static int begin(struct ev_store *store, struct ev_error *err)
{
	struct ev_sqlite *s = ev_sqlite_of(store);

	s->failed = false;
	return s->joined ? begin_joined(s, err) : exec(s, "BEGIN IMMEDIATE", err);
}

static void rollback(struct ev_store *store)
{
	struct ev_sqlite *s = ev_sqlite_of(store);

	s->failed = false;
	if (sqlite3_get_autocommit(s->db)) /* some errors have rolled back already */
		return;
	if (!s->joined)
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	else if (s->in_batch)
		sqlite3_exec(s->db, "ROLLBACK TO ev_batch; RELEASE ev_batch", NULL, NULL, NULL);
	s->in_batch = false;
}

/* In WAL mode SQLite itself would write on into a file that has no name any more. */
static int check_moved(struct ev_sqlite *s, struct ev_error *err)
{
	int moved = 0;

	if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK || !moved)
		return 0;
	return ev_fail(err, EV_STORE, "store '%s' was moved or deleted while it was open", s->base.url);
}

static int commit(struct ev_store *store, struct ev_error *err)
{
	struct ev_sqlite *s = ev_sqlite_of(store);

	if (check_moved(s, err) < 0)
		return -1;
	if (!s->joined) {
		if (exec(s, "COMMIT", err) < 0)
			return -1;
		ev_sqlite_use_wal(s);
		return 0;
	}
	if (exec(s, "RELEASE ev_batch", err) < 0)
		return -1;
	s->in_batch = false;
	return 0;
}

static int savepoint(struct ev_store *store, struct ev_error *err)
{
	return exec(ev_sqlite_of(store), "SAVEPOINT ev_record", err);
}

static int release(struct ev_store *store, struct ev_error *err)
{
	return exec(ev_sqlite_of(store), "RELEASE ev_record", err);
}

static int rollback_to(struct ev_store *store, struct ev_error *err)
{
	ev_sqlite_of(store)->failed = false;
	return exec(ev_sqlite_of(store), "ROLLBACK TO ev_record; RELEASE ev_record", err);
}

/* No number of SQLite holds it exactly: an integer past 64 bits is refused, a fraction is REAL. */
static int bind_number(struct ev_sqlite *s, sqlite3_stmt *stmt, int i, struct ev_slice text,
		       struct ev_error *err)
{
	enum ev_number_result exact;
	int64_t whole;
	char small[64], *copy = small;
	double d;

	exact = ev_number_scaled(text, 0, &whole);
	if (exact == EV_NUMBER_RANGE)
		return ev_fail(err, EV_DATA, "%.*s does not fit 64 bits",
			       text.len < 60 ? (int)text.len : 60, text.ptr);
	if (text.len >= sizeof(small))
		copy = ev_strndup(text.ptr, text.len);
	else
		memcpy(small, text.ptr, text.len), small[text.len] = '\0';
	d = strtod_l(copy, NULL, s->c_locale);
	if (copy != small)
		free(copy);
	if (isinf(d))
		return ev_fail(err, EV_DATA, "%.60s... does not fit a floating point number", text.ptr);
	if (exact == EV_NUMBER_INEXACT && d == trunc(d)) /* an integer column would take it */
		return ev_fail(err, EV_DATA, "%.*s would be rounded to the whole number %.17g",
			       text.len < 60 ? (int)text.len : 60, text.ptr, d);
	sqlite3_bind_double(stmt, i, d);
	return 0;
}

static int bind_text(sqlite3_stmt *stmt, int i, struct ev_slice text)
{
	return sqlite3_bind_text64(stmt, i, text.len ? text.ptr : "", text.len, SQLITE_STATIC,
				   SQLITE_UTF8);
}

static int bind_one(struct ev_sqlite *s, struct ev_query *q, int i, const struct ev_bind *b,
		    struct ev_error *err)
{
	sqlite3_stmt *stmt = q->stmt;
	int rc = SQLITE_OK;
	double real;

	switch (b->kind) {
	case EV_BIND_NULL:
		rc = sqlite3_bind_null(stmt, i);
		break;
	case EV_BIND_BOOL:
	case EV_BIND_INT:
		rc = sqlite3_bind_int64(stmt, i, b->i);
		break;
	case EV_BIND_REAL:
		memcpy(&real, &b->i, sizeof(real));
		rc = sqlite3_bind_double(stmt, i, real);
		break;
	case EV_BIND_NUMBER:
		if (!q->texts || !q->texts[i - 1])
			return bind_number(s, stmt, i, b->text, err);
		rc = bind_text(stmt, i, b->text);
		break;
	case EV_BIND_TEXT:
	case EV_BIND_JSON:
	case EV_BIND_TIME:
		rc = bind_text(stmt, i, b->text);
		break;
	case EV_BIND_BYTES:
		rc = b->text.len ? sqlite3_bind_blob64(stmt, i, b->text.ptr, b->text.len, SQLITE_STATIC)
				 : sqlite3_bind_zeroblob(stmt, i, 0);
		break;
	}
	return rc == SQLITE_OK ? 0 : ev_sqlite_error(s, rc, true, err);
}

static int bind_all(struct ev_sqlite *s, struct ev_query *q, const struct ev_bind *b, size_t n,
		    struct ev_error *err)
{
	for (size_t i = 0; i < n; i++)
		if (bind_one(s, q, (int)i + 1, &b[i], err) < 0)
			return -1;
	return 0;
}

/*
 * A statement has failed. A handler's is to blame only when it still compiles: a table that was dropped
 * or changed under it is the store's fault, and no poison.
 */
static int step_error(struct ev_sqlite *s, struct ev_query *q, int rc, struct ev_error *err)
{
	sqlite3_stmt *again = NULL;

	ev_sqlite_error(s, rc, q->handler, err);
	if (err->class == EV_DATA && (rc & 0xff) == SQLITE_ERROR) {
		rc = sqlite3_prepare_v2(s->db, sqlite3_sql(q->stmt), -1, &again, NULL);
		if (rc != SQLITE_OK)
			ev_sqlite_error(s, rc, false, err);
		sqlite3_finalize(again);
	}
	return -1;
}

static int64_t run(struct ev_store *store, struct ev_query *q, const struct ev_bind *b, size_t n,
		   struct ev_error *err)
{
	struct ev_sqlite *s = ev_sqlite_of(store);
	int rc;

	if (bind_all(s, q, b, n, err) < 0)
		return -1;
	do
		rc = sqlite3_step(q->stmt);
	while (rc == SQLITE_ROW); /* RETURNING */
	if (rc != SQLITE_DONE)
		step_error(s, q, rc, err);
	sqlite3_reset(q->stmt);
	if (rc != SQLITE_DONE)
		return -1;
	return sqlite3_stmt_readonly(q->stmt) ? 0 : sqlite3_changes64(s->db);
}

static int apply(struct ev_store *store, struct ev_query *q, const struct ev_bind *b, size_t n,
		 uint64_t tag, struct ev_error *err)
{
	struct ev_sqlite *s = ev_sqlite_of(store);
	int64_t touched;

	if (s->failed)
		return 0;
	touched = run(store, q, b, n, err);
	if (touched < 0 && err->class != EV_DATA)
		return -1;
	s->failed = touched < 0;
	store->on_result(store->on_result_ctx, tag, touched, err);
	return 0;
}

static int sync_results(struct ev_store *store, struct ev_error *err)
{
	(void)store;
	(void)err;
	return 0;
}

void ev_sqlite_cell(sqlite3_stmt *stmt, int i, struct ev_cell *c)
{
	*c = (struct ev_cell){ .kind = EV_CELL_NULL };
	switch (sqlite3_column_type(stmt, i)) {
	case SQLITE_NULL:
		return;
	case SQLITE_INTEGER:
		c->kind = EV_CELL_INT;
		c->i = sqlite3_column_int64(stmt, i);
		break;
	case SQLITE_FLOAT:
		c->kind = EV_CELL_REAL;
		c->real = sqlite3_column_double(stmt, i);
		break;
	case SQLITE_BLOB:
		c->kind = EV_CELL_BYTES;
		c->text.ptr = sqlite3_column_blob(stmt, i);
		c->text.len = (size_t)sqlite3_column_bytes(stmt, i);
		if (!c->text.ptr)
			c->text.ptr = "";
		return;
	default:
		c->kind = EV_CELL_TEXT;
	}
	c->text.ptr = (const char *)sqlite3_column_text(stmt, i);
	c->text.len = (size_t)sqlite3_column_bytes(stmt, i);
}

static int select_rows(struct ev_store *store, struct ev_query *q, const struct ev_bind *b, size_t n,
		       ev_row_fn row, void *ctx, struct ev_error *err)
{
	struct ev_sqlite *s = ev_sqlite_of(store);
	int columns = sqlite3_column_count(q->stmt), rc, stop = 0;
	struct ev_cell few[FEW_COLUMNS], *cells = few;

	if (bind_all(s, q, b, n, err) < 0)
		return -1;
	if (columns > FEW_COLUMNS) /* never so where it runs once per event */
		cells = ev_alloc((size_t)columns * sizeof(*cells));
	while (!stop && (rc = sqlite3_step(q->stmt)) == SQLITE_ROW) {
		for (int i = 0; i < columns; i++)
			ev_sqlite_cell(q->stmt, i, &cells[i]);
		stop = row(ctx, cells, (size_t)columns);
	}
	if (cells != few)
		free(cells);
	if (!stop && rc != SQLITE_DONE)
		stop = step_error(s, q, rc, err);
	sqlite3_reset(q->stmt);
	return stop < 0 || ev_sqlite_unchanged(s, err) == 0 ? stop : -1;
}

static int locked(struct ev_store *store, const char *projection, struct ev_error *err)
{
	const char *file = sqlite3_db_filename(ev_sqlite_of(store)->db, "main");

	return file && *file ? ev_sqlite_locked(file, projection, err) : 0;
}

static int lock(struct ev_store *store, const char *projection, struct ev_error *err)
{
	struct ev_sqlite *s = ev_sqlite_of(store);

	if (s->joined || s->lock_fd >= 0 || strcmp(s->path, ":memory:") == 0 || !*s->path)
		return 0;
	/* SQLite's own idea of the path: absolute, and without symbolic links */
	s->lock_fd = ev_sqlite_lock(sqlite3_db_filename(s->db, "main"), projection, s->lock_wait_ms,
				    s->give_up, err);
	return s->lock_fd < 0 ? -1 : 0;
}

static size_t columns(struct ev_store *store, struct ev_query *q)
{
	(void)store;
	return (size_t)sqlite3_column_count(q->stmt);
}

static const char *column(struct ev_store *store, struct ev_query *q, size_t i)
{
	(void)store;
	return sqlite3_column_name(q->stmt, (int)i);
}

void ev_sqlite_close(struct ev_store *store)
{
	struct ev_sqlite *s = ev_sqlite_of(store);

	if (!s)
		return;
	if (s->db)
		rollback(store);
	ev_store_forget(store);
	sqlite3_close_v2(s->db);
	if (s->tidy)
		ev_sqlite_tidy(s->path);
	ev_sqlite_time_release(s);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	if (s->c_locale)
		freelocale(s->c_locale);
	ev_buf_release(&s->triggers);
	ev_buf_release(&s->unsure);
	free(s->path);
	free(s->base.url);
	free(s);
}

const struct ev_store_ops ev_sqlite_ops = {
	.name = "sqlite",
	.dialect = EV_SQLITE,
	.script = script,
	.schema = ev_sqlite_schema,
	.has_table = ev_sqlite_has_table,
	.prepare = ev_sqlite_prepare,
	.finish = ev_sqlite_finish,
	.blame = ev_sqlite_blame,
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
	.savepoint = savepoint,
	.release = release,
	.rollback_to = rollback_to,
	.run = run,
	.apply = apply,
	.sync = sync_results,
	.select = select_rows,
	.indexes = ev_sqlite_indexes,
	.load = ev_sqlite_load,
	.describe = ev_sqlite_describe,
	.stamp = ev_sqlite_stamp,
	.cursor = ev_sqlite_cursor,
	.stream = ev_sqlite_stream,
	.fetch = ev_sqlite_fetch,
	.cursor_close = ev_sqlite_cursor_close,
	.freeze = ev_sqlite_freeze,
	.lock = lock,
	.locked = locked,
	.guard = ev_sqlite_guard,
	.watch = ev_sqlite_watch,
	.columns = columns,
	.column = column,
	.close = ev_sqlite_close,
};
