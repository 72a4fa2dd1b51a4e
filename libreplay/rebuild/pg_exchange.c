/*
 * pg_exchange.c - two versions change places
 *
 * Readers wait while it is done, so all of it is written down before, outside of the locks, as texts of many statements
 * each: under them there are three questions to the server, and one of them is for what cannot be known before.
 */
#include <stdio.h>

#include "rebuild/pg_kit.h"
#include "rebuild/plan.h"

#define QUEUE_MS 200  /* for who has granted something on a table that is moved, and has not ended */
#define IDLE_MS 1000  /* for who reads our own tables in the shadow */

static void each(struct ev_pgkit_script *x, void (*what)(struct ev_buf *b))
{
	struct ev_buf *all[] = { &x->locks, &x->pins, &x->carried, &x->ask_print, &x->print, &x->in, &x->out, &x->end };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		what(all[i]);
}

void ev_pgkit_script_release(struct ev_pgkit_script *x)
{
	each(x, ev_buf_release);
}

/* Old to the side, new in its place; from then on nobody changes what hangs on the old one. */
static int write_in(struct ev_shadow_pg *s, enum ev_role next, const PGresult *old, struct ev_pgkit_script *x,
		    struct ev_error *err)
{
	PGresult *new = ev_pgkit_tables(s, next, err);

	if (!new)
		return -1;
	ev_pgkit_format(&x->in, "SET LOCAL search_path = %I, pg_temp;\n", s->schemas[EV_ROLE_LIVE]);
	ev_pgkit_move(&x->in, s, old, EV_ROLE_LIVE, EV_ROLE_MOVING);
	ev_buf_adds(&x->in, ev_buf_str(&x->pins));
	ev_pgkit_move(&x->in, s, new, next, EV_ROLE_LIVE);
	ev_buf_adds(&x->in, ev_buf_str(&x->ask_print));
	PQclear(new);
	return 0;
}

/* The old one is the kept one now; of a new one the ledger's rows come with it. */
static int write_out(struct ev_shadow_pg *s, enum ev_role next, const PGresult *old, struct ev_pgkit_script *x,
		     struct ev_error *err)
{
	PGresult *kept = next == EV_ROLE_NEW ? ev_pgkit_tables(s, EV_ROLE_KEPT, err) : NULL;

	ev_pgkit_format(&x->out, "SET LOCAL lock_timeout = %d;\n", IDLE_MS);
	if (next == EV_ROLE_NEW) {
		if (!kept || ev_pgkit_bring_ledger(&x->out, s, err) < 0) {
			PQclear(kept);
			return -1;
		}
		ev_pgkit_move(&x->out, s, kept, EV_ROLE_KEPT, EV_ROLE_GONE);
		PQclear(kept);
	}
	ev_pgkit_move(&x->out, s, old, EV_ROLE_MOVING, EV_ROLE_KEPT);
	ev_pgkit_fence(&x->out, s);
	return 0;
}

/* Views of others come before this. */
static int write_end(struct ev_shadow_pg *s, enum ev_role next, struct ev_pgkit_script *x, struct ev_error *err)
{
	ev_buf_adds(&x->end, ev_buf_str(&x->carried));
	ev_pgkit_format(&x->end, "DROP SCHEMA %I;\n", s->schemas[EV_ROLE_MOVING]);
	if (next == EV_ROLE_NEW && ev_pgkit_drop_rest(&x->end, s, err) < 0)
		return -1;
	ev_pgkit_ask_dependents(&x->end, s, EV_ROLE_KEPT);
	return 0;
}

static int need_schemas(struct ev_shadow_pg *s, enum ev_role next, struct ev_error *err)
{
	if (ev_pgkit_need_schema(s, EV_ROLE_MOVING, err) < 0 || ev_pgkit_need_schema(s, EV_ROLE_KEPT, err) < 0)
		return -1;
	return next == EV_ROLE_NEW ? ev_pgkit_need_schema(s, EV_ROLE_GONE, err) : 0;
}

int ev_pgkit_prepare(struct ev_shadow_pg *s, enum ev_role next, struct ev_pgkit_script *x, struct ev_error *err)
{
	PGresult *old = NULL;
	int rc;

	each(x, ev_buf_clear);
	rc = ev_pgkit_look(s, next, x, err);
	if (rc == 0)
		rc = need_schemas(s, next, err);
	if (rc == 0 && next == EV_ROLE_NEW)
		rc = ev_plan_delete(s->base.live, s->base.projection, err);
	if (rc == 0)
		rc = (old = ev_pgkit_tables(s, EV_ROLE_LIVE, err)) ? 0 : -1;
	if (rc == 0 && (write_in(s, next, old, x, err) < 0 || write_out(s, next, old, x, err) < 0 ||
			write_end(s, next, x, err) < 0))
		rc = -1;
	PQclear(old);
	return rc;
}

/* Many statements at once; the rows of the last. PQclear. */
static PGresult *ask(struct ev_shadow_pg *s, const struct ev_buf *sql, struct ev_error *err)
{
	PGresult *res = PQexec(s->live->conn, ev_buf_str(sql));

	if (PQresultStatus(res) == PGRES_TUPLES_OK)
		return res;
	ev_pg_error(s->live, res, false, err);
	PQclear(res);
	return NULL;
}

/* What others have made of views until now; no new ones come while the tables are locked. */
static int read_views(struct ev_shadow_pg *s, const struct ev_pgkit_script *x, struct ev_buf *views,
		      struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	PGresult *res;

	ev_pgkit_format(&sql, "SET LOCAL lock_timeout = %d;\n%s", QUEUE_MS, ev_buf_str(&x->locks));
	ev_pgkit_ask_views(&sql, s);
	res = ask(s, &sql, err);
	if (res)
		ev_pgkit_add_statements(views, res);
	PQclear(res);
	ev_buf_release(&sql);
	return res ? 0 : -1;
}

static void say_changed(struct ev_pgkit_script *x)
{
	snprintf(x->why, sizeof(x->why), "grants, comments or options of its tables were changed");
}

/* 1 what hangs on the old one is another than it was, 0, -1. */
static int move_in(struct ev_shadow_pg *s, struct ev_pgkit_script *x, struct ev_error *err)
{
	PGresult *print = ask(s, &x->in, err);
	int rc = !print ? -1 : strcmp(PQgetvalue(print, 0, 0), ev_buf_str(&x->print)) != 0;

	PQclear(print);
	if (rc > 0)
		say_changed(x);
	return rc;
}

/* 1 something of others depends on the old one, 0, -1. */
static int move_out(struct ev_shadow_pg *s, struct ev_pgkit_script *x, const struct ev_buf *views,
		    struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	PGresult *tied;
	int rc;

	ev_buf_addf(&sql, "%s%s%s", ev_buf_str(&x->out), ev_buf_str(views), ev_buf_str(&x->end));
	tied = ask(s, &sql, err);
	rc = !tied ? -1 : PQntuples(tied) > 0;
	if (rc > 0)
		snprintf(x->why, sizeof(x->why), "others made depend on its tables: %s", PQgetvalue(tied, 0, 0));
	PQclear(tied);
	ev_buf_release(&sql);
	return rc;
}

int ev_pgkit_exchange(struct ev_shadow_pg *s, struct ev_pgkit_script *x, struct ev_error *err)
{
	struct ev_buf views = EV_BUF_INIT;
	int rc = read_views(s, x, &views, err);

	if (rc == 0)
		rc = move_in(s, x, err);
	if (rc == 0)
		rc = move_out(s, x, &views, err);
	ev_buf_release(&views);
	if (rc < 0 && strstr(err->text, "tuple concurrently ")) /* a GRANT came first to a row that we were to write */
		say_changed(x);
	return rc;
}
