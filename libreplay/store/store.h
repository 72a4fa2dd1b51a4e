/*
 * store.h - the database that holds the projected tables; files of one name per implementation:
 * sqlite*.c, pg*.c
 *
 * A store is one connection, used by one thread. It knows SQL, transactions and errors; of a
 * projection only that its schema, handlers and checks are SQL of another's making, which is held to
 * rules. Ledger, dead letters and seen ids (ledger.h, dead.h, seen.h) are written once, in SQL that
 * both dialects understand, with ?1-style placeholders that the store renders.
 *
 * Errors, by class: EV_DATA is the statement's or its values' fault (a poison record when it was a
 * handler); EV_STORE the store's own (disk, connection; `retriable` when trying again may help);
 * EV_HELD a lock that another holds. A failing store is never EV_DATA.
 */
#ifndef EV_STORE_H
#define EV_STORE_H

#include "base/error.h"
#include "projection/projection.h"

enum ev_bind_kind {
	EV_BIND_NULL,
	EV_BIND_BOOL,   /* i */
	EV_BIND_INT,    /* i */
	EV_BIND_REAL,   /* i: the bits of a double; SQLite's alone */
	EV_BIND_NUMBER, /* text: a JSON number that is not integral or does not fit 64 bits */
	EV_BIND_TEXT,   /* text: UTF-8 (may hold NUL, which is EV_DATA where the store cannot) */
	EV_BIND_BYTES,  /* text: any bytes */
	EV_BIND_JSON,   /* text: JSON of an object or array */
	EV_BIND_TIME,   /* text: 2026-11-20T10:00:00.123Z */
};

struct ev_bind {
	enum ev_bind_kind kind;
	int64_t i;
	struct ev_slice text;
	const char *name; /* what the projection calls it, for messages, or NULL */
};

/* A cell of a result row. */
enum ev_cell_kind { EV_CELL_NULL, EV_CELL_INT, EV_CELL_REAL, EV_CELL_TEXT, EV_CELL_BYTES };
struct ev_cell {
	enum ev_cell_kind kind;
	int64_t i;
	double real;
	struct ev_slice text; /* TEXT, BYTES; for INT and REAL the text as the store prints it */
};

/* Called per row, cells borrowed for the call; non-zero stops and is returned by the select. */
typedef int (*ev_row_fn)(void *ctx, const struct ev_cell *cells, size_t n);

/* A handler's statement has run: `touched` rows, or -1 and `err`. Tag is the caller's. */
typedef void (*ev_result_fn)(void *ctx, uint64_t tag, int64_t touched, const struct ev_error *err);

/* A table's column. The expressions are SQL of this store, for use in a SELECT from the table. */
struct ev_column_info {
	char *name;
	char *type;     /* as the store calls it */
	char *full;     /* the same wherever names are looked up: schema, name and modifier; for comparisons alone */
	int key;        /* place in the primary key, from 1 on; 0: not in it */
	bool nullable;  /* of the key, and may be NULL all the same (SQLite) */
	bool not_null;
	char *fallback; /* its default as SQL, or NULL */
	char *value;    /* gives its value */
	char *portable; /* the same in a form that all kinds of store share (times as :time has them) */
	unsigned collation; /* a number for it; 0: none, or the store's own that gives way to any other */
	bool bytewise;  /* text is sorted by its bytes in it */
	bool in_place;  /* PostgreSQL: an index has it, or the row itself does, whatever its length */
	char *order;    /* sorts by value, NULL first, text and what is given as text by bytes */
};

struct ev_table_info {
	char *name; /* as the store writes it, which finds names in any case */
	struct ev_column_info *columns;
	size_t ncolumns;
	char **checks;   /* the conditions of its CHECKs, as SQL */
	size_t nchecks;
	bool bytewise;   /* text that is of no column is sorted by its bytes */
	const char *odd; /* what a row of it depends on beside its columns and CHECKs (a constraint, a trigger,
			    a key in another table, a collation), or NULL */
	const char *tied; /* of that the first for which a row cannot be written for itself: others hang on it, or
			     something is done with it (a foreign key of either side, a trigger, a rule), or NULL */
	bool acts;        /* a trigger or a rule of somebody is on it, which may read and write any other table */
};
void ev_table_info_release(struct ev_table_info *t);

struct ev_cursor; /* the rows of a SELECT, one at a time */
struct ev_store;
struct ev_row_value; /* row.h */
struct ev_query; /* a prepared statement of a store */

struct ev_store_options {
	const char *schema;  /* PostgreSQL; NULL: default */
	int lock_wait_ms;    /* how long to wait for another writer; 10000 */
	int timeout_ms;      /* how long to try again when the store fails; 30000 */
	size_t cache;        /* SQLite: bytes that its pages may take in memory; 0: 64 MiB */
	bool read_only;      /* never creates or writes anything; what it sorts may be larger than memory */
	bool (*stopped)(void); /* a cursor that waits for its rows gives up when it says so; or NULL */
	bool (*give_up)(void); /* so does a wait for others who hold a lock, or for a store that is away; or NULL */
};

#define EV_LOCK_UNSEEN 2 /* it would not be seen from here: locks are of a server, and this is a standby of it */

/* With a store, from a first failure on: {0} before, and again where whoever tries has got further. */
struct ev_trouble {
	int64_t since; /* ms, monotonic; 0: there was none */
	int pause_ms;  /* before the next try */
};

struct ev_store_ops {
	const char *name;
	enum ev_dialect dialect;

	/* Run a script of ours (several statements, no results). */
	int (*script)(struct ev_store *s, const char *sql, struct ev_error *err);

	/*
	 * Run the projection's DDL under the authorizer: only CREATE TABLE, INDEX, VIEW, COMMENT;
	 * no ev_ names; no volatile defaults, AUTOINCREMENT, triggers, nothing that acts beyond its
	 * record (ON CONFLICT ROLLBACK, INITIALLY DEFERRED). A fault: EV_USAGE and *at, the byte of
	 * `sql` it points to. The names of created tables are appended to `tables`, NUL after each.
	 * A store without COMMENT passes over it.
	 */
	int (*schema)(struct ev_store *s, const char *sql, struct ev_buf *tables, size_t *at,
		      struct ev_error *err);

	/*
	 * The name of the schema where the tables are; of a scratch or a shadow, of that where they would be. NULL: the
	 * store has no schemas.
	 */
	const char *(*home)(struct ev_store *s);

	/* Does a table or view of this name exist? 1, 0 or -1. */
	int (*has_table)(struct ev_store *s, const char *name, struct ev_error *err);

	/*
	 * Prepare one statement of ours (`handler` false: anything, ?N rendered) or of a projection
	 * (`handler` true: sql is already in the store's dialect; only SELECT/INSERT/UPDATE/DELETE
	 * on tables in `tables` (NUL after each), reads also of `reads`, and deterministic
	 * functions; `tables` NULL is a check or sample: it only reads, any table but ev_).
	 * EV_USAGE for faults in the SQL, with *at the byte or SIZE_MAX.
	 */
	struct ev_query *(*prepare)(struct ev_store *s, const char *sql, bool handler,
				    const struct ev_buf *tables, const struct ev_buf *reads,
				    size_t *at, struct ev_error *err);
	void (*finish)(struct ev_store *s, struct ev_query *q); /* NULL allowed */
	/* What such a statement of ours is refused for may be its values' fault: EV_DATA, as of a handler. */
	void (*blame)(struct ev_query *q);
	/*
	 * The rows of such a query of ours are handed over one by one as they come, before it is known that all of
	 * them do: they may be more than memory holds. Nothing else may be done until it is over. NULL: always so.
	 */
	void (*one_by_one)(struct ev_query *q);
	/* The type that parameter `i` was given, from 0 on. NULL: the store gives them none. */
	const char *(*param_type)(struct ev_store *s, const struct ev_query *q, size_t i);

	/* Begin: takes the writer's lock (waits lock_wait_ms, then EV_HELD). */
	int (*begin)(struct ev_store *s, struct ev_error *err);
	int (*commit)(struct ev_store *s, struct ev_error *err);
	void (*rollback)(struct ev_store *s); /* idempotent; never fails */
	int (*savepoint)(struct ev_store *s, struct ev_error *err);   /* one level */
	int (*release)(struct ev_store *s, struct ev_error *err);     /* keep what was done since */
	int (*rollback_to)(struct ev_store *s, struct ev_error *err); /* undo it, close the savepoint */

	/*
	 * After a retriable EV_STORE, rolled back: wait a little, connect anew where the connection
	 * is gone. 0: try the transaction again; -1 when options.timeout_ms has passed since the trouble
	 * began (`err` is the last failure, no more retriable). NULL: a store that has no such faults.
	 */
	int (*recover)(struct ev_store *s, struct ev_trouble *t, struct ev_error *err);

	/*
	 * Run a statement now: rows touched, or -1. Bytes are borrowed for the call only.
	 */
	int64_t (*run)(struct ev_store *s, struct ev_query *q, const struct ev_bind *b, size_t n,
		       struct ev_error *err);

	/*
	 * Run a handler's statement, perhaps later: its result is reported to on_result in order,
	 * at the latest before sync returns. A store without pipelining reports at once. After the
	 * first failure nothing more is run until rollback or rollback_to. Returns -1 only when the
	 * store itself fails.
	 */
	int (*apply)(struct ev_store *s, struct ev_query *q, const struct ev_bind *b, size_t n,
		     uint64_t tag, struct ev_error *err);
	int (*sync)(struct ev_store *s, struct ev_error *err);

	/* Run a query; `row` per row, which asks nothing of a frozen store. 0, the callback's non-zero, or -1. */
	int (*select)(struct ev_store *s, struct ev_query *q, const struct ev_bind *b, size_t n,
		      ev_row_fn row, void *ctx, struct ev_error *err);

	/*
	 * Many rows into a table that holds none of their keys, in the open transaction: begin (`columns`:
	 * their names, quoted, with commas), add for each row its values, as many as columns; end, also after
	 * an error. Nothing else in between. NULL: a prepared INSERT is as good.
	 */
	int (*copy_begin)(struct ev_store *s, const char *table, const char *columns, struct ev_error *err);
	int (*copy_add)(struct ev_store *s, const struct ev_bind *b, size_t n, struct ev_error *err);
	int (*copy_end)(struct ev_store *s, struct ev_error *err);

	/*
	 * The table is empty and will hold many rows: drop its primary key where it can be made anew just as it was.
	 * The script that does so is appended to `after`, for the same transaction. NULL: there is nothing to gain.
	 */
	int (*strip)(struct ev_store *s, const char *table, struct ev_buf *after, struct ev_error *err);

	/*
	 * Indexes beside its keys that turn no row away but for its size, and can be made anew just as they are: of
	 * each its name and its definition, as SQL, NUL after both; appended. See indexes.h.
	 */
	int (*indexes)(struct ev_store *s, const char *table, struct ev_buf *out, struct ev_error *err);

	/*
	 * Outside of a transaction: the next one loads many rows into a store that had none of anybody's. What makes
	 * that fast may be done, and ends with its commit; best effort. NULL: nothing.
	 */
	void (*load)(struct ev_store *s, const char *projection);

	/*
	 * Columns of a table in their order. 1, 0 when there is no such table (a view is none), -1.
	 * `out` is to be released, whatever is returned.
	 */
	int (*describe)(struct ev_store *s, const char *table, struct ev_table_info *out,
			struct ev_error *err);

	/*
	 * Another number than before where something was put on one of the `tables` that is done with their rows (a
	 * trigger, a rule, a foreign key); also for less, in SQLite for any change of its schema. Asked in each
	 * transaction, so it takes next to no time.
	 */
	int (*stamp)(struct ev_store *s, const struct ev_buf *tables, int64_t *out, struct ev_error *err);

	/*
	 * What `describe` calls a type that is written so in a projection's DDL; appended. A name that the store does
	 * not know is an error. NULL: it keeps the words.
	 */
	int (*type_name)(struct ev_store *s, const char *type, struct ev_buf *out, struct ev_error *err);

	/*
	 * A SELECT of ours whose rows are pulled; several may be open. fetch: 1 and the row, borrowed
	 * until the next fetch; 0 at the end; -1.
	 */
	struct ev_cursor *(*cursor)(struct ev_store *s, const char *sql, struct ev_error *err);
	/*
	 * The same for many rows, with nothing else between two fetches: exact decimals have their text (and no
	 * `real`), other numbers have none.
	 */
	struct ev_cursor *(*stream)(struct ev_store *s, const char *sql, struct ev_error *err);
	int (*fetch)(struct ev_cursor *c, const struct ev_cell **row, struct ev_error *err);
	void (*cursor_close)(struct ev_cursor *c); /* NULL allowed */

	/* From now until close the store is seen as it is now; nothing is written any more. */
	int (*freeze)(struct ev_store *s, struct ev_error *err);

	/*
	 * Be the only run of this projection until close, waiting up to lock_wait_ms (EV_HELD
	 * then). Released by the system however the process ends.
	 */
	int (*lock)(struct ev_store *s, const char *projection, struct ev_error *err);
	/*
	 * Has a process that lock? 1, 0, EV_LOCK_UNSEEN, -1. Nothing is taken, and a store that is only read does.
	 */
	int (*locked)(struct ev_store *s, const char *projection, struct ev_error *err);

	/*
	 * What a column cannot hold is poison, also where the store would take it: SQLite keeps any
	 * value in any column and NULL in a primary key (or makes up a number), so checks are put
	 * on these tables (NUL after each) for this connection.
	 */
	int (*guard)(struct ev_store *s, const struct ev_buf *tables, struct ev_error *err);

	/*
	 * From now on add one to *touches for each row of `table` that is written (inserted, updated
	 * or deleted, also by a foreign key) and that the values name, before or after. Several are
	 * possible, until close. NULL: a store that cannot.
	 */
	int (*watch)(struct ev_store *s, const char *table, const struct ev_row_value *v, size_t n,
		     int64_t *touches, struct ev_error *err);

	/* Column names of a prepared query. */
	size_t (*columns)(struct ev_store *s, struct ev_query *q);
	const char *(*column)(struct ev_store *s, struct ev_query *q, size_t i);

	void (*close)(struct ev_store *s); /* rolls back what is open; NULL allowed */
};

struct ev_store {
	const struct ev_store_ops *ops;
	char *url;               /* as given without password, for messages */
	ev_result_fn on_result;  /* set by the engine before apply */
	void *on_result_ctx;
	struct ev_store_cached { const char *sql; struct ev_query *query; } *cached; /* ours */
	size_t ncached, cached_cap;
	bool vague;   /* the last fault of a handler's statement does not say which value it is for */
	bool closely; /* set by the engine: handlers' statements one at a time, so that a fault says that */
};

/*
 * A statement of ours, prepared once per store: `sql` must be a constant, its address is the key.
 * The store keeps it until ev_store_forget, which every close calls first.
 */
struct ev_query *ev_store_query(struct ev_store *s, const char *sql, struct ev_error *err);
void ev_store_forget(struct ev_store *s);

/*
 * After any failure: roll back, and where trying again may help, wait a little and connect anew if need be. True: try
 * again (`err` is empty); false: `err` says why not.
 */
bool ev_store_recover(struct ev_store *s, struct ev_trouble *t, struct ev_error *err);

/* Prepare by ev_store_query, run; rows touched or -1. The class of an error is never EV_DATA. */
int64_t ev_store_run(struct ev_store *s, const char *sql, const struct ev_bind *b, size_t n,
		     struct ev_error *err);
int ev_store_select(struct ev_store *s, const char *sql, const struct ev_bind *b, size_t n,
		    ev_row_fn row, void *ctx, struct ev_error *err);

/* `SELECT *` of a table, prepared anew; the caller finishes it. */
struct ev_query *ev_store_all_of(struct ev_store *s, const char *table, struct ev_error *err);

static inline struct ev_bind ev_bind_text(const char *s)
{
	return (struct ev_bind){ s ? EV_BIND_TEXT : EV_BIND_NULL, 0, ev_slice_str(s), NULL };
}

static inline struct ev_bind ev_bind_int(int64_t i)
{
	return (struct ev_bind){ EV_BIND_INT, i, EV_NULL_SLICE, NULL };
}

static inline struct ev_bind ev_bind_bytes(struct ev_slice s)
{
	return (struct ev_bind){ s.ptr ? EV_BIND_BYTES : EV_BIND_NULL, 0, s, NULL };
}

static inline struct ev_bind ev_bind_slice(struct ev_slice s)
{
	return (struct ev_bind){ s.ptr ? EV_BIND_TEXT : EV_BIND_NULL, 0, s, NULL };
}

/* Of a schema whose table is there already, and nobody's by our ledgers. */
#define EV_HINT_ADOPT \
	"evproject rebuild --adopt takes tables that another program wrote as the old version of this view; where " \
	"status has a version of ours as kept, evproject rollback lets that one serve"

#define EV_STORE_OPTIONS_INIT { .lock_wait_ms = 10000, .timeout_ms = 30000 }

/*
 * Open by URL: a path or sqlite:PATH (":memory:" allowed); postgresql://… or postgres://…, anything
 * that libpq takes.
 */
struct ev_store *ev_store_open(const char *url, const struct ev_store_options *opt,
			       struct ev_error *err);

/* Is the store that `url` names one of PostgreSQL? Else it is a path, or sqlite:PATH. */
bool ev_url_is_postgres(const char *url);
/* Is it an SQLite file that is not there, and could be made? */
bool ev_store_absent(const char *url);

/*
 * A store for a while, empty of this projection's tables and ours; what is at `url` is not changed. SQLite:
 * in memory, and in a temporary file beyond its cache, with the tables of others that the file has, but no rows
 * (`url` NULL: without any). PostgreSQL: a schema of the database; not `kept`, each transaction makes it, and must
 * be rolled back; `kept`, it is dropped by close, or by the next one where a process was killed.
 */
struct ev_store *ev_store_scratch(const char *url, const char *projection, const struct ev_store_options *opt,
				  bool kept, struct ev_error *err);

/*
 * Rows of a table of `from` (those of `where`, SQL; NULL: all) into the same table of `to`, a store of the same
 * kind with its open transaction; columns are those of `to`, values as they are. EV_DATA where `from` lacks one.
 */
int ev_store_bring(struct ev_store *to, struct ev_store *from, const char *table, const char *where,
		   struct ev_error *err);
int ev_sqlite_bring(struct ev_store *to, struct ev_store *from, const char *select, const char *insert,
		    struct ev_error *err);
int ev_pg_bring(struct ev_store *to, struct ev_store *from, const char *copy_out, const char *copy_in,
		struct ev_error *err);

/*
 * Two stores of PostgreSQL: is text sorted and changed by the same rules in the databases of both, and by the same
 * version of the server? -1: EV_USAGE says what of the second one, --scratch, is another.
 */
int ev_pg_alike(struct ev_store *store, struct ev_store *scratch, struct ev_error *err);

struct ev_store *ev_sqlite_scratch(const char *path, const char *projection,
				   const struct ev_store_options *opt, struct ev_error *err);
struct ev_store *ev_pg_scratch(const char *url, const struct ev_store_options *opt, bool kept,
			       struct ev_error *err);
bool ev_sqlite_absent(const char *path);
struct ev_store *ev_sqlite_open(const char *path, const struct ev_store_options *opt,
				struct ev_error *err);
struct ev_store *ev_pg_open(const char *url, const struct ev_store_options *opt, struct ev_error *err);

#endif
