/*
 * pacing.c - how far paced record lines on stdin are from their schedule
 *
 *   evreplay FILE --speed 1x --into - | pacing    prints p50, p99 and the worst lateness in ms
 *
 * The schedule is the records' own timestamps; its zero is the line that came earliest by it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sink/pace.h"

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int main(void)
{
	int64_t *late = NULL;
	size_t n = 0, cap = 0, size = 0;
	char *line = NULL;

	while (getline(&line, &size, stdin) > 0) {
		int64_t now = ev_clock_us();
		const char *at = strstr(line, "\"timestamp\":");

		if (!at)
			continue;
		EV_GROW(late, n, cap);
		late[n++] = now - strtoll(at + 12, NULL, 10) * 1000;
	}
	free(line);
	if (!n)
		return 1;
	qsort(late, n, sizeof(*late), by_value);
	printf("%.2f %.2f %.2f\n", (double)(late[n / 2] - late[0]) / 1000,
	       (double)(late[n - 1 - n / 100] - late[0]) / 1000, (double)(late[n - 1] - late[0]) / 1000);
	free(late);
	return 0;
}
