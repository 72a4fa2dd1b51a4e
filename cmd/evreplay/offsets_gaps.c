/* offsets_gaps.c - what a consumer group would miss that is moved to a copy: in the source, in the map, in the copy */
#include "evreplay/offsets.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "evreplay/replay.h"

/* How many offsets behind the end of a copy are looked at for a record: where all are marks it has ended. */
enum { TAIL = 1000, BATCH = 1000, BATCH_BYTES = 1 << 20, WAIT_MS = 200 };

static void missing(const struct ev_partition *p, int64_t from, int64_t to, struct ev_messages *msg)
{
	ev_warn(msg, "offsets %" PRId64 "..%" PRId64 " of %s/%d are not in the copy, and the group has not read them",
		from, to - 1, p->topic, (int)p->partition);
}

/*
 * What the copy lacks in the partition before its own end, told; the group stands `at` (-1: it has no offset, and
 * reads all that is there).
 */
static bool has_gap(struct offsets *o, const struct ev_partition *p, int64_t at, struct ev_messages *msg)
{
	int64_t begin = ev_map_begin(o->map, p->topic, p->partition), first = at < 0 ? p->low : at, from, to;
	bool found = begin > first || at > p->high;

	if (at > p->high)
		ev_warn(msg, "the group stands at offset %" PRId64 " of %s/%d, which ends at %" PRId64 ": it was made "
			"again", at, p->topic, (int)p->partition, p->high);
	if (begin < 0 && at >= 0)
		ev_warn(msg, "%s/%d is not in the copy; the group stands there at offset %" PRId64, p->topic,
			(int)p->partition, at);
	else if (begin < 0)
		ev_warn(msg, "%s/%d is not in the copy, and the group has not read it", p->topic, (int)p->partition);
	if (begin < 0)
		return true;
	if (begin > first)
		missing(p, first, begin, msg);
	for (; ev_map_gap(o->map, p->topic, p->partition, first, &from, &to); first = to) {
		ev_warn(msg, "offsets %" PRId64 "..%" PRId64 " of %s/%d are not in the map, and the group has not read "
			"them: a run without the map has copied them, or none", from > first ? from : first, to - 1,
			p->topic, (int)p->partition);
		o->holes++;
	}
	return found;
}

/* Runs by the place that they have in the copy. */
struct places {
	struct ev_map_run *v;
	size_t n;
};

static int by_place(const void *a, const void *b)
{
	const struct ev_map_run *x = a, *y = b;
	int c = ev_slice_cmp(x->into, y->into);

	if (!c)
		c = (x->into_partition > y->into_partition) - (x->into_partition < y->into_partition);
	return c ? c : (x->into_offset > y->into_offset) - (x->into_offset < y->into_offset);
}

static bool is_copied(const struct places *p, const struct ev_record *r)
{
	struct ev_map_run at = { .into = r->topic, .into_partition = r->partition, .into_offset = r->offset };
	const struct ev_map_run *before;
	size_t low = 0, high = p->n; /* the first behind it */

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (by_place(&p->v[mid], &at) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	before = low ? &p->v[low - 1] : NULL;
	return before && ev_slice_cmp(before->into, r->topic) == 0 && before->into_partition == r->partition &&
	       r->offset < before->into_offset + before->count;
}

/*
 * Is there a record in the spans, other than those that are known (NULL: none is)? Into found[], which is set where
 * that is known already.
 */
static int look(struct ev_source *src, const struct ev_span *spans, const struct places *known, bool *found,
		struct ev_error *err)
{
	struct ev_merge_options opt = { 0 };
	struct ev_merge *m = ev_merge_new(src, spans, &opt, err);
	struct ev_record *v = ev_alloc(BATCH * sizeof(*v));
	bool done = false;
	int n = 0, rc = m ? 0 : -1;

	while (!rc && !(done && !n)) {
		n = ev_merge_read(m, v, BATCH, BATCH_BYTES, WAIT_MS, &done, err);
		for (int i = 0; i < n; i++)
			if (!known || !is_copied(known, &v[i]))
				found[v[i].part] = true;
		if (n < 0)
			rc = -1;
		else if (ev_stopped())
			rc = ev_fail(err, EV_STORE, "stopped while it was looked for records that the group has not "
				     "read");
	}
	free(v);
	ev_merge_free(m);
	return rc;
}

/* What is looked for in some spans of a log, in one read of all. */
struct search {
	struct offsets *o;
	struct ev_source *src;
	const struct ev_position *group;
	const struct places *known; /* records that do not count; NULL: all do */
	struct ev_messages *msg;
	/* Where to look in the partition; an empty span: nowhere. True: there is some, and no look is needed. */
	bool (*where)(const struct search *s, const struct ev_partition *p, struct ev_span *span);
	void (*tell)(const struct search *s, const struct ev_partition *p, const struct ev_span *span); /* or NULL */
};

/* In how many partitions it was found; -1. */
static int search(const struct search *s, struct ev_error *err)
{
	size_t n = s->src->nparts;
	struct ev_span *wanted = ev_alloc((n + 1) * sizeof(*wanted)), *spans = ev_alloc((n + 1) * sizeof(*spans));
	bool *found = ev_alloc((n + 1) * sizeof(*found));
	int rc, met = 0;

	for (size_t i = 0; i < n; i++) {
		const struct ev_partition *p = &s->src->parts[i];

		found[i] = s->where(s, p, &wanted[i]);
		spans[i] = !found[i] && wanted[i].begin < wanted[i].end ? wanted[i] :
									  (struct ev_span){ p->high, p->high };
	}
	rc = look(s->src, spans, s->known, found, err);
	for (size_t i = 0; i < n && !rc; i++) {
		met += found[i];
		if (found[i] && s->tell)
			s->tell(s, &s->src->parts[i], &wanted[i]);
	}
	free(wanted);
	free(spans);
	free(found);
	return rc ? -1 : met;
}

/* Behind its end: records that came since. What is open, or goes on behind what is looked at, counts as some. */
static bool where_tail(const struct search *s, const struct ev_partition *p, struct ev_span *span)
{
	int64_t at = ev_position_get(s->group, p->topic, p->partition);
	int64_t begin = ev_map_end(s->o->map, p->topic, p->partition);

	begin = begin < 0 ? p->high : begin < at ? at : begin < p->low ? p->low : begin;
	*span = (struct ev_span){ begin, p->high - begin > TAIL ? begin + TAIL : p->high };
	return span->end < p->high || (begin < p->high && p->stable < p->high);
}

static void tell_tail(const struct search *s, const struct ev_partition *p, const struct ev_span *span)
{
	missing(p, span->begin, p->high, s->msg);
	s->o->tails++;
}

/* Between its end and where the group stands: what the next run brings comes behind that in the copy. */
static bool where_early(const struct search *s, const struct ev_partition *p, struct ev_span *span)
{
	int64_t at = ev_position_get(s->group, p->topic, p->partition);
	int64_t end = ev_map_end(s->o->map, p->topic, p->partition);

	end = end < 0 ? p->high : end < p->low ? p->low : end;
	*span = (struct ev_span){ end, at > p->high ? p->high : at };
	return span->end - end > TAIL;
}

static void tell_early(const struct search *s, const struct ev_partition *p, const struct ev_span *span)
{
	(void)span;
	ev_warn(s->msg, "the group stands at offset %" PRId64 " of %s/%d, and the copy, by its map, has come to %"
		PRId64 ": what lies between it reads again once that is copied; run the copy once more first",
		ev_position_get(s->group, p->topic, p->partition), p->topic, (int)p->partition,
		ev_map_end(s->o->map, p->topic, p->partition));
	s->o->early++;
}

int offsets_find_gaps(struct offsets *o, struct ev_source *src, const struct ev_position *group,
		      struct ev_messages *msg, struct ev_error *err)
{
	for (size_t i = 0; i < src->nparts; i++) {
		const struct ev_partition *p = &src->parts[i];
		int64_t at = ev_position_get(group, p->topic, p->partition);

		if (at >= 0 || p->low < p->high)
			o->gaps += has_gap(o, p, at, msg);
	}
	return search(&(struct search){ o, src, group, NULL, msg, where_tail, tell_tail }, err) < 0 ||
	       search(&(struct search){ o, src, group, NULL, msg, where_early, tell_early }, err) < 0 ? -1 : 0;
}

size_t offsets_misses(const struct offsets *o)
{
	return o->args->accept_gap ? 0 : o->gaps + o->tails + o->holes + o->others;
}

int offsets_refuse_gaps(const struct offsets *o, struct ev_error *err)
{
	const char *group = o->args->group;

	if (!offsets_misses(o) || o->args->dry_run)
		return 0;
	if (o->gaps + o->tails)
		ev_fail(err, EV_DATA, "consumer group '%s' would miss records that the copy does not have", group);
	else if (o->holes)
		ev_fail(err, EV_DATA, "consumer group '%s' would miss records that the map does not have", group);
	else
		ev_fail(err, EV_DATA, "consumer group '%s' would pass over records of the copy that it has not read",
			group);
	if (o->gaps)
		return ev_hint(err, "copy into another topic from where it stands (--from group:%s), or --accept-gap",
			       group);
	if (o->holes)
		return ev_hint(err, "let it read the source until it is past them, and move it then; or --accept-gap");
	if (o->tails)
		return ev_hint(err, "copy what came since: a job goes on by its own command; or --accept-gap");
	return ev_hint(err, "several copies in one topic: let it read from the least of the offsets; or --accept-gap");
}

/* The copy's log ends before what the map tells of it. */
static int check_remade(const struct offsets *o, const struct places *known, struct ev_error *err)
{
	for (size_t i = 0; i < known->n; i++) {
		const struct ev_map_run *r = &known->v[i];
		const struct ev_partition *p = ev_source_partition(o->copy, r->into.ptr, r->into_partition);

		if (p && r->into_offset + r->count <= p->high)
			continue;
		ev_fail(err, EV_DATA, "the copy's %s/%d ends at offset %" PRId64 ", and the map tells of records up to "
			"%" PRId64, r->into.ptr, (int)r->into_partition, p ? p->high : 0,
			r->into_offset + r->count - 1);
		return ev_hint(err, "it was deleted and made again: copy it once more, with a map of its own");
	}
	return 0;
}

/* What the copy has lost since of what the group is to read there: of records, that is, before their `end`. */
static void find_lost(struct offsets *o, const struct places *known, struct ev_messages *msg)
{
	struct ev_position end = EV_POSITION_INIT;

	for (size_t i = 0; i < known->n; i++) /* they ascend */
		ev_position_set(&end, known->v[i].into.ptr, known->v[i].into_partition,
				known->v[i].into_offset + known->v[i].count);
	for (size_t i = 0; i < o->copy->nparts; i++) {
		const struct ev_partition *p = &o->copy->parts[i];
		int64_t next = ev_position_get(&o->next, p->topic, p->partition);

		if (next < 0 || next >= p->low)
			continue;
		ev_position_set(&o->next, p->topic, p->partition, p->low);
		if (next >= ev_position_get(&end, p->topic, p->partition))
			continue;
		ev_warn(msg, "offsets %" PRId64 "..%" PRId64 " of the copy %s/%d are gone, and the group has not read "
			"them", next, p->low - 1, p->topic, (int)p->partition);
		o->gaps++;
	}
	ev_position_release(&end);
}

/*
 * What others have written between where the group stands in the copy and where it is to stand: by another copy's map,
 * say, it was put before it.
 */
static bool where_others(const struct search *s, const struct ev_partition *p, struct ev_span *span)
{
	int64_t now = ev_position_get(&s->o->now, p->topic, p->partition);
	int64_t next = ev_position_get(&s->o->next, p->topic, p->partition);

	next = next > p->high ? p->high : next;
	*span = (struct ev_span){ now < 0 ? next : now < p->low ? p->low : now, next };
	return false;
}

static void tell_others(const struct search *s, const struct ev_partition *p, const struct ev_span *span)
{
	ev_warn(s->msg, "offsets %" PRId64 "..%" PRId64 " of the copy %s/%d, where the group stands, have records that "
		"the map does not know and the group has not read", span->begin, span->end - 1, p->topic,
		(int)p->partition);
	s->o->others++;
}

/* Spans that the group has passed and the map does not know. */
static size_t say_passed(const struct offsets *o, struct ev_messages *msg)
{
	size_t n = 0;

	for (size_t i = 0; i < o->group.n; i++) {
		const struct ev_position_entry *e = &o->group.v[i];
		int64_t at = 0, from, to;

		for (; ev_map_gap(o->map, e->topic, e->partition, at, &from, &to) && from < e->offset; at = to, n++)
			if (msg)
				ev_warn(msg, "offsets %" PRId64 "..%" PRId64 " of %s/%d are not in the map, and the "
					"group has read them: what the copy has of them behind the new place it reads "
					"again", from, (to < e->offset ? to : e->offset) - 1, e->topic,
					(int)e->partition);
	}
	return n;
}

static bool where_passed(const struct search *s, const struct ev_partition *p, struct ev_span *span)
{
	int64_t next = ev_position_get(&s->o->next, p->topic, p->partition);

	*span = (struct ev_span){ next < p->low ? p->high : next, p->high };
	return false;
}

/* Does the copy hold, behind where the group is to stand, what may be of those? */
static int find_passed(struct offsets *o, const struct places *known, struct ev_messages *msg, struct ev_error *err)
{
	int met;

	if (!say_passed(o, NULL))
		return 0;
	met = search(&(struct search){ o, o->copy, NULL, known, msg, where_passed, NULL }, err);
	if (met > 0)
		o->early += say_passed(o, msg);
	return met < 0 ? -1 : 0;
}

int offsets_check_copy(struct offsets *o, struct ev_messages *msg, struct ev_error *err)
{
	struct places known;
	int rc;

	known.v = ev_map_runs(o->map, &known.n);
	qsort(known.v, known.n, sizeof(*known.v), by_place);
	rc = check_remade(o, &known, err);
	if (!rc) {
		find_lost(o, &known, msg);
		rc = search(&(struct search){ o, o->copy, NULL, &known, msg, where_others, tell_others }, err) < 0 ||
		     find_passed(o, &known, msg, err) ? -1 : 0;
	}
	free(known.v);
	if (rc && err->class == EV_SOURCE)
		err->class = EV_STORE;
	return rc;
}
