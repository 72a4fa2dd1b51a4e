/* clusters.c - the clusters of the source and of the target, who reads there, and what offsets they take */
#include "evreplay/replay.h"

#include <string.h>

struct ev_cluster_spec replay_target_cluster(const struct ev_source_spec *s, const char *brokers,
					     const char *properties)
{
	if (!brokers && !properties)
		return ev_cluster_of(s);
	return (struct ev_cluster_spec){ .brokers = brokers, .properties_file = properties,
					 .timeout_ms = s->timeout_ms };
}

int replay_need_idle(const struct ev_cluster_spec *c, bool source, const char *group, const char *hint,
		     struct ev_messages *msg, struct ev_error *err)
{
	struct ev_cluster *cluster = ev_cluster_open(c, NULL, NULL, NULL, ev_stopped, err);
	char who[EV_MEMBERS] = "";
	bool unknown = false;
	int rc = cluster ? ev_group_members(cluster, group, ev_stopped, who, msg ? &unknown : NULL, err) : -1;

	ev_cluster_close(cluster);
	if (rc && source && err->class == EV_STORE && !ev_stopped())
		err->class = EV_SOURCE;
	if (unknown)
		ev_warn(msg, "consumer group '%s' is taken for one without members: a broker does not answer", group);
	if (rc || !*who)
		return rc;
	ev_fail(err, EV_HELD, "consumer group '%s' has %s", group, who);
	return ev_hint(err, "%s", hint);
}

/* In the target's cluster, or as many as the plan will make. */
static int partitions_there(struct replay *r, const char *topic, int32_t *n, struct ev_error *err)
{
	struct ev_topic_info is = { 0 };
	int rc = 0;

	for (size_t i = 0; i < r->ntopics; i++)
		if (!strcmp(r->topics[i]->name, topic))
			is.partitions = r->topics[i]->info.partitions;
	if (!is.partitions)
		rc = ev_topic_look(r->cluster, topic, &is, err);
	*n = is.partitions;
	return rc;
}

/* The brokers take no offset of a topic that they do not have, and say so as late as at the first commit. */
int replay_check_group(struct replay *r, size_t first, size_t end, struct ev_error *err)
{
	int32_t n = 0;

	for (size_t i = first; r->args->job && r->args->group && i < end; i++) {
		const struct ev_partition *p = &r->src->parts[i];

		if ((i == first || strcmp(p->topic, p[-1].topic)) && partitions_there(r, p->topic, &n, err))
			return -1;
		if (p->partition < n)
			continue;
		ev_fail(err, EV_USAGE, "cannot commit to consumer group '%s': the target's cluster has no %s/%d",
			r->args->group, p->topic, (int)p->partition);
		return ev_hint(err, "--group commits offsets of the source's topics, which the target's cluster must "
			       "have, too; it may be left out");
	}
	return 0;
}
