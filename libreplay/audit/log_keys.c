/*
 * log_keys.c - the numbers of each key: gaps, repeats, reordering
 *
 * An item is topic and key (the group), then number, then place. So a key's records come by number,
 * and those with the same number as they were read: a number that is not one more than the one
 * before is a gap, the same number again a repeat, and a number whose first record was read before
 * that of the smaller one is out of order.
 */
#include <inttypes.h>

#include "json/number.h"
#include "audit/log_impl.h"

static bool integer_text(struct ev_slice s)
{
	size_t i = s.len && s.ptr[0] == '-';

	if (i == s.len || s.len - i > 19 || (s.ptr[i] == '0' && s.len - i > 1))
		return false;
	for (; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	return true;
}

static bool number_of(const struct ev_value *v, int64_t *n)
{
	if (v->type != EV_JSON_NUMBER && !(v->type == EV_JSON_STRING && integer_text(v->raw)))
		return false;
	return ev_number_scaled(v->raw, 0, n) == EV_NUMBER_OK;
}

int ev_log_take_number(struct ev_log *l, const struct ev_record *r, const struct log_place *p,
		       struct ev_error *err)
{
	int64_t n;

	if (!r->key.ptr) {
		l->result.keyless++;
		return 0;
	}
	if (!number_of(&l->values[l->opt->sequence], &n)) {
		l->result.unnumbered++;
		return 0;
	}
	l->result.numbered++;
	ev_buf_clear(&l->scratch);
	ev_spill_put_u32(&l->scratch, l->parts[r->part].topic);
	ev_buf_add_slice(&l->scratch, r->key);
	ev_buf_clear(&l->item);
	ev_spill_put_group(&l->item, ev_buf_slice(&l->scratch));
	ev_spill_put_i64(&l->item, n);
	ev_log_put_place(&l->item, p);
	if (l->item.failed)
		return ev_fail(err, EV_SOURCE, "out of memory for the key of %s/%d@%" PRId64,
			       l->result.parts[r->part].topic, (int)r->partition, r->offset);
	return ev_spill_add(l->keys, ev_buf_slice(&l->item), err);
}

struct walk {
	struct ev_log *l;
	struct ev_buf group; /* the key at hand */
	bool any;
	int64_t number; /* the last one */
	struct log_place place; /* its first record */
	struct ev_buf text;
};

static void begin_text(struct walk *w, const char *what)
{
	ev_buf_clear(&w->text);
	ev_buf_adds(&w->text, "key ");
	ev_fault_name(&w->text, ev_slice(w->group.data + 4, w->group.len - 4));
	ev_buf_adds(&w->text, what);
}

/*
 * In one partition only compaction can take records from between two; a key that has moved,
 * retention too.
 */
static bool gap_is_loss(const struct ev_log *l, const struct log_place *a,
			const struct log_place *b)
{
	const struct ev_log_part *p = &l->result.parts[a->part], *q = &l->result.parts[b->part];

	if (p->compaction || q->compaction)
		return false;
	return p == q || (!p->begin && !q->begin && !p->low && !q->low);
}

static int report_gap(struct walk *w, int64_t n, const struct log_place *p, struct ev_error *err)
{
	struct ev_log *l = w->l;
	uint64_t missing = (uint64_t)n - (uint64_t)w->number - 1;

	if (!gap_is_loss(l, &w->place, p)) {
		l->result.uncheckable_gaps++;
		return 0;
	}
	if (__builtin_add_overflow(l->result.missing, missing, &l->result.missing))
		l->result.missing = INT64_MAX;
	begin_text(w, ": ");
	if (missing == 1)
		ev_buf_addf(&w->text, "number %" PRId64 " is missing", n - 1);
	else
		ev_buf_addf(&w->text, "numbers %" PRId64 " to %" PRId64 " are missing",
			    w->number + 1, n - 1);
	ev_buf_addf(&w->text, ": %" PRId64 " is at ", w->number);
	ev_log_print_place(l, &w->place, &w->text);
	ev_buf_addf(&w->text, ", %" PRId64 " here", n);
	return ev_log_find(l, EV_FAULT_GAP, false, p->part, p->offset, &w->text, err);
}

static int report_repeat(struct walk *w, const struct log_place *p, struct ev_error *err)
{
	begin_text(w, ": ");
	ev_buf_addf(&w->text, "number %" PRId64 " again, first at ", w->number);
	ev_log_print_place(w->l, &w->place, &w->text);
	ev_buf_adds(&w->text, p->hash == w->place.hash ? ", the same record" : ", another record");
	return ev_log_find(w->l, EV_FAULT_REPEAT, false, p->part, p->offset, &w->text, err);
}

/* The record of the smaller number is the one that came late. */
static int report_reorder(struct walk *w, int64_t n, const struct log_place *p,
			  struct ev_error *err)
{
	begin_text(w, ": ");
	ev_buf_addf(&w->text, "number %" PRId64 " comes behind number %" PRId64 " at ", w->number,
		    n);
	ev_log_print_place(w->l, p, &w->text);
	return ev_log_find(w->l, EV_FAULT_REORDER, false, w->place.part, w->place.offset, &w->text,
			   err);
}

static void begin_key(struct walk *w, struct ev_slice group, int64_t n)
{
	struct ev_log_result *r = &w->l->result;

	ev_buf_clear(&w->group);
	ev_buf_add_slice(&w->group, group);
	if (!r->keys || n < r->first_least) {
		r->first_least = n;
		r->first_least_keys = 0;
	}
	r->first_least_keys += n == r->first_least;
	r->keys++;
	w->any = true;
}

static int step(struct walk *w, struct ev_slice item, struct ev_error *err)
{
	struct ev_slice group = ev_spill_group(item);
	int64_t n = ev_spill_i64(item.ptr + ev_spill_group_size(item));
	struct log_place p = ev_log_place(item);
	int rc = 0;

	if (!w->any || !ev_slice_eq(group, ev_buf_slice(&w->group)))
		begin_key(w, group, n);
	else if (n == w->number)
		return report_repeat(w, &p, err);
	else {
		if (n - 1 != w->number)
			rc = report_gap(w, n, &p, err);
		if (!rc && p.order < w->place.order)
			rc = report_reorder(w, n, &p, err);
	}
	w->number = n;
	w->place = p;
	return rc;
}

int ev_log_finish_keys(struct ev_log *l, struct ev_error *err)
{
	struct walk w = { .l = l };
	struct ev_slice item;
	int rc = ev_spill_sort(l->keys, err);

	while (!rc && (rc = ev_spill_next(l->keys, &item, err)) > 0)
		rc = ev_read_stopped(l->hooks) ? EV_READ_STOPPED : step(&w, item, err);
	ev_buf_release(&w.group);
	ev_buf_release(&w.text);
	ev_spill_free(l->keys);
	l->keys = NULL;
	return rc;
}
