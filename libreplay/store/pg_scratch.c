/*
 * pg_scratch.c - a schema that is there for a while: where something is tried, folded again or copied to
 *
 * A fleeting one is made by each transaction and must go with its rollback. One that is kept is dropped
 * by close; a session's lock on its name says that it is in use, and a comment that it is ours, so what a
 * killed process left is dropped by the next that comes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/pg_internal.h"

#define PREFIX "ev_scratch_"
#define MARK "evtools: scratch" /* the comment on each: a name alone may be somebody else's */

int ev_pg_scratch_make(struct ev_pg *s, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	int rc;

	ev_buf_adds(&sql, "CREATE SCHEMA ");
	ev_buf_add_quoted(&sql, s->schema, '"');
	ev_buf_adds(&sql, "; COMMENT ON SCHEMA ");
	ev_buf_add_quoted(&sql, s->schema, '"');
	ev_buf_adds(&sql, " IS '" MARK "'");
	rc = ev_pg_exec(s, ev_buf_str(&sql), err);
	ev_buf_release(&sql);
	if (rc < 0 && strstr(err->text, "permission denied"))
		ev_hint(err, "it is done in a schema that is there for a moment: GRANT CREATE ON DATABASE ... TO "
			"the role");
	return rc;
}

static void drop(struct ev_pg *s, const char *schema)
{
	struct ev_buf sql = EV_BUF_INIT;

	ev_buf_adds(&sql, "DROP SCHEMA IF EXISTS ");
	ev_buf_add_quoted(&sql, schema, '"');
	ev_buf_adds(&sql, " CASCADE");
	PQclear(PQexec(s->conn, ev_buf_str(&sql)));
	ev_buf_release(&sql);
}

void ev_pg_scratch_drop(struct ev_pg *s)
{
	if (s->kept && !ev_pg_lost(s))
		drop(s, s->schema);
}

/* What killed processes left; whatever goes wrong with it is the next one's affair. */
static void sweep(struct ev_pg *s)
{
	PGresult *left = PQexec(s->conn, "SELECT nspname FROM pg_catalog.pg_namespace WHERE left(nspname, 11) "
				"= '" PREFIX "' AND pg_catalog.pg_has_role(nspowner, 'USAGE') "
				"AND pg_catalog.obj_description(oid, 'pg_namespace') = '" MARK "'");

	for (int i = 0; PQresultStatus(left) == PGRES_TUPLES_OK && i < PQntuples(left); i++)
		if (ev_pg_unused(s, PQgetvalue(left, i, 0), PREFIX))
			drop(s, PQgetvalue(left, i, 0));
	PQclear(left);
}

static char *new_name(void)
{
	struct ev_buf b = EV_BUF_INIT;
	struct timespec ts;
	char *name;

	clock_gettime(CLOCK_REALTIME, &ts);
	ev_buf_addf(&b, PREFIX "%ld_%" PRIx64, (long)getpid(),
		    (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec);
	name = ev_strdup(ev_buf_str(&b));
	ev_buf_release(&b);
	return name;
}

struct ev_store *ev_pg_scratch(const char *url, const struct ev_store_options *opt, bool kept,
			       struct ev_error *err)
{
	struct ev_store *store = ev_pg_open(url, opt, err);
	struct ev_pg *s = store ? ev_pg_of(store) : NULL;
	char *there;

	if (!s)
		return NULL;
	there = s->schema;
	s->schema = new_name();
	s->fleeting = !kept;
	ev_pg_let_last(store);
	ev_pg_look_beyond(store, there);
	free(there);
	if (!kept)
		return store;
	sweep(s);
	if (ev_pg_lock(store, PREFIX, err) == 0 && ev_pg_scratch_make(s, err) == 0) {
		s->kept = true;
		return store;
	}
	store->ops->close(store);
	return NULL;
}
