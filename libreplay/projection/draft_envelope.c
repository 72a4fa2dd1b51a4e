/* draft_envelope.c - where a sample's events keep type, id and time; see sample.h */
#include "base/mem.h"
#include "event/time.h"
#include "json/number.h"
#include "projection/sample.h"

#define MAX_NAMES 12 /* of a field */

/* Names that people use, the likeliest first; each also below the objects of `holders`. */
static const char *const names[EV_FIELDS][MAX_NAMES] = {
	[EV_FIELD_ID] = { "event_id", "eventId", "id", "uuid", "eventID", "message_id", "messageId" },
	[EV_FIELD_TYPE] = { "event_type", "eventType", "type", "event", "kind", "@type", "event_name",
			    "eventName", "message_type", "messageType", "action" },
	[EV_FIELD_TIME] = { "produced_at", "created_at", "createdAt", "time", "timestamp", "occurred_at",
			    "occurredAt", "ts", "event_time", "eventTime", "@timestamp" },
	[EV_FIELD_SOURCE] = { "source", "producer" },
	[EV_FIELD_VERSION] = { "version", "event_version", "eventVersion" },
	[EV_FIELD_CORRELATION] = { "correlation_id", "correlationId", "correlationid" },
	[EV_FIELD_CAUSATION] = { "causation_id", "causationId", "causationid" },
};
static const char *const holders[] = { "", "metadata", "meta", "header", "headers", "envelope", "event" };

#define MAX_CANDIDATES (EV_FIELDS * MAX_NAMES * (sizeof(holders) / sizeof(*holders)))

struct candidate {
	enum ev_field field;
	char *text;
	int path;
	size_t good; /* events in which it could be the field */
};

struct guesser {
	const struct ev_draft *d;
	struct ev_paths *paths;
	struct candidate v[MAX_CANDIDATES];
	size_t n;
	struct ev_value *values;
};

static void add_candidates(struct guesser *gr)
{
	struct ev_error err;

	for (size_t h = 0; h < sizeof(holders) / sizeof(*holders); h++) {
		for (int f = 0; f < EV_FIELDS; f++) {
			for (size_t k = 0; k < MAX_NAMES && names[f][k]; k++) {
				struct candidate *c = &gr->v[gr->n++];
				bool plain = names[f][k][0] != '@';
				struct ev_buf b = EV_BUF_INIT;

				ev_buf_addf(&b, "$%s%s%s%s%s", *holders[h] ? "." : "", holders[h],
					    plain ? "." : "['", names[f][k], plain ? "" : "']");
				*c = (struct candidate){ .field = (enum ev_field)f,
							 .text = ev_strdup(ev_buf_str(&b)) };
				c->path = ev_paths_add(gr->paths, b.data, b.len, &err);
				ev_buf_release(&b);
			}
		}
	}
}

static bool could_be(enum ev_field field, const struct ev_value *v)
{
	const char *why;
	int64_t ms;

	switch (field) {
	case EV_FIELD_TYPE:
		return v->type == EV_JSON_STRING && v->raw.len;
	case EV_FIELD_TIME:
		return ev_time_of_value(v, &ms, &why) == 0;
	default:
		return v->type == EV_JSON_STRING || v->type == EV_JSON_NUMBER;
	}
}

static void extract(struct guesser *gr, size_t record)
{
	struct ev_json_error err;

	if (ev_json_extract(gr->paths, gr->d->records[record].value, gr->values, &err))
		memset(gr->values, 0, ev_paths_count(gr->paths) * sizeof(*gr->values));
}

static void count(struct guesser *gr)
{
	for (size_t i = 0; i < gr->d->nrecords; i++) {
		extract(gr, i);
		for (size_t k = 0; k < gr->n; k++)
			gr->v[k].good += could_be(gr->v[k].field, &gr->values[gr->v[k].path]);
	}
}

struct id {
	struct ev_slice id, value;
	enum ev_json_type type;
};

static int compare_ids(const void *a, const void *b)
{
	const struct id *x = a, *y = b;

	return x->type != y->type ? (x->type > y->type) - (x->type < y->type) :
				    ev_slice_cmp(x->id, y->id);
}

/* An id names one event: two events with the same one are the same, byte for byte. */
static bool is_unique(struct guesser *gr, int path)
{
	size_t n = gr->d->nrecords;
	struct id *ids = ev_alloc(n * sizeof(*ids));
	bool unique = true;

	for (size_t i = 0; i < n; i++) {
		extract(gr, i);
		ids[i] = (struct id){ gr->values[path].raw, gr->d->records[i].value,
				      gr->values[path].type };
	}
	qsort(ids, n, sizeof(*ids), compare_ids);
	for (size_t i = 1; i < n && unique; i++)
		unique = compare_ids(&ids[i - 1], &ids[i]) || ev_slice_eq(ids[i - 1].value, ids[i].value);
	free(ids);
	return unique;
}

static bool is_integer(struct guesser *gr, int path)
{
	int64_t v;

	for (size_t i = 0; i < gr->d->nrecords; i++) {
		extract(gr, i);
		if (gr->values[path].type != EV_JSON_NUMBER ||
		    ev_number_scaled(gr->values[path].raw, 0, &v) != EV_NUMBER_OK)
			return false;
	}
	return true;
}

/* Id and time must be there always, as without them an event could not be applied. */
static const struct candidate *best(struct guesser *gr, enum ev_field field)
{
	const struct candidate *found = NULL;
	bool always = field == EV_FIELD_ID || field == EV_FIELD_TIME;

	for (size_t i = 0; i < gr->n; i++) {
		const struct candidate *c = &gr->v[i];

		if (c->field != field || !c->good || (always && c->good < gr->d->nrecords))
			continue;
		if (found && c->good <= found->good)
			continue;
		if (field != EV_FIELD_ID || is_unique(gr, c->path))
			found = c;
	}
	return found;
}

/* No name that we know: any string of the first event that all events have. */
static char *any_type(struct guesser *gr)
{
	struct ev_each it;
	struct ev_value top, name, member;
	struct ev_json_error err;
	char *found = NULL;

	if (ev_json_validate(gr->d->records[0].value, &top, &err))
		return NULL;
	ev_each_begin(&it, &top);
	while (!found && ev_member_next(&it, &name, &member)) {
		struct ev_paths *paths = ev_paths_new();
		struct ev_buf b = EV_BUF_INIT;
		struct ev_error ignored;
		struct ev_value v = { .type = EV_JSON_MISSING };
		size_t i = 0;

		ev_buf_addf(&b, "$.%.*s", (int)name.raw.len, name.raw.ptr);
		if (member.type == EV_JSON_STRING && member.raw.len && !name.escaped &&
		    ev_paths_add(paths, b.data, b.len, &ignored) == 0)
			while (i < gr->d->nrecords &&
			       !ev_json_extract(paths, gr->d->records[i].value, &v, &err) &&
			       could_be(EV_FIELD_TYPE, &v))
				i++;
		if (i == gr->d->nrecords)
			found = ev_strdup(b.data);
		ev_buf_release(&b);
		ev_paths_free(paths);
	}
	return found;
}

static bool is_cloudevents(const struct ev_draft *d)
{
	struct ev_paths *paths = ev_paths_new();
	struct ev_error err;
	struct ev_json_error json_err;
	struct ev_value v;
	size_t i = 0;

	if (ev_paths_add(paths, "$.specversion", 13, &err) == 0)
		while (i < d->nrecords && !ev_json_extract(paths, d->records[i].value, &v, &json_err) &&
		       v.type == EV_JSON_STRING)
			i++;
	ev_paths_free(paths);
	return i == d->nrecords;
}

void ev_guess_envelope(const struct ev_draft *d, struct ev_guess *g)
{
	struct guesser *gr = ev_alloc(sizeof(*gr));

	*g = (struct ev_guess){ .cloudevents = is_cloudevents(d), .has_time = true };
	gr->d = d;
	gr->paths = ev_paths_new();
	add_candidates(gr);
	gr->values = ev_alloc(ev_paths_count(gr->paths) * sizeof(*gr->values));
	count(gr);
	for (int f = 0; f < EV_FIELDS; f++) {
		const struct candidate *c = best(gr, (enum ev_field)f);

		if (!c)
			continue;
		g->path[f] = ev_strdup(c->text);
		if (f == EV_FIELD_TYPE)
			g->untyped = d->nrecords - c->good;
		if (f == EV_FIELD_ID)
			g->id_is_integer = is_integer(gr, c->path);
	}
	if (!g->path[EV_FIELD_TYPE])
		g->path[EV_FIELD_TYPE] = any_type(gr);
	for (size_t i = 0; i < d->nrecords && !g->path[EV_FIELD_TIME]; i++)
		g->has_time &= d->records[i].has_timestamp;
	for (size_t i = 0; i < gr->n; i++)
		free(gr->v[i].text);
	free(gr->values);
	ev_paths_free(gr->paths);
	free(gr);
}

void ev_guess_release(struct ev_guess *g)
{
	for (int f = 0; f < EV_FIELDS; f++)
		free(g->path[f]);
}
