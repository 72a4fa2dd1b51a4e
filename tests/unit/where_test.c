/* where_test.c - filters: what they mean, how they print, where they are wrong; globs */
#include "test.h"

#include "event/where.h"

#define DOC "{\"n\":1.10,\"big\":9007199254740993,\"s\":\"abc\",\"esc\":\"a\\u00e9\\n\"," \
	    "\"lone\":\"\\ud800\",\"t\":true,\"f\":false,\"nul\":null,\"o\":{\"x y\":[5,6]},\"q\":\"it's\"}"

static void check(const char *text, bool want)
{
	struct ev_paths *paths = ev_paths_new();
	struct ev_error err = EV_ERROR_INIT;
	struct ev_where *w = ev_where_parse(text, paths, &err);
	struct ev_buf scratch = EV_BUF_INIT;
	struct ev_json_error jerr;
	struct ev_value values[16];
	bool got = false;

	if (w && !ev_json_extract(paths, EV_LITERAL(DOC), values, &jerr))
		got = ev_where_test(w, values, &scratch);
	CHECK(w && got == want, "%s is %s %s", text, want ? "true" : "false", err.text);
	ev_buf_release(&scratch);
	ev_where_free(w);
	ev_paths_free(paths);
}

static void test_meaning(void)
{
	check("$.n = 1.1", true);
	check("$.n = 11e-1", true);
	check("$.n != 1.1", false);
	check("$.n < 1.1000000000000000000001", true);
	check("$.n >= 1.1", true);
	check("$.n <= 1.0", false);
	check("$.n > -5", true);
	check("$.n>1 and(not $.n>2)", true);
	check("$.big > 9007199254740992", true); /* equal as doubles */
	check("$.s = 'abc'", true);
	check("$.s = \"\\u0061bc\"", true);
	check("$.s < 'abd'", true);
	check("$.s > 'ab'", true);
	check("$.s = 'ABC'", false);
	check("$.esc = \"a\xc3\xa9\\n\"", true);
	check("$.esc glob 'a?[!b]'", true);
	check("$.lone = 'x'", false);
	check("$.lone != 'x'", true);
	check("$.lone GLOB '*'", false);
	check("$.q = 'it''s'", true);
	check("$.s GLOB 'a*'", true);
	check("$.s GLOB 'b*'", false);
	check("$.n GLOB '*'", false);
	check("$.t", true);
	check("$.f", false);
	check("$.n", false);
	check("$.nul", false);
	check("$.nothing", false);
	check("$.t = true", true);
	check("$.t != TRUE", false);
	check("$.f != true", true);
	check("$.nul = null", true);
	check("$.nul != null", false);
	check("$.nul != 1", true);
	check("$.nothing = null", false);
	check("$.nothing != 1", false);
	check("not ($.nothing = 1)", true);
	check("not $.nothing = 1", true);
	check("NOT NOT $.t", true);
	check("$.s != 1", true);
	check("$.s = 1", false);
	check("$.s < 1", false);
	check("$.o != 1", true);
	check("$.o['x y'][1] = 6", true);
	check("$.o['x y'][2] = 6", false);
	check("$.t or $.f and $.f", true); /* and binds more */
	check("($.t or $.f) and $.f", false);
	check("not $.f and $.f", false); /* not binds most */
	check("not ($.f and $.f)", true);
	check("\t( ( $.t ) )\t", true);
}

static void refused(const char *text, int column, const char *part)
{
	struct ev_paths *paths = ev_paths_new();
	struct ev_error err = EV_ERROR_INIT;
	struct ev_where *w = ev_where_parse(text, paths, &err);
	char where[32];

	snprintf(where, sizeof(where), "character %d:", column);
	CHECK(!w && err.class == EV_USAGE && strstr(err.text, where) && strstr(err.text, part),
	      "<%s> is refused at %s %s (got %s)", text, where, part, err.text);
	ev_where_free(w);
	ev_paths_free(paths);
}

static void test_refused(void)
{
	refused("", 1, "test is missing");
	refused("   ", 4, "test is missing");
	refused("x = 1", 1, "no path");
	refused("$.x = ", 7, "is missing");
	refused("$.x 5", 5, "expected an operator");
	refused("$.x = 1 $.y", 9, "expected");
	refused("$.x == 1", 6, "is missing");
	refused("$.x = 1 and", 12, "test is missing");
	refused("$.x = 1 andy", 9, "expected");
	refused("($.x", 1, "not closed");
	refused("($.x $.y)", 6, "expected");
	refused("$.x)", 4, "expected");
	refused("$.x = 'abc", 7, "no end");
	refused("$.x = \"abc", 7, "no end");
	refused("$.x = \"a\\q\"", 9, "");
	refused("$.x = \"\\ud800\"", 7, "surrogate");
	refused("$.x = 01", 7, "no number");
	refused("$.x = 1.", 7, "no number");
	refused("$.x = -", 7, "no number");
	refused("$.x = 12x", 7, "no number");
	refused("$.x = 1e99999", 7, "too long");
	refused("$.x < true", 7, "no order");
	refused("$.x >= null", 8, "no order");
	refused("$.x GLOB 5", 10, "GLOB needs");
	refused("$.x GLOB \"a\\u0000b\"", 10, "NUL");
	refused("$.x = truely", 7, "is missing");
	refused("$.\xc3\xa4 = 'x' or y", 14, "no path"); /* characters, not bytes */
	refused("$.t and $.", 10, "expected");
	refused("$.x = 1and $.y", 7, "no number");
}

static void test_depth(void)
{
	char text[512] = "";
	struct ev_buf chain = EV_BUF_INIT;
	struct ev_paths *paths = ev_paths_new();
	struct ev_error err = EV_ERROR_INIT;
	struct ev_where *w;

	for (int i = 0; i < 63; i++)
		text[i] = '(';
	memcpy(text + 63, "$.t", 3);
	memset(text + 66, ')', 63);
	check(text, true);
	memset(text, '(', 200);
	refused(text, 65, "64 levels");
	for (int i = 0; i < 64; i++)
		memcpy(text + i * 4, "not ", 4);
	memcpy(text + 64 * 4, "$.t", 4);
	refused(text, 257, "64 levels");
	for (int i = 0; i < 100000; i++)
		ev_buf_adds(&chain, "$.t and ");
	ev_buf_adds(&chain, "$.t");
	w = ev_where_parse(ev_buf_str(&chain), paths, &err);
	CHECK(w, "a long chain is not deep %s", err.text);
	ev_where_free(w);
	ev_paths_free(paths);
	ev_buf_release(&chain);
}

static void prints(const char *text, const char *want)
{
	struct ev_paths *paths = ev_paths_new();
	struct ev_error err = EV_ERROR_INIT;
	struct ev_buf once = EV_BUF_INIT, twice = EV_BUF_INIT;
	struct ev_where *w = ev_where_parse(text, paths, &err), *again = NULL;

	if (w) {
		ev_where_print(w, &once);
		again = ev_where_parse(ev_buf_str(&once), paths, &err);
	}
	if (again)
		ev_where_print(again, &twice);
	CHECK(strcmp(ev_buf_str(&once), want) == 0 && strcmp(ev_buf_str(&twice), want) == 0,
	      "%s prints %s, also a second time (got %s, %s) %s", text, want, ev_buf_str(&once),
	      ev_buf_str(&twice), err.text);
	ev_buf_release(&once);
	ev_buf_release(&twice);
	ev_where_free(w);
	ev_where_free(again);
	ev_paths_free(paths);
}

static void test_print(void)
{
	prints("  $.a=1.50e1  AND(($['b']<='x'))", "$.a = 15 and $.b <= 'x'");
	prints("($.a and $.b) and $.c", "$.a and $.b and $.c");
	prints("($.a or $.b) and $.c", "($.a or $.b) and $.c");
	prints("$.a or ($.b and $.c)", "$.a or $.b and $.c");
	prints("not ($.a)", "not $.a");
	prints("not ($.a or $.b)", "not ($.a or $.b)");
	prints("not not ($.a and not ($.b))", "not not ($.a and not $.b)");
	prints("$.a = \"it's\"", "$.a = 'it''s'");
	prints("$.a = \"x\\u0000\\\"\\\\\\n\"", "$.a = \"x\\u0000\\\"\\\\\\u000a\"");
	prints("$.a = -0.0", "$.a = 0");
	prints("$.a=NULL or $.b!=True or $.c=FALSE", "$.a = null or $.b != true or $.c = false");
	prints("$['a b'][0]['c-d']['1'] > 1", "$['a b'][0].c-d['1'] > 1");
	prints("$['it\\'s\\\\'] glob 'x*'", "$['it\\'s\\\\'] GLOB 'x*'");
}

static void globs(const char *pattern, const char *text, bool want)
{
	CHECK(ev_glob(pattern, ev_slice_str(text)) == want, "'%s' %s '%s'", pattern,
	      want ? "takes" : "does not take", strlen(text) < 99 ? text : "a long text");
}

static void test_glob(void)
{
	globs("", "", true);
	globs("", "a", false);
	globs("*", "", true);
	globs("**", "abc", true);
	globs("?", "", false);
	globs("?", "\xc3\xa9", true);
	globs("??", "\xc3\xa9", false);
	globs("?", "\xff", true);
	globs("order.*", "order.created", true);
	globs("order.*", "order", false);
	globs("*.created", "order.line.created", true);
	globs("a*b*c", "aXbXbXc", true);
	globs("a*b*c", "aXbXbX", false);
	globs("a*?", "a", false);
	globs("*a", "aab", false);
	globs("[a-c]x", "bx", true);
	globs("[a-c]x", "dx", false);
	globs("[!a-c]x", "dx", true);
	globs("[!a-c]x", "ax", false);
	globs("[]x]", "]", true);
	globs("[!]x]", "]", false);
	globs("[a-]", "-", true);
	globs("[\\]]", "]", true);
	globs("[\xc3\xa0-\xc3\xbf]", "\xc3\xa9", true);
	globs("[a", "[a", true);
	globs("[", "[", true);
	globs("\\*", "*", true);
	globs("\\*", "a", false);
	globs("a\\", "a\\", true);
	globs("A", "a", false);
	CHECK(!ev_glob("*", EV_NULL_SLICE), "null matches no pattern");
	CHECK(ev_glob("a?b", ev_slice("a\0b", 3)), "a NUL is a character");
}

/* Many stars on a text that almost matches: exponential where each star is tried alone. */
static void test_glob_time(void)
{
	static char text[20001];

	memset(text, 'a', 20000);
	globs("*a*a*a*a*a*a*a*a*a*a*a*a*b", text, false);
}

int main(void)
{
	test_meaning();
	test_refused();
	test_depth();
	test_print();
	test_glob();
	test_glob_time();
	return test_done();
}
