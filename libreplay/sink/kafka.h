/*
 * kafka.h - the sink that writes topics: always an idempotent producer, so that nothing is lost or
 * doubled by a retry, and the order inside a target partition is the order of the puts
 *
 * Key, value, headers (order, duplicates, null) and timestamp arrive as they were. What librdkafka
 * cannot produce so (a timestamp of 0 or none, a LogAppendTime as such, a NUL in a header's name) is
 * EV_DATA by name, unless `lossy`. The bytes are copied once, into the block that librdkafka
 * allocates for a message anyway.
 *
 * A topic is looked up when its first record comes; one that is not there is EV_STORE.
 */
#ifndef EV_SINK_KAFKA_H
#define EV_SINK_KAFKA_H

#include "sink/cluster.h"
#include "sink/sink.h"
#include "sink/spread.h"

struct ev_kafka_sink_spec {
	struct ev_cluster_spec cluster;
	struct ev_spread spread; /* borrowed: outlives the sink */
	size_t memory;           /* bytes of the queue */
	bool lossy;
	bool quick;              /* each record at once (a paced copy), not gathered into batches */
	bool (*stopped)(void);   /* while waiting for a broker: give up? or NULL */
};

struct ev_sink *ev_kafka_sink_open(const struct ev_kafka_sink_spec *spec, struct ev_error *err);

/* Its connection, for questions about topics; stays the sink's. */
struct ev_cluster *ev_kafka_sink_cluster(struct ev_sink *s);

#endif
