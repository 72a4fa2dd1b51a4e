/* freshness.c - see freshness.h */
#include "verify/freshness.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

int ev_freshness_ask(struct ev_freshness *f, struct ev_source *src, int64_t max_age_ms, struct ev_error *err)
{
	int64_t *fresh;
	size_t n;
	int rc = 0;

	f->now = ev_now_ms();
	f->max_age_ms = max_age_ms;
	if (src->ops->refresh(src, err) < 0 || (src->one_sequence && src->ops->scan(src, err) < 0))
		return -1;
	n = src->nparts; /* a file that grows may show more of them */
	fresh = ev_alloc((n + 1) * sizeof(*fresh));
	if (max_age_ms >= 0)
		rc = src->ops->offsets_for_time(src, f->now - max_age_ms, fresh, err);
	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct ev_partition *p = &src->parts[i];

		*EV_PUSH(f->ends, f->nends) = (struct ev_log_end){ p->low, p->high, fresh[i] };
	}
	free(fresh);
	return rc;
}

void ev_freshness_release(struct ev_freshness *f)
{
	free(f->ends);
	*f = (struct ev_freshness){ 0 };
}

/* Where the view stands in a partition; one that it does not know is all lag. */
static int64_t standing(const struct ev_freshness *f, const struct ev_source *src, const struct ev_ledger *l, size_t i)
{
	const struct ev_partition *p = &src->parts[i];
	const struct ev_ledger_part *q = ev_ledger_part((struct ev_ledger *)l, p->topic, p->partition, false);

	return q ? q->next : f->ends[i].low;
}

int64_t ev_freshness_lag(const struct ev_freshness *f, const struct ev_source *src, const struct ev_ledger *l)
{
	int64_t behind = 0;

	for (size_t i = 0; i < f->nends; i++) {
		int64_t n = f->ends[i].high - standing(f, src, l, i);

		behind += n > 0 ? n : 0;
	}
	return behind;
}

/* The record that the view comes to next is too old, if it has a time at all. */
static int tell(const struct ev_freshness *f, struct ev_source *src, uint32_t part, int64_t next, ev_stale_fn *fn,
		void *ctx, struct ev_error *err)
{
	const struct ev_partition *p = &src->parts[part];
	struct ev_buf name = EV_BUF_INIT, what = EV_BUF_INIT;
	struct ev_record r;
	bool found;

	if (src->ops->record_at(src, part, next, &r, &found, err) < 0)
		return -1;
	if (found && r.timestamp == EV_NO_TIMESTAMP)
		return ev_fail(err, EV_DATA, "%s/%d@%" PRId64 " waits for the view and has no time: how old it is, "
			       "nobody knows", p->topic, p->partition, next);
	ev_buf_addf(&name, "%s/%d", p->topic, p->partition);
	if (found)
		ev_buf_addf(&what, "behind, and the record at offset %" PRId64 " is %" PRId64 " s old, more than %"
			    PRId64, next, (f->now - r.timestamp) / 1000, f->max_age_ms / 1000);
	else
		ev_buf_addf(&what, "behind, and what comes after offset %" PRId64 " is more than %" PRId64 " s old",
			    next, f->max_age_ms / 1000);
	fn(ctx, ev_buf_str(&name), ev_buf_str(&what));
	ev_buf_release(&name);
	ev_buf_release(&what);
	return 0;
}

int ev_freshness_stale(const struct ev_freshness *f, struct ev_source *src, const struct ev_ledger *l, ev_stale_fn *fn,
		       void *ctx, struct ev_error *err)
{
	for (size_t i = 0; i < f->nends && f->max_age_ms >= 0; i++) {
		int64_t next = standing(f, src, l, i);

		if (next < f->ends[i].fresh && tell(f, src, (uint32_t)i, next, fn, ctx, err) < 0)
			return -1;
	}
	return 0;
}
