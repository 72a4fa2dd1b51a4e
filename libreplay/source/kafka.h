/*
 * kafka.h - the Kafka source from inside: shared by kafka*.c and nobody else
 *
 *   kafka.c         open, close, the table of operations
 *   kafka_config.c  properties and client handles (client.h: what all clients share)
 *   kafka_query.c   metadata, watermarks, offsets for times
 *   kafka_policy.c  whether a topic is compacted
 *   kafka_markers.c how many control records a read met
 *   kafka_group.c   committed offsets of a consumer group, read and written
 *   kafka_member.c  the only member of a group, held by a redrive
 *   kafka_read.c    lanes: start, fetch; the record at one offset
 *   kafka_batch.c   librdkafka's messages as records, the batches that hold them, their release
 *   kafka_rouse.c   a client that sleeps though its queue is empty
 *   kafka_trouble.c errors and silences of a read: wait on, or give up
 *   kafka_still.c   is it still the log that was read?
 *
 * Two client handles. `probe` reads uncommitted, because under read_committed the broker answers
 * the last stable offset where the high watermark is asked for. `reader` has the user's isolation
 * level (read_committed) and queues cut to the number of lanes; it is made anew when a read needs
 * them cut otherwise. Reading uses librdkafka's simple consumer, so no group is joined and no right
 * on a group is needed; who wants a group for itself alone joins it beside that.
 */
#ifndef EV_KAFKA_H
#define EV_KAFKA_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>

#include "base/clock.h"
#include "source/client.h"
#include "source/source.h"
#include "source/spec.h"

struct kafka_known { /* a record that was read */
	bool is;
	uint32_t part;
	int64_t offset;
	uint64_t hash;
};

struct kafka_topic {
	char *name;
	int32_t *partitions; /* asked for; NULL: all */
	size_t npartitions;
	rd_kafka_topic_t *probe, *reader; /* handles of the two clients; NULL until needed */
	int64_t gone_since, gone_last; /* ms: the first and the last answer that there is none; 0: there is */
	int64_t away_ms;    /* for how long the answers were so, before it was there again */
	rd_kafka_topic_t *look;           /* of the client that looks at records again; NULL until needed */
	struct kafka_known known, latest; /* what is looked at; the last record read, which it will be then */
	uint64_t noted;     /* as ev_kafka.noting */
	bool unproven;      /* once there was nothing to look at, which was said */
};

struct kafka_part {
	size_t topic;        /* index */
	int64_t begin, end;  /* the span read */
	int64_t spared;      /* what is lost below it is no loss; 0: nothing is */
	int64_t next;        /* behind the last record or end-of-partition seen */
	int64_t passed;      /* see source.h */
	int64_t stuck_since; /* ms: end of partition below the end; 0: no */
	size_t lane;
	bool started; /* fetched by the client */
	bool live;    /* has more to give */
};

struct kafka_lane {
	rd_kafka_queue_t *queue;
	size_t live;   /* partitions that have more to give */
	bool single;   /* holds one partition only: `part` */
	uint32_t part;
	int64_t dry_since; /* ms: nothing has come since; 0: something came last */
};

struct kafka_headers { /* never moves while a record points into it */
	struct kafka_headers *next;
	size_t n, cap;
	struct ev_header v[];
};

struct kafka_batch {
	struct kafka_batch *all, *free; /* lists: every one; those at rest, or spent */
	size_t cap, nmessages;
	rd_kafka_message_t **messages; /* those that the records point into */
	struct ev_record *records;
	struct kafka_headers *headers;
};

/* How the reader's queues are cut. */
struct kafka_shape {
	size_t queues;
	bool follow;
};

struct ev_kafka {
	struct ev_source base;
	char *brokers; /* for messages */
	struct ev_properties properties; /* the user's */
	int timeout_ms, txn_wait_ms;
	bool (*stopped)(void); /* while it is opened: does nobody wait for it any more? else NULL */
	bool (*ended)(void);   /* has somebody asked for an end of all? or NULL */
	size_t memory;
	bool need_headers, follow_hint;
	struct kafka_log *log;
	struct kafka_markers *markers; /* NULL: not counted */

	rd_kafka_t *probe, *reader;
	struct kafka_shape shape; /* of the reader */
	rd_kafka_t *group; /* the client of the group used last */
	char *group_name;
	struct kafka_member *member; /* of a group, while that is held; NULL: of none */

	struct kafka_topic *topics; /* sorted by name */
	size_t ntopics;
	struct kafka_part *kp; /* one for each of base.parts */
	size_t parts_cap;

	bool reading, follow;
	struct kafka_lane *lanes;
	size_t batch_size;
	struct kafka_batch *batches;
	pthread_mutex_t rest_lock; /* of the next four */
	struct kafka_batch *free_batches, *spent; /* spent: released, their messages not given back yet */
	size_t nspent;
	bool tidied; /* somebody calls ev_kafka_tidy */
	struct kafka_batch *single; /* holds what record_at found */
	rd_kafka_topic_t *last_topic; /* the partition found last on a shared lane */
	uint32_t last_part;
	int64_t last_event;    /* ms: when anything arrived */
	int silences;          /* how often --timeout has passed since then */
	int64_t next_discover; /* ms: when new partitions are looked for (follow) */
	int64_t next_marks;    /* ms: when the ends of the log are taken over (follow) */
	struct ev_error error; /* of a read that failed: stays */

	/* kafka_still.c */
	rd_kafka_t *look;       /* its client, where the probe does not give all records; NULL until needed */
	size_t nknown;          /* topics with a record that is known */
	uint64_t noting;        /* how often records were noted */
	int64_t looked;         /* us: when it was looked last, or the first read began */
	uint64_t looks;         /* how often */
	int64_t look_us;        /* how long that takes at least */
	int64_t turned;         /* us: the last turn of a read */
	bool slept;             /* no turn was made for a while, and it was not looked since */
	int64_t next_look;      /* us: when that is tried again */
	bool unanswered;        /* at a stop it was asked in vain, which is enough */
	bool proven;            /* this read has come to its end, and it is still the log that was read */
	struct ev_error remade; /* it is not; stays */
	void (*note)(void *ctx, const char *text);
	void *note_ctx;
};

/* kafka_config.c */
/* All brokers have been unreachable since then (ms); 0: no. Serves the client's callbacks. */
int64_t ev_kafka_down_since(struct ev_kafka *k, rd_kafka_t *rk);
/* EV_SOURCE: "cannot VERB ...: reason", the reason being what the client said last, or `e`. */
int ev_kafka_fail(struct ev_kafka *k, struct ev_error *err, rd_kafka_resp_err_t e, const char *fmt,
		  ...) __attribute__((format(printf, 4, 5)));
int ev_kafka_properties(struct ev_kafka *k, const struct ev_source_spec *spec,
			struct ev_error *err);
enum kafka_role { KAFKA_PROBE, KAFKA_LOOK, KAFKA_READER, KAFKA_GROUP, KAFKA_MEMBER };
rd_kafka_t *ev_kafka_client(struct ev_kafka *k, enum kafka_role role, const char *group,
			    struct ev_error *err);
/* The reader, its queues cut for the shape. */
int ev_kafka_need_reader(struct ev_kafka *k, struct kafka_shape shape, struct ev_error *err);
rd_kafka_topic_t *ev_kafka_reader_topic(struct ev_kafka *k, size_t topic);

/* kafka_query.c */
/* Up to where the broker gives the reader records: the last stable offset, as last asked. */
int64_t ev_kafka_readable(const struct ev_kafka *k, size_t part);
/* Add the partitions of all topics that the table lacks, sorted among themselves. */
int ev_kafka_discover(struct ev_kafka *k, int timeout_ms, struct ev_error *err);
int ev_kafka_watermarks(struct ev_kafka *k, size_t first, int timeout_ms, struct ev_error *err);
int ev_kafka_refresh(struct ev_source *s, struct ev_error *err);
int ev_kafka_offsets_for_time(struct ev_source *s, int64_t ms, int64_t *offsets,
			      struct ev_error *err);

/* kafka_policy.c */
void ev_kafka_compaction(struct ev_source *s, int *possible);

/* kafka_markers.c */
struct kafka_markers *ev_kafka_markers_new(void);
void ev_kafka_markers_free(struct kafka_markers *m); /* NULL allowed */
void ev_kafka_markers_reset(struct kafka_markers *m);
/* A line of the debug log (ev_kafka_log_debug). */
void ev_kafka_markers_line(void *markers, const char *fac, const char *text);
int64_t ev_kafka_markers(struct ev_source *s, uint32_t part, int64_t *upto);

/* kafka_group.c */
int ev_kafka_group_offsets(struct ev_source *s, const char *group, struct ev_position *out,
			   struct ev_error *err);
int ev_kafka_commit_group(struct ev_source *s, const char *group, const struct ev_position *pos,
			  int timeout_ms, struct ev_error *err);

/* kafka_member.c */
int ev_kafka_hold_group(struct ev_source *s, const char *group, bool (*stopped)(void), struct ev_error *err);
/* Its client, who commits as a member; NULL when it is not that group that is held. */
rd_kafka_t *ev_kafka_member_client(const struct ev_kafka *k, const char *group);
/* That group is held, and was somebody else's for a while, or may have been. */
bool ev_kafka_member_lost(const struct ev_kafka *k, const char *group);
/* If it was lost, be its only member again; what the group's offsets are then is for the caller to look at. */
int ev_kafka_member_regain(struct ev_kafka *k, const char *group, struct ev_error *err);
/* What its commits carry, so that those of others are known; NULL when it is not that group that is held. */
const char *ev_kafka_member_seal(const struct ev_kafka *k, const char *group);
/* Does the group stand where it did when it was looked at first, or where the member has put it? EV_HELD. */
int ev_kafka_member_check(struct ev_kafka *k, const char *group, const rd_kafka_topic_partition_list_t *now,
			  struct ev_error *err);
/* The member has committed these. */
void ev_kafka_member_committed(struct ev_kafka *k, const char *group, const rd_kafka_topic_partition_list_t *l);
void ev_kafka_member_leave(struct ev_kafka *k);

/* kafka_batch.c */
struct kafka_batch *ev_kafka_batch(struct ev_kafka *k);
/* Append a message as a record; the batch owns the message from then on. */
void ev_kafka_batch_add(struct ev_kafka *k, struct kafka_batch *b, rd_kafka_message_t *m,
			uint32_t part, bool headers);
void ev_kafka_batch_rest(struct ev_kafka *k, struct kafka_batch *b);
void ev_kafka_release(struct ev_source *s, struct ev_batch *batch);
/* See source.h. Messages are given back by it as soon as it has been called once in a read. */
bool ev_kafka_tidy(struct ev_source *s);
void ev_kafka_batches_reset(struct ev_kafka *k); /* before a read: batches may be of another size from now on */
void ev_kafka_batches_free(struct ev_kafka *k);

/* kafka_read.c */
int ev_kafka_start(struct ev_source *s, const struct ev_span *spans, bool merge, bool follow,
		   struct ev_error *err);
void ev_kafka_spare(struct ev_source *s, const int64_t *upto);
/* The read of the partition goes on there. */
int ev_kafka_skip_to(struct ev_kafka *k, uint32_t part, int64_t offset, struct ev_error *err);
enum ev_fetch ev_kafka_fetch(struct ev_source *s, size_t lane, struct ev_batch *batch,
			     int timeout_ms, struct ev_error *err);
int64_t ev_kafka_passed(struct ev_source *s, uint32_t part);
void ev_kafka_stop(struct ev_kafka *k);
int ev_kafka_record_at(struct ev_source *s, uint32_t part, int64_t offset, struct ev_record *rec,
		       bool *found, struct ev_error *err);
int ev_kafka_records_at(struct ev_source *s, const int64_t *offsets, ev_source_take *each, void *ctx,
			struct ev_error *err);

/* kafka_rouse.c */
/* Nothing is there on the lane. Where the log has more, see to it that the client asks for it. */
void ev_kafka_rouse(struct ev_kafka *k, size_t lane);
/* By a question for something small, which passes through the partitions' brokers' threads, as its answer does. */
void ev_kafka_wake(struct ev_kafka *k, rd_kafka_t *rk, const size_t *parts, size_t n, int wait_ms);

/* kafka_trouble.c */
/* A message that is an error: 0 when the read may go on. */
int ev_kafka_trouble(struct ev_kafka *k, uint32_t part, const rd_kafka_message_t *m,
		     struct ev_error *err);
/* Nothing arrives on the lane: 0 while it is right to wait on. */
int ev_kafka_idle(struct ev_kafka *k, size_t lane, struct ev_error *err);

/* kafka_still.c */
/* Records came into the batch, from there on. */
void ev_kafka_still_note(struct ev_kafka *k, const struct kafka_batch *b, size_t from);
int ev_kafka_still(struct ev_source *s, bool must, struct ev_error *err);
/* Before records are given: of a follower, or of a read that takes long. */
int ev_kafka_still_now_and_then(struct ev_kafka *k, struct ev_error *err);
/* At each turn of a read: of a follower that has not turned for a while. Only EV_DATA is an error. */
int ev_kafka_still_awake(struct ev_kafka *k, struct ev_error *err);
/* A read begins: of a topic that is not known, and has nothing to give now, what stands before is. */
void ev_kafka_still_begin(struct ev_kafka *k);

#endif
