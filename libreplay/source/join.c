/* join.c - an archive and then its topic: open, tables, questions; see join.h */
#include "source/join.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "source/mapped.h"

static struct ev_join *join_of(struct ev_source *s)
{
	return (struct ev_join *)s; /* base comes first */
}

/* The archive's table is sorted when it is opened, by (topic, partition). */
static uint32_t find_old(const struct ev_join *j, const struct ev_partition *p)
{
	uint32_t low = 0, high = (uint32_t)j->archive->nparts;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		const struct ev_partition *o = &j->archive->parts[mid];
		int c = strcmp(o->topic, p->topic);

		if (c == 0 && o->partition == p->partition)
			return mid;
		if (c < 0 || (c == 0 && o->partition < p->partition))
			low = mid + 1;
		else
			high = mid;
	}
	return EV_NO_PART;
}

/* May the archive stand before the topic? */
static int check_old(const struct ev_partition *o, const struct ev_partition *p, struct ev_error *err)
{
	if (o->high > p->high) {
		ev_fail(err, EV_DATA, "%s/%" PRId32 ": the archive ends at offset %" PRId64
			", the topic already at %" PRId64, p->topic, p->partition, o->high, p->high);
		return ev_hint(err, "the topic was deleted and created again: read the archive alone");
	}
	if (o->high >= p->low)
		return 0;
	ev_fail(err, EV_DATA, "%s/%" PRId32 ": offsets %" PRId64 "..%" PRId64 " are lost: the archive "
		"ends at %" PRId64 ", the topic starts at %" PRId64, p->topic, p->partition, o->high,
		p->low - 1, o->high, p->low);
	return ev_hint(err, "read one of them alone, or an archive that goes further");
}

/*
 * Our table as the topic's is now; an archive that begins behind the topic's start is left aside.
 * A read that follows has passed the archive: it may be `behind` the topic's start by now.
 */
static int sync_parts(struct ev_join *j, bool behind, struct ev_error *err)
{
	for (uint32_t i = 0; i < j->topic->nparts; i++) {
		const struct ev_partition *p = &j->topic->parts[i], *o;

		if (i == j->base.nparts) {
			EV_GROW(j->base.parts, j->base.nparts, j->parts_cap);
			EV_GROW(j->old, j->nold, j->old_cap);
			j->old[j->nold++] = find_old(j, p);
			j->base.parts[j->base.nparts++] = (struct ev_partition){
				.topic = ev_strdup(p->topic), .partition = p->partition,
			};
		}
		j->base.parts[i].low = p->low;
		j->base.parts[i].high = p->high;
		j->base.parts[i].stable = p->stable;
		if (j->old[i] == EV_NO_PART)
			continue;
		o = &j->archive->parts[j->old[i]];
		if (o->low > p->low)
			j->old[i] = EV_NO_PART;
		else if (!behind && check_old(o, p, err))
			return -1;
		else if (o->high >= p->low)
			j->base.parts[i].low = o->low;
	}
	return 0;
}

static int refresh(struct ev_source *s, struct ev_error *err)
{
	struct ev_join *j = join_of(s);

	return j->topic->ops->refresh(j->topic, err) || sync_parts(j, false, err) ? -1 : 0;
}

/* Where the archive ends in partition i; where it has none, before everything. */
static int64_t old_end(const struct ev_join *j, size_t i)
{
	return j->old[i] == EV_NO_PART ? INT64_MIN : j->archive->parts[j->old[i]].high;
}

static int offsets_for_time(struct ev_source *s, int64_t ms, int64_t *offsets, struct ev_error *err)
{
	struct ev_join *j = join_of(s);
	int64_t *old = ev_alloc((j->archive->nparts + 1) * sizeof(*old));
	int rc = j->archive->ops->offsets_for_time(j->archive, ms, old, err) ||
		 j->topic->ops->offsets_for_time(j->topic, ms, offsets, err) ? -1 : 0;

	for (size_t i = 0; i < s->nparts && !rc; i++)
		if (j->old[i] != EV_NO_PART && old[j->old[i]] < old_end(j, i))
			offsets[i] = old[j->old[i]];
	free(old);
	return rc;
}

static int group_offsets(struct ev_source *s, const char *group, struct ev_position *out,
			 struct ev_error *err)
{
	struct ev_join *j = join_of(s);

	return j->topic->ops->group_offsets(j->topic, group, out, err);
}

static int commit_group(struct ev_source *s, const char *group, const struct ev_position *pos,
			int timeout_ms, struct ev_error *err)
{
	struct ev_join *j = join_of(s);

	return j->topic->ops->commit_group(j->topic, group, pos, timeout_ms, err);
}

static int hold_group(struct ev_source *s, const char *group, bool (*stopped)(void), struct ev_error *err)
{
	struct ev_join *j = join_of(s);

	return j->topic->ops->hold_group(j->topic, group, stopped, err);
}

static int record_at(struct ev_source *s, uint32_t part, int64_t offset, struct ev_record *rec,
		     bool *found, struct ev_error *err)
{
	struct ev_join *j = join_of(s);

	if (offset >= old_end(j, part))
		return j->topic->ops->record_at(j->topic, part, offset, rec, found, err);
	if (j->archive->ops->record_at(j->archive, j->old[part], offset, rec, found, err))
		return -1;
	if (*found)
		rec->part = part;
	return 0;
}

struct taking {
	const struct ev_join *j;
	ev_source_take *each;
	void *ctx;
};

static int take_old(void *ctx, const struct ev_record *rec, struct ev_error *err)
{
	const struct taking *t = ctx;
	struct ev_record ours = *rec;

	for (ours.part = 0; t->j->old[ours.part] != rec->part; ours.part++)
		;
	return t->each(t->ctx, &ours, err);
}

static int records_at(struct ev_source *s, const int64_t *offsets, ev_source_take *each, void *ctx,
		      struct ev_error *err)
{
	struct ev_join *j = join_of(s);
	struct taking t = { j, each, ctx };
	int64_t *old = ev_alloc((j->archive->nparts + 1) * sizeof(*old));
	int64_t *new = ev_alloc((s->nparts + 1) * sizeof(*new));
	int rc;

	for (size_t i = 0; i < j->archive->nparts; i++)
		old[i] = -1;
	for (uint32_t i = 0; i < s->nparts; i++) {
		bool archived = offsets[i] >= 0 && offsets[i] < old_end(j, i);

		new[i] = archived ? -1 : offsets[i];
		if (archived)
			old[j->old[i]] = offsets[i];
	}
	rc = ev_source_records_at(j->archive, old, take_old, &t, err);
	if (!rc)
		rc = ev_source_records_at(j->topic, new, each, ctx, err);
	free(new);
	free(old);
	return rc;
}

static void stop(struct ev_join *j)
{
	for (size_t i = 0; j->lanes && i < j->base.nlanes; i++)
		ev_join_lane_end(j, &j->lanes[i]);
	free(j->lanes);
	j->lanes = NULL;
	j->base.nlanes = 0;
}

/* What each of the two has to read of the spans. */
static void cut_spans(const struct ev_join *j, const struct ev_span *spans, struct ev_span *old,
		      struct ev_span *new)
{
	for (size_t i = 0; i < j->archive->nparts; i++)
		old[i].begin = old[i].end = j->archive->parts[i].low;
	for (size_t i = 0; i < j->base.nparts; i++) {
		int64_t low = j->topic->parts[i].low, end = old_end(j, i);

		new[i] = spans[i];
		if (spans[i].begin >= end)
			continue;
		old[j->old[i]] = (struct ev_span){
			spans[i].begin, spans[i].end < end ? spans[i].end : end,
		};
		if (new[i].begin < low)
			new[i].begin = low < new[i].end ? low : new[i].end;
	}
}

/* What the topic forgets while the archive is read is the archive's. */
static void spare(struct ev_join *j)
{
	int64_t *upto = ev_alloc((j->topic->nparts + 1) * sizeof(*upto));

	for (size_t i = 0; i < j->topic->nparts; i++) /* it may have found partitions meanwhile */
		upto[i] = i < j->base.nparts ? old_end(j, i) : INT64_MIN;
	if (j->topic->ops->spare)
		j->topic->ops->spare(j->topic, upto);
	free(upto);
}

static int start_both(struct ev_join *j, const struct ev_span *spans, struct ev_error *err)
{
	struct ev_span *old = ev_alloc((j->archive->nparts + 1) * sizeof(*old));
	struct ev_span *new = ev_alloc((j->base.nparts + 1) * sizeof(*new));
	int rc;

	cut_spans(j, spans, old, new);
	spare(j);
	rc = j->archive->ops->start(j->archive, old, true, false, err) ||
	     j->topic->ops->start(j->topic, new, true, false, err) ? -1 : 0;
	j->lanes = ev_alloc((j->base.nparts + 1) * sizeof(*j->lanes));
	j->base.nlanes = rc ? 0 : j->base.nparts;
	for (size_t i = 0; i < j->base.nlanes; i++)
		ev_join_lane_begin(&j->lanes[i], (uint32_t)i,
				   spans[i].begin < spans[i].end && spans[i].begin < old_end(j, i));
	free(old);
	free(new);
	return rc;
}

/*
 * A read that follows is the topic's alone, and so is one that begins behind the archive: what comes
 * before the topic's start is read by a bounded one.
 */
static int start(struct ev_source *s, const struct ev_span *spans, bool merge, bool follow,
		 struct ev_error *err)
{
	struct ev_join *j = join_of(s);
	bool behind = true;

	stop(j);
	for (size_t i = 0; i < s->nparts; i++) {
		behind &= spans[i].begin >= old_end(j, i);
		if (follow && spans[i].begin < j->topic->parts[i].low)
			return ev_fail(err, EV_USAGE, "cannot follow %s/%" PRId32 " from offset %" PRId64
				       ", which only the archive has: read up to the topic first",
				       s->parts[i].topic, s->parts[i].partition, spans[i].begin);
	}
	j->through = follow || behind;
	if (!j->through)
		return start_both(j, spans, err);
	if (j->topic->ops->spare)
		j->topic->ops->spare(j->topic, NULL);
	if (j->topic->ops->start(j->topic, spans, merge, follow, err))
		return -1;
	s->nlanes = j->topic->nlanes;
	return 0;
}

static enum ev_fetch fetch(struct ev_source *s, size_t lane, struct ev_batch *batch, int timeout_ms,
			   struct ev_error *err)
{
	struct ev_join *j = join_of(s);
	struct ev_batch inner;
	enum ev_fetch rc;

	if (!j->through)
		return ev_join_lane_fetch(j, &j->lanes[lane], batch, timeout_ms, err);
	batch->n = 0;
	rc = j->topic->ops->fetch(j->topic, lane, &inner, timeout_ms, err);
	if (rc == EV_FETCH_ERROR || sync_parts(j, true, err))
		return EV_FETCH_ERROR;
	if (rc == EV_FETCH_SOME)
		ev_join_give(j, j->topic, &inner, 0, batch);
	return rc;
}

static void release(struct ev_source *s, struct ev_batch *batch)
{
	struct ev_join *j = join_of(s);
	struct ev_join_batch *b = batch->owner;

	if (b) {
		b->from->ops->release(b->from, &b->inner);
		b->next = j->batches;
		j->batches = b;
	}
	*batch = (struct ev_batch){ NULL, 0, NULL };
}

static int64_t passed(struct ev_source *s, uint32_t part)
{
	struct ev_join *j = join_of(s);
	const struct ev_join_lane *l = j->through ? NULL : &j->lanes[part];

	if (l && (!l->compared || l->new.n))
		return -1;
	return j->topic->ops->passed(j->topic, part);
}

static int still(struct ev_source *s, bool must, struct ev_error *err)
{
	struct ev_source *topic = join_of(s)->topic;

	return topic->ops->still(topic, must, err);
}

static void close_source(struct ev_source *s)
{
	struct ev_join *j = join_of(s);
	struct ev_join_batch *b;

	stop(j);
	while ((b = j->batches)) {
		j->batches = b->next;
		free(b);
	}
	if (j->archive)
		j->archive->ops->close(j->archive);
	if (j->topic)
		j->topic->ops->close(j->topic);
	ev_source_release_table(s);
	free(j->old);
	free(j);
}

static const struct ev_source_ops ops = {
	.name = "archive and topic",
	.refresh = refresh,
	.offsets_for_time = offsets_for_time,
	.group_offsets = group_offsets,
	.commit_group = commit_group,
	.hold_group = hold_group,
	.record_at = record_at,
	.records_at = records_at,
	.start = start,
	.fetch = fetch,
	.release = release,
	.passed = passed,
	.still = still,
	.close = close_source,
};

/* May the archive stand before a topic of that cluster? Through a map it may before any. */
static int check_origin(const struct ev_source *archive, const char *topic, const char *dir, bool mapped,
			struct ev_error *err)
{
	const struct ev_manifest *m = &((const struct ev_archive_source *)archive)->manifest;
	struct ev_buf what = EV_BUF_INIT;

	if (m->filter) {
		ev_manifest_tell(m, &what);
		ev_fail(err, EV_DATA, "cannot read archive '%s' before its topic: it has %s", dir, ev_buf_str(&what));
		ev_buf_release(&what);
		return ev_hint(err, "read it alone, or an archive of all records as they were");
	}
	if (mapped || (m->cluster_id && topic && strcmp(m->cluster_id, topic) == 0))
		return 0;
	ev_fail(err, EV_DATA, "archive '%s' is of cluster '%s', and the topic of '%s'", dir,
		m->cluster_id ? m->cluster_id : "(not known)", topic ? topic : "(not known)");
	return ev_hint(err, "an archive can stand before the topic that it was written from; before one that "
		       "it was restored into only through --archive-map");
}

/* An archive that holds nothing of what is read would only seem to stand before it. */
static int check_held(const struct ev_join *j, const struct ev_source_spec *spec, struct ev_error *err)
{
	for (size_t i = 0; i < j->topic->nparts; i++)
		if (find_old(j, &j->topic->parts[i]) != EV_NO_PART)
			return 0;
	if (spec->archive_map) {
		ev_fail(err, EV_DATA, "map '%s' has nothing of archive '%s' in topic '%s'", spec->archive_map,
			spec->archive, j->topic->nparts ? j->topic->parts[0].topic : "");
		return ev_hint(err, "it is of another copy: take what --offset-map of the restore into that topic "
			       "wrote");
	}
	ev_fail(err, EV_DATA, "archive '%s' holds nothing of topic '%s'", spec->archive,
		j->topic->nparts ? j->topic->parts[0].topic : "");
	return ev_hint(err, "before a topic that it was restored into it can stand only through "
			    "--archive-map");
}

/* A topic loses no partition: one that the archive has tells that it was made again. */
static int check_parts(const struct ev_join *j, const struct ev_source_spec *spec, struct ev_error *err)
{
	for (size_t i = 0; i < j->archive->nparts; i++) {
		const struct ev_partition *o = &j->archive->parts[i];

		if (!ev_source_spec_whole(spec, o->topic) || ev_source_partition(j->topic, o->topic, o->partition))
			continue;
		ev_fail(err, EV_DATA, "the archive has %s/%" PRId32 ", and the topic has no such partition", o->topic,
			o->partition);
		return ev_hint(err, "the topic was deleted and created again: read the archive alone");
	}
	return 0;
}

struct ev_source *ev_join_new(struct ev_source *archive, struct ev_source *topic,
			      const struct ev_source_spec *spec, struct ev_error *err)
{
	struct ev_join *j = ev_alloc(sizeof(*j));
	bool opened = false;

	j->base.ops = &ops;
	j->archive = archive;
	j->topic = topic;
	j->note = spec->note;
	j->note_ctx = spec->note_ctx;
	if (archive && topic &&
	    !check_origin(archive, topic->cluster_id, spec->archive, spec->archive_map != NULL, err)) {
		if (spec->archive_map)
			j->archive = ev_mapped_new(archive, spec->archive_map, err);
		opened = j->archive && !check_held(j, spec, err) && !check_parts(j, spec, err) &&
			 !sync_parts(j, false, err);
	}
	if (!opened) {
		close_source(&j->base);
		return NULL;
	}
	j->base.cluster_id = ev_strdup(topic->cluster_id);
	j->base.uncommitted = topic->uncommitted;
	return &j->base;
}

struct ev_source *ev_join_open(const struct ev_source_spec *spec, struct ev_error *err)
{
	struct ev_source *archive = ev_archive_open(spec, err);
	struct ev_source_spec whole = *spec; /* borrowed */

	whole.need_headers = true; /* they are compared, whoever wants to see them */
	return archive ? ev_join_new(archive, ev_kafka_open(&whole, err), spec, err) : NULL;
}
