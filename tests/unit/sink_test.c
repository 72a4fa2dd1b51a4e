/* sink_test.c - the small parts of a copy: names, partitions, pace, and a group's offset in the copy */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "position/offset_map.h"
#include "sink/pace.h"
#include "sink/rename.h"
#include "sink/spread.h"

static bool renamed(const char *rule, const char *topic, const char *want)
{
	struct ev_buf out = EV_BUF_INIT;
	bool is = ev_rename(&rule, 1, ev_slice_str(topic), &out);
	bool ok = want ? is && !strcmp(ev_buf_str(&out), want) : !is;

	ev_buf_release(&out);
	return ok;
}

static void test_rename(void)
{
	struct ev_error err = EV_ERROR_INIT;

	CHECK(renamed("orders.*=test.\\1", "orders.eu", "test.eu"), "\\1 is what the star stood for");
	CHECK(renamed("orders.*=test.\\1", "orders.", "test."), "a star stands for nothing, too");
	CHECK(renamed("orders.*=x", "my-orders.eu", NULL), "the whole name has to fit");
	CHECK(renamed("*-*=\\2-\\1", "a-b-c", "b-c-a"), "the first star is as short as can be");
	CHECK(renamed("a*b*c=\\1\\2", "aXbYbZc", "XYbZ"), "and goes on where that does not fit");
	CHECK(renamed("a*b*b=\\1-\\2", "aXbYbZb", "X-YbZ"), "the last star takes what is left");
	CHECK(renamed("a*a=\\1", "a", NULL) && renamed("*a*=\\1", "b", NULL), "no byte counts twice");
	CHECK(renamed("ab=x", "abc", NULL), "and none is left over");
	CHECK(renamed("**=\\1-\\2", "ab", "-ab") && renamed("a*b=x", "abab", "x"), "stars side by side");
	CHECK(renamed("*a*a*a*a*a*a*a*a*b=x",
		      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL),
	      "many stars and a long name are no long search");
	CHECK(ev_rename_check("a*=b\\2", &err) < 0 && err.class == EV_USAGE, "a star too many is refused");
	CHECK(ev_rename_check("a", &err) < 0 && ev_rename_check("=b", &err) < 0, "so is what is no rule");
	CHECK(!ev_rename_check("a*=b\\1", &err), "a rule is none of that");
}

static struct ev_record keyed(const char *key, int32_t partition)
{
	return (struct ev_record){ .key = ev_slice_str(key), .partition = partition };
}

static void test_spread(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_spread s;
	struct ev_record r = keyed("21", 7), none = keyed(NULL, 7), empty = keyed("", 7);

	CHECK(!ev_spread_parse(&s, NULL, &err) && s.kind == EV_SPREAD_KEY, "key is the default");
	CHECK(ev_spread_of(&s, &r, 4) == (int32_t)((-973932308 & 0x7fffffff) % 4), "as Java clients do");
	CHECK(ev_spread_of(&s, &none, 4) == 3, "without a key the source's partition decides");
	CHECK(!ev_spread_parse(&s, "keep", &err) && ev_spread_of(&s, &r, 8) == 7 &&
	      ev_spread_of(&s, &r, 7) == -1, "keep keeps it, or cannot");
	s.wrap = true;
	CHECK(ev_spread_of(&s, &r, 7) == 0, "or takes it modulo, when allowed");
	CHECK(!ev_spread_parse(&s, "librdkafka", &err) && ev_spread_of(&s, &empty, 4) == 3,
	      "librdkafka spreads empty keys at random, we do not");
	CHECK(!ev_spread_parse(&s, "7=2,0=1", &err) && ev_spread_of(&s, &r, 3) == 2 &&
	      ev_spread_of(&s, &r, 2) == -1, "a list says where to");
	ev_spread_release(&s);
	CHECK(ev_spread_parse(&s, "1=2,1=3", &err) && ev_spread_parse(&s, "1=", &err) &&
	      ev_spread_parse(&s, "1=2,", &err) && ev_spread_parse(&s, "", &err), "bad lists are refused");
}

static void test_pace(void)
{
	struct ev_pace p = EV_PACE_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_record r = { .timestamp = 1000, .value = EV_LITERAL("0123456789") };
	const int64_t start = 5000000;
	char slow[320];

	CHECK(!ev_pace_rate(&p, "100/s", &err) && p.records > 99.9 && p.records < 100.1, "a rate in records");
	CHECK(ev_pace_due(&p, &r, start) == start && ev_pace_due(&p, &r, start) == start + 10000 &&
	      ev_pace_due(&p, &r, start) == start + 20000, "one every 10 ms");
	CHECK(ev_pace_due(&p, &r, start + 9000000) == start + 8900000, "at most a tenth of a second is owed");
	p = (struct ev_pace)EV_PACE_INIT;
	CHECK(!ev_pace_rate(&p, "1kB/s", &err) && p.bytes > 999 && p.bytes < 1001, "a rate in bytes");
	CHECK(ev_pace_due(&p, &r, start) == start && ev_pace_due(&p, &r, start) == start + 10000,
	      "ten bytes last 10 ms");
	r.headers = &(struct ev_header){ EV_LITERAL("name0"), EV_LITERAL("value") };
	r.nheaders = 1;
	ev_pace_due(&p, &r, start);
	CHECK(ev_pace_due(&p, &r, start) == start + 40000, "with a header of ten they last 20 ms");
	r.nheaders = 0;
	p = (struct ev_pace)EV_PACE_INIT;
	p.max_idle_ms = 100;
	CHECK(!ev_pace_speed(&p, "2x", &err), "a speed");
	CHECK(ev_pace_due(&p, &r, start) == start, "the first is due at once");
	r.timestamp = 1100;
	CHECK(ev_pace_due(&p, &r, start) == start + 50000, "100 ms later at 2x is 50 ms");
	r.timestamp = 900;
	CHECK(ev_pace_due(&p, &r, start) == start + 50000, "an earlier timestamp does not turn time back");
	r.timestamp = 9999999;
	CHECK(ev_pace_due(&p, &r, start) == start + 150000, "a long silence is cut");
	r.timestamp = EV_NO_TIMESTAMP;
	CHECK(ev_pace_due(&p, &r, start) <= start + 150000, "without a timestamp nothing is waited for");
	p = (struct ev_pace)EV_PACE_INIT;
	snprintf(slow, sizeof(slow), "0.%0300d1", 0);
	CHECK(!ev_pace_speed(&p, slow, &err) && ev_pace_due(&p, &r, start) == start, "however slow, the first is due");
	r.timestamp = 1000;
	ev_pace_due(&p, &r, start);
	r.timestamp = 1001;
	CHECK(ev_pace_due(&p, &r, start) > INT64_MAX / 2, "and the next one as late as can be");
	CHECK(ev_pace_speed(&p, "-1x", &err) && ev_pace_speed(&p, "0", &err) && ev_pace_speed(&p, "2xx", &err) &&
	      ev_pace_speed(&p, "nan", &err) && ev_pace_speed(&p, "0x10", &err), "bad speeds are refused");
	CHECK(ev_pace_rate(&p, "5/h", &err) && ev_pace_rate(&p, "kB/s", &err) && ev_pace_rate(&p, "5xB", &err),
	      "bad rates, too");
}

static const char map_text[] =
	"{\"begin\":{\"a\":{\"0\":0,\"1\":0}}}\n"
	"{\"from\":\"a\",\"partition\":0,\"offset\":0,\"into\":\"b\","
	"\"into_partition\":0,\"into_offset\":0,\"count\":10}\n"
	"{\"from\":\"a\",\"partition\":1,\"offset\":0,\"into\":\"b\","
	"\"into_partition\":0,\"into_offset\":10,\"count\":5}\n"
	"{\"from\":\"a\",\"partition\":0,\"offset\":10,\"into\":\"b\","
	"\"into_partition\":0,\"into_offset\":15,\"count\":5}\n"
	"{\"end\":{\"a\":{\"0\":15,\"1\":5}}}\n"
	"{\"begin\":{\"a\":{\"0\":12,\"1\":5}}}\n" /* 12, 13, 14 were aborted */
	"{\"from\":\"a\",\"partition\":0,\"offset\":12,\"into\":\"b\","
	"\"into_partition\":0,\"into_offset\":22,\"count\":8}\n"
	"{\"end\":{\"a\":{\"0\":21}}}\n"
	"{\"from\":\"a\",\"part"; /* killed */

/* A run to 10, of which 6 to 9 were aborted, one without a map to 20, and one from there; 15 and later once more. */
static const char gap_text[] =
	"{\"begin\":{\"a\":{\"0\":2}}}\n"
	"{\"end\":{\"a\":{\"0\":6}}}\n"
	"{\"from\":\"a\",\"partition\":0,\"offset\":2,\"into\":\"b\","
	"\"into_partition\":0,\"into_offset\":0,\"count\":8}\n"
	"{\"begin\":{\"a\":{\"0\":20}}}\n"
	"{\"end\":{\"a\":{\"0\":30}}}\n"
	"{\"begin\":{\"a\":{\"0\":15}}}\n";

static int64_t translated(const struct ev_map *m, int64_t p0, int64_t p1, int64_t *again)
{
	struct ev_position group = EV_POSITION_INIT, out = EV_POSITION_INIT;
	int64_t at;

	if (p0 >= 0)
		ev_position_set(&group, "a", 0, p0);
	if (p1 >= 0)
		ev_position_set(&group, "a", 1, p1);
	ev_map_translate(m, &group, &out, again);
	at = ev_position_get(&out, "b", 0);
	ev_position_release(&group);
	ev_position_release(&out);
	return at;
}

static void test_map(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_map *m = ev_map_read(ev_slice_str(map_text), "map", &err);
	int64_t again, from, to;

	CHECK(m, "a map is read, its last line cut short");
	CHECK(translated(m, 4, 0, &again) == 4 && again == 0, "inside of the first run");
	CHECK(translated(m, 10, 0, &again) == 10 && again == 0, "between two runs");
	CHECK(translated(m, 11, 2, &again) == 12 && again == 1, "what the other partition lacks is not left out");
	CHECK(translated(m, 12, 5, &again) == 22 && again == 0, "what was aborted is void");
	CHECK(translated(m, 20, 5, &again) == 30 && again == 0, "the end is the end");
	CHECK(translated(m, -1, 5, &again) == 0 && again == 5, "a partition that was never read is read");
	CHECK(translated(m, 999, 999, &again) == 30 && again == 0, "an offset past the copy is its end");
	ev_map_free(m);
	m = ev_map_read(ev_slice_str(gap_text), "map", &err);
	CHECK(m && ev_map_begin(m, "a", 0) == 2 && ev_map_end(m, "a", 0) == 15 && ev_map_end(m, "a", 1) == -1,
	      "a map says where the copy has come");
	CHECK(ev_map_gap(m, "a", 0, 3, &from, &to) && from == 6 && to == 15, "and what went into no map");
	CHECK(!ev_map_gap(m, "a", 0, 15, &from, &to) && !ev_map_gap(m, "a", 1, 0, &from, &to), "there alone");
	CHECK(translated(m, 4, 0, &again) == 2 && translated(m, 10, 0, &again) == 4, "what was not flushed is void");
	ev_map_free(m);
	m = ev_map_read(ev_slice_str("{\"begin\":{\"a\":{\"0\":2}}}\n{\"end\":{\"a\":{\"0\":8}}}\n"
				     "{\"end\":{\"a\":{\"0\":7}}}\n{\"begin\":{\"a\":{\"0\":8}}}\n"), "map", &err);
	CHECK(m && ev_map_end(m, "a", 0) == 8 && !ev_map_gap(m, "a", 0, 2, &from, &to),
	      "an end behind the last record is no step back from one behind a mark");
	ev_map_free(m);
	m = ev_map_read(ev_slice_str("{\"begin\":{\"a\":{\"0\":2}}}\n{\"end\":{\"a\":{\"0\":5}}}\n"
				     "{\"end\":{\"a\":{\"0\":8}}}\n{\"unmapped\":true,\"begin\":{\"a\":{\"0\":8}}}\n"
				     "{\"end\":{\"a\":{\"0\":9}}}\n{\"settled\":true}\n"
				     "{\"unmapped\":true,\"begin\":{\"a\":{\"0\":9}}}\n"), "map", &err);
	CHECK(m && ev_map_gap(m, "a", 0, 2, &from, &to) && from == 5 && to == 8 &&
	      !ev_map_gap(m, "a", 0, 8, &from, &to),
	      "what was flushed last before a run without a map counts where it is settled");
	ev_map_free(m);
	CHECK(!ev_map_read(EV_LITERAL("{}\n"), "map", &err) && err.class == EV_DATA &&
	      strstr(err.text, "map:1"), "what is no map is refused by line");
}

int main(void)
{
	test_rename();
	test_spread();
	test_pace();
	test_map();
	return test_done();
}
