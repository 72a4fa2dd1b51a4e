/*
 * range_file.c - ranges of files: partitions show up while reading, so an end is a rule, not a number
 *
 * Each end becomes a position and a default for partitions that it lacks (source.h, bounds). Only -N
 * and @TIME need numbers of the whole file: then it is scanned once.
 */
#include "base/mem.h"
#include "source/range_impl.h"

struct end {
	struct ev_position position;
	int64_t other; /* for partitions that the position lacks */
};

static bool needs_scan(const struct ev_point *p)
{
	return p->kind == EV_POINT_LAST || p->kind == EV_POINT_TIME;
}

/* The source was scanned: all partitions stand in its table with their real ends. */
static int of_scan(struct ev_source *src, const struct ev_point *point, struct end *e,
		   struct ev_error *err)
{
	int64_t *offsets = ev_alloc((src->nparts + 1) * sizeof(*offsets));
	int rc = 0;

	if (point->kind == EV_POINT_TIME)
		rc = src->ops->offsets_for_time(src, point->n, offsets, err);
	for (size_t i = 0; i < src->nparts && !rc; i++) {
		const struct ev_partition *p = &src->parts[i];

		if (point->kind == EV_POINT_LAST)
			offsets[i] = p->high - p->low < point->n ? p->low : p->high - point->n;
		ev_position_set(&e->position, p->topic, p->partition, offsets[i]);
	}
	free(offsets);
	return rc;
}

/* `none` is what the end is when nothing is said. */
static int resolve_end(struct ev_source *src, const struct ev_point *point, int64_t none,
		       struct end *e, struct ev_error *err)
{
	e->other = none;
	switch (point->kind) {
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
		e->other = point->n;
		return 0;
	case EV_POINT_LAST:
	case EV_POINT_TIME:
		return of_scan(src, point, e, err);
	case EV_POINT_FILE:
		ev_position_copy(&e->position, &point->position);
		e->other = 0; /* an absent partition stands at its start */
		return 0;
	case EV_POINT_GROUP:
		break;
	}
	return ev_fail(err, EV_USAGE, "group:%s is a position in topics, not in files", point->name);
}

static int64_t at(const struct end *e, const char *topic, int32_t partition)
{
	int64_t offset = ev_position_get(&e->position, topic, partition);

	return offset < 0 ? e->other : offset;
}

static int check_entries(const struct ev_position *p, const struct end *from, const struct end *to,
			 struct ev_error *err)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct ev_position_entry *e = &p->v[i];
		int64_t begin = at(from, e->topic, e->partition), end = at(to, e->topic, e->partition);

		if (begin > end)
			return ev_range_backwards(e->topic, e->partition, begin, end, err);
	}
	return 0;
}

/* Partitions that neither end names are those of the two defaults; unless both ends are files. */
static int check_order(const struct end *from, const struct end *to, struct ev_error *err)
{
	if (from->other > to->other && !to->position.n)
		return ev_range_backwards(NULL, 0, from->other, to->other, err);
	if (check_entries(&from->position, from, to, err))
		return -1;
	return check_entries(&to->position, from, to, err);
}

static struct ev_span *spans_of(const struct ev_source *src, const struct end *from,
				const struct end *to)
{
	struct ev_span *spans = ev_alloc((src->nparts + 1) * sizeof(*spans));

	for (size_t i = 0; i < src->nparts; i++) {
		const struct ev_partition *p = &src->parts[i];

		spans[i].begin = at(from, p->topic, p->partition);
		spans[i].end = at(to, p->topic, p->partition);
	}
	return spans;
}

int ev_range_file(struct ev_source *src, const struct ev_point *from, const struct ev_point *to,
		  const struct ev_position *stored, struct ev_span **spans, struct ev_error *err)
{
	struct end first = { EV_POSITION_INIT, 0 }, last = { EV_POSITION_INIT, INT64_MAX };
	int rc = 0;

	if ((!stored && needs_scan(from)) || needs_scan(to))
		rc = src->ops->scan(src, err);
	if (!rc && stored)
		ev_position_copy(&first.position, stored);
	else if (!rc)
		rc = resolve_end(src, from, 0, &first, err);
	if (!rc)
		rc = resolve_end(src, to, INT64_MAX, &last, err);
	if (!rc)
		rc = check_order(&first, &last, err);
	if (!rc) {
		if (stored) /* what lies below it is given as well: it tells whether this is the log */
			ev_position_release(&first.position);
		src->ops->bounds(src, first.position.n ? &first.position : NULL,
				 last.position.n ? &last.position : NULL, first.other, last.other);
		*spans = spans_of(src, &first, &last);
	}
	ev_position_release(&first.position);
	ev_position_release(&last.position);
	return rc;
}
