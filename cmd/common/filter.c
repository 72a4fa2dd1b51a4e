/* filter.c - see filter.h */
#include "common/filter.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "event/envelope.h"
#include "event/where.h"

#define CANDIDATES 3

struct header_glob {
	char *name;
	const char *glob;
};

struct ev_filter {
	const struct ev_source_args *args; /* its lists and words */
	struct header_glob *headers;
	struct ev_where **wheres;
	size_t nwheres;
	struct ev_paths *paths;
	struct ev_value *values;
	int type_paths[CANDIDATES]; /* without --envelope: tried in this order; -1: none */
	struct ev_envelope envelope;
	bool mapped;
	bool parse;          /* the value must be parsed */
	struct ev_buf text;  /* decoded type */
	struct ev_buf scratch;
};

static int add_headers(struct ev_filter *f, struct ev_error *err)
{
	const struct ev_list *list = &f->args->headers;

	f->headers = ev_alloc((list->n + 1) * sizeof(*f->headers));
	for (size_t i = 0; i < list->n; i++) {
		const char *eq = strchr(list->v[i], '=');

		if (!eq || eq == list->v[i])
			return ev_fail(err, EV_USAGE, "option '--header' takes NAME=GLOB, not '%s'",
				       list->v[i]);
		f->headers[i].name = ev_strndup(list->v[i], (size_t)(eq - list->v[i]));
		f->headers[i].glob = eq + 1;
	}
	return 0;
}

static int add_wheres(struct ev_filter *f, struct ev_error *err)
{
	const struct ev_list *list = &f->args->wheres;

	f->wheres = ev_alloc((list->n + 1) * sizeof(struct ev_where *));
	for (size_t i = 0; i < list->n; i++) {
		struct ev_where *w = ev_where_parse(list->v[i], f->paths, err);

		if (!w)
			return ev_context(err, "option '--where'");
		f->wheres[f->nwheres++] = w;
	}
	return 0;
}

static int add_types(struct ev_filter *f, bool wanted, struct ev_error *err)
{
	static const char *const usual[CANDIDATES] = { "$.event_type", "$.type", "$.eventType" };

	f->envelope = (struct ev_envelope)EV_ENVELOPE_INIT;
	f->mapped = f->args->envelope != NULL;
	for (size_t i = 0; i < CANDIDATES; i++)
		f->type_paths[i] = -1;
	if (f->mapped) {
		if (ev_envelope_parse(&f->envelope, f->paths, f->args->envelope, err))
			return ev_context(err, "option '--envelope'");
		return 0;
	}
	for (size_t i = 0; wanted && i < CANDIDATES; i++) {
		f->type_paths[i] = ev_paths_add(f->paths, usual[i], strlen(usual[i]), err);
		if (f->type_paths[i] < 0)
			return -1;
	}
	return 0;
}

struct ev_filter *ev_filter_new(const struct ev_source_args *a, bool want_event, struct ev_error *err)
{
	struct ev_filter *f = ev_alloc(sizeof(*f));

	f->args = a;
	f->paths = ev_paths_new();
	f->parse = want_event || a->types.n || a->wheres.n;
	if (add_headers(f, err) || add_wheres(f, err) || add_types(f, want_event || a->types.n, err)) {
		ev_filter_free(f);
		return NULL;
	}
	f->values = ev_alloc((ev_paths_count(f->paths) + 1) * sizeof(*f->values));
	return f;
}

void ev_filter_free(struct ev_filter *f)
{
	if (!f)
		return;
	for (size_t i = 0; f->headers && f->headers[i].name; i++)
		free(f->headers[i].name);
	for (size_t i = 0; i < f->nwheres; i++)
		ev_where_free(f->wheres[i]);
	ev_paths_free(f->paths);
	ev_buf_release(&f->text);
	ev_buf_release(&f->scratch);
	free(f->headers);
	free(f->wheres);
	free(f->values);
	free(f);
}

bool ev_filter_needs_headers(const struct ev_filter *f)
{
	return f->args->headers.n > 0;
}

static bool any_glob(const struct ev_list *list, struct ev_slice text)
{
	for (size_t i = 0; i < list->n; i++) {
		if (text.ptr && ev_glob(list->v[i], text))
			return true;
	}
	return list->n == 0;
}

/* Of several headers with a name any may match. */
static bool header_matches(const struct ev_record *r, const struct header_glob *g)
{
	for (size_t i = 0; i < r->nheaders; i++) {
		const struct ev_header *h = &r->headers[i];

		if (ev_slice_is(h->name, g->name) && h->value.ptr && ev_glob(g->glob, h->value))
			return true;
	}
	return false;
}

static bool cheap_tests(const struct ev_filter *f, const struct ev_record *r)
{
	if (f->args->tombstones == EV_TOMBSTONES_ONLY && r->value.ptr)
		return false;
	if (f->args->tombstones == EV_TOMBSTONES_NO && !r->value.ptr)
		return false;
	if (!any_glob(&f->args->keys, r->key))
		return false;
	for (size_t i = 0; i < f->args->headers.n; i++) {
		if (!header_matches(r, &f->headers[i]))
			return false;
	}
	return true;
}

static struct ev_slice type_of(struct ev_filter *f)
{
	ev_buf_clear(&f->text);
	if (f->mapped)
		return ev_envelope_type(&f->envelope, f->values, &f->text);
	for (size_t i = 0; i < CANDIDATES; i++) {
		struct ev_slice text;

		if (f->type_paths[i] >= 0 && f->values[f->type_paths[i]].type == EV_JSON_STRING &&
		    !ev_value_text(&f->values[f->type_paths[i]], &f->text, &text))
			return text;
	}
	return EV_NULL_SLICE;
}

bool ev_filter_test(struct ev_filter *f, const struct ev_record *r, struct ev_filter_event *event)
{
	struct ev_json_error bad;
	const char *why;

	*event = (struct ev_filter_event){ false, EV_NULL_SLICE, r->timestamp };
	if (!cheap_tests(f, r))
		return false;
	if (!f->parse)
		return true;
	if (!r->value.ptr || ev_json_extract(f->paths, r->value, f->values, &bad))
		return !f->args->types.n && !f->nwheres;
	event->json = true;
	event->type = type_of(f);
	if (f->mapped && ev_envelope_time(&f->envelope, r, f->values, &event->time, &why))
		event->time = r->timestamp;
	if (!any_glob(&f->args->types, event->type))
		return false;
	for (size_t i = 0; i < f->nwheres; i++) {
		if (!ev_where_test(f->wheres[i], f->values, &f->scratch))
			return false;
	}
	return true;
}
