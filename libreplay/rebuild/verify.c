/* verify.c - old against new, and whether what is about to serve is sound */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/plural.h"
#include "rebuild/compare.h"
#include "rebuild/internal.h"

static int take_number(void *ctx, const struct ev_cell *c, size_t n)
{
	(void)n;
	*(int64_t *)ctx += c[0].i;
	return 0;
}

/* Rows of a table; a view, or a table that is not there, has none. */
static int count_rows(struct ev_store *s, const char *table, int64_t *rows, struct ev_error *err)
{
	struct ev_table_info info = { 0 };
	struct ev_buf sql = EV_BUF_INIT;
	struct ev_query *q;
	size_t at;
	int rc = s->ops->describe(s, table, &info, err);

	ev_table_info_release(&info);
	if (rc <= 0)
		return rc;
	ev_buf_adds(&sql, "SELECT count(*) FROM ");
	ev_buf_add_quoted(&sql, table, '"');
	q = s->ops->prepare(s, ev_buf_str(&sql), false, NULL, NULL, &at, err);
	rc = q ? s->ops->select(s, q, NULL, 0, take_number, rows, err) : -1;
	s->ops->finish(s, q);
	ev_buf_release(&sql);
	return rc;
}

static int count_all(struct ev_store *s, const struct ev_buf *tables, int64_t *rows, struct ev_error *err)
{
	const char *t = ev_buf_str(tables), *end = t + tables->len;

	for (; t < end; t += strlen(t) + 1)
		if (count_rows(s, t, rows, err) < 0)
			return -1;
	return 0;
}

/* Can the shadow stand exactly where `old` does? Not where it has gone past it already. */
static bool comparable(struct ev_rebuilding *r, const struct ev_ledger *old)
{
	const struct ev_ledger *l = ev_apply_ledger(r->apply);

	for (size_t i = 0; i < old->nparts; i++) {
		const struct ev_ledger_part *p = ev_ledger_part((struct ev_ledger *)l, old->parts[i].topic,
								old->parts[i].partition, false);

		if (p && p->next > old->parts[i].next)
			return false;
	}
	return true;
}

int ev_rebuilding_judge(struct ev_rebuilding *r)
{
	if (r->opt->max_change < 0 || r->plan.change <= r->opt->max_change)
		return 0;
	r->refused = EV_REBUILT_TOO_MUCH;
	return ev_rebuilding_refuse(r, "%.1f %% of the rows change, more than the %g %% of --max-change",
				    r->plan.change, r->opt->max_change);
}

static const char other_topics[] = "the new version reads none of the old one's topics, so they have no position in "
				   "common: the old tables are compared as they are now with the new version at the "
				   "end of its log";
static const char no_position[] = "the old tables have no position in this log: they are compared as they are now with "
				  "the new version at the end of the log; what only one of them has seen is among "
				  "the changes";

/* Of the old rows; all of it where as many differ, or more, as with rows that are only new. */
static double percent_changed(const struct ev_comparison *c)
{
	int64_t rows = ev_comparison_old_rows(c), differ = ev_comparison_differing(c);

	return differ >= rows ? differ ? 100 : 0 : 100.0 * (double)differ / (double)rows;
}

/* Does the new version read nothing that the old one stands on? */
static bool reads_others(const struct ev_rebuilding *r)
{
	for (size_t i = 0; i < r->old.nparts; i++)
		if (ev_rebuilding_reads(r, r->old.parts[i].topic))
			return false;
	return r->old.nparts > 0;
}

/* Does the old view have a position in this log? Another program's tables have none. */
static bool has_position(const struct ev_rebuilding *r)
{
	return r->old.exists && !r->plan.detached && !reads_others(r);
}

static int report(struct ev_rebuilding *r, const struct ev_comparison *c)
{
	struct ev_buf text = EV_BUF_INIT;

	if (!has_position(r))
		ev_buf_adds(&text, "at the end of the log: ");
	ev_comparison_line(c, &text);
	free(r->plan.compared);
	r->plan.compared = ev_strdup(ev_buf_str(&text));
	r->plan.change = percent_changed(c);
	ev_buf_release(&text);
	if (r->hooks->compared)
		r->hooks->compared(r->hooks->ctx, c, has_position(r) ? NULL : reads_others(r) ? other_topics :
				   no_position);
	return ev_rebuilding_judge(r);
}

/* 0, 1 refused, -1. */
static int compare_frozen(struct ev_rebuilding *r, struct ev_store *frozen, struct ev_error *err)
{
	struct ev_store *shadow = r->sh->ops->store(r->sh, err);
	struct ev_comparison c = { 0 };
	struct ev_buf tables = EV_BUF_INIT;
	int rc = shadow ? ev_compare_tables(shadow, frozen, r->p->name, &tables, err) : -1;

	if (rc == 0)
		rc = ev_compare(frozen, shadow, &tables, EV_REBUILD_SAMPLES, r->hooks->stop, r->hooks->ctx, &c, err);
	if (rc == 0)
		rc = report(r, &c);
	else if (rc > 0) {
		r->stopped = true;
		rc = 0;
	}
	ev_comparison_release(&c);
	ev_buf_release(&tables);
	return rc;
}

/* Which poison is new, and which is none any more? */
static void tell_letters(struct ev_rebuilding *r, const struct ev_letters *old, const struct ev_letters *new)
{
	struct ev_buf first = EV_BUF_INIT;
	size_t common = 0;

	for (size_t i = 0; i < new->n; i++) {
		if (ev_letters_have(old, &new->v[i]))
			common++;
		else if (!first.len)
			ev_letter_name(&new->v[i], &first);
	}
	if (old->n || new->n)
		ev_rebuilding_note(r, "poison records: %zu as before, %zu new%s%s%s, %zu no longer", common,
				   new->n - common, first.len ? " (first " : "", ev_buf_str(&first),
				   first.len ? ")" : "", old->n - common);
	ev_buf_release(&first);
}

static int compare_letters(struct ev_rebuilding *r, struct ev_store *frozen, struct ev_error *err)
{
	struct ev_store *shadow = r->sh->ops->store(r->sh, err);
	struct ev_letters old = { 0 }, new = { 0 };
	int rc = shadow ? ev_letters_load(frozen, r->p->name, false, &old, err) : -1;

	if (rc == 0)
		rc = ev_letters_load(shadow, r->p->name, false, &new, err);
	if (rc == 0)
		tell_letters(r, &old, &new);
	ev_letters_release(&old);
	ev_letters_release(&new);
	return rc;
}

/* The shadow to the frozen view's position, then row against row. 0, 1 refused, -1. */
static int bring_and_compare(struct ev_rebuilding *r, struct ev_store *frozen, struct ev_error *err)
{
	struct ev_position at = EV_POSITION_INIT, to = EV_POSITION_INIT;
	struct ev_ledger old = { 0 };
	int rc = ev_ledger_load(frozen, r->p->name, &old, err);

	if (rc == 0 && old.nparts && !comparable(r, &old)) {
		ev_rebuilding_note(r, "the new version stands past the old one: not compared again%s",
				   r->plan.compared ? ", as before" : "");
		rc = ev_rebuilding_judge(r);
	} else if (rc == 0) {
		ev_ledger_position(&old, &at);
		if (ev_rebuilding_target(r, r->apply, &at, &to))
			rc = ev_rebuilding_range(r, &to, false, 0, err);
		if (rc == 0 && !r->stopped)
			rc = ev_rebuilding_check_loaded(r, err);
		if (rc == 0 && !r->stopped)
			rc = ev_rebuilding_same_log(r, &old, err);
		if (rc == 0 && !r->stopped && !r->plan.detached)
			rc = compare_letters(r, frozen, err);
		if (rc == 0 && !r->stopped && !r->plan.detached)
			rc = compare_frozen(r, frozen, err);
	}
	ev_ledger_release(&old);
	ev_position_release(&at);
	ev_position_release(&to);
	return rc;
}

static void say_compared(struct ev_rebuilding *r)
{
	if (r->plan.compared && !r->opt->quiet)
		ev_rebuilding_note(r, "%s", r->plan.compared);
	/* a file is read as it stands, whoever reads it */
	if (r->plan.change > 0 && r->old.nparts > 1 && !r->src->one_sequence && !r->opt->quiet &&
	    ev_apply_order_matters(r->apply))
		ev_rebuilding_note(r, "the order of partitions matters to this view (check says why): rows may differ "
				   "by it alone, as the old version has applied records as they arrived, and the new "
				   "one by their time");
}

int ev_rebuilding_compare(struct ev_rebuilding *r, struct ev_error *err)
{
	struct ev_store *frozen;
	int rc;

	if (!r->old_tables || r->stopped || !has_position(r))
		return 0;
	ev_rebuilding_step(r, "compare");
	frozen = r->sh->ops->freeze(r->sh, err);
	rc = frozen ? bring_and_compare(r, frozen, err) : -1;
	r->sh->ops->thaw(r->sh);
	if (rc == 0 && !r->stopped && !r->plan.detached)
		say_compared(r);
	return rc;
}

int ev_rebuilding_compare_end(struct ev_rebuilding *r, struct ev_error *err)
{
	struct ev_store *frozen;
	int rc;

	if (!r->old_tables || r->stopped || has_position(r))
		return 0;
	ev_rebuilding_step(r, "compare");
	frozen = r->sh->ops->freeze(r->sh, err);
	rc = frozen && compare_letters(r, frozen, err) == 0 ? compare_frozen(r, frozen, err) : -1;
	r->sh->ops->thaw(r->sh);
	if (rc >= 0 && !r->stopped && ev_plan_save(r->sh->live, &r->plan, err) < 0)
		return -1;
	if (rc == 0 && !r->stopped)
		say_compared(r);
	return rc;
}

static int refuse_empty(struct ev_rebuilding *r, struct ev_store *shadow, struct ev_error *err)
{
	struct ev_buf tables = EV_BUF_INIT, all = EV_BUF_INIT; /* adopted tables have the new names, owned ones any */
	int64_t before = 0, after = 0;
	int rc = 0;

	if (r->opt->allow_empty)
		return 0;
	if (ev_ledger_tables(shadow, r->p->name, &tables, err) < 0 ||
	    ev_compare_tables(r->sh->live, shadow, r->p->name, &all, err) < 0 ||
	    count_all(r->sh->live, &all, &before, err) < 0 || count_all(shadow, &tables, &after, err) < 0)
		rc = -1;
	ev_buf_release(&tables);
	ev_buf_release(&all);
	if (rc < 0 || !before || after)
		return rc;
	return ev_rebuilding_refuse(r, "the new version came out empty, the old one has %" PRId64 " row%s "
				    "(--allow-empty takes it so)", before, ev_plural(before));
}

int ev_rebuilding_verify(struct ev_rebuilding *r, struct ev_error *err)
{
	struct ev_store *shadow = r->sh->ops->store(r->sh, err);
	struct ev_buf why = EV_BUF_INIT;
	int rc;

	ev_rebuilding_step(r, "verify");
	if (!shadow)
		return -1;
	if (!ev_ledger_balanced(ev_apply_ledger(r->apply), &why)) {
		ev_fail(err, EV_BUG, "the ledger of the new version does not balance: %s", ev_buf_str(&why));
		ev_buf_release(&why);
		return -1;
	}
	rc = r->old_tables ? refuse_empty(r, shadow, err) : 0;
	if (rc || !r->hooks->check)
		return rc;
	rc = r->hooks->check(r->hooks->ctx, shadow, err);
	if (rc <= 0)
		return rc;
	r->refused = EV_REBUILT_CHECKED;
	return ev_rebuilding_refuse(r, "checks of the file fail on the new version");
}

int ev_rebuilding_warn_adopted(struct ev_rebuilding *r, struct ev_error *err)
{
	struct ev_buf tables = EV_BUF_INIT;
	int rc, found = 0;

	if (r->old.exists)
		return 0;
	rc = ev_ledger_tables(r->sh->ops->store(r->sh, err), r->p->name, &tables, err);
	for (const char *t = ev_buf_str(&tables), *end = t + tables.len; !rc && !found && t < end; t += strlen(t) + 1) {
		found = r->sh->live->ops->has_table(r->sh->live, t, err);
		rc = found < 0 ? -1 : 0;
	}
	ev_buf_release(&tables);
	if (rc == 0 && found)
		ev_rebuilding_note(r, "the old tables are another program's, which is not fenced: stop it "
				   "before the swap, or it goes on writing, into the new tables");
	return rc;
}
