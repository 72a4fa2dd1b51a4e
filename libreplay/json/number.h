/*
 * number.h - exact arithmetic on JSON number texts
 *
 * Arguments are valid JSON numbers (RFC 8259) of any length; nothing goes through a double. An
 * exponent beyond 10^17 counts as 10^17, one below -10^17 as that.
 */
#ifndef EV_NUMBER_H
#define EV_NUMBER_H

#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum ev_number_result {
	EV_NUMBER_OK = 0,
	EV_NUMBER_INEXACT, /* not an integer after scaling */
	EV_NUMBER_RANGE,   /* does not fit 64 bits */
};

/* value * 10^scale as an exact integer: 123.45 with scale 2 is 12345; 1e2 with scale 0 is 100. */
enum ev_number_result ev_number_scaled(struct ev_slice number, int scale, int64_t *out);

/* Order by value: -1, 0, 1. 1.10 equals 1.1e0; -0 equals 0. */
int ev_number_cmp(struct ev_slice a, struct ev_slice b);

/*
 * Canonical decimal: no exponent, no superfluous zeros, "0" for every zero; appended to `out`.
 * False when it would need more than 1000 digits, the 0 before a point not counted (then nothing
 * is appended).
 */
bool ev_number_canonical(struct ev_slice number, struct ev_buf *out);

#endif
