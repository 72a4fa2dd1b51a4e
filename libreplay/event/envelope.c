/* envelope.c - see envelope.h */
#include "event/envelope.h"

#include "event/time.h"

const char *const ev_field_names[EV_FIELDS] = {
	"id", "type", "time", "source", "version", "correlation", "causation",
};

static const struct ready {
	const char *name;
	const char *path[EV_FIELDS];
} ready[] = {
	{ "default",
	  { "$.event_id", "$.event_type", "$.produced_at", "$.source", "$.version",
	    "$.correlation_id", "$.causation_id" } },
	/* specversion is the version of CloudEvents, not of the event: dataschema says that */
	{ "cloudevents",
	  { "$.id", "$.type", "$.time", "$.source", "$.dataschema", "$.correlationid",
	    "$.causationid" } },
};

static bool is_separator(char c)
{
	return c == ' ' || c == ',' || c == '\t' || c == '\r' || c == '\n';
}

static int fail(const char *what, struct ev_slice word, struct ev_error *err)
{
	ev_fail(err, EV_USAGE, "cannot read envelope: %s '%.*s'", what, (int)word.len, word.ptr);
	return ev_hint(err, "write default, cloudevents, or pairs such as id=$.event_id; fields are id, "
			    "type, time, source, version, correlation and causation");
}

static int take_ready(struct ev_envelope *env, struct ev_paths *paths, struct ev_slice word,
		      struct ev_error *err)
{
	for (size_t i = 0; i < sizeof(ready) / sizeof(*ready); i++) {
		if (!ev_slice_is(word, ready[i].name))
			continue;
		for (int f = 0; f < EV_FIELDS; f++) {
			const char *path = ready[i].path[f];

			env->path[f] = ev_paths_add(paths, path, strlen(path), err);
			if (env->path[f] < 0)
				return -1;
		}
		return 0;
	}
	return fail("no such mapping", word, err);
}

/* `name=path` at *text, `name` being read already; moves *text behind it. */
static int take_pair(struct ev_envelope *env, struct ev_paths *paths, struct ev_slice name,
		     const char **text, struct ev_error *err)
{
	const char *path = *text + 1;
	size_t len;
	int field = 0;

	while (field < EV_FIELDS && !ev_slice_is(name, ev_field_names[field]))
		field++;
	if (field == EV_FIELDS)
		return fail("no such field", name, err);
	if (*path != '$')
		return fail("no path (one starts with $) behind", name, err);
	len = ev_path_scan(path, strlen(path));
	env->path[field] = ev_paths_add(paths, path, len, err);
	if (env->path[field] < 0)
		return ev_context(err, "cannot read envelope: path of %s", ev_field_names[field]);
	*text = path + len;
	if (**text && !is_separator(**text))
		return fail("something stands behind the path of", name, err);
	return 0;
}

int ev_envelope_parse(struct ev_envelope *env, struct ev_paths *paths, const char *text,
		      struct ev_error *err)
{
	struct ev_envelope read = *env;
	bool any = false;

	for (;;) {
		struct ev_slice word;

		while (is_separator(*text))
			text++;
		if (!*text)
			break;
		word.ptr = text;
		while (*text && *text != '=' && !is_separator(*text))
			text++;
		word.len = (size_t)(text - word.ptr);
		if (*text == '=' ? take_pair(&read, paths, word, &text, err) :
				   take_ready(&read, paths, word, err))
			return -1;
		any = true;
	}
	if (!any)
		return fail("nothing is given", EV_LITERAL(""), err);
	*env = read;
	return 0;
}

int ev_envelope_time(const struct ev_envelope *env, const struct ev_record *r,
		     const struct ev_value *values, int64_t *ms, const char **why)
{
	const struct ev_value *v;

	if (env->path[EV_FIELD_TIME] < 0) {
		*why = "the record has no timestamp";
		if (r->timestamp == EV_NO_TIMESTAMP)
			return -1;
		*why = "the record's timestamp is outside the years 0001-9999";
		if (r->timestamp < EV_TIME_MIN || r->timestamp > EV_TIME_MAX)
			return -1;
		*ms = r->timestamp;
		return 0;
	}
	v = &values[env->path[EV_FIELD_TIME]];
	if (v->type != EV_JSON_MISSING && v->type != EV_JSON_NULL)
		return ev_time_of_value(v, ms, why);
	*why = v->type == EV_JSON_NULL ? "the time is null" : "the time is missing";
	return -1;
}

struct ev_slice ev_envelope_type(const struct ev_envelope *env, const struct ev_value *values,
				 struct ev_buf *scratch)
{
	struct ev_slice text;
	const struct ev_value *v;

	if (env->path[EV_FIELD_TYPE] < 0)
		return EV_NULL_SLICE;
	v = &values[env->path[EV_FIELD_TYPE]];
	if (v->type != EV_JSON_STRING || ev_value_text(v, scratch, &text))
		return EV_NULL_SLICE;
	return text;
}
