/*
 * json_bench.c - events per second of the extractor, beside jansson's trees of the same bytes
 *
 *   json_bench [N]    N events (400,000) a run, best of five runs
 *
 * All read the same ring of order events, which differ in their values, so that no branch is learnt
 * by heart, and are padded to one size. Judged are events of 320 bytes with eight paths, and of 337
 * bytes with six.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "json/json.h"

enum { RING = 256, RUNS = 5 };

static const char *const paths[] = {
	"$.event_id",     "$.event_type",      "$.produced_at", "$.data.orderId",
	"$.data.total",   "$.data.customerId", "$.data.items",  "$.correlation_id",
};
enum { NPATHS = sizeof(paths) / sizeof(*paths) };

/* A ring of events, and the paths that are asked for. */
struct ring {
	struct ev_paths *paths;
	struct ev_buf bytes;
	struct ev_slice event[RING];
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void add_event(struct ev_buf *b, unsigned i, size_t size)
{
	const unsigned x = i * 2654435761u;
	const size_t end = b->len + size - 3;

	ev_buf_addf(b, "{\"event_id\":\"%08x-58a7-4c8e-9f3a-%012x\",", x, x >> 4);
	ev_buf_addf(b, "\"event_type\":\"order.%s\",", i % 3 ? "created" : "changed");
	ev_buf_addf(b, "\"produced_at\":\"2026-11-20T10:%02u:%02u.%03uZ\",", i % 60, x % 60,
		    x % 1000);
	ev_buf_addf(b, "\"correlation_id\":\"c-%09u\",", x % 1000000000);
	ev_buf_addf(b, "\"data\":{\"orderId\":\"o-%07u\",\"customerId\":\"c-%u\",", i, x % 100000);
	ev_buf_addf(b, "\"total\":%u.%02u,\"items\":[", x % 1000, x % 100);
	ev_buf_addf(b, "{\"sku\":\"sku-%u\",\"qty\":%u},", x % 1000, x % 12);
	ev_buf_addf(b, "{\"sku\":\"sku-%06u\",\"qty\":1}],\"note\":\"", i);
	while (b->len < end)
		ev_buf_addc(b, "ring twice, please "[(end - b->len) % 19]);
	ev_buf_adds(b, "\"}}");
}

static void die(const char *what)
{
	fprintf(stderr, "json_bench: %s\n", what);
	exit(1);
}

static void fill(struct ring *r, size_t size, size_t npaths)
{
	struct ev_error err = EV_ERROR_INIT;

	r->paths = ev_paths_new();
	for (size_t i = 0; i < npaths; i++)
		if (ev_paths_add(r->paths, paths[i], strlen(paths[i]), &err) < 0)
			die(err.text);
	r->bytes = (struct ev_buf)EV_BUF_INIT;
	for (unsigned i = 0; i < RING; i++)
		add_event(&r->bytes, i, size);
	if (r->bytes.len != RING * size)
		die("the events are larger than they should be");
	for (size_t i = 0; i < RING; i++)
		r->event[i] = ev_slice(r->bytes.data + i * size, size);
}

/* One run of n events; each returns how often the order's id was there. */
static long extract(const struct ring *r, long n)
{
	struct ev_value v[NPATHS];
	struct ev_json_error err;
	long found = 0;

	for (long i = 0; i < n; i++) {
		if (ev_json_extract(r->paths, r->event[i % RING], v, &err))
			die(err.what);
		found += v[3].type == EV_JSON_STRING;
	}
	return found;
}

static long validate(const struct ring *r, long n)
{
	struct ev_json_error err;
	struct ev_value top;
	long found = 0;

	for (long i = 0; i < n; i++) {
		if (ev_json_validate(r->event[i % RING], &top, &err))
			die(err.what);
		found += top.type == EV_JSON_OBJECT;
	}
	return found;
}

static long tree(const struct ring *r, long n)
{
	long found = 0;

	for (long i = 0; i < n; i++) {
		json_t *root = json_loadb(r->event[i % RING].ptr, r->event[i % RING].len, 0, NULL);

		found += json_is_string(json_object_get(json_object_get(root, "data"), "orderId"));
		json_decref(root);
	}
	return found;
}

static double best(long (*run)(const struct ring *, long), const struct ring *r, long n)
{
	double least = 1e9;

	for (int i = 0; i < RUNS; i++) {
		double start = now(), took;

		if (run(r, n) != n)
			die("an event was not read");
		took = now() - start;
		least = took < least ? took : least;
	}
	return (double)n / least;
}

static void row(const char *what, double rate, size_t size, double yardstick)
{
	printf("%-34s %10.0f /s %8.0f MB/s %6.1fx\n", what, rate, rate * (double)size / 1e6,
	       rate / yardstick);
}

static void measure(size_t size, size_t npaths, long n)
{
	struct ring r;
	double trees;

	fill(&r, size, npaths);
	trees = best(tree, &r, n / 16);
	printf("events of %zu bytes, %zu paths\n", size, npaths);
	row("jansson, a tree and away with it", trees, size, trees);
	row("ev_json_extract", best(extract, &r, n), size, trees);
	row("ev_json_validate", best(validate, &r, n), size, trees);
	ev_paths_free(r.paths);
	ev_buf_release(&r.bytes);
}

int main(int argc, char **argv)
{
	const long n = argc > 1 ? strtol(argv[1], NULL, 10) : 400000;

	if (n < 16)
		die("usage: json_bench [N], N at least 16");
	measure(320, NPATHS, n);
	measure(337, 6, n);
	return 0;
}
