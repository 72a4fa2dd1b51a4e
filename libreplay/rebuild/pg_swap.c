/*
 * pg_swap.c - the exchange of two versions in PostgreSQL, and back
 *
 * The swap moves tables between schemas, in one transaction. Two things make it fit for readers.
 *
 * - No reader goes back in time: the swap's transaction takes the old ledger's row, so that the old view
 *   stands still; the shadow is brought level on a second connection, which commits.
 * - No reader finds an empty table, or an older state than he saw: a transaction whose snapshot is older than
 *   that commit would read the new table as it was before it. So the swap waits until every transaction
 *   that ran then has ended (their virtual ids in pg_locks), before it takes any lock on a table.
 *
 * The old view's writer waits for that row with its --lock-wait, and ends when that is over. So both are done before
 * as well, without the row: the long waits, for --swap-wait, and the long stretches are there; under the row what
 * came meanwhile is read, and who began meanwhile is waited for, HOLD_MS at most. Where nothing came,
 * nobody is waited for twice.
 *
 * Locks on tables are asked for with a short lock_timeout each (pg_kit.h), and given back between tries, so that behind
 * a long query nobody queues for longer than that. Readers of a standby are not covered.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "rebuild/pg_kit.h"

#define HOLD_MS 2000 /* much less than the time that a writer waits for its row by default */

static struct ev_shadow_pg *of(struct ev_shadow *sh)
{
	return (struct ev_shadow_pg *)sh; /* base comes first */
}

struct attempt;
typedef int (*try_fn)(struct attempt *t, struct ev_error *err); /* 0 done, 1 not this time, -1 */

/* A swap, or a rollback, that is tried until it is done. */
struct attempt {
	struct ev_shadow *sh;
	try_fn before; /* outside of the transaction, or NULL */
	try_fn within;
	bool adopt;
	ev_level_fn level;
	void *ctx;
	struct ev_buf seen; /* the shadow's state (state_of) that all transactions have in their snapshots */
};

/* The old view stands still until the transaction ends: its writer waits for this row. */
static int hold_old(struct ev_shadow *sh, struct ev_ledger *old, struct ev_error *err)
{
	PGresult *res = ev_pgkit_rows(of(sh)->live, err,
				      "SELECT 1 FROM ev_projection WHERE name = %L FOR UPDATE",
				      sh->projection);

	PQclear(res);
	return res ? ev_ledger_load(sh->live, sh->projection, old, err) : -1;
}

/* The shadow to the old view's position, committed on a connection of its own. 0, 1 not in time, -1. */
static int bring_level(const struct attempt *t, const struct ev_ledger *old, struct ev_error *err)
{
	struct ev_shadow *sh = t->sh;
	struct ev_store *s = sh->ops->store(sh, err);
	int rc = s ? t->level(t->ctx, s, old->exists ? old : NULL, err) : -1;

	sh->ops->settle(sh);
	return rc;
}

/* Nearly level, while the old view goes on: what is left for the time when it stands still is little. */
static int approach(const struct attempt *t, struct ev_error *err)
{
	struct ev_ledger old = { 0 };
	int rc = ev_ledger_load(t->sh->live, t->sh->projection, &old, err);

	if (rc == 0)
		do
			rc = bring_level(t, &old, err);
		while (rc == 1 && !ev_pg_told(of(t->sh)->live));
	ev_ledger_release(&old);
	return rc;
}

/* What changes with each transaction that applies something to the shadow. */
static int state_of(struct ev_shadow *sh, struct ev_buf *out, struct ev_error *err)
{
	PGresult *res = ev_pgkit_rows(of(sh)->live, err, "SELECT coalesce(string_agg(xmin::text, ' ' ORDER BY "
				      "projection, topic, partition), '') FROM %I.ev_ledger",
				      of(sh)->schemas[EV_ROLE_NEW]);

	ev_buf_clear(out);
	if (res)
		ev_buf_adds(out, PQgetvalue(res, 0, 0));
	PQclear(res);
	return res ? 0 : -1;
}

static int exchange(struct ev_shadow_pg *s, enum ev_role from, struct ev_buf *carried, struct ev_error *err)
{
	if (ev_pgkit_carry(s, from, carried, err) < 0 ||
	    ev_pgkit_move(s, EV_ROLE_LIVE, EV_ROLE_MOVING, err) < 0 ||
	    ev_pgkit_move(s, from, EV_ROLE_LIVE, err) < 0)
		return -1;
	return 0;
}

/* Under the locks: old to kept, new in its place, the ledger's rows with them. */
static int move_versions(struct ev_shadow *sh, struct ev_error *err)
{
	struct ev_shadow_pg *s = of(sh);
	struct ev_buf carried = EV_BUF_INIT;
	int rc = exchange(s, EV_ROLE_NEW, &carried, err);

	if (rc == 0 && (ev_pgkit_bring_ledger(s, err) < 0 || ev_pgkit_move(s, EV_ROLE_KEPT, EV_ROLE_GONE, err) < 0 ||
			ev_pgkit_move(s, EV_ROLE_MOVING, EV_ROLE_KEPT, err) < 0 || ev_pgkit_fence(s, err) < 0))
		rc = -1;
	if (rc == 0 && carried.len)
		rc = ev_pgkit_exec(s->live, err, "%s", ev_buf_str(&carried));
	if (rc == 0)
		rc = ev_pgkit_exec(s->live, err, "DROP SCHEMA IF EXISTS %I", s->schemas[EV_ROLE_MOVING]);
	if (rc == 0)
		rc = ev_pgkit_drop_shadow(s, false, err);
	ev_buf_release(&carried);
	return rc == 0 ? ev_plan_delete(sh->live, sh->projection, err) : -1;
}

/* A lock that was not to be had in time (EV_HELD), or at all (a deadlock), is one for the next try. */
static int next_try(struct attempt *t, const struct ev_error *err)
{
	bool later = err->class == EV_STORE && err->retriable && !ev_pg_lost(of(t->sh)->live);

	return err->class == EV_HELD || later ? 1 : -1;
}

/* What takes time, while the old view goes on: its writer waits for nothing of ours. */
static int before_swap(struct attempt *t, struct ev_error *err)
{
	int rc = state_of(t->sh, &t->seen, err);

	if (rc == 0)
		rc = ev_pgkit_outlive(of(t->sh), t->sh->opt.swap_wait_ms, err);
	return rc <= 0 ? (rc < 0 ? -1 : 1) : approach(t, err);
}

/* The old view stands still and the shadow is level, and no snapshot is older than that. 0, 1 not this time, -1. */
static int stand_still(struct attempt *t, struct ev_error *err)
{
	struct ev_shadow *sh = t->sh;
	struct ev_buf now = EV_BUF_INIT;
	struct ev_ledger old = { 0 };
	int rc = hold_old(sh, &old, err);

	if (rc == 0)
		rc = bring_level(t, &old, err);
	if (rc == 0)
		rc = state_of(sh, &now, err);
	if (rc == 0 && (now.len != t->seen.len || memcmp(ev_buf_str(&now), ev_buf_str(&t->seen), now.len) != 0)) {
		rc = ev_pgkit_outlive(of(sh), sh->opt.swap_wait_ms < HOLD_MS ? sh->opt.swap_wait_ms : HOLD_MS, err);
		rc = rc < 0 ? -1 : !rc;
	}
	ev_ledger_release(&old);
	ev_buf_release(&now);
	return rc;
}

static int try_swap(struct attempt *t, struct ev_error *err)
{
	struct ev_shadow_pg *s = of(t->sh);
	int rc = stand_still(t, err);

	if (rc)
		return rc;
	if (t->adopt && ev_pgkit_adopt(s, err) < 0)
		return -1;
	/* before the locks, behind which readers queue */
	if (ev_pgkit_recheck(s, EV_ROLE_NEW, err) < 0)
		return -1;
	/* all that move_versions moves; what is read most comes last */
	if (ev_pgkit_lock(s, EV_ROLE_KEPT, err) < 0 || ev_pgkit_lock(s, EV_ROLE_NEW, err) < 0 ||
	    ev_pgkit_stop_vacuums(s, err) < 0 || ev_pgkit_lock_views(s, err) < 0 ||
	    ev_pgkit_lock(s, EV_ROLE_LIVE, err) < 0 || move_versions(t->sh, err) < 0)
		return next_try(t, err);
	return 0;
}

static void say_who(struct ev_shadow *sh, const char *who)
{
	char text[300];

	if (!sh->note)
		return;
	snprintf(text, sizeof(text), "the swap waits for a transaction of others: %s; trying again",
		 who[0] ? who : "it has just ended");
	sh->note(sh->note_ctx, text);
}

/* The time is over. */
static int too_long(struct ev_shadow *sh, const char *who, struct ev_error *err)
{
	ev_fail(err, EV_HELD, "store '%s': a transaction of others runs on and does not let the swap through%s%s",
		sh->live->url, who[0] ? ": " : "", who);
	err->retriable = ev_pg_told(of(sh)->live);
	return ev_hint(err, "see pg_stat_activity; nothing is lost, the next call goes on with the swap (a longer "
			    "--swap-wait waits longer at a time)");
}

/* 0 done, 1 not this time, -1. */
static int try_once(struct attempt *t, struct ev_error *err)
{
	struct ev_store *live = t->sh->live;
	int rc = t->before ? t->before(t, err) : 0;

	if (rc)
		return rc;
	if (live->ops->begin(live, err) < 0)
		return -1;
	rc = t->within(t, err);
	if (rc == 0)
		rc = live->ops->commit(live, err);
	if (rc)
		live->ops->rollback(live);
	return rc;
}

/* Try until it is done, with longer and longer pauses in which everybody else gets on. */
static int try_often(struct attempt *t, struct ev_error *err)
{
	struct ev_shadow *sh = t->sh;
	int64_t end = ev_clock_ms() + 20 * (int64_t)(sh->opt.swap_wait_ms > 0 ? sh->opt.swap_wait_ms : 1);
	char who[200] = "", before[200] = "";
	int pause = 50, rc;

	while ((rc = try_once(t, err)) > 0) {
		ev_pgkit_longest(of(sh), who, sizeof(who));
		if (strncmp(who, before, strcspn(who, ")")) != 0)
			say_who(sh, who);
		snprintf(before, sizeof(before), "%s", who);
		if (ev_clock_ms() >= end || !ev_pg_nap(of(sh)->live, pause))
			return too_long(sh, who, err);
		pause = pause * 2 < 1000 ? pause * 2 : 1000;
	}
	return rc;
}

int ev_pgkit_swap(struct ev_shadow *sh, bool adopt, ev_level_fn level, void *ctx, struct ev_error *err)
{
	struct attempt t = { sh, before_swap, try_swap, adopt, level, ctx, EV_BUF_INIT };
	int rc = ev_pgkit_check_shadow(of(sh), err);

	if (rc == 0)
		rc = try_often(&t, err);
	ev_buf_release(&t.seen);
	return rc;
}

/* Somebody may have dropped it, or renamed its schema or ours: then the view would be gone as well. */
static int check_kept(struct ev_shadow_pg *s, struct ev_error *err)
{
	const char *prefix = ev_role_prefix(EV_ROLE_KEPT), *schema = s->schemas[EV_ROLE_KEPT];
	struct ev_buf name = EV_BUF_INIT;
	PGresult *res;
	int rc;

	ev_role_name(&name, s->base.projection, EV_ROLE_KEPT);
	res = ev_pgkit_rows(s->live, err, "SELECT substr(v.table_name, %d) FROM ev_table v WHERE v.projection = %L "
			    "AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
			    "ON n.oid = c.relnamespace WHERE n.nspname = %L AND c.relkind IN ('r', 'v') "
			    "AND v.table_name = %L || c.relname) ORDER BY 1", (int)strlen(prefix) + 1,
			    ev_buf_str(&name), schema, prefix);
	rc = res ? 0 : -1;
	if (res && PQntuples(res)) {
		rc = ev_fail(err, EV_USAGE, "table '%s' of the version that is kept is not in schema '%s' any more: "
			     "there is nothing to go back to", PQgetvalue(res, 0, 0), schema);
		ev_hint(err, EV_KEPT_IS_GONE);
	}
	PQclear(res);
	ev_buf_release(&name);
	return rc;
}

static int try_rollback(struct attempt *t, struct ev_error *err)
{
	struct ev_shadow_pg *s = of(t->sh);
	struct ev_buf carried = EV_BUF_INIT;
	struct ev_ledger old = { 0 };
	int rc = hold_old(t->sh, &old, err);

	ev_ledger_release(&old);
	if (rc < 0 || check_kept(s, err) < 0 || ev_pgkit_recheck(s, EV_ROLE_KEPT, err) < 0)
		return -1;
	if (ev_pgkit_lock(s, EV_ROLE_KEPT, err) < 0 || ev_pgkit_stop_vacuums(s, err) < 0 ||
	    ev_pgkit_lock_views(s, err) < 0 || ev_pgkit_lock(s, EV_ROLE_LIVE, err) < 0)
		return next_try(t, err);
	if (exchange(s, EV_ROLE_KEPT, &carried, err) < 0 ||
	    ev_pgkit_move(s, EV_ROLE_MOVING, EV_ROLE_KEPT, err) < 0 || ev_pgkit_fence(s, err) < 0 ||
	    (carried.len && ev_pgkit_exec(s->live, err, "%s", ev_buf_str(&carried)) < 0) ||
	    ev_pgkit_exec(s->live, err, "DROP SCHEMA IF EXISTS %I", s->schemas[EV_ROLE_MOVING]) < 0)
		rc = next_try(t, err);
	ev_buf_release(&carried);
	return rc;
}

/* The generation that serves, whatever came of a lost session, which is waited for; 0: without a ledger. */
static int serving(struct ev_shadow *sh, int64_t *generation, struct ev_error *err)
{
	PGresult *res = ev_pgkit_rows(of(sh)->live, err,
				      "SELECT generation FROM ev_projection WHERE name = %L FOR UPDATE",
				      sh->projection);

	if (!res)
		return -1;
	*generation = PQntuples(res) ? strtoll(PQgetvalue(res, 0, 0), NULL, 10) : 0;
	PQclear(res);
	return 0;
}

/* An answer that was lost is settled by the generation, which every exchange raises. */
int ev_pgkit_rollback(struct ev_shadow *sh, struct ev_error *err)
{
	struct attempt t = { .sh = sh, .within = try_rollback, .seen = EV_BUF_INIT };
	int64_t before = -1, now;
	int rc;

	do {
		rc = serving(sh, &now, err);
		if (rc == 0 && before < 0)
			before = now;
		if (rc == 0 && now != before)
			return 0;
		if (rc == 0)
			rc = try_often(&t, err);
	} while (rc < 0 && ev_pgkit_recovered(sh, err));
	return rc;
}
