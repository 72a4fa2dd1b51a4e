/* topics.c - what a cluster says of its topics, and how one is made; see cluster.h */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/plural.h"
#include "sink/cluster.h"

enum { TURN_MS = 100, UNKNOWN_MS = 10000 };

/* The list of all topics: asked for by name a missing one could be made by the broker. */
int ev_topic_look(struct ev_cluster *c, const char *topic, struct ev_topic_info *out,
		  struct ev_error *err)
{
	const struct rd_kafka_metadata *md;
	rd_kafka_resp_err_t e = rd_kafka_metadata(c->rk, 1, NULL, &md, c->timeout_ms);

	if (e)
		return ev_cluster_fail(c, err, e, "cannot ask broker '%s' for topic '%s'", c->brokers, topic);
	out->partitions = 0;
	for (int i = 0; i < md->topic_cnt; i++)
		if (!strcmp(md->topics[i].topic, topic) && !md->topics[i].err)
			out->partitions = md->topics[i].partition_cnt;
	rd_kafka_metadata_destroy(md);
	return 0;
}

int64_t ev_topic_offsets(struct ev_cluster *c, const char *topic, int32_t partitions)
{
	int64_t sum = 0;

	for (int at = EV_KAFKA_EARLIEST; at <= EV_KAFKA_LATEST; at++) {
		rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(partitions);
		rd_kafka_resp_err_t e;

		for (int32_t p = 0; p < partitions; p++)
			rd_kafka_topic_partition_list_add(l, topic, p)->offset = at;
		e = rd_kafka_offsets_for_times(c->rk, l, c->timeout_ms);
		for (int i = 0; !e && i < l->cnt; i++) {
			e = l->elems[i].err || l->elems[i].offset < 0 ? RD_KAFKA_RESP_ERR__FAIL : e;
			sum += at == EV_KAFKA_LATEST ? l->elems[i].offset : -l->elems[i].offset;
		}
		rd_kafka_topic_partition_list_destroy(l);
		if (e)
			return 0;
	}
	return sum;
}

void ev_topic_info_release(struct ev_topic_info *t)
{
	for (size_t i = 0; i < t->nconfigs; i++) {
		free(t->configs[i].name);
		free(t->configs[i].value);
	}
	free(t->configs);
	*t = (struct ev_topic_info){ 0 };
}

const char *ev_topic_config(const struct ev_topic_info *t, const char *name)
{
	for (size_t i = 0; i < t->nconfigs; i++)
		if (!strcmp(t->configs[i].name, name))
			return t->configs[i].value;
	return NULL;
}

void ev_topic_only_own(struct ev_topic_info *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->nconfigs; i++) {
		if (t->configs[i].own) {
			t->configs[n++] = t->configs[i];
			continue;
		}
		free(t->configs[i].name);
		free(t->configs[i].value);
	}
	t->nconfigs = n;
}

int ev_group_members(struct ev_cluster *c, const char *group, bool (*stopped)(void), char out[EV_MEMBERS],
		     bool *unknown, struct ev_error *err)
{
	const struct rd_kafka_group_list *l = NULL;
	int timeout_ms = unknown && c->timeout_ms > UNKNOWN_MS ? UNKNOWN_MS : c->timeout_ms, members = 0;
	bool nameless;
	rd_kafka_resp_err_t e = ev_kafka_ask_group(c->rk, group, timeout_ms, stopped, &l, &nameless);

	*out = '\0';
	if (unknown)
		*unknown = e == RD_KAFKA_RESP_ERR__TIMED_OUT || e == RD_KAFKA_RESP_ERR__PARTIAL;
	if (unknown && *unknown)
		return 0;
	if (e)
		return ev_cluster_fail(c, err, e, "cannot ask broker '%s' for consumer group '%s'", c->brokers, group);
	for (int i = 0; i < l->group_cnt; i++)
		if (!strcmp(l->groups[i].group, group))
			members = l->groups[i].member_cnt;
	rd_kafka_group_list_destroy(l);
	if (members)
		snprintf(out, EV_MEMBERS, "%d member%s", members, ev_plural(members));
	else if (nameless)
		snprintf(out, EV_MEMBERS, "%s", EV_NAMELESS);
	return 0;
}

/* Ask for the answer of an admin request; NULL and EV_STORE when there is none. */
static rd_kafka_event_t *answer(struct ev_cluster *c, rd_kafka_queue_t *q, const char *what,
				const char *name, struct ev_error *err)
{
	rd_kafka_event_t *ev = rd_kafka_queue_poll(q, c->timeout_ms + 1000);

	if (ev && !rd_kafka_event_error(ev))
		return ev;
	if (ev)
		ev_fail(err, EV_STORE, "cannot %s '%s': %s", what, name,
			rd_kafka_event_error_string(ev));
	else
		ev_cluster_fail(c, err, RD_KAFKA_RESP_ERR__TIMED_OUT, "cannot %s '%s' at broker '%s'", what, name,
				c->brokers);
	if (ev)
		rd_kafka_event_destroy(ev);
	return NULL;
}

static rd_kafka_AdminOptions_t *options(struct ev_cluster *c, rd_kafka_admin_op_t op)
{
	rd_kafka_AdminOptions_t *o = rd_kafka_AdminOptions_new(c->rk, op);
	char why[128];

	rd_kafka_AdminOptions_set_request_timeout(o, c->timeout_ms, why, sizeof(why));
	return o;
}

static void take_configs(const rd_kafka_ConfigResource_t *res, struct ev_topic_info *out)
{
	size_t n;
	const rd_kafka_ConfigEntry_t **v = rd_kafka_ConfigResource_configs(res, &n);

	for (size_t i = 0; i < n; i++) {
		struct ev_config *cf = EV_PUSH(out->configs, out->nconfigs);
		const char *value = rd_kafka_ConfigEntry_value(v[i]);

		cf->name = ev_strdup(rd_kafka_ConfigEntry_name(v[i]));
		cf->value = ev_strdup(value ? value : "");
		cf->own = rd_kafka_ConfigEntry_source(v[i]) ==
			  RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG;
	}
}

static int describe(struct ev_cluster *c, rd_kafka_ResourceType_t type, const char *name, struct ev_topic_info *out,
		    bool *seen, struct ev_error *err)
{
	const char *what = type == RD_KAFKA_RESOURCE_TOPIC ? "ask for the settings of topic" :
							     "ask for the settings of broker";
	rd_kafka_ConfigResource_t *ask = rd_kafka_ConfigResource_new(type, name);
	rd_kafka_AdminOptions_t *o = options(c, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	rd_kafka_queue_t *q = rd_kafka_queue_new(c->rk);
	const rd_kafka_ConfigResource_t **v;
	rd_kafka_event_t *ev;
	size_t n = 0;

	*seen = false;
	rd_kafka_DescribeConfigs(c->rk, &ask, 1, o, q);
	ev = answer(c, q, what, name, err);
	if (ev) {
		v = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(ev), &n);
		*seen = n == 1 && !rd_kafka_ConfigResource_error(v[0]);
		if (*seen)
			take_configs(v[0], out);
		rd_kafka_event_destroy(ev);
	}
	rd_kafka_queue_destroy(q);
	rd_kafka_AdminOptions_destroy(o);
	rd_kafka_ConfigResource_destroy(ask);
	return ev ? 0 : -1;
}

int ev_topic_configs(struct ev_cluster *c, const char *topic, struct ev_topic_info *out, bool *seen,
		     struct ev_error *err)
{
	return describe(c, RD_KAFKA_RESOURCE_TOPIC, topic, out, seen, err);
}

/* A broker calls what a topic has from it by another name. */
static void take_default(struct ev_topic_info *out, const struct ev_topic_info *broker, const char *name,
			 const char *brokers, int64_t factor)
{
	const char *value = ev_topic_config(broker, brokers);
	struct ev_config *cf;
	char text[24];

	if (!value || !*value || ev_topic_config(out, name))
		return;
	if (factor > 1) {
		int64_t n = strtoll(value, NULL, 10);

		snprintf(text, sizeof(text), "%" PRId64, n < 0 || n > INT64_MAX / factor ? -1 : n * factor);
		value = text;
	}
	cf = EV_PUSH(out->configs, out->nconfigs);
	*cf = (struct ev_config){ ev_strdup(name), ev_strdup(value), false };
}

int ev_topic_defaults(struct ev_cluster *c, struct ev_topic_info *out, bool *seen, struct ev_error *err)
{
	const struct rd_kafka_metadata *md = NULL;
	struct ev_topic_info broker = { 0 };
	rd_kafka_resp_err_t e = rd_kafka_metadata(c->rk, 0, NULL, &md, c->timeout_ms);
	char id[16] = "";
	int rc;

	*seen = false;
	if (e)
		return ev_cluster_fail(c, err, e, "cannot ask broker '%s' for the brokers", c->brokers);
	if (md->broker_cnt)
		snprintf(id, sizeof(id), "%" PRId32, md->brokers[0].id);
	rd_kafka_metadata_destroy(md);
	rc = id[0] ? describe(c, RD_KAFKA_RESOURCE_BROKER, id, &broker, seen, err) : 0;
	take_default(out, &broker, "cleanup.policy", "log.cleanup.policy", 1);
	take_default(out, &broker, "retention.ms", "log.retention.ms", 1);
	take_default(out, &broker, "retention.ms", "log.retention.minutes", 60000);
	take_default(out, &broker, "retention.ms", "log.retention.hours", 3600000);
	take_default(out, &broker, "message.timestamp.type", "log.message.timestamp.type", 1);
	take_default(out, &broker, "message.timestamp.before.max.ms", "log.message.timestamp.before.max.ms", 1);
	take_default(out, &broker, "message.timestamp.after.max.ms", "log.message.timestamp.after.max.ms", 1);
	take_default(out, &broker, "message.timestamp.difference.max.ms",
		     "log.message.timestamp.difference.max.ms", 1);
	take_default(out, &broker, "max.message.bytes", "message.max.bytes", 1);
	ev_topic_info_release(&broker);
	return rc;
}

static int created(rd_kafka_event_t *ev, const char *topic, struct ev_error *err)
{
	size_t n;
	const rd_kafka_topic_result_t **v =
		rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(ev), &n);
	rd_kafka_resp_err_t e = n ? rd_kafka_topic_result_error(v[0]) : RD_KAFKA_RESP_ERR__FAIL;

	if (!e || e == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
		return 0;
	return ev_fail(err, EV_STORE, "cannot create topic '%s': %s", topic,
		       n && rd_kafka_topic_result_error_string(v[0]) ?
			       rd_kafka_topic_result_error_string(v[0]) : rd_kafka_err2str(e));
}

/* The broker has answered, and may not show it everywhere at once. */
static int await_topic(struct ev_cluster *c, const char *topic, int32_t partitions,
		       struct ev_error *err)
{
	int64_t until = ev_clock_ms() + c->timeout_ms;
	struct ev_topic_info t = { 0 };

	do {
		if (ev_topic_look(c, topic, &t, err))
			return -1;
		if (t.partitions >= partitions)
			return 0;
		rd_kafka_poll(c->rk, TURN_MS);
	} while (ev_clock_ms() < until);
	return ev_fail(err, EV_STORE, "cannot create topic '%s': it does not show up", topic);
}

int ev_topic_create(struct ev_cluster *c, const char *topic, const struct ev_topic_info *like,
		    struct ev_error *err)
{
	char why[512] = "refused";
	rd_kafka_NewTopic_t *t = rd_kafka_NewTopic_new(topic, like->partitions, -1, why, sizeof(why));
	rd_kafka_AdminOptions_t *o;
	rd_kafka_queue_t *q;
	rd_kafka_event_t *ev;
	int rc;

	if (!t)
		return ev_fail(err, EV_STORE, "cannot create topic '%s': %s", topic, why);
	for (size_t i = 0; i < like->nconfigs; i++)
		if (like->configs[i].own)
			rd_kafka_NewTopic_set_config(t, like->configs[i].name, like->configs[i].value);
	o = options(c, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	q = rd_kafka_queue_new(c->rk);
	rd_kafka_CreateTopics(c->rk, &t, 1, o, q);
	ev = answer(c, q, "create topic", topic, err);
	rc = ev ? created(ev, topic, err) : -1;
	if (ev)
		rd_kafka_event_destroy(ev);
	rd_kafka_queue_destroy(q);
	rd_kafka_AdminOptions_destroy(o);
	rd_kafka_NewTopic_destroy(t);
	return rc ? rc : await_topic(c, topic, like->partitions, err);
}
