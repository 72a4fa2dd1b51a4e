/* point_test.c - what may stand behind --from and --to */
#include "test.h"

#include <unistd.h>

#include "position/point.h"

#define NOW INT64_C(1732190400123) /* 2024-11-21T12:00:00.123Z */

static void check(const char *text, enum ev_point_kind kind, int64_t n, const char *name)
{
	struct ev_point p = EV_POINT_INIT;
	struct ev_error err = EV_ERROR_INIT;
	int rc = ev_point_parse(&p, text, NOW, &err);

	CHECK(!rc && p.kind == kind && p.n == n && ev_slice_eq(ev_slice_str(p.name), ev_slice_str(name)),
	      "'%s' is kind %d, %" PRId64 " (%s)", text, kind, n, err.text);
	ev_point_release(&p);
	CHECK(p.kind == EV_POINT_NONE && !p.name && !p.position.n, "a released point is empty");
}

static void refused(const char *text, const char *text_part, const char *hint_part)
{
	struct ev_point p = EV_POINT_INIT;
	struct ev_error err = EV_ERROR_INIT;
	int rc = ev_point_parse(&p, text, NOW, &err);

	CHECK(rc && err.class == EV_USAGE && p.kind == EV_POINT_NONE && strstr(err.text, text_part) &&
	      strstr(err.hint, hint_part), "'%s' is refused: %s; hint: %s", text, err.text, err.hint);
	ev_point_release(&p);
}

static void test_words(void)
{
	check("begin", EV_POINT_BEGIN, 0, NULL);
	check("end", EV_POINT_END, 0, NULL);
	check("stable", EV_POINT_STABLE, 0, NULL);
	check("0", EV_POINT_OFFSET, 0, NULL);
	check("9223372036854775807", EV_POINT_OFFSET, INT64_MAX, NULL);
	check("-10", EV_POINT_LAST, 10, NULL);
	check("@now", EV_POINT_TIME, NOW, NULL);
	check("@-90m", EV_POINT_TIME, NOW - 5400000, NULL);
	check("@1732190400", EV_POINT_TIME, NOW - 123, NULL);
	check("@2024-11-21T13:00+01:00", EV_POINT_TIME, NOW - 123, NULL);
	check("group:billing.json", EV_POINT_GROUP, 0, "billing.json");
}

static void test_refused(void)
{
	static const char *const all = "write begin, end, stable, an offset";

	refused("", "nothing is given", all);
	refused("12x", "no such position", all);
	refused(" 12", "no such position", all);
	refused("12 ", "no such position", all);
	refused("+5", "no such position", all);
	refused("1.5", "no such position", all);
	refused("-", "no such position", all);
	refused("--5", "no such position", all);
	refused("-1.5", "no such position", all);
	refused("0x10", "no such position", all);
	refused("Begin", "no such position", all);
	refused("9223372036854775808", "does not fit 64 bits", all);
	refused("-9223372036854775808", "does not fit 64 bits", all);
	refused("-90m", "no such position", "@-90m");
	refused("today", "no such position", "@today");
	refused("2024-11-21T12:00:00Z", "no such position", "@2024-11-21T12:00:00Z");
	refused("@", "time is missing", all);
	refused("@2024-11-21", "no time zone", "2024-11-21T00:00Z");
	refused("@12x", "'@12x'", "today");
	refused("group:", "group's name is missing", all);
	refused(".json", "no such position", all);
	refused("/nowhere/p.json", "cannot open '/nowhere/p.json'", "");
}

static void test_file(void)
{
	char name[] = "/tmp/point_test.XXXXXX.json";
	struct ev_point p = EV_POINT_INIT;
	struct ev_error err = EV_ERROR_INIT;
	int fd = mkstemps(name, 5);

	CHECK(write(fd, "{\"a\":{\"1\":5}}\n", 14) == 14, "there is a file");
	close(fd);
	CHECK(!ev_point_parse(&p, name, NOW, &err) && p.kind == EV_POINT_FILE &&
	      ev_position_get(&p.position, "a", 1) == 5, "a file is read at once %s", err.text);
	CHECK(!ev_point_parse(&p, "7", NOW, &err) && p.kind == EV_POINT_OFFSET && !p.name,
	      "a later point replaces an earlier one");
	CHECK(truncate(name, 5) == 0 && ev_point_parse(&p, name, NOW, &err) && p.n == 7 &&
	      strstr(err.text, name), "a torn file is named, and the point stays: %s", err.text);
	unlink(name);
	ev_point_release(&p);
}

int main(void)
{
	test_words();
	test_refused();
	test_file();
	return test_done();
}
