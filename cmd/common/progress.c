/* progress.c - see progress.h */
#include "common/progress.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/clock.h"
#include "common/term.h"

#define LIVE_MS 200
#define SPARSE_MS 10000
#define FIRST_LIVE_MS 500 /* a run that is done by then shows nothing */

void ev_progress_init(struct ev_progress *p, struct ev_messages *msg, bool quiet)
{
	*p = (struct ev_progress){ .msg = msg, .on = !quiet };
	p->tty = isatty(STDERR_FILENO) && !msg->json;
	p->start_ms = ev_clock_ms();
	p->last_ms = p->start_ms + (p->tty ? FIRST_LIVE_MS - LIVE_MS : 0);
}

static double percent(const struct ev_progress_now *now)
{
	double pc = now->total ? 100.0 * (double)now->done / (double)now->total : 0;

	return pc > 100 ? 100 : pc;
}

/* Milliseconds to go by the offsets passed so far; -1 when nothing can be said. */
static int64_t eta_ms(const struct ev_progress_now *now, int64_t elapsed)
{
	if (!now->total || !now->done || now->done >= now->total || now->waits)
		return -1;
	return (int64_t)((double)elapsed / (double)now->done * (double)(now->total - now->done));
}

static void json_line(const struct ev_progress *p, const struct ev_progress_now *now, int64_t elapsed,
		      struct ev_buf *out)
{
	ev_buf_adds(out, "{\"level\":\"info\",\"command\":");
	ev_message_quote(out, p->msg->command);
	ev_buf_addf(out, ",\"progress\":{\"records\":%" PRIu64 ",\"per_second\":%.0f", now->records, p->rate);
	if (now->phase) {
		ev_buf_adds(out, ",\"phase\":");
		ev_message_quote(out, now->phase);
	}
	if (now->total)
		ev_buf_addf(out, ",\"percent\":%.1f", percent(now));
	if (eta_ms(now, elapsed) >= 0)
		ev_buf_addf(out, ",\"eta_ms\":%" PRId64, eta_ms(now, elapsed));
	if (now->lag >= 0)
		ev_buf_addf(out, ",\"lag\":%" PRId64, now->lag);
	if (now->lag_ms >= 0)
		ev_buf_addf(out, ",\"lag_ms\":%" PRId64, now->lag_ms);
	ev_buf_adds(out, "}}\n");
}

static void text_line(const struct ev_progress *p, const struct ev_progress_now *now, int64_t elapsed,
		      struct ev_buf *out)
{
	ev_buf_addf(out, "%s: ", p->msg->command);
	if (now->phase)
		ev_buf_addf(out, "%s: ", now->phase);
	ev_buf_addf(out, "%" PRIu64 " %s, %.0f/s", now->records, now->unit ? now->unit : "records", p->rate);
	if (now->total)
		ev_buf_addf(out, ", %.0f%%", percent(now));
	if (eta_ms(now, elapsed) >= 0) {
		ev_buf_adds(out, ", ");
		ev_term_duration(out, eta_ms(now, elapsed));
		ev_buf_adds(out, " to go");
	}
	if (now->lag >= 0)
		ev_buf_addf(out, ", %" PRId64 " behind", now->lag);
	if (now->lag_ms >= 0) {
		ev_buf_adds(out, ", last record ");
		ev_term_duration(out, now->lag_ms);
		ev_buf_adds(out, " old");
	}
}

static void draw(struct ev_progress *p, const struct ev_progress_now *now, int64_t elapsed)
{
	struct ev_buf text = EV_BUF_INIT, line = EV_BUF_INIT;
	struct ev_term t;

	if (p->msg->json) {
		json_line(p, now, elapsed, &text);
	} else {
		text_line(p, now, elapsed, &text);
		if (!p->tty)
			ev_buf_addc(&text, '\n');
	}
	if (!p->tty) {
		ev_messages_line(p->msg, &text);
	} else {
		ev_term_init(&t, STDERR_FILENO);
		ev_term_cut(&t, &line, ev_buf_slice(&text), t.width - 1);
		ev_messages_line(p->msg, &line);
		p->msg->live = true;
	}
	ev_buf_release(&text);
	ev_buf_release(&line);
}

void ev_progress_update(struct ev_progress *p, const struct ev_progress_now *now)
{
	int64_t t, since;
	double rate;

	if (!p->on)
		return;
	t = ev_clock_ms();
	if (now->records < p->seen) { /* one more read of them: its pace is its own */
		p->start_ms = p->last_ms = t;
		p->last_records = 0;
		p->rate = 0;
	}
	p->seen = now->records;
	since = t - p->last_ms;
	if (since < (p->tty ? LIVE_MS : SPARSE_MS))
		return;
	if (!p->rate)
		since = t - p->start_ms;
	rate = (double)(now->records - p->last_records) * 1000 / (double)(since > 0 ? since : 1);
	p->rate = p->rate && p->tty ? 0.7 * p->rate + 0.3 * rate : rate;
	p->last_ms = t;
	p->last_records = now->records;
	draw(p, now, t - p->start_ms);
}

/* It stands where an open transaction keeps the rest of the span back. */
static bool is_kept_back(const struct ev_partition *p, const struct ev_span *span, int64_t next)
{
	return next == (p->stable > span->begin ? p->stable : span->begin) && p->stable < span->end;
}

void ev_progress_read(struct ev_progress *p, const struct ev_source *src, const struct ev_merge *m,
		      const struct ev_span *spans, size_t n, uint64_t records)
{
	struct ev_progress_now now = { .records = records, .lag = -1, .lag_ms = -1 };

	if (!p->on)
		return;
	for (size_t i = 0; i < n; i++) {
		int64_t next;

		if (spans[i].end == INT64_MAX) {
			now.total = 0;
			break;
		}
		next = ev_merge_next(m, (uint32_t)i);
		now.total += (uint64_t)(spans[i].end - spans[i].begin);
		now.done += next > spans[i].begin ? (uint64_t)(next - spans[i].begin) : 0;
		now.waits |= records == p->seen && is_kept_back(&src->parts[i], &spans[i], next);
	}
	now.phase = now.waits ? "waiting for an open transaction" : NULL;
	ev_progress_update(p, &now);
}

void ev_progress_clear(struct ev_progress *p)
{
	if (p->on)
		ev_messages_clear(p->msg);
}
