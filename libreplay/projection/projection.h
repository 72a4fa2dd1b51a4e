/*
 * projection.h - a projection file, parsed (evproject-file(5))
 *
 * The parser does no I/O and knows no store: it tokenises SQL (comments, strings, quoted names,
 * dollar quotes, casts are understood, so `$.x` inside a literal is text), finds parameters and
 * splits statements. What SQL means is the store's to say (store/store.h prepare).
 * Everything is owned by the projection and lives until ev_projection_free. Lines and columns are
 * 1-based, columns count bytes.
 */
#ifndef EV_PROJECTION_H
#define EV_PROJECTION_H

#include "event/envelope.h"
#include "event/where.h"

#define EV_PROJECTION_MAX_SIZE (4u << 20) /* bytes of one file */

enum ev_dialect { EV_SQLITE, EV_POSTGRESQL };

struct ev_place {
	int line, column;
};

enum ev_param_kind {
	EV_PARAM_PATH,   /* $.a.b: values[path] of the event's JSON */
	EV_PARAM_ITEM,   /* $item.a: values[path] of the element's JSON */
	EV_PARAM_FIELD,  /* :id :type :time :source :version :correlation :causation */
	EV_PARAM_TOPIC,
	EV_PARAM_PARTITION,
	EV_PARAM_OFFSET,
	EV_PARAM_TIMESTAMP, /* integer ms */
	EV_PARAM_KEY,
	EV_PARAM_HEADER, /* :header('name') */
	EV_PARAM_WINDOW, /* :window('1 minute') or :window of an every/over handler */
};

struct ev_param {
	enum ev_param_kind kind;
	bool required;     /* `!`: missing or null is poison */
	int scale;         /* :scaled(PATH or $item, n): n >= 0; else -1 */
	int path;          /* PATH: index in projection->paths; ITEM: in handler->item_paths */
	enum ev_field field;
	char *header;      /* HEADER: its name */
	int64_t window_ms; /* WINDOW: size; 0 for `:window` of the handler */
	char *text;        /* as written, for messages */
	struct ev_place place;
};

/* Do both stand for the same value? Where they are written and `required` do not matter. */
bool ev_param_same(const struct ev_param *a, const struct ev_param *b);

/* One SQL statement. Placeholder N stands for params[N - 1]. */
struct ev_statement {
	char *sql[2];      /* rendered per dialect: ?1 ?2 … for SQLite, $1 $2 … for PostgreSQL;
			      comments dropped, each use of a parameter has its own number */
	struct ev_param *params;
	size_t nparams;
	struct ev_place place;
	/* For errors of the store's prepare: offset in sql[dialect] -> place in the file. */
	struct ev_offset_map { size_t offset; struct ev_place place; } *map;
	size_t nmap;       /* offsets are of sql[EV_SQLITE]; one per token, ascending */
	size_t nmap_pg;
	struct ev_offset_map *map_pg;
};

struct ev_handler {
	char **types;      /* globs; none for a tombstone handler */
	size_t ntypes;
	bool tombstone;
	char *of_topic;    /* NULL: any of the projection's topics */
	struct ev_place of_place; /* of the topic */
	int each;          /* index in projection->paths of `each PATH`, or -1 */
	char *each_text;   /* the path as written, for messages; NULL without each */
	struct ev_paths *item_paths; /* NULL without each */
	bool must_touch;
	int64_t every_ms, over_ms; /* 0: no sliding window */
	struct ev_statement *statements;
	size_t nstatements;
	struct ev_place place;
};

struct ev_query_def { /* @check, @sample */
	char *name;
	char *sql;             /* one statement as written, without its `;` */
	struct ev_place place; /* of sql */
};

struct ev_schema_def {
	bool any;                /* plain @schema: both dialects */
	enum ev_dialect dialect; /* when !any */
	char *sql;               /* as written */
	struct ev_place place;   /* of sql */
};

struct ev_projection {
	char *file;   /* as given, for messages */
	char *name;
	int64_t version;
	char **topics;
	size_t ntopics;
	char **reads; /* @reads tables */
	size_t nreads;
	struct ev_paths *paths; /* envelope, filter, handlers: everything but $item */
	struct ev_envelope envelope;
	struct ev_where *filter; /* NULL: none */
	bool dedupe;            /* @dedupe id */
	int64_t dedupe_ms;      /* within; 0: for ever */
	bool dedupe_across;     /* across topics */
	int key;                /* index in paths of `@key PATH`, whose value is the record's key; -1: none */
	char *key_text;         /* as written */
	struct ev_schema_def *schemas;
	size_t nschemas;
	struct ev_handler *handlers;
	size_t nhandlers;
	struct ev_query_def *checks;
	size_t nchecks;
	struct ev_query_def *samples;
	size_t nsamples;
	char fingerprint[33];   /* 32 hex digits: XXH3-128 over topics, envelope, filter, dedupe,
				   schema, reads and handlers, as token streams */
};

/* Parse `text`; `file` is for messages. NULL with EV_USAGE, text "FILE:LINE:COL: ...". */
struct ev_projection *ev_projection_parse(const char *file, struct ev_slice text,
					  struct ev_error *err);
struct ev_projection *ev_projection_load(const char *file, struct ev_error *err);
void ev_projection_free(struct ev_projection *p);

/* Parameters of the statement that has most of them, 1 where none has any. */
size_t ev_projection_widest(const struct ev_projection *p);

/*
 * The place in the file of byte `offset` of a statement's SQL in that dialect; of its beginning when
 * the offset is not in it (a store that does not know where says SIZE_MAX).
 */
struct ev_place ev_statement_place(const struct ev_statement *s, enum ev_dialect d, size_t offset);

/*
 * The same for the SQL of a schema, check or sample, which is kept as it stands in the file from
 * `start`, its place, on.
 */
struct ev_place ev_sql_place(const char *sql, struct ev_place start, size_t offset);

/*
 * Do the handlers of all tables provably commute over partitions? Conservative: true only when every
 * statement is an INSERT … ON CONFLICT DO UPDATE whose SETs are `c = t.c + excluded.c` (or +/- with
 * an expression of parameters only), min/max of the two, or an UPDATE of such increments ... see
 * commute.c for the proof obligations. When not, `why` gets a line naming table and handler.
 */
bool ev_projection_commutes(const struct ev_projection *p, struct ev_buf *why);

#endif
