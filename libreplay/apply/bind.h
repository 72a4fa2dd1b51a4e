/*
 * bind.h - parameters of a handler's statement from one event
 *
 * JSON becomes SQL as evproject-file(5) says; nothing is ever pasted into SQL. Bytes are borrowed
 * from the record, or stand in the event's scratch buffer until the next statement is bound.
 */
#ifndef EV_BIND_H
#define EV_BIND_H

#include "event/time.h"
#include "projection/projection.h"
#include "record/record.h"
#include "store/store.h"

struct ev_event {
	const struct ev_projection *projection;
	const struct ev_record *record;
	struct ev_value *values; /* by index of projection->paths; all MISSING for a tombstone */
	struct ev_value *item;   /* by index of handler->item_paths; of the element at hand */
	bool has_time;           /* time_ms was computed */
	int64_t time_ms;
	int64_t window;          /* start of the handler's sliding window, ms */
	struct ev_buf scratch;
};

void ev_event_init(struct ev_event *e, const struct ev_projection *p); /* owns values, scratch */
void ev_event_release(struct ev_event *e);
void ev_event_begin(struct ev_event *e, const struct ev_record *r);

/* The event's time, computed at most once. EV_DATA when there is none. */
int ev_event_time(struct ev_event *e, int64_t *ms, struct ev_error *err);

/* Fill b[0 .. s->nparams). EV_DATA, with file:line:column of the parameter, is a poison record. */
int ev_bind_statement(struct ev_event *e, const struct ev_statement *s, struct ev_bind *b,
		      struct ev_error *err);

#endif
