/*
 * pg_indexes.c - indexes that somebody has put on the old tables, made on the new ones
 *
 * Whether one can be made there is tried, on an empty table with the new one's columns in a transaction that comes to
 * nothing: the server says what is wrong. One that cannot be made ends with the old version, and is named in the plan
 * and before the swap.
 */
#include <stdio.h>
#include <stdlib.h>

#include "rebuild/pg_kit.h"

#define MARK "evtools: carried over" /* a comment */

enum column { DEFINITION, QUALIFIED, TABLE, NAME, UNIQUE, KIND, PLAIN };

/*
 * Indexes of the old tables that those of the new version have not, by their names. Not those of constraints.
 * KIND is what the new version has for the table.
 */
static PGresult *lacking(struct ev_shadow_pg *sh, const char *with, struct ev_error *err)
{
	return ev_pgkit_rows(sh->live, err,
			     "%sSELECT pg_get_indexdef(i.indexrelid), format('%%s.%%I', o.relnamespace::regnamespace, "
			     "o.relname), o.relname, x.relname, i.indisunique, n.relkind, "
			     "i.indexprs IS NULL AND i.indpred IS NULL "
			     "FROM own, new, pg_catalog.pg_class o "
			     "JOIN pg_catalog.pg_class n ON n.relname = o.relname "
			     "JOIN pg_catalog.pg_index i ON i.indrelid = o.oid "
			     "JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid "
			     "WHERE o.oid = ANY (oids) AND n.oid = ANY (noids) AND i.indisvalid "
			     "AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k "
			     "WHERE k.conindid = i.indexrelid) AND NOT EXISTS (SELECT 1 "
			     "FROM pg_catalog.pg_class y WHERE y.relnamespace = n.relnamespace "
			     "AND y.relname = x.relname) ORDER BY 4", with);
}

/* `CREATE INDEX i ON live.t USING ...` with another table; the server writes no other ` ON ` before. */
static void definition(const PGresult *res, int row, const char *schema, const char *table, struct ev_buf *out)
{
	const char *def = PQgetvalue(res, row, DEFINITION), *at;
	struct ev_buf there = EV_BUF_INIT;

	ev_pgkit_format(&there, " ON %s USING ", PQgetvalue(res, row, QUALIFIED));
	at = strstr(def, ev_buf_str(&there));
	ev_buf_add(out, def, at ? (size_t)(at - def) : strlen(def));
	if (at) {
		ev_pgkit_format(out, " ON %I.%I USING ", schema, table);
		ev_buf_adds(out, at + there.len);
	}
	ev_buf_release(&there);
}

/* As ev_pgkit_exec, but what is wrong with the index or the rows, and not with the server, is `why`. */
static int make(struct ev_pg *on, const char *sql, struct ev_buf *why, struct ev_error *err)
{
	PGresult *res = PQexec(on->conn, sql);
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	struct ev_error trouble = EV_ERROR_INIT;
	int rc = 0;

	if (PQresultStatus(res) != PGRES_COMMAND_OK) {
		rc = ev_pg_error(on, res, true, &trouble);
		/* 42: names, types; 0A: not supported; the rows' */
		if (trouble.class == EV_DATA || (state && (!strncmp(state, "42", 2) || !strncmp(state, "0A", 2)))) {
			ev_buf_adds(why, PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY));
			rc = 0;
		} else {
			*err = trouble;
		}
	}
	PQclear(res);
	return rc;
}

/* Why it is not to be made on the table in `schema`: empty if it is. In a transaction of the caller's on `on`. */
static int try_one(struct ev_pg *on, const PGresult *res, int row, const char *schema, struct ev_buf *why,
		   struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	int rc = ev_pgkit_exec(on, err, "SAVEPOINT ev_index; CREATE TABLE %I.ev_try (LIKE %I.%I)", schema, schema,
			       PQgetvalue(res, row, TABLE));

	definition(res, row, schema, "ev_try", &sql);
	if (rc == 0)
		rc = make(on, ev_buf_str(&sql), why, err);
	if (rc == 0)
		rc = ev_pg_exec(on, "ROLLBACK TO SAVEPOINT ev_index; RELEASE SAVEPOINT ev_index", err);
	ev_buf_release(&sql);
	return rc;
}

/* The same in one of its own, where there is none. */
static int try_index(struct ev_pg *on, const PGresult *res, int row, const char *schema, struct ev_buf *why,
		     struct ev_error *err)
{
	bool own = !on->open;
	int rc;

	if (own && on->base.ops->begin(&on->base, err) < 0)
		return -1;
	rc = try_one(on, res, row, schema, why, err);
	if (own)
		on->base.ops->rollback(&on->base);
	return rc;
}

static bool is_table(const PGresult *res, int row)
{
	return PQgetvalue(res, row, KIND)[0] == 'r';
}

static int judge(struct ev_pg *on, const PGresult *res, int row, const char *schema, struct ev_buf *why,
		 struct ev_error *err)
{
	ev_buf_clear(why);
	if (!is_table(res, row))
		ev_buf_adds(why, "the new version has a view of that name");
	else if (PQgetvalue(res, row, UNIQUE)[0] == 't')
		ev_buf_adds(why, EV_UNIQUE_ENDS); /* it would turn away rows that the new file lets in */
	else
		return try_index(on, res, row, schema, why, err);
	return 0;
}

/* A line without its end: `index i on t`, with `why` also that it is not carried over. */
static void tell(struct ev_buf *out, const PGresult *res, int row, const struct ev_buf *why)
{
	ev_buf_addf(out, "index %s on %s", PQgetvalue(res, row, NAME), PQgetvalue(res, row, TABLE));
	if (why->len)
		ev_buf_addf(out, " is NOT carried over: %s", ev_buf_str(why));
}

static void tell_load(struct ev_buf *out, const PGresult *res, int row)
{
	if (PQgetvalue(res, row, PLAIN)[0] != 't')
		ev_buf_adds(out, EV_ODD_INDEX);
}

int ev_pgkit_list_indexes(struct ev_shadow_pg *sh, struct ev_pg *fresh, const char *with, struct ev_buf *out,
			  struct ev_error *err)
{
	PGresult *res = lacking(sh, with, err);
	struct ev_buf why = EV_BUF_INIT;
	int rc = res ? 0 : -1;

	for (int i = 0; rc == 0 && i < PQntuples(res); i++) {
		rc = judge(fresh, res, i, fresh->schema, &why, err);
		tell(out, res, i, &why);
		if (!why.len)
			tell_load(out, res, i);
		ev_buf_addc(out, '\n');
	}
	PQclear(res);
	ev_buf_release(&why);
	return rc;
}

/* On the table that is loaded, or will be: rows that are there already may not fit it. */
static int create(struct ev_shadow_pg *sh, const PGresult *res, int row, struct ev_error *err)
{
	const char *schema = sh->schemas[EV_ROLE_NEW];
	struct ev_buf sql = EV_BUF_INIT, why = EV_BUF_INIT;
	int rc;

	definition(res, row, schema, PQgetvalue(res, row, TABLE), &sql);
	rc = make(sh->live, ev_buf_str(&sql), &why, err);
	if (rc == 0 && why.len) {
		rc = ev_fail(err, EV_USAGE, "index '%s' on '%s' cannot be made on the new rows: %s",
			     PQgetvalue(res, row, NAME), PQgetvalue(res, row, TABLE), ev_buf_str(&why));
		ev_hint(err, "drop it, and the next call goes on without it");
	}
	ev_buf_release(&sql);
	ev_buf_release(&why);
	return rc;
}

static void note(struct ev_shadow_pg *sh, const char *text)
{
	if (sh->base.note)
		sh->base.note(sh->base.note_ctx, text);
}

/* The mark of one that was made before the load, until that has ended: where its namesake is dropped it goes, too. */
static int mark(struct ev_shadow_pg *sh, const PGresult *res, int row, struct ev_error *err)
{
	return ev_pgkit_exec(sh->live, err, "COMMENT ON INDEX %I.%I IS '" MARK "'", sh->schemas[EV_ROLE_NEW],
			     PQgetvalue(res, row, NAME));
}

/* `before` the load or behind it. 1 made, 0 not, -1. */
static int carry(struct ev_shadow_pg *sh, const PGresult *res, int row, bool before, struct ev_error *err)
{
	struct ev_buf why = EV_BUF_INIT, text = EV_BUF_INIT;
	int rc = judge(sh->live, res, row, sh->schemas[EV_ROLE_NEW], &why, err);

	if (rc == 0 && !why.len)
		rc = create(sh, res, row, err) < 0 || (before && mark(sh, res, row, err) < 0) ? -1 : 1;
	if (rc == 1 && before && PQgetvalue(res, row, PLAIN)[0] != 't') {
		tell(&text, res, row, &why);
		tell_load(&text, res, row);
	} else if (rc == 0 && !before) {
		tell(&text, res, row, &why);
	}
	if (text.len)
		note(sh, ev_buf_str(&text));
	ev_buf_release(&why);
	ev_buf_release(&text);
	return rc;
}

/* Those that have the mark: it is taken off, or, of the `gone` ones, they are. How many, or -1. */
static int unmark(struct ev_shadow_pg *sh, bool gone, struct ev_error *err)
{
	struct ev_buf with = EV_BUF_INIT, sql = EV_BUF_INIT;
	PGresult *res;
	int rc, n;

	ev_pgkit_with(&with, sh, EV_ROLE_NEW);
	ev_pgkit_format(&sql, "%sSELECT format(%L, x.oid::regclass) FROM own, new, pg_catalog.pg_index i "
			"JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = ANY (noids) "
			"AND obj_description(x.oid, 'pg_class') = '" MARK "'%s", ev_buf_str(&with),
			gone ? "DROP INDEX %s" : "COMMENT ON INDEX %s IS NULL",
			gone ? " AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_index j JOIN pg_catalog.pg_class y "
			       "ON y.oid = j.indexrelid WHERE j.indrelid = ANY (oids) AND y.relname = x.relname)" : "");
	res = ev_pgkit_rows(sh->live, err, "%s", ev_buf_str(&sql));
	n = res ? PQntuples(res) : 0;
	rc = res ? 0 : -1;
	for (int i = 0; rc == 0 && i < n; i++)
		rc = ev_pg_exec(sh->live, PQgetvalue(res, i, 0), err);
	PQclear(res);
	ev_buf_release(&with);
	ev_buf_release(&sql);
	return rc < 0 ? -1 : n;
}

static int carry_all(struct ev_shadow_pg *sh, bool before, struct ev_error *err)
{
	struct ev_buf with = EV_BUF_INIT;
	PGresult *res;
	int rc, made = 0;

	ev_pgkit_with(&with, sh, EV_ROLE_NEW);
	res = lacking(sh, ev_buf_str(&with), err);
	ev_buf_release(&with);
	rc = res ? 0 : -1;
	for (int i = 0; rc >= 0 && i < PQntuples(res); i++) {
		rc = carry(sh, res, i, before, err);
		made += rc > 0;
	}
	PQclear(res);
	return rc < 0 ? -1 : made;
}

int ev_pgkit_carry_indexes(struct ev_shadow_pg *sh, enum ev_shadow_rows rows, struct ev_error *err)
{
	int gone = unmark(sh, rows != EV_SHADOW_LOADED, err), made;

	if (gone < 0 || rows == EV_SHADOW_LOADING)
		return gone;
	made = carry_all(sh, rows == EV_SHADOW_EMPTY, err);
	if (made < 0 || (rows == EV_SHADOW_LOADED && ev_pgkit_tell_shape(sh, err) < 0))
		return -1;
	return gone + made;
}

int ev_pgkit_indexes_behind(struct ev_shadow_pg *sh, const char *with, struct ev_buf *out, struct ev_error *err)
{
	PGresult *res = lacking(sh, with, err);
	struct ev_buf why = EV_BUF_INIT;
	int rc = res ? 0 : -1;

	for (int i = 0; rc == 0 && i < PQntuples(res); i++) {
		ev_buf_clear(&why);
		if (!is_table(res, i) ||
		    (rc = try_index(sh->live, res, i, sh->schemas[EV_ROLE_KEPT], &why, err)) < 0 || why.len)
			continue; /* it cannot be on that one */
		tell(out, res, i, &why);
		ev_buf_addc(out, '\n');
	}
	PQclear(res);
	ev_buf_release(&why);
	return rc;
}
