/*
 * shadow.h - the new version beside the one that serves: one file per store (shadow_sqlite.c)
 *
 * A shadow is a whole store of its own: the projection's tables under their plain names, and ledger
 * tables. The ordinary engine fills it (apply.h, run.h) and knows nothing of rebuilds. What differs
 * between databases is where it lies and how it takes the old one's place; that is here.
 *
 * SQLite: a file beside the store, FILE-evshadow-NAME. It is copied in by pieces, and the swap renames.
 * PostgreSQL: a schema of the same database. Nothing is copied, and the swap moves tables between schemas.
 *
 * Functions return 0 or -1 and `err`, as ever. All of them may be called again after a kill at any
 * moment, and then go on. The live connection is the caller's.
 */
#ifndef EV_SHADOW_H
#define EV_SHADOW_H

#include "rebuild/plan.h"
#include "store/ledger.h"

struct ev_shadow_options {
	const char *url;                       /* of the live store, to open the shadow's */
	const struct ev_store_options *store;  /* how; borrowed until close */
	int swap_wait_ms;                      /* bound of one try to swap */
	bool dry;                              /* only for preflight: takes no lock, makes no table */
};

/*
 * Bring the new version, which `s` sees under its plain names, to `old`'s position (max per partition). The old view's
 * writer may be locked out meanwhile: 0 level, 1 not within most_ms or about so (what was applied is kept, and it is
 * called again), -1. `old` NULL: the old tables have no position.
 */
typedef int (*ev_level_fn)(void *ctx, struct ev_store *s, const struct ev_ledger *old, int most_ms,
			   struct ev_error *err);

/* The first piece while the writer is locked out. The next is longer, or a writer that does in each pause what a piece
 * does would never be reached. */
#define EV_LEVEL_MS 100
#define EV_LEVEL_MOST_MS 5000
static inline int ev_level_longer(int ms)
{
	return ms > EV_LEVEL_MOST_MS / 2 ? EV_LEVEL_MOST_MS : ms * 2;
}

struct ev_shadow_hooks {
	void *ctx;
	bool (*stop)(void *ctx);
	void (*copied)(void *ctx, int64_t rows, int64_t total);
	void (*note)(void *ctx, const char *text);
};

/* What an end of something on the old tables is told with. */
#define EV_ENDS_SAID " is NOT carried over: the new version does not declare it"
/* Why an index of the old tables that the new file does not declare is not put on the new ones. */
#define EV_UNIQUE_ENDS "it is UNIQUE, and the new version does not declare it"

/* Behind one that may refuse a row: what it makes of it, and whether it can hold that, no fold can tell. */
#define EV_ODD_INDEX ", which is of an expression or of a part of the rows: its table is loaded by statements, which " \
		     "takes longer than without it"

/* The hint where a rollback finds that tables of the kept version were removed by hand. */
#define EV_KEPT_IS_GONE "rebuild --forget removes what is left of it; the older file, with a higher version, can be " \
			"built anew"

/* What hangs on the old tables, or becomes of them, for the plan; each with a line feed. */
struct ev_shadow_report {
	struct ev_buf tables;     /* of the new version, NUL after each */
	struct ev_buf differs;    /* as ev_plan.differs */
	struct ev_buf survive;    /* views and indexes of others, carried over */
	struct ev_buf locks;      /* what is locked, when, and for how long about */
	int64_t bytes, free_bytes; /* the store's size; room on its disk, -1: not known */
};

struct ev_shadow;

/* How far the new tables are filled. */
enum ev_shadow_rows { EV_SHADOW_EMPTY, EV_SHADOW_LOADING, EV_SHADOW_LOADED };

struct ev_shadow_ops {
	/* Is there a shadow (perhaps one that a killed process left)? 1, 0, -1. */
	int (*present)(struct ev_shadow *sh, struct ev_error *err);

	/* The shadow's store, opened when it is not, created when absent; owned by the shadow until close_store. */
	struct ev_store *(*store)(struct ev_shadow *sh, struct ev_error *err);
	void (*close_store)(struct ev_shadow *sh); /* an engine on it must be closed before */

	/*
	 * With the new version's tables created in `fresh` (the shadow's store, or any other for a dry
	 * run): refuse by name what would not survive the swap, EV_USAGE. `adopt`: the old tables are
	 * those of the new version's names that no ledger owns. Writes nothing.
	 */
	int (*preflight)(struct ev_shadow *sh, struct ev_store *fresh, bool adopt,
			 struct ev_shadow_report *out, struct ev_error *err);

	/* The live store as it is now, for reading, on a connection of its own; until thaw. */
	struct ev_store *(*freeze)(struct ev_shadow *sh, struct ev_error *err);
	void (*thaw)(struct ev_shadow *sh);

	/* Where the shadow lies, for whoever opens it to read: the URL, borrowed, and the schema in `opt`. */
	const char *(*where)(struct ev_shadow *sh, struct ev_store_options *opt);

	/*
	 * Before the load, or before it goes on: indexes of others that the new tables will have, and that may refuse a
	 * row. 1 when some were made, or have gone with the old ones. `adopt`: as in preflight.
	 */
	int (*expect)(struct ev_shadow *sh, bool adopt, enum ev_shadow_rows rows, struct ev_error *err);

	/* After the load, before the copy: those that came meanwhile, and ANALYZE. `adopt`: as in preflight. */
	int (*finish_load)(struct ev_shadow *sh, bool adopt, struct ev_error *err);

	/*
	 * Bring it into the live store beside the old version, which goes on serving and being
	 * written; the plan goes from COPY to READY. 1 when stopped by the hook. Nothing to do on
	 * PostgreSQL. The shadow's store must be closed.
	 */
	int (*copy)(struct ev_shadow *sh, struct ev_plan *plan, bool adopt,
		    const struct ev_shadow_hooks *hooks, struct ev_error *err);

	/*
	 * One transaction: the old version to the kept, the new one in its place with a generation past
	 * both, `level`, the plan's row deleted. What was kept before is dropped afterwards (clean).
	 */
	int (*swap)(struct ev_shadow *sh, bool adopt, ev_level_fn level, void *ctx,
		    struct ev_error *err);

	/* Exchange the version that serves with the kept one, in one transaction. */
	int (*rollback)(struct ev_shadow *sh, struct ev_error *err);

	/* Indexes of the version that serves, and not of the kept one: a rollback leaves them. Lines. */
	int (*behind)(struct ev_shadow *sh, struct ev_buf *out, struct ev_error *err);

	/* What a finished or killed swap left: dropped versions, a shadow without a plan. */
	int (*clean)(struct ev_shadow *sh, struct ev_error *err);
	int (*abandon)(struct ev_shadow *sh, struct ev_error *err); /* shadow, copy and plan */
	int (*forget)(struct ev_shadow *sh, struct ev_error *err);  /* the kept version */
	int (*drop)(struct ev_shadow *sh, struct ev_error *err);    /* everything of the projection */
	/* What of others would break if the projection's tables went, a line each, appended. */
	int (*dependents)(struct ev_shadow *sh, struct ev_buf *out, struct ev_error *err);

	void (*close)(struct ev_shadow *sh); /* NULL allowed; see ev_shadow_close */
};

struct ev_shadow {
	const struct ev_shadow_ops *ops;
	struct ev_store *live;
	char *projection;
	struct ev_shadow_options opt;
	const struct ev_buf *differs; /* ev_plan.differs, borrowed; NULL: not known: what ends is told, not refused */
	void (*note)(void *ctx, const char *text); /* a fact worth a line, set by who wants it */
	void *note_ctx;
	bool tidy; /* our tables go at close where nothing is in them: this call made or emptied them */
};

/* What of an old table is not as on the new one: a column, a constraint, a setting. */
struct ev_shadow_change {
	const char *line;  /* what it is: "column note on acc" */
	const char *state; /* the same, and how it is on the old table: an element of ev_plan.differs */
	bool had, has;     /* is it on the old one; and on the new one? */
};

/*
 * At the swap: was it so when the rebuild began? Then it is of the two files, or its end was named. Else it is an
 * error, as somebody's change would be lost.
 */
int ev_shadow_check_change(const struct ev_shadow *sh, const struct ev_shadow_change *c, struct ev_error *err);

/* Close it, and leave a database as it is that has nothing of ours. NULL allowed. */
void ev_shadow_close(struct ev_shadow *sh);

/*
 * The shadow of a projection, by the kind of `live`. It is locked against other rebuilds, rollbacks
 * and drops of the same projection (EV_HELD) until close; runs are not.
 */
struct ev_shadow *ev_shadow_open(struct ev_store *live, const char *projection,
				 const struct ev_shadow_options *opt, struct ev_error *err);
struct ev_shadow *ev_shadow_sqlite(struct ev_store *live, const char *projection,
				   const struct ev_shadow_options *opt, struct ev_error *err);
struct ev_shadow *ev_shadow_postgres(struct ev_store *live, const char *projection,
				     const struct ev_shadow_options *opt, struct ev_error *err);

/* EV_HELD: another process is at work on the versions; says which, where the plan tells. Returns -1. */
int ev_shadow_held(struct ev_store *live, const char *projection, struct ev_error *err);

/* Are the tables that serve another program's, adopted and serving again, which no ledger describes? 1, 0, -1. */
int ev_role_adopted(struct ev_store *s, const char *projection, struct ev_error *err);

/* Does the projection have a version in this role (tables or ledger)? 1, 0, -1. */
int ev_role_present(struct ev_store *s, const char *projection, enum ev_role role,
		    struct ev_error *err);

#endif
