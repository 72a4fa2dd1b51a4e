/* from_base.c - see from_base.h */
#include "verify/from_base.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "apply/identity.h"
#include "base/mem.h"
#include "verify/receipt.h"

/* `column` = the projection's name, or its rows_key; appended as SQL. */
static void add_where(const char *column, const char *projection, bool by_key, struct ev_buf *out)
{
	struct ev_buf name = EV_BUF_INIT;

	ev_buf_add_quoted(&name, projection, '\'');
	ev_buf_addf(out, "%s = ", column);
	if (by_key)
		ev_buf_addf(out, EV_ROWS_KEY("%s"), ev_buf_str(&name), ev_buf_str(&name));
	else
		ev_buf_adds(out, ev_buf_str(&name));
	ev_buf_release(&name);
}

/* The reference's own rows of a table of ours give way to the base's. */
static int bring_own(struct ev_store *to, struct ev_store *from, const char *table, const char *where,
		     struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	int rc = to->ops->has_table(to, table, err);

	if (rc > 0)
		rc = from->ops->has_table(from, table, err);
	if (rc > 0) {
		ev_buf_addf(&sql, "DELETE FROM %s WHERE %s", table, where);
		rc = to->ops->script(to, ev_buf_str(&sql), err);
		if (rc == 0)
			rc = ev_store_bring(to, from, table, where, err);
	}
	ev_buf_release(&sql);
	return rc;
}

static int bring_ledger(struct ev_store *to, struct ev_store *from, const char *projection, struct ev_error *err)
{
	static const struct {
		const char *table, *column;
		bool by_key;
	} own[] = {
		{ "ev_projection", "name", false }, { "ev_ledger", "projection", false },
		{ "ev_rows", "projection", false }, { "ev_cut", "projection", true },
		{ "ev_dead", "projection", true }, { "ev_seen", "projection", true },
	};
	struct ev_buf where = EV_BUF_INIT;
	int rc = 0;

	for (size_t i = 0; i < sizeof(own) / sizeof(*own) && rc == 0; i++) {
		ev_buf_clear(&where);
		add_where(own[i].column, projection, own[i].by_key, &where);
		rc = bring_own(to, from, own[i].table, ev_buf_str(&where), err);
	}
	ev_buf_release(&where);
	return rc;
}

static int bring_rows(struct ev_store *to, struct ev_store *from, const char *projection, struct ev_error *err)
{
	struct ev_buf names = EV_BUF_INIT;
	int rc = ev_ledger_tables(to, projection, &names, err);

	for (const char *t = ev_buf_str(&names), *end = t + names.len; rc == 0 && t < end; t += strlen(t) + 1) {
		rc = from->ops->has_table(from, t, err);
		if (rc == 0)
			rc = ev_fail(err, EV_DATA, "the base has no table '%s'", t);
		else if (rc > 0)
			rc = ev_store_bring(to, from, t, NULL, err);
	}
	ev_buf_release(&names);
	return rc;
}

static int bring(struct ev_verifying *w, struct ev_store *from, struct ev_error *err)
{
	struct ev_store *to = w->reference;
	int rc = to->ops->begin(to, err);

	if (rc == 0 && to->ops->dialect == EV_SQLITE) /* the order of the tables is none of their keys' */
		rc = to->ops->script(to, "PRAGMA defer_foreign_keys=ON", err);
	if (rc == 0)
		rc = bring_rows(to, from, w->p->name, err);
	if (rc == 0)
		rc = bring_ledger(to, from, w->p->name, err);
	if (rc == 0)
		rc = to->ops->commit(to, err);
	if (rc < 0)
		to->ops->rollback(to);
	return rc;
}

static void note(void *ctx, const char *text)
{
	struct ev_verifying *w = ctx;

	if (w->hooks->note)
		w->hooks->note(w->hooks->ctx, text);
}

/* Is what has been brought what the receipt is of, and of the log that is at hand? */
static int prove(struct ev_verifying *w, struct ev_receipt *r, struct ev_error *err)
{
	struct ev_receipt_view view = { w->p, &w->base.ledger, w->reference };
	struct ev_range_args all = EV_RANGE_ARGS_INIT;
	struct ev_run_hooks hooks = { .ctx = w, .note = note };

	if (ev_receipt_fits(r, &view, false, err) < 0)
		return -1;
	if (!ev_receipt_is_at(r, &w->base.ledger))
		return ev_fail(err, EV_DATA, "the base has gone on since: it stands elsewhere than the receipt says");
	if (ev_receipt_holds(r, w->p, w->reference, err) < 0)
		return -1;
	memcpy(w->base_receipt, r->digest, sizeof(w->base_receipt));
	if (w->src->ops->refresh(w->src, err) < 0)
		return -1;
	return ev_identity_check(&w->base.ledger, w->src, &all, &hooks, err);
}

static struct ev_store *open_base(struct ev_verifying *w, struct ev_error *err)
{
	struct ev_store_options ro = *w->opt->store;
	struct ev_store *s;

	ro.read_only = true;
	ro.schema = NULL;
	s = ev_store_open(w->opt->base, &ro, err);
	if (s && s->ops->dialect != w->reference->ops->dialect)
		ev_fail(err, EV_USAGE, "option '--base': the base is in %s and the view in %s, whose values are "
			"not the same", s->ops->name, w->reference->ops->name);
	else if (s && s->ops->freeze(s, err) == 0)
		return s;
	if (s)
		s->ops->close(s);
	return NULL;
}

/* The ledger and the cuts, as they have been brought. */
static int load_base(struct ev_verifying *w, struct ev_error *err)
{
	int rc;

	w->base.store = w->reference; /* for the time of the call: it is not the snapshot's to close */
	rc = ev_snapshot_load(&w->base, w->p->name, 0, err);
	w->base.store = NULL;
	return rc;
}

int ev_base_bring(struct ev_verifying *w, struct ev_error *err)
{
	struct ev_receipt r = { 0 };
	struct ev_store *from = NULL;
	struct ev_ledger l = { 0 };
	int rc = ev_receipt_load(&r, w->opt->base_receipt, err);

	if (rc == 0)
		rc = (from = open_base(w, err)) ? ev_ledger_load(from, w->p->name, &l, err) : -1;
	if (rc == 0 && !l.exists) {
		ev_ledger_no_view(from, w->p->name, err);
		rc = ev_context(err, "option '--base'");
	}
	if (rc == 0)
		rc = bring(w, from, err);
	if (from)
		from->ops->close(from);
	if (rc == 0)
		rc = load_base(w, err);
	if (rc == 0 && prove(w, &r, err) < 0)
		rc = err->class == EV_DATA ? ev_context(err, "the base, by receipt '%s'", w->opt->base_receipt) : -1;
	ev_ledger_release(&l);
	ev_receipt_release(&r);
	return rc;
}

static int beyond(const struct ev_verifying *w, const struct ev_ledger *view, struct ev_error *err)
{
	for (size_t i = 0; i < w->base.ledger.nparts; i++) {
		const struct ev_ledger_part *p = &w->base.ledger.parts[i];
		const struct ev_ledger_part *q =
			ev_ledger_part((struct ev_ledger *)view, p->topic, p->partition, false);

		if (!q || q->begin != p->begin)
			return ev_fail(err, EV_DATA, "the base begins elsewhere in %s/%" PRId32 " than the view",
				       p->topic, p->partition);
		if (q->next < p->next)
			return ev_fail(err, EV_DATA, "the base stands at offset %" PRId64 " of %s/%" PRId32
				       ", past the view, which stands at %" PRId64, p->next, p->topic, p->partition,
				       q->next);
	}
	return 0;
}

/* Where did a view stand at one of its cuts, in the base's partition? */
static int64_t stood(const struct ev_snapshot *view, const struct ev_stored_cut *cut, const struct ev_ledger_part *p)
{
	const struct ev_ledger *l = &view->ledger;
	const struct ev_ledger_part *q = ev_ledger_part((struct ev_ledger *)l, p->topic, p->partition, false);
	int64_t at = q ? cut->next[q - l->parts] : -1;

	return at < p->begin ? p->begin : at;
}

/* A cut of the base is the view's own, and where the base ends the view's next one has not begun. */
static bool same_cut(const struct ev_verifying *w, const struct ev_snapshot *view, const struct ev_stored_cut *cut,
		     const struct ev_stored_cut *base)
{
	bool past = cut->seq <= w->base.ledger.cuts;

	if (past && (!base || base->seq != cut->seq))
		return false;
	for (size_t i = 0; i < w->base.ledger.nparts; i++) {
		const struct ev_ledger_part *p = &w->base.ledger.parts[i];
		int64_t at = stood(view, cut, p);

		if (past ? at != stood(&w->base, base, p) : at < p->next)
			return false;
	}
	return true;
}

/* 1: all of the base's cuts are the view's; 0 and where they part; -1. */
static int same_cuts(const struct ev_verifying *w, const struct ev_snapshot *view, int64_t *part, struct ev_error *err)
{
	struct ev_stored_cut cut = { 0 }, base = { 0 };
	int more = ev_cuts_first(view->cuts, &cut, err), of_base = ev_cuts_first(w->base.cuts, &base, err);

	while (more > 0 && of_base >= 0 && same_cut(w, view, &cut, of_base ? &base : NULL)) {
		more = ev_cuts_next(view->cuts, &cut, err);
		if (of_base)
			of_base = ev_cuts_next(w->base.cuts, &base, err);
	}
	*part = more ? cut.seq : base.seq;
	return more < 0 || of_base < 0 ? -1 : !more && !of_base;
}

int ev_base_precedes(const struct ev_verifying *w, const struct ev_snapshot *view, struct ev_error *err)
{
	int64_t part;
	int rc;

	if (beyond(w, &view->ledger, err) < 0)
		return -1;
	rc = same_cuts(w, view, &part, err);
	if (rc)
		return rc < 0 ? -1 : 0;
	ev_fail(err, EV_DATA, "the base is not of the view's own past: they part at cut %" PRId64, part);
	return ev_hint(err, "where order matters a base is an older copy of the same store");
}
