/* pg_connect.c - a connection, and another one when it is lost */
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/pg_internal.h"

#define FIRST_PAUSE_MS 20
#define LONGEST_PAUSE_MS 2000
#define LOOK_MS 200

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
		    "SET LOCAL xmlbinary = base64; SET LOCAL quote_all_identifiers = off; "
		    "SET LOCAL lc_time = 'C'; SET LOCAL lc_numeric = 'C'; "
		    "SET LOCAL timezone_abbreviations = 'Default'; "
		    "SET LOCAL transform_null_equals = off; SET LOCAL array_nulls = on; "
		    /* a plan for given values finds other faults in what is never reached */
		    "SET LOCAL plan_cache_mode = force_generic_plan",
		    s->lock_wait_ms > 0 ? s->lock_wait_ms : 1);
	if (s->lasts)
		ev_buf_adds(b, "; SET LOCAL idle_in_transaction_session_timeout = 0");
	if (s->lasts && PQserverVersion(s->conn) >= 170000)
		ev_buf_adds(b, "; SET LOCAL transaction_timeout = 0");
}

void ev_pg_let_last(struct ev_store *store)
{
	struct ev_pg *s = ev_pg_of(store);

	s->lasts = true;
	make_settings(s);
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

		res = PQexecParams(s->conn, "SELECT pg_catalog.pg_backend_pid(), pg_catalog.has_schema_privilege(oid, "
				   "'USAGE') FROM pg_catalog.pg_namespace WHERE nspname = $1", 1,
				   NULL, name, NULL, NULL, 0);
		if (PQresultStatus(res) != PGRES_TUPLES_OK) {
			rc = ev_pg_error(s, res, false, err);
		} else if (PQntuples(res) == 0) {
			ev_fail(err, EV_USAGE, "store '%s' has no schema '%s'", s->base.url, s->schema);
			rc = ev_hint(err, "create it first: CREATE SCHEMA \"%s\"", s->schema);
		} else if (*PQgetvalue(res, 0, 1) != 't') { /* the search path passes over it without a word */
			ev_fail(err, EV_STORE, "store '%s': permission denied for schema %s", s->base.url, s->schema);
			rc = ev_hint(err, "the role needs USAGE on it, and to make tables CREATE");
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
		rc = ev_fail(err, EV_USAGE, "store '%s': no schema of the search path exists, or may be used; name one "
			     "by --schema", s->base.url);
	else
		s->schema = ev_strdup(PQgetvalue(res, 0, 0));
	if (rc == 0)
		see_pooler(s, PQgetvalue(res, 0, 1));
	PQclear(res);
	return rc;
}

/* connect_timeout, as it was found: libpq's own is for those who wait within it. 0: no end. */
static int dial_ms(PGconn *conn)
{
	PQconninfoOption *all = PQconninfo(conn);
	long s = 0;

	for (PQconninfoOption *o = all; o && o->keyword; o++)
		if (strcmp(o->keyword, "connect_timeout") == 0 && o->val)
			s = strtol(o->val, NULL, 10);
	PQconninfoFree(all);
	return s > 0 && s < INT_MAX / 1000 ? (int)(s < 2 ? 2 : s) * 1000 : 0; /* less than 2 are 2 there as well */
}

/*
 * Until it is connected, or not. A host that does not answer in time is hung up on. Where it had not taken the
 * connection libpq goes on to the next one; true: it had, and that was the end. Who is told to stop does not wait for
 * the server.
 */
static bool finish_dial(struct ev_pg *s, PGconn *conn)
{
	int64_t begun = ev_clock_ms(), since = begun, most = dial_ms(conn);
	PostgresPollingStatusType next = PGRES_POLLING_WRITING; /* as libpq wants it at first */
	bool hung_up = false;

	while (next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING) {
		struct pollfd p = { PQsocket(conn), next == PGRES_POLLING_READING ? POLLIN : POLLOUT, 0 };

		if (poll(&p, 1, LOOK_MS) > 0) {
			next = PQconnectPoll(conn);
			hung_up &= next == PGRES_POLLING_FAILED;
		} else if (ev_pg_told(s) && ev_clock_ms() - begun >= EV_PG_STOPPED_WAIT_MS) {
			s->silent = true;
			return false;
		} else if (most && ev_clock_ms() - since >= most) {
			s->silent = hung_up = true;
			shutdown(p.fd, SHUT_RDWR);
			since = ev_clock_ms();
		}
	}
	return hung_up;
}

struct hosts { /* as libpq has them: lists, or NULL */
	char *host, *hostaddr, *port;
};

static void release_hosts(struct hosts *h)
{
	free(h->host);
	free(h->hostaddr);
	free(h->port);
	*h = (struct hosts){ 0 };
}

static struct hosts hosts_of(PGconn *conn)
{
	PQconninfoOption *all = PQconninfo(conn);
	struct hosts h = { 0 };

	for (PQconninfoOption *o = all; o && o->keyword; o++) {
		char **at = !strcmp(o->keyword, "host") ? &h.host : !strcmp(o->keyword, "hostaddr") ? &h.hostaddr :
			    !strcmp(o->keyword, "port") ? &h.port : NULL;

		if (at && o->val && *o->val)
			*at = ev_strdup(o->val);
	}
	PQconninfoFree(all);
	return h;
}

/* The n-th entry of a list; its end where there are fewer. One port is that of all hosts. */
static struct ev_slice entry(const char *list, size_t n)
{
	while (n && strchr(list, ',')) {
		list = strchr(list, ',') + 1;
		n--;
	}
	return n ? ev_slice(list, 0) : ev_slice(list, strcspn(list, ","));
}

static void drop_entry(char *list, size_t n)
{
	struct ev_slice e = list && strchr(list, ',') ? entry(list, n) : EV_NULL_SLICE;
	char *at = e.ptr ? list + (e.ptr - list) : NULL;

	if (at && at[e.len] == ',')
		memmove(at, at + e.len + 1, strlen(at + e.len + 1) + 1);
	else if (at && at > list)
		at[-1] = '\0';
}

/* The list without the host that `conn` is of. False: there is no other. */
static bool drop_host(struct hosts *h, PGconn *conn)
{
	const char *names = h->host ? h->host : h->hostaddr;
	const char *ports = h->port && strchr(h->port, ',') ? h->port : NULL;
	size_t n = 0;

	if (!names || !strchr(names, ','))
		return false;
	while (entry(names, n).len && !(ev_slice_is(entry(names, n), PQhost(conn)) &&
					(!ports || ev_slice_is(entry(ports, n), PQport(conn)))))
		n++;
	if (!entry(names, n).len)
		return false;
	drop_entry(h->host, n);
	drop_entry(h->hostaddr, n);
	drop_entry(h->port, n);
	return true;
}

static PGconn *start_dial(struct ev_pg *s, const struct hosts *h)
{
	/* those before `dbname` can be set otherwise by what is given; those behind it cannot */
	static const char *const keywords[] = {
		"connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count",
		"tcp_user_timeout", "fallback_application_name", "dbname", "client_encoding", "host", "hostaddr",
		"port", NULL,
	};
	const char *values[] = { "10", "10", "5", "3", "20000", "evtools", s->conninfo, "UTF8", h->host, h->hostaddr,
				 h->port, NULL };

	return PQconnectStartParams(keywords, values, 1);
}

PGconn *ev_pg_dial(struct ev_pg *s)
{
	struct hosts hosts = { 0 };
	bool next = true;
	PGconn *conn = NULL;

	s->silent = false;
	while (next) {
		next = false;
		PQfinish(conn);
		conn = start_dial(s, &hosts);
		if (!conn || PQstatus(conn) == CONNECTION_BAD)
			break;
		PQsetErrorVerbosity(conn, PQERRORS_VERBOSE); /* with SQLSTATEs, of refusals and ends too */
		if (finish_dial(s, conn)) {
			release_hosts(&hosts);
			hosts = hosts_of(conn);
			next = drop_host(&hosts, conn);
		}
	}
	release_hosts(&hosts);
	return conn;
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
	s->npending = s->nheld = 0;
	s->syncs = 0;
	if (!s->conn)
		return ev_fail(err, EV_STORE, "out of memory");
	if (PQstatus(s->conn) != CONNECTION_OK) {
		ev_pg_dial_error(s, err);
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

int ev_pg_reach(struct ev_pg *s, int wait_ms, struct ev_error *err)
{
	if (ev_pg_lost(s) && ev_pg_connect(s, err) < 0)
		return -1;
	return ev_pg_relock(s, wait_ms, err);
}

/* Nothing more of the time: what went wrong last. */
static int time_is_over(const struct ev_trouble *t, struct ev_error *err)
{
	err->retriable = false;
	if (!err->hint[0])
		ev_hint(err, "gave up after %.1f s (--store-timeout); nothing is lost: the same command goes on where "
			"this one stood", (double)(ev_clock_ms() - t->since) / 1000);
	return -1;
}

/* Another try. 1: not yet; `why` it failed stays until there is another reason. */
static int try_again(struct ev_pg *s, struct ev_error *why)
{
	struct ev_error err = EV_ERROR_INIT;

	if (ev_pg_reach(s, 0, &err) == 0)
		return 0;
	*why = err;
	/* the lost session may live on for a while with our lock */
	return err.retriable || err.class == EV_HELD ? 1 : -1;
}

int ev_pg_recover(struct ev_store *store, struct ev_trouble *t, struct ev_error *err)
{
	struct ev_pg *s = ev_pg_of(store);
	int64_t left;
	int rc;

	if (!t->since)
		*t = (struct ev_trouble){ ev_clock_ms(), FIRST_PAUSE_MS };
	do {
		left = t->since + s->timeout_ms - ev_clock_ms();
		if (left <= 0)
			return time_is_over(t, err);
		/* the last try is at the end of the time */
		if (!ev_pg_nap(s, t->pause_ms < left ? t->pause_ms : (int)left) &&
		    ev_clock_ms() - t->since >= EV_PG_STOPPED_WAIT_MS)
			return -1;
		t->pause_ms = t->pause_ms * 2 < LONGEST_PAUSE_MS ? t->pause_ms * 2 : LONGEST_PAUSE_MS;
		rc = try_again(s, err);
	} while (rc > 0);
	return rc;
}

int ev_pg_first(struct ev_pg *s, struct ev_error *err)
{
	struct ev_trouble trouble = { 0 };
	int rc = ev_pg_connect(s, err);

	/* who is not there at all is likely misspelt */
	if (rc < 0 && err->retriable && s->busy)
		rc = ev_pg_recover(&s->base, &trouble, err);
	return rc;
}
