/*
 * test.h - the unit tests' one assertion style, printed as TAP
 *
 *   int main(void) { CHECK(1 + 1 == 2, "one and one is two"); return test_done(); }
 *
 * CHECK prints `ok N - text` or `not ok N - text` with file:line, and goes on. The text is a
 * sentence that says what must hold; it may have printf arguments.
 */
#ifndef EV_TEST_H
#define EV_TEST_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int test_count, test_failed;

__attribute__((format(printf, 5, 6))) static inline bool
test_check(bool ok, const char *expr, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - ", ok ? "" : "not ", ++test_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	if (!ok) {
		printf("#   %s:%d: %s\n", file, line, expr);
		test_failed++;
	}
	fflush(stdout);
	return ok;
}

#define CHECK(cond, ...) test_check((cond), #cond, __FILE__, __LINE__, __VA_ARGS__)

static inline int test_done(void)
{
	printf("1..%d\n", test_count);
	return test_failed ? 1 : 0;
}

/* EFFORT (1..10) scales the number of seeds; SEED replays one. */
static inline int test_effort(void)
{
	const char *e = getenv("EFFORT");
	int n = e ? (int)strtol(e, NULL, 10) : 1;

	return n > 0 ? n : 1;
}

/* The run's base seed: from SEED, else from the clock; printed, so that a failure can be replayed. */
static inline uint64_t test_seed(void)
{
	const char *s = getenv("SEED");
	uint64_t seed = s ? strtoull(s, NULL, 10) : (uint64_t)time(NULL);

	printf("# SEED=%" PRIu64 "\n", seed);
	return seed;
}

/* splitmix64: a small generator with a full period, enough for tests. */
static inline uint64_t test_rand(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

#endif
