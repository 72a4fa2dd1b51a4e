/* internal.h - the state of one verification, shared by the modes and nobody else */
#ifndef EV_VERIFY_INTERNAL_H
#define EV_VERIFY_INTERNAL_H

#include "verify/freshness.h"
#include "verify/ids.h"
#include "verify/verify.h"

/* A table on both sides: [0] the store, [1] the log. */
struct ev_table_check {
	struct ev_shape shape;
	struct ev_digest *buckets[2]; /* EV_DIGEST_BUCKETS each */
	struct ev_digest sum[2];
	int64_t unsampled[2];
	bool absent;                  /* the store has no such table */
	bool foreign;                 /* it depends on tables of @reads: not compared */
	bool *wanted;                 /* buckets that differ; NULL: none */
};

enum { EV_SIDE_STORE, EV_SIDE_LOG };

struct ev_verifying {
	const struct ev_projection *p;
	struct ev_source *src;
	const struct ev_verify_options *opt;
	const struct ev_verify_hooks *hooks;
	struct ev_verdict *v;
	struct ev_digest_key key;
	struct ev_freshness freshness; /* of the log just before the first snapshot */
	struct ev_error trouble;       /* why it could not be asked */
	struct ev_snapshot first;     /* its store is let go once its rows are read */

	/* the reference */
	struct ev_store *reference;   /* NULL: folded in memory alone */
	struct ev_store *catalogue;   /* of the store, for the fold in memory */
	struct ev_replay replay;
	uint32_t slices;              /* of the keys, each folded for itself; at most 1: none */
	struct ev_replay_hooks replay_hooks;
	struct ev_snapshot base;      /* where the fold began, without a store; no parts: with the log */
	char base_receipt[33];
	struct ev_table_check *tables;
	size_t ntables;
	struct ev_buf views;          /* of SQL, by the reference's ledger; NUL after each */
	bool altered;                 /* the fold is made with tables that are not those of the file */
	bool folded;                  /* it stands where the first snapshot stands */
	bool rows_match;              /* said by rows.c, for counts.c */
	bool repaired;
	struct ev_digest letters;     /* dead letters of the store, by counts.c */
	struct ev_buf beside;         /* of its indexes those that the file does not name (store/indexes.h) */
	struct ev_ids ids;            /* of @dedupe, that the store has seen; empty without it */
};

/* verify.c: was the view built with this file? EV_USAGE where not. */
int ev_verify_same_projection(const struct ev_verifying *w, const struct ev_ledger *l, struct ev_error *err);

/* reference.c: open the empty reference and learn the tables' shapes. EV_USAGE passes through. */
int ev_reference_open(struct ev_verifying *w, struct ev_error *err);
void ev_reference_close(struct ev_verifying *w);
/*
 * slices.c: fold the log on to where `to` stands, then call `each`; several times, each time of other rows, where they
 * do not all fit --memory. What is not 0 ends it and is returned.
 */
typedef int (*ev_folded_fn)(void *ctx, struct ev_error *err);
int ev_reference_fold(struct ev_verifying *w, const struct ev_snapshot *to, ev_folded_fn each, void *ctx,
		      struct ev_error *err);
/* The rows that the log makes, of those that are folded. */
int ev_reference_scan(struct ev_verifying *w, const struct ev_shape *shape, ev_scan_fn fn, void *ctx,
		      struct ev_error *err);
/* One more empty store of the same kind; the caller closes it. */
struct ev_store *ev_reference_scratch(struct ev_verifying *w, struct ev_error *err);

/* Are the view's tables all there? -1: EV_STORE, the first that is not. */
int ev_reference_tables_there(struct ev_store *s, const char *projection, struct ev_error *err);

/* views.c: in the snapshot; a file with views always has a reference (reference.c). */
int ev_views_compare(struct ev_verifying *w, struct ev_store *s, struct ev_mode *m, struct ev_error *err);

/* reads.c: mark the foreign tables; how many. */
size_t ev_reads_mark(struct ev_verifying *w);
/*
 * Once it is folded: are the dead letters of the store, by their digest, those of the reference? A letter holds back
 * what comes behind it in its key, whatever table that is for, so else no row that the log makes alone says anything of
 * the store's. 0, -1 with EV_DATA.
 */
int ev_reads_same_letters(struct ev_verifying *w, const struct ev_digest *store, struct ev_error *err);

/*
 * rows.c: the snapshot's rows into digests; those that are folded, too; the comparison: 0, 1 there are
 * suspects.
 */
int ev_rows_read(struct ev_verifying *w, struct ev_snapshot *s, struct ev_mode *m, struct ev_error *err);
int ev_rows_folded(void *w, struct ev_error *err);
int ev_rows_judge(struct ev_verifying *w, struct ev_mode *m);

/* Is a row of this key in the sample? */
bool ev_rows_sampled(const struct ev_verifying *w, struct ev_hash128 key);
static inline size_t ev_bucket_of(struct ev_hash128 key)
{
	return (size_t)(key.lo & (EV_DIGEST_BUCKETS - 1));
}

/*
 * suspects.c: which rows of the wanted buckets differ, at a second snapshot and the reference folded on to it.
 */
int ev_suspects_tell(struct ev_verifying *w, struct ev_mode *m, struct ev_error *err);

/* counts.c: after the fold; gone: records that the ledger has counted and the log does not hold. */
int64_t ev_counts_gone(const struct ev_verifying *w);
/* In the snapshot: the dead letters, and the ids that were seen. */
int ev_counts_read(struct ev_verifying *w, struct ev_store *s, struct ev_error *err);
/* What a ledger counts, and where it stands: a row for each partition. */
int ev_counts_ledger(const struct ev_digest_key *key, const struct ev_ledger *l, struct ev_digest *out,
		     struct ev_error *err);
/* The dead letters of any store. */
int ev_counts_letters(const struct ev_digest_key *key, const struct ev_projection *p, struct ev_store *s,
		      struct ev_digest *out, struct ev_error *err);
/* Those of the reference. */
int ev_counts_letters_made(struct ev_verifying *w, struct ev_digest *out, struct ev_error *err);
int ev_counts_judge(struct ev_verifying *w, struct ev_mode *m, struct ev_error *err);

/* checks.c: in the snapshot. */
int ev_checks_run(struct ev_verifying *w, struct ev_store *s, struct ev_mode *m, struct ev_error *err);

/* receipt_of.c: what a receipt says of the view; in the snapshot, and once all is judged. */
int ev_receipt_begin(struct ev_verifying *w, struct ev_error *err);
void ev_receipt_end(struct ev_verifying *w);

#endif
