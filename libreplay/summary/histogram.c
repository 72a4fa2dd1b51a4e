/* histogram.c - see histogram.h */
#include "summary/histogram.h"

#include <string.h>

#define SECOND 1000LL
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define YEAR_1 (-62135596800000LL)
#define YEAR_10000 253402300800000LL

static const int64_t ladder[] = {
	1, 10, 100, SECOND, 5 * SECOND, 15 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, DAY,
	5 * DAY, 30 * DAY, 360 * DAY, 3600 * DAY, 36000 * DAY,
};
#define STEPS (sizeof(ladder) / sizeof(ladder[0]))

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static void fold(struct ev_histogram *h)
{
	uint64_t old[EV_HISTOGRAM_BARS];
	int64_t ratio = ladder[h->step + 1] / ladder[h->step];
	int64_t base = floor_div(h->base, ratio);
	size_t n = h->n;

	memcpy(old, h->bars, n * sizeof(old[0]));
	memset(h->bars, 0, sizeof(h->bars));
	for (size_t i = 0; i < n; i++)
		h->bars[floor_div(h->base + (int64_t)i, ratio) - base] += old[i];
	if (n)
		h->n = (size_t)(floor_div(h->base + (int64_t)n - 1, ratio) - base) + 1;
	h->base = base;
	h->step++;
}

static void shift_up(struct ev_histogram *h, size_t by)
{
	memmove(h->bars + by, h->bars, h->n * sizeof(h->bars[0]));
	memset(h->bars, 0, by * sizeof(h->bars[0]));
	h->base -= (int64_t)by;
	h->n += by;
}

void ev_histogram_add(struct ev_histogram *h, int64_t ms)
{
	if (ms < YEAR_1 || ms >= YEAR_10000) {
		h->outside++;
		return;
	}
	for (;;) {
		int64_t bar = floor_div(ms, ladder[h->step]);

		if (!h->n) {
			h->base = bar;
			h->n = 1;
		}
		if (bar >= h->base && bar - h->base < EV_HISTOGRAM_BARS) {
			if ((size_t)(bar - h->base) >= h->n)
				h->n = (size_t)(bar - h->base) + 1;
			h->bars[bar - h->base]++;
			return;
		}
		if (bar < h->base && h->base - bar + (int64_t)h->n <= EV_HISTOGRAM_BARS) {
			shift_up(h, (size_t)(h->base - bar));
			h->bars[0]++;
			return;
		}
		fold(h); /* 36000 days times 1024 bars hold all years, so this ends */
	}
}

void ev_histogram_fit(struct ev_histogram *h, size_t max)
{
	while (h->n > max && h->step + 1 < STEPS)
		fold(h);
}

int64_t ev_histogram_width(const struct ev_histogram *h)
{
	return ladder[h->step];
}

int64_t ev_histogram_start(const struct ev_histogram *h, size_t bar)
{
	return (h->base + (int64_t)bar) * ladder[h->step];
}
