/*
 * sqlite_kit.h - what the files of the SQLite shadow share (shadow_sqlite.c) and nobody else
 *
 * The names begin with ev_kit_; those of the PostgreSQL shadow (pg_kit.h) with ev_pgkit_.
 */
#ifndef EV_REBUILD_SQLITE_KIT_H
#define EV_REBUILD_SQLITE_KIT_H

#include "rebuild/shadow.h"
#include "store/sqlite_internal.h"

struct ev_shadow_sqlite {
	struct ev_shadow base;
	struct ev_sqlite *live;
	char *path;             /* of the side file; NULL beside a :memory: store */
	struct ev_store *store; /* the shadow's, while it is open */
	struct ev_store *frozen;
	int lock_fd;
};

/* Run SQL made by sqlite3_mprintf (%Q a text, %w inside "..." a name). */
int ev_kit_exec(struct ev_sqlite *s, struct ev_error *err, const char *fmt, ...);
/* The same, and all cells of all rows (NULL as an empty text) appended, NUL after each. */
int ev_kit_rows(struct ev_sqlite *s, struct ev_buf *out, struct ev_error *err, const char *fmt, ...);
/* The first cell as a number; 0 without a row. */
int ev_kit_number(struct ev_sqlite *s, int64_t *out, struct ev_error *err, const char *fmt, ...);

/* Walk cells of ev_kit_rows: for (c = ev_kit_first(&b); c; c = ev_kit_next(&b, c, n)). */
static inline const char *ev_kit_first(const struct ev_buf *b)
{
	return b->len ? b->data : NULL;
}

static inline const char *ev_kit_next(const struct ev_buf *b, const char *c, int n)
{
	while (n--)
		c += strlen(c) + 1;
	return c < b->data + b->len ? c : NULL;
}

static inline const char *ev_kit_cell(const char *c, int i)
{
	while (i--)
		c += strlen(c) + 1;
	return c;
}

/* Pragmas that the renames want: on before a transaction that moves versions. */
int ev_kit_legacy(struct ev_sqlite *s, struct ev_error *err);
int ev_kit_foreign_keys(struct ev_sqlite *s, bool on, struct ev_error *err);

/* What the names of indexes of others begin with where a table of the load has them, too. */
#define EV_KIT_EXPECTED "ev_expected_"
/*
 * In transactions of `fresh`, the shadow's store: indexes of others that may refuse a row are on its tables as well, as
 * shadow.h expect has it. How many were made or have gone, or -1.
 */
int ev_kit_expect_indexes(struct ev_shadow_sqlite *sh, struct ev_sqlite *fresh, enum ev_shadow_rows rows,
			  struct ev_error *err);

/* The table for views of versions that do not serve: ev_view(projection, view_name, sql). */
int ev_kit_create_views(struct ev_sqlite *s, struct ev_error *err);

/*
 * CREATE TABLE or INDEX as sqlite_schema has it, with the names of tables and of the index as they are in
 * role `to`; `from` is the role whose prefix they have now. The table's name before a column of its own, as in
 * `CHECK (acc.n > 0)`, is left out, as it would have to follow; true where there was one.
 */
bool ev_kit_rename_sql(const char *sql, enum ev_role from, enum ev_role to, struct ev_buf *out);

/* In the open transaction: tables, views, indexes and ledger rows of a version into another role. */
int ev_kit_move(struct ev_sqlite *s, const char *projection, enum ev_role from, enum ev_role to,
		struct ev_error *err);
/* Drop the tables and ledger rows of a version; each table in a transaction of its own, if `pieces`. */
int ev_kit_drop(struct ev_sqlite *s, const char *projection, enum ev_role role, bool pieces,
		struct ev_error *err);

/* In the open transaction: the new version's empty tables in role NEW, as `fresh` has them. */
int ev_kit_create(struct ev_sqlite *s, const char *projection, struct ev_sqlite *fresh,
		  struct ev_buf *carried, struct ev_error *err);
/*
 * In the open transaction, behind ev_kit_create: indexes that somebody has put on the old tables, where the new ones
 * have their columns; `carried` gets a line for each.
 */
int ev_kit_carry_indexes(struct ev_sqlite *s, const char *projection, struct ev_buf *carried, struct ev_error *err);
/* shadow.h behind. */
int ev_kit_indexes_behind(struct ev_sqlite *s, const char *projection, struct ev_buf *out, struct ev_error *err);
/*
 * In the open transaction: tables that no ledger owns, and have names of the new version, are ours. Their names are
 * appended, NUL after each.
 */
int ev_kit_adopt(struct ev_sqlite *s, const char *projection, struct ev_sqlite *fresh, struct ev_buf *adopted,
		 struct ev_error *err);
/*
 * Bump the serving version's generation past that of every other version; who runs the projection is its holder
 * still, as it has the run's lock until it finds itself fenced.
 */
int ev_kit_fence(struct ev_sqlite *s, const char *projection, struct ev_error *err);

int ev_kit_copy(struct ev_shadow_sqlite *sh, struct ev_plan *plan, bool adopt,
		const struct ev_shadow_hooks *hooks, struct ev_error *err);
int ev_kit_preflight(struct ev_shadow_sqlite *sh, struct ev_store *fresh, bool adopt,
		     struct ev_shadow_report *out, struct ev_error *err);
/*
 * In the exchange's transaction: the same refusals, of what hangs on the serving tables now, by a rehearsal with the
 * version in role `next` in their place.
 */
int ev_kit_recheck(struct ev_shadow_sqlite *sh, enum ev_role next, struct ev_error *err);
/*
 * sqlite_shape.c: what is not the same on the serving tables and those of role NEW. All of it, as ev_plan.differs; the
 * columns that end, a line each; both appended. And what was changed since the rebuild began is refused by name.
 */
int ev_kit_shape(struct ev_sqlite *s, const char *projection, struct ev_buf *differs, struct ev_error *err);
int ev_kit_ending(struct ev_sqlite *s, const char *projection, struct ev_buf *out, struct ev_error *err);
int ev_kit_check_shape(struct ev_sqlite *s, const struct ev_shadow *sh, struct ev_error *err);
/*
 * No full-text table of others in the live store finds rows of the projection's tables, as they are on the stage, by
 * rowids that a rebuild changes.
 */
int ev_kit_check_searched(struct ev_sqlite *live, struct ev_sqlite *stage, const char *projection,
			  struct ev_error *err);
int ev_kit_dependents(struct ev_shadow_sqlite *sh, struct ev_buf *out, struct ev_error *err);

#endif
