/* archive.c - the archive as a source: open, tables, lanes; see archive_impl.h and source.h */
#include <inttypes.h>
#include <stdlib.h>

#include "source/archive_impl.h"
#include "base/mem.h"

#define BLOCK (256u << 10)
#define BLOCK_MIN (16u << 10) /* with very many partitions: all keep to the memory given, but for what unpacks */

static struct ev_archive_source *archive_of(struct ev_source *s)
{
	return (struct ev_archive_source *)s; /* base comes first */
}

static const struct ev_topic_spec *selection(const struct ev_archive_source *as, const char *topic)
{
	for (size_t i = 0; i < as->nselected; i++)
		if (strcmp(as->selected[i].topic, topic) == 0)
			return &as->selected[i];
	return NULL;
}

static bool is_selected(const struct ev_archive_source *as, const char *topic, int32_t partition)
{
	const struct ev_topic_spec *t = selection(as, topic);

	if (!as->nselected || (t && !t->partitions))
		return true;
	for (size_t i = 0; t && i < t->npartitions; i++)
		if (t->partitions[i] == partition)
			return true;
	return false;
}

/* What is selected must be there. */
static int check_selected(const struct ev_archive_source *as, struct ev_error *err)
{
	for (size_t i = 0; i < as->nselected; i++) {
		const struct ev_topic_spec *s = &as->selected[i];
		const struct ev_archive_topic *t = ev_manifest_topic(&as->manifest,
								     ev_slice_str(s->topic));

		if (!t)
			return ev_fail(err, EV_SOURCE, "archive '%s' has no topic '%s'", as->dir,
				       s->topic);
		for (size_t k = 0; k < s->npartitions; k++)
			if (!ev_manifest_part(t, s->partitions[k]))
				return ev_fail(err, EV_SOURCE, "archive '%s' has no partition '%s/%"
					       PRId32 "'", as->dir, s->topic, s->partitions[k]);
	}
	return 0;
}

/* Most likely it stands at `hint`: the table has the manifest's order. */
static size_t find(const struct ev_archive_source *as, const char *topic, int32_t partition, size_t hint)
{
	size_t i = 0;

	if (hint < as->nkept && as->base.parts[hint].partition == partition &&
	    strcmp(as->base.parts[hint].topic, topic) == 0)
		return hint;
	while (i < as->nkept && (as->base.parts[i].partition != partition ||
				 strcmp(as->base.parts[i].topic, topic) != 0))
		i++;
	return i;
}

/* Partitions keep their place; those that are new follow. */
static void enter(struct ev_archive_source *as, const char *topic, const struct ev_archive_part *p,
		  size_t at)
{
	if (at == as->nkept) {
		EV_GROW(as->base.parts, as->base.nparts, as->parts_cap);
		EV_GROW(as->kept, as->nkept, as->kept_cap);
		as->base.parts[as->base.nparts++] = (struct ev_partition){
			.topic = ev_strdup(topic), .partition = p->partition,
		};
		as->nkept++;
	}
	as->kept[at] = p;
	as->base.parts[at].low = p->first;
	as->base.parts[at].high = as->base.parts[at].stable = p->next;
}

static void enter_all(struct ev_archive_source *as, bool anew)
{
	size_t hint = 0;

	for (size_t i = 0; i < as->manifest.ntopics; i++) {
		const struct ev_archive_topic *t = &as->manifest.topics[i];

		for (size_t k = 0; k < t->nparts; k++)
			if (is_selected(as, t->name, t->parts[k].partition))
				enter(as, t->name, &t->parts[k],
				      anew ? as->nkept :
					     find(as, t->name, t->parts[k].partition, hint++));
	}
}

/* A writer may have gone on meanwhile: what was there must still be. */
static int refresh(struct ev_source *s, struct ev_error *err)
{
	struct ev_archive_source *as = archive_of(s);
	struct ev_manifest now = { 0 };

	if (ev_manifest_load(&now, as->dir, err))
		return -1;
	for (size_t i = 0; i < s->nparts; i++) {
		const struct ev_archive_topic *t = ev_manifest_topic(&now,
								     ev_slice_str(s->parts[i].topic));
		const struct ev_archive_part *p = t ? ev_manifest_part(t, s->parts[i].partition) : NULL;

		if (p && p->first == s->parts[i].low && p->next >= s->parts[i].high)
			continue;
		ev_manifest_release(&now);
		return ev_fail(err, EV_DATA, "archive '%s' is not the one that it was: %s/%" PRId32
			       " has another span", as->dir, s->parts[i].topic, s->parts[i].partition);
	}
	ev_manifest_release(&as->manifest);
	as->manifest = now;
	enter_all(as, false);
	return 0;
}

static int no_groups(struct ev_archive_source *as, struct ev_error *err)
{
	ev_fail(err, EV_USAGE, "archive '%s' has no consumer groups", as->dir);
	return ev_hint(err, "the broker of a topic keeps the position of a group");
}

static int group_offsets(struct ev_source *s, const char *group, struct ev_position *out,
			 struct ev_error *err)
{
	(void)group;
	(void)out;
	return no_groups(archive_of(s), err);
}

static int commit_group(struct ev_source *s, const char *group, const struct ev_position *pos,
			int timeout_ms, struct ev_error *err)
{
	(void)group;
	(void)pos;
	(void)timeout_ms;
	return no_groups(archive_of(s), err);
}

static void stop(struct ev_archive_source *as)
{
	for (size_t i = 0; i < as->base.nlanes; i++)
		ev_archive_lane_release(&as->lanes[i]);
	free(as->lanes);
	as->lanes = NULL;
	as->base.nlanes = 0;
}

/* Without a merge too every partition is a lane: all there is to read is there at once. */
static int start(struct ev_source *s, const struct ev_span *spans, bool merge, bool follow,
		 struct ev_error *err)
{
	struct ev_archive_source *as = archive_of(s);
	size_t share = s->nparts ? as->memory / 4 / s->nparts : BLOCK;

	(void)merge;
	if (follow) {
		ev_fail(err, EV_USAGE, "cannot follow '%s': an archive has an end", as->dir);
		return ev_hint(err, "name the topic behind it: %s TOPIC", as->dir);
	}
	stop(as);
	as->pool.block_size = share > BLOCK ? BLOCK : share < BLOCK_MIN ? BLOCK_MIN : share;
	as->lanes = ev_alloc((s->nparts + 1) * sizeof(*as->lanes));
	for (uint32_t i = 0; i < s->nparts; i++)
		ev_archive_lane_begin(&as->lanes[i], as, i, spans[i]);
	s->nlanes = s->nparts;
	return 0;
}

static enum ev_fetch fetch(struct ev_source *s, size_t lane, struct ev_batch *batch, int timeout_ms,
			   struct ev_error *err)
{
	(void)timeout_ms;
	return ev_archive_lane_fetch(&archive_of(s)->lanes[lane], batch, err);
}

static void release(struct ev_source *s, struct ev_batch *batch)
{
	if (batch->owner)
		ev_pool_put(&archive_of(s)->pool, batch->owner);
	*batch = (struct ev_batch){ NULL, 0, NULL };
}

static int64_t passed(struct ev_source *s, uint32_t part)
{
	const struct ev_archive_lane *l = &archive_of(s)->lanes[part];

	return l->done ? l->span.end : -1;
}

static void close_source(struct ev_source *s)
{
	struct ev_archive_source *as = archive_of(s);

	stop(as);
	ev_archive_lane_release(&as->probe);
	ev_pool_release(&as->pool);
	for (size_t i = 0; i < as->nselected; i++) {
		free(as->selected[i].topic);
		free(as->selected[i].partitions);
	}
	free(as->selected);
	ev_source_release_table(s);
	free(as->kept);
	ev_manifest_release(&as->manifest);
	ev_buf_release(&as->path);
	ev_buf_release(&as->text);
	free(as->dir);
	free(as);
}

static const struct ev_source_ops ops = {
	.name = "archive",
	.refresh = refresh,
	.offsets_for_time = ev_archive_offsets_for_time,
	.group_offsets = group_offsets,
	.commit_group = commit_group,
	.record_at = ev_archive_record_at,
	.start = start,
	.fetch = fetch,
	.release = release,
	.passed = passed,
	.close = close_source,
};

/* The whole archive where it was named alone too. */
static void copy_selection(struct ev_archive_source *as, const struct ev_source_spec *spec)
{
	if (spec->archive_whole)
		return;
	as->selected = ev_alloc(spec->nselected * sizeof(*as->selected));
	for (; as->nselected < spec->nselected; as->nselected++) {
		const struct ev_topic_spec *from = &spec->selected[as->nselected];
		struct ev_topic_spec *to = &as->selected[as->nselected];

		to->topic = ev_strdup(from->topic);
		if (!from->partitions)
			continue;
		to->npartitions = from->npartitions;
		to->partitions = ev_alloc(from->npartitions * sizeof(*to->partitions));
		memcpy(to->partitions, from->partitions, from->npartitions * sizeof(*to->partitions));
	}
}

/* Nobody shall take a part for the whole, or what was changed for what was. */
static void say_filter(struct ev_archive_source *as)
{
	struct ev_buf text = EV_BUF_INIT, what = EV_BUF_INIT;

	if (!as->manifest.filter || !as->note)
		return;
	ev_manifest_tell(&as->manifest, &what);
	ev_buf_addf(&text, "archive '%s' holds %s", as->dir, ev_buf_str(&what));
	as->note(as->note_ctx, ev_buf_str(&text));
	ev_buf_release(&text);
	ev_buf_release(&what);
}

struct ev_source *ev_archive_open(const struct ev_source_spec *spec, struct ev_error *err)
{
	struct ev_archive_source *as = ev_alloc(sizeof(*as));

	as->base.ops = &ops;
	as->dir = ev_strdup(spec->archive);
	as->memory = spec->memory;
	as->pool.block_size = BLOCK;
	as->note = spec->note;
	as->note_ctx = spec->note_ctx;
	copy_selection(as, spec);
	if (ev_manifest_load(&as->manifest, as->dir, err) || check_selected(as, err)) {
		close_source(&as->base);
		return NULL;
	}
	as->base.cluster_id = ev_strdup(as->manifest.cluster_id);
	as->base.holes_known = !(ev_manifest_kind(&as->manifest) & EV_ARCHIVE_PART);
	say_filter(as);
	enter_all(as, true);
	return &as->base;
}
