/* draft_print.c - a sample as a projection file; see draft.h */
#include "base/plural.h"
#include "projection/sample.h"

struct printer {
	const struct ev_draft *d;
	const struct ev_guess *g;
	const struct ev_types *types;
	struct ev_buf *out;
};

static const char *type_name(unsigned types)
{
	switch (types) {
	case EV_SEEN_INTEGER:
		return "integer";
	case EV_SEEN_REAL:
	case EV_SEEN_REAL | EV_SEEN_INTEGER:
		return "numeric"; /* PostgreSQL's real has six digits, so money would be rounded */
	case EV_SEEN_BOOLEAN:
		return "boolean";
	default:
		return "text";
	}
}

static void add_name(struct ev_buf *out, const char *name)
{
	size_t n = 0;

	for (; *name && n < 63; name++, n++) {
		bool good = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
			    (*name >= '0' && *name <= '9') || *name == '_' || *name == '-';

		ev_buf_addc(out, good ? *name : '_');
	}
	if (!n)
		ev_buf_adds(out, "draft");
}

static bool is_mapped(const struct ev_guess *g, const char *id, const char *type, const char *time)
{
	const char *want[] = { id, type, time };

	for (int f = EV_FIELD_ID; f <= EV_FIELD_TIME; f++)
		if (!g->path[f] || strcmp(g->path[f], want[f]) != 0)
			return false;
	return true;
}

static void print_head(struct printer *pr, const char *name, const char *const *topics, size_t ntopics)
{
	struct ev_buf *out = pr->out;
	const struct ev_guess *g = pr->g;

	ev_buf_adds(out, "-- @projection ");
	add_name(out, name);
	ev_buf_adds(out, " version 1\n-- @topics     ");
	for (size_t i = 0; i < ntopics; i++)
		ev_buf_addf(out, "%s%s", i ? ", " : "", topics[i]);
	ev_buf_adds(out, "\n-- @envelope   ");
	if (is_mapped(g, "$.event_id", "$.event_type", "$.produced_at")) {
		ev_buf_adds(out, "default");
	} else if (g->cloudevents && is_mapped(g, "$.id", "$.type", "$.time")) {
		ev_buf_adds(out, "cloudevents");
	} else {
		bool first = true;

		for (int f = 0; f < EV_FIELDS; f++) {
			if (g->path[f])
				ev_buf_addf(out, "%s%s=%s", first ? "" : " ", ev_field_names[f], g->path[f]);
			first &= !g->path[f];
		}
	}
	if (g->untyped)
		ev_buf_addf(out, "\n-- @filter     %s GLOB '?*'", g->path[EV_FIELD_TYPE]);
	ev_buf_addf(out, "\n\n-- A draft from %zu event%s, to be edited: a table per type of event, a column "
		    "per member.\n", pr->d->nrecords, ev_plural(pr->d->nrecords));
	if (g->untyped)
		ev_buf_addf(out, "-- %zu event%s no type: the filter leaves %s out.\n", g->untyped,
			    ev_agree(g->untyped, " has", "s have"),
			    ev_agree(g->untyped, "it", "them"));
	if (pr->d->others)
		ev_buf_addf(out, "-- %zu record%s: %s.\n", pr->d->others,
			    ev_agree(pr->d->others, " is no JSON object", "s are no JSON objects"),
			    ev_agree(pr->d->others, "it stops a run, or becomes a dead letter",
				     "they stop a run, or become dead letters"));
	if (pr->d->tombstones)
		ev_buf_addf(out, "-- %zu record%s: a handler 'on tombstone' could delete rows by :key.\n",
			    pr->d->tombstones,
			    ev_agree(pr->d->tombstones, " is a tombstone", "s are tombstones"));
	if (!g->path[EV_FIELD_ID])
		ev_buf_adds(out, "-- No member names an event for certain, so its place in the log does.\n");
}

/* What names an event: its id, or its place in the log. */
static void print_key(struct printer *pr, const char *with_id, const char *with_place)
{
	ev_buf_adds(pr->out, pr->g->path[EV_FIELD_ID] ? with_id : with_place);
}

static void print_table(struct printer *pr, const struct ev_type_stat *t)
{
	struct ev_buf *out = pr->out;
	bool integer = pr->g->id_is_integer;

	ev_buf_addf(out, "CREATE TABLE %s ( -- %zu event%s\n", t->table, t->count, ev_plural(t->count));
	print_key(pr, integer ? "  event_id integer NOT NULL,\n" : "  event_id text NOT NULL,\n",
		  "  log_topic text NOT NULL,\n  log_partition integer NOT NULL,\n"
		  "  log_offset integer NOT NULL,\n");
	if (!t->type)
		ev_buf_adds(out, "  event_type text NOT NULL,\n");
	if (pr->g->has_time)
		ev_buf_adds(out, "  event_time text NOT NULL,\n");
	for (size_t i = 0; i < t->npaths; i++) {
		const struct ev_path_stat *s = &t->paths[i];

		if (!s->chosen)
			continue;
		ev_buf_addf(out, "  %s %s,", s->column, type_name(s->types));
		if (s->is_key == s->seen && t->count > 1)
			ev_buf_adds(out, " -- the record's key");
		else if (s->nulls || s->seen < t->count)
			ev_buf_addf(out, " -- null or missing in %zu of %zu",
				    t->count - (s->seen - s->nulls), t->count);
		ev_buf_addc(out, '\n');
	}
	print_key(pr, "  PRIMARY KEY (event_id)\n);\n",
		  "  PRIMARY KEY (log_topic, log_partition, log_offset)\n);\n");
}

/* A type as `@on` takes it: globs quoted, and what cannot stand on a line matched by `?`. */
static void print_type(struct ev_buf *out, const char *type)
{
	ev_buf_addc(out, '\'');
	for (; *type; type++) {
		if (strchr("*?[\\", *type))
			ev_buf_addc(out, '\\');
		if (*type == '\'')
			ev_buf_addc(out, '\'');
		ev_buf_addc(out, (unsigned char)*type < ' ' ? '?' : *type);
	}
	ev_buf_addc(out, '\'');
}

static bool is_word(const char *type)
{
	static const char *const keywords[] = { "tombstone", "of", "each", "must", "every" };

	for (size_t i = 0; i < sizeof(keywords) / sizeof(*keywords); i++)
		if (strcmp(type, keywords[i]) == 0)
			return false;
	for (const char *p = type; *p; p++)
		if (strchr("*?[]\\'\", $", *p) || (unsigned char)*p < ' ')
			return false;
	return *type != '-';
}

static void print_arrays(struct printer *pr, const struct ev_type_stat *t)
{
	int n = 0;

	for (size_t i = 0; i < t->npaths && n < 3; i++)
		if (t->paths[i].types == EV_SEEN_NESTED && t->paths[i].depth < 3 && t->paths[i].first.ptr[0] == '[')
			ev_buf_addf(pr->out, "-- %s is an array: 'each %s' gives a row per element.\n",
				    t->paths[i].path, (n++, t->paths[i].path));
}

static void print_handler(struct printer *pr, const struct ev_type_stat *t)
{
	struct ev_buf *out = pr->out;

	ev_buf_addc(out, '\n');
	print_arrays(pr, t);
	ev_buf_adds(out, "-- @on ");
	if (!t->type)
		ev_buf_addc(out, '*');
	else if (is_word(t->type))
		ev_buf_adds(out, t->type);
	else
		print_type(out, t->type);
	ev_buf_addf(out, "\nINSERT INTO %s (", t->table);
	print_key(pr, "event_id", "log_topic, log_partition, log_offset");
	ev_buf_adds(out, t->type ? "" : ", event_type");
	ev_buf_adds(out, pr->g->has_time ? ", event_time" : "");
	for (size_t i = 0; i < t->npaths; i++)
		if (t->paths[i].chosen)
			ev_buf_addf(out, ",\n  %s", t->paths[i].column);
	ev_buf_adds(out, ")\nVALUES (");
	print_key(pr, ":id", ":topic, :partition, :offset");
	ev_buf_adds(out, t->type ? "" : ", :type");
	ev_buf_adds(out, pr->g->has_time ? ", :time" : "");
	for (size_t i = 0; i < t->npaths; i++)
		if (t->paths[i].chosen)
			ev_buf_addf(out, ",\n  %s", t->paths[i].path);
	ev_buf_adds(out, ")\nON CONFLICT (");
	print_key(pr, "event_id", "log_topic, log_partition, log_offset");
	ev_buf_adds(out, ") DO NOTHING;\n");
}

static void print_queries(struct printer *pr)
{
	struct ev_buf *out = pr->out;
	const char *key = pr->g->path[EV_FIELD_ID] ? "event_id" : "log_topic, log_partition, log_offset";

	if (pr->g->has_time)
		ev_buf_addf(out, "\n-- @check no event is later than the year 2999\n"
			    "SELECT * FROM %s WHERE event_time > '2999';\n", pr->types->v[0].table);
	else
		ev_buf_addf(out, "\n-- @check every event has a name\nSELECT * FROM %s WHERE %s IS NULL;\n",
			    pr->types->v[0].table, pr->g->path[EV_FIELD_ID] ? "event_id" : "log_offset");
	ev_buf_adds(out, "\n-- @sample rows per table\n");
	for (size_t i = 0; i < pr->types->n; i++)
		ev_buf_addf(out, "%sSELECT '%s' AS name, count(*) AS n FROM %s", i ? "\nUNION ALL " : "",
			    pr->types->v[i].table, pr->types->v[i].table);
	ev_buf_adds(out, "\nORDER BY n DESC, name;\n");
	for (size_t i = 0; i < pr->types->n; i++)
		ev_buf_addf(out, "\n-- @sample last of %s\nSELECT * FROM %s ORDER BY %s%s LIMIT 5;\n",
			    pr->types->v[i].table, pr->types->v[i].table,
			    pr->g->has_time ? "event_time DESC, " : "", key);
}

int ev_draft_print(const struct ev_draft *d, const char *name, const char *const *topics,
		   size_t ntopics, struct ev_buf *out, struct ev_error *err)
{
	struct ev_guess guess;
	struct ev_types types;
	struct printer pr = { d, &guess, &types, out };

	if (!d->nrecords)
		return ev_fail(err, EV_DATA, "cannot draft a projection: no record is a JSON object");
	ev_guess_envelope(d, &guess);
	if (!guess.path[EV_FIELD_TYPE]) {
		ev_guess_release(&guess);
		ev_fail(err, EV_DATA, "cannot draft a projection: no text member is in all events");
		return ev_hint(err, "a projection finds its handlers by the type of an event");
	}
	ev_types_of(d, &guess, &types);
	print_head(&pr, name, topics, ntopics);
	ev_buf_adds(out, "\n-- @schema\n");
	for (size_t i = 0; i < types.n; i++)
		print_table(&pr, &types.v[i]);
	for (size_t i = 0; i < types.n; i++)
		print_handler(&pr, &types.v[i]);
	print_queries(&pr);
	ev_types_release(&types);
	ev_guess_release(&guess);
	return out->failed ? ev_fail(err, EV_DATA, "cannot draft a projection: out of memory") : 0;
}
