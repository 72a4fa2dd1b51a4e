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
 * as well, without the row: the long waits, for --swap-wait, and the long stretches are there, and vacuums are
 * stopped; under the row what came meanwhile is read, and who began meanwhile is waited for, HOLD_MS at first, unless
 * he has a lock on the tables: the swap's own locks wait for him. Where nothing came, nobody is waited for twice. The
 * row is held for ROW_MS at most.
 *
 * Behind a lock that the swap waits for readers queue. So the first try waits QUEUE_MS for all of its locks, and
 * gives back what it has got. Clients that are always at the tables would keep it out for ever: each try that has
 * failed by that waits twice as long as the one before, up to queue_most(), for the lock that was missed, which comes
 * first; with one in hand it waits less than deadlock_timeout for the others. Nobody queues behind a transaction that
 * was there when the try began: it is outlived without a lock. Readers of a standby are not covered.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "rebuild/pg_kit.h"

#define ROW_MS 8000     /* less than the time that a writer waits for its row by default */
#define HOLD_MS 2000    /* of that, for transactions of others that began meanwhile: the first time */
#define IDLE_MS 1000    /* of that, for who reads the versions that do not serve */
#define QUEUE_MS 200    /* of that, for who is at the tables that serve: the first time */
#define MOST_MS 5000    /* and either at any: each that was not enough makes it twice as long */
#define VACUUM_MS 5000  /* before; the server ends a vacuum of its own for us after 1 s */
#define SILENT_MS 1000  /* who is waited for for longer is named */
#define GONE_MS 5000    /* of silence under the locks: then the server takes us for gone, and readers get on */

static struct ev_shadow_pg *of(struct ev_shadow *sh)
{
	return (struct ev_shadow_pg *)sh; /* base comes first */
}

struct attempt;
typedef int (*try_fn)(struct attempt *t, struct ev_error *err); /* 0 done, 1 not this time, -1 */

/* A swap, or a rollback, that is tried until it is done. */
struct attempt {
	struct ev_shadow *sh;
	const char *what; /* "swap" */
	try_fn before; /* outside of the transaction, or NULL */
	try_fn within;
	bool adopt;
	ev_level_fn level;
	void *ctx;
	struct ev_buf seen;  /* the shadow's state (state_of) that all transactions have in their snapshots */
	struct ev_buf young; /* the transactions of which that was not known when the shadow was level; empty: of all */
	int level_ms;        /* that the next piece of the last stretch may take */
	int hold_ms;         /* that it may wait under the row for who began meanwhile */
	int queue_ms;        /* that others may queue behind the next try */
	struct ev_buf first; /* the lock that was not to be had */
	struct ev_pgkit_script script;
	int in_hand_ms;      /* that others are waited for with one in hand, at most */
	bool longer;         /* that was not enough, and is more now */
	char who[200];       /* was in the way last; empty: nobody known */
	int64_t row_until;   /* ms: the row is let go */
};

/* So long readers queue behind a try at most; a swap that must not wait for long does not let others, either. */
static int queue_most(const struct attempt *t)
{
	int half = t->sh->opt.swap_wait_ms / 2;

	return half < MOST_MS ? half : MOST_MS;
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* A lock that was not to be had in time (EV_HELD), or at all (a deadlock), is one for the next try. */
static int next_try(struct attempt *t, const struct ev_error *err)
{
	bool later = err->class == EV_STORE && err->retriable && !ev_pg_lost(of(t->sh)->live);

	return err->class == EV_HELD || later ? 1 : -1;
}

/* The old view stands still until the transaction ends: its writer waits for this row. 0, 1 not this time, -1. */
static int hold_old(struct attempt *t, struct ev_ledger *old, struct ev_error *err)
{
	struct ev_pg *live = of(t->sh)->live;

	if (ev_pgkit_exec_until(live, ev_clock_ms() + live->lock_wait_ms, err, "SELECT 1 FROM ev_projection "
				"WHERE name = %L FOR UPDATE", t->sh->projection) < 0)
		return next_try(t, err);
	t->row_until = ev_clock_ms() + ROW_MS;
	return ev_ledger_load(t->sh->live, t->sh->projection, old, err);
}

/* The shadow to the old view's position, committed on a connection of its own. 0, 1 not in time, -1. */
static int bring_level(const struct attempt *t, const struct ev_ledger *old, int most_ms, struct ev_error *err)
{
	struct ev_shadow *sh = t->sh;
	struct ev_store *s = sh->ops->store(sh, err);
	int rc = s ? t->level(t->ctx, s, old->exists ? old : NULL, most_ms, err) : -1;

	sh->ops->close_store(sh);
	return rc;
}

/* Nearly level, while the old view goes on: what is left for the time when it stands still is little. */
static int approach(const struct attempt *t, struct ev_error *err)
{
	struct ev_ledger old = { 0 };
	int rc = ev_ledger_load(t->sh->live, t->sh->projection, &old, err);

	if (rc == 0)
		do
			rc = bring_level(t, &old, EV_LEVEL_MOST_MS, err);
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

static void say_who(const struct attempt *t)
{
	char text[300], queue[80] = "";

	if (!t->sh->note)
		return;
	if (t->longer)
		snprintf(queue, sizeof(queue), ", and others may queue behind it for %.1f s", t->queue_ms / 1000.0);
	snprintf(text, sizeof(text), "the %s waits for a transaction of others: %s; trying again%s", t->what,
		 t->who[0] ? t->who : "it has just ended", queue);
	t->sh->note(t->sh->note_ctx, text);
}

/* The last try could have been the last, but for what others did meanwhile. */
static void say_why(const struct attempt *t)
{
	char text[sizeof(t->script.why) + 60];

	snprintf(text, sizeof(text), "the %s begins anew: %s meanwhile", t->what, t->script.why);
	if (t->sh->note)
		t->sh->note(t->sh->note_ctx, text);
}

/* Once of each. */
static void name_who(struct attempt *t)
{
	char before[sizeof(t->who)];

	memcpy(before, t->who, sizeof(before));
	ev_pgkit_longest(of(t->sh), t->who, sizeof(t->who));
	if (t->longer || strncmp(t->who, before, strcspn(t->who, ")")) != 0)
		say_who(t);
	t->longer = false;
}

/* Who runs now is waited for, while the old view goes on. 0, 1 not in time, -1. */
static int outlive(struct attempt *t, enum ev_pgkit_which which, struct ev_error *err)
{
	int most = t->sh->opt.swap_wait_ms, first = (int)sooner(most, SILENT_MS);
	struct ev_buf now = EV_BUF_INIT;
	int rc = ev_pgkit_others(of(t->sh), &now, err);

	if (rc == 0)
		rc = ev_pgkit_outlive(of(t->sh), &now, which, first, err);
	if (rc == 0 && most > first && !ev_pg_told(of(t->sh)->live)) {
		name_who(t);
		rc = ev_pgkit_outlive(of(t->sh), &now, which, most - first, err);
	}
	ev_buf_release(&now);
	return rc < 0 ? -1 : !rc;
}

/* A dead letter that the old version has, too, is one since then; the same place in another log has other bytes. */
static int keep_since(struct ev_shadow_pg *s, struct ev_error *err)
{
	const char *name = s->base.projection;

	return ev_pgkit_exec(s->live, err, "UPDATE ev_dead n SET created_at = o.created_at FROM ev_dead o "
			     "WHERE n.projection = (SELECT rows_key FROM %I.ev_rows WHERE projection = %L) "
			     "AND o.projection = " EV_ROWS_KEY("%L") " AND o.topic = n.topic "
			     "AND o.partition = n.partition AND o.record_offset = n.record_offset "
			     "AND o.line = n.line AND o.created_at < n.created_at", s->schemas[EV_ROLE_NEW], name,
			     name, name);
}

/* What takes time, while the old view goes on: its writer waits for nothing of ours. */
static int before_swap(struct attempt *t, struct ev_error *err)
{
	int rc = state_of(t->sh, &t->seen, err);

	if (rc == 0)
		rc = outlive(t, EV_PGKIT_ALL, err);
	if (rc == 0)
		rc = approach(t, err);
	return rc ? rc : keep_since(of(t->sh), err);
}

/* The old view stands still: how far was it, and the shadow there. 0, 1 not this time, -1. */
static int level_under_row(struct attempt *t, struct ev_error *err)
{
	struct ev_ledger old = { 0 };
	int rc = hold_old(t, &old, err);

	if (rc == 0) {
		rc = bring_level(t, &old, t->level_ms, err);
		if (rc == 1)
			t->level_ms = ev_level_longer(t->level_ms);
	}
	ev_ledger_release(&old);
	return rc;
}

/*
 * The old view stands still and the shadow is level, and no snapshot is older than that, but of who is at the tables
 * that serve. 0, 1 not this time, -1.
 */
static int stand_still(struct attempt *t, struct ev_error *err)
{
	struct ev_shadow *sh = t->sh;
	struct ev_buf now = EV_BUF_INIT;
	int rc = level_under_row(t, err);

	ev_buf_clear(&t->young);
	if (rc == 0)
		rc = state_of(sh, &now, err);
	if (rc == 0 && (now.len != t->seen.len || memcmp(ev_buf_str(&now), ev_buf_str(&t->seen), now.len) != 0)) {
		int64_t left = sooner(t->row_until - ev_clock_ms(), t->hold_ms);

		rc = ev_pgkit_others(of(sh), &t->young, err);
		if (rc == 0)
			rc = ev_pgkit_outlive(of(sh), &t->young, EV_PGKIT_BESIDE,
					      (int)sooner(left, sh->opt.swap_wait_ms), err);
		if (rc == 0)
			t->hold_ms = (int)sooner(t->hold_ms * 2, MOST_MS);
		rc = rc < 0 ? -1 : !rc;
	}
	ev_buf_release(&now);
	return rc;
}

/* So that under the row none is waited for: which may take 1 s with each table. */
static int stop_vacuums(struct attempt *t, bool shadow, struct ev_error *err)
{
	int64_t until = ev_clock_ms() + VACUUM_MS;
	struct ev_shadow_pg *s = of(t->sh);

	if (ev_pgkit_stop_vacuums(s, EV_ROLE_KEPT, until, err) < 0 ||
	    (shadow && ev_pgkit_stop_vacuums(s, EV_ROLE_NEW, until, err) < 0) ||
	    ev_pgkit_stop_vacuums(s, EV_ROLE_LIVE, until, err) < 0)
		return next_try(t, err);
	return 0;
}

/*
 * The one that was not to be had comes first, and has the time: nobody waits for a lock of ours then whom we wait for.
 * With one in hand the others are had, or not, well before the server finds a deadlock in who holds one and wants
 * another, and ends him. 0, 1 not this time, -1.
 */
static int ask_serving(struct attempt *t, struct ev_error *err)
{
	struct ev_shadow_pg *s = of(t->sh);
	int64_t until = sooner(ev_clock_ms() + t->queue_ms, t->row_until);

	if (t->first.len && ev_pgkit_exec_until(s->live, until, err, "%s", ev_buf_str(&t->first)) < 0) {
		if (err->class != EV_STORE || err->retriable)
			return -1;
		ev_buf_clear(&t->first); /* what it is of has gone, or is another's: not the first next time */
		return 1;
	}
	until = sooner(ev_clock_ms() + sooner(t->in_hand_ms, t->queue_ms), t->row_until);
	if (ev_pgkit_lock_views(s, until, &t->first, err) < 0)
		return -1;
	return ev_pgkit_lock(s, EV_ROLE_LIVE, until, &t->first, err);
}

/* A part of deadlock_timeout, which is 1 s unless it was set. */
static int find_in_hand(struct attempt *t, struct ev_error *err)
{
	PGresult *res = ev_pgkit_rows(of(t->sh)->live, err, "SELECT least(setting::bigint * 7 / 10, %d) FROM "
				      "pg_catalog.pg_settings WHERE name = 'deadlock_timeout'", MOST_MS);

	t->in_hand_ms = res && PQntuples(res) ? (int)strtol(PQgetvalue(res, 0, 0), NULL, 10) : QUEUE_MS;
	PQclear(res);
	return res ? 0 : -1;
}

/* What is read comes last: behind these locks others queue. 0, 1 not this time, -1. */
static int lock_serving(struct attempt *t, struct ev_error *err)
{
	struct ev_shadow_pg *s = of(t->sh);
	int rc;

	if (ev_pgkit_exec(s->live, err, "SET LOCAL idle_in_transaction_session_timeout = %d", GONE_MS) < 0)
		return -1;
	rc = ask_serving(t, err);
	if (rc > 0)
		return 1;
	if (rc < 0) {
		rc = next_try(t, err);
		t->longer = err->class == EV_HELD && t->queue_ms < queue_most(t);
		if (t->longer)
			t->queue_ms = (int)sooner(t->queue_ms * 2, queue_most(t));
		return rc;
	}
	/* one who was there may have let go of the tables, and have his snapshot; so may one who waits for us there */
	rc = 1;
	if (t->young.len)
		rc = ev_pgkit_outlive(s, &t->young, EV_PGKIT_ALL, 0, err);
	return rc < 0 ? -1 : !rc;
}

/* All that is moved, so that nothing is waited for any more but what nobody holds for long. 0, 1 not this time, -1. */
static int lock_versions(struct attempt *t, bool shadow, struct ev_error *err)
{
	int64_t until = sooner(ev_clock_ms() + IDLE_MS, t->row_until);
	struct ev_shadow_pg *s = of(t->sh);

	if (ev_pgkit_lock(s, EV_ROLE_KEPT, until, NULL, err) < 0 ||
	    (shadow && ev_pgkit_lock(s, EV_ROLE_NEW, until, NULL, err) < 0))
		return next_try(t, err);
	return lock_serving(t, err);
}

/*
 * When nobody writes any more. All that can be read and written down is, before the locks, behind which readers queue.
 * 0, 1 not this time, -1.
 */
static int exchange(struct attempt *t, enum ev_role next, struct ev_error *err)
{
	int rc = ev_pgkit_prepare(of(t->sh), next, &t->script, err);

	if (rc == 0) {
		rc = lock_versions(t, next == EV_ROLE_NEW, err);
		if (rc)
			return rc;
		rc = ev_pgkit_exchange(of(t->sh), &t->script, err);
	}
	return rc < 0 ? next_try(t, err) : rc;
}

static int try_swap(struct attempt *t, struct ev_error *err)
{
	struct ev_shadow_pg *s = of(t->sh);
	int rc = t->adopt ? ev_pgkit_adopt(s, err) : 0;

	if (rc == 0)
		rc = stop_vacuums(t, true, err);
	if (rc == 0)
		rc = stand_still(t, err);
	return rc ? rc : exchange(t, EV_ROLE_NEW, err);
}

/* The time is over. */
static int too_long(const struct attempt *t, struct ev_error *err)
{
	if (t->script.why[0])
		ev_fail(err, EV_HELD, "store '%s': the %s does not come through: again and again %s meanwhile",
			t->sh->live->url, t->what, t->script.why);
	else
		ev_fail(err, EV_HELD, "store '%s': a transaction of others runs on and does not let the %s through%s%s",
			t->sh->live->url, t->what, t->who[0] ? ": " : "", t->who);
	err->retriable = ev_pg_told(of(t->sh)->live);
	return ev_hint(err, t->level ? "see pg_stat_activity; nothing is lost, the next call goes on with the swap (a "
				       "longer --swap-wait waits longer at a time)"
				     : "see pg_stat_activity; nothing has changed: call it again");
}

/* 0 done, 1 not this time, -1. */
static int try_once(struct attempt *t, struct ev_error *err)
{
	struct ev_store *live = t->sh->live;
	int rc = t->before ? t->before(t, err) : 0;

	t->script.why[0] = '\0';
	if (rc)
		return rc;
	if (live->ops->begin(live, err) < 0)
		return -1;
	of(t->sh)->live->trying = true; /* nobody is to wait until it is known who holds what */
	rc = t->within(t, err);
	if (rc == 0)
		rc = live->ops->commit(live, err);
	if (rc)
		live->ops->rollback(live);
	of(t->sh)->live->trying = false;
	return rc;
}

/* Try until it is done, with longer and longer pauses in which everybody else gets on. */
static int try_often(struct attempt *t, struct ev_error *err)
{
	struct ev_shadow *sh = t->sh;
	int64_t end = ev_clock_ms() + 20 * (int64_t)(sh->opt.swap_wait_ms > 0 ? sh->opt.swap_wait_ms : 1);
	int pause = 50, rc;

	t->level_ms = EV_LEVEL_MS;
	t->hold_ms = HOLD_MS;
	t->queue_ms = (int)sooner(QUEUE_MS, queue_most(t));
	if (find_in_hand(t, err) < 0)
		return -1;
	while ((rc = try_once(t, err)) > 0) {
		if (t->script.why[0])
			say_why(t);
		else
			name_who(t);
		if (ev_clock_ms() >= end || !ev_pg_nap(of(sh)->live, pause))
			return too_long(t, err);
		pause = pause * 2 < 1000 ? pause * 2 : 1000;
	}
	if (rc < 0 && err->class == EV_STORE && !err->retriable)
		ev_pgkit_blame_rights(of(sh), t->level ? EV_ROLE_NEW : EV_ROLE_KEPT, err);
	return rc;
}

int ev_pgkit_swap(struct ev_shadow *sh, bool adopt, ev_level_fn level, void *ctx, struct ev_error *err)
{
	struct attempt t = {
		.sh = sh, .what = "swap", .before = before_swap, .within = try_swap, .adopt = adopt, .level = level,
		.ctx = ctx,
	};
	int rc = ev_pgkit_check_shadow(of(sh), err);

	if (rc == 0)
		rc = try_often(&t, err);
	ev_buf_release(&t.seen);
	ev_buf_release(&t.young);
	ev_buf_release(&t.first);
	ev_pgkit_script_release(&t.script);
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

/* Who reads what serves; nobody sees a version that is not whole, so nobody else is waited for. */
static int before_rollback(struct attempt *t, struct ev_error *err)
{
	return outlive(t, EV_PGKIT_IN_WAY, err);
}

static int try_rollback(struct attempt *t, struct ev_error *err)
{
	struct ev_shadow_pg *s = of(t->sh);
	struct ev_ledger old = { 0 };
	int rc = stop_vacuums(t, false, err);

	if (rc == 0)
		rc = hold_old(t, &old, err);
	ev_ledger_release(&old);
	if (rc == 0)
		rc = check_kept(s, err);
	return rc ? rc : exchange(t, EV_ROLE_KEPT, err);
}

/* Which rows a version has (EV_ROWS_KEY), by its name in the ledger; empty: no ledger describes it. */
static int rows_of(struct ev_shadow *sh, enum ev_role role, struct ev_buf *key, struct ev_error *err)
{
	struct ev_buf name = EV_BUF_INIT;
	PGresult *res;

	ev_role_name(&name, sh->projection, role);
	res = ev_pgkit_rows(of(sh)->live, err, "SELECT " EV_ROWS_KEY("p.name") " FROM ev_projection p "
			    "WHERE p.name = %L", ev_buf_str(&name));
	ev_buf_clear(key);
	if (res && PQntuples(res))
		ev_buf_adds(key, PQgetvalue(res, 0, 0));
	PQclear(res);
	ev_buf_release(&name);
	return res ? 0 : -1;
}

struct exchanged {
	struct ev_buf serving, kept; /* which was which at first */
	bool known;
};

/*
 * An answer that was lost is settled by what serves, when the lost session has ended; others beside us raise the
 * generation, too. 1 done, 0 not yet, -1.
 */
static int is_done(struct ev_shadow *sh, struct exchanged *x, struct ev_error *err)
{
	PGresult *ended = ev_pgkit_rows(of(sh)->live, err, "SELECT 1 FROM ev_projection WHERE name = %L FOR UPDATE",
					sh->projection);
	struct ev_buf now = EV_BUF_INIT;
	int rc = -1;

	PQclear(ended);
	if (!ended || (!x->known && (rows_of(sh, EV_ROLE_LIVE, &x->serving, err) < 0 ||
				     rows_of(sh, EV_ROLE_KEPT, &x->kept, err) < 0)))
		return -1;
	x->known = true;
	if (rows_of(sh, EV_ROLE_LIVE, &now, err) == 0)
		rc = strcmp(ev_buf_str(&now), ev_buf_str(&x->kept)) == 0 ? 1 :
		     strcmp(ev_buf_str(&now), ev_buf_str(&x->serving)) == 0 ? 0 :
		     ev_fail(err, EV_HELD, "another process has swapped projection '%s' while the connection to the "
			     "store was lost", sh->projection);
	ev_buf_release(&now);
	return rc;
}

int ev_pgkit_rollback(struct ev_shadow *sh, struct ev_error *err)
{
	struct attempt t = { .sh = sh, .what = "rollback", .before = before_rollback, .within = try_rollback };
	struct exchanged x = { .known = false };
	struct ev_trouble trouble = { 0 };
	int rc;

	do {
		rc = is_done(sh, &x, err);
		if (rc == 0)
			rc = try_often(&t, err);
	} while (rc < 0 && ev_pgkit_recovered(sh, &trouble, err));
	ev_buf_release(&x.serving);
	ev_buf_release(&x.kept);
	ev_buf_release(&t.first);
	ev_pgkit_script_release(&t.script);
	return rc < 0 ? -1 : 0;
}
