/* clock.c - see clock.h */
#include "base/clock.h"

#include <time.h>

static int64_t millis(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t ev_clock_ms(void)
{
	return millis(CLOCK_MONOTONIC);
}

static int64_t micros(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t ev_clock_us(void)
{
	return micros(CLOCK_MONOTONIC);
}

int64_t ev_clock_boot_us(void)
{
	return micros(CLOCK_BOOTTIME);
}

int64_t ev_now_ms(void)
{
	return millis(CLOCK_REALTIME);
}

int64_t ev_age_ms(int64_t time_ms)
{
	int64_t age;

	if (__builtin_sub_overflow(ev_now_ms(), time_ms, &age))
		return time_ms < 0 ? INT64_MAX : INT64_MIN;
	return age;
}
