/*
 * plan.h - how far a rebuild is: stored in the live store, so that any process can go on with it
 *
 *   ev_rebuild(projection PK, phase, plan, copy_step, copy_rowid, updated_at)
 *
 * There is a row from the moment a rebuild begins until its swap (or --abandon). `plan` is JSON:
 *   {"version":3,"fingerprint":"..","serving":"..","rows":"..","replayed":2,"compared":"..",
 *    "change":0.5,"adopt":false,"adopted":["acc"],"detached":false,"holder":"pid 12 on host","ready":false,
 *    "refused":"..","failed":"..","advice":"..","began":1763200000000,"since":1763200000000,
 *    "waiting":["acc","CREATE INDEX .."],"differs":["column note on acc: text pg_catalog.\"default\""],
 *    "range":{"end":{"orders":{"0":12}},"replay":2}}
 * A range of the log is stored before it is read; `end` null is the end of a file, as far as it goes. Killed or
 * not, the shadow is the fold of these ranges, one after the other; the last one alone is kept, as those before it
 * are done. `replay`: at this end the decisions on dead letters up to that cut of the serving view are taken again.
 * `waiting`: indexes that are made when the load has ended, be they there or not.
 *
 * Versions that do not serve stand in the ledger tables under names that no projection can have:
 * "orders (kept)" served before, "orders (new)" is being copied in, "orders (gone)" is to be dropped.
 */
#ifndef EV_PLAN_H
#define EV_PLAN_H

#include "position/position.h"
#include "store/store.h"

struct ev_shadow; /* shadow.h */
struct ev_ledger; /* store/ledger.h */

enum ev_phase {
	EV_PHASE_NONE,    /* no rebuild is under way */
	EV_PHASE_BUILD,   /* there was no old view: the first one is being built in place */
	EV_PHASE_PREPARE, /* nothing is read yet */
	EV_PHASE_LOAD,    /* up to the old view's position */
	EV_PHASE_CATCHUP, /* compared, or nothing to compare; up to the log's end */
	EV_PHASE_COPY,    /* SQLite: the answer was yes; the shadow does not move any more */
	EV_PHASE_READY,   /* the same: copied, only the swap is left (`ready` is another thing) */
	EV_PHASES
};
extern const char *const ev_phase_names[EV_PHASES];

struct ev_plan_range {
	struct ev_position end;
	bool open;      /* `end` is that of a file */
	int64_t replay; /* 0: nothing */
};

struct ev_plan {
	char *projection;
	enum ev_phase phase;
	int64_t version;      /* of the file that is being built */
	char fingerprint[33];
	char serving[33];     /* fingerprint of the old view when the rebuild began; "" none (adopted) */
	char *rows;           /* and its rows_key, which tells two versions of one fingerprint apart; NULL none */
	int64_t replayed;     /* the serving view's cut up to which decisions were taken again */
	char *holder;         /* who saved it last: "pid 12 on host" */
	char *compared;       /* the comparison in one line, NULL: not done */
	bool adopt;           /* the old tables are another program's, or were when it began */
	struct ev_buf adopted; /* SQLite: those that it has put on our list, NUL after each: --abandon takes them off */
	struct ev_buf waiting; /* indexes that are made when the load has ended, as store/indexes.h lists them */
	struct ev_buf differs; /* what is not the same on old and new tables, as it was when the rebuild began */
	bool compares;        /* that is known; a former version of ours did not ask */
	bool detached;        /* the log is not that of the old view, whose position means nothing in it */
	bool ready;           /* the last session ended with a version that may serve, and was not swapped */
	char *refused;        /* or by refusing it: why; NULL: not */
	char *failed;         /* or by an error: which; NULL: none, or it was killed */
	char *advice;         /* what to do about either, where the same call would end so again; NULL: it goes on */
	int64_t began;        /* when the rebuild did */
	int64_t since;        /* when what ev_plan_word says began */
	double change;        /* percent of the old rows that differ in it, at most 100 */
	struct ev_plan_range range; /* that is being read, or was last */
	bool begun;           /* there is one */
	int64_t copy_step, copy_rowid; /* the shadow's own */
	int64_t updated_at;
};

enum ev_role { EV_ROLE_LIVE, EV_ROLE_KEPT, EV_ROLE_NEW, EV_ROLE_GONE, EV_ROLE_MOVING, EV_ROLES };

/* The projection's name in the ledger for a role: "orders", "orders (kept)", ... Appended. */
void ev_role_name(struct ev_buf *out, const char *projection, enum ev_role role);
/* May it be the name of a projection, and not that of another role? */
bool ev_role_names_live(const char *name);
/* Before a table's or index's name: "", "ev_kept_", ... */
const char *ev_role_prefix(enum ev_role role);

/*
 * A rows_key (ledger.h) for a version, as SQL; appended. It is the projection's name, the time now, so that no other
 * has it, and when the rebuild began, both in ms, so that two versions of one number can be told apart. One of an older
 * evproject has no second time, or a digit alone.
 */
void ev_rows_key_free(struct ev_buf *sql, const char *projection, int64_t began);
/* When the rebuild of a version began, by the name that it has in its role; -1: none of this program has made it. */
int ev_rows_key_time(struct ev_store *s, const char *name, int64_t *ms, struct ev_error *err);

/* Create ev_rebuild where it is missing. */
int ev_plan_create(struct ev_store *s, struct ev_error *err);
/* What is stored; phase NONE when there is no rebuild. `p` is overwritten, and to be released, also after -1. */
int ev_plan_load(struct ev_store *s, const char *projection, struct ev_plan *p, struct ev_error *err);
/* Projections with a rebuild under way that are not among `names` yet, NUL after each; appended. */
int ev_plan_names(struct ev_store *s, struct ev_buf *names, struct ev_error *err);
/* Write it, alone or in the open transaction. */
int ev_plan_save(struct ev_store *s, struct ev_plan *p, struct ev_error *err);
/*
 * Is it still there? 1, 0, -1. Waits for a lost session that may be committing its end, so the answer
 * stays what it is.
 */
int ev_plan_settle(struct ev_store *s, const char *projection, struct ev_error *err);
/*
 * `first` and the plan's end in one transaction: killed, a plan is there with all that belongs to it, or not at all.
 * What a first build has made gets its indexes where it `stays`.
 */
int ev_plan_give_up(struct ev_store *s, const char *projection, bool stays,
		    int (*first)(struct ev_shadow *sh, struct ev_error *err), struct ev_shadow *sh,
		    struct ev_error *err);
int ev_plan_delete(struct ev_store *s, const char *projection, struct ev_error *err);
/* Indexes that a first build has left waiting are made; indexes.c. Nothing of other plans. */
int ev_plan_make_indexes(struct ev_store *s, const char *projection, struct ev_error *err);
/* A run has taken over, or ended, what a killed first build left: its indexes are made, its plan goes, and no other. */
int ev_plan_built(struct ev_store *s, const char *projection, struct ev_error *err);
void ev_plan_release(struct ev_plan *p);

/* The next phase begins, or the same one goes on. To be saved. */
void ev_plan_enter(struct ev_plan *p, enum ev_phase phase);
/* How the session ends, for whoever looks at the plan before the next: `refused` NULL or empty: not. */
void ev_plan_conclude(struct ev_plan *p, bool ready, const char *refused);
/*
 * Is what serves, by `old`, the version that the rebuild began beside? What it has loaded, compared and decided is of
 * that: a rollback makes it void. 1, 0, -1.
 */
int ev_plan_is_beside(struct ev_store *s, const struct ev_plan *p, const struct ev_ledger *old, struct ev_error *err);
#define EV_PLAN_IS_VOID "--abandon gives the rebuild up, to begin anew; or another rollback, and it goes on"
/* The rows_key of what serves, which tells two versions of one fingerprint apart. Appended. */
int ev_plan_serving_rows(struct ev_store *s, const char *projection, struct ev_buf *key, struct ev_error *err);
/* Where it is, in a word: "ready", "refused", or the phase's name ("swap" where that is all that is left). */
const char *ev_plan_word(const struct ev_plan *p);

/* The range before it is done, or there was none. Returns the next one, empty. */
struct ev_plan_range *ev_plan_next_range(struct ev_plan *p);
/* Nothing has been read. */
void ev_plan_forget_range(struct ev_plan *p);

#endif
