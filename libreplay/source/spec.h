/*
 * spec.h - the positional SOURCE words of the argument language, and how to open them
 *
 *   TOPIC | TOPIC/0,2-5 | ./file.ndjson[.gz] | /abs/file.ndjson[.gz] | - ; --lines TOPIC
 *   ./archive | ./archive/TOPIC | ./archive/TOPIC/0,2-5 ; with TOPIC: the archive, then the topic
 */
#ifndef EV_SPEC_H
#define EV_SPEC_H

#include "source/source.h"

struct ev_topic_spec {
	char *topic;
	int32_t *partitions; /* sorted, no doubles; NULL: all of the topic */
	size_t npartitions;
};

struct ev_source_spec {
	struct ev_topic_spec *topics;
	size_t ntopics;
	char **files; /* paths; "-" is stdin */
	size_t nfiles;
	char *lines_topic; /* --lines: files hold one value a line; NULL otherwise */
	char *archive; /* its folder; NULL: none */
	struct ev_topic_spec *selected; /* of the archive */
	size_t nselected;
	char *archive_map; /* of the restore that the topic came from (--archive-map); NULL: none */
	bool archive_whole; /* it was named without a selection too */
	/* What is said beside: a damaged index that is done without, what an archive does not hold. NULL: not said. */
	void (*note)(void *ctx, const char *text);
	void *note_ctx;

	/* Kafka only */
	char *brokers;        /* -b, EV_BROKERS */
	char **properties;    /* -X name=value */
	size_t nproperties;
	char *properties_file;/* -F */
	int timeout_ms;       /* --timeout; 30000 */
	bool (*stopped)(void);/* asked in a wait for a broker, in a look through a file: give up? NULL: never */
	int txn_wait_ms;      /* --txn-wait; 30000 */
	size_t memory;        /* bytes for all queues (--memory) */
	bool need_headers;    /* headers are wanted in records (costs time) */
	bool count_markers;   /* control records are to be counted (source.h markers) */
	bool follow_hint;     /* small reads first: favour latency over throughput */
};

#define EV_SOURCE_SPEC_INIT { .timeout_ms = 30000, .txn_wait_ms = 30000, .memory = 256u << 20 }

#define EV_SPEC_MAX_PARTITIONS 65536 /* in one list */

/*
 * Add one positional word. A file (starts with `/` or `.`, or is `-`) must exist (EV_SOURCE); the
 * same file twice is EV_USAGE. A folder is an archive, or lies in one and selects. The same topic
 * twice is the union of its partitions. Files and other sources in one spec are EV_USAGE, and so are
 * two archives, and topics beside an archive of which something is selected.
 */
int ev_source_spec_add(struct ev_source_spec *spec, const char *word, struct ev_error *err);
void ev_source_spec_release(struct ev_source_spec *spec);
/* What the word would name as a path, with ./ before it: "an archive", "a file"; NULL: nothing to be read. */
const char *ev_source_path_is(const char *word);
/* Is the topic read from the log with all of its partitions? */
bool ev_source_spec_whole(const struct ev_source_spec *spec, const char *topic);

/*
 * Open what the spec names: Kafka, files, an archive, or an archive and then Kafka. The spec may be
 * released afterwards.
 */
struct ev_source *ev_source_open(const struct ev_source_spec *spec, struct ev_error *err);

/* The implementations behind it. */
struct ev_source *ev_kafka_open(const struct ev_source_spec *spec, struct ev_error *err);
struct ev_source *ev_file_open(const struct ev_source_spec *spec, struct ev_error *err);
struct ev_source *ev_archive_open(const struct ev_source_spec *spec, struct ev_error *err);
struct ev_source *ev_join_open(const struct ev_source_spec *spec, struct ev_error *err);

#endif
