/*
 * pg_drop.c - what is removed of versions that do not serve
 *
 * What is ours is dropped by its name, and never with CASCADE: a view that somebody has put on a version's tables, or a
 * table in its schema, is his, and he is told before anything goes.
 */
#include "rebuild/pg_kit.h"

int ev_pgkit_check_free(struct ev_shadow_pg *s, enum ev_role role, struct ev_error *err)
{
	static const char *const words[EV_ROLES] = {
		"that serves", "that is kept", "that is being built", "that was kept before", "that serves",
	};
	struct ev_buf lines = EV_BUF_INIT, names = EV_BUF_INIT;
	int rc = ev_pgkit_dependents(s, role, &lines, err);

	for (const char *c = ev_buf_str(&lines), *end; (end = strchr(c, '\n')); c = end + 1)
		ev_buf_addf(&names, "%s%.*s", names.len ? ", " : "", (int)(end - c), c);
	if (rc == 0 && names.len) {
		ev_fail(err, EV_USAGE, "others depend on the version of projection '%s' %s, which is to be dropped: %s",
			s->base.projection, words[role], ev_buf_str(&names));
		rc = ev_hint(err, "nothing of others is dropped: drop it, or let it use the tables that serve; then "
			     "call this again");
	}
	ev_buf_release(&lines);
	ev_buf_release(&names);
	return rc;
}

/* `DROP VIEW a, b; DROP TABLE c, d; ` of rows with name and kind: together, as they may use each other. */
static void add_drops(struct ev_buf *sql, const char *schema, const PGresult *res)
{
	for (int tables = 0; tables < 2; tables++) {
		int n = 0;

		for (int i = 0; i < PQntuples(res); i++) {
			if ((PQgetvalue(res, i, 1)[0] == 'r') != tables)
				continue;
			ev_buf_adds(sql, n++ ? ", " : tables ? "DROP TABLE " : "DROP VIEW ");
			ev_pgkit_format(sql, "%I.%I", schema, PQgetvalue(res, i, 0));
		}
		if (n)
			ev_buf_adds(sql, "; ");
	}
}

static int drop_tables(struct ev_shadow_pg *s, enum ev_role role, struct ev_error *err)
{
	PGresult *tables = ev_pgkit_tables(s, role, err);
	struct ev_buf sql = EV_BUF_INIT;
	int rc = tables ? 0 : -1;

	if (tables)
		add_drops(&sql, s->schemas[role], tables);
	if (sql.len)
		rc = ev_pgkit_exec(s->live, err, "%s", ev_buf_str(&sql));
	PQclear(tables);
	ev_buf_release(&sql);
	return rc;
}

/* All rows of a version, by its name in the ledger. */
static int drop_ledger(struct ev_shadow_pg *s, const char *name, struct ev_error *err)
{
	static const char *const ledger[] = { "ev_table", "ev_ledger", "ev_rows", NULL };
	static const char *const many[] = { "ev_cut", "ev_dead", "ev_seen", NULL };
	int rc = ev_pgkit_exec(s->live, err, "DELETE FROM ev_projection WHERE name = %L", name);

	for (const char *const *t = many; *t && rc == 0; t++)
		rc = ev_pgkit_exec(s->live, err, "DELETE FROM %I WHERE projection = " EV_ROWS_KEY("%L"), *t, name,
				   name);
	for (const char *const *t = ledger; *t && rc == 0; t++)
		rc = ev_pgkit_exec(s->live, err, "DELETE FROM %I WHERE projection = %L", *t, name);
	return rc;
}

int ev_pgkit_drop_role(struct ev_shadow_pg *s, enum ev_role role, struct ev_error *err)
{
	struct ev_buf name = EV_BUF_INIT;
	int rc;

	ev_role_name(&name, s->base.projection, role);
	rc = role == EV_ROLE_LIVE ? 0 : ev_pgkit_check_free(s, role, err); /* drop has asked what hangs on it */
	if (rc == 0 && (drop_tables(s, role, err) < 0 || drop_ledger(s, ev_buf_str(&name), err) < 0))
		rc = -1;
	if (rc == 0 && role != EV_ROLE_LIVE)
		rc = ev_pgkit_exec(s->live, err, "DROP SCHEMA IF EXISTS %I", s->schemas[role]);
	ev_buf_release(&name);
	return rc;
}

int ev_pgkit_drop_version(struct ev_shadow_pg *s, enum ev_role role, struct ev_error *err)
{
	struct ev_store *live = s->base.live;
	int rc = live->ops->begin(live, err);

	if (rc < 0)
		return -1;
	rc = ev_pgkit_drop_role(s, role, err);
	if (rc == 0)
		rc = live->ops->commit(live, err);
	if (rc < 0)
		live->ops->rollback(live);
	return rc;
}

int ev_pgkit_has_table(struct ev_shadow_pg *s, const char *name, struct ev_error *err)
{
	PGresult *res = ev_pgkit_rows(s->live, err, "SELECT 1 FROM pg_catalog.pg_class c "
				      "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
				      "WHERE n.nspname = %L AND c.relname = %L", s->schemas[EV_ROLE_NEW], name);
	int there = res ? PQntuples(res) : -1;

	PQclear(res);
	return there;
}

/* Cuts, dead letters and ids of a shadow that is given up. */
static int drop_rows(struct ev_shadow_pg *s, struct ev_error *err)
{
	const char *shadow = s->schemas[EV_ROLE_NEW];
	int there = ev_pgkit_has_table(s, "ev_rows", err);

	if (there <= 0)
		return there;
	return ev_pgkit_exec(s->live, err,
			     "DELETE FROM ev_cut WHERE projection = (SELECT rows_key FROM %I.ev_rows); "
			     "DELETE FROM ev_dead WHERE projection = (SELECT rows_key FROM %I.ev_rows); "
			     "DELETE FROM ev_seen WHERE projection = (SELECT rows_key FROM %I.ev_rows)",
			     shadow, shadow, shadow);
}

/* What is ours in the shadow's schema: names and kinds. PQclear. */
static PGresult *own_tables(struct ev_shadow_pg *s, bool listed, struct ev_error *err)
{
	const char *schema = s->schemas[EV_ROLE_NEW];
	struct ev_buf sql = EV_BUF_INIT;
	PGresult *res;

	ev_pgkit_format(&sql, "SELECT c.relname, c.relkind FROM pg_catalog.pg_class c "
			"JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
			"WHERE n.nspname = %L AND c.relkind IN ('r', 'v') AND (c.relname LIKE 'ev\\_%%'", schema);
	if (listed)
		ev_pgkit_format(&sql, " OR c.relname IN (SELECT table_name FROM %I.ev_table)", schema);
	res = ev_pgkit_rows(s->live, err, "%s)", ev_buf_str(&sql));
	ev_buf_release(&sql);
	return res;
}

static int add_drop(struct ev_buf *sql, struct ev_shadow_pg *s, bool listed, struct ev_error *err)
{
	PGresult *own = own_tables(s, listed, err);

	if (!own)
		return -1;
	add_drops(sql, s->schemas[EV_ROLE_NEW], own);
	PQclear(own);
	ev_pgkit_format(sql, "DROP SCHEMA IF EXISTS %I;\n", s->schemas[EV_ROLE_NEW]);
	return 0;
}

int ev_pgkit_drop_rest(struct ev_buf *sql, struct ev_shadow_pg *s, struct ev_error *err)
{
	return ev_pgkit_check_mark(s, EV_ROLE_NEW, err) < 0 ? -1 : add_drop(sql, s, false, err);
}

int ev_pgkit_drop_shadow(struct ev_shadow_pg *s, struct ev_error *err)
{
	int listed = ev_pgkit_has_table(s, "ev_table", err), rc;
	struct ev_buf sql = EV_BUF_INIT;

	if (listed < 0 || ev_pgkit_check_mark(s, EV_ROLE_NEW, err) < 0 ||
	    (listed && ev_pgkit_check_free(s, EV_ROLE_NEW, err) < 0) || drop_rows(s, err) < 0)
		return -1;
	rc = add_drop(&sql, s, listed, err);
	if (rc == 0)
		rc = ev_pgkit_exec(s->live, err, "%s", ev_buf_str(&sql));
	ev_buf_release(&sql);
	return rc;
}
