/*
 * freshness.c - --max-lag, --max-age: how far the view is behind its log
 *
 * The log's end is asked just before the snapshot is taken: what is written while the rows are read and the log is
 * folded is no lag of this position. A record is too old where it waits and is older than --max-age allows: the view
 * stands before the first one that is not.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "verify/internal.h"

static int ask(struct ev_verifying *w, struct ev_freshness *f, struct ev_error *err)
{
	struct ev_source *src = w->src;
	int64_t *fresh;
	size_t n;
	int rc = 0;

	f->now = ev_now_ms();
	if (src->ops->refresh(src, err) < 0 || (src->one_sequence && src->ops->scan(src, err) < 0))
		return -1;
	n = src->nparts; /* a file that grows may show more of them */
	fresh = ev_alloc((n + 1) * sizeof(*fresh));
	if (w->opt->max_age_ms >= 0)
		rc = src->ops->offsets_for_time(src, f->now - w->opt->max_age_ms, fresh, err);
	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct ev_partition *p = &src->parts[i];

		*EV_PUSH(f->ends, f->nends) = (struct ev_log_end){ p->low, p->high, fresh[i] };
	}
	free(fresh);
	return rc;
}

bool ev_freshness_asked(const struct ev_verifying *w)
{
	return w->opt->max_lag >= 0 || w->opt->max_age_ms >= 0;
}

void ev_freshness_begin(struct ev_verifying *w)
{
	if (ev_freshness_asked(w))
		ask(w, &w->freshness, &w->freshness.trouble);
}

/* Where the view stands in a partition; one that it does not know is all lag. */
static int64_t standing(struct ev_verifying *w, size_t i)
{
	const struct ev_partition *p = &w->src->parts[i];
	const struct ev_ledger_part *q = ev_ledger_part(&w->first.ledger, p->topic, p->partition, false);

	return q ? q->next : w->freshness.ends[i].low;
}

static void judge_lag(struct ev_verifying *w, struct ev_mode *m)
{
	int64_t behind = 0;

	for (size_t i = 0; i < w->freshness.nends; i++) {
		int64_t n = w->freshness.ends[i].high - standing(w, i);

		behind += n > 0 ? n : 0;
	}
	if (w->opt->max_lag >= 0 && behind > w->opt->max_lag)
		ev_finding_text(ev_mode_finding(m, "lag", w->p->name), "%" PRId64 " records behind, more than %"
				PRId64, behind, w->opt->max_lag);
	ev_mode_note(m, "%" PRId64 " records behind the log", behind);
}

/* The record that the view comes to next is too old, if it has a time at all. */
static int tell_age(struct ev_verifying *w, struct ev_mode *m, uint32_t part, int64_t next, struct ev_error *err)
{
	const struct ev_partition *p = &w->src->parts[part];
	struct ev_buf subject = EV_BUF_INIT;
	struct ev_finding *f;
	struct ev_record r;
	bool found;

	if (w->src->ops->record_at(w->src, part, next, &r, &found, err) < 0)
		return -1;
	if (found && r.timestamp == EV_NO_TIMESTAMP)
		return ev_fail(err, EV_DATA, "%s/%d@%" PRId64 " waits for the view and has no time: how old it is, "
			       "nobody knows", p->topic, p->partition, next);
	ev_buf_addf(&subject, "%s/%d", p->topic, p->partition);
	f = ev_mode_finding(m, "age", ev_buf_str(&subject));
	if (found)
		ev_finding_text(f, "behind, and the record at offset %" PRId64 " is %" PRId64 " s old, more than %"
				PRId64, next, (w->freshness.now - r.timestamp) / 1000, w->opt->max_age_ms / 1000);
	else
		ev_finding_text(f, "behind, and what comes after offset %" PRId64 " is more than %" PRId64 " s old",
				next, w->opt->max_age_ms / 1000);
	ev_buf_release(&subject);
	return 0;
}

int ev_freshness_judge(struct ev_verifying *w, struct ev_mode *m, struct ev_error *err)
{
	const struct ev_freshness *f = &w->freshness;

	if (f->trouble.class) {
		*err = f->trouble;
		return -1;
	}
	m->checked = 1;
	judge_lag(w, m);
	for (size_t i = 0; i < f->nends && w->opt->max_age_ms >= 0; i++)
		if (standing(w, i) < f->ends[i].fresh && tell_age(w, m, (uint32_t)i, standing(w, i), err) < 0)
			return -1;
	return 0;
}
