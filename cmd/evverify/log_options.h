/*
 * log_options.h - evverify --log and --against: their options, and the modes they ask for
 *
 * They need no store, and no projection file where the source is named.
 */
#ifndef EV_LOG_OPTIONS_H
#define EV_LOG_OPTIONS_H

#include "common/source_options.h"
#include "projection/projection.h"
#include "verify/log_mode.h"

struct ev_log_args {
	bool log, strict_time, contiguous, same_offsets;
	const char *sequence, *against_broker, *against_config;
	struct ev_list against;
	int by;
};

extern const char *const ev_against_words[]; /* partition key */

#define EV_LOG_MODE_ROWS(S, m)                                                                     \
	EV_FLAG(0, "log", S, m.log, "the log is whole: holes, doubled ids, gaps, causes"),         \
	EV_LIST(0, "against", "SOURCE", S, m.against, "it holds the same records; repeatable")

#define EV_LOG_ROWS(S, m)                                                                          \
	EV_STRING(0, "sequence", "PATH", S, m.sequence, "numbers that count up by 1 in each key"), \
	EV_FLAG(0, "contiguous", S, m.contiguous, "no transactions, no compaction: no holes"),     \
	EV_FLAG(0, "strict-time", S, m.strict_time, "timestamps never go back in a partition"),    \
	EV_ENUM(0, "by", "partition|key", S, m.by, ev_against_words,                               \
		"what keeps its order in the other source"),                                       \
	EV_FLAG(0, "same-offsets", S, m.same_offsets, "offsets are the same in the other source"), \
	EV_STRING(0, "against-broker", "HOST:PORT", S, m.against_broker,                           \
		  "brokers of the other source"),                                                  \
	EV_STRING(0, "against-config", "FILE", S, m.against_config,                                \
		  "properties file of the other source")

/* Is one of the modes asked for? */
bool ev_log_args_any(const struct ev_log_args *a);

/* EV_USAGE for options that belong to a mode that is not asked for. */
int ev_log_args_check(const struct ev_log_args *a, const struct ev_source_args *src,
		      struct ev_error *err);

/*
 * Run the modes over the open source. `p` may be NULL: ids are then found by --envelope, or
 * guessed. -1: EV_USAGE.
 */
int ev_log_args_run(const struct ev_log_args *a, struct ev_source_args *args, struct ev_source *src,
		    struct ev_projection *p, int64_t max_diffs, bool allow_empty,
		    const struct ev_read_hooks *hooks, struct ev_verdict *v, struct ev_error *err);

#endif
