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

/* Who (l) waits for a row of ours, the old view's writer, and would wait for ever; he looks again when he gets on. */
#define AWAITS_ROW "pg_catalog.pg_backend_pid() = ANY (pg_catalog.pg_blocking_pids(l.pid)) AND EXISTS (SELECT 1 FROM " \
		   "pg_catalog.pg_locks w WHERE w.pid = l.pid AND NOT w.granted AND w.locktype = 'transactionid')"

/* No transaction of ours is made for a look: another swap would wait for it. */
int ev_pgkit_others(struct ev_shadow_pg *s, struct ev_buf *ids, struct ev_error *err)
{
	static const char running[] =
		"SELECT coalesce(array_agg(l.virtualxid), '{}')::text "
		"FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid "
		"AND a.datname = current_database() WHERE l.locktype = 'virtualxid' "
		"AND l.granted AND " OTHERS "AND NOT (" AWAITS_ROW ")";
	PGresult *res = ev_pg_ask(s->live, running, 0, NULL, err);

	ev_buf_clear(ids);
	if (res)
		ev_buf_adds(ids, PQgetvalue(res, 0, 0));
	PQclear(res);
	return res ? 0 : -1;
}

/* `AND [NOT] they have a lock on a table that serves`, by the oids as they are now. */
static int add_which(struct ev_shadow_pg *s, enum ev_pgkit_which which, struct ev_buf *sql, struct ev_error *err)
{
	struct ev_buf oids = EV_BUF_INIT;
	PGresult *res;

	if (which == EV_PGKIT_ALL)
		return 0;
	ev_pgkit_oids(&oids, s, EV_ROLE_LIVE);
	res = ev_pgkit_rows(s->live, err, "SELECT (%s)::text", ev_buf_str(&oids));
	ev_buf_release(&oids);
	if (res)
		ev_buf_addf(sql, " AND %s EXISTS (SELECT 1 FROM pg_catalog.pg_locks h WHERE h.pid = l.pid "
			    "AND h.granted AND h.locktype = 'relation' AND h.relation = ANY ('%s'::oid[]))",
			    which == EV_PGKIT_BESIDE ? "NOT" : "", PQgetvalue(res, 0, 0));
	PQclear(res);
	return res ? 0 : -1;
}

int ev_pgkit_outlive(struct ev_shadow_pg *s, const struct ev_buf *ids, enum ev_pgkit_which which, int most_ms,
		     struct ev_error *err)
{
	int64_t end = ev_clock_ms() + most_ms;
	struct ev_buf still = EV_BUF_INIT;
	const char *values[] = { ev_buf_str(ids) };
	int left;

	ev_buf_adds(&still, "SELECT 1 FROM pg_catalog.pg_locks l WHERE l.locktype = 'virtualxid' AND l.granted "
		    "AND l.virtualxid = ANY ($1::text[]) AND NOT (" AWAITS_ROW ")");
	left = add_which(s, which, &still, err) < 0 ? -1 : 1;
	ev_buf_adds(&still, " LIMIT 1");
	while (left > 0) {
		PGresult *now = ev_pg_ask(s->live, ev_buf_str(&still), 1, values, err);

		left = now ? PQntuples(now) : -1;
		PQclear(now);
		if (left > 0 && (ev_clock_ms() >= end || !ev_pg_nap(s->live, POLL_MS)))
			break;
	}
	ev_buf_release(&still);
	return left < 0 ? -1 : !left;
}

/*
 * One that was prepared has no session: pid NULL in pg_locks. Only one that has a lock on the tables that serve: who is
 * named here may be rolled back for it.
 */
static void name_prepared(struct ev_shadow_pg *s, char *who, size_t size)
{
	struct ev_error ignored = EV_ERROR_INIT;
	struct ev_buf sql = EV_BUF_INIT;
	PGresult *res;

	ev_buf_adds(&sql, "WITH own AS (SELECT ");
	ev_pgkit_oids(&sql, s, EV_ROLE_LIVE);
	ev_buf_adds(&sql, " AS oids) SELECT p.gid, p.owner, extract(epoch FROM pg_catalog.now() - p.prepared)::bigint "
		    "FROM own, pg_catalog.pg_prepared_xacts p WHERE p.database = current_database() "
		    "AND EXISTS (SELECT 1 FROM pg_catalog.pg_locks x JOIN pg_catalog.pg_locks l "
		    "USING (virtualtransaction) WHERE x.pid IS NULL AND x.locktype = 'transactionid' "
		    "AND x.transactionid = p.transaction AND l.pid IS NULL AND l.locktype = 'relation' "
		    "AND l.relation = ANY (oids)) ORDER BY p.prepared LIMIT 1");
	res = ev_pgkit_rows(s->live, &ignored, "%s", ev_buf_str(&sql));
	if (res && PQntuples(res))
		snprintf(who, size, "prepared transaction '%s' (role %s) for %s s", PQgetvalue(res, 0, 0),
			 PQgetvalue(res, 0, 1), PQgetvalue(res, 0, 2));
	PQclear(res);
	ev_buf_release(&sql);
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
	PGresult *res;

	who[0] = '\0';
	name_prepared(s, who, size);
	if (*who)
		return;
	res = ev_pgkit_rows(s->live, &ignored, "%s", sql);
	if (res && PQntuples(res)) {
		snprintf(who, size, "pid %s (%s, role %s)", PQgetvalue(res, 0, 0), PQgetvalue(res, 0, 2),
			 PQgetvalue(res, 0, 1));
		if (!PQgetisnull(res, 0, 3))
			snprintf(who + strlen(who), size - strlen(who), " for %s s", PQgetvalue(res, 0, 3));
	}
	PQclear(res);
}
