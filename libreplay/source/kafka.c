/* kafka.c - the Kafka source: open, close and the table of operations; see kafka.h */
#include <string.h>

#include "base/mem.h"
#include "source/kafka.h"

static void free_topics(struct ev_kafka *k)
{
	for (size_t i = 0; i < k->ntopics; i++) {
		if (k->topics[i].probe)
			rd_kafka_topic_destroy(k->topics[i].probe);
		if (k->topics[i].reader)
			rd_kafka_topic_destroy(k->topics[i].reader);
		if (k->topics[i].look)
			rd_kafka_topic_destroy(k->topics[i].look);
		free(k->topics[i].name);
		free(k->topics[i].partitions);
	}
	free(k->topics);
}

static void kafka_close(struct ev_source *s)
{
	struct ev_kafka *k = (struct ev_kafka *)s;

	ev_kafka_stop(k);
	ev_kafka_batches_free(k);
	pthread_mutex_destroy(&k->rest_lock);
	ev_kafka_member_leave(k);
	free_topics(k);
	if (k->group)
		ev_kafka_destroy(k->group, k->log);
	if (k->reader)
		ev_kafka_destroy(k->reader, k->log);
	if (k->look)
		ev_kafka_destroy(k->look, k->log);
	if (k->probe)
		ev_kafka_destroy(k->probe, k->log);
	ev_source_release_table(s);
	free(k->kp);
	ev_properties_release(&k->properties);
	free(k->group_name);
	free(k->brokers);
	if (ev_kafka_log_free(k->log))
		ev_kafka_markers_free(k->markers);
	free(k);
}

static const struct ev_source_ops kafka_ops = {
	.name = "kafka",
	.refresh = ev_kafka_refresh,
	.offsets_for_time = ev_kafka_offsets_for_time,
	.group_offsets = ev_kafka_group_offsets,
	.commit_group = ev_kafka_commit_group,
	.hold_group = ev_kafka_hold_group,
	.record_at = ev_kafka_record_at,
	.records_at = ev_kafka_records_at,
	.start = ev_kafka_start,
	.spare = ev_kafka_spare,
	.fetch = ev_kafka_fetch,
	.release = ev_kafka_release,
	.tidy = ev_kafka_tidy,
	.passed = ev_kafka_passed,
	.compaction = ev_kafka_compaction,
	.markers = ev_kafka_markers,
	.still = ev_kafka_still,
	.close = kafka_close,
};

static int compare_topics(const void *a, const void *b)
{
	return strcmp(((const struct kafka_topic *)a)->name, ((const struct kafka_topic *)b)->name);
}

static void copy_topics(struct ev_kafka *k, const struct ev_source_spec *spec)
{
	k->topics = ev_alloc(spec->ntopics * sizeof(*k->topics));
	k->ntopics = spec->ntopics;
	for (size_t i = 0; i < spec->ntopics; i++) {
		const struct ev_topic_spec *from = &spec->topics[i];
		struct kafka_topic *t = &k->topics[i];

		t->name = ev_strdup(from->topic);
		if (!from->partitions)
			continue;
		t->npartitions = from->npartitions;
		t->partitions = ev_alloc(from->npartitions * sizeof(*t->partitions));
		memcpy(t->partitions, from->partitions, from->npartitions * sizeof(*t->partitions));
	}
	qsort(k->topics, k->ntopics, sizeof(*k->topics), compare_topics);
}

static int look(struct ev_kafka *k, struct ev_error *err)
{
	int64_t until = ev_clock_ms() + k->timeout_ms;
	struct kafka_shape shape = { .queues = 1, .follow = k->follow_hint };
	char *id;

	k->probe = ev_kafka_client(k, KAFKA_PROBE, NULL, err);
	if (!k->probe || ev_kafka_discover(k, k->timeout_ms, err))
		return -1;
	if (!k->follow_hint)
		shape.queues = k->base.nparts; /* most likely it will be a merge */
	if (ev_kafka_need_reader(k, shape, err) ||
	    ev_kafka_watermarks(k, 0, (int)(until - ev_clock_ms()), err))
		return -1;
	id = rd_kafka_clusterid(k->probe, k->timeout_ms);
	k->base.cluster_id = ev_strdup(id);
	if (id)
		rd_kafka_mem_free(k->probe, id);
	return 0;
}

struct ev_source *ev_kafka_open(const struct ev_source_spec *spec, struct ev_error *err)
{
	struct ev_kafka *k = ev_alloc(sizeof(*k));

	pthread_mutex_init(&k->rest_lock, NULL);
	k->base.ops = &kafka_ops;
	k->timeout_ms = spec->timeout_ms;
	k->txn_wait_ms = spec->txn_wait_ms;
	k->stopped = k->ended = spec->stopped;
	k->memory = spec->memory;
	k->need_headers = spec->need_headers;
	k->follow_hint = spec->follow_hint;
	k->note = spec->note;
	k->note_ctx = spec->note_ctx;
	k->shape.queues = 1;
	k->log = ev_kafka_log_new();
	if (spec->count_markers) {
		k->markers = ev_kafka_markers_new();
		ev_kafka_log_debug(k->log, ev_kafka_markers_line, k->markers);
	}
	copy_topics(k, spec);
	if (ev_kafka_properties(k, spec, err) || look(k, err)) {
		kafka_close(&k->base);
		return NULL;
	}
	k->stopped = NULL; /* a read has its own end */
	return &k->base;
}
