/*
 * pg_blame.c - which value a statement failed for
 *
 * The server names the parameter that it cannot read, and the column that must not be NULL; of a text that is too long,
 * a sum out of range or a division by zero it says neither. So the statement is tried again with one value after the
 * other replaced by a harmless one, or by NULL: that with which it goes through is to blame. Only those are tried that
 * the statement puts into a column, by its words; last those that ON CONFLICT looks for, as with another the
 * statement is for another row.
 */
#include <stdio.h>

#include "base/mem.h"
#include "projection/ddl.h"
#include "projection/sql.h"
#include "store/pg_internal.h"

#define SHOWN 60 /* bytes of a value */

/* Where in a statement we are: in which list of values, and at which of them. */
struct place {
	size_t columns;  /* the bracket before the names of an INSERT's columns, 0: none */
	size_t table;    /* the name of the table */
	size_t at;       /* of the list: the column's name in a SET, 0: none */
	size_t nth;      /* the value, from 0 on */
	int depth, list; /* of brackets; those that the values are in, -1: they are nowhere */
};

/* The name of column `nth` of those in brackets, 0: there is none. */
static size_t nth_column(const struct ev_token *t, size_t n, const struct place *p)
{
	size_t i = p->columns, nth = 0;

	for (i += i != 0; i && i < n && !ev_token_is(t[i], ")"); i++) {
		if (nth == p->nth && !ev_token_is(t[i], ","))
			return i;
		nth += ev_token_is(t[i], ",");
	}
	return 0;
}

/* What the next word means for where we are. */
static void step(struct place *p, const struct ev_token *t, size_t n, size_t i)
{
	bool more = i + 2 < n;

	if (ev_token_is(t[i], "(")) {
		p->depth++;
		if (p->list == p->depth)
			p->nth = 0;
	} else if (ev_token_is(t[i], ")")) {
		p->depth--;
	} else if (p->depth == p->list && ev_token_is(t[i], ",")) {
		p->nth++;
		p->at = p->at && more ? i + 1 : 0;
	} else if (p->depth == 0 && more && (ev_token_is(t[i], "into") || ev_token_is(t[i], "update")) &&
		   !ev_token_is(t[i + 1], "set")) {
		p->table = i + 1;
	} else if (p->depth == 0 && ev_token_is(t[i], "values")) {
		*p = (struct place){ p->columns, p->table, 0, 0, 0, 1 };
	} else if (p->depth == 0 && ev_token_is(t[i], "select")) {
		*p = (struct place){ p->columns, p->table, 0, 0, 0, 0 };
	} else if (p->depth == 0 && more && ev_token_is(t[i], "set")) {
		*p = (struct place){ 0, p->table, i + 1, 0, 0, 0 };
	} else if (p->depth == 0 && (ev_token_is(t[i], "where") || ev_token_is(t[i], "from") ||
				     ev_token_is(t[i], "on") || ev_token_is(t[i], "returning"))) {
		p->list = -1;
		p->at = 0;
	}
	if (p->table && !p->columns && p->list < 0 && p->depth == 1 && ev_token_is(t[i], "("))
		p->columns = i;
}

enum putting { NOWHERE, INTO_COLUMN, INTO_KEY };

/* The table of an INSERT that names no columns: they are the table's own, in its order. NULL: it is none. */
static const struct ev_token *whole_table(const struct ev_token *t, size_t n)
{
	size_t i = 0, end;
	int depth = 0;

	for (; i < n && (depth || !ev_token_is(t[i], "into")); i++)
		depth += ev_token_is(t[i], "(") - ev_token_is(t[i], ")");
	end = i + 2 + (i + 2 < n && ev_token_is(t[i + 2], "as") ? 2 : 0);
	return end < n && (ev_token_is(t[end], "values") || ev_token_is(t[end], "select")) ? &t[i + 1] : NULL;
}

int ev_pg_find_targets(struct ev_pg *s, struct ev_query *q, struct ev_error *err)
{
	static const char sql[] = "SELECT attname FROM pg_catalog.pg_attribute WHERE attnum > 0 AND NOT attisdropped "
				  "AND attrelid = pg_catalog.to_regclass($1) ORDER BY attnum";
	size_t n;
	struct ev_token *t = ev_sql_tokens(q->sql, &n);
	const struct ev_token *table = whole_table(t, n);
	char *name = table ? ev_slice_dup(table->text) : NULL;
	const char *values[] = { name };
	PGresult *res = name ? ev_pg_ask(s, sql, 1, values, err) : NULL;

	for (int i = 0; res && i < PQntuples(res); i++)
		ev_buf_add(&q->targets, PQgetvalue(res, i, 0), strlen(PQgetvalue(res, i, 0)) + 1);
	free(t);
	free(name);
	if (table && !res)
		return -1;
	PQclear(res);
	return 0;
}

/* Its column `nth`, appended, where it has one. */
static void add_target(const struct ev_query *q, size_t nth, struct ev_buf *out)
{
	const char *p = ev_buf_str(&q->targets), *end = p + q->targets.len;

	for (; p < end && nth; nth--)
		p += strlen(p) + 1;
	if (p < end)
		ev_buf_adds(out, p);
}

/* Is the name among those of ON CONFLICT (...)? */
static bool in_conflict(const struct ev_token *t, size_t n, const char *name)
{
	size_t i = 0;

	while (i + 2 < n && !(ev_token_is(t[i], "on") && ev_token_is(t[i + 1], "conflict") &&
			      ev_token_is(t[i + 2], "(")))
		i++;
	for (i += 3; i < n && !ev_token_is(t[i], ")"); i++)
		if (ev_token_named(&t[i], name))
			return true;
	return false;
}

/* Where is parameter `k`, from 1 on, put? ` (column c of t)` is appended where the words say which. */
static enum putting add_column(const struct ev_query *q, size_t k, struct ev_buf *out)
{
	struct place p = { .list = -1 };
	struct ev_buf name = EV_BUF_INIT;
	size_t n, column = 0;
	struct ev_token *t = ev_sql_tokens(q->sql, &n);
	enum putting found = NOWHERE;

	for (size_t i = 0; i < n && !found; i++) {
		step(&p, t, n, i);
		if (p.list >= 0 && t[i].kind == EV_TOKEN_PARAM && strtoul(t[i].text.ptr + 1, NULL, 10) == k)
			found = INTO_COLUMN;
	}
	if (found)
		column = p.at ? p.at : nth_column(t, n, &p);
	if (column && (t[column].kind == EV_TOKEN_WORD || t[column].kind == EV_TOKEN_QUOTED))
		ev_sql_name(t[column], &name);
	else if (found && !column)
		add_target(q, p.nth, &name);
	if (name.len) {
		ev_buf_addf(out, " (column %s of ", ev_buf_str(&name));
		ev_sql_name(t[p.table], out);
		ev_buf_addc(out, ')');
		if (!p.at && in_conflict(t, n, ev_buf_str(&name)))
			found = INTO_KEY;
	}
	ev_buf_release(&name);
	free(t);
	return found;
}

/* A value, not too long, in quotes; appended. */
static void add_value(struct ev_buf *out, const char *value)
{
	size_t n = strlen(value), cut = n < SHOWN ? n : SHOWN;

	while (cut < n && cut && ((unsigned char)value[cut] & 0xc0) == 0x80) /* not within a character */
		cut--;
	ev_buf_addf(out, "\"%.*s\"%s", (int)cut, value, cut < n ? "..." : "");
}

static void add_text(struct ev_error *err, const struct ev_buf *more)
{
	size_t n = strlen(err->text);

	snprintf(err->text + n, sizeof(err->text) - n, "%s", ev_buf_str(more));
}

void ev_pg_name_value(const struct ev_query *q, size_t k, const char *value, struct ev_error *err)
{
	struct ev_buf text = EV_BUF_INIT, shown = EV_BUF_INIT;

	if (!q->labels[k - 1])
		return;
	add_column(q, k, &text);
	if (value)
		add_value(&shown, value);
	if (shown.len && !strstr(err->text, ev_buf_str(&shown))) /* the server may have said it */
		ev_buf_addf(&text, ": %s", ev_buf_str(&shown));
	add_text(err, &text);
	ev_context(err, "%s", q->labels[k - 1]);
	ev_buf_release(&text);
	ev_buf_release(&shown);
}

/* Two faults that are one. */
static bool same(const PGresult *a, const PGresult *b)
{
	static const int fields[] = { PG_DIAG_SQLSTATE, PG_DIAG_MESSAGE_PRIMARY };

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		const char *x = PQresultErrorField(a, fields[i]), *y = PQresultErrorField(b, fields[i]);

		if (!x || !y || strcmp(x, y) != 0)
			return false;
	}
	return true;
}

static PGresult *execute(struct ev_pg *s, const struct ev_query *q)
{
	return PQexecPrepared(s->conn, q->name, (int)q->nparams, s->values, s->lengths, s->formats, 0);
}

#define BACK "ROLLBACK TO SAVEPOINT ev_closely"

/* A value that most statements take, NULL: none is known. */
static const char *harmless(const struct ev_query *q, size_t i, const PGresult *fault)
{
	const char *state = PQresultErrorField(fault, PG_DIAG_SQLSTATE);

	if (q->elements[i])
		return "{}";
	switch (q->params[i]) {
	case EV_PG_INT2:
	case EV_PG_INT4:
	case EV_PG_INT8:
	case EV_PG_NUMERIC:
	case EV_PG_FLOAT4:
	case EV_PG_FLOAT8:
		return state && strcmp(state, "22012") == 0 ? "1" : "0"; /* division by zero */
	case EV_PG_TEXT:
	case EV_PG_VARCHAR:
	case EV_PG_BPCHAR:
	case EV_PG_BYTEA:
		return "";
	case EV_PG_DATE:
	case EV_PG_TIMESTAMP:
	case EV_PG_TIMESTAMPTZ:
		return "2000-01-01";
	default:
		return NULL;
	}
}

enum outcome { SAME_FAULT, GOES_THROUGH, OTHER_FAULT, FAILED };

static enum outcome try_with(struct ev_pg *s, const struct ev_query *q, size_t i, const char *value,
			     const PGresult *fault, struct ev_error *err)
{
	enum outcome is;
	PGresult *res;

	s->values[i] = value;
	s->lengths[i] = value ? (int)strlen(value) : -1;
	res = execute(s, q);
	is = same(fault, res) ? SAME_FAULT : *PQresultErrorMessage(res) ? OTHER_FAULT : GOES_THROUGH;
	PQclear(res);
	return ev_pg_exec(s, BACK, err) < 0 ? FAILED : is;
}

/* With one that changes nothing the others are tried; any other has its own again. */
static enum outcome try_value(struct ev_pg *s, const struct ev_query *q, size_t i, const PGresult *fault,
			      struct ev_error *err)
{
	const char *own = s->values[i], *other = harmless(q, i, fault);
	int length = s->lengths[i];
	enum outcome is = other ? try_with(s, q, i, other, fault, err) : OTHER_FAULT;

	if (is == OTHER_FAULT)
		is = try_with(s, q, i, NULL, fault, err);
	if (is == OTHER_FAULT) {
		s->values[i] = own;
		s->lengths[i] = length;
	}
	return is;
}

/* The parameter that is to blame, from 1 on; 0: none. -1 */
static int find(struct ev_pg *s, const struct ev_query *q, const PGresult *fault, struct ev_error *err)
{
	const char **values = ev_alloc((q->nparams + 1) * sizeof(*values));
	struct ev_buf ignored = EV_BUF_INIT;
	int found = 0, likely = 0;

	memcpy(values, s->values, q->nparams * sizeof(*values));
	for (enum putting put = INTO_COLUMN; put <= INTO_KEY && !found; put++)
		for (size_t i = 0; i < q->nparams && !found; i++) {
			enum outcome is = SAME_FAULT;

			if (values[i] && add_column(q, i + 1, &ignored) == put)
				is = try_value(s, q, i, fault, err);
			if (is == OTHER_FAULT && !likely)
				likely = (int)i + 1;
			else if (is != SAME_FAULT && is != OTHER_FAULT)
				found = is == FAILED ? -1 : (int)i + 1;
		}
	memcpy(s->values, values, q->nparams * sizeof(*values));
	free(values);
	ev_buf_release(&ignored);
	return found ? found : likely;
}

/* What the statement was given, where none of it alone is to blame. */
static void list_values(const struct ev_pg *s, const struct ev_query *q, struct ev_error *err)
{
	struct ev_buf text = EV_BUF_INIT;

	for (size_t i = 0; i < q->nparams; i++) {
		if (!s->values[i] || s->formats[i] || !q->labels[i])
			continue;
		ev_buf_addf(&text, "%s%s = ", text.len ? ", " : " (with ", q->labels[i]);
		add_value(&text, s->values[i]);
	}
	if (text.len)
		ev_buf_addc(&text, ')');
	add_text(err, &text);
	ev_buf_release(&text);
}

/* Say more of a fault than the server did; the statement is undone. */
static int look(struct ev_pg *s, const struct ev_query *q, const PGresult *fault, struct ev_error *why,
		struct ev_error *err)
{
	int k = ev_pg_exec(s, BACK, err) < 0 ? -1 : s->base.vague ? find(s, q, fault, err) : 0;

	if (k < 0)
		return -1;
	if (k > 0)
		ev_pg_name_value(q, (size_t)k, s->formats[k - 1] ? NULL : s->values[k - 1], why);
	else if (s->base.vague)
		list_values(s, q, why);
	s->base.vague = false;
	return 0;
}

int ev_pg_run_closely(struct ev_pg *s, const struct ev_query *q, int64_t *touched, struct ev_error *why,
		      struct ev_error *err)
{
	ExecStatusType status;
	PGresult *res;
	int rc = 0;

	if (ev_pg_exec(s, "SAVEPOINT ev_closely", err) < 0)
		return -1;
	res = execute(s, q);
	status = PQresultStatus(res);
	*touched = -1;
	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
		*touched = ev_pg_touched(res);
	} else {
		ev_pg_run_error(s, res, q, why);
		if (why->class == EV_DATA)
			rc = look(s, q, res, why, err);
		else
			*err = *why;
	}
	PQclear(res);
	if (rc < 0 || (*touched < 0 && why->class != EV_DATA))
		return -1;
	return ev_pg_exec(s, "RELEASE SAVEPOINT ev_closely", err);
}
