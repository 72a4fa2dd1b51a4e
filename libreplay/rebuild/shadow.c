/* shadow.c - which shadow a store has */
#include "rebuild/shadow.h"

#include <inttypes.h>

static int seen(void *ctx, const struct ev_cell *cells, size_t n)
{
	(void)cells;
	(void)n;
	*(bool *)ctx = true;
	return 0;
}

int ev_role_adopted(struct ev_store *s, const char *projection, struct ev_error *err)
{
	static const char sql[] = "SELECT 1 FROM ev_table WHERE projection = ?1 AND NOT EXISTS "
				  "(SELECT 1 FROM ev_projection WHERE name = ?1) LIMIT 1";
	struct ev_bind bind = ev_bind_text(projection);
	bool found = false;
	int rc = ev_ledger_present(s, err);

	if (rc > 0)
		rc = ev_store_select(s, sql, &bind, 1, seen, &found, err);
	return rc < 0 ? -1 : found;
}

int ev_role_present(struct ev_store *s, const char *projection, enum ev_role role, struct ev_error *err)
{
	static const char sql[] = "SELECT 1 FROM ev_projection WHERE name = ?1 UNION ALL "
				  "SELECT 1 FROM ev_table WHERE projection = ?1 LIMIT 1";
	struct ev_buf name = EV_BUF_INIT;
	struct ev_bind bind;
	bool found = false;
	int rc = ev_ledger_present(s, err);

	if (rc <= 0)
		return rc;
	ev_role_name(&name, projection, role);
	bind = ev_bind_text(ev_buf_str(&name));
	rc = ev_store_select(s, sql, &bind, 1, seen, &found, err);
	ev_buf_release(&name);
	return rc < 0 ? -1 : found;
}

/* One of the texts, or its beginning. */
static bool has_text(const struct ev_buf *texts, const char *begin, size_t len, bool whole)
{
	for (const char *t = ev_buf_str(texts), *end = t + texts->len; t < end; t += strlen(t) + 1)
		if (strncmp(t, begin, len) == 0 && (!whole || !t[len]))
			return true;
	return false;
}

/* A rebuild that an older evproject began, which did not store how the old tables were: it may have come since. */
static void tell_end(const struct ev_shadow *sh, const char *line)
{
	struct ev_buf text = EV_BUF_INIT;

	ev_buf_addf(&text, "%s" EV_ENDS_SAID, line);
	if (sh->note)
		sh->note(sh->note_ctx, ev_buf_str(&text));
	ev_buf_release(&text);
}

int ev_shadow_check_change(const struct ev_shadow *sh, const struct ev_shadow_change *c, struct ev_error *err)
{
	bool added;

	if (!sh->differs && c->had && !c->has)
		tell_end(sh, c->line);
	if (!sh->differs || has_text(sh->differs, c->state, strlen(c->state), true))
		return 0;
	/* its name, and what stands behind that in a state */
	added = c->had && !c->has && !has_text(sh->differs, c->state, strlen(c->line) + 1, false);
	ev_fail(err, EV_USAGE, "%s was %s since the rebuild began: %s", c->line,
		added ? "added" : c->had ? "changed" : "dropped",
		added ? "it would not survive the swap" : "the swap would undo that");
	return ev_hint(err, "%s; rebuild --abandon gives the rebuild up", added ?
		       "drop it, and create it again after the swap" :
		       "put it back as it was, and change it again after the swap");
}

int ev_shadow_held(struct ev_store *live, const char *projection, struct ev_error *err)
{
	struct ev_error ignored = EV_ERROR_INIT;
	struct ev_plan plan = { 0 };
	bool told = err->retriable;

	if (ev_plan_load(live, projection, &plan, &ignored) == 0 && plan.phase != EV_PHASE_NONE && plan.holder)
		ev_fail(err, EV_HELD, "another process is at work on the versions of projection '%s': %s "
			"rebuilds it to version %" PRId64 " (%s)", projection, plan.holder, plan.version,
			ev_plan_word(&plan));
	else
		ev_fail(err, EV_HELD, "another process is at work on the versions of projection '%s'",
			projection);
	ev_plan_release(&plan);
	err->retriable = told;
	return ev_hint(err, "a rebuild, rollback or drop of it is running; wait for it, or give a longer "
			    "--lock-wait");
}

/* Is a projection there, or a rebuild of one? 1, 0, -1. */
static int is_used(struct ev_store *s, struct ev_error *err)
{
	static const char sql[] = "SELECT 1 FROM ev_projection UNION ALL SELECT 1 FROM ev_table "
				  "UNION ALL SELECT 1 FROM ev_rebuild LIMIT 1";
	bool found = false;

	return ev_store_select(s, sql, NULL, 0, seen, &found, err) < 0 ? -1 : found;
}

/* Best effort: the tables do no harm. Whoever is about to use them, or builds views on them, has them stay. */
static void remove_tables(struct ev_store *s)
{
	static const char lock[] = "LOCK TABLE ev_projection, ev_table, ev_rebuild IN ACCESS EXCLUSIVE MODE NOWAIT";
	static const char drop[] = "DROP TABLE ev_projection; DROP TABLE ev_table; DROP TABLE ev_ledger; "
				   "DROP TABLE ev_cut; DROP TABLE ev_rows; DROP TABLE ev_dead; DROP TABLE ev_seen; "
				   "DROP TABLE ev_rebuild;";
	struct ev_error ignored = EV_ERROR_INIT;
	bool sqlite = s->ops->dialect == EV_SQLITE;

	s->ops->rollback(s);
	if (ev_ledger_present(s, &ignored) <= 0 || s->ops->begin(s, &ignored) < 0)
		return;
	if ((sqlite || s->ops->script(s, lock, &ignored) == 0) && is_used(s, &ignored) == 0 &&
	    (!sqlite || s->ops->script(s, "DROP TABLE ev_view;", &ignored) == 0) &&
	    s->ops->script(s, drop, &ignored) == 0 && s->ops->commit(s, &ignored) == 0)
		return;
	s->ops->rollback(s);
}

void ev_shadow_close(struct ev_shadow *sh)
{
	if (!sh)
		return;
	if (sh->tidy)
		remove_tables(sh->live);
	sh->ops->close(sh);
}

struct ev_shadow *ev_shadow_open(struct ev_store *live, const char *projection,
				 const struct ev_shadow_options *opt, struct ev_error *err)
{
	if (live->ops->dialect == EV_POSTGRESQL)
		return ev_shadow_postgres(live, projection, opt, err);
	return ev_shadow_sqlite(live, projection, opt, err);
}
