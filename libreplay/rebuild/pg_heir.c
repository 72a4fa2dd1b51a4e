/*
 * pg_heir.c - whose is what a rebuild makes
 *
 * A superuser or another member may rebuild a view for the role whose service writes it. What is made for that, the
 * schemas, the ledger's tables and tables that only the new version has, is that role's then: it could else neither
 * ask for the status, nor roll back, nor write.
 */
#include "rebuild/pg_kit.h"

/* 16 and later: a member may be one who cannot become the role. */
void ev_pgkit_add_heir(struct ev_buf *sql, const struct ev_shadow_pg *sh)
{
	ev_pgkit_format(sql, "(SELECT pg_get_userbyid(l.relowner) AS heir FROM pg_catalog.pg_class l "
			"JOIN pg_catalog.pg_namespace m ON m.oid = l.relnamespace WHERE m.nspname = %L "
			"AND l.relname = 'ev_projection' AND pg_get_userbyid(l.relowner) <> current_user "
			"AND pg_has_role(l.relowner, 'USAGE') AND pg_has_role(l.relowner, %L) "
			"AND has_schema_privilege(l.relowner, m.oid, 'CREATE')) h",
			sh->schemas[EV_ROLE_LIVE], PQserverVersion(sh->live->conn) >= 160000 ? "SET" : "MEMBER");
}

/* The statements that `what` selects from the heir, if there is one, and `more`. */
static int run_for_heir(struct ev_shadow_pg *sh, const char *what, const char *more, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	PGresult *res;
	int rc;

	ev_buf_adds(&sql, what);
	ev_buf_adds(&sql, " FROM ");
	ev_pgkit_add_heir(&sql, sh);
	ev_buf_adds(&sql, more);
	res = ev_pgkit_rows(sh->live, err, "%s", ev_buf_str(&sql));
	rc = res ? 0 : -1;
	ev_buf_clear(&sql);
	ev_pgkit_add_statements(&sql, res);
	if (rc == 0 && sql.len)
		rc = ev_pgkit_exec(sh->live, err, "%s", ev_buf_str(&sql));
	PQclear(res);
	ev_buf_release(&sql);
	return rc;
}

int ev_pgkit_make_schema(struct ev_shadow_pg *sh, enum ev_role role, struct ev_error *err)
{
	struct ev_buf mark = EV_BUF_INIT, what = EV_BUF_INIT;
	int rc;

	ev_pgkit_mark(&mark, sh, role);
	ev_pgkit_format(&what, "SELECT format('ALTER SCHEMA %%I OWNER TO %%I', %L, heir)", sh->schemas[role]);
	rc = ev_pgkit_exec(sh->live, err, "CREATE SCHEMA %I; COMMENT ON SCHEMA %I IS %L", sh->schemas[role],
			   sh->schemas[role], ev_buf_str(&mark));
	if (rc == 0)
		rc = run_for_heir(sh, ev_buf_str(&what), "", err);
	ev_buf_release(&mark);
	ev_buf_release(&what);
	return rc;
}

int ev_pgkit_give_ledger(struct ev_shadow_pg *sh, struct ev_error *err)
{
	struct ev_buf more = EV_BUF_INIT;
	int rc;

	ev_pgkit_format(&more, ", pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
			"WHERE n.nspname = %L AND c.relkind = 'r' AND pg_get_userbyid(c.relowner) = current_user "
			"AND c.relname IN (" EV_PGKIT_LEDGER ")", sh->schemas[EV_ROLE_LIVE]);
	rc = run_for_heir(sh, "SELECT format('ALTER TABLE %s OWNER TO %I', c.oid::regclass, heir)",
			  ev_buf_str(&more), err);
	ev_buf_release(&more);
	return rc;
}
