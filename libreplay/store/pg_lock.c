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

#include "store/pg_internal.h"

#define PAUSE_MS 50

static int try_lock(struct ev_pg *s, struct ev_error *err)
{
	char key[24];
	const char *values[] = { key };
	PGresult *res;
	int got;

	snprintf(key, sizeof(key), "%" PRId64, (int64_t)s->lock_key);
	res = PQexecParams(s->conn, "SELECT pg_catalog.pg_try_advisory_lock($1::bigint)", 1, NULL, values,
			   NULL, NULL, 0);
	if (PQresultStatus(res) != PGRES_TUPLES_OK)
		got = ev_pg_error(s, res, false, err);
	else
		got = PQgetvalue(res, 0, 0)[0] == 't';
	PQclear(res);
	return got;
}

int ev_pg_lock(struct ev_store *store, const char *projection, struct ev_error *err)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000 };
	struct ev_pg *s = ev_pg_of(store);
	struct ev_buf name = EV_BUF_INIT;

	if (s->locked)
		return 0;
	ev_buf_addf(&name, "evtools %s %s", s->schema, projection);
	s->lock_key = XXH3_64bits(ev_buf_str(&name), name.len);
	ev_buf_release(&name);
	for (int waited = 0;; waited += PAUSE_MS) {
		int got = try_lock(s, err);

		s->locked = got > 0;
		if (got)
			return got < 0 ? -1 : 0;
		if (waited >= s->lock_wait_ms)
			return ev_fail(err, EV_HELD, "another run of projection '%s' is at work on store '%s'",
				       projection, s->base.url);
		nanosleep(&pause, NULL);
	}
}

int ev_pg_relock(struct ev_pg *s, struct ev_error *err)
{
	int got = s->locked ? try_lock(s, err) : 1;

	if (got)
		return got < 0 ? -1 : 0;
	/* perhaps our own lost session, which the server has not noticed yet */
	return ev_fail(err, EV_HELD, "another run has taken the lock of store '%s' while the connection "
		       "was lost", s->base.url);
}
