/*
 * compare.h - two views, row against row, by table
 *
 * Both are read in the order of their primary key and merged, so memory does not grow with them. The
 * order is one that both kinds of store can produce: NULL, numbers by value, text by bytes, bytes. A table
 * without a primary key in common, or with NULLs in it, is compared as a multiset of its rows. Numbers
 * are compared by exact value, whatever their type (1.10 is 1.1, 1.0 is 1, -0 is 0, NaN is NaN), but
 * decimals against binary fractions of another store as such; everything else by bytes; times of a
 * PostgreSQL store against those of an SQLite one to the millisecond. Names of tables and columns match
 * as the stores' SQL would have it. Where the new table lacks a column of the old one each row has
 * changed; one that is only new changes none. A table without a key is sorted whole: open stores with read_only.
 */
#ifndef EV_COMPARE_H
#define EV_COMPARE_H

#include "store/store.h"

enum ev_row_change { EV_ROW_ONLY_OLD, EV_ROW_ONLY_NEW, EV_ROW_CHANGED };

struct ev_row_sample {
	enum ev_row_change change;
	char *key;  /* order_id=42, or without a key all columns */
	char *what; /* changed: total: 4 -> 8, paid: NULL -> 1; else the other columns: total=4 */
};

struct ev_compared_table {
	char *name;
	bool in_old, in_new; /* of a table that one of them lacks the other's rows are counted */
	bool keyed;
	int64_t same, only_old, only_new, changed; /* rows */
	struct ev_buf dropped, added; /* columns of old alone, of new alone; ", " between */
	struct ev_row_sample *samples;
	size_t nsamples;
};

struct ev_comparison {
	struct ev_compared_table *tables;
	size_t ntables;
};

/* Tables of the projection that either store has, NUL after each; what is one name to both is there once. Appended. */
int ev_compare_tables(struct ev_store *a, struct ev_store *b, const char *projection, struct ev_buf *tables,
		      struct ev_error *err);

/*
 * Compare the tables (NUL after each) of two stores; views and our own are passed over. At most `samples` of
 * each kind of change are kept per table. Each store should stand still (freeze), or what is
 * compared is not what was there at one moment. `out` is released by the caller, also after -1.
 * 1 when `stop` (NULL: never) said so, which is asked now and then; `out` is of no use then.
 */
int ev_compare(struct ev_store *old, struct ev_store *new, const struct ev_buf *tables, size_t samples,
	       bool (*stop)(void *ctx), void *ctx, struct ev_comparison *out, struct ev_error *err);
void ev_comparison_release(struct ev_comparison *c);

/* Rows that differ in any way, and rows of the old view. */
int64_t ev_comparison_differing(const struct ev_comparison *c);
int64_t ev_comparison_old_rows(const struct ev_comparison *c);
/* Is anything different at all: rows, tables, columns? */
bool ev_comparison_same(const struct ev_comparison *c);

/* `2 of 53 rows changed, 1 only in the old view, none only in the new`, appended. */
void ev_comparison_line(const struct ev_comparison *c, struct ev_buf *out);

#endif
