/*
 * log.h - what is wrong with a log, whatever the view: holes, doubled ids, broken sequences, lost
 * causes
 *
 * Records are read in the order of a merge (merge.h), each once. What can
 * only be told when all are there - doubled ids, sequences by key, causes - is sorted outside of
 * memory (spill.h), exactly, and reported at the end. Every offset of the span asked for is
 * accounted for, per partition: end - begin = records + holes, and each hole has a class.
 *
 * What a client can know of a hole: read uncommitted, a record that stood aborted shows itself.
 * What shows in neither reading is a transaction marker or was compacted away. A client can count
 * the markers that it meets, though not tell where they stood (source.h, markers); whether
 * compaction is possible tells the topic's cleanup.policy. What is neither is unexplained. Where
 * markers cannot be counted, runs of up to EV_LOG_MAX_MARKERS are taken for markers. `contiguous`
 * is the user's word that the topic knows neither transactions nor compaction: then every hole is a
 * fault.
 */
#ifndef EV_LOG_H
#define EV_LOG_H

#include "audit/fault.h"
#include "event/envelope.h"
#include "source/source.h"
#include "source/spec.h"

#define EV_LOG_MAX_MARKERS 1000 /* transactions that end in a row without a record in between */

struct ev_log_options {
	const struct ev_paths *paths;       /* NULL: values are not read */
	const struct ev_envelope *envelope; /* NULL: no ids, no causes */
	int sequence;     /* path of each key's counter, an index of paths; -1: none */
	bool dedupe;      /* the view passes over doubled ids: said, no fault */
	bool across;      /* ids are unique over all topics, not in each */
	bool strict_time; /* timestamps that go back are faults */
	bool contiguous;  /* so is every hole */
	bool partial;     /* records were left out before or behind that cannot be read (a pipe) */
	size_t memory;    /* for sorting */
	const char *dir;  /* of temporary files, or NULL (spill.h) */
};

#define EV_LOG_OPTIONS_INIT { .sequence = -1, .memory = 64u << 20 }

enum ev_hole {
	EV_HOLE_RETENTION,  /* below the log's start: retention, or deleted by hand */
	EV_HOLE_ABORTED,    /* records of aborted transactions */
	EV_HOLE_MARKER,     /* marks that end transactions, as far as a client can tell */
	EV_HOLE_COMPACTED,  /* compaction may have taken them; or marks */
	EV_HOLE_ARCHIVED,   /* empty in the log that an archive was made of */
	EV_HOLE_UNKNOWN,    /* a file does not say, or a broker not whether it compacts */
	EV_HOLE_UNEXPLAINED,
	EV_HOLES
};
extern const char *const ev_hole_names[EV_HOLES];

struct ev_log_part {
	char *topic;
	int32_t partition;
	int64_t low;        /* where the log starts now; a file: its first record's offset */
	int64_t begin, end; /* the span asked for; a file: of its first and last record */
	int64_t records, tombstones;
	int64_t unreadable; /* values that are no JSON, where values are read */
	int64_t holes[EV_HOLES];
	int64_t backwards;  /* timestamps below one before */
	int64_t latest;     /* the largest timestamp, EV_NO_TIMESTAMP: none */
	int compaction;     /* 1 possible, 0 not (or a file: it does not say), -1 not known */
};

struct ev_log_result {
	struct ev_log_part *parts; /* as the source has them */
	size_t nparts;
	int64_t records;
	/* ids: records = with_id + without_id + tombstones + unreadable, where an id is mapped */
	bool ids, causes, sequences; /* looked at */
	int64_t with_id, without_id, doubled; /* doubled: records whose id was there before */
	/* sequences: records = numbered + keyless + unnumbered + tombstones + unreadable */
	int64_t keys, numbered, keyless, unnumbered;
	int64_t missing;          /* numbers between two that are there */
	int64_t uncheckable_gaps; /* which compaction or retention may have made */
	int64_t first_least, first_least_keys; /* the least first number; keys that start there */
	/* causes */
	int64_t caused, uncheckable_causes; /* events with one; of those, it may be trimmed */
};

struct ev_log;

/* Options and faults are borrowed until ev_log_free. */
struct ev_log *ev_log_new(const struct ev_log_options *opt, struct ev_faults *faults);
void ev_log_free(struct ev_log *l);

const struct ev_log_result *ev_log_result(const struct ev_log *l);

struct ev_read_hooks;

/*
 * Read `spans` of `src` (a file: from the first record of each partition) and tell the faults; once
 * for each ev_log. `beside` is the same log, read uncommitted, or NULL: then an aborted record cannot
 * be told from a marker. Both may be read once more at the end.
 */
int ev_log_run(struct ev_log *l, struct ev_source *src, struct ev_source *beside,
	       const struct ev_span *spans, const struct ev_read_hooks *hooks,
	       struct ev_error *err);

/*
 * Open what `spec` names once more, to be read uncommitted. NULL without an error (class EV_OK)
 * where that makes no difference: files.
 */
struct ev_source *ev_log_open_beside(const struct ev_source_spec *spec, struct ev_error *err);

#endif
