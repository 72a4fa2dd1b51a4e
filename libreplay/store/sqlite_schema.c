/* sqlite_schema.c - the projection's DDL */
#include <stdint.h>
#include <stdio.h>

#include "projection/sql.h"
#include "store/sqlite_internal.h"

static int add_name(void *ctx, int n, char **cells, char **names)
{
	(void)n;
	(void)names;
	ev_buf_add(ctx, cells[0], strlen(cells[0]) + 1);
	return 0;
}

size_t ev_sqlite_error_at(struct ev_sqlite *s)
{
#if SQLITE_VERSION_NUMBER >= 3038000
	int at = sqlite3_error_offset(s->db);

	return at >= 0 ? (size_t)at : SIZE_MAX;
#else
	(void)s;
	return SIZE_MAX;
#endif
}

struct statement {
	size_t start, len; /* of its first word; of all, with the `;` */
	const char *why;   /* it is refused; NULL: not yet */
	size_t at;         /* the word that it is refused for */
	bool skip;         /* COMMENT ON, which SQLite lacks */
};

/* One statement, up to its `;`, and what in it no authorizer is told of. */
static struct statement look(const char *sql)
{
	struct ev_lexer lx = { .at = sql, .end = sql + strlen(sql) };
	struct ev_token t, last = { 0 };
	struct statement st = { 0 };

	while ((t = ev_sql_next(&lx)).kind != EV_TOKEN_END && !ev_token_is(t, ";")) {
		const char *fault = NULL;

		if (t.kind == EV_TOKEN_SPACE)
			continue;
		if (!last.kind)
			st.start = (size_t)(t.text.ptr - sql);
		if (!last.kind && ev_token_is(t, "COMMENT"))
			st.skip = true;
		else if (!last.kind && !ev_token_is(t, "CREATE"))
			fault = "a schema only creates tables, indexes and views";
		else if (ev_sqlite_is_guard(t.text))
			fault = EV_GUARD_TAKEN;
		else if (ev_token_is(t, "AUTOINCREMENT"))
			fault = "AUTOINCREMENT is not allowed: its numbers depend on the past";
		else if (ev_token_is(t, "ROLLBACK") && ev_token_is(last, "CONFLICT"))
			fault = "ON CONFLICT ROLLBACK is not allowed: a poison record must leave the "
				"others as they are";
		else if (ev_token_is(t, "DEFERRED") && ev_token_is(last, "INITIALLY"))
			fault = "INITIALLY DEFERRED is not allowed: the record that breaks the "
				"constraint must be the one that fails";
		if (fault && !st.why) {
			st.why = fault;
			st.at = (size_t)(t.text.ptr - sql);
		}
		last = t;
	}
	st.len = (size_t)(lx.at - sql);
	return st;
}

/* A row of pragma_table_xinfo: table, column, default. The default must be the same at every rebuild. */
static int check_default(void *ctx, int n, char **cells, char **names)
{
	struct ev_sqlite *s = ctx;
	struct ev_buf sql = EV_BUF_INIT, none = EV_BUF_INIT;
	char why[128] = "";
	sqlite3_stmt *stmt = NULL;

	(void)n;
	(void)names;
	ev_buf_addf(&sql, "SELECT (%s)", cells[2]);
	s->refused[0] = '\0';
	s->tables = s->reads = &none;
	s->auth = EV_AUTH_HANDLER;
	/* one that does not compile is a bare word, which is a text in this place alone */
	if (sqlite3_prepare_v2(s->db, ev_buf_str(&sql), -1, &stmt, NULL) != SQLITE_OK)
		snprintf(why, sizeof(why), "%s", s->refused);
	else if (sqlite3_step(stmt) != SQLITE_ROW)
		snprintf(why, sizeof(why), "%s", sqlite3_errmsg(s->db));
	s->auth = EV_AUTH_OURS;
	sqlite3_finalize(stmt);
	ev_buf_release(&sql);
	s->refused[0] = '\0';
	if (why[0])
		snprintf(s->refused, sizeof(s->refused), "default of %.60s.%.60s: %s", cells[0], cells[1],
			 why);
	return why[0] != '\0';
}

/* The tables that were created from byte `from` of the list on. */
static int check_defaults(struct ev_sqlite *s, size_t from, struct ev_error *err)
{
	static const char sql[] = "SELECT %Q, name, dflt_value FROM pragma_table_xinfo(%Q) "
				  "WHERE dflt_value IS NOT NULL";
	int rc = SQLITE_OK;

	for (; from < s->created->len && rc == SQLITE_OK; from += strlen(s->created->data + from) + 1) {
		const char *table = s->created->data + from;
		char *text = sqlite3_mprintf(sql, table, table);

		s->auth = EV_AUTH_OURS;
		s->refused[0] = '\0';
		rc = text ? sqlite3_exec(s->db, text, check_default, s, NULL) : SQLITE_NOMEM;
		sqlite3_free(text);
	}
	s->auth = EV_AUTH_SCHEMA;
	if (rc == SQLITE_ABORT && s->refused[0])
		return ev_fail(err, EV_USAGE, "%s", s->refused);
	return rc == SQLITE_OK ? 0 : ev_sqlite_error(s, rc, false, err);
}

/* One statement; *at is set to its byte that a fault points to, where SQLite says. */
static int run_statement(struct ev_sqlite *s, const char *sql, size_t len, size_t *at,
			 struct ev_error *err)
{
	size_t created = s->created->len, fault;
	sqlite3_stmt *stmt = NULL;
	int rc;

	s->taken = false;
	rc = sqlite3_prepare_v2(s->db, sql, (int)len, &stmt, NULL);
	if (rc != SQLITE_OK && (fault = ev_sqlite_error_at(s)) != SIZE_MAX)
		*at = fault;
	if (rc != SQLITE_OK && s->refused[0]) {
		ev_fail(err, EV_USAGE, "%s", s->refused);
		return s->taken ? ev_hint(err, "%s", EV_HINT_ADOPT) : -1;
	}
	if (rc == SQLITE_OK)
		rc = stmt ? sqlite3_step(stmt) : SQLITE_DONE;
	sqlite3_finalize(stmt);
	if (rc == SQLITE_DONE)
		return check_defaults(s, created, err);
	if (ev_sqlite_error(s, rc, true, err) < 0 && err->class == EV_DATA)
		err->class = EV_USAGE;
	return -1;
}

static int check_reference(void *ctx, int n, char **cells, char **names)
{
	struct ev_sqlite *s = ctx;

	(void)n;
	(void)names;
	if (ev_buf_lists(s->created, cells[0], false))
		return 0;
	snprintf(s->refused, sizeof(s->refused), "table '%.100s' is not of this projection: a foreign key "
		 "to it would tie the one to the other", cells[0]);
	return 1;
}

/* Once all tables are there, as a key may point to one that comes later. */
static int check_references(struct ev_sqlite *s, struct ev_error *err)
{
	const char *t = ev_buf_str(s->created), *end = t + s->created->len;
	int rc = SQLITE_OK;

	s->auth = EV_AUTH_OURS;
	for (; t < end && rc == SQLITE_OK; t += strlen(t) + 1) {
		char *text = sqlite3_mprintf("SELECT \"table\" FROM pragma_foreign_key_list(%Q)", t);

		s->refused[0] = '\0';
		rc = text ? sqlite3_exec(s->db, text, check_reference, s, NULL) : SQLITE_NOMEM;
		sqlite3_free(text);
	}
	if (rc == SQLITE_ABORT && s->refused[0])
		return ev_fail(err, EV_USAGE, "%s", s->refused);
	return rc == SQLITE_OK ? 0 : ev_sqlite_error(s, rc, false, err);
}

static int run_statements(struct ev_sqlite *s, const char *sql, size_t *at, struct ev_error *err)
{
	const char *rest = sql;

	if (ev_sqlite_check_clock(sql, at, err) < 0)
		return -1;
	while (*rest) {
		struct statement st = look(rest);
		size_t in = st.why ? st.at : st.start;

		if (st.why)
			ev_fail(err, EV_USAGE, "%s", st.why);
		if (st.why || (!st.skip && run_statement(s, rest, st.len, &in, err) < 0)) {
			*at = (size_t)(rest - sql) + in;
			return -1;
		}
		rest += st.len;
	}
	*at = SIZE_MAX;
	return check_references(s, err);
}

int ev_sqlite_schema(struct ev_store *store, const char *sql, struct ev_buf *tables, size_t *at,
		     struct ev_error *err)
{
	struct ev_sqlite *s = ev_sqlite_of(store);
	struct ev_buf existing = EV_BUF_INIT;
	int rc = sqlite3_exec(s->db, "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')",
			      add_name, &existing, NULL);

	*at = SIZE_MAX;
	if (rc != SQLITE_OK) {
		ev_buf_release(&existing);
		return ev_sqlite_error(s, rc, false, err);
	}
	s->auth = EV_AUTH_SCHEMA;
	s->existing = &existing;
	s->created = tables;
	s->refused[0] = '\0';
	rc = run_statements(s, sql, at, err);
	s->auth = EV_AUTH_OURS;
	ev_buf_release(&existing);
	return rc;
}
