/* row_join.c - see row_join.h; an item is table, key, row and side, so that what belongs together stands together */
#include "verify/row_join.h"

#include <stdlib.h>
#include <string.h>

#include "audit/spill.h"
#include "base/mem.h"

enum { TABLE_AT = 0, KEY_AT = 4, ROW_AT = 20, SIDE_AT = 36, HEAD = 37 };

struct one {
	struct ev_hash128 row;
	struct ev_buf bytes;
};

/* Rows of the key at hand that the other side has not. */
struct surplus {
	struct one *v; /* the first of them */
	size_t n, cap;
	int64_t all;
};

struct ev_row_join {
	struct ev_spill *spill;
	size_t most;
	struct ev_buf item;
	char head[SIDE_AT];   /* table, key and row at hand */
	bool any;
	int64_t count[2];     /* of the row at hand */
	struct ev_buf row[2]; /* its bytes */
	struct surplus side[2];
};

struct ev_row_join *ev_row_join_new(size_t memory, size_t most)
{
	struct ev_row_join *j = ev_alloc(sizeof(*j));

	j->spill = ev_spill_new(memory, NULL);
	j->most = most;
	return j;
}

static void forget(struct surplus *s)
{
	for (size_t i = 0; i < s->n; i++)
		ev_buf_release(&s->v[i].bytes);
	s->n = 0;
	s->all = 0;
}

void ev_row_join_free(struct ev_row_join *j)
{
	if (!j)
		return;
	for (int side = 0; side < 2; side++) {
		forget(&j->side[side]);
		free(j->side[side].v);
		ev_buf_release(&j->row[side]);
	}
	ev_buf_release(&j->item);
	ev_spill_free(j->spill);
	free(j);
}

static void put_hash(struct ev_buf *item, struct ev_hash128 h)
{
	ev_spill_put_u64(item, h.hi);
	ev_spill_put_u64(item, h.lo);
}

static struct ev_hash128 hash_at(const char *p)
{
	return (struct ev_hash128){ .hi = ev_spill_u64(p), .lo = ev_spill_u64(p + 8) };
}

int ev_row_join_add(struct ev_row_join *j, size_t table, int side, const struct ev_scanned *row, struct ev_error *err)
{
	ev_buf_clear(&j->item);
	ev_spill_put_u32(&j->item, (uint32_t)table);
	put_hash(&j->item, row->key);
	put_hash(&j->item, row->row);
	ev_buf_addc(&j->item, (char)side);
	ev_buf_add_slice(&j->item, row->bytes);
	return j->item.failed ? ev_fail(err, EV_STORE, "no memory for the rows that differ")
			      : ev_spill_add(j->spill, ev_buf_slice(&j->item), err);
}

/* The row at hand is done: what is equal on both sides is paired off. */
static int end_row(struct ev_row_join *j, struct ev_error *err)
{
	int side = j->count[0] < j->count[1];
	int64_t more = j->count[side] - j->count[!side];
	struct surplus *s = &j->side[side];

	s->all += more;
	for (; more > 0 && s->n < j->most; more--) {
		struct one *o;

		EV_GROW(s->v, s->n, s->cap);
		o = &s->v[s->n++];
		*o = (struct one){ .row = hash_at(j->head + ROW_AT) };
		ev_buf_add_slice(&o->bytes, ev_buf_slice(&j->row[side]));
		if (o->bytes.failed)
			return ev_fail(err, EV_STORE, "no memory for the rows that differ");
	}
	j->count[0] = j->count[1] = 0;
	return 0;
}

static int give(struct ev_row_join *j, size_t i, int64_t n, bool both, ev_joined_fn fn, void *ctx, struct ev_error *err)
{
	struct ev_joined d = { .table = ev_spill_u32(j->head + TABLE_AT), .key = hash_at(j->head + KEY_AT), .n = n };

	for (int side = 0; side < 2; side++) {
		const struct surplus *s = &j->side[side];

		d.has[side] = both || s->all > j->side[!side].all;
		if (!d.has[side] || i >= s->n)
			continue;
		d.row[side] = s->v[i].row;
		d.bytes[side] = ev_buf_slice((struct ev_buf *)&s->v[i].bytes);
	}
	return n ? fn(ctx, &d, err) : 0;
}

/* All rows of the key at hand have been taken. Each call has one, but for the last that can be shown, with the rest. */
static int end_key(struct ev_row_join *j, ev_joined_fn fn, void *ctx, struct ev_error *err)
{
	int64_t a = j->side[0].all, b = j->side[1].all, both = a < b ? a : b, all = a < b ? b : a;
	int64_t most = (int64_t)j->most;
	int rc = 0;

	for (int64_t i = 0; i < all && rc == 0;) {
		int64_t end = i < both ? both : all, n = i + 1 < most ? 1 : end - i;

		rc = give(j, (size_t)i, n, i < both, fn, ctx, err);
		i += n;
	}
	forget(&j->side[0]);
	forget(&j->side[1]);
	return rc;
}

static int take(struct ev_row_join *j, struct ev_slice item, ev_joined_fn fn, void *ctx, struct ev_error *err)
{
	bool same_key = j->any && memcmp(j->head, item.ptr, ROW_AT) == 0;
	int side = item.ptr[SIDE_AT], rc = 0;

	if (!same_key || memcmp(j->head, item.ptr, SIDE_AT) != 0) {
		if (j->any)
			rc = end_row(j, err);
		if (rc == 0 && j->any && !same_key)
			rc = end_key(j, fn, ctx, err);
		memcpy(j->head, item.ptr, SIDE_AT);
		j->any = true;
	}
	if (!j->count[side]++) {
		ev_buf_clear(&j->row[side]);
		ev_buf_add(&j->row[side], item.ptr + HEAD, item.len - HEAD);
		if (j->row[side].failed)
			return ev_fail(err, EV_STORE, "no memory for the rows that differ");
	}
	return rc;
}

int ev_row_join_all(struct ev_row_join *j, ev_joined_fn fn, void *ctx, struct ev_error *err)
{
	struct ev_slice item;
	int rc = ev_spill_sort(j->spill, err);

	while (rc == 0 && (rc = ev_spill_next(j->spill, &item, err)) > 0)
		rc = take(j, item, fn, ctx, err);
	if (rc == 0 && j->any)
		rc = end_row(j, err);
	return rc == 0 && j->any ? end_key(j, fn, ctx, err) : rc;
}
