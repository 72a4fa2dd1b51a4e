/*
 * pg_pipe.c - handlers' statements without waiting for each answer (libpq's pipeline mode)
 *
 * What is sent waits in a ring; answers are taken when the socket would block, and all of them at
 * sync. The socket does not block while we pipe, so that neither side waits for the other with
 * full buffers.
 */
#include <errno.h>
#include <poll.h>

#include "base/mem.h"
#include "store/pg_internal.h"

#define FLUSH_EVERY 256 /* statements between two writes to the socket */

int64_t ev_pg_touched(PGresult *res)
{
	const char *n = PQcmdTuples(res);

	/* of a SELECT it is the rows that came back */
	if (!*n || strncmp(PQcmdStatus(res), "SELECT", 6) == 0)
		return 0;
	return strtoll(n, NULL, 10);
}

static int enter_pipe(struct ev_pg *s, struct ev_error *err)
{
	if (s->piping)
		return 0;
	if (!PQenterPipelineMode(s->conn) || PQsetnonblocking(s->conn, 1) < 0)
		return ev_pg_error(s, NULL, false, err);
	s->piping = true;
	return 0;
}

static void push(struct ev_pg *s, uint64_t tag, const struct ev_query *q)
{
	if (s->npending == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 1024;
		struct ev_pg_pending *ring = ev_alloc(cap * sizeof(*ring));

		for (size_t i = 0; i < s->npending; i++)
			ring[i] = s->pending[(s->first + i) % s->cap];
		free(s->pending);
		s->pending = ring;
		s->cap = cap;
		s->first = 0;
	}
	s->pending[(s->first + s->npending++) % s->cap] = (struct ev_pg_pending){ tag, q };
}

/* The answer to the oldest statement. */
static int take_result(struct ev_pg *s, PGresult *res, struct ev_error *err)
{
	struct ev_pg_pending *p = &s->pending[s->first];
	struct ev_error why = EV_ERROR_INIT;

	switch (PQresultStatus(res)) {
	case PGRES_COMMAND_OK:
	case PGRES_TUPLES_OK:
		if (!s->failed)
			s->base.on_result(s->base.on_result_ctx, p->tag, ev_pg_touched(res), &why);
		return 0;
	case PGRES_PIPELINE_ABORTED: /* behind the one that failed */
		return 0;
	default:
		ev_pg_run_error(s, res, p->query, &why);
		if (why.class != EV_DATA) {
			*err = why;
			return -1;
		}
		if (!s->failed)
			s->base.on_result(s->base.on_result_ctx, p->tag, -1, &why);
		s->failed = true;
		return 0;
	}
}

/*
 * Answers that are there already; with `until_sync` all up to the end of the pipeline. Each statement's
 * results end with a NULL.
 */
static int take_results(struct ev_pg *s, bool until_sync, struct ev_error *err)
{
	int rc = 0;

	while (rc == 0 && (until_sync || (s->npending && !PQisBusy(s->conn)))) {
		PGresult *res = PQgetResult(s->conn);

		if (!res) {
			if (ev_pg_lost(s))
				return ev_pg_error(s, NULL, false, err);
			if (s->npending) {
				s->first = (s->first + 1) % s->cap;
				s->npending--;
			}
			continue;
		}
		if (PQresultStatus(res) == PGRES_PIPELINE_SYNC) {
			PQclear(res);
			s->syncs--;
			return 0;
		}
		rc = s->npending ? take_result(s, res, err) : ev_pg_error(s, res, false, err);
		PQclear(res);
	}
	return rc;
}

/* Write what libpq holds; read while the server does not take it. */
static int flush(struct ev_pg *s, struct ev_error *err)
{
	int left;

	while ((left = PQflush(s->conn)) > 0) {
		struct pollfd p = { PQsocket(s->conn), POLLIN | POLLOUT, 0 };

		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return ev_fail(err, EV_STORE, "cannot wait for the store '%s'", s->base.url);
		if ((p.revents & ~POLLOUT) &&
		    (!PQconsumeInput(s->conn) || take_results(s, false, err) < 0))
			return err->class == EV_OK ? ev_pg_error(s, NULL, false, err) : -1;
	}
	return left < 0 ? ev_pg_error(s, NULL, false, err) : 0;
}

/* One at a time, without the pipe. */
static int apply_closely(struct ev_pg *s, struct ev_query *q, uint64_t tag, struct ev_error *err)
{
	struct ev_error why = EV_ERROR_INIT;
	int64_t touched;

	if (ev_pg_run_closely(s, q, &touched, &why, err) < 0)
		return -1;
	s->base.on_result(s->base.on_result_ctx, tag, touched, &why);
	s->failed = touched < 0;
	return 0;
}

int ev_pg_apply(struct ev_store *store, struct ev_query *q, const struct ev_bind *b, size_t n,
		uint64_t tag, struct ev_error *err)
{
	struct ev_pg *s = ev_pg_of(store);

	if (store->closely && ev_pg_sync(store, err) < 0)
		return -1;
	if (s->failed)
		return 0;
	if (q->epoch != s->epoch && (ev_pg_sync(store, err) < 0 || ev_pg_prepare_again(s, q, err) < 0))
		return -1;
	if (ev_pg_bind(s, q, b, n, err) < 0) {
		struct ev_error why = *err;

		/* those before it come first, also with their faults */
		if (err->class != EV_DATA || ev_pg_sync(store, err) < 0)
			return -1;
		if (!s->failed)
			store->on_result(store->on_result_ctx, tag, -1, &why);
		s->failed = true;
		return 0;
	}
	if (store->closely)
		return apply_closely(s, q, tag, err);
	if (enter_pipe(s, err) < 0)
		return -1;
	if (!PQsendQueryPrepared(s->conn, q->name, (int)n, s->values, s->lengths, s->formats, 0))
		return ev_pg_error(s, NULL, false, err);
	push(s, tag, q);
	return s->npending % FLUSH_EVERY ? 0 : flush(s, err);
}

int ev_pg_sync(struct ev_store *store, struct ev_error *err)
{
	struct ev_pg *s = ev_pg_of(store);

	if (!s->piping)
		return 0;
	if (!PQpipelineSync(s->conn))
		return ev_pg_error(s, NULL, false, err);
	s->syncs++;
	if (flush(s, err) < 0)
		return -1;
	if (PQsetnonblocking(s->conn, 0) < 0)
		return ev_pg_error(s, NULL, false, err);
	if (take_results(s, true, err) < 0)
		return -1;
	s->npending = 0;
	if (!PQexitPipelineMode(s->conn))
		return ev_pg_error(s, NULL, false, err);
	s->piping = false;
	return 0;
}

/* Until the end of the pipeline, however it goes; false when the connection is of no use any more. */
static bool drain(struct ev_pg *s)
{
	struct ev_error ignored = EV_ERROR_INIT;
	int nulls = 0;

	if (!s->syncs && !PQpipelineSync(s->conn))
		return false;
	s->syncs += !s->syncs;
	if (flush(s, &ignored) < 0 && ev_pg_lost(s))
		return false;
	PQsetnonblocking(s->conn, 0);
	while (s->syncs && nulls < 3 && !ev_pg_lost(s)) {
		PGresult *res = PQgetResult(s->conn);

		nulls = res ? 0 : nulls + 1;
		s->syncs -= res && PQresultStatus(res) == PGRES_PIPELINE_SYNC;
		PQclear(res);
	}
	return PQexitPipelineMode(s->conn);
}

void ev_pg_pipe_drop(struct ev_pg *s)
{
	if (!s->piping)
		return;
	s->failed = true; /* nothing of it is reported any more */
	if (!drain(s)) { /* begin makes a new one */
		PQfinish(s->conn);
		s->conn = NULL;
	}
	s->npending = 0;
	s->piping = false;
}
