/* spill_test.c - sorting outside of memory against qsort, at any memory; disks that are full */
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "test.h"
#include "audit/spill.h"

struct bytes {
	char *p;
	size_t n;
};

static int compare(const void *a, const void *b)
{
	const struct bytes *x = a, *y = b;

	return ev_slice_cmp(ev_slice(x->p, x->n), ev_slice(y->p, y->n));
}

/* Items of few different bytes, so that many are equal, or prefixes of each other. */
static struct bytes *make(uint64_t *seed, size_t n, size_t longest)
{
	struct bytes *v = ev_alloc((n + 1) * sizeof(*v));

	for (size_t i = 0; i < n; i++) {
		v[i].n = test_rand(seed) % 50 ? test_rand(seed) % 24 : test_rand(seed) % longest;
		v[i].p = ev_alloc(v[i].n + 1);
		for (size_t j = 0; j < v[i].n; j++)
			v[i].p[j] = (char)(test_rand(seed) % 3 ? test_rand(seed) % 3
							       : test_rand(seed));
	}
	return v;
}

static void release(struct bytes *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i].p);
	free(v);
}

static void sorts(uint64_t seed, size_t n, size_t longest, size_t memory, bool to_disk)
{
	struct bytes *v = make(&seed, n, longest);
	struct ev_spill *s = ev_spill_new(memory, NULL);
	struct ev_error err = EV_ERROR_INIT;
	struct ev_slice item;
	size_t i = 0;
	bool same = true;
	int rc = 0;

	for (size_t j = 0; j < n && !rc; j++)
		rc = ev_spill_add(s, ev_slice(v[j].p, v[j].n), &err);
	qsort(v, n, sizeof(*v), compare);
	rc = rc ? rc : ev_spill_sort(s, &err);
	while (!rc && (rc = ev_spill_next(s, &item, &err)) > 0) {
		same = same && i < n && ev_slice_eq(item, ev_slice(v[i].p, v[i].n));
		i++;
		rc = 0;
	}
	CHECK(rc == 0 && i == n && same, "%zu items come in order with %zu bytes of memory (%s)", n,
	      memory, err.text);
	CHECK((ev_spill_on_disk(s) > 0) == to_disk, "%s was needed",
	      to_disk ? "a file" : "no file");
	ev_spill_free(s);
	release(v, n);
}

static int fill(struct ev_spill *s, size_t n, struct ev_error *err)
{
	for (size_t i = 0; i < n; i++) {
		struct ev_buf item = EV_BUF_INIT;
		int rc;

		ev_spill_put_u64(&item, i * 2654435761u);
		rc = ev_spill_add(s, ev_buf_slice(&item), err);
		ev_buf_release(&item);
		if (rc)
			return rc;
	}
	return ev_spill_sort(s, err);
}

static void full_disk(void)
{
	struct rlimit old, small;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_spill *s = ev_spill_new(0, NULL);

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = 5000;
	setrlimit(RLIMIT_FSIZE, &small);
	CHECK(fill(s, 5000, &err) < 0 && err.class == EV_STORE,
	      "a full disk is an error of the store: %s", err.text);
	setrlimit(RLIMIT_FSIZE, &old);
	ev_spill_free(s);
	s = ev_spill_new(0, "/nowhere/at/all");
	CHECK(fill(s, 5000, &err) < 0 && err.class == EV_STORE &&
		      strstr(err.text, "/nowhere/at/all"),
	      "so is a folder that is not there: %s", err.text);
	ev_spill_free(s);
}

static void groups(void)
{
	static const char *const names[] = { "", "a", "aa", "ab", "b" };
	struct ev_spill *s = ev_spill_new(0, NULL);
	struct ev_error err = EV_ERROR_INIT;
	struct ev_buf item = EV_BUF_INIT;
	struct ev_slice got, last = EV_LITERAL("?");
	char keep[8] = "?";
	int changes = 0, n = 0;
	int64_t before = INT64_MIN;
	bool ordered = true;

	for (int i = 0; i < 100; i++) {
		ev_buf_clear(&item);
		ev_spill_put_group(&item, ev_slice_str(names[i % 5]));
		ev_spill_put_i64(&item, i % 3 ? -i : i);
		ev_spill_add(s, ev_buf_slice(&item), &err);
	}
	ev_spill_sort(s, &err);
	while (ev_spill_next(s, &got, &err) > 0) {
		struct ev_slice g = ev_spill_group(got);
		int64_t v = ev_spill_i64(got.ptr + ev_spill_group_size(got));

		if (!ev_slice_eq(g, last)) {
			changes++;
			before = INT64_MIN;
			memcpy(keep, g.ptr, g.len);
			last = ev_slice(keep, g.len);
		}
		ordered = ordered && v > before;
		before = v;
		n++;
	}
	CHECK(n == 100 && changes == 5, "items of a group stand together, each group once");
	CHECK(ordered, "in a group numbers are in order, below zero too");
	CHECK(ev_spill_i64("\x7f\xff\xff\xff\xff\xff\xff\xff") == -1,
	      "a number is read as it was put");
	ev_buf_release(&item);
	ev_spill_free(s);
}

int main(void)
{
	uint64_t seed = test_seed();

	for (int i = 0; i < 4 * test_effort(); i++) {
		sorts(test_rand(&seed), test_rand(&seed) % 500, 100, 1 << 20, false);
		sorts(test_rand(&seed), 3000 + test_rand(&seed) % 9000, 200, 0, true);
		sorts(test_rand(&seed), 2000, 60000, 300 << 10, true);
	}
	sorts(seed, 120000, 30, 0, true); /* more runs than are merged at once */
	sorts(seed, 0, 30, 0, false);
	groups();
	full_disk();
	return test_done();
}
