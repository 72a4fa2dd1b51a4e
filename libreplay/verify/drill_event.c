/*
 * drill_event.c - a view of a log that was applied wrongly: an event left out, applied twice, or two swapped
 *
 * `work` is folded from the log as the checker folds it, but for the one event, and gets the ledger of the view. Many
 * events leave no trace (a later one has overwritten it), so some are tried until a row is another one.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "verify/drill_impl.h"

#define BATCH 10000
#define LOOK_BACK 5   /* records of a partition that are applied twice */
#define PARTITIONS 4

struct wronging {
	struct ev_drill_copy *c;
	const struct ev_projection *p;
	struct ev_source *src;
	const struct ev_replay_hooks *hooks;
	struct ev_snapshot at;    /* of the pristine copy */
	bool swap;
	int64_t seen, from;       /* records; the first that may be changed */
	bool changed;
	struct ev_buf *where;
};

static const struct ev_ledger_part *part_of(const struct wronging *w, const struct ev_record *r)
{
	const struct ev_partition *q = &w->src->parts[r->part];

	return ev_ledger_part((struct ev_ledger *)&w->at.ledger, q->topic, q->partition, false);
}

/* The last of a partition is its identity: a log without it is another one. */
static bool may_change(const struct wronging *w, const struct ev_record *r)
{
	const struct ev_ledger_part *p = part_of(w, r);

	return p && r->offset != p->last_offset;
}

static void tell(struct wronging *w, const struct ev_record *r)
{
	ev_buf_clear(w->where);
	ev_buf_addf(w->where, "%.*s/%d@%" PRId64, (int)r->topic.len, r->topic.ptr, r->partition, r->offset);
	w->changed = true;
}

/* The record becomes that of the other offset; both stay where they are. */
static void exchange(struct ev_record *a, struct ev_record *b)
{
	struct ev_record was = *a;

	*a = *b;
	a->offset = was.offset;
	a->timestamp = was.timestamp;
	was.offset = b->offset;
	was.timestamp = b->timestamp;
	*b = was;
}

static bool swap_with_next(struct wronging *w, struct ev_record *records, size_t i, size_t n)
{
	struct ev_record *a = &records[i];

	if (!a->key.ptr || !may_change(w, a))
		return false;
	for (size_t k = i + 1; k < n; k++) {
		struct ev_record *b = &records[k];

		if (b->part != a->part || !ev_slice_eq(a->key, b->key))
			continue;
		if (!may_change(w, b) || ev_slice_eq(a->value, b->value))
			return false;
		exchange(a, b);
		tell(w, a);
		return true;
	}
	return false;
}

/* ev_replay's change: how many records are left. */
static size_t change(void *ctx, struct ev_record *records, size_t n)
{
	struct wronging *w = ctx;

	for (size_t i = 0; i < n && !w->changed; i++) {
		if (w->seen++ < w->from)
			continue;
		if (w->swap) {
			swap_with_next(w, records, i, n);
		} else if (may_change(w, &records[i])) {
			tell(w, &records[i]);
			memmove(records + i, records + i + 1, (n - i - 1) * sizeof(*records));
			n--;
		}
	}
	return n;
}

static int fold(struct wronging *w, struct ev_store *s, bool wrongly, struct ev_error *err)
{
	struct ev_apply_options ao = EV_APPLY_OPTIONS_INIT;
	struct ev_replay r = { .src = w->src, .hooks = w->hooks, .batch = BATCH };
	int rc;

	ao.dead = ao.decided = true;
	r.apply = ev_apply_open(s, w->p, &ao, err);
	if (!r.apply)
		return -1;
	r.change = wrongly ? change : NULL;
	r.change_ctx = w;
	rc = ev_replay_to(&r, &w->at, err);
	ev_apply_close(r.apply);
	return rc;
}

static int64_t records(const struct ev_ledger *l)
{
	int64_t n = 0;

	for (size_t i = 0; i < l->nparts; i++)
		for (int k = 0; k < EV_COUNTS; k++)
			n += k == EV_INVISIBLE ? 0 : l->parts[i].counts[k];
	return n;
}

static int fold_wrongly(struct wronging *w, struct ev_error *err)
{
	struct ev_store *s;
	int rc = ev_drill_copy_renew(w->c, true, err);

	w->seen = 0;
	w->changed = false;
	s = rc == 0 ? ev_drill_copy_open(w->c, err) : NULL;
	if (!s)
		return -1;
	rc = fold(w, s, true, err);
	if (rc == 0)
		rc = ev_drill_copy_ledger(w->c, s, err);
	s->ops->close(s);
	return rc == 0 && w->changed ? ev_drill_copy_differs(w->c, err) : rc;
}

static int leave_out_or_swap(struct wronging *w, struct ev_error *err)
{
	int64_t n = records(&w->at.ledger);
	const int64_t from[] = { n / 2, n - n / 10, n / 4, n - n / 100, 0 };
	int rc = 0;

	for (size_t i = 0; i < sizeof(from) / sizeof(*from) && rc == 0; i++) {
		w->from = from[i];
		rc = fold_wrongly(w, err);
	}
	return rc;
}

/* The ledger is put back to before the record, as a writer would that commits rows and position apart. */
static int apply_again(struct wronging *w, struct ev_store *s, const struct ev_record *r, struct ev_error *err)
{
	struct ev_apply_options ao = EV_APPLY_OPTIONS_INIT;
	const struct ev_ledger_part *p = part_of(w, r);
	struct ev_bind b[] = { ev_bind_text(w->p->name), ev_bind_slice(r->topic), ev_bind_int(r->partition),
			       ev_bind_int(r->offset) };
	struct ev_apply *a;
	int rc;

	if (ev_store_run(s, "UPDATE ev_ledger SET next_offset = ?4 WHERE projection = ?1 AND topic = ?2 AND "
			 "partition = ?3", b, 4, err) < 0 ||
	    ev_store_run(s, "DELETE FROM ev_dead WHERE projection = " EV_ROWS_KEY("?1"), b, 1, err) < 0 ||
	    ev_store_run(s, "DELETE FROM ev_seen WHERE projection = " EV_ROWS_KEY("?1"), b, 1, err) < 0)
		return -1;
	ao.dead = ao.decided = true;
	a = ev_apply_open(s, w->p, &ao, err);
	if (!a)
		return -1;
	ev_apply_partition(a, r->part, p->topic, p->partition, p->begin, p->cluster_id);
	rc = ev_apply_batch(a, r, 1, NULL, 0, false, false, err);
	ev_apply_close(a);
	return rc < 0 ? -1 : ev_drill_copy_ledger(w->c, s, err);
}

static int apply_some_again(struct wronging *w, struct ev_store *s, struct ev_error *err)
{
	size_t tried = 0;
	int rc = 0;

	for (size_t i = 0; i < w->src->nparts && rc == 0 && tried < PARTITIONS; i++) {
		struct ev_record r = { .topic = ev_slice_str(w->src->parts[i].topic), .part = (uint32_t)i };
		const struct ev_ledger_part *p = part_of(w, &r);

		tried += p && p->last_offset >= 0;
		for (int64_t k = 0; p && k < LOOK_BACK && p->last_offset - k >= p->begin && rc == 0; k++) {
			bool found = false;

			rc = w->src->ops->record_at(w->src, (uint32_t)i, p->last_offset - k, &r, &found, err);
			if (rc < 0 || !found)
				continue;
			r.part = (uint32_t)i;
			tell(w, &r);
			rc = apply_again(w, s, &r, err);
			rc = rc == 0 ? ev_drill_copy_differs(w->c, err) : rc;
		}
	}
	return rc;
}

static int apply_twice(struct wronging *w, struct ev_error *err)
{
	struct ev_store *s;
	int rc = ev_drill_copy_renew(w->c, true, err);

	s = rc == 0 ? ev_drill_copy_open(w->c, err) : NULL;
	if (!s)
		return -1;
	rc = fold(w, s, false, err);
	if (rc == 0)
		rc = apply_some_again(w, s, err);
	s->ops->close(s);
	return rc;
}

static int take_pristine(struct wronging *w, struct ev_error *err)
{
	struct ev_store_options opt = w->c->opt;

	opt.schema = w->c->scratch ? w->c->pristine : NULL;
	return ev_snapshot_take(&w->at, w->c->scratch ? w->c->scratch : w->c->pristine, &opt, w->p->name, 0, err);
}

int ev_drill_event(struct ev_drill_copy *c, const struct ev_projection *p, const struct ev_drill_kind *k,
		   struct ev_source *src, const struct ev_replay_hooks *hooks, struct ev_buf *where,
		   struct ev_error *err)
{
	struct wronging w = { .c = c, .p = p, .src = src, .hooks = hooks, .where = where };
	int rc = take_pristine(&w, err);

	ev_snapshot_let_go(&w.at);
	w.swap = strcmp(k->sqlite, "swap") == 0;
	if (rc == 0)
		rc = strcmp(k->sqlite, "twice") == 0 ? apply_twice(&w, err) : leave_out_or_swap(&w, err);
	ev_snapshot_release(&w.at);
	return rc;
}
