/* line_test.c - record lines: exact bytes both ways, on hostile records and hostile lines */
#include "test.h"

#include <jansson.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "json/json.h"
#include "record/line.h"

static bool same_record(const struct ev_record *a, const struct ev_record *b)
{
	if (!ev_slice_eq(a->topic, b->topic) || a->partition != b->partition ||
	    a->offset != b->offset || a->timestamp != b->timestamp ||
	    a->log_append != b->log_append || !ev_slice_eq(a->key, b->key) ||
	    !ev_slice_eq(a->value, b->value) || a->nheaders != b->nheaders)
		return false;
	for (size_t i = 0; i < a->nheaders; i++)
		if (!ev_slice_eq(a->headers[i].name, b->headers[i].name) ||
		    !ev_slice_eq(a->headers[i].value, b->headers[i].value))
			return false;
	return true;
}

/* Write, read, compare; write again, compare: what went wrong, or NULL. */
static const char *round_trip(const struct ev_record *r)
{
	struct ev_line_reader *lr = ev_line_reader_new();
	struct ev_buf one = EV_BUF_INIT, two = EV_BUF_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_record back;
	static char text[sizeof(err.text)];
	struct ev_json_error jerr;
	struct ev_value top;
	const char *why = NULL;
	json_t *tree;

	ev_line_write(&one, r);
	if (memchr(one.data, '\n', one.len) != one.data + one.len - 1 ||
	    memchr(one.data, '\r', one.len))
		why = "the line is broken";
	/* The other parser is not fit for all documents (1e400, lone surrogates). */
	if (!r->value.ptr || ev_json_validate(r->value, &top, &jerr)) {
		tree = json_loadb(one.data, one.len, JSON_ALLOW_NUL, NULL);
		if (!tree)
			why = "another parser refuses the line";
		json_decref(tree);
	}
	if (ev_line_read(lr, ev_slice(one.data, one.len - 1), &back, &err)) {
		memcpy(text, err.text, sizeof(text));
		why = text;
	} else if (!same_record(r, &back)) {
		why = "the record that comes back differs";
	} else {
		ev_line_write(&two, &back);
		if (!ev_slice_eq(ev_buf_slice(&one), ev_buf_slice(&two)))
			why = "the second line differs";
	}
	ev_line_reader_free(lr);
	ev_buf_release(&one);
	ev_buf_release(&two);
	return why;
}

static void check_written(const struct ev_record *r, const char *line, const char *what)
{
	struct ev_buf out = EV_BUF_INIT;
	const char *why;

	ev_line_write(&out, r);
	if (!CHECK(ev_slice_is(ev_buf_slice(&out), line), "%s is written as it should be", what))
		printf("#   got  %s#   want %s", ev_buf_str(&out), line);
	why = round_trip(r);
	CHECK(!why, "%s comes back (%s)", what, why ? why : "ok");
	ev_buf_release(&out);
}

static void test_shapes(void)
{
	static const struct ev_header headers[] = {
		{ EV_LITERAL("trace"), EV_LITERAL("t1") },
		{ EV_LITERAL("trace"), EV_NULL_SLICE },
		{ EV_LITERAL("\xff"), EV_LITERAL("\x00\xfe") },
		{ EV_LITERAL(""), EV_LITERAL("") },
	};
	struct ev_record r = {
		.topic = EV_LITERAL("orders"), .partition = 3, .offset = 12,
		.timestamp = 1732190400123, .key = EV_LITERAL("c-9"),
		.value = EV_LITERAL("{\"a\": [1, 2.50,\"\\ud800\"]}"),
	};

	check_written(&r, "{\"topic\":\"orders\",\"partition\":3,\"offset\":12,"
		      "\"timestamp\":1732190400123,\"key\":\"c-9\",\"headers\":[],"
		      "\"value\":{\"a\": [1, 2.50,\"\\ud800\"]}}\n", "a JSON value");
	r.headers = headers;
	r.nheaders = 4;
	r.key = EV_NULL_SLICE;
	r.value = EV_NULL_SLICE;
	r.log_append = true;
	check_written(&r, "{\"topic\":\"orders\",\"partition\":3,\"offset\":12,"
		      "\"timestamp\":1732190400123,\"timestamp_type\":\"log\",\"key\":null,"
		      "\"headers\":[[\"trace\",\"t1\"],[\"trace\",null],"
		      "[{\"base64\":\"/w==\"},{\"base64\":\"AP4=\"}],[\"\",\"\"]],\"value\":null}\n",
		      "a tombstone with odd headers");
	r.nheaders = 0;
	r.log_append = false;
	r.timestamp = EV_NO_TIMESTAMP;
	r.key = EV_LITERAL("");
	r.value = EV_LITERAL("");
	check_written(&r, "{\"topic\":\"orders\",\"partition\":3,\"offset\":12,\"timestamp\":null,"
		      "\"key\":\"\",\"headers\":[],\"text\":\"\"}\n", "an empty key and value");
	r.key = EV_LITERAL("\xc3");
	r.value = EV_LITERAL("null");
	r.timestamp = -1;
	r.offset = INT64_MAX - 1;
	r.partition = INT32_MAX;
	check_written(&r, "{\"topic\":\"orders\",\"partition\":2147483647,"
		      "\"offset\":9223372036854775806,\"timestamp\":-1,\"key_base64\":\"ww==\","
		      "\"headers\":[],\"text\":\"null\"}\n", "the document null");
}

/* The tail of the line, from the value's member on. */
static void check_value(struct ev_slice value, const char *tail)
{
	struct ev_record r = { .topic = EV_LITERAL("t"), .value = value };
	struct ev_buf out = EV_BUF_INIT;
	size_t n = strlen(tail);
	const char *why;

	ev_line_write(&out, &r);
	if (!CHECK(out.len > n + 2 && memcmp(out.data + out.len - n - 2, tail, n) == 0 &&
		   out.data[out.len - n - 3] == ',', "a value goes as %s", tail))
		printf("#   got %s", ev_buf_str(&out));
	why = round_trip(&r);
	CHECK(!why, "and comes back (%s)", why ? why : "ok");
	ev_buf_release(&out);
}

static void test_values(void)
{
	check_value(EV_LITERAL("12"), "\"value\":12");
	check_value(EV_LITERAL("1e400"), "\"value\":1e400");
	check_value(EV_LITERAL("\"s\""), "\"value\":\"s\"");
	check_value(EV_LITERAL("true"), "\"value\":true");
	check_value(EV_LITERAL("{\"a\":1,\"a\":2}"), "\"value\":{\"a\":1,\"a\":2}");
	check_value(EV_LITERAL(" {}"), "\"text\":\" {}\"");
	check_value(EV_LITERAL("{}\t"), "\"text\":\"{}\\t\"");
	check_value(EV_LITERAL("[1,\n2]"), "\"text\":\"[1,\\n2]\"");
	check_value(EV_LITERAL("[1,\r2]"), "\"text\":\"[1,\\r2]\"");
	check_value(EV_LITERAL("{"), "\"text\":\"{\"");
	check_value(EV_LITERAL("01"), "\"text\":\"01\"");
	check_value(EV_LITERAL("nul"), "\"text\":\"nul\"");
	check_value(EV_LITERAL("{\"a\":1}}"), "\"text\":\"{\\\"a\\\":1}}\"");
	check_value(EV_LITERAL("{},\"key\":\"x\""), "\"text\":\"{},\\\"key\\\":\\\"x\\\"\"");
	check_value(EV_LITERAL("\0"), "\"text\":\"\\u0000\"");
	check_value(EV_LITERAL("a\x7f\x1b[0m\b\f"), "\"text\":\"a\\u007f\\u001b[0m\\b\\f\"");
	check_value(EV_LITERAL("1234\x7f""5678"), "\"text\":\"1234\\u007f5678\"");
	check_value(EV_LITERAL("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa"),
		    "\"text\":\"\\u2028\\u2029\xe2\x80\xaa\"");
	check_value(EV_LITERAL("\xc2\x80\xc2\x9f\xc2\xa0"), "\"text\":\"\\u0080\\u009f\xc2\xa0\"");
	check_value(EV_LITERAL("12345678\xe2\x82\xac""12345678\"\\/"),
		    "\"text\":\"12345678\xe2\x82\xac""12345678\\\"\\\\/\"");
	check_value(EV_LITERAL("\xed\xa0\x80"), "\"base64\":\"7aCA\"");
	check_value(EV_LITERAL("\"\xc0\x80\""), "\"base64\":\"IsCAIg==\"");
	check_value(EV_LITERAL("\xef\xbb\xbf{}"), "\"text\":\"\xef\xbb\xbf{}\"");
}

static char *random_bytes(uint64_t *seed, size_t n)
{
	static const char *const pieces[] = {
		"\xff", "\xc3", "\xe2\x80\xa8", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\xa0\x80", "\x7f",
		"\"", "\\", "\n", "\r", "\t", " ", "{", "}", "[", "]", ",", ":", "null", "1", "abcdefghijk",
		"\\ud800", "\\u0041", "\xc2\x85", "/", "<", "'", "\x01",
	};
	char *p = ev_alloc(n + 16);
	size_t at = 0;
	unsigned mode = (unsigned)(test_rand(seed) % 3);

	while (at < n) {
		const char *piece = pieces[test_rand(seed) % (sizeof(pieces) / sizeof(pieces[0]))];
		size_t len = strlen(piece);

		if (mode == 0 || test_rand(seed) % 20 == 0) {
			p[at++] = (char)(test_rand(seed) >> (mode == 0 ? 0 : 57)); /* any byte, or ASCII */
		} else if (mode == 1 && (unsigned char)piece[0] >= 0x80) {
			at += n - at > 1 ? 0 : 1; /* only ASCII in this mode */
		} else {
			memcpy(p + at, piece, len < n - at ? len : n - at);
			at += len < n - at ? len : n - at;
		}
	}
	return p;
}

/* Null, empty, or hostile bytes; *mem is to be freed. */
static struct ev_slice random_slice(uint64_t *seed, size_t max, bool null, char **mem)
{
	size_t n = test_rand(seed) % (max + 1);

	*mem = NULL;
	if (null && test_rand(seed) % 5 == 0)
		return EV_NULL_SLICE;
	if (test_rand(seed) % 6 == 0)
		n = 0;
	*mem = random_bytes(seed, n);
	return ev_slice(*mem, n);
}

static const char *random_round(uint64_t *seed, size_t max, size_t nheaders)
{
	struct ev_header *h = ev_alloc((nheaders + 1) * sizeof(*h));
	char **mem = ev_alloc((2 * nheaders + 2) * sizeof(*mem));
	struct ev_record r = {
		.topic = EV_LITERAL("a.B_c-9"), .partition = (int32_t)(test_rand(seed) >> 33),
		.offset = (int64_t)(test_rand(seed) >> 2), .timestamp = (int64_t)test_rand(seed),
		.log_append = test_rand(seed) & 1, .headers = h, .nheaders = nheaders,
	};
	const char *why;

	for (size_t i = 0; i < nheaders; i++) {
		h[i].name = random_slice(seed, 12, false, &mem[2 * i]);
		h[i].value = random_slice(seed, 30, true, &mem[2 * i + 1]);
	}
	r.key = random_slice(seed, 40, true, &mem[2 * nheaders]);
	r.value = random_slice(seed, max, true, &mem[2 * nheaders + 1]);
	why = round_trip(&r);
	for (size_t i = 0; i < 2 * nheaders + 2; i++)
		free(mem[i]);
	free(mem);
	free(h);
	return why;
}

static void test_random(void)
{
	uint64_t seed = test_seed();
	int rounds = 3000 * test_effort(), done = 0;
	const char *why = NULL;

	while (done < rounds &&
	       !(why = random_round(&seed, 1 + (size_t)done % 200, (size_t)done % 7)))
		done++;
	CHECK(done == rounds, "%d hostile records come back byte for byte (%s)", rounds,
	      why ? why : "ok");
	why = random_round(&seed, 500, 1000);
	CHECK(!why, "1000 headers come back (%s)", why ? why : "ok");
	for (int i = 0; i < 3; i++) {
		why = random_round(&seed, 10 << 20, 2);
		CHECK(!why, "a value of megabytes comes back (%s)", why ? why : "ok");
	}
}

static void test_large(void)
{
	struct ev_record r = { .topic = EV_LITERAL("t") };
	char *p = ev_alloc(10 << 20);
	const char *why;

	r.value = ev_slice(p, 10 << 20);
	why = round_trip(&r);
	CHECK(!why, "10 MB of NUL come back (%s)", why ? why : "ok");
	memset(p, '7', 10 << 20);
	why = round_trip(&r);
	CHECK(!why, "a number of 10 MB comes back (%s)", why ? why : "ok");
	memset(p, 0xfe, 10 << 20);
	why = round_trip(&r);
	CHECK(!why, "10 MB that are no UTF-8 come back (%s)", why ? why : "ok");
	free(p);
}

#define HEAD "{\"topic\":\"t\",\"partition\":0,\"offset\":1,"

/* From a copy with nothing behind it, so that a sanitizer sees reads past the end. */
static char *copy;

static int read_line(struct ev_line_reader *lr, struct ev_slice line, struct ev_record *r,
		     struct ev_error *err)
{
	free(copy);
	copy = malloc(line.len ? line.len : 1);
	memcpy(copy, line.ptr, line.len);
	return ev_line_read(lr, ev_slice(copy, line.len), r, err);
}

static const struct {
	const char *line, *error;
} cases[] = {
	{ "", "byte 1: expected '{'" },
	{ "[]", "byte 1: expected '{'" },
	{ "{}", "byte 3: no member \"topic\"" },
	{ "{\"topic\":\"t\",\"offset\":1,\"value\":1}", "byte 35: no member \"partition\"" },
	{ "{\"topic\":\"t\",\"partition\":1,\"value\":1}", "byte 38: no member \"offset\"" },
	{ HEAD "\"key\":\"a\"}", "byte 49: no member \"value\", \"text\" or \"base64\"" },
	{ HEAD "\"value\":1", "byte 48: expected ',' or '}'" },
	{ HEAD "\"value\":{}} x", "byte 51: bytes behind the object" },
	{ HEAD "\"value\":{}},", "bytes behind the object" },
	{ HEAD "\"value\":{},}", "expected a string" },
	{ HEAD "\"value\":{a}}", "byte 48: the value is no JSON document" },
	{ HEAD "\"value\":}", "the value is no JSON document" },
	{ HEAD "\"value\":1 2}", "the value is no JSON document" },
	{ HEAD "\"value\":1,\"value\":1}", "byte 49: a second key or value: \"value\"" },
	{ HEAD "\"value\":1,\"text\":\"\"}", "a second key or value: \"text\"" },
	{ HEAD "\"key\":null,\"key_base64\":\"\",\"value\":1}", "second key or value: \"key_base64\"" },
	{ HEAD "\"offset\":1,\"value\":1}", "byte 39: a second member \"offset\"" },
	{ HEAD "\"valu\":1}", "byte 39: unknown member \"valu\"" },
	{ HEAD "\"\\u001b[m\":1}", "unknown member \"\\u001b[m\"" },
	{ HEAD "\"text\":null}", "expected a string" },
	{ HEAD "\"text\":\"\\ud800\"}", "byte 47: a lone surrogate" },
	{ HEAD "\"text\":\"\\udc00\\ud800\"}", "a lone surrogate" },
	{ HEAD "\"text\":\"\\ud800\\ud800\"}", "a lone surrogate" },
	{ HEAD "\"text\":\"\\x\"}", "an unknown escape" },
	{ HEAD "\"text\":\"\\u12g4\"}", "an invalid \\u escape" },
	{ HEAD "\"text\":\"\\u12\"}", "an invalid \\u escape" },
	{ HEAD "\"text\":\"\t\"}", "byte 47: a control character" },
	{ HEAD "\"text\":\"abcdefghijk\xc3\"}", "byte 58: invalid UTF-8" },
	{ HEAD "\"text\":\"abc", "without its closing quote" },
	{ HEAD "\"text\":\"abc\\", "without its closing quote" },
	{ HEAD "\"text\":\"abc\\\"}", "without its closing quote" },
	{ HEAD "\"base64\":\"YQ=\"}", "not base64" },
	{ HEAD "\"base64\":\"YR==\"}", "not base64" },
	{ HEAD "\"base64\":\"YI==\"}", "not base64" },
	{ HEAD "\"base64\":\"YWJ=\"}", "not base64" },
	{ HEAD "\"base64\":\"YWK=\"}", "not base64" },
	{ HEAD "\"base64\":\"Y===\"}", "not base64" },
	{ HEAD "\"base64\":\"YQ==YQ==\"}", "not base64" },
	{ HEAD "\"base64\":\"YQ-_\"}", "not base64" },
	{ HEAD "\"timestamp\":1.0,\"value\":1}", "without fraction or exponent" },
	{ HEAD "\"timestamp\":\"1\",\"value\":1}", "expected an integer" },
	{ HEAD "\"timestamp\":9223372036854775808,\"value\":1}", "more than 64 bits" },
	{ HEAD "\"timestamp_type\":\"x\",\"value\":1}", "neither \"log\" nor \"create\"" },
	{ HEAD "\"headers\":null,\"value\":1}", "expected an array of headers" },
	{ HEAD "\"headers\":[[\"a\"]],\"value\":1}", "expected ',' and the header's value" },
	{ HEAD "\"headers\":[[null,\"a\"]],\"value\":1}", "expected a string" },
	{ HEAD "\"headers\":[[\"a\",1]],\"value\":1}", "expected a string" },
	{ HEAD "\"headers\":[[\"a\",\"b\",\"c\"]],\"value\":1}", "expected ']'" },
	{ HEAD "\"headers\":[[\"a\",\"b\"],],\"value\":1}", "expected a header" },
	{ HEAD "\"headers\":[[\"a\",{\"text\":\"b\"}]],\"value\":1}", "\"base64\"" },
	{ "{\"topic\":\"\",\"partition\":0,\"offset\":1,\"value\":1}", "byte 10: not a topic name" },
	{ "{\"topic\":\"a/b\",\"partition\":0,\"offset\":1,\"value\":1}", "not a topic name" },
	{ "{\"topic\":\"..\",\"partition\":0,\"offset\":1,\"value\":1}", "not a topic name" },
	{ "{\"topic\":null,\"partition\":0,\"offset\":1,\"value\":1}", "expected a string" },
	{ "{\"topic\":\"t\",\"partition\":-1,\"offset\":1,\"value\":1}", "partition is out of range" },
	{ "{\"topic\":\"t\",\"partition\":2147483648,\"offset\":1,\"value\":1}", "out of range" },
	{ "{\"topic\":\"t\",\"partition\":00,\"offset\":1,\"value\":1}", "expected an integer" },
	{ "{\"topic\":\"t\",\"partition\":-0,\"offset\":1,\"value\":1}", "expected an integer" },
	{ "{\"topic\":\"t\",\"partition\":0,\"offset\":-1,\"value\":1}", "offset is out of range" },
	{ "{\"topic\":\"t\",\"partition\":0,\"offset\":1e2,\"value\":1}", "without fraction" },
	{ "{\"topic\":\"t\",\"partition\":0,\"offset\":null,\"value\":1}", "expected an integer" },
	{ "{\"topic\":\"t\",\"partition\":0,\"offset\":9223372036854775807,\"value\":1}", "out of range" },
};

static void test_refused(void)
{
	struct ev_line_reader *lr = ev_line_reader_new();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ev_error err = EV_ERROR_INIT;
		struct ev_record r;
		int rc = read_line(lr, ev_slice_str(cases[i].line), &r, &err);

		if (!CHECK(rc == -1 && err.class == EV_DATA && strstr(err.text, cases[i].error),
			   "refused: %s", cases[i].error))
			printf("#   %s\n#   gives '%s'\n", cases[i].line, err.text);
	}
	ev_line_reader_free(lr);
}

static void test_liberal(void)
{
	struct ev_line_reader *lr = ev_line_reader_new();
	struct ev_error err = EV_ERROR_INIT;
	struct ev_record r;
	int rc;

	rc = read_line(lr, EV_LITERAL(" { \"value\" : {\"a\" : 1} , \"offset\":7,\"headers\" : [ [ \"h\" , "
				      "{ \"base64\" : \"/w==\" } ] , [\"\\u00e9\\ud83d\\ude00\",null]],\t"
				      "\"t\\u006fpic\":\"o\\u0072ders\",\"partition\":2 } \r"),
		       &r, &err);
	CHECK(rc == 0, "any order, white space and escapes are read (%s)", err.text);
	CHECK(ev_slice_is(r.value, "{\"a\" : 1}"), "the value keeps its inner white space");
	CHECK(ev_slice_is(r.topic, "orders") && r.partition == 2 && r.offset == 7, "the place is read");
	CHECK(r.timestamp == EV_NO_TIMESTAMP && !r.log_append && !r.key.ptr, "absent members are none");
	CHECK(r.nheaders == 2 && ev_slice_is(r.headers[0].value, "\xff") &&
	      ev_slice_is(r.headers[1].name, "\xc3\xa9\xf0\x9f\x98\x80") && !r.headers[1].value.ptr,
	      "headers are decoded");
	rc = read_line(lr, EV_LITERAL(HEAD "\"key\":null,\"value\" : null }"), &r, &err);
	CHECK(rc == 0 && !r.key.ptr && !r.value.ptr, "null is a tombstone however it is spaced");
	rc = read_line(lr, EV_LITERAL(HEAD "\"text\":\"\\u0000\\/\\b\",\"key_base64\":\"\","
				      "\"timestamp_type\":\"create\"}"), &r, &err);
	CHECK(rc == 0 && r.key.ptr && r.key.len == 0 && r.value.len == 3 &&
	      memcmp(r.value.ptr, "\0/\b", 3) == 0, "NUL is a byte, empty is not null");
	ev_line_reader_free(lr);
}

static void test_keep(void)
{
	struct ev_line_reader *lr = ev_line_reader_new();
	struct ev_record r[200];
	struct ev_error err = EV_ERROR_INIT;
	struct ev_buf lines[200] = { 0 };
	int good = 0;

	ev_line_reader_keep(lr, true);
	for (int i = 0; i < 200; i++) {
		ev_buf_addf(&lines[i], HEAD "\"headers\":[[\"h\",\"\\t%d\"]],\"text\":\"\\n%0*d\"}", i,
			    i * 20 + 1, i);
		if (ev_line_read(lr, ev_buf_slice(&lines[i]), &r[i], &err))
			break;
	}
	for (int i = 0; i < 200; i++) {
		char text[200 * 20 + 8], header[8];

		/* slices have no end of their own: compare whole texts */
		snprintf(text, sizeof(text), "\n%0*d", i * 20 + 1, i);
		snprintf(header, sizeof(header), "\t%d", i);
		good += ev_slice_is(r[i].value, text) && r[i].nheaders == 1 &&
			ev_slice_is(r[i].headers[0].value, header);
	}
	CHECK(good == 200, "with keep all records stay valid (%d of 200)", good);
	ev_line_reader_reset(lr);
	ev_line_reader_free(lr);
	for (int i = 0; i < 200; i++)
		ev_buf_release(&lines[i]);
}

static void test_header_limit(void)
{
	struct ev_line_reader *lr = ev_line_reader_new();
	struct ev_error err = EV_ERROR_INIT;
	struct ev_buf b = EV_BUF_INIT;
	struct ev_record r;

	ev_buf_adds(&b, HEAD "\"headers\":[[\"\",\"\"]");
	for (int i = 1; i < EV_LINE_MAX_HEADERS; i++)
		ev_buf_adds(&b, ",[\"\",\"\"]");
	ev_buf_adds(&b, "],\"value\":1}");
	CHECK(ev_line_read(lr, ev_buf_slice(&b), &r, &err) == 0 && r.nheaders == EV_LINE_MAX_HEADERS,
	      "65536 headers are read");
	b.len -= strlen("],\"value\":1}");
	ev_buf_adds(&b, ",[\"\",\"\"]],\"value\":1}");
	CHECK(ev_line_read(lr, ev_buf_slice(&b), &r, &err) == -1 && strstr(err.text, "65536 headers"),
	      "one more is refused");
	ev_buf_release(&b);
	ev_line_reader_free(lr);
}

static void test_utf8(void)
{
	static const char *const good[] = { "", "abc", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
					    "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80",
					    "\xf4\x8f\xbf\xbf", "12345678\xc3\xa9" };
	static const char *const bad[] = { "\x80", "\xbf", "\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80",
					   "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
					   "\xff", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc3(", "\xe2\x28\xa1",
					   "\xe2\x82\x28", "12345678\xc3" };
	uint64_t seed = 7;
	int wrong = 0;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		wrong += !ev_utf8_valid(ev_slice_str(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		wrong += ev_utf8_valid(ev_slice_str(bad[i]));
	CHECK(wrong == 0, "UTF-8 is told from what is not");
	for (int i = 0; i < 3000; i++) {
		char *mem;
		struct ev_slice s = random_slice(&seed, 40, false, &mem);
		json_t *j = json_stringn(s.ptr, s.len);

		wrong += (j != NULL) != ev_utf8_valid(s);
		json_decref(j);
		free(mem);
	}
	CHECK(wrong == 0, "another library agrees on random bytes");
}

int main(void)
{
	test_utf8();
	test_shapes();
	test_values();
	test_refused();
	test_liberal();
	test_keep();
	test_header_limit();
	test_random();
	test_large();
	free(copy);
	return test_done();
}
