/* replay_into.c - see replay_into.h */
#include "verify/replay_into.h"

#include <stdlib.h>

#include "base/mem.h"

const struct ev_ledger *ev_into_ledger(const struct ev_replay *r)
{
	return r->apply ? ev_apply_ledger(r->apply) : &r->mine;
}

static struct ev_ledger_part *part_of(struct ev_replay *r, uint32_t part)
{
	const struct ev_partition *p = &r->src->parts[part];

	return ev_ledger_part(&r->mine, p->topic, p->partition, false);
}

void ev_into_partition(struct ev_replay *r, uint32_t part, const struct ev_ledger_part *p)
{
	struct ev_ledger_part *q;

	if (r->apply) {
		ev_apply_partition(r->apply, part, p->topic, p->partition, p->begin, p->cluster_id);
		return;
	}
	q = ev_ledger_part(&r->mine, p->topic, p->partition, true);
	if (q->begin >= 0)
		return;
	q->begin = q->next = p->begin;
	q->last_offset = -1;
}

static int need_scratch(struct ev_error *err)
{
	err->class = EV_USAGE;
	err->hint[0] = '\0';
	ev_context(err, "the log cannot be folded in memory alone");
	return ev_hint(err, "name a database where a schema may be made for the time: --scratch postgresql://...");
}

/* After each record, as one of them may make many rows. */
static int look_at_memory(struct ev_replay *r, struct ev_error *err)
{
	if (!ev_memory_fold_full(r->detached))
		return 0;
	r->full = true;
	ev_fail(err, EV_USAGE, "the rows take more than --memory");
	return need_scratch(err);
}

static int take(struct ev_replay *r, const struct ev_record *rec, struct ev_error *err)
{
	struct ev_ledger_part *p = part_of(r, rec->part);
	enum ev_count fate;
	int64_t touched;
	int rc;

	if (rec->offset < p->next)
		return 0;
	rc = ev_memory_fold_apply(r->detached, rec, &fate, &touched, err);
	if (rc > 0 && look_at_memory(r, err) < 0) /* it may fit in slices */
		return -1;
	if (rc)
		return rc < 0 ? -1 : need_scratch(err);
	p->counts[EV_INVISIBLE] += rec->offset - p->next;
	p->counts[fate]++;
	p->untouched += fate == EV_APPLIED && !touched;
	p->next = rec->offset + 1;
	p->last_offset = rec->offset;
	p->last_timestamp = rec->timestamp;
	return 0;
}

/* Only the last record of each partition is asked for its hash. */
static void settle(struct ev_replay *r, const struct ev_record *records, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct ev_ledger_part *p = part_of(r, records[i].part);

		if (p->last_offset == records[i].offset)
			p->last_hash = ev_record_hash(&records[i]);
	}
}

int ev_into_records(struct ev_replay *r, struct ev_record *records, size_t n, struct ev_error *err)
{
	if (r->change)
		n = r->change(r->change_ctx, records, n);
	if (r->apply)
		return ev_apply_batch(r->apply, records, n, NULL, 0, false, false, err);
	for (size_t i = 0; i < n; i++)
		if (take(r, &records[i], err) < 0 || look_at_memory(r, err) < 0)
			return -1;
	settle(r, records, n);
	return 0;
}

int ev_into_pass(struct ev_replay *r, const int64_t *next, size_t n, struct ev_error *err)
{
	if (r->apply)
		return ev_apply_batch(r->apply, NULL, 0, next, n, false, true, err);
	for (size_t i = 0; i < n; i++) {
		struct ev_ledger_part *p = part_of(r, (uint32_t)i);

		if (!p || next[i] <= p->next)
			continue;
		p->counts[EV_INVISIBLE] += next[i] - p->next;
		p->next = next[i];
	}
	return 0;
}

int ev_into_decide(struct ev_replay *r, const struct ev_taken_decision *d, struct ev_error *err)
{
	struct ev_retried done;

	if (r->apply)
		return ev_apply_retry(r->apply, d->topic, d->partition, d->offset, d->drop, &done, err);
	ev_fail(err, EV_USAGE, "a dead letter was decided on");
	return need_scratch(err);
}
