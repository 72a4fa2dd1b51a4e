/*
 * pg_swap.c - the exchange of two versions in PostgreSQL, and back
 *
 * The swap moves tables between schemas, in one transaction. Two things make it fit for readers.
 *
 * - No reader goes back in time: the swap's transaction takes the old ledger's row, so that the old view
 *   stands still; the shadow is brought level on a second connection, which commits.
 * - No reader finds an empty table: a transaction whose snapshot is older than that commit would look up
 *   the new table and see none of its rows. So the swap waits until every transaction that ran
 *   then has ended (their virtual ids in pg_locks), before it takes any lock on a table.
 *
 * Locks on tables are asked for with a short lock_timeout and given back between tries, so that behind
 * a long query nobody queues for longer than that. Readers of a standby are not covered.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "rebuild/pg_kit.h"

#define POLL_MS 5

/* The sessions (a) whose transactions (l) count: a vacuum of the server's own, which has no role, reads for nobody. */
#define OTHERS "l.pid <> pg_catalog.pg_backend_pid() AND a.usesysid IS NOT NULL " \
	       "AND a.application_name <> '" EV_PG_LOCKER "' "

static struct ev_shadow_pg *of(struct ev_shadow *sh)
{
	return (struct ev_shadow_pg *)sh; /* base comes first */
}

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
static int bring_level(struct ev_shadow *sh, const struct ev_ledger *old, ev_level_fn level, void *ctx,
		       struct ev_error *err)
{
	struct ev_store *s = sh->ops->store(sh, err);
	int rc = s ? level(ctx, s, old->exists ? old : NULL, err) : -1;

	sh->ops->settle(sh);
	return rc;
}

/*
 * Wait for the transactions that run now, as they may have snapshots in which the shadow is empty or
 * behind. 1 when they have ended, 0 when the time is over. Who waits for us, the old view's writer for its
 * row, would wait for ever, and looks again, at what is there then, when it gets on.
 */
static int outlive(struct ev_shadow *sh, struct ev_error *err)
{
	static const char running[] =
		"SELECT coalesce(array_agg(l.virtualxid), '{}')::text "
		"FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid "
		"AND a.datname = current_database() WHERE l.locktype = 'virtualxid' "
		"AND l.granted AND " OTHERS
		"AND NOT pg_catalog.pg_backend_pid() = ANY (pg_catalog.pg_blocking_pids(l.pid))";
	static const char still[] =
		"SELECT 1 FROM pg_catalog.pg_locks WHERE locktype = 'virtualxid' AND granted "
		"AND virtualxid = ANY (%L::text[]) AND NOT pg_catalog.pg_backend_pid() = ANY "
		"(pg_catalog.pg_blocking_pids(pid)) LIMIT 1";
	struct ev_shadow_pg *s = of(sh);
	int64_t end = ev_clock_ms() + sh->opt.swap_wait_ms;
	PGresult *before = ev_pgkit_rows(s->live, err, "%s", running), *now;
	int left = before ? 1 : -1;

	while (left > 0) {
		now = ev_pgkit_rows(s->live, err, still, PQgetvalue(before, 0, 0));
		left = now ? PQntuples(now) : -1;
		PQclear(now);
		if (left > 0 && (ev_clock_ms() >= end || !ev_pg_nap(s->live, POLL_MS)))
			break;
	}
	PQclear(before);
	return left < 0 ? -1 : !left;
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
		rc = ev_pgkit_exec(s->live, err, "DROP SCHEMA IF EXISTS %I; DROP SCHEMA %I CASCADE",
				   s->schemas[EV_ROLE_MOVING], s->schemas[EV_ROLE_NEW]);
	ev_buf_release(&carried);
	return rc == 0 ? ev_plan_delete(sh->live, sh->projection, err) : -1;
}

/* A lock that was not to be had in time (EV_HELD) is one for the next try. */
static int next_try(const struct ev_error *err)
{
	return err->class == EV_HELD ? 1 : -1;
}

/* One try, in the open transaction. 0 swapped, 1 not this time, -1. */
static int try_swap(struct ev_shadow *sh, bool adopt, ev_level_fn level, void *ctx, struct ev_error *err)
{
	struct ev_shadow_pg *s = of(sh);
	struct ev_ledger old = { 0 };
	int rc = hold_old(sh, &old, err);

	if (rc == 0)
		rc = bring_level(sh, &old, level, ctx, err);
	ev_ledger_release(&old);
	if (rc)
		return rc;
	rc = outlive(sh, err);
	if (rc <= 0)
		return rc < 0 ? -1 : 1;
	if (adopt && ev_pgkit_adopt(s, err) < 0)
		return -1;
	/* before the locks, behind which readers queue */
	if (ev_pgkit_recheck(s, EV_ROLE_NEW, err) < 0)
		return -1;
	/* all that move_versions moves; what is read most comes last */
	if (ev_pgkit_lock(s, EV_ROLE_KEPT, err) < 0 || ev_pgkit_lock(s, EV_ROLE_NEW, err) < 0 ||
	    ev_pgkit_lock_views(s, err) < 0 || ev_pgkit_lock(s, EV_ROLE_LIVE, err) < 0 || move_versions(sh, err) < 0)
		return next_try(err);
	return 0;
}

/* The transaction of others that has run longest, as far as this role may see. */
static void find_who(struct ev_shadow *sh, char *who, size_t size)
{
	static const char sql[] =
		"SELECT a.pid, coalesce(a.usename, ''), coalesce(nullif(a.application_name, ''), 'unnamed'), "
		"extract(epoch FROM pg_catalog.now() - a.xact_start)::bigint "
		"FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid "
		"WHERE l.locktype = 'virtualxid' AND l.granted AND a.datname = current_database() AND " OTHERS
		"ORDER BY a.xact_start LIMIT 1";
	struct ev_error ignored = EV_ERROR_INIT;
	PGresult *res = ev_pgkit_rows(of(sh)->live, &ignored, "%s", sql);

	who[0] = '\0';
	if (res && PQntuples(res)) {
		snprintf(who, size, "pid %s (%s, role %s)", PQgetvalue(res, 0, 0), PQgetvalue(res, 0, 2),
			 PQgetvalue(res, 0, 1));
		if (!PQgetisnull(res, 0, 3))
			snprintf(who + strlen(who), size - strlen(who), " for %s s", PQgetvalue(res, 0, 3));
	}
	PQclear(res);
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

typedef int (*try_fn)(struct ev_shadow *sh, bool adopt, ev_level_fn level, void *ctx, struct ev_error *err);

/* One try in a transaction: 0 done, 1 not this time, -1. */
static int try_once(struct ev_shadow *sh, try_fn try, bool adopt, ev_level_fn level, void *ctx,
		    struct ev_error *err)
{
	int rc;

	if (sh->live->ops->begin(sh->live, err) < 0)
		return -1;
	rc = try(sh, adopt, level, ctx, err);
	if (rc == 0)
		rc = sh->live->ops->commit(sh->live, err);
	if (rc)
		sh->live->ops->rollback(sh->live);
	return rc;
}

/* Try until it is done, with longer and longer pauses in which everybody else gets on. */
static int try_often(struct ev_shadow *sh, try_fn try, bool adopt, ev_level_fn level, void *ctx,
		     struct ev_error *err)
{
	int64_t end = ev_clock_ms() + 20 * (int64_t)(sh->opt.swap_wait_ms > 0 ? sh->opt.swap_wait_ms : 1);
	char who[200] = "", before[200] = "";
	int pause = 50, rc;

	while ((rc = try_once(sh, try, adopt, level, ctx, err)) > 0) {
		find_who(sh, who, sizeof(who));
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
	return try_often(sh, try_swap, adopt, level, ctx, err);
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

static int try_rollback(struct ev_shadow *sh, bool adopt, ev_level_fn level, void *ctx, struct ev_error *err)
{
	struct ev_shadow_pg *s = of(sh);
	struct ev_buf carried = EV_BUF_INIT;
	struct ev_ledger old = { 0 };
	int rc = hold_old(sh, &old, err);

	(void)adopt;
	(void)level;
	(void)ctx;
	ev_ledger_release(&old);
	if (rc < 0 || check_kept(s, err) < 0 || ev_pgkit_recheck(s, EV_ROLE_KEPT, err) < 0)
		return -1;
	if (ev_pgkit_lock(s, EV_ROLE_KEPT, err) < 0 || ev_pgkit_lock_views(s, err) < 0 ||
	    ev_pgkit_lock(s, EV_ROLE_LIVE, err) < 0)
		return next_try(err);
	if (exchange(s, EV_ROLE_KEPT, &carried, err) < 0 ||
	    ev_pgkit_move(s, EV_ROLE_MOVING, EV_ROLE_KEPT, err) < 0 || ev_pgkit_fence(s, err) < 0 ||
	    (carried.len && ev_pgkit_exec(s->live, err, "%s", ev_buf_str(&carried)) < 0) ||
	    ev_pgkit_exec(s->live, err, "DROP SCHEMA IF EXISTS %I", s->schemas[EV_ROLE_MOVING]) < 0)
		rc = next_try(err);
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
	int64_t before = -1, now;
	int rc;

	do {
		rc = serving(sh, &now, err);
		if (rc == 0 && before < 0)
			before = now;
		if (rc == 0 && now != before)
			return 0;
		if (rc == 0)
			rc = try_often(sh, try_rollback, false, NULL, NULL, err);
	} while (rc < 0 && ev_pgkit_recovered(sh, err));
	return rc;
}
