/* freshness.c - --max-lag, --max-age: how far the view is behind its log */
#include <inttypes.h>

#include "base/clock.h"
#include "verify/internal.h"

/* Offsets of the log that the view has not seen; partitions that it does not know are all lag. */
static int64_t lag(struct ev_verifying *w)
{
	int64_t sum = 0;

	for (size_t i = 0; i < w->src->nparts; i++) {
		const struct ev_partition *p = &w->src->parts[i];
		const struct ev_ledger_part *q = ev_ledger_part(&w->first.ledger, p->topic, p->partition, false);
		int64_t next = q ? q->next : p->low;

		sum += p->high > next ? p->high - next : 0;
	}
	return sum;
}

static int64_t newest(const struct ev_ledger *l)
{
	int64_t last = -1;

	for (size_t i = 0; i < l->nparts; i++)
		if (l->parts[i].last_offset >= 0 && l->parts[i].last_timestamp > last)
			last = l->parts[i].last_timestamp;
	return last;
}

int ev_freshness_judge(struct ev_verifying *w, struct ev_mode *m, struct ev_error *err)
{
	int64_t behind, age, last = newest(&w->first.ledger);

	if (w->src->ops->refresh(w->src, err) < 0 ||
	    (w->src->one_sequence && w->src->ops->scan(w->src, err) < 0))
		return -1;
	behind = lag(w);
	age = behind && last >= 0 ? ev_now_ms() - last : 0; /* nothing is waiting for a view that has all */
	m->checked = 1;
	if (w->opt->max_lag >= 0 && behind > w->opt->max_lag)
		ev_finding_text(ev_mode_finding(m, "lag", w->p->name), "%" PRId64 " records behind, more than %"
				PRId64, behind, w->opt->max_lag);
	if (w->opt->max_age_ms >= 0 && age > w->opt->max_age_ms)
		ev_finding_text(ev_mode_finding(m, "age", w->p->name), "behind, and its last record is %" PRId64
				" s old, more than %" PRId64, age / 1000, w->opt->max_age_ms / 1000);
	ev_mode_note(m, "%" PRId64 " records behind the log", behind);
	return 0;
}
