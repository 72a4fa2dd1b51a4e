/*
 * shadow_postgres.c - a shadow in a schema of the same database, ev_shadow_S_NAME
 *
 * Nothing is copied: the swap moves tables between schemas. Two things make it fit for readers.
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
#include <stdlib.h>
#include <time.h>
#include <xxhash.h>

#include "base/clock.h"
#include "base/mem.h"
#include "rebuild/pg_kit.h"
#include "store/dead.h"
#include "store/seen.h"


#define POLL_MS 5

static struct ev_shadow_pg *of(struct ev_shadow *sh)
{
	return (struct ev_shadow_pg *)sh; /* base comes first */
}

static void nap(int ms)
{
	const struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

static int present(struct ev_shadow *sh, struct ev_error *err)
{
	return ev_pgkit_has_schema(of(sh), EV_ROLE_NEW, err);
}

/* A connection of its own into one of our schemas. */
static struct ev_store *open_schema(struct ev_shadow *sh, enum ev_role role, bool read_only,
				    struct ev_error *err)
{
	struct ev_store_options opt = *sh->opt.store;

	opt.schema = of(sh)->schemas[role];
	opt.read_only = read_only;
	return ev_pg_open(sh->opt.url, &opt, err);
}

static struct ev_store *store(struct ev_shadow *sh, struct ev_error *err)
{
	struct ev_shadow_pg *s = of(sh);

	if (s->store)
		return s->store;
	if (ev_pgkit_exec(s->live, err, "CREATE SCHEMA IF NOT EXISTS %I", s->schemas[EV_ROLE_NEW]) < 0) {
		if (strstr(err->text, "permission denied"))
			ev_hint(err, "the shadow is a schema: GRANT CREATE ON DATABASE ... TO the role");
		return NULL;
	}
	s->store = open_schema(sh, EV_ROLE_NEW, false, err);
	if (s->store) /* tables of @reads */
		ev_pg_look_beyond(s->store, s->schemas[EV_ROLE_LIVE]);
	return s->store;
}

static void settle(struct ev_shadow *sh)
{
	struct ev_shadow_pg *s = of(sh);

	if (s->store)
		s->store->ops->close(s->store);
	s->store = NULL;
}

static int preflight(struct ev_shadow *sh, struct ev_store *fresh, bool adopt,
		     struct ev_shadow_report *out, struct ev_error *err)
{
	return ev_pgkit_preflight(of(sh), fresh, adopt, out, err);
}

static void thaw(struct ev_shadow *sh)
{
	struct ev_shadow_pg *s = of(sh);

	if (s->frozen)
		s->frozen->ops->close(s->frozen);
	s->frozen = NULL;
}

static struct ev_store *freeze(struct ev_shadow *sh, struct ev_error *err)
{
	struct ev_shadow_pg *s = of(sh);

	thaw(sh);
	s->frozen = open_schema(sh, EV_ROLE_LIVE, true, err);
	if (s->frozen && s->frozen->ops->freeze(s->frozen, err) < 0)
		thaw(sh);
	return s->frozen;
}

static int analyze(struct ev_shadow_pg *s, struct ev_error *err)
{
	PGresult *tables = ev_pgkit_tables(s, EV_ROLE_NEW, err);
	int rc = tables ? 0 : -1;

	for (int i = 0; rc == 0 && i < PQntuples(tables); i++)
		if (PQgetvalue(tables, i, 1)[0] == 'r')
			rc = ev_pgkit_exec(s->live, err, "ANALYZE %I.%I", s->schemas[EV_ROLE_NEW],
					   PQgetvalue(tables, i, 0));
	PQclear(tables);
	return rc;
}

static int finish_load(struct ev_shadow *sh, struct ev_error *err)
{
	struct ev_shadow_pg *s = of(sh);

	if (sh->live->ops->begin(sh->live, err) < 0)
		return -1;
	if (ev_pgkit_carry_indexes(s, err) < 0 || analyze(s, err) < 0 ||
	    sh->live->ops->commit(sh->live, err) < 0) {
		sh->live->ops->rollback(sh->live);
		return -1;
	}
	return 0;
}

static int copy(struct ev_shadow *sh, struct ev_plan *plan, bool adopt,
		const struct ev_shadow_hooks *hooks, struct ev_error *err)
{
	(void)adopt;
	(void)hooks;
	plan->phase = EV_PHASE_READY;
	return ev_plan_save(sh->live, plan, err);
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
	struct ev_store *s = store(sh, err);
	int rc = s ? level(ctx, s, old->exists ? old : NULL, err) : -1;

	settle(sh);
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
		"AND l.granted AND l.pid <> pg_catalog.pg_backend_pid() "
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
		if (left > 0 && ev_clock_ms() >= end)
			break;
		if (left > 0)
			nap(POLL_MS);
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
	if (ev_pgkit_lock(s, EV_ROLE_LIVE, err) < 0)
		return err->class == EV_HELD ? 1 : -1;
	return move_versions(sh, err);
}

typedef int (*try_fn)(struct ev_shadow *sh, bool adopt, ev_level_fn level, void *ctx, struct ev_error *err);

/* Try until it is done, with longer and longer pauses in which everybody else gets on. */
static int try_often(struct ev_shadow *sh, try_fn try, bool adopt, ev_level_fn level, void *ctx,
		     struct ev_error *err)
{
	int64_t end = ev_clock_ms() + 20 * (int64_t)(sh->opt.swap_wait_ms > 0 ? sh->opt.swap_wait_ms : 1);
	int pause = 50, rc;

	for (;;) {
		if (sh->live->ops->begin(sh->live, err) < 0)
			return -1;
		rc = try(sh, adopt, level, ctx, err);
		if (rc == 0)
			rc = sh->live->ops->commit(sh->live, err);
		if (rc)
			sh->live->ops->rollback(sh->live);
		if (rc <= 0)
			return rc;
		if (ev_clock_ms() >= end) {
			ev_fail(err, EV_HELD, "store '%s': transactions of others that run long "
					      "did not let the swap through", sh->live->url);
			return ev_hint(err, "see pg_stat_activity for the oldest; nothing is "
					    "lost, the next call goes on with the swap (a longer "
					    "--swap-wait waits longer at a time)");
		}
		nap(pause);
		pause = pause * 2 < 1000 ? pause * 2 : 1000;
	}
}

static int swap(struct ev_shadow *sh, bool adopt, ev_level_fn level, void *ctx, struct ev_error *err)
{
	return try_often(sh, try_swap, adopt, level, ctx, err);
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
	if (rc < 0)
		return -1;
	if (ev_pgkit_lock(s, EV_ROLE_LIVE, err) < 0 || ev_pgkit_lock(s, EV_ROLE_KEPT, err) < 0)
		return err->class == EV_HELD ? 1 : -1;
	if (exchange(s, EV_ROLE_KEPT, &carried, err) < 0 ||
	    ev_pgkit_move(s, EV_ROLE_MOVING, EV_ROLE_KEPT, err) < 0 || ev_pgkit_fence(s, err) < 0 ||
	    (carried.len && ev_pgkit_exec(s->live, err, "%s", ev_buf_str(&carried)) < 0) ||
	    ev_pgkit_exec(s->live, err, "DROP SCHEMA IF EXISTS %I", s->schemas[EV_ROLE_MOVING]) < 0)
		rc = -1;
	ev_buf_release(&carried);
	return rc;
}

/* The generation that serves, whatever came of a lost session, which is waited for; 0: without a ledger. */
static int serving(struct ev_shadow *sh, int64_t *generation, struct ev_error *err)
{
	PGresult *res = ev_pgkit_rows(of(sh)->live, err,
				      "UPDATE ev_projection SET generation = generation "
				      "WHERE name = %L RETURNING generation", sh->projection);

	if (!res)
		return -1;
	*generation = PQntuples(res) ? strtoll(PQgetvalue(res, 0, 0), NULL, 10) : 0;
	PQclear(res);
	return 0;
}

/* Is it worth another try, on another connection where that is lost? */
static bool recovered(struct ev_shadow *sh, struct ev_error *err)
{
	settle(sh);
	return ev_store_recover(sh->live, err);
}

/* An answer that was lost is settled by the generation, which every exchange raises. */
static int roll_back(struct ev_shadow *sh, struct ev_error *err)
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
	} while (rc < 0 && recovered(sh, err));
	return rc;
}

/* Tables and ledger rows of a version that does not serve; what others have tied to them is an error. */
static int drop_role(struct ev_shadow *sh, enum ev_role role, struct ev_error *err)
{
	static const char *const ledger[] = { "ev_table", "ev_ledger", "ev_cut", "ev_dead", "ev_seen", NULL };
	struct ev_shadow_pg *s = of(sh);
	struct ev_buf sql = EV_BUF_INIT, name = EV_BUF_INIT;
	PGresult *tables;
	int rc;

	if (sh->live->ops->begin(sh->live, err) < 0)
		return -1;
	tables = ev_pgkit_tables(s, role, err);
	rc = tables ? 0 : -1;
	for (int i = 0; rc == 0 && i < PQntuples(tables); i++) /* views come first */
		if (PQgetvalue(tables, i, 1)[0] == 'v')
			ev_pgkit_format(&sql, "DROP VIEW %I.%I; ", s->schemas[role],
					PQgetvalue(tables, i, 0));
	for (int i = 0, n = 0; rc == 0 && i < PQntuples(tables); i++)
		if (PQgetvalue(tables, i, 1)[0] == 'r')
			ev_pgkit_format(&sql, n++ ? ", %I.%I" : "DROP TABLE %I.%I", s->schemas[role],
					PQgetvalue(tables, i, 0));
	if (rc == 0 && sql.len)
		rc = ev_pgkit_exec(s->live, err, "%s", ev_buf_str(&sql));
	PQclear(tables);
	ev_role_name(&name, sh->projection, role);
	if (rc == 0)
		rc = ev_pgkit_exec(s->live, err, "DELETE FROM ev_projection WHERE name = %L",
				   ev_buf_str(&name));
	for (const char *const *t = ledger; *t && rc == 0; t++)
		rc = ev_pgkit_exec(s->live, err, "DELETE FROM %I WHERE projection = %L", *t,
				   ev_buf_str(&name));
	if (rc == 0 && role != EV_ROLE_LIVE)
		rc = ev_pgkit_exec(s->live, err, "DROP SCHEMA IF EXISTS %I", s->schemas[role]);
	if (rc == 0)
		rc = sh->live->ops->commit(sh->live, err);
	if (rc < 0)
		sh->live->ops->rollback(sh->live);
	ev_buf_release(&sql);
	ev_buf_release(&name);
	return rc;
}

static int drop_shadow(struct ev_shadow *sh, struct ev_error *err)
{
	settle(sh);
	return ev_pgkit_exec(of(sh)->live, err, "DROP SCHEMA IF EXISTS %I CASCADE",
			     of(sh)->schemas[EV_ROLE_NEW]);
}

static int clean(struct ev_shadow *sh, struct ev_error *err)
{
	struct ev_plan plan = { 0 };
	int rc = drop_role(sh, EV_ROLE_GONE, err);

	if (rc == 0)
		rc = ev_plan_load(sh->live, sh->projection, &plan, err);
	if (rc == 0 && plan.phase == EV_PHASE_NONE)
		rc = drop_shadow(sh, err);
	ev_plan_release(&plan);
	return rc;
}

static int try_abandon(struct ev_shadow *sh, struct ev_error *err)
{
	if (drop_shadow(sh, err) < 0 || ev_plan_delete(sh->live, sh->projection, err) < 0)
		return -1;
	return clean(sh, err);
}

static int try_forget(struct ev_shadow *sh, struct ev_error *err)
{
	return drop_role(sh, EV_ROLE_KEPT, err);
}

static int try_drop(struct ev_shadow *sh, struct ev_error *err)
{
	if (try_abandon(sh, err) < 0 || try_forget(sh, err) < 0)
		return -1;
	return drop_role(sh, EV_ROLE_LIVE, err);
}

/* What may be done twice. */
static int persist(struct ev_shadow *sh, int (*step)(struct ev_shadow *, struct ev_error *), struct ev_error *err)
{
	int rc;

	do
		rc = step(sh, err);
	while (rc < 0 && recovered(sh, err));
	return rc;
}

static int abandon(struct ev_shadow *sh, struct ev_error *err)
{
	return persist(sh, try_abandon, err);
}

static int forget(struct ev_shadow *sh, struct ev_error *err)
{
	return persist(sh, try_forget, err);
}

static int drop(struct ev_shadow *sh, struct ev_error *err)
{
	return persist(sh, try_drop, err);
}

static int dependents(struct ev_shadow *sh, struct ev_buf *out, struct ev_error *err)
{
	return ev_pgkit_dependents(of(sh), out, err);
}

static void close_shadow(struct ev_shadow *sh)
{
	if (!sh)
		return;
	settle(sh);
	thaw(sh);
	for (int i = 0; i < EV_ROLES; i++)
		free(of(sh)->schemas[i]);
	free(sh->projection);
	free(sh);
}

static const struct ev_shadow_ops ops = {
	.name = "postgresql",
	.present = present,
	.store = store,
	.settle = settle,
	.preflight = preflight,
	.freeze = freeze,
	.thaw = thaw,
	.finish_load = finish_load,
	.copy = copy,
	.swap = swap,
	.rollback = roll_back,
	.clean = clean,
	.abandon = abandon,
	.forget = forget,
	.drop = drop,
	.dependents = dependents,
	.close = close_shadow,
};

static int create_tables(struct ev_store *live, struct ev_error *err)
{
	if (live->ops->begin(live, err) < 0)
		return -1;
	if (ev_ledger_create(live, err) == 0 && ev_dead_create(live, err) == 0 &&
	    ev_seen_create(live, err) == 0 && ev_plan_create(live, err) == 0 &&
	    live->ops->commit(live, err) == 0)
		return 0;
	live->ops->rollback(live);
	return -1;
}

/* ev_kept_public_orders; names past PostgreSQL's 63 bytes end with a hash of the whole. */
static char *schema_of(const struct ev_shadow_pg *s, enum ev_role role)
{
	static const char *const words[EV_ROLES] = { "", "kept", "shadow", "gone", "moving" };
	struct ev_buf b = EV_BUF_INIT;
	char *name;

	if (role == EV_ROLE_LIVE)
		return ev_strdup(s->live->schema);
	ev_buf_addf(&b, "ev_%s_%s_%s", words[role], s->live->schema, s->base.projection);
	if (b.len > 63) {
		uint64_t hash = XXH3_64bits(b.data, b.len);

		b.len = 46;
		ev_buf_addf(&b, "_%016llx", (unsigned long long)hash);
	}
	name = ev_strdup(ev_buf_str(&b));
	ev_buf_release(&b);
	return name;
}

static int take_lock(struct ev_shadow_pg *s, struct ev_error *err)
{
	struct ev_buf name = EV_BUF_INIT;
	int rc;

	ev_role_name(&name, s->base.projection, EV_ROLE_NEW);
	rc = s->base.live->ops->lock(s->base.live, ev_buf_str(&name), err);
	ev_buf_release(&name);
	if (rc < 0 && err->class == EV_HELD) {
		ev_fail(err, EV_HELD, "another process is at work on the versions of projection '%s'",
			s->base.projection);
		ev_hint(err, "a rebuild, rollback or drop of it is running; wait for it, or give "
			     "a longer --lock-wait");
	}
	return rc;
}

static int settle_in(struct ev_shadow *sh, struct ev_error *err)
{
	return take_lock(of(sh), err) < 0 ? -1 : create_tables(sh->live, err);
}

struct ev_shadow *ev_shadow_postgres(struct ev_store *live, const char *projection,
				     const struct ev_shadow_options *opt, struct ev_error *err)
{
	struct ev_shadow_pg *s = ev_alloc(sizeof(*s));

	s->base = (struct ev_shadow){ &ops, live, ev_strdup(projection), *opt };
	s->live = ev_pg_of(live);
	for (int i = 0; i < EV_ROLES; i++)
		s->schemas[i] = schema_of(s, (enum ev_role)i);
	if (!opt->dry && persist(&s->base, settle_in, err) < 0) {
		close_shadow(&s->base);
		return NULL;
	}
	return &s->base;
}
