/*
 * ledger.h - what a projection's tables stand for: fingerprint, generation, position, counts
 *
 * Tables (created on first use, columns documented in evproject(1), LEDGER TABLES):
 *   ev_projection(name PK, version, fingerprint, generation, holder, mode, watermark, cuts,
 *             last_error, updated_at)
 *   ev_table(table_name PK, projection)           which projection owns which table
 *   ev_ledger(projection, topic, partition, begin_offset, next_offset, target_offset, cluster_id,
 *             last_offset, last_timestamp, last_hash, applied, ignored, filtered, deduplicated,
 *             dead, held, dropped, invisible, untouched; PK projection, topic, partition)
 *   ev_cut(projection, seq, position; PK projection, seq)     position as of position.h
 *   ev_rows(projection PK, rows_key)              see EV_ROWS_KEY
 * Invariant per partition: next - begin = applied + ignored + filtered + deduplicated + dead + held
 * + dropped + invisible.
 */
#ifndef EV_LEDGER_H
#define EV_LEDGER_H

#include "position/position.h"
#include "store/store.h"

enum ev_count {
	EV_APPLIED,
	EV_IGNORED,      /* no handler for its type */
	EV_FILTERED,     /* @filter said no */
	EV_DEDUPLICATED,
	EV_DEAD,         /* poison, kept as a dead letter */
	EV_HELD_BACK,    /* waits behind a dead letter of its key */
	EV_DROPPED,      /* dead letter given up */
	EV_INVISIBLE,    /* offsets without a record */
	EV_COUNTS
};
extern const char *const ev_count_names[EV_COUNTS];

struct ev_ledger_part {
	char *topic;
	int32_t partition;
	int64_t begin;    /* where the view began */
	int64_t next;     /* next offset */
	int64_t target;   /* end of the range under way; -1: none */
	char *cluster_id; /* NULL for files */
	int64_t last_offset; /* of the last record, -1: none yet */
	int64_t last_timestamp;
	uint64_t last_hash;
	int64_t counts[EV_COUNTS];
	int64_t untouched; /* applied records that touched no row */
	bool dirty;       /* changed since the last save */
};

struct ev_ledger {
	char *projection;
	int64_t version;
	char fingerprint[33];
	bool dead;           /* poison records are kept: run with --on-error dead */
	int64_t generation;  /* as read; every writer that is not the follower at work bumps it */
	int64_t watermark;   /* dedupe watermark, ms; INT64_MIN: none */
	bool exists;         /* the projection is in the store */
	int64_t updated_at;  /* ms of the last commit, by the clock (for people only) */
	int64_t cuts;        /* seq of the last cut */
	char *last_error;    /* what stopped the last run, NULL when it ended well */
	char *holder;        /* whose run it is, or was last: "pid 12 on host" */
	struct ev_ledger_part *parts; /* sorted by topic, partition */
	size_t nparts, cap;
};

/*
 * Rows that may be many (cuts, dead letters, seen ids) do not change hands when a version does: ev_rows(projection PK,
 * rows_key) says by which `projection` they are found, where that is not the version's own name. As SQL:
 */
#define EV_ROWS_KEY(name) "coalesce((SELECT w.rows_key FROM ev_rows w WHERE w.projection = " name "), " name ")"

/* Create the ev_ tables where missing; in the open transaction, or in one of its own. */
int ev_ledger_create(struct ev_store *s, struct ev_error *err);

/*
 * A ledger that was made before ev_rows was gets that table; as ev_ledger_create, and nothing happens
 * where there is no ledger. Who only reads is told (EV_STORE) what to do.
 */
int ev_ledger_complete(struct ev_store *s, struct ev_error *err);
int ev_ledger_readable(struct ev_store *s, struct ev_error *err);

/* Is there any ledger in this store? 1, 0, -1. */
int ev_ledger_present(struct ev_store *s, struct ev_error *err);

/*
 * Read the state of a projection (exists = false when it has none). Numbers that no run writes are EV_STORE. What `l`
 * held is overwritten; it is to be released, also after -1.
 */
int ev_ledger_load(struct ev_store *s, const char *projection, struct ev_ledger *l,
		   struct ev_error *err);
void ev_ledger_release(struct ev_ledger *l);
void ev_ledger_forget_parts(struct ev_ledger *l); /* the positions alone, in memory */

/* Names of all projections in the store, NUL after each; also of adopted tables, which have no ledger. */
int ev_ledger_names(struct ev_store *s, struct ev_buf *names, struct ev_error *err);
/* There is no such view: EV_USAGE, with those that there are. -1. */
int ev_ledger_no_view(struct ev_store *s, const char *projection, struct ev_error *err);

/*
 * First run: register projection, its tables (NUL after each) and holder in the open transaction.
 * A table that another projection owns, or that exists without an owner, is EV_USAGE: the
 * stores look at who owns it while the DDL runs (sqlite_auth.c, pg_schema.c).
 */
int ev_ledger_register(struct ev_store *s, struct ev_ledger *l, const char *fingerprint,
		       int64_t version, const struct ev_buf *tables, struct ev_error *err);
/* The tables a projection owns, NUL after each. */
int ev_ledger_tables(struct ev_store *s, const char *projection, struct ev_buf *tables,
		     struct ev_error *err);
/* Those of them that are not there: others have renamed or dropped them. NUL after each, appended. */
int ev_ledger_missing(struct ev_store *s, const char *projection, struct ev_buf *tables, struct ev_error *err);

/*
 * In an open transaction (so under the writer's lock): is the store still where `l` stands?
 * Compares generation and fingerprint, and every partition's next_offset. EV_HELD when another has
 * moved it (names holder: pid and host).
 */
int ev_ledger_guard(struct ev_store *s, const struct ev_ledger *l, struct ev_error *err);

/* Where it does: is all else there as in `l`, too, counts, cuts and ranges under way? 1, 0, -1. */
int ev_ledger_saved(struct ev_store *s, const struct ev_ledger *l, struct ev_error *err);

/*
 * Has somebody bumped the generation, swapped the version or removed it since `l` was read or saved? A look that
 * takes no lock, and may be the last moment's. 1, 0, -1.
 */
int ev_ledger_moved(struct ev_store *s, const struct ev_ledger *l, struct ev_error *err);

/*
 * Write the dirty partitions, watermark, holder and, with `cut`, one more cut. In the transaction;
 * who rolls it back restores `dirty` and `cuts`.
 */
int ev_ledger_save(struct ev_store *s, struct ev_ledger *l, bool cut, struct ev_error *err);
/* One more cut alone, where `l` stands amid a transaction; who ends that saves the rest. */
int ev_ledger_cut(struct ev_store *s, struct ev_ledger *l, struct ev_error *err);
/* The last cut is the one that the projection has counted to, or the next could not be stored. 0, -1. */
int ev_ledger_check_cuts(struct ev_store *s, const char *projection, struct ev_error *err);
/* The position of a stored cut; empty when there is none of that number. */
int ev_ledger_cut_position(struct ev_store *s, const char *projection, int64_t seq, struct ev_position *out,
			   struct ev_error *err);
/* The same and generation + 1: for writers beside a follower (dead retry, repair), who stays the holder. */
int ev_ledger_bump(struct ev_store *s, struct ev_ledger *l, struct ev_error *err);

/*
 * Say who is at work from now on, before the first commit: this process, and whether it keeps
 * poison records (a rebuild inherits that).
 */
int ev_ledger_hold(struct ev_store *s, const char *projection, bool dead, struct ev_error *err);

/*
 * What stopped a run (NULL: nothing), for `status`. Outside of a transaction, or in the open one.
 */
int ev_ledger_note_error(struct ev_store *s, const char *projection, const char *text,
			 struct ev_error *err);

#define EV_HOLDER_TEXT 128
/* How this process is called where it holds something: "pid 12 on host". */
void ev_ledger_me(char out[EV_HOLDER_TEXT]);

/*
 * Put the holder of the projection into the hint of an EV_HELD error; where that is nobody but us,
 * who committed last in this store.
 */
void ev_ledger_name_holder(struct ev_store *s, const char *projection, struct ev_error *err);

/*
 * The partition's entry, added when `add` (next = begin = -1, target = -1), else NULL. Pointers
 * move on add.
 */
struct ev_ledger_part *ev_ledger_part(struct ev_ledger *l, const char *topic, int32_t partition,
				      bool add);

/* The next offsets as a position. */
void ev_ledger_position(const struct ev_ledger *l, struct ev_position *out);

/* How old the youngest record in the view is, by its timestamp, in ms; -1: it has none, or none with one. */
int64_t ev_ledger_age_ms(const struct ev_ledger *l);

/* What all its counts add up to. */
int64_t ev_ledger_counted(const struct ev_ledger_part *p);

/* Does the equation hold for every partition? If not, `why` says where. */
bool ev_ledger_balanced(const struct ev_ledger *l, struct ev_buf *why);

#endif
