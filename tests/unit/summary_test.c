/* summary_test.c - types, histogram and paths against what was put in */
#include "test.h"

#include "summary/summary.h"

static void add(struct ev_summary *s, const char *type, const char *value, int64_t ms)
{
	struct ev_record r = { .topic = EV_LITERAL("t"), .timestamp = ms, .value = ev_slice_str(value) };

	ev_summary_add(s, &r, value && *value == '{', ev_slice_str(type));
}

static void types(void)
{
	struct ev_summary *s = ev_summary_new(2, 0);

	add(s, "b", "{}", 2000);
	add(s, "a", "{}", 1000);
	add(s, "b", "{\"x\":1}", 500);
	add(s, "c", "{}", 5);
	add(s, NULL, "{}", 5);
	add(s, NULL, "text", EV_NO_TIMESTAMP);
	add(s, NULL, NULL, 7);
	ev_summary_sort(s);
	CHECK(s->total.records == 7 && s->total.first == 5 && s->total.last == 2000, "the total");
	CHECK(s->ntypes == 2 && !strcmp(s->types[0].name, "b") && s->types[0].records == 2 &&
		      s->types[0].bytes == 9 && s->types[0].first == 500 && s->types[0].last == 2000,
	      "records, bytes and times of a type, the most frequent first");
	CHECK(s->special[EV_SUM_OTHER].records == 1 && s->special[EV_SUM_NO_TYPE].records == 1 &&
		      s->special[EV_SUM_NOT_JSON].records == 1 && s->special[EV_SUM_TOMBSTONE].records == 1,
	      "what has no row of its own is counted by its kind");
	CHECK(s->special[EV_SUM_NOT_JSON].first == EV_NO_TIMESTAMP && s->histogram.outside == 1,
	      "a record without a timestamp has no place in time");
	ev_summary_free(s);
}

/* Whatever comes in whatever order: nothing is lost, and each bar holds what lies in its span. */
static void histogram_random(uint64_t *seed)
{
	static struct ev_histogram h;
	static int64_t times[3000];
	uint64_t sum = 0;
	bool right = true;
	int64_t spread = (int64_t)1 << (test_rand(seed) % 44);
	size_t n = 1 + test_rand(seed) % 3000, max = 1 + test_rand(seed) % 50;

	memset(&h, 0, sizeof(h));
	for (size_t i = 0; i < n; i++) {
		times[i] = 1700000000000 - (int64_t)(test_rand(seed) % (uint64_t)spread) +
			   (int64_t)(test_rand(seed) % (uint64_t)spread);
		ev_histogram_add(&h, times[i]);
	}
	ev_histogram_fit(&h, max);
	for (size_t b = 0; b < h.n; b++) {
		int64_t from = ev_histogram_start(&h, b), to = from + ev_histogram_width(&h);
		uint64_t want = 0;

		for (size_t i = 0; i < n; i++)
			want += times[i] >= from && times[i] < to;
		right = right && h.bars[b] == want;
		sum += h.bars[b];
	}
	CHECK(right && sum == n && (h.n <= max || ev_histogram_width(&h) == 36000 * 86400000LL),
	      "%zu records over %lld ms in at most %zu bars", n,
	      (long long)spread, max);
}

static void histogram_ends(void)
{
	static struct ev_histogram h;

	ev_histogram_add(&h, 253402300799999);
	ev_histogram_add(&h, -62135596800000);
	ev_histogram_add(&h, INT64_MAX);
	ev_histogram_add(&h, INT64_MIN);
	CHECK(h.bars[0] == 1 && h.bars[h.n - 1] == 1 && h.outside == 2, "from year 1 to year 9999, not beyond");
}

static const struct ev_path_sum *find(const struct ev_path_sums *p, const char *path)
{
	for (size_t i = 0; i < p->n; i++) {
		if (!strcmp(p->v[i].path, path))
			return &p->v[i];
	}
	return NULL;
}

static void paths(void)
{
	struct ev_path_sums *p = ev_path_sums_new(100);
	const struct ev_path_sum *e;

	ev_path_sums_add(p, EV_LITERAL("{\"a\":1,\"l\":[{\"s\":1},{\"s\":\"x\"},{\"s\":2}]}"));
	ev_path_sums_add(p, EV_LITERAL("{\"a\":null,\"odd name\":{},\"it's\":true}"));
	ev_path_sums_add(p, EV_LITERAL("{\"b\":false}"));
	e = find(p, "$.a");
	CHECK(e && e->documents == 2 && e->types[EV_JSON_NUMBER] == 1 && e->types[EV_JSON_NULL] == 1,
	      "a path, its types, the documents that have it");
	e = find(p, "$.l[*].s");
	CHECK(e && e->documents == 1 && e->types[EV_JSON_NUMBER] == 1 && e->types[EV_JSON_STRING] == 1,
	      "elements share a path and count once per document and type");
	CHECK(find(p, "$['odd name']") && find(p, "$['it\\'s']"), "odd names are quoted as a path needs it");
	CHECK(p->documents == 3 && !p->capped, "all documents, nothing capped");
	ev_path_sums_free(p);
	p = ev_path_sums_new(2);
	ev_path_sums_add(p, EV_LITERAL("{\"a\":1,\"b\":1,\"c\":1}"));
	CHECK(p->n == 2 && p->capped, "past the bound it is said");
	ev_path_sums_free(p);
}

int main(void)
{
	uint64_t seed = test_seed();

	types();
	for (int i = 0; i < 20 * test_effort(); i++)
		histogram_random(&seed);
	histogram_ends();
	paths();
	return test_done();
}
