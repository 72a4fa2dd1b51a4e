/* sql_test.c - the tokenizer: what is text, what is a path, what is a parameter */
#include "test.h"

#include "base/buf.h"
#include "json/json.h"
#include "projection/ddl.h"
#include "projection/places.h"
#include "projection/sql.h"

static const char letters[] = ".~wqsbnpP+!D";

/* Kinds by a letter each (see above; ~ is space), and the token's text: `w:SELECT ~: n:1`. */
static void describe(const char *sql, bool directives, struct ev_buf *out)
{
	struct ev_lexer lx = { .at = sql, .end = sql + strlen(sql), .directives = directives };
	struct ev_token t;

	ev_buf_clear(out);
	while ((t = ev_sql_next(&lx)).kind != EV_TOKEN_END) {
		if (t.kind == EV_TOKEN_SPACE)
			continue;
		ev_buf_addf(out, "%s%c:%.*s", out->len ? " " : "", letters[t.kind], (int)t.text.len,
			    t.text.ptr);
	}
}

static void test_tokens(void)
{
	static const struct {
		const char *what, *sql, *tokens;
	} cases[] = {
		{ "words, numbers and operators", "SELECT a1 <>1.5e-3+.5", "w:SELECT w:a1 +:<> n:1.5e-3 +:+ n:.5" },
		{ "a cast is no parameter", "$.a.b::jsonb", "p:$.a.b +::: w:jsonb" },
		{ "a parameter may be cast", ":time::date", "P::time +::: w:date" },
		{ "a path in a string is text", "'$.x :id' E'\\' $.x'", "s:'$.x :id' s:E'\\' $.x'" },
		{ "a doubled quote does not end a string", "'it''s' 'x'", "s:'it''s' s:'x'" },
		{ "a backslash is nothing special in a plain string", "'\\' $.x", "s:'\\' p:$.x" },
		{ "dollar quotes hold anything", "$$ $.x ' $a$ $$ $a$ $$ $b$ $a$ 1",
		  "s:$$ $.x ' $a$ $$ s:$a$ $$ $b$ $a$ n:1" },
		{ "an item is a path, but a tag in dollars is not", "$item.a[0] $item $item$x$item$",
		  "p:$item.a[0] p:$item s:$item$x$item$" },
		{ "a name that begins as item is no path", "$items.a", "P:$items +:. w:a" },
		{ "a lone dollar is the whole document", "($,1)", "+:( p:$ +:, n:1 +:)" },
		{ "quoted names of three kinds", "\"a\"\"b\" `c d` [e f]", "q:\"a\"\"b\" q:`c d` q:[e f]" },
		{ "brackets behind an operand are a subscript", "a[1:2] b[n] ARRAY['x']",
		  "w:a +:[ n:1 +:: n:2 +:] w:b +:[ w:n +:] w:ARRAY +:[ s:'x' +:]" },
		{ "blobs", "x'00' X'ff'", "b:x'00' b:X'ff'" },
		{ "comments are space", "a--b $.x\n/*c /*d*/ :e*/f", "w:a w:f" },
		{ "what follows ! decides", "$.x!=0 $.x!", "p:$.x +:!= n:0 p:$.x +:!" },
		{ "parameters of the databases", "?1 $2 @c #d ? :1", "P:?1 P:$2 P:@c P:#d +:? +:: n:1" },
		{ "operators of jsonb", "a->>'b' @> '{}' ?| c #>> d",
		  "w:a +:->> s:'b' +:@> s:'{}' +:?| w:c +:#>> w:d" },
		{ "an open string is an error to the end", "a 'b c", "w:a !:'b c" },
		{ "an open comment is an error to the end", "a /* b", "w:a !:/* b" },
		{ "an open name is an error to the end", "a \"b", "w:a !:\"b" },
		{ "minus belongs to no number", "1-1", "n:1 +:- n:1" },
		{ "letters of all languages", "größe", "w:größe" },
	};
	struct ev_buf out = EV_BUF_INIT;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *want = cases[i].tokens;

		describe(cases[i].sql, false, &out);
		if (!CHECK(strcmp(ev_buf_str(&out), want) == 0, "%s", cases[i].what))
			printf("#   %s\n#   %s\n", want, ev_buf_str(&out));
	}
	ev_buf_release(&out);
}

static void test_directives(void)
{
	struct ev_buf out = EV_BUF_INIT;

	describe("-- @on a\nb -- c\n--\t@check d\ne '\n-- @x\n' -- @ f\n/*\n-- @g\n*/", true, &out);
	CHECK(strcmp(ev_buf_str(&out), "D:-- @on a w:b D:--\t@check d w:e s:'\n-- @x\n'") == 0,
	      "a directive is a comment with @ and a letter, outside of strings and comments");
	describe("-- @on a\nb", false, &out);
	CHECK(strcmp(ev_buf_str(&out), "w:b") == 0, "without asking for them they are comments");
	ev_buf_release(&out);
}

static void test_names(void)
{
	struct ev_lexer lx;
	struct ev_buf out = EV_BUF_INIT;
	static const char *const texts[] = { "AB", "\"A\"\"b\"", "[a B]", "`A``b`" };
	static const char *const names[] = { "ab", "a\"b", "a b", "a`b" };

	for (size_t i = 0; i < 4; i++) {
		lx = (struct ev_lexer){ .at = texts[i], .end = texts[i] + strlen(texts[i]) };
		ev_buf_clear(&out);
		ev_sql_name(ev_sql_next(&lx), &out);
		CHECK(strcmp(ev_buf_str(&out), names[i]) == 0, "the name of %s is %s", texts[i], names[i]);
	}
	lx = (struct ev_lexer){ .at = "'a''b' E'c'", .end = NULL };
	lx.end = lx.at + 11;
	ev_buf_clear(&out);
	CHECK(ev_sql_string(ev_sql_next(&lx), &out) && !strcmp(ev_buf_str(&out), "a'b"),
	      "a plain string gives its text");
	ev_sql_next(&lx);
	CHECK(!ev_sql_string(ev_sql_next(&lx), &out), "a string with escapes gives none");
	ev_buf_release(&out);
}

/* Whatever the text: tokens tile it, and each but the last has a byte. */
static void test_tiling(void)
{
	static const char *const bits[] = { "'", "\"", "$", "$a$", "--", "/*", "*/", "\n", " ", "@", "[", "]",
					    ":", "::", "?", "1", ".", "e", "x'", "$.a", "$item", "!", "=", "\\",
					    "E'", "U&'", "\xc3\xa9", "-", ">", "-- @on", "{", "\xff" };
	uint64_t seed = test_seed();
	int rounds = 3000 * test_effort(), bad = 0;

	for (int r = 0; r < rounds; r++) {
		struct ev_buf b = EV_BUF_INIT;
		struct ev_lexer lx;
		struct ev_token t;
		const char *at;

		for (uint64_t n = test_rand(&seed) % 30; n; n--)
			ev_buf_adds(&b, bits[test_rand(&seed) % (sizeof(bits) / sizeof(*bits))]);
		at = ev_buf_str(&b);
		lx = (struct ev_lexer){ .at = at, .end = at + b.len, .directives = r & 1 };
		while ((t = ev_sql_next(&lx)).kind != EV_TOKEN_END) {
			if (t.text.ptr != at || !t.text.len)
				break;
			at += t.text.len;
		}
		bad += at != ev_buf_str(&b) + b.len || t.kind != EV_TOKEN_END;
		ev_buf_release(&b);
	}
	CHECK(bad == 0, "tokens tile any text");
}

/* Names that stand where tables do, each as it is written, `?` behind one that may be a type. */
static void test_places(void)
{
	static const struct { const char *sql, *want; } cases[] = {
		{ "SELECT v.o FROM a, v.o", "a v.o" },
		{ "SELECT v.o, v.o.k FROM v.o AS x, a JOIN b ON v.o = a.k, v.o WHERE v.o > 1", "v.o x a b v.o" },
		{ "SELECT extract(year FROM v.o), substring(s FROM v.o) FROM a v", "a" },
		{ "SELECT a IS DISTINCT FROM v.o, b IS NOT DISTINCT FROM v.o FROM a", "a" },
		{ "SELECT (SELECT max(n) FROM v.o), x FROM (v.o CROSS JOIN b), (SELECT k, v.o FROM c) AS d, v.o",
		  "v.o v.o b SELECT c d v.o" },
		{ "WITH v AS (SELECT k, v.o FROM a), w AS (SELECT 1) SELECT v.o FROM v, w GROUP BY 1, v.o",
		  "SELECT a SELECT v w" },
		{ "INSERT INTO v.o (k, n) VALUES (1, v.o) ON CONFLICT (k) DO UPDATE SET n = v.o, m = v.o WHERE v.o > 1",
		  "v.o CONFLICT SET" },
		{ "UPDATE ONLY v.o SET n = v.o, m = extract(x FROM v.o) FROM a, v.o", "ONLY v.o a v.o" },
		{ "DELETE FROM v.o USING a, v.o WHERE v.o = 1 AND EXISTS (SELECT 1, v.o FROM v.o)",
		  "v.o a v.o SELECT v.o" },
		{ "SELECT c.set FROM a JOIN c ON c.offset = a.values, v.o", "a c v.o" },
		{ "SELECT x::v.o, CAST(y AS v.o) FROM a ORDER BY 1, v.o FOR UPDATE OF a", "v.o v.o a OF a" },
		{ "CREATE TABLE IF NOT EXISTS v.o (k text, x v.o, LIKE v.o, CHECK (v.o > 0)); "
		  "CREATE VIEW v.w AS TABLE v.o",
		  "IF NOT EXISTS v.o k? text? x? v.o? LIKE? v.o CHECK? v.w TABLE v.o" },
		{ "CREATE TABLE o (k text REFERENCES v.o (k)) INHERITS (v.o)", "o k? text? REFERENCES? v.o v.o" },
		{ "CREATE INDEX i ON v.o (v.o); CREATE INDEX ON v.o USING btree (n)", "v.o v.o btree" },
	};

	for (size_t c = 0; c < sizeof(cases) / sizeof(*cases); c++) {
		struct ev_buf out = EV_BUF_INIT;
		size_t n;
		struct ev_token *t = ev_sql_tokens(cases[c].sql, &n);
		unsigned char *places = ev_sql_places(t, n);

		for (size_t i = 0; i < n; i++) {
			if (places[i] == EV_PLACE_OTHER)
				continue;
			ev_buf_addf(&out, "%s%.*s", out.len ? " " : "", (int)t[i].text.len, t[i].text.ptr);
			if (i + 2 < n && ev_token_is(t[i + 1], "."))
				ev_buf_addf(&out, ".%.*s", (int)t[i + 2].text.len, t[i + 2].text.ptr);
			ev_buf_adds(&out, places[i] == EV_PLACE_COLUMNS ? "?" : "");
		}
		CHECK(strcmp(ev_buf_str(&out), cases[c].want) == 0, "%s: tables are named at '%s'", cases[c].sql,
		      ev_buf_str(&out));
		ev_buf_release(&out);
		free(places);
		free(t);
	}
}

int main(void)
{
	test_places();
	test_tokens();
	test_directives();
	test_names();
	test_tiling();
	return test_done();
}
