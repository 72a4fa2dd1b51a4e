/*
 * filter.h - the filters that readers share: --key --header --tombstones --type --where
 *
 * Cheap tests run first: a record refused by tombstone, key or header is never parsed. Several
 * --key or --type: any of them; several --header or --where: all of them.
 */
#ifndef EV_FILTER_H
#define EV_FILTER_H

#include "common/source_options.h"
#include "record/record.h"

struct ev_filter;

/* What parsing the value gave; type borrows from the record or the filter until the next test. */
struct ev_filter_event {
	bool json;            /* the value is a JSON document */
	struct ev_slice type; /* null: none */
	int64_t time;         /* ms: of the event where --envelope maps it, else of the record */
};

/*
 * `want_event`: the caller needs `event` filled for every record that passes, so values are parsed
 * even when no filter asks for it. Without --envelope the type is the first that is a string of
 * $.event_type, $.type, $.eventType. NULL and EV_USAGE on error.
 */
struct ev_filter *ev_filter_new(const struct ev_source_args *a, bool want_event,
				struct ev_error *err);
void ev_filter_free(struct ev_filter *f);
bool ev_filter_needs_headers(const struct ev_filter *f);

bool ev_filter_test(struct ev_filter *f, const struct ev_record *r, struct ev_filter_event *event);

#endif
