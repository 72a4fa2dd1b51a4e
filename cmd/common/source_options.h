/*
 * source_options.h - the option rows that every command that reads a source shares
 *
 *   struct my_args { struct ev_source_args src; ... };
 *   static const struct ev_option rows[] = {
 *           ...own rows...,
 *           EV_RANGE_ROWS(struct my_args, src), EV_FILTER_ROWS(struct my_args, src),
 *           EV_SOURCE_ROWS(struct my_args, src), EV_END };
 *   .init: ev_source_args_init(&a->src);  .release: ev_source_args_release(&a->src);
 *   in run: ev_source_args_finish(&a->src, rest, err), then a->src.spec and a->src.range
 */
#ifndef EV_SOURCE_OPTIONS_H
#define EV_SOURCE_OPTIONS_H

#include "common/options.h"
#include "source/range.h"
#include "source/spec.h"

enum ev_tombstones { EV_TOMBSTONES_YES, EV_TOMBSTONES_ONLY, EV_TOMBSTONES_NO };
extern const char *const ev_tombstone_words[]; /* yes only no */

struct ev_source_args {
	/* as given */
	const char *broker, *properties_file, *lines, *archive_map;
	struct ev_list properties;
	const char *from, *to, *since, *until;
	int64_t timeout_ms, txn_wait_ms;
	uint64_t memory;   /* 0: not given; ev_source_args_finish fills the default */
	bool no_merge;
	bool since_filters; /* set by the command: --since looks at each record, so it may stand beside --from */
	struct ev_list types, keys, wheres, headers; /* filters, see filter.h */
	int tombstones;    /* enum ev_tombstones */
	const char *envelope;

	/* by ev_source_args_finish */
	struct ev_source_spec spec;
	struct ev_range_args range;
};

#define EV_RANGE_ROWS(S, m)                                                                       \
	EV_STRING(0, "from", "POS", S, m.from, "start at an offset, -N, begin, @TIME, group:G, FILE"),   \
	EV_STRING(0, "to", "POS", S, m.to, "stop before that position (end, stable, an offset)"), \
	EV_STRING(0, "since", "TIME", S, m.since, "only from that time (2026-11-20T10:00Z, -90m, today)"), \
	EV_STRING(0, "until", "TIME", S, m.until, "only before that time")

#define EV_FILTER_ROWS(S, m)                                                                      \
	EV_LIST(0, "type", "GLOB", S, m.types, "only events of this type; repeatable"),           \
	EV_LIST(0, "key", "GLOB", S, m.keys, "only records with this key; repeatable"),           \
	EV_LIST(0, "where", "EXPR", S, m.wheres, "only events where it holds: '$.a.b > 100'"),    \
	EV_LIST(0, "header", "NAME=GLOB", S, m.headers, "only records with this header"),         \
	EV_ENUM(0, "tombstones", "yes|only|no", S, m.tombstones, ev_tombstone_words,              \
		"records without a value: also, alone, or not")

#define EV_ENVELOPE_ROW(S, m) \
	EV_STRING(0, "envelope", "MAP", S, m.envelope, "where fields are: default, cloudevents, type=$.t")

#define EV_SOURCE_ROWS(S, m)                                                                      \
	EV_STRING('b', "broker", "HOST:PORT", S, m.broker, "Kafka brokers, else $EV_BROKERS"),    \
	EV_LIST('X', "property", "NAME=VALUE", S, m.properties, "any librdkafka property; repeatable"), \
	EV_STRING('F', "properties", "FILE", S, m.properties_file, "file of librdkafka properties"), \
	EV_STRING(0, "lines", "TOPIC", S, m.lines, "read text: each line is a value of TOPIC"),    \
	EV_STRING(0, "archive-map", "FILE", S, m.archive_map,                                     \
		  "the topic was restored from the archive: --offset-map of that copy"),          \
	EV_WAIT(0, "timeout", "TIME", S, m.timeout_ms, "give up on a silent broker (30s)"),  \
	EV_WAIT(0, "txn-wait", "TIME", S, m.txn_wait_ms, "wait for open transactions (30s)"), \
	EV_SIZE(0, "memory", "SIZE", S, m.memory, 16 << 20, INT64_MAX,                            \
		"bound of queues and caches (1/4 of RAM)"),                                       \
	EV_FLAG(0, "no-merge", S, m.no_merge, "as it comes, not merged by time")

void ev_source_args_init(struct ev_source_args *a);

struct ev_messages;
/* What the source says beside (a damaged index of an archive) goes to `msg` as a warning. */
void ev_source_args_notes(struct ev_source_args *a, struct ev_messages *msg);

/*
 * Operands and strings into `spec` and `range`; environment and defaults; conflicts. `now_ms` is the
 * clock for relative times. EV_USAGE names the option. No operand leaves the spec empty: the caller
 * knows whether that is an error.
 */
int ev_source_args_finish(struct ev_source_args *a, const struct ev_operands *rest, int64_t now_ms,
			  struct ev_error *err);
void ev_source_args_release(struct ev_source_args *a);

/* Was any of --from --to --since --until given? */
bool ev_source_args_ranged(const struct ev_source_args *a);

/* A quarter of the RAM or of the cgroup's limit, at least 64 MiB. */
uint64_t ev_default_memory(void);

#endif
