/*
 * sqlite_internal.h - the SQLite store's own state; for sqlite*.c here and, to move tables, in rebuild/
 *
 * sqlite.c has transactions and the running of statements, and the table of all operations; the other
 * files are named by theirs.
 */
#ifndef EV_SQLITE_INTERNAL_H
#define EV_SQLITE_INTERNAL_H

#include <locale.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "store/store.h"

enum ev_auth { EV_AUTH_OURS, EV_AUTH_SCHEMA, EV_AUTH_HANDLER, EV_AUTH_QUERY };

struct ev_sqlite_time; /* sqlite_time.c */

struct ev_sqlite {
	struct ev_store base;
	sqlite3 *db;
	char *path;
	int lock_wait_ms, lock_fd;
	bool (*stopped)(void); /* of one that is read only, or NULL */
	bool (*give_up)(void); /* others are waited for no longer, or NULL */
	int64_t busy_since;    /* ms */
	bool failed;      /* apply: nothing more until rollback */
	bool joined, in_batch; /* ev_sqlite_join */
	int watches;
	bool wal_due;     /* WAL mode comes with the first commit */
	bool still;       /* opened as a file that does not change: it was like `file` then */
	struct stat file;
	bool tidy;        /* only read, and the files of a WAL were not there */
	locale_t c_locale;
	struct ev_sqlite_time *time;

	/* the authorizer's orders */
	enum ev_auth auth;
	const struct ev_buf *tables, *reads; /* NUL after each name; NULL: any but ours */
	const struct ev_buf *existing;       /* tables that were there before the schema ran */
	struct ev_buf *created;
	struct ev_buf triggers;              /* of others: what they do is theirs */
	struct ev_buf unsure; /* read without a column and not ours: other tables, or names of WITH */
	char refused[256]; /* why, in words; "" when nothing was refused */
	bool taken;        /* it was for a table of that name, which is another program's */
};

struct ev_query {
	sqlite3_stmt *stmt;
	bool handler; /* or one of ours whose values are to blame: EV_DATA */
	bool *texts; /* sqlite_text.c: by parameter; NULL: none of them */
};

static inline struct ev_sqlite *ev_sqlite_of(struct ev_store *s)
{
	return (struct ev_sqlite *)s; /* base comes first */
}

/* sqlite.c */
extern const struct ev_store_ops ev_sqlite_ops;
void ev_sqlite_close(struct ev_store *store); /* NULL allowed */

/* sqlite_open.c */
/* For others who hold the file, --lock-wait long or until told to stop; sqlite3_busy_timeout undoes it. */
void ev_sqlite_wait(struct ev_sqlite *s);
/* What reading alone has put beside the file goes, best effort. */
void ev_sqlite_tidy(const char *path);
void ev_sqlite_use_wal(struct ev_sqlite *s); /* after a commit, if it is due */
/* EV_STORE when a file that was to stand still has been written to: what was read is worth nothing. */
int ev_sqlite_unchanged(struct ev_sqlite *s, struct ev_error *err);

int ev_sqlite_authorize(void *ctx, int action, const char *a, const char *b, const char *db,
			const char *inner);

/* Fill `err` from the connection's last error. `handler`: constraint and expression faults are EV_DATA. */
int ev_sqlite_error(struct ev_sqlite *s, int rc, bool handler, struct ev_error *err);

int ev_sqlite_has_table(struct ev_store *s, const char *name, struct ev_error *err);
struct ev_query *ev_sqlite_prepare(struct ev_store *s, const char *sql, bool handler,
				   const struct ev_buf *tables, const struct ev_buf *reads,
				   size_t *at, struct ev_error *err);
void ev_sqlite_finish(struct ev_store *s, struct ev_query *q);
void ev_sqlite_blame(struct ev_query *q);
int ev_sqlite_schema(struct ev_store *s, const char *sql, struct ev_buf *tables, size_t *at,
		     struct ev_error *err);
int ev_sqlite_guard(struct ev_store *s, const struct ev_buf *tables, struct ev_error *err);
/* Is it a guard's name, quoted or not? SQL of a projection has none, so that the authorizer knows guards by it. */
bool ev_sqlite_is_guard(struct ev_slice name);
#define EV_GUARD_TAKEN "names that begin with ev_guard_ are taken"
int ev_sqlite_watch(struct ev_store *s, const char *table, const struct ev_row_value *v, size_t n,
		    int64_t *touches, struct ev_error *err);

/* Tables of @reads that are not in this file are those of another, which is only read. Both paths are absolute. */
int ev_sqlite_look_beyond(struct ev_store *s, const char *path, struct ev_error *err);

/*
 * While joined, begin, commit and rollback are those of a savepoint inside the transaction that the caller
 * has open: so the engine can work in the middle of a swap.
 */
void ev_sqlite_join(struct ev_store *s, bool joined);

void ev_sqlite_cell(sqlite3_stmt *stmt, int i, struct ev_cell *c); /* of the row at hand */

/* sqlite_indexes.c */
int ev_sqlite_indexes(struct ev_store *store, const char *table, struct ev_buf *out, struct ev_error *err);

/* sqlite_load.c */
void ev_sqlite_load(struct ev_store *store, const char *projection);

/* sqlite_cursor.c */
int ev_sqlite_describe(struct ev_store *store, const char *table, struct ev_table_info *out,
		       struct ev_error *err);
int ev_sqlite_stamp(struct ev_store *store, const struct ev_buf *tables, int64_t *out, struct ev_error *err);
struct ev_cursor *ev_sqlite_stream(struct ev_store *store, const char *sql, struct ev_error *err);
struct ev_cursor *ev_sqlite_cursor(struct ev_store *store, const char *sql, struct ev_error *err);
int ev_sqlite_fetch(struct ev_cursor *c, const struct ev_cell **row, struct ev_error *err);
void ev_sqlite_cursor_close(struct ev_cursor *c);
int ev_sqlite_freeze(struct ev_store *store, struct ev_error *err);

/* The byte that the last error of prepare points to, SIZE_MAX when SQLite does not say. */
size_t ev_sqlite_error_at(struct ev_sqlite *s);

/*
 * Refuse what the date functions would refuse at every record, where the text alone shows it: 'now'
 * and its like as an argument, or no time at all (EV_USAGE; *at: the byte).
 */
int ev_sqlite_check_clock(const char *sql, size_t *at, struct ev_error *err);
/*
 * By parameter: does it go into TEXT columns and nowhere else? An array to free, NULL when none does.
 */
bool *ev_sqlite_text_params(struct ev_sqlite *s, const char *sql, int nparams);
int ev_sqlite_time_install(struct ev_sqlite *s, struct ev_error *err);
void ev_sqlite_time_release(struct ev_sqlite *s);

#endif
