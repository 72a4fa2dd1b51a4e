/* number_test.c - exact numbers, beside a reference that writes every digit out */
#include "test.h"

#include "json/number.h"

static const char *result_name(enum ev_number_result r)
{
	return r == EV_NUMBER_OK ? "exact" : r == EV_NUMBER_INEXACT ? "inexact" : "out of range";
}

static void scaled(const char *text, int scale, enum ev_number_result want, int64_t value)
{
	int64_t got = 42;
	enum ev_number_result r = ev_number_scaled(ev_slice_str(text), scale, &got);

	CHECK(r == want && (r != EV_NUMBER_OK || got == value),
	      "%s with scale %d is %s %" PRId64 " (%s %" PRId64 ")", text, scale, result_name(want),
	      value, result_name(r), got);
}

static void test_scaled(void)
{
	scaled("0", 0, EV_NUMBER_OK, 0);
	scaled("-0", 0, EV_NUMBER_OK, 0);
	scaled("-0.000e7", 2, EV_NUMBER_OK, 0);
	scaled("0e999999999999999999999", 0, EV_NUMBER_OK, 0);
	scaled("1", 0, EV_NUMBER_OK, 1);
	scaled("-17", 0, EV_NUMBER_OK, -17);
	scaled("123.45", 2, EV_NUMBER_OK, 12345);
	scaled("123.45", 4, EV_NUMBER_OK, 1234500);
	scaled("123.45", 1, EV_NUMBER_INEXACT, 0);
	scaled("123.450000", 2, EV_NUMBER_OK, 12345);
	scaled("1e2", 0, EV_NUMBER_OK, 100);
	scaled("1E+2", 0, EV_NUMBER_OK, 100);
	scaled("100e-2", 0, EV_NUMBER_OK, 1);
	scaled("1e-2", 2, EV_NUMBER_OK, 1);
	scaled("1e-3", 2, EV_NUMBER_INEXACT, 0);
	scaled("1200", -2, EV_NUMBER_OK, 12);
	scaled("1250", -2, EV_NUMBER_INEXACT, 0);
	scaled("0.1", 0, EV_NUMBER_INEXACT, 0);
	scaled("9223372036854775807", 0, EV_NUMBER_OK, INT64_MAX);
	scaled("-9223372036854775808", 0, EV_NUMBER_OK, INT64_MIN);
	scaled("9223372036854775808", 0, EV_NUMBER_RANGE, 0);
	scaled("-9223372036854775809", 0, EV_NUMBER_RANGE, 0);
	scaled("92233720368547758.07", 2, EV_NUMBER_OK, INT64_MAX);
	scaled("92233720368547758.08", 2, EV_NUMBER_RANGE, 0);
	scaled("922337203685477580.7e1", 0, EV_NUMBER_OK, INT64_MAX);
	scaled("1e18", 0, EV_NUMBER_OK, 1000000000000000000);
	scaled("1e19", 0, EV_NUMBER_RANGE, 0);
	scaled("1e400", 0, EV_NUMBER_RANGE, 0);
	scaled("1e99999999999999999999", 0, EV_NUMBER_RANGE, 0);
	scaled("1e-99999999999999999999", 0, EV_NUMBER_INEXACT, 0);
	scaled("1e00000000000000000000002", 0, EV_NUMBER_OK, 100);
	scaled("9007199254740993", 0, EV_NUMBER_OK, 9007199254740993); /* no double holds it */
}

/* Every text before another one is less; those within a row are equal. */
static void test_order(void)
{
	static const char *const rows[][3] = {
		{ "-1e99999999999999999999", "-1e100000000000000000", "-1e77777777777777777777" },
		{ "-1e11000000000000", "-10e10999999999999", "-0.1e11000000000001" },
		{ "-1e2000000000000", "-1E+2000000000000", "-1e02000000000000" },
		{ "-2", "-2.0", "-0.2e1" },
		{ "-1.1", "-1.10", "-11e-1" },
		{ "-1", "-1e0", "-0.001e3" },
		{ "-1e-99999999999999999999", "-1e-100000000000000000", "-1e-7777777777777777777" },
		{ "0", "-0", "0.00e5" },
		{ "1e-400", "0.1e-399", "10e-401" },
		{ "0.1", "1e-1", "0.10000000000000000000000000000000000000000" },
		{ "0.10000000000000000000000000000000000000001",
		  "1.0000000000000000000000000000000000000001e-1",
		  "0.100000000000000000000000000000000000000010" },
		{ "0.2", "2e-1", "0.20" },
		{ "1", "1.0", "10e-1" },
		{ "1.1", "1.10", "1.1e0" },
		{ "2", "20e-1", "2E0" },
		{ "10", "1e1", "10.0" },
		{ "9007199254740992", "9007199254740992.0", "9007199254740992e0" },
		{ "9007199254740993", "9007199254740993.0", "9007199254740993e0" },
		{ "1e400", "10e399", "0.1e401" },
		{ "1e2000000000000", "1e+2000000000000", "10e1999999999999" },
		{ "1e11000000000000", "1e+11000000000000", "100e10999999999998" },
		{ "1e99999999999999999999", "1e100000000000000000", "1e77777777777777777777" },
	};
	enum { N = sizeof(rows) / sizeof(*rows) };

	for (size_t i = 0; i < N; i++)
		for (size_t k = 0; k < N * 3; k++) {
			struct ev_slice a = ev_slice_str(rows[i][k % 3]);
			struct ev_slice b = ev_slice_str(rows[k / 3][(k + i) % 3]);
			int want = (i > k / 3) - (i < k / 3);

			if (ev_number_cmp(a, b) != want || ev_number_cmp(b, a) != -want)
				CHECK(false, "%s against %s is %d", a.ptr, b.ptr, want);
		}
	CHECK(true, "%d rows of equal numbers are in order", N);
}

static void canonical(const char *text, const char *want)
{
	struct ev_buf b = EV_BUF_INIT;
	bool is;

	ev_buf_adds(&b, ">");
	is = ev_number_canonical(ev_slice_str(text), &b);
	CHECK(is == !!want && strcmp(ev_buf_str(&b) + 1, want ? want : "") == 0,
	      "canonical %s is %.50s (%.50s)", text, want ? want : "too long", ev_buf_str(&b) + 1);
	ev_buf_release(&b);
}

static void test_canonical(void)
{
	char most[1002];

	canonical("0", "0");
	canonical("-0", "0");
	canonical("-0.0e5", "0");
	canonical("0e99999999999999999999", "0");
	canonical("1", "1");
	canonical("-1.50", "-1.5");
	canonical("100", "100");
	canonical("1e2", "100");
	canonical("-1.25e1", "-12.5");
	canonical("1.25E+2", "125");
	canonical("1.25e3", "1250");
	canonical("0.00120", "0.0012");
	canonical("12e-1", "1.2");
	canonical("12e-2", "0.12");
	canonical("12e-4", "0.0012");
	canonical("12345678901234567890.0123456789012345678900",
		  "12345678901234567890.01234567890123456789");
	canonical("1e1000", NULL);
	canonical("1e-1001", NULL);
	canonical("1e99999999999999999999", NULL);
	canonical("-1e-99999999999999999999", NULL);
	memset(most, '0', sizeof(most));
	most[0] = '1';
	most[1000] = '\0';
	canonical("1e999", most);
	canonical("0.1e1000", most);
	memcpy(most, "0.0", 3);
	most[1000] = '0';
	most[1001] = '\0';
	most[1000] = '1';
	canonical("1e-999", most);
}

/*
 * The reference: 200 digits before the point and 200 behind it, filled digit by digit. Exponents
 * stay small enough for it.
 */
enum { HALF = 200, ALL = 2 * HALF };
struct plain {
	int sign; /* 0 for zero */
	char digit[ALL];
};

static struct plain plain_of(const char *text)
{
	struct plain p = { .sign = *text == '-' ? -1 : 1 };
	const char *e = strpbrk(text, "eE"), *point = strchr(text, '.'), *end;
	long exponent = e ? strtol(e + 1, NULL, 10) : 0, place;

	end = e ? e : text + strlen(text);
	place = HALF - 1 - exponent; /* of the digit before the point */
	memset(p.digit, '0', ALL);
	place -= (point ? point : end) - text - 1 - (*text == '-');
	for (text += *text == '-'; text < end; text++)
		if (*text != '.')
			p.digit[place++] = *text;
	for (place = 0; place < ALL && p.digit[place] == '0'; place++)
		;
	if (place == ALL)
		p.sign = 0;
	return p;
}

static int plain_cmp(const struct plain *a, const struct plain *b)
{
	int c;

	if (a->sign != b->sign)
		return a->sign < b->sign ? -1 : 1;
	c = memcmp(a->digit, b->digit, ALL);
	return a->sign * ((c > 0) - (c < 0));
}

static enum ev_number_result plain_scaled(const struct plain *p, int scale, int64_t *out)
{
	__int128 v = 0;

	for (int i = HALF + scale; i < ALL; i++)
		if (p->digit[i] != '0')
			return EV_NUMBER_INEXACT;
	for (int i = 0; i < HALF + scale; i++) {
		v = v * 10 + (p->digit[i] - '0');
		if (v > (__int128)INT64_MAX + 1)
			return EV_NUMBER_RANGE;
	}
	v *= p->sign;
	*out = (int64_t)v;
	return v > INT64_MAX ? EV_NUMBER_RANGE : EV_NUMBER_OK;
}

static void plain_print(const struct plain *p, char out[ALL + 3])
{
	int first = 0, last = ALL, n = 0;

	while (first < HALF - 1 && p->digit[first] == '0')
		first++;
	while (last > HALF && p->digit[last - 1] == '0')
		last--;
	if (p->sign < 0)
		out[n++] = '-';
	for (int i = first; i < last; i++) {
		if (i == HALF)
			out[n++] = '.';
		out[n++] = p->digit[i];
	}
	out[n] = '\0';
}

static uint64_t rng;

static int below(int n)
{
	return (int)(test_rand(&rng) % (uint64_t)n);
}

/* Few different digits and lengths, so that equal and nearly equal numbers come often. */
static void random_number(char text[64])
{
	static const char few[] = "000019", edge[] = "9223372036854775807";
	static const char *const signs[] = { "", "+", "-" };
	int n = 0, len = below(4) ? 1 + below(3) : 1 + below(22);

	if (below(3) == 0)
		text[n++] = '-';
	if (below(8) == 0) {
		n += snprintf(text + n, 64, "%.*s%d", 16 + below(4), edge, below(10));
	} else {
		text[n++] = (char)(len > 1 ? '1' + below(9) : '0' + below(10));
		while (--len > 0)
			text[n++] = few[below(6)];
	}
	if (below(2)) {
		text[n++] = '.';
		for (len = 1 + below(below(4) ? 3 : 20); len > 0; len--)
			text[n++] = few[below(6)];
	}
	if (below(2))
		n += snprintf(text + n, 12, "%c%s%d", "eE"[below(2)], signs[below(3)],
			      below(below(4) ? 4 : 40));
	text[n] = '\0';
}

/* The same value, or one nearby, in other words. */
static void respell(const char *text, char out[80])
{
	const size_t n = strcspn(text, "eE");
	const bool point = memchr(text, '.', n);

	snprintf(out, 80, "%.*s%s%s%s", (int)n, text, point ? "" : ".", below(4) ? "0" : "01",
		 text + n);
	if (!text[n])
		snprintf(out + strlen(out), 5, "e%s%d", below(2) ? "-" : "", below(4) ? 0 : 1);
}

static const char *differs(const char *a, const char *b, struct ev_buf *out)
{
	const struct plain p = plain_of(a), q = plain_of(b);
	const int scale = below(2) ? below(20) : -below(20);
	int64_t got = 0, want = 0;
	enum ev_number_result r = plain_scaled(&p, scale, &want);
	char text[ALL + 3];

	if (ev_number_cmp(ev_slice_str(a), ev_slice_str(b)) != plain_cmp(&p, &q))
		return "order";
	if (ev_number_scaled(ev_slice_str(a), scale, &got) != r || (!r && got != want))
		return "scaled";
	plain_print(&p, text);
	ev_buf_clear(out);
	if (!ev_number_canonical(ev_slice_str(a), out) || strcmp(ev_buf_str(out), text) != 0)
		return "canonical";
	return NULL;
}

static void test_random(void)
{
	const uint64_t seed = test_seed();
	const int rounds = 50000 * test_effort();
	const char *what = NULL;
	struct ev_buf b = EV_BUF_INIT;
	int equal = 0;
	char one[64], two[80];

	for (int i = 0; i < rounds && !what; i++) {
		rng = seed + (uint64_t)i * 1000003;
		random_number(one);
		if (i % 4)
			random_number(two);
		else
			respell(one, two);
		what = differs(one, two, &b);
		equal += ev_number_cmp(ev_slice_str(one), ev_slice_str(two)) == 0;
	}
	CHECK(!what, "%d random pairs agree with the reference (%s: %s, %s)", rounds,
	      what ? what : "all", one, two);
	CHECK(equal > rounds / 20, "equal pairs are among them: %d", equal);
	ev_buf_release(&b);
}

int main(void)
{
	test_scaled();
	test_order();
	test_canonical();
	test_random();
	return test_done();
}
