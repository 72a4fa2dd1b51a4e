/*
 * fault.h - what the checks of a log report, one fault at a time
 *
 * A check counts every fault and shows the first `max` of each kind; who prints says that there
 * were more (`hidden`). A finding is a fault unless it is marked as information.
 */
#ifndef EV_FAULT_H
#define EV_FAULT_H

#include "base/buf.h"
#include "base/error.h"

enum ev_fault_kind {
	EV_FAULT_HOLE,      /* offsets without a record that nothing explains */
	EV_FAULT_DUPLICATE, /* an event id that was there before */
	EV_FAULT_GAP,       /* numbers of a key's sequence that are missing */
	EV_FAULT_REPEAT,    /* a number of a key's sequence that was there before */
	EV_FAULT_REORDER,   /* a number of a key's sequence that comes behind a larger one */
	EV_FAULT_CAUSATION, /* a causation id that no event has */
	EV_FAULT_TIME,      /* a timestamp below one before it */
	EV_FAULT_COUNT,     /* the ledger counts otherwise than the log */
	EV_FAULT_LETTER,    /* a dead letter that is not the log's record */
	EV_FAULT_MISSING,   /* against: a record that the second source lacks */
	EV_FAULT_EXTRA,     /* against: a record that only the second source has */
	EV_FAULT_CHANGED,   /* against: another record in its place */
	EV_FAULT_MOVED,     /* against: the same records in another order */
	EV_FAULTS
};
extern const char *const ev_fault_names[EV_FAULTS]; /* "hole", ... */

struct ev_fault {
	enum ev_fault_kind kind;
	bool information; /* said, but no fault */
	const char *topic;
	int32_t partition;
	int64_t offset;   /* -1: of the whole partition */
	const char *text; /* one line, without the place; valid during the call */
};

struct ev_faults {
	void *ctx;
	/* -1 with `err` ends the check. NULL: only counted. */
	int (*fn)(void *ctx, const struct ev_fault *f, struct ev_error *err);
	int64_t max;                    /* shown of each kind; -1: all */
	int64_t found[EV_FAULTS];       /* all faults, shown or not */
	int64_t information[EV_FAULTS];
	int64_t hidden[EV_FAULTS];      /* of both, not shown */
};

#define EV_FAULTS_INIT { .max = -1 }

/* Count a finding, and show it while its kind is below the limit. */
int ev_fault_add(struct ev_faults *fs, const struct ev_fault *f, struct ev_error *err);

/* Would one of this kind be shown? Else its text need not be made. */
bool ev_fault_wanted(const struct ev_faults *fs, enum ev_fault_kind kind);

int64_t ev_faults_found(const struct ev_faults *fs); /* of all kinds; for tests */

/* Append an id or key for people: in single quotes, clean UTF-8, cut at 64 bytes; null as null. */
void ev_fault_name(struct ev_buf *out, struct ev_slice name);

#endif
