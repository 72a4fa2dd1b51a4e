/*
 * directive.c - the `-- @word ...` lines, but for @on (handler.c); see parse.h
 *
 * Arguments are words separated by blanks or commas; 'quoted' or "quoted" ones may hold both.
 */
#include "projection/directive.h"

#include "event/time.h"
#include "record/record.h"

#define MAX_NAME 63 /* fits an identifier of PostgreSQL */

static const char *const words[] = { "projection", "topics", "envelope", "filter", "dedupe",
				     "key", "reads", "schema", "on", "check", "sample", NULL };
#define ONCE 6 /* of the words may stand only once: the first ones */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name_char(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

int ev_args_next(struct ev_args *a)
{
	const char *p = a->at;
	char quote;

	while (p < a->end && (is_blank(*p) || *p == ','))
		p++;
	a->start = p;
	a->quoted = false;
	ev_buf_clear(&a->text);
	if (p == a->end) {
		a->at = p;
		return 0;
	}
	if (*p == '\'' || *p == '"') {
		a->quoted = true;
		for (quote = *p++;; p++) {
			if (p == a->end)
				return ev_parse_fail(a->ps, a->start, "quote is never closed");
			if (*p == quote && (p + 1 == a->end || p[1] != quote))
				break;
			p += *p == quote;
			ev_buf_addc(&a->text, *p);
		}
		p++;
	} else {
		size_t n = *p == '$' ? ev_path_scan(p, (size_t)(a->end - p)) : 0;

		for (p += n; p < a->end && !is_blank(*p) && *p != ','; p++)
			;
		ev_buf_add(&a->text, a->start, (size_t)(p - a->start));
	}
	a->at = p;
	return 1;
}

bool ev_args_is(const struct ev_args *a, const char *keyword)
{
	return !a->quoted && strcmp(ev_buf_str(&a->text), keyword) == 0;
}

int ev_args_duration(struct ev_args *a, const char *after, int64_t *ms)
{
	struct ev_error err = EV_ERROR_INIT;
	int rc = ev_args_next(a);

	if (rc < 0)
		return -1;
	if (!rc)
		return ev_parse_fail(a->ps, a->start, "'%s' needs a duration, such as '5 minutes'", after);
	if (ev_duration_parse(ev_buf_str(&a->text), ms, &err))
		return ev_parse_fail(a->ps, a->start, "%s", err.text);
	return 0;
}

static int unexpected(struct ev_args *a, const char *const *allowed)
{
	ev_parse_fail(a->ps, a->start, "unexpected '%s'", ev_buf_str(&a->text));
	return allowed ? ev_parse_suggest(a->ps, ev_buf_slice(&a->text), allowed) : -1;
}

/* The rest of the line without blanks at its ends. */
static struct ev_slice rest(struct ev_args *a)
{
	while (a->at < a->end && is_blank(*a->at))
		a->at++;
	while (a->end > a->at && is_blank(a->end[-1]))
		a->end--;
	return ev_slice(a->at, (size_t)(a->end - a->at));
}

static int parse_version(struct ev_args *a)
{
	const char *s = ev_buf_str(&a->text);
	int64_t v = 0;

	for (; is_digit(*s) && !__builtin_mul_overflow(v, 10, &v) &&
	       !__builtin_add_overflow(v, *s - '0', &v);
	     s++)
		;
	if (*s || !a->text.len || v < 1)
		return ev_parse_fail(a->ps, a->start, "version '%s' is no whole number from 1 on",
				     ev_buf_str(&a->text));
	a->ps->p->version = v;
	return 0;
}

static int parse_projection(struct ev_args *a)
{
	static const char *const version[] = { "version", NULL };
	const char *name;
	int rc = ev_args_next(a);

	if (rc < 0)
		return -1;
	if (!rc)
		return ev_parse_fail(a->ps, a->start, "'@projection' needs a name and a version");
	name = ev_buf_str(&a->text);
	for (const char *s = name; *s; s++)
		if (!is_name_char(*s))
			return ev_parse_fail(a->ps, a->start, "name '%s' of the projection: only "
					     "letters, digits, _ and - can stand in it", name);
	if (!*name || a->text.len > MAX_NAME)
		return ev_parse_fail(a->ps, a->start, "name of the projection needs 1 to %d characters",
				     MAX_NAME);
	a->ps->p->name = ev_strdup(name);
	rc = ev_args_next(a);
	if (rc < 0)
		return -1;
	if (!rc)
		return ev_parse_fail(a->ps, a->start, "projection '%s' has no 'version N'",
				     a->ps->p->name);
	if (!ev_args_is(a, "version"))
		return unexpected(a, version);
	if (ev_args_next(a) < 0 || parse_version(a))
		return -1;
	return 0;
}

static int parse_topics(struct ev_args *a)
{
	struct ev_projection *p = a->ps->p;
	int rc;

	while ((rc = ev_args_next(a)) > 0) {
		const char *topic = ev_buf_str(&a->text);

		for (const char *s = topic; *s; s++)
			if (!is_name_char(*s) && *s != '.')
				return ev_parse_fail(a->ps, a->start, "topic '%s': only letters, "
						     "digits, . _ and - can stand in it", topic);
		if (!ev_topic_valid(ev_buf_slice(&a->text)))
			return ev_parse_fail(a->ps, a->start, "'%s' cannot be a topic", topic);
		for (size_t i = 0; i < p->ntopics; i++)
			if (strcmp(p->topics[i], topic) == 0)
				return ev_parse_fail(a->ps, a->start, "topic '%s' stands twice", topic);
		*EV_PUSH(p->topics, p->ntopics) = ev_strdup(topic);
	}
	if (!rc && !p->ntopics)
		return ev_parse_fail(a->ps, a->start, "'@topics' needs at least one topic");
	return rc;
}

/* Run a parser of another file over the rest of the line. */
static int parse_envelope(struct ev_args *a)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_slice text = rest(a);
	char *copy;
	int rc;

	if (!text.len)
		return ev_parse_fail(a->ps, a->at, "'@envelope' needs a mapping, such as "
				     "'id=$.event_id type=$.event_type time=$.produced_at'");
	copy = ev_slice_dup(text);
	rc = ev_envelope_parse(&a->ps->p->envelope, a->ps->p->paths, copy, &err);
	a->ps->envelope = copy;
	if (rc) {
		ev_parse_fail(a->ps, text.ptr, "%s", err.text);
		return err.hint[0] ? ev_hint(a->ps->err, "%s", err.hint) : -1;
	}
	a->end = a->at; /* all is taken */
	return 0;
}

static int parse_filter(struct ev_args *a)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_slice text = rest(a);
	char *copy;

	if (!text.len)
		return ev_parse_fail(a->ps, a->at, "'@filter' needs an expression, such as "
				     "'$.data.total > 100'");
	copy = ev_slice_dup(text);
	a->ps->p->filter = ev_where_parse(copy, a->ps->p->paths, &err);
	free(copy);
	if (!a->ps->p->filter) {
		ev_parse_fail(a->ps, text.ptr, "%s", err.text);
		return err.hint[0] ? ev_hint(a->ps->err, "%s", err.hint) : -1;
	}
	a->end = a->at;
	return 0;
}

static int parse_dedupe(struct ev_args *a)
{
	static const char *const options[] = { "within", "across", NULL };
	struct ev_projection *p = a->ps->p;
	int rc = ev_args_next(a);

	if (rc < 0)
		return -1;
	if (!rc || !ev_args_is(a, "id"))
		return ev_parse_fail(a->ps, a->start, "only 'id' can follow '@dedupe'");
	p->dedupe = true;
	a->ps->dedupe_at = a->start;
	while ((rc = ev_args_next(a)) > 0) {
		if (ev_args_is(a, "within") && !p->dedupe_ms) {
			if (ev_args_duration(a, "within", &p->dedupe_ms))
				return -1;
		} else if (ev_args_is(a, "across") && !p->dedupe_across) {
			if (ev_args_next(a) < 0)
				return -1;
			if (!ev_args_is(a, "topics"))
				return ev_parse_fail(a->ps, a->start, "'across' must be followed by "
						     "'topics'");
			p->dedupe_across = true;
		} else {
			return unexpected(a, options);
		}
	}
	return rc;
}

static int parse_key(struct ev_args *a)
{
	struct ev_projection *p = a->ps->p;
	struct ev_error err = EV_ERROR_INIT;
	int rc = ev_args_next(a);

	if (rc < 0)
		return -1;
	if (!rc || (strncmp(a->text.data, "$.", 2) != 0 && strncmp(a->text.data, "$[", 2) != 0))
		return ev_parse_fail(a->ps, a->start, "'@key' needs a path, such as '$.data.orderId'");
	p->key = ev_paths_add(p->paths, a->text.data, a->text.len, &err);
	if (p->key < 0)
		return ev_parse_fail(a->ps, a->start, "%s", err.text);
	p->key_text = ev_strdup(a->text.data);
	return 0;
}

static int parse_reads(struct ev_args *a)
{
	struct ev_projection *p = a->ps->p;
	int rc, n = 0;

	for (; (rc = ev_args_next(a)) > 0; n++) {
		if (!a->text.len)
			return ev_parse_fail(a->ps, a->start, "a table's name is empty");
		*EV_PUSH(p->reads, p->nreads) = ev_strdup(ev_buf_str(&a->text));
	}
	if (!rc && !n)
		return ev_parse_fail(a->ps, a->start, "'@reads' needs the name of a table");
	return rc;
}

/* Check the section's SQL and give it as it stands, from its first token to its last. */
static int take_sql(struct ev_args *a, enum ev_section section, struct ev_place *place, char **sql)
{
	struct ev_parser *ps = a->ps;
	const char *first = NULL, *last = NULL;
	int rc, n;

	for (n = 0; (rc = ev_parse_gather(ps)) > 0; n++) {
		struct ev_slice end = ps->toks[ps->ntoks - 1].text;

		if (n && section == EV_SECTION_QUERY)
			return ev_parse_fail(ps, ps->toks[0].text.ptr, "only one query can stand here");
		if (ev_parse_rules(ps, section))
			return -1;
		first = first ? first : ps->toks[0].text.ptr;
		last = end.ptr + end.len;
	}
	if (rc)
		return -1;
	if (!first)
		return ev_parse_fail(ps, a->directive, "no SQL follows this directive");
	*place = ev_parse_place(ps, first);
	*sql = ev_strndup(first, (size_t)(last - first));
	return 0;
}

static int parse_schema(struct ev_args *a)
{
	static const char *const dialects[] = { "sqlite", "postgresql", NULL };
	struct ev_schema_def *def = EV_PUSH(a->ps->p->schemas, a->ps->p->nschemas);
	int rc = ev_args_next(a);

	def->any = rc == 0;
	if (rc > 0 && ev_args_is(a, "postgresql"))
		def->dialect = EV_POSTGRESQL;
	else if (rc > 0 && !ev_args_is(a, "sqlite"))
		return unexpected(a, dialects);
	return rc < 0 ? -1 : 0;
}

static int parse_query(struct ev_args *a, struct ev_query_def **defs, size_t *ndefs,
		       const char *word)
{
	struct ev_slice name = rest(a);

	if (!name.len)
		return ev_parse_fail(a->ps, a->at, "'@%s' needs a name", word);
	for (size_t i = 0; i < *ndefs; i++)
		if (ev_slice_is(name, (*defs)[i].name))
			return ev_parse_fail(a->ps, a->at, "%s '%s' stands twice", word, (*defs)[i].name);
	EV_PUSH(*defs, *ndefs)->name = ev_slice_dup(name);
	a->end = a->at;
	return 0;
}

/* The SQL below the line, for the directives that have some. */
static int parse_body(struct ev_args *a, const char *word)
{
	struct ev_projection *p = a->ps->p;
	struct ev_query_def *q;
	struct ev_schema_def *s;

	if (!strcmp(word, "on"))
		return ev_parse_statements(a->ps, &p->handlers[p->nhandlers - 1]);
	if (!strcmp(word, "schema")) {
		s = &p->schemas[p->nschemas - 1];
		return take_sql(a, EV_SECTION_SCHEMA, &s->place, &s->sql);
	}
	if (!strcmp(word, "check"))
		q = &p->checks[p->nchecks - 1];
	else if (!strcmp(word, "sample"))
		q = &p->samples[p->nsamples - 1];
	else
		return 0;
	return take_sql(a, EV_SECTION_QUERY, &q->place, &q->sql);
}

static int parse_line(struct ev_args *a, const char *word)
{
	struct ev_projection *p = a->ps->p;

	if (!strcmp(word, "projection"))
		return parse_projection(a);
	if (!strcmp(word, "topics"))
		return parse_topics(a);
	if (!strcmp(word, "envelope"))
		return parse_envelope(a);
	if (!strcmp(word, "filter"))
		return parse_filter(a);
	if (!strcmp(word, "dedupe"))
		return parse_dedupe(a);
	if (!strcmp(word, "key"))
		return parse_key(a);
	if (!strcmp(word, "reads"))
		return parse_reads(a);
	if (!strcmp(word, "schema"))
		return parse_schema(a);
	if (!strcmp(word, "on"))
		return ev_parse_on(a, EV_PUSH(p->handlers, p->nhandlers));
	if (!strcmp(word, "check"))
		return parse_query(a, &p->checks, &p->nchecks, word);
	return parse_query(a, &p->samples, &p->nsamples, word);
}

/* The directive's word: which of `words`, or -1 with an error. */
static int which(struct ev_args *a)
{
	struct ev_parser *ps = a->ps;
	struct ev_slice word;
	size_t i;

	for (a->at += 2; *a->at != '@'; a->at++)
		;
	word.ptr = ++a->at;
	while (a->at < a->end && !is_blank(*a->at))
		a->at++;
	word.len = (size_t)(a->at - word.ptr);
	for (i = 0; words[i] && !ev_slice_is(word, words[i]); i++)
		;
	if (!words[i]) {
		ev_parse_fail(ps, word.ptr - 1, "unknown directive '@%.*s'", (int)word.len, word.ptr);
		return ev_parse_suggest(ps, word, words);
	}
	if (i && !(ps->seen & 1))
		return ev_parse_fail(ps, a->directive, "'@projection NAME version N' must come first");
	if (i < ONCE && (ps->seen & 1u << i))
		return ev_parse_fail(ps, a->directive, "'@%s' stands twice", words[i]);
	ps->seen |= 1u << i;
	return (int)i;
}

int ev_parse_directive(struct ev_parser *ps)
{
	struct ev_slice line = ps->tok.text;
	struct ev_args a = { .ps = ps, .directive = line.ptr, .at = line.ptr,
			     .end = line.ptr + line.len, .text = EV_BUF_INIT };
	const char *p = line.ptr;
	int rc = -1, w;

	while (p > ps->begin && is_blank(p[-1]))
		p--;
	if (p > ps->begin && p[-1] != '\n')
		return ev_parse_fail(ps, line.ptr, "a directive must stand at the start of its line");
	w = which(&a);
	if (w >= 0 && parse_line(&a, words[w]) == 0) {
		rc = ev_args_next(&a);
		if (rc > 0)
			rc = unexpected(&a, NULL);
	}
	ev_parse_advance(ps);
	if (rc == 0)
		rc = parse_body(&a, words[w]);
	ev_buf_release(&a.text);
	return rc;
}
