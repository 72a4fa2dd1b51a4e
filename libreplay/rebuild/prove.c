/* prove.c - no swap without a proof: the shadow by the same code as any other view, and a receipt of it */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "projection/ddl.h"
#include "rebuild/internal.h"
#include "verify/receipt.h"
#include "verify/verify.h"

struct place { /* of what is to be proven */
	const char *url;
	struct ev_store_options opt;
	struct ev_store *store; /* open, for a look; not ours to close */
};

static bool stop(void *ctx)
{
	struct ev_rebuilding *r = ctx;

	if (r->hooks->stop && r->hooks->stop(r->hooks->ctx))
		r->stopped = true;
	return r->stopped;
}

static void progress(void *ctx, const char *what, int64_t records, int64_t done, int64_t total)
{
	struct ev_rebuilding *r = ctx;

	(void)what;
	r->now.records = records;
	r->now.done = done;
	r->now.total = total;
	ev_rebuilding_tell(r);
}

static void note(void *ctx, const char *text)
{
	ev_rebuilding_note(ctx, "%s", text);
}

/* A receipt of an earlier session: does it hold of what is there now, and is it young enough? */
static int fits(struct ev_rebuilding *r, const struct place *at, const struct ev_receipt *old, struct ev_error *err)
{
	struct ev_receipt_view view = { .p = r->p, .store = at->store };
	struct ev_ledger l = { 0 };
	int rc = ev_ledger_load(at->store, r->p->name, &l, err);
	int64_t age = ev_now_ms() - old->ended;

	view.ledger = &l;
	if (rc == 0)
		rc = ev_receipt_fits(old, &view, true, err);
	if (rc == 0 && ev_receipt_is_at(old, &l))
		rc = ev_receipt_holds(old, r->p, at->store, err);
	else if (rc == 0 && (age > r->opt->receipt_age_ms || age < 0))
		rc = ev_fail(err, EV_DATA, "the version has gone on since, and it is too old to be enough");
	ev_ledger_release(&l);
	return rc;
}

/* 1 when there is one that is enough, 0 when it is to be proven (anew), -1. */
static int have_receipt(struct ev_rebuilding *r, const struct place *at, struct ev_error *err)
{
	struct ev_receipt old = { 0 };
	struct ev_error why = EV_ERROR_INIT;
	int rc = ev_receipt_load(&old, r->opt->receipt, &why);

	if (rc == 0)
		rc = fits(r, at, &old, &why);
	if (rc == 0)
		ev_rebuilding_note(r, "proven before: receipt '%s'", r->opt->receipt);
	else if (why.class == EV_DATA)
		ev_rebuilding_note(r, "receipt '%s' is not enough: %s; proving it anew", r->opt->receipt, why.text);
	else if (why.class == EV_STORE)
		*err = why;
	ev_receipt_release(&old);
	return rc == 0 ? 1 : why.class == EV_STORE ? -1 : 0;
}

static int locate(struct ev_rebuilding *r, bool live, struct place *at, struct ev_error *err)
{
	at->opt = *r->sh->opt.store;
	at->url = live ? r->sh->opt.url : r->sh->ops->where(r->sh, &at->opt);
	at->store = live ? r->sh->live : r->sh->ops->store(r->sh, err);
	return at->store ? 0 : -1;
}

static int save(struct ev_rebuilding *r, struct ev_verdict *v, struct ev_error *err)
{
	v->receipt->written_by = ev_strdup(r->opt->written_by);
	ev_receipt_add_verdict(v->receipt, v);
	if (ev_receipt_save(v->receipt, r->opt->receipt, err) < 0)
		return -1;
	ev_rebuilding_note(r, "proven: receipt '%s'", r->opt->receipt);
	return 0;
}

/* 0, 1 refused, -1 where it could not be proven. */
static int judge(struct ev_rebuilding *r, struct ev_verdict *v, struct ev_error *err)
{
	struct ev_error why = EV_ERROR_INIT;
	int status = ev_verdict_status(v, &why);

	if (r->stopped)
		return 0;
	if (r->hooks->proved)
		r->hooks->proved(r->hooks->ctx, v, status, &why);
	if (status == 0)
		return save(r, v, err);
	if (status == 1 && r->as_serves)
		return 1;
	if (status == 1)
		return ev_rebuilding_refuse(r, "the new version is not what the log makes");
	*err = why;
	return ev_context(err, "the %s is not proven", r->as_serves ? "version that serves" : "new version");
}

int ev_rebuilding_check_proof(const struct ev_rebuilding *r, const char *folds, struct ev_error *err)
{
	bool views = ev_makes_views(r->p, EV_POSTGRESQL);

	if (!r->opt->receipt || r->opt->scratch || r->sh->live->ops->dialect != EV_POSTGRESQL ||
	    !(views || *folds || r->p->dedupe))
		return 0;
	ev_fail(err, EV_USAGE, views ? "the file has SQL views, and a proof wants a database to make them in" :
		"not all of the file folds in memory, and a proof wants a database to fold it in");
	return ev_hint(err, "name one where a schema may be made for the time: --scratch postgresql://...");
}

int ev_rebuilding_prove(struct ev_rebuilding *r, bool live, struct ev_error *err)
{
	struct ev_verify_hooks hooks = { r, stop, progress, note };
	struct ev_verify_options opt = {
		.scratch = r->opt->scratch, .rows = true, .counts = true, .checks = true, .sample = 1,
		.allow_empty = true, .max_diffs = EV_REBUILD_SAMPLES, .memory = r->opt->memory,
		.max_lag = -1, .max_age_ms = -1,
	};
	struct ev_verdict v = { 0 };
	struct place at;
	int rc;

	if (!r->opt->receipt)
		return 0;
	r->now.lag = -1;
	ev_rebuilding_step(r, "prove");
	if (locate(r, live, &at, err) < 0)
		return -1;
	rc = have_receipt(r, &at, err);
	if (rc)
		return rc < 0 ? -1 : 0;
	if (!live)
		r->sh->ops->close_store(r->sh);
	opt.url = at.url;
	opt.store = &at.opt;
	rc = ev_verify(r->p, r->src, &opt, &hooks, &v, err);
	if (rc == 0)
		rc = judge(r, &v, err);
	ev_verdict_release(&v);
	return rc;
}
