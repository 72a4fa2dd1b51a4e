/*
 * internal.h - the engine's own state, shared by the files of apply/ and nobody else
 *
 * A record's way: open.c (once), lane.c or record.c, batch.c or whole.c, poison.c; retry.c for a letter.
 */
#ifndef EV_APPLY_INTERNAL_H
#define EV_APPLY_INTERNAL_H

#include "apply/apply.h"
#include "apply/bind.h"
#include "apply/match.h"
#include "event/decoder.h"
#include "fold/fold.h"
#include "store/dead.h"
#include "store/seen.h"

/*
 * What is done with statements: run by the store; those that fold collected for a batch; bound, for a list; the same,
 * and folded where that is full; their rows are named.
 */
enum ev_way { EV_BY_STORE, EV_BY_BATCH, EV_BY_LIST, EV_BY_PARTS, EV_BY_NAME };

struct ev_apply {
	struct ev_store *store;
	const struct ev_projection *projection;
	struct ev_apply_options opt;
	struct ev_ledger ledger;
	struct ev_ledger_part *saved; /* counts at the start of the transaction, for rollback */
	size_t nsaved;
	int64_t saved_watermark, saved_cuts, saved_generation, saved_skipped;
	bool saved_cut_first, saved_guarded, saved_indexed;

	struct ev_query ***queries;   /* [handler][statement] */
	size_t *numbers;              /* [handler]: of its first statement among all */
	int *lines;                   /* [number]: where in the file */
	struct ev_bind *binds;        /* as many as the widest statement has parameters */
	struct ev_fold *fold;         /* NULL: all by statements */
	enum ev_way way;              /* of the statements at hand */
	struct ev_fold_list *list;    /* EV_BY_LIST, EV_BY_PARTS: where to */
	bool whole;                   /* every statement folds: whole.c */
	struct ev_lanes *lanes;       /* its first half, lane.h */
	size_t batch_bytes;           /* whole.c: what the records at hand take, and those behind them */
	size_t most;                  /* records whose rows are wanted at a time, 0: those of a window; whole.c */
	bool (*chore)(void *ctx);     /* ev_apply_chore */
	void *chore_ctx;
	int (*proof)(void *ctx, struct ev_error *err); /* ev_apply_proof */
	void *proof_ctx;
	bool proven;                  /* it was asked of all that is not committed */
	bool guarded;                 /* ev_open_guard */
	bool indexed;                 /* ev_open_indexes */
	bool looked;                  /* it is known which tables were empty */
	bool open;                    /* whole.c: a transaction is open */
	bool holding;                 /* there is what is not committed */
	bool due;                     /* it must be, at the end of the batch */
	bool moved;                   /* another writer was there */
	int64_t held_since;           /* ms, monotonic */
	struct ev_trouble trouble;    /* since the last transaction that was committed */
	struct ev_buf folds;          /* which tables do not fold, and why */
	struct ev_match *match;
	struct ev_decoder *decoder;
	struct ev_event event;
	bool commutes;
	struct ev_buf tables;         /* the projection's, NUL after each */
	struct ev_buf reads;

	size_t *parts;                /* source partition -> index in ledger.parts */
	size_t nparts;

	/* results of the statements of the batch at hand, by record */
	int64_t *touched;             /* rows touched, per record of the batch */
	unsigned char *fates;         /* enum ev_fate, per record of the batch */
	size_t batch_cap;
	bool failed;                  /* a statement failed: `poison` says why, `failed_at` where */
	size_t failed_at;
	struct ev_error poison;       /* also why the record at hand became a dead letter */

	struct ev_letter_count {
		int64_t dead, held;             /* letters in the store */
		int64_t known_dead, known_held; /* of them those that count for no limit */
	} letters, saved_letters;
	bool cut_first;               /* the position before the records to come is a cut, where order matters */
	int64_t skipped;
};

/* What became of a record. */
enum ev_fate {
	EV_FATE_ERROR = -1, /* err is filled: EV_DATA is poison, anything else ends the run */
	EV_FATE_SKIPPED = EV_COUNTS, /* below the position */
	/* else an enum ev_count */
};

/*
 * Stages before the statements: an enum ev_fate, EV_APPLIED with the handlers (ended by -1, valid
 * until the next record) when statements are to be run. Tombstones pass filter and dedupe by.
 */
int ev_record_stages(struct ev_apply *a, const struct ev_record *r, const int **handlers,
		     struct ev_error *err);
/* The same without dedupe: what a dead letter goes through again. */
int ev_record_route(struct ev_apply *a, const struct ev_record *r, const int **handlers,
		    struct ev_error *err);

/* @dedupe needs an id: EV_DATA when the event routed last has none. */
int ev_record_id(struct ev_apply *a, struct ev_slice *id, struct ev_error *err);

/* All statements so far have run, and their results are known. */
int ev_record_sync(struct ev_apply *a, struct ev_error *err);

/* Run the handlers' statements; their results are counted under `index`. 1: a->list has no room for them. */
int ev_record_apply(struct ev_apply *a, size_t index, const int *handlers, struct ev_error *err);
/* EV_BY_PARTS: what stands in the list, and none does then; rows touched are added to touched[0]. 0, 1, -1 as it. */
int ev_record_fold(struct ev_apply *a, struct ev_error *err);

/* ev_record_apply under a savepoint: a poison record leaves nothing, and its fault says which value it is for. */
int ev_record_guarded(struct ev_apply *a, size_t index, const int *handlers, struct ev_error *err);

/* Receives statements' results (store on_result). */
void ev_record_result(void *ctx, uint64_t tag, int64_t touched, const struct ev_error *err);

int ev_transaction_begin(struct ev_apply *a, struct ev_error *err); /* and guard, and snapshot */
int ev_transaction_commit(struct ev_apply *a, struct ev_error *err); /* settles a lost answer */
/*
 * Is this a fault of the store that another try may not meet? retry: then wait, and connect anew.
 */
bool ev_transaction_may_retry(const struct ev_store *s, const struct ev_error *err);
bool ev_transaction_retry(struct ev_apply *a, struct ev_error *err);
void ev_transaction_undo(struct ev_apply *a); /* rollback, counts as before */
void ev_batch_reserve(struct ev_apply *a, size_t n); /* room for n records' results, zeroed */

/* batch.c, for whole.c */
int ev_batch_prove(struct ev_apply *a, struct ev_error *err); /* by ev_apply_proof, unless that was asked */
void ev_batch_snapshot(struct ev_apply *a);
void ev_batch_advance(struct ev_ledger_part *p, const struct ev_record *r, int fate);
void ev_batch_settle(struct ev_apply *a, const struct ev_record *records, size_t n);
void ev_batch_pass_holes(struct ev_apply *a, const int64_t *next, size_t nparts, bool finished);
/* Another writer has bumped the generation: take over what it wrote, or -1 with the guard's `err`. */
int ev_batch_take_over(struct ev_apply *a, struct ev_error *err);

/*
 * poison.c. Does a record that is poison become a letter, and not the end of the run? Is one held back behind a letter
 * of its key (1, and the letter's offset, 0, -1)? keep: it becomes a letter, or waits behind one; an enum ev_fate.
 * stops: the error that ends the run names the record, and what to do. Returns -1.
 */
bool ev_poison_keeps(const struct ev_apply *a, const struct ev_record *r);
int ev_poison_blocks(struct ev_apply *a, const struct ev_record *r, int64_t *behind, struct ev_error *err);
int ev_poison_keep(struct ev_apply *a, const struct ev_record *r, int64_t behind, const struct ev_error *why,
		   struct ev_error *err);
int ev_poison_stops(const struct ev_apply *a, const struct ev_record *r, struct ev_error *err);
/*
 * One that waited behind the letter at partition, offset, which is decided on, is poison itself: it becomes a letter,
 * or ends the run.
 */
int ev_poison_promote(struct ev_apply *a, const struct ev_record *r, int32_t partition, int64_t offset,
		      const struct ev_error *why, struct ev_error *err);
int ev_poison_count(struct ev_apply *a, struct ev_error *err); /* the letters that the store has */
/*
 * Does it matter now in which order records of several partitions come? Behind a dead letter it does whatever the
 * handlers are, as a key's records may be in several.
 */
bool ev_poison_ordered(const struct ev_apply *a);
/* One of them is none any more, nor are the `held` records behind it. */
void ev_poison_decided(struct ev_apply *a, struct ev_slice topic, int32_t partition, int64_t offset, size_t held);

/* whole.c: batches of a projection that folds as a whole. As ev_apply_batch. */
int ev_whole_batch(struct ev_apply *a, const struct ev_record *records, size_t n, const int64_t *next,
		   size_t nparts, bool cut, bool finished, struct ev_error *err);
/* Nothing of the store's is known any more. */
void ev_whole_drop(struct ev_apply *a);

/* open.c: nothing of the store; the projection's tables; guards and statements, in the open transaction */
struct ev_apply *ev_open_new(struct ev_store *s, const struct ev_projection *p,
			     const struct ev_apply_options *opt);
/* Before a handler's statement runs: the store's guards, which slow down what the fold has checked already. */
int ev_open_guard(struct ev_apply *a, struct ev_error *err);
/*
 * Before the store is given a row that may be too large for an index: those that wait for the rows are made, so that
 * it is this record that is refused, and not the index in the end.
 */
int ev_open_indexes(struct ev_apply *a, struct ev_error *err);
void ev_open_free(struct ev_apply *a);
void ev_open_number(struct ev_apply *a); /* the projection's statements, and room for their parameters */
int ev_open_schema(struct ev_apply *a, struct ev_error *err);
int ev_open_compile(struct ev_apply *a, struct ev_error *err);

struct ev_ledger_part *ev_record_part(struct ev_apply *a, const struct ev_record *r);

#endif
