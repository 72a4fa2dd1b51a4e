/* history.c - see history.h */
#include "history/history.h"

#include <inttypes.h>

#include "base/mem.h"

#define ANOTHER 1 /* a row after the one that was found */

/* A row as it was read: a version of the store's in front, then the columns. */
struct row {
	bool exists;
	struct ev_cell *cells;
	size_t n;
	struct ev_buf bytes; /* of the cells' texts */
};

struct ev_history {
	struct ev_store *store;
	const struct ev_target *target;
	struct ev_history_hooks hooks;
	struct ev_observer observer;
	struct ev_apply *apply;
	struct ev_query *query;
	struct row rows[2], *was, *is;
	bool watched;
	int64_t touches; /* since the record before */
	int64_t *told;   /* by partition of the source: the next offset to be told of */
	size_t ntold;
};

/* A row of the query. Room is made first, as the cells point into it. */
static int take_row(void *ctx, const struct ev_cell *cells, size_t n)
{
	struct row *row = ctx;
	size_t need = 0;

	if (row->exists)
		return ANOTHER;
	for (size_t i = 0; i < n; i++)
		need += cells[i].text.len;
	ev_buf_clear(&row->bytes);
	if (!ev_buf_reserve(&row->bytes, need))
		return -1;
	for (size_t i = 0; i < n; i++) {
		row->cells[i] = cells[i];
		if (cells[i].text.ptr)
			row->cells[i].text.ptr = row->bytes.data + row->bytes.len;
		ev_buf_add_slice(&row->bytes, cells[i].text);
	}
	row->exists = true;
	return 0;
}

static int more_than_one(struct ev_history *h, struct ev_error *err)
{
	struct ev_buf name = EV_BUF_INIT;

	ev_target_print(h->target, &name);
	ev_fail(err, EV_USAGE, "more than one row of '%s' has %s", h->target->table, ev_buf_str(&name));
	ev_buf_release(&name);
	return ev_hint(err, "name one row, by all columns of its key: --row COLUMN=VALUE,COLUMN=VALUE");
}

static int read_row(struct ev_history *h, struct ev_error *err)
{
	int rc;

	h->is->exists = false;
	rc = h->store->ops->select(h->store, h->query, NULL, 0, take_row, h->is, err);
	if (rc == ANOTHER)
		return more_than_one(h, err);
	if (h->is->bytes.failed)
		return ev_fail(err, EV_STORE, "out of memory for the row");
	if (rc < 0 && err->class == EV_DATA)
		err->class = EV_STORE; /* ours, not the record's */
	return rc;
}

/* Records of a batch that is done again, for poison behind them, were told of before. */
static bool told_before(struct ev_history *h, const struct ev_record *r)
{
	while (r->part >= h->ntold)
		*EV_PUSH(h->told, h->ntold) = INT64_MIN;
	if (r->offset < h->told[r->part])
		return true;
	h->told[r->part] = r->offset + 1;
	return false;
}

static int tell(struct ev_history *h, const struct ev_record *r, struct ev_error *err)
{
	struct ev_history_event e = {
		.record = r,
		.type = ev_apply_event_type(h->apply),
		.before = h->was->exists ? h->was->cells + 1 : NULL,
		.after = h->is->exists ? h->is->cells + 1 : NULL,
	};

	e.has_time = ev_apply_event_time(h->apply, &e.time_ms);
	return h->hooks.event(h->hooks.ctx, &e, err);
}

static void step(struct ev_history *h)
{
	struct row *spare = h->was;

	h->was = h->is;
	h->is = spare;
}

static bool same_version(const struct row *a, const struct row *b)
{
	if (!a->exists || !b->exists)
		return a->exists == b->exists;
	return ev_slice_eq(a->cells[0].text, b->cells[0].text);
}

static int record(void *ctx, const struct ev_record *r, enum ev_count fate, int64_t touched,
		  struct ev_error *err)
{
	struct ev_history *h = ctx;
	int64_t touches = h->watched ? h->touches : touched;
	bool again = told_before(h, r);
	int rc = 0;

	h->touches = 0;
	if (h->hooks.seen && !again)
		h->hooks.seen(h->hooks.ctx, r);
	if ((fate == EV_DEAD || fate == EV_HELD_BACK) && !again)
		h->hooks.passed(h->hooks.ctx, r, fate == EV_DEAD ? ev_apply_event_fault(h->apply) : NULL);
	if (fate != EV_APPLIED || !touches)
		return 0;
	if (read_row(h, err) < 0)
		return -1;
	/* done again, a row that is the same has another version */
	if (!again && (h->watched || !same_version(h->was, h->is)))
		rc = tell(h, r, err);
	step(h);
	return rc;
}

static struct ev_query *prepare(struct ev_history *h, const char *before, struct ev_error *err)
{
	bool pg = h->store->ops->dialect == EV_POSTGRESQL;
	struct ev_buf sql = EV_BUF_INIT;
	struct ev_query *q;
	size_t at;

	/* a row version has a place of its own; its cmin is another when a statement on it was undone */
	ev_buf_addf(&sql, "%sSELECT %s, r.* FROM ", before,
		    pg ? "r.ctid::text || ' ' || r.xmin::text" : "0");
	ev_buf_add_quoted(&sql, h->target->table, '"');
	ev_buf_adds(&sql, " r WHERE ");
	ev_row_condition(h->store->ops->dialect, h->target->values, h->target->n, &sql);
	q = h->store->ops->prepare(h->store, ev_buf_str(&sql), false, NULL, NULL, &at, err);
	ev_buf_release(&sql);
	return q;
}

static int is_scan(void *ctx, const struct ev_cell *cells, size_t n)
{
	const struct ev_slice *detail = &cells[n - 1].text;

	if (detail->len >= 4 && memcmp(detail->ptr, "SCAN", 4) == 0)
		*(bool *)ctx = true;
	return 0;
}

/* SQLite says whether it would look at every row; of PostgreSQL it is taken for granted. */
static int wants_index(struct ev_history *h, bool *wants, struct ev_error *err)
{
	struct ev_query *q;
	int rc;

	*wants = h->store->ops->dialect == EV_POSTGRESQL;
	if (*wants)
		return 0;
	q = prepare(h, "EXPLAIN QUERY PLAN ", err);
	if (!q)
		return -1;
	rc = h->store->ops->select(h->store, q, NULL, 0, is_scan, wants, err);
	h->store->ops->finish(h->store, q);
	return rc;
}

/* The row must be found fast, whatever names it. By hash no value is too long for the index. */
static int add_index(struct ev_history *h, struct ev_error *err)
{
	bool pg = h->store->ops->dialect == EV_POSTGRESQL, wants;
	struct ev_buf sql = EV_BUF_INIT;
	int rc = wants_index(h, &wants, err);

	if (rc < 0 || !wants)
		return rc;
	ev_buf_adds(&sql, "CREATE INDEX ev_history_row ON ");
	ev_buf_add_quoted(&sql, h->target->table, '"');
	ev_buf_adds(&sql, pg ? " USING hash (" : " (");
	for (size_t i = 0; i < (pg ? 1 : h->target->n); i++) {
		ev_buf_adds(&sql, i ? ", " : "");
		ev_buf_add_quoted(&sql, h->target->values[i].column, '"');
	}
	ev_buf_addc(&sql, ')');
	rc = h->store->ops->script(h->store, ev_buf_str(&sql), err);
	ev_buf_release(&sql);
	return rc;
}

static int set_up(struct ev_history *h, const struct ev_projection *p, struct ev_target *target,
		  const char *table, struct ev_error *err)
{
	struct ev_apply_options ao = EV_APPLY_OPTIONS_INIT;
	const struct ev_store_ops *ops = h->store->ops;
	size_t n;

	ao.dead = true;
	ao.observer = &h->observer;
	ao.exact = true; /* the row is looked at after each record */
	h->apply = ev_apply_open(h->store, p, &ao, err);
	if (!h->apply || ev_target_find(target, h->store, p, table, err) < 0 || add_index(h, err) < 0)
		return -1;
	if (ops->watch &&
	    ops->watch(h->store, target->table, target->values, target->n, &h->touches, err) < 0)
		return -1;
	h->watched = ops->watch != NULL;
	h->query = prepare(h, "", err);
	if (!h->query)
		return -1;
	n = ops->columns(h->store, h->query);
	h->was->cells = ev_alloc(n * sizeof(*h->was->cells));
	h->is->cells = ev_alloc(n * sizeof(*h->is->cells));
	h->was->n = h->is->n = n;
	return 0;
}

struct ev_history *ev_history_open(struct ev_store *s, const struct ev_projection *p,
				   struct ev_target *target, const char *table,
				   const struct ev_history_hooks *hooks, struct ev_error *err)
{
	struct ev_history *h = ev_alloc(sizeof(*h));

	h->store = s;
	h->target = target;
	h->hooks = *hooks;
	h->observer = (struct ev_observer){ h, record };
	h->was = &h->rows[0];
	h->is = &h->rows[1];
	if (set_up(h, p, target, table, err) == 0)
		return h;
	ev_history_close(h);
	return NULL;
}

void ev_history_close(struct ev_history *h)
{
	if (!h)
		return;
	h->store->ops->finish(h->store, h->query);
	ev_apply_close(h->apply);
	for (int i = 0; i < 2; i++) {
		free(h->rows[i].cells);
		ev_buf_release(&h->rows[i].bytes);
	}
	free(h->told);
	free(h);
}

struct ev_apply *ev_history_apply(struct ev_history *h)
{
	return h->apply;
}

size_t ev_history_columns(const struct ev_history *h)
{
	return h->was->n - 1;
}

const char *ev_history_column(const struct ev_history *h, size_t i)
{
	return h->store->ops->column(h->store, h->query, i + 1);
}
