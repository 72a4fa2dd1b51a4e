/* projection_test.c - projection files: directives, statements, parameters, places */
#include "test.h"

#include <dirent.h>

#include "projection/projection.h"

#define DATA "tests/data/projection"
#define HEAD "-- @projection p version 1\n-- @topics t\n"

static struct ev_projection *parse(const char *sql)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_projection *p = ev_projection_parse("p.sql", ev_slice_str(sql), &err);

	if (!p)
		printf("# %s\n", err.text);
	return p;
}

static char *read_text(const char *path)
{
	FILE *f = fopen(path, "rb");
	char *text = calloc(1, 4096);
	size_t n = f ? fread(text, 1, 4095, f) : 0;

	if (f)
		fclose(f);
	while (n && text[n - 1] == '\n')
		text[--n] = '\0';
	return text;
}

static void check_invalid(const char *name)
{
	char file[512], path[512], got[2048];
	struct ev_error err = EV_ERROR_INIT;
	struct ev_projection *p;
	char *want;

	snprintf(file, sizeof(file), DATA "/invalid/%s/file.sql", name);
	snprintf(path, sizeof(path), DATA "/invalid/%s/expected", name);
	want = read_text(path);
	p = ev_projection_load(file, &err);
	snprintf(got, sizeof(got), "%s%s%s", err.text, err.hint[0] ? "\nhint: " : "", err.hint);
	if (!CHECK(!p && err.class == EV_USAGE && strncmp(got, file, strlen(file)) == 0 &&
			   strcmp(got + strlen(file) + 1, want) == 0,
		   "%s is refused, with place and reason", name))
		printf("#   want %s\n#   got  %s\n", want, got);
	ev_projection_free(p);
	free(want);
}

static void check_valid(const char *name)
{
	char file[512];
	struct ev_error err = EV_ERROR_INIT;
	struct ev_projection *p;

	snprintf(file, sizeof(file), DATA "/valid/%s/file.sql", name);
	p = ev_projection_load(file, &err);
	if (!CHECK(p != NULL, "%s is accepted", name))
		printf("#   %s\n", err.text);
	ev_projection_free(p);
}

static int each_case(const char *folder, void (*check)(const char *name))
{
	struct dirent *entry;
	DIR *d = opendir(folder);
	int n = 0;

	while (d && (entry = readdir(d)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		check(entry->d_name);
		n++;
	}
	if (d)
		closedir(d);
	return n;
}

static const struct ev_statement *first(const struct ev_projection *p)
{
	return p && p->nhandlers && p->handlers[0].nstatements ? p->handlers[0].statements : NULL;
}

/* The first statement of the first handler, whose directive is `-- @on a OPTIONS`. */
static void check_render(const char *options, const char *sql, const char *sqlite, const char *postgresql,
			 const char *what)
{
	struct ev_projection *p;
	const struct ev_statement *s;
	char text[2048];

	snprintf(text, sizeof(text), HEAD "-- @on a %s\n%s", options, sql);
	p = parse(text);
	s = first(p);
	if (!CHECK(s && !strcmp(s->sql[EV_SQLITE], sqlite) && !strcmp(s->sql[EV_POSTGRESQL], postgresql),
		   "%s", what) &&
	    s)
		printf("#   %s\n#   %s\n", s->sql[EV_SQLITE], s->sql[EV_POSTGRESQL]);
	ev_projection_free(p);
}

static void test_render(void)
{
	check_render("", "DELETE FROM t -- all\n/* of */ WHERE k=$.k;", "DELETE FROM t WHERE k=?1",
		     "DELETE FROM t WHERE k=$1", "comments become one blank, the rest stays");
	check_render("", "UPDATE t SET a = $.a, b = $['a'], c = $.b WHERE k = $.a!",
		     "UPDATE t SET a = ?1, b = ?2, c = ?3 WHERE k = ?4",
		     "UPDATE t SET a = $1, b = $2, c = $3 WHERE k = $4",
		     "each use has a number of its own, as its type may be another");
	check_render("each $.x", "UPDATE t SET a = $.a, b = $item.a, c = :scaled($.a, 2), d = :scaled($.a,3)",
		     "UPDATE t SET a = ?1, b = ?2, c = ?3, d = ?4",
		     "UPDATE t SET a = $1, b = $2, c = $3, d = $4",
		     "items, events and scales are kept apart");
	check_render("", "UPDATE t SET a = $.a::jsonb, b = ':id' || $$ $.x $$ WHERE $.n!=0 AND c = 'x--y'",
		     "UPDATE t SET a = ?1::jsonb, b = ':id' || $$ $.x $$ WHERE ?2!=0 AND c = 'x--y'",
		     "UPDATE t SET a = $1::jsonb, b = ':id' || $$ $.x $$ WHERE $2!=0 AND c = 'x--y'",
		     "strings are left alone, and `!=` is no mark");
	check_render("", "UPDATE t SET a = :header ( 'x' ), b = :header('y'), c = :header('x')",
		     "UPDATE t SET a = ?1, b = ?2, c = ?3", "UPDATE t SET a = $1, b = $2, c = $3",
		     "headers may be spelled with blanks");
}

static const struct ev_param *param(const struct ev_projection *p, size_t i)
{
	const struct ev_statement *s = first(p);

	return s && i < s->nparams ? &s->params[i] : NULL;
}

static void test_params(void)
{
	struct ev_projection *p = parse(HEAD
		"-- @on a each $.items\n"
		"INSERT INTO t VALUES ($.a.b[0], $item.c!, :time, :key, :offset, :header('it''s'),\n"
		"  :window('5 minutes'), :scaled($item.d!, 18), :timestamp, :partition, :topic,"
		" $.a.b[0]!, $item.c);\n");
	const struct ev_param *q = param(p, 10);

	CHECK(q && first(p)->nparams == 13, "thirteen parameters");
	CHECK(param(p, 12) && ev_param_same(param(p, 0), param(p, 11)) && ev_param_same(param(p, 1), param(p, 12)) &&
		      !ev_param_same(param(p, 0), param(p, 1)) && !ev_param_same(param(p, 1), param(p, 7)),
	      "the same path is the same value, wherever it stands");
	if (!q)
		return;
	q = param(p, 0);
	CHECK(q->kind == EV_PARAM_PATH && !q->required && q->scale < 0 && !strcmp(q->text, "$.a.b[0]") &&
		      q->place.line == 4 && q->place.column == 23 && param(p, 11)->required,
	      "a path knows its place, and whether it is required there");
	q = param(p, 1);
	CHECK(q->kind == EV_PARAM_ITEM && q->required && q->path == 0, "$item.c! is required of the element");
	CHECK(param(p, 2)->kind == EV_PARAM_FIELD && param(p, 2)->field == EV_FIELD_TIME, ":time is a field");
	CHECK(param(p, 3)->kind == EV_PARAM_KEY && param(p, 4)->kind == EV_PARAM_OFFSET &&
		      param(p, 8)->kind == EV_PARAM_TIMESTAMP && param(p, 9)->kind == EV_PARAM_PARTITION &&
		      param(p, 10)->kind == EV_PARAM_TOPIC,
	      "the record's own fields");
	CHECK(!strcmp(param(p, 5)->header, "it's"), "a header's name has its quotes undone");
	CHECK(param(p, 6)->kind == EV_PARAM_WINDOW && param(p, 6)->window_ms == 300000, "a window has its size");
	q = param(p, 7);
	CHECK(q->kind == EV_PARAM_ITEM && q->scale == 18 && q->required, "a scaled item may be required");
	CHECK(!strcmp(p->handlers[0].each_text, "$.items"), "the handler knows the path of its elements");
	ev_projection_free(p);
}

static void test_directives(void)
{
	struct ev_projection *p = parse(
		"-- @projection My_orders-2 version 9223372036854775807\n"
		"-- @topics a, b c.d\n-- @envelope id=$.i, type=$.t\n-- @filter $.x = 'a -- b'\n"
		"-- @dedupe id across topics within '7 days'\n-- @reads x, \"Y z\"\n-- @reads w\n"
		"-- @schema\n  CREATE TABLE t (k text); CREATE VIEW v AS SELECT 1 ; -- end\n"
		"-- @on x y*,'z w' every 1m over '5m' of c.d must touch\nDELETE FROM t; DELETE FROM t;\n"
		"-- @on tombstone of a\nDELETE FROM t WHERE k = :key;\n"
		"-- @check  two words \n SELECT 1;\n-- @sample s\nWITH x AS (SELECT 1) SELECT * FROM x\n");
	struct ev_handler *h = p ? p->handlers : NULL;

	CHECK(p && !strcmp(p->name, "My_orders-2") && p->version == INT64_MAX, "name and version");
	if (!p)
		return;
	CHECK(p->ntopics == 3 && !strcmp(p->topics[2], "c.d"), "topics by comma or blank");
	CHECK(p->envelope.path[EV_FIELD_ID] >= 0 && p->envelope.path[EV_FIELD_TIME] < 0, "envelope as mapped");
	CHECK(p->filter, "filter");
	CHECK(p->dedupe && p->dedupe_across && p->dedupe_ms == 7 * 86400000LL, "dedupe with its options");
	CHECK(p->nreads == 3 && !strcmp(p->reads[1], "Y z"), "@reads adds up, names may be quoted");
	CHECK(p->nschemas == 1 && p->schemas[0].any && p->schemas[0].place.column == 3 &&
		      !strcmp(p->schemas[0].sql, "CREATE TABLE t (k text); CREATE VIEW v AS SELECT 1"),
	      "a schema's SQL as it stands, without what surrounds it");
	CHECK(p->nhandlers == 2 && h->ntypes == 3 && !strcmp(h->types[2], "z w") && h->nstatements == 2 &&
		      h->must_touch && h->every_ms == 60000 && h->over_ms == 300000 &&
		      !strcmp(h->of_topic, "c.d") && h->each < 0,
	      "a handler's options in any order");
	CHECK(h[1].tombstone && !h[1].ntypes && !strcmp(h[1].of_topic, "a"), "a tombstone's handler");
	CHECK(p->nchecks == 1 && !strcmp(p->checks[0].name, "two words") &&
		      !strcmp(p->checks[0].sql, "SELECT 1"),
	      "a check's name is the rest of its line");
	CHECK(p->nsamples == 1 && p->samples[0].place.line == 17, "a sample knows its place");
	ev_projection_free(p);

	p = parse(HEAD);
	CHECK(p && p->envelope.path[EV_FIELD_CAUSATION] >= 0 && !p->filter && !p->dedupe,
	      "without @envelope the default mapping counts");
	ev_projection_free(p);
}

/* Byte `offset` of `sql` came from this place. */
static bool is_at(const struct ev_statement *s, enum ev_dialect d, const char *word, int line, int column)
{
	const char *at = strstr(s->sql[d], word);
	struct ev_place place = ev_statement_place(s, d, (size_t)(at - s->sql[d]));

	return place.line == line && place.column == column;
}

static void test_places(void)
{
	struct ev_projection *p = parse(HEAD
		"-- @on a\n  UPDATE t /* x\n y */ SET n = $['a long name'],\n"
		"\tm = 'two\nlines' + bad\n");
	const struct ev_statement *s = first(p);

	if (!CHECK(s != NULL, "a statement over several lines"))
		return;
	for (int d = EV_SQLITE; d <= EV_POSTGRESQL; d++) {
		CHECK(is_at(s, d, "UPDATE", 4, 3), "its beginning");
		CHECK(is_at(s, d, "DATE", 4, 5), "in mid-word");
		CHECK(is_at(s, d, "SET", 5, 7), "behind a comment");
		CHECK(is_at(s, d, ", m", 5, 31), "behind a parameter that is shorter now");
		CHECK(is_at(s, d, "lines", 7, 1), "inside a string of two lines");
		CHECK(is_at(s, d, "bad", 7, 10), "the last word");
		CHECK(ev_statement_place(s, d, SIZE_MAX).line == 4, "an unknown offset is the beginning");
	}
	ev_projection_free(p);
	CHECK(ev_sql_place("ab\ncd", (struct ev_place){ 7, 3 }, 4).line == 8 &&
		      ev_sql_place("ab\ncd", (struct ev_place){ 7, 3 }, 4).column == 2 &&
		      ev_sql_place("ab\ncd", (struct ev_place){ 7, 3 }, 1).column == 4,
	      "places in SQL that is kept as written");
}

static void test_limits(void)
{
	static const char *const not_utf8[] = { "\xff", "\x80", "\xc3", "\xc0\xaf", "\xe0\x9f\xbf",
						"\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82" };
	struct ev_error err = EV_ERROR_INIT;
	size_t n = EV_PROJECTION_MAX_SIZE;
	char *text = malloc(n + 1);
	struct ev_projection *p;

	CHECK(!ev_projection_parse("f", ev_slice("-- @projection \0", 16), &err) &&
		      strcmp(err.text, "f:1:16: NUL byte in a projection file") == 0,
	      "a NUL byte is refused");
	for (size_t i = 0; i < sizeof(not_utf8) / sizeof(*not_utf8); i++) {
		char line[32];

		snprintf(line, sizeof(line), "-- a\n--%s", not_utf8[i]);
		CHECK(!ev_projection_parse("f", ev_slice_str(line), &err) &&
			      strcmp(err.text, "f:2:3: invalid UTF-8") == 0,
		      "bytes that are no UTF-8 are refused (%zu)", i);
	}
	CHECK(!ev_projection_load("no/such/file", &err) && strstr(err.text, "cannot open 'no/such/file'"),
	      "a file that is not there is named");
	memset(text, ';', n + 1);
	CHECK(!ev_projection_parse("f", ev_slice(text, n + 1), &err) && strstr(err.text, "larger than"),
	      "a file that is too large is refused");
	memcpy(text, HEAD "-- @on a\nDELETE FROM t", strlen(HEAD "-- @on a\nDELETE FROM t"));
	p = ev_projection_parse("f", ev_slice(text, n), &err);
	CHECK(p && p->handlers[0].nstatements == 1, "four million empty statements are nothing");
	ev_projection_free(p);
	memset(text, '(', n);
	memcpy(text, HEAD "-- @on a\nDELETE FROM t", strlen(HEAD "-- @on a\nDELETE FROM t"));
	CHECK(!ev_projection_parse("f", ev_slice(text, n), &err) && strstr(err.text, "nested brackets"),
	      "brackets have a limit");
	free(text);
}

int main(void)
{
	CHECK(each_case(DATA "/invalid", check_invalid) > 50, "the invalid files are there");
	CHECK(each_case(DATA "/valid", check_valid) > 5, "the valid files are there");
	test_render();
	test_params();
	test_directives();
	test_places();
	test_limits();
	return test_done();
}
