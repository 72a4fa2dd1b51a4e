/* kafka.c - the Kafka sink: open, close and the table of operations; see kafka_impl.h */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sink/kafka_impl.h"

static int kafka_turn(struct ev_sink *s, int wait_ms, struct ev_error *err)
{
	struct kafka_sink *k = (struct kafka_sink *)s;

	(void)wait_ms; /* the client sends on its own */
	return ev_kafka_sink_pass_on(k, err) ? -1 : ev_kafka_sink_serve(k, 0, err);
}

static int kafka_flush(struct ev_sink *s, const struct ev_position *next, struct ev_error *err)
{
	struct kafka_sink *k = (struct kafka_sink *)s;

	(void)next;
	return ev_kafka_sink_pass_on(k, err) ? -1 : ev_kafka_sink_drain(k, err);
}

static int64_t kafka_undone(struct ev_sink *s, uint32_t part, uint64_t *beyond)
{
	struct kafka_sink *k = (struct kafka_sink *)s;
	struct ev_error ignored;

	ev_kafka_sink_pass_on(k, &ignored); /* a refused put, say, with others under way */
	if (rd_kafka_outq_len(k->cluster->rk))
		ev_kafka_sink_drain(k, &ignored);
	return ev_kafka_sink_undone(s, part, beyond);
}

/*
 * Fenced, or broken otherwise, for good. Such a client is left alone: an answer that comes while it is taken down is
 * one more reason, and 2.0 frees the one before a second time.
 */
static bool is_over(struct kafka_sink *k)
{
	char why[512];

	return rd_kafka_fatal_error(k->cluster->rk, why, sizeof(why)) != RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void kafka_close(struct ev_sink *s)
{
	struct kafka_sink *k = (struct kafka_sink *)s;

	ev_kafka_txn_abort(k);
	if (k->stuck || is_over(k))
		return; /* it may use any of this for as long as the process lives */
	if (k->jobs)
		rd_kafka_topic_destroy(k->jobs);
	for (size_t i = 0; i < k->ntargets; i++) {
		if (k->targets[i]->rkt)
			rd_kafka_topic_destroy(k->targets[i]->rkt);
	}
	if (!ev_cluster_close(k->cluster))
		return;
	for (size_t i = 0; i < k->ntargets; i++) { /* its opaque is used until the client has gone */
		free(k->targets[i]->name);
		free(k->targets[i]->ends);
		free(k->targets[i]);
	}
	for (size_t i = 0; i < k->nparts; i++)
		free(k->parts[i].runs);
	if (k->spec)
		ev_source_spec_release(k->spec);
	ev_job_token_release(&k->kept);
	ev_kafka_others_release(k);
	free(k->spec);
	if (k->job)
		pthread_mutex_destroy(&k->telling);
	free(k->job);
	free(k->group);
	free(k->targets);
	free(k->held);
	free(k->queues);
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

/* What is put and not committed is never seen: the last flush is all that is known to be safe. */
static const struct ev_sink_ops job_ops = {
	.name = "kafka",
	.resume = ev_kafka_job_resume,
	.token = ev_kafka_job_token,
	.put = ev_kafka_sink_put,
	.turn = kafka_turn,
	.flush = ev_kafka_txn_flush,
	.close = kafka_close,
};

/*
 * More under way at once gains nothing but cache misses: librdkafka walks its lists of messages when
 * they are packed, and again when they are acknowledged. Reports of all deliveries, not of failures
 * alone, let this thread free them; the client's own, which packs them, is the one that is short.
 */
enum { QUEUE_MESSAGES = 100000, MESSAGE_COST = 400, BATCH_OVERHEAD = 256 };
#define QUEUE_BYTES ((size_t)2097151 << 10)

/* Less than what the topic takes by what the batch itself needs. */
static size_t batch_bytes(const struct ev_kafka_sink_spec *spec)
{
	if (!spec->batch_bytes)
		return EV_BATCH_BYTES;
	return spec->batch_bytes > 2 * BATCH_OVERHEAD ? spec->batch_bytes - BATCH_OVERHEAD : 1;
}

static struct ev_cluster *open_producer(const struct ev_kafka_sink_spec *spec, struct ev_error *err)
{
	char kbytes[24], messages[24], batch[24];
	char id[300];
	/* another id fences off somebody else, and not the job's other copy */
	const char *forced[] = { "enable.idempotence", "true", "acks", "all", "delivery.report.only.error", "false",
				 "transactional.id", spec->job ? id : NULL, NULL };
	const char *defaults[] = {
		"linger.ms", spec->quick ? "0" : "10", "compression.type", "lz4",
		"batch.num.messages", "100000", "message.max.bytes", "1000000000", "batch.size", batch,
		"queue.buffering.max.kbytes", kbytes, "queue.buffering.max.messages", messages,
		/* silence is timed by ourselves: a long queue is no fault */
		spec->job ? "transaction.timeout.ms" : "message.timeout.ms", spec->job ? "60000" : "0", NULL,
	};

	snprintf(kbytes, sizeof(kbytes), "%zu", ev_clamp(spec->memory / 2, 1 << 20, QUEUE_BYTES) >> 10);
	snprintf(messages, sizeof(messages), "%zu",
		 ev_clamp(spec->memory / 4 / MESSAGE_COST, 1000, QUEUE_MESSAGES));
	snprintf(batch, sizeof(batch), "%zu", batch_bytes(spec));
	snprintf(id, sizeof(id), "evreplay-%s", spec->job ? spec->job : "");
	return ev_cluster_open(&spec->cluster, defaults, forced, ev_kafka_sink_delivered, spec->stopped,
			       err);
}

/* Twice what a request may take: group offsets were seen to be waited for past the limit of the call. */
enum { OVERDUE_MS = 120000 };

static void set_spec(struct kafka_sink *k, const struct ev_kafka_sink_spec *spec)
{
	struct ev_cluster_spec c = spec->cluster;

	k->spec = ev_alloc(sizeof(*k->spec));
	c.brokers = k->cluster->brokers; /* they may stand in the properties alone */
	ev_cluster_source(&c, spec->stopped, k->spec);
	/* whatever the copy itself reads: the token and the witness of a transaction that was given up do not count */
	*EV_PUSH(k->spec->properties, k->spec->nproperties) = ev_strdup("isolation.level=read_committed");
	k->spec->memory = 16u << 20;
}

static void set_job(struct kafka_sink *k, const struct ev_kafka_sink_spec *spec)
{
	struct ev_error ignored;

	k->base.ops = &job_ops;
	k->job = ev_strdup(spec->job);
	k->group = ev_strdup(spec->group);
	k->kept.source = ev_strdup(spec->source->cluster_id);
	k->kept.how = ev_strdup(spec->how);
	k->kept.chosen = ev_strndup(spec->how, spec->chosen);
	k->kept.bounds = spec->bounds;
	k->new_job = spec->new_job;
	k->transaction = 1;
	k->overdue_ms = OVERDUE_MS;
	pthread_mutex_init(&k->telling, NULL);
	ev_source_spec_add(k->spec, EV_JOBS_TOPIC "/0", &ignored); /* where all tokens stand */
	k->spec->txn_wait_ms = 2 * 60000; /* an open transaction of another job ends by itself */
}

struct ev_sink *ev_kafka_sink_open(const struct ev_kafka_sink_spec *spec, struct ev_error *err)
{
	struct kafka_sink *k = ev_alloc(sizeof(*k));

	k->base.ops = &kafka_ops;
	k->spread = spec->spread;
	k->lossy = spec->lossy;
	k->lent = spec->lent;
	k->gone_hint = spec->gone_hint;
	k->source = spec->source;
	k->stopped = spec->stopped;
	k->delivered = spec->delivered;
	k->settled = spec->settled;
	k->note = spec->note;
	k->note_ctx = spec->note_ctx;
	k->ctx = spec->ctx;
	k->cluster = open_producer(spec, err);
	if (!k->cluster) {
		free(k);
		return NULL;
	}
	k->base.target = ev_strdup("the target");
	set_spec(k, spec);
	if (spec->job)
		set_job(k, spec);
	return &k->base;
}

struct ev_cluster *ev_kafka_sink_cluster(struct ev_sink *s)
{
	return ((struct kafka_sink *)s)->cluster;
}
