/*
 * history.h - the life of one row: every record that touched it, and the row after each
 *
 * The view is built anew by the ordinary engine (apply/), in a scratch store that holds nothing else,
 * and an observer looks at the row after the records that touched it. A store that can watch a row
 * (SQLite) says which those are, also where they left the row as it was; in another the row is read
 * after each record that touched anything, and has been touched when its version is another one.
 *
 * Poison is passed over as a run with --on-error dead does: it becomes a dead letter of the scratch
 * store, and later records of its key wait behind it.
 */
#ifndef EV_HISTORY_H
#define EV_HISTORY_H

#include "apply/apply.h"
#include "history/target.h"

struct ev_history_event {
	const struct ev_record *record;
	struct ev_slice type; /* null: none (a tombstone has none) */
	bool has_time;
	int64_t time_ms;
	const struct ev_cell *before, *after; /* by column; NULL: there was, or is, no such row */
};

/* All is borrowed for the call. */
struct ev_history_hooks {
	void *ctx;
	int (*event)(void *ctx, const struct ev_history_event *e, struct ev_error *err);
	/* A record was not applied: poison, which is `why`; NULL: it waits behind one of its key. */
	void (*passed)(void *ctx, const struct ev_record *r, const char *why);
	/* Each record, first; or NULL. */
	void (*seen)(void *ctx, const struct ev_record *r);
};

struct ev_history;

/*
 * Make the view's tables in the empty store `s` and find the row in them (target.h; `table` may be
 * NULL). Store, projection, target and hooks must outlive it. EV_USAGE also where the projection
 * cannot be applied to such a store.
 */
struct ev_history *ev_history_open(struct ev_store *s, const struct ev_projection *p,
				   struct ev_target *target, const char *table,
				   const struct ev_history_hooks *hooks, struct ev_error *err);
void ev_history_close(struct ev_history *h); /* NULL allowed */

/* What records are to be given to (apply.h, run.h). Borrowed. */
struct ev_apply *ev_history_apply(struct ev_history *h);

size_t ev_history_columns(const struct ev_history *h);
const char *ev_history_column(const struct ev_history *h, size_t i);

#endif
