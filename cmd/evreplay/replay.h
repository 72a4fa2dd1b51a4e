/*
 * replay.h - the parts of evreplay
 *
 *   evreplay.c (options) -> run.c (what to read, the loop) -> target.c (which sink) -> libreplay/sink
 */
#ifndef EVREPLAY_REPLAY_H
#define EVREPLAY_REPLAY_H

#include "common/filter.h"
#include "common/progress.h"
#include "common/source_options.h"
#include "merge/merge.h"
#include "sink/sink.h"

struct replay_args {
	struct ev_source_args src;
	const char *into;
	const char *position; /* --position FILE: where the copy has come */
	bool follow, quiet, verbose;
};

struct replay {
	struct replay_args *args;
	struct ev_messages *msg;
	struct ev_source *src;
	struct ev_filter *filter;
	struct ev_sink *sink;
	struct ev_span *spans;
	size_t nspans;
	struct ev_merge *merge;
	struct ev_record *records;
	struct ev_progress progress;
	uint64_t read;           /* records read */
	struct ev_position safe; /* behind what the last flush made safe */
};

int replay_run(void *args, struct ev_operands *rest, struct ev_messages *msg, struct ev_error *err);

/* ---- target.c ---- */

/* The sink that --into names. EV_USAGE when there is none. */
int replay_open_target(struct replay *r, struct ev_error *err);

#endif
