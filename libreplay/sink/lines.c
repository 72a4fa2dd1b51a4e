/* lines.c - the sink that writes record lines to a pipe; see sink.h */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "record/line.h"
#include "sink/sink.h"

/* Who reads the pipe waits for no more than that: a topic that is written all the time never makes a pause. */
enum { FULL = 256 << 10, OLD_MS = 100 };

struct lines_sink {
	struct ev_sink base;
	int (*write)(const char *data, size_t n, struct ev_error *err);
	struct ev_buf out; /* not yet written */
	int64_t since_ms;  /* that the first line of it waits */
};

static int write_out(struct lines_sink *l, struct ev_error *err)
{
	int rc;

	if (l->out.failed)
		return ev_fail(err, EV_STORE, "cannot write to %s: out of memory", l->base.target);
	if (!l->out.len || l->base.closed)
		return 0;
	rc = l->write(l->out.data, l->out.len, err);
	l->base.closed |= rc > 0;
	ev_buf_clear(&l->out);
	return rc < 0 ? -1 : 0;
}

static int lines_put(struct ev_sink *s, const struct ev_record *r, struct ev_error *err)
{
	struct lines_sink *l = (struct lines_sink *)s;

	if (s->closed)
		return 0;
	if (ev_line_check(r, err))
		return -1;
	if (!l->out.len)
		l->since_ms = ev_clock_ms();
	ev_line_write(&l->out, r);
	ev_sink_count(s, r);
	return l->out.len >= FULL || l->out.failed ? write_out(l, err) : 0;
}

static int lines_turn(struct ev_sink *s, int wait_ms, struct ev_error *err)
{
	struct lines_sink *l = (struct lines_sink *)s;

	return wait_ms || ev_clock_ms() - l->since_ms >= OLD_MS ? write_out(l, err) : 0;
}

static int lines_flush(struct ev_sink *s, const struct ev_position *next, struct ev_error *err)
{
	(void)next;
	return write_out((struct lines_sink *)s, err);
}

static void lines_close(struct ev_sink *s)
{
	struct lines_sink *l = (struct lines_sink *)s;

	ev_buf_release(&l->out);
	free(s->target);
	free(l);
}

static const struct ev_sink_ops lines_ops = {
	.name = "lines",
	.put = lines_put,
	.turn = lines_turn,
	.flush = lines_flush,
	.close = lines_close,
};

struct ev_sink *ev_lines_sink_open(int (*write)(const char *data, size_t n, struct ev_error *err), const char *name)
{
	struct lines_sink *l = ev_alloc(sizeof(*l));

	l->base.ops = &lines_ops;
	l->base.target = ev_strdup(name);
	l->write = write;
	return &l->base;
}
