/* take.c - what happens to each record that was read */
#include "evtail/tail.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"

#define OUT_FULL (256u << 10)

int tail_flush(struct tail *t, struct ev_error *err)
{
	int rc;

	if (t->out.failed)
		return ev_fail(err, EV_STORE, "cannot write to standard output: out of memory");
	if (!t->out.len || t->closed)
		return 0;
	ev_messages_clear(t->msg);
	rc = ev_stdout_write(t->out.data, t->out.len, err);
	ev_buf_clear(&t->out);
	if (rc > 0)
		t->closed = true;
	return rc < 0 ? -1 : 0;
}

static int print(struct tail *t, const struct ev_record *r, struct ev_slice type, struct ev_error *err)
{
	tail_format_record(&t->format, &t->out, r, type);
	return t->out.len >= OUT_FULL || t->out.failed ? tail_flush(t, err) : 0;
}

static void count(struct tail *t, uint32_t part)
{
	if (part >= t->nmatched) {
		size_t n = (size_t)part + 16;

		t->matched = ev_realloc_n(t->matched, n, sizeof(*t->matched));
		while (t->nmatched < n)
			t->matched[t->nmatched++] = 0;
	}
	t->matched[part]++;
}

int tail_take(struct tail *t, const struct ev_record *r, struct ev_error *err)
{
	struct ev_filter_event event;

	t->read++;
	if (!ev_filter_test(t->filter, r, &event))
		return 0;
	if (t->skip > 0) {
		t->skip--;
		return 0;
	}
	count(t, r->part);
	if (t->summary) {
		struct ev_record at = *r;

		at.timestamp = event.time;
		ev_summary_add(t->summary, &at, event.json, event.type);
		return 0;
	}
	if (t->args->counting)
		return 0;
	if (t->use_ring)
		return tail_ring_add(&t->ring, r, err);
	return print(t, r, event.type, err);
}

/* Every record of the ring into t->out. */
static int format_ring(struct tail *t, struct ev_line_reader *reader, struct ev_error *err)
{
	struct ev_filter_event event;
	struct ev_record r;

	for (size_t i = 0; i < t->ring.n; i++) {
		struct ev_slice line = tail_ring_line(&t->ring, i);

		if (ev_line_read(reader, ev_slice(line.ptr, line.len - 1), &r, err)) {
			ev_context(err, "record line of our own");
			err->class = EV_BUG;
			return -1;
		}
		ev_filter_test(t->filter, &r, &event);
		if (t->measuring) {
			tail_format_record(&t->format, &t->out, &r, event.type);
			ev_buf_clear(&t->out);
		} else if (print(t, &r, event.type, err)) {
			return -1;
		}
	}
	return 0;
}

int tail_print_ring(struct tail *t, struct ev_error *err)
{
	struct ev_line_reader *reader = ev_line_reader_new();
	int rc = 0;

	/* a screen's columns are as wide as the widest: look at all before the first is shown */
	t->measuring = t->format.kind == TAIL_SCREEN;
	if (t->measuring)
		rc = format_ring(t, reader, err);
	t->measuring = false;
	t->format.day = INT64_MIN;
	if (!rc)
		rc = format_ring(t, reader, err);
	ev_line_reader_free(reader);
	tail_ring_clear(&t->ring);
	return rc ? rc : tail_flush(t, err);
}
