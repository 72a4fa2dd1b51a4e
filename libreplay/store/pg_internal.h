/*
 * pg_internal.h - the PostgreSQL store's own state; for pg*.c here and, to move tables, in rebuild/
 *
 * pg.c has transactions and the running of statements, and the table of all operations; the other
 * files are named by theirs.
 *
 * Every statement runs inside a transaction that begins with SET LOCAL of the search path and of all
 * settings that a result could depend on, so a pooler between us and the server can neither leak
 * them nor lose them. Prepared statements are known by name; after a reconnection they are prepared
 * again when they are next used.
 */
#ifndef EV_PG_INTERNAL_H
#define EV_PG_INTERNAL_H

#include <libpq-fe.h>

#include "store/store.h"

/* Type oids that never change (pg_type.dat); what is none of these is given as text. */
enum ev_pg_type {
	EV_PG_BOOL = 16, EV_PG_BYTEA = 17, EV_PG_INT8 = 20, EV_PG_INT2 = 21, EV_PG_INT4 = 23,
	EV_PG_TEXT = 25, EV_PG_OID = 26, EV_PG_JSON = 114, EV_PG_FLOAT4 = 700, EV_PG_FLOAT8 = 701,
	EV_PG_BPCHAR = 1042, EV_PG_VARCHAR = 1043, EV_PG_DATE = 1082, EV_PG_TIME = 1083,
	EV_PG_TIMESTAMP = 1114, EV_PG_TIMESTAMPTZ = 1184, EV_PG_TIMETZ = 1266, EV_PG_NUMERIC = 1700,
	EV_PG_UUID = 2950, EV_PG_JSONB = 3802,
};

struct ev_query {
	char name[32];     /* of the server's prepared statement */
	char *sql;         /* with $N */
	bool handler;
	bool blame;        /* its values, as a handler's */
	bool waits;        /* for a row that others may have locked */
	bool singly;       /* its rows come one by one */
	uint64_t epoch;    /* the connection in which it is prepared */
	size_t nparams, ncolumns;
	Oid *params;       /* their types */
	Oid *elements;     /* of array parameters the type of the elements, else 0 */
	bool *nullness;    /* parameters of which only `IS NULL` is asked: the server infers no type, none matters */
	size_t nnullness;
	char **columns;
	const char **labels; /* what the projection calls the parameters; NULL for what has no name */
	struct ev_buf targets; /* an INSERT that names no columns: the table's, NUL after each */
};

struct ev_pg_pending { /* sent in pipeline mode, no result yet */
	uint64_t tag;
	const struct ev_query *query;
};

struct ev_pg {
	struct ev_store base;
	PGconn *conn;
	uint64_t epoch;      /* counts connections, and sessions of a pooler; 0: never connected */
	int backend;         /* the server's process of the last transaction; 0: none yet */
	uint64_t names;      /* counts prepared statements, from a number that is this connection's alone */
	char *conninfo;
	char *schema;        /* as given, or current_schema() of the first connection */
	char *beyond;        /* another schema where tables of @reads are looked up, or NULL */
	struct ev_buf settings; /* SET LOCALs of each transaction */
	int lock_wait_ms, timeout_ms;
	bool (*stopped)(void);
	bool (*give_up)(void); /* others are waited for no longer, or NULL */
	bool gave_up;        /* the statement that failed was given up for that */
	bool trying;         /* to get a lock that may well not be had: who holds it is not asked for */
	bool read_only;
	bool lasts;          /* a transaction may take long, and do nothing for long, whatever the server's bounds */
	bool fleeting;       /* the schema is made by each transaction, which is rolled back */
	bool kept;           /* the schema is dropped by close */
	bool frozen;         /* one transaction, one snapshot, until close */
	bool open;           /* in a transaction of the caller's */
	bool failed;         /* a handler's statement failed: nothing more until rollback */
	bool silent;         /* the last connection was given up, as nobody answered */
	bool busy;           /* it was refused by a server that may take it later */
	bool pooled;         /* there is a pooler between us and the server */
	PGconn *locker;      /* behind a pooler: a transaction of its own, which holds the locks */
	uint64_t *locks;     /* advisory locks of this process */
	size_t nlocks, locks_cap;
	size_t nheld;        /* so many of them, the first ones, are this session's; the others went with a lost one */

	bool piping;
	struct ev_pg_pending *pending; /* a ring */
	size_t first, npending, cap;
	int syncs;           /* ends of a pipeline that are sent and not yet answered */

	/* parameters of the statement at hand */
	const char **values;
	int *lengths, *formats;
	size_t params_cap;
	struct ev_buf scratch;
};

static inline struct ev_pg *ev_pg_of(struct ev_store *s)
{
	return (struct ev_pg *)s; /* base comes first */
}

/* pg_connect.c */
PGconn *ev_pg_dial(struct ev_pg *s); /* a connection, good or not, with nothing set yet */
int ev_pg_connect(struct ev_pg *s, struct ev_error *err);
/* The first one: a server that has no room, or is not up yet, is tried again. */
int ev_pg_first(struct ev_pg *s, struct ev_error *err);
/* Is the connection gone? Then the next begin makes a new one. */
bool ev_pg_lost(const struct ev_pg *s);
/* A connection with the locks of this process: another one, where it was lost; they are waited for. */
int ev_pg_reach(struct ev_pg *s, int wait_ms, struct ev_error *err);
int ev_pg_recover(struct ev_store *store, struct ev_trouble *t, struct ev_error *err);

/* Where tables are looked up that are not in the store's schema. NULL: nowhere. */
void ev_pg_look_beyond(struct ev_store *store, const char *schema);

/*
 * What is held in memory for long is written in one transaction, and a snapshot lasts while all is read: the server is
 * not to end those for being idle, or for their length.
 */
void ev_pg_let_last(struct ev_store *store);

/* pg_scratch.c */
int ev_pg_scratch_make(struct ev_pg *s, struct ev_error *err);
void ev_pg_scratch_drop(struct ev_pg *s);

/* pg_error.c: fill `err` from a result (or, NULL, from the connection). `handler`: data faults are EV_DATA. */
int ev_pg_error(struct ev_pg *s, const PGresult *res, bool handler, struct ev_error *err);
/* The same for a connection that did not come about; sets `busy`. */
int ev_pg_dial_error(struct ev_pg *s, struct ev_error *err);
/* The same for a statement that was run; what a parameter is to blame for says which. */
int ev_pg_run_error(struct ev_pg *s, const PGresult *res, const struct ev_query *q, struct ev_error *err);
/* The byte of `sql` that the server's error points to, or SIZE_MAX. */
size_t ev_pg_error_at(const PGresult *res, const char *sql);

/*
 * pg.c: inside of the caller's transaction, or one that lasts for the call: enter, ..., leave(ok).
 * `own` says whether leave has something to end.
 */
int ev_pg_enter(struct ev_pg *s, bool *own, struct ev_error *err);
int ev_pg_leave(struct ev_pg *s, bool own, int rc, struct ev_error *err);
/* Statements of ours by the simple protocol. */
int ev_pg_exec(struct ev_pg *s, const char *sql, struct ev_error *err);
/* One statement of ours with text parameters; NULL with `err`. PQclear it. */
PGresult *ev_pg_ask(struct ev_pg *s, const char *sql, int n, const char *const *values,
		    struct ev_error *err);
/* Does it wait for a row that others may have locked? FOR UPDATE, or the view's own, which is taken first. */
bool ev_pg_waits(const char *sql);

/* A cell of a result; *owned is to be given to PQfreemem once the cell is done with. */
void ev_pg_cell(const PGresult *res, int row, int column, struct ev_cell *c, void **owned);

/* pg_cursor.c */
int ev_pg_stamp(struct ev_store *store, const struct ev_buf *tables, int64_t *out, struct ev_error *err);
int ev_pg_describe_type(struct ev_store *store, const char *type, struct ev_buf *out, struct ev_error *err);
int ev_pg_describe(struct ev_store *store, const char *table, struct ev_table_info *out,
		   struct ev_error *err);
/* A decimal, of its text: a whole one that fits is an integer. */
void ev_pg_number(struct ev_cell *c);
struct ev_cursor *ev_pg_cursor_stream(struct ev_store *store, const char *sql, struct ev_error *err);
struct ev_cursor *ev_pg_cursor(struct ev_store *store, const char *sql, struct ev_error *err);
int ev_pg_fetch(struct ev_cursor *c, const struct ev_cell **row, struct ev_error *err);
void ev_pg_cursor_close(struct ev_cursor *c);

/* pg_bind.c: fill values, lengths, formats for a query; EV_DATA names the parameter's type and the value. */
int ev_pg_bind(struct ev_pg *s, const struct ev_query *q, const struct ev_bind *b, size_t n,
	       struct ev_error *err);
/* What users call a type. */
const char *ev_pg_type_name(Oid type);

/*
 * pg_blame.c: say of a fault which parameter, from 1 on, and column it is of, and `value` where it is not said yet
 * (or NULL). Of one that has no name in the projection nothing.
 */
int ev_pg_find_targets(struct ev_pg *s, struct ev_query *q, struct ev_error *err); /* once, when it is prepared */
void ev_pg_name_value(const struct ev_query *q, size_t k, const char *value, struct ev_error *err);
/* Run a statement whose values are bound: rows touched, or -1 and `why`, EV_DATA, with the value that it is for. */
int ev_pg_run_closely(struct ev_pg *s, const struct ev_query *q, int64_t *touched, struct ev_error *why,
		      struct ev_error *err);

/* pg_prepare.c */
struct ev_query *ev_pg_prepare(struct ev_store *store, const char *sql, bool handler,
			       const struct ev_buf *tables, const struct ev_buf *reads, size_t *at,
			       struct ev_error *err);
int ev_pg_prepare_again(struct ev_pg *s, struct ev_query *q, struct ev_error *err);
void ev_pg_finish(struct ev_store *store, struct ev_query *q);
void ev_pg_blame(struct ev_query *q);
/* Refuse functions and words whose answer differs at every rebuild; *at is the byte of `sql`. */
int ev_pg_check_words(struct ev_pg *s, const char *sql, size_t *at, struct ev_error *err);

/* pg_schema.c */
int ev_pg_schema(struct ev_store *store, const char *sql, struct ev_buf *tables, size_t *at,
		 struct ev_error *err);

/* pg_pipe.c */
int ev_pg_apply(struct ev_store *store, struct ev_query *q, const struct ev_bind *b, size_t n,
		uint64_t tag, struct ev_error *err);
int ev_pg_sync(struct ev_store *store, struct ev_error *err);
void ev_pg_pipe_drop(struct ev_pg *s); /* forget what was sent; before a rollback */
int64_t ev_pg_touched(PGresult *res);

/* pg_copy.c */
int ev_pg_copy_begin(struct ev_store *store, const char *table, const char *columns, struct ev_error *err);
int ev_pg_copy_add(struct ev_store *store, const struct ev_bind *b, size_t n, struct ev_error *err);
int ev_pg_copy_end(struct ev_store *store, struct ev_error *err);
int ev_pg_strip(struct ev_store *store, const char *table, struct ev_buf *after, struct ev_error *err);
int ev_pg_indexes(struct ev_store *store, const char *table, struct ev_buf *out, struct ev_error *err);

#define EV_PG_STOPPED_WAIT_MS 500 /* who is told to stop waits so long for what may pass; as on SQLite */
/* pg_wait.c: the answer to what was sent; `stopped` (not NULL) breaks off the wait for it. */
PGresult *ev_pg_answer(struct ev_pg *s);
PGresult *ev_pg_next(struct ev_pg *s); /* of several, NULL behind the last; `stopped` may be NULL */
/* The same of what waits for a row's lock, and `give_up`. ev_pg_error says then that the store is locked. */
PGresult *ev_pg_lock_answer(struct ev_pg *s);
bool ev_pg_told(const struct ev_pg *s); /* to give up waiting */
bool ev_pg_nap(const struct ev_pg *s, int ms); /* false, and sooner, when told to */

/* pg_holder.c: who has, as it seems, the lock that was not to be had; empty: nobody is seen. */
void ev_pg_name_holder(struct ev_pg *s, char *who, size_t size);

/* pg_lock.c */
#define EV_PG_LOCKER "evtools lock" /* the application_name of a transaction that holds nothing but locks */
int ev_pg_lock(struct ev_store *store, const char *projection, struct ev_error *err);
int ev_pg_locked(struct ev_store *store, const char *projection, struct ev_error *err);
/* Does nobody hold this lock of that schema? */
bool ev_pg_unused(struct ev_pg *s, const char *schema, const char *projection);
/*
 * Before the connection is closed, so that nobody finds them held by a process that has ended: a server ends a session
 * some time after its client. Waits 1 s at most.
 */
void ev_pg_unlock(struct ev_pg *s);
/* Those that went with a lost session, which may take a moment to end, so it is waited for. */
int ev_pg_relock(struct ev_pg *s, int wait_ms, struct ev_error *err);

#endif
