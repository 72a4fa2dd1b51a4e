/* close.c - how a copy ended: the position, and what is said of it */
#include "evreplay/replay.h"

#include <inttypes.h>

#include "base/clock.h"
#include "common/term.h"

void replay_position(struct replay *r, struct ev_position *pos)
{
	for (size_t i = 0; i < r->src->nparts; i++) {
		int64_t next = ev_merge_next(r->merge, (uint32_t)i);

		if (next >= 0)
			ev_position_set(pos, r->src->parts[i].topic, r->src->parts[i].partition, next);
	}
}

static int64_t safe_of(struct replay *r, uint32_t part, uint64_t *beyond)
{
	int64_t first = INT64_MAX, next = part < r->nparts ? r->parts[part].next : -1;

	*beyond = 0;
	if (!r->sink->ops->undone) { /* what was flushed is all that is known */
		const struct ev_partition *p = &r->src->parts[part];

		next = ev_position_get(&r->safe, p->topic, p->partition);
		if (next < 0)
			next = ev_position_get(&r->stored, p->topic, p->partition);
	} else
		first = r->sink->ops->undone(r->sink, part, beyond);
	if (next < 0 && r->nspans > part)
		next = r->spans[part].begin;
	return first < next ? first : next;
}

void replay_settle(struct replay *r, struct ev_position *pos)
{
	for (uint32_t i = 0; i < r->src->nparts; i++) {
		const struct ev_partition *p = &r->src->parts[i];
		uint64_t beyond;
		int64_t next = safe_of(r, i, &beyond);

		if (next < 0)
			continue;
		ev_position_set(pos, p->topic, p->partition, next);
		if (r->args->quiet)
			continue;
		ev_say(r->msg, "%s/%d: safe up to offset %" PRId64, p->topic, (int)p->partition, next);
		if (beyond)
			ev_warn(r->msg, "%s/%d: %" PRIu64 " records behind offset %" PRId64
				" are in the target, too", p->topic, (int)p->partition, beyond, next);
	}
}

void replay_report(struct replay *r)
{
	int64_t ms = ev_clock_ms() - r->start_ms;
	struct ev_buf text = EV_BUF_INIT;

	if (r->args->quiet || r->redrive || (replay_into(r->args) == INTO_LINES && !r->args->verbose))
		return;
	ev_buf_addf(&text, "%" PRIu64 " record%s, ", r->sink->records, r->sink->records == 1 ? "" : "s");
	ev_term_bytes(&text, r->sink->bytes);
	ev_buf_adds(&text, ", in ");
	ev_term_duration(&text, ms);
	ev_say(r->msg, "%s", ev_buf_str(&text));
	if (r->dropped)
		ev_say(r->msg, "%" PRIu64 " records that are no JSON were dropped", r->dropped);
	for (size_t i = 0; r->args->verbose && i < r->nparts && i < r->src->nparts; i++) {
		const struct ev_partition *p = &r->src->parts[i];

		if (r->parts[i].topic)
			ev_say(r->msg, "%s/%d: %" PRIu64 " records into %s", p->topic, (int)p->partition,
			       r->parts[i].copied, r->parts[i].topic);
	}
	ev_buf_release(&text);
}
