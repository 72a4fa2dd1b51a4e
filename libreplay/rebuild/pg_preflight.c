/*
 * pg_preflight.c - what hangs on the old tables by the catalogue, and whether it survives the swap
 *
 * Whatever pg_depend knows to depend on a table and is neither part of it nor a plain view is refused by
 * name; so are the few things that stand in the table's own row. Views of others survive where the
 * new version has the columns that they use, of the same types.
 */
#include <stdlib.h>

#include "rebuild/pg_kit.h"

/* Queries over `own`, the oids of the old version, and `new`, of the new one. Rows: a name, a table. */
struct refusal {
	const char *sql;
	const char *fmt, *hint; /* %s name, %s table */
};

#define OWN_ROW "FROM own, pg_catalog.pg_class c WHERE c.oid = ANY (oids) AND c.relkind = 'r' AND "
#define DEPEND "FROM own, pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = d.refobjid " \
	       "WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = ANY (oids) AND "
#define DROP_IT "drop it, and create it again after the swap if it is to stay"
/* Rewrite rules (d) that use them, and the views (v) whose they are; and of those the ones that last. */
#define ALL_VIEWS "FROM own, pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid " \
	      "JOIN pg_catalog.pg_class v ON v.oid = r.ev_class " \
	      "JOIN pg_catalog.pg_namespace n ON n.oid = v.relnamespace " \
	      "WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass " \
	      "AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = ANY (oids) " \
	      "AND v.oid <> ALL (oids) AND "
#define VIEWS ALL_VIEWS "v.relpersistence <> 't' AND "
#define SCHEMA "(SELECT s.oid FROM pg_catalog.pg_namespace s WHERE s.nspname = current_schema())"
/* Is relation `r` one of these tables, an index or a sequence of one? They change schemas together. */
#define GOES_WITH(r, oids) "(" r ".oid = ANY (" oids ") OR EXISTS (SELECT 1 FROM pg_catalog.pg_index b " \
			   "WHERE b.indexrelid = " r ".oid AND b.indrelid = ANY (" oids ")) OR EXISTS (SELECT 1 " \
			   "FROM pg_catalog.pg_depend b WHERE b.classid = 'pg_catalog.pg_class'::regclass " \
			   "AND b.objid = " r ".oid AND b.refclassid = b.classid AND b.refobjid = ANY (" oids ") " \
			   "AND b.deptype IN ('a', 'i')))"
/* Sequences (s) that a column owns and does not take its numbers from, or not it alone: somebody hung them on it. */
#define USED_BY(whom) "EXISTS (SELECT 1 FROM pg_catalog.pg_depend u JOIN pg_catalog.pg_attrdef f " \
		      "ON f.oid = u.objid WHERE u.classid = 'pg_catalog.pg_attrdef'::regclass " \
		      "AND u.refclassid = 'pg_catalog.pg_class'::regclass AND u.refobjid = s.oid " \
		      "AND f.adrelid " whom ")"
#define OWNED "FROM own, pg_catalog.pg_depend d JOIN pg_catalog.pg_class s ON s.oid = d.objid " \
	      "JOIN pg_catalog.pg_class c ON c.oid = d.refobjid " \
	      "WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = d.classid " \
	      "AND d.refobjid = ANY (oids) AND d.deptype = 'a' AND s.relkind = 'S' " \
	      "AND (NOT " USED_BY("= d.refobjid") " OR " USED_BY("<> ALL (oids)") ")"
/* The columns of a key (k). */
#define KEY_OF(k) "ARRAY(SELECT b.attname FROM pg_catalog.pg_attribute b WHERE b.attrelid = " k ".conrelid " \
		  "AND b.attnum = ANY (" k ".conkey))"
/* The name of the column that a label (l) is of; NULL: of the table. */
#define COLUMN_OF(l) "(SELECT b.attname FROM pg_catalog.pg_attribute b WHERE b.attrelid = " l ".objoid " \
		     "AND b.attnum = " l ".objsubid)"
#define TAKEN "the version that is to serve needs the name '%s', which %s has"
#define RENAME_IT "give that one another name, by ALTER ... RENAME TO"

#define RIGHTS 2 /* of the refusals: the first are of rights that each step of a swap wants */
static const struct refusal refusals[] = {
	{ "SELECT pg_get_userbyid(c.relowner), c.relname FROM own, pg_catalog.pg_class c "
	  "WHERE c.oid = ANY (oids) AND NOT pg_has_role(c.relowner, 'USAGE')",
	  "role '%s' owns table '%s': only its members can swap it",
	  "run it as that role or one that it is granted to, or give the table back by ALTER TABLE ... OWNER TO" },
	{ "SELECT current_user, c.relname FROM own, new, pg_catalog.pg_class c WHERE c.oid = ANY (oids || noids) "
	  "AND NOT has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE')",
	  "role '%s' may neither update, delete nor truncate '%s': it could not lock it for the swap",
	  "GRANT UPDATE ON it TO that role; an owner may have taken that from himself" },
	{ "SELECT k.conrelid::regclass, c.relname FROM own, pg_catalog.pg_constraint k "
	  "JOIN pg_catalog.pg_class c ON c.oid = k.confrelid WHERE k.contype = 'f' "
	  "AND k.confrelid = ANY (oids) AND k.conrelid <> ALL (oids)",
	  "a foreign key of table '%s' points to '%s': it would be tied to the old version",
	  "drop the foreign key" },
	{ "SELECT t.tgname, c.relname FROM own, pg_catalog.pg_trigger t "
	  "JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal "
	  "AND t.tgrelid = ANY (oids)",
	  "trigger '%s' on '%s' would not survive the swap", DROP_IT },
	{ "SELECT p.pubname, c.relname FROM own, pg_catalog.pg_publication_rel r "
	  "JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid "
	  "JOIN pg_catalog.pg_class c ON c.oid = r.prrelid WHERE r.prrelid = ANY (oids)",
	  "publication '%s' of '%s' would go on with the old version",
	  "take the table out of it" },
	{ "SELECT p.pubname, c.relname FROM own, pg_catalog.pg_publication_tables t "
	  "JOIN pg_catalog.pg_publication p ON p.pubname = t.pubname "
	  "JOIN pg_catalog.pg_namespace n ON n.nspname = t.schemaname "
	  "JOIN pg_catalog.pg_class c ON c.relname = t.tablename AND c.relnamespace = n.oid "
	  "WHERE c.oid = ANY (oids)",
	  "publication '%s' takes in '%s' with all tables or its schema: it would lack the new rows",
	  "name the tables that it is to publish, without those of the view" },
	{ "SELECT p.polname, c.relname FROM own, pg_catalog.pg_policy p "
	  "JOIN pg_catalog.pg_class c ON c.oid = p.polrelid WHERE p.polrelid = ANY (oids)",
	  "policy '%s' on '%s' would not survive the swap", DROP_IT },
	/* who masks a column by one would show it to all; one that every table is given the new one has, too */
	{ "SELECT l.provider, c.relname FROM own, new, pg_catalog.pg_seclabel l "
	  "JOIN pg_catalog.pg_class c ON c.oid = l.objoid "
	  "WHERE l.classoid = 'pg_catalog.pg_class'::regclass AND l.objoid = ANY (oids) AND NOT EXISTS (SELECT 1 "
	  "FROM pg_catalog.pg_class y JOIN pg_catalog.pg_seclabel m ON m.classoid = l.classoid AND m.objoid = y.oid "
	  "WHERE y.oid = ANY (noids) AND y.relname = c.relname AND m.provider = l.provider AND m.label = l.label "
	  "AND " COLUMN_OF("m") " IS NOT DISTINCT FROM " COLUMN_OF("l") ")",
	  "a security label of provider '%s' on '%s' would not survive the swap",
	  "SECURITY LABEL ... IS NULL, and give it again after the swap if it is to stay" },
	{ "SELECT c.relname, c.relname " OWN_ROW "c.relrowsecurity",
	  "row security of '%s' would be off after the swap%.0s", "disable it, and enable it again after the swap" },
	{ "SELECT CASE c.relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING' ELSE 'INDEX' "
	  "END, c.relname " OWN_ROW "c.relreplident <> 'd'",
	  "replica identity '%s' of '%s' would not survive the swap",
	  "set it to DEFAULT, and back after the swap" },
	{ "SELECT s.stxname, c.relname FROM own, pg_catalog.pg_statistic_ext s "
	  "JOIN pg_catalog.pg_class c ON c.oid = s.stxrelid WHERE s.stxrelid = ANY (oids)",
	  "statistics '%s' on '%s' would not survive the swap", DROP_IT },
	{ "SELECT i.inhrelid::regclass, c.relname FROM own, pg_catalog.pg_inherits i "
	  "JOIN pg_catalog.pg_class c ON c.oid = i.inhparent WHERE i.inhparent = ANY (oids)",
	  "table '%s' inherits from '%s': it would be tied to the old version", DROP_IT },
	{ "SELECT i.inhparent::regclass, c.relname FROM own, pg_catalog.pg_inherits i "
	  "JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid WHERE i.inhrelid = ANY (oids)",
	  "table '%s' has '%s' among its children or partitions: it would go on with the old version",
	  "take it out (NO INHERIT, DETACH PARTITION), and put it back after the swap" },
	{ "SELECT v.oid::regclass, (SELECT c.relname FROM pg_catalog.pg_class c WHERE c.oid = d.refobjid) " VIEWS
	  "v.relkind = 'm'",
	  "materialized view '%s' of '%s' would go on showing the old version", DROP_IT },
	{ "SELECT r.rulename, c.relname FROM own, pg_catalog.pg_rewrite r "
	  "JOIN pg_catalog.pg_class c ON c.oid = r.ev_class WHERE r.ev_class = ANY (oids) "
	  "AND r.rulename <> '_RETURN'",
	  "rule '%s' on '%s' would not survive the swap", DROP_IT },
	{ "SELECT format('%s of %s', r.rulename, r.ev_class::regclass), c.relname "
	  "FROM own, pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid "
	  "JOIN pg_catalog.pg_class c ON c.oid = d.refobjid "
	  "WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass "
	  "AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = ANY (oids) "
	  "AND r.ev_class <> ALL (oids) AND r.rulename <> '_RETURN'",
	  "rule %s uses '%s': it would be tied to the old version", DROP_IT },
	{ "SELECT s.oid::regclass, c.relname " OWNED,
	  "sequence '%s' is owned by a column of '%s': it would go with the old version",
	  "ALTER SEQUENCE ... OWNED BY NONE" },
	/* functions, columns and the like over the row type */
	{ "SELECT pg_describe_object(d.classid, d.objid, d.objsubid), c.relname "
	  "FROM own, pg_catalog.pg_class c JOIN pg_catalog.pg_type t ON t.typrelid = c.oid "
	  "JOIN pg_catalog.pg_depend d ON d.refobjid IN (t.oid, t.typarray) "
	  "WHERE c.oid = ANY (oids) AND d.refclassid = 'pg_catalog.pg_type'::regclass "
	  "AND d.deptype <> 'i' AND NOT (d.classid = 'pg_catalog.pg_class'::regclass "
	  "AND d.objid = ANY (oids))",
	  "%s uses the row type of '%s': it would be tied to the old version", DROP_IT },
	/* whatever else the catalogue knows */
	{ "SELECT pg_describe_object(d.classid, d.objid, d.objsubid), c.relname " DEPEND
	  "d.classid NOT IN ('pg_catalog.pg_rewrite'::regclass, "
	  "'pg_catalog.pg_attrdef'::regclass, 'pg_catalog.pg_constraint'::regclass, "
	  "'pg_catalog.pg_type'::regclass, 'pg_catalog.pg_trigger'::regclass) "
	  "AND NOT (d.classid = 'pg_catalog.pg_class'::regclass AND EXISTS (SELECT 1 "
	  "FROM pg_catalog.pg_class x WHERE x.oid = d.objid AND x.relkind IN ('i', 't', 'S')))",
	  "%s depends on '%s': it would be tied to the old version", DROP_IT },
	/* a view of others must find its columns again */
	{ "SELECT format('%s wants column %s', v.oid::regclass, a.attname), c.relname "
	  "FROM own, new, pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid "
	  "JOIN pg_catalog.pg_class v ON v.oid = r.ev_class "
	  "JOIN pg_catalog.pg_class c ON c.oid = d.refobjid "
	  "JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid "
	  "AND a.attnum = d.refobjsubid WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass "
	  "AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = ANY (oids) "
	  "AND v.oid <> ALL (oids) AND v.relpersistence <> 't' AND a.attnum > 0 AND NOT EXISTS (SELECT 1 "
	  "FROM pg_catalog.pg_class y JOIN pg_catalog.pg_attribute b ON b.attrelid = y.oid "
	  "WHERE y.oid = ANY (noids) AND y.relname = c.relname AND b.attname = a.attname "
	  "AND b.atttypid = a.atttypid AND b.atttypmod = a.atttypmod "
	  "AND b.attcollation = a.attcollation AND NOT b.attisdropped)",
	  "view %s of '%s', which the new version has not, or of another type",
	  "drop the view, and create it again after the swap" },
	/* and one that selects beside a key by which it groups must find that */
	{ "SELECT v.oid::regclass, c.relname FROM own, new, pg_catalog.pg_constraint k "
	  "JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_depend d ON d.refobjid = k.oid "
	  "AND d.refclassid = 'pg_catalog.pg_constraint'::regclass AND d.classid = 'pg_catalog.pg_rewrite'::regclass "
	  "JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid JOIN pg_catalog.pg_class v ON v.oid = r.ev_class "
	  "WHERE k.conrelid = ANY (oids) AND v.oid <> ALL (oids) AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class y "
	  "JOIN pg_catalog.pg_constraint m ON m.conrelid = y.oid WHERE y.oid = ANY (noids) AND y.relname = c.relname "
	  "AND m.contype = 'p' AND NOT m.condeferrable AND " KEY_OF("m") " <@ " KEY_OF("k") ")",
	  "view '%s' groups by the primary key of '%s', which the new version has not",
	  "drop the view, and create it again after the swap" },
	{ "SELECT v.oid::regclass, pg_get_userbyid(v.relowner) " VIEWS "NOT pg_has_role(v.relowner, 'USAGE')",
	  "view '%s' uses the old tables and belongs to role '%s': only its members can point it "
	  "to the new ones",
	  "run the rebuild as a member of that role, or drop the view before" },
	{ "SELECT v.oid::regclass, n.nspname " VIEWS "v.relkind = 'v' "
	  "AND NOT (has_schema_privilege(n.oid, 'CREATE') AND has_schema_privilege(n.oid, 'USAGE'))",
	  "view '%s' uses the old tables, and this role may not create in its schema '%s': it could not be pointed "
	  "to the new ones",
	  "GRANT CREATE, USAGE ON SCHEMA ... TO the role that runs the rebuild, or drop the view before" },
	/* what is made in the swap alone */
	{ "SELECT pg_get_userbyid(c.relowner), c.relname FROM own, new, pg_catalog.pg_class c "
	  "JOIN pg_catalog.pg_class y ON y.relname = c.relname WHERE c.oid = ANY (oids) AND y.oid = ANY (noids) "
	  "AND c.relowner <> y.relowner AND pg_has_role(c.relowner, 'USAGE') "
	  "AND NOT has_schema_privilege(c.relowner, current_schema(), 'CREATE') "
	  "AND NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)",
	  "role '%s' owns table '%s' and may not create in its schema: the new one could not be given to it",
	  "GRANT CREATE ON SCHEMA ... TO that role, or let the role that runs the rebuild own the table" },
	{ "SELECT y.relname, CASE WHEN i.indrelid IS NULL "
	  "THEN pg_describe_object('pg_catalog.pg_class'::regclass, x.oid, 0) "
	  "ELSE format('an index of table %s', i.indrelid::regclass) END FROM own, new, pg_catalog.pg_class y "
	  "JOIN pg_catalog.pg_class x ON x.relname = y.relname LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = x.oid "
	  "WHERE x.relnamespace = " SCHEMA " AND x.oid <> y.oid AND " GOES_WITH("y", "noids")
	  " AND NOT " GOES_WITH("x", "oids") " ORDER BY 1", TAKEN, RENAME_IT },
	{ "SELECT y.typname, pg_describe_object('pg_catalog.pg_type'::regclass, x.oid, 0) FROM own, new, "
	  "pg_catalog.pg_type t JOIN pg_catalog.pg_type y ON y.oid IN (t.oid, t.typarray) "
	  "JOIN pg_catalog.pg_type x ON x.typname = y.typname WHERE t.typrelid = ANY (noids) "
	  "AND x.typnamespace = " SCHEMA " AND x.oid <> y.oid AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_type o "
	  "WHERE x.oid IN (o.oid, o.typarray) AND o.typrelid = ANY (oids)) ORDER BY y.oid <> t.oid", TAKEN, RENAME_IT },
};

/* 16 and later: a member may be one who inherits and cannot become the role. */
static const struct refusal unbecoming = {
	"SELECT pg_get_userbyid(c.relowner), c.relname FROM own, new, pg_catalog.pg_class c "
	"JOIN pg_catalog.pg_class y ON y.relname = c.relname WHERE c.oid = ANY (oids) AND y.oid = ANY (noids) "
	"AND c.relowner <> y.relowner AND NOT pg_has_role(c.relowner, 'SET')",
	"role '%s' owns table '%s', and this role is a member that may not SET ROLE to it: the new one could not be "
	"given to it",
	"GRANT ... TO the role that runs the rebuild WITH SET TRUE, or let that own the table"
};

/* Its session is likely gone by the swap. */
static const struct refusal temporary = {
	"SELECT format('%I.%I', n.nspname, v.relname), pg_get_userbyid(v.relowner) " ALL_VIEWS
	"v.relpersistence = 't'",
	"temporary view '%s' of a session of role '%s' uses the old tables: it cannot be pointed to the new ones",
	"the swap wants that session to have ended, or its role to have dropped it by that name"
};

/* An array of what has the names of the new version's tables in a schema. */
static void add_named(struct ev_buf *out, const struct ev_shadow_pg *sh, const char *fresh_schema, const char *schema)
{
	ev_pgkit_format(out, "ARRAY(SELECT c.oid FROM pg_catalog.pg_class c "
			     "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
			     "JOIN %I.ev_table v ON v.table_name = c.relname "
			     "WHERE n.nspname = %L AND v.projection = %L)", fresh_schema, schema,
			sh->base.projection);
}

/* With --adopt also those with the new ones' names; some of them may be ours already. */
static void add_old(struct ev_buf *out, const struct ev_shadow_pg *sh, const char *fresh_schema, bool adopt)
{
	if (adopt)
		ev_buf_adds(out, "ARRAY(SELECT unnest(");
	ev_pgkit_oids(out, sh, EV_ROLE_LIVE);
	if (adopt) {
		ev_buf_adds(out, ") UNION SELECT unnest(");
		add_named(out, sh, fresh_schema, sh->schemas[EV_ROLE_LIVE]);
		ev_buf_adds(out, "))");
	}
}

static int refuse(struct ev_shadow_pg *sh, const struct refusal *r, const struct ev_buf *with,
		  struct ev_error *err)
{
	PGresult *res = ev_pgkit_rows(sh->live, err, "%s%s LIMIT 1", ev_buf_str(with), r->sql);
	int rc = res ? 0 : -1;

	if (res && PQntuples(res)) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		rc = ev_fail(err, EV_USAGE, r->fmt, PQgetvalue(res, 0, 0), PQgetvalue(res, 0, 1));
#pragma GCC diagnostic pop
		ev_hint(err, "%s", r->hint);
	}
	PQclear(res);
	return rc;
}

static int refuse_all(struct ev_shadow_pg *sh, const struct ev_buf *with, struct ev_error *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(refusals) / sizeof(*refusals); i++)
		rc = refuse(sh, &refusals[i], with, err);
	if (rc == 0 && PQserverVersion(sh->live->conn) >= 160000)
		rc = refuse(sh, &unbecoming, with, err);
	return rc;
}

/* What the swap would refuse as it is now. */
static int tell(struct ev_shadow_pg *sh, const struct refusal *r, const struct ev_buf *with, struct ev_error *err)
{
	struct ev_buf text = EV_BUF_INIT;

	if (refuse(sh, r, with, err) == 0 || err->class != EV_USAGE)
		return err->class == EV_OK ? 0 : -1;
	ev_buf_addf(&text, "%s; %s", err->text, err->hint);
	if (sh->base.note)
		sh->base.note(sh->base.note_ctx, ev_buf_str(&text));
	ev_buf_release(&text);
	*err = (struct ev_error)EV_ERROR_INIT;
	return 0;
}

/* Tables of the new version's names that are there already: whose? */
static int check_owners(struct ev_shadow_pg *sh, const char *fresh, bool adopt, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	PGresult *res;
	int rc;

	ev_pgkit_format(&sql, "SELECT c.relname, coalesce(o.projection, ''), c.relkind IN ('r', 'v') FROM "
			      "%I.ev_table v "
			      "JOIN pg_catalog.pg_class c ON c.relname = v.table_name "
			      "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace LEFT JOIN ", fresh);
	ev_pgkit_owners(&sql, sh, EV_ROLE_LIVE);
	ev_pgkit_format(&sql, " o ON o.table_name = v.table_name WHERE n.nspname = %L "
			      "AND v.projection = %L AND o.projection IS DISTINCT FROM %L ORDER BY 1",
			sh->schemas[EV_ROLE_LIVE], sh->base.projection, sh->base.projection);
	res = ev_pgkit_rows(sh->live, err, "%s", ev_buf_str(&sql));
	rc = res ? 0 : -1;
	ev_buf_release(&sql);
	for (int i = 0; res && i < PQntuples(res) && rc == 0; i++) {
		const char *table = PQgetvalue(res, i, 0), *owner = PQgetvalue(res, i, 1);

		if (*owner)
			rc = ev_fail(err, EV_USAGE, "table '%s' belongs to projection '%s'", table, owner);
		else if (!adopt)
			rc = ev_fail(err, EV_USAGE, "table '%s' exists already, and no ledger of "
						    "this projection owns it", table);
		else if (PQgetvalue(res, i, 2)[0] != 't')
			rc = ev_fail(err, EV_USAGE, "'%s' is neither a table nor a view: it cannot be swapped", table);
		if (rc < 0 && !*owner && !adopt)
			ev_hint(err, "--adopt takes it as the old version of this view");
	}
	PQclear(res);
	return rc;
}

/*
 * What stands where the old version is to be kept, and is no version of this view: the swap could not put it
 * there; or in the shadow's schema, which ends with the swap.
 */
static int check_places(struct ev_shadow_pg *sh, enum ev_role role, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	PGresult *res;
	int rc;

	ev_pgkit_format(&sql, "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
			      "ON n.oid = c.relnamespace WHERE n.nspname = %L AND c.relkind NOT IN ('i', 't', 'S') "
			      "AND c.oid <> ALL (", sh->schemas[role]);
	ev_pgkit_oids(&sql, sh, role);
	ev_buf_addf(&sql, ")%s ORDER BY 1 LIMIT 1", role == EV_ROLE_NEW ? " AND c.relname NOT LIKE 'ev\\_%'" : "");
	res = ev_pgkit_rows(sh->live, err, "%s", ev_buf_str(&sql));
	rc = res ? 0 : -1;
	if (res && PQntuples(res) && role == EV_ROLE_NEW) {
		rc = ev_fail(err, EV_USAGE, "schema '%s' is that of the new version, and holds '%s', which is none "
			     "of it", sh->schemas[role], PQgetvalue(res, 0, 0));
		ev_hint(err, "the schema ends with the swap: ALTER ... SET SCHEMA, or drop it");
	} else if (res && PQntuples(res)) {
		rc = ev_fail(err, EV_USAGE, "schema '%s' is where the old version is kept, and holds '%s', which "
			     "is none of it", sh->schemas[role], PQgetvalue(res, 0, 0));
		ev_hint(err, "where it was left of a view that was removed by hand: DROP SCHEMA ... CASCADE");
	}
	PQclear(res);
	ev_buf_release(&sql);
	return rc;
}

static int take_lines(struct ev_shadow_pg *sh, struct ev_buf *out, struct ev_error *err, const char *with,
		      const char *sql)
{
	PGresult *res = ev_pgkit_rows(sh->live, err, "%s%s", with, sql);

	for (int i = 0; res && i < PQntuples(res); i++)
		ev_buf_addf(out, "%s\n", PQgetvalue(res, i, 0));
	PQclear(res);
	return res ? 0 : -1;
}

/* In the order in which the swap asks for them; what it locks of the new version nobody else has. */
#define FOR_THE_SWAP ", for the swap alone' "
static const char locks_sql[] =
	"SELECT text FROM (SELECT 1 AS at, 'SHARE UPDATE EXCLUSIVE on the tables below, from a moment before the swap: "
	"a vacuum of the server''s own gives way' AS text FROM own WHERE cardinality(oids) > 0 "
	"UNION ALL SELECT 2, 'the ledger''s row of the version that serves" FOR_THE_SWAP "FROM own "
	"WHERE cardinality(oids) > 0 "
	"UNION ALL SELECT 3, 'ACCESS EXCLUSIVE on ' || o::regclass || '" FOR_THE_SWAP "FROM kept, unnest(koids) o "
	"UNION ALL SELECT DISTINCT 4, 'ACCESS EXCLUSIVE on view ' || v.oid::regclass || ', of others" FOR_THE_SWAP
	VIEWS "v.relkind = 'v' "
	"UNION ALL SELECT 5, 'ACCESS EXCLUSIVE on ' || o::regclass || '" FOR_THE_SWAP "FROM own, unnest(oids) o) l "
	"ORDER BY at, text";

static int list_locks(struct ev_shadow_pg *sh, const char *with, struct ev_buf *out, struct ev_error *err)
{
	struct ev_buf all = EV_BUF_INIT;
	int rc;

	ev_buf_addf(&all, "%.*s, kept AS (SELECT ", (int)strlen(with) - 1, with);
	if (sh->bare)
		ev_buf_adds(&all, "ARRAY[]::oid[]");
	else
		ev_pgkit_oids(&all, sh, EV_ROLE_KEPT);
	ev_buf_adds(&all, " AS koids) ");
	rc = take_lines(sh, out, err, ev_buf_str(&all), locks_sql);
	ev_buf_release(&all);
	return rc;
}

/* Those that somebody else has given than the owner, by a grant option. */
static const char grants_sql[] =
	"SELECT DISTINCT format('%s on %s for %s, granted by %s: by the owner after the swap', a.privilege_type, "
	"g.name, "
	"CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END, pg_get_userbyid(a.grantor)) "
	"FROM (SELECT c.relname::text AS name, c.relowner, c.relacl AS acl FROM own, pg_catalog.pg_class c "
	"WHERE c.oid = ANY (oids) UNION ALL SELECT format('%s (%s)', c.relname, b.attname), c.relowner, b.attacl "
	"FROM own, pg_catalog.pg_class c JOIN pg_catalog.pg_attribute b ON b.attrelid = c.oid "
	"WHERE c.oid = ANY (oids) AND NOT b.attisdropped) g, LATERAL aclexplode(g.acl) a "
	"WHERE a.grantor <> g.relowner ORDER BY 1";

static int describe(struct ev_shadow_pg *sh, struct ev_pg *fresh, const char *with,
		    struct ev_shadow_report *out, struct ev_error *err)
{
	PGresult *res = ev_pgkit_rows(sh->live, err, "SELECT table_name FROM %I.ev_table WHERE "
						     "projection = %L ORDER BY table_name", fresh->schema,
				      sh->base.projection);

	for (int i = 0; res && i < PQntuples(res); i++)
		ev_buf_add(&out->tables, PQgetvalue(res, i, 0), strlen(PQgetvalue(res, i, 0)) + 1);
	PQclear(res);
	if (!res)
		return -1;
	res = ev_pgkit_rows(sh->live, err, "%sSELECT coalesce(sum(pg_total_relation_size(o)), 0) "
					   "FROM own, unnest(oids) o",
			    with);
	if (!res)
		return -1;
	out->bytes = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
	out->free_bytes = -1; /* the server's disk is not ours to see */
	PQclear(res);
	if (take_lines(sh, &out->survive, err, with,
		       "SELECT DISTINCT 'view ' || v.oid::regclass " VIEWS "v.relkind = 'v' ORDER BY 1") < 0 ||
	    take_lines(sh, &out->survive, err, with, grants_sql) < 0 ||
	    ev_pgkit_list_indexes(sh, fresh, with, &out->survive, err) < 0 ||
	    ev_pgkit_shape(sh, with, &out->differs, &out->survive, err) < 0)
		return -1;
	return list_locks(sh, with, &out->locks, err);
}

/* To make the shadow, and to move its tables: what is there already may be from when the role could. */
static int check_rights(struct ev_shadow_pg *sh, struct ev_error *err)
{
	const char *live = sh->schemas[EV_ROLE_LIVE];
	PGresult *res = ev_pgkit_rows(sh->live, err, "SELECT has_database_privilege(current_database(), 'CREATE'), "
				      "has_schema_privilege(%L, 'CREATE')", live);
	int rc = res ? 0 : -1;

	if (res && PQgetvalue(res, 0, 0)[0] != 't') {
		rc = ev_fail(err, EV_USAGE, "the role may not create schemas in this database, "
					    "and the shadow is one");
		ev_hint(err, "GRANT CREATE ON DATABASE ... TO it");
	} else if (res && PQgetvalue(res, 0, 1)[0] != 't') {
		rc = ev_fail(err, EV_USAGE, "the role may not create in schema '%s': the swap could not put the new "
			     "tables there", live);
		ev_hint(err, "GRANT CREATE ON SCHEMA ... TO it");
	}
	PQclear(res);
	return rc;
}

/* A dry run makes no ledger where there is none: the first one of a view, or one of tables that others wrote. */
static int look_for_ledger(struct ev_shadow_pg *sh, struct ev_error *err)
{
	PGresult *res = ev_pgkit_rows(sh->live, err, "SELECT 1 FROM pg_catalog.pg_class c JOIN "
						     "pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
						     "WHERE n.nspname = %L AND c.relname = 'ev_table'",
				      sh->schemas[EV_ROLE_LIVE]);

	sh->bare = res && PQntuples(res) == 0;
	PQclear(res);
	return res ? 0 : -1;
}

int ev_pgkit_preflight(struct ev_shadow_pg *sh, struct ev_store *fresh, bool adopt,
		       struct ev_shadow_report *out, struct ev_error *err)
{
	const char *schema = ev_pg_of(fresh)->schema;
	struct ev_buf with = EV_BUF_INIT;
	int rc = look_for_ledger(sh, err) < 0 || check_rights(sh, err) < 0 ? -1 : 0;

	ev_buf_adds(&with, "WITH own AS (SELECT ");
	add_old(&with, sh, schema, adopt);
	ev_buf_adds(&with, " AS oids), new AS (SELECT ");
	add_named(&with, sh, schema, schema);
	ev_buf_adds(&with, " AS noids) ");
	if (rc == 0)
		rc = check_owners(sh, schema, adopt, err);
	for (int role = EV_ROLE_KEPT; rc == 0 && role < EV_ROLES; role++)
		if (role != EV_ROLE_NEW) /* a shadow that is left over was looked at before */
			rc = check_places(sh, role, err);
	if (rc == 0)
		rc = refuse_all(sh, &with, err);
	if (rc == 0)
		rc = tell(sh, &temporary, &with, err);
	if (rc == 0 && !sh->bare) /* the swap drops it */
		rc = ev_pgkit_check_free(sh, EV_ROLE_KEPT, err);
	if (rc == 0)
		rc = describe(sh, ev_pg_of(fresh), ev_buf_str(&with), out, err);
	ev_buf_release(&with);
	return rc;
}

void ev_pgkit_with(struct ev_buf *out, const struct ev_shadow_pg *sh, enum ev_role next)
{
	ev_buf_adds(out, "WITH own AS (SELECT ");
	ev_pgkit_oids(out, sh, EV_ROLE_LIVE);
	ev_buf_adds(out, " AS oids), new AS (SELECT ");
	ev_pgkit_oids(out, sh, next);
	ev_buf_adds(out, " AS noids) ");
}

void ev_pgkit_blame_rights(struct ev_shadow_pg *sh, enum ev_role next, struct ev_error *err)
{
	struct ev_buf with = EV_BUF_INIT;
	struct ev_error why = EV_ERROR_INIT;

	check_rights(sh, &why);
	ev_pgkit_with(&with, sh, next);
	for (size_t i = 0; i < RIGHTS && why.class == EV_OK; i++)
		refuse(sh, &refusals[i], &with, &why);
	if (why.class == EV_USAGE)
		*err = why;
	ev_buf_release(&with);
}

int ev_pgkit_recheck(struct ev_shadow_pg *sh, enum ev_role next, struct ev_error *err)
{
	struct ev_buf with = EV_BUF_INIT;
	int rc;

	ev_pgkit_with(&with, sh, next);
	rc = refuse_all(sh, &with, err);
	if (rc == 0)
		rc = refuse(sh, &temporary, &with, err);
	if (rc == 0 && next == EV_ROLE_NEW &&
	    (ev_pgkit_check_free(sh, EV_ROLE_KEPT, err) < 0 || check_places(sh, EV_ROLE_KEPT, err) < 0 ||
	     check_places(sh, EV_ROLE_NEW, err) < 0 || ev_pgkit_check_shape(sh, ev_buf_str(&with), err) < 0))
		rc = -1;
	ev_buf_release(&with);
	return rc;
}

/* On tables and on their row types, each looked up by itself: the catalogue may be large, and readers wait for it. */
static const char dependents[] =
	", uses AS (SELECT d.* FROM (SELECT 'pg_catalog.pg_class'::regclass AS class, o.oid "
	"FROM own, unnest(oids) o (oid) UNION ALL SELECT 'pg_catalog.pg_type'::regclass, y.oid "
	"FROM own, unnest(oids) o (oid) JOIN pg_catalog.pg_class c ON c.oid = o.oid "
	"JOIN pg_catalog.pg_type t ON t.oid = c.reltype, "
	"unnest(ARRAY[t.oid, t.typarray]) y (oid)) r JOIN pg_catalog.pg_depend d ON d.refclassid = r.class "
	"AND d.refobjid = r.oid WHERE d.deptype = 'n') "
	"SELECT DISTINCT CASE WHEN v.relkind = 'm' THEN 'materialized view ' || v.oid::regclass "
	"WHEN v.oid IS NOT NULL THEN 'view ' || v.oid::regclass "
	"WHEN k.contype = 'f' THEN 'a foreign key of table ' || k.conrelid::regclass "
	"ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END FROM own, uses d "
	"LEFT JOIN pg_catalog.pg_rewrite r ON d.classid = 'pg_catalog.pg_rewrite'::regclass "
	"AND r.oid = d.objid LEFT JOIN pg_catalog.pg_class v ON v.oid = r.ev_class "
	"LEFT JOIN pg_catalog.pg_constraint k ON k.oid = d.objid "
	"AND d.classid = 'pg_catalog.pg_constraint'::regclass "
	"LEFT JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid "
	"AND d.classid = 'pg_catalog.pg_attrdef'::regclass "
	"WHERE (v.oid IS NULL OR v.oid <> ALL (oids)) "
	"AND (k.oid IS NULL OR k.conrelid <> ALL (oids)) AND (f.oid IS NULL OR f.adrelid <> ALL (oids)) "
	"AND NOT (d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = ANY (oids)) "
	"UNION SELECT 'sequence ' || s.oid::regclass " OWNED " ORDER BY 1";

void ev_pgkit_ask_dependents(struct ev_buf *sql, const struct ev_shadow_pg *sh, enum ev_role role)
{
	ev_buf_adds(sql, "WITH own AS (SELECT ");
	ev_pgkit_oids(sql, sh, role);
	ev_buf_adds(sql, " AS oids)");
	ev_buf_adds(sql, dependents);
}

int ev_pgkit_dependents(struct ev_shadow_pg *sh, enum ev_role role, struct ev_buf *out, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	int rc;

	ev_pgkit_ask_dependents(&sql, sh, role);
	rc = take_lines(sh, out, err, "", ev_buf_str(&sql));
	ev_buf_release(&sql);
	return rc;
}
