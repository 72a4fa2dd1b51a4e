/*
 * pg_shape.c - what the tables of two versions are: columns, constraints, settings, indexes, the queries of views
 *
 * What differs when a rebuild begins is of the two files, or somebody has put it on the old tables before: what ends of
 * it is named. What differs at the swap and did not then was changed meanwhile, and would be lost without a word: it is
 * refused.
 */
#include "rebuild/pg_kit.h"

/* Settings of a column: of `col`, a row each. */
#define SETTING(what, value, where) \
	"UNION ALL SELECT attrelid, 'the " what " of column ' || name, 'column ' || name, true, " value "::text " \
	"FROM col WHERE " where " "

/*
 * Behind WITH own, new: pair, of one name; item, a row of each thing that a table has: `part` is the item of the column
 * that it is of, `told` whether its end is named; diff, what is not the same in both. That an index of others is not on
 * the old table any more is no matter. All by name: pg_upgrade may give other oids while a rebuild is stored.
 */
static const char diff_sql[] =
	", pair AS (SELECT o.oid, n.oid AS new, o.relname, o.relkind = n.relkind AS alike FROM own, new, "
	"pg_catalog.pg_class o JOIN pg_catalog.pg_class n ON n.relname = o.relname WHERE o.oid = ANY (oids) "
	"AND n.oid = ANY (noids)), "
	"rel AS (SELECT oid, relname, alike, true AS old FROM pair "
	"UNION ALL SELECT new, relname, alike, false FROM pair), "
	"col AS (SELECT a.attrelid, a.attnum, quote_ident(a.attname) AS name, a.atttypid, a.atttypmod, (SELECT "
	"format('%s.%I', l.collnamespace::regnamespace, l.collname) FROM pg_catalog.pg_collation l "
	"WHERE l.oid = a.attcollation) AS coll, "
	"a.attnotnull, a.attstattarget, a.attidentity, a.attoptions, a.attstorage, t.typstorage, "
	"coalesce(to_jsonb(a) ->> 'attcompression', '') AS attcompression FROM rel " /* 14 and later */
	"JOIN pg_catalog.pg_attribute a ON a.attrelid = rel.oid JOIN pg_catalog.pg_type t ON t.oid = a.atttypid "
	"WHERE a.attnum > 0 AND NOT a.attisdropped), "
	"item (oid, what, part, told, value) AS (SELECT attrelid, 'column ' || name, NULL, true, "
	"format('%s %s', format_type(atttypid, atttypmod), coll) FROM col "
	"UNION ALL SELECT attrelid, 'NOT NULL of column ' || name, 'column ' || name, true, '' FROM col "
	"WHERE attnotnull "
	"UNION ALL SELECT attrelid, 'the default of column ' || name, 'column ' || name, true, "
	"pg_get_expr(f.adbin, f.adrelid) FROM col JOIN pg_catalog.pg_attrdef f ON f.adrelid = attrelid "
	"AND f.adnum = attnum "
	SETTING("statistics target", "attstattarget", "coalesce(attstattarget, -1) <> -1")
	SETTING("identity", "attidentity", "attidentity <> ''")
	SETTING("options", "attoptions", "attoptions IS NOT NULL")
	SETTING("storage", "attstorage", "attstorage <> typstorage")
	SETTING("compression", "attcompression", "attcompression <> ''")
	"UNION ALL SELECT k.conrelid, 'constraint ' || k.conname, NULL, k.contype <> 'p', pg_get_constraintdef(k.oid) "
	"FROM rel JOIN pg_catalog.pg_constraint k ON k.conrelid = rel.oid WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') "
	"UNION ALL SELECT c.oid, w.what, NULL, w.told, w.value FROM rel JOIN pg_catalog.pg_class c USING (oid), "
	"LATERAL (VALUES ('UNLOGGED', true, CASE c.relpersistence WHEN 'u' THEN '' END), "
	"('the tablespace', true, (SELECT s.spcname FROM pg_catalog.pg_tablespace s WHERE s.oid = c.reltablespace)), "
	"('the access method', false, (SELECT m.amname FROM pg_catalog.pg_am m WHERE m.oid = c.relam)), "
	"('the query', false, CASE c.relkind WHEN 'v' THEN "
	"encode(sha256(convert_to(pg_get_viewdef(c.oid), 'UTF8')), 'hex') END)) w (what, told, value) "
	"WHERE w.value IS NOT NULL "
	"UNION ALL SELECT i.indrelid, w.what, NULL, w.told, w.value FROM rel "
	"JOIN pg_catalog.pg_index i ON i.indrelid = rel.oid AND i.indisvalid "
	"JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_class c ON c.oid = rel.oid, "
	"LATERAL (VALUES ('CLUSTER on index ' || quote_ident(x.relname), true, "
	"CASE WHEN i.indisclustered THEN '' END), "
	"('index ' || x.relname, false, CASE WHEN NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k "
	"WHERE k.conindid = x.oid) THEN replace(replace(pg_get_indexdef(x.oid), "
	"format(' ON %s.%I USING ', c.relnamespace::regnamespace, c.relname), ' USING '), " /* carried over: */
	"format(' WITH (%s)', (SELECT string_agg(format('%s=%s', split_part(o, '=', 1), "
	"CASE v WHEN quote_ident(v) THEN v ELSE quote_literal(v) END), ', ' ORDER BY at) "
	"FROM unnest(x.reloptions) WITH ORDINALITY u (o, at), substr(o, position('=' IN o) + 1) v)), '') "
	"END)) w (what, told, value) "
	"WHERE w.value IS NOT NULL), "
	"side AS (SELECT r.relname, r.alike, i.what, i.part, bool_and(i.told) AS told, "
	"max(i.value) FILTER (WHERE r.old) AS old, max(i.value) FILTER (WHERE NOT r.old) AS new "
	"FROM rel r JOIN item i USING (oid) GROUP BY r.relname, r.alike, i.what, i.part), "
	"diff AS (SELECT d.*, format('%s on %s', d.what, d.relname) AS line FROM side d "
	"LEFT JOIN side p ON p.relname = d.relname AND p.what = d.part WHERE d.old IS DISTINCT FROM d.new "
	"AND (d.part IS NULL OR (d.alike AND p.old IS NOT NULL AND p.new IS NOT NULL)) "
	"AND (d.old IS NOT NULL OR d.what NOT LIKE 'index %')) ";

enum column { LINE, STATE, ENDS, HAD, HAS };

/* Of each difference: what it is; and how it is on the old table; does it end, has that one it, has the new one? */
static PGresult *differences(struct ev_shadow_pg *sh, const char *with, struct ev_error *err)
{
	return ev_pgkit_rows(sh->live, err, "%s%sSELECT line, format('%%s: %%s', line, coalesce(old, 'none')), "
			     "told AND new IS NULL, old IS NOT NULL, new IS NOT NULL FROM diff ORDER BY 1",
			     with, diff_sql);
}

static bool is(const PGresult *res, int row, enum column c)
{
	return PQgetvalue(res, row, c)[0] == 't';
}

int ev_pgkit_shape(struct ev_shadow_pg *sh, const char *with, struct ev_buf *differs, struct ev_buf *ending,
		   struct ev_error *err)
{
	PGresult *res = differences(sh, with, err);

	for (int i = 0; res && i < PQntuples(res); i++) {
		ev_buf_add(differs, PQgetvalue(res, i, STATE), (size_t)PQgetlength(res, i, STATE) + 1);
		if (is(res, i, ENDS))
			ev_buf_addf(ending, "%s" EV_ENDS_SAID "\n", PQgetvalue(res, i, LINE));
	}
	PQclear(res);
	return res ? 0 : -1;
}

static int check(struct ev_shadow_pg *sh, const PGresult *res, int row, struct ev_error *err)
{
	struct ev_shadow_change c = { PQgetvalue(res, row, LINE), PQgetvalue(res, row, STATE), is(res, row, HAD),
				      is(res, row, HAS) };

	return ev_shadow_check_change(&sh->base, &c, err);
}

static void tell(struct ev_shadow_pg *sh, const PGresult *res, int row)
{
	struct ev_error why = EV_ERROR_INIT;
	struct ev_buf text = EV_BUF_INIT;

	if (check(sh, res, row, &why) < 0)
		ev_buf_addf(&text, "%s; %s", why.text, why.hint);
	else if (is(res, row, ENDS))
		ev_buf_addf(&text, "%s" EV_ENDS_SAID, PQgetvalue(res, row, LINE));
	if (text.len && sh->base.note)
		sh->base.note(sh->base.note_ctx, ev_buf_str(&text));
	ev_buf_release(&text);
}

int ev_pgkit_tell_shape(struct ev_shadow_pg *sh, struct ev_error *err)
{
	struct ev_buf with = EV_BUF_INIT;
	PGresult *res;

	ev_pgkit_with(&with, sh, EV_ROLE_NEW);
	res = differences(sh, ev_buf_str(&with), err);
	for (int i = 0; res && i < PQntuples(res); i++)
		tell(sh, res, i);
	PQclear(res);
	ev_buf_release(&with);
	return res ? 0 : -1;
}

int ev_pgkit_check_shape(struct ev_shadow_pg *sh, const char *with, struct ev_error *err)
{
	PGresult *res = differences(sh, with, err);
	int rc = res ? 0 : -1;

	for (int i = 0; rc == 0 && i < PQntuples(res); i++)
		rc = check(sh, res, i, err);
	PQclear(res);
	return rc;
}

int ev_pgkit_behind(struct ev_shadow_pg *sh, struct ev_buf *out, struct ev_error *err)
{
	struct ev_buf with = EV_BUF_INIT;
	PGresult *res = NULL;

	ev_pgkit_with(&with, sh, EV_ROLE_KEPT);
	if (ev_pgkit_indexes_behind(sh, ev_buf_str(&with), out, err) == 0)
		res = differences(sh, ev_buf_str(&with), err);
	for (int i = 0; res && i < PQntuples(res); i++)
		if (is(res, i, ENDS))
			ev_buf_addf(out, "%s\n", PQgetvalue(res, i, LINE));
	PQclear(res);
	ev_buf_release(&with);
	return res ? 0 : -1;
}
