/* read.h - all records of some spans, given to one function */
#ifndef EV_AUDIT_READ_H
#define EV_AUDIT_READ_H

#include "source/source.h"

struct ev_read_hooks {
	void *ctx;
	bool (*stop)(void *ctx); /* asked now and then: end with EV_READ_STOPPED */
	/* records so far; offsets passed and to pass, the latter 0 where it is not known */
	void (*progress)(void *ctx, int64_t records, int64_t passed, int64_t span);
};

#define EV_READ_STOPPED 1

/* Is it to end? For what is done between two reads, and takes time. */
static inline bool ev_read_stopped(const struct ev_read_hooks *hooks)
{
	return hooks && hooks->stop && hooks->stop(hooks->ctx);
}

typedef int (*ev_read_fn)(void *ctx, const struct ev_record *r, struct ev_error *err);

/*
 * In the order of a merge, or as it comes. `hooks` may be NULL. 0 at the end, EV_READ_STOPPED, -1;
 * what `fn` returns but 0 ends the read and is returned.
 */
int ev_read_spans(struct ev_source *src, const struct ev_span *spans, bool merge, ev_read_fn fn,
		  void *ctx, const struct ev_read_hooks *hooks, struct ev_error *err);

#endif
