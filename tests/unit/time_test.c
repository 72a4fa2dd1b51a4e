/* time_test.c - times of events and of persons, against the C library's calendar */
#include "test.h"

#include "event/time.h"

static struct ev_value string(const char *s)
{
	return (struct ev_value){ EV_JSON_STRING, strchr(s, '\\') != NULL, ev_slice_str(s) };
}

static struct ev_value number(const char *s)
{
	return (struct ev_value){ EV_JSON_NUMBER, false, ev_slice_str(s) };
}

static void check_value(struct ev_value v, const char *want)
{
	char text[EV_TIME_TEXT] = "error";
	const char *why = NULL;
	int64_t ms;

	if (!ev_time_of_value(&v, &ms, &why))
		ev_time_format(ms, text);
	CHECK(strcmp(text, want) == 0, "%s '%s' is %s (got %s)",
	      v.type == EV_JSON_NUMBER ? "number" : "string", v.raw.ptr, want, text);
	if (strcmp(want, "error") == 0)
		CHECK(why && *why, "why '%s' is no time is said: %s", v.raw.ptr, why ? why : "");
}

static void test_iso(void)
{
	static const char *const cases[][2] = {
		{ "2026-11-20T10:00:00Z", "2026-11-20T10:00:00.000Z" },
		{ "2026-11-20t10:00:00.123456789z", "2026-11-20T10:00:00.123Z" },
		{ "2026-11-20 10:00:00,5+01", "2026-11-20T09:00:00.500Z" },
		{ "2026-11-20T10:00+0530", "2026-11-20T04:30:00.000Z" },
		{ "2026-11-20T10:00:00\\u002B01:00", "2026-11-20T09:00:00.000Z" },
		{ "2026-11-20T10:00:00-00:00", "2026-11-20T10:00:00.000Z" },
		{ "2026-11-20T24:00:00Z", "2026-11-21T00:00:00.000Z" },
		{ "2026-12-31T24:00Z", "2027-01-01T00:00:00.000Z" },
		{ "2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z" },
		{ "2016-12-31T23:59:60.25Z", "2017-01-01T00:00:00.250Z" },
		{ "2016-12-31T15:59:60-08:00", "2017-01-01T00:00:00.000Z" },
		{ "2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z" },
		{ "2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000Z" },
		{ "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z" },
		{ "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999Z" },
		{ "1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z" },
		{ "1900-02-29T00:00:00Z", "error" },
		{ "2100-02-29T00:00:00Z", "error" },
		{ "2026-02-30T00:00:00Z", "error" },
		{ "2026-00-10T00:00:00Z", "error" },
		{ "2026-13-10T00:00:00Z", "error" },
		{ "2026-04-31T00:00:00Z", "error" },
		{ "0000-12-31T23:59:59Z", "error" },
		{ "0001-01-01T00:00:00+00:01", "error" },
		{ "9999-12-31T24:00Z", "error" },
		{ "2026-11-20T24:00:01Z", "error" },
		{ "2026-11-20T24:00:00.0001Z", "error" },
		{ "2026-11-20T25:00:00Z", "error" },
		{ "2026-11-20T10:60:00Z", "error" },
		{ "2026-11-20T10:00:60Z", "error" },
		{ "2026-11-20T10:00:61Z", "error" },
		{ "2026-11-20T10:00:00", "error" },
		{ "2026-11-20T10:00:00.Z", "error" },
		{ "2026-11-20T10:00.5Z", "error" },
		{ "2026-11-20T10Z", "error" },
		{ "2026-11-20Z", "error" },
		{ "2026-11-20", "error" },
		{ "2026-11-20T10:00:00+1", "error" },
		{ "2026-11-20T10:00:00+24:00", "error" },
		{ "2026-11-20T10:00:00+01:60", "error" },
		{ "2026-11-20T10:00:00+01:", "error" },
		{ "2026-11-20T10:00:00Z ", "error" },
		{ " 2026-11-20T10:00:00Z", "error" },
		{ "+2026-11-20T10:00:00Z", "error" },
		{ "now", "error" },
		{ "today", "error" },
		{ "2026-11-20T10:00:00\\n", "error" },
		{ "", "error" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check_value(string(cases[i][0]), cases[i][1]);
}

static void test_numbers(void)
{
	static const char *const cases[][2] = {
		{ "0", "1970-01-01T00:00:00.000Z" },
		{ "-0.0e5", "1970-01-01T00:00:00.000Z" },
		{ "1732190400", "2024-11-21T12:00:00.000Z" },
		{ "1732190400.1239", "2024-11-21T12:00:00.123Z" },
		{ "1732190400123", "2024-11-21T12:00:00.123Z" },
		{ "1732190400123.9", "2024-11-21T12:00:00.123Z" },
		{ "1732190400123456", "2024-11-21T12:00:00.123Z" },
		{ "1732190400123456789", "2024-11-21T12:00:00.123Z" },
		{ "1.7321904e9", "2024-11-21T12:00:00.000Z" },
		{ "173219040000000000000e-11", "2024-11-21T12:00:00.000Z" },
		{ "0.00000000017321904E+19", "2024-11-21T12:00:00.000Z" },
		{ "-1", "1969-12-31T23:59:59.000Z" },
		{ "-0.0001", "1969-12-31T23:59:59.999Z" },
		{ "-1e-999999999999999999999", "1969-12-31T23:59:59.999Z" },
		{ "1e-999999999999999999999", "1970-01-01T00:00:00.000Z" },
		{ "99999999999", "5138-11-16T09:46:39.000Z" },    /* the last second */
		{ "100000000000", "1973-03-03T09:46:40.000Z" },   /* the first millisecond */
		{ "99999999999999", "5138-11-16T09:46:39.999Z" },
		{ "100000000000000", "1973-03-03T09:46:40.000Z" },
		{ "99999999999999999", "5138-11-16T09:46:39.999Z" },
		{ "100000000000000000", "1973-03-03T09:46:40.000Z" },
		{ "9223372036854775807", "2262-04-11T23:47:16.854Z" },
		{ "9223372036854775808", "2262-04-11T23:47:16.854Z" },
		{ "253402300799999999999", "9999-12-31T23:59:59.999Z" },
		{ "253402300800000000000", "error" },
		{ "-62135596800", "0001-01-01T00:00:00.000Z" },
		{ "-62135596800.001", "error" },
		{ "1e30", "error" },
		{ "1e999999999999999999999999", "error" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		check_value(number(cases[i][0]), cases[i][1]);
		check_value(string(cases[i][0]), cases[i][1]);
	}
	check_value(string("+1"), "error");
	check_value(string("01"), "error");
	check_value(string("1."), "error");
	check_value(string("1e"), "error");
	check_value(string("0x10"), "error");
	check_value((struct ev_value){ EV_JSON_TRUE, false, EV_LITERAL("true") }, "error");
	check_value((struct ev_value){ EV_JSON_NULL, false, EV_LITERAL("null") }, "error");
}

/* Our calendar against timegm and gmtime_r, and format against parse, at random moments. */
static void test_random(void)
{
	uint64_t rand = test_seed();
	int64_t span = INT64_C(253402300799999) + INT64_C(62135596800000) + 1;
	int wrong = 0, n = 20000 * test_effort();

	for (int i = 0; i < n; i++) {
		int64_t ms = (int64_t)(test_rand(&rand) % (uint64_t)span) - INT64_C(62135596800000);
		int64_t second = (ms - ((ms % 1000) + 1000) % 1000) / 1000, back = 0;
		char ours[EV_TIME_TEXT], theirs[64];
		time_t t = (time_t)second;
		const char *why;
		struct tm tm;

		gmtime_r(&t, &tm);
		ev_time_format(ms, ours);
		snprintf(theirs, sizeof(theirs), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
			 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
			 (int)(ms - second * 1000));
		if (strcmp(ours, theirs) != 0 || ev_time_iso(ev_slice_str(ours), &back, &why) ||
		    back != ms || (int64_t)timegm(&tm) != second) {
			printf("# %" PRId64 ": %s %s %" PRId64 "\n", ms, ours, theirs, back);
			wrong++;
		}
	}
	CHECK(wrong == 0, "%d random moments print as gmtime_r says and read back", n);
}

static void test_every_day(void)
{
	int wrong = 0;
	time_t t = -62135596800;
	struct tm tm;

	for (int day = 0; day < 3652059; day++, t += 86400) {
		char text[EV_TIME_TEXT];

		if (day % 7) /* every date of a weekday falls on every other one some year */
			continue;
		gmtime_r(&t, &tm);
		ev_time_format((int64_t)t * 1000, text);
		wrong += strtol(text, NULL, 10) != tm.tm_year + 1900 || strtol(text + 5, NULL, 10) != tm.tm_mon + 1 ||
			 strtol(text + 8, NULL, 10) != tm.tm_mday;
	}
	CHECK(wrong == 0, "each seventh day of the years 1 to 9999 is the C library's");
}

#define NOW INT64_C(1732190400123) /* 2024-11-21T12:00:00.123Z */

static void check_ask(const char *text, int64_t want)
{
	struct ev_error err = EV_ERROR_INIT;
	int64_t ms = -1;
	int rc = ev_time_parse(text, NOW, &ms, &err);

	CHECK(!rc && ms == want, "'%s' is %" PRId64 " (got %" PRId64 " %s)", text, want, ms, err.text);
}

static void check_refused(const char *text, const char *part)
{
	struct ev_error err = EV_ERROR_INIT;
	int64_t ms;
	int rc = ev_time_parse(text, NOW, &ms, &err);

	CHECK(rc && err.class == EV_USAGE && *err.hint && (strstr(err.text, part) || strstr(err.hint, part)),
	      "time '%s' is refused with '%s' (%s; %s)", text, part, err.text, err.hint);
}

static void test_ask(void)
{
	check_ask("now", NOW);
	check_ask("-90m", NOW - 5400000);
	check_ask("-1d12h", NOW - 36 * INT64_C(3600000));
	check_ask("-2w", NOW - 14 * INT64_C(86400000));
	check_ask("-1.5h", NOW - 5400000);
	check_ask("2024-11-21T12:00:00Z", NOW - 123);
	check_ask("2024-11-21T12:00Z", NOW - 123);
	check_ask("2024-11-21Z", NOW - 123 - 12 * INT64_C(3600000));
	check_ask("2024-11-21+01:00", NOW - 123 - 13 * INT64_C(3600000));
	check_ask("1732190400", NOW - 123);
	check_ask("0", 0);
	check_ask("1732190400123", NOW);
	check_ask("99999999999999", 99999999999999);
	check_refused("999999999999999", "14 digits");
	check_refused("", "nothing");
	check_refused("2026-11-20", "write 2026-11-20T00:00Z");
	check_refused("2026-11-20T10:00", "write 2026-11-20T10:00Z");
	check_refused("2026-11-20T10:00:00.5", "no time zone");
	check_refused("2026-02-30", "no such date");
	check_refused("-90", "unit");
	check_refused("-", "nothing");
	check_refused("--5m", "number");
	check_refused("-1h1d", "larger units");
	check_refused("-1m1m", "larger units");
	check_refused("-9999999999999999999w", "too long");
	check_refused("-9999999w", "year 1");
	check_refused("+5m", "no ISO");
	check_refused("5m", "no ISO");
	check_refused(" 12", "no ISO");
	check_refused("12x", "no ISO");
	check_refused("Today", "no ISO");
	check_refused("1.5", "no ISO");
}

static void test_local_days(void)
{
	struct ev_error err = EV_ERROR_INIT;
	int64_t today, yesterday;

	setenv("TZ", "Europe/Berlin", 1);
	tzset();
	check_ask("today", NOW - 123 - 13 * INT64_C(3600000));
	check_ask("yesterday", NOW - 123 - 37 * INT64_C(3600000));
	/* 2024-03-31 had 23 hours there */
	ev_time_parse("today", INT64_C(1711962000000), &today, &err);
	ev_time_parse("yesterday", INT64_C(1711962000000), &yesterday, &err);
	CHECK(today - yesterday == 23 * INT64_C(3600000), "yesterday may have 23 hours");
	/* no midnight on 2024-04-26 in Egypt: clocks went from 23:59:59 to 01:00 */
	setenv("TZ", "Africa/Cairo", 1);
	tzset();
	ev_time_parse("today", INT64_C(1714132800000), &today, &err);
	CHECK(today == INT64_C(1714082400000), "a day without midnight starts at 01:00 (%" PRId64 ")", today);
	setenv("TZ", "UTC", 1);
	tzset();
}

static void test_durations(void)
{
	static const struct {
		const char *text;
		int64_t ms; /* 0: refused */
	} cases[] = {
		{ "250ms", 250 },         { "10s", 10000 },        { "1.5m", 90000 },
		{ "2h", 7200000 },        { "7d", 604800000 },     { "1w", 604800000 },
		{ "1h30m", 5400000 },     { "1 minute", 60000 },   { "5 minutes", 300000 },
		{ "1 hour 30 minutes", 5400000 },                  { "0.001s", 1 },
		{ "1h 30m", 5400000 },    { "2 weeks", 1209600000 }, { "0.5w", 302400000 },
		{ "", 0 },                { "0s", 0 },             { "0", 0 },
		{ "10", 0 },              { "s", 0 },              { "-1s", 0 },
		{ "+1s", 0 },             { " 1s", 0 },            { "1s ", 0 },
		{ "1  s", 0 },            { "1.s", 0 },            { ".5s", 0 },
		{ "1.5ms", 0 },           { "0.0001s", 0 },        { "1S", 0 },
		{ "1month", 0 },          { "1ss", 0 },            { "1m1h", 0 },
		{ "1s1s", 0 },            { "1.1234567890s", 0 },  { "1e3s", 0 },
		{ "9223372036854775807ms", INT64_MAX },
		{ "9223372036854775808ms", 0 },
		{ "9223372036854775807s", 0 },
		{ "15250284452w", INT64_C(15250284452) * 604800000 },
		{ "15250284453w", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ev_error err = EV_ERROR_INIT;
		int64_t ms = 0;
		int rc = ev_duration_parse(cases[i].text, &ms, &err);

		if (cases[i].ms)
			CHECK(!rc && ms == cases[i].ms, "duration '%s' is %" PRId64 " ms (%s)",
			      cases[i].text, cases[i].ms, err.text);
		else
			CHECK(rc && err.class == EV_USAGE && *err.hint, "duration '%s' is refused (%s)",
			      cases[i].text, err.text);
	}
}

static void test_windows(void)
{
	char text[EV_TIME_TEXT];

	CHECK(ev_window_start(119999, 60000) == 60000, "a window holds its last millisecond");
	CHECK(ev_window_start(120000, 60000) == 120000, "a window holds its first millisecond");
	CHECK(ev_window_start(-1, 60000) == -60000, "windows before 1970 begin before their events");
	CHECK(ev_window_start(INT64_MIN, 7) == INT64_MIN, "a window before all time does not overflow");
	ev_time_format(INT64_MIN, text);
	CHECK(strcmp(text, "0001-01-01T00:00:00.000Z") == 0, "times before the year 1 are clamped");
	ev_time_format(INT64_MAX, text);
	CHECK(strcmp(text, "9999-12-31T23:59:59.999Z") == 0, "times after 9999 are clamped");
}

int main(void)
{
	test_iso();
	test_numbers();
	test_random();
	test_every_day();
	test_ask();
	test_local_days();
	test_durations();
	test_windows();
	return test_done();
}
