/* kafka_policy.c - is a topic compacted, by its cleanup.policy? see kafka.h */
#include <string.h>

#include "base/mem.h"
#include "source/kafka.h"

/* 1, 0, or -1: the broker does not say (who asks may not have the right to). */
static int compacted(const rd_kafka_ConfigResource_t *r)
{
	size_t n;
	const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(r, &n);

	if (rd_kafka_ConfigResource_error(r))
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *value = rd_kafka_ConfigEntry_value(entries[i]);

		if (!strcmp(rd_kafka_ConfigEntry_name(entries[i]), "cleanup.policy"))
			return value ? strstr(value, "compact") != NULL : -1;
	}
	return -1;
}

static void take_answer(struct ev_kafka *k, const rd_kafka_ConfigResource_t *r, int *possible)
{
	const char *topic = rd_kafka_ConfigResource_name(r);

	for (size_t i = 0; i < k->base.nparts; i++)
		if (!strcmp(k->base.parts[i].topic, topic))
			possible[i] = compacted(r);
}

void ev_kafka_compaction(struct ev_source *s, int *possible)
{
	struct ev_kafka *k = (struct ev_kafka *)s;
	rd_kafka_ConfigResource_t **asked = ev_alloc((k->ntopics + 1) * sizeof(*asked));
	rd_kafka_queue_t *q = rd_kafka_queue_new(k->probe);
	rd_kafka_AdminOptions_t *opt = rd_kafka_AdminOptions_new(k->probe,
								 RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	rd_kafka_event_t *ev;
	char why[256];

	for (size_t i = 0; i < s->nparts; i++)
		possible[i] = -1;
	for (size_t i = 0; i < k->ntopics; i++)
		asked[i] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, k->topics[i].name);
	rd_kafka_AdminOptions_set_request_timeout(opt, k->timeout_ms, why, sizeof(why));
	if (k->ntopics) {
		rd_kafka_DescribeConfigs(k->probe, asked, k->ntopics, opt, q);
		ev = rd_kafka_queue_poll(q, k->timeout_ms);
		if (ev && !rd_kafka_event_error(ev)) {
			size_t n;
			const rd_kafka_ConfigResource_t **r =
				rd_kafka_DescribeConfigs_result_resources(
					rd_kafka_event_DescribeConfigs_result(ev), &n);

			for (size_t i = 0; i < n; i++)
				take_answer(k, r[i], possible);
		}
		if (ev)
			rd_kafka_event_destroy(ev);
	}
	rd_kafka_ConfigResource_destroy_array(asked, k->ntopics);
	rd_kafka_AdminOptions_destroy(opt);
	rd_kafka_queue_destroy(q);
	free(asked);
}
