/* against.c - both sources once, each partition into a count and a hash; see against.h */
#include "audit/against_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

#include "base/mem.h"

void ev_against_release(struct ev_against_result *r)
{
	for (size_t i = 0; i < r->nparts; i++)
		free(r->parts[i].topic);
	free(r->parts);
	*r = (struct ev_against_result){ 0 };
}

bool ev_against_wanted(const struct against *a, const struct ev_record *r)
{
	const struct ev_against_options *o = a->opt;

	return (!o->has_since || r->timestamp >= o->since) &&
	       (!o->has_until || r->timestamp < o->until);
}

static void put_slice(struct ev_buf *b, struct ev_slice s)
{
	ev_spill_put_u64(b, s.ptr ? (uint64_t)s.len + 1 : 0);
	ev_buf_add_slice(b, s);
}

/* Lengths before bytes, null apart from empty: no two records have the same encoding. */
struct hash128 ev_against_hash(struct against *a, const struct ev_record *r)
{
	struct ev_buf *b = &a->buf;
	XXH128_hash_t h;

	ev_buf_clear(b);
	ev_spill_put_i64(b, r->timestamp);
	put_slice(b, r->key);
	ev_spill_put_u64(b, r->nheaders);
	for (size_t i = 0; i < r->nheaders; i++) {
		put_slice(b, r->headers[i].name);
		put_slice(b, r->headers[i].value);
	}
	put_slice(b, r->value);
	h = XXH3_128bits(b->data, b->len);
	return (struct hash128){ h.high64, h.low64 };
}

static size_t pair_of(struct against *a, struct ev_slice topic, int32_t partition)
{
	struct ev_against_result *r = a->r;
	struct ev_against_part *p;

	for (size_t i = 0; i < r->nparts; i++)
		if (r->parts[i].partition == partition &&
		    (a->one_topic || ev_slice_is(topic, r->parts[i].topic)))
			return i;
	p = EV_PUSH(r->parts, r->nparts);
	p->topic = ev_slice_dup(topic);
	p->partition = partition;
	return r->nparts - 1;
}

struct part *ev_against_part_of(struct against *a, const struct ev_record *r)
{
	int s = a->side;

	while (a->nparts[s] <= r->part)
		EV_PUSH(a->parts[s], a->nparts[s])->pair = SIZE_MAX;
	return &a->parts[s][r->part];
}

void ev_against_chain(struct part *p, struct hash128 h, const int64_t *offset)
{
	uint64_t v[5] = { p->hash.high, p->hash.low, h.high, h.low,
			  offset ? (uint64_t)*offset : 0 };
	unsigned char b[sizeof(v)];
	XXH128_hash_t next;

	for (size_t i = 0; i < sizeof(b); i++)
		b[i] = (unsigned char)(v[i / 8] >> (8 * (i % 8)));
	next = XXH3_128bits(b, sizeof(b));
	p->hash = (struct hash128){ next.high64, next.low64 };
	p->order++;
}

static int64_t size_of(const struct ev_record *r)
{
	size_t n = r->key.len + r->value.len;

	for (size_t i = 0; i < r->nheaders; i++)
		n += r->headers[i].name.len + r->headers[i].value.len;
	return (int64_t)n;
}

static int take(void *ctx, const struct ev_record *r, struct ev_error *err)
{
	struct against *a = ctx;
	struct part *p;
	int64_t bytes;

	if (!ev_against_wanted(a, r))
		return 0;
	p = ev_against_part_of(a, r);
	ev_against_chain(p, ev_against_hash(a, r), a->opt->offsets ? &r->offset : NULL);
	if (a->buf.failed)
		return ev_fail(err, EV_SOURCE, "out of memory for the record at offset %" PRId64,
			       r->offset);
	bytes = size_of(r);
	p->bytes += bytes;
	a->r->records[a->side]++;
	a->r->bytes[a->side] += bytes;
	return 0;
}

static int read_side(struct against *a, int side, struct ev_error *err)
{
	const struct ev_against_side *s = &a->sides[side];

	a->side = side;
	return ev_read_spans(s->src, s->spans, false, take, a, a->opt->hooks, err);
}

static bool one_topic(const struct ev_source *s)
{
	for (size_t i = 1; i < s->nparts; i++)
		if (strcmp(s->parts[i].topic, s->parts[0].topic) != 0)
			return false;
	return true;
}

/* Pair the partitions of both sides by name, now that all of them are known. */
static void pair(struct against *a)
{
	a->one_topic = one_topic(a->sides[0].src) && one_topic(a->sides[1].src);
	for (int side = 0; side < 2; side++) {
		const struct ev_source *s = a->sides[side].src;

		for (size_t i = 0; i < s->nparts; i++) {
			struct ev_record at = { .part = (uint32_t)i };
			struct ev_against_part *p;
			struct part *mine;

			a->side = side;
			mine = ev_against_part_of(a, &at);
			mine->pair = pair_of(a, ev_slice_str(s->parts[i].topic),
					     s->parts[i].partition);
			p = &a->r->parts[mine->pair];
			p->records[side] = mine->order;
			p->bytes[side] = mine->bytes;
			if (mine->order)
				snprintf(p->hash[side], sizeof(p->hash[side]),
					 "%016" PRIx64 "%016" PRIx64, mine->hash.high,
					 mine->hash.low);
		}
	}
}

/* Partitions of a topic on a side; files show only those that hold records. */
static size_t partitions(const struct ev_source *s, const char *topic)
{
	size_t n = 0;

	for (size_t i = 0; i < s->nparts; i++)
		n += !topic || strcmp(s->parts[i].topic, topic) == 0;
	return n;
}

static int same_partitions(const struct against *a, struct ev_error *err)
{
	const struct ev_source *x = a->sides[0].src, *y = a->sides[1].src;
	bool one = x->nparts && y->nparts && one_topic(x) && one_topic(y);

	if (a->opt->by_key || x->one_sequence || y->one_sequence)
		return 0;
	for (size_t i = 0; i < x->nparts; i++) {
		size_t n = partitions(x, x->parts[i].topic);
		size_t m = partitions(y, one ? NULL : x->parts[i].topic);

		if (n == m || !m)
			continue;
		ev_fail(err, EV_USAGE, "cannot compare by partition: '%s' has %zu, its copy %zu",
			x->parts[i].topic, n, m);
		return ev_hint(err, "--by key compares the order of each key");
	}
	return 0;
}

static bool find_differences(struct against *a)
{
	bool any = false;

	a->differs = ev_alloc((a->r->nparts + 1) * sizeof(*a->differs));
	for (size_t i = 0; i < a->r->nparts; i++) {
		const struct ev_against_part *p = &a->r->parts[i];

		a->differs[i] = p->records[0] != p->records[1] ||
				strcmp(p->hash[0], p->hash[1]) != 0;
		any = any || a->differs[i];
	}
	if (!any)
		a->r->matched = a->r->records[0];
	/* a key may have gone from any partition to any other */
	for (size_t i = 0; any && a->opt->by_key && i < a->r->nparts; i++)
		a->differs[i] = true;
	for (size_t i = 0; any && i < a->r->nparts; i++)
		if (!a->differs[i])
			a->r->matched += a->r->parts[i].records[0];
	return any;
}

int ev_against_run(const struct ev_against_side sides[2], const struct ev_against_options *opt,
		   struct ev_faults *faults, struct ev_against_result *out, struct ev_error *err)
{
	struct against a = { .sides = sides, .opt = opt, .faults = faults, .r = out };
	int rc;

	*out = (struct ev_against_result){ 0 };
	rc = same_partitions(&a, err);
	for (int side = 0; side < 2 && !rc; side++)
		rc = read_side(&a, side, err);
	if (!rc) {
		pair(&a);
		out->compared = find_differences(&a);
		if (out->compared)
			rc = ev_against_compare(&a, err);
	}
	free(a.parts[0]);
	free(a.parts[1]);
	free(a.differs);
	ev_buf_release(&a.buf);
	ev_buf_release(&a.item);
	return rc;
}
