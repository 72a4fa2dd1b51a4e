/*
 * pg_exchange.c - two versions change places, under the locks that pg_swap.c has got for that
 *
 * Readers wait meanwhile. What is read of the catalogue was read before (ev_pgkit_look), but for views of others.
 */
#include "rebuild/pg_kit.h"
#include "rebuild/plan.h"

#define QUEUE_MS 200  /* for who has granted something on a table that is moved, and has not ended */
#define IDLE_MS 1000  /* for who reads our own tables in the shadow */

static int run(struct ev_shadow_pg *s, const struct ev_buf *sql, struct ev_error *err)
{
	return sql->len ? ev_pgkit_exec(s->live, err, "%s", ev_buf_str(sql)) : 0;
}

/* Old to the side, new in its place; from then on nobody changes what hangs on the old one. */
static int move_in(struct ev_shadow_pg *s, enum ev_role next, const struct ev_pgkit_hung *h, struct ev_buf *views,
		   struct ev_error *err)
{
	if (ev_pgkit_exec(s->live, err, "SET LOCAL lock_timeout = %d", QUEUE_MS) < 0 || run(s, &h->locks, err) < 0 ||
	    ev_pgkit_carry_views(s, views, err) < 0 || ev_pgkit_move(s, EV_ROLE_LIVE, EV_ROLE_MOVING, err) < 0 ||
	    run(s, &h->pins, err) < 0)
		return -1;
	return ev_pgkit_move(s, next, EV_ROLE_LIVE, err);
}

/* The old one is the kept one now; of a new one the ledger's rows come with it. */
static int move_out(struct ev_shadow_pg *s, enum ev_role next, struct ev_error *err)
{
	if (next == EV_ROLE_NEW &&
	    (ev_pgkit_bring_ledger(s, err) < 0 || ev_pgkit_move(s, EV_ROLE_KEPT, EV_ROLE_GONE, err) < 0))
		return -1;
	return ev_pgkit_move(s, EV_ROLE_MOVING, EV_ROLE_KEPT, err) < 0 ? -1 : ev_pgkit_fence(s, err);
}

/* The tables are in their places, and what hangs on them comes after. */
static int hang_on(struct ev_shadow_pg *s, const struct ev_pgkit_hung *h, const struct ev_buf *views,
		   struct ev_error *err)
{
	if (run(s, views, err) < 0 || run(s, &h->carried, err) < 0)
		return -1;
	return ev_pgkit_exec(s->live, err, "DROP SCHEMA IF EXISTS %I", s->schemas[EV_ROLE_MOVING]);
}

int ev_pgkit_exchange(struct ev_shadow_pg *s, enum ev_role next, struct ev_pgkit_hung *h, struct ev_error *err)
{
	struct ev_buf views = EV_BUF_INIT;
	int rc = move_in(s, next, h, &views, err);

	if (rc == 0)
		rc = ev_pgkit_changed(s, h, err);
	if (rc == 0 && (ev_pgkit_exec(s->live, err, "SET LOCAL lock_timeout = %d", IDLE_MS) < 0 ||
			move_out(s, next, err) < 0 || hang_on(s, h, &views, err) < 0))
		rc = -1;
	if (rc == 0 && next == EV_ROLE_NEW &&
	    (ev_pgkit_drop_shadow(s, false, err) < 0 || ev_plan_delete(s->base.live, s->base.projection, err) < 0))
		rc = -1;
	ev_buf_release(&views);
	if (rc < 0 && strstr(err->text, "tuple concurrently ")) /* a GRANT came first to a row that we were to write */
		ev_pgkit_say_changed(h);
	return rc ? rc : ev_pgkit_tied(s, h, err);
}
