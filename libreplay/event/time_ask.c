/* time_ask.c - times and durations as a person writes them; see time.h */
#include <string.h>
#include <time.h>

#include "event/time.h"

#define MAX_FRACTION 9 /* digits behind the point of a duration */

static const struct unit {
	const char *name; /* also with an s behind it, where it is a word */
	int64_t ms;
	bool word;
} units[] = {
	{ "ms", 1, false },
	{ "s", 1000, false },
	{ "m", 60000, false },
	{ "h", 3600000, false },
	{ "d", 86400000, false },
	{ "w", 604800000, false },
	{ "millisecond", 1, true },
	{ "second", 1000, true },
	{ "minute", 60000, true },
	{ "hour", 3600000, true },
	{ "day", 86400000, true },
	{ "week", 604800000, true },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int64_t unit_of(const char *p, size_t len)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		const struct unit *u = &units[i];
		size_t n = strlen(u->name);

		if (len >= n && memcmp(p, u->name, n) == 0 &&
		    (len == n || (u->word && len == n + 1 && p[n] == 's')))
			return u->ms;
	}
	return 0;
}

/* One `1.5h` at *p as a factor of `unit`: add it to *total. Returns what is wrong, or NULL. */
static const char *add_part(const char *number, size_t len, int64_t unit, int64_t *total)
{
	int64_t whole = 0, fraction = 0, power = 1, part;
	size_t i = 0;

	for (; i < len && number[i] != '.'; i++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, number[i] - '0', &whole))
			return "too long";
	if (i < len && len - i - 1 > MAX_FRACTION)
		return "too many digits behind the point";
	for (i++; i < len; i++) {
		fraction = fraction * 10 + (number[i] - '0');
		power *= 10;
	}
	if (fraction * unit % power)
		return "finer than a millisecond";
	if (__builtin_mul_overflow(whole, unit, &part) ||
	    __builtin_add_overflow(part, fraction * unit / power, &part) ||
	    __builtin_add_overflow(*total, part, total))
		return "too long";
	return NULL;
}

/* The length of `12` or `1.5` at p; 0 when there is none. */
static size_t number_length(const char *p)
{
	size_t n = 0, point;

	while (is_digit(p[n]))
		n++;
	if (!n || p[n] != '.')
		return n;
	for (point = n++; is_digit(p[n]); n++)
		;
	return n > point + 1 ? n : 0;
}

/* Parts of descending units: `1h30m`, `1 hour 30 minutes`. Returns what is wrong, or NULL. */
static const char *read_duration(const char *p, int64_t *ms)
{
	int64_t total = 0, unit, last = INT64_MAX;

	if (!*p)
		return "nothing is given";
	while (*p) {
		const char *number = p, *word, *wrong;
		size_t len = number_length(p);

		if (!len)
			return "a number is missing";
		p += len;
		if (*p == ' ')
			p++;
		for (word = p; *p >= 'a' && *p <= 'z'; p++)
			;
		unit = unit_of(word, (size_t)(p - word));
		if (!unit)
			return p == word ? "the unit is missing" : "no such unit";
		if (unit >= last)
			return "larger units go before smaller ones";
		last = unit;
		wrong = add_part(number, len, unit, &total);
		if (wrong)
			return wrong;
		if (*p == ' ' && p[1])
			p++;
	}
	if (total <= 0)
		return "it must be longer than nothing";
	*ms = total;
	return NULL;
}

int ev_duration_parse(const char *text, int64_t *ms, struct ev_error *err)
{
	const char *wrong = read_duration(text, ms);

	if (!wrong)
		return 0;
	ev_fail(err, EV_USAGE, "cannot read duration '%s': %s", text, wrong);
	return ev_hint(err, "write a number and a unit: 250ms, 10s, 1.5m, 2h, 7d, 1w, 1h30m or "
			    "'5 minutes'");
}

/* Midnight of the local day that is `back` days before the one of now_ms. */
static int local_midnight(int64_t now_ms, int back, int64_t *ms)
{
	time_t t = (time_t)(ev_window_start(now_ms, 1000) / 1000);
	struct tm tm, day;

	if (!localtime_r(&t, &tm))
		return -1;
	tm.tm_mday -= back;
	tm.tm_hour = 12; /* midday exists every day, so this settles which day is meant */
	tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	if (mktime(&tm) == (time_t)-1)
		return -1;
	day = tm;
	day.tm_hour = 0;
	day.tm_isdst = -1;
	t = mktime(&day);
	/* where clocks jump at midnight the day starts at the first quarter of an hour that exists */
	while (t != (time_t)-1 && day.tm_mday != tm.tm_mday) {
		t += 900;
		if (!localtime_r(&t, &day))
			return -1;
	}
	*ms = (int64_t)t * 1000;
	return t == (time_t)-1 ? -1 : 0;
}

static int fail(const char *text, const char *why, struct ev_error *err)
{
	ev_fail(err, EV_USAGE, "cannot read time '%s': %s", text, why);
	return ev_hint(err, "write it as 2026-11-20T10:00:00Z, 2026-11-20T10:00+01:00, today, yesterday, "
			    "now, -90m, or epoch seconds or milliseconds");
}

static int read_ago(const char *text, int64_t now_ms, int64_t *ms, struct ev_error *err)
{
	int64_t ago, t;
	const char *wrong = read_duration(text + 1, &ago);

	if (wrong)
		return fail(text, wrong, err);
	if (__builtin_sub_overflow(now_ms, ago, &t) || t < EV_TIME_MIN)
		return fail(text, "it lies before the year 1", err);
	*ms = t;
	return 0;
}

static int read_epoch(const char *text, size_t len, int64_t *ms, struct ev_error *err)
{
	int64_t v = 0;

	if (len > 14)
		return fail(text, "more than 14 digits are neither seconds nor milliseconds", err);
	for (size_t i = 0; i < len; i++)
		v = v * 10 + (text[i] - '0');
	*ms = len <= 10 ? v * 1000 : v;
	return 0;
}

/* Is it only the zone that is missing? Then say how to write it. */
static int fail_iso(const char *text, const char *why, struct ev_error *err)
{
	char zoned[64];
	size_t len = strlen(text);
	const char *ignored;
	int64_t ms;

	if (len + 2 > sizeof(zoned))
		return fail(text, why, err);
	memcpy(zoned, text, len);
	memcpy(zoned + len, "Z", 2);
	if (ev_time_iso(ev_slice(zoned, len + 1), &ms, &ignored))
		return fail(text, why, err);
	ev_fail(err, EV_USAGE, "cannot read time '%s': no time zone", text);
	if (len == 10)
		return ev_hint(err, "write %sT00:00Z for UTC, or %sT00:00+01:00 for a zone one hour "
				    "ahead of it", text, text);
	return ev_hint(err, "write %sZ for UTC, or %s+01:00 for a zone one hour ahead of it", text,
		       text);
}

int ev_time_parse(const char *text, int64_t now_ms, int64_t *ms, struct ev_error *err)
{
	size_t len = strlen(text);
	const char *why;
	int back;

	if (!len)
		return fail(text, "nothing is given", err);
	if (strcmp(text, "now") == 0) {
		*ms = now_ms;
		return 0;
	}
	back = strcmp(text, "yesterday") == 0;
	if (back || strcmp(text, "today") == 0)
		return local_midnight(now_ms, back, ms) ? fail(text, "no such day here", err) : 0;
	if (*text == '-')
		return read_ago(text, now_ms, ms, err);
	if (strspn(text, "0123456789") == len)
		return read_epoch(text, len, ms, err);
	if (ev_time_iso(ev_slice(text, len), ms, &why))
		return fail_iso(text, why, err);
	return 0;
}
