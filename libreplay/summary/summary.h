/*
 * summary.h - the picture of a range: event types, records over time, JSON paths
 *
 * Everything is bounded: so many types and paths, so many bars of the histogram; what does not fit
 * is counted and said. Fed record by record, in any order.
 */
#ifndef EV_SUMMARY_H
#define EV_SUMMARY_H

#include "record/record.h"
#include "summary/histogram.h"
#include "summary/paths.h"

struct ev_type_sum {
	char *name;         /* the type, or of the special rows NULL */
	uint64_t records;
	uint64_t bytes;     /* of keys and values */
	int64_t first, last; /* smallest and largest timestamp; EV_NO_TIMESTAMP when none had one */
};

enum ev_special_sum { EV_SUM_TOMBSTONE, EV_SUM_NOT_JSON, EV_SUM_NO_TYPE, EV_SUM_OTHER, EV_SUM_SPECIALS };
extern const char *const ev_special_sum_names[EV_SUM_SPECIALS]; /* "(tombstone)", ... */

struct ev_summary {
	struct ev_type_sum total;
	struct ev_type_sum special[EV_SUM_SPECIALS]; /* OTHER: types past the bound */
	struct ev_type_sum *types;
	size_t ntypes, cap, max_types;
	uint32_t *slots;    /* hash table: index + 1 into types */
	size_t nslots;
	struct ev_histogram histogram;
	struct ev_path_sums *paths; /* NULL: not asked for */
};

struct ev_summary *ev_summary_new(size_t max_types, size_t max_paths); /* 0 paths: none */
void ev_summary_free(struct ev_summary *s);
/* `json`: the value is valid JSON; `type` null: it has none. */
void ev_summary_add(struct ev_summary *s, const struct ev_record *r, bool json, struct ev_slice type);
/* Most records first, then by name. */
void ev_summary_sort(struct ev_summary *s);

#endif
