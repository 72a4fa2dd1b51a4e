/*
 * pg_schema.c - the projection's DDL
 *
 * DDL is transactional here, so it is run and then looked at in the catalogue: everything that this
 * transaction has made must be a plain table, index or view in our schema, and nothing else may have
 * been touched. The caller rolls back what is refused.
 */
#include <stdint.h>
#include <stdio.h>

#include "base/mem.h"
#include "projection/ddl.h"
#include "projection/sql.h"
#include "store/pg_internal.h"

/* pg_class rows of this transaction: what it made, and what it changed of others. */
#define NOW "(pg_catalog.txid_current() % 4294967296)"
#define MADE "c.xmin::text::bigint = " NOW
/* A table's row in pg_class changes, that of its row type does not: so is `t` older than us? */
#define OLD(t) "NOT EXISTS (SELECT 1 FROM pg_catalog.pg_type y WHERE y.oid = " t ".reltype " \
	       "AND y.xmin::text::bigint = " NOW ")"

static int run_statement(struct ev_pg *s, struct ev_slice text, size_t *at, struct ev_error *err)
{
	char *sql = ev_slice_dup(text);
	PGresult *res = PQexecParams(s->conn, sql, 0, NULL, NULL, NULL, NULL, 0);
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	ExecStatusType status = PQresultStatus(res);
	int rc = 0;

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY) {
		rc = ev_pg_error(s, res, false, err);
		*at = ev_pg_error_at(res, sql);
		if (state && err->class == EV_STORE && !err->retriable && strncmp(state, "25", 2) &&
		    strncmp(state, "5", 1)) {
			const char *why = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
			bool denied = !strcmp(state, "42501") && strstr(why, "schema");

			ev_fail(err, denied ? EV_STORE : EV_USAGE, "%s", why);
			if (denied)
				ev_hint(err, "the role needs CREATE on schema %s", s->schema);
		}
	}
	PQclear(res);
	free(sql);
	return rc;
}

/* The name that a CREATE gives, appended; nothing where we do not see one. */
static void find_created(struct ev_slice text, struct ev_buf *name)
{
	static const char *const skipped[] = { "concurrently", "if", "not", "exists" };
	char *sql = ev_slice_dup(text);
	size_t n, i, k = 0;
	struct ev_token *t = ev_sql_tokens(sql, &n);

	for (i = 0; i < n && !ev_token_is(t[i], "table") && !ev_token_is(t[i], "view") &&
		    !ev_token_is(t[i], "index"); i++)
		;
	for (i++; i < n && k < sizeof(skipped) / sizeof(*skipped);)
		if (ev_token_is(t[i], skipped[k++]))
			i++;
	if (i < n && i <= 9 && ev_token_is(t[0], "create") && !ev_token_is(t[i], "on"))
		ev_sql_name(t[i], name);
	free(t);
	free(sql);
}

/* What is there already is another's, also behind IF NOT EXISTS. */
static int check_new(struct ev_pg *s, struct ev_slice text, struct ev_error *err)
{
	static const char sql[] = "SELECT c.relkind IN ('r', 'p', 'v', 'm', 'f') FROM pg_catalog.pg_class c "
				  "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
				  "WHERE n.nspname = $1 AND c.relname = $2";
	struct ev_buf name = EV_BUF_INIT;
	const char *values[] = { s->schema, NULL };
	PGresult *res;
	int rc = 0;

	find_created(text, &name);
	values[1] = ev_buf_str(&name);
	res = ev_pg_ask(s, sql, 2, values, err);
	if (!res)
		rc = -1;
	else if (PQntuples(res) && PQgetvalue(res, 0, 0)[0] != 't')
		rc = ev_fail(err, EV_USAGE, "'%s' exists already", values[1]);
	else if (PQntuples(res)) {
		rc = ev_fail(err, EV_USAGE, "table '%s' exists already, and no ledger of this "
			     "projection owns it", values[1]);
		ev_hint(err, "%s", EV_HINT_ADOPT);
	}
	PQclear(res);
	ev_buf_release(&name);
	return rc;
}

/* What a literal meant is not to be seen in the catalogue any more: 'now' has become a moment. */
static int check_text(struct ev_pg *s, struct ev_slice text, size_t *at, struct ev_error *err)
{
	char *sql = ev_slice_dup(text);
	size_t n;
	struct ev_token *t = ev_sql_tokens(sql, &n);
	int rc = n && ev_token_is(t[0], "comment") ? 0 : ev_pg_check_words(s, sql, at, err);

	free(t);
	free(sql);
	return rc;
}

/* One statement up to its `;`: its length with it, and where its first word is. */
static size_t statement_length(const char *sql, size_t *start)
{
	struct ev_lexer lx = { .at = sql, .end = sql + strlen(sql) };
	struct ev_token t;

	*start = SIZE_MAX;
	while ((t = ev_sql_next(&lx)).kind != EV_TOKEN_END && !ev_token_is(t, ";"))
		if (t.kind != EV_TOKEN_SPACE && *start == SIZE_MAX)
			*start = (size_t)(t.text.ptr - sql);
	return (size_t)(lx.at - sql);
}

static int run_statements(struct ev_pg *s, const char *sql, size_t *at, struct ev_error *err)
{
	const char *rest = sql;
	size_t start, n, in;

	for (; *rest; rest += n) {
		n = statement_length(rest, &start);
		if (start == SIZE_MAX)
			continue;
		in = SIZE_MAX;
		if (check_new(s, ev_slice(rest + start, n - start), err) < 0 ||
		    check_text(s, ev_slice(rest + start, n - start), &in, err) < 0 ||
		    run_statement(s, ev_slice(rest + start, n - start), &in, err) < 0) {
			*at = (size_t)(rest - sql) + start + (in == SIZE_MAX ? 0 : in);
			return -1;
		}
	}
	return 0;
}

struct finding {
	const char *sql;  /* rows are faults: the first column names them */
	const char *what; /* with %s for the name */
};

/* In this order: the first that has a row is the message. */
static const struct finding findings[] = {
	{ "SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relkind = 'S' AND " MADE,
	  "'%s': sequences, serial and identity columns are not allowed: their numbers depend on the past" },
	{ "SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relpersistence <> 'p' AND " MADE,
	  "'%s': temporary and unlogged tables are not allowed" },
	{ "SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relkind NOT IN ('r', 'i', 'v', 't') AND " MADE,
	  "'%s': a schema only creates plain tables, indexes and views" },
	{ "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
	  "ON n.oid = c.relnamespace WHERE n.nspname NOT IN ($1, 'pg_toast') AND " MADE,
	  "'%s' is not in the store's schema: name tables plainly" },
	{ "SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'v') "
	  "AND left(c.relname, 3) = 'ev_' AND " MADE,
	  "'%s': names that begin with ev_ are evtools' own" },
	{ "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid "
	  "WHERE " MADE, "'%s' inherits from another table" },
	/* an index or a comment on what is another's: the other's row was not made here */
	{ "SELECT t.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid "
	  "JOIN pg_catalog.pg_class t ON t.oid = i.indrelid WHERE t.relkind <> 't' AND " OLD("t")
	  " AND " MADE,
	  "table '%s' is not of this projection" },
	{ "SELECT f.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid "
	  "JOIN pg_catalog.pg_class f ON f.oid = k.confrelid WHERE k.contype = 'f' AND " OLD("f")
	  " AND " MADE,
	  "table '%s' is not of this projection: a foreign key to it would tie the one to the other" },
	{ "SELECT k.conname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid "
	  "WHERE k.condeferred AND " MADE,
	  "constraint '%s': INITIALLY DEFERRED is not allowed: the record that breaks the constraint must be "
	  "the one that fails" },
	/* CREATE TABLE AS reads what is there today */
	{ "SELECT t.relname FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class t ON t.oid = l.relation "
	  "JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace WHERE l.pid = "
	  "pg_catalog.pg_backend_pid() "
	  "AND l.locktype = 'relation' AND t.relkind IN ('r', 'p', 'm', 'f') AND n.nspname <> 'pg_catalog' "
	  "AND left(t.relname, 3) <> 'ev_' AND " OLD("t"),
	  "table '%s' is not of this projection" },
};

static int look_for(struct ev_pg *s, const struct finding *f, struct ev_error *err)
{
	const char *values[] = { s->schema };
	PGresult *res = ev_pg_ask(s, f->sql, strstr(f->sql, "$1") != NULL, values, err);
	char text[512];
	int rc = res ? 0 : -1;

	if (res && PQntuples(res)) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(text, sizeof(text), f->what, PQgetvalue(res, 0, 0));
#pragma GCC diagnostic pop
		rc = ev_fail(err, EV_USAGE, "%s", text);
	}
	PQclear(res);
	return rc;
}

/* Defaults and CHECKs may call functions: the same rules as for handlers. */
static int check_expressions(struct ev_pg *s, struct ev_error *err)
{
	static const char sql[] =
		"SELECT c.relname || '.' || a.attname, pg_catalog.pg_get_expr(d.adbin, d.adrelid) "
		"FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid "
		"JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE " MADE
		" UNION ALL SELECT k.conname, pg_catalog.pg_get_constraintdef(k.oid) "
		"FROM pg_catalog.pg_class c JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid "
		"WHERE k.contype = 'c' AND " MADE;
	PGresult *res = ev_pg_ask(s, sql, 0, NULL, err);
	int rc = res ? 0 : -1;
	size_t at;

	for (int i = 0; res && i < PQntuples(res) && rc == 0; i++) {
		rc = ev_pg_check_words(s, PQgetvalue(res, i, 1), &at, err);
		if (rc < 0)
			ev_context(err, "%s", PQgetvalue(res, i, 0));
	}
	PQclear(res);
	return rc;
}

static int take_names(struct ev_pg *s, struct ev_buf *tables, struct ev_error *err)
{
	PGresult *res = ev_pg_ask(s, "SELECT c.relname FROM pg_catalog.pg_class c "
				     "WHERE c.relkind IN ('r', 'v') AND " MADE " ORDER BY "
				     "c.oid", 0, NULL, err);

	for (int i = 0; res && i < PQntuples(res); i++) {
		const char *name = PQgetvalue(res, i, 0);
		const char *p = ev_buf_str(tables), *end = p + tables->len;

		while (p < end && strcmp(p, name) != 0)
			p += strlen(p) + 1;
		if (p >= end)
			ev_buf_add(tables, name, strlen(name) + 1);
	}
	PQclear(res);
	return res ? 0 : -1;
}

int ev_pg_schema(struct ev_store *store, const char *sql, struct ev_buf *tables, size_t *at,
		 struct ev_error *err)
{
	struct ev_pg *s = ev_pg_of(store);
	int rc;

	*at = SIZE_MAX;
	if (ev_pg_sync(store, err) < 0)
		return -1;
	rc = run_statements(s, sql, at, err);
	for (size_t i = 0; rc == 0 && i < sizeof(findings) / sizeof(*findings); i++)
		rc = look_for(s, &findings[i], err);
	if (rc == 0)
		rc = check_expressions(s, err);
	return rc == 0 ? take_names(s, tables, err) : -1;
}
