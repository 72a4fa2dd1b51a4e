/*
 * pg_still.c - what others change on the version that serves while a swap is under way
 *
 * What hangs on the tables is read before their locks, behind which readers queue, and the wait for those may be long.
 * Much of it changes without a lock on the table: GRANT and REVOKE take none, COMMENT ON INDEX and ALTER INDEX one on
 * the index alone, and a table locked as others are may still become a function's argument. So:
 *
 * - the print of it all is taken before it is read, and again under the locks: where it is another, the swap is rolled
 *   back and tried again;
 * - from then on nobody gets it changed: the swap has written the rows of the tables and indexes (it has moved them)
 *   and those of their columns (it grants the owner what he has, and takes it back), so that a GRANT waits for it and
 *   fails; and it has the indexes locked. All of that comes before the print is taken again, in the order of others:
 *   an index is locked before its row is written, a table's row written before those of its columns;
 * - what has come to depend on the old tables is looked at as the last thing, when all is in its place.
 *
 * What remains: who makes a function or a column of the tables' row type, or a publication of all tables or of the
 * schema, and commits in the moment between the last look and the end of our COMMIT, is not seen. It is tied to the
 * version that is kept then, or publishes the new tables, and the next rebuild refuses it by name.
 */
#include "rebuild/pg_kit.h"

/* Both versions' tables and views, as the literal of an array that outlasts their move. */
static int find_oids(struct ev_shadow_pg *sh, enum ev_role next, struct ev_buf *oids, struct ev_error *err)
{
	struct ev_buf with = EV_BUF_INIT;
	PGresult *res;

	ev_pgkit_with(&with, sh, next);
	res = ev_pgkit_rows(sh->live, err, "%sSELECT (oids || noids)::text FROM own, new", ev_buf_str(&with));
	ev_buf_release(&with);
	ev_buf_clear(oids);
	if (res)
		ev_buf_adds(oids, PQgetvalue(res, 0, 0));
	PQclear(res);
	return res ? 0 : -1;
}

/*
 * All that ev_pgkit_carry reads; publications that a table may come into by its name; and of what is part of our views,
 * which nobody is kept from changing until they are locked: queries, triggers, defaults. A row each.
 */
static const char print_sql[] =
	"SELECT format('%s %s %s %s %s %s', c.oid, c.relname, pg_get_userbyid(c.relowner), c.relacl, c.reloptions, "
	"(SELECT t.reloptions FROM pg_catalog.pg_class t WHERE t.oid = c.reltoastrelid)) AS line "
	"FROM rel JOIN pg_catalog.pg_class c USING (oid) "
	"UNION ALL SELECT format('%s %s %s %s %s', a.attrelid, a.attnum, a.attname, a.attacl, a.attstattarget) "
	"FROM rel JOIN pg_catalog.pg_attribute a ON a.attrelid = rel.oid WHERE a.attnum > 0 "
	"UNION ALL SELECT format('%s %s %s %s', d.classid, d.objid, d.refobjid, d.refobjsubid) FROM own "
	"JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = own.oid "
	"WHERE d.deptype <> 'n' "
	"UNION ALL SELECT format('%s %s', r.oid, r.xmin) FROM own JOIN pg_catalog.pg_rewrite r ON r.ev_class = own.oid "
	"UNION ALL SELECT format('%s %s %s', d.objoid, d.objsubid, d.description) FROM rel "
	"JOIN pg_catalog.pg_description d ON d.classoid = 'pg_catalog.pg_class'::regclass AND d.objoid = rel.oid "
	"UNION ALL SELECT format('%s %s %s', k.oid, k.conname, obj_description(k.oid, 'pg_constraint')) FROM rel "
	"JOIN pg_catalog.pg_constraint k ON k.conrelid = rel.oid "
	"UNION ALL SELECT format('%s %s', p.pubname, p.puballtables) FROM pg_catalog.pg_publication p";
static const char schemas_published[] = /* 15 and later */
	" UNION ALL SELECT format('%s %s', pnpubid, pnnspid) FROM pg_catalog.pg_publication_namespace";

static void ask_print(struct ev_buf *sql, const struct ev_shadow_pg *sh, const char *oids)
{
	ev_pgkit_format(sql, "WITH own AS (SELECT unnest(%L::oid[]) AS oid), "
			"rel AS (SELECT oid FROM own UNION SELECT i.indexrelid FROM own "
			"JOIN pg_catalog.pg_index i ON i.indrelid = own.oid) "
			"SELECT sha256(convert_to(string_agg(line, chr(10) ORDER BY line), 'UTF8')) FROM (%s%s) l",
			oids, print_sql, PQserverVersion(sh->live->conn) >= 150000 ? schemas_published : "");
}

/* The question, which stands for both times, and the answer. */
static int take_print(struct ev_shadow_pg *sh, enum ev_role next, struct ev_pgkit_script *x, struct ev_error *err)
{
	struct ev_buf oids = EV_BUF_INIT;
	int rc = find_oids(sh, next, &oids, err);
	PGresult *res = NULL;

	if (rc == 0) {
		ask_print(&x->ask_print, sh, ev_buf_str(&oids));
		res = ev_pgkit_rows(sh->live, err, "%s", ev_buf_str(&x->ask_print));
	}
	if (res)
		ev_buf_adds(&x->print, PQgetvalue(res, 0, 0));
	PQclear(res);
	ev_buf_release(&oids);
	return res ? 0 : -1;
}

/* An owner's own right to a column (a of c), which hardly anybody gives himself. */
#define HAS_OWN "EXISTS (SELECT 1 FROM aclexplode(a.attacl) x WHERE x.grantee = c.relowner " \
		"AND x.privilege_type = 'REFERENCES')"
#define NAMES "string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)"
#define THERE "format(') ON %%I.%%I ', %L, c.relname)"
#define OWNER "quote_ident(pg_get_userbyid(c.relowner))"

/* To its owner that it has: that locks an index, and changes nothing. */
static const char locks_sql[] =
	"%sSELECT format('ALTER INDEX %%s.%%I OWNER TO %%I', x.relnamespace::regnamespace, x.relname, "
	"pg_get_userbyid(x.relowner)) FROM own, pg_catalog.pg_index i JOIN pg_catalog.pg_class x "
	"ON x.oid = i.indexrelid WHERE i.indrelid = ANY (oids)";

/*
 * Where a table will have been moved to its owner is granted what he may do with each column anyhow, and where he had
 * not been it is taken from him again: its row is written, and is as it was.
 */
static const char pins_sql[] =
	"%sSELECT 'GRANT REFERENCES (' || " NAMES " || " THERE " || 'TO ' || " OWNER " || "
	"coalesce('; REVOKE REFERENCES (' || " NAMES " FILTER (WHERE NOT " HAS_OWN ") || " THERE " || 'FROM ' || " OWNER
	", '') FROM own, pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 "
	"AND NOT a.attisdropped WHERE c.oid = ANY (oids) GROUP BY c.oid, c.relname, c.relowner";

static int take_statements(PGresult *res, struct ev_buf *out)
{
	ev_pgkit_add_statements(out, res);
	PQclear(res);
	return res ? 0 : -1;
}

static int find_holds(struct ev_shadow_pg *sh, enum ev_role next, struct ev_pgkit_script *x, struct ev_error *err)
{
	const char *moving = sh->schemas[EV_ROLE_MOVING];
	struct ev_buf with = EV_BUF_INIT;
	int rc;

	ev_pgkit_with(&with, sh, next);
	rc = take_statements(ev_pgkit_rows(sh->live, err, locks_sql, ev_buf_str(&with)), &x->locks);
	if (rc == 0)
		rc = take_statements(ev_pgkit_rows(sh->live, err, pins_sql, ev_buf_str(&with), moving, moving),
				     &x->pins);
	ev_buf_release(&with);
	return rc;
}

int ev_pgkit_look(struct ev_shadow_pg *sh, enum ev_role next, struct ev_pgkit_script *x, struct ev_error *err)
{
	if (take_print(sh, next, x, err) < 0 || ev_pgkit_recheck(sh, next, err) < 0 ||
	    find_holds(sh, next, x, err) < 0)
		return -1;
	return ev_pgkit_carry(sh, next, &x->carried, err);
}
