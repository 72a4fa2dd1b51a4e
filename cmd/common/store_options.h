/*
 * store_options.h - the option rows that every command that opens a store shares
 *
 *   struct my_args { struct ev_store_args store; ... };
 *   rows: EV_STORE_ROWS(struct my_args, store);  .init: ev_store_args_init(&a->store);
 */
#ifndef EV_STORE_OPTIONS_H
#define EV_STORE_OPTIONS_H

#include "common/options.h"
#include "store/store.h"

struct ev_store_args {
	const char *url, *schema;
	int64_t lock_wait_ms, timeout_ms;
};

#define EV_STORE_ROWS(S, m)                                                                       \
	EV_STRING(0, "store", "URL", S, m.url, "a path, sqlite:PATH, or postgresql://..."),       \
	EV_STRING(0, "schema", "NAME", S, m.schema, "PostgreSQL: where the tables are"),          \
	EV_WAIT(0, "store-timeout", "TIME", S, m.timeout_ms, "try again while it fails (30s)"), \
	EV_WAIT(0, "lock-wait", "TIME", S, m.lock_wait_ms, "wait for another writer (10s)")

void ev_store_args_init(struct ev_store_args *a);
/* EV_USAGE without --store. */
int ev_store_args_check(const struct ev_store_args *a, struct ev_error *err);
/* Check, then open; the caller closes it by ops->close. */
struct ev_store *ev_store_args_open(const struct ev_store_args *a, bool read_only,
				    struct ev_error *err);

void ev_store_args_options(const struct ev_store_args *a, struct ev_store_options *opt);

/*
 * A store for a while, of the kind that --store names (without it SQLite in memory), where nothing of what
 * is there is changed: see ev_store_scratch.
 */
struct ev_store *ev_store_args_scratch(const struct ev_store_args *a, const char *projection, bool kept,
				       struct ev_error *err);

#endif
