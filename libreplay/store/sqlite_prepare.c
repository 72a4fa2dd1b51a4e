/* sqlite_prepare.c - statements of ours and of a projection, compiled under the authorizer */
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "projection/sql.h"
#include "store/sqlite_internal.h"

/* What no authorizer is told of a projection's statement. */
static int check_words(const char *sql, size_t *at, struct ev_error *err)
{
	struct ev_lexer lx = { .at = sql, .end = sql + strlen(sql) };
	struct ev_token t, last[2] = { { 0 } };
	bool ended = false; /* by a `;` */

	while ((t = ev_sql_next(&lx)).kind != EV_TOKEN_END) {
		if (t.kind == EV_TOKEN_SPACE)
			continue;
		*at = (size_t)(t.text.ptr - sql);
		if (ended && !ev_token_is(t, ";"))
			return ev_fail(err, EV_USAGE, "more than one statement");
		/* the authorizer is not even asked about these */
		if (!last[1].kind && (ev_token_is(t, "EXPLAIN") || ev_token_is(t, "VACUUM")))
			return ev_fail(err, EV_USAGE, "%.*s is no statement of a projection",
				       (int)t.text.len, t.text.ptr);
		/* it would end our transaction, not only the statement */
		if (ev_token_is(t, "ROLLBACK") && ev_token_is(last[1], "OR") &&
		    (ev_token_is(last[0], "INSERT") || ev_token_is(last[0], "UPDATE")))
			return ev_fail(err, EV_USAGE, "OR ROLLBACK is not allowed: a poison record "
				       "must leave the others as they are");
		if (ev_sqlite_is_guard(t.text))
			return ev_fail(err, EV_USAGE, "%s", EV_GUARD_TAKEN);
		if (ev_token_is(t, ";")) {
			ended = true;
			continue;
		}
		last[0] = last[1];
		last[1] = t;
	}
	*at = SIZE_MAX;
	return last[1].kind ? 0 : ev_fail(err, EV_USAGE, "there is no statement");
}

/* Names that were read without a column: fine when they are no tables, but names of a WITH. */
static int check_unsure(struct ev_sqlite *s, struct ev_error *err)
{
	const char *p = ev_buf_str(&s->unsure), *end = p + s->unsure.len;

	for (; p < end; p += strlen(p) + 1) {
		int there = ev_sqlite_has_table(&s->base, p, err);

		if (there)
			return there < 0 ? -1 : ev_fail(err, EV_USAGE, "table '%s' is not of this "
							"projection (declare it with @reads)", p);
	}
	return 0;
}

static int add_name(void *ctx, int n, char **cells, char **names)
{
	(void)n;
	(void)names;
	ev_buf_add(ctx, cells[0], strlen(cells[0]) + 1);
	return 0;
}

static int compile(struct ev_sqlite *s, const char *sql, enum ev_auth auth, sqlite3_stmt **stmt,
		   size_t *at, struct ev_error *err)
{
	int rc = SQLITE_OK;

	ev_buf_clear(&s->triggers);
	if (auth == EV_AUTH_HANDLER)
		rc = sqlite3_exec(s->db, "SELECT name FROM main.sqlite_schema WHERE type = 'trigger'", add_name,
				  &s->triggers, NULL);
	if (rc != SQLITE_OK)
		return ev_sqlite_error(s, rc, false, err);
	s->auth = auth;
	s->refused[0] = '\0';
	ev_buf_clear(&s->unsure);
	rc = sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
	s->auth = EV_AUTH_OURS;
	if (rc == SQLITE_OK)
		return check_unsure(s, err);
	*at = s->refused[0] ? SIZE_MAX : ev_sqlite_error_at(s);
	ev_sqlite_error(s, rc, false, err);
	if (s->refused[0])
		ev_fail(err, EV_USAGE, "%s", s->refused);
	else if ((rc & 0xff) == SQLITE_ERROR || (rc & 0xff) == SQLITE_TOOBIG)
		ev_fail(err, EV_USAGE, "%s", sqlite3_errmsg(s->db));
	return -1;
}

struct ev_query *ev_sqlite_prepare(struct ev_store *store, const char *sql, bool handler,
				   const struct ev_buf *tables, const struct ev_buf *reads,
				   size_t *at, struct ev_error *err)
{
	struct ev_sqlite *s = ev_sqlite_of(store);
	sqlite3_stmt *stmt = NULL;
	struct ev_query *q;

	*at = SIZE_MAX;
	s->tables = tables;
	s->reads = reads;
	if ((handler && (check_words(sql, at, err) < 0 || ev_sqlite_check_clock(sql, at, err) < 0)) ||
	    compile(s, sql, !handler ? EV_AUTH_OURS : tables ? EV_AUTH_HANDLER : EV_AUTH_QUERY, &stmt,
		    at, err) < 0) {
		sqlite3_finalize(stmt);
		return NULL;
	}
	q = ev_alloc(sizeof(*q));
	q->stmt = stmt;
	q->handler = handler;
	if (handler && tables)
		q->texts = ev_sqlite_text_params(s, sql, sqlite3_bind_parameter_count(stmt));
	return q;
}

void ev_sqlite_blame(struct ev_query *q)
{
	q->handler = true;
}

void ev_sqlite_finish(struct ev_store *store, struct ev_query *q)
{
	(void)store;
	if (q) {
		sqlite3_finalize(q->stmt);
		free(q->texts);
	}
	free(q);
}
