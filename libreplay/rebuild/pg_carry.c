/*
 * pg_carry.c - what people have put on the old tables, put on the new ones
 *
 * Views of others know tables by oid, not by name, so each is defined anew by the text that the server
 * gives with all names qualified: CREATE OR REPLACE keeps its oid, owner, grants and what depends
 * on it. Grants, owners, comments, storage parameters and statistics targets of indexes are read from the
 * catalogue and written as the statements that make them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "rebuild/pg_kit.h"

/* The options of table, view or index `c`, those of its TOAST too. */
#define OPTIONS(c) c ".reloptions || ARRAY(SELECT 'toast.' || p FROM pg_catalog.pg_class t, unnest(t.reloptions) p " \
		   "WHERE t.oid = " c ".reltoastrelid)"
/* As the server has it where nothing was granted. */
#define ACL(c) "coalesce(" c ".relacl, acldefault('r', " c ".relowner))"
/* What `who` may do with a table, and its columns: an owner takes from himself, too. */
#define MAY(oid, acl, who) \
	"ARRAY(SELECT a.privilege_type FROM aclexplode(" acl ") a WHERE a.grantee IN (" who ") UNION " \
	"SELECT format('%s (%I)', a.privilege_type, b.attname) FROM pg_catalog.pg_attribute b, " \
	"LATERAL aclexplode(b.attacl) a WHERE b.attrelid = " oid " AND NOT b.attisdropped " \
	"AND a.grantee IN (" who ") ORDER BY 1)"

/*
 * WITH pair: old and new tables of one name, owned if what the owner may do is to be granted anew; col: the columns
 * that both have; ix, con: their indexes and constraints of one name; fresh: tables that only the new version has,
 * to be given away.
 */
static void add_pairs(struct ev_buf *sql, const struct ev_shadow_pg *sh, enum ev_role next)
{
	ev_buf_adds(sql, "WITH two AS (SELECT o.oid, n.oid AS new, n.relkind AS new_kind, o.relname, o.relkind, "
			 ACL("o") " AS relacl, o.relowner, " ACL("n") " AS new_acl, n.relowner AS new_owner, "
			 OPTIONS("o") " AS reloptions, " OPTIONS("n") " AS new_options FROM pg_catalog.pg_class o "
			 "JOIN pg_catalog.pg_class n ON n.relname = o.relname WHERE o.oid = ANY (");
	ev_pgkit_oids(sql, sh, EV_ROLE_LIVE);
	ev_buf_adds(sql, ") AND n.oid = ANY (");
	ev_pgkit_oids(sql, sh, next);
	ev_buf_adds(sql, ")), pair AS (SELECT *, " MAY("oid", "relacl", "relowner") " <> "
			 MAY("new", "new_acl", "relowner, new_owner") " AS owned FROM two), "
			 "col AS (SELECT p.*, a.attname, a.attnum, a.attacl, b.attnum AS "
			 "new_attnum FROM pair p JOIN pg_catalog.pg_attribute a ON a.attrelid = "
			 "p.oid JOIN pg_catalog.pg_attribute b ON b.attrelid = p.new "
			 "AND b.attname = a.attname WHERE a.attnum > 0 AND NOT a.attisdropped "
			 "AND NOT b.attisdropped), "
			 "ix AS (SELECT x.oid, y.oid AS new, x.relname, x.reloptions, y.reloptions AS new_options, "
			 "'i'::\"char\" AS new_kind, x.relam = y.relam AS alike, j.indkey AS new_key "
			 "FROM pair p JOIN pg_catalog.pg_index i ON i.indrelid = p.oid "
			 "JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid "
			 "JOIN pg_catalog.pg_index j ON j.indrelid = p.new "
			 "JOIN pg_catalog.pg_class y ON y.oid = j.indexrelid AND y.relname = x.relname), "
			 "con AS (SELECT k.oid, m.oid AS new, k.conname, p.relname FROM pair p "
			 "JOIN pg_catalog.pg_constraint k ON k.conrelid = p.oid "
			 "JOIN pg_catalog.pg_constraint m ON m.conrelid = p.new AND m.conname = k.conname), "
			 "fresh AS (SELECT n.relname, n.relkind AS new_kind, heir FROM pg_catalog.pg_class n, ");
	ev_pgkit_add_heir(sql, sh);
	ev_buf_adds(sql, " WHERE pg_get_userbyid(n.relowner) = current_user "
			 "AND NOT EXISTS (SELECT 1 FROM pair p WHERE p.new = n.oid) AND n.oid = ANY (");
	ev_pgkit_oids(sql, sh, next);
	ev_buf_adds(sql, ")) ");
}

#define GRANTEE "CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END"
#define GRANTED GRANTEE ", CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END"
#define KIND "CASE new_kind WHEN 'v' THEN 'VIEW' WHEN 'i' THEN 'INDEX' ELSE 'TABLE' END"
#define LACKS(what) "obj_description(oid, '" what "') IS NOT NULL AND obj_description(new, '" what "') IS NULL"
/* What the new version sets stands; not every view can have the check. */
#define SET_OPTIONS(of, where) \
	"SELECT format('ALTER %s %I SET (%s)', " KIND ", relname, string_agg(o, ', ' ORDER BY at)) " \
	"FROM " of ", unnest(reloptions) WITH ORDINALITY u (o, at) WHERE " where " " \
	"AND split_part(o, '=', 1) <> 'check_option' AND NOT EXISTS (SELECT 1 FROM unnest(new_options) n " \
	"WHERE split_part(n, '=', 1) = split_part(o, '=', 1)) GROUP BY relname, new_kind"

/*
 * Each gives statements, in this order. The owner comes first: what is granted to the one who has it until then would
 * become the owner's. Grants that the new table has of its own, by default privileges or from when it served before,
 * go before those of the old one: somebody may have revoked them since.
 */
static const char *const carried[] = {
	"SELECT format('ALTER %s %I OWNER TO %I', " KIND ", relname, pg_get_userbyid(relowner)) "
	"FROM pair WHERE relowner <> new_owner",
	"SELECT format('ALTER %s %I OWNER TO %I', " KIND ", relname, heir) FROM fresh",
	"SELECT DISTINCT format('REVOKE ALL ON %I FROM %s CASCADE', relname, " GRANTEE ") FROM (SELECT relname, "
		"relowner, new_owner, (aclexplode(new_acl)).grantee FROM pair UNION ALL SELECT p.relname, p.relowner, "
		"p.new_owner, (aclexplode(b.attacl)).grantee FROM pair p JOIN pg_catalog.pg_attribute b "
		"ON b.attrelid = p.new WHERE b.attnum > 0 AND NOT b.attisdropped) a "
		"WHERE a.grantee NOT IN (relowner, new_owner) "
		"UNION ALL SELECT format('REVOKE ALL ON %I FROM %I', relname, pg_get_userbyid(relowner)) "
		"FROM pair WHERE owned",
	"SELECT format('GRANT %s ON %I TO %s%s', a.privilege_type, relname, " GRANTED
		") FROM pair, LATERAL aclexplode(relacl) a WHERE a.grantee <> relowner OR owned",
	"SELECT format('GRANT %s (%I) ON %I TO %s%s', a.privilege_type, attname, relname, " GRANTED
		") FROM col, LATERAL aclexplode(attacl) a WHERE a.grantee <> relowner OR owned",
	"SELECT format('COMMENT ON %s %I IS %L', " KIND ", relname, obj_description(oid, 'pg_class')) "
	"FROM (SELECT oid, new, relname, new_kind FROM pair UNION ALL SELECT oid, new, relname, new_kind FROM ix) b "
	"WHERE " LACKS("pg_class"),
	"SELECT format('COMMENT ON CONSTRAINT %I ON %I IS %L', conname, relname, obj_description(oid, "
	"'pg_constraint')) FROM con WHERE " LACKS("pg_constraint"),
	"SELECT format('COMMENT ON COLUMN %I.%I IS %L', relname, attname, col_description(oid, "
	"attnum)) FROM col WHERE col_description(oid, attnum) IS NOT NULL AND "
	"col_description(new, new_attnum) IS NULL",
	SET_OPTIONS("pair", "relkind = new_kind"),
	SET_OPTIONS("ix", "alike"),
	"SELECT format('ALTER INDEX %I ALTER COLUMN %s SET STATISTICS %s', relname, a.attnum, a.attstattarget) "
	"FROM ix JOIN pg_catalog.pg_attribute a ON a.attrelid = oid JOIN pg_catalog.pg_attribute b "
	"ON b.attrelid = new AND b.attnum = a.attnum WHERE coalesce(a.attstattarget, -1) <> -1 "
	"AND coalesce(b.attstattarget, -1) = -1 AND new_key[a.attnum - 1] = 0", /* it is of an expression */
	NULL,
};

void ev_pgkit_add_statements(struct ev_buf *out, const PGresult *res)
{
	for (int i = 0; i < PQntuples(res); i++) {
		ev_buf_adds(out, PQgetvalue(res, i, 0));
		ev_buf_adds(out, ";\n");
	}
}

/* `what` of each view of others (c, in schema n) that uses the version's tables directly. */
static void add_views(struct ev_buf *sql, const struct ev_shadow_pg *sh, const char *what)
{
	ev_buf_adds(sql, "WITH own AS (SELECT ");
	ev_pgkit_oids(sql, sh, EV_ROLE_LIVE);
	ev_buf_adds(sql, " AS oids) SELECT ");
	ev_buf_adds(sql, what);
	ev_buf_adds(sql, " FROM own, pg_catalog.pg_class c "
			 "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
			 "WHERE c.relkind = 'v' AND c.oid <> ALL (oids) AND EXISTS ("
			 "SELECT 1 FROM pg_catalog.pg_depend d "
			 "JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid "
			 "WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass "
			 "AND r.ev_class = c.oid "
			 "AND d.refclassid = 'pg_catalog.pg_class'::regclass "
			 "AND d.refobjid = ANY (oids)) ORDER BY c.oid");
}

/* To the owner that it has: that changes nothing, and takes the lock on the view alone. */
int ev_pgkit_lock_views(struct ev_shadow_pg *sh, int64_t until, struct ev_buf *missed, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	PGresult *res;
	int rc;

	add_views(&sql, sh, "format('ALTER VIEW %I.%I OWNER TO %I', n.nspname, c.relname, "
		  "pg_get_userbyid(c.relowner))");
	res = ev_pgkit_rows(sh->live, err, "%s", ev_buf_str(&sql));
	rc = res ? 0 : -1;
	for (int i = 0; rc == 0 && i < PQntuples(res); i++)
		rc = ev_pgkit_ask_lock(sh, PQgetvalue(res, i, 0), until, missed, err);
	PQclear(res);
	ev_buf_release(&sql);
	return rc;
}

/*
 * Views of others that use the version's tables directly; those that use these views keep their
 * oids to look at. With an empty search path the server qualifies every name in a view's text.
 */
void ev_pgkit_ask_views(struct ev_buf *sql, const struct ev_shadow_pg *sh)
{
	ev_buf_adds(sql, "SET LOCAL search_path = pg_catalog;\n");
	add_views(sql, sh, "format('CREATE OR REPLACE VIEW %I.%I %sAS %s', "
		  "n.nspname, c.relname, CASE WHEN c.reloptions IS NULL THEN '' ELSE "
		  "'WITH (' || array_to_string(c.reloptions, ', ') || ') ' END, "
		  "rtrim(pg_get_viewdef(c.oid), ';'))");
}

int ev_pgkit_carry(struct ev_shadow_pg *sh, enum ev_role next, struct ev_buf *out, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	PGresult *res;
	int rc = 0;

	for (const char *const *c = carried; *c && rc == 0; c++) {
		ev_buf_clear(&sql);
		add_pairs(&sql, sh, next);
		ev_buf_adds(&sql, *c);
		res = ev_pgkit_rows(sh->live, err, "%s", ev_buf_str(&sql));
		rc = res ? 0 : -1;
		ev_pgkit_add_statements(out, res);
		PQclear(res);
	}
	ev_buf_release(&sql);
	return rc;
}
