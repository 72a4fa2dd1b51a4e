/* evproject.h - what the subcommands of evproject share */
#ifndef EV_EVPROJECT_H
#define EV_EVPROJECT_H

#include "common/operands.h"
#include "common/store_options.h"
#include "rebuild/shadow.h"

extern const struct ev_command ev_draft_command, ev_check_command, ev_test_command, ev_run_command,
	ev_show_command, ev_status_command, ev_dead_command, ev_rebuild_command, ev_rollback_command,
	ev_drop_command, ev_diff_command, ev_history_command;

/* The store with the versions of a projection, locked against others who swap or drop them. */
struct ev_versions {
	struct ev_store_options options;
	struct ev_store *store;
	struct ev_shadow *shadow;
	bool dry; /* to look at only */
};
enum ev_versions_use {
	EV_VERSIONS_LOOK,   /* read only, no lock */
	EV_VERSIONS_WORK,   /* the store must be there; opened as for LOOK where nothing of ours is in it */
	EV_VERSIONS_CREATE,
};
int ev_versions_open(struct ev_versions *v, const struct ev_store_args *a, const char *projection,
		     enum ev_versions_use use, int swap_wait_ms, struct ev_error *err);
void ev_versions_close(struct ev_versions *v);

/* ` (rebuild of TIME)`, of the version that has `name` in the ledger; nothing where that is not known. Appended. */
int ev_add_rebuilt(struct ev_store *s, const char *name, struct ev_buf *out, struct ev_error *err);

/* EV_USAGE when the store does not hold the projection's view. */
int ev_has_view(struct ev_store *s, const char *projection, struct ev_error *err);

/* The rows of a query as a table on stdout, with a bar behind a last column of numbers. */
int ev_print_query(struct ev_store *s, const struct ev_projection *p, const struct ev_query_def *q,
		   size_t *rows, struct ev_error *err);

/*
 * The plan of a projection on stdout. `why`: lines that say where its handlers do not commute; `folds`:
 * which tables go by statements.
 */
void ev_plan_print(const struct ev_projection *p, enum ev_dialect dialect, bool commutes, const char *why,
		   const char *folds);

/* Warn where a handler adds decimals into a column that SQLite keeps as a binary fraction. */
void ev_plan_warn(const struct ev_projection *p, struct ev_messages *msg);

/* Run the file's checks: each that has rows is printed with some of them. Number that failed, or -1. */
int ev_run_checks(struct ev_store *s, const struct ev_projection *p, struct ev_messages *msg,
		  struct ev_error *err);

#endif
