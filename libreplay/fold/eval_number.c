/*
 * eval_number.c - exact decimals as PostgreSQL computes them, doubles as SQLite does; see eval.h
 *
 * A decimal is its digits and how many of them stand behind the point, which PostgreSQL shows and keeps: 1.10
 * is not written 1.1. Seventeen digits are held; what needs more is the store's.
 */
#include <stdint.h>

#include "fold/eval.h"

#define LIMIT INT64_C(100000000000000000) /* 10^17: with the places in 6 bits it fits 64 */
#define MOST_PLACES 17
#define EXACT_DOUBLE (INT64_C(1) << 53)

__extension__ typedef __int128 wide;

struct decimal {
	wide digits;
	int places;
};

static const struct ev_fv doubt = { .kind = EV_FV_DOUBT };

static int64_t power(int n)
{
	int64_t p = 1;

	while (n-- > 0)
		p *= 10;
	return p;
}

static bool decimal_of(const struct ev_fv *v, struct decimal *d)
{
	bool is = v->kind == EV_FV_INT || v->kind == EV_FV_DECIMAL;

	d->digits = v->kind == EV_FV_INT ? v->i : v->i >> 6;
	d->places = v->kind == EV_FV_INT ? 0 : (int)(v->i & 63);
	return is && d->digits < LIMIT && d->digits > -LIMIT;
}

static struct ev_fv of_decimal(struct decimal d)
{
	if (d.digits >= LIMIT || d.digits <= -LIMIT || d.places > MOST_PLACES)
		return doubt;
	if (!d.places)
		return (struct ev_fv){ .kind = EV_FV_INT, .i = (int64_t)d.digits };
	return (struct ev_fv){ .kind = EV_FV_DECIMAL, .i = (int64_t)d.digits * 64 + d.places };
}

/* As many places for both. */
static void align(struct decimal *l, struct decimal *r)
{
	struct decimal *less = l->places < r->places ? l : r;
	int more = l->places > r->places ? l->places : r->places;

	less->digits *= power(more - less->places);
	less->places = more;
}

int ev_fold_order_decimals(const struct ev_fv *l, const struct ev_fv *r)
{
	struct decimal a, b;

	if (!decimal_of(l, &a) || !decimal_of(r, &b))
		return EV_UNSURE;
	align(&a, &b);
	return (a.digits > b.digits) - (a.digits < b.digits);
}

struct ev_fv ev_fold_decimals(enum ev_fx_kind kind, const struct ev_fv *l, const struct ev_fv *r)
{
	struct decimal a, b;

	if (!decimal_of(l, &a) || !decimal_of(r, &b))
		return doubt;
	if (kind == EV_FX_MUL) {
		a.digits *= b.digits;
		a.places += b.places;
		return of_decimal(a);
	}
	align(&a, &b);
	a.digits += kind == EV_FX_ADD ? b.digits : -b.digits;
	return of_decimal(a);
}

struct ev_fv ev_fold_round(const struct ev_fv *v, int precision, int scale)
{
	struct decimal d;

	if (precision > MOST_PLACES || !decimal_of(v, &d))
		return doubt;
	if (d.places <= scale) {
		d.digits *= power(scale - d.places);
	} else { /* half away from zero */
		wide half = power(d.places - scale) / 2;

		d.digits = (d.digits + (d.digits < 0 ? -half : half)) / power(d.places - scale);
	}
	d.places = scale;
	if (d.digits >= power(precision) || d.digits <= -power(precision))
		return doubt;
	return of_decimal(d);
}

/* Digits, a point, an exponent; false when it is anything else, or long. */
static bool parse(struct ev_slice s, struct decimal *d)
{
	const char *p = s.ptr, *end = p + s.len;
	bool minus = p < end && *p == '-', point = false, small;
	int exponent = 0, seen = 0;

	*d = (struct decimal){ 0 };
	for (p += minus; p < end && ((*p >= '0' && *p <= '9') || (*p == '.' && !point)); p++) {
		point |= *p == '.';
		if (*p == '.')
			continue;
		d->digits = d->digits * 10 + (*p - '0');
		d->places += point;
		seen++;
		if (d->digits >= LIMIT || d->places > MOST_PLACES)
			return false;
	}
	if (p < end && seen && (*p == 'e' || *p == 'E')) {
		small = ++p < end && *p == '-';
		p += p < end && (*p == '-' || *p == '+');
		for (seen = 0; p < end && *p >= '0' && *p <= '9' && exponent < 100; p++, seen++)
			exponent = exponent * 10 + (*p - '0');
		exponent = small ? -exponent : exponent;
	}
	d->places -= exponent;
	if (p < end || !seen || d->places > MOST_PLACES || d->places < -MOST_PLACES)
		return false;
	if (d->places < 0) {
		d->digits *= power(-d->places);
		d->places = 0;
	}
	d->digits = minus ? -d->digits : d->digits;
	return d->digits < LIMIT && d->digits > -LIMIT;
}

struct ev_fv ev_fold_parse_decimal(struct ev_slice s)
{
	struct decimal d;

	return parse(s, &d) ? of_decimal(d) : doubt;
}

/* The nearest double, where one division of exact ones finds it; it is no whole number. */
struct ev_fv ev_fold_parse_real(struct ev_slice s)
{
	struct decimal d;
	double real;

	if (!parse(s, &d) || d.digits > EXACT_DOUBLE || d.digits < -EXACT_DOUBLE)
		return doubt;
	real = (double)d.digits / (double)power(d.places);
	if (real > 1e15 || real < -1e15 || real == (double)(int64_t)real)
		return doubt;
	return ev_fv_of_real(real);
}

void ev_fold_add_decimal(struct ev_buf *out, int64_t decimal)
{
	int64_t digits = decimal >> 6, unit = power((int)(decimal & 63));
	int64_t fraction = digits % unit < 0 ? -(digits % unit) : digits % unit;

	if (digits < 0)
		ev_buf_addc(out, '-');
	ev_buf_add_i64(out, digits < 0 ? -(digits / unit) : digits / unit);
	ev_buf_addc(out, '.');
	for (unit /= 10; unit; unit /= 10)
		ev_buf_addc(out, (char)('0' + fraction / unit % 10));
}

/* ---- doubles ---- */

static bool real_of(const struct ev_fv *v, double *d)
{
	*d = v->kind == EV_FV_REAL ? ev_fv_real(v) : (double)v->i;
	return v->kind == EV_FV_REAL || v->kind == EV_FV_INT;
}

int ev_fold_order_reals(const struct ev_fv *l, const struct ev_fv *r)
{
	double a, b;

	if (!real_of(l, &a) || !real_of(r, &b))
		return EV_UNSURE;
	/* SQLite compares the whole number itself, not the double that comes near to it */
	if ((l->kind == EV_FV_INT && (l->i > EXACT_DOUBLE || l->i < -EXACT_DOUBLE)) ||
	    (r->kind == EV_FV_INT && (r->i > EXACT_DOUBLE || r->i < -EXACT_DOUBLE)))
		return EV_UNSURE;
	return (a > b) - (a < b);
}

struct ev_fv ev_fold_reals(enum ev_fx_kind kind, const struct ev_fv *l, const struct ev_fv *r)
{
	double a, b, d;

	if (!real_of(l, &a) || !real_of(r, &b))
		return doubt;
	d = kind == EV_FX_ADD ? a + b : kind == EV_FX_SUB ? a - b : a * b;
	return __builtin_isfinite(d) ? ev_fv_of_real(d) : doubt;
}
