/*
 * pg_wait.c - waits that a signal may end
 *
 * A server answers late when it sorts, or when somebody else has the lock. Who is told to stop does not wait for
 * either: the statement is cancelled. A lock that others hold is waited for a moment longer, as most are held for less,
 * and the transaction at hand is better finished.
 */
#include <errno.h>
#include <poll.h>
#include <time.h>

#include "base/clock.h"
#include "store/pg_internal.h"

#define LOOK_MS 200
#define NAP_MS 50

static void cancel(PGconn *conn)
{
	PGcancel *c = PQgetCancel(conn);
	char why[256];

	if (c)
		PQcancel(c, why, sizeof(why));
	PQfreeCancel(c);
}

/*
 * Until an answer is there. True: `stop` said so after `patience_ms`, and the server was told: again and again, as what
 * it is told before it has begun with the statement ends nothing.
 */
static bool wait_or_cancel(struct ev_pg *s, bool (*stop)(void), int patience_ms)
{
	struct pollfd p = { .fd = PQsocket(s->conn), .events = POLLIN };
	int64_t due = ev_clock_ms() + patience_ms;
	bool asked = false;

	while (PQisBusy(s->conn)) {
		if (ev_clock_ms() >= due && stop()) {
			cancel(s->conn);
			asked = true;
			due = ev_clock_ms() + LOOK_MS;
		}
		poll(&p, 1, LOOK_MS); /* a signal ends it as well */
		if (!PQconsumeInput(s->conn))
			break;
	}
	return asked;
}

/* As PQexec gives it: the last one. */
static PGresult *result(struct ev_pg *s)
{
	PGresult *res = NULL, *more;

	while ((more = PQgetResult(s->conn))) {
		PQclear(res);
		res = more;
	}
	return res;
}

PGresult *ev_pg_answer(struct ev_pg *s)
{
	wait_or_cancel(s, s->stopped, 0);
	return result(s);
}

PGresult *ev_pg_next(struct ev_pg *s)
{
	if (s->stopped)
		wait_or_cancel(s, s->stopped, 0);
	return PQgetResult(s->conn);
}

PGresult *ev_pg_lock_answer(struct ev_pg *s)
{
	s->gave_up = s->give_up && wait_or_cancel(s, s->give_up, EV_PG_STOPPED_WAIT_MS);
	return result(s);
}

bool ev_pg_told(const struct ev_pg *s)
{
	return s->give_up && s->give_up();
}

bool ev_pg_nap(const struct ev_pg *s, int ms)
{
	int64_t until = ev_clock_ms() + ms, left = ms;

	do {
		struct timespec t = { .tv_nsec = (left < NAP_MS ? left : NAP_MS) * 1000000 };

		nanosleep(&t, NULL);
		left = until - ev_clock_ms();
	} while (left > 0 && !ev_pg_told(s));
	return !ev_pg_told(s);
}
