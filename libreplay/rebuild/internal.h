/*
 * internal.h - the driver's own state, shared by its files and nobody else
 *
 * rebuild.c is the sequence; range.c reads the log into the shadow, range by range; decide.c knows the
 * dead letters of both, and takes the serving view's decisions on them again; verify.c compares and
 * judges; prove.c asks for a proof (verify/verify.h), where one is required.
 */
#ifndef EV_REBUILD_INTERNAL_H
#define EV_REBUILD_INTERNAL_H

#include "rebuild/rebuild.h"
#include "store/dead.h"

struct ev_decision { /* on a dead letter of the old view */
	char *topic;
	int32_t partition;
	int64_t offset, seq;
	bool drop;
};

struct ev_decisions {
	struct ev_decision *v;
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
	struct ev_apply *apply; /* on the shadow's store */
	bool checked;           /* the log's identity was checked in this session */
	bool stopped;
	int level_ms;           /* that the next piece of the last stretch may take; 0: the first */
	int64_t records;        /* read before the range at hand */
	struct ev_rebuild_now now;

	/* of an earlier try in this session, whose connection to the store was lost */
	bool agreed;            /* the answer was yes: it is not asked for again */
	bool pipe_used;         /* the pipe was read from, perhaps not to its end */
	bool ending;            /* what deletes the plan was under way: done if there is none */
	enum ev_rebuild_end ended;
	int64_t trouble_since;  /* ms of the first failure without progress since; 0: none */
	enum ev_phase trouble_phase;
	int64_t trouble_records;
	int tries;              /* in this phase */
};

void ev_rebuilding_note(struct ev_rebuilding *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

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
int ev_rebuilding_level(void *ctx, struct ev_store *s, const struct ev_ledger *old,
			struct ev_error *err);

struct ev_letters { /* names of poison records: "topic/partition@offset", sorted */
	char **v;
	size_t n, cap;
};

/* All of a store's for the projection, whatever was decided on them. `l` is to be released. */
int ev_letters_load(struct ev_store *s, const char *projection, struct ev_letters *l, struct ev_error *err);
bool ev_letters_have(const struct ev_letters *l, const char *name);
void ev_letters_release(struct ev_letters *l);
void ev_letter_name(const struct ev_dead_letter *d, struct ev_buf *out); /* appended */

/* Decisions of the old view after cut `after`, oldest first; `out` is to be released. */
int ev_decisions_load(struct ev_store *s, const char *projection, int64_t after,
		      struct ev_decisions *out, struct ev_error *err);
void ev_decisions_release(struct ev_decisions *d);
/* The position at which one was taken; empty when it is not stored. */
int ev_decision_position(struct ev_store *s, const char *projection, int64_t seq,
			 struct ev_position *out, struct ev_error *err);
/* Take those of cut `seq` again, where the letter is dead in the new version too. */
int ev_decisions_replay(struct ev_rebuilding *r, struct ev_apply *a, const struct ev_decisions *d,
			int64_t seq, struct ev_error *err);

/* Old against new at the old view's position, once. 0, 1 refused (a note says why), -1. */
int ev_rebuilding_compare(struct ev_rebuilding *r, struct ev_error *err);
/* Does more of the view change than was allowed, by the comparison in the plan? 0, 1 with a note. */
int ev_rebuilding_judge(struct ev_rebuilding *r);
/* Is what is about to serve sound? 0, 1 refused, -1. */
int ev_rebuilding_verify(struct ev_rebuilding *r, struct ev_error *err);

/*
 * prove.c: is it what the log makes? Of the shadow, or of the view that serves (`live`). No engine is open on it. 0 and
 * the receipt is written, 1 refused, -1.
 */
int ev_rebuilding_prove(struct ev_rebuilding *r, bool live, struct ev_error *err);

#endif
