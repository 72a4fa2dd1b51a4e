/*
 * ids_tell.c - which ids differ, of those that were seen
 *
 * The snapshot was let go once it was digested, so the buckets that differ are read again, in a second one. By then the
 * store may have seen more: rows of records that it has come to since are marks only, which say that the id was seen
 * anew. What is swept by now is left out on both sides.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "audit/spill.h"
#include "base/mem.h"
#include "verify/ids.h"
#include "verify/internal.h"

enum { LOG, STORE, ANEW, SIDES };
enum { OFFSET_AT = 5, PARTITION_AT = 4, TOPIC_AT = 3 };

struct telling {
	struct ev_verifying *w;
	struct ev_mode *m;
	const struct ev_ids *log;
	const struct ev_snapshot *now;
	struct ev_spill *spill;
	int side;              /* that is being read */
	struct ev_buf item;
	/* the id at hand */
	struct ev_buf group;
	bool has[SIDES];
	struct ev_buf rest[SIDES];
	int64_t told;
};

static int64_t position(const struct ev_ledger *l, const struct ev_cell *cells)
{
	for (size_t i = 0; i < l->nparts; i++)
		if (cells[PARTITION_AT].i == l->parts[i].partition &&
		    ev_slice_eq(cells[TOPIC_AT].text, ev_slice_str(l->parts[i].topic)))
			return l->parts[i].next;
	return INT64_MIN;
}

/* Is it of a record that the view has come to since the first snapshot? */
static bool is_new(const struct telling *t, const struct ev_cell *cells)
{
	int64_t at = cells[OFFSET_AT].i;

	return at >= position(&t->w->first.ledger, cells) && at < position(&t->now->ledger, cells);
}

static int take(void *ctx, const struct ev_seen_row *row, struct ev_error *err)
{
	struct telling *t = ctx;

	if (ev_digest_same(&t->log->buckets[row->bucket], &t->w->ids.buckets[row->bucket]))
		return 0;
	ev_buf_clear(&t->item);
	ev_spill_put_group(&t->item, row->key);
	ev_buf_addc(&t->item, (char)(t->side == STORE && is_new(t, row->cells) ? ANEW : t->side));
	ev_buf_add_slice(&t->item, row->rest);
	return t->item.failed ? ev_fail(err, EV_STORE, "no memory for an id")
			      : ev_spill_add(t->spill, ev_buf_slice(&t->item), err);
}

/* `first at topic/partition@offset` */
static void add_place(struct ev_buf *out, struct ev_slice rest)
{
	struct ev_buf text[4] = { EV_BUF_INIT, EV_BUF_INIT, EV_BUF_INIT, EV_BUF_INIT };
	struct ev_slice raw;
	size_t n = 0;

	while (n < 4 && ev_row_column(&rest, &text[n], &raw))
		n++;
	if (n == 4)
		ev_buf_addf(out, "first at %s/%s@%s, time %s", ev_buf_str(&text[1]), ev_buf_str(&text[2]),
			    ev_buf_str(&text[3]), ev_buf_str(&text[0]));
	for (size_t i = 0; i < 4; i++)
		ev_buf_release(&text[i]);
}

static void tell_id(struct telling *t)
{
	const char *kind = !t->has[STORE] ? "missing" : !t->has[LOG] ? "extra" : "changed";
	struct ev_finding *f = ev_mode_finding(t->m, kind, "ev_seen");
	struct ev_slice key = ev_buf_slice(&t->group), raw;
	struct ev_buf text = EV_BUF_INIT;

	t->told++;
	if (!f)
		return;
	ev_buf_adds(&text, "scope=");
	ev_row_column(&key, &text, &raw);
	ev_buf_adds(&text, ", id=");
	ev_row_column(&key, &text, &raw);
	f->key = ev_strdup(ev_buf_str(&text));
	ev_buf_clear(&text);
	if (t->has[STORE])
		add_place(&text, ev_buf_slice(&t->rest[STORE]));
	ev_buf_adds(&text, t->has[STORE] && t->has[LOG] ? "; in the log " : t->has[LOG] ? "seen in the log, " : "");
	if (t->has[LOG])
		add_place(&text, ev_buf_slice(&t->rest[LOG]));
	ev_finding_text(f, "%s%s", ev_buf_str(&text), t->has[LOG] ? "" : ", and the log does not make it");
	ev_buf_release(&text);
}

/* All of one id has been taken. */
static void end_group(struct telling *t)
{
	if (!t->has[ANEW] && (t->has[LOG] || t->has[STORE]) &&
	    (t->has[LOG] != t->has[STORE] ||
	     !ev_slice_eq(ev_buf_slice(&t->rest[LOG]), ev_buf_slice(&t->rest[STORE]))))
		tell_id(t);
	for (int i = 0; i < SIDES; i++) {
		t->has[i] = false;
		ev_buf_clear(&t->rest[i]);
	}
}

static int join(struct telling *t, struct ev_error *err)
{
	struct ev_slice item, group;
	int rc = ev_spill_sort(t->spill, err);

	while (rc == 0 && (rc = ev_spill_next(t->spill, &item, err)) > 0) {
		size_t head = ev_spill_group_size(item);
		int side = item.ptr[head];

		group = ev_spill_group(item);
		if (!ev_slice_eq(group, ev_buf_slice(&t->group))) {
			end_group(t);
			ev_buf_clear(&t->group);
			ev_buf_add_slice(&t->group, group);
		}
		t->has[side] = true;
		ev_buf_add(&t->rest[side], item.ptr + head + 1, item.len - head - 1);
		rc = 0;
	}
	if (rc == 0)
		end_group(t);
	return rc;
}

static int read_both(struct telling *t, struct ev_error *err)
{
	struct ev_verifying *w = t->w;
	struct ev_snapshot now;
	int rc = ev_snapshot_take(&now, w->opt->url, w->opt->store, w->p->name, INT64_MAX, err);

	t->side = STORE;
	t->now = &now;
	if (rc == 0)
		rc = ev_ids_scan(&w->key, w->p, now.store, now.ledger.watermark, take, t, err);
	t->side = LOG;
	if (rc == 0)
		rc = ev_ids_scan(&w->key, w->p, w->reference, now.ledger.watermark, take, t, err);
	ev_snapshot_release(&now);
	return rc;
}

int ev_ids_tell(struct ev_verifying *w, const struct ev_ids *log, struct ev_mode *m, struct ev_error *err)
{
	struct telling t = { .w = w, .m = m, .log = log };
	int rc;

	t.spill = ev_spill_new(w->opt->memory / 8, NULL);
	rc = read_both(&t, err);
	if (rc == 0)
		rc = join(&t, err);
	if (rc == 0 && !t.told && log->watermark == w->ids.watermark)
		ev_finding_text(ev_mode_finding(m, "overwritten", "ev_seen"), "ids that were seen differed, and were "
				"overwritten before they could be read again");
	ev_spill_free(t.spill);
	ev_buf_release(&t.item);
	ev_buf_release(&t.group);
	for (int i = 0; i < SIDES; i++)
		ev_buf_release(&t.rest[i]);
	return rc;
}
