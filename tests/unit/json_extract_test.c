/*
 * json_extract_test.c - paths, the values they lead to, and what is in those: text, elements
 */
#include "test.h"

#include "base/buf.h"
#include "json/json.h"

static const char letters[] = "-zftns[{"; /* of the types, in their order */

/* `s:text`, `n:1.50`, `-` for a missing value. */
static const char *show(const struct ev_value *v, struct ev_buf *out)
{
	ev_buf_clear(out);
	ev_buf_addc(out, letters[v->type]);
	if (v->type != EV_JSON_MISSING) {
		ev_buf_adds(out, v->escaped ? "\\:" : ":");
		ev_buf_add(out, v->raw.ptr, v->raw.len);
	}
	return ev_buf_str(out);
}

static int add(struct ev_paths *p, const char *text)
{
	struct ev_error err = EV_ERROR_INIT;

	return ev_paths_add(p, text, strlen(text), &err);
}

static const struct {
	const char *json, *path, *want;
} cases[] = {
	{ "1", "$", "n:1" },
	{ " \t{ } ", "$", "{:{ }" },
	{ "\"a\"", "$", "s:a" },
	{ "{\"a\":1}", "$.a", "n:1" },
	{ "{\"a\":1}", "$.b", "-" },
	{ "{\"a\":1}", "$.a.b", "-" },
	{ "{\"a\":1}", "$[0]", "-" },
	{ "[1]", "$.a", "-" },
	{ "null", "$.a", "-" },
	{ "{\"a\":null}", "$.a", "z:null" },
	{ "{\"a\":true,\"b\":false}", "$.a", "t:true" },
	{ "{\"a\":true,\"b\":false}", "$.b", "f:false" },
	{ "{\"a\":\"\"}", "$.a", "s:" },
	{ "{\"a\" : \"x y\" }", "$.a", "s:x y" },
	{ "{\"a\":\"\\n\"}", "$.a", "s\\:\\n" },
	{ "{\"a\":[ 1 , 2 ] }", "$.a", "[:[ 1 , 2 ]" },
	{ "{\"a\":[ 1 , 2 ] }", "$.a[1]", "n:2" },
	{ "{\"a\":[ 1 , 2 ] }", "$.a[2]", "-" },
	{ "[[0,[1,{\"x\":-0.50e1}]]]", "$[0][1][1].x", "n:-0.50e1" },
	{ "{\"a\":{\"b\":{\"c\":{\"d\":7}}}}", "$.a.b.c.d", "n:7" },
	{ "{\"a\":{\"b\":{\"c\":{\"d\":7}}}}", "$.a.b", "{:{\"c\":{\"d\":7}}" },
	{ "{\"a\":12345678901234567890.10}", "$.a", "n:12345678901234567890.10" },
	/* names are compared whole, decoded and by bytes */
	{ "{\"ab\":1,\"abc\":2,\"a\":3}", "$.a", "n:3" },
	{ "{\"A\":1}", "$.a", "-" },
	{ "{\"\":1}", "$['']", "n:1" },
	{ "{\"a.b\":1,\"a\":{\"b\":2}}", "$['a.b']", "n:1" },
	{ "{\"a.b\":1,\"a\":{\"b\":2}}", "$.a.b", "n:2" },
	{ "{\"0\":1}", "$[0]", "-" },
	{ "{\"0\":1}", "$['0']", "n:1" },
	{ "{\"it's\":1}", "$['it\\'s']", "n:1" },
	{ "{\"a\\\\b\":1}", "$['a\\\\b']", "n:1" },
	{ "{\"\\u0061\":1}", "$.a", "n:1" },
	{ "{\"\\u0061\":1}", "$['\\\\u0061']", "-" },
	{ "{\"\\u00e9t\\u00E9\":1}", "$.\xc3\xa9t\xc3\xa9", "n:1" },
	{ "{\"\\ud83d\\ude00\":1}", "$['\xf0\x9f\x98\x80']", "n:1" },
	{ "{\"a\\t\":1}", "$['a\t']", "n:1" },
	{ "{\"\\ud83d\":1}", "$.a", "-" },
	{ "{\"a\\u0000\":1}", "$.a", "-" },
	{ "{\"abcdefgh\":1}", "$.abcdefgh", "n:1" },
	{ "{\"abcdefghi\":1}", "$.abcdefgh", "-" },
	{ "{\"abcdefgh\":1}", "$.abcdefghi", "-" },
	{ "{\"correlation_if\":1}", "$.correlation_id", "-" },
	{ "{\"correlation_a_name\":1}", "$.correlation_x_name", "-" },
	{ "{\"correlation_a_of_a_name\":1}", "$.correlation_a_of_a_name", "n:1" },
	{ "{\"\xe2\x82\xac\":1}", "$.\xe2\x82\xac", "n:1" },
	/* the last of several wins, with everything below it */
	{ "{\"a\":1,\"a\":2}", "$.a", "n:2" },
	{ "{\"a\":1,\"\\u0061\":2}", "$.a", "n:2" },
	{ "{\"\\u0061\":1,\"a\":2}", "$.a", "n:2" },
	{ "{\"a\":{\"b\":1},\"a\":{\"c\":2}}", "$.a.b", "-" },
	{ "{\"a\":{\"b\":1},\"a\":{\"c\":2}}", "$.a.c", "n:2" },
	{ "{\"a\":{\"b\":1},\"a\":3}", "$.a.b", "-" },
	{ "{\"a\":3,\"a\":{\"b\":1}}", "$.a.b", "n:1" },
	{ "{\"a\":[1,2],\"a\":[3]}", "$.a[1]", "-" },
	{ "{\"a\":[1,2],\"a\":[3]}", "$.a[0]", "n:3" },
	{ "{\"a\":{\"b\":{\"c\":1}},\"a\":{\"b\":{}}}", "$.a.b.c", "-" },
	{ "[{\"a\":{\"b\":{\"c\":1}},\"a\":{\"b\":{}}}]", "$[0].a.b.c", "-" },
	{ "{\"a\":{\"b\":1,\"b\":2},\"c\":{},\"a\":{\"b\":3,\"b\":4}}", "$.a.b", "n:4" },
	{ "{\"a\":{\"b\":1},\"a\":null}", "$.a", "z:null" },
	{ "[1,1]", "$[0]", "n:1" },
};

/* Alone, and with the paths of all other cases in the same set. */
static void test_cases(void)
{
	enum { N = sizeof(cases) / sizeof(*cases) };
	struct ev_paths *all = ev_paths_new();
	struct ev_buf one = EV_BUF_INIT, many = EV_BUF_INIT;
	struct ev_value v, every[N];
	struct ev_json_error e;
	int at[N];

	for (int i = 0; i < N; i++)
		at[i] = add(all, cases[i].path);
	for (int i = 0; i < N; i++) {
		struct ev_paths *p = ev_paths_new();
		struct ev_slice json = ev_slice_str(cases[i].json);
		bool read;

		read = add(p, cases[i].path) == 0 && at[i] >= 0 &&
		       ev_json_extract(p, json, &v, &e) == 0 &&
		       ev_json_extract(all, json, every, &e) == 0;
		if (CHECK(read, "%s in %s can be asked for", cases[i].path, cases[i].json)) {
			show(&v, &one);
			show(&every[at[i]], &many);
			CHECK(strcmp(ev_buf_str(&one), cases[i].want) == 0 &&
			      strcmp(ev_buf_str(&many), cases[i].want) == 0,
			      "it is %s (%s; %s)", cases[i].want, ev_buf_str(&one),
			      ev_buf_str(&many));
		}
		ev_paths_free(p);
	}
	ev_paths_free(all);
	ev_buf_release(&one);
	ev_buf_release(&many);
}

/*
 * Names that differ in few bytes, asked for all at once: more than a table's first size. Each
 * stands in the document twice, at last with an escape.
 */
static void test_many_names(void)
{
	enum { N = 1500 };
	struct ev_paths *p = ev_paths_new();
	struct ev_buf json = EV_BUF_INIT, again = EV_BUF_INIT, path = EV_BUF_INIT;
	static struct ev_value v[N];
	struct ev_json_error e;
	int right = 0;

	for (int i = 0; i < N; i++) {
		ev_buf_clear(&path);
		ev_buf_addf(&path, "$.%s%d%s", i % 3 ? "a_rather_long_name_" : "n", i,
			    i % 2 ? "_and_its_end" : "");
		ev_buf_addf(&json, "%c\"%s\":[%d]", i ? ',' : '{', ev_buf_str(&path) + 2, -1);
		ev_buf_addf(&again, ",\"\\u%04x%s\":[%d]", path.data[2], path.data + 3, i);
		right += add(p, ev_buf_str(&path)) == i;
	}
	ev_buf_add(&json, again.data, again.len);
	ev_buf_addc(&json, '}');
	CHECK(right == N, "%d names get indexes in their order", N);
	CHECK(ev_json_extract(p, ev_buf_slice(&json), v, &e) == 0, "they are read in one pass");
	right = 0;
	for (int i = 0; i < N; i++)
		right += v[i].type == EV_JSON_ARRAY && strtol(v[i].raw.ptr + 1, NULL, 10) == i;
	CHECK(right == N, "each has its own value, the one of its escaped spelling (%d)", right);
	ev_paths_free(p);
	ev_buf_release(&again);
	ev_buf_release(&json);
	ev_buf_release(&path);
}

/* Names of all lengths, in one byte of which the asked ones differ from those that are there. */
static void test_near_names(void)
{
	static const char name[] = "abcdefghijklmnopqrstuvwxyzabcdefghij";
	struct ev_paths *p = ev_paths_new();
	struct ev_buf text = EV_BUF_INIT;
	struct ev_json_error e;
	static struct ev_value v[EV_JSON_MAX_PATHS];
	int found = 0;

	for (int len = 1; len < (int)sizeof(name); len++)
		for (int at = 0; at < len; at++) {
			ev_buf_clear(&text);
			ev_buf_addf(&text, "$.%.*s", len, name);
			text.data[2 + at] = '_';
			add(p, ev_buf_str(&text));
		}
	ev_buf_clear(&text);
	for (int len = 1; len < (int)sizeof(name); len++)
		ev_buf_addf(&text, "%c\"%.*s\":1", len > 1 ? ',' : '{', len, name);
	ev_buf_addc(&text, '}');
	CHECK(ev_json_extract(p, ev_buf_slice(&text), v, &e) == 0, "names of 1 to 36 bytes");
	for (size_t i = 0; i < ev_paths_count(p); i++)
		found += v[i].type != EV_JSON_MISSING;
	CHECK(found == 0, "none is another that differs in one byte (%d)", found);
	ev_paths_free(p);
	ev_buf_release(&text);
}

/* More than 63 names with something below share one mark of having been seen. */
static void test_many_doubled(void)
{
	enum { N = 100 };
	struct ev_paths *p = ev_paths_new();
	struct ev_buf json = EV_BUF_INIT;
	struct ev_value v[N];
	struct ev_json_error e;
	char path[32];
	int kept = 0, gone = 0;

	for (int i = 0; i < N; i++) {
		snprintf(path, sizeof(path), "$.n%d.x", i);
		add(p, path);
		ev_buf_addf(&json, "%c\"n%d\":{\"x\":%d}", i ? ',' : '{', i, i);
	}
	for (int i = 0; i < N; i += 2)
		ev_buf_addf(&json, ",\"n%d\":{\"y\":0}", i);
	ev_buf_addc(&json, '}');
	CHECK(ev_json_extract(p, ev_buf_slice(&json), v, &e) == 0, "a hundred names, half doubled");
	for (int i = 0; i < N; i++) {
		gone += i % 2 == 0 && v[i].type == EV_JSON_MISSING;
		kept += i % 2 == 1 && v[i].type == EV_JSON_NUMBER;
	}
	CHECK(gone == N / 2 && kept == N / 2, "what is below a doubled one is gone, no other");
	ev_paths_free(p);
	ev_buf_release(&json);
}

static void test_same_path(void)
{
	struct ev_paths *p = ev_paths_new();

	CHECK(add(p, "$.a.b") == 0 && add(p, "$.a") == 1 && add(p, "$") == 2, "paths count up");
	CHECK(add(p, "$['a'].b") == 0 && add(p, "$['a']['b']") == 0, "by what they mean");
	CHECK(add(p, "$item") == 2 && add(p, "$item.a") == 1, "$item is the $ of an element");
	CHECK(add(p, "$[0]") == 3 && add(p, "$['0']") == 4, "an index is no name");
	CHECK(ev_paths_count(p) == 5, "those are five");
	ev_paths_free(p);
}

static void refused(const char *path, const char *why)
{
	struct ev_paths *p = ev_paths_new();
	struct ev_error err = EV_ERROR_INIT;
	int rc = ev_paths_add(p, path, strlen(path), &err);

	CHECK(rc == -1 && err.class == EV_USAGE && strstr(err.text, why),
	      "'%s' is refused: %s (%s)", path, why, err.text);
	CHECK(ev_paths_count(p) == 0, "and leaves nothing behind");
	ev_paths_free(p);
}

static void test_refused_paths(void)
{
	struct ev_paths *p = ev_paths_new();
	struct ev_error err = EV_ERROR_INIT;
	struct ev_buf deep = EV_BUF_INIT;
	int i;

	refused("", "a $ is expected at character 1");
	refused("a", "a $ is expected at character 1");
	refused("$.", "a name is expected (or ['a quoted one']) at character 3");
	refused("$..a", "a name is expected (or ['a quoted one']) at character 3");
	refused("$.1", "a name is expected (or ['a quoted one']) at character 3");
	refused("$.-a", "at character 3");
	refused("$a", "a . or [ is expected at character 2");
	refused("$.\xc3\xa9 ", "a . or [ is expected at character 4");
	refused("$[", "an index or a 'name' is expected at character 3");
	refused("$[a]", "an index or a 'name' is expected at character 3");
	refused("$[-1]", "an index or a 'name' is expected at character 3");
	refused("$[01]", "an index has no leading zero");
	refused("$[0", "a ] is expected at character 4");
	refused("$[99999999999]", "the index is too large");
	refused("$['a]", "the closing ' is missing");
	refused("$['a'", "a ] is expected at character 6");
	refused("$['\\n']", "a backslash goes before ' or \\ only");
	refused("$['\\", "a backslash goes before ' or \\ only");
	refused("$.\xff", "invalid UTF-8 in the name at character 2");
	ev_buf_adds(&deep, "$");
	for (i = 0; i < EV_JSON_MAX_PATH_STEPS; i++)
		ev_buf_adds(&deep, ".a");
	CHECK(add(p, ev_buf_str(&deep)) == 0, "a path of the most steps is one");
	ev_buf_adds(&deep, ".a");
	refused(ev_buf_str(&deep), "too many steps");
	for (i = 1; i < EV_JSON_MAX_PATHS; i++) {
		ev_buf_clear(&deep);
		ev_buf_addf(&deep, "$[%d]", i);
		if (add(p, ev_buf_str(&deep)) != i)
			break;
	}
	CHECK(i == EV_JSON_MAX_PATHS, "as many paths as the header says (%d)", i);
	CHECK(ev_paths_add(p, "$.b", 3, &err) == -1 && err.class == EV_USAGE, "no more");
	CHECK(add(p, "$[7]") == 7, "but those that are there already");
	ev_paths_free(p);
	ev_buf_release(&deep);
}

static void test_scan(void)
{
	static const struct { const char *text; size_t want; } scans[] = {
		{ "", 0 }, { "a", 0 }, { "$", 1 }, { "$ ", 1 }, { "$.a", 3 }, { "$.a.b, 1", 5 },
		{ "$.a.", 3 }, { "$.a[0]+1", 6 }, { "$.a[0", 3 }, { "$['x y']='z'", 8 },
		{ "$item", 5 }, { "$item.sku)", 9 }, { "$items", 1 }, { "$.a!", 3 }, { "$.a-b", 5 },
		{ "$.a::int", 3 }, { "$1", 1 }, { "$['it\\'s'].a b", 12 },
	};

	for (size_t i = 0; i < sizeof(scans) / sizeof(*scans); i++) {
		size_t got = ev_path_scan(scans[i].text, strlen(scans[i].text));

		CHECK(got == scans[i].want, "the path in '%s' has %zu characters (%zu)",
		      scans[i].text, scans[i].want, got);
	}
}

static void test_text(void)
{
	static const struct { const char *raw, *want; size_t len; } texts[] = {
		{ "plain", "plain", 5 }, { "", "", 0 }, { "\\n", "\n", 1 },
		{ "\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t", 8 }, { "\\u0000", "\0", 1 },
		{ "a\\u0041b", "aAb", 3 }, { "\\u007f", "\x7f", 1 }, { "\\u0080", "\xc2\x80", 2 },
		{ "\\u07fF", "\xdf\xbf", 2 }, { "\\u0800", "\xe0\xa0\x80", 3 },
		{ "\\ud7ff", "\xed\x9f\xbf", 3 }, { "\\ue000", "\xee\x80\x80", 3 },
		{ "\\uFFFF", "\xef\xbf\xbf", 3 }, { "\\ud800\\udc00", "\xf0\x90\x80\x80", 4 },
		{ "\\uDBFF\\uDFFF", "\xf4\x8f\xbf\xbf", 4 },
		{ "\xc3\xa9\\u00e9\xc3\xa9", "\xc3\xa9\xc3\xa9\xc3\xa9", 6 },
		{ "\\\\u0041", "\\u0041", 6 }, { "x\\ud83d\\ude00y", "x\xf0\x9f\x98\x80y", 6 },
		{ "\\ud800", NULL, 0 }, { "\\udc00", NULL, 0 }, { "\\ud800\\ud800", NULL, 0 },
		{ "\\udc00\\ud800", NULL, 0 }, { "\\udc00\\udc00", NULL, 0 },
		{ "\\ud800x", NULL, 0 }, { "ab\\ud800\\n", NULL, 0 },
		{ "\\ud800\\\\udc00", NULL, 0 }, { "\\ud800\\u0041", NULL, 0 },
	};
	struct ev_buf json = EV_BUF_INIT, scratch = EV_BUF_INIT;
	struct ev_json_error e;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct ev_value v;
		struct ev_slice s;
		bool rc;

		ev_buf_clear(&json);
		ev_buf_addf(&json, "\"%s\"", texts[i].raw);
		ev_buf_clear(&scratch);
		ev_buf_adds(&scratch, "kept");
		rc = ev_json_validate(ev_buf_slice(&json), &v, &e) ||
		     ev_value_text(&v, &scratch, &s);
		if (!texts[i].want)
			CHECK(rc && scratch.len == 4, "%s has no text", texts[i].raw);
		else
			CHECK(!rc && ev_slice_eq(s, ev_slice(texts[i].want, texts[i].len)),
			      "%s is decoded to %zu bytes", texts[i].raw, texts[i].len);
		CHECK(memcmp(scratch.data, "kept", 4) == 0 &&
		      (v.escaped || (s.ptr == v.raw.ptr && scratch.len == 4)),
		      "behind what was there, and only if there are escapes");
	}
	ev_buf_release(&json);
	ev_buf_release(&scratch);
}

static void iterates(const char *json, const char *want)
{
	struct ev_buf got = EV_BUF_INIT, one = EV_BUF_INIT;
	struct ev_value v, name;
	struct ev_json_error e;
	struct ev_each it;
	bool object;

	ev_json_validate(ev_slice_str(json), &v, &e);
	object = v.type == EV_JSON_OBJECT;
	ev_each_begin(&it, &v);
	while (object ? ev_member_next(&it, &name, &v) : ev_each_next(&it, &v)) {
		if (object)
			ev_buf_addf(&got, "%s=", show(&name, &one));
		ev_buf_addf(&got, "%s;", show(&v, &one));
	}
	CHECK(strcmp(ev_buf_str(&got), want) == 0, "in %s are %s (%s)", json, want,
	      ev_buf_str(&got));
	CHECK(!ev_each_next(&it, &v), "and nothing behind");
	ev_buf_release(&got);
	ev_buf_release(&one);
}

static void test_each(void)
{
	struct ev_value missing = { .type = EV_JSON_MISSING }, v;
	struct ev_each it;

	iterates("[]", "");
	iterates("[ ]", "");
	iterates("{}", "");
	iterates("1", "");
	iterates("\"[1]\"", "");
	iterates("null", "");
	iterates("[1]", "n:1;");
	iterates(" [ 1 , \"a\" ,null,true,false, [ ] , { } ] ",
		 "n:1;s:a;z:null;t:true;f:false;[:[ ];{:{ };");
	iterates("[[1,2],[3]]", "[:[1,2];[:[3];");
	iterates("[\"\",\"\\\"]\",\",\"]", "s:;s\\:\\\"];s:,;");
	iterates("[-1.5e3,0]", "n:-1.5e3;n:0;");
	iterates("{\"a\":1}", "s:a=n:1;");
	iterates("{ \"a\" : 1 , \"\\u0062\" : { \"c\" : [ ] } }",
		 "s:a=n:1;s\\:\\u0062={:{ \"c\" : [ ] };");
	iterates("{\"a\":\"b\",\"a\":\"c\"}", "s:a=s:b;s:a=s:c;");
	ev_each_begin(&it, &missing);
	CHECK(!ev_each_next(&it, &v), "a missing value has no elements");
}

int main(void)
{
	test_cases();
	test_many_names();
	test_near_names();
	test_many_doubled();
	test_same_path();
	test_refused_paths();
	test_scan();
	test_text();
	test_each();
	return test_done();
}
