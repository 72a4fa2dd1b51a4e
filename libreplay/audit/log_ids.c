/*
 * log_ids.c - event ids that come twice, and causes that nobody has
 *
 * An item is an id (the group), then whether it is an event's own or the cause that an event names,
 * its topic, and its place: all that bears on an id stands together, the events that have it first.
 *
 * A cause may stand outside of the span that was read: before it, or behind the ends, which are not
 * taken of all partitions in the same instant. So where a cause is missing the rest of the log is
 * read too.
 */
#include <inttypes.h>

#include "base/mem.h"
#include "audit/log_impl.h"

enum { OWN, CAUSE };

static int add(struct ev_log *l, struct ev_spill *s, int kind, struct ev_slice id,
	       const struct log_place *p, struct ev_error *err)
{
	ev_buf_clear(&l->item);
	ev_spill_put_group(&l->item, id);
	ev_buf_addc(&l->item, (char)kind);
	ev_spill_put_u32(&l->item, l->opt->across || kind == CAUSE ? 0 : l->parts[p->part].topic);
	ev_log_put_place(&l->item, p);
	if (l->item.failed)
		return ev_fail(err, EV_SOURCE, "out of memory for the id of %s/%d@%" PRId64,
			       l->result.parts[p->part].topic,
			       (int)l->result.parts[p->part].partition, p->offset);
	return ev_spill_add(s, ev_buf_slice(&l->item), err);
}

/* As the engine takes it: a text, or a number as it is written. A null slice: there is none. */
static struct ev_slice id_of(struct ev_log *l, enum ev_field field)
{
	const struct ev_value *v = &l->values[l->opt->envelope->path[field]];
	struct ev_slice id = v->raw;

	if (v->type == EV_JSON_NUMBER)
		return id;
	ev_buf_clear(&l->scratch);
	if (v->type != EV_JSON_STRING || ev_value_text(v, &l->scratch, &id) < 0)
		return EV_NULL_SLICE;
	return id;
}

int ev_log_take_ids(struct ev_log *l, const struct ev_record *r, const struct log_place *p,
		    struct ev_error *err)
{
	struct ev_slice id = id_of(l, EV_FIELD_ID);

	(void)r;
	*(id.ptr ? &l->result.with_id : &l->result.without_id) += 1;
	if (id.ptr && add(l, l->ids, OWN, id, p, err))
		return -1;
	if (!l->result.causes)
		return 0;
	id = id_of(l, EV_FIELD_CAUSATION);
	if (!id.ptr || !id.len)
		return 0;
	l->result.caused++;
	return add(l, l->ids, CAUSE, id, p, err);
}

struct walk {
	struct ev_log *l;
	struct ev_buf group; /* the id at hand */
	bool any, own; /* ...; an event has it */
	uint32_t topic; /* of the event seen last */
	struct log_place first; /* with that id in that topic */
	struct ev_spill *lost; /* causes that nobody has, so far */
	struct ev_buf text;
};

static int report_double(struct walk *w, const struct log_place *p, struct ev_error *err)
{
	struct ev_log *l = w->l;

	l->result.doubled++;
	ev_buf_clear(&w->text);
	if (ev_fault_wanted(l->faults, EV_FAULT_DUPLICATE)) {
		ev_buf_adds(&w->text, "id ");
		ev_fault_name(&w->text, ev_buf_slice(&w->group));
		ev_buf_adds(&w->text, " again, first at ");
		ev_log_print_place(l, &w->first, &w->text);
		ev_buf_adds(&w->text,
			    p->hash == w->first.hash ? ", the same record" : ", another record");
	}
	return ev_log_find(l, EV_FAULT_DUPLICATE, l->opt->dedupe, p->part, p->offset, &w->text,
			   err);
}

static int step_own(struct walk *w, uint32_t topic, const struct log_place *p, struct ev_error *err)
{
	bool again = w->own && topic == w->topic;

	if (!again)
		w->first = *p;
	w->own = true;
	w->topic = topic;
	return again ? report_double(w, p, err) : 0;
}

static int step(struct walk *w, struct ev_slice item, struct ev_error *err)
{
	struct ev_slice group = ev_spill_group(item);
	const char *tail = item.ptr + ev_spill_group_size(item);
	struct log_place p = ev_log_place(item);

	if (!w->any || !ev_slice_eq(group, ev_buf_slice(&w->group))) {
		ev_buf_clear(&w->group);
		ev_buf_add_slice(&w->group, group);
		w->any = true;
		w->own = false;
	}
	if (tail[0] == OWN)
		return step_own(w, ev_spill_u32(tail + 1), &p, err);
	return w->own ? 0 : ev_spill_add(w->lost, item, err);
}

static int walk(struct ev_log *l, struct ev_spill *from, struct ev_spill *lost,
		struct ev_error *err)
{
	struct walk w = { .l = l, .lost = lost };
	struct ev_slice item;
	int rc = ev_spill_sort(from, err);

	while (!rc && (rc = ev_spill_next(from, &item, err)) > 0)
		rc = ev_read_stopped(l->hooks) ? EV_READ_STOPPED : step(&w, item, err);
	ev_buf_release(&w.group);
	ev_buf_release(&w.text);
	return rc;
}

struct outside {
	struct ev_log *l;
	struct ev_spill *to;
};

/* The place of a record outside is nobody's concern: only that an event has the id. */
static int take_outside(void *ctx, const struct ev_record *r, struct ev_error *err)
{
	struct outside *o = ctx;
	struct ev_json_error je;
	struct ev_slice id;

	if (!r->value.ptr || ev_json_extract(o->l->opt->paths, r->value, o->l->values, &je) < 0)
		return 0;
	id = id_of(o->l, EV_FIELD_ID);
	return id.ptr ? add(o->l, o->to, OWN, id, &(struct log_place){ .order = o->l->order++ },
			    err)
		      : 0;
}

/* All ids before (`behind` false) or behind the spans. Partitions that are new since are behind. */
static int read_outside(struct ev_log *l, struct ev_source *src, bool behind, struct ev_spill *to,
			struct ev_error *err)
{
	struct ev_span *spans = ev_alloc((src->nparts + 1) * sizeof(*spans));
	struct outside o = { l, to };
	int64_t n = 0;
	int rc = 0;

	for (size_t i = 0; i < src->nparts; i++) {
		const struct ev_partition *at = &src->parts[i];
		const struct ev_log_part *p = i < l->result.nparts ? &l->result.parts[i] : NULL;

		spans[i] = behind ? (struct ev_span){ p ? p->end : at->low, at->stable }
				  : (struct ev_span){ at->low, p ? p->begin : at->low };
		if (spans[i].begin < at->low)
			spans[i].begin = at->low;
		if (spans[i].end < spans[i].begin)
			spans[i].end = spans[i].begin;
		n += spans[i].end - spans[i].begin;
	}
	if (n)
		rc = ev_read_spans(src, spans, false, take_outside, &o, l->hooks, err);
	free(spans);
	return rc;
}

/* Is everything there in which a cause could stand? */
static bool complete(const struct ev_log *l)
{
	for (size_t i = 0; i < l->result.nparts; i++) {
		const struct ev_log_part *p = &l->result.parts[i];

		if (p->compaction || p->low > 0)
			return false;
	}
	return !l->opt->partial;
}

static int report_lost(struct ev_log *l, struct ev_spill *lost, struct ev_error *err)
{
	struct ev_buf text = EV_BUF_INIT;
	struct ev_slice item;
	int rc = ev_spill_sort(lost, err);

	if (!rc && !complete(l)) {
		l->result.uncheckable_causes = ev_spill_items(lost);
		return 0;
	}
	while (!rc && (rc = ev_spill_next(lost, &item, err)) > 0) {
		struct log_place p = ev_log_place(item);

		ev_buf_clear(&text);
		ev_buf_adds(&text, "its cause ");
		ev_fault_name(&text, ev_spill_group(item));
		ev_buf_adds(&text, " is no event's id");
		rc = ev_log_find(l, EV_FAULT_CAUSATION, false, p.part, p.offset, &text, err);
	}
	ev_buf_release(&text);
	return rc;
}

/*
 * Who is still lost after a look at the rest of the log. A double there is no concern of this span.
 */
static int look_outside(struct ev_log *l, struct ev_source *src, struct ev_spill *lost,
			struct ev_spill *still, struct ev_error *err)
{
	struct ev_faults none = EV_FAULTS_INIT, *faults = l->faults;
	int64_t doubled = l->result.doubled;
	int rc = src->ops->refresh(src, err);

	if (!rc)
		rc = read_outside(l, src, false, lost, err);
	if (!rc)
		rc = read_outside(l, src, true, lost, err);
	l->faults = &none;
	if (!rc)
		rc = walk(l, lost, still, err);
	l->faults = faults;
	l->result.doubled = doubled;
	return rc;
}

int ev_log_finish_ids(struct ev_log *l, struct ev_source *src, struct ev_error *err)
{
	size_t memory = l->opt->memory / 4;
	struct ev_spill *lost = ev_spill_new(memory, l->opt->dir),
			*still = ev_spill_new(memory, l->opt->dir);
	bool outside;
	int rc = walk(l, l->ids, lost, err);

	ev_spill_free(l->ids);
	l->ids = NULL;
	outside = !rc && ev_spill_items(lost) && !src->one_sequence;
	if (outside)
		rc = look_outside(l, src, lost, still, err);
	if (!rc)
		rc = report_lost(l, outside ? still : lost, err);
	ev_spill_free(lost);
	ev_spill_free(still);
	return rc;
}
