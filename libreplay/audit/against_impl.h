/* against_impl.h - what against.c, against_sort.c and against_pairs.c share, and nobody else */
#ifndef EV_AGAINST_IMPL_H
#define EV_AGAINST_IMPL_H

#include "audit/against.h"
#include "audit/spill.h"

struct hash128 {
	uint64_t high, low;
};

struct against {
	const struct ev_against_side *sides;
	const struct ev_against_options *opt;
	struct ev_faults *faults;
	struct ev_against_result *r;
	struct part { /* of a source, by its partition table */
		size_t pair;   /* index of r->parts; SIZE_MAX: not yet known */
		int64_t order; /* records so far */
		int64_t bytes;
		struct hash128 hash;
	} *parts[2], *again; /* again: of the side that is read once more */
	size_t nparts[2];
	bool one_topic;    /* on both sides */
	bool *differs;     /* by r->parts: to be compared record by record */
	int side;          /* that is being read */
	uint64_t order;    /* of all its records */
	struct ev_spill *items[2];
	struct ev_buf buf, item;
};

bool ev_against_wanted(const struct against *a, const struct ev_record *r);
struct hash128 ev_against_hash(struct against *a, const struct ev_record *r);
/* One record more: its hash, and where offsets count its offset. */
void ev_against_chain(struct part *p, struct hash128 h, const int64_t *offset);
struct part *ev_against_part_of(struct against *a, const struct ev_record *r);

/* against_sort.c: read what differs into both spills, and join them. */
int ev_against_compare(struct against *a, struct ev_error *err);

/*
 * Where a record stands, as it is kept behind the group and the hash of each item:
 *   about (8): key and timestamp; order (8); value (8), headers (8): hashes; place: topic's and
 *   partition's number (4), offset (8), timestamp (8); then the key's first bytes
 */
struct stand {
	uint64_t about, order, value, headers;
	uint32_t part; /* of the source's table */
	int64_t offset, timestamp;
	struct ev_slice key; /* its beginning; null is null */
};
enum { AGAINST_KEY = 64, AGAINST_GROUP = 16, AGAINST_HASH = 16 };
void ev_against_put(struct ev_buf *item, const struct stand *s);
struct stand ev_against_stand(struct ev_slice tail);

/*
 * against_pairs.c: what the join found. Pairs are on both sides; what is alone waits until it is
 * known whether it was changed. finish reports.
 */
struct pairs;
struct pairs *ev_pairs_new(struct against *a);
void ev_pairs_free(struct pairs *p);
int ev_pairs_match(struct pairs *p, const char *group, const struct stand *first,
		   const struct stand *second, struct ev_error *err);
int ev_pairs_alone(struct pairs *p, const char *group, int side, const struct stand *s,
		   struct ev_error *err);
int ev_pairs_finish(struct pairs *p, struct ev_error *err);

#endif
