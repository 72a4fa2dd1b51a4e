/* log_mode.c - a log's check as a mode of the verdict; see log_mode.h */
#include "verify/log_mode.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/plural.h"
#include "verify/mode_faults.h"

/* `orders/0: offsets 12 = records 10 + marker 2` */
static void cover_offsets(struct ev_mode *m, const struct ev_log_part *p)
{
	struct ev_buf subject = EV_BUF_INIT;
	struct ev_equation *e;

	ev_buf_addf(&subject, "%s/%d", p->topic, (int)p->partition);
	e = ev_mode_equation(m, ev_buf_str(&subject), "offsets", p->end - p->begin);
	ev_equation_term(e, "records", p->records);
	for (int i = 0; i < EV_HOLES; i++)
		if (p->holes[i])
			ev_equation_term(e, ev_hole_names[i], p->holes[i]);
	m->checked += p->end - p->begin - p->holes[EV_HOLE_RETENTION] - p->holes[EV_HOLE_UNKNOWN];
	if (p->backwards)
		ev_mode_note(m, "%s: %" PRId64 " timestamps below one before them",
			     ev_buf_str(&subject), p->backwards);
	if (p->begin > 0 && p->low >= p->begin)
		ev_mode_note(m, "%s: nothing is left of the offsets before %" PRId64,
			     ev_buf_str(&subject), p->begin);
	ev_buf_release(&subject);
}

/* Terms that are 0 are left out but for the first. */
static void cover_records(struct ev_mode *m, const struct ev_log_result *r, const char *subject,
			  const struct ev_term_count *terms, size_t n)
{
	struct ev_equation *e = ev_mode_equation(m, subject, "records", r->records);
	int64_t tombstones = 0, unreadable = 0;

	for (size_t i = 0; i < r->nparts; i++) {
		tombstones += r->parts[i].tombstones;
		unreadable += r->parts[i].unreadable;
	}
	for (size_t i = 0; i < n; i++)
		if (terms[i].n || i == 0)
			ev_equation_term(e, terms[i].name, terms[i].n);
	if (tombstones)
		ev_equation_term(e, "tombstones", tombstones);
	if (unreadable)
		ev_equation_term(e, "no JSON", unreadable);
}

static void cover(struct ev_mode *m, const struct ev_log_result *r, const struct ev_log_mode *opt)
{
	struct ev_buf subject = EV_BUF_INIT;

	for (size_t i = 0; i < r->nparts; i++)
		cover_offsets(m, &r->parts[i]);
	if (r->ids)
		cover_records(m, r, "ids",
			      (struct ev_term_count[]){ { "with an id", r->with_id },
							{ "without", r->without_id } },
			      2);
	if (r->sequences) {
		ev_buf_addf(&subject, "sequence %s", opt->sequence ? opt->sequence : "");
		cover_records(m, r, ev_buf_str(&subject),
			      (struct ev_term_count[]){ { "numbered", r->numbered },
							{ "without a number", r->unnumbered },
							{ "without a key", r->keyless } },
			      3);
		if (r->keys)
			ev_mode_note(m,
				     "%" PRId64 " key%s; %" PRId64
				     " of them begin%s at number %" PRId64 ", the others later",
				     r->keys, ev_plural(r->keys), r->first_least_keys,
				     ev_agree(r->first_least_keys, "s", ""), r->first_least);
	}
	if (r->ids && r->without_id && !r->with_id && !opt->must_have_ids)
		ev_mode_note(
			m,
			"no event has an id where it was looked for; --envelope says where it is");
	if (r->causes)
		ev_mode_note(m, "%" PRId64 " event%s a cause", r->caused, ev_agree(r->caused, " names", "s name"));
	if (r->doubled && opt->log.dedupe)
		ev_mode_note(m, "%" PRId64 " id%s again; the view passes over %s (@dedupe)",
			     r->doubled, ev_plural(r->doubled), ev_agree(r->doubled, "it", "them"));
	ev_buf_release(&subject);
}

/* What was asked for and could not be checked. */
static void refuse(struct ev_mode *m, const struct ev_log_result *r, const struct ev_log_mode *opt)
{
	struct ev_error why = EV_ERROR_INIT;
	int64_t unknown = 0;

	for (size_t i = 0; i < r->nparts; i++)
		unknown += r->parts[i].holes[EV_HOLE_UNKNOWN];
	if (r->sequences && r->records && !r->numbered)
		ev_fail(&why, EV_DATA, "no event with a key has a number at %s", opt->sequence);
	else if (r->ids && opt->must_have_ids && r->without_id && !r->with_id)
		ev_fail(&why, EV_DATA, "no event has an id where the envelope says");
	else if (r->uncheckable_gaps)
		ev_fail(&why, EV_DATA,
			"%" PRId64 " gap%s in the sequences of keys stand%s where compaction or "
			"retention may have taken records",
			r->uncheckable_gaps, ev_plural(r->uncheckable_gaps),
			ev_agree(r->uncheckable_gaps, "s", ""));
	else if (r->uncheckable_causes)
		ev_fail(&why, EV_DATA,
			"%" PRId64 " cause%s not in the log, whose beginning is gone or "
			"which is compacted",
			r->uncheckable_causes, ev_agree(r->uncheckable_causes, " is", "s are"));
	else if (unknown)
		ev_fail(&why, EV_DATA,
			"%" PRId64 " offset%s no record, and neither a file nor a broker that does not "
			"tell its cleanup.policy says why", unknown, ev_agree(unknown, " has", "s have"));
	if (why.class)
		ev_mode_unproven(m, &why);
}

static int read_log(struct ev_log *l, struct ev_source *src, const struct ev_source_spec *spec,
		    const struct ev_range_args *range, const struct ev_log_mode *opt,
		    struct ev_error *err)
{
	struct ev_source *beside = NULL;
	struct ev_span *spans = NULL;
	int rc = ev_range_resolve(src, range, NULL, &spans, err);

	if (!rc && src->ops->compaction) { /* else there are no other ways to read it */
		beside = ev_log_open_beside(spec, err);
		rc = beside ? 0 : -1;
	}
	if (!rc)
		rc = ev_log_run(l, src, beside, spans, opt->hooks, err);
	if (beside)
		beside->ops->close(beside);
	free(spans);
	return rc;
}

int ev_log_mode(struct ev_source *src, const struct ev_source_spec *spec,
		const struct ev_range_args *range, const struct ev_log_mode *opt,
		struct ev_verdict *v, struct ev_error *err)
{
	struct ev_mode *m = ev_verdict_mode(v, "log", "offsets");
	struct ev_faults faults;
	struct ev_log *l;
	int rc;

	m->allow_empty = opt->allow_empty;
	ev_mode_faults(&faults, m, opt->max_diffs);
	l = ev_log_new(&opt->log, &faults);
	rc = read_log(l, src, spec, range, opt, err);
	ev_mode_faults_end(&faults, m);
	if (!rc) {
		cover(m, ev_log_result(l), opt);
		refuse(m, ev_log_result(l), opt);
		ev_mode_done(m);
	}
	ev_log_free(l);
	return ev_mode_settle(m, rc, err);
}
