/* preview.c - see preview.h */
#include "rebuild/preview.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/plural.h"
#include "rebuild/internal.h"

#define LETTERS 5 /* that are named of each kind */
#define SAMPLE_MS 2000
#define SAMPLE_RECORDS 50000

struct sampling {
	int64_t start, records;
	struct ev_rebuilding *of;
};

static bool enough(void *ctx)
{
	struct sampling *s = ctx;

	return s->records >= SAMPLE_RECORDS || ev_clock_ms() - s->start > SAMPLE_MS;
}

static void count(void *ctx, const struct ev_run_status *s)
{
	((struct sampling *)ctx)->records = s->records;
}

static void note(void *ctx, const char *text)
{
	ev_rebuilding_note(((struct sampling *)ctx)->of, "%s", text);
}

/* The beginning of the range into the scratch store; poison is counted like any other record. */
static int sample(struct ev_rebuilding *r, struct ev_apply *a, const struct ev_range_args *range,
		  struct ev_preview *out, struct ev_error *err)
{
	struct sampling s = { .start = ev_clock_ms(), .of = r };
	struct ev_run_hooks hooks = { &s, enough, count, note };
	struct ev_run_options opt = EV_RUN_OPTIONS_INIT;
	struct ev_run_status status;

	opt.range = range;
	opt.batch = 2000;
	if (ev_run(a, r->src, &opt, &hooks, &status, err) < 0)
		return -1;
	out->sample = status.records;
	out->sample_bytes = status.bytes;
	out->sample_ms = ev_clock_ms() - s.start;
	return 0;
}

/* As people look them up; a file's show up in the order of its records. */
static int compare_parts(const void *a, const void *b)
{
	const struct ev_preview_part *x = a, *y = b;
	int order = strcmp(x->topic, y->topic);

	return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static void add_parts(struct ev_source *src, const struct ev_span *spans, struct ev_preview *out)
{
	out->parts = ev_alloc((src->nparts + 1) * sizeof(*out->parts));
	for (size_t i = 0; i < src->nparts; i++) {
		const struct ev_partition *p = &src->parts[i];
		const struct ev_ledger_part *old = ev_ledger_part(&out->old, p->topic, p->partition, false);
		int64_t begin = spans[i].begin > p->low ? spans[i].begin : p->low;
		int64_t end = spans[i].end < p->high ? spans[i].end : p->high;

		out->parts[out->nparts++] = (struct ev_preview_part){
			ev_strdup(p->topic), p->partition, begin, old ? old->next : -1, end,
		};
		out->records += end > begin ? end - begin : 0;
	}
	qsort(out->parts, out->nparts, sizeof(*out->parts), compare_parts);
}

/* What would be read, and some of it. */
static int look(struct ev_rebuilding *r, struct ev_apply *scratch, struct ev_preview *out, struct ev_error *err)
{
	struct ev_range_args range = *r->opt->range;
	struct ev_span *spans = NULL;
	int rc = 0;

	if (r->src->one_sequence)
		rc = r->src->ops->scan(r->src, err);
	range.prefix = true;
	ev_rebuilding_set_start(r, &range);
	if (rc == 0)
		rc = ev_range_resolve(r->src, &range, NULL, &spans, err);
	if (rc == 0)
		add_parts(r->src, spans, out);
	free(spans);
	if (rc == 0)
		rc = sample(r, scratch, &range, out, err);
	ev_rebuilding_drop_start(r, &range);
	return rc;
}

struct listing {
	const struct ev_known_poison *known; /* to the old version, or NULL */
	const struct ev_ledger *passed;      /* by a rebuild that is under way, or NULL */
	struct ev_buf *out;
	int64_t n;
	int64_t new_held;       /* behind those */
	bool poison;            /* there is some, known or not */
	bool dead_ahead, held_ahead; /* some of them are not passed */
	struct ev_buf undecided; /* the first that no decision on it lets pass, nor a rebuild has passed */
};

static bool is_passed(const struct listing *l, const struct ev_dead_letter *d)
{
	for (size_t i = 0; l->passed && i < l->passed->nparts; i++) {
		const struct ev_ledger_part *p = &l->passed->parts[i];

		if (p->partition == d->partition && ev_slice_is(d->topic, p->topic))
			return d->offset < p->next;
	}
	return false;
}

/* In the sample: those that were known are passed over. */
static int list_letter(void *ctx, const struct ev_dead_letter *d)
{
	struct listing *l = ctx;
	struct ev_buf name = EV_BUF_INIT;
	bool held = d->behind >= 0, decided = false, ahead = !is_passed(l, d);
	bool known = l->known && l->known->letter(l->known->ctx, d->topic, held ? d->behind_partition : d->partition,
						  held ? d->behind : d->offset, &decided);

	ev_letter_name(&(struct ev_letter_place){ d->topic, d->partition, d->offset }, &name);
	l->poison |= !held;
	l->new_held += held && !known;
	l->held_ahead |= held && !known && ahead;
	l->dead_ahead |= !held && !known && ahead;
	if (!held && !known && l->n++ < LETTERS)
		ev_buf_addf(l->out, "%s: %.*s\n", ev_buf_str(&name), (int)d->reason.len, d->reason.ptr);
	if (!held && !decided && ahead && !l->undecided.len)
		ev_buf_adds(&l->undecided, ev_buf_str(&name));
	ev_buf_release(&name);
	return 0;
}

/* Would the sample's poison end the rebuild? */
static void judge_letters(const struct ev_rebuild_options *opt, const struct listing *l, struct ev_preview *out)
{
	if (!out->keeps_dead && l->undecided.len)
		ev_buf_addf(&out->stops, "%s is poison to the new version", ev_buf_str(&l->undecided));
	else if (opt->max_dead >= 0 && l->n > opt->max_dead && l->dead_ahead)
		ev_buf_addf(&out->stops, "%" PRId64 " record%s of the sample %s new poison, more than --max-dead",
			    l->n, ev_plural(l->n), ev_agree(l->n, "is", "are"));
	else if (opt->max_held >= 0 && l->new_held > opt->max_held && l->held_ahead)
		ev_buf_addf(&out->stops, "%" PRId64 " record%s of the sample would wait behind new poison, more than "
			    "--max-held", l->new_held, ev_plural(l->new_held));
}

static int load_shadow(struct ev_rebuilding *r, struct ev_ledger *at, struct ev_error *err)
{
	struct ev_store_options opt = *r->sh->opt.store;
	const char *url = r->sh->ops->where(r->sh, &opt);
	int rc = r->sh->ops->present(r->sh, err);
	struct ev_store *s;

	if (rc <= 0)
		return rc;
	opt.read_only = true;
	s = ev_store_open(url, &opt, err);
	rc = s ? ev_ledger_load(s, r->p->name, at, err) : -1;
	if (s)
		s->ops->close(s);
	return rc;
}

/* Where the version that is under way stands; nowhere where none is. */
static int load_passed(struct ev_rebuilding *r, struct ev_ledger *at, struct ev_error *err)
{
	if (r->plan.phase == EV_PHASE_BUILD)
		return ev_ledger_load(r->sh->live, r->p->name, at, err);
	return r->plan.phase < EV_PHASE_LOAD ? 0 : load_shadow(r, at, err);
}

/* What is poison to the new version in the sample, and was none to the old, as far as that stands. */
static int list_new_letters(struct ev_rebuilding *r, struct ev_store *s, struct ev_preview *out, struct ev_error *err)
{
	struct ev_ledger passed = { 0 };
	struct listing l = { .out = &out->new_letters, .passed = &passed };
	bool ends = ev_rebuilding_serves(r) || r->plan.phase >= EV_PHASE_COPY; /* all is read */
	int rc = ev_rebuilding_know(r, err);

	l.known = r->ao.known;
	if (rc == 0 && !ends)
		rc = load_passed(r, &passed, err);
	if (rc < 0 && err->class == EV_HELD) { /* by the rebuild itself, in a long commit: a plan waits for nobody */
		ev_rebuilding_note(r, "the rebuild under way is writing: what it has passed is not looked at");
		*err = (struct ev_error)EV_ERROR_INIT;
		ends = true;
		rc = 0;
	}
	if (rc == 0)
		rc = ev_dead_each(s, r->p->name, NULL, list_letter, &l, err);
	out->new_dead = l.n;
	if (rc == 0 && !ends && l.poison && r->opt->receipt && !r->opt->scratch &&
	    r->sh->live->ops->dialect == EV_POSTGRESQL)
		ev_rebuilding_note(r, "the sample has poison, and the proof of a version with dead letters ends with 2 "
				   "without --scratch");
	if (rc == 0 && !ends)
		judge_letters(r->opt, &l, out);
	ev_ledger_release(&passed);
	ev_buf_release(&l.undecided);
	return rc;
}

static int count_letters(struct ev_shadow *sh, const char *name, struct ev_preview *out, struct ev_error *err)
{
	struct listing l = { .out = &out->old_letters };
	struct ev_decisions d = { 0 };
	int rc = ev_dead_count(sh->live, name, &out->dead, &out->held, err);

	if (rc == 0)
		rc = ev_dead_each(sh->live, name, "dead", list_letter, &l, err);
	if (rc == 0)
		rc = ev_decisions_load(sh->live, name, -1, &d, err);
	out->decided = d.n;
	ev_decisions_release(&d);
	ev_buf_release(&l.undecided);
	return rc;
}

/* What the live store says of the view. */
static int load_old(struct ev_shadow *sh, const char *name, struct ev_preview *out, struct ev_error *err)
{
	int kept;

	if (ev_ledger_load(sh->live, name, &out->old, err) < 0 ||
	    ev_plan_load(sh->live, name, &out->plan, err) < 0)
		return -1;
	kept = ev_role_present(sh->live, name, EV_ROLE_KEPT, err);
	out->kept = kept > 0;
	if (kept < 0)
		return -1;
	return out->old.exists ? count_letters(sh, name, out, err) : 0;
}

/* What a rebuild would refuse of the file, and of a log that is not the old view's. */
static int check(struct ev_rebuilding *r, const char *folds, struct ev_error *err)
{
	bool beside = r->plan.phase != EV_PHASE_BUILD;

	if (ev_rebuilding_admit(r, err) < 0)
		return -1;
	if (r->plan.phase <= EV_PHASE_PREPARE && !ev_rebuilding_serves(r) &&
	    ev_rebuilding_check_proof(r, folds, err) < 0)
		return -1;
	if (!beside || !r->old.exists)
		return 0;
	if (ev_rebuilding_serves(r))
		return ev_rebuilding_check_whole(r, err); /* it would do nothing */
	if (r->opt->pipe)
		return ev_rebuilding_no_pipe(err);
	if (r->plan.phase == EV_PHASE_NONE)
		r->plan.phase = EV_PHASE_PREPARE;
	if (ev_rebuilding_check_identity(r, err) < 0 || ev_rebuilding_check_parts(r, err) < 0 ||
	    ev_rebuilding_check_asked(r, err) < 0 || ev_rebuilding_check_begin(r, err) < 0)
		return -1;
	return ev_rebuilding_check_file(r, err);
}

static int plan_log(struct ev_shadow *sh, const struct ev_projection *p, struct ev_source *src,
		    const struct ev_rebuild_options *opt, const struct ev_rebuild_hooks *hooks,
		    struct ev_store *s, struct ev_apply *scratch, struct ev_preview *out, struct ev_error *err)
{
	struct ev_rebuilding r = { .sh = sh, .p = p, .src = src, .opt = opt, .hooks = hooks, .dry = true };
	int rc = ev_plan_load(sh->live, p->name, &r.plan, err);

	if (rc == 0)
		rc = check(&r, ev_apply_folds(scratch), err);
	out->serves = rc == 0 && ev_rebuilding_serves(&r);
	if (rc == 0)
		rc = look(&r, scratch, out, err);
	if (rc == 0)
		rc = list_new_letters(&r, s, out, err);
	ev_plan_release(&r.plan);
	ev_ledger_release(&r.old);
	ev_letters_release(&r.letters);
	ev_letters_release(&r.decided);
	return rc;
}

static struct ev_store *scratch(struct ev_shadow *sh, const struct ev_projection *p, struct ev_error *err)
{
	struct ev_store_options so = *sh->opt.store;
	/* tables of others are wanted only where handlers read them */
	bool empty = sh->live->ops->dialect == EV_SQLITE && !p->nreads;

	so.read_only = false;
	return ev_store_scratch(empty ? NULL : sh->opt.url, p->name, &so, true, err);
}

static int with_scratch(struct ev_shadow *sh, struct ev_store *s, const struct ev_projection *p,
			struct ev_source *src, const struct ev_rebuild_options *opt,
			const struct ev_rebuild_hooks *hooks, struct ev_preview *out, struct ev_error *err)
{
	struct ev_apply_options ao = EV_APPLY_OPTIONS_INIT;
	struct ev_apply *a;
	int rc;

	ao.dead = true;
	ao.memory = opt->memory;
	a = ev_apply_open(s, p, &ao, err);
	rc = a ? sh->ops->preflight(sh, s, opt->adopt || out->plan.adopt, &out->report, err) : -1;
	if (rc == 0)
		rc = plan_log(sh, p, src, opt, hooks, s, a, out, err);
	ev_apply_close(a);
	return rc;
}

int ev_rebuild_preview(struct ev_shadow *sh, const struct ev_projection *p, struct ev_source *src,
		       const struct ev_rebuild_options *opt, const struct ev_rebuild_hooks *hooks,
		       struct ev_preview *out, struct ev_error *err)
{
	struct ev_store *s;
	int rc;

	*out = (struct ev_preview){ 0 };
	if (load_old(sh, p->name, out, err) < 0)
		return -1;
	sh->note = hooks->note;
	sh->note_ctx = hooks->ctx;
	out->keeps_dead = opt->on_error == EV_ON_ERROR_INHERIT ? out->old.dead : opt->on_error == EV_ON_ERROR_DEAD;
	s = scratch(sh, p, err);
	rc = s ? with_scratch(sh, s, p, src, opt, hooks, out, err) : -1;
	if (s)
		s->ops->close(s);
	sh->note = NULL;
	return rc;
}

void ev_preview_release(struct ev_preview *v)
{
	for (size_t i = 0; i < v->nparts; i++)
		free(v->parts[i].topic);
	free(v->parts);
	ev_plan_release(&v->plan);
	ev_ledger_release(&v->old);
	ev_buf_release(&v->old_letters);
	ev_buf_release(&v->new_letters);
	ev_buf_release(&v->stops);
	ev_buf_release(&v->report.tables);
	ev_buf_release(&v->report.differs);
	ev_buf_release(&v->report.survive);
	ev_buf_release(&v->report.locks);
	*v = (struct ev_preview){ 0 };
}
