/*
 * shadow_sqlite.c - a shadow in a file beside the store, FILE-evshadow-NAME
 *
 * The live file is never written but by the copy's pieces and the swap. The old version keeps serving
 * until COMMIT of the swap: a reader (WAL) sees the old tables or the new ones, whole. The live writer is
 * fenced by the generation, which the swap raises.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "rebuild/sqlite_kit.h"
#include "store/dead.h"
#include "store/seen.h"
#include "store/sqlite_file.h"
#include "store/sqlite_lock.h"

#define GAP_MS 150 /* longer than a writer that waits pauses between two looks (store/sqlite_open.c): it gets in */

static struct ev_shadow_sqlite *of(struct ev_shadow *sh)
{
	return (struct ev_shadow_sqlite *)sh; /* base comes first */
}

static int present(struct ev_shadow *sh, struct ev_error *err)
{
	(void)err;
	return of(sh)->path && access(of(sh)->path, F_OK) == 0;
}

static void close_store(struct ev_shadow *sh);

static struct ev_store *store(struct ev_shadow *sh, struct ev_error *err)
{
	struct ev_shadow_sqlite *s = of(sh);
	struct ev_store_options opt = *sh->opt.store;

	opt.read_only = false;
	if (!s->path) {
		ev_fail(err, EV_USAGE, "a store in memory cannot be rebuilt beside itself");
		return NULL;
	}
	if (s->store)
		return s->store;
	if (ev_sqlite_check_beside(sh->live, NULL, err) < 0)
		return NULL;
	s->store = ev_sqlite_open(s->path, &opt, err);
	/* tables of @reads */
	if (s->store && ev_sqlite_look_beyond(s->store, sqlite3_db_filename(s->live->db, "main"), err) < 0)
		close_store(sh);
	return s->store;
}

static void close_store(struct ev_shadow *sh)
{
	struct ev_shadow_sqlite *s = of(sh);

	if (s->store)
		s->store->ops->close(s->store);
	s->store = NULL;
}

static int preflight(struct ev_shadow *sh, struct ev_store *fresh, bool adopt,
		     struct ev_shadow_report *out, struct ev_error *err)
{
	return ev_kit_preflight(of(sh), fresh, adopt, out, err);
}

static const char *where(struct ev_shadow *sh, struct ev_store_options *opt)
{
	(void)opt;
	return of(sh)->path;
}

static void thaw(struct ev_shadow *sh)
{
	struct ev_shadow_sqlite *s = of(sh);

	if (s->frozen)
		s->frozen->ops->close(s->frozen);
	s->frozen = NULL;
}

static struct ev_store *freeze(struct ev_shadow *sh, struct ev_error *err)
{
	struct ev_shadow_sqlite *s = of(sh);
	struct ev_store_options opt = *sh->opt.store;

	thaw(sh);
	opt.read_only = true;
	s->frozen = ev_sqlite_open(sqlite3_db_filename(s->live->db, "main"), &opt, err);
	if (s->frozen && s->frozen->ops->freeze(s->frozen, err) < 0)
		thaw(sh);
	return s->frozen;
}

static int expect(struct ev_shadow *sh, bool adopt, enum ev_shadow_rows rows, struct ev_error *err)
{
	struct ev_store *fresh = store(sh, err);
	int rc = fresh ? ev_kit_expect_indexes(of(sh), ev_sqlite_of(fresh), rows, err) : -1;

	(void)adopt; /* preflight has seen to it that the old tables are those of the same names */
	return rc < 0 ? -1 : rc > 0;
}

/* ANALYZE is run where the rows end up, by the copy. */
static int finish_load(struct ev_shadow *sh, bool adopt, struct ev_error *err)
{
	return expect(sh, adopt, EV_SHADOW_LOADED, err) < 0 ? -1 : 0;
}

static int copy(struct ev_shadow *sh, struct ev_plan *plan, bool adopt,
		const struct ev_shadow_hooks *hooks, struct ev_error *err)
{
	return ev_kit_copy(of(sh), plan, adopt, hooks, err);
}

/* The version's ledger under its role's name, as the level function wants the old one. */
static int load_role(struct ev_shadow *sh, enum ev_role role, struct ev_ledger *l, struct ev_error *err)
{
	struct ev_buf name = EV_BUF_INIT;
	int rc;

	ev_role_name(&name, sh->projection, role);
	rc = ev_ledger_load(sh->live, ev_buf_str(&name), l, err);
	ev_buf_release(&name);
	return rc;
}

/* The engine's guards are of this connection, and of the tables that have the names now. */
static int drop_guards(struct ev_sqlite *s, struct ev_error *err)
{
	struct ev_buf rows = EV_BUF_INIT;
	int rc = ev_kit_rows(s, &rows, err, "SELECT name FROM temp.sqlite_schema WHERE type = 'trigger'");

	for (const char *c = ev_kit_first(&rows); rc == 0 && c; c = ev_kit_next(&rows, c, 1))
		rc = ev_kit_exec(s, err, "DROP TRIGGER temp.\"%w\"", c);
	ev_buf_release(&rows);
	return rc;
}

/* The engine on the new version, in our transaction. 0 level, 1 not yet, -1. */
static int level_new(struct ev_shadow *sh, enum ev_role old_role, ev_level_fn level, void *ctx, int most_ms,
		     struct ev_error *err)
{
	struct ev_ledger old = { 0 };
	int rc = load_role(sh, old_role, &old, err);

	if (rc == 0) {
		ev_sqlite_join(sh->live, true);
		rc = level(ctx, sh->live, old.exists ? &old : NULL, most_ms, err);
		ev_sqlite_join(sh->live, false);
		if (rc >= 0 && drop_guards(of(sh)->live, err) < 0)
			rc = -1;
	}
	ev_ledger_release(&old);
	return rc;
}

/* What the new version has caught up with is kept, but the old one goes on serving. */
static int step_back(struct ev_sqlite *s, const char *name, struct ev_error *err)
{
	if (ev_kit_move(s, name, EV_ROLE_LIVE, EV_ROLE_NEW, err) < 0)
		return -1;
	return ev_kit_move(s, name, EV_ROLE_MOVING, EV_ROLE_LIVE, err);
}

static int put_in_place(struct ev_sqlite *s, const char *name, struct ev_error *err)
{
	if (ev_kit_move(s, name, EV_ROLE_KEPT, EV_ROLE_GONE, err) < 0 ||
	    ev_kit_move(s, name, EV_ROLE_MOVING, EV_ROLE_KEPT, err) < 0)
		return -1;
	return ev_kit_fence(s, name, err);
}

/* 0 swapped, 1 not level yet, -1. */
static int try_swap(struct ev_shadow *sh, ev_level_fn level, void *ctx, int most_ms, struct ev_error *err)
{
	struct ev_sqlite *s = of(sh)->live;
	const char *name = sh->projection;
	int rc;

	if (ev_kit_recheck(of(sh), EV_ROLE_NEW, err) < 0 ||
	    ev_kit_move(s, name, EV_ROLE_LIVE, EV_ROLE_MOVING, err) < 0 ||
	    ev_kit_move(s, name, EV_ROLE_NEW, EV_ROLE_LIVE, err) < 0)
		return -1;
	rc = level_new(sh, EV_ROLE_MOVING, level, ctx, most_ms, err);
	if (rc == 1)
		return step_back(s, name, err) < 0 ? -1 : 1;
	if (rc < 0 || put_in_place(s, name, err) < 0)
		return -1;
	return ev_plan_delete(sh->live, name, err);
}

static int begin_moves(struct ev_shadow *sh, struct ev_error *err)
{
	if (ev_kit_legacy(of(sh)->live, err) < 0)
		return -1;
	return sh->live->ops->begin(sh->live, err);
}

static int swap(struct ev_shadow *sh, bool adopt, ev_level_fn level, void *ctx, struct ev_error *err)
{
	int most_ms = EV_LEVEL_MS, rc;

	(void)adopt; /* the copy has put these tables on our list */
	do {
		if (begin_moves(sh, err) < 0)
			return -1;
		rc = try_swap(sh, level, ctx, most_ms, err);
		most_ms = ev_level_longer(most_ms);
		if (rc >= 0 && sh->live->ops->commit(sh->live, err) < 0)
			rc = -1;
		if (rc < 0)
			sh->live->ops->rollback(sh->live);
		else if (rc == 1 && of(sh)->live->give_up && of(sh)->live->give_up()) {
			ev_fail(err, EV_HELD, "told to stop before the swap; the next call goes on");
			err->retriable = true;
			return -1;
		} else if (rc == 1)
			usleep(GAP_MS * 1000);
	} while (rc == 1);
	return rc;
}

static int exchange(struct ev_sqlite *s, const char *name, struct ev_error *err)
{
	if (ev_kit_move(s, name, EV_ROLE_LIVE, EV_ROLE_MOVING, err) < 0 ||
	    ev_kit_move(s, name, EV_ROLE_KEPT, EV_ROLE_LIVE, err) < 0 ||
	    ev_kit_move(s, name, EV_ROLE_MOVING, EV_ROLE_KEPT, err) < 0)
		return -1;
	return ev_kit_fence(s, name, err);
}

static int roll_back(struct ev_shadow *sh, struct ev_error *err)
{
	int rc;

	if (begin_moves(sh, err) < 0)
		return -1;
	rc = ev_kit_recheck(of(sh), EV_ROLE_KEPT, err);
	if (rc == 0)
		rc = exchange(of(sh)->live, sh->projection, err);
	if (rc == 0)
		rc = sh->live->ops->commit(sh->live, err);
	if (rc < 0)
		sh->live->ops->rollback(sh->live);
	return rc;
}

static int behind(struct ev_shadow *sh, struct ev_buf *out, struct ev_error *err)
{
	return ev_kit_indexes_behind(of(sh)->live, sh->projection, out, err);
}

static int remove_file(struct ev_shadow_sqlite *s, struct ev_error *err)
{
	close_store(&s->base);
	return s->path ? ev_sqlite_unlink(s->path, err) : 0;
}

static int drop_role(struct ev_shadow *sh, enum ev_role role, bool pieces, struct ev_error *err)
{
	struct ev_error err2 = EV_ERROR_INIT;
	int rc = ev_role_present(sh->live, sh->projection, role, err);

	if (rc <= 0)
		return rc;
	if (ev_kit_foreign_keys(of(sh)->live, false, err) < 0)
		return -1;
	rc = ev_kit_drop(of(sh)->live, sh->projection, role, pieces, err);
	/* a first build in place may come next, on this connection */
	if (ev_kit_foreign_keys(of(sh)->live, true, &err2) < 0 && rc == 0) {
		*err = err2;
		rc = -1;
	}
	return rc;
}

/* Without a plan a copy is one that was given up, and the file beside the store too. */
static int drop_new(struct ev_shadow *sh, struct ev_error *err)
{
	if (drop_role(sh, EV_ROLE_NEW, true, err) < 0)
		return -1;
	return remove_file(of(sh), err);
}

static int clean(struct ev_shadow *sh, struct ev_error *err)
{
	struct ev_plan plan = { 0 };
	int rc = drop_role(sh, EV_ROLE_GONE, true, err);

	if (rc == 0)
		rc = ev_plan_load(sh->live, sh->projection, &plan, err);
	if (rc == 0 && plan.phase == EV_PHASE_NONE)
		rc = drop_new(sh, err);
	ev_plan_release(&plan);
	return rc;
}

/* Another program's tables are nobody's again. */
static int disown(struct ev_shadow *sh, struct ev_error *err)
{
	return ev_kit_exec(of(sh)->live, err, "DELETE FROM main.ev_table WHERE projection = %Q AND NOT EXISTS "
			   "(SELECT 1 FROM main.ev_projection WHERE name = %Q)", sh->projection,
			   sh->projection);
}

/* Those that the abandoned rebuild has adopted, and no others. */
static int disown_new(struct ev_shadow *sh, struct ev_error *err)
{
	struct ev_plan plan = { 0 };
	int rc = ev_plan_load(sh->live, sh->projection, &plan, err);

	for (const char *t = ev_kit_first(&plan.adopted); rc == 0 && t; t = ev_kit_next(&plan.adopted, t, 1))
		rc = ev_kit_exec(of(sh)->live, err, "DELETE FROM main.ev_table WHERE projection = %Q "
				 "AND table_name = %Q", sh->projection, t);
	ev_plan_release(&plan);
	return rc;
}

/*
 * The plan goes first, at once: nobody shall go on with half of a copy; with it what `first` does. Killed after that,
 * clean does the rest.
 */
static int give_up(struct ev_shadow *sh, bool stays, int (*first)(struct ev_shadow *, struct ev_error *),
		   struct ev_error *err)
{
	if (ev_plan_give_up(sh->live, sh->projection, stays, first, sh, err) < 0)
		return -1;
	return clean(sh, err);
}

static int abandon(struct ev_shadow *sh, struct ev_error *err)
{
	return give_up(sh, true, disown_new, err);
}

static int forget(struct ev_shadow *sh, struct ev_error *err)
{
	return drop_role(sh, EV_ROLE_KEPT, true, err);
}

/* In the open transaction: what serves, where it is ours, and what is kept of it. */
static int drop_view(struct ev_shadow *sh, struct ev_error *err)
{
	struct ev_sqlite *live = of(sh)->live;
	int theirs = disown_new(sh, err) < 0 ? -1 : ev_role_adopted(sh->live, sh->projection, err);

	if (theirs < 0 || ev_kit_drop(live, sh->projection, EV_ROLE_KEPT, false, err) < 0)
		return -1;
	return theirs ? disown(sh, err) : ev_kit_drop(live, sh->projection, EV_ROLE_LIVE, false, err);
}

/* All that may serve again goes at once, with the plan: killed, or refused by the store, it is all there or not. */
static int drop(struct ev_shadow *sh, struct ev_error *err)
{
	if (ev_kit_foreign_keys(of(sh)->live, false, err) < 0)
		return -1;
	return give_up(sh, false, drop_view, err);
}

static int dependents(struct ev_shadow *sh, struct ev_buf *out, struct ev_error *err)
{
	return ev_kit_dependents(of(sh), out, err);
}

static void close_shadow(struct ev_shadow *sh)
{
	if (!sh)
		return;
	close_store(sh);
	thaw(sh);
	if (of(sh)->lock_fd >= 0)
		close(of(sh)->lock_fd);
	free(of(sh)->path);
	free(sh->projection);
	free(sh);
}

static const struct ev_shadow_ops ops = {
	.present = present,
	.store = store,
	.close_store = close_store,
	.preflight = preflight,
	.where = where,
	.freeze = freeze,
	.thaw = thaw,
	.expect = expect,
	.finish_load = finish_load,
	.copy = copy,
	.swap = swap,
	.rollback = roll_back,
	.behind = behind,
	.clean = clean,
	.abandon = abandon,
	.forget = forget,
	.drop = drop,
	.dependents = dependents,
	.close = close_shadow,
};

/* The ledger's tables, as the first run would create them, and ours. */
static int create_tables(struct ev_shadow *sh, struct ev_error *err)
{
	struct ev_store *live = sh->live;
	int ours = ev_ledger_present(live, err);

	if (ours < 0 || live->ops->begin(live, err) < 0)
		return -1;
	sh->tidy |= !ours;
	if (ev_ledger_create(live, err) == 0 && ev_dead_create(live, err) == 0 &&
	    ev_seen_create(live, err) == 0 && ev_plan_create(live, err) == 0 &&
	    ev_kit_create_views(ev_sqlite_of(live), err) == 0 && live->ops->commit(live, err) == 0)
		return 0;
	live->ops->rollback(live);
	return -1;
}

static int take_lock(struct ev_shadow_sqlite *s, const char *file, struct ev_error *err)
{
	struct ev_buf name = EV_BUF_INIT;

	ev_role_name(&name, s->base.projection, EV_ROLE_NEW);
	s->lock_fd = ev_sqlite_lock(file, ev_buf_str(&name), s->live->lock_wait_ms, s->live->give_up, err);
	ev_buf_release(&name);
	if (s->lock_fd < 0 && err->class == EV_HELD)
		ev_shadow_held(s->base.live, s->base.projection, err);
	return s->lock_fd < 0 ? -1 : 0;
}

struct ev_shadow *ev_shadow_sqlite(struct ev_store *live, const char *projection,
				   const struct ev_shadow_options *opt, struct ev_error *err)
{
	struct ev_shadow_sqlite *s = ev_alloc(sizeof(*s));
	const char *file = sqlite3_db_filename(ev_sqlite_of(live)->db, "main");
	struct ev_buf path = EV_BUF_INIT;

	s->base = (struct ev_shadow){ &ops, live, ev_strdup(projection), *opt, NULL, NULL, NULL, false };
	s->live = ev_sqlite_of(live);
	s->lock_fd = -1;
	if (file && *file) {
		ev_buf_addf(&path, "%s-evshadow-%s", file, projection);
		s->path = ev_strdup(ev_buf_str(&path));
		ev_buf_release(&path);
	}
	if (!opt->dry && ((s->path && take_lock(s, file, err) < 0) || create_tables(&s->base, err) < 0)) {
		close_shadow(&s->base);
		return NULL;
	}
	return &s->base;
}
