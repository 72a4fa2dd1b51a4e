/* merge_test.c - the order of a merge against a naive one, under any batch size and arrival */
#include "base/clock.h"
#include "base/mem.h"
#include "merge/merge.h"
#include "test.h"

enum { PARTS_MAX = 9, RECORDS_MAX = 60, OUT = 4000 };

/* A source whose lanes arrive when chance wants, in batches of any size, each in its own memory. */
struct fake {
	struct ev_source base;
	struct ev_partition parts[PARTS_MAX];
	struct ev_span spans[PARTS_MAX];
	struct ev_record *lane[PARTS_MAX]; /* what each lane holds */
	size_t n[PARTS_MAX], at[PARTS_MAX];
	size_t of_part[PARTS_MAX]; /* how many records a partition has */
	size_t open; /* batches not released */
	size_t batch_max;
	bool ends; /* false: a follower's, always WAIT at the end */
	size_t fail_at; /* lane 0 fails there */
	int longest; /* wait that was asked for, ms */
	uint64_t seed;
};

static int fake_start(struct ev_source *s, const struct ev_span *spans, bool merge, bool follow,
		      struct ev_error *err)
{
	(void)s, (void)spans, (void)merge, (void)follow, (void)err;
	return 0;
}

static enum ev_fetch fake_fetch(struct ev_source *s, size_t lane, struct ev_batch *b, int timeout_ms,
				struct ev_error *err)
{
	struct fake *f = (struct fake *)s;
	size_t left = f->n[lane] - f->at[lane], n;

	f->longest = timeout_ms > f->longest ? timeout_ms : f->longest;
	if (test_rand(&f->seed) % 3 == 0)
		return EV_FETCH_WAIT;
	if (f->fail_at && lane == 0 && f->at[0] >= f->fail_at) {
		ev_fail(err, EV_SOURCE, "torn");
		return EV_FETCH_ERROR;
	}
	if (!left)
		return f->ends ? EV_FETCH_DONE : EV_FETCH_WAIT;
	n = 1 + test_rand(&f->seed) % f->batch_max;
	n = n < left ? n : left;
	if (f->fail_at && lane == 0 && n > f->fail_at - f->at[0])
		n = f->fail_at - f->at[0];
	b->records = ev_alloc(n * sizeof(*b->records));
	memcpy(b->records, f->lane[lane] + f->at[lane], n * sizeof(*b->records));
	for (size_t i = 0; i < n; i++)
		b->records[i].value = ev_slice(ev_strdup("value"), 5); /* gone when it is released */
	b->n = n;
	f->at[lane] += n;
	f->open++;
	return EV_FETCH_SOME;
}

static void fake_release(struct ev_source *s, struct ev_batch *b)
{
	struct fake *f = (struct fake *)s;

	for (size_t i = 0; i < b->n; i++)
		free((void *)(uintptr_t)b->records[i].value.ptr);
	free(b->records);
	*b = (struct ev_batch){ 0 };
	f->open--;
}

static int64_t fake_passed(struct ev_source *s, uint32_t part)
{
	struct fake *f = (struct fake *)s;
	size_t lane = s->nlanes == s->nparts ? part : 0;

	return f->at[lane] == f->n[lane] ? f->spans[part].end : -1;
}

static const struct ev_source_ops fake_ops = { .name = "fake", .start = fake_start, .fetch = fake_fetch,
					       .release = fake_release, .passed = fake_passed };

/* Partitions of two topics; offsets with holes; timestamps that repeat, go back, or are missing. */
static void fake_init(struct fake *f, uint64_t seed, size_t nparts, bool lanes)
{
	static char a[] = "a", b[] = "b";

	*f = (struct fake){ .base = { .ops = &fake_ops, .nparts = nparts, .nlanes = lanes ? nparts : 1 } };
	f->seed = seed;
	f->base.parts = f->parts;
	f->ends = true;
	f->batch_max = 1 + test_rand(&f->seed) % 12;
	for (size_t i = 0; i < nparts; i++) {
		size_t n = test_rand(&f->seed) % RECORDS_MAX, lane = lanes ? i : 0;
		int64_t offset = (int64_t)(test_rand(&f->seed) % 5);

		f->of_part[i] = n;
		f->parts[i] = (struct ev_partition){ .topic = i < nparts / 2 ? a : b, .partition = (int32_t)i };
		f->spans[i].begin = offset;
		f->lane[lane] = ev_realloc_n(f->lane[lane], f->n[lane] + n, sizeof(struct ev_record));
		for (size_t j = 0; j < n; j++) {
			struct ev_record *r = &f->lane[lane][f->n[lane]++];

			offset += (int64_t)(test_rand(&f->seed) % 3);
			*r = (struct ev_record){ .topic = ev_slice_str(f->parts[i].topic),
						 .partition = (int32_t)i, .part = (uint32_t)i, .offset = offset++,
						 .timestamp = (int64_t)(test_rand(&f->seed) % 40) };
			if (test_rand(&f->seed) % 30 == 0)
				r->timestamp = EV_NO_TIMESTAMP;
		}
		f->spans[i].end = offset + (int64_t)(test_rand(&f->seed) % 3);
	}
}

static void fake_free(struct fake *f)
{
	for (size_t i = 0; i < f->base.nlanes; i++)
		free(f->lane[i]);
}

/* The naive merge: look at all heads, every time. */
static size_t oracle(struct ev_record *const *lists, const size_t *n, size_t nlists, struct ev_record *out)
{
	size_t at[PARTS_MAX] = { 0 }, total = 0;

	for (;;) {
		const struct ev_record *best = NULL;
		size_t from = 0;

		for (size_t i = 0; i < nlists; i++) {
			const struct ev_record *r = at[i] < n[i] ? &lists[i][at[i]] : NULL;
			int c = !r ? 1 : !best ? -1 : r->timestamp != best->timestamp ?
				(r->timestamp < best->timestamp ? -1 : 1) :
				ev_slice_cmp(r->topic, best->topic);

			if (c < 0 || (!c && r && best && r->partition < best->partition)) {
				best = r;
				from = i;
			}
		}
		if (!best)
			return total;
		out[total++] = *best;
		at[from]++;
	}
}

static bool same(const struct ev_record *a, const struct ev_record *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i].part != b[i].part || a[i].offset != b[i].offset)
			return false;
	return true;
}

/* Positions in the middle: behind the last record given, or at the end when all were. */
static bool next_is_right(const struct ev_merge *m, const struct fake *f, const struct ev_record *given,
			  size_t n)
{
	for (uint32_t p = 0; p < f->base.nparts; p++) {
		int64_t next = ev_merge_next(m, p), last = f->spans[p].begin;
		size_t mine = 0;

		for (size_t i = 0; i < n; i++)
			if (given[i].part == p) {
				last = given[i].offset + 1;
				mine++;
			}
		if (next != last && !(mine == f->of_part[p] && next == f->spans[p].end))
			return false;
	}
	return true;
}

static bool values_live(const struct ev_record *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!ev_slice_is(r[i].value, "value"))
			return false;
	return true;
}

/* Read all by pieces of any size; the number of records, -1 on any fault. */
static int64_t drain(struct fake *f, struct ev_merge *m, struct ev_record *out, bool check_next)
{
	struct ev_error err = EV_ERROR_INIT;
	bool done = false;
	size_t n = 0;

	while (!done) {
		int got = ev_merge_read(m, out + n, 1 + test_rand(&f->seed) % 20, 1 + test_rand(&f->seed) % 60,
					0, &done, &err);

		if (got < 0 || (done && got) || !values_live(out + n, (size_t)got))
			return -1;
		n += (size_t)got;
		if (check_next && !next_is_right(m, f, out, n))
			return -1;
	}
	return (int64_t)n;
}

static void bounded(uint64_t seed)
{
	static struct ev_record want[OUT], got[OUT];
	struct ev_merge_options opt = { .merge = true };
	struct ev_error err = EV_ERROR_INIT;
	struct fake f;
	struct ev_merge *m;
	size_t n;
	int64_t k;
	bool ends = true;

	fake_init(&f, seed, 1 + seed % PARTS_MAX, true);
	n = oracle(f.lane, f.n, f.base.nlanes, want);
	m = ev_merge_new(&f.base, f.spans, &opt, &err);
	k = drain(&f, m, got, true);
	for (uint32_t p = 0; p < f.base.nparts; p++)
		ends &= ev_merge_next(m, p) == f.spans[p].end;
	CHECK(k == (int64_t)n && same(want, got, n), "seed %" PRIu64 ": the order is the naive merge's", seed);
	CHECK(ends, "seed %" PRIu64 ": at the end every partition stands at its end", seed);
	ev_merge_free(m);
	CHECK(!f.open, "seed %" PRIu64 ": all batches are released", seed);
	fake_free(&f);
}

/* Since and until keep back records one by one, and their numbers add up. */
static void filtered(uint64_t seed)
{
	static struct ev_record all[OUT], want[OUT], got[OUT];
	struct ev_merge_options opt = { .merge = true, .has_since = true, .since = 10, .has_until = true,
					.until = 25 };
	struct ev_error err = EV_ERROR_INIT;
	struct fake f;
	struct ev_merge *m;
	struct ev_merge_seen seen;
	size_t n, kept = 0;
	int64_t k, records = 0, held_back = 0, late = 0, newest[PARTS_MAX];

	fake_init(&f, seed, 1 + seed % PARTS_MAX, true);
	n = oracle(f.lane, f.n, f.base.nlanes, all);
	for (size_t p = 0; p < PARTS_MAX; p++)
		newest[p] = INT64_MIN;
	for (size_t i = 0; i < n; i++) {
		int64_t *before = &newest[all[i].part];

		if (all[i].timestamp >= 10 && all[i].timestamp < 25)
			want[kept++] = all[i];
		late += all[i].timestamp < *before && all[i].timestamp != EV_NO_TIMESTAMP;
		*before = all[i].timestamp > *before ? all[i].timestamp : *before;
	}
	m = ev_merge_new(&f.base, f.spans, &opt, &err);
	k = drain(&f, m, got, false);
	for (uint32_t p = 0; p < f.base.nparts; p++) {
		ev_merge_seen(m, p, &seen);
		records += seen.records;
		held_back += seen.filtered;
		late -= seen.late;
	}
	CHECK(k == (int64_t)kept && same(want, got, kept), "seed %" PRIu64 ": the filter keeps the window", seed);
	CHECK(records == (int64_t)n && held_back == (int64_t)(n - kept), "seed %" PRIu64 ": counts tile", seed);
	CHECK(late == 0, "seed %" PRIu64 ": late records are those below an earlier one of their partition", seed);
	ev_merge_free(m);
	fake_free(&f);
}

/* What one read of a follower gives is the merge of exactly that. */
static bool chunk_is_merged(const struct ev_record *v, size_t n, size_t nparts)
{
	static struct ev_record split[PARTS_MAX][OUT], want[OUT];
	struct ev_record *lists[PARTS_MAX];
	size_t counts[PARTS_MAX] = { 0 };

	for (size_t i = 0; i < nparts; i++)
		lists[i] = split[i];
	for (size_t i = 0; i < n; i++)
		split[v[i].part][counts[v[i].part]++] = v[i];
	return oracle(lists, counts, nparts, want) == n && same(want, v, n);
}

/* Mix the partitions of the one lane as a network would. */
static void shuffle(struct fake *f)
{
	struct ev_record *mixed = ev_alloc((f->n[0] + 1) * sizeof(*mixed));
	size_t at[PARTS_MAX], end[PARTS_MAX], n = 0, parts = f->base.nparts;

	for (size_t p = 0, i = 0; p < parts; p++) {
		at[p] = i;
		while (i < f->n[0] && f->lane[0][i].part == p)
			i++;
		end[p] = i;
	}
	while (n < f->n[0]) {
		size_t p = test_rand(&f->seed) % parts;

		if (at[p] < end[p])
			mixed[n++] = f->lane[0][at[p]++];
	}
	free(f->lane[0]);
	f->lane[0] = mixed;
}

static bool offsets_rise(const struct ev_record *v, size_t n)
{
	int64_t last[PARTS_MAX];

	memset(last, -1, sizeof(last));
	for (size_t i = 0; i < n; i++) {
		if (v[i].offset <= last[v[i].part])
			return false;
		last[v[i].part] = v[i].offset;
	}
	return true;
}

static void follow(uint64_t seed)
{
	static struct ev_record got[OUT];
	struct ev_merge_options opt = { .merge = true, .follow = true };
	struct ev_error err = EV_ERROR_INIT;
	size_t n = 0, idle = 0, total;
	bool merged = true, done = false, positions = true;
	struct fake f;
	struct ev_merge *m;

	fake_init(&f, seed, 1 + seed % PARTS_MAX, false);
	f.ends = false;
	shuffle(&f);
	total = f.n[0];
	m = ev_merge_new(&f.base, f.spans, &opt, &err);
	while (n < total && idle < 1000) {
		int k = ev_merge_read(m, got + n, 1 + test_rand(&f.seed) % 15, 1 + test_rand(&f.seed) % 60, 0,
				      &done, &err);

		merged &= k >= 0 && !done && values_live(got + n, (size_t)k) &&
			  chunk_is_merged(got + n, (size_t)k, f.base.nparts);
		idle = k > 0 ? 0 : idle + 1;
		n += k > 0 ? (size_t)k : 0;
		positions &= n == total || next_is_right(m, &f, got, n);
	}
	CHECK(offsets_rise(got, n), "seed %" PRIu64 ": a follower keeps the order of each partition", seed);
	CHECK(n == total && merged, "seed %" PRIu64 ": each read of a follower is a merge", seed);
	CHECK(positions, "seed %" PRIu64 ": a follower's position is behind what it gave", seed);
	ev_merge_free(m);
	CHECK(!f.open, "seed %" PRIu64 ": a follower releases all batches", seed);
	fake_free(&f);
}

static void one_lane_as_it_stands(void)
{
	static struct ev_record got[OUT];
	struct ev_merge_options opt = { .merge = true };
	struct ev_error err = EV_ERROR_INIT;
	struct fake f;
	struct ev_merge *m;
	size_t n;

	fake_init(&f, 7, 5, false);
	f.base.one_sequence = true;
	shuffle(&f);
	n = f.n[0];
	m = ev_merge_new(&f.base, f.spans, &opt, &err);
	CHECK(drain(&f, m, got, false) == (int64_t)n && same(f.lane[0], got, n),
	      "a lane of several partitions is read as it stands");
	ev_merge_free(m);
	fake_free(&f);
}

static void error_behind_records(void)
{
	static struct ev_record got[OUT];
	struct ev_merge_options opt = { .merge = true };
	struct ev_error err = EV_ERROR_INIT;
	struct fake f;
	struct ev_merge *m;
	bool done = false;
	size_t n = 0;
	int k;

	fake_init(&f, 11, 1, true);
	f.fail_at = 3;
	m = ev_merge_new(&f.base, f.spans, &opt, &err);
	while ((k = ev_merge_read(m, got + n, 100, 1000, 0, &done, &err)) >= 0 && !done)
		n += (size_t)k;
	CHECK(k < 0 && n == 3 && err.class == EV_SOURCE, "records before a fault are given, then the error");
	CHECK(ev_merge_read(m, got, 1, 1, 0, &done, &err) == -1, "an error stays");
	ev_merge_free(m);
	fake_free(&f);
}

/* Batches wait to fill, but not for long where the caller is done with one at once. */
static void quick_caller(uint64_t seed)
{
	static struct ev_record got[OUT];
	struct ev_merge_options opt = { .merge = true, .follow = true, .linger_ms = 30000 };
	struct ev_error err = EV_ERROR_INIT;
	int64_t start = ev_clock_ms();
	size_t n = 0, total;
	bool done = false;
	struct fake f;
	struct ev_merge *m;

	fake_init(&f, seed, PARTS_MAX, false);
	f.ends = false;
	shuffle(&f);
	total = f.n[0];
	m = ev_merge_new(&f.base, f.spans, &opt, &err);
	while (n < total && ev_clock_ms() < start + 20000) {
		int k = ev_merge_read(m, got + n, 20, 4000, 0, &done, &err);

		n += k > 0 ? (size_t)k : 0;
	}
	CHECK(n == total, "seed %" PRIu64 ": a quick caller gets all long before the linger time", seed);
	CHECK(f.longest < 10000, "seed %" PRIu64 ": no batch was to wait for long (%d ms)", seed, f.longest);
	ev_merge_free(m);
	fake_free(&f);
}

int main(void)
{
	uint64_t seed = test_seed();

	for (int i = 0; i < 40 * test_effort(); i++) {
		bounded(seed + (uint64_t)i);
		filtered(seed + (uint64_t)i);
		follow(seed + (uint64_t)i);
	}
	quick_caller(seed);
	one_lane_as_it_stands();
	error_behind_records();
	return test_done();
}
