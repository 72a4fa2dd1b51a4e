/*
 * table.h - the rows of a projected table, one after the other, each as bytes and hashes (digest.h)
 *
 * The shape of a table is taken from the reference, which the projection's own schema has made, so both
 * sides are read with the same columns in the same order, whatever was done to the store's table since.
 */
#ifndef EV_VERIFY_TABLE_H
#define EV_VERIFY_TABLE_H

#include "verify/digest.h"
#include "verify/verdict.h"

struct ev_shape_column {
	char *name;
	char *type, *full; /* store.h */
	enum ev_digest_type as;
	bool ignored;
};

struct ev_shape {
	char *table;
	struct ev_shape_column *columns; /* those of the key first and in its order */
	size_t ncolumns, nkeys;
	bool keyed;    /* a primary key; else all columns that are not ignored are the key */
	bool portable; /* read as the fold in memory has it: times to the millisecond as :time, others as text */
	int64_t ignored; /* columns */
};

/*
 * Describe a table of the reference. `ignore`: TABLE.COLUMN words; a match is marked in `used`. 1, 0 when
 * it is no table (a view), -1. To be released, whatever is returned.
 */
int ev_shape_load(struct ev_shape *shape, struct ev_store *reference, const char *table,
		  const char *const *ignore, size_t nignore, bool *used, struct ev_error *err);
void ev_shape_release(struct ev_shape *shape);

/* Has a store's table exactly these columns? Else what is the matter with the first, in `why`. */
bool ev_shape_fits(const struct ev_shape *shape, const struct ev_table_info *info, enum ev_dialect dialect,
		   struct ev_buf *why);

struct ev_scanned {
	struct ev_hash128 key, row; /* without the ignored columns */
	struct ev_slice bytes;      /* all columns, encoded; borrowed */
};

/* Called per row; non-zero stops and is returned. */
typedef int (*ev_scan_fn)(void *ctx, const struct ev_scanned *row, struct ev_error *err);

/*
 * All rows of the table in `s`. Columns that it lacks are read as NULL; those, and columns of another type or
 * that the reference lacks, are findings of `m` (NULL: not told again). 1 when there is no such table, 0, -1.
 */
int ev_table_scan(struct ev_store *s, const struct ev_shape *shape, const struct ev_digest_key *key,
		  struct ev_mode *m, ev_scan_fn fn, void *ctx, struct ev_error *err);

/* The same of the rows of a fold in memory, which has the columns in an order of its own. */
struct ev_memory_fold; /* apply/memory_fold.h */
int ev_memory_scan(struct ev_memory_fold *r, const struct ev_shape *shape, const struct ev_digest_key *key,
		   ev_scan_fn fn, void *ctx, struct ev_error *err);

/* An encoded column, for people: NULL, 42, 'text', x'00ff'. Moves `bytes` past it; false at the end. */
bool ev_row_column(struct ev_slice *bytes, struct ev_buf *text, struct ev_slice *raw);
/*
 * Two columns that differ, in place of such texts; where these would be cut off before the first byte that differs,
 * that byte's place is before each, and the text goes on from there.
 */
void ev_row_columns_differ(struct ev_slice a, struct ev_slice b, struct ev_buf *text_a, struct ev_buf *text_b);
/* `order_id='42', line=1`, appended. */
void ev_row_key(const struct ev_shape *shape, struct ev_slice bytes, struct ev_buf *out);

#endif
