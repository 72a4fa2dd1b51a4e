/* fingerprint_test.c - edits that must and must not change the fingerprint */
#include "test.h"

#include "projection/projection.h"

static const char base[] =
	"-- @projection p version 1\n"
	"-- @topics a, b\n"
	"-- @envelope id=$.event_id type=$.t time=$.w\n"
	"-- @filter $.x = 1 and $.y != 'n'\n"
	"-- @dedupe id within '7 days'\n"
	"-- @reads r1, r2\n"
	"-- @schema\n"
	"CREATE TABLE t (k text PRIMARY KEY, n integer); -- one\n"
	"-- @on x.y, z of a each $.items must touch\n"
	"INSERT INTO t (k, n) VALUES ($item.k, :scaled($.total, 2)) -- two\n"
	"ON CONFLICT (k) DO UPDATE SET n = t.n + excluded.n;\n"
	"-- @on w every '1 minute' over '5 minutes'\n"
	"UPDATE t SET n = 'A b' WHERE k = $.k AND n = :window;\n"
	"DELETE FROM t WHERE k = :header('h') AND n = :window('1 hour');\n"
	"-- @on tombstone of a\n"
	"DELETE FROM t WHERE k = :key;\n"
	"-- @check c\n"
	"SELECT 1;\n"
	"-- @sample s\n"
	"SELECT 2;\n";

static bool fingerprint(const char *text, char out[33])
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_projection *p = ev_projection_parse("p", ev_slice_str(text), &err);

	if (!p) {
		printf("#   %s\n", err.text);
		return false;
	}
	memcpy(out, p->fingerprint, 33);
	ev_projection_free(p);
	return true;
}

/* `from` in the base text replaced by `to`. */
static void check(bool same, const char *from, const char *to)
{
	const char *at = strstr(base, from);
	char text[2 * sizeof(base)], before[33], after[33] = "";

	if (!CHECK(at != NULL, "the base text has %s", from))
		return;
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - base), base, to, at + strlen(from));
	CHECK(fingerprint(base, before) && fingerprint(text, after) && (strcmp(before, after) == 0) == same,
	      "'%s' instead of '%s' %s", to, from, same ? "is the same" : "differs");
}

static void test_same(void)
{
	check(true, "version 1", "version 2");
	check(true, "projection p", "projection q");
	check(true, "a, b", "b a");
	check(true, "id=$.event_id type=$.t", "type=$['t'],id=$.event_id");
	check(true, "$.x = 1 and $.y", "($.x   =  1)  AND  $.y");
	check(true, "r1, r2", "r2 r1 r2");
	check(true, " -- one", "");
	check(true, " -- two", " /* 2 */");
	check(true, "CREATE TABLE t (k", "create  table T(\n\tK");
	check(true, "x.y, z of a each $.items must touch", "z 'x.y' must touch each $['items'] of a");
	check(true, "$item.k", "$item['k']");
	check(true, "'7 days'", "168h");
	check(true, "'1 minute'", "60s");
	check(true, "SELECT 1", "SELECT 3");
	check(true, "SELECT 2", "SELECT 3");
	check(true, "-- @sample s\nSELECT 2;\n", "");
	check(true, "-- @check c\n", "-- @check d\nSELECT 1;\n-- @check c\n");
	check(true, "UPDATE t SET", "\n\n;;update t set");
}

static void test_different(void)
{
	check(false, "a, b", "a");
	check(false, "a, b", "a, b, c");
	check(false, "id=$.event_id", "id=$.id");
	check(false, "id=$.event_id type=$.t time=$.w", "id=$.event_id type=$.w time=$.t");
	check(false, "id=$.event_id", "id=$.event_id source=$.s");
	check(false, "$.x = 1", "$.x = 2");
	check(false, "-- @filter $.x = 1 and $.y != 'n'\n", "");
	check(false, "'7 days'", "'8 days'");
	check(false, " within '7 days'", "");
	check(false, "id within", "id across topics within");
	check(false, "-- @dedupe id within '7 days'\n", "");
	check(false, "r1, r2", "r1");
	check(false, "n integer", "n bigint");
	check(false, "(k text PRIMARY KEY, n", "(\"k\" text PRIMARY KEY, n");
	check(false, "-- @schema\n", "-- @schema sqlite\n");
	check(false, "x.y, z", "x.y, z*");
	check(false, "z of a each", "z each");
	check(false, "each $.items", "each $.item");
	check(false, " must touch", "");
	check(false, "$item.k", "$item.l");
	check(false, "$item.k", "$.k");
	check(false, "$item.k", "$item.k!");
	check(false, "$item.k", "$item['k.l']");
	check(false, "total, 2", "total, 3");
	check(false, ":scaled($.total, 2)", "$.total");
	check(false, "'1 minute'", "'2 minutes'");
	check(false, "'5 minutes'", "'6 minutes'");
	check(false, "'A b'", "'a b'");
	check(false, "'A b'", "'A  b'");
	check(false, "header('h')", "header('H')");
	check(false, "window('1 hour')", "window('2 hours')");
	check(false, ":key", ":topic");
	check(false, "of a\nDELETE", "of b\nDELETE");
	check(false, "DELETE FROM t WHERE k = :header", "-- @on w\nDELETE FROM t WHERE k = :header");
	check(false, "WHERE k = $.k AND n = :window;", "WHERE n = :window AND k = $.k;");
}

/* The ready mappings are no more than their paths. */
static void test_envelopes(void)
{
	static const char *const same[] = {
		"", "-- @envelope default\n",
		"-- @envelope id=$.event_id type=$.event_type time=$.produced_at source=$.source\n",
		"-- @envelope cloudevents\n", "-- @envelope cloudevents id=$.id\n",
		"-- @envelope default id=$.x type=$.y\n", "-- @envelope default id=$.y type=$.x\n",
	};
	char fp[7][33] = { "" }, text[256];

	for (size_t i = 0; i < 7; i++) {
		snprintf(text, sizeof(text), "-- @projection p version 1\n-- @topics t\n%s", same[i]);
		CHECK(fingerprint(text, fp[i]) && strlen(fp[i]) == 32 &&
			      strspn(fp[i], "0123456789abcdef") == 32,
		      "32 hex digits, whatever the envelope");
	}
	CHECK(!strcmp(fp[0], fp[1]), "no mapping is the default mapping");
	CHECK(strcmp(fp[1], fp[2]) != 0, "some of its fields are not");
	CHECK(strcmp(fp[1], fp[3]) != 0, "another ready mapping differs");
	CHECK(!strcmp(fp[3], fp[4]), "what a ready mapping has anyway may be said again");
	CHECK(strcmp(fp[5], fp[6]) != 0, "the same paths for other fields differ");
}

int main(void)
{
	test_same();
	test_different();
	test_envelopes();
	return test_done();
}
