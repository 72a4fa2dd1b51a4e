/* run.c - what evtail reads: a range, its last N records, and what follows */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "evtail/tail.h"

#define BATCH 4096
#define BATCH_BYTES (4u << 20)
#define WAIT_MS 200
#define SHORT_WAIT_MS 5 /* while output waits to be written */
#define LINGER_MS 50
#define LAST_DEFAULT 10
#define MAX_TYPES 1000
#define MAX_PATHS 2000
#define STOPPED 1

/* -n: N, +K, or the default: ten without a range, all of a range. */
static int parse_count(struct tail *t, struct ev_error *err)
{
	const struct tail_args *a = t->args;
	int64_t n;

	t->last = -1;
	if (!a->count) {
		if (!ev_source_args_ranged(&a->src) && !a->counting && !a->summary)
			t->last = LAST_DEFAULT;
		return 0;
	}
	if (!ev_parse_i64(a->count, &n) || n < 0)
		return ev_fail(err, EV_USAGE, "option '-n' takes a number of records or +N, not '%s'",
			       a->count);
	if (*a->count == '+') {
		t->skip = n > 0 ? n - 1 : 0;
		return 0;
	}
	if (a->counting || a->summary) {
		ev_fail(err, EV_USAGE, "option '-n %s' cannot be used with %s", a->count,
			a->counting ? "-c" : "--summary");
		return ev_hint(err, "--from -%s starts at the last %s records of each partition",
			       a->count, a->count);
	}
	t->last = n;
	return 0;
}

static int check_args(const struct tail_args *a, const struct ev_operands *rest, struct ev_error *err)
{
	if (!rest->n) {
		ev_fail(err, EV_USAGE, "a source is missing");
		return ev_hint(err, "name a topic, a file like ./x.ndjson, an archive like ./a, or - for stdin");
	}
	if (a->follow && (a->src.to || a->src.until))
		return ev_fail(err, EV_USAGE, "options '--follow' and '--%s' cannot be used together",
			       a->src.to ? "to" : "until");
	if (a->follow && (a->counting || a->summary))
		return ev_fail(err, EV_USAGE, "options '--follow' and '--%s' cannot be used together",
			       a->counting ? "count" : "summary");
	if (a->counting && a->summary)
		return ev_fail(err, EV_USAGE, "options '--count' and '--summary' cannot be used together");
	if (a->paths && !a->summary)
		return ev_fail(err, EV_USAGE, "option '--paths' belongs to '--summary'");
	if (a->counting && (a->output || a->nul))
		return ev_fail(err, EV_USAGE, "options '--count' and '--%s' cannot be used together",
			       a->output ? "output" : "null");
	if (a->summary && (a->output || a->nul))
		return ev_fail(err, EV_USAGE, "options '--summary' and '--%s' cannot be used together",
			       a->output ? "output" : "null");
	if (a->format && !a->counting && !a->summary) {
		ev_fail(err, EV_USAGE, "option '--format' belongs to '--summary' and '--count'");
		return ev_hint(err, "records are printed as JSON lines by -o json");
	}
	return 0;
}

/* Read what `spans` say to the end, or for ever. 0, STOPPED (signal or closed pipe), -1. */
static int read_spans(struct tail *t, const struct ev_span *spans, bool follow, struct ev_error *err)
{
	const struct ev_range_args *range = &t->args->src.range;
	struct ev_merge_options opt = {
		.merge = !t->args->src.no_merge, .follow = follow, .linger_ms = LINGER_MS,
		.patient = true,
		.has_since = range->has_since, .since = range->since,
		.has_until = range->has_until, .until = range->until,
	};
	bool done = false;

	ev_merge_free(t->merge);
	t->merge = ev_merge_new(t->src, spans, &opt, err);
	if (!t->merge)
		return -1;
	for (;;) {
		int n = ev_merge_read(t->merge, t->records, BATCH, BATCH_BYTES,
				      t->out.len ? SHORT_WAIT_MS : WAIT_MS, &done, err);

		for (int i = 0; i < n; i++) {
			if (tail_take(t, &t->records[i], err))
				return -1;
		}
		if (n <= 0 && tail_flush(t, err))
			return -1;
		if (n < 0)
			return -1;
		if (n == 0 && done)
			return 0;
		if (t->closed || ev_stopped())
			return STOPPED;
		ev_progress_read(&t->progress, t->src, t->merge, t->spans, follow ? 0 : t->nspans, t->read);
	}
}

/*
 * Where to begin so that each partition gives its last N: `windows` offsets before the end, and
 * eight times as many wherever holes or filters left fewer. True when something is to be read again.
 */
static bool widen(struct tail *t, struct ev_span *windows)
{
	bool again = false;

	for (size_t i = 0; i < t->nspans; i++) {
		int64_t size = windows[i].end - windows[i].begin;
		uint64_t found = i < t->nmatched ? t->matched[i] : 0;

		if (windows[i].begin <= t->spans[i].begin || found >= (uint64_t)t->last)
			continue;
		size = size > INT64_MAX / 8 ? INT64_MAX : size * 8;
		windows[i].begin = windows[i].end - t->spans[i].begin > size ? windows[i].end - size :
									       t->spans[i].begin;
		again = true;
	}
	return again;
}

static void reset_pass(struct tail *t)
{
	tail_ring_clear(&t->ring);
	for (size_t i = 0; i < t->nmatched; i++)
		t->matched[i] = 0;
}

/* The last N of the whole range. A file has no ends to count from: it is read whole. */
static int read_last(struct tail *t, struct ev_error *err)
{
	struct ev_span *windows = ev_alloc((t->nspans + 1) * sizeof(*windows));
	int rc;

	for (size_t i = 0; i < t->nspans; i++) {
		windows[i] = t->spans[i];
		if (!t->src->one_sequence && windows[i].end != INT64_MAX &&
		    windows[i].end - windows[i].begin > t->last)
			windows[i].begin = windows[i].end - t->last;
	}
	t->use_ring = true;
	do {
		reset_pass(t);
		rc = read_spans(t, windows, false, err);
	} while (!rc && !t->src->one_sequence && widen(t, windows));
	if (rc >= 0 && tail_print_ring(t, err))
		rc = -1;
	t->use_ring = false;
	free(windows);
	return rc;
}

static int read_bounded(struct tail *t, struct ev_error *err)
{
	if (t->last >= 0)
		return read_last(t, err);
	return read_spans(t, t->spans, false, err);
}

/* From where the bounded read ended, for ever. */
static int read_follow(struct tail *t, struct ev_error *err)
{
	size_t n = t->src->nparts;
	struct ev_span *spans = ev_alloc((n + 1) * sizeof(*spans));
	int rc;

	for (size_t i = 0; i < n; i++) {
		spans[i].begin = ev_merge_next(t->merge, (uint32_t)i);
		spans[i].end = INT64_MAX;
	}
	rc = read_spans(t, spans, true, err);
	free(spans);
	return rc;
}

/* A file or pipe ends by itself, so it is followed in one go; all of it unless -n says else. */
static int read_all(struct tail *t, struct ev_error *err)
{
	int rc;

	if (t->args->follow && t->src->one_sequence) {
		t->last = -1;
		return read_spans(t, t->spans, true, err);
	}
	rc = read_bounded(t, err);
	if (!rc && t->args->follow)
		rc = read_follow(t, err);
	return rc;
}

static int save_position(struct tail *t, struct ev_error *err)
{
	struct ev_position pos = EV_POSITION_INIT;
	int rc;

	for (size_t i = 0; i < t->src->nparts; i++) {
		int64_t next = ev_merge_next(t->merge, (uint32_t)i);

		if (next >= 0)
			ev_position_set(&pos, t->src->parts[i].topic, t->src->parts[i].partition, next);
	}
	rc = ev_position_save(&pos, t->args->position, err);
	ev_position_release(&pos);
	return rc;
}

static int prepare(struct tail *t, struct ev_operands *rest, struct ev_error *err)
{
	struct tail_args *a = t->args;
	bool same_screen;

	if (check_args(a, rest, err) || parse_count(t, err) ||
	    ev_source_args_finish(&a->src, rest, ev_now_ms(), err) ||
	    tail_format_init(&t->format, a->output, a->nul, err))
		return -1;
	ev_source_args_notes(&a->src, t->msg);
	t->filter = ev_filter_new(&a->src, a->summary || tail_format_needs_type(&t->format), err);
	if (!t->filter)
		return -1;
	same_screen = t->format.term.tty && !a->counting && !a->summary;
	ev_progress_init(&t->progress, t->msg, a->quiet || same_screen);
	a->src.spec.need_headers = ev_filter_needs_headers(t->filter) ||
				   (!a->counting && !a->summary &&
				    (t->last >= 0 || tail_format_needs_headers(&t->format)));
	a->src.spec.follow_hint = t->last >= 0 || a->follow;
	tail_ring_init(&t->ring, t->last > 0 ? (size_t)t->last : 0, a->src.memory);
	if (a->summary)
		t->summary = ev_summary_new(MAX_TYPES, a->paths ? MAX_PATHS : 0);
	t->records = ev_alloc(BATCH * sizeof(*t->records));
	return 0;
}

static int open_and_read(struct tail *t, struct ev_error *err)
{
	struct tail_args *a = t->args;
	int rc;

	t->src = ev_source_open(&a->src.spec, err);
	if (!t->src)
		return ev_stopped() && a->follow ? ev_stop_status(true) : -1;
	if (ev_range_resolve(t->src, &a->src.range, NULL, &t->spans, err))
		return -1;
	t->nspans = t->src->nparts;
	rc = read_all(t, err);
	ev_progress_clear(&t->progress);
	if (rc < 0) {
		struct ev_error ignored = EV_ERROR_INIT;

		tail_flush(t, &ignored); /* what was read is shown before the error */
		return -1;
	}
	if (t->summary && !t->closed)
		tail_print_summary(t);
	if (a->counting && !t->closed)
		tail_print_counts(t);
	if (tail_flush(t, err))
		return -1;
	if (t->closed)
		return ev_stopped() ? ev_stop_status(a->follow) : 0;
	if (a->position && save_position(t, err))
		return -1;
	if (!a->quiet)
		tail_report(t);
	return rc == STOPPED ? ev_stop_status(a->follow) : 0;
}

static void release(struct tail *t)
{
	ev_merge_free(t->merge);
	if (t->src)
		t->src->ops->close(t->src);
	ev_filter_free(t->filter);
	tail_format_release(&t->format);
	tail_ring_release(&t->ring);
	ev_summary_free(t->summary);
	ev_buf_release(&t->out);
	free(t->spans);
	free(t->matched);
	free(t->records);
}

int tail_run(void *args, struct ev_operands *rest, struct ev_messages *msg, struct ev_error *err)
{
	struct tail t = { .args = args, .msg = msg };
	int rc = prepare(&t, rest, err);

	if (!rc)
		rc = open_and_read(&t, err);
	release(&t);
	return rc;
}
