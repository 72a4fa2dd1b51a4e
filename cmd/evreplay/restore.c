/* restore.c - an archive that is copied into its own topic: has that gone on meanwhile, and the archive with it? */
#include "evreplay/replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct lasts { /* of an archive, by partition of its topic */
	uint64_t *hashes;
	bool there;
};

static int is_last(void *ctx, const struct ev_record *rec, struct ev_error *err)
{
	struct lasts *l = ctx;

	(void)err;
	l->there |= ev_record_hash(rec) == l->hashes[rec->part];
	return 0;
}

/* Does the topic hold, at their offsets, the archive's last records, where more of them would be copied? */
static int find_lasts(const struct replay *r, const struct ev_archive_topic *m, struct ev_source *topic, bool *found,
		      struct ev_error *err)
{
	int64_t *at = ev_alloc((topic->nparts + 1) * sizeof(*at));
	struct lasts l = { ev_alloc((topic->nparts + 1) * sizeof(*l.hashes)), false };
	int rc;

	for (size_t i = 0; i < topic->nparts; i++)
		at[i] = -1;
	for (size_t i = 0; i < r->nspans && i < r->src->nparts; i++) {
		const struct ev_archive_part *last = ev_manifest_part(m, r->src->parts[i].partition);
		const struct ev_partition *p = ev_source_partition(topic, m->name, r->src->parts[i].partition);

		if (!p || !last || strcmp(r->src->parts[i].topic, m->name) || r->spans[i].begin >= r->spans[i].end ||
		    last->last_offset < p->low || last->last_offset >= p->high)
			continue;
		at[p - topic->parts] = last->last_offset;
		l.hashes[p - topic->parts] = last->last_hash;
	}
	rc = ev_source_records_at(topic, at, is_last, &l, err);
	*found = l.there;
	free(at);
	free(l.hashes);
	return rc;
}

int replay_restore_over(const struct replay *r, const struct replay_topic *t, bool *over, struct ev_error *err)
{
	const struct ev_source_spec *s = &r->args->src.spec;
	struct ev_manifest m = { 0 };
	const struct ev_archive_topic *held;
	struct ev_source *topic;
	int rc;

	*over = false;
	if (!s->archive || s->ntopics)
		return 0;
	rc = ev_manifest_load(&m, s->archive, err);
	held = rc ? NULL : ev_manifest_topic(&m, ev_slice_str(t->name));
	topic = held ? ev_kafka_sink_read(replay_sink(r), t->name, err) : NULL;
	if (held)
		rc = topic ? find_lasts(r, held, topic, over, err) : -1;
	if (topic)
		topic->ops->close(topic);
	ev_manifest_release(&m);
	if (rc && err->class == EV_SOURCE)
		err->class = EV_STORE; /* it is the target that was read */
	return rc;
}
