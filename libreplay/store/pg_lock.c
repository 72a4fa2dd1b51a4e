/*
 * pg_lock.c - one run per projection: a session's advisory lock
 *
 * It goes with the connection, however the process ends. Behind a pooler a session's lock could be lost,
 * or stay for ever in a session that is another's by then; there a transaction on a second connection
 * holds it, which the server ends with that. It has no snapshot, and a swap does not wait for it (pg_swap.c).
 * Whatever becomes of a lock, the guard on the ledger's row lets nobody interleave.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <xxhash.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/pg_internal.h"

#define PAUSE_MS 50
#define UNLOCK_MS 1000

/* What was locked on it went with it; the next try makes another. */
static int no_locker(struct ev_pg *s, struct ev_error *err)
{
	s->nheld = 0;
	ev_fail(err, EV_STORE, "store '%s': no second connection through the pooler, for locks", s->base.url);
	err->retriable = true;
	return -1;
}

static bool is_usable(const PGconn *locker)
{
	return PQstatus(locker) == CONNECTION_OK && PQtransactionStatus(locker) == PQTRANS_INTRANS;
}

/* The connection that a lock is taken on; NULL with `err`. */
static PGconn *locker(struct ev_pg *s, struct ev_error *err)
{
	static const char begin[] = "BEGIN; SET LOCAL application_name = '" EV_PG_LOCKER "'; "
				    "SET LOCAL idle_in_transaction_session_timeout = 0; "
				    "SELECT pg_catalog.set_config(name, '0', true) FROM pg_catalog.pg_settings "
				    "WHERE name = 'transaction_timeout'"; /* 17 and later */

	if (!s->pooled)
		return s->conn;
	if (is_usable(s->locker))
		return s->locker;
	PQfinish(s->locker);
	s->locker = ev_pg_dial(s);
	if (PQstatus(s->locker) == CONNECTION_OK)
		PQclear(PQexec(s->locker, begin));
	if (is_usable(s->locker))
		return s->locker;
	no_locker(s, err);
	return NULL;
}

static int try_lock(struct ev_pg *s, uint64_t key, struct ev_error *err)
{
	PGconn *conn = locker(s, err);
	char sql[80];
	PGresult *res;
	int got;

	if (!conn)
		return -1;
	snprintf(sql, sizeof(sql), "SELECT pg_catalog.pg_try_advisory_%slock(%" PRId64 ")",
		 s->pooled ? "xact_" : "", (int64_t)key);
	res = PQexec(conn, sql);
	if (PQresultStatus(res) == PGRES_TUPLES_OK)
		got = PQgetvalue(res, 0, 0)[0] == 't';
	else if (conn != s->conn && !is_usable(conn))
		got = no_locker(s, err);
	else
		got = ev_pg_error(s, res, false, err);
	PQclear(res);
	return got;
}

static uint64_t key_of(const char *schema, const char *projection)
{
	struct ev_buf name = EV_BUF_INIT;
	uint64_t key;

	ev_buf_addf(&name, "evtools %s %s", schema, projection);
	key = XXH3_64bits(ev_buf_str(&name), name.len);
	ev_buf_release(&name);
	return key;
}

/* 1, 0 when another has it for all of the time, or until this process is told to stop, -1. */
static int wait_lock(struct ev_pg *s, uint64_t key, int wait_ms, struct ev_error *err)
{
	int got = try_lock(s, key, err);

	for (int waited = 0; got == 0 && waited < wait_ms && ev_pg_nap(s, PAUSE_MS); waited += PAUSE_MS)
		got = try_lock(s, key, err);
	return got;
}

int ev_pg_locked(struct ev_store *store, const char *projection, struct ev_error *err)
{
	static const char format[] =
		"SELECT pg_catalog.pg_is_in_recovery(), EXISTS (SELECT FROM pg_catalog.pg_locks WHERE "
		"locktype = 'advisory' AND granted AND objsubid = 1 AND "
		"database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) AND "
		"classid::bigint = %" PRIu64 " AND objid::bigint = %" PRIu64 ")";
	struct ev_pg *s = ev_pg_of(store);
	uint64_t key = key_of(s->schema, projection);
	char sql[sizeof(format) + 40];
	PGresult *res;
	int rc;

	snprintf(sql, sizeof(sql), format, key >> 32, key & UINT32_MAX);
	res = PQexec(s->conn, sql);
	if (PQresultStatus(res) != PGRES_TUPLES_OK)
		rc = ev_pg_error(s, res, false, err);
	else
		rc = PQgetvalue(res, 0, 0)[0] == 't' ? EV_LOCK_UNSEEN : PQgetvalue(res, 0, 1)[0] == 't';
	PQclear(res);
	return rc;
}

int ev_pg_lock(struct ev_store *store, const char *projection, struct ev_error *err)
{
	struct ev_pg *s = ev_pg_of(store);
	uint64_t key = key_of(s->schema, projection);
	int got;

	for (size_t i = 0; i < s->nlocks; i++)
		if (s->locks[i] == key)
			return 0;
	got = ev_pg_relock(s, s->lock_wait_ms, err) < 0 ? -1 : wait_lock(s, key, s->lock_wait_ms, err);
	if (got < 0)
		return -1;
	if (!got) {
		ev_fail(err, EV_HELD, "another run of projection '%s' is at work on store '%s'", projection,
			s->base.url);
		err->retriable = ev_pg_told(s);
		return -1;
	}
	EV_GROW(s->locks, s->nlocks, s->locks_cap);
	s->locks[s->nlocks++] = key;
	s->nheld = s->nlocks;
	return 0;
}

bool ev_pg_unused(struct ev_pg *s, const char *schema, const char *projection)
{
	struct ev_error ignored = EV_ERROR_INIT;
	uint64_t key = key_of(schema, projection);
	char sql[80];

	/* what was taken behind a pooler stays until the end */
	if (s->pooled || try_lock(s, key, &ignored) <= 0)
		return false;
	snprintf(sql, sizeof(sql), "SELECT pg_catalog.pg_advisory_unlock(%" PRId64 ")", (int64_t)key);
	PQclear(PQexec(s->conn, sql));
	return true;
}

void ev_pg_unlock(struct ev_pg *s)
{
	struct pollfd p = { .fd = PQsocket(s->conn), .events = POLLIN };
	int64_t until = ev_clock_ms() + UNLOCK_MS, left;
	struct ev_buf sql = EV_BUF_INIT;

	if (s->pooled || !s->nlocks || PQstatus(s->conn) != CONNECTION_OK ||
	    PQpipelineStatus(s->conn) != PQ_PIPELINE_OFF || PQtransactionStatus(s->conn) != PQTRANS_IDLE)
		return;
	for (size_t i = 0; i < s->nlocks; i++)
		ev_buf_addf(&sql, "%s pg_catalog.pg_advisory_unlock(%" PRId64 ")", i ? "," : "SELECT",
			    (int64_t)s->locks[i]);
	if (PQsendQuery(s->conn, ev_buf_str(&sql)))
		while (PQisBusy(s->conn) && (left = until - ev_clock_ms()) > 0) {
			poll(&p, 1, (int)left);
			if (!PQconsumeInput(s->conn))
				break;
		}
	ev_buf_release(&sql);
}

int ev_pg_relock(struct ev_pg *s, int wait_ms, struct ev_error *err)
{
	for (; s->nheld < s->nlocks; s->nheld++) {
		int got = wait_lock(s, s->locks[s->nheld], wait_ms, err);

		if (got < 0)
			return -1;
		if (!got)
			return ev_fail(err, EV_HELD, "another run has taken the lock of store '%s' while the "
				       "connection was lost", s->base.url);
	}
	return 0;
}
