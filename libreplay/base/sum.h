/*
 * sum.h - sums of counts that were read from a store, where anybody may have written any number: one that is too
 * large for 64 bits stays at their end, and so is never taken for a small one
 */
#ifndef EV_SUM_H
#define EV_SUM_H

#include <stdint.h>

static inline int64_t ev_sum(int64_t a, int64_t b)
{
	int64_t sum;

	if (!__builtin_add_overflow(a, b, &sum))
		return sum;
	return a < 0 ? INT64_MIN : INT64_MAX;
}

#endif
