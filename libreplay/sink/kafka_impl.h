/*
 * kafka_impl.h - the Kafka sink from inside: shared by sink/kafka*.c and nobody else
 *
 *   kafka.c          open, close, flush, the table of operations
 *   kafka_put.c      a record becomes a message, or is refused
 *   kafka_delivery.c what came of the messages: which source offsets are not safe
 *   kafka_txn.c      exactly once: transactions, fences
 *   kafka_call.c     exactly once: the client's calls for that, none of which may wait for ever
 *   kafka_job.c      exactly once: the token of a job, and its mark on the target topics
 *   kafka_others.c   exactly once: what the tokens of other jobs tell
 *   kafka_target.c   is a topic still the one that was written, by this run or by its job?
 *
 * Each delivery is reported back by librdkafka, and counted: what is neither queued nor failed was
 * acknowledged. With a job that may be in another thread, while this one waits (kafka_call.c).
 * A message's opaque is its source partition and its number among those put from there, and `runs`
 * turn that number into an offset, without a block of memory per message.
 */
#ifndef EV_SINK_KAFKA_IMPL_H
#define EV_SINK_KAFKA_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

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
	bool opened;       /* a record was acknowledged in this run */
	uint32_t last_held; /* place of the last one in `held`, from 1; 0: there is none */
	uint64_t witnessed; /* the transaction of its witness; 0: none yet */
	int64_t doubted;    /* offset of the next witness, which waits until the old one was looked at; 0: none */
	uint64_t doubted_hash;
};

struct sink_target {
	struct kafka_sink *sink;
	char *name;
	rd_kafka_topic_t *rkt;
	int32_t partitions;
	struct sink_end *ends; /* of each partition */
	int64_t first;     /* without a job: the offset of the first record that was acknowledged; -1: none was */
	int32_t first_partition;
	uint64_t first_hash;
	int64_t asked_ms;  /* when its witnesses were looked at, monotonic; 0: not yet */
	int64_t marked_ms; /* by the job, monotonic: a group's offset is forgotten after some days; 0: not yet */
};

struct sink_held { /* a record that was put, and not handed over to the client yet */
	struct ev_record record; /* borrowed until it is */
	struct sink_target *target;
	int32_t partition;
	uint32_t next; /* place of the one behind it in its partition; 0: there is none */
	void *flight;
};

struct sink_other { /* another job that has a token on the cluster */
	char *job;
	struct ev_buf token; /* as it stands there, or empty */
};

struct kafka_sink {
	struct ev_sink base;
	struct ev_cluster *cluster;
	struct ev_spread spread;
	bool lossy;
	const char *gone_hint; /* the caller's, or NULL */
	const struct ev_source *source;
	bool (*stopped)(void);
	void (*note)(void *ctx, const char *text);
	void *note_ctx;
	struct sink_target **targets;
	size_t ntargets;
	struct sink_target *last; /* of the record before */
	struct sink_part *parts;
	size_t nparts, nruns;
	/*
	 * What was put since the last turn, and for each partition of the target the first one there: they are
	 * handed over by partition, so that the client's messages of a batch, which it walks again and again,
	 * stand in memory as they stand in its lists.
	 */
	struct sink_held *held;
	uint32_t *queues;
	size_t nheld, held_cap, nqueues, queues_cap;
	bool lent;                /* what is put stays until then; else each is handed over at once */
	uint64_t handed;          /* messages that the client took */
	uint64_t unpolled;        /* of these, since callbacks were served */
	int64_t looked_at;        /* ms: when it was last looked how many messages are done; 0: never */
	int64_t silent_ms;        /* for so long there were no more */
	int64_t stop_ms;          /* until then a broker is waited for since a signal; 0: there was none */
	uint64_t done;            /* how many were then */
	struct ev_error error;    /* of the first delivery that failed; stays */

	void (*delivered)(void *ctx, uint32_t part, int64_t offset, const char *topic,
			  int32_t partition, int64_t at);
	int (*settled)(void *ctx, struct ev_error *err);
	void *ctx;
	struct ev_source_spec *spec; /* how the target is read; with a job it names the topic of the tokens */

	/* exactly once; job is NULL without */
	char *job, *group;
	bool new_job, token;         /* is there a token by now? */
	bool open;                   /* a transaction is under way */
	bool claimed;                /* where it begins is stored: a token before the first record */
	uint64_t transaction;        /* number of the one that is, or is next; from 1 */
	int overdue_ms;              /* a call that is late by that does not come back any more */
	pthread_mutex_t telling;     /* of a job: held while a delivery is noted, in whatever thread */
	atomic_bool stuck;           /* one has not (set under it): the client may not be touched, nor what it
					may use, and what it still tells nobody hears */
	rd_kafka_topic_t *jobs;
	struct ev_job_token kept;    /* of the last commit; `ends` and the rest are of now */
	int64_t jobs_read;           /* up to there in the topic of the tokens */
	struct sink_other *others;
	size_t nothers;
	bool at_work;                /* they have written their tokens since this job was begun */
};

/* kafka_put.c */
/* EV_STORE of a record: "cannot write SOURCE/0@12 to 'TARGET/3': ". -1. */
int ev_kafka_sink_fail(struct kafka_sink *k, const struct sink_target *t, int32_t partition, uint32_t part,
		       int64_t offset, const char *why);
#define EV_SINK_PARTS (1u << 16) /* of the source: a message's opaque has room for no more */
int ev_kafka_sink_put(struct ev_sink *s, const struct ev_record *r, struct ev_error *err);
/* Hand over all that is held; where the sink has failed, or does now, what is left is not sent. */
int ev_kafka_sink_pass_on(struct kafka_sink *k, struct ev_error *err);

/* kafka_delivery.c */
/* Note that a record is put: the opaque of its message. */
void *ev_kafka_sink_flight(struct kafka_sink *k, const struct ev_record *r);
/* It has failed before it was on its way. */
void ev_kafka_sink_unsent(struct kafka_sink *k, const void *flight);
void ev_kafka_sink_delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque);
/*
 * For how long a broker that is silent may be waited for: --timeout, or what is left of one since a signal, that all
 * waits share. What it answers begins another.
 */
int ev_kafka_sink_left(struct kafka_sink *k);
/* Serve callbacks for wait_ms; -1 once a delivery has failed, or nothing has moved for too long. */
int ev_kafka_sink_serve(struct kafka_sink *k, int wait_ms, struct ev_error *err);
/* Wait until every message is done; on failure what has not been sent yet is taken back first. */
int ev_kafka_sink_drain(struct kafka_sink *k, struct ev_error *err);
/* Everything is acknowledged: what was kept to name failures is over. */
void ev_kafka_sink_forget(struct kafka_sink *k);
int64_t ev_kafka_sink_undone(struct ev_sink *s, uint32_t part, uint64_t *beyond);

/* kafka_txn.c */
/* Is the topic of tokens gone? Then that is the hint. */
void ev_kafka_jobs_there(struct kafka_sink *k, struct ev_error *err);
/* Fence off other copies of the job. What they left open is over then. */
int ev_kafka_txn_init(struct kafka_sink *k, struct ev_error *err);
/* See to it that a transaction is open. */
int ev_kafka_txn_begin(struct kafka_sink *k, struct ev_error *err);
/* Token, marks, commit. */
int ev_kafka_txn_flush(struct ev_sink *s, const struct ev_position *next, struct ev_error *err);
void ev_kafka_txn_abort(struct kafka_sink *k);
/* The client itself has given the transaction up, and thrown away what was under way: say why. -1. */
int ev_kafka_txn_broken(struct kafka_sink *k, struct ev_error *err);
/*
 * The client has not taken a message, by `e`. -1 where the reason came before that: in a delivery (of a fatal error),
 * or in what broke the transaction.
 */
int ev_kafka_txn_refused(struct kafka_sink *k, rd_kafka_resp_err_t e, struct ev_error *err);
/* Is it told to who was fenced off? */
bool ev_kafka_txn_is_fence(rd_kafka_resp_err_t e);
/* EV_HELD: another copy is at work. -1. */
int ev_kafka_txn_held(struct kafka_sink *k, struct ev_error *err);
/*
 * A job has failed: its transaction is over. What another copy has done to us is EV_HELD, whatever the error says. -1.
 */
int ev_kafka_txn_judge(struct kafka_sink *k, struct ev_error *err);

/* kafka_call.c */
enum ev_kafka_txn_what { EV_TXN_INIT, EV_TXN_BEGIN, EV_TXN_OFFSETS, EV_TXN_COMMIT, EV_TXN_ABORT, EV_TXN_WHY };

struct ev_kafka_txn_offsets { /* of EV_TXN_OFFSETS; borrowed for the call */
	const rd_kafka_topic_partition_list_t *list;
	const char *group;
};

/* What it is about, after "cannot ". */
const char *ev_kafka_txn_name(enum ev_kafka_txn_what what);
/*
 * 0: the client has answered, by *error (NULL: all is well; the caller's). -1: it has not, and nothing
 * more may be asked of it. It is waited for as long as it may take, and after a signal for no more than is left.
 */
int ev_kafka_txn_call(struct kafka_sink *k, enum ev_kafka_txn_what what, int timeout_ms,
		      const struct ev_kafka_txn_offsets *offsets, rd_kafka_error_t **error,
		      struct ev_error *err);

/* kafka_job.c */
int ev_kafka_job_resume(struct ev_sink *s, struct ev_position *stored, bool *known,
			struct ev_error *err);
struct ev_job_token *ev_kafka_job_token(struct ev_sink *s);
int ev_kafka_job_put_token(struct kafka_sink *k, struct ev_error *err);
/* A job without a token must not have written to the topic before: EV_DATA. */
int ev_kafka_job_check_mark(struct kafka_sink *k, const char *topic, struct ev_error *err);

/* kafka_others.c */
/* A record of the tokens' topic that is not the job's own; the last one of each counts. */
void ev_kafka_others_note(struct kafka_sink *k, const struct ev_record *r);
void ev_kafka_others_release(struct kafka_sink *k);

/* kafka_target.c */
#define EV_TARGET_GONE "the topic is not there any more, or may not be seen"
/* What to do then. -1. */
int ev_kafka_target_hint(struct kafka_sink *k, struct ev_error *err);
/* Are all topics there that were written? -1: one is not. What cannot be asked passes. */
int ev_kafka_targets_there(struct kafka_sink *k, struct ev_error *err);
/* Is what the job has written to the topic, as its token tells, still in it? What cannot be read is. */
bool ev_kafka_target_holds(struct kafka_sink *k, const char *job, const struct ev_job_token *t, const char *topic);
/*
 * A record was acknowledged, `jump` offsets behind the one before: the first one of its transaction is the partition's
 * witness. Behind offsets of others (a mark of our own is one) it may be in a topic that was made again meanwhile: it
 * is taken once the old witness was found. Without a job it is the first one of the run.
 */
void ev_kafka_witness_note(struct kafka_sink *k, struct sink_target *t, const rd_kafka_message_t *m, int64_t jump);
/* Before a commit: look for old witnesses that are doubted, not too often. EV_DATA: another record is there. */
int ev_kafka_witness_settle(struct kafka_sink *k, struct ev_error *err);
/* Has a partition been written to, and has no witness at all? What is acknowledged now gives one. */
bool ev_kafka_witness_lacks(const struct kafka_sink *k);

#endif
