/* pg_move.c - versions between schemas */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "rebuild/pg_kit.h"

static void format(struct ev_buf *out, const char *fmt, va_list ap)
{
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			ev_buf_addc(out, *fmt);
			continue;
		}
		switch (*++fmt) {
		case 'I':
			ev_buf_add_quoted(out, va_arg(ap, const char *), '"');
			break;
		case 'L': /* a backslash is one, as standard_conforming_strings is on */
			ev_buf_add_quoted(out, va_arg(ap, const char *), '\'');
			break;
		case 's':
			ev_buf_adds(out, va_arg(ap, const char *));
			break;
		case 'd':
			ev_buf_addf(out, "%d", va_arg(ap, int));
			break;
		default:
			ev_buf_addc(out, *fmt);
		}
	}
}

void ev_pgkit_format(struct ev_buf *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	format(out, fmt, ap);
	va_end(ap);
}

int ev_pgkit_exec(struct ev_pg *s, struct ev_error *err, const char *fmt, ...)
{
	struct ev_buf sql = EV_BUF_INIT;
	va_list ap;
	bool own;
	int rc;

	va_start(ap, fmt);
	format(&sql, fmt, ap);
	va_end(ap);
	rc = ev_pg_enter(s, &own, err);
	if (rc == 0)
		rc = ev_pg_leave(s, own, ev_pg_exec(s, ev_buf_str(&sql), err), err);
	ev_buf_release(&sql);
	return rc;
}

/* What is past its time is asked for all the same, and gets it where nobody is in the way. */
int ev_pgkit_exec_until(struct ev_pg *s, int64_t until, struct ev_error *err, const char *fmt, ...)
{
	int64_t left = until - ev_clock_ms();
	struct ev_buf sql = EV_BUF_INIT;
	PGresult *res = NULL;
	va_list ap;
	bool was;
	int rc;

	ev_buf_addf(&sql, "SET LOCAL lock_timeout = %d; ", left > 1 ? (int)left : 1);
	va_start(ap, fmt);
	format(&sql, fmt, ap);
	va_end(ap);
	if (PQsendQuery(s->conn, ev_buf_str(&sql)))
		res = ev_pg_lock_answer(s);
	was = s->trying;
	s->trying = true;
	if (PQresultStatus(res) == PGRES_COMMAND_OK || PQresultStatus(res) == PGRES_TUPLES_OK)
		rc = 0;
	else
		rc = ev_pg_error(s, res, false, err);
	s->trying = was;
	PQclear(res);
	ev_buf_release(&sql);
	return rc;
}

PGresult *ev_pgkit_rows(struct ev_pg *s, struct ev_error *err, const char *fmt, ...)
{
	struct ev_buf sql = EV_BUF_INIT;
	PGresult *res = NULL;
	va_list ap;
	bool own;

	va_start(ap, fmt);
	format(&sql, fmt, ap);
	va_end(ap);
	if (ev_pg_enter(s, &own, err) == 0) {
		res = ev_pg_ask(s, ev_buf_str(&sql), 0, NULL, err);
		if (ev_pg_leave(s, own, res ? 0 : -1, err) < 0) {
			PQclear(res);
			res = NULL;
		}
	}
	ev_buf_release(&sql);
	return res;
}

int ev_pgkit_has_schema(struct ev_shadow_pg *sh, enum ev_role role, struct ev_error *err)
{
	PGresult *res = ev_pgkit_rows(sh->live, err, "SELECT 1 FROM pg_catalog.pg_namespace "
						     "WHERE nspname = %L",
				      sh->schemas[role]);
	int there = res ? PQntuples(res) > 0 : -1;

	PQclear(res);
	return there;
}

void ev_pgkit_mark(struct ev_buf *out, const struct ev_shadow_pg *sh, enum ev_role role)
{
	static const char *const words[EV_ROLES] = { "serving", "kept", "new", "dropped", "moving" };

	ev_buf_addf(out, EV_PGKIT_MARK "%s version of projection %s in schema %s", words[role], sh->base.projection,
		    sh->schemas[EV_ROLE_LIVE]);
}

int ev_pgkit_check_mark(struct ev_shadow_pg *sh, enum ev_role role, struct ev_error *err)
{
	struct ev_buf mark = EV_BUF_INIT;
	PGresult *res;
	int rc;

	ev_pgkit_mark(&mark, sh, role);
	res = ev_pgkit_rows(sh->live, err, "SELECT d FROM (SELECT obj_description(oid, 'pg_namespace') AS d "
			    "FROM pg_catalog.pg_namespace WHERE nspname = %L) AS s WHERE d <> %L AND d LIKE '"
			    EV_PGKIT_MARK "%%'", sh->schemas[role], ev_buf_str(&mark));
	rc = res ? 0 : -1;
	if (res && PQntuples(res)) {
		rc = ev_fail(err, EV_HELD, "schema '%s' is another view's: %s", sh->schemas[role],
			     PQgetvalue(res, 0, 0) + strlen(EV_PGKIT_MARK));
		ev_hint(err, "it was made a moment ago; call it again, which takes another name");
	}
	PQclear(res);
	ev_buf_release(&mark);
	return rc;
}

int ev_pgkit_need_schema(struct ev_shadow_pg *sh, enum ev_role role, struct ev_error *err)
{
	int there = ev_pgkit_has_schema(sh, role, err);

	if (there)
		return there < 0 ? -1 : ev_pgkit_check_mark(sh, role, err);
	return ev_pgkit_make_schema(sh, role, err);
}

/* The name under which a version's rows stand in the ledger tables of `schema`. */
static void role_name(struct ev_buf *out, const struct ev_shadow_pg *sh, enum ev_role role)
{
	ev_role_name(out, sh->base.projection, role == EV_ROLE_NEW ? EV_ROLE_LIVE : role);
}

void ev_pgkit_owners(struct ev_buf *out, const struct ev_shadow_pg *sh, enum ev_role role)
{
	if (sh->bare && role == EV_ROLE_LIVE)
		ev_buf_adds(out, "(SELECT ''::text AS table_name, ''::text AS projection WHERE false)");
	else
		ev_pgkit_format(out, "%I.ev_table", sh->schemas[role]);
}

/* FROM ... WHERE ...: pg_class rows `c` of a version; its own list says which tables are its. */
static void add_version(struct ev_buf *out, const struct ev_shadow_pg *sh, enum ev_role role)
{
	struct ev_buf name = EV_BUF_INIT;
	bool apart = role == EV_ROLE_NEW;

	role_name(&name, sh, role);
	ev_buf_adds(out, "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN ");
	ev_pgkit_owners(out, sh, apart ? EV_ROLE_NEW : EV_ROLE_LIVE);
	ev_pgkit_format(out, " v ON v.table_name = %L || c.relname "
			"WHERE n.nspname = %L AND v.projection = %L AND c.relkind IN ('r', 'v')",
			apart ? "" : ev_role_prefix(role), sh->schemas[role], ev_buf_str(&name));
	ev_buf_release(&name);
}

void ev_pgkit_oids(struct ev_buf *out, const struct ev_shadow_pg *sh, enum ev_role role)
{
	ev_buf_adds(out, "ARRAY(SELECT c.oid ");
	add_version(out, sh, role);
	ev_buf_adds(out, ")");
}

PGresult *ev_pgkit_tables(struct ev_shadow_pg *sh, enum ev_role role, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	PGresult *res;

	ev_buf_adds(&sql, "SELECT c.relname, c.relkind, pg_get_userbyid(c.relowner) ");
	add_version(&sql, sh, role);
	ev_buf_adds(&sql, " ORDER BY c.relkind DESC, c.relname");
	res = ev_pgkit_rows(sh->live, err, "%s", ev_buf_str(&sql));
	ev_buf_release(&sql);
	return res;
}

static void move_ledger(struct ev_buf *sql, const struct ev_shadow_pg *sh, enum ev_role from, enum ev_role to)
{
	static const char *const tables[] = { "ev_ledger", "ev_rows", NULL };
	struct ev_buf old = EV_BUF_INIT, new = EV_BUF_INIT;

	role_name(&old, sh, from);
	role_name(&new, sh, to);
	ev_pgkit_format(sql, "INSERT INTO ev_rows (projection, rows_key) SELECT name, name FROM ev_projection "
			"WHERE name = %L ON CONFLICT DO NOTHING;\n"
			"UPDATE ev_projection SET name = %L WHERE name = %L;\n"
			"UPDATE ev_table SET projection = %L, table_name = %L || substr(table_name, %d) "
			"WHERE projection = %L;\n", ev_buf_str(&old), ev_buf_str(&new), ev_buf_str(&old),
			ev_buf_str(&new), ev_role_prefix(to), (int)strlen(ev_role_prefix(from)) + 1, ev_buf_str(&old));
	for (const char *const *t = tables; *t; t++)
		ev_pgkit_format(sql, "UPDATE %I SET projection = %L WHERE projection = %L;\n", *t, ev_buf_str(&new),
				ev_buf_str(&old));
	ev_buf_release(&old);
	ev_buf_release(&new);
}

void ev_pgkit_move(struct ev_buf *sql, const struct ev_shadow_pg *sh, const PGresult *tables, enum ev_role from,
		   enum ev_role to)
{
	for (int i = 0; i < PQntuples(tables); i++)
		ev_pgkit_format(sql, "ALTER %s %I.%I SET SCHEMA %I;\n",
				PQgetvalue(tables, i, 1)[0] == 'v' ? "VIEW" : "TABLE", sh->schemas[from],
				PQgetvalue(tables, i, 0), sh->schemas[to]);
	if (from != EV_ROLE_NEW)
		move_ledger(sql, sh, from, to);
}

/* Columns are named: a store that an older version made may have them in another order. */
static int bring_rows(struct ev_buf *sql, struct ev_shadow_pg *sh, const char *table, const char *column,
		      struct ev_error *err)
{
	PGresult *res = ev_pgkit_rows(sh->live, err,
				      "SELECT string_agg(quote_ident(a.attname), ', ' "
				      "ORDER BY a.attnum) FROM pg_catalog.pg_attribute a "
				      "JOIN pg_catalog.pg_class c ON c.oid = a.attrelid "
				      "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
				      "WHERE n.nspname = %L AND c.relname = %L "
				      "AND a.attnum > 0 AND NOT a.attisdropped",
				      sh->schemas[EV_ROLE_NEW], table);

	if (res)
		ev_pgkit_format(sql, "INSERT INTO %I (%s) SELECT %s FROM %I.%I WHERE %I = %L;\n", table,
				PQgetvalue(res, 0, 0), PQgetvalue(res, 0, 0), sh->schemas[EV_ROLE_NEW], table, column,
				sh->base.projection);
	PQclear(res);
	return res ? 0 : -1;
}

int ev_pgkit_bring_ledger(struct ev_buf *sql, struct ev_shadow_pg *sh, struct ev_error *err)
{
	static const char *const tables[] = { "ev_table", "ev_ledger", "ev_rows", NULL };
	int rc = bring_rows(sql, sh, "ev_projection", "name", err);

	for (const char *const *t = tables; *t && rc == 0; t++)
		rc = bring_rows(sql, sh, *t, "projection", err);
	return rc;
}

int ev_pgkit_adopt(struct ev_shadow_pg *sh, struct ev_error *err)
{
	return ev_pgkit_exec(sh->live, err,
			     "INSERT INTO ev_table (table_name, projection) SELECT f.table_name, "
			     "%L FROM %I.ev_table f JOIN pg_catalog.pg_class c ON c.relname = "
			     "f.table_name JOIN pg_catalog.pg_namespace n ON n.oid = "
			     "c.relnamespace WHERE n.nspname = %L AND c.relkind IN ('r', 'v') "
			     "AND f.projection = %L ON CONFLICT DO NOTHING",
			     sh->base.projection, sh->schemas[EV_ROLE_NEW], sh->schemas[EV_ROLE_LIVE],
			     sh->base.projection);
}

void ev_pgkit_fence(struct ev_buf *sql, const struct ev_shadow_pg *sh)
{
	const char *name = sh->base.projection;

	ev_pgkit_format(sql, "UPDATE ev_projection SET generation = 1 + (SELECT max(generation) "
			"FROM ev_projection WHERE name = %L OR substr(name, 1, %d) = %L || ' ('), "
			"holder = coalesce((SELECT k.holder FROM ev_projection k WHERE k.name = %L || ' (kept)'), "
			"holder) WHERE name = %L;\n", name, (int)strlen(name) + 2, name, name, name);
}

int ev_pgkit_ask_lock(struct ev_shadow_pg *sh, const char *sql, int64_t until, struct ev_buf *missed,
		      struct ev_error *err)
{
	if (ev_pgkit_exec_until(sh->live, until, err, "%s", sql) == 0)
		return 0;
	if (missed) {
		ev_buf_clear(missed);
		ev_buf_adds(missed, sql);
	}
	return -1;
}

/*
 * A view is given the owner that it has, which locks nothing else: LOCK TABLE takes what it reads as well, and one that
 * was adopted reads tables of others.
 */
static void write_lock(struct ev_buf *sql, const char *schema, const PGresult *tables, int row, const char *mode)
{
	const char *name = PQgetvalue(tables, row, 0);

	ev_buf_clear(sql);
	if (PQgetvalue(tables, row, 1)[0] == 'v')
		ev_pgkit_format(sql, "ALTER VIEW %I.%I OWNER TO %I", schema, name, PQgetvalue(tables, row, 2));
	else
		ev_pgkit_format(sql, "LOCK TABLE %I.%I IN %s MODE", schema, name, mode);
}

static int lock_tables(struct ev_shadow_pg *sh, enum ev_role role, const char *mode, bool views, int64_t until,
		       struct ev_buf *missed, struct ev_error *err)
{
	PGresult *tables = ev_pgkit_tables(sh, role, err);
	struct ev_buf sql = EV_BUF_INIT;
	int rc = tables ? 0 : -1;

	for (int i = 0; rc == 0 && i < PQntuples(tables); i++) {
		if (!views && PQgetvalue(tables, i, 1)[0] != 'r')
			continue;
		write_lock(&sql, sh->schemas[role], tables, i, mode);
		rc = ev_pgkit_ask_lock(sh, ev_buf_str(&sql), until, missed, err);
	}
	ev_buf_release(&sql);
	PQclear(tables);
	return rc;
}

int ev_pgkit_lock(struct ev_shadow_pg *sh, enum ev_role role, int64_t until, struct ev_buf *missed,
		  struct ev_error *err)
{
	return lock_tables(sh, role, "ACCESS EXCLUSIVE", true, until, missed, err);
}

int ev_pgkit_stop_vacuums(struct ev_shadow_pg *sh, enum ev_role role, int64_t until, struct ev_error *err)
{
	return lock_tables(sh, role, "SHARE UPDATE EXCLUSIVE", false, until, NULL, err);
}
