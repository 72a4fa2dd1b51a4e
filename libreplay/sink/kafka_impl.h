/*
 * kafka_impl.h - the Kafka sink from inside: shared by sink/kafka*.c and nobody else
 *
 *   kafka.c          open, close, flush, the table of operations
 *   kafka_put.c      a record becomes a message, or is refused
 *   kafka_delivery.c what came of the messages: which source offsets are not safe
 *   kafka_txn.c      exactly once: transactions, fences
 *   kafka_job.c      exactly once: the token of a job, and its mark on the target topics
 *
 * Only failures are reported back by librdkafka (unless somebody wants to be told of each record): what is
 * neither queued nor failed was acknowledged.
 * A message's opaque is its source partition and its number among those put from there, and `runs`
 * turn that number into an offset, without a block of memory per message.
 */
#ifndef EV_SINK_KAFKA_IMPL_H
#define EV_SINK_KAFKA_IMPL_H

#include "sink/job_token.h"
#include "sink/kafka.h"
#include "source/spec.h"

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

struct sink_end {
	int64_t next;     /* behind the last offset that was acknowledged; or as far as a token says */
	int64_t under_way; /* records that were put behind it */
};

struct sink_target {
	struct kafka_sink *sink;
	char *name;
	rd_kafka_topic_t *rkt;
	int32_t partitions;
	struct sink_end *ends; /* of each partition */
	bool marked;   /* by the job */
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

	void (*delivered)(void *ctx, uint32_t part, int64_t offset, const char *topic,
			  int32_t partition, int64_t at);
	int (*settled)(void *ctx, struct ev_error *err);
	void *ctx;

	/* exactly once; job is NULL without */
	char *job, *group;
	struct ev_source_spec *spec; /* how the token is read */
	bool new_job, token;         /* is there a token by now? */
	bool open;                   /* a transaction is under way */
	rd_kafka_topic_t *jobs;
	struct ev_job_token kept;    /* of the last commit; `ends` and the rest are of now */
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
/* Everything is acknowledged: what was kept to name failures is over. */
void ev_kafka_sink_forget(struct kafka_sink *k);
int64_t ev_kafka_sink_undone(struct ev_sink *s, uint32_t part, uint64_t *beyond);

/* kafka_txn.c */
/* Fence off other copies of the job. What they left open is over then. */
int ev_kafka_txn_init(struct kafka_sink *k, struct ev_error *err);
/* See to it that a transaction is open. */
int ev_kafka_txn_begin(struct kafka_sink *k, struct ev_error *err);
/* Token, marks, commit. */
int ev_kafka_txn_flush(struct ev_sink *s, const struct ev_position *next, struct ev_error *err);
void ev_kafka_txn_abort(struct kafka_sink *k);
/* What another copy has done to us is EV_HELD, whatever the error says. */
int ev_kafka_txn_judge(struct kafka_sink *k, struct ev_error *err);

/* kafka_job.c */
int ev_kafka_job_resume(struct ev_sink *s, struct ev_position *stored, bool *known,
			struct ev_error *err);
int ev_kafka_job_put_token(struct kafka_sink *k, struct ev_error *err);
/* A job without a token must not have written to the topic before: EV_DATA. */
int ev_kafka_job_check_mark(struct kafka_sink *k, const char *topic, struct ev_error *err);

#endif
