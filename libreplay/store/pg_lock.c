/*
 * pg_lock.c - one run per projection: a session's advisory lock
 *
 * It goes with the connection, however the process ends. A pooler may drop it; then the guard on the
 * ledger's row still lets nobody interleave.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <xxhash.h>

#include "base/mem.h"
#include "store/pg_internal.h"

#define PAUSE_MS 50

static int try_lock(struct ev_pg *s, uint64_t key, struct ev_error *err)
{
	char text[24];
	const char *values[] = { text };
	PGresult *res;
	int got;

	snprintf(text, sizeof(text), "%" PRId64, (int64_t)key);
	res = PQexecParams(s->conn, "SELECT pg_catalog.pg_try_advisory_lock($1::bigint)", 1, NULL, values,
			   NULL, NULL, 0);
	if (PQresultStatus(res) != PGRES_TUPLES_OK)
		got = ev_pg_error(s, res, false, err);
	else
		got = PQgetvalue(res, 0, 0)[0] == 't';
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

/* 1, 0 when another has it for all of the time, -1. */
static int wait_lock(struct ev_pg *s, uint64_t key, int wait_ms, struct ev_error *err)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000 };
	int got = try_lock(s, key, err);

	for (int waited = 0; got == 0 && waited < wait_ms; waited += PAUSE_MS) {
		nanosleep(&pause, NULL);
		got = try_lock(s, key, err);
	}
	return got;
}

int ev_pg_lock(struct ev_store *store, const char *projection, struct ev_error *err)
{
	struct ev_pg *s = ev_pg_of(store);
	uint64_t key = key_of(s->schema, projection);
	int got;

	for (size_t i = 0; i < s->nlocks; i++)
		if (s->locks[i] == key)
			return 0;
	got = wait_lock(s, key, s->lock_wait_ms, err);
	if (got < 0)
		return -1;
	if (!got)
		return ev_fail(err, EV_HELD, "another run of projection '%s' is at work on store '%s'",
			       projection, s->base.url);
	EV_GROW(s->locks, s->nlocks, s->locks_cap);
	s->locks[s->nlocks++] = key;
	return 0;
}

bool ev_pg_unused(struct ev_pg *s, const char *schema, const char *projection)
{
	struct ev_error ignored = EV_ERROR_INIT;
	uint64_t key = key_of(schema, projection);
	char sql[80];

	if (try_lock(s, key, &ignored) <= 0)
		return false;
	snprintf(sql, sizeof(sql), "SELECT pg_catalog.pg_advisory_unlock(%" PRId64 ")", (int64_t)key);
	PQclear(PQexec(s->conn, sql));
	return true;
}

int ev_pg_relock(struct ev_pg *s, int wait_ms, struct ev_error *err)
{
	for (size_t i = 0; i < s->nlocks; i++) {
		int got = wait_lock(s, s->locks[i], wait_ms, err);

		if (got < 0)
			return -1;
		if (!got)
			return ev_fail(err, EV_HELD, "another run has taken the lock of store '%s' while the "
				       "connection was lost", s->base.url);
	}
	return 0;
}
