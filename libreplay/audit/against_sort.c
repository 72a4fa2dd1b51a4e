/*
 * against_sort.c - what differs, read once more: sorted by group and hash on each side, then joined
 *
 * Both sides come in the order of (group, hash of the record, what it is about, order): equal
 * records stand opposite each other, the first with the first, and what has no counterpart is
 * alone.
 */
#include <inttypes.h>
#include <xxhash.h>

#include "base/mem.h"
#include "audit/against_impl.h"

void ev_against_put(struct ev_buf *item, const struct stand *s)
{
	ev_spill_put_u64(item, s->about);
	ev_spill_put_u64(item, s->order);
	ev_spill_put_u64(item, s->value);
	ev_spill_put_u64(item, s->headers);
	ev_spill_put_u32(item, s->part);
	ev_spill_put_i64(item, s->offset);
	ev_spill_put_i64(item, s->timestamp);
	ev_spill_put_u32(item, s->key.ptr ? (uint32_t)s->key.len + 1 : 0);
	ev_buf_add_slice(item, s->key);
}

struct stand ev_against_stand(struct ev_slice tail)
{
	const char *p = tail.ptr;
	uint32_t key = ev_spill_u32(p + 52);

	return (struct stand){
		.about = ev_spill_u64(p),
		.order = ev_spill_u64(p + 8),
		.value = ev_spill_u64(p + 16),
		.headers = ev_spill_u64(p + 24),
		.part = ev_spill_u32(p + 32),
		.offset = ev_spill_i64(p + 36),
		.timestamp = ev_spill_i64(p + 44),
		.key = key ? ev_slice(p + 56, key - 1) : EV_NULL_SLICE,
	};
}

/* The pair of partitions; or with by_key topic and key, all records without a key together. */
static void put_group(struct against *a, size_t pair, const struct ev_record *r)
{
	struct ev_slice topic = a->one_topic ? EV_LITERAL("") : r->topic;
	XXH128_hash_t h;

	ev_buf_clear(&a->item);
	if (!a->opt->by_key) {
		ev_spill_put_u64(&a->item, 0);
		ev_spill_put_u64(&a->item, pair);
		return;
	}
	ev_buf_clear(&a->buf);
	ev_spill_put_u64(&a->buf, topic.len);
	ev_buf_add_slice(&a->buf, topic);
	ev_buf_addc(&a->buf, r->key.ptr != NULL);
	ev_buf_add_slice(&a->buf, r->key);
	h = XXH3_128bits(a->buf.data, a->buf.len);
	ev_spill_put_u64(&a->item, h.high64);
	ev_spill_put_u64(&a->item, h.low64);
}

static struct stand stand_of(struct against *a, const struct ev_record *r)
{
	struct stand s = { .order = a->order,
			   .part = r->part,
			   .offset = r->offset,
			   .timestamp = r->timestamp,
			   .key = r->key };

	s.about = XXH3_64bits_withSeed(r->key.ptr, r->key.len,
				       (uint64_t)r->timestamp + (r->key.ptr != NULL));
	s.value = r->value.ptr ? XXH3_64bits(r->value.ptr, r->value.len) : 1;
	ev_buf_clear(&a->buf);
	for (size_t i = 0; i < r->nheaders; i++) {
		ev_spill_put_group(&a->buf, r->headers[i].name);
		ev_buf_addc(&a->buf, r->headers[i].value.ptr != NULL);
		ev_spill_put_group(&a->buf, r->headers[i].value);
	}
	s.headers = XXH3_64bits(a->buf.data, a->buf.len);
	if (s.key.len > AGAINST_KEY)
		s.key.len = AGAINST_KEY;
	return s;
}

static int has_changed(const struct against *a, size_t part, struct ev_error *err)
{
	const struct ev_partition *p = &a->sides[a->side].src->parts[part];

	ev_fail(err, EV_DATA, "%s/%d of the %s source has other records than a moment ago: it changes while it is read",
		p->topic, (int)p->partition, a->side ? "second" : "first");
	return ev_hint(err, "compare once nobody writes it, or a range that is closed");
}

/* What was read twice must be the same, or nothing can be said. */
static int same_as_before(const struct against *a, struct ev_error *err)
{
	for (size_t i = 0; i < a->nparts[a->side]; i++) {
		const struct part *was = &a->parts[a->side][i], *now = &a->again[i];

		if (was->pair != SIZE_MAX && a->differs[was->pair] &&
		    (was->order != now->order || was->hash.high != now->hash.high || was->hash.low != now->hash.low))
			return has_changed(a, i, err);
	}
	return 0;
}

static int take(void *ctx, const struct ev_record *r, struct ev_error *err)
{
	struct against *a = ctx;
	struct hash128 h;
	struct stand s;
	size_t pair;

	if (!ev_against_wanted(a, r))
		return 0;
	pair = ev_against_part_of(a, r)->pair;
	if (pair == SIZE_MAX)
		return has_changed(a, r->part, err);
	if (!a->differs[pair])
		return 0;
	put_group(a, pair, r);
	h = ev_against_hash(a, r);
	ev_against_chain(&a->again[r->part], h, a->opt->offsets ? &r->offset : NULL);
	ev_spill_put_u64(&a->item, h.high);
	ev_spill_put_u64(&a->item, h.low);
	s = stand_of(a, r);
	ev_against_put(&a->item, &s);
	a->order++;
	if (a->item.failed || a->buf.failed)
		return ev_fail(err, EV_SOURCE, "out of memory for the record at offset %" PRId64,
			       r->offset);
	return ev_spill_add(a->items[a->side], ev_buf_slice(&a->item), err);
}

/* Partitions whose hashes agree are left out where a source can leave them out. */
static int read_side(struct against *a, int side, struct ev_error *err)
{
	struct ev_source *src = a->sides[side].src;
	struct ev_span *spans = ev_alloc((src->nparts + 1) * sizeof(*spans));
	int rc;

	a->side = side;
	a->order = 0;
	a->items[side] = ev_spill_new(a->opt->memory / 3, a->opt->dir);
	a->again = ev_alloc((a->nparts[side] + 1) * sizeof(*a->again));
	for (size_t i = 0; i < src->nparts; i++) {
		spans[i] = src->one_sequence ? (struct ev_span){ 0, INT64_MAX }
					     : a->sides[side].spans[i];
		if (!src->one_sequence && !a->differs[a->parts[side][i].pair])
			spans[i].end = spans[i].begin;
		if (src->one_sequence && src->ops->span)
			src->ops->span(src, (uint32_t)i, &spans[i]);
	}
	rc = ev_read_spans(src, spans, true, take, a, a->opt->hooks, err);
	if (!rc)
		rc = same_as_before(a, err);
	if (!rc)
		rc = ev_spill_sort(a->items[side], err);
	free(a->again);
	free(spans);
	return rc;
}

/* The item at hand of each side; len 0: it has no more. */
struct join {
	struct against *a;
	struct pairs *pairs;
	struct ev_slice item[2];
};

static int next(struct join *j, int side, struct ev_error *err)
{
	int rc = ev_spill_next(j->a->items[side], &j->item[side], err);

	if (rc == 0)
		j->item[side] = EV_NULL_SLICE;
	return rc < 0 ? -1 : 0;
}

static struct stand stand_at(const struct join *j, int side)
{
	size_t head = AGAINST_GROUP + AGAINST_HASH;

	return ev_against_stand(ev_slice(j->item[side].ptr + head, j->item[side].len - head));
}

static int step(struct join *j, struct ev_error *err)
{
	const char *x = j->item[0].ptr, *y = j->item[1].ptr;
	int c = !x ? 1 : !y ? -1 : memcmp(x, y, AGAINST_GROUP + AGAINST_HASH);
	struct stand s[2];
	int side = c > 0;

	if (c) {
		s[side] = stand_at(j, side);
		if (ev_pairs_alone(j->pairs, j->item[side].ptr, side, &s[side], err))
			return -1;
		return next(j, side, err);
	}
	s[0] = stand_at(j, 0);
	s[1] = stand_at(j, 1);
	j->a->r->matched++;
	if (ev_pairs_match(j->pairs, x, &s[0], &s[1], err) || next(j, 0, err))
		return -1;
	return next(j, 1, err);
}

static int join(struct against *a, struct pairs *pairs, struct ev_error *err)
{
	struct join j = { .a = a, .pairs = pairs };

	if (next(&j, 0, err) || next(&j, 1, err))
		return -1;
	while (j.item[0].ptr || j.item[1].ptr) {
		if (ev_read_stopped(a->opt->hooks))
			return EV_READ_STOPPED;
		if (step(&j, err))
			return -1;
	}
	return 0;
}

int ev_against_compare(struct against *a, struct ev_error *err)
{
	struct pairs *pairs = ev_pairs_new(a);
	int rc = 0;

	for (int side = 0; side < 2 && !rc; side++)
		rc = read_side(a, side, err);
	if (!rc)
		rc = join(a, pairs, err);
	for (int side = 0; side < 2; side++)
		ev_spill_free(a->items[side]);
	if (!rc)
		rc = ev_pairs_finish(pairs, err);
	ev_pairs_free(pairs);
	return rc;
}
