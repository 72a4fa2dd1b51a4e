/*
 * pg_others.c - transactions of others, which a swap lets end
 *
 * They are known by their virtual ids in pg_locks, which any role may read; whose they are, pg_stat_activity says.
 */
#include <stdio.h>

#include "base/clock.h"
#include "rebuild/pg_kit.h"

#define POLL_MS 5

/* The sessions (a) whose transactions (l) count: a vacuum of the server's own, which has no role, reads for nobody. */
#define OTHERS "l.pid <> pg_catalog.pg_backend_pid() AND a.usesysid IS NOT NULL " \
	       "AND a.application_name <> '" EV_PG_LOCKER "' "

/*
 * Who waits for us, the old view's writer for its row, would wait for ever, and looks again, at what is there then,
 * when it gets on. No transaction of ours is made for a look: another swap would wait for it.
 */
int ev_pgkit_outlive(struct ev_shadow_pg *s, int most_ms, struct ev_error *err)
{
	static const char running[] =
		"SELECT coalesce(array_agg(l.virtualxid), '{}')::text "
		"FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid "
		"AND a.datname = current_database() WHERE l.locktype = 'virtualxid' "
		"AND l.granted AND " OTHERS
		"AND NOT pg_catalog.pg_backend_pid() = ANY (pg_catalog.pg_blocking_pids(l.pid))";
	static const char still[] =
		"SELECT 1 FROM pg_catalog.pg_locks WHERE locktype = 'virtualxid' AND granted "
		"AND virtualxid = ANY ($1::text[]) AND NOT pg_catalog.pg_backend_pid() = ANY "
		"(pg_catalog.pg_blocking_pids(pid)) LIMIT 1";
	int64_t end = ev_clock_ms() + most_ms;
	PGresult *before = ev_pg_ask(s->live, running, 0, NULL, err), *now;
	const char *ids = before ? PQgetvalue(before, 0, 0) : NULL;
	int left = before ? 1 : -1;

	while (left > 0) {
		now = ev_pg_ask(s->live, still, 1, &ids, err);
		left = now ? PQntuples(now) : -1;
		PQclear(now);
		if (left > 0 && (ev_clock_ms() >= end || !ev_pg_nap(s->live, POLL_MS)))
			break;
	}
	PQclear(before);
	return left < 0 ? -1 : !left;
}

void ev_pgkit_longest(struct ev_shadow_pg *s, char *who, size_t size)
{
	static const char sql[] =
		"SELECT a.pid, coalesce(a.usename, ''), coalesce(nullif(a.application_name, ''), 'unnamed'), "
		"extract(epoch FROM pg_catalog.now() - a.xact_start)::bigint "
		"FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid "
		"WHERE l.locktype = 'virtualxid' AND l.granted AND a.datname = current_database() AND " OTHERS
		"ORDER BY a.xact_start LIMIT 1";
	struct ev_error ignored = EV_ERROR_INIT;
	PGresult *res = ev_pgkit_rows(s->live, &ignored, "%s", sql);

	who[0] = '\0';
	if (res && PQntuples(res)) {
		snprintf(who, size, "pid %s (%s, role %s)", PQgetvalue(res, 0, 0), PQgetvalue(res, 0, 2),
			 PQgetvalue(res, 0, 1));
		if (!PQgetisnull(res, 0, 3))
			snprintf(who + strlen(who), size - strlen(who), " for %s s", PQgetvalue(res, 0, 3));
	}
	PQclear(res);
}
