/*
 * json_bench.c - events per second of the extractor, beside jansson's tree of the same bytes
 *
 *   json_bench [N]    N events (400,000) a run, best of five runs; an order event, eight paths
 *
 * Both read the same ring of events, which differ in their values, so that no branch is learnt by heart.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "event/json.h"

enum { RING = 256, RUNS = 5 };

static const char *const paths[] = { "$.event_id", "$.event_type", "$.produced_at", "$.correlation_id",
				     "$.data.orderId", "$.data.customerId", "$.data.total", "$.data.items" };
enum { NPATHS = sizeof(paths) / sizeof(*paths) };

struct ring {
	struct ev_buf bytes;
	struct ev_slice event[RING];
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fill(struct ring *r)
{
	static const char *const note[] = { "leave at the door", "", "gift", "ring twice, please" };
	size_t at[RING + 1] = { 0 };

	for (unsigned i = 0; i < RING; i++) {
		unsigned x = i * 2654435761u;

		ev_buf_addf(&r->bytes,
			    "{\"event_id\":\"%08x-58a7-4c8e-9f3a-%012x\",\"event_type\":\"order.%s\","
			    "\"produced_at\":\"2026-11-20T10:%02u:%02u.%03uZ\",\"correlation_id\":\"c-%09u\","
			    "\"data\":{\"orderId\":\"o-%07u\",\"customerId\":\"c-%u\",\"total\":%u.%02u,"
			    "\"items\":[{\"sku\":\"sku-%u\",\"qty\":%u},{\"sku\":\"sku-000987\",\"qty\":1}],"
			    "\"note\":\"%s\"}}",
			    x, x >> 4, i % 3 ? "created" : "changed", i % 60, x % 60, x % 1000, x % 1000000000,
			    i, x % 100000, x % 1000, x % 100, x % 1000, x % 12, note[i % 4]);
		at[i + 1] = r->bytes.len;
	}
	for (size_t i = 0; i < RING; i++)
		r->event[i] = ev_slice(r->bytes.data + at[i], at[i + 1] - at[i]);
}

static void die(const char *what)
{
	fprintf(stderr, "json_bench: %s\n", what);
	exit(1);
}

/* One run of n events; each returns how often the order's id was there. */
static long extract(const struct ring *r, const struct ev_paths *p, long n)
{
	struct ev_value v[NPATHS];
	struct ev_json_error err;
	long found = 0;

	for (long i = 0; i < n; i++) {
		if (ev_json_extract(p, r->event[i % RING], v, &err))
			die(err.what);
		found += v[4].type == EV_JSON_STRING;
	}
	return found;
}

static long validate(const struct ring *r, const struct ev_paths *p, long n)
{
	struct ev_json_error err;
	struct ev_value top;
	long found = 0;

	(void)p;
	for (long i = 0; i < n; i++) {
		if (ev_json_validate(r->event[i % RING], &top, &err))
			die(err.what);
		found += top.type == EV_JSON_OBJECT;
	}
	return found;
}

static long tree(const struct ring *r, const struct ev_paths *p, long n)
{
	long found = 0;

	(void)p;
	for (long i = 0; i < n; i++) {
		json_t *root = json_loadb(r->event[i % RING].ptr, r->event[i % RING].len, 0, NULL);

		found += json_is_string(json_object_get(json_object_get(root, "data"), "orderId"));
		json_decref(root);
	}
	return found;
}

static double best(long (*run)(const struct ring *, const struct ev_paths *, long), const struct ring *r,
		   const struct ev_paths *p, long n)
{
	double least = 1e9;

	for (int i = 0; i < RUNS; i++) {
		double start = now(), took;

		if (run(r, p, n) != n)
			die("an event was not read");
		took = now() - start;
		least = took < least ? took : least;
	}
	return (double)n / least;
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? strtol(argv[1], NULL, 10) : 400000;
	struct ev_paths *p = ev_paths_new();
	struct ring r = { .bytes = EV_BUF_INIT };
	double ours, theirs, check, size;
	struct ev_error err;

	if (n < 16)
		die("usage: json_bench [N], N at least 16");
	for (size_t i = 0; i < NPATHS; i++)
		if (ev_paths_add(p, paths[i], strlen(paths[i]), &err) != (int)i)
			die(err.text);
	fill(&r);
	size = (double)r.bytes.len / RING;
	theirs = best(tree, &r, NULL, n / 16);
	ours = best(extract, &r, p, n);
	check = best(validate, &r, NULL, n);
	printf("events of %.0f bytes, %d paths\n", size, NPATHS);
	printf("%-34s %10.0f /s %8.0f MB/s\n", "jansson json_loadb", theirs, theirs * size / 1e6);
	printf("%-34s %10.0f /s %8.0f MB/s %6.1fx\n", "ev_json_extract", ours, ours * size / 1e6, ours / theirs);
	printf("%-34s %10.0f /s %8.0f MB/s %6.1fx\n", "ev_json_validate", check, check * size / 1e6,
	       check / theirs);
	ev_paths_free(p);
	ev_buf_release(&r.bytes);
	return 0;
}
