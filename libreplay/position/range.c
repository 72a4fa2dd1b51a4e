/* range.c - see range.h; range_file.c does the same for sources whose partitions are not known yet */
#include "position/range.h"

#include <inttypes.h>

#include "base/mem.h"
#include "position/range_internal.h"

struct resolve {
	struct ev_source *src;
	struct ev_error *err;
	int64_t *times;          /* offsets for a time */
	struct ev_position group;
};

static int lost(const struct ev_partition *p, int64_t asked, struct ev_error *err)
{
	ev_fail(err, EV_DATA, "%s/%d: offsets %" PRId64 "..%" PRId64 " are lost: the log now starts at %"
		PRId64 " (retention)", p->topic, p->partition, asked, p->low - 1, p->low);
	return ev_hint(err, "start at begin to take what is left, or read an archive that still has them");
}

static int past_end(const struct ev_partition *p, int64_t asked, struct ev_error *err)
{
	return ev_fail(err, EV_USAGE, "%s/%d ends at offset %" PRId64 ", %" PRId64 " is past it", p->topic,
		       p->partition, p->high, asked);
}

/* Offsets and groups for all partitions are asked for once. */
static int ask(struct resolve *r, const struct ev_point *point)
{
	struct ev_source *src = r->src;

	if (point->kind == EV_POINT_TIME) {
		free(r->times);
		r->times = ev_alloc((src->nparts + 1) * sizeof(*r->times));
		return src->ops->offsets_for_time(src, point->n, r->times, r->err);
	}
	if (point->kind == EV_POINT_FILE)
		return ev_range_known(src, point, r->err);
	if (point->kind != EV_POINT_GROUP)
		return 0;
	ev_position_release(&r->group);
	if (src->ops->group_offsets(src, point->name, &r->group, r->err) < 0)
		return -1;
	if (!r->group.n)
		return ev_fail(r->err, EV_SOURCE, "group '%s' has no committed offsets here", point->name);
	return 0;
}

int ev_range_known(const struct ev_source *src, const struct ev_point *point, struct ev_error *err)
{
	for (size_t i = 0; i < point->position.n; i++) {
		const struct ev_position_entry *e = &point->position.v[i];
		bool topic = false, both = false;

		for (size_t j = 0; j < src->nparts; j++) {
			bool same = strcmp(src->parts[j].topic, e->topic) == 0;

			topic |= same;
			both |= same && src->parts[j].partition == e->partition;
		}
		if (topic && !both)
			return ev_fail(err, EV_USAGE, "%s names %s/%d, which is not there", point->name,
				       e->topic, e->partition);
	}
	return 0;
}

/* A saved or given offset: inside the log, or an error. -1 as absent gives the start. */
static int given(const struct ev_partition *p, int64_t asked, int64_t *offset, struct ev_error *err)
{
	if (asked > p->high)
		return past_end(p, asked, err);
	if (asked >= 0 && asked < p->low)
		return lost(p, asked, err);
	*offset = asked < 0 ? p->low : asked;
	return 0;
}

static int resolve_one(struct resolve *r, const struct ev_point *point, size_t i, int64_t *offset)
{
	const struct ev_partition *p = &r->src->parts[i];

	switch (point->kind) {
	case EV_POINT_NONE:
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
		return given(p, point->n, offset, r->err);
	case EV_POINT_LAST:
		*offset = p->high - p->low < point->n ? p->low : p->high - point->n;
		return 0;
	case EV_POINT_TIME:
		*offset = r->times[i] < p->low ? p->low : r->times[i];
		return 0;
	case EV_POINT_GROUP:
		return given(p, ev_position_get(&r->group, p->topic, p->partition), offset, r->err);
	case EV_POINT_FILE:
		return given(p, ev_position_get(&point->position, p->topic, p->partition), offset,
			     r->err);
	}
	return ev_fail(r->err, EV_BUG, "unknown kind of position %d", (int)point->kind);
}

/* One end for all partitions, where `point` says something. */
static int resolve_all(struct resolve *r, const struct ev_point *point, int64_t *offsets)
{
	if (ask(r, point) < 0)
		return -1;
	for (size_t i = 0; i < r->src->nparts; i++)
		if (resolve_one(r, point, i, &offsets[i]) < 0)
			return -1;
	return 0;
}

static int stored_begin(const struct ev_partition *p, const struct ev_position *stored,
			int64_t *begin, struct ev_error *err)
{
	int64_t at = stored ? ev_position_get(stored, p->topic, p->partition) : -1;

	*begin = p->low;
	if (at < 0)
		return 0;
	if (at < p->low)
		return lost(p, at, err);
	if (at > p->high) {
		ev_fail(err, EV_DATA, "%s/%d ends at offset %" PRId64 ", but the stored position is %"
			PRId64, p->topic, p->partition, p->high, at);
		return ev_hint(err, "the topic was deleted and created again; what was built from it "
				    "can only be built anew");
	}
	*begin = at;
	return 0;
}

static int in_order(const struct ev_partition *p, const struct ev_span *s, bool stored,
		    struct ev_error *err)
{
	if (s->begin <= s->end)
		return 0;
	ev_fail(err, EV_USAGE, "%s/%d: the %s %" PRId64 " is after the end %" PRId64, p->topic,
		p->partition, stored ? "stored position" : "start", s->begin, s->end);
	return -1;
}

static int resolve_topics(struct resolve *r, const struct ev_point *from, const struct ev_point *to,
			  const struct ev_position *stored, struct ev_span *spans)
{
	size_t n = r->src->nparts;
	int64_t *begin = ev_alloc((n + 1) * sizeof(*begin)), *end = ev_alloc((n + 1) * sizeof(*end));
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		end[i] = r->src->parts[i].high;
		rc = stored_begin(&r->src->parts[i], stored, &begin[i], r->err);
	}
	if (rc == 0 && !stored)
		rc = resolve_all(r, from, begin);
	if (rc == 0)
		rc = resolve_all(r, to, end);
	for (size_t i = 0; i < n && rc == 0; i++) {
		spans[i] = (struct ev_span){ begin[i], end[i] };
		rc = in_order(&r->src->parts[i], &spans[i], stored != NULL, r->err);
	}
	free(begin);
	free(end);
	return rc;
}

/* What --since and --until mean as positions: nothing, or a time for one end. */
static struct ev_point time_point(const struct ev_point *given_point, bool has, int64_t ms)
{
	struct ev_point p = EV_POINT_INIT;

	if (!has)
		return *given_point;
	p.kind = EV_POINT_TIME;
	p.n = ms;
	return p;
}

int ev_range_resolve(struct ev_source *src, const struct ev_range_args *args,
		     const struct ev_position *stored, struct ev_span **spans, struct ev_error *err)
{
	struct ev_point from = time_point(&args->from, args->has_since, args->since);
	struct ev_point to = time_point(&args->to, args->has_until && args->prefix, args->until);
	struct resolve r = { .src = src, .err = err };
	struct ev_span *out;
	int rc;

	if (args->has_since && args->has_until && args->since > args->until)
		return ev_fail(err, EV_USAGE, "--since is after --until");
	if (src->one_sequence) {
		if (args->has_since && !args->prefix)
			from.kind = EV_POINT_NONE; /* each record is filtered anyway */
		return ev_range_file(src, &from, &to, stored, spans, err);
	}
	out = ev_alloc((src->nparts + 1) * sizeof(*out));
	rc = resolve_topics(&r, &from, &to, stored, out);
	if (rc == 0)
		*spans = out;
	else
		free(out);
	free(r.times);
	ev_position_release(&r.group);
	return rc;
}
