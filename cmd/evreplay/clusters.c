/* clusters.c - the clusters of the source and of the target, and who reads there */
#include "evreplay/replay.h"

struct ev_cluster_spec replay_source_cluster(const struct ev_source_spec *s)
{
	return (struct ev_cluster_spec){ s->brokers, s->properties_file, s->properties, s->nproperties,
					 s->timeout_ms };
}

struct ev_cluster_spec replay_target_cluster(const struct ev_source_spec *s, const char *brokers,
					     const char *properties)
{
	if (!brokers && !properties)
		return replay_source_cluster(s);
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
