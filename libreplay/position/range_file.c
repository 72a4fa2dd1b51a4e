/*
 * range_file.c - ranges of files: partitions show up while reading, so an end is a rule, not a number
 *
 * Each end becomes a position plus a default for partitions that it does not hold (source.h, bounds).
 * Only -N and @TIME need numbers of the whole file: then it is scanned once.
 */
#include <inttypes.h>

#include "base/mem.h"
#include "position/range_internal.h"

struct end {
	struct ev_position position;
	bool has_position;
	int64_t other; /* for partitions that the position lacks */
};

static int scanned(struct ev_source *src, const struct ev_point *p, struct end *e,
		   struct ev_error *err)
{
	int64_t *times = NULL;
	int rc = src->ops->scan(src, err);

	if (rc == 0 && p->kind == EV_POINT_TIME) {
		times = ev_alloc((src->nparts + 1) * sizeof(*times));
		rc = src->ops->offsets_for_time(src, p->n, times, err);
	}
	for (size_t i = 0; i < src->nparts && rc == 0; i++) {
		const struct ev_partition *part = &src->parts[i];
		int64_t last = part->high - part->low < p->n ? part->low : part->high - p->n;

		ev_position_set(&e->position, part->topic, part->partition, times ? times[i] : last);
	}
	free(times);
	e->has_position = true;
	return rc;
}

/* `other` is what no word at all means for this end. */
static int resolve_end(struct ev_source *src, const struct ev_point *p, int64_t other, struct end *e,
		       struct ev_error *err)
{
	e->other = other;
	switch (p->kind) {
	case EV_POINT_NONE:
		return 0;
	case EV_POINT_BEGIN:
		e->other = 0;
		return 0;
	case EV_POINT_END:
	case EV_POINT_STABLE:
		e->other = INT64_MAX;
		return 0;
	case EV_POINT_OFFSET:
		e->other = p->n;
		return 0;
	case EV_POINT_LAST:
	case EV_POINT_TIME:
		return scanned(src, p, e, err);
	case EV_POINT_FILE:
		ev_position_copy(&e->position, &p->position);
		e->has_position = true;
		e->other = 0; /* an absent partition stands at its start */
		return 0;
	case EV_POINT_GROUP:
		break;
	}
	return ev_fail(err, EV_USAGE, "group:%s is a position of a topic, not of a file", p->name);
}

static int64_t value(const struct end *e, const struct ev_partition *p)
{
	int64_t at = e->has_position ? ev_position_get(&e->position, p->topic, p->partition) : -1;

	return at < 0 ? e->other : at;
}

static int spans_of(struct ev_source *src, const struct end *from, const struct end *to,
		    struct ev_span *spans, struct ev_error *err)
{
	for (size_t i = 0; i < src->nparts; i++) {
		const struct ev_partition *p = &src->parts[i];

		spans[i] = (struct ev_span){ value(from, p), value(to, p) };
		if (spans[i].begin > spans[i].end && to->other != INT64_MAX)
			return ev_fail(err, EV_USAGE, "%s/%d: the start %" PRId64 " is after the end %"
				       PRId64, p->topic, p->partition, spans[i].begin, spans[i].end);
	}
	return 0;
}

int ev_range_file(struct ev_source *src, const struct ev_point *from, const struct ev_point *to,
		  const struct ev_position *stored, struct ev_span **spans, struct ev_error *err)
{
	struct ev_span *out = NULL;
	struct end first = { 0 }, last = { 0 };
	int rc = 0;

	if (stored) {
		ev_position_copy(&first.position, stored);
		first.has_position = true;
	} else {
		rc = resolve_end(src, from, 0, &first, err);
	}
	if (rc == 0)
		rc = resolve_end(src, to, INT64_MAX, &last, err);
	if (rc == 0 && !first.has_position && !last.has_position && first.other > last.other)
		rc = ev_fail(err, EV_USAGE, "the start %" PRId64 " is after the end %" PRId64, first.other,
			     last.other);
	if (rc == 0) {
		src->ops->bounds(src, first.has_position ? &first.position : NULL,
				 last.has_position ? &last.position : NULL, first.other, last.other);
		out = ev_alloc((src->nparts + 1) * sizeof(*out));
		rc = spans_of(src, &first, &last, out, err);
	}
	if (rc == 0)
		*spans = out;
	else
		free(out);
	ev_position_release(&first.position);
	ev_position_release(&last.position);
	return rc;
}
