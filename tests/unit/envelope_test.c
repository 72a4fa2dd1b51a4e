/* envelope_test.c - where an event's fields are found */
#include "test.h"

#include "event/decoder.h"
#include "event/envelope.h"

/* The mapping as `field=index ...` of what is mapped. */
static void check(const char *text, const char *const paths_want[EV_FIELDS])
{
	struct ev_paths *paths = ev_paths_new();
	struct ev_envelope env = EV_ENVELOPE_INIT;
	struct ev_error err = EV_ERROR_INIT;
	int wrong = ev_envelope_parse(&env, paths, text, &err);

	for (int f = 0; f < EV_FIELDS && !wrong; f++) {
		const char *p = paths_want[f];
		int index = p ? ev_paths_add(paths, p, strlen(p), &err) : -1;

		wrong += env.path[f] != index;
	}
	CHECK(!wrong, "'%s' maps as it says %s", text, err.text);
	ev_paths_free(paths);
}

static void test_mappings(void)
{
	check("default", (const char *[]){ "$.event_id", "$.event_type", "$.produced_at", "$.source",
					   "$.version", "$.correlation_id", "$.causation_id" });
	check("cloudevents", (const char *[]){ "$.id", "$.type", "$.time", "$.source", "$.dataschema",
					       "$.correlationid", "$.causationid" });
	check(" id=$.a,\ttype=$['b c, d'] ,time=$.t[0] ",
	      (const char *[]){ "$.a", "$['b c, d']", "$.t[0]", NULL, NULL, NULL, NULL });
	check("default id=$.x", (const char *[]){ "$.x", "$.event_type", "$.produced_at", "$.source",
						  "$.version", "$.correlation_id", "$.causation_id" });
	check("id=$.a id=$.b", (const char *[]){ "$.b", NULL, NULL, NULL, NULL, NULL, NULL });
}

static void refused(const char *text, const char *part)
{
	struct ev_paths *paths = ev_paths_new();
	struct ev_envelope env = EV_ENVELOPE_INIT;
	struct ev_error err = EV_ERROR_INIT;

	CHECK(ev_envelope_parse(&env, paths, text, &err) && err.class == EV_USAGE &&
	      strstr(err.text, part) && env.path[EV_FIELD_ID] == -1, "'%s' is refused: %s", text,
	      err.text);
	ev_paths_free(paths);
}

static void test_refused(void)
{
	refused("", "nothing");
	refused(" , ", "nothing");
	refused("Default", "no such mapping 'Default'");
	refused("id=$.a kind=$.b", "no such field 'kind'");
	refused("id", "no such mapping 'id'");
	refused("id=", "no path");
	refused("id=a", "no path");
	refused("id=$.", "behind the path");
	refused("id=$.a;type=$.b", "behind the path of 'id'");
	refused("=$.a", "no such field ''");
}

static const char *extract(const char *mapping, const char *doc, int64_t timestamp, int64_t *ms,
			   struct ev_buf *type)
{
	struct ev_paths *paths = ev_paths_new();
	struct ev_envelope env = EV_ENVELOPE_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_record r = { .timestamp = timestamp };
	struct ev_buf scratch = EV_BUF_INIT;
	struct ev_value values[EV_FIELDS];
	struct ev_json_error jerr;
	struct ev_slice t;
	const char *why = NULL;

	ev_envelope_parse(&env, paths, mapping, &err);
	ev_json_extract(paths, ev_slice_str(doc), values, &jerr);
	t = ev_envelope_type(&env, values, &scratch);
	ev_buf_clear(type);
	ev_buf_add_slice(type, t.ptr ? t : EV_LITERAL("<null>"));
	if (!ev_envelope_time(&env, &r, values, ms, &why))
		why = NULL;
	ev_buf_release(&scratch);
	ev_paths_free(paths);
	return why;
}

static void test_fields(void)
{
	struct ev_buf type = EV_BUF_INIT;
	int64_t ms = 0;

	CHECK(!extract("type=$.t time=$.at", "{\"t\":\"a\",\"at\":1000}", 5, &ms, &type) && ms == 1000000 &&
	      strcmp(ev_buf_str(&type), "a") == 0, "time and type are taken from the event");
	CHECK(!extract("type=$.t", "{\"t\":\"\\u00e9\"}", 5, &ms, &type) && ms == 5 &&
	      strcmp(ev_buf_str(&type), "\xc3\xa9") == 0, "an unmapped time is the record's, escapes go");
	CHECK(extract("type=$.t", "{\"t\":7}", EV_NO_TIMESTAMP, &ms, &type) &&
	      strcmp(ev_buf_str(&type), "<null>") == 0, "a number is no type, no timestamp no time");
	CHECK(strstr(extract("time=$.at", "{}", 5, &ms, &type), "missing"), "a mapped time must be there");
	CHECK(strstr(extract("time=$.at", "{\"at\":null}", 5, &ms, &type), "null"), "null is no time");
	CHECK(extract("time=$.at", "{\"at\":\"soon\"}", 5, &ms, &type), "a word is no time");
	CHECK(strcmp(ev_buf_str(&type), "<null>") == 0, "an unmapped type is null");
	extract("type=$.t", "{\"t\":\"\\ud800\"}", 5, &ms, &type);
	CHECK(strcmp(ev_buf_str(&type), "<null>") == 0, "a lone surrogate is no type");
	ev_buf_release(&type);
}

static void test_decoder(void)
{
	struct ev_decoder *d = ev_decoder_json();
	struct ev_error err = EV_ERROR_INIT;
	struct ev_record r = { .value = EV_LITERAL("{}") };
	struct ev_slice json;

	CHECK(!d->ops->decode(d, &r, &json, &err) && json.ptr == r.value.ptr && json.len == 2,
	      "JSON is borrowed as it is");
	r.value = EV_NULL_SLICE;
	CHECK(d->ops->decode(d, &r, &json, &err) && err.class == EV_DATA, "a tombstone is no JSON");
	d->ops->free(d);
}

int main(void)
{
	test_mappings();
	test_refused();
	test_fields();
	test_decoder();
	return test_done();
}
