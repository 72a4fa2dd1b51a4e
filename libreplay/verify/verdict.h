/*
 * verdict.h - the result of a check, whatever was checked and however it will be printed
 *
 * A verdict has modes (rows, counts, checks, log, ...). A mode reports by these calls alone, and each
 * format prints what it finds here, so a new mode needs no change of any format:
 *
 *   struct ev_mode *m = ev_verdict_mode(v, "counts");
 *   struct ev_equation *e = ev_mode_equation(m, "orders/0", "offsets", total);
 *   ev_equation_term(e, "applied", n);            coverage: must add up, or it is no verdict
 *   struct ev_finding *f = ev_mode_finding(m, "count", "orders/0");   a difference: exit 1
 *   if (f) f->text = ...                          NULL when the cap is reached; it is counted all the same
 *   ev_mode_unproven(m, &err)                     could not be (completely) checked: never 0, never 1
 *   ev_mode_note(m, ...)                          a line for people
 *   ev_mode_done(m)                               without it the mode was not completed
 *
 * The status of all: a mode that could not be completed gives the class of its error (3 source, 4
 * store, 5 not provable), also where another found differences; else 1 with any finding; else 0. A mode
 * that was begun and not done, an equation that does not tile, no mode at all: a bug, 70.
 */
#ifndef EV_VERDICT_H
#define EV_VERDICT_H

#include "base/buf.h"
#include "base/error.h"
#include "position/position.h"

struct ev_finding_column {
	char *name;
	char *log, *store; /* texts as SQL would write them; NULL: does not apply */
};

struct ev_finding {
	const char *kind;    /* "missing", "extra", "changed", "count", "check", "lag", ...: a constant */
	char *subject;       /* table, topic/partition, check */
	char *key;           /* order_id='42', or NULL */
	struct ev_finding_column *columns;
	size_t ncolumns;
	char *last_event;    /* topic/partition@offset that touched it last, or NULL */
	char *cause;         /* likely; NULL: not looked for */
	char *text;          /* in words, or NULL */
};

struct ev_term_count {
	const char *name; /* constant */
	int64_t n;
};

struct ev_equation {
	char *subject;    /* table, topic/partition */
	const char *what; /* "store rows": total = sum of the terms */
	int64_t total;
	struct ev_term_count *terms;
	size_t nterms;
};

enum ev_mode_state { EV_MODE_BEGUN, EV_MODE_DONE, EV_MODE_UNPROVEN };

struct ev_kind_count {
	const char *kind;
	int64_t n;
};

struct ev_mode {
	const char *name; /* constant */
	enum ev_mode_state state;
	struct ev_error error;   /* unproven: why */
	int64_t checked;         /* units looked at: rows, offsets, checks */
	const char *unit;        /* "rows", of several; constant */
	bool allow_empty;        /* nothing checked may pass */
	bool unsampled;          /* there were some that the sample has not */
	bool optional;           /* so it may where another mode has checked something */
	int64_t found;           /* findings, with those past the cap */
	struct ev_kind_count *kinds;
	size_t nkinds;
	struct ev_finding *findings; /* at most the verdict's cap */
	size_t nfindings;
	struct ev_equation *equations;
	size_t nequations;
	char **notes;
	size_t nnotes;
	int64_t ms;              /* how long it took */
	size_t max_findings;
};

struct ev_table_digest { /* for the receipt */
	char *table;
	int64_t rows;
	char digest[33];
};

struct ev_receipt; /* receipt.h */

struct ev_verdict {
	char *projection, *fingerprint, *store;
	int64_t version;
	struct ev_position position;  /* what the store was checked at */
	size_t max_findings;          /* of each mode */
	struct ev_mode **modes;
	size_t nmodes;
	struct ev_table_digest *digests;
	size_t ndigests;
	struct ev_receipt *receipt;   /* what is to be said of the view beside the modes; NULL: none was looked at */
	int64_t started_at, ended_at; /* ms, clock */
};

void ev_verdict_init(struct ev_verdict *v, size_t max_findings);
void ev_verdict_release(struct ev_verdict *v);

/* The mode of this name (a constant), begun when it is new. Pointers stay. */
struct ev_mode *ev_verdict_mode(struct ev_verdict *v, const char *name, const char *unit);
/* How much was checked, "12 rows". */
void ev_mode_print_checked(const struct ev_mode *m, struct ev_buf *out);
void ev_mode_done(struct ev_mode *m);
void ev_mode_unproven(struct ev_mode *m, const struct ev_error *err);
void ev_mode_note(struct ev_mode *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* One more finding: to be filled by the caller, texts are owned; NULL past the cap. */
struct ev_finding *ev_mode_finding(struct ev_mode *m, const char *kind, const char *subject);
void ev_finding_text(struct ev_finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Both texts are copied. */
void ev_finding_column(struct ev_finding *f, const char *name, const char *log, const char *store);

struct ev_equation *ev_mode_equation(struct ev_mode *m, const char *subject, const char *what, int64_t total);
void ev_equation_term(struct ev_equation *e, const char *name, int64_t n);

int64_t ev_verdict_found(const struct ev_verdict *v);
/* The exit status; `why` (may be NULL) gets the reason where it is neither 0 nor 1. */
int ev_verdict_status(const struct ev_verdict *v, struct ev_error *why);

#endif
