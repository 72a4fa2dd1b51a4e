/* kafka.c - the Kafka sink: open, close and the table of operations; see kafka_impl.h */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sink/kafka_impl.h"

static int kafka_turn(struct ev_sink *s, int wait_ms, struct ev_error *err)
{
	(void)wait_ms; /* the client sends on its own */
	return ev_kafka_sink_serve((struct kafka_sink *)s, 0, err);
}

static int kafka_flush(struct ev_sink *s, const struct ev_position *next, struct ev_error *err)
{
	(void)next;
	return ev_kafka_sink_drain((struct kafka_sink *)s, err);
}

static int64_t kafka_undone(struct ev_sink *s, uint32_t part, uint64_t *beyond)
{
	struct kafka_sink *k = (struct kafka_sink *)s;
	struct ev_error ignored;

	if (rd_kafka_outq_len(k->cluster->rk)) { /* a refused put, say, with others under way */
		ev_kafka_sink_drain(k, &ignored);
	}
	return ev_kafka_sink_undone(s, part, beyond);
}

static void kafka_close(struct ev_sink *s)
{
	struct kafka_sink *k = (struct kafka_sink *)s;

	for (size_t i = 0; i < k->ntargets; i++) {
		if (k->targets[i]->rkt)
			rd_kafka_topic_destroy(k->targets[i]->rkt);
	}
	ev_cluster_close(k->cluster);
	for (size_t i = 0; i < k->ntargets; i++) { /* its opaque is used until the client has gone */
		free(k->targets[i]->name);
		free(k->targets[i]);
	}
	for (size_t i = 0; i < k->nparts; i++)
		free(k->parts[i].runs);
	free(k->targets);
	free(k->parts);
	free(s->target);
	free(k);
}

static const struct ev_sink_ops kafka_ops = {
	.name = "kafka",
	.put = ev_kafka_sink_put,
	.turn = kafka_turn,
	.flush = kafka_flush,
	.undone = kafka_undone,
	.close = kafka_close,
};

static struct ev_cluster *open_producer(const struct ev_kafka_sink_spec *spec, struct ev_error *err)
{
	static const char *const forced[] = { "enable.idempotence", "true", "acks", "all",
					      "delivery.report.only.error", "true", NULL };
	size_t kbytes = spec->memory / 2 >> 10;
	char queue[24], messages[24];
	const char *defaults[] = {
		"linger.ms", spec->quick ? "0" : "20", "compression.type", "lz4",
		"batch.num.messages", "100000", "message.max.bytes", "1000000000",
		"queue.buffering.max.kbytes", queue, "queue.buffering.max.messages", messages,
		"message.timeout.ms", "0", /* silence is timed by ourselves: a long queue is no fault */
		NULL,
	};

	snprintf(queue, sizeof(queue), "%zu", kbytes > 2097151 ? 2097151 : kbytes < 1024 ? 1024 : kbytes);
	snprintf(messages, sizeof(messages), "%zu", spec->memory / 4 / 400 < 1000 ? 1000 :
		 spec->memory / 4 / 400 > 1000000 ? 1000000 : spec->memory / 4 / 400);
	return ev_cluster_open(&spec->cluster, defaults, forced, ev_kafka_sink_delivered, spec->stopped,
			       err);
}

struct ev_sink *ev_kafka_sink_open(const struct ev_kafka_sink_spec *spec, struct ev_error *err)
{
	struct kafka_sink *k = ev_alloc(sizeof(*k));

	k->base.ops = &kafka_ops;
	k->spread = spec->spread;
	k->lossy = spec->lossy;
	k->stopped = spec->stopped;
	k->cluster = open_producer(spec, err);
	if (!k->cluster) {
		free(k);
		return NULL;
	}
	k->base.target = ev_strdup("the target");
	return &k->base;
}

struct ev_cluster *ev_kafka_sink_cluster(struct ev_sink *s)
{
	return ((struct kafka_sink *)s)->cluster;
}
