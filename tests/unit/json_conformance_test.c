/*
 * json_conformance_test.c - every rule of RFC 8259: what is a JSON text, where it stops being one
 *
 * Each case is read from the very end of a page that nothing follows, by the validator and by the
 * extractor with paths that lead into it and past it; then inside white space, arrays and objects.
 */
#include "test.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "json/json.h"

#define YES (-1)       /* a JSON text */
#define SPLIT (-2)     /* the ways of reading do not agree */
#define Y(s) { s, sizeof(s) - 1, YES }
#define N(s, at) { s, sizeof(s) - 1, at }

struct json_case {
	const char *text;
	size_t len;
	int at; /* YES, or the offset of the fault */
};

static const struct json_case literals[] = {
	Y("null"), Y("true"), Y("false"),
	N("", 0), N("nul", 0), N("nulL", 0), N("NULL", 0), N("Null", 0), N("True", 0),
	N("TRUE", 0), N("tru", 0), N("fals", 0), N("falsy", 0), N("undefined", 0), N("None", 0),
	N("nan", 0), N("NaN", 0), N("Infinity", 0), N("-Infinity", 1), N("-NaN", 1), N("nullx", 4),
	N("true1", 4), N("truefalse", 4), N("null null", 5), N("t", 0), N("f", 0), N("n", 0),
	N("x", 0), N("'", 0), N("[nul]", 1), N("[tru", 1),
};

static const struct json_case numbers[] = {
	Y("0"), Y("-0"), Y("1"), Y("-1"), Y("9"), Y("10"), Y("1234567890"), Y("0.0"), Y("-0.0"),
	Y("0.5"), Y("1.0"), Y("1.25"), Y("-1.25"), Y("1e0"), Y("1E0"), Y("1e+0"), Y("1e-0"),
	Y("1E+10"), Y("0e1"), Y("0E-1"), Y("0.0e0"), Y("1.5e300"), Y("1e999999999"),
	Y("1e-999999999"), Y("-0e-0"), Y("1e00"), Y("1e007"), Y("123456789012345678901234567890"),
	Y("0.00000000000000000000000000000000000000001"), Y("-9223372036854775808"),
	Y("18446744073709551616"), Y("1.7976931348623159e308"),
	N("+1", 0), N("-", 1), N("--1", 1), N("-a", 1), N("-+1", 1), N("01", 1), N("00", 1),
	N("-01", 2), N("-00", 2), N("012", 1), N("0x10", 1), N("0b1", 1), N("0o7", 1), N(".5", 0),
	N("-.5", 1), N("1.", 2), N("0.", 2), N("1.e1", 2), N("1.-1", 2), N("1..2", 2),
	N("1.2.3", 3), N("1e", 2), N("1E", 2), N("1e+", 3), N("1e-", 3), N("1ee1", 2),
	N("1e1.5", 3), N("1e+-1", 3), N("1e1e1", 3), N("1_000", 1), N("1,000", 1), N("1a", 1),
	N("1f", 1), N("1 2", 2), N("1-2", 1), N("1+2", 1), N("0-0", 1), N("$1", 0),
	N("\xef\xbc\x91", 0), N("[01]", 2), N("[1.]", 3), N("[-]", 2), N("[1e]", 3), N("[.1]", 1),
	N("[1 .5]", 3), N("[- 1]", 2), N("1\0", 1), N("1e1\0", 3),
};

static const struct json_case strings[] = {
	Y("\"\""), Y("\"a\""), Y("\" \""), Y("\"'\""), Y("\"/\""), Y("\"\\\"\""), Y("\"\\\\\""),
	Y("\"\\/\""), Y("\"\\b\\f\\n\\r\\t\""), Y("\"\\u0000\""), Y("\"\\u001f\""),
	Y("\"\\uabcd\\uABCD\\u09Ef\""), Y("\"\\ud83d\\ude00\""), Y("\"\\ud800\""),
	Y("\"\\udc00\""), Y("\"\\udc00\\ud800\""), Y("\"\\ud800x\""), Y("\"\\ud800\\n\""),
	Y("\"\\ud800\\ud800\""), Y("\"\\\\u12\""), Y("\"\\\\\\\"\""), Y("\"{[,:]}\""),
	Y("\"// no comment /* */\""), Y("\"\x7f\""), Y("\"0123456789abcdef\""),
	Y("\"0123456789abcde\""), Y("\"0123456789abcdef0123456789abcdef\""),
	Y("\"0123456789abcd\\n0123456789abcdef\""),
	N("\"", 1), N("\"a", 2), N("\"\\", 2), N("\"\\\"", 3), N("\"a\\\"", 4), N("a", 0),
	N("a\"", 0), N("'a'", 0), N("\"a\"b", 3), N("\"a\"\"b\"", 3), N("\"\\a\"", 1),
	N("\"\\v\"", 1), N("\"\\0\"", 1), N("\"\\x41\"", 1), N("\"\\'\"", 1), N("\"\\ \"", 1),
	N("\"\\N\"", 1), N("\"\\U0041\"", 1), N("\"\\\n\"", 1), N("\"\\\0\"", 1), N("\"\\u\"", 1),
	N("\"\\u1\"", 1), N("\"\\u12\"", 1), N("\"\\u123\"", 1), N("\"\\u123g\"", 1),
	N("\"\\ug123\"", 1), N("\"\\u 123\"", 1), N("\"\\u+123\"", 1), N("\"\\u-123\"", 1),
	N("\"\\u0x12\"", 1), N("\"\\u{41}\"", 1), N("\"\\u12", 1), N("\"\\u1234", 7),
	N("\"ab\\u00\xc3\xa9\"", 3), N("\"\\\xc3\xa9\"", 1), N("\"\\ud800\\u12\"", 7),
	N("\"\\ud800\\", 8), N("\"0123456789abcdef", 17), N("\"0123456789abcdef\\z\"", 17),
	N("\"\0\"", 1), N("\"\x01\"", 1), N("\"\n\"", 1), N("\"\r\"", 1), N("\"\t\"", 1),
	N("\"\x1f\"", 1), N("\"a\0b\"", 2), N("\"\b\"", 1), N("\"0123456789abcde\n\"", 16),
	N("\"0123456789abcdefghijklmnopqrstu\x1f\"", 32),
};

static const struct json_case utf8[] = {
	Y("\"\xc2\x80\""), Y("\"\xdf\xbf\""), Y("\"\xe0\xa0\x80\""), Y("\"\xe2\x82\xac\""),
	Y("\"\xed\x9f\xbf\""), Y("\"\xee\x80\x80\""), Y("\"\xef\xbf\xbf\""), Y("\"\xef\xbf\xbd\""),
	Y("\"\xf0\x90\x80\x80\""), Y("\"\xf0\x9f\x98\x80\""), Y("\"\xf4\x8f\xbf\xbf\""),
	Y("\"\xef\xbb\xbf\""), Y("\"\xe2\x80\xa8\""), Y("\"0123456789abcd\xe2\x82\xac\""),
	Y("\"0123456789abcde\xf0\x9f\x98\x80\""), Y("\"\xc3\xa9\\n\xc3\xa9\""),
	Y("\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\""),
	N("\"\x80\"", 1), N("\"\xbf\"", 1), N("\"\xc0\x80\"", 1), N("\"\xc0\xaf\"", 1),
	N("\"\xc1\xbf\"", 1), N("\"\xc2\"", 1), N("\"\xc2", 1), N("\"\xc2\x7f\"", 1),
	N("\"\xc2\xc0\"", 1), N("\"\xdf\"\"", 1), N("\"\xe0\x80\x80\"", 1),
	N("\"\xe0\x9f\xbf\"", 1), N("\"\xe2\x82\"", 1), N("\"\xe2\x82", 1), N("\"\xe2\"", 1),
	N("\"\xe2\x28\xa1\"", 1), N("\"\xe2\x82\x28\"", 1), N("\"\xed\xa0\x80\"", 1),
	N("\"\xed\xbf\xbf\"", 1), N("\"\xed\xa0\xbd\xed\xb8\x80\"", 1),
	N("\"\xf0\x80\x80\x80\"", 1), N("\"\xf0\x8f\xbf\xbf\"", 1), N("\"\xf0\x9f\x98\"", 1),
	N("\"\xf0\x9f\x98", 1), N("\"\xf0\x9f\"", 1), N("\"\xf0\"", 1),
	N("\"\xf0\x9f\x28\x80\"", 1), N("\"\xf4\x90\x80\x80\"", 1), N("\"\xf5\x80\x80\x80\"", 1),
	N("\"\xf8\x88\x80\x80\x80\"", 1), N("\"\xfe\"", 1), N("\"\xff\"", 1), N("\"a\xff\"", 2),
	N("\"ab\xc3\xa9\xa9\"", 5), N("\"\xe9t\xe9\"", 1), N("\"0123456789abcde\xff\"", 16),
	N("\"0123456789abcdef0123456789abcdef\xe2\x82\"", 33), N("\xef\xbb\xbf{}", 0),
	N("\xff\xfe{\0}\0", 0), N("{\0}\0", 1), N("\xc3\xa9", 0), N("{\"\xff\":1}", 2),
	N("[\xc3\xa9]", 1), N("\xc2\xa0" "1", 0), N("1\xe2\x80\x83", 1), N("{\xc2\xa0}", 1),
};

static const struct json_case spaces[] = {
	Y(" 1"), Y("1 "), Y("\t1\t"), Y("\n1\n"), Y("\r\n1\r\n"), Y(" \t\n\r[ \t\n\r] \t\n\r"),
	Y("[ ]"), Y("{ }"), Y(" { \"a\" : 1 , \"b\" : [ 1 , 2 ] } "), Y("{\n\t\"a\"\n:\n1\n}\n"),
	Y("[1\n,\n2]"), Y("                    1"), Y("[\r\n                              1\r\n]"),
	N(" ", 1), N("\t\n\r ", 4), N("\f1", 0), N("1\f", 1), N("\v1", 0), N("1\v", 1),
	N("\b1", 0), N("[\f]", 1), N("{\v}", 1), N("\0", 0), N("\0" "1", 0), N(" \0", 1),
	N("[1\0]", 2), N("1 \x7f", 2), N("[\x1f" "1]", 1), N("nu ll", 0), N("- 1", 1),
	N("1 e1", 2), N("\x1c" "1", 0), N("[1,\x0b" "2]", 3), N("{\"a\"\x0c:1}", 4),
};

static const struct json_case arrays[] = {
	Y("[]"), Y("[1]"), Y("[1,2,3]"), Y("[[]]"), Y("[[],[]]"), Y("[{}]"),
	Y("[null,true,false,\"\",0,[],{}]"), Y("[[[[[[[[[[1]]]]]]]]]]"), Y("[\"a\",\"b\"]"),
	Y("[{\"a\":1},{\"a\":2}]"), Y("[1, [2, [3]], 4]"),
	N("[", 1), N("]", 0), N("[1", 2), N("[1,", 3), N("[,", 1), N("[,1]", 1), N("[1,]", 3),
	N("[1,,2]", 3), N("[,]", 1), N("[1 2]", 3), N("[1;2]", 2), N("[1:2]", 2),
	N("[\"a\":1]", 4), N("[1}", 2), N("[}", 1), N("[[1]", 4), N("[[]", 3), N("[]]", 2),
	N("[1]]", 3), N("[] []", 3), N("[],", 2), N("[]1", 2), N("[(1)]", 1), N("[\"a]", 4),
	N("[\"a\"", 4), N("[\"a\"\"b\"]", 4), N("[1,2", 4), N("[...]", 1), N("[1,\n", 4),
	N("[null true]", 6), N("[{}{}]", 3), N("[[][]]", 3), N("[1]x", 3), N("[a]", 1),
	N("[\"\",]", 4), N("[,,]", 1), N("[ ,1]", 2), N("(1)", 0), N("<1>", 0), N("1]", 1),
	N("1,", 1),
};

static const struct json_case objects[] = {
	Y("{}"), Y("{\"a\":1}"), Y("{\"\":1}"), Y("{\"a\":1,\"b\":2}"), Y("{\"a\":1,\"a\":2}"),
	Y("{\"a\":{}}"), Y("{\"a\":{\"b\":{\"c\":[{\"d\":null}]}}}"), Y("{\"a\\u0062\":1}"),
	Y("{\"\\u0000\":1}"), Y("{\"a\":[],\"b\":{}}"), Y("{\"\xe2\x82\xac\":\"\xe2\x82\xac\"}"),
	Y("{\"a\":\"{}\"}"), Y("{\"a:\":1}"), Y("{\"a\":\"b\",\"c\":\"d\"}"), Y("{\"\\ud800\":1}"),
	Y("{\"0\":0}"), Y("{\"a\":-1}"), Y("{\"a\":true,\"b\":false,\"c\":null}"),
	N("{", 1), N("}", 0), N("{\"a\"", 4), N("{\"a", 3), N("{\"a\":", 5), N("{\"a\":1", 6),
	N("{\"a\":1,", 7), N("{\"a\"}", 4), N("{\"a\",1}", 4), N("{\"a\":}", 5),
	N("{\"a\":1,}", 7), N("{,}", 1), N("{,\"a\":1}", 1), N("{\"a\":1,,\"b\":2}", 7),
	N("{\"a\":1 \"b\":2}", 7), N("{\"a\":1;\"b\":2}", 6), N("{\"a\" 1}", 5), N("{\"a\"=1}", 4),
	N("{\"a\"=>1}", 4), N("{\"a\"::1}", 5), N("{:1}", 1), N("{1}", 1), N("{1:1}", 1),
	N("{a:1}", 1), N("{'a':1}", 1), N("{null:1}", 1), N("{true:1}", 1), N("{[]:1}", 1),
	N("{{}:1}", 1), N("{\"a\":1]", 6), N("{]", 1), N("{\"a\":{}", 7), N("{}}", 2),
	N("{} {}", 3), N("{},", 2), N("{}{}", 2), N("{\"a\":1}x", 7), N("{\"a\":1}}", 7),
	N("{\"a\":b}", 5), N("{\"a\":01}", 6), N("{\"a\":'b'}", 5), N("{\"a\":1,b:2}", 7),
	N("{\"a\":\"b}", 8), N("{\"a\"\"b\"}", 4), N("{\"a\":\"b\":1}", 8), N("{\"a\":1 : 2}", 7),
	N("{\"\\x\":1}", 2), N("{\"a\nb\":1}", 3), N("{\"a\":[1}", 7), N("{\"a\":{]}", 6),
	N("{\"a\":1,1}", 7), N("{\"a\":1, }", 8), N("{ \"a\" : }", 8), N("{\"a\": tru}", 6),
	N("{\"a\":\"\x01\"}", 6),
};

static const struct json_case foreign[] = {
	N("// c\n1", 0), N("1 // c", 2), N("/* c */1", 0), N("[1/**/]", 2), N("# c\n1", 0),
	N("{}#", 2), N("{\"a\":1 /*c*/}", 7), N("<?xml?>", 0), N("key: value", 0), N("- 1", 1),
	N("---", 1), N("\"a\" + \"b\"", 4), N("[1]\n[2]", 4), N("1\n2", 2), N("{\"a\":0x1}", 6),
	N("`a`", 0), N("\xe2\x80\x9c" "a\xe2\x80\x9d", 0), N("(null)", 0), N("\x1e{}", 0),
	N("{};", 2), N("callback({})", 0), N("\\u0031", 0), N("\\\"a\\\"", 0), N("[\"a\\]", 3),
	N("!", 0), N("~", 0), N("@", 0), N("\x7f", 0),
};

static char *page; /* one readable page; the one behind it is not */
static size_t page_size;

static void print_text(const char *text, size_t len, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 8 < size; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= 0x20 && c < 0x7f && c != '#')
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(out + n, size - n, "<%02x>", c);
	}
	out[n] = '\0';
}

static struct ev_paths *paths_of(const char *const *texts)
{
	struct ev_paths *p = ev_paths_new();
	struct ev_error err = EV_ERROR_INIT;

	for (; *texts; texts++)
		if (ev_paths_add(p, *texts, strlen(*texts), &err) < 0)
			CHECK(false, "'%s' is a path: %s", *texts, err.text);
	return p;
}

static const char *const into[] = { "$",       "$.a", "$.a.b", "$[0]",
				    "$[1][0]", "$.k", "$.k.a", "$.k[0]", NULL };
static const char *const past[] = { "$.nothing.here", "$[7]", NULL };
static struct ev_paths *lead_into, *lead_past;

/* Read it in all ways, which must agree. Returns YES, the fault's offset, or SPLIT. */
static int read_all(const char *text, size_t len)
{
	struct ev_json_error e[3] = { 0 };
	struct ev_value out[16], top;
	struct ev_slice json = ev_slice(memcpy(page + page_size - len, text, len), len);
	int rc[3];

	rc[0] = ev_json_validate(json, &top, &e[0]);
	rc[1] = ev_json_extract(lead_into, json, out, &e[1]);
	rc[2] = ev_json_extract(lead_past, json, out, &e[2]);
	if (rc[0] != rc[1] || rc[0] != rc[2])
		return SPLIT;
	if (!rc[0])
		return YES;
	if (e[0].at != e[1].at || e[0].at != e[2].at || !e[0].what || !e[1].what || !e[2].what)
		return SPLIT;
	return e[0].at > len ? SPLIT : (int)e[0].at;
}

static bool yes_around(const struct json_case *c, const char *before, const char *after)
{
	struct ev_buf b = EV_BUF_INIT;
	bool yes;

	ev_buf_adds(&b, before);
	ev_buf_add(&b, c->text, c->len);
	ev_buf_adds(&b, after);
	yes = read_all(b.data, b.len) == YES;
	ev_buf_release(&b);
	return yes;
}

/* The same verdict wherever the value stands; a refused text must also be refused as a member. */
static bool same_around(const struct json_case *c)
{
	static const char *const before[] = { "{\"k\":", "{\"x\":", "{\"k\":[0,",
					      "[[{\"a\":1,\"k\":" };
	static const char *const after[] = { "}", ",\"k\":0}", "]}", "}]]" };
	bool yes = c->at == YES;

	for (size_t i = 0; i < 4; i++)
		if (i != 2 && yes_around(c, before[i], after[i]) != yes)
			return false;
	return !yes || (yes_around(c, before[2], after[2]) && yes_around(c, " \n", "\t "));
}

static void test_cases(const char *what, const struct json_case *c, size_t n)
{
	char shown[256];

	for (size_t i = 0; i < n; i++) {
		int got = read_all(c[i].text, c[i].len);

		print_text(c[i].text, c[i].len, shown, sizeof(shown));
		if (c[i].at == YES)
			CHECK(got == YES, "%s: accepted: %s (got %d)", what, shown, got);
		else
			CHECK(got == c[i].at, "%s: refused at %d: %s (got %d)", what, c[i].at,
			      shown, got);
		if (!same_around(&c[i]))
			CHECK(false, "%s: the same inside of arrays and objects: %s", what, shown);
	}
}
#define CASES(table) test_cases(#table, table, sizeof(table) / sizeof(*(table)))

/* Does every beginning of the text have to be refused? Not where white space or digits end it. */
static bool ends_itself(const struct json_case *c)
{
	return c->at == YES && strchr("[{\"tfn", c->text[0]) && c->text[c->len - 1] > ' ';
}

/* Refused, at a place from which on only what is torn may stand: at most \uXXX. */
static bool refused_at_end(const char *text, size_t len)
{
	int at = read_all(text, len);

	return at >= 0 && (size_t)at <= len && (size_t)at + 5 >= len;
}

static void test_cut(const char *what, const struct json_case *c, size_t n)
{
	bool ok = true;

	for (size_t i = 0; i < n; i++)
		for (size_t len = 0; ends_itself(&c[i]) && len < c[i].len; len++)
			ok = ok && refused_at_end(c[i].text, len);
	CHECK(ok, "%s: whatever is cut short is refused where it ends", what);
}
#define CUT(table) test_cut(#table, table, sizeof(table) / sizeof(*(table)))

/* One document with everything in it, cut at every byte. */
static void test_cut_document(void)
{
	static const char text[] =
		"{\"a\" : { \"b\":[-0.5e+10, 12E-3,\t0], \"\\u00e9\\n\":\"\xc3\xa9\xe2\x82\xac\" }"
		",\r\n \"k\":[{\"a\":[[[]],{}]},true , false,null],\"\xf0\x9f\x98\x80\":"
		"\"\\ud83d\\ude00 and a text that is longer than thirty-two bytes\\\\\","
		" \"\":{ },\"n\":[ ], \"a\":\"\\\"\"}";
	size_t len = sizeof(text) - 1, cut;

	CHECK(read_all(text, len) == YES, "a document with everything in it is accepted");
	for (cut = 0; cut < len && refused_at_end(text, cut); cut++)
		;
	CHECK(cut == len, "cut at each of its %zu bytes it is refused there (%zu)", len, cut);
}

/* Any byte in any place of a string long enough for every way of scanning. */
static void test_bytes_in_string(void)
{
	char text[80];
	bool ok = true;

	for (int byte = 0; byte < 256; byte++)
		for (size_t at = 1; at < 66; at++) {
			int want = byte < 0x20 || byte >= 0x80 ? (int)at : YES;

			memset(text, 'x', sizeof(text));
			text[0] = text[67] = '"';
			text[at] = (char)byte;
			if (byte == '"')
				want = (int)at + 1;
			else if (byte == '\\')
				want = (int)at; /* \x is no escape */
			ok = ok && read_all(text, 68) == want;
		}
	CHECK(ok, "each of the 256 bytes at each place of a string is judged by itself");
}

/* Any byte for the ? of a text: accepted are those named, no others. */
static void test_byte(const char *text, const char *good)
{
	size_t len = strlen(text), at = strcspn(text, "?");
	int byte;
	char copy[32], shown[64];

	print_text(good, strlen(good), shown, sizeof(shown));
	for (byte = 0; byte < 256; byte++) {
		bool want = byte && strchr(good, byte);

		memcpy(copy, text, len);
		copy[at] = (char)byte;
		if ((read_all(copy, len) == YES) != want)
			break;
	}
	if (!CHECK(byte == 256, "%s: of all bytes these make a JSON text: %s", text, shown))
		printf("#   not so with byte %02x\n", byte);
}

static void test_bytes(void)
{
	test_bytes_in_string();
	test_byte("?", "0123456789");
	test_byte("?1", "-123456789 \t\r\n");
	test_byte("1?", "0123456789 \t\r\n");
	test_byte("1?2", "0123456789.eE");
	test_byte("1e?2", "0123456789+-");
	test_byte("[]?", " \t\r\n");
	test_byte("[1?1]", "0123456789.eE,");
	test_byte("[\"\"?1]", ",");
	test_byte("[1?", "]");
	test_byte("?]", "[");
	test_byte("[?]", "0123456789 \t\r\n");
	test_byte("{?}", " \t\r\n");
	test_byte("{?\"\":0}", " \t\r\n");
	test_byte("{\"\"?1}", ":");
	test_byte("{\"\":?1}", "-123456789 \t\r\n");
	test_byte("{\"\":1?\"a\":2}", ",");
	test_byte("{\"\":1?", "}");
	test_byte("\"\\?\"", "\"\\/bfnrt");
	test_byte("\"\\u00?0\"", "0123456789abcdefABCDEF");
	test_byte("tru?", "e");
	test_byte("nul?", "l");
	test_byte("fals?", "e");
}

static int read_deep(size_t depth, const char *open, const char *inner, const char *close)
{
	struct ev_json_error e = { 0, NULL };
	struct ev_buf b = EV_BUF_INIT;
	struct ev_value top, out[16];
	int rc;

	for (size_t i = 0; i < depth; i++)
		ev_buf_adds(&b, open);
	ev_buf_adds(&b, inner);
	for (size_t i = 0; i < depth; i++)
		ev_buf_adds(&b, close);
	rc = ev_json_validate(ev_buf_slice(&b), &top, &e);
	if (ev_json_extract(lead_into, ev_buf_slice(&b), out, &e) != rc)
		rc = -2;
	if (rc == -1 && e.at != EV_JSON_MAX_DEPTH * strlen(open))
		rc = -3;
	ev_buf_release(&b);
	return rc;
}

static void test_depth(void)
{
	const size_t most = EV_JSON_MAX_DEPTH;

	CHECK(read_deep(most, "[", "1", "]") == 0, "arrays nested to the limit are accepted");
	CHECK(read_deep(most + 1, "[", "1", "]") == -1, "one more is refused, at its bracket");
	CHECK(read_deep(most, "{\"a\":", "1", "}") == 0, "objects to the limit are accepted");
	CHECK(read_deep(most + 1, "{\"a\":", "1", "}") == -1, "one more is refused, at its brace");
	CHECK(read_deep(most / 2, "[{\"a\":", "1", "}]") == 0, "both kinds count together");
	CHECK(read_deep(1000000, "[", "", "") == -1, "a million brackets: refused at the limit");
	CHECK(read_deep(1, "[", "[],[],[[]],{},{\"a\":[]}", "]") == 0,
	      "what is closed no longer counts");
}

static void test_size(void)
{
	char *big = malloc(EV_JSON_MAX_SIZE + 1);
	struct ev_json_error e = { 0, NULL };
	struct ev_value top;

	memset(big, 'x', EV_JSON_MAX_SIZE + 1);
	big[0] = big[EV_JSON_MAX_SIZE - 1] = '"';
	CHECK(ev_json_validate(ev_slice(big, EV_JSON_MAX_SIZE), &top, &e) == 0 &&
	      top.raw.len == EV_JSON_MAX_SIZE - 2, "a document of the largest size is accepted");
	big[EV_JSON_MAX_SIZE] = ' ';
	CHECK(ev_json_validate(ev_slice(big, EV_JSON_MAX_SIZE + 1), &top, &e) == -1 && e.what,
	      "one byte more is refused, be it white space");
	free(big);
	CHECK(ev_json_validate(EV_NULL_SLICE, &top, &e) == -1 && e.at == 0, "no document is none");
}

int main(void)
{
	page_size = (size_t)sysconf(_SC_PAGESIZE);
	page = mmap(NULL, page_size * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	if (page == MAP_FAILED || mprotect(page + page_size, page_size, PROT_NONE))
		return 1;
	lead_into = paths_of(into);
	lead_past = paths_of(past);
	CASES(literals);
	CASES(numbers);
	CASES(strings);
	CASES(utf8);
	CASES(spaces);
	CASES(arrays);
	CASES(objects);
	CASES(foreign);
	CUT(literals);
	CUT(strings);
	CUT(utf8);
	CUT(arrays);
	CUT(objects);
	test_cut_document();
	test_bytes();
	test_depth();
	test_size();
	ev_paths_free(lead_into);
	ev_paths_free(lead_past);
	munmap(page, page_size * 2);
	return test_done();
}
