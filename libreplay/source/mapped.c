/* mapped.c - see mapped.h */
#include "source/mapped.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "position/offset_map.h"

struct mapped_part {
	uint32_t inner;                /* of the archive's table */
	const struct ev_map_run *runs; /* by offset, in both */
	size_t nruns;
	struct ev_span span;           /* of the read under way, of the target */
};

struct mapped {
	struct ev_source base;
	struct ev_source *archive;
	struct ev_map *map;
	struct ev_map_run *runs; /* by target, then offset there */
	size_t nruns;
	struct mapped_part *mp;
};

static struct mapped *mapped_of(struct ev_source *s)
{
	return (struct mapped *)s; /* base comes first */
}

static int by_target(const void *a, const void *b)
{
	const struct ev_map_run *x = a, *y = b;
	int c = strcmp(x->into.ptr, y->into.ptr);

	if (!c)
		c = (x->into_partition > y->into_partition) - (x->into_partition < y->into_partition);
	return c ? c : (x->into_offset > y->into_offset) - (x->into_offset < y->into_offset);
}

static bool same_target(const struct ev_map_run *x, const struct ev_map_run *y)
{
	return x->into_partition == y->into_partition && !strcmp(x->into.ptr, y->into.ptr);
}

/* y comes behind x in the source, too? */
static bool goes_on(const struct ev_map_run *x, const struct ev_map_run *y)
{
	return x->partition == y->partition && !strcmp(x->topic.ptr, y->topic.ptr) &&
	       x->offset + x->count <= y->offset && x->into_offset + x->count <= y->into_offset;
}

/* The run that has the offset (of the target or of the source), else the next behind it; NULL: none. */
static const struct ev_map_run *run_for(const struct mapped_part *p, int64_t offset, bool of_target)
{
	size_t low = 0, high = p->nruns;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct ev_map_run *r = &p->runs[mid];

		if (offset >= (of_target ? r->into_offset : r->offset) + r->count)
			low = mid + 1;
		else
			high = mid;
	}
	return low < p->nruns ? &p->runs[low] : NULL;
}

/* The source's offset for one of the target; a target's that has no record: the next one's. */
static int64_t inward(const struct mapped_part *p, int64_t offset)
{
	const struct ev_map_run *last = &p->runs[p->nruns - 1], *r = run_for(p, offset, true);

	if (!r)
		return last->offset + last->count;
	return r->offset + (offset > r->into_offset ? offset - r->into_offset : 0);
}

/* The other way round. *exact: that very record is in the map. */
static int64_t outward(const struct mapped_part *p, int64_t offset, bool *exact)
{
	const struct ev_map_run *last = &p->runs[p->nruns - 1], *r = run_for(p, offset, false);

	*exact = r && offset >= r->offset;
	if (!r)
		return last->into_offset + last->count;
	return r->into_offset + (*exact ? offset - r->offset : 0);
}

static int rename_record(struct mapped *m, uint32_t part, struct ev_record *r, struct ev_error *err)
{
	const struct ev_partition *p = &m->base.parts[part];
	bool exact;
	int64_t offset = outward(&m->mp[part], r->offset, &exact);

	if (!exact) {
		ev_fail(err, EV_DATA, "%.*s/%" PRId32 "@%" PRId64 ": the map does not know this record of the "
			"archive", (int)r->topic.len, r->topic.ptr, r->partition, r->offset);
		return ev_hint(err, "only an archive that was restored whole can stand before its topic");
	}
	r->topic = ev_slice_str(p->topic);
	r->partition = p->partition;
	r->offset = offset;
	r->part = part;
	return 0;
}

static int refresh(struct ev_source *s, struct ev_error *err)
{
	(void)s, (void)err;
	return 0;
}

static int offsets_for_time(struct ev_source *s, int64_t ms, int64_t *offsets, struct ev_error *err)
{
	struct mapped *m = mapped_of(s);
	int64_t *inner = ev_alloc((m->archive->nparts + 1) * sizeof(*inner));
	int rc = m->archive->ops->offsets_for_time(m->archive, ms, inner, err);
	bool exact;

	for (size_t i = 0; !rc && i < s->nparts; i++)
		offsets[i] = outward(&m->mp[i], inner[m->mp[i].inner], &exact);
	free(inner);
	return rc;
}

static int record_at(struct ev_source *s, uint32_t part, int64_t offset, struct ev_record *rec,
		     bool *found, struct ev_error *err)
{
	struct mapped *m = mapped_of(s);
	const struct mapped_part *p = &m->mp[part];
	int64_t inner = inward(p, offset);
	bool exact;

	*found = false;
	if (outward(p, inner, &exact) != offset || !exact)
		return 0;
	if (m->archive->ops->record_at(m->archive, p->inner, inner, rec, found, err))
		return -1;
	return *found ? rename_record(m, part, rec, err) : 0;
}

static int start(struct ev_source *s, const struct ev_span *spans, bool merge, bool follow,
		 struct ev_error *err)
{
	struct mapped *m = mapped_of(s);
	struct ev_span *inner = ev_alloc((m->archive->nparts + 1) * sizeof(*inner));
	int rc;

	for (size_t i = 0; i < m->archive->nparts; i++)
		inner[i].begin = inner[i].end = m->archive->parts[i].low;
	for (size_t i = 0; i < s->nparts; i++) {
		m->mp[i].span = spans[i];
		if (spans[i].begin < spans[i].end)
			inner[m->mp[i].inner] = (struct ev_span){ inward(&m->mp[i], spans[i].begin),
								  inward(&m->mp[i], spans[i].end) };
	}
	rc = m->archive->ops->start(m->archive, inner, merge, follow, err);
	s->nlanes = rc ? 0 : s->nparts;
	free(inner);
	return rc;
}

static enum ev_fetch fetch(struct ev_source *s, size_t lane, struct ev_batch *batch, int timeout_ms,
			   struct ev_error *err)
{
	struct mapped *m = mapped_of(s);
	enum ev_fetch rc = m->archive->ops->fetch(m->archive, m->mp[lane].inner, batch, timeout_ms, err);

	for (size_t i = 0; rc == EV_FETCH_SOME && i < batch->n; i++) {
		if (!rename_record(m, (uint32_t)lane, &batch->records[i], err))
			continue;
		m->archive->ops->release(m->archive, batch);
		return EV_FETCH_ERROR;
	}
	return rc;
}

static void release(struct ev_source *s, struct ev_batch *batch)
{
	struct mapped *m = mapped_of(s);

	m->archive->ops->release(m->archive, batch);
}

static int64_t passed(struct ev_source *s, uint32_t part)
{
	struct mapped *m = mapped_of(s);

	return m->archive->ops->passed(m->archive, m->mp[part].inner) < 0 ? -1 : m->mp[part].span.end;
}

static void close_source(struct ev_source *s)
{
	struct mapped *m = mapped_of(s);

	if (m->archive)
		m->archive->ops->close(m->archive);
	ev_source_release_table(s);
	free(m->mp);
	free(m->runs);
	ev_map_free(m->map);
	free(m);
}

/* No groups: the topic behind it answers for them. */
static const struct ev_source_ops ops = {
	.name = "archive by its map",
	.refresh = refresh,
	.offsets_for_time = offsets_for_time,
	.record_at = record_at,
	.start = start,
	.fetch = fetch,
	.release = release,
	.passed = passed,
	.close = close_source,
};

/* The archive's partition that the runs tell of; EV_DATA when it has none. */
static int find_inner(const struct mapped *m, const struct ev_map_run *r, uint32_t *out,
		      struct ev_error *err)
{
	for (uint32_t i = 0; i < m->archive->nparts; i++)
		if (m->archive->parts[i].partition == r->partition &&
		    !strcmp(m->archive->parts[i].topic, r->topic.ptr)) {
			*out = i;
			return 0;
		}
	return ev_fail(err, EV_DATA, "the map tells of %s/%" PRId32 ", which the archive does not hold",
		       r->topic.ptr, r->partition);
}

/* The runs first..next are one partition of the target. */
static int add_part(struct mapped *m, const struct ev_map_run *first, size_t n, struct ev_error *err)
{
	struct mapped_part *p = &m->mp[m->base.nparts];
	struct ev_partition *at = &m->base.parts[m->base.nparts];

	for (size_t i = 1; i < n; i++)
		if (!goes_on(&first[i - 1], &first[i])) {
			ev_fail(err, EV_DATA, "%s/%" PRId32 " does not hold one partition of the archive in its "
				"order", first->into.ptr, first->into_partition);
			return ev_hint(err, "restore with --partition keep");
		}
	*p = (struct mapped_part){ .runs = first, .nruns = n };
	if (find_inner(m, first, &p->inner, err))
		return -1;
	for (size_t i = 0; i < m->base.nparts; i++)
		if (m->mp[i].inner == p->inner) {
			ev_fail(err, EV_DATA, "%s/%" PRId32 " of the archive was restored into several partitions",
				first->topic.ptr, first->partition);
			return ev_hint(err, "restore with --partition keep");
		}
	*at = (struct ev_partition){
		.topic = ev_strdup(first->into.ptr), .partition = first->into_partition,
		.low = first->into_offset, .high = first[n - 1].into_offset + first[n - 1].count,
	};
	at->stable = at->high;
	m->base.nparts++;
	return 0;
}

/* A partition that the copy was of, with records in the archive and none in the map: not restored. */
static int check_whole(struct mapped *m, struct ev_error *err)
{
	const struct ev_source *a = m->archive;
	int64_t *first = ev_alloc((a->nparts + 1) * sizeof(*first));
	int rc = a->ops->offsets_for_time(m->archive, 0, first, err);

	for (uint32_t i = 0; !rc && i < a->nparts; i++) {
		const struct ev_partition *p = &a->parts[i];
		int64_t begin = ev_map_begin(m->map, p->topic, p->partition);
		bool told = begin < 0 || begin >= p->high || first[i] >= p->high;

		for (size_t k = 0; !told && k < m->base.nparts; k++)
			told = m->mp[k].inner == i;
		if (!told)
			rc = ev_fail(err, EV_DATA, "the map tells of no record of %s/%" PRId32 ", of which the archive "
				     "has some", p->topic, p->partition);
	}
	free(first);
	return rc ? ev_hint(err, "only an archive that was restored whole can stand before its topic") : 0;
}

struct ev_source *ev_mapped_new(struct ev_source *archive, const char *path, struct ev_error *err)
{
	struct mapped *m = ev_alloc(sizeof(*m));
	int rc = 0;

	m->base.ops = &ops;
	m->archive = archive;
	m->map = ev_map_load(path, err);
	if (!m->map) {
		close_source(&m->base);
		return NULL;
	}
	m->runs = ev_map_runs(m->map, &m->nruns);
	qsort(m->runs, m->nruns, sizeof(*m->runs), by_target);
	m->mp = ev_alloc((m->nruns + 1) * sizeof(*m->mp));
	m->base.parts = ev_alloc((m->nruns + 1) * sizeof(*m->base.parts));
	for (size_t i = 0, n; !rc && i < m->nruns; i += n) {
		for (n = 1; i + n < m->nruns && same_target(&m->runs[i], &m->runs[i + n]); n++)
			;
		rc = add_part(m, &m->runs[i], n, err);
	}
	if (!rc && !check_whole(m, err))
		return &m->base;
	ev_context(err, "%s", path);
	close_source(&m->base);
	return NULL;
}
