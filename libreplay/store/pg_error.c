/* pg_error.c - what a SQLSTATE means for us; see PostgreSQL's appendix of error codes */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/pg_internal.h"

enum fault {
	FAULT_STORE,  /* the store's, and trying again does not help */
	FAULT_RETRY,  /* the store's, and trying again may help */
	FAULT_DATA,   /* the statement's, or its values' */
	FAULT_LOCKED, /* somebody holds a lock */
};

#define TOO_LONG "25P04" /* transaction_timeout, 17 and later: the same transaction would be again */

static const struct rule {
	const char *prefix; /* of the SQLSTATE; the first that fits counts */
	enum fault fault;
	const char *hint;
} rules[] = {
	{ "08", FAULT_RETRY, NULL }, /* connection exception */
	{ "57P01", FAULT_RETRY, NULL }, /* admin_shutdown: also pg_terminate_backend */
	{ "57P02", FAULT_RETRY, NULL },
	{ "57P03", FAULT_RETRY, NULL }, /* cannot_connect_now */
	{ "57P05", FAULT_RETRY, NULL }, /* idle_session_timeout */
	{ "57014", FAULT_STORE, "the server's statement_timeout for this role, or somebody's cancel; "
				"raise it for this role, or make the batch smaller" },
	{ TOO_LONG, FAULT_STORE, "the server's transaction_timeout for this role: raise it for this role, or make "
				"the batch smaller" },
	{ "25P03", FAULT_RETRY, NULL }, /* idle_in_transaction_session_timeout */
	{ "25006", FAULT_STORE, "the server takes no writes here: a standby, or "
				"default_transaction_read_only" },
	{ "40", FAULT_RETRY, NULL }, /* serialization failure, deadlock */
	{ "53300", FAULT_RETRY, NULL }, /* too_many_connections */
	{ "53100", FAULT_STORE, "make room on the server's disk; nothing is lost, the next run goes on from the stored "
				"position" },
	{ "53", FAULT_STORE, NULL }, /* out of memory */
	{ "54000", FAULT_DATA, NULL }, /* an index row that is too big */
	{ "54", FAULT_STORE, NULL },
	{ "55P03", FAULT_LOCKED, NULL }, /* lock_not_available: lock_timeout */
	{ "21", FAULT_DATA, NULL }, /* a row that is affected twice, a subquery of several rows */
	{ "22", FAULT_DATA, NULL }, /* data exceptions */
	{ "23", FAULT_DATA, NULL }, /* constraints */
	{ "44", FAULT_DATA, NULL }, /* WITH CHECK OPTION */
	{ "P0", FAULT_DATA, NULL }, /* RAISE in a function */
	{ "", FAULT_STORE, NULL },
};

/*
 * Who lost a race for a row of the catalogue is told so by no code of its own: another has written it, which is said in
 * no other language, or made one of the same name, as two first calls make the same tables of ours.
 */
static const char *state_of(const PGresult *res)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
	const char *schema = PQresultErrorField(res, PG_DIAG_SCHEMA_NAME);

	if (state && text && strncmp(text, "tuple concurrently ", 19) == 0)
		return "40001";
	return state && schema && !strcmp(state, "23505") && !strcmp(schema, "pg_catalog") ? "40001" : state;
}

static const struct rule *rule_of(const char *state)
{
	const struct rule *r = rules;

	while (strncmp(state, r->prefix, strlen(r->prefix)) != 0)
		r++;
	return r;
}

/* The first line of what the server or libpq says, without "FATAL: " and the like. */
static void first_line(const char *text, char *out, size_t size)
{
	const char *colon = strstr(text, ":  ");
	size_t n;

	if (colon && colon < text + strcspn(text, "\n"))
		text = colon + 3;
	n = strcspn(text, "\n");
	snprintf(out, size, "%.*s", (int)n, text);
}

/* The message with what names the place: "value too long ... (table t, column c)". */
static void describe(const PGresult *res, char *out, size_t size)
{
	const char *column = PQresultErrorField(res, PG_DIAG_COLUMN_NAME);
	const char *table = PQresultErrorField(res, PG_DIAG_TABLE_NAME);
	const char *detail = PQresultErrorField(res, PG_DIAG_MESSAGE_DETAIL);
	const char *primary = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
	int n = snprintf(out, size, "%s", primary ? primary : PQresultErrorMessage(res));

	if (n > 0 && (size_t)n < size && column && table && !strstr(out, column))
		n += snprintf(out + n, size - (size_t)n, " (column %s of %s)", column, table);
	if (n > 0 && (size_t)n < size && detail && *detail)
		snprintf(out + n, size - (size_t)n, ": %.*s", (int)strcspn(detail, "\n"), detail);
	for (n = (int)strcspn(out, "\r\n"); out[n]; n++)
		if (out[n] == '\n' || out[n] == '\r')
			out[n] = ' ';
}

/* Where in libpq's verbose message its SQLSTATE is, or NULL: "FATAL:  53300: sorry, ..." */
static const char *state_in(const char *text)
{
	while ((text = strstr(text, ":  "))) {
		text += 3;
		if (strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && text[5] == ':' && text[6] == ' ')
			return text;
	}
	return NULL;
}

int ev_pg_dial_error(struct ev_pg *s, struct ev_error *err)
{
	const char *said = PQerrorMessage(s->conn), *state = state_in(said);
	enum fault fault = state ? rule_of(state)->fault : FAULT_RETRY;
	char text[600];

	first_line(state ? state + 7 : said, text, sizeof(text));
	if (s->silent && !state)
		snprintf(text, sizeof(text), "the server does not answer");
	ev_fail(err, EV_STORE, "store '%s': %s", s->base.url, text[0] ? text : "no connection");
	err->retriable = fault == FAULT_RETRY;
	s->busy = state && fault == FAULT_RETRY && strncmp(state, "08", 2) != 0;
	return -1;
}

/* The result of a connection that has ended may not have what the server said last. */
static int no_answer(struct ev_pg *s, struct ev_error *err)
{
	const char *said = PQerrorMessage(s->conn), *state = state_in(said);
	char text[600];

	first_line(state ? state + 7 : said, text, sizeof(text));
	ev_fail(err, EV_STORE, "store '%s': %s", s->base.url, text[0] ? text : "the connection was lost");
	err->retriable = ev_pg_lost(s);
	if (state && strncmp(state, TOO_LONG, strlen(TOO_LONG)) == 0) {
		err->retriable = false;
		ev_hint(err, "%s", rule_of(state)->hint);
	}
	return -1;
}

int ev_pg_error(struct ev_pg *s, const PGresult *res, bool handler, struct ev_error *err)
{
	const char *state = res ? state_of(res) : NULL;
	char text[600], who[300] = "";
	const struct rule *r;

	if (!state || ev_pg_lost(s))
		return no_answer(s, err);
	r = rule_of(s->gave_up && strcmp(state, "57014") == 0 ? "55P03" : state);
	s->gave_up = false;
	describe(res, text, sizeof(text));
	if (r->fault == FAULT_DATA && handler)
		return ev_fail(err, EV_DATA, "%s", text);
	if (r->fault == FAULT_LOCKED) {
		if (!s->trying)
			ev_pg_name_holder(s, who, sizeof(who));
		ev_fail(err, EV_HELD, "the store '%s' is locked by another writer%s%s", s->base.url, who[0] ? ": " : "",
			who);
	} else {
		ev_fail(err, EV_STORE, "store '%s': %s", s->base.url, text);
		if (r->hint)
			ev_hint(err, "%s", r->hint);
	}
	err->retriable = r->fault == FAULT_RETRY || r->fault == FAULT_LOCKED;
	return -1;
}

/*
 * The parameter that the server could not read, from 1 on, or 0: since version 14 the last line of the
 * context says `unnamed portal parameter $2` in the server's language, perhaps with the value behind it.
 */
static size_t blamed(const PGresult *res)
{
	const char *context = PQresultErrorField(res, PG_DIAG_CONTEXT);
	const char *line = context ? strrchr(context, '\n') : NULL;
	const char *dollar = context ? strchr(line ? line : context, '$') : NULL;
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

	return dollar && state && strncmp(state, "22", 2) == 0 ? strtoul(dollar + 1, NULL, 10) : 0;
}

int ev_pg_run_error(struct ev_pg *s, const PGresult *res, const struct ev_query *q, struct ev_error *err)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	size_t n = blamed(res);

	ev_pg_error(s, res, q->handler || q->blame, err);
	s->base.vague = err->class == EV_DATA && !n && state && strncmp(state, "22", 2) == 0;
	if (err->class == EV_DATA && n && n <= q->nparams)
		ev_pg_name_value(q, n, NULL, err);
	return -1;
}

size_t ev_pg_error_at(const PGresult *res, const char *sql)
{
	const char *position = res ? PQresultErrorField(res, PG_DIAG_STATEMENT_POSITION) : NULL;
	long n = position ? strtol(position, NULL, 10) : 0; /* characters, from 1 on */
	const char *p = sql;

	if (n < 1)
		return SIZE_MAX;
	for (n--; n > 0 && *p; n--)
		for (p++; ((unsigned char)*p & 0xc0) == 0x80;)
			p++;
	return (size_t)(p - sql);
}
