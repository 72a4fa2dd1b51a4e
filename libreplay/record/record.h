/*
 * record.h - what a log holds
 *
 * All members are borrowed: they point into memory of the batch, line or buffer the record came
 * from, and are valid as long as its giver says.
 */
#ifndef EV_RECORD_H
#define EV_RECORD_H

#include <stdint.h>

#include "base/slice.h"

#define EV_NO_TIMESTAMP INT64_MIN

struct ev_header {
	struct ev_slice name;  /* never null; usually UTF-8, but any bytes */
	struct ev_slice value; /* null is Kafka's null header value */
};

struct ev_record {
	struct ev_slice topic;
	int32_t partition;
	int64_t offset;
	int64_t timestamp;   /* milliseconds since 1970 UTC, or EV_NO_TIMESTAMP */
	bool log_append;     /* the timestamp is LogAppendTime, not the producer's */
	struct ev_slice key; /* may be null */
	struct ev_slice value; /* null is a tombstone */
	const struct ev_header *headers; /* in order, duplicates kept */
	size_t nheaders;
	uint32_t part;       /* index into the partition table of its source (source.h) */
};

/* What it holds of memory, about: key, value and headers. */
static inline size_t ev_record_bytes(const struct ev_record *r)
{
	size_t n = r->key.len + r->value.len;

	for (size_t i = 0; i < r->nheaders; i++)
		n += r->headers[i].name.len + r->headers[i].value.len;
	return n;
}

/* A topic name as Kafka takes it: 1 to 249 of letters, digits, `.`, `_`, `-`; not `.` or `..`. */
#define EV_TOPIC_MAX 249
bool ev_topic_valid(struct ev_slice name);

/* The value of the last header named `name` (as Kafka's lastHeader); NULL when there is none. */
const struct ev_header *ev_record_header(const struct ev_record *r, const char *name);

/*
 * The identity of a record for the ledger: 64 bits of XXH3 over an injective encoding of timestamp,
 * key, headers and value (not topic, partition, offset). Never 0. Recognises a recreated topic.
 */
uint64_t ev_record_hash(const struct ev_record *r);

#endif
