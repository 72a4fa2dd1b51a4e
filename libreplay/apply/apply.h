/*
 * apply.h - records into a store, exactly once: one batch is one transaction
 *
 * Rows, position, ledger and dead letters change together. By statements a batch is first run straight
 * through; if a record in it is poison the transaction is rolled back and the batch is run again with a
 * savepoint around each record, so a poison record leaves nothing behind and costs nothing when
 * there is none. Where all folds in memory (whole.c) a record is undone alone, and a transaction may hold
 * several batches. Stages of a record: position (already applied?), filter, type, dedupe, hold,
 * apply.
 *
 * The fold is a function of the sequence of records alone: batch sizes, restarts and records
 * given twice at the same offset change nothing.
 */
#ifndef EV_APPLY_H
#define EV_APPLY_H

#include "projection/projection.h"
#include "record/record.h"
#include "store/ledger.h"
#include "store/store.h"

/*
 * Somebody who looks at the tables between two records. `record` is called after each one, inside the
 * transaction; for records of a batch that is tried again it is called again. -1 ends the run: never
 * EV_DATA, which would be taken for poison. `touched`: rows.
 */
struct ev_observer {
	void *ctx;
	int (*record)(void *ctx, const struct ev_record *r, enum ev_count fate, int64_t touched,
		      struct ev_error *err);
};

/*
 * Poison that was met before: the letters of the version that serves, for one that is built beside it. `letter`: is
 * there one of this record; if so, was it decided on (dropped, or retried)?
 */
struct ev_known_poison {
	void *ctx;
	bool (*letter)(void *ctx, struct ev_slice topic, int32_t partition, int64_t offset, bool *decided);
};

struct ev_apply_options {
	bool exact;        /* all by statements, nothing folded in memory (fold.h) */
	bool dead;         /* --on-error dead: keep poison as dead letters; else stop */
	bool inherit;      /* as the view was run before, if it was; else as `dead` says */
	int64_t max_dead;  /* dead letters in the store before the run stops; -1: no limit */
	int64_t max_held;
	const struct ev_known_poison *known; /* counts for no limit, and decided on stops no run; or NULL */
	const char *remedy; /* the hint where poison ends it; NULL: that of a run */
	bool decided;      /* retry what was decided before, and do not ask whether it may be late */
	bool beside;       /* no run lock: one transaction beside a follower (dead retry) */
	int hold_ms;       /* many batches are committed together, so long at most (ev_apply_checkpoint); 0: no */
	size_t hold_rows;  /* or so many rows; 0: any number */
	bool load;         /* nobody else wants these tables yet: their keys may be made after the rows */
	const struct ev_buf *waiting; /* indexes that are made later, as store/indexes.h lists them; or NULL */
	/* The run lock is ours, and tables of the same fingerprint are there: see to what another has left; or NULL. */
	int (*settle)(void *ctx, struct ev_error *err);
	void *settle_ctx;
	bool alone;        /* nobody else uses the store: a transaction may stay open while it is held */
	size_t memory;     /* bytes that rows kept in memory may take; 0: any number */
	const struct ev_observer *observer; /* or NULL; outlives the apply */
};

#define EV_APPLY_OPTIONS_INIT { .max_dead = -1, .max_held = -1 }

struct ev_apply;

/*
 * Bring store and projection together: takes the projection's run lock, creates ledger tables and
 * the projection's own where they are missing, refuses another fingerprint (EV_USAGE) and tables
 * that no ledger of this projection owns (EV_USAGE), prepares all statements (EV_USAGE with
 * file:line:column). The store and the projection must outlive it.
 */
struct ev_apply *ev_apply_open(struct ev_store *s, const struct ev_projection *p,
			       const struct ev_apply_options *opt, struct ev_error *err);
void ev_apply_close(struct ev_apply *a); /* NULL allowed; what is not committed is rolled back */

/* EV_USAGE where the tables that the ledger counts, if there is one, were built by another fingerprint. */
int ev_apply_same(const struct ev_projection *p, const struct ev_ledger *l, struct ev_error *err);

/*
 * Would this store take the projection? Its tables are made, all handlers, checks and samples prepared,
 * in one transaction that is rolled back. EV_USAGE with file:line:column. For a scratch store. `folds` gets
 * what ev_apply_folds would say.
 */
int ev_apply_check(struct ev_store *s, const struct ev_projection *p, struct ev_buf *folds,
		   struct ev_error *err);

/*
 * Names of tables that a store would take, and with which the view could not be rebuilt then, or not be checked beside
 * the one that serves: EV_USAGE with file:line:column. Opening looks at them as it makes the tables; of tables that are
 * there already who rebuilds has to ask, since checks may have changed.
 */
int ev_apply_check_names(struct ev_apply *a, struct ev_error *err);

/* A check or sample, prepared; NULL with file:line:column. The caller finishes it. */
struct ev_query *ev_prepare_query(struct ev_store *s, const struct ev_projection *p,
				  const struct ev_query_def *d, struct ev_error *err);
/* Its rows, as store's select gives them; a value that it fails on is told with its name and file:line:column. */
int ev_ask_query(struct ev_store *s, const struct ev_projection *p, const struct ev_query_def *d, struct ev_query *q,
		 ev_row_fn row, void *ctx, struct ev_error *err);

/*
 * Records that one transaction should have where nobody asks for a number: 10000; and 1000 where statements
 * go to PostgreSQL, since a row that is written again and again in one transaction leaves dead versions that
 * nothing can prune before its end, and each of them is looked at by the next write.
 */
size_t ev_apply_batch_size(const struct ev_apply *a);
/* And bytes of keys, values and headers, about: 32 MiB, or what is a small part of the memory that there is. */
size_t ev_apply_batch_bytes(const struct ev_apply *a);

/* The ledger as last committed (or as loaded), and what is held on top of it. Borrowed. */
const struct ev_ledger *ev_apply_ledger(const struct ev_apply *a);

/*
 * May it matter in which order records of several partitions come? So it does unless all handlers provably commute, and
 * where dead letters are kept, or were, as one holds back the records of its key that come behind it.
 */
bool ev_apply_order_matters(const struct ev_apply *a);

/* Is all of it folded in memory, record by record, so that no statement looks for rows but by their key? */
bool ev_apply_whole(const struct ev_apply *a);

/* Which tables go by statements instead of being folded in memory, and why; a line each (until close). */
const char *ev_apply_folds(const struct ev_apply *a);

/*
 * Tell which partition of the ledger records with rec->part == `part` belong to; `begin` is where
 * the view begins there if the ledger does not know it yet. Must be called before such a record is
 * given.
 */
void ev_apply_partition(struct ev_apply *a, uint32_t part, const char *topic, int32_t partition,
			int64_t begin, const char *cluster_id);

/* Store the range that is about to be read: its end per partition (-1: none). One transaction. */
int ev_apply_target(struct ev_apply *a, const int64_t *ends, size_t nparts, struct ev_error *err);

/*
 * One transaction: records[0..n) in order, then every partition i < nparts moves on to next[i]
 * (what lies between is counted invisible; next NULL: positions follow the records alone). `cut`:
 * store the position as a cut where order matters; `finished`: the stored range is done. On a
 * poison record in stop mode everything before it is committed, and the error (EV_DATA) names it.
 * EV_HELD: another writer moved the position.
 *
 * With `hold_ms` what is done may stay in memory for a while: until that is full, the time has passed, a cut or
 * the end is to be stored, or for a checkpoint. 1: what was held is lost (a store that failed, another writer
 * beside it); the ledger stands where it was last committed, and the caller goes on reading from there.
 */
int ev_apply_batch(struct ev_apply *a, const struct ev_record *records, size_t n,
		   const int64_t *next, size_t nparts, bool cut, bool finished,
		   struct ev_error *err);

/*
 * Asked once the records of a batch are at hand, before what they do is committed, and before a transaction is opened
 * that the commit would end: may they be kept? Of a batch that is held with others one answer, later, is for all. Its
 * -1 and error are those of the call; nothing since the last commit is kept. NULL: nobody is asked.
 */
void ev_apply_proof(struct ev_apply *a, int (*fn)(void *ctx, struct ev_error *err), void *ctx);

/*
 * The records of the next batch, or of the one behind it: a second thread decodes them meanwhile. They stay as
 * they are until that batch is done, or they are forgotten. False: there is no such thread, or it has two already.
 */
bool ev_apply_ahead(struct ev_apply *a, const struct ev_record *records, size_t n);
void ev_apply_forget_ahead(struct ev_apply *a);
/* Something that the second thread, if there is one, does when it would wait; false: there was nothing to do. */
void ev_apply_chore(struct ev_apply *a, bool (*fn)(void *ctx), void *ctx);

/*
 * There is nothing to apply: is the view still ours? As the guard of a transaction would tell, with one cheap query:
 * who has written beside us (dead retry, repair) is taken over from, a swap or a rollback is EV_HELD. What is held
 * is left to its commit.
 */
int ev_apply_look(struct ev_apply *a, struct ev_error *err);

/* Is there something that is not committed, and may be lost? */
bool ev_apply_holds(const struct ev_apply *a);

/* Commit what is held. 0, 1 as ev_apply_batch, -1. */
int ev_apply_checkpoint(struct ev_apply *a, struct ev_error *err);

/* Records that ev_apply_batch skipped since they lie below the stored position. */
int64_t ev_apply_skipped(const struct ev_apply *a);

/*
 * For an observer, of the record at hand: the event's type (null: none), its time (false: none), and
 * why it became a dead letter.
 */
struct ev_slice ev_apply_event_type(struct ev_apply *a);
bool ev_apply_event_time(struct ev_apply *a, int64_t *ms);
const char *ev_apply_event_fault(const struct ev_apply *a);

struct ev_retried {
	int64_t applied;   /* records */
	/* What waited behind the letter and was poison itself: its place in the topic; offset -1: there was none. */
	int64_t offset;
	int32_t partition;
	int64_t held;      /* what waits behind that now */
	char why[1024];
};

/*
 * Dead letters (§5). Retry the letter at topic/partition@offset and then what it held back, or drop
 * it and apply what it held back; one transaction, generation bumped, cut stored. A retry that fails again
 * changes nothing but the letter's tries and reason (EV_DATA). A retry is refused (EV_DATA, hint
 * `rebuild`) where the letter's rows may be shared with other keys by statements that do not
 * commute: then it makes a difference that it comes late (projection/late.h).
 *
 * What was held back and is poison itself becomes a letter, as if it had come first, and the rest waits behind it.
 * Where such poison ends a run (ev_apply_options), it is EV_DATA, `done` says which, and nothing changes.
 */
int ev_apply_retry(struct ev_apply *a, const char *topic, int32_t partition, int64_t offset,
		   bool drop, struct ev_retried *done, struct ev_error *err);

#endif
