/*
 * internal.h - the driver's own state, shared by its files and nobody else
 *
 * rebuild.c is the sequence; admit.c asks whether it may begin or go on, and with this shadow; range.c reads the log
 * into the shadow, range by range; decide.c knows the dead letters of both, and takes the serving view's decisions on
 * them again; log.c asks whether it is the log of the old view; indexes.c lets indexes wait for the rows; verify.c
 * compares and judges; prove.c asks for a proof (verify/verify.h), where one is required.
 */
#ifndef EV_REBUILD_INTERNAL_H
#define EV_REBUILD_INTERNAL_H

#include "rebuild/rebuild.h"
#include "store/dead.h"
#include "verify/taken.h"

/* On dead letters of the old view, oldest first: where they are many, in a temporary file. */
struct ev_decisions {
	struct ev_taken *taken;
	const struct ev_taken_decision *at; /* the next; NULL: there are no more */
	int64_t n;
};

struct ev_letter_place {
	struct ev_slice topic;
	int32_t partition;
	int64_t offset;
};

struct ev_letters { /* where poison records are, sorted; it owns the topics' names */
	struct ev_letter_place *v;
	size_t n, cap;
};

struct ev_rebuilding {
	struct ev_shadow *sh;
	const struct ev_projection *p;
	struct ev_source *src;
	const struct ev_rebuild_options *opt;
	const struct ev_rebuild_hooks *hooks;
	struct ev_plan plan;
	struct ev_ledger old;   /* of the view that serves, as last read */
	bool old_tables;        /* it has tables (perhaps without a ledger: adopted) */
	struct ev_apply_options ao;
	struct ev_known_poison known;     /* to the old view: */
	struct ev_letters letters, decided; /* all of its letters, and those that were dropped or retried */
	struct ev_decisions *following; /* those that the load goes along, while it does */
	struct ev_apply *apply; /* on the shadow's store */
	bool checked;           /* the log's identity was checked in this session */
	bool began;             /* this session found an empty shadow: all that is in it is of this log */
	bool settled;           /* the load has ended: the shadow has its indexes, and those of others */
	bool wrong_log;         /* it was refused as not the old view's, or not all of it */
	bool dry;               /* nothing is written */
	bool working;           /* the plan says that this session is at work on it */
	bool as_serves;         /* the version that serves is proven, and no new one */
	char refusal[512];      /* why the new version does not serve */
	enum ev_rebuild_end refused; /* the same in a word: REFUSED, TOO_MUCH or CHECKED */
	bool stopped;
	int64_t records;        /* read before the range at hand */
	struct ev_rebuild_now now;
	int64_t lag_ms;         /* when its lag was counted last */

	/* of an earlier try in this session, whose connection to the store was lost */
	bool agreed;            /* the answer was yes: it is not asked for again */
	bool pipe_used;         /* the pipe was read from, perhaps not to its end */
	bool ending;            /* what deletes the plan was under way: done if there is none */
	enum ev_rebuild_end ended;
	struct ev_trouble trouble; /* without progress since: */
	enum ev_phase trouble_phase;
	int64_t trouble_records;
	int tries;              /* in this phase */
};

/* tell.c. The progress hook gets what `now` holds; of a step that begins, at once. `what` is a constant. */
void ev_rebuilding_tell(struct ev_rebuilding *r);
void ev_rebuilding_step(struct ev_rebuilding *r, const char *what);
void ev_rebuilding_note(struct ev_rebuilding *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The same, and it is why the new version does not serve. Returns 1. */
int ev_rebuilding_refuse(struct ev_rebuilding *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* admit.c: is the plan of this file, the view that serves the one that it began beside, the version a new one? */
int ev_rebuilding_admit(struct ev_rebuilding *r, struct ev_error *err);
/* The rows_key of what serves (plan.h), empty where no ledger has one; appended. */
int ev_rebuilding_rows_key(struct ev_rebuilding *r, struct ev_buf *key, struct ev_error *err);

/* Is what the shadow's store `s` holds of this rebuild, and not of another? EV_USAGE when it is not. */
int ev_rebuilding_check_own(struct ev_rebuilding *r, struct ev_store *s, struct ev_error *err);
/* Where the copy has begun (SQLite): is the shadow still the one that it began with? EV_USAGE when it is not. */
int ev_rebuilding_check_copied(struct ev_rebuilding *r, struct ev_error *err);

/* Does the file's version serve already, so that there is nothing to build? After admit. */
bool ev_rebuilding_serves(const struct ev_rebuilding *r);
/* Then: are its tables there? EV_USAGE names those that are not. */
int ev_rebuilding_check_whole(struct ev_rebuilding *r, struct ev_error *err);

/* The error of a source that can be read once only. */
int ev_rebuilding_no_pipe(struct ev_error *err);

/* log.c: is the topic one of the new version's? One of the old view that is none any more is let go of. */
bool ev_rebuilding_reads(const struct ev_rebuilding *r, const char *topic);
/* A topic that was made anew is another log, and a view of it another view; detached with --accept-trimmed. */
int ev_rebuilding_check_identity(struct ev_rebuilding *r, struct ev_error *err);
/* A log that lost its beginning makes another view. */
int ev_rebuilding_check_begin(struct ev_rebuilding *r, struct ev_error *err);
/* Is all there that the old view stands on? */
int ev_rebuilding_check_parts(struct ev_rebuilding *r, struct ev_error *err);
/*
 * An end that was asked for must not lie behind the old view, as readers would go back in time; nor a start past it,
 * where there would be nothing to compare.
 */
int ev_rebuilding_check_asked(struct ev_rebuilding *r, struct ev_error *err);
/* All of that of a file, which is read as a whole for it. Nothing of topics. */
int ev_rebuilding_check_file(struct ev_rebuilding *r, struct ev_error *err);
/* Is what an earlier session has loaded of this log? */
int ev_rebuilding_check_loaded(struct ev_rebuilding *r, struct ev_error *err);
/* The same where no engine is open on the shadow, which is complete: what is left is to put it in place. */
int ev_rebuilding_check_shadow(struct ev_rebuilding *r, struct ev_error *err);
/* Where shadow and `old` stand behind the same offset it must have been the same record. Detaches, too. */
int ev_rebuilding_same_log(struct ev_rebuilding *r, const struct ev_ledger *old, struct ev_error *err);
/* The error: it ends `lacks` offsets before where the old view stands in `p`. */
int ev_rebuilding_ends_early(const struct ev_ledger_part *p, int64_t lacks, struct ev_error *err);
/*
 * Something of the data was wrong while the shadow was filled: was it the log? Then the error says so, and what
 * this session has loaded from it is given up. Returns -1.
 */
int ev_rebuilding_blame(struct ev_rebuilding *r, struct ev_error *err);

/*
 * range.c. Where the next range begins, as ev_range_resolve wants it: `args`, a copy of the options' range, borrows
 * their start, or has one of its own until drop_start.
 */
void ev_rebuilding_set_start(struct ev_rebuilding *r, struct ev_range_args *args);
void ev_rebuilding_drop_start(struct ev_rebuilding *r, struct ev_range_args *args);

/* Read the old view's ledger again. */
int ev_rebuilding_old(struct ev_rebuilding *r, struct ev_error *err);

/*
 * Where the engine `a` is to go so that it stands at `base` or past it in every partition: `to` gets its own
 * position, moved on. 1 when that is somewhere else, 0 when it is there already.
 */
int ev_rebuilding_target(struct ev_rebuilding *r, struct ev_apply *a, const struct ev_position *base,
			 struct ev_position *to);

/* Store one more range in the plan and read it. */
int ev_rebuilding_range(struct ev_rebuilding *r, const struct ev_position *end, bool open,
			int64_t replay, struct ev_error *err);
/* Finish the last stored range, which a killed session may have left in the middle. */
int ev_rebuilding_resume(struct ev_rebuilding *r, struct ev_error *err);
/* Up to where the old view stands, with its decisions on the way. */
int ev_rebuilding_load(struct ev_rebuilding *r, struct ev_error *err);
/* Up to the log's end, until little is left. */
int ev_rebuilding_catch_up(struct ev_rebuilding *r, struct ev_error *err);
/* ev_level_fn; ctx is the struct ev_rebuilding. */
int ev_rebuilding_level(void *ctx, struct ev_store *s, const struct ev_ledger *old, int most_ms,
			struct ev_error *err);

/*
 * All of a store's for the projection, whatever was decided on them, or (`decided`) those only that were dropped or
 * retried. `l` is to be released.
 */
int ev_letters_load(struct ev_store *s, const char *projection, bool decided, struct ev_letters *l,
		    struct ev_error *err);
bool ev_letters_have(const struct ev_letters *l, const struct ev_letter_place *at);
void ev_letters_release(struct ev_letters *l);
void ev_letter_name(const struct ev_letter_place *at, struct ev_buf *out); /* appended, as people write it */

/*
 * indexes.c. The tables of the engine at hand, which `s` sees under their plain names, are new: what the load may go
 * without is dropped; one that goes by statements has all made. When it has ended, with no engine open: made again.
 */
int ev_rebuilding_drop_indexes(struct ev_rebuilding *r, struct ev_store *s, struct ev_error *err);
int ev_rebuilding_make_indexes(struct ev_rebuilding *r, struct ev_store *s, struct ev_error *err);

/* conclude.c: how this call ended, by itself or by an error, is kept for `status`. */
int ev_rebuilding_conclude(struct ev_rebuilding *r, enum ev_rebuild_end end, struct ev_error *err);
void ev_rebuilding_failed(struct ev_rebuilding *r, const struct ev_error *why);

/* The poison of the old view as it is now, for ao.known. */
int ev_rebuilding_know(struct ev_rebuilding *r, struct ev_error *err);

/* Decisions of the old view after cut `after`, oldest first; `out` is to be released. */
int ev_decisions_load(struct ev_store *s, const char *projection, int64_t after,
		      struct ev_decisions *out, struct ev_error *err);
void ev_decisions_release(struct ev_decisions *d);
/* Take those of cut `seq` again, where the letter is dead in the new version too; `at` is the first behind them. */
int ev_decisions_replay(struct ev_rebuilding *r, struct ev_apply *a, struct ev_decisions *d, int64_t seq,
			struct ev_error *err);

/*
 * Old against new: at the old view's position, once; where it has none in this log, at the end of what was read. Each
 * does nothing in the other's case. 0, 1 refused (a note says why), -1.
 */
int ev_rebuilding_compare(struct ev_rebuilding *r, struct ev_error *err);
int ev_rebuilding_compare_end(struct ev_rebuilding *r, struct ev_error *err);
/* Does more of the view change than was allowed, by the comparison in the plan? 0, 1 with a note. */
int ev_rebuilding_judge(struct ev_rebuilding *r);
/* Adopted tables, now or again after a rollback to them, have a writer that goes on: a note, where there are any. */
int ev_rebuilding_warn_adopted(struct ev_rebuilding *r, struct ev_error *err);
/* Is what is about to serve sound? 0, 1 refused, -1. */
int ev_rebuilding_verify(struct ev_rebuilding *r, struct ev_error *err);

/*
 * prove.c: is it what the log makes? Of the shadow, or of the view that serves (`live`). No engine is open on it. 0 and
 * the receipt is written, 1 refused, -1.
 */
int ev_rebuilding_prove(struct ev_rebuilding *r, bool live, struct ev_error *err);
/*
 * Before anything is loaded: has the call what a proof of the file will want? `folds`: what does not fold in memory
 * (apply.h), as far as it is known. Not asked where a receipt that is there may do.
 */
int ev_rebuilding_check_proof(const struct ev_rebuilding *r, const char *folds, struct ev_error *err);

#endif
