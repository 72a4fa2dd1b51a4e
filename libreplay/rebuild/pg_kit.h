/*
 * pg_kit.h - what the files of the PostgreSQL shadow share (shadow_postgres.c) and nobody else
 *
 * A version lies in a schema by its role: the serving one in the store's own, the others in
 * ev_shadow_S_NAME, ev_kept_S_NAME and ev_gone_S_NAME, where S is the store's; ev_moving_S_NAME is there within an
 * exchange alone. The tables keep their names in all of them. A comment on each says whose it is, as two pairs of S
 * and NAME may come to one name: who comes second has a name with a hash, as have names past 63 bytes. The ledger
 * rows of the kept and gone ones are in the store's schema, those of the shadow in its own until the swap; but its
 * cuts, dead letters and seen ids, which may be many, are in the store's from the beginning (make_schema).
 *
 * The names begin with ev_pgkit_; those of the SQLite shadow (sqlite_kit.h) with ev_kit_.
 */
#ifndef EV_REBUILD_PG_KIT_H
#define EV_REBUILD_PG_KIT_H

#include "rebuild/shadow.h"
#include "store/pg_internal.h"

struct ev_shadow_pg {
	struct ev_shadow base;
	struct ev_pg *live;
	char *schemas[EV_ROLES]; /* LIVE: the store's own; NEW: the shadow's */
	bool bare;               /* a dry run where nothing of ours is yet: the store's schema has no ledger */
	struct ev_store *store;  /* the shadow's, while it is open */
	struct ev_store *frozen;
};

/* Run SQL in the open transaction or in one of its own. %I a quoted name, %L a quoted text, %d an int. */
int ev_pgkit_exec(struct ev_pg *s, struct ev_error *err, const char *fmt, ...);
/* The same, and its rows; PQclear them. NULL with `err`. */
PGresult *ev_pgkit_rows(struct ev_pg *s, struct ev_error *err, const char *fmt, ...);
/* Append SQL made of `fmt` as above. */
void ev_pgkit_format(struct ev_buf *out, const char *fmt, ...);

/* The table of who owns which table in a role's ledger; where there is none yet, an empty list. Appended. */
void ev_pgkit_owners(struct ev_buf *out, const struct ev_shadow_pg *sh, enum ev_role role);

/* The comment on a role's schema, which says whose it is. Appended. */
void ev_pgkit_mark(struct ev_buf *out, const struct ev_shadow_pg *sh, enum ev_role role);
#define EV_PGKIT_MARK "evtools: " /* all begin so */
/* The role's schema, if it is there, is not marked as another view's. */
int ev_pgkit_check_mark(struct ev_shadow_pg *sh, enum ev_role role, struct ev_error *err);

int ev_pgkit_has_schema(struct ev_shadow_pg *sh, enum ev_role role, struct ev_error *err);

/* In the open transaction: names, kinds and owners of the tables and views of a version, views first. PQclear. */
PGresult *ev_pgkit_tables(struct ev_shadow_pg *sh, enum ev_role role, struct ev_error *err);

/* A role's schema, where it is not there yet. */
int ev_pgkit_need_schema(struct ev_shadow_pg *sh, enum ev_role role, struct ev_error *err);

/*
 * pg_heir.c: who is to own what a rebuild makes, the ledger's owner. FROM item h, of a row `heir` where that is another
 * one to whom it can be given. Appended.
 */
void ev_pgkit_add_heir(struct ev_buf *sql, const struct ev_shadow_pg *sh);
/* In the open transaction: a role's schema, marked; and the tables of the ledger that are ours. */
int ev_pgkit_make_schema(struct ev_shadow_pg *sh, enum ev_role role, struct ev_error *err);
int ev_pgkit_give_ledger(struct ev_shadow_pg *sh, struct ev_error *err);
/* The names of the ledger's tables. */
#define EV_PGKIT_LEDGER "VALUES ('ev_projection'), ('ev_table'), ('ev_ledger'), ('ev_cut'), ('ev_rows'), " \
			"('ev_dead'), ('ev_seen'), ('ev_rebuild')"

/* SQL that moves a version, `tables` of it, into another role, with its ledger rows but for those of NEW. Appended. */
void ev_pgkit_move(struct ev_buf *sql, const struct ev_shadow_pg *sh, const PGresult *tables, enum ev_role from,
		   enum ev_role to);
/* The ledger rows that the shadow keeps in its own schema into the store's: SQL, appended. */
int ev_pgkit_bring_ledger(struct ev_buf *sql, struct ev_shadow_pg *sh, struct ev_error *err);
/* Tables with names of the new version that no ledger owns become the old version. */
int ev_pgkit_adopt(struct ev_shadow_pg *sh, struct ev_error *err);
/*
 * SQL that bumps the serving version's generation past that of every other version; who runs the projection is its
 * holder still, as it has the run's lock until it finds itself fenced. Appended.
 */
void ev_pgkit_fence(struct ev_buf *sql, const struct ev_shadow_pg *sh);

/*
 * An exchange, as SQL, `;` after each statement. To read what hangs on the tables (grants, owners, comments, parameters
 * of them and their indexes) takes the server longer than to move them, so it is done before their locks, and under
 * them it is made certain that nothing has changed since (pg_still.c).
 */
struct ev_pgkit_script {
	struct ev_buf locks;   /* of what others lock alone, before anything is moved */
	struct ev_buf pins;    /* and of what else they could write, when the version that served is in role MOVING */
	struct ev_buf carried; /* what hangs on that, for the tables in their place */
	struct ev_buf ask_print, print; /* a look at all that was carried, and what it gave */
	struct ev_buf in, out, end; /* the tables change places; the ledger, and the kept versions; and the rest */
	char why[200];         /* what others have done meanwhile; empty: nothing */
};
/*
 * In the exchange's transaction, before the locks: may the version in role `next` take the place? Then all is written
 * down.
 */
int ev_pgkit_prepare(struct ev_shadow_pg *sh, enum ev_role next, struct ev_pgkit_script *x, struct ev_error *err);
/* Under the locks: that version serves, and the one that did is kept. 0, 1 not this time, with `why`, -1. */
int ev_pgkit_exchange(struct ev_shadow_pg *sh, struct ev_pgkit_script *x, struct ev_error *err);
void ev_pgkit_script_release(struct ev_pgkit_script *x);

/* May `next` still, and what hangs on the version that serves? Fills locks to print. */
int ev_pgkit_look(struct ev_shadow_pg *sh, enum ev_role next, struct ev_pgkit_script *x, struct ev_error *err);
/* What is carried of it. Appended. */
int ev_pgkit_carry(struct ev_shadow_pg *sh, enum ev_role next, struct ev_buf *sql, struct ev_error *err);
/*
 * Under the locks, a question whose rows are the SQL that makes views of others anew on the tables that have the names
 * then. It changes the search path. Appended.
 */
void ev_pgkit_ask_views(struct ev_buf *sql, const struct ev_shadow_pg *sh);
/* Rows of one column as statements. Appended; of NULL nothing. */
void ev_pgkit_add_statements(struct ev_buf *sql, const PGresult *res);
/* WITH own, of one row, `oids` of the version that serves, and new, `noids` of the one in role `next`. Appended. */
void ev_pgkit_with(struct ev_buf *out, const struct ev_shadow_pg *sh, enum ev_role next);

/*
 * pg_indexes.c: indexes that others have put on the old tables, made on the new ones in the shadow; no UNIQUE one.
 * Those made on empty tables go until there are all rows, if the old ones have gone; then what cannot be made is told.
 * How many have been made or gone, or -1.
 */
int ev_pgkit_carry_indexes(struct ev_shadow_pg *sh, enum ev_shadow_rows rows, struct ev_error *err);
/*
 * For the plan: which can be made on the tables in the schema of `fresh`, noids in `with`, and which not and why. A
 * line each, appended.
 */
int ev_pgkit_list_indexes(struct ev_shadow_pg *sh, struct ev_pg *fresh, const char *with, struct ev_buf *out,
			  struct ev_error *err);
/* shadow.h behind, for indexes. */
int ev_pgkit_indexes_behind(struct ev_shadow_pg *sh, const char *with, struct ev_buf *out, struct ev_error *err);

/*
 * pg_shape.c: what is not the same on the tables of own and new in `with`. All of it, as ev_plan.differs; and what of
 * the old ones ends, a line each. Appended.
 */
int ev_pgkit_shape(struct ev_shadow_pg *sh, const char *with, struct ev_buf *differs, struct ev_buf *ending,
		   struct ev_error *err);
/* When the load has ended: what ends, and what the swap will refuse. */
int ev_pgkit_tell_shape(struct ev_shadow_pg *sh, struct ev_error *err);
/* Before the swap: what was changed since the rebuild began is refused by name. */
int ev_pgkit_check_shape(struct ev_shadow_pg *sh, const char *with, struct ev_error *err);
/* shadow.h behind. */
int ev_pgkit_behind(struct ev_shadow_pg *sh, struct ev_buf *out, struct ev_error *err);

/*
 * Locks are waited for up to a moment (ms of ev_clock_ms): all of them together, however many they are. EV_HELD when
 * it has come, or we are told to stop.
 */
int ev_pgkit_exec_until(struct ev_pg *s, int64_t until, struct ev_error *err, const char *fmt, ...);

/* A statement that takes a lock; where that was not to be had it replaces `missed`, if that is not NULL. */
int ev_pgkit_ask_lock(struct ev_shadow_pg *sh, const char *sql, int64_t until, struct ev_buf *missed,
		      struct ev_error *err);

/* ACCESS EXCLUSIVE on the tables and views of a version. */
int ev_pgkit_lock(struct ev_shadow_pg *sh, enum ev_role role, int64_t until, struct ev_buf *missed,
		  struct ev_error *err);

/*
 * On the tables of a version, before that, a lock that a vacuum has to give way to, after 1 s, and no reader or writer:
 * the other one is not waited for long enough. EV_HELD where somebody's own VACUUM is at work on one.
 */
int ev_pgkit_stop_vacuums(struct ev_shadow_pg *sh, enum ev_role role, int64_t until, struct ev_error *err);

/*
 * ACCESS EXCLUSIVE on the views of others that are carried. Before the tables of role LIVE: who reads a view locks
 * that first and then what it reads.
 */
int ev_pgkit_lock_views(struct ev_shadow_pg *sh, int64_t until, struct ev_buf *missed, struct ev_error *err);

/* Transactions that run now, as they may have snapshots in which the shadow is empty or behind. They replace `ids`. */
int ev_pgkit_others(struct ev_shadow_pg *s, struct ev_buf *ids, struct ev_error *err);

enum ev_pgkit_which { /* of them */
	EV_PGKIT_ALL,
	EV_PGKIT_BESIDE, /* without a lock on a table that serves: we get our own there without waiting for them */
	EV_PGKIT_IN_WAY, /* with one */
};
/*
 * Wait for them, but not for who waits for a row of ours. 1 when they have ended, 0 when the time is over or we are
 * told to stop, -1.
 */
int ev_pgkit_outlive(struct ev_shadow_pg *s, const struct ev_buf *ids, enum ev_pgkit_which which, int most_ms,
		     struct ev_error *err);
/* The one that has run longest, as far as this role may see; empty where there is none. */
void ev_pgkit_longest(struct ev_shadow_pg *s, char *who, size_t size);

/* In the shadow's schema. 1, 0, -1. */
int ev_pgkit_has_table(struct ev_shadow_pg *sh, const char *name, struct ev_error *err);
/* Where the swap is next: is the shadow still all there? What is gone was removed by hand. */
int ev_pgkit_check_shadow(struct ev_shadow_pg *sh, struct ev_error *err);

/* Tables and ledger rows of a version; what others have tied to them is an error, which names it. */
int ev_pgkit_drop_version(struct ev_shadow_pg *sh, enum ev_role role, struct ev_error *err);
/* The same in the open transaction. */
int ev_pgkit_drop_role(struct ev_shadow_pg *sh, enum ev_role role, struct ev_error *err);
/* The shadow's schema with what is ours in it, and its cuts, letters and ids. What others have there is an error. */
int ev_pgkit_drop_shadow(struct ev_shadow_pg *sh, struct ev_error *err);
/* SQL that drops the schema when the new version has moved out of it. Appended. */
int ev_pgkit_drop_rest(struct ev_buf *sql, struct ev_shadow_pg *sh, struct ev_error *err);

/* ev_shadow_ops */
int ev_pgkit_swap(struct ev_shadow *sh, bool adopt, ev_level_fn level, void *ctx, struct ev_error *err);
int ev_pgkit_rollback(struct ev_shadow *sh, struct ev_error *err);

/* After a failure: is it worth another try, on another connection where that is lost? */
bool ev_pgkit_recovered(struct ev_shadow *sh, struct ev_trouble *t, struct ev_error *err);

int ev_pgkit_preflight(struct ev_shadow_pg *sh, struct ev_store *fresh, bool adopt,
		       struct ev_shadow_report *out, struct ev_error *err);

/* In the exchange's transaction, before its locks: the same refusals, as what hangs there may have changed. */
int ev_pgkit_recheck(struct ev_shadow_pg *sh, enum ev_role next, struct ev_error *err);

/*
 * What was refused for want of rights is one of those by name, if it is: somebody else may own the tables now, or the
 * role may create no more.
 */
void ev_pgkit_blame_rights(struct ev_shadow_pg *sh, enum ev_role next, struct ev_error *err);

/* The question, whose rows are what of others depends on a version. Appended. */
void ev_pgkit_ask_dependents(struct ev_buf *sql, const struct ev_shadow_pg *sh, enum ev_role role);
/* The same, a line each, appended. */
int ev_pgkit_dependents(struct ev_shadow_pg *sh, enum ev_role role, struct ev_buf *out, struct ev_error *err);
/* Nothing does, so it can be dropped; else by name. */
int ev_pgkit_check_free(struct ev_shadow_pg *sh, enum ev_role role, struct ev_error *err);

/* An array of the oids of a version's tables and views, as SQL; for use in other queries. */
void ev_pgkit_oids(struct ev_buf *out, const struct ev_shadow_pg *sh, enum ev_role role);

#endif
