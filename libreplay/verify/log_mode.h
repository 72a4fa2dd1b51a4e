/*
 * log_mode.h - log.h and against.h as modes of a verdict: what evverify --log and --against do
 *
 * A mode reads its sources to their ends, or it is not proven. So is one that was asked for numbers
 * or ids where no event has any, and one whose gaps or lost causes may be the work of retention or
 * compaction.
 */
#ifndef EV_LOG_MODE_H
#define EV_LOG_MODE_H

#include "audit/against.h"
#include "audit/log.h"
#include "source/range.h"
#include "verify/verdict.h"

struct ev_log_mode {
	struct ev_log_options log;
	const char *sequence;           /* its path as given, or NULL */
	bool must_have_ids;             /* the envelope was given, not guessed */
	bool allow_empty;
	int64_t max_diffs;              /* shown of each kind */
	const struct ev_read_hooks *hooks;
};

/* Mode "log". `spec` is what `src` was opened with. -1: EV_USAGE; all else is in the verdict. */
int ev_log_mode(struct ev_source *src, const struct ev_source_spec *spec,
		const struct ev_range_args *range, const struct ev_log_mode *opt,
		struct ev_verdict *v, struct ev_error *err);

struct ev_against_mode {
	struct ev_against_options against;
	bool allow_empty;
	int64_t max_diffs;
};

/* Mode "against": the range is of the first source, the second is read whole; times are of both. */
int ev_against_mode(struct ev_source *first, struct ev_source *second,
		    const struct ev_range_args *range, const struct ev_against_mode *opt,
		    struct ev_verdict *v, struct ev_error *err);

#endif
