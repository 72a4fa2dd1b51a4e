/* identity.c - see identity.h */
#include "apply/identity.h"

#include <inttypes.h>
#include <stdio.h>

static const struct ev_partition *find(const struct ev_source *src, const struct ev_ledger_part *p,
				       uint32_t *index)
{
	for (*index = 0; *index < src->nparts; (*index)++)
		if (src->parts[*index].partition == p->partition &&
		    strcmp(src->parts[*index].topic, p->topic) == 0)
			return &src->parts[*index];
	return NULL;
}

static bool has_topic(const struct ev_source *src, const char *topic)
{
	for (size_t i = 0; i < src->nparts; i++)
		if (strcmp(src->parts[i].topic, topic) == 0)
			return true;
	return false;
}

static bool ledger_has_topic(const struct ev_ledger *l, const char *topic)
{
	for (size_t i = 0; i < l->nparts; i++)
		if (strcmp(l->parts[i].topic, topic) == 0)
			return true;
	return false;
}

static int same_topics(const struct ev_ledger *l, const struct ev_source *src, struct ev_error *err)
{
	const char *missing = NULL, *added = NULL;

	for (size_t i = 0; i < l->nparts; i++)
		if (!has_topic(src, l->parts[i].topic))
			missing = l->parts[i].topic;
	for (size_t i = 0; i < src->nparts; i++)
		if (!ledger_has_topic(l, src->parts[i].topic))
			added = src->parts[i].topic;
	if (missing)
		ev_fail(err, EV_USAGE, "the view stands on topic '%s', which is not read", missing);
	else if (added)
		ev_fail(err, EV_USAGE, "the view does not stand on topic '%s'", added);
	else
		return 0;
	return ev_hint(err, "give the same topics as before, or build the view anew: rebuild");
}

/* Its stored range could not be finished; asked last, so that a topic made anew is told as such. */
static int same_partitions(const struct ev_ledger *l, const struct ev_source *src,
			   struct ev_error *err)
{
	uint32_t i;

	for (size_t k = 0; k < l->nparts; k++) {
		if (find(src, &l->parts[k], &i))
			continue;
		ev_fail(err, EV_USAGE, "the view stands on partition '%s/%d', which is not read",
			l->parts[k].topic, l->parts[k].partition);
		return ev_hint(err, "give the same partitions as before, or build the view anew: "
				    "rebuild");
	}
	return 0;
}

static int recreated(const struct ev_ledger_part *p, const char *what, struct ev_error *err)
{
	ev_fail(err, EV_DATA, "%s/%d is not the log that the view was built from: %s", p->topic,
		p->partition, what);
	return ev_hint(err, "the topic was deleted and created again, or this is another cluster; "
			    "the view can only be built anew: rebuild");
}

static int check_partition(const struct ev_ledger_part *p, struct ev_source *src,
			   const struct ev_run_hooks *hooks, struct ev_error *err)
{
	struct ev_record rec;
	char text[256];
	uint32_t i;
	bool found;

	if (!find(src, p, &i))
		return 0;
	if (p->cluster_id && src->cluster_id && strcmp(p->cluster_id, src->cluster_id) != 0)
		return recreated(p, "the cluster's id is another", err);
	if (p->last_offset < 0)
		return 0;
	if (src->parts[i].high < p->next) {
		snprintf(text, sizeof(text),
			 "it ends at offset %" PRId64 ", the view stands at %" PRId64,
			 src->parts[i].high, p->next);
		return recreated(p, text, err);
	}
	if (src->ops->record_at(src, i, p->last_offset, &rec, &found, err) < 0)
		return -1;
	if (found && ev_record_hash(&rec) != p->last_hash) {
		snprintf(text, sizeof(text), "another record stands at offset %" PRId64,
			 p->last_offset);
		return recreated(p, text, err);
	}
	if (!found && hooks->note) {
		snprintf(text, sizeof(text),
			 "%s/%d: no record at offset %" PRId64
			 " any more: identity not checkable, going on by the cluster's id",
			 p->topic, p->partition, p->last_offset);
		hooks->note(hooks->ctx, text);
	}
	return 0;
}

int ev_identity_check(const struct ev_ledger *l, struct ev_source *src,
		      const struct ev_range_args *range, const struct ev_run_hooks *hooks,
		      struct ev_error *err)
{
	if (l->nparts && (range->from.kind != EV_POINT_NONE || range->has_since)) {
		ev_fail(err, EV_USAGE, "the view has a position already: --from and --since are for "
				       "the first run");
		return ev_hint(err, "leave it out to go on from the stored position");
	}
	if (!l->nparts || src->one_sequence)
		return 0;
	if (same_topics(l, src, err) < 0)
		return -1;
	for (size_t i = 0; i < l->nparts; i++)
		if (check_partition(&l->parts[i], src, hooks, err) < 0)
			return -1;
	return same_partitions(l, src, err);
}
