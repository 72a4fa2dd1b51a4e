/*
 * pg_holder.c - who has the lock that was waited for in vain
 *
 * By then nobody waits any more, and the transaction that did can ask nothing: another connection looks who holds
 * what on the tables there. A lock that lets no writer in is named as such; without one it was a row's, and the oldest
 * of those who write there is named, of our tables first; where none does, who reads was in the way of what drops a
 * table.
 */
#include <stdio.h>
#include <stdlib.h>

#include "store/pg_internal.h"

#define LOOK_MS "100" /* at our list of tables, which may be what is locked */

/*
 * `%s` is the SQL of which tables of the schema are ours. One that was prepared has no session: its locks have no pid,
 * and that on its own id says whose they are. Who is named may be rolled back for it, and that is somebody's loss: so
 * only where it has locked a table that is ours.
 */
static const char holder_sql[] =
	"WITH l AS (SELECT l.pid, l.virtualtransaction AS vx, l.mode, l.relation, n.nspname LIKE 'ev\\_%%' "
	"OR c.relname LIKE 'ev\\_%%' OR c.relname::text IN (%s) AS ours, CASE WHEN l.mode IN ('ShareLock', "
	"'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') THEN 1 "
	"WHEN l.mode NOT IN ('AccessShareLock', 'SIReadLock') THEN 2 ELSE 3 END AS kind FROM pg_catalog.pg_locks l "
	"JOIN pg_catalog.pg_class c ON c.oid = l.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
	"WHERE l.granted AND l.locktype = 'relation' AND (n.nspname = $1 OR n.nspname LIKE 'ev\\_%%')) "
	"SELECT (ARRAY['', 'the oldest writer there is ', 'the oldest reader there is '])[s.kind] || s.who || "
	"CASE s.kind WHEN 1 THEN format(', which has %%s on %%s', s.mode, s.relation::regclass) ELSE '' END || "
	"coalesce(format(', for %%s s', extract(epoch FROM now() - s.since)::bigint), '') FROM ("
	"SELECT l.*, a.xact_start AS since, format('pid %%s (%%s, role %%s, %%s)', a.pid, "
	"coalesce(nullif(a.application_name, ''), 'unnamed'), coalesce(a.usename, 'unknown'), "
	"coalesce('host ' || host(a.client_addr), 'this host')) AS who FROM l "
	"JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid "
	"WHERE a.datname = current_database() AND a.usesysid IS NOT NULL AND a.pid <> $2::integer "
	"UNION ALL SELECT l.*, p.prepared, format('prepared transaction %%L (role %%s)', p.gid, p.owner) FROM l "
	"JOIN pg_catalog.pg_locks x ON x.virtualtransaction = l.vx AND x.pid IS NULL AND x.locktype = 'transactionid' "
	"JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = x.transactionid "
	"WHERE l.pid IS NULL AND l.ours AND p.database = current_database()) s "
	"ORDER BY s.kind > 1, NOT s.ours, s.kind, s.since LIMIT 1";

/* By the list of our tables, where that can be read now. PQclear. */
static PGresult *look(struct ev_pg *s, PGconn *conn, bool listed)
{
	int pid = s->backend ? s->backend : PQbackendPID(s->conn);
	struct ev_buf ours = EV_BUF_INIT, sql = EV_BUF_INIT;
	const char *values[2] = { s->schema };
	PGresult *res;
	char own[16];

	snprintf(own, sizeof(own), "%d", pid);
	values[1] = own;
	ev_buf_adds(&ours, listed ? "SELECT table_name FROM " : "SELECT ''");
	if (listed) {
		ev_buf_add_quoted(&ours, s->schema, '"');
		ev_buf_adds(&ours, ".ev_table");
	}
	ev_buf_addf(&sql, holder_sql, ev_buf_str(&ours));
	res = PQexecParams(conn, ev_buf_str(&sql), 2, NULL, values, NULL, NULL, 0);
	ev_buf_release(&ours);
	ev_buf_release(&sql);
	return res;
}

void ev_pg_name_holder(struct ev_pg *s, char *who, size_t size)
{
	PGresult *res = NULL;
	PGconn *conn;

	who[0] = '\0';
	if (ev_pg_told(s) || !s->schema)
		return;
	conn = ev_pg_dial(s);
	if (conn && PQstatus(conn) == CONNECTION_OK) {
		PQclear(PQexec(conn, "BEGIN; SET LOCAL lock_timeout = " LOOK_MS));
		res = look(s, conn, true);
		PQclear(PQexec(conn, "ROLLBACK")); /* a pooler gives the session to others */
		if (PQresultStatus(res) != PGRES_TUPLES_OK) {
			PQclear(res);
			res = look(s, conn, false);
		}
	}
	if (PQresultStatus(res) == PGRES_TUPLES_OK && PQntuples(res))
		snprintf(who, size, "%s", PQgetvalue(res, 0, 0));
	PQclear(res);
	PQfinish(conn);
}
