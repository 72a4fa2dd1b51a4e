/* draft_test.c - a first projection file from a sample of events */
#include "test.h"

#include <sqlite3.h>

#include "projection/draft.h"
#include "projection/projection.h"

static const char *const one_topic[] = { "events" };

static void add(struct ev_draft *d, const char *key, const char *value)
{
	struct ev_record r = { .topic = EV_LITERAL("events"), .timestamp = EV_NO_TIMESTAMP,
			       .key = ev_slice_str(key), .value = ev_slice_str(value) };

	ev_draft_add(d, &r);
}

/* Draft, parse what comes out, and prepare all of its SQL in SQLite. Frees `d`. */
static struct ev_projection *finish(struct ev_draft *d, struct ev_buf *text, const char *what)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_projection *p = NULL;
	sqlite3 *db = NULL;
	char *sqlite_err = NULL;
	int bad = 0;

	if (!ev_draft_print(d, "my first!", one_topic, 1, text, &err))
		p = ev_projection_parse("draft", ev_buf_slice(text), &err);
	sqlite3_open(":memory:", &db);
	if (p && sqlite3_exec(db, p->schemas[0].sql, NULL, NULL, &sqlite_err) != SQLITE_OK)
		bad++;
	for (size_t i = 0; p && i < p->nhandlers + p->nchecks + p->nsamples; i++) {
		size_t k = i - p->nhandlers;
		const char *sql = i < p->nhandlers ? p->handlers[i].statements[0].sql[EV_SQLITE] :
				  k < p->nchecks   ? p->checks[k].sql :
						     p->samples[k - p->nchecks].sql;
		sqlite3_stmt *s = NULL;

		if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
			bad++;
		sqlite3_finalize(s);
	}
	if (!CHECK(p && !bad, "%s: the draft parses, and SQLite takes it", what))
		printf("# %s %s\n%s\n", err.text, sqlite3_errmsg(db), ev_buf_str(text));
	sqlite3_free(sqlite_err);
	sqlite3_close(db);
	ev_draft_free(d);
	return p;
}

static bool has(const struct ev_buf *text, const char *part)
{
	bool found = strstr(ev_buf_str(text), part) != NULL;

	if (!found)
		printf("# no %s in\n%s\n", part, ev_buf_str(text));
	return found;
}

static void test_orders(void)
{
	struct ev_draft *d = ev_draft_new();
	struct ev_buf text = EV_BUF_INIT;
	struct ev_projection *p;

	add(d, "o1", "{\"event_id\":\"a\",\"event_type\":\"order.created\",\"produced_at\":\"2026-01-01T00:00:00Z\","
		     "\"data\":{\"orderId\":\"o1\",\"total\":12.5,\"lines\":2,\"gift\":false,\"note\":null,"
		     "\"ref\":7,\"items\":[{\"sku\":\"x\"}]}}");
	add(d, "o2", "{\"event_id\":\"b\",\"event_type\":\"order.created\",\"produced_at\":\"2026-01-01T00:00:01Z\","
		     "\"data\":{\"orderId\":\"o2\",\"total\":3,\"lines\":1,\"gift\":true,\"note\":\"hi\","
		     "\"ref\":\"r\",\"items\":[]}}");
	add(d, "o2", "{\"event_id\":\"c\",\"event_type\":\"order.deleted\",\"produced_at\":\"2026-01-01T00:00:02Z\","
		     "\"data\":{\"orderId\":\"o2\",\"big\":12345678901234567890}}");
	add(d, "o1", NULL);
	add(d, "o1", "no json");
	p = finish(d, &text, "orders");
	CHECK(p && !strcmp(p->name, "my_first_") && p->ntopics == 1 && p->nhandlers == 2 && p->nchecks == 1 &&
		      p->nsamples == 3,
	      "a handler per type, a sample per table and one more, one check");
	CHECK(has(&text, "-- @envelope   default\n"), "the default mapping is recognised");
	CHECK(has(&text, "CREATE TABLE order_created (") && has(&text, "CREATE TABLE order_deleted ("),
	      "tables are named by type");
	CHECK(has(&text, "  order_id text, -- the record's key\n"), "the record's key is recognised");
	CHECK(has(&text, "  total numeric,") && has(&text, "  lines integer,") && has(&text, "  gift boolean,") &&
		      has(&text, "  ref text,") && has(&text, "  big text,"),
	      "types by what was seen: mixed ones and numbers past 64 bits are text");
	CHECK(has(&text, "  note text, -- null or missing in 1 of 2\n"), "what may be missing is said");
	CHECK(has(&text, "'each $.data.items'"), "arrays are pointed out");
	CHECK(has(&text, "1 record is a tombstone") && has(&text, "1 record is no JSON object"),
	      "records that are no events are counted");
	CHECK(has(&text, "VALUES (:id, :time,\n  $.data.orderId,"), "values are paths");
	ev_projection_free(p);
	ev_buf_release(&text);
}

/* The first of 800 real events of GitHub, cut short. */
static void test_github(void)
{
	struct ev_draft *d = ev_draft_new();
	struct ev_buf text = EV_BUF_INIT;
	struct ev_projection *p;

	add(d, NULL, "{\"id\":\"17244207336\",\"type\":\"DeleteEvent\",\"actor\":{\"id\":71354125,\"login\":\"a[bot]\","
		     "\"url\":\"https://api.github.com/users/a\"},\"repo\":{\"id\":318651349,\"name\":\"b/c\"},"
		     "\"payload\":{\"ref\":\"d\",\"ref_type\":\"branch\"},\"public\":true,"
		     "\"created_at\":\"2021-07-21T06:00:00Z\"}");
	add(d, NULL, "{\"id\":\"17244207337\",\"type\":\"CreateEvent\",\"actor\":{\"id\":33440610,\"login\":\"e\"},"
		     "\"repo\":{\"id\":379773947,\"name\":\"f/g\"},\"payload\":{\"ref\":\"1.71\",\"description\":null},"
		     "\"public\":true,\"created_at\":\"2021-07-21T06:00:00Z\",\"org\":{\"id\":39782173}}");
	p = finish(d, &text, "GitHub");
	CHECK(has(&text, "-- @envelope   id=$.id type=$.type time=$.created_at\n"), "its envelope is found");
	CHECK(has(&text, "-- @on DeleteEvent\n") && has(&text, "CREATE TABLE delete_event ("), "its types");
	CHECK(has(&text, "  actor_login text,") && has(&text, "  repo_id integer,") && has(&text, "  ref text,"),
	      "columns are named by the object that holds them, but for mere wrappers");
	ev_projection_free(p);
	ev_buf_release(&text);
}

static void test_hostile(void)
{
	struct ev_draft *d = ev_draft_new();
	struct ev_buf text = EV_BUF_INIT;
	struct ev_projection *p;

	add(d, NULL, "{\"type\":\"select\",\"a b\":1,\"A-B\":2,\"a'b\\\\\":3,\"x\\ny\":4,\"order\":5,\"1\":6,\"\":7,"
		     "\"data\":{\"a_b\":8,\"ev_x\":9,\"\\u00e9\":10,\"a\\u0001\":11}}");
	add(d, NULL, "{\"type\":\"it's * [all], ok?\",\"x\":1}");
	add(d, NULL, "{\"type\":\"tombstone\",\"x\":1}");
	add(d, NULL, "{\"type\":\"ev_x\",\"x\":1}");
	add(d, NULL, "{\"type\":\"line\\nbreak\",\"x\":[1,{}]}");
	add(d, NULL, "{\"type\":\"Tombstone\",\"x\":{\"y\":{\"z\":{\"w\":1}}}}");
	add(d, NULL, "{\"type\":\"\\u00e9\"}");
	add(d, NULL, "{\"x\":1}");
	p = finish(d, &text, "hostile names");
	CHECK(p && p->nhandlers == 7 && !p->handlers[2].tombstone, "each type has a handler");
	CHECK(p && !strcmp(p->handlers[1].types[0], "it's \\* \\[all], ok\\?"), "a type's glob letters are quoted");
	CHECK(p && p->filter && has(&text, "1 event has no type"), "events without a type are filtered");
	CHECK(has(&text, "PRIMARY KEY (log_topic, log_partition, log_offset)"),
	      "without an id the place in the log is the key");
	ev_projection_free(p);
	ev_buf_release(&text);
}

/* Members and types that are called as SQL's own words. */
static void test_keywords(void)
{
	struct ev_draft *d = ev_draft_new();
	struct ev_buf text = EV_BUF_INIT, value = EV_BUF_INIT;
	int n = sqlite3_keyword_count();

	for (int i = 0; i < n; i++) {
		const char *word;
		int len;

		sqlite3_keyword_name(i, &word, &len);
		ev_buf_clear(&value);
		ev_buf_addf(&value, "{\"type\":\"%.*s\",\"n\":1}", len, word);
		if (i % 3 == 0) /* few enough types for a table each */
			add(d, NULL, value.data);
		ev_buf_clear(&value);
		ev_buf_addf(&value, "{\"type\":\"t%d\",\"%.*s\":1}", i / 12, len, word);
		add(d, NULL, value.data);
	}
	ev_projection_free(finish(d, &text, "keywords as names"));
	CHECK(!strstr(ev_buf_str(&text), "-- @on *"), "a table per type");
	ev_buf_release(&value);
	ev_buf_release(&text);
}

static void test_guesses(void)
{
	struct ev_draft *d = ev_draft_new();
	struct ev_buf text = EV_BUF_INIT;
	struct ev_projection *p;

	add(d, NULL, "{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"a\",\"source\":\"s\","
		     "\"time\":\"2026-01-01T00:00:00Z\"}");
	p = finish(d, &text, "CloudEvents");
	CHECK(has(&text, "-- @envelope   cloudevents\n"), "CloudEvents are recognised");
	ev_projection_free(p);

	d = ev_draft_new();
	ev_buf_clear(&text);
	add(d, NULL, "{\"id\":1,\"type\":\"a\",\"time\":\"soon\",\"n\":1}");
	add(d, NULL, "{\"id\":1,\"type\":\"a\",\"time\":\"later\",\"n\":2}");
	p = finish(d, &text, "ids and times that are none");
	CHECK(has(&text, "-- @envelope   type=$.type\n"),
	      "an id that two events share is none, nor is any text a time");
	ev_projection_free(p);

	d = ev_draft_new();
	ev_buf_clear(&text);
	for (int i = 0; i < 100; i++) {
		char value[64];

		snprintf(value, sizeof(value), "{\"who\":\"sensor-%d\",\"v\":%d,\"id\":%d}", i, i % 7, i);
		add(d, NULL, value);
	}
	p = finish(d, &text, "no type, and a hundred different ones");
	CHECK(p && p->nhandlers == 1 && has(&text, "-- @on *\n") && has(&text, "event_type text NOT NULL"),
	      "many types share one table");
	CHECK(has(&text, "event_id integer NOT NULL"), "whole ids have a whole column");
	ev_projection_free(p);
	ev_buf_release(&text);
}

/* More members than a table shall have columns. */
static void test_choice(void)
{
	struct ev_draft *d = ev_draft_new();
	struct ev_buf text = EV_BUF_INIT;
	struct ev_projection *p;

	for (int i = 0; i < 2; i++) {
		struct ev_buf value = EV_BUF_INIT;

		ev_buf_adds(&value, "{\"type\":\"a\"");
		for (int k = 0; k < 20; k++)
			ev_buf_addf(&value, ",\"m%d\":%d", k, i);
		ev_buf_addf(&value, ",\"data\":{\"best\":%d,\"deep\":{\"x\":%d},\"link\":\"https://x/%d\",\"same\":0}}",
			    i, i, i);
		add(d, NULL, value.data);
		ev_buf_release(&value);
	}
	p = finish(d, &text, "many members");
	CHECK(has(&text, "  best integer,\n") && has(&text, "  m0 integer,\n") && has(&text, "  m10 integer,\n") &&
		      !strstr(ev_buf_str(&text), "m11"),
	      "what the event is about comes first, then what it has at its top");
	CHECK(!strstr(ev_buf_str(&text), "deep") && !strstr(ev_buf_str(&text), "link") &&
		      !strstr(ev_buf_str(&text), "same"),
	      "what is deep, a link, or always the same comes last");
	ev_projection_free(p);
	ev_buf_release(&text);
}

static void test_nothing(void)
{
	struct ev_draft *d = ev_draft_new();
	struct ev_buf text = EV_BUF_INIT;
	struct ev_error err = EV_ERROR_INIT;

	CHECK(ev_draft_print(d, "x", one_topic, 1, &text, &err) == -1 && err.class == EV_DATA,
	      "of no records there is no draft");
	add(d, NULL, "[1]");
	add(d, NULL, "{\"a\":");
	CHECK(ev_draft_print(d, "x", one_topic, 1, &text, &err) == -1, "nor of what is no object");
	add(d, NULL, "{\"a\":1}");
	CHECK(ev_draft_print(d, "x", one_topic, 1, &text, &err) == -1 && strstr(err.text, "no text member"),
	      "nor of events where nothing can be the type");
	CHECK(text.len == 0, "and nothing is written then");
	ev_draft_free(d);
	ev_buf_release(&text);
}

int main(void)
{
	test_orders();
	test_github();
	test_hostile();
	test_keywords();
	test_guesses();
	test_choice();
	test_nothing();
	return test_done();
}
