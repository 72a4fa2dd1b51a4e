/*
 * against_pairs.c - what the join of two sources found: pairs out of order, and records that are
 * alone
 *
 * Pairs are sorted by their order in the first source: in a group the second's order must rise with
 * it. What is alone is sorted by group, key and timestamp: one of each side with the same is one
 * record that was changed; what is left is missing or extra, and is reported by its place.
 */
#include <inttypes.h>

#include "base/mem.h"
#include "audit/against_impl.h"

struct pairs {
	struct against *a;
	struct ev_spill *matched; /* NULL: order does not matter */
	struct ev_spill *alone, *left;
	struct ev_buf item, text;
};

struct pairs *ev_pairs_new(struct against *a)
{
	struct pairs *p = ev_alloc(sizeof(*p));

	p->a = a;
	p->matched = ev_spill_new(a->opt->memory / 6, a->opt->dir);
	p->alone = ev_spill_new(a->opt->memory / 12, a->opt->dir);
	p->left = ev_spill_new(a->opt->memory / 12, a->opt->dir);
	return p;
}

void ev_pairs_free(struct pairs *p)
{
	ev_spill_free(p->matched);
	ev_spill_free(p->alone);
	ev_spill_free(p->left);
	ev_buf_release(&p->item);
	ev_buf_release(&p->text);
	free(p);
}

static void print_place(const struct against *a, int side, const struct stand *s,
			struct ev_buf *out)
{
	const struct ev_partition *p = &a->sides[side].src->parts[s->part];

	ev_buf_addf(out, "%s/%d@%" PRId64, p->topic, (int)p->partition, s->offset);
}

static int report(struct pairs *p, enum ev_fault_kind kind, int side, const struct stand *s,
		  struct ev_error *err)
{
	const struct ev_partition *at = &p->a->sides[side].src->parts[s->part];

	return ev_fault_add(p->a->faults,
			    &(struct ev_fault){ kind, false, at->topic, at->partition, s->offset,
						ev_buf_str(&p->text) },
			    err);
}

static void begin_text(struct pairs *p, const struct stand *s)
{
	ev_buf_clear(&p->text);
	ev_buf_adds(&p->text, "key ");
	ev_fault_name(&p->text, s->key);
	if (s->timestamp != EV_NO_TIMESTAMP)
		ev_buf_addf(&p->text, ", timestamp %" PRId64, s->timestamp);
}

int ev_pairs_match(struct pairs *p, const char *group, const struct stand *first,
		   const struct stand *second, struct ev_error *err)
{
	if (p->a->opt->by_key && !first->key.ptr)
		return 0; /* they have no order */
	ev_buf_clear(&p->item);
	ev_buf_add(&p->item, group, AGAINST_GROUP);
	ev_spill_put_u64(&p->item, first->order);
	ev_spill_put_u64(&p->item, second->order);
	ev_spill_put_u32(&p->item, second->part);
	ev_spill_put_i64(&p->item, second->offset);
	ev_against_put(&p->item, first);
	return ev_spill_add(p->matched, ev_buf_slice(&p->item), err);
}

int ev_pairs_alone(struct pairs *p, const char *group, int side, const struct stand *s,
		   struct ev_error *err)
{
	ev_buf_clear(&p->item);
	ev_buf_add(&p->item, group, AGAINST_GROUP);
	ev_spill_put_u64(&p->item, s->about);
	ev_buf_addc(&p->item, (char)side);
	ev_against_put(&p->item, s);
	return ev_spill_add(p->alone, ev_buf_slice(&p->item), err);
}

static int report_moved(struct pairs *p, const struct stand *first, const struct stand *second,
			bool order, struct ev_error *err)
{
	p->a->r->moved++;
	begin_text(p, first);
	ev_buf_adds(&p->text, order ? ": out of order, at " : ": at another offset, ");
	print_place(p->a, 1, second, &p->text);
	return report(p, EV_FAULT_MOVED, 0, first, err);
}

static int walk_matched(struct pairs *p, struct ev_error *err)
{
	char group[AGAINST_GROUP] = { 0 };
	struct ev_slice item;
	uint64_t before = 0;
	bool any = false;
	int rc = ev_spill_sort(p->matched, err);

	while (!rc && (rc = ev_spill_next(p->matched, &item, err)) > 0) {
		const char *tail = item.ptr + AGAINST_GROUP;
		uint64_t order = ev_spill_u64(tail + 8);
		struct stand second = { .part = ev_spill_u32(tail + 16),
					.offset = ev_spill_i64(tail + 20) };
		struct stand first = ev_against_stand(ev_slice(tail + 28, item.len));

		rc = ev_read_stopped(p->a->opt->hooks) ? EV_READ_STOPPED : 0;
		if (rc)
			break;
		if (any && !memcmp(group, item.ptr, AGAINST_GROUP) && order < before)
			rc = report_moved(p, &first, &second, true, err);
		else if (p->a->opt->offsets && !p->a->opt->by_key && first.offset != second.offset)
			rc = report_moved(p, &first, &second, false, err);
		memcpy(group, item.ptr, AGAINST_GROUP);
		before = order;
		any = true;
	}
	return rc;
}

static int report_changed(struct pairs *p, const struct stand *first, const struct stand *second,
			  struct ev_error *err)
{
	bool value = first->value != second->value, headers = first->headers != second->headers;

	p->a->r->changed++;
	begin_text(p, first);
	ev_buf_addf(&p->text, ": %s%s%s at ", value ? "another value" : "",
		    value && headers ? " and " : "", headers ? "other headers" : "");
	print_place(p->a, 1, second, &p->text);
	return report(p, EV_FAULT_CHANGED, 0, first, err);
}

/* Nothing opposite: by its place, once all are known. */
static int keep_left(struct pairs *p, int side, const struct stand *s, struct ev_error *err)
{
	ev_buf_clear(&p->item);
	ev_buf_addc(&p->item, (char)side);
	ev_spill_put_u32(&p->item, s->part);
	ev_spill_put_i64(&p->item, s->offset);
	ev_against_put(&p->item, s);
	return ev_spill_add(p->left, ev_buf_slice(&p->item), err);
}

/*
 * Records of one group, key and timestamp: those of the first side come first, and wait. There may
 * be very many where neither is set; past a limit they are missing or extra, not changed.
 */
struct waiting {
	struct ev_buf *items;
	size_t n, at;
};
enum { MOST_WAITING = 4096, ABOUT = AGAINST_GROUP + 8 };

static int flush_waiting(struct pairs *p, struct waiting *w, struct ev_error *err)
{
	int rc = 0;

	for (; w->at < w->n && !rc; w->at++) {
		struct stand s = ev_against_stand(ev_buf_slice(&w->items[w->at]));

		rc = keep_left(p, 0, &s, err);
	}
	w->n = w->at = 0;
	return rc;
}

static int take_alone(struct pairs *p, struct waiting *w, int side, struct ev_slice tail,
		      struct ev_error *err)
{
	struct stand s = ev_against_stand(tail), first;

	if (side == 0 && w->n < MOST_WAITING) {
		ev_buf_clear(&w->items[w->n]);
		ev_buf_add_slice(&w->items[w->n++], tail);
		return 0;
	}
	if (side == 0 || w->at == w->n)
		return keep_left(p, side, &s, err);
	first = ev_against_stand(ev_buf_slice(&w->items[w->at++]));
	return report_changed(p, &first, &s, err);
}

static int walk_alone(struct pairs *p, struct ev_error *err)
{
	struct waiting w = { .items = ev_alloc(MOST_WAITING * sizeof(*w.items)) };
	char about[ABOUT] = { 0 };
	struct ev_slice item;
	int rc = ev_spill_sort(p->alone, err);

	while (!rc && (rc = ev_spill_next(p->alone, &item, err)) > 0) {
		rc = ev_read_stopped(p->a->opt->hooks) ? EV_READ_STOPPED : 0;
		if (!rc && memcmp(about, item.ptr, ABOUT) != 0)
			rc = flush_waiting(p, &w, err);
		memcpy(about, item.ptr, ABOUT);
		if (!rc)
			rc = take_alone(p, &w, item.ptr[ABOUT],
					ev_slice(item.ptr + ABOUT + 1, item.len - ABOUT - 1), err);
	}
	if (!rc)
		rc = flush_waiting(p, &w, err);
	for (size_t i = 0; i < MOST_WAITING; i++)
		ev_buf_release(&w.items[i]);
	free(w.items);
	return rc;
}

static int walk_left(struct pairs *p, struct ev_error *err)
{
	struct ev_against_result *r = p->a->r;
	struct ev_slice item;
	int rc = ev_spill_sort(p->left, err);

	while (!rc && (rc = ev_spill_next(p->left, &item, err)) > 0) {
		struct stand s = ev_against_stand(ev_slice(item.ptr + 13, item.len - 13));
		int side = item.ptr[0];

		*(side ? &r->extra : &r->missing) += 1;
		begin_text(p, &s);
		rc = ev_read_stopped(p->a->opt->hooks) ? EV_READ_STOPPED
						       : report(p, side ? EV_FAULT_EXTRA : EV_FAULT_MISSING, side, &s,
								err);
	}
	return rc;
}

int ev_pairs_finish(struct pairs *p, struct ev_error *err)
{
	int rc = walk_alone(p, err);

	if (!rc)
		rc = walk_left(p, err);
	return rc ? rc : walk_matched(p, err);
}
