/* range_test.c - ranges resolved against a source that is only its numbers */
#include "test.h"

#include "source/range.h"

struct fake {
	struct ev_source base;
	struct ev_partition parts[3];
	int64_t times[3];
	int64_t refreshed_high; /* of partition 0, once refresh() is called */
	struct ev_position group, from, to;
	int64_t default_from, default_to;
	int scans;
};

static int refresh(struct ev_source *s, struct ev_error *err)
{
	struct fake *f = (struct fake *)s;

	(void)err;
	if (f->refreshed_high)
		f->parts[0].high = f->parts[0].stable = f->refreshed_high;
	return 0;
}

static int offsets_for_time(struct ev_source *s, int64_t ms, int64_t *offsets, struct ev_error *err)
{
	if (ms < 0)
		return ev_fail(err, EV_SOURCE, "broker gone");
	for (size_t i = 0; i < s->nparts; i++)
		offsets[i] = ((struct fake *)s)->times[i] + ms;
	return 0;
}

static int group_offsets(struct ev_source *s, const char *group, struct ev_position *out,
			 struct ev_error *err)
{
	(void)group;
	(void)err;
	ev_position_copy(out, &((struct fake *)s)->group);
	return 0;
}

static int scan(struct ev_source *s, struct ev_error *err)
{
	struct fake *f = (struct fake *)s;

	(void)err;
	f->scans++;
	s->nparts = 2; /* they show up only now */
	f->parts[0].high = 100;
	f->parts[1].high = 5;
	return 0;
}

static void bounds(struct ev_source *s, const struct ev_position *from, const struct ev_position *to,
		   int64_t default_from, int64_t default_to)
{
	struct fake *f = (struct fake *)s;

	if (from)
		ev_position_copy(&f->from, from);
	if (to)
		ev_position_copy(&f->to, to);
	f->default_from = default_from;
	f->default_to = default_to;
}

static const struct ev_source_ops topic_ops = { .name = "topic",
						.refresh = refresh,
						.offsets_for_time = offsets_for_time,
						.group_offsets = group_offsets };
static const struct ev_source_ops file_ops = { .name = "file",
					       .refresh = refresh,
					       .offsets_for_time = offsets_for_time,
					       .scan = scan,
					       .bounds = bounds };
static char a[] = "a", b[] = "b";

static struct fake fake_topics(void)
{
	return (struct fake){
		.base = { .ops = &topic_ops, .nparts = 3 },
		.parts = { { a, 0, 10, 100, 90 }, { a, 1, 0, 50, 50 }, { b, 0, 7, 7, 7 } },
		.times = { 20, 50, 7 },
	};
}

static struct fake fake_file(void)
{
	return (struct fake){
		.base = { .ops = &file_ops, .nparts = 0, .one_sequence = true },
		.parts = { { a, 0, 0, INT64_MAX, INT64_MAX }, { a, 1, 0, INT64_MAX, INT64_MAX } },
		.times = { 20, 3 },
	};
}

static void release(struct fake *f)
{
	ev_position_release(&f->group);
	ev_position_release(&f->from);
	ev_position_release(&f->to);
}

static struct ev_point point(const char *text)
{
	struct ev_point p = EV_POINT_INIT;
	struct ev_error err = EV_ERROR_INIT;

	if (*text == '{') {
		p.kind = EV_POINT_FILE;
		p.name = strdup("p.json");
		CHECK(!ev_position_read(&p.position, ev_slice_str(text), &err), "%s is a position", text);
	} else if (*text) {
		CHECK(!ev_point_parse(&p, text, 1000, &err), "%s is a point", text);
	}
	return p;
}

/* The spans as text, or "class: error". */
static const char *resolve(struct fake *f, struct ev_range_args *args, const char *stored, char *out,
			   size_t size)
{
	struct ev_position position = EV_POSITION_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_span *spans = NULL;
	size_t n = 0;

	f->base.parts = f->parts;
	if (stored)
		ev_position_read(&position, ev_slice_str(stored), &err);
	*out = '\0';
	if (ev_range_resolve(&f->base, args, stored ? &position : NULL, &spans, &err)) {
		snprintf(out, size, "%d: %s; %s", (int)err.class, err.text, err.hint);
		CHECK(!spans, "a failed range gives no spans");
	} else {
		for (size_t i = 0; i < f->base.nparts; i++)
			n += (size_t)snprintf(out + n, size - n, "%s%" PRId64 "-%" PRId64, i ? " " : "",
					      spans[i].begin, spans[i].end);
	}
	free(spans);
	ev_position_release(&position);
	ev_point_release(&args->from);
	ev_point_release(&args->to);
	return out;
}

static void check(const char *from, const char *to, const char *stored, const char *want)
{
	struct ev_range_args args = { .from = point(from), .to = point(to) };
	struct fake f = fake_topics();
	char got[2048];

	ev_position_set(&f.group, "a", 0, 12);
	resolve(&f, &args, stored, got, sizeof(got));
	CHECK(strncmp(got, want, strlen(want)) == 0, "from '%s' to '%s' stored %s: %s (got %s)", from, to,
	      stored ? stored : "nowhere", want, got);
	release(&f);
}

static void test_points(void)
{
	check("", "", NULL, "10-100 0-50 7-7");
	check("begin", "end", NULL, "10-100 0-50 7-7");
	check("begin", "stable", NULL, "10-90 0-50 7-7");
	check("end", "stable", NULL, "100-100 50-50 7-7");
	check("end", "", NULL, "100-100 50-50 7-7");
	check("-5", "", NULL, "95-100 45-50 7-7");
	check("-9223372036854775807", "", NULL, "10-100 0-50 7-7");
	check("-0", "", NULL, "100-100 50-50 7-7");
	check("", "-5", NULL, "10-95 0-45 7-7");
	check("@0", "", NULL, "20-100 50-50 7-7");
	check("@now", "", NULL, "100-100 50-50 7-7"); /* later than what the watermarks know */
	check("", "@0", NULL, "10-20 0-50 7-7");
	check("group:g", "", NULL, "12-100 0-50 7-7");
	check("", "group:g", NULL, "10-12 0-0 7-7");
	check("{\"a\":{\"0\":10,\"1\":50},\"z\":{\"9\":1}}", "", NULL, "10-100 50-50 7-7");
	check("", "{\"a\":{\"0\":99}}", NULL, "10-99 0-0 7-7");
	check("7", "", NULL, "5: a/0: offsets 7..9 are lost: the log now starts at 10 (retention); start");
	check("20", "", NULL, "2: b/0: offset 20 is past the end 7");
	check("{\"a\":{\"0\":101}}", "", NULL, "2: a/0: offset 101 is past the end 100");
	check("", "{\"a\":{\"0\":101}}", NULL, "2: a/0: offset 101 is past the end 100");
	check("{\"a\":{\"2\":0}}", "", NULL, "2: position 'p.json' names a/2, which is not there");
	check("{\"a\":{\"0\":9}}", "", NULL, "5: a/0: offsets 9..9 are lost");
	check("", "5", NULL, "2: a/0: the start 10 is after the end 5; the log now starts at 10");
	check("{\"a\":{\"0\":60}}", "{\"a\":{\"0\":50}}", NULL, "2: a/0: the start 60 is after the end 50");
	check("end", "begin", NULL, "2: a/0: the start 100 is after the end 10");
}

static void test_stored(void)
{
	check("", "", "{\"a\":{\"0\":30}}", "30-100 0-50 7-7");
	check("", "", "{\"a\":{\"0\":100,\"1\":50},\"b\":{\"0\":7}}", "100-100 50-50 7-7");
	check("", "stable", "{\"a\":{\"0\":95}}", "95-95 0-50 7-7");
	check("end", "", "{}", "100-100 50-50 7-7"); /* stands nowhere yet: --from counts */
	check("", "", "{\"a\":{\"0\":9}}", "5: a/0: offsets 9..9 are lost");
	check("", "", "{\"a\":{\"1\":51}}", "5: a/1: the stored position is 51, but the log ends at 50; the");
	check("", "{\"a\":{\"0\":20}}", "{\"a\":{\"0\":30}}", "2: a/0: the start 30 is after the end 20");
}

static void check_times(int64_t since, int64_t until, bool prefix, const char *want)
{
	struct ev_range_args args = { .has_since = since >= -1, .since = since, .has_until = until >= 0,
				      .until = until, .prefix = prefix };
	struct fake f = fake_topics();
	char got[2048];

	resolve(&f, &args, NULL, got, sizeof(got));
	CHECK(strncmp(got, want, strlen(want)) == 0, "since %" PRId64 " until %" PRId64 "%s: %s (got %s)",
	      since, until, prefix ? " as positions" : "", want, got);
	release(&f);
}

static void test_times(void)
{
	check_times(3, -9, false, "23-100 50-50 7-7");
	check_times(3, 5, false, "23-100 50-50 7-7"); /* the filter ends it, not the scan */
	check_times(3, 5, true, "23-25 50-50 7-7");
	check_times(3, 3, true, "23-23 50-50 7-7");
	check_times(-9, 5, true, "10-25 0-50 7-7");
	check_times(5, 3, true, "2: the start is after the end");
	check_times(5, 3, false, "2: the start is after the end");
	check_times(-1, -9, true, "3: broker gone");
}

static void test_group(void)
{
	struct ev_range_args args = { .from = point("group:g") };
	struct fake f = fake_topics();
	char got[2048];

	resolve(&f, &args, NULL, got, sizeof(got));
	CHECK(strstr(got, "3: group 'g' has no committed offsets") == got, "a group without offsets: %s", got);
	args.from = point("group:g");
	ev_position_set(&f.group, "a", 0, 110);
	resolve(&f, &args, NULL, got, sizeof(got));
	CHECK(strstr(got, "2: a/0: offset 110 is past the end 100") == got, "a group past the end: %s", got);
	args.from = point("group:g");
	f.refreshed_high = 120;
	resolve(&f, &args, NULL, got, sizeof(got));
	CHECK(strcmp(got, "110-120 0-50 7-7") == 0, "a group that moves while we look: %s", got);
	args.from = point("group:g");
	ev_position_set(&f.group, "a", 0, 3);
	resolve(&f, &args, NULL, got, sizeof(got));
	CHECK(strstr(got, "5: a/0: offsets 3..9 are lost") == got, "a group behind the start: %s", got);
	release(&f);
}

static void check_file(const char *from, const char *to, const char *stored, const char *want,
		       int scans)
{
	struct ev_range_args args = { .from = point(from), .to = point(to) };
	struct fake f = fake_file();
	struct ev_buf told = EV_BUF_INIT;
	char got[2048];

	resolve(&f, &args, stored, got, sizeof(got));
	if (got[0] && got[1] == ':') {
		ev_buf_adds(&told, got);
	} else {
		ev_position_print(&f.from, &told);
		ev_buf_addf(&told, "%" PRId64 " ", f.default_from);
		ev_position_print(&f.to, &told);
		ev_buf_addf(&told, "%" PRId64 " %s", f.default_to == INT64_MAX ? -1 : f.default_to, got);
	}
	CHECK(strncmp(ev_buf_str(&told), want, strlen(want)) == 0 && f.scans == scans,
	      "file from '%s' to '%s' stored %s: %s (got %s, %d scans)", from, to,
	      stored ? stored : "nowhere", want, ev_buf_str(&told), f.scans);
	ev_buf_release(&told);
	release(&f);
}

static void test_files(void)
{
	check_file("", "", NULL, "{}0 {}-1 ", 0);
	check_file("begin", "stable", NULL, "{}0 {}-1 ", 0);
	check_file("5", "9", NULL, "{}5 {}9 ", 0);
	check_file("end", "", NULL, "{}9223372036854775807 {}-1 ", 0);
	check_file("{\"a\":{\"0\":7}}", "", NULL, "{\"a\":{\"0\":7}}0 {}-1 ", 0);
	check_file("", "{\"a\":{\"0\":7}}", NULL, "{}0 {\"a\":{\"0\":7}}0 ", 0);
	check_file("9", "5", "{\"a\":{\"0\":3}}", "{}0 {}5 ", 0);
	check_file("-7", "", NULL, "{\"a\":{\"0\":93,\"1\":0}}0 {}-1 93-9223372036854775807 0-9", 1);
	check_file("-7", "-3", NULL, "{\"a\":{\"0\":93,\"1\":0}}0 {\"a\":{\"0\":97,\"1\":2}}-1 93-97 0-2", 1);
	check_file("", "@0", NULL, "{}0 {\"a\":{\"0\":20,\"1\":3}}-1 0-20 0-3", 1);
	check_file("-7", "", "{\"a\":{\"0\":3}}", "{}0 {}-1 ", 0);
	check_file("9", "5", NULL, "2: the start 9 is after the end 5", 0);
	check_file("end", "5", NULL, "2: the start 'end' is after the end 5", 0);
	check_file("{\"a\":{\"0\":7}}", "5", NULL, "2: a/0: the start 7 is after the end 5", 0);
	check_file("9", "{\"a\":{\"0\":7}}", NULL, "2: a/0: the start 9 is after the end 7", 0);
	check_file("-3", "-7", NULL, "2: a/0: the start 97 is after the end 93", 1);
	check_file("", "2", "{\"a\":{\"0\":3}}", "2: a/0: the start 3 is after the end 2", 0);
	check_file("group:g", "", NULL, "2: group:g is a position in topics", 0);
}

static void test_file_times(void)
{
	struct ev_range_args args = { .has_since = true, .since = 3 };
	struct fake f = fake_file();
	char got[2048];

	resolve(&f, &args, NULL, got, sizeof(got));
	CHECK(f.scans == 0 && f.default_from == 0, "a reader's --since does not read a file twice");
	args.prefix = true;
	resolve(&f, &args, NULL, got, sizeof(got));
	CHECK(f.scans == 1 && ev_position_get(&f.from, "a", 0) == 23, "a store's --since is a position");
	release(&f);
}

int main(void)
{
	test_points();
	test_stored();
	test_times();
	test_group();
	test_files();
	test_file_times();
	return test_done();
}
