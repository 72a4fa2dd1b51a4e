/*
 * spread.h - which partition of the target a record goes to (--partition)
 *
 *   key         murmur2 of the key, as Java clients do
 *   librdkafka  CRC32 of the key, as librdkafka's own default
 *   keep        the partition that it had
 *   0=3,1=4     from source to target partition, one by one
 *
 * Where a client would choose at random (no key; with librdkafka an empty one too) the source's
 * partition decides, modulo the target's: so the order of such records is kept, and a copy that is
 * done again comes out the same.
 */
#ifndef EV_SPREAD_H
#define EV_SPREAD_H

#include "base/error.h"
#include "record/record.h"

enum ev_spread_kind { EV_SPREAD_KEY, EV_SPREAD_LIBRDKAFKA, EV_SPREAD_KEEP, EV_SPREAD_LIST };

struct ev_spread {
	enum ev_spread_kind kind;
	struct ev_spread_pair {
		int32_t from, to;
	} *pairs; /* LIST */
	size_t n;
	bool wrap; /* keep: modulo the target's partitions, where there are fewer */
	const char *keyed; /* a topic into which records go by key, whatever they do elsewhere; or NULL */
};

/* EV_USAGE when it is none of these. NULL is `key`. */
int ev_spread_parse(struct ev_spread *s, const char *text, struct ev_error *err);
void ev_spread_release(struct ev_spread *s);

/* The partition of `partitions`; -1 where keep or the list names one that is not there. */
int32_t ev_spread_of(const struct ev_spread *s, const struct ev_record *r, int32_t partitions);

#endif
