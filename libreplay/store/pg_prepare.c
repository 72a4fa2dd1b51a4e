/*
 * pg_prepare.c - statements of ours and of a projection, compiled by the server
 *
 * PostgreSQL has no authorizer. What a statement reads and writes is seen by the locks that its
 * analysis takes: it is prepared under a savepoint, pg_locks is read, and the savepoint rolled back,
 * which gives the locks up and keeps the prepared statement. Which functions it calls is seen by its
 * words: a name before a bracket that pg_proc knows under a volatility that is not immutable is
 * refused, but for a list of stable ones that depend on nothing but the settings that we pin.
 */
#include <ctype.h>
#include <inttypes.h>
#include <strings.h>
#include <stdio.h>

#include "base/mem.h"
#include "projection/ddl.h"
#include "projection/sql.h"
#include "store/pg_internal.h"

/* Stable, and the same at every rebuild, since TimeZone, DateStyle and the like are pinned. */
static const char *const safe_functions[] = {
	"array_append", "array_cat", "array_prepend", "array_to_json", "array_to_string",
	"concat", "concat_ws", "convert", "convert_from", "convert_to", "date", "date_add",
	"date_bin", "date_part", "date_subtract", "date_trunc", "extract", "format",
	"generate_series", "json_agg", "json_build_array", "json_build_object", "json_object_agg",
	"json_populate_record", "json_populate_recordset", "json_to_record", "json_to_recordset",
	"jsonb_agg", "jsonb_build_array", "jsonb_build_object", "jsonb_object_agg",
	"jsonb_path_exists_tz", "jsonb_path_match_tz", "jsonb_path_query_array_tz",
	"jsonb_path_query_first_tz", "jsonb_path_query_tz", "jsonb_populate_record",
	"jsonb_populate_recordset", "jsonb_to_record", "jsonb_to_recordset", "length",
	"make_timestamptz", "numeric", "overlaps", "quote_literal", "quote_nullable",
	"row_to_json", "string_to_array", "time", "timestamp", "timestamptz", "timetz",
	"timezone", "to_char", "to_date", "to_json", "to_jsonb", "to_number", "to_timestamp",
	NULL,
};

static const char *const refused_words[] = {
	"current_user", "session_user", "current_role", "current_catalog", "current_schema", "user",
	"current_timestamp", "current_date", "current_time", "localtime", "localtimestamp", NULL,
};

static bool is_any(struct ev_slice word, const char *const *list)
{
	for (; *list; list++)
		if (word.len == strlen(*list) && strncasecmp(word.ptr, *list, word.len) == 0)
			return true;
	return false;
}

/* 'now' and its like: as a date literal they mean another day at every rebuild. */
static bool is_date_word(struct ev_slice literal)
{
	static const char *const words[] = { "now", "today", "tomorrow", "yesterday", NULL };
	size_t from = 1, to = literal.len - 1;

	while (from < to && isspace((unsigned char)literal.ptr[from]))
		from++;
	while (to > from && isspace((unsigned char)literal.ptr[to - 1]))
		to--;
	return literal.len >= 2 && literal.ptr[0] == '\'' &&
	       is_any(ev_slice(literal.ptr + from, to - from), words);
}

static bool is_catalogue(struct ev_token t)
{
	struct ev_buf name = EV_BUF_INIT;
	bool is;

	ev_sql_name(t, &name);
	is = strncmp(ev_buf_str(&name), "pg_", 3) == 0 ||
	     strcmp(ev_buf_str(&name), "information_schema") == 0;
	ev_buf_release(&name);
	return is;
}

/* Is a function of this name anything but immutable? */
static int check_function(struct ev_pg *s, struct ev_token t, struct ev_error *err)
{
	static const char sql[] = "SELECT max(CASE provolatile WHEN 'v' THEN 2 WHEN 's' THEN 1 ELSE 0 END) "
				  "FROM pg_catalog.pg_proc WHERE proname = $1";
	struct ev_buf name = EV_BUF_INIT;
	const char *values[1];
	PGresult *res;
	int rc = 0, worst;

	ev_sql_name(t, &name);
	values[0] = ev_buf_str(&name);
	res = ev_pg_ask(s, sql, 1, values, err);
	worst = res && !PQgetisnull(res, 0, 0) ? PQgetvalue(res, 0, 0)[0] - '0' : 0;
	if (!res)
		rc = -1;
	else if (worst == 2 || (worst == 1 && !is_any(ev_buf_slice(&name), safe_functions)))
		rc = ev_fail(err, EV_USAGE, "function %s() is not allowed: its answer can differ at every "
			     "rebuild", values[0]);
	PQclear(res);
	ev_buf_release(&name);
	return rc;
}

static int check_word(struct ev_pg *s, struct ev_token before, struct ev_token t, struct ev_token after,
		      struct ev_error *err)
{
	if (t.kind == EV_TOKEN_STRING && is_date_word(t.text)) {
		ev_fail(err, EV_USAGE, "%.*s is not allowed: as a date it differs at every rebuild",
			(int)t.text.len, t.text.ptr);
		return ev_hint(err, "if it is a plain word to you, spell it otherwise");
	}
	if (t.kind != EV_TOKEN_WORD && t.kind != EV_TOKEN_QUOTED)
		return 0;
	if (is_catalogue(t))
		return ev_fail(err, EV_USAGE, "%.*s is not allowed: the catalogue is not a projection's to "
			       "read", (int)t.text.len, t.text.ptr);
	if (t.kind == EV_TOKEN_WORD && !ev_token_is(before, ".") && is_any(t.text, refused_words))
		return ev_fail(err, EV_USAGE, "%.*s is not allowed: its answer can differ at every rebuild",
			       (int)t.text.len, t.text.ptr);
	if (!ev_token_is(after, "(") || ev_token_is(before, "into") || ev_token_is(before, "table") ||
	    ev_token_is(before, "references"))
		return 0;
	return check_function(s, t, err);
}

int ev_pg_check_words(struct ev_pg *s, const char *sql, size_t *at, struct ev_error *err)
{
	struct ev_lexer lx = { .at = sql, .end = sql + strlen(sql) };
	struct ev_token before = { 0 }, t = { 0 }, next;

	do {
		do
			next = ev_sql_next(&lx);
		while (next.kind == EV_TOKEN_SPACE);
		if (t.text.ptr && check_word(s, before, t, next, err) < 0) {
			*at = (size_t)(t.text.ptr - sql);
			return -1;
		}
		before = t;
		t = next;
	} while (t.kind != EV_TOKEN_END);
	return 0;
}

/* The locks that the transaction holds already, as the text of an array; PQclear *res. */
static const char *locks_before(struct ev_pg *s, PGresult **res, struct ev_error *err)
{
	*res = ev_pg_ask(s, "SELECT coalesce(array_agg(relation || mode), '{}')::text "
			    "FROM pg_catalog.pg_locks WHERE pid = pg_catalog.pg_backend_pid() "
			    "AND locktype = 'relation'", 0, NULL, err);
	return *res ? PQgetvalue(*res, 0, 0) : NULL;
}

/* What the statement just prepared may touch, by the locks that it took beside those of `before`. */
static int check_relations(struct ev_pg *s, const char *before, const struct ev_buf *tables,
			   const struct ev_buf *reads, struct ev_error *err)
{
	static const char sql[] =
		"SELECT c.relname, n.nspname = $1, l.mode = 'AccessShareLock', c.relkind "
		"FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation "
		"JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
		"WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' "
		"AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = "
		"current_database()) "
		"AND n.nspname NOT IN ('pg_catalog', 'pg_toast') "
		"AND l.relation || l.mode <> ALL ($2::text[])";
	const char *values[] = { s->schema, before };
	PGresult *res = ev_pg_ask(s, sql, 2, values, err);
	int rc = res ? 0 : -1;

	for (int i = 0; res && i < PQntuples(res) && rc == 0; i++) {
		const char *name = PQgetvalue(res, i, 0), *kind = PQgetvalue(res, i, 3);
		bool here = PQgetvalue(res, i, 1)[0] == 't', read = PQgetvalue(res, i, 2)[0] == 't';

		if (*kind == 'i' || *kind == 'v')
			continue; /* a view's tables are in the list themselves */
		if (strncmp(name, "ev_", 3) == 0)
			rc = ev_fail(err, EV_USAGE, "table '%s' is evtools' own", name);
		else if (!tables && !read)
			rc = ev_fail(err, EV_USAGE, "a check or sample only reads, table '%s' would be "
				     "written", name);
		else if (tables && !(here && ev_buf_lists(tables, name, true)) &&
			 !(read && ev_buf_lists(reads, name, true)))
			rc = read ? ev_fail(err, EV_USAGE, "table '%s' is not of this projection (declare "
					    "it with @reads)", name)
				  : ev_fail(err, EV_USAGE, "table '%s' is not of this projection", name);
	}
	PQclear(res);
	return rc;
}

/* `?N` of our own statements as PostgreSQL's `$N`. */
static char *render(const char *sql)
{
	char *copy = ev_strdup(sql);

	for (char *p = copy; *p; p++)
		if (*p == '?' && isdigit((unsigned char)p[1]))
			*p = '$';
	return copy;
}

/* Another name each time: a session of a pooler may have the statement from before. */
static void name_query(struct ev_pg *s, struct ev_query *q)
{
	snprintf(q->name, sizeof(q->name), "ev_%" PRIu64, ++s->names);
}

static int describe(struct ev_pg *s, struct ev_query *q, struct ev_error *err)
{
	PGresult *res = PQdescribePrepared(s->conn, q->name);
	bool first = !q->params;

	if (PQresultStatus(res) != PGRES_COMMAND_OK) {
		ev_pg_error(s, res, false, err);
		PQclear(res);
		return -1;
	}
	q->nparams = (size_t)PQnparams(res);
	if (first) {
		q->ncolumns = (size_t)PQnfields(res);
		q->params = ev_alloc((q->nparams + 1) * sizeof(*q->params));
		q->elements = ev_alloc((q->nparams + 1) * sizeof(*q->elements));
		q->columns = ev_alloc((q->ncolumns + 1) * sizeof(*q->columns));
		q->labels = ev_alloc((q->nparams + 1) * sizeof(*q->labels));
		for (size_t i = 0; i < q->ncolumns; i++)
			q->columns[i] = ev_strdup(PQfname(res, (int)i));
	}
	for (size_t i = 0; i < q->nparams; i++)
		q->params[i] = PQparamtype(res, (int)i);
	PQclear(res);
	return 0;
}

/* Which parameters are arrays, and of what. */
static int find_elements(struct ev_pg *s, struct ev_query *q, struct ev_error *err)
{
	for (size_t i = 0; i < q->nparams; i++) {
		char oid[16];
		const char *values[] = { oid };
		PGresult *res;

		snprintf(oid, sizeof(oid), "%u", q->params[i]);
		res = ev_pg_ask(s, "SELECT typelem FROM pg_catalog.pg_type WHERE oid = $1::oid AND "
				"typcategory = 'A'", 1, values, err);
		if (!res)
			return -1;
		if (PQntuples(res))
			q->elements[i] = (Oid)strtoul(PQgetvalue(res, 0, 0), NULL, 10);
		PQclear(res);
	}
	return 0;
}

/* Faults of a statement's text: the projection's to mend, unless the connection is at fault. */
static int compile_error(struct ev_pg *s, const PGresult *res, const char *sql, size_t *at,
			 struct ev_error *err)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *hint = PQresultErrorField(res, PG_DIAG_MESSAGE_HINT);
	const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

	ev_pg_error(s, res, false, err);
	*at = ev_pg_error_at(res, sql);
	/* 42: syntax, names, types, rights; 0A: not supported; 22: a literal in it; 26: our own name */
	if (!state || (strncmp(state, "42", 2) && strncmp(state, "0A", 2) && strncmp(state, "22", 2)))
		return -1;
	ev_fail(err, EV_USAGE, "%s", text ? text : "the server refuses it");
	if (!strcmp(state, "42P18") || !strcmp(state, "42P08"))
		return ev_hint(err, "say which type is meant by a cast, as in $.total::numeric");
	return hint ? ev_hint(err, "%.*s", (int)strcspn(hint, "\n"), hint) : -1;
}

/* Does the statement ask nothing of $n but whether it IS [NOT] NULL? */
static bool asks_nullness(const char *sql, size_t n)
{
	size_t count, asked = 0, all = 0;
	struct ev_token *t = ev_sql_tokens(sql, &count);

	for (size_t i = 0; i < count; i++) {
		if (t[i].kind != EV_TOKEN_PARAM || strtoul(t[i].text.ptr + 1, NULL, 10) != n)
			continue;
		all++;
		asked += i + 2 < count && ev_token_is(t[i + 1], "is") &&
			 (ev_token_is(t[i + 2], "null") ||
			  (i + 3 < count && ev_token_is(t[i + 2], "not") && ev_token_is(t[i + 3], "null")));
	}
	free(t);
	return all && asked == all;
}

/* "could not determine data type of parameter $4": is it one of those, and now marked? */
static bool mark_nullness(struct ev_query *q, const PGresult *res)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
	const char *dollar = text ? strchr(text, '$') : NULL;
	size_t n = dollar ? strtoul(dollar + 1, NULL, 10) : 0;

	if (!state || strcmp(state, "42P18") != 0 || !n || n > UINT16_MAX || !asks_nullness(q->sql, n) ||
	    (n <= q->nnullness && q->nullness[n - 1]))
		return false;
	if (n > q->nnullness) {
		q->nullness = ev_realloc_n(q->nullness, n, sizeof(*q->nullness));
		memset(q->nullness + q->nnullness, 0, (n - q->nnullness) * sizeof(*q->nullness));
		q->nnullness = n;
	}
	q->nullness[n - 1] = true;
	return true;
}

static PGresult *try_prepare(struct ev_pg *s, const struct ev_query *q)
{
	Oid *types = ev_alloc((q->nnullness + 1) * sizeof(*types));
	PGresult *res;

	for (size_t i = 0; i < q->nnullness; i++)
		types[i] = q->nullness[i] ? EV_PG_TEXT : 0;
	res = PQprepare(s->conn, q->name, q->sql, (int)q->nnullness, types);
	free(types);
	return res;
}

/* Each further try is behind a savepoint of the caller's, as what failed has spoilt the transaction. */
static int compile(struct ev_pg *s, struct ev_query *q, size_t *at, struct ev_error *err)
{
	PGresult *res = try_prepare(s, q);
	int rc = 0;

	while (q->handler && PQresultStatus(res) != PGRES_COMMAND_OK && mark_nullness(q, res)) {
		PQclear(res);
		if (ev_pg_exec(s, "ROLLBACK TO SAVEPOINT ev_prepare", err) < 0)
			return -1;
		res = try_prepare(s, q);
	}
	if (PQresultStatus(res) != PGRES_COMMAND_OK)
		rc = compile_error(s, res, q->sql, at, err);
	PQclear(res);
	if (rc == 0)
		q->epoch = s->epoch;
	return rc == 0 ? describe(s, q, err) : -1;
}

/*
 * What the server finds when it makes a plan, and not before: ON CONFLICT without a unique index, a right that is
 * wanting. The plan is that for any values. A pooler may call the statement otherwise: then it is not looked at.
 */
static int plan(struct ev_pg *s, const struct ev_query *q, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	size_t ignored;
	PGresult *res;
	int rc = 0;

	ev_buf_addf(&sql, "EXPLAIN EXECUTE %s", q->name);
	for (size_t i = 0; i < q->nparams; i++)
		ev_buf_adds(&sql, i ? ", NULL" : "(NULL");
	if (q->nparams)
		ev_buf_addc(&sql, ')');
	res = PQexec(s->conn, ev_buf_str(&sql));
	if (PQresultStatus(res) != PGRES_TUPLES_OK && compile_error(s, res, q->sql, &ignored, err) < 0)
		rc = err->class == EV_USAGE ? -1 : 0;
	PQclear(res);
	ev_buf_release(&sql);
	return rc;
}

static int prepare_checked(struct ev_pg *s, struct ev_query *q, const struct ev_buf *tables,
			   const struct ev_buf *reads, size_t *at, struct ev_error *err)
{
	struct ev_error why = EV_ERROR_INIT;
	PGresult *locks;
	const char *before = locks_before(s, &locks, err);
	int rc;

	if (!before || ev_pg_exec(s, "SAVEPOINT ev_prepare", err) < 0) {
		PQclear(locks);
		return -1;
	}
	rc = compile(s, q, at, &why);
	if (rc == 0)
		rc = check_relations(s, before, tables, reads, &why);
	if (rc == 0 && (!tables || !s->read_only)) /* who only reads never runs a handler, and needs no right to */
		rc = plan(s, q, &why);
	PQclear(locks);
	if (ev_pg_exec(s, "ROLLBACK TO SAVEPOINT ev_prepare; RELEASE SAVEPOINT ev_prepare", err) < 0)
		return -1;
	if (rc < 0)
		*err = why;
	return rc;
}

struct ev_query *ev_pg_prepare(struct ev_store *store, const char *sql, bool handler,
			       const struct ev_buf *tables, const struct ev_buf *reads, size_t *at,
			       struct ev_error *err)
{
	struct ev_pg *s = ev_pg_of(store);
	struct ev_query *q = ev_alloc(sizeof(*q));
	int rc = 0;
	bool own;

	*at = SIZE_MAX;
	q->handler = handler;
	q->waits = !handler && ev_pg_waits(sql);
	q->sql = handler ? ev_strdup(sql) : render(sql);
	name_query(s, q);
	if (ev_pg_enter(s, &own, err) < 0) {
		ev_pg_finish(store, q);
		return NULL;
	}
	if (handler && tables)
		rc = ev_pg_check_words(s, sql, at, err);
	if (rc == 0)
		rc = handler ? prepare_checked(s, q, tables, reads, at, err) : compile(s, q, at, err);
	if (rc == 0)
		rc = find_elements(s, q, err);
	if (rc == 0 && handler && tables)
		rc = ev_pg_find_targets(s, q, err);
	if (ev_pg_leave(s, own, rc, err) == 0)
		return q;
	ev_pg_finish(store, q);
	return NULL;
}

int ev_pg_prepare_again(struct ev_pg *s, struct ev_query *q, struct ev_error *err)
{
	size_t at;

	if (q->epoch == s->epoch)
		return 0;
	name_query(s, q);
	if (compile(s, q, &at, err) < 0) {
		if (err->class == EV_USAGE)
			err->class = EV_STORE; /* it was fine before: the tables have changed */
		return -1;
	}
	return 0;
}

void ev_pg_blame(struct ev_query *q)
{
	q->blame = true;
}

void ev_pg_finish(struct ev_store *store, struct ev_query *q)
{
	struct ev_pg *s = ev_pg_of(store);
	char sql[64];

	if (!q)
		return;
	/* in a failed transaction it stays, until the connection ends */
	if (q->epoch == s->epoch && q->epoch && !s->piping && !ev_pg_lost(s) &&
	    PQtransactionStatus(s->conn) == PQTRANS_IDLE) {
		snprintf(sql, sizeof(sql), "DEALLOCATE %s", q->name);
		PQclear(PQexec(s->conn, sql));
	}
	for (size_t i = 0; q->columns && i < q->ncolumns; i++)
		free(q->columns[i]);
	free(q->columns);
	free(q->labels);
	ev_buf_release(&q->targets);
	free(q->nullness);
	free(q->params);
	free(q->elements);
	free(q->sql);
	free(q);
}
