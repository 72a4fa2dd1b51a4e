/*
 * replay.h - the parts of evreplay
 *
 *   evreplay.c (options) -> run.c (what to read, the loop) -> target.c (which sink, what topics are
 *   called there) -> libreplay/sink; close.c says how it ended and saves the position
 */
#ifndef EVREPLAY_REPLAY_H
#define EVREPLAY_REPLAY_H

#include "common/filter.h"
#include "common/progress.h"
#include "common/source_options.h"
#include "merge/merge.h"
#include "sink/kafka.h"

struct replay_args {
	struct ev_source_args src;
	const char *into, *into_broker, *into_config;
	const char *partition;
	struct ev_list maps;
	const char *position; /* --position FILE: where the copy has come */
	bool create, lossy;
	bool follow, quiet, verbose;
};

struct replay_part {   /* of the source */
	int64_t next;  /* behind the last record that was handed over or left out; -1: none yet */
	char *topic;   /* its name in the target */
	uint64_t copied;
};

struct replay {
	struct replay_args *args;
	struct ev_messages *msg;
	struct ev_source *src;
	struct ev_filter *filter;
	struct ev_spread spread;
	struct ev_sink *sink;
	bool kafka;            /* the sink writes topics */
	struct ev_span *spans;
	size_t nspans;
	struct ev_merge *merge;
	struct ev_record *records;
	struct replay_part *parts;
	size_t nparts;
	struct ev_progress progress;
	int64_t start_ms;      /* monotonic: when the copy began */
	uint64_t read;         /* records read */
};

/* ---- run.c ---- */

int replay_run(void *args, struct ev_operands *rest, struct ev_messages *msg, struct ev_error *err);

/* ---- target.c ---- */

/* Does --into name topics (or nothing: the same names on another cluster), - or an archive? */
enum replay_into { INTO_TOPIC, INTO_LINES, INTO_ARCHIVE };
enum replay_into replay_into(const struct replay_args *a);
/* Conflicts between the options of the target. EV_USAGE. */
int replay_check_target(struct replay *r, struct ev_error *err);
/* The sink. The source is open. */
int replay_open_target(struct replay *r, struct ev_error *err);
/* The partition's entry, made when it is new; its topic in the target. NULL on error. */
struct replay_part *replay_part(struct replay *r, uint32_t part, struct ev_slice topic,
				struct ev_error *err);

/* ---- close.c ---- */

/* The source's position behind all that was read. */
void replay_position(struct replay *r, struct ev_position *pos);
/* Up to where all is safe after a failure, and on stderr what stands behind it all the same. */
void replay_settle(struct replay *r, struct ev_position *pos);
void replay_report(struct replay *r);

#endif
