/* number.c - see number.h: a number text as digits and a power of ten */
#include "json/number.h"

#define MAX_CANONICAL 1000
#define MAX_EXPONENT INT64_C(100000000000000000) /* 10^17, see number.h */

/* value = 0.d1d2...dn * 10^point, without leading or trailing zeros; zero has no digits. */
struct decimal {
	bool negative;
	const char *int_part, *fraction; /* digits as they stand */
	size_t nint, nfraction;
	size_t first, last; /* significant digits are [first, last) of int_part then fraction */
	int64_t point;
};

static int digit_at(const struct decimal *d, size_t i)
{
	return (i < d->nint ? d->int_part[i] : d->fraction[i - d->nint]) - '0';
}

static struct decimal parse(struct ev_slice s)
{
	struct decimal d = { 0 };
	const char *p = s.ptr, *end = s.ptr + s.len;
	int64_t exponent = 0;
	bool minus = false;

	d.negative = p < end && *p == '-';
	p += d.negative;
	for (d.int_part = p; p < end && *p >= '0' && *p <= '9'; p++)
		d.nint++;
	p += p < end && *p == '.';
	for (d.fraction = p; p < end && *p >= '0' && *p <= '9'; p++)
		d.nfraction++;
	if (p < end) { /* e */
		p++;
		minus = p < end && *p == '-';
		p += p < end && (*p == '-' || *p == '+');
		for (; p < end; p++)
			if (exponent < MAX_EXPONENT)
				exponent = exponent * 10 + (*p - '0');
		if (exponent > MAX_EXPONENT)
			exponent = MAX_EXPONENT;
	}
	d.last = d.nint + d.nfraction;
	while (d.first < d.last && digit_at(&d, d.first) == 0)
		d.first++;
	while (d.last > d.first && digit_at(&d, d.last - 1) == 0)
		d.last--;
	d.point = (int64_t)d.nint - (int64_t)d.first + (minus ? -exponent : exponent);
	if (d.first == d.last)
		d.negative = false;
	return d;
}

enum ev_number_result ev_number_scaled(struct ev_slice number, int scale, int64_t *out)
{
	struct decimal d = parse(number);
	int64_t n = (int64_t)(d.last - d.first), point = d.point + scale;
	uint64_t v = 0, limit = d.negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;

	*out = 0;
	if (!n)
		return EV_NUMBER_OK;
	if (point < n)
		return EV_NUMBER_INEXACT;
	if (point > 19)
		return EV_NUMBER_RANGE;
	for (int64_t i = 0; i < point; i++) {
		uint64_t digit = i < n ? (uint64_t)digit_at(&d, d.first + (size_t)i) : 0;

		if (v > (limit - digit) / 10)
			return EV_NUMBER_RANGE;
		v = v * 10 + digit;
	}
	*out = d.negative ? (int64_t)(0 - v) : (int64_t)v;
	return EV_NUMBER_OK;
}

int ev_number_cmp(struct ev_slice a, struct ev_slice b)
{
	struct decimal x = parse(a), y = parse(b);
	size_t nx = x.last - x.first, ny = y.last - y.first;
	int sign = x.negative ? -1 : 1;

	if (!nx || !ny)
		return nx ? sign : ny ? (y.negative ? 1 : -1) : 0;
	if (x.negative != y.negative)
		return sign;
	if (x.point != y.point)
		return x.point < y.point ? -sign : sign;
	for (size_t i = 0; i < nx && i < ny; i++) {
		int c = digit_at(&x, x.first + i) - digit_at(&y, y.first + i);

		if (c)
			return c < 0 ? -sign : sign;
	}
	return nx == ny ? 0 : nx < ny ? -sign : sign;
}

/* Zeros before the first significant digit (a negative place) and behind the last one. */
static void add_digits(const struct decimal *d, int64_t from, int64_t to, struct ev_buf *out)
{
	int64_t n = (int64_t)(d->last - d->first);

	for (int64_t i = from; i < to; i++) {
		int digit = i < 0 || i >= n ? 0 : digit_at(d, d->first + (size_t)i);

		ev_buf_addc(out, (char)('0' + digit));
	}
}

bool ev_number_canonical(struct ev_slice number, struct ev_buf *out)
{
	struct decimal d = parse(number);
	int64_t n = (int64_t)(d.last - d.first);

	if (!n) {
		ev_buf_addc(out, '0');
		return true;
	}
	if (d.point > MAX_CANONICAL || n - d.point > MAX_CANONICAL || n > MAX_CANONICAL)
		return false;
	if (d.negative)
		ev_buf_addc(out, '-');
	if (d.point <= 0)
		ev_buf_addc(out, '0');
	else
		add_digits(&d, 0, d.point, out);
	if (d.point < n) {
		ev_buf_addc(out, '.');
		add_digits(&d, d.point, n, out);
	}
	return true;
}
