/* close.c - how a copy ended: the position, and what is said of it */
#include "evreplay/redrive.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/plural.h"
#include "common/term.h"

void replay_position_set(const struct replay *r, size_t part, int64_t next, struct ev_position *pos)
{
	if (next >= 0 && next != INT64_MAX)
		ev_position_set(pos, r->src->parts[part].topic, r->src->parts[part].partition, next);
}

void replay_position(struct replay *r, struct ev_position *pos)
{
	for (size_t i = 0; i < r->src->nparts; i++)
		replay_position_set(r, i, ev_merge_next(r->merge, (uint32_t)i), pos);
}

static int64_t safe_of(struct replay *r, uint32_t part, uint64_t *beyond)
{
	int64_t first = INT64_MAX, next = part < r->nparts ? r->parts[part].next : -1;

	*beyond = 0;
	if (r->sink->lost)
		return part < r->nspans ? r->spans[part].begin : 0;
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

bool replay_settle(struct replay *r, struct ev_position *pos)
{
	bool whole = true;

	for (uint32_t i = 0; i < r->src->nparts; i++) {
		const struct ev_partition *p = &r->src->parts[i];
		uint64_t beyond;
		int64_t next = safe_of(r, i, &beyond);

		whole &= i >= r->nparts || r->parts[i].next <= next;
		replay_position_set(r, i, next, pos);
		if (next < 0 || r->args->quiet || i >= r->nparts || r->parts[i].next < 0 || !r->sink->records)
			continue; /* nothing of it was on its way */
		ev_say(r->msg, "%s/%d: safe up to offset %" PRId64, p->topic, (int)p->partition, next);
		if (beyond)
			ev_warn(r->msg, "%s/%d: %" PRIu64 " record%s behind offset %" PRId64 " %s in the target, too",
				p->topic, (int)p->partition, beyond, ev_plural(beyond), next,
				ev_agree(beyond, "is", "are"));
	}
	return whole;
}

/* What was flushed before is all that is known to be of the log that was read; nothing behind it is kept. */
void replay_settle_remade(struct replay *r)
{
	uint64_t beyond;

	if (r->sink->ops->undone)
		r->sink->ops->undone(r->sink, 0, &beyond); /* so that all is acknowledged, or failed */
	if (r->redrive)
		redrive_ended(r);
	else if (replay_into(r->args) == INTO_TOPIC && !r->args->job && r->sink->records)
		ev_warn(r->msg, "%s may hold records of both logs", r->sink->target);
}

/* By what stands elsewhere, and is of the log that is gone. */
static void advise_remade(const struct replay *r, struct ev_error *err)
{
	const struct replay_args *a = r->args;

	if (replay_into(a) == INTO_ARCHIVE)
		ev_hint(err, "the archive holds what was flushed of the log before; this one goes into another "
			"archive");
	else if (a->job)
		ev_hint(err, "job '%s' stands in the log before: another job name, or --new-job to begin anew", a->job);
	else if (r->redrive && redrive_by_group(r))
		ev_hint(err, "group '%s' is left where it stood in the log before: --from begin sends all that is "
			"there now", a->group);
}

void replay_advise(const struct replay *r, bool saved, struct ev_error *err)
{
	const struct replay_args *a = r->args;

	if (err->remade) {
		advise_remade(r, err);
		return;
	}
	if (*err->hint || replay_into(a) == INTO_LINES || (err->class != EV_SOURCE && err->class != EV_STORE))
		return;
	if (a->job) /* a new one has stored its beginning before it copied anything */
		ev_hint(err, "when that is mended, the same command%s goes on where job '%s' stands",
			a->new_job ? " without --new-job" : "", a->job);
	else if (r->redrive && redrive_by_group(r))
		ev_hint(err, "when that is mended, the same command goes on where group '%s' stands", a->group);
	else if (saved)
		ev_hint(err, "when that is mended, --from %s goes on there", a->position);
}

static void report_point(const struct replay *r, const struct ev_point *point)
{
	if (point->kind != EV_POINT_FILE || !point->position.n)
		return;
	for (size_t i = 0; i < point->position.n; i++)
		if (ev_source_has_topic(r->src, point->position.v[i].topic))
			return;
	ev_warn(r->msg, "position '%s' names none of the topics that were read, but '%s': it is of another source",
		point->name, point->position.v[0].topic);
}

void replay_report_slips(const struct replay *r)
{
	const char *idle;

	if (!r->src->one_sequence || !r->src->nparts)
		return;
	idle = replay_idle_map(r);
	if (idle)
		ev_warn(r->msg, "option '--map': '%s' fits no topic that was read", idle);
	report_point(r, &r->args->src.range.from);
	report_point(r, &r->args->src.range.to);
}

/* A path of --redact or --hash that was met nowhere is as likely a slip as good news. */
static void report_paths(struct replay *r)
{
	const struct replay_args *a = r->args;

	for (size_t i = 0; r->redact && i < a->redacts.n + a->hashes.n; i++) {
		uint64_t met = ev_redact_met(r->redact, i);

		if (!met && r->sink->records)
			ev_warn(r->msg, "%s: no record has that, nothing was changed by it", replay_path(r, i));
		else if (met && a->verbose)
			ev_say(r->msg, "%s: %" PRIu64 " value%s changed", replay_path(r, i), met,
			       ev_plural(met));
	}
}

static void report_total(struct replay *r, bool stopped)
{
	struct ev_buf text = EV_BUF_INIT;

	if (stopped)
		ev_buf_adds(&text, "stopped after ");
	else if (!r->sink->records && r->stored.n)
		ev_buf_adds(&text, "nothing new: ");
	else if (!r->read && !r->args->follow)
		ev_buf_adds(&text, "nothing is in the range: ");
	ev_buf_addf(&text, "%" PRIu64 " record%s, ", r->sink->records, ev_plural(r->sink->records));
	ev_term_bytes(&text, r->sink->bytes);
	ev_buf_adds(&text, ", ");
	if (r->args->into && replay_into(r->args) != INTO_LINES)
		ev_buf_addf(&text, "into '%s' ", r->args->into);
	ev_buf_adds(&text, "in ");
	ev_term_duration(&text, ev_clock_ms() - r->start_ms);
	if (stopped && r->args->job)
		ev_buf_addf(&text, "; job '%s' goes on there%s", r->args->job,
			    r->args->new_job ? ", without --new-job" : "");
	ev_say(r->msg, "%s", ev_buf_str(&text));
	ev_buf_release(&text);
}

/* What --allow let through, and the target will not keep. */
static void report_allowed(const struct replay *r)
{
	for (size_t i = 0; i < r->ntopics && !r->args->quiet; i++) {
		uint64_t n = r->topics[i]->conflicts[ALLOW_RETENTION];

		if (n)
			ev_warn(r->msg, "topic '%s': %" PRIu64 " record%s older than its retention.ms, which deletes "
				"%s", r->topics[i]->name, n, ev_agree(n, " is", "s are"),
				ev_agree(n, "it", "them"));
	}
}

/* What --lossy has changed. */
static void report_losses(const struct replay *r)
{
	struct ev_buf text = EV_BUF_INIT;

	if (r->args->quiet || !r->lossy)
		return;
	ev_buf_addf(&text, "%" PRIu64 " record%s not produced as %s", r->lossy, ev_agree(r->lossy, " was", "s were"),
		    ev_agree(r->lossy, "it is", "they are"));
	replay_print_losses(r, &text);
	ev_say(r->msg, "%s", ev_buf_str(&text));
	ev_buf_release(&text);
}

static void report_kcat(const struct replay *r)
{
	if (r->src->kcat && !r->args->quiet)
		ev_say(r->msg, "lines of kcat -J: the broker that they name is not carried");
}

void replay_report(struct replay *r, bool stopped)
{
	uint64_t passed = r->passed + r->sink->passed;

	report_paths(r);
	report_allowed(r);
	report_losses(r);
	report_kcat(r);
	if (r->map && ev_map_writer_too_large(r->map))
		ev_warn(r->msg, "offset map '%s' is larger than 1 GiB: 'evreplay offsets' does not read it",
			r->args->offset_map);
	if (r->args->quiet || r->redrive || (replay_into(r->args) == INTO_LINES && r->read && !r->args->verbose))
		return;
	report_total(r, stopped);
	if (passed)
		ev_say(r->msg, "%" PRIu64 " record%s that the %s before %s passed over", passed,
		       ev_plural(passed), r->passed ? "job had copied" : "archive held",
		       ev_agree(passed, "was", "were"));
	if (r->dropped)
		ev_say(r->msg, "%" PRIu64 " record%s no JSON and dropped", r->dropped,
		       ev_agree(r->dropped, " was", "s were"));
	for (size_t i = 0; r->args->verbose && i < r->nparts && i < r->src->nparts; i++) {
		const struct ev_partition *p = &r->src->parts[i];

		if (r->parts[i].topic)
			ev_say(r->msg, "%s/%d: %" PRIu64 " record%s into %s", p->topic, (int)p->partition,
			       r->parts[i].copied, ev_plural(r->parts[i].copied), r->parts[i].topic);
	}
}
