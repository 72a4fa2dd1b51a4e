/*
 * tail.h - the parts of evtail
 *
 *   evtail.c (options) -> run.c (what to read: ranges, last N, follow) -> take.c (each record: print,
 *   count, sum up, or keep in ring.c) -> format.c, screen.c (bytes); picture.c prints --summary,
 *   report.c -c, and on stderr what was seen
 */
#ifndef EVTAIL_TAIL_H
#define EVTAIL_TAIL_H

#include "common/filter.h"
#include "common/progress.h"
#include "common/source_options.h"
#include "common/term.h"
#include "merge/merge.h"
#include "record/line.h"
#include "summary/summary.h"

struct tail_args {
	struct ev_source_args src;
	const char *count;  /* -n */
	const char *output; /* -o */
	const char *position;
	int format;         /* 0 text, 1 json */
	bool follow, counting, summary, paths, nul, verbose, quiet;
};

/* ---- format.c, screen.c ---- */

enum tail_kind { TAIL_LINE, TAIL_PRETTY, TAIL_VALUE, TAIL_KEY, TAIL_TEMPLATE, TAIL_SCREEN };

struct tail_format {
	enum tail_kind kind;
	const char *template; /* TEMPLATE, checked */
	char end;             /* LF, or NUL with -0 */
	struct ev_term term;  /* of stdout */
	struct ev_buf scratch;
	int64_t day;          /* SCREEN: of the record printed last, INT64_MIN at first */
	int where_width, type_width, key_width; /* SCREEN: grow with what was seen */
};

/* `text` is the word of -o, or NULL for the default of a terminal or a pipe. EV_USAGE on error. */
int tail_format_init(struct tail_format *f, const char *text, bool nul, struct ev_error *err);
void tail_format_release(struct tail_format *f);
bool tail_format_needs_headers(const struct tail_format *f);
bool tail_format_needs_type(const struct tail_format *f);
void tail_format_record(struct tail_format *f, struct ev_buf *out, const struct ev_record *r,
			struct ev_slice type);
void tail_screen_record(struct tail_format *f, struct ev_buf *out, const struct ev_record *r,
			struct ev_slice type);
/* Indent a JSON text, with colours where the terminal has them. */
void tail_pretty_json(const struct ev_term *t, struct ev_buf *out, struct ev_slice json);

/* ---- ring.c: the last N records, as record lines ---- */

struct tail_ring {
	struct ev_buf *slots;
	size_t max, n, at, cap;
	uint64_t bytes, limit;
};

void tail_ring_init(struct tail_ring *g, size_t max, uint64_t limit);
void tail_ring_clear(struct tail_ring *g);
void tail_ring_release(struct tail_ring *g);
int tail_ring_add(struct tail_ring *g, const struct ev_record *r, struct ev_error *err);
/* The i-th oldest line, with its LF. */
struct ev_slice tail_ring_line(const struct tail_ring *g, size_t i);

/* ---- run.c ---- */

struct tail {
	struct tail_args *args;
	struct ev_messages *msg;
	struct ev_source *src;
	struct ev_filter *filter;
	struct tail_format format;
	struct ev_buf out;      /* not yet written */
	bool closed;            /* the reader of stdout is gone */
	struct ev_progress progress;
	struct ev_span *spans;  /* of all that is to be read, one per partition */
	size_t nspans;
	struct ev_merge *merge; /* the read under way, or the last one */
	struct ev_record *records;
	int64_t last;           /* -n N: the last N; -1: all */
	int64_t skip;           /* -n +K: records still to skip */
	struct tail_ring ring;
	bool use_ring;
	bool measuring;         /* a first look at the ring, for the widths of columns */
	uint64_t *matched;      /* per partition: records that passed the filters */
	size_t nmatched;
	uint64_t read;          /* records read by this pass */
	struct ev_summary *summary;
};

int tail_run(void *args, struct ev_operands *rest, struct ev_messages *msg, struct ev_error *err);

/* ---- take.c ---- */

/* Filter, then print, count, sum up or keep one record. */
int tail_take(struct tail *t, const struct ev_record *r, struct ev_error *err);
/* Write what waits in t->out. 0; -1. A closed pipe sets t->closed. */
int tail_flush(struct tail *t, struct ev_error *err);
/* The records of the ring, oldest first. */
int tail_print_ring(struct tail *t, struct ev_error *err);

/* ---- report.c ---- */

void tail_report(struct tail *t);       /* stderr: spans, records, holes */
void tail_print_counts(struct tail *t); /* -c, into t->out */

/* ---- picture.c ---- */

void tail_print_summary(struct tail *t); /* --summary, into t->out */

#endif
