/* handler.c - the arguments of `@on`, and what the whole file must agree on; see parse.h */
#include "projection/directive.h"

#define MAX_WINDOWS 10000 /* that one event may fall in */

static const char *const options[] = { "of", "each", "must", "every", NULL };

/* Can any text match this glob? A type that can never come is a slip of the pen. */
static const char *glob_fault(const char *glob)
{
	if (!*glob)
		return "is empty and can never match";
	for (const char *p = glob; *p; p++) {
		if (*p == '\\' && !*++p)
			return "ends in a lone backslash and can never match";
		if (*p == '[') {
			p = p[1] ? strchr(p + 2, ']') : NULL; /* a `]` right behind `[` is in the set */
			if (!p)
				return "has a '[' that is never closed and can never match";
		}
	}
	return NULL;
}

static int take_type(struct ev_args *a, struct ev_handler *h)
{
	const char *type = ev_buf_str(&a->text), *fault = glob_fault(type);

	if (fault)
		return ev_parse_fail(a->ps, a->start, "type '%s' %s", type, fault);
	if (!a->quoted && type[0] == '$')
		return ev_parse_fail(a->ps, a->start, "path '%s' needs 'each' before it", type);
	if (!a->quoted && strncmp(type, "--", 2) == 0)
		return ev_parse_fail(a->ps, a->start, "a directive's line can hold no comment");
	if (ev_args_is(a, "tombstone") && !h->ntypes && !h->tombstone) {
		h->tombstone = true;
		return 0;
	}
	if (h->tombstone || ev_args_is(a, "tombstone"))
		return ev_parse_fail(a->ps, a->start, "'tombstone' cannot stand together with types");
	*EV_PUSH(h->types, h->ntypes) = ev_strdup(type);
	return 0;
}

static int take_each(struct ev_args *a, struct ev_handler *h)
{
	struct ev_error err = EV_ERROR_INIT;
	int rc = ev_args_next(a);

	if (rc < 0)
		return -1;
	if (!rc || a->text.data[0] != '$')
		return ev_parse_fail(a->ps, a->start, "'each' needs a path, such as '$.data.items'");
	if (h->tombstone)
		return ev_parse_fail(a->ps, a->start, "a tombstone has no value to take '%s' from",
				     ev_buf_str(&a->text));
	h->each = ev_paths_add(a->ps->p->paths, a->text.data, a->text.len, &err);
	if (h->each < 0)
		return ev_parse_fail(a->ps, a->start, "%s", err.text);
	h->item_paths = ev_paths_new();
	h->each_text = ev_strdup(a->text.data);
	return 0;
}

static int take_every(struct ev_args *a, struct ev_handler *h)
{
	const char *every = a->start;
	int rc;

	if (ev_args_duration(a, "every", &h->every_ms))
		return -1;
	rc = ev_args_next(a);
	if (rc < 0)
		return -1;
	if (!rc || !ev_args_is(a, "over"))
		return ev_parse_fail(a->ps, a->start, "'every' needs 'over' and a duration behind it");
	if (ev_args_duration(a, "over", &h->over_ms))
		return -1;
	if (h->over_ms < h->every_ms)
		return ev_parse_fail(a->ps, every, "the windows ('over') are shorter than the step "
				     "between them ('every'), so that some events fall in none");
	if (h->over_ms / h->every_ms > MAX_WINDOWS)
		return ev_parse_fail(a->ps, every, "each event would fall in more than %d windows",
				     MAX_WINDOWS);
	return 0;
}

static int take_of(struct ev_args *a, struct ev_handler *h)
{
	int rc = ev_args_next(a);

	if (rc < 0)
		return -1;
	if (!rc)
		return ev_parse_fail(a->ps, a->start, "'of' needs a topic");
	h->of_topic = ev_strdup(ev_buf_str(&a->text));
	h->of_place = ev_parse_place(a->ps, a->start);
	return 0;
}

static int take_must(struct ev_args *a, struct ev_handler *h)
{
	if (ev_args_next(a) < 0)
		return -1;
	if (!ev_args_is(a, "touch"))
		return ev_parse_fail(a->ps, a->start, "'must' must be followed by 'touch'");
	h->must_touch = true;
	return 0;
}

int ev_parse_on(struct ev_args *a, struct ev_handler *h)
{
	bool in_options = false;
	int rc, bad = 0;

	h->each = -1;
	h->place = ev_parse_place(a->ps, a->directive);
	while (!bad && (rc = ev_args_next(a)) > 0) {
		bool is_option = true;

		if (ev_args_is(a, "of") && !h->of_topic)
			bad = take_of(a, h);
		else if (ev_args_is(a, "each") && h->each < 0)
			bad = take_each(a, h);
		else if (ev_args_is(a, "must") && !h->must_touch)
			bad = take_must(a, h);
		else if (ev_args_is(a, "every") && !h->every_ms)
			bad = take_every(a, h);
		else
			is_option = false;
		in_options |= is_option;
		if (is_option)
			continue;
		if (in_options) {
			ev_parse_fail(a->ps, a->start, "unexpected '%s'", ev_buf_str(&a->text));
			return ev_parse_suggest(a->ps, ev_buf_slice(&a->text), options);
		}
		bad = take_type(a, h);
	}
	if (bad || rc)
		return -1;
	if (!h->ntypes && !h->tombstone)
		return ev_parse_fail(a->ps, a->directive, "'@on' needs a type or 'tombstone'");
	return 0;
}

static int fail_topic(struct ev_parser *ps, const struct ev_handler *h)
{
	const char **known = ev_alloc((ps->p->ntopics + 1) * sizeof(*known));

	for (size_t i = 0; i < ps->p->ntopics; i++)
		known[i] = ps->p->topics[i];
	ev_parse_fail_at(ps, h->of_place, "topic '%s' is not in '@topics'", h->of_topic);
	ev_parse_suggest(ps, ev_slice_str(h->of_topic), known);
	free(known);
	return -1;
}

static int check_topic(struct ev_parser *ps, const struct ev_handler *h)
{
	if (!h->of_topic) {
		if (!h->tombstone || ps->p->ntopics == 1)
			return 0;
		return ev_parse_fail_at(ps, h->place, "with several topics 'tombstone' needs "
					"'of TOPIC'");
	}
	for (size_t i = 0; i < ps->p->ntopics; i++)
		if (strcmp(ps->p->topics[i], h->of_topic) == 0)
			return 0;
	return fail_topic(ps, h);
}

/* A field without a path would be NULL in every row; but the time is the record's then. */
static int check_fields(struct ev_parser *ps, const struct ev_handler *h)
{
	for (size_t i = 0; i < h->nstatements; i++) {
		for (size_t k = 0; k < h->statements[i].nparams; k++) {
			const struct ev_param *q = &h->statements[i].params[k];

			if (q->kind != EV_PARAM_FIELD || q->field == EV_FIELD_TIME)
				continue;
			if (ps->p->envelope.path[q->field] < 0)
				return ev_parse_fail_at(ps, q->place, "'%s' has no path in '@envelope'",
							q->text);
		}
	}
	return 0;
}

int ev_parse_finish(struct ev_parser *ps)
{
	struct ev_projection *p = ps->p;

	if (!p->name)
		return ev_parse_fail(ps, ps->begin, "a projection file begins with "
				     "'-- @projection NAME version N'");
	if (!p->ntopics)
		return ev_parse_fail(ps, ps->end, "there is no '-- @topics' line");
	if (!ps->envelope && ev_envelope_parse(&p->envelope, p->paths, "default", ps->err))
		return -1;
	if (p->dedupe && p->envelope.path[EV_FIELD_ID] < 0)
		return ev_parse_fail(ps, ps->dedupe_at, "'@dedupe id' needs a path of 'id' in '@envelope'");
	for (size_t i = 0; i < p->nhandlers; i++) {
		struct ev_handler *h = &p->handlers[i];

		if (h->ntypes && p->envelope.path[EV_FIELD_TYPE] < 0)
			return ev_parse_fail_at(ps, h->place, "type '%s' can never match: '@envelope' "
						"has no path of 'type'", h->types[0]);
		if (check_topic(ps, h) || check_fields(ps, h))
			return -1;
	}
	return 0;
}
