/* evproject.h - what the subcommands of evproject share */
#ifndef EV_EVPROJECT_H
#define EV_EVPROJECT_H

#include "common/source_options.h"
#include "projection/projection.h"
#include "rebuild/shadow.h"
#include "store/store.h"

extern const struct ev_command ev_draft_command, ev_check_command, ev_test_command, ev_run_command,
	ev_show_command, ev_status_command, ev_dead_command, ev_rebuild_command, ev_rollback_command,
	ev_drop_command, ev_diff_command, ev_history_command;

struct ev_store_args {
	const char *url, *schema;
	int64_t lock_wait_ms, timeout_ms;
};

#define EV_STORE_ROWS(S, m)                                                                       \
	EV_STRING(0, "store", "URL", S, m.url, "a path, sqlite:PATH, or postgresql://..."),       \
	EV_STRING(0, "schema", "NAME", S, m.schema, "PostgreSQL: where the tables are"),          \
	EV_DURATION(0, "store-timeout", "TIME", S, m.timeout_ms, "try again while it fails (30s)"), \
	EV_DURATION(0, "lock-wait", "TIME", S, m.lock_wait_ms, "wait for another writer (10s)")

void ev_store_args_init(struct ev_store_args *a);
/* EV_USAGE without --store. */
int ev_store_args_check(const struct ev_store_args *a, struct ev_error *err);
/* Check, then open; the caller closes it by ops->close. */
struct ev_store *ev_store_args_open(const struct ev_store_args *a, bool read_only,
				    struct ev_error *err);

void ev_store_args_options(const struct ev_store_args *a, struct ev_store_options *opt);

/* The records whole, with headers; without a source in the words: of the topics of the file. */
int ev_use_topics(struct ev_source_args *src, const struct ev_projection *p, struct ev_error *err);

/* The store with the versions of a projection, locked against others who swap or drop them. */
struct ev_versions {
	struct ev_store_options options;
	struct ev_store *store;
	struct ev_shadow *shadow;
};
enum ev_versions_use {
	EV_VERSIONS_LOOK,   /* read only, no lock */
	EV_VERSIONS_WORK,   /* the store must be there */
	EV_VERSIONS_CREATE,
};
int ev_versions_open(struct ev_versions *v, const struct ev_store_args *a, const char *projection,
		     enum ev_versions_use use, int swap_wait_ms, struct ev_error *err);
void ev_versions_close(struct ev_versions *v);

/*
 * A store for a while, of the kind that --store names (without it SQLite in memory), where nothing of what
 * is there is changed: see ev_store_scratch.
 */
struct ev_store *ev_store_args_scratch(const struct ev_store_args *a, const char *projection, bool kept,
				       struct ev_error *err);

/* EV_USAGE when the store does not hold the projection's view. */
int ev_has_view(struct ev_store *s, const char *projection, struct ev_error *err);

/* Take operand 0 away; NULL when there is none. */
char *ev_operand_shift(struct ev_operands *rest);

/* The projection file that is operand 0 (removed from `rest`); NULL with EV_USAGE without one. */
struct ev_projection *ev_operand_projection(struct ev_operands *rest, struct ev_error *err);
int ev_no_operands(const struct ev_operands *rest, struct ev_error *err);


/* The rows of a query as a table on stdout, with a bar behind a last column of numbers. */
int ev_print_query(struct ev_store *s, const struct ev_projection *p, const struct ev_query_def *q,
		   size_t *rows, struct ev_error *err);

/*
 * The plan of a projection on stdout. `why`: lines that say where its handlers do not commute; `folds`:
 * which tables go by statements.
 */
void ev_plan_print(const struct ev_projection *p, bool commutes, const char *why, const char *folds);

/* Warn where a handler adds decimals into a column that SQLite keeps as a binary fraction. */
void ev_plan_warn(const struct ev_projection *p, struct ev_messages *msg);

/* Run the file's checks: each that has rows is printed with some of them. Number that failed, or -1. */
int ev_run_checks(struct ev_store *s, const struct ev_projection *p, struct ev_messages *msg,
		  struct ev_error *err);

#endif
