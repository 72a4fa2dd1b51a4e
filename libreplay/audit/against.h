/*
 * against.h - do two sources hold the same records? After a copy, a mirror, a restore
 *
 * A record is its key, headers, timestamp and value, byte for byte; topic, partition and offset are
 * where it stands. Both sources are read once, each partition into a number of records and one hash
 * over all of them in their order. Where these agree, nothing more is read. What differs is read
 * once more and compared record by record, by sorting outside of memory (spill.h):
 *
 *   matched   on both sides, in the same group: the partition, or with `by_key` the key
 *   changed   the same key and timestamp on both sides, but other headers or another value
 *   missing   only in the first source;  extra: only in the second
 *   moved     matched, but out of its order in the group; with `offsets` also: at another offset
 *
 * Records of the first source = matched + changed + missing, of the second = matched + changed +
 * extra. Records without a key have no order with `by_key`. Topics are paired by their names; where
 * both sides have one, whatever it is called.
 */
#ifndef EV_AGAINST_H
#define EV_AGAINST_H

#include "audit/fault.h"
#include "audit/read.h"

struct ev_against_side {
	struct ev_source *src;       /* opened with need_headers */
	const struct ev_span *spans; /* for each of its partitions */
};

struct ev_against_options {
	bool by_key;             /* the partitions may differ: each key's records in their order */
	bool offsets;            /* offsets have to be the same too (not with by_key) */
	bool has_since, has_until;
	int64_t since, until;    /* only timestamps in [since, until), on both sides */
	size_t memory;
	const char *dir;         /* of temporary files, or NULL */
	const struct ev_read_hooks *hooks; /* or NULL */
};

struct ev_against_part { /* a topic's partition on both sides: [0] the first source */
	char *topic;             /* as the first source calls it, or the only one that has it */
	int32_t partition;
	int64_t records[2], bytes[2]; /* keys, headers and values */
	char hash[2][33];        /* of all records in order; "" where there are none */
};

struct ev_against_result {
	struct ev_against_part *parts;
	size_t nparts;
	int64_t records[2], bytes[2];
	int64_t matched, changed, missing, extra, moved;
	bool compared;           /* record by record; else the hashes of all partitions agree */
};

/*
 * 0 when both were read to their ends: then `out` and `faults` say what came of it.
 * EV_READ_STOPPED. -1: EV_USAGE where partitions are to be compared and a topic has not as many on
 * both sides, or a pipe would have to be read twice. `out` is to be released, whatever is returned.
 */
int ev_against_run(const struct ev_against_side sides[2], const struct ev_against_options *opt,
		   struct ev_faults *faults, struct ev_against_result *out, struct ev_error *err);
void ev_against_release(struct ev_against_result *r);

#endif
