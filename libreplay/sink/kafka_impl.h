/*
 * kafka_impl.h - the Kafka sink from inside: shared by sink/kafka*.c and nobody else
 *
 *   kafka.c          open, close, flush, the table of operations
 *   kafka_put.c      a record becomes a message, or is refused
 *   kafka_delivery.c what came of the messages: which source offsets are not safe
 *
 * Only failures are reported back by librdkafka: what is neither queued nor failed was acknowledged.
 * A message's opaque is its source partition and its number among those put from there, and `runs`
 * turn that number into an offset, without a block of memory per message.
 */
#ifndef EV_SINK_KAFKA_IMPL_H
#define EV_SINK_KAFKA_IMPL_H

#include "sink/kafka.h"

/* Records number first, first + 1, ... of a source partition have offsets offset, offset + 1, ... */
struct sink_run {
	uint64_t first;
	int64_t offset;
};

struct sink_part { /* one source partition */
	struct sink_run *runs;
	size_t nruns, runs_cap;
	uint64_t put;
	int64_t next;          /* the offset that would go on with the last run */
	uint64_t failed;       /* messages */
	uint64_t first_failed; /* number of the first of them */
};

struct sink_target {
	struct kafka_sink *sink;
	char *name;
	rd_kafka_topic_t *rkt;
	int32_t partitions;
};

struct kafka_sink {
	struct ev_sink base;
	struct ev_cluster *cluster;
	struct ev_spread spread;
	bool lossy;
	bool (*stopped)(void);
	struct sink_target **targets;
	size_t ntargets;
	struct sink_target *last; /* of the record before */
	struct sink_part *parts;
	size_t nparts, nruns;
	uint64_t unpolled;        /* puts since callbacks were served */
	int64_t moved_at;         /* ms: when a message was last seen to be done */
	uint64_t done;            /* how many were then */
	struct ev_error error;    /* of the first delivery that failed; stays */
};

/* kafka_put.c */
int ev_kafka_sink_put(struct ev_sink *s, const struct ev_record *r, struct ev_error *err);

/* kafka_delivery.c */
/* Note that a record is put: the opaque of its message. */
void *ev_kafka_sink_flight(struct kafka_sink *k, const struct ev_record *r);
/* That put has not come about. */
void ev_kafka_sink_unflight(struct kafka_sink *k, const struct ev_record *r);
void ev_kafka_sink_delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque);
/* Serve callbacks for wait_ms; -1 once a delivery has failed, or nothing has moved for too long. */
int ev_kafka_sink_serve(struct kafka_sink *k, int wait_ms, struct ev_error *err);
/* Wait until every message is done; on failure what has not been sent yet is taken back first. */
int ev_kafka_sink_drain(struct kafka_sink *k, struct ev_error *err);
int64_t ev_kafka_sink_undone(struct ev_sink *s, uint32_t part, uint64_t *beyond);

#endif
