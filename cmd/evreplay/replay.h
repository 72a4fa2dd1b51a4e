/*
 * replay.h - the parts of evreplay
 *
 *   evreplay.c (options) -> run.c (what to read, the loop) -> change.c (redaction, timestamps, pace)
 *   -> target.c (which sink, what topics are called there), plan.c (will they keep it?) ->
 *   libreplay/sink; job.c (is a job the same copy as before?); dry.c prints the plan instead; close.c
 *   says how it ended, saves the position
 *
 * archive.c is the target that is an archive, restore.c tells whether one is copied into its own topic too late,
 * clusters.c says who is where, metrics.c writes the textfile. redrive.c (redrive.h) makes a redrive of a copy;
 * offsets.c is the command `offsets`.
 */
#ifndef EVREPLAY_REPLAY_H
#define EVREPLAY_REPLAY_H

#include "archive/archive.h"
#include "common/filter.h"
#include "common/progress.h"
#include "common/source_options.h"
#include "merge/merge.h"
#include "position/offset_map.h"
#include "sink/kafka.h"
#include "sink/pace.h"
#include "sink/redact.h"

enum replay_timestamps { TIMESTAMPS_KEEP, TIMESTAMPS_NOW, TIMESTAMPS_SHIFT };

enum { REPLAY_TXN_RECORDS = 1000000, REPLAY_TXN_MS = 1000, REPLAY_LEVEL = 1 }; /* where nothing is said */

struct replay_args {
	struct ev_source_args src;
	const char *into, *into_broker, *into_config;
	const char *partition;
	struct ev_list maps, allow;
	const char *position; /* --position FILE: where the copy has come */
	const char *offset_map; /* --offset-map FILE */
	const char *metrics;    /* --metrics FILE */
	bool create, lossy, dry_run;
	bool exactly_once, new_job, accept_gap;
	const char *job, *group;
	int64_t txn_records, txn_ms;
	const char *rate, *speed, *start_at;
	int64_t max_idle_ms;
	int timestamps; /* enum replay_timestamps */
	struct ev_list redacts, hashes;
	const char *key_file;
	int redact_other; /* enum replay_other */
	bool follow, quiet, verbose;

	bool append, verify;  /* of an archive */
	int64_t level, threads;

	bool redrive;         /* the subcommand */
	int64_t max, max_redrives;
	const char *quarantine;
};

enum replay_other { OTHER_REFUSE, OTHER_DROP, OTHER_PASS };

/* What a target may not be, unless --allow says so; in the order of the words. */
enum replay_conflict { ALLOW_SAME, ALLOW_FEWER, ALLOW_LOG_TIME, ALLOW_OTHER_JOB, ALLOW_GROWN, ALLOW_RETENTION,
		       ALLOW_BOUNDS, ALLOW_NULL_KEYS, NCONFLICTS };

struct replay_topic { /* one that is written */
	char *name;
	struct ev_topic_info info;
	bool create;                /* is not there yet */
	bool as_made;               /* it will have the settings that the brokers give it */
	bool unseen;                /* its settings may not be seen: nothing is refused for them */
	bool rewrites, compacts;
	bool checked;               /* that it is still what the job has written */
	int32_t was;                /* how many partitions it had then; 0: not known */
	char *other;                /* that another job has copied the same into it; NULL: none */
	int64_t keep_ms;            /* records older than that are deleted at once; INT64_MAX: none */
	int64_t most_bytes;         /* max.message.bytes; INT64_MAX: not known */
	uint64_t large, largest;    /* a dry run: records above that; bytes of the largest */
	int64_t before_ms, after_ms; /* and refused, when so much older or newer than the clock */
	uint64_t conflicts[NCONFLICTS]; /* met: by a dry run, or allowed */
};

struct replay_part {   /* of the source */
	int64_t next;  /* behind the last record that was handed over or left out; -1: none yet */
	char *topic;   /* its name in the target */
	struct replay_topic *into; /* NULL: no topic */
	uint64_t copied, bytes;
	uint64_t held;         /* a dry run: of a file, and in the archive already */
	int64_t oldest, newest; /* timestamps of what was copied; a dry run only */
	uint64_t unproducible;
	bool begun;             /* a job of a file: where that begins was looked at */
	uint64_t noted;         /* the look at last records that its own was met in */
	int64_t left;           /* redrive: the first that a filter has left; -1: none */
};

struct replay {
	struct replay_args *args;
	struct ev_messages *msg;
	struct ev_source *src;
	struct ev_filter *filter;
	struct ev_spread spread;
	struct ev_sink *sink;  /* NULL: a dry run */
	struct ev_sink *asked; /* a dry run of a job: nothing is put into it */
	bool kafka;            /* topics are written */
	int64_t batch_bytes;   /* of their producer's batches, at most */
	struct ev_cluster *cluster; /* of the sink; with --dry-run one of its own */
	unsigned allowed;      /* bits of enum replay_conflict */
	struct replay_topic **topics; /* that are written */
	size_t ntopics;
	struct ev_span *spans;
	size_t nspans;
	struct ev_merge *merge;
	struct ev_record *records;
	struct replay_part *parts;
	size_t nparts;
	struct ev_progress progress;
	struct ev_pace pace;
	int64_t planned_us;       /* a plan: when the record at hand is due, by the pace's clock; 0: it has none */
	struct redrive *redrive;  /* NULL: a plain copy */
	bool has_since, has_until; /* of a redrive */
	int64_t since, until;
	struct ev_redact *redact; /* NULL: nothing is to be redacted */
	struct ev_buf changed;    /* the value of the record at hand */
	int64_t shift_ms;      /* --timestamps shift: is added; INT64_MIN: not known yet */
	uint64_t losses[EV_NLOSSES], lossy; /* records that --lossy changes, by what, and all */
	const char *unproducible; /* a dry run: the first reason */
	uint64_t dropped;      /* no JSON, --redact-other drop */
	uint64_t unredacted;   /* a dry run: no JSON, --redact-other refuse */
	int64_t start_ms;      /* monotonic: when the copy began */
	uint64_t read;         /* records read */
	size_t taken;          /* of the batch at hand, which begins at `records` */
	uint64_t batch;        /* number of the look at last records at hand */
	uint64_t passed;       /* records of a file that the job had copied before */
	struct ev_job_token *token; /* of the job, in the sink; NULL: it is none */
	struct ev_manifest archived; /* a dry run: what the archive holds that would be appended to */
	struct ev_position stored; /* where the job stood when it began; with an entry: go on from there */
	uint64_t flushed_at;   /* sink->records when it was flushed last */
	int64_t flushed_ms;
	bool ending;           /* the next flush is the last one */
	struct ev_map_writer *map;
	bool asked_again;        /* whether another job has begun meanwhile to copy the same */
	bool unmapped;           /* the job's run before this one had none */
	int64_t begun;           /* when the job was begun, or begun anew; 0: not known yet */
	struct ev_position safe; /* behind what the last flush made safe */
	int64_t metrics_ms;      /* monotonic: when they were written last; 0: never */
};

/* ---- run.c ---- */

int replay_run(void *args, struct ev_operands *rest, struct ev_messages *msg, struct ev_error *err);
/*
 * After an error before anything was on its way: the status, when a signal has ended a wait for the target
 * (that counts for more than the wait); else -1.
 */
int replay_stopped_early(struct ev_messages *msg, const struct ev_error *err);
/* In the middle of a wait: a transaction that is old enough ends, so that none times out. */
int replay_flush_due(struct replay *r, struct ev_error *err);
/* Of a job, before its first record: it is stored where that begins, and what goes where. */
int replay_claim(struct replay *r, struct ev_error *err);
/* What was handed over so far is safe, and said to be. */
int replay_flush_now(struct replay *r, struct ev_error *err);

/* ---- change.c ---- */

extern const char *const replay_other_words[]; /* by enum replay_other */

/* --rate, --speed, --start-at, --timestamps, --redact, --hash. EV_USAGE. */
int replay_prepare_changes(struct replay *r, struct ev_error *err);
/* What was given as the path that ev_redact_met calls number i. */
const char *replay_path(const struct replay *r, size_t i);
/*
 * The record as it is to be written: 0; 1 when it is dropped. What it points to stays until the
 * next call.
 */
int replay_change(struct replay *r, struct ev_record *rec, struct ev_error *err);
/* Into topics: a record that is to be written as it is now, and --lossy changes, is counted. */
void replay_note_losses(struct replay *r, const struct ev_record *rec);
/* ": 3 with the time of writing", and so on, of those that were counted. */
void replay_print_losses(const struct replay *r, struct ev_buf *out);
/* ms: when a record is written that is due now: not before --start-at, and in a plan at its pace, without waiting. */
int64_t replay_writing_ms(const struct replay *r);
/* A plan: the record is the next to be written, at its time by the pace. */
void replay_plan_time(struct replay *r, struct ev_record *rec, int64_t original_ms);
/* Wait until it is due by its `original_ms`, serving the sink. 0; 1 stopped by a signal; -1. */
int replay_wait(struct replay *r, struct ev_record *rec, int64_t original_ms, struct ev_error *err);

/* ---- clusters.c ---- */

/* The source's, borrowed from its options, unless another is named: then none of the source's properties. */
struct ev_cluster_spec replay_target_cluster(const struct ev_source_spec *s, const char *brokers,
					     const char *properties);
/*
 * EV_HELD, with that hint, when the consumer group has members there; `source`: it is the source's cluster. With
 * `msg` (NULL: then that is an error) a group that no broker knows is let pass though one does not answer, and said.
 */
int replay_need_idle(const struct ev_cluster_spec *c, bool source, const char *group, const char *hint,
		     struct ev_messages *msg, struct ev_error *err);

/* Of a job with a group: does the target's cluster have these of the source's partitions, to commit? EV_USAGE. */
int replay_check_group(struct replay *r, size_t first, size_t end, struct ev_error *err);

/* ---- target.c ---- */

/* Does --into name topics (or nothing: the same names on another cluster), - or an archive? */
enum replay_kind { INTO_TOPIC, INTO_LINES, INTO_ARCHIVE };
enum replay_kind replay_into(const struct replay_args *a);
/* Are those that are given for such a target, or for --verify, which has none? EV_USAGE. */
int replay_check_options(const struct replay_args *a, struct ev_error *err);
/* And conflicts between them. EV_USAGE. */
int replay_check_target(struct replay *r, struct ev_error *err);
/* The sink, or for a dry run only the connection. The source is open. */
int replay_open_target(struct replay *r, struct ev_error *err);
/* One more topic was met under way: the batches must fit that, too. What was handed over before is flushed. */
int replay_bound_batches(struct replay *r, struct ev_error *err);
/* The one that a copy writes, or a job's plan asks; NULL: neither. */
struct ev_sink *replay_sink(const struct replay *r);
/* A dry run: where a job or an archive stands, to r->stored. Nothing is fenced or locked. */
int replay_peek_target(struct replay *r, bool *known, struct ev_error *err);
/* The partition's entry, made when it is new. */
struct replay_part *replay_part_at(struct replay *r, uint32_t part);
/* The same with its topic in the target. NULL on error. */
struct replay_part *replay_part(struct replay *r, uint32_t part, struct ev_slice topic,
				int32_t partition, struct ev_error *err);

/*
 * The first rule of --map that fits none of the topics that are known; NULL: each fits one. A slip: what it means would
 * keep its name.
 */
const char *replay_idle_map(const struct replay *r);
/* There is none; a file shows its topics later. EV_USAGE. */
int replay_check_maps(struct replay *r, struct ev_error *err);

/* ---- archive.c ---- */

int replay_open_archive(struct replay *r, struct ev_error *err);
/* A dry run: would it be opened? The position behind its records; *known: there is one, to be appended to. */
int replay_peek_archive(struct replay *r, bool *known, struct ev_error *err);
/* Of an archive, when the spans are known: its end and their beginnings have to meet. */
int replay_begin_archive(struct replay *r, struct ev_error *err);
/* A dry run: 1 when the archive has the file's record already, 0 when it would be written, -1: refused. */
int replay_plan_archive(struct replay *r, struct replay_part *p, const struct ev_record *rec, struct ev_error *err);
/* The offset of the last record that the archive holds of the partition; -1: none. */
int64_t replay_archive_last(const struct replay *r, const struct ev_partition *p);
/* --verify: 0, EV_DATA when one is not whole, -1. */
int replay_verify(struct replay *r, const struct ev_operands *rest, struct ev_error *err);

/* ---- job.c ---- */

/*
 * The options that choose and change records, as one text that stays the same: times as they are, and a key by its
 * fingerprint. Those that an archive was made with, which is read, as well. *chosen: behind those that choose.
 */
int replay_describe(const struct replay *r, struct ev_buf *out, size_t *chosen, struct ev_error *err);
/* A job and --append have no bound that would be another one in the next run. EV_USAGE. */
int replay_check_bounds(const struct replay_args *a, struct ev_error *err);
/* --accept-gap is for sources that cannot tell a hole from a loss. EV_USAGE. */
int replay_check_gap(const struct replay_args *a, struct ev_error *err);
/* Is the source still the one that the job has read? Before the ranges are resolved. EV_DATA. */
int replay_check_source(struct replay *r, struct ev_error *err);
/*
 * Is the topic that partition number `part` goes to the one that it has written, and still that? When both are known:
 * before the first record, of a file with its first one. EV_USAGE, EV_DATA.
 */
int replay_check_route(struct replay *r, uint32_t part, struct ev_error *err);
/* Of a job: does a reader of committed records see any in the topic of the target? True also where nobody says. */
bool replay_shows_records(const struct replay *r, const char *topic);
/* The same of all that are known. */
int replay_check_routes(struct replay *r, struct ev_error *err);
/*
 * A slip in the job's name would double each record: has another one copied the same into the same topic? What this one
 * has begun it goes on with. When the spans are known. EV_USAGE.
 */
int replay_check_others(struct replay *r, struct ev_error *err);
/* Once more, of a new job before its first records are committed: of those begun beside it. EV_USAGE, EV_STORE. */
int replay_check_at_work(struct replay *r, struct ev_error *err);
/* The same of a file, by the first record of a partition. */
int replay_check_other(struct replay *r, const struct ev_record *first, struct ev_error *err);
/*
 * The record is of a file: 1, the job has copied it before; 0; EV_DATA where it is another than the one that was the
 * first or last there.
 */
int replay_passed(struct replay *r, const struct ev_record *rec, struct ev_error *err);
/*
 * Of a file, before what was just read of it is taken: does it begin where the job stands, or before? What lies
 * between would be in no run. EV_DATA.
 */
int replay_check_begins(struct replay *r, struct ev_error *err);
/*
 * The file has ended: one that ends before the last record that the job has read, or the archive has, is told.
 * EV_DATA of lines.
 */
int replay_check_ends(struct replay *r, struct ev_error *err);
/* The sink's, once it stands where the last run has left it; NULL where it is of no job. */
void replay_take_token(struct replay *r);
/* Records that were taken of the batch at hand, the last of each partition in the token: before it is committed. */
void replay_note_last(struct replay *r);

/* ---- plan.c ---- */

extern const char *const replay_allow_words[]; /* by enum replay_conflict */
extern const char *const replay_partition_words[];
int replay_allow(struct replay *r, struct ev_error *err); /* --allow */
/* The topics that are written, as far as they are known before the first record: are they there, or to be made? */
int replay_look(struct replay *r, struct ev_error *err);
/* The smallest max.message.bytes of them; INT64_MAX where none is known. */
int64_t replay_least_batch(const struct replay *r);
/* All else that can be known before the first record: ranges, settings; makes topics. */
int replay_plan(struct replay *r, struct ev_error *err);
/* The target of a new partition, found, and made where it is missing. */
int replay_check_part(struct replay *r, struct replay_part *p, int32_t partition, const char *from,
		      struct ev_error *err);
/* Something stands against the target. 0: it is allowed, or a dry run goes on and lists it; EV_USAGE with `text`. */
int replay_against(struct replay *r, struct replay_topic *t, enum replay_conflict what, struct ev_error *err,
		   const char *text);
/* Do filters leave some of the range? */
bool replay_chooses(const struct replay_args *a);
/* Will the topic keep the record, which is written now? EV_USAGE. */
int replay_check_record(struct replay *r, struct replay_topic *t, const struct ev_record *rec,
			struct ev_error *err);
/* What is known of the topic; looked at when it is new. `from`: a topic that goes there (NULL: it is not made). */
struct replay_topic *replay_topic_named(struct replay *r, const char *name, const char *from,
					  struct ev_error *err);
/* A word of what the topic holds already: the same line again copies all of it again, and so does a job's first run. */
void replay_say_filled(const struct replay *r, const struct replay_topic *t);
/* What helps where the topic is not there. */
void replay_missing_way(const struct replay *r, const struct replay_topic *t, struct ev_buf *out);
const char *replay_allow_verb(size_t what); /* what --allow does then: "does so", "tries" */
void replay_topics_release(struct replay *r);

/* ---- restore.c ---- */

/*
 * Of a job that copies an archive into its own topic, when the spans are known: does that hold the archive's last
 * records at their offsets, though there are some to copy? Then they came from there. EV_STORE.
 */
int replay_restore_over(const struct replay *r, const struct replay_topic *t, bool *over, struct ev_error *err);

/* ---- dry.c ---- */

/* `target`: the topic that it goes to, or NULL. */
void replay_dry_count(struct replay *r, struct replay_part *p, struct replay_topic *target,
		      const struct ev_record *rec);
/* Lines of what stands against it, with the topics that are written or without. The number of conflicts. */
uint64_t replay_dry_conflicts(const struct replay *r, bool topics, struct ev_buf *out);
/* The plan, to stdout. 0, EV_NO when something stands against it, -1. */
int replay_dry_print(struct replay *r, struct ev_error *err);

/* ---- metrics.c ---- */

/* Every ten seconds and at the first call; at the end. Without --metrics, and of a dry run, nothing. EV_STORE. */
int replay_metrics_due(struct replay *r, struct ev_error *err);
int replay_metrics_end(struct replay *r, bool failed, struct ev_error *err);

/* ---- close.c ---- */

/* Where a partition of the source goes on, into `pos`; not where that is not known (-1, or a file's end to come). */
void replay_position_set(const struct replay *r, size_t part, int64_t next, struct ev_position *pos);
/* The source's position behind all that was read. */
void replay_position(struct replay *r, struct ev_position *pos);
/* Up to where all is safe after a failure, and on stderr what stands behind it all the same. Is it all that was put? */
bool replay_settle(struct replay *r, struct ev_position *pos);
/* What to do after a copy that was under way has failed, where nothing else is said already; `saved`: its position. */
void replay_advise(const struct replay *r, bool saved, struct ev_error *err);
/* Another log stands there now: say what that means for the copy. Nothing is kept of it any more. */
void replay_settle_remade(struct replay *r);
/* A file has ended, and its topics are known: what options name, and none of them is, is said. */
void replay_report_slips(const struct replay *r);
/* `stopped`: by a signal, before its end. */
void replay_report(struct replay *r, bool stopped);

#endif
