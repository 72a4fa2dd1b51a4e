/* range.c - see range.h; range_file.c does it for sources that do not know their partitions yet */
#include "source/range.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "source/range_impl.h"

/* One end of the range: what was asked, and what the source answered for all partitions at once. */
struct end {
	const struct ev_point *point;
	int64_t *times;
	struct ev_position group;
};

static bool is_archive(const struct ev_source *src)
{
	return !strcmp(src->ops->name, "archive");
}

static int lost(const struct ev_source *src, const struct ev_partition *p, int64_t asked, struct ev_error *err)
{
	if (is_archive(src)) {
		ev_fail(err, EV_DATA, "%s/%" PRId32 ": offsets %" PRId64 "..%" PRId64 " are not in the archive, which "
			"starts at %" PRId64, p->topic, p->partition, asked, p->low - 1, p->low);
		return ev_hint(err, "start at begin to take what it has, or read what holds them");
	}
	ev_fail(err, EV_DATA, "%s/%" PRId32 ": offsets %" PRId64 "..%" PRId64 " are lost: the log now "
		"starts at %" PRId64 " (retention)", p->topic, p->partition, asked, p->low - 1, p->low);
	return ev_hint(err, "start at begin to take what is left, or read an archive that still holds "
			    "them");
}

int ev_range_backwards(const char *topic, int32_t partition, int64_t begin, int64_t end,
		       struct ev_error *err)
{
	char number[32] = "'end'";

	if (begin != INT64_MAX)
		snprintf(number, sizeof(number), "%" PRId64, begin);
	if (!topic)
		return ev_fail(err, EV_USAGE, "the start %s is after the end %" PRId64, number, end);
	return ev_fail(err, EV_USAGE, "%s/%" PRId32 ": the start %s is after the end %" PRId64, topic,
		       partition, number, end);
}

/*
 * Every partition that a position file names must be there, where its topic is read. One that names other topics only
 * is another source's: everything would be taken from its start.
 */
static int check_known(const struct ev_source *src, const struct ev_point *point,
		       struct ev_error *err)
{
	bool any = false;

	for (size_t i = 0; i < point->position.n; i++) {
		const struct ev_position_entry *e = &point->position.v[i];
		bool topic = false, found = false;

		for (size_t j = 0; j < src->nparts && !found; j++) {
			bool same = strcmp(src->parts[j].topic, e->topic) == 0;

			topic |= same;
			found = same && src->parts[j].partition == e->partition;
		}
		if (topic && !found) {
			ev_fail(err, EV_USAGE, "position '%s' names %s/%" PRId32 ", which is not there",
				point->name, e->topic, e->partition);
			return ev_hint(err, "give the source with all the partitions that the file "
					    "names, or take this one out of the file");
		}
		any |= topic;
	}
	if (point->position.n && !any) {
		ev_fail(err, EV_USAGE, "position '%s' names none of the topics that are read, but '%s'", point->name,
			point->position.v[0].topic);
		return ev_hint(err, "it is of another source");
	}
	return 0;
}

/* Before anything is computed, as a group's answer makes the watermarks be asked anew. */
static int ask(struct ev_source *src, struct end *e, struct ev_error *err)
{
	const struct ev_point *point = e->point;

	if (point->kind != EV_POINT_GROUP)
		return 0;
	if (src->ops->group_offsets(src, point->name, &e->group, err))
		return -1;
	if (!e->group.n)
		return ev_fail(err, EV_SOURCE, "group '%s' has no committed offsets for these topics",
			       point->name);
	/* a living group may have moved past the high watermark that we know */
	return src->ops->refresh(src, err);
}

static int ask_time(struct ev_source *src, struct end *e, struct ev_error *err)
{
	if (e->point->kind == EV_POINT_FILE)
		return check_known(src, e->point, err);
	if (e->point->kind != EV_POINT_TIME)
		return 0;
	e->times = ev_alloc((src->nparts + 1) * sizeof(*e->times));
	return src->ops->offsets_for_time(src, e->point->n, e->times, err);
}

/* An offset that somebody named; -1 is an absent partition, which stands at its start. */
static int named(const struct ev_source *src, const struct ev_partition *p, int64_t asked, bool begin, int64_t *offset,
		 struct ev_error *err)
{
	if (asked > p->high)
		return ev_fail(err, EV_USAGE, "%s/%" PRId32 ": offset %" PRId64 " is past the end %"
			       PRId64, p->topic, p->partition, asked, p->high);
	if (begin && asked >= 0 && asked < p->low)
		return lost(src, p, asked, err);
	*offset = asked < 0 ? p->low : asked;
	return 0;
}

/* The end's offset in partition i; `begin` says which end. NONE is the log's own. */
static int offset_of(const struct ev_source *src, const struct end *e, size_t i, bool begin,
		     int64_t *offset, struct ev_error *err)
{
	const struct ev_partition *p = &src->parts[i];
	const struct ev_point *point = e->point;

	switch (point->kind) {
	case EV_POINT_NONE:
		*offset = begin ? p->low : p->high;
		return 0;
	case EV_POINT_BEGIN:
		*offset = p->low;
		return 0;
	case EV_POINT_END:
		*offset = p->high;
		return 0;
	case EV_POINT_STABLE:
		*offset = p->stable;
		return 0;
	case EV_POINT_OFFSET:
		return named(src, p, point->n, begin, offset, err);
	case EV_POINT_LAST:
		*offset = p->high - p->low < point->n ? p->low : p->high - point->n;
		return 0;
	case EV_POINT_TIME: /* the answer is younger than the watermarks */
		*offset = e->times[i] < p->low ? p->low : e->times[i] > p->high ? p->high : e->times[i];
		return 0;
	case EV_POINT_GROUP:
		return named(src, p, ev_position_get(&e->group, p->topic, p->partition), begin, offset, err);
	case EV_POINT_FILE:
		return named(src, p, ev_position_get(&point->position, p->topic, p->partition), begin, offset,
			     err);
	}
	return ev_fail(err, EV_BUG, "position of unknown kind %d", (int)point->kind);
}

static int stored_begin(const struct ev_source *src, const struct ev_partition *p, const struct ev_position *stored,
			int64_t *begin, struct ev_error *err)
{
	int64_t at = ev_position_get(stored, p->topic, p->partition);

	if (at > p->high) {
		ev_fail(err, EV_DATA, "%s/%" PRId32 ": the stored position is %" PRId64 ", but the log "
			"ends at %" PRId64, p->topic, p->partition, at, p->high);
		return ev_hint(err, "the topic was deleted and created again: what was built from it can "
				    "only be built anew");
	}
	if (at >= 0 && at < p->low)
		return lost(src, p, at, err);
	*begin = at < 0 ? p->low : at;
	return 0;
}

static int resolve_one(const struct ev_source *src, const struct end *from, const struct end *to,
		       const struct ev_position *stored, size_t i, struct ev_span *span,
		       struct ev_error *err)
{
	const struct ev_partition *p = &src->parts[i];

	if (stored ? stored_begin(src, p, stored, &span->begin, err) :
		     offset_of(src, from, i, true, &span->begin, err))
		return -1;
	if (offset_of(src, to, i, false, &span->end, err))
		return -1;
	if (span->begin <= span->end)
		return 0;
	if (to->point->kind == EV_POINT_STABLE) { /* nothing new is stable yet */
		span->end = span->begin;
		return 0;
	}
	ev_range_backwards(p->topic, p->partition, span->begin, span->end, err);
	if (span->end < p->low)
		ev_hint(err, is_archive(src) ? "the archive starts at %" PRId64 : "the log now starts at %" PRId64
			" (retention)", p->low);
	return -1;
}

static int resolve(struct ev_source *src, const struct ev_point *from, const struct ev_point *to,
		   const struct ev_position *stored, struct ev_span **spans, struct ev_error *err)
{
	static const struct ev_point none = EV_POINT_INIT;
	struct end first = { .point = stored ? &none : from }, last = { .point = to };
	struct ev_span *out = NULL;
	int rc = ask(src, &first, err) || ask(src, &last, err) || ask_time(src, &first, err) ||
		 ask_time(src, &last, err) ? -1 : 0;

	if (!rc)
		out = ev_alloc((src->nparts + 1) * sizeof(*out));
	for (size_t i = 0; i < src->nparts && !rc; i++)
		rc = resolve_one(src, &first, &last, stored, i, &out[i], err);
	if (!rc)
		*spans = out;
	else
		free(out);
	free(first.times);
	free(last.times);
	ev_position_release(&first.group);
	ev_position_release(&last.group);
	return rc;
}

/* A borrowed point: the time where there is one, else what --from or --to says. */
static struct ev_point time_or(const struct ev_point *point, bool has, int64_t ms)
{
	if (!has)
		return *point;
	return (struct ev_point){ .kind = EV_POINT_TIME, .n = ms };
}

int ev_range_resolve(struct ev_source *src, const struct ev_range_args *args,
		     const struct ev_position *stored, struct ev_span **spans, struct ev_error *err)
{
	/* as a filter, a time bounds only what need not be looked at: of a file all is looked at */
	bool since = args->has_since && args->from.kind == EV_POINT_NONE && (args->prefix || !src->one_sequence);
	struct ev_point from = time_or(&args->from, since, args->since);
	struct ev_point to = time_or(&args->to, args->has_until && args->prefix, args->until);

	if (args->has_since && args->has_until && args->since > args->until)
		return ev_fail(err, EV_USAGE, "the start is after the end: --since is later than --until");
	if (stored && !stored->n)
		stored = NULL;
	return src->one_sequence ? ev_range_file(src, &from, &to, stored, spans, err) :
				   resolve(src, &from, &to, stored, spans, err);
}
