/*
 * snapshot.h - a store as it stands at one moment: rows, and the position that they must equal
 *
 * Opened on a connection of its own, which reads only; nobody waits for it. What must be known of the
 * moment beside the rows is loaded at once: the ledger, the cuts and what was decided on dead letters
 * tell how the log is to be folded to get to the same rows. They stay when the store is let go.
 */
#ifndef EV_SNAPSHOT_H
#define EV_SNAPSHOT_H

#include "store/ledger.h"
#include "verify/cuts.h"
#include "verify/taken.h"

struct ev_snapshot {
	struct ev_store *store; /* frozen; NULL once it is let go */
	struct ev_ledger ledger;
	char *rows_key;         /* store/ledger.h: another one is another version */
	struct ev_buf tables;   /* of the projection, NUL after each */
	struct ev_cuts *cuts;
	struct ev_taken *taken; /* decisions on dead letters */
};

/*
 * EV_USAGE where the store has no such view. `after`: cuts and decisions up to this one are not
 * wanted. To be released, whatever is returned.
 */
int ev_snapshot_take(struct ev_snapshot *s, const char *url, const struct ev_store_options *opt,
		     const char *projection, int64_t after, struct ev_error *err);
/* The same of `s->store`, which the caller has open, and in a transaction; the rest is zeroed. */
int ev_snapshot_load(struct ev_snapshot *s, const char *projection, int64_t after, struct ev_error *err);
/* Its ledger alone. To be released, whatever is returned; zeroed before. */
int ev_snapshot_ledger(struct ev_store *s, const char *projection, struct ev_ledger *l, struct ev_error *err);
/* By which name the rows of the projection are found now; in place of what `key` held. */
int ev_snapshot_rows_key(struct ev_store *store, const char *projection, char **key, struct ev_error *err);
/*
 * Is `now` the same view as `was`, there or further on? Not when it was swapped, or brought back from a copy: what
 * was found out about `was` says nothing of it then.
 */
bool ev_snapshot_follows(const struct ev_snapshot *was, const struct ev_snapshot *now);
/* End the read: rows are no longer wanted. */
void ev_snapshot_let_go(struct ev_snapshot *s);
void ev_snapshot_release(struct ev_snapshot *s);

#endif
