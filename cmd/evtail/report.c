/* report.c - what was seen: the closing lines on stderr, -c */
#include <inttypes.h>

#include "base/plural.h"
#include "evtail/tail.h"

#define MANY 8 /* partitions with holes that are listed one by one without -v */

static int64_t holes_of(const struct tail *t, const struct ev_merge_seen *s)
{
	int64_t holes = s->next - s->begin - s->records;

	/* a file does not tell what stood between its lines */
	return t->src->one_sequence || s->next < s->begin || holes < 0 ? 0 : holes;
}

static void one_line(struct tail *t, const struct ev_partition *p, const struct ev_merge_seen *s)
{
	struct ev_buf text = EV_BUF_INIT;
	int64_t holes = holes_of(t, s);

	ev_buf_addf(&text, "%s/%d: ", p->topic, (int)p->partition);
	if (s->next > s->begin)
		ev_buf_addf(&text, "offsets %" PRId64 " to %" PRId64 ", ", s->begin, s->next - 1);
	else
		ev_buf_addf(&text, "nothing from offset %" PRId64 " on, ", s->begin);
	ev_buf_addf(&text, "%" PRId64 " record%s", s->records, ev_plural(s->records));
	if (s->filtered)
		ev_buf_addf(&text, ", %" PRId64 " of them outside of the time asked for", s->filtered);
	if (s->late)
		ev_buf_addf(&text, ", %" PRId64 " with a timestamp below an earlier one", s->late);
	if (holes)
		ev_buf_addf(&text, ", %" PRId64 " offset%s without a record (transaction markers, aborted "
			    "or compacted)", holes, ev_plural(holes));
	ev_say(t->msg, "%s", ev_buf_str(&text));
	ev_buf_release(&text);
}

void tail_report(struct tail *t)
{
	int64_t holes = 0, records = 0;
	size_t with_holes = 0;

	for (size_t i = 0; i < t->src->nparts; i++) {
		struct ev_merge_seen s;

		ev_merge_seen(t->merge, (uint32_t)i, &s);
		records += s.records;
		if (holes_of(t, &s)) {
			holes += holes_of(t, &s);
			with_holes++;
		}
	}
	if (!t->args->verbose && with_holes > MANY) {
		ev_say(t->msg, "%zu of %zu partitions have %" PRId64 " offsets without a record beside %" PRId64
		       " record%s; -v shows each", with_holes, t->src->nparts, holes, records, ev_plural(records));
		return;
	}
	for (size_t i = 0; i < t->src->nparts; i++) {
		struct ev_merge_seen s;

		ev_merge_seen(t->merge, (uint32_t)i, &s);
		if (t->args->verbose || holes_of(t, &s))
			one_line(t, &t->src->parts[i], &s);
	}
}

static uint64_t matched(const struct tail *t, size_t part)
{
	return part < t->nmatched ? t->matched[part] : 0;
}

static void counts_json(struct tail *t)
{
	uint64_t total = 0;

	ev_buf_adds(&t->out, "{\"partitions\":[");
	for (size_t i = 0; i < t->src->nparts; i++) {
		ev_buf_adds(&t->out, i ? ",{\"topic\":" : "{\"topic\":");
		ev_message_quote(&t->out, t->src->parts[i].topic);
		ev_buf_addf(&t->out, ",\"partition\":%d,\"records\":%" PRIu64 "}",
			    (int)t->src->parts[i].partition, matched(t, i));
		total += matched(t, i);
	}
	ev_buf_addf(&t->out, "],\"records\":%" PRIu64 "}\n", total);
}

void tail_print_counts(struct tail *t)
{
	struct ev_table tb;
	uint64_t total = 0;

	if (t->args->format == 1) {
		counts_json(t);
		return;
	}
	ev_table_init(&tb, "lr");
	for (size_t i = 0; i < t->src->nparts; i++) {
		ev_table_addf(&tb, "%s/%d", t->src->parts[i].topic, (int)t->src->parts[i].partition);
		ev_table_addf(&tb, "%" PRIu64, matched(t, i));
		total += matched(t, i);
	}
	ev_table_add(&tb, "total");
	ev_table_addf(&tb, "%" PRIu64, total);
	ev_table_print(&tb, &t->format.term, false, &t->out);
	ev_table_release(&tb);
}
