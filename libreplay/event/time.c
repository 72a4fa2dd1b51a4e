/* time.c - see time.h; what a person writes is in time_ask.c */
#include "event/time.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)
#define MAX_ESCAPED 128 /* bytes of a time written with escapes, decoded */

/* Days since 1970-01-01 of a valid proleptic Gregorian date. */
static int64_t days_from_civil(int year, int month, int day)
{
	/* years start in March, so that the leap day is the last one of its year */
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void civil_from_days(int64_t days, int *year, int *month, int *day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	*day = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = (int)(yoe + era * 400 + (*month <= 2));
}

static int days_in_month(int year, int month)
{
	static const char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month == 2 && leap ? 29 : days[month - 1];
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* What is left of the text being read. */
struct cursor {
	const char *p, *end;
};

static bool take(struct cursor *c, char want)
{
	if (c->p == c->end || *c->p != want)
		return false;
	c->p++;
	return true;
}

/* Exactly n digits; -1 when they are not there. */
static int digits(struct cursor *c, int n)
{
	int v = 0;

	if (c->end - c->p < n)
		return -1;
	for (int i = 0; i < n; i++) {
		if (!is_digit(c->p[i]))
			return -1;
		v = v * 10 + (c->p[i] - '0');
	}
	c->p += n;
	return v;
}

struct moment {
	int year, month, day, hour, minute, second, ms;
	bool finer; /* something but zeros below the second */
};

static int read_date(struct cursor *c, struct moment *m, const char **why)
{
	*why = "no ISO 8601 time";
	if ((m->year = digits(c, 4)) < 0 || !take(c, '-') || (m->month = digits(c, 2)) < 0 ||
	    !take(c, '-') || (m->day = digits(c, 2)) < 0)
		return -1;
	if (m->year < 1) {
		*why = "the year is outside 0001-9999";
		return -1;
	}
	if (m->month < 1 || m->month > 12 || m->day < 1 || m->day > days_in_month(m->year, m->month)) {
		*why = "no such date";
		return -1;
	}
	return 0;
}

/* `.123456`: at least one digit; those below a millisecond are cut off. */
static int read_fraction(struct cursor *c, struct moment *m)
{
	int n = 0;

	for (; c->p < c->end && is_digit(*c->p); c->p++, n++) {
		m->finer |= *c->p != '0';
		if (n < 3)
			m->ms = m->ms * 10 + (*c->p - '0');
	}
	for (int i = n; i < 3; i++)
		m->ms *= 10;
	return n ? 0 : -1;
}

static int read_clock(struct cursor *c, struct moment *m, const char **why)
{
	*why = "no ISO 8601 time";
	if ((m->hour = digits(c, 2)) < 0 || !take(c, ':') || (m->minute = digits(c, 2)) < 0)
		return -1;
	if (take(c, ':')) {
		if ((m->second = digits(c, 2)) < 0)
			return -1;
		if ((take(c, '.') || take(c, ',')) && read_fraction(c, m))
			return -1;
	}
	*why = "no such time of day";
	if (m->hour == 24)
		return m->minute || m->second || m->finer ? -1 : 0;
	return m->hour > 23 || m->minute > 59 || m->second > 60 ? -1 : 0;
}

static int read_zone(struct cursor *c, int *offset_minutes, const char **why)
{
	int sign, h, m = 0;

	*offset_minutes = 0;
	*why = "no time zone";
	if (c->p == c->end)
		return -1;
	if (take(c, 'Z') || take(c, 'z'))
		return 0;
	*why = "no ISO 8601 time zone";
	if (take(c, '+'))
		sign = 1;
	else if (take(c, '-'))
		sign = -1;
	else
		return -1;
	if ((h = digits(c, 2)) < 0)
		return -1;
	if (c->p < c->end) {
		take(c, ':');
		if ((m = digits(c, 2)) < 0)
			return -1;
	}
	if (h > 23 || m > 59)
		return -1;
	*offset_minutes = sign * (h * 60 + m);
	return 0;
}

/* The date is needed, the clock unless `date_alone`, the zone always. */
static int read_iso(struct ev_slice text, bool date_alone, int64_t *ms, const char **why)
{
	struct cursor c = { text.ptr, text.ptr + text.len };
	struct moment m = { 0 };
	int64_t minutes, t;
	int offset;

	if (read_date(&c, &m, why))
		return -1;
	if (take(&c, 'T') || take(&c, 't') || take(&c, ' ')) {
		if (read_clock(&c, &m, why))
			return -1;
	} else if (!date_alone) {
		*why = "no time of day";
		return -1;
	}
	if (read_zone(&c, &offset, why))
		return -1;
	if (c.p != c.end) {
		*why = "something stands behind the time zone";
		return -1;
	}
	minutes = days_from_civil(m.year, m.month, m.day) * 1440 + m.hour * 60 + m.minute - offset;
	t = minutes * 60000 + m.second * 1000 + m.ms;
	if (m.second == 60 && (t - m.ms) % DAY_MS) {
		*why = "second 60 is not at the end of a day in UTC";
		return -1;
	}
	if (t < EV_TIME_MIN || t > EV_TIME_MAX) {
		*why = "the year is outside 0001-9999";
		return -1;
	}
	*ms = t;
	return 0;
}

int ev_time_iso(struct ev_slice text, int64_t *ms, const char **why)
{
	return read_iso(text, true, ms, why);
}

/*
 * A number as 0.DDD... * 10^exp: `first` is its first digit that is not zero (in text that may hold
 * one point), `last` is behind its last digit.
 */
struct scientific {
	bool negative;
	const char *first, *last;
	int64_t exp;
};

/* The exponent part; huge ones are capped, far outside what any time needs. */
static int64_t read_exponent(const char *p, const char *end)
{
	bool negative = false;
	int64_t v = 0;

	if (p < end && (*p == '+' || *p == '-'))
		negative = *p++ == '-';
	for (; p < end; p++)
		if (v < INT64_C(1000000000000))
			v = v * 10 + (*p - '0');
	return negative ? -v : v;
}

static void read_number(struct ev_slice s, struct scientific *n)
{
	const char *p = s.ptr, *end = s.ptr + s.len;
	bool point = false;

	*n = (struct scientific){ 0 };
	if (p < end && *p == '-') {
		n->negative = true;
		p++;
	}
	for (; p < end && (is_digit(*p) || *p == '.'); p++) {
		if (*p == '.') {
			point = true;
			continue;
		}
		if (!n->first && *p != '0')
			n->first = p;
		if (n->first && !point)
			n->exp++;
		else if (!n->first && point)
			n->exp--;
	}
	n->last = p;
	if (p < end)
		n->exp += read_exponent(p + 1, end);
}

/* Is the text a number as JSON writes it? */
static bool is_number(struct ev_slice s)
{
	struct cursor c = { s.ptr, s.ptr + s.len };
	const char *from;

	take(&c, '-');
	for (from = c.p; c.p < c.end && is_digit(*c.p); c.p++)
		;
	if (c.p == from || (*from == '0' && c.p - from > 1))
		return false;
	if (take(&c, '.')) {
		for (from = c.p; c.p < c.end && is_digit(*c.p); c.p++)
			;
		if (c.p == from)
			return false;
	}
	if (take(&c, 'e') || take(&c, 'E')) {
		if (!take(&c, '+'))
			take(&c, '-');
		for (from = c.p; c.p < c.end && is_digit(*c.p); c.p++)
			;
		if (c.p == from)
			return false;
	}
	return c.p == c.end;
}

/* Exact: the digits are cut at the millisecond, nothing is ever multiplied. */
static int of_number(struct ev_slice number, int64_t *ms, const char **why)
{
	struct scientific n;
	int64_t whole = 0;
	bool rest = false;

	read_number(number, &n);
	if (!n.first) {
		*ms = 0;
		return 0;
	}
	if (n.exp <= 11)
		n.exp += 3; /* seconds */
	else if (n.exp > 17)
		n.exp -= 6; /* nanoseconds */
	else if (n.exp > 14)
		n.exp -= 3; /* microseconds */
	if (n.exp > 15)
		goto range;
	for (const char *p = n.first; p < n.last && !rest; p++) {
		if (*p == '.')
			continue;
		if (n.exp > 0) {
			whole = whole * 10 + (*p - '0');
			n.exp--;
		} else {
			rest = *p != '0';
		}
	}
	for (; n.exp > 0; n.exp--)
		whole *= 10;
	if (n.negative)
		whole = -whole - rest;
	if (whole < EV_TIME_MIN || whole > EV_TIME_MAX)
		goto range;
	*ms = whole;
	return 0;
range:
	*why = "the year is outside 0001-9999";
	return -1;
}

static int hex(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/*
 * Some writers escape the + of a zone (\u002B), so times with escapes are no curiosity and must not
 * cost an allocation. Only \u00XX of an ASCII character can be part of a time.
 */
static bool unescape(struct ev_slice raw, char *out, size_t *len)
{
	size_t n = 0;

	for (size_t i = 0; i < raw.len; i++) {
		char c = raw.ptr[i];

		if (c == '\\') {
			if (raw.len - i < 6 || memcmp(raw.ptr + i, "\\u00", 4) != 0)
				return false;
			c = (char)(hex(raw.ptr[i + 4]) * 16 + hex(raw.ptr[i + 5]));
			i += 5;
		}
		if (n == MAX_ESCAPED)
			return false;
		out[n++] = c;
	}
	*len = n;
	return true;
}

int ev_time_of_value(const struct ev_value *v, int64_t *ms, const char **why)
{
	char decoded[MAX_ESCAPED];
	struct ev_slice text = v->raw;

	if (v->type == EV_JSON_NUMBER)
		return of_number(text, ms, why);
	if (v->type != EV_JSON_STRING) {
		*why = "neither a string nor a number";
		return -1;
	}
	if (v->escaped) {
		if (!unescape(v->raw, decoded, &text.len)) {
			*why = "no ISO 8601 time";
			return -1;
		}
		text.ptr = decoded;
	}
	if (is_number(text))
		return of_number(text, ms, why);
	return read_iso(text, false, ms, why);
}

static void put(char *out, int v, int width)
{
	while (width--) {
		out[width] = (char)('0' + v % 10);
		v /= 10;
	}
}

void ev_time_format(int64_t ms, char out[EV_TIME_TEXT])
{
	int year, month, day, rest;
	int64_t days;

	if (ms < EV_TIME_MIN)
		ms = EV_TIME_MIN;
	if (ms > EV_TIME_MAX)
		ms = EV_TIME_MAX;
	rest = (int)(ms - ev_window_start(ms, DAY_MS));
	days = (ms - rest) / DAY_MS;
	civil_from_days(days, &year, &month, &day);
	memcpy(out, "0000-00-00T00:00:00.000Z", 25);
	put(out, year, 4);
	put(out + 5, month, 2);
	put(out + 8, day, 2);
	put(out + 11, rest / 3600000, 2);
	put(out + 14, rest / 60000 % 60, 2);
	put(out + 17, rest / 1000 % 60, 2);
	put(out + 20, rest % 1000, 3);
}

void ev_time_show(int64_t ms, char out[EV_TIME_TEXT])
{
	if (ms >= EV_TIME_MIN && ms <= EV_TIME_MAX)
		ev_time_format(ms, out);
	else
		snprintf(out, EV_TIME_TEXT, "?%" PRId64, ms);
}

int64_t ev_window_start(int64_t ms, int64_t size)
{
	int64_t rest = ms % size, start;

	if (rest < 0)
		rest += size;
	return __builtin_sub_overflow(ms, rest, &start) ? INT64_MIN : start;
}
