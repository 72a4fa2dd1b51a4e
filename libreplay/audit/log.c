/* log.c - a log's records, one by one; see log.h */
#include "audit/log_impl.h"

#include <inttypes.h>

#include "base/mem.h"

const char *const ev_hole_names[EV_HOLES] = {
	[EV_HOLE_RETENTION] = "retention", [EV_HOLE_ABORTED] = "aborted",
	[EV_HOLE_MARKER] = "marker",	   [EV_HOLE_COMPACTED] = "compaction",
	[EV_HOLE_ARCHIVED] = "empty when archived",
	[EV_HOLE_UNKNOWN] = "unknown",	   [EV_HOLE_UNEXPLAINED] = "unexplained",
};

static bool mapped(const struct ev_log_options *opt, enum ev_field field)
{
	return opt->paths && opt->envelope && opt->envelope->path[field] >= 0;
}

struct ev_log *ev_log_new(const struct ev_log_options *opt, struct ev_faults *faults)
{
	struct ev_log *l = ev_alloc(sizeof(*l));
	struct ev_log_result *r = &l->result;

	l->opt = opt;
	l->faults = faults;
	r->ids = mapped(opt, EV_FIELD_ID);
	r->causes = r->ids && mapped(opt, EV_FIELD_CAUSATION);
	r->sequences = opt->paths && opt->sequence >= 0;
	if (opt->paths)
		l->values = ev_alloc((ev_paths_count(opt->paths) + 1) * sizeof(*l->values));
	if (r->ids)
		l->ids = ev_spill_new(opt->memory / (r->sequences ? 2 : 1), opt->dir);
	if (r->sequences)
		l->keys = ev_spill_new(opt->memory / (r->ids ? 2 : 1), opt->dir);
	return l;
}

void ev_log_free(struct ev_log *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->result.nparts; i++)
		free(l->result.parts[i].topic);
	free(l->result.parts);
	free(l->parts);
	free(l->values);
	ev_spill_free(l->ids);
	ev_spill_free(l->keys);
	ev_buf_release(&l->item);
	ev_buf_release(&l->scratch);
	free(l);
}

const struct ev_log_result *ev_log_result(const struct ev_log *l)
{
	return &l->result;
}

static void name_part(struct ev_log *l, uint32_t part, struct ev_slice topic, int32_t partition)
{
	struct ev_log_part *p = &l->result.parts[part];

	if (p->topic)
		return;
	p->topic = ev_slice_dup(topic);
	p->partition = partition;
	l->parts[part].topic = part;
	for (uint32_t i = 0; i < l->result.nparts; i++) /* one behind it may have had a record before */
		if (i != part && l->result.parts[i].topic && strcmp(l->result.parts[i].topic, p->topic) == 0) {
			l->parts[part].topic = l->parts[i].topic;
			break;
		}
}

static struct ev_log_part *part_at(struct ev_log *l, uint32_t part)
{
	while (l->result.nparts <= part) {
		size_t n = l->result.nparts;
		struct ev_log_part *p;

		l->parts = ev_push(l->parts, n, sizeof(*l->parts));
		p = EV_PUSH(l->result.parts, l->result.nparts);
		p->latest = EV_NO_TIMESTAMP;
		p->compaction = -1;
	}
	return &l->result.parts[part];
}

/* A partition without one begins at its first record (files). */
static void take_span(struct ev_log *l, uint32_t part, const struct ev_partition *p, struct ev_span span)
{
	struct ev_log_part *at = part_at(l, part);

	name_part(l, part, ev_slice_str(p->topic), p->partition);
	at->low = p->low;
	at->begin = span.begin;
	at->end = span.end > span.begin ? span.end : span.begin;
	if (span.begin < p->low)
		at->holes[EV_HOLE_RETENTION] = (p->low < at->end ? p->low : at->end) - span.begin;
	l->parts[part].known = true;
	l->parts[part].next = span.begin;
}

void ev_log_put_place(struct ev_buf *item, const struct log_place *p)
{
	ev_spill_put_u64(item, p->order);
	ev_spill_put_u32(item, p->part);
	ev_spill_put_i64(item, p->offset);
	ev_spill_put_u64(item, p->hash);
}

struct log_place ev_log_place(struct ev_slice item)
{
	const char *p = item.ptr + item.len - LOG_PLACE;

	return (struct log_place){ ev_spill_u64(p), ev_spill_u32(p + 8), ev_spill_i64(p + 12),
				   ev_spill_u64(p + 20) };
}

void ev_log_print_place(const struct ev_log *l, const struct log_place *p, struct ev_buf *out)
{
	const struct ev_log_part *at = &l->result.parts[p->part];

	ev_buf_addf(out, "%s/%d@%" PRId64, at->topic, (int)at->partition, p->offset);
}

int ev_log_find(struct ev_log *l, enum ev_fault_kind kind, bool information, uint32_t part,
		int64_t offset, const struct ev_buf *text, struct ev_error *err)
{
	const struct ev_log_part *p = &l->result.parts[part];

	return ev_fault_add(l->faults,
			    &(struct ev_fault){ kind, information, p->topic, p->partition, offset,
						ev_buf_str(text) },
			    err);
}

static int take_time(struct ev_log *l, struct ev_log_part *p, const struct ev_record *r,
		     struct ev_error *err)
{
	struct ev_buf text = EV_BUF_INIT;
	int rc;

	if (r->timestamp == EV_NO_TIMESTAMP)
		return 0;
	if (p->latest == EV_NO_TIMESTAMP || r->timestamp >= p->latest) {
		p->latest = r->timestamp;
		return 0;
	}
	p->backwards++;
	if (ev_fault_wanted(l->faults, EV_FAULT_TIME))
		ev_buf_addf(&text, "timestamp %" PRId64 " is %" PRId64 " ms below one before it",
			    r->timestamp, p->latest - r->timestamp);
	rc = ev_log_find(l, EV_FAULT_TIME, !l->opt->strict_time, r->part, r->offset, &text, err);
	ev_buf_release(&text);
	return rc;
}

static int take_value(struct ev_log *l, struct ev_log_part *p, const struct ev_record *r,
		      struct ev_error *err)
{
	struct ev_json_error je;
	struct log_place place = { l->order, r->part, r->offset, 0 };

	if (!l->ids && !l->keys)
		return 0;
	if (ev_json_extract(l->opt->paths, r->value, l->values, &je) < 0) {
		p->unreadable++;
		return 0;
	}
	place.hash = ev_record_hash(r);
	if (l->ids && ev_log_take_ids(l, r, &place, err))
		return -1;
	return l->keys ? ev_log_take_number(l, r, &place, err) : 0;
}

static int take(void *ctx, const struct ev_record *r, struct ev_error *err)
{
	struct ev_log *l = ctx;
	struct ev_log_part *p = part_at(l, r->part);
	struct log_part *at = &l->parts[r->part];

	if (!p->topic || !at->known) {
		name_part(l, r->part, r->topic, r->partition);
		if (!p->records)
			p->low = p->begin = at->next = r->offset;
		p->end = r->offset + 1;
	}
	if (r->offset < at->next)
		return ev_fail(err, EV_BUG, "%s/%d@%" PRId64 " was given behind offset %" PRId64,
			       p->topic, (int)p->partition, r->offset, at->next - 1);
	at->next = r->offset + 1;
	p->records++;
	l->result.records++;
	if (take_time(l, p, r, err))
		return -1;
	if (!r->value.ptr)
		p->tombstones++;
	else if (take_value(l, p, r, err))
		return -1;
	l->order++;
	return 0;
}

/* A file's, of which no record is in the span; the source knows more of them the further it is read. */
static void name_empty(struct ev_log *l, const struct ev_source *src)
{
	for (uint32_t i = 0; i < src->nparts; i++) {
		part_at(l, i);
		name_part(l, i, ev_slice_str(src->parts[i].topic), src->parts[i].partition);
	}
}

/* Holes first: what compaction may have taken is known then. */
static int finish(struct ev_log *l, struct ev_source *src, struct ev_source *beside,
		  struct ev_error *err)
{
	int rc;

	name_empty(l, src);
	rc = ev_log_finish_holes(l, src, beside, err);
	if (!rc && l->ids)
		rc = ev_log_finish_ids(l, src, err);
	return !rc && l->keys ? ev_log_finish_keys(l, err) : rc;
}

int ev_log_run(struct ev_log *l, struct ev_source *src, struct ev_source *beside,
	       const struct ev_span *spans, const struct ev_read_hooks *hooks, struct ev_error *err)
{
	struct ev_span *there = ev_alloc((src->nparts + 1) * sizeof(*there));
	int rc;

	l->hooks = hooks;
	for (size_t i = 0; i < src->nparts; i++) {
		const struct ev_partition *p = &src->parts[i];

		there[i] = spans[i];
		if (src->one_sequence)
			continue;
		take_span(l, (uint32_t)i, p, spans[i]);
		if (there[i].begin < p->low)
			there[i].begin = p->low < spans[i].end ? p->low : spans[i].end;
	}
	rc = ev_read_spans(src, there, true, take, l, hooks, err);
	free(there);
	return rc ? rc : finish(l, src, beside, err);
}
