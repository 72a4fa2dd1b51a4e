/* term_test.c - escaping, widths, cuts, bars and tables */
#include "test.h"

#include "base/clock.h"
#include "common/progress.h"
#include "common/term.h"

static const struct ev_term utf8 = { .tty = true, .utf8 = true, .width = 40, .height = 24 };
static const struct ev_term ascii = { .tty = true, .width = 40, .height = 24 };
static struct ev_buf out;

static const char *escaped(const char *s, size_t n)
{
	ev_buf_clear(&out);
	ev_term_escape(&out, ev_slice(s, n));
	return ev_buf_str(&out);
}
#define ESC(s) escaped(s, sizeof(s) - 1)

static void escapes(void)
{
	CHECK(!strcmp(ESC("a\x1b[31m\n\t\0z"), "a\\x1b[31m\\n\\t\\x00z"), "C0 and NUL are escaped");
	CHECK(!strcmp(ESC("\x7f\xc2\x9b"), "\\x7f\\x9b"), "DEL and C1 (CSI) are escaped");
	CHECK(!strcmp(ESC("\xe2\x80\xae" "abc"), "\\u202eabc"), "bidi overrides are escaped");
	CHECK(!strcmp(ESC("\xff\xc3"), "\\xff\\xc3"), "bytes that are not UTF-8 are escaped");
	CHECK(!strcmp(ESC("\xed\xa0\x80"), "\\xed\\xa0\\x80"), "surrogates are not UTF-8");
	CHECK(!strcmp(ESC("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"), "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"),
	      "text stays as it is");
}

static void random_bytes(void)
{
	uint64_t seed = test_seed();

	for (int round = 0; round < 200 * test_effort(); round++) {
		char raw[64];
		size_t n = test_rand(&seed) % sizeof(raw);
		bool clean = true;

		for (size_t i = 0; i < n; i++)
			raw[i] = (char)test_rand(&seed);
		escaped(raw, n);
		for (size_t i = 0; i < out.len;) {
			size_t step;
			int32_t c = ev_utf8_next(ev_slice(out.data + i, out.len - i), &step);

			clean = clean && c >= 0 && !ev_term_unsafe(c);
			i += step;
		}
		if (!clean || round == 0)
			CHECK(clean, "whatever bytes come, only safe UTF-8 comes out");
		for (int width = 1; width < 20; width++) {
			int used;

			ev_buf_clear(&out);
			used = ev_term_cut(&utf8, &out, ev_slice(raw, n), width);
			if (used > width)
				CHECK(false, "a cut of width %d takes %d columns", width, used);
		}
	}
}

static const char *cut(const struct ev_term *t, const char *s, int width, int *used)
{
	ev_buf_clear(&out);
	*used = ev_term_cut(t, &out, ev_slice_str(s), width);
	return ev_buf_str(&out);
}

static void cuts(void)
{
	int used;

	CHECK(!strcmp(cut(&utf8, "abcdef", 6, &used), "abcdef") && used == 6, "what fits is not cut");
	CHECK(!strcmp(cut(&utf8, "abcdefg", 6, &used), "abcde\xe2\x80\xa6") && used == 6, "cut with an ellipsis");
	CHECK(!strcmp(cut(&ascii, "abcdefg", 6, &used), "abcde>") && used == 6, "or > without UTF-8");
	CHECK(!strcmp(cut(&utf8, "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 5, &used),
		      "\xe6\x97\xa5\xe6\x9c\xac\xe2\x80\xa6") && used == 5, "wide characters take two columns");
	CHECK(!strcmp(cut(&utf8, "e\xcc\x81" "e\xcc\x81", 2, &used), "e\xcc\x81" "e\xcc\x81") && used == 2,
	      "combining marks take none");
	CHECK(!strcmp(cut(&utf8, "ab\ncd", 4, &used), "ab\xe2\x80\xa6") && used == 3,
	      "an escape is never cut in half");
}

static const char *bar(const struct ev_term *t, double v, double max, int width)
{
	ev_buf_clear(&out);
	ev_term_bar(t, &out, v, max, width);
	return ev_buf_str(&out);
}

static void bars(void)
{
	CHECK(!strcmp(bar(&utf8, 5, 10, 4), "\xe2\x96\x88\xe2\x96\x88"), "half of four columns is two");
	CHECK(!strcmp(bar(&utf8, 1, 1000, 4), "\xe2\x96\x8f"), "something is never nothing");
	CHECK(!strcmp(bar(&utf8, 0, 10, 4), ""), "nothing is nothing");
	CHECK(!strcmp(bar(&ascii, 10, 10, 4), "####"), "ASCII where UTF-8 is not spoken");
}

static void tables(void)
{
	struct ev_table tb;

	ev_table_init(&tb, "lr");
	ev_table_add(&tb, "name");
	ev_table_add(&tb, "n");
	ev_table_add(&tb, "\xe6\x97\xa5");
	ev_table_add(&tb, "100");
	ev_buf_clear(&out);
	ev_table_print(&tb, &utf8, true, &out);
	CHECK(!strcmp(out.data, "name    n\n\xe6\x97\xa5    100\n"), "columns align by width, not by bytes");
	ev_table_add(&tb, "a name that is much longer than this little terminal is wide");
	ev_table_add(&tb, "1");
	ev_buf_clear(&out);
	ev_table_print(&tb, &utf8, true, &out);
	CHECK(ev_term_columns(ev_slice_str(strrchr(out.data, 'a'))) <= 40 && strstr(out.data, "\xe2\x80\xa6"),
	      "the widest column is cut to the terminal");
	ev_table_release(&tb);
	ev_table_init(&tb, "lll");
	ev_table_add(&tb, "2026-11-20T10:00:00.000Z");
	ev_table_add(&tb, "2026-11-20T11:00:00.000Z");
	ev_table_add(&tb, "");
	ev_buf_clear(&out);
	ev_table_print(&tb, &utf8, false, &out);
	CHECK(ev_term_columns(ev_buf_slice(&out)) <= 40 && strstr(out.data, "2026-11-20T10:0") &&
	      strstr(out.data, "2026-11-20T11:0"), "columns as wide as each other give way together: %s", out.data);
	CHECK(out.len > 1 && out.data[out.len - 2] != ' ', "an empty last cell leaves no blanks");
	ev_table_release(&tb);
}

/* What is read a second time begins anew: its rate is of itself, and never of a number below the last. */
static void progress(void)
{
	struct ev_messages msg = { .command = "test" };
	struct ev_progress_now now = { .records = 5, .lag = -1, .lag_ms = -1 };
	struct ev_progress p;
	int64_t long_ago = ev_clock_ms() - 100000;

	ev_progress_init(&p, &msg, false);
	p.tty = false;
	p.start_ms = p.last_ms = long_ago;
	p.last_records = p.seen = 1000;
	p.rate = 10;
	ev_progress_update(&p, &now);
	CHECK(p.rate == 0 && p.start_ms > long_ago && p.last_records == 0, "a second read begins anew: %g", p.rate);
	p.start_ms = p.last_ms = long_ago;
	now.records = 4096;
	ev_progress_update(&p, &now);
	CHECK(p.rate > 0 && p.rate <= 41 && p.last_records == 4096, "and has a rate of its own: %g", p.rate);
}

int main(void)
{
	escapes();
	random_bytes();
	cuts();
	bars();
	tables();
	progress();
	ev_buf_release(&out);
	return test_done();
}
