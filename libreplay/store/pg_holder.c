/*
 * pg_holder.c - who has the lock that was waited for in vain
 *
 * By then nobody waits any more, and the transaction that did can ask nothing: another connection looks who holds
 * what on the tables there. A lock that lets no writer in is named as such; without one it was a row's, and the oldest
 * of those who write there is named; where none does, who reads was in the way of what drops a table.
 */
#include <stdio.h>
#include <stdlib.h>

#include "store/pg_internal.h"

static const char holder_sql[] =
	"SELECT (ARRAY['', 'the oldest writer there is ', 'the oldest reader there is '])[s.kind] || "
	"format('pid %s (%s, role %s, %s)', s.pid, coalesce(nullif(s.application_name, ''), 'unnamed'), "
	"coalesce(s.usename, 'unknown'), coalesce('host ' || host(s.client_addr), 'this host')) || "
	"CASE s.kind WHEN 1 THEN format(', which has %s on %s', s.mode, s.relation::regclass) ELSE '' END || "
	"coalesce(format(', for %s s', extract(epoch FROM now() - s.xact_start)::bigint), '') FROM (SELECT a.*, "
	"l.mode, l.relation, CASE WHEN l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', "
	"'AccessExclusiveLock') THEN 1 WHEN l.mode NOT IN ('AccessShareLock', 'SIReadLock') THEN 2 ELSE 3 END AS kind "
	"FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid "
	"JOIN pg_catalog.pg_class c ON c.oid = l.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
	"WHERE l.granted AND l.locktype = 'relation' AND a.datname = current_database() AND a.usesysid IS NOT NULL "
	"AND (n.nspname = $1 OR n.nspname LIKE 'ev\\_%') AND l.pid <> $2::integer) s "
	"ORDER BY s.kind, s.xact_start LIMIT 1";

void ev_pg_name_holder(struct ev_pg *s, char *who, size_t size)
{
	int pid = s->backend ? s->backend : PQbackendPID(s->conn);
	const char *values[2] = { s->schema };
	PGresult *res = NULL;
	char own[16];
	PGconn *conn;

	who[0] = '\0';
	if (ev_pg_told(s) || !s->schema)
		return;
	snprintf(own, sizeof(own), "%d", pid);
	values[1] = own;
	conn = ev_pg_dial(s);
	if (conn && PQstatus(conn) == CONNECTION_OK)
		res = PQexecParams(conn, holder_sql, 2, NULL, values, NULL, NULL, 0);
	if (PQresultStatus(res) == PGRES_TUPLES_OK && PQntuples(res))
		snprintf(who, size, "%s", PQgetvalue(res, 0, 0));
	PQclear(res);
	PQfinish(conn);
}
