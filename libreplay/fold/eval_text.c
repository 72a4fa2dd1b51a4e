/* eval_text.c - texts and moments computed; see eval.h */
#include "fold/eval.h"

static const struct ev_fv doubt = { .kind = EV_FV_DOUBT };

/* `n` digits at *p, which moves behind them; -1 when it does not see them. */
static int64_t digits(const char **p, const char *end, int n)
{
	int64_t v = 0;

	if (end - *p < n)
		return -1;
	for (int i = 0; i < n; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return -1;
		v = v * 10 + (**p - '0');
	}
	return v;
}

/* 2026-11-20T10:00:00.123Z or 2026-11-20 10:00:00.123+00 as a number that grows with it; -1: neither. */
static int64_t moment(struct ev_slice s)
{
	static const char between[] = "--x::";
	static const int sizes[] = { 4, 2, 2, 2, 2, 2 }, radix[] = { 1, 13, 32, 24, 60, 61 };
	const char *p = s.ptr, *end = p + s.len;
	int64_t at = 0, unit = 1000000, part;

	for (int i = 0; i < 6; i++) {
		part = digits(&p, end, sizes[i]);
		if (part < 0 || (i && part >= radix[i]) || p >= end)
			return -1;
		at = at * radix[i] + part;
		if (i == 2 ? *p != 'T' && *p != ' ' : i < 5 && *p != between[i])
			return -1;
		p += i < 5;
	}
	at *= unit;
	if (*p == '.')
		for (p++; p < end && *p >= '0' && *p <= '9' && unit > 1; p++)
			at += (unit /= 10) * (*p - '0');
	s = ev_slice(p, (size_t)(end - p));
	return ev_slice_is(s, "Z") || ev_slice_is(s, "+00") ? at : -1;
}

int ev_fold_order_moments(struct ev_slice l, struct ev_slice r)
{
	int64_t a = moment(l), b = moment(r);

	return a < 0 || b < 0 ? EV_UNSURE : (a > b) - (a < b);
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool same_bytes(enum ev_dialect d, const char *a, const char *b, size_t n)
{
	if (d == EV_POSTGRESQL)
		return memcmp(a, b, n) == 0;
	for (size_t i = 0; i < n; i++) /* SQLite's LIKE takes A for a, but no other letters */
		if (lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

/* The pattern's pieces between % one behind the other, each as early as it comes. */
static bool like(enum ev_dialect d, struct ev_slice s, struct ev_slice pattern)
{
	const char *p = pattern.ptr, *end = p + pattern.len, *at = s.ptr, *stop = at + s.len;
	bool first = true;

	for (;;) {
		const char *percent = memchr(p, '%', (size_t)(end - p));
		size_t n = (size_t)((percent ? percent : end) - p);

		if ((size_t)(stop - at) < n)
			return false;
		if (!percent) /* the last piece ends the text */
			return (!first || (size_t)(stop - at) == n) && same_bytes(d, stop - n, p, n);
		while (!same_bytes(d, at, p, n)) {
			if (first || (size_t)(stop - at) == n)
				return false;
			at++;
		}
		at += n;
		p = percent + 1;
		first = false;
	}
}

int ev_fold_like(enum ev_dialect d, const struct ev_fv *v, struct ev_slice pattern)
{
	if (v->kind == EV_FV_NULL)
		return EV_UNKNOWN;
	return ev_fv_is_text(v) ? like(d, v->text, pattern) : EV_UNSURE;
}

struct ev_fv ev_fold_substr(const struct ev_fx *x, const struct ev_fv *v)
{
	struct ev_fv out = { .kind = EV_FV_TEXT, .text = v->text };
	size_t from = (size_t)x->min - 1, n = (size_t)x->max;

	if (v->kind == EV_FV_NULL)
		return *v;
	if (!ev_fv_is_text(v))
		return doubt;
	for (size_t i = 0; i < v->text.len && i < from + n; i++)
		if ((unsigned char)v->text.ptr[i] >= 0x80)
			return doubt; /* a character is not a byte */
	from = from < v->text.len ? from : v->text.len;
	out.text.ptr += from;
	out.text.len -= from;
	out.text.len = out.text.len < n ? out.text.len : n;
	return out;
}

struct ev_fv ev_fold_length(const struct ev_fv *v)
{
	struct ev_fv out = { .kind = EV_FV_INT };

	if (v->kind == EV_FV_NULL)
		return *v;
	if (!ev_fv_is_text(v))
		return doubt;
	for (size_t i = 0; i < v->text.len; i++)
		out.i += ((unsigned char)v->text.ptr[i] & 0xc0) != 0x80;
	return out;
}
