/* offset_map_read.c - reading the map of a copy, and a group's offsets by it; see offset_map.h */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "position/offset_map.h"
#include "record/record.h"

struct ev_map {
	struct ev_map_run *runs;
	size_t nruns, cap;
	char **names; /* of topics, each once */
	size_t nnames;
	struct ev_position begin; /* the first of each partition */
	struct ev_position end;   /* how far the copy has come in each */
	struct ev_position before; /* and how far before that was written */
	char *cluster;
	int64_t begun; /* of the job; 0: not known */
	struct gap {
		char *topic;
		int32_t partition;
		int64_t from, to;
	} *gaps;
	size_t ngaps;
};

static struct ev_slice name_of(struct ev_map *m, const char *name)
{
	for (size_t i = 0; i < m->nnames; i++)
		if (!strcmp(m->names[i], name))
			return ev_slice_str(m->names[i]);
	*EV_PUSH(m->names, m->nnames) = ev_strdup(name);
	return ev_slice_str(m->names[m->nnames - 1]);
}

static bool take_number(const json_t *line, const char *name, int64_t max, int64_t *out)
{
	const json_t *v = json_object_get(line, name);

	*out = json_integer_value(v);
	return json_is_integer(v) && *out >= 0 && *out <= max;
}

static bool take_run(struct ev_map *m, const json_t *line)
{
	const char *topic = json_string_value(json_object_get(line, "from"));
	const char *into = json_string_value(json_object_get(line, "into"));
	struct ev_map_run r = { 0 };
	int64_t partition, into_partition;

	if (!topic || !into || !ev_topic_valid(ev_slice_str(topic)) || !ev_topic_valid(ev_slice_str(into)) ||
	    !take_number(line, "partition", INT32_MAX, &partition) ||
	    !take_number(line, "into_partition", INT32_MAX, &into_partition) ||
	    !take_number(line, "offset", INT64_MAX / 4, &r.offset) ||
	    !take_number(line, "into_offset", INT64_MAX / 4, &r.into_offset) ||
	    !take_number(line, "count", INT64_MAX / 4, &r.count))
		return false;
	r.partition = (int32_t)partition;
	r.into_partition = (int32_t)into_partition;
	r.topic = name_of(m, topic);
	r.into = name_of(m, into);
	EV_GROW(m->runs, m->nruns, m->cap);
	m->runs[m->nruns++] = r;
	return true;
}

/* What was said before of offsets from there on never came about. */
static void cut(struct ev_map *m, const struct ev_position *from)
{
	for (size_t i = 0; i < m->nruns; i++) {
		struct ev_map_run *r = &m->runs[i];
		int64_t at = ev_position_get(from, r->topic.ptr, r->partition);

		if (at >= 0 && r->offset + r->count > at)
			r->count = at > r->offset ? at - r->offset : 0;
	}
	for (size_t i = 0; i < m->ngaps; i++) {
		struct gap *g = &m->gaps[i];
		int64_t at = ev_position_get(from, g->topic, g->partition);

		if (at >= 0 && g->to > at)
			g->to = at;
	}
}

/*
 * A run began there. What the one before had not flushed is void, too; behind that is what went into no map. Where a
 * run without one came between, what it had flushed last may never have been committed; where it came first, all that
 * lies before may be its copy.
 */
static void begin_run(struct ev_map *m, const struct ev_position *begin, bool unmapped)
{
	struct ev_position from = EV_POSITION_INIT;

	for (size_t i = 0; i < begin->n; i++) {
		const struct ev_position_entry *e = &begin->v[i];
		int64_t end = ev_position_get(unmapped ? &m->before : &m->end, e->topic, e->partition);

		if (unmapped && end < 0 && ev_map_begin(m, e->topic, e->partition) < 0)
			end = 0;
		ev_position_set(&from, e->topic, e->partition, end >= 0 && end < e->offset ? end : e->offset);
	}
	cut(m, &from);
	for (size_t i = 0; i < begin->n; i++) {
		const struct ev_position_entry *e = &begin->v[i];
		int64_t first = ev_map_begin(m, e->topic, e->partition), end = from.v[i].offset;

		if (end < e->offset)
			*EV_PUSH(m->gaps, m->ngaps) =
				(struct gap){ ev_strdup(e->topic), e->partition, end, e->offset };
		if (first < 0 || e->offset < first)
			ev_position_set(&m->begin, e->topic, e->partition, first < 0 ? end : e->offset);
		ev_position_set(&m->end, e->topic, e->partition, e->offset);
		ev_position_set(&m->before, e->topic, e->partition, e->offset);
	}
	ev_position_release(&from);
}

static bool read_position(const json_t *position, struct ev_position *out)
{
	char *text = json_dumps(position, JSON_COMPACT | JSON_ENCODE_ANY);
	struct ev_error ignored;
	bool ok = text && !ev_position_read(out, ev_slice_str(text), &ignored);

	free(text);
	return ok;
}

static void forget(struct ev_map *m)
{
	for (size_t i = 0; i < m->ngaps; i++)
		free(m->gaps[i].topic);
	m->nruns = m->ngaps = 0;
	ev_position_release(&m->begin);
	ev_position_release(&m->end);
	ev_position_release(&m->before);
}

static bool take_begin(struct ev_map *m, const json_t *position, const json_t *line)
{
	int64_t begun = json_integer_value(json_object_get(line, "begun"));
	const char *cluster = json_string_value(json_object_get(line, "cluster"));
	struct ev_position begin = EV_POSITION_INIT;
	bool ok = read_position(position, &begin);

	if (ok && begun && m->begun && begun != m->begun)
		forget(m);
	if (ok && begun)
		m->begun = begun;
	if (ok)
		begin_run(m, &begin, json_is_true(json_object_get(line, "unmapped")));
	if (cluster && !m->cluster)
		m->cluster = ev_strdup(cluster);
	ev_position_release(&begin);
	return ok;
}

static bool take_end(struct ev_map *m, const json_t *position)
{
	struct ev_position end = EV_POSITION_INIT;
	bool ok = read_position(position, &end);

	if (ok)
		ev_position_copy(&m->before, &m->end);
	for (size_t i = 0; ok && i < end.n; i++)
		if (ev_position_get(&m->end, end.v[i].topic, end.v[i].partition) < end.v[i].offset)
			ev_position_set(&m->end, end.v[i].topic, end.v[i].partition, end.v[i].offset);
	ev_position_release(&end);
	return ok;
}

static bool take_line(struct ev_map *m, struct ev_slice line)
{
	json_t *j = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *begin = json_object_get(j, "begin"), *end = json_object_get(j, "end");
	bool ok = j;

	if (json_is_true(json_object_get(j, "settled")))
		ev_position_copy(&m->before, &m->end);
	else
		ok = ok && (begin ? take_begin(m, begin, j) : end ? take_end(m, end) : take_run(m, j));
	json_decref(j);
	return ok;
}

/* A last line without its end was being written when the copy was killed: it says nothing. */
struct ev_map *ev_map_read(struct ev_slice text, const char *name, struct ev_error *err)
{
	struct ev_map *m = ev_alloc(sizeof(*m));
	const char *p = text.ptr, *end = p + text.len, *lf;
	uint64_t number = 0;

	for (; p < end && (lf = memchr(p, '\n', (size_t)(end - p))); p = lf + 1) {
		number++;
		if (take_line(m, ev_slice(p, (size_t)(lf - p))))
			continue;
		ev_fail(err, EV_DATA, "%s:%" PRIu64 ": no line of an offset map", name, number);
		ev_map_free(m);
		return NULL;
	}
	return m;
}

struct ev_map *ev_map_load(const char *path, struct ev_error *err)
{
	struct ev_buf text = EV_BUF_INIT;
	struct ev_map *m = NULL;

	if (!ev_file_read(path, EV_MAP_MAX, &text, err))
		m = ev_map_read(ev_buf_slice(&text), path, err);
	ev_buf_release(&text);
	return m;
}

void ev_map_free(struct ev_map *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->nnames; i++)
		free(m->names[i]);
	free(m->names);
	free(m->runs);
	forget(m);
	free(m->gaps);
	free(m->cluster);
	free(m);
}

const char *ev_map_cluster(const struct ev_map *m)
{
	return m->cluster;
}

struct ev_map_run *ev_map_runs(const struct ev_map *m, size_t *n)
{
	struct ev_map_run *v = ev_alloc((m->nruns + 1) * sizeof(*v));

	*n = 0;
	for (size_t i = 0; i < m->nruns; i++)
		if (m->runs[i].count)
			v[(*n)++] = m->runs[i];
	return v;
}

void ev_map_sources(const struct ev_map *m, struct ev_position *out)
{
	ev_map_copied(m, out);
	for (size_t i = 0; i < m->begin.n; i++)
		ev_position_set(out, m->begin.v[i].topic, m->begin.v[i].partition, 0);
}

void ev_map_copied(const struct ev_map *m, struct ev_position *out)
{
	for (size_t i = 0; i < m->nruns; i++)
		if (m->runs[i].count)
			ev_position_set(out, m->runs[i].topic.ptr, m->runs[i].partition, 0);
}

int64_t ev_map_begin(const struct ev_map *m, const char *topic, int32_t partition)
{
	int64_t begin = ev_position_get(&m->begin, topic, partition);

	for (size_t i = 0; begin < 0 && i < m->nruns; i++) /* of a file: its partitions are not known before */
		if (m->runs[i].count && m->runs[i].partition == partition && !strcmp(m->runs[i].topic.ptr, topic))
			begin = m->runs[i].offset;
	return begin;
}

int64_t ev_map_end(const struct ev_map *m, const char *topic, int32_t partition)
{
	return ev_position_get(&m->end, topic, partition);
}

bool ev_map_gap(const struct ev_map *m, const char *topic, int32_t partition, int64_t at, int64_t *from,
		int64_t *to)
{
	for (size_t i = 0; i < m->ngaps; i++) { /* as they came about: ascending */
		const struct gap *g = &m->gaps[i];

		if (g->partition != partition || g->to <= at || g->from >= g->to || strcmp(g->topic, topic))
			continue;
		*from = g->from;
		*to = g->to;
		return true;
	}
	return false;
}

void ev_map_targets(const struct ev_map *m, struct ev_position *out)
{
	for (size_t i = 0; i < m->nruns; i++)
		if (m->runs[i].count)
			ev_position_set(out, m->runs[i].into.ptr, m->runs[i].into_partition, 0);
}

/* How many records of the run the group has passed. */
static int64_t passed(const struct ev_map_run *r, const struct ev_position *group)
{
	int64_t at = ev_position_get(group, r->topic.ptr, r->partition), n = at - r->offset;

	return at < 0 || n < 0 ? 0 : n > r->count ? r->count : n;
}

void ev_map_translate(const struct ev_map *m, const struct ev_position *group, struct ev_position *out,
		      int64_t *again)
{
	/* the end of each partition, then the first record that was not passed */
	for (size_t i = 0; i < m->nruns; i++) {
		const struct ev_map_run *r = &m->runs[i];

		if (r->count && r->into_offset + r->count > ev_position_get(out, r->into.ptr, r->into_partition))
			ev_position_set(out, r->into.ptr, r->into_partition, r->into_offset + r->count);
	}
	for (size_t i = 0; i < m->nruns; i++) {
		const struct ev_map_run *r = &m->runs[i];
		int64_t n = passed(r, group);

		if (n < r->count && r->into_offset + n < ev_position_get(out, r->into.ptr, r->into_partition))
			ev_position_set(out, r->into.ptr, r->into_partition, r->into_offset + n);
	}
	*again = 0;
	for (size_t i = 0; i < m->nruns; i++) {
		const struct ev_map_run *r = &m->runs[i];
		int64_t at = ev_position_get(out, r->into.ptr, r->into_partition), n = passed(r, group);
		int64_t from = at > r->into_offset ? at - r->into_offset : 0;

		*again += n > from ? n - from : 0;
	}
}
