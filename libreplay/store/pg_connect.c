/* pg_connect.c - a connection, and another one when it is lost */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/pg_internal.h"

#define FIRST_PAUSE_MS 20
#define LONGEST_PAUSE_MS 2000

bool ev_pg_lost(const struct ev_pg *s)
{
	return PQstatus(s->conn) != CONNECTION_OK;
}

static void be_silent(void *ctx, const char *message)
{
	(void)ctx;
	(void)message;
}

/* What a result could depend on, pinned for each transaction. */
static void make_settings(struct ev_pg *s)
{
	struct ev_buf *b = &s->settings;

	ev_buf_clear(b);
	ev_buf_adds(b, "SET LOCAL search_path = ");
	ev_buf_add_quoted(b, s->schema, '"');
	if (s->beyond) {
		ev_buf_adds(b, ", ");
		ev_buf_add_quoted(b, s->beyond, '"');
	}
	ev_buf_addf(b, ", pg_temp; SET LOCAL lock_timeout = %d; SET LOCAL TimeZone = 'UTC'; "
		    "SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'iso_8601'; "
		    "SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; "
		    "SET LOCAL standard_conforming_strings = on; SET LOCAL xmloption = content; "
		    "SET LOCAL transform_null_equals = off; SET LOCAL array_nulls = on; "
		    /* a plan for given values finds other faults in what is never reached */
		    "SET LOCAL plan_cache_mode = force_generic_plan",
		    s->lock_wait_ms > 0 ? s->lock_wait_ms : 1);
}

void ev_pg_look_beyond(struct ev_store *store, const char *schema)
{
	struct ev_pg *s = ev_pg_of(store);

	free(s->beyond);
	s->beyond = ev_strdup(schema);
	make_settings(s);
}

/* What an event holds must fit, and two bytes must not be one character here and two there. */
static int check_encoding(struct ev_pg *s, struct ev_error *err)
{
	const char *encoding = PQparameterStatus(s->conn, "server_encoding");

	if (!encoding || strcmp(encoding, "UTF8") == 0)
		return 0;
	ev_fail(err, EV_USAGE, "store '%s': the database's encoding is %s, UTF8 is needed", s->base.url, encoding);
	return ev_hint(err, "make one for the views: CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0");
}

/* A pooler gives a process number of its own making: what is set in a session may be lost, or another's. */
static void see_pooler(struct ev_pg *s, const char *pid)
{
	s->pooled = strtol(pid, NULL, 10) != PQbackendPID(s->conn);
}

/* The schema that tables are made in: --schema, else the first of the search path. */
static int find_schema(struct ev_pg *s, struct ev_error *err)
{
	PGresult *res;
	int rc = 0;

	if (s->fleeting)
		return 0;
	if (s->schema) {
		const char *name[] = { s->schema };

		res = PQexecParams(s->conn, "SELECT pg_catalog.pg_backend_pid() FROM pg_catalog.pg_namespace "
				   "WHERE nspname = $1", 1,
				   NULL, name, NULL, NULL, 0);
		if (PQresultStatus(res) != PGRES_TUPLES_OK) {
			rc = ev_pg_error(s, res, false, err);
		} else if (PQntuples(res) == 0) {
			ev_fail(err, EV_USAGE, "store '%s' has no schema '%s'", s->base.url, s->schema);
			rc = ev_hint(err, "create it first: CREATE SCHEMA \"%s\"", s->schema);
		} else {
			see_pooler(s, PQgetvalue(res, 0, 0));
		}
		PQclear(res);
		return rc;
	}
	res = PQexec(s->conn, "SELECT current_schema(), pg_catalog.pg_backend_pid()");
	if (PQresultStatus(res) != PGRES_TUPLES_OK)
		rc = ev_pg_error(s, res, false, err);
	else if (PQgetisnull(res, 0, 0))
		rc = ev_fail(err, EV_USAGE, "store '%s': no schema of the search path exists; name one by "
			     "--schema", s->base.url);
	else
		s->schema = ev_strdup(PQgetvalue(res, 0, 0));
	if (rc == 0)
		see_pooler(s, PQgetvalue(res, 0, 1));
	PQclear(res);
	return rc;
}

PGconn *ev_pg_dial(const struct ev_pg *s)
{
	/* those before `dbname` can be set otherwise by what is given; those behind it cannot */
	static const char *const keywords[] = {
		"connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count",
		"tcp_user_timeout", "fallback_application_name", "dbname", "client_encoding", NULL,
	};
	const char *values[] = { "10", "10", "5", "3", "20000", "evtools", s->conninfo, "UTF8", NULL };

	return PQconnectdbParams(keywords, values, 1);
}

/* What libpq finds before it asks any server; its messages are not translated, as no locale is set. */
static bool is_setting(const char *text)
{
	static const char *const says[] = {
		"invalid connection option", "missing \"=\"", "invalid URI", "definition of service",
		"service file", "invalid sslmode value", "invalid port number", NULL,
	};

	for (const char *const *p = says; *p; p++)
		if (strstr(text, *p))
			return true;
	return false;
}

int ev_pg_connect(struct ev_pg *s, struct ev_error *err)
{
	PQfinish(s->conn);
	s->conn = ev_pg_dial(s);
	s->epoch++;
	s->backend = 0;
	s->open = s->piping = false;
	s->npending = 0;
	s->syncs = 0;
	if (!s->conn)
		return ev_fail(err, EV_STORE, "out of memory");
	if (PQstatus(s->conn) != CONNECTION_OK) {
		ev_pg_error(s, NULL, false, err);
		if (is_setting(err->text))
			err->class = EV_USAGE;
		return -1;
	}
	PQsetNoticeProcessor(s->conn, be_silent, NULL);
	if (PQserverVersion(s->conn) < 120000)
		return ev_fail(err, EV_USAGE, "store '%s': PostgreSQL %d.%d is too old, 12 or later is "
			       "needed", s->base.url, PQserverVersion(s->conn) / 10000,
			       PQserverVersion(s->conn) % 10000);
	if (check_encoding(s, err) < 0 || find_schema(s, err) < 0)
		return -1;
	make_settings(s);
	return 0;
}

int ev_pg_recover(struct ev_store *store, struct ev_error *err)
{
	struct ev_pg *s = ev_pg_of(store);
	struct ev_error why = *err;
	int64_t now = ev_clock_ms();

	if (!s->trouble_since) {
		s->trouble_since = now;
		s->pause_ms = FIRST_PAUSE_MS;
	}
	for (;;) {
		if (now - s->trouble_since + s->pause_ms > s->timeout_ms) {
			*err = why;
			err->retriable = false;
			if (!err->hint[0])
				ev_hint(err, "gave up after %d s (--store-timeout); nothing is lost, the "
					"next run goes on from the stored position",
					(int)((now - s->trouble_since) / 1000));
			return -1;
		}
		if (!ev_pg_nap(s, s->pause_ms) && ev_clock_ms() - s->trouble_since >= EV_PG_STOPPED_WAIT_MS) {
			*err = why;
			return -1;
		}
		s->pause_ms = s->pause_ms * 2 < LONGEST_PAUSE_MS ? s->pause_ms * 2 : LONGEST_PAUSE_MS;
		if (!ev_pg_lost(s))
			return 0;
		if (ev_pg_connect(s, err) == 0 && ev_pg_relock(s, 0, err) == 0)
			return 0;
		if (err->class == EV_USAGE)
			return -1;
		now = ev_clock_ms();
	}
}
