/* verify.c - the sequence of a verification; see verify.h */
#include "verify/verify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply/identity.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/plural.h"
#include "verify/declared.h"
#include "verify/from_base.h"

__attribute__((format(printf, 2, 3))) static void say(struct ev_verifying *w, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (!w->hooks->note)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	w->hooks->note(w->hooks->ctx, text);
}

static bool stop(void *ctx)
{
	const struct ev_verifying *w = ctx;

	return w->hooks->stop && w->hooks->stop(w->hooks->ctx);
}

static void progress(void *ctx, int64_t records, int64_t done, int64_t total)
{
	const struct ev_verifying *w = ctx;

	if (w->hooks->progress)
		w->hooks->progress(w->hooks->ctx, "fold", records, done, total);
}

static void note(void *ctx, const char *text)
{
	say(ctx, "%s", text);
}

static struct ev_mode *rows_mode(struct ev_verifying *w)
{
	struct ev_mode *m = ev_verdict_mode(w->v, "rows", "rows");

	m->allow_empty = w->opt->allow_empty;
	return m;
}

static struct ev_mode *counts_mode(struct ev_verifying *w)
{
	struct ev_mode *m = ev_verdict_mode(w->v, "counts", "offsets");

	m->allow_empty = w->opt->allow_empty;
	return m;
}

static struct ev_mode *checks_mode(struct ev_verifying *w)
{
	return ev_verdict_mode(w->v, "checks", "checks");
}

static struct ev_mode *freshness_mode(struct ev_verifying *w)
{
	return ev_verdict_mode(w->v, "freshness", "positions");
}

static bool asks_freshness(const struct ev_verifying *w)
{
	return w->opt->max_lag >= 0 || w->opt->max_age_ms >= 0;
}

/* All that is asked for: what fails before a mode is come to is said of it as well. */
static void begin_modes(struct ev_verifying *w)
{
	if (w->opt->rows)
		rows_mode(w);
	if (w->opt->counts)
		counts_mode(w);
	if (w->opt->checks)
		checks_mode(w);
	if (asks_freshness(w))
		freshness_mode(w);
}

/*
 * A mode that failed says so; the others go on. EV_USAGE ends it all. After a stop one failure brings the
 * next (a query that was cancelled ends its transaction), and the stop is the reason of all.
 */
static int settle(struct ev_verifying *w, struct ev_mode *m, int rc, struct ev_error *err)
{
	if (rc >= 0)
		return 0;
	if (stop(w))
		ev_fail(err, EV_SOURCE, "stopped before it was proven");
	if (err->class == EV_USAGE)
		return -1;
	ev_mode_unproven(m, err);
	*err = (struct ev_error)EV_ERROR_INIT;
	return 0;
}

/* All modes that are not done fail with what failed beneath them; after a stop that is the reason. */
static void fail_open_modes(struct ev_verifying *w, struct ev_error *err)
{
	if (stop(w) && err->class != EV_USAGE)
		ev_fail(err, EV_SOURCE, "stopped before it was proven");
	for (size_t i = 0; i < w->v->nmodes; i++)
		if (w->v->modes[i]->state == EV_MODE_BEGUN)
			ev_mode_unproven(w->v->modes[i], err);
}

int ev_verify_same_projection(const struct ev_verifying *w, const struct ev_ledger *l, struct ev_error *err)
{
	if (strcmp(l->fingerprint, w->p->fingerprint) == 0)
		return 0;
	ev_fail(err, EV_USAGE, "%s is not the projection that the view was built with (version %lld in the store, "
		"%lld in the file)", w->p->file, (long long)l->version, (long long)w->p->version);
	if (l->version > w->p->version)
		return ev_hint(err, "the store has the newer version %lld: verify it with its file",
			       (long long)l->version);
	return ev_hint(err, "verify it with the file that it was built with, or build it anew: evproject rebuild");
}

static void describe(struct ev_verifying *w)
{
	w->v->projection = ev_strdup(w->p->name);
	w->v->fingerprint = ev_strdup(w->p->fingerprint);
	w->v->version = w->p->version;
	w->v->store = ev_strdup(w->first.store ? w->first.store->url : w->opt->url);
	ev_ledger_position(&w->first.ledger, &w->v->position);
}

static int read_rows(struct ev_verifying *w, struct ev_mode *m, struct ev_error *err)
{
	if (ev_rows_read(w, &w->first, m, err) < 0)
		return -1;
	return w->p->nreads ? ev_counts_letters(&w->key, w->p, w->first.store, &w->letters, err) : 0;
}

/* Alone it folds as well, and as with the rows it must be known into what. */
static int read_counts(struct ev_verifying *w, struct ev_mode *m, struct ev_error *err)
{
	if (!w->opt->rows && !w->reference &&
	    ev_declared_compare(w->p, w->first.store, &w->first.tables, m, err) < 0)
		return -1;
	return ev_counts_read(w, w->first.store, err);
}

static int read_checks(struct ev_verifying *w, struct ev_mode *m, struct ev_error *err)
{
	return ev_checks_run(w, w->first.store, m, err);
}

/* Behind a savepoint, as what is refused to one mode may spoil the transaction that the others read in. */
static int read_mode(struct ev_verifying *w, struct ev_mode *m,
		     int (*read)(struct ev_verifying *w, struct ev_mode *m, struct ev_error *err), struct ev_error *err)
{
	const struct ev_store_ops *ops = w->first.store->ops;
	struct ev_error lost = EV_ERROR_INIT;
	int rc = ops->savepoint(w->first.store, err);

	if (rc == 0) {
		rc = read(w, m, err);
		if (rc < 0)
			ops->rollback_to(w->first.store, &lost); /* the next mode says it, too */
		else
			rc = ops->release(w->first.store, err);
	}
	return settle(w, m, rc, err);
}

/* What is read of the store, while it stands still for us. */
static int read_store(struct ev_verifying *w, struct ev_error *err)
{
	int rc;

	if (asks_freshness(w)) /* what is written while it is read is no lag of this position */
		ev_freshness_ask(&w->freshness, w->src, w->opt->max_age_ms, &w->trouble);
	rc = ev_snapshot_take(&w->first, w->opt->url, w->opt->store, w->p->name, 0, err);
	if (rc == 0)
		rc = ev_verify_same_projection(w, &w->first.ledger, err);
	if (rc == 0 && w->opt->base)
		rc = ev_base_precedes(w, &w->first, err);
	if (rc < 0)
		return -1;
	describe(w);
	if (ev_receipt_begin(w, err) < 0)
		return -1;
	if (w->opt->rows && read_mode(w, rows_mode(w), read_rows, err) < 0)
		return -1;
	if (w->opt->counts && read_mode(w, counts_mode(w), read_counts, err) < 0)
		return -1;
	if (w->opt->checks) {
		if (read_mode(w, checks_mode(w), read_checks, err) < 0)
			return -1;
		ev_mode_done(checks_mode(w));
	}
	ev_snapshot_let_go(&w->first);
	return 0;
}

/* Rows that depend on tables of others cannot be made from the log; those of other tables have been compared. */
static void refuse_reads(struct ev_verifying *w)
{
	struct ev_error why = EV_ERROR_INIT;
	size_t i = 0;

	while (i < w->ntables && !w->tables[i].foreign)
		i++;
	if (i == w->ntables || !w->opt->rows)
		return;
	ev_fail(&why, EV_DATA, "the rows of '%s' depend on '%s', which the log does not make: they cannot be proven",
		w->tables[i].shape.table, w->p->reads[0]);
	ev_hint(&why, "--counts and --checks can be checked without --rows");
	ev_mode_unproven(rows_mode(w), &why);
}

static int no_rows(void *ctx, struct ev_error *err)
{
	(void)ctx;
	(void)err;
	return 0;
}

static int fold(struct ev_verifying *w, struct ev_error *err)
{
	bool rows = w->opt->rows && rows_mode(w)->state == EV_MODE_BEGUN;

	if (ev_reference_fold(w, &w->first, rows ? ev_rows_folded : no_rows, w, err) < 0)
		return -1;
	if (rows && w->slices > 1)
		ev_mode_note(rows_mode(w), "the log was read %u times, each for a part of the keys, as --memory bounds "
			     "the fold", (unsigned)w->slices);
	w->folded = true;
	return 0;
}

/*
 * Where records are gone, another row than the log makes is no proof of anything. In a file nothing goes
 * by itself, so there the same rows are none either.
 */
static bool unprovable(struct ev_verifying *w, int differ, struct ev_error *err)
{
	int64_t gone = ev_counts_gone(w);

	if (!gone || (!differ && !w->src->one_sequence))
		return false;
	ev_fail(err, EV_DATA, "%lld record%s that the view has seen %s not in the log%s", (long long)gone,
		ev_plural(gone), ev_agree(gone, "is", "are"), differ ? ", and rows differ" : "");
	ev_hint(err, w->src->one_sequence ? "give the whole log as the source"
					  : "where compaction took them, this log does not prove the view");
	return true;
}

/* 1: rows differ. */
static int judge_rows(struct ev_verifying *w, struct ev_error *err)
{
	int differ;

	if (w->p->nreads && ev_reads_same_letters(w, &w->letters, err) < 0)
		return -1;
	differ = ev_rows_judge(w, rows_mode(w));
	return differ >= 0 && unprovable(w, differ, err) ? -1 : differ;
}

static void tell_base(struct ev_verifying *w)
{
	struct ev_buf at = EV_BUF_INIT;
	struct ev_position p = EV_POSITION_INIT;

	if (!w->opt->base)
		return;
	ev_ledger_position(&w->base.ledger, &p);
	ev_position_print(&p, &at);
	for (size_t i = 0; i < w->v->nmodes; i++)
		if (strcmp(w->v->modes[i]->name, "checks") != 0)
			ev_mode_note(w->v->modes[i], "rests on a base at %s, by receipt %s", ev_buf_str(&at),
				     w->base_receipt);
	ev_position_release(&p);
	ev_buf_release(&at);
}

/* The view may be what the log makes, and yet not all that its file would have. */
static void tell_unread(struct ev_verifying *w, struct ev_mode *rows)
{
	struct ev_buf text = EV_BUF_INIT;

	for (size_t i = 0; ev_identity_unread(w->p, w->src, &i, &text); ev_buf_clear(&text))
		ev_mode_note(rows, "%s", ev_buf_str(&text));
	ev_buf_release(&text);
}

/* The counts between the rows and the suspects: these move the reference on. */
static int judge(struct ev_verifying *w, struct ev_error *err)
{
	struct ev_mode *rows = w->opt->rows ? rows_mode(w) : NULL;
	int differ = 0;

	if (!w->opt->rows && !w->opt->counts)
		return 0;
	if (fold(w, err) < 0) {
		if (err->class == EV_USAGE)
			return -1;
		fail_open_modes(w, err);
		return 0;
	}
	if (rows && rows->state == EV_MODE_BEGUN) {
		differ = judge_rows(w, err);
		if (settle(w, rows, differ, err) < 0)
			return -1;
	}
	if (w->opt->counts && counts_mode(w)->state == EV_MODE_BEGUN) {
		if (settle(w, counts_mode(w), ev_counts_judge(w, counts_mode(w), err), err) < 0)
			return -1;
		ev_mode_done(counts_mode(w));
	}
	if (differ > 0 && settle(w, rows, ev_suspects_tell(w, rows, err), err) < 0)
		return -1;
	refuse_reads(w);
	if (rows) {
		tell_unread(w, rows);
		ev_mode_done(rows);
	}
	tell_base(w);
	return 0;
}

static void too_old(void *ctx, const char *partition, const char *what)
{
	ev_finding_text(ev_mode_finding(ctx, "age", partition), "%s", what);
}

static int judge_freshness(struct ev_verifying *w, struct ev_mode *m, struct ev_error *err)
{
	int64_t behind;

	if (w->trouble.class) {
		*err = w->trouble;
		return -1;
	}
	m->checked = 1;
	behind = ev_freshness_lag(&w->freshness, w->src, &w->first.ledger);
	if (w->opt->max_lag >= 0 && behind > w->opt->max_lag)
		ev_finding_text(ev_mode_finding(m, "lag", w->p->name), "%" PRId64 " record%s behind, more than %"
				PRId64, behind, ev_plural(behind), w->opt->max_lag);
	ev_mode_note(m, "%" PRId64 " record%s behind the log", behind, ev_plural(behind));
	return ev_freshness_stale(&w->freshness, w->src, &w->first.ledger, too_old, m, err);
}

static int freshness(struct ev_verifying *w, struct ev_error *err)
{
	struct ev_mode *m;

	if (!asks_freshness(w))
		return 0;
	m = freshness_mode(w);
	if (settle(w, m, judge_freshness(w, m, err), err) < 0)
		return -1;
	ev_mode_done(m);
	return 0;
}

/* What others' tables decide the log alone decides otherwise, also in rows that do not name them (dead letters). */
static int refuse_repair(const struct ev_verifying *w, struct ev_error *err)
{
	if (!w->opt->repair || !w->p->nreads)
		return 0;
	ev_fail(err, EV_USAGE, "a repair writes what the log makes, and with '@reads %s' that is not all of the view",
		w->p->reads[0]);
	return ev_hint(err, "build it anew: evproject rebuild --again");
}

static int verify(struct ev_verifying *w, struct ev_error *err)
{
	if (refuse_repair(w, err) < 0)
		return -1;
	if (ev_digest_key_random(&w->key, err) < 0)
		return -1;
	if ((w->opt->rows || w->opt->counts) && ev_reference_open(w, err) < 0)
		return -1;
	if (w->opt->rows)
		rows_mode(w);
	if (w->opt->counts)
		counts_mode(w);
	ev_reads_mark(w);
	if (read_store(w, err) < 0)
		return -1;
	if (judge(w, err) < 0 || freshness(w, err) < 0)
		return -1;
	ev_receipt_end(w);
	return w->repaired;
}

int ev_verify(const struct ev_projection *p, struct ev_source *src, const struct ev_verify_options *opt,
	      const struct ev_verify_hooks *hooks, struct ev_verdict *out, struct ev_error *err)
{
	struct ev_verifying w = { .p = p, .src = src, .opt = opt, .hooks = hooks, .v = out };
	int rc;

	ev_verdict_init(out, opt->max_diffs);
	w.replay_hooks = (struct ev_replay_hooks){ &w, stop, progress, note };
	rc = verify(&w, err);
	if (rc < 0 && err->class != EV_USAGE) {
		begin_modes(&w);
		fail_open_modes(&w, err);
		rc = out->nmodes ? 0 : -1;
	}
	ev_snapshot_release(&w.first);
	ev_ids_release(&w.ids);
	ev_freshness_release(&w.freshness);
	ev_reference_close(&w);
	out->ended_at = ev_now_ms();
	return rc;
}
