/*
 * sample.h - what a draft knows of its records; for draft*.c alone
 *
 * draft.c keeps the records, draft_envelope.c guesses where type, id and time are, draft_walk.c
 * gathers the paths of each type, draft_names.c makes SQL names, draft_print.c writes the file.
 */
#ifndef EV_SAMPLE_H
#define EV_SAMPLE_H

#include "event/envelope.h"
#include "projection/draft.h"

struct ev_sample_record {
	struct ev_slice value, key; /* owned by the draft; key may be null */
	bool has_timestamp;
};

struct ev_draft {
	struct ev_sample_record *records; /* JSON objects */
	size_t nrecords, cap;
	size_t bytes;
	size_t tombstones, others; /* without a value; no JSON object */
};

/* The guess. `path` are texts to free, NULL where a field is not mapped. */
struct ev_guess {
	char *path[EV_FIELDS];
	bool cloudevents;   /* all events have a specversion */
	size_t untyped;     /* events without a type: they are to be filtered */
	bool id_is_integer; /* in all events */
	bool has_time;      /* by path, or by the timestamp of all records */
};

enum { EV_SEEN_INTEGER = 1, EV_SEEN_REAL = 2, EV_SEEN_TEXT = 4, EV_SEEN_BOOLEAN = 8, EV_SEEN_NESTED = 16 };

struct ev_path_stat {
	char *path;
	char *parent, *last; /* names for the column; parent may be NULL */
	size_t depth;
	size_t seen, nulls;
	size_t is_key;       /* times its text was that of the record's key */
	unsigned types;
	bool url, varied;    /* all strings are URLs; not always the same */
	struct ev_slice first;
	bool chosen;
	char *column;
};

struct ev_type_stat {
	char *type;  /* NULL: all types together */
	char *table;
	size_t count;
	struct ev_path_stat *paths;
	size_t npaths;
};

struct ev_types {
	struct ev_type_stat *v;
	size_t n;
};

void ev_guess_envelope(const struct ev_draft *d, struct ev_guess *g);
void ev_guess_release(struct ev_guess *g);

/* Gather the types and their paths, and choose the columns. */
void ev_types_of(const struct ev_draft *d, const struct ev_guess *g, struct ev_types *out);
void ev_types_release(struct ev_types *t);

/* A lower-case SQL name from any text, no keyword; `parent_` before it when parent is not NULL. */
char *ev_draft_name(const char *parent, const char *text);

/* `name`, or with _2, _3 ... behind it, so that none of the `n` others is the same. Frees `name`. */
char *ev_draft_unique(char *name, char *const *others, size_t n);

#endif
