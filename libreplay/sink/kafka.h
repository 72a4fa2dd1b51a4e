/*
 * kafka.h - the sink that writes topics: always an idempotent producer, so that nothing is lost or
 * doubled by a retry, and the order inside a target partition is the order of the puts
 *
 * Key, value, headers (order, duplicates, null) and timestamp arrive as they were. What librdkafka
 * cannot produce so (a timestamp of 0 or none, a LogAppendTime as such, a NUL in a header's name) is
 * EV_DATA by name, unless `lossy` (see ev_kafka_losses). The bytes are copied once, into the block that librdkafka
 * allocates for a message anyway.
 *
 * A topic is looked up when its first record comes; one that is not there is EV_STORE.
 *
 * With a `job` the producer is transactional, and every flush is the end of a transaction that holds
 * the records since the last one and, in EV_JOBS_TOPIC on the same cluster, a token: the position of
 * the source (key: the job's name). So records and position cannot disagree, whatever kills the
 * process. The token is read only after the producer has been fenced in, when nothing of an earlier
 * copy can come any more. Another copy of the same job that is still there then fails, EV_HELD. In
 * the transaction goes also a mark, an offset of group evreplay-JOB on each target topic: a topic
 * with the mark, but no token, is a job whose token was lost, EV_DATA.
 */
#ifndef EV_SINK_KAFKA_H
#define EV_SINK_KAFKA_H

#include "sink/cluster.h"
#include "sink/job_token.h"
#include "sink/sink.h"
#include "sink/spread.h"
#include "source/source.h"

#define EV_BATCH_BYTES 1000000

struct ev_kafka_sink_spec {
	struct ev_cluster_spec cluster;
	struct ev_spread spread; /* borrowed: outlives the sink */
	size_t memory;           /* bytes of the queue */
	bool lossy;
	bool lent;               /* what is put stays as it is until the next turn, flush or undone */
	size_t batch_bytes;      /* of a batch at most; 0: EV_BATCH_BYTES */
	bool quick;              /* each record at once (a paced copy), not gathered into batches */
	bool (*stopped)(void);   /* while waiting for a broker: give up? or NULL */

	/*
	 * Told of each record that is acknowledged (its source partition and offset, and where it
	 * is now), for each partition of the target in order; and, once all are, before anything
	 * says that they are safe. NULL: not wanted, which is faster.
	 */
	void (*delivered)(void *ctx, uint32_t part, int64_t offset, const char *topic,
			  int32_t partition, int64_t at);
	int (*settled)(void *ctx, struct ev_error *err);
	void *ctx;

	const char *job;         /* exactly once under this name; NULL: not */
	const struct ev_source *source; /* borrowed: outlives the sink. Its cluster is kept in the token */
	const char *how;         /* the options that choose and change records, kept there, too */
	size_t chosen;           /* so many bytes of it, from the first, are those that choose */
	struct ev_job_bounds bounds; /* which are among them, as numbers */
	bool new_job;            /* begin anew, whatever was stored */
	const char *gone_hint;   /* without a job: what to do where a topic was deleted under way; or NULL */
	const char *group;       /* commit the position to it, too, in each transaction; or NULL */
	void (*note)(void *ctx, const char *text); /* told of a long wait, and of what cannot be checked; or NULL */
	void *note_ctx;
};

/* The broker aborts what is open for a minute (transaction.timeout.ms): half of it is for its records and its end. */
enum { EV_TXN_MOST_MS = 30000 };

#define EV_JOBS_TOPIC "__evreplay_jobs"

struct ev_sink *ev_kafka_sink_open(const struct ev_kafka_sink_spec *spec, struct ev_error *err);

/*
 * Resume of a sink that nothing will be put into: the copy that may be at work is not fenced off.
 */
int ev_kafka_job_peek(struct ev_sink *s, struct ev_position *stored, bool *known, struct ev_error *err);

/*
 * Before the first put of a job that has no token yet: its token, with the position where it begins, in a
 * transaction of its own.
 */
int ev_kafka_sink_claim(struct ev_sink *s, const struct ev_position *begin, struct ev_error *err);
/*
 * Of a sink with a job, after resume or peek and before its first put into the topic: is what it has written there,
 * as the token tells, still in it? A job without one has not written there. EV_DATA.
 */
int ev_kafka_sink_check_written(struct ev_sink *s, const char *topic, struct ev_error *err);
/*
 * What another job has copied of the same log into the same topic. EV_OTHER_SOME: each of the two chooses by filters
 * of its own, so only what both choose is there twice. EV_OTHER_ALIKE: it may be another log, as its first record has
 * no time that would tell it apart (the head of a file of lines).
 */
enum ev_kafka_other { EV_OTHER_NONE, EV_OTHER_SOME, EV_OTHER_ALIKE, EV_OTHER_ALL };
/*
 * At the end, after the last flush: are the topics that were written still those? One that was deleted, or made again,
 * is EV_STORE; EV_DATA where a job's token tells. What cannot be asked passes.
 */
int ev_kafka_sink_check_end(struct ev_sink *s, struct ev_error *err);
/*
 * Which other job has copied records of the source's topic from these offsets on into the topic, where they still are?
 * To *job, which is the sink's. `first` (of a file; or NULL): the record that stands at the beginning, by which another
 * file is told. After resume or peek.
 */
enum ev_kafka_other ev_kafka_job_other(struct ev_sink *s, const char *from, const char *into,
				       const struct ev_position *begin, const struct ev_record *first,
				       const char **job);

/*
 * Before the first records are committed: read the tokens that others have written since resume. From now on
 * ev_kafka_job_other tells of those; the target is not read for it, where what is under way would keep it back.
 * EV_STORE.
 */
int ev_kafka_job_again(struct ev_sink *s, struct ev_error *err);

/* Of a sink with a job: the topic as it is now, to be read. The caller closes it. EV_STORE. */
struct ev_source *ev_kafka_sink_read(struct ev_sink *s, const char *topic, struct ev_error *err);

/* Why the record cannot be produced as it is; NULL when it can. */
const char *ev_kafka_unproducible(const struct ev_record *r);

/* What of it `lossy` changes: bits 1 << enum. */
enum ev_kafka_loss { EV_LOSS_TIME,    /* none, 0 or before 1970: that of writing */
		     EV_LOSS_TYPE,    /* the broker's: becomes its own */
		     EV_LOSS_HEADERS, /* a NUL in the name: left out */
		     EV_NLOSSES };
unsigned ev_kafka_losses(const struct ev_record *r);

/* Its connection, for questions about topics; stays the sink's. */
struct ev_cluster *ev_kafka_sink_cluster(struct ev_sink *s);

#endif
