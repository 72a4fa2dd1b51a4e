/* manifest.c - archive.json: read, print, find; see archive.h */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "archive/archive.h"
#include "archive/fields.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/plural.h"
#include "event/time.h"
#include "json/json.h"
#include "record/record.h"

#define CRC_NAME "\"crc32\":\""
#define CRC_TAIL (sizeof(CRC_NAME) - 1 + 8 + sizeof("\"}\n") - 1)

void ev_manifest_release(struct ev_manifest *m)
{
	for (size_t i = 0; i < m->ntopics; i++) {
		for (size_t k = 0; k < m->topics[i].nparts; k++)
			free(m->topics[i].parts[k].segments);
		free(m->topics[i].parts);
		free(m->topics[i].name);
	}
	free(m->topics);
	free(m->written_by);
	free(m->cluster_id);
	free(m->filter);
	*m = (struct ev_manifest){ 0 };
}

/* The index of the topic, or of the place where it belongs. */
static size_t find_topic(const struct ev_manifest *m, struct ev_slice name, bool *found)
{
	size_t low = 0, high = m->ntopics;

	*found = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = ev_slice_cmp(ev_slice_str(m->topics[mid].name), name);

		*found |= c == 0;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static size_t find_part(const struct ev_archive_topic *t, int32_t partition, bool *found)
{
	size_t low = 0, high = t->nparts;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (t->parts[mid].partition < partition)
			low = mid + 1;
		else
			high = mid;
	}
	*found = low < t->nparts && t->parts[low].partition == partition;
	return low;
}

struct ev_archive_topic *ev_manifest_topic(const struct ev_manifest *m, struct ev_slice name)
{
	bool found;
	size_t at = find_topic(m, name, &found);

	return found ? &m->topics[at] : NULL;
}

struct ev_archive_part *ev_manifest_part(const struct ev_archive_topic *t, int32_t partition)
{
	bool found;
	size_t at = find_part(t, partition, &found);

	return found ? &t->parts[at] : NULL;
}

struct ev_archive_topic *ev_manifest_add_topic(struct ev_manifest *m, struct ev_slice name)
{
	bool found;
	size_t at = find_topic(m, name, &found);

	if (found)
		return &m->topics[at];
	EV_GROW(m->topics, m->ntopics, m->topics_cap);
	memmove(m->topics + at + 1, m->topics + at, (m->ntopics++ - at) * sizeof(*m->topics));
	m->topics[at] = (struct ev_archive_topic){ .name = ev_slice_dup(name) };
	return &m->topics[at];
}

struct ev_archive_part *ev_manifest_add_part(struct ev_archive_topic *t, int32_t partition,
					     int64_t first)
{
	bool found;
	size_t at = find_part(t, partition, &found);

	if (found)
		return &t->parts[at];
	EV_GROW(t->parts, t->nparts, t->parts_cap);
	memmove(t->parts + at + 1, t->parts + at, (t->nparts++ - at) * sizeof(*t->parts));
	t->parts[at] = (struct ev_archive_part){
		.partition = partition, .first = first, .next = first, .last_offset = -1,
	};
	return &t->parts[at];
}

static void print_text(struct ev_buf *out, const char *name, const char *text)
{
	ev_buf_addf(out, "\"%s\":", name);
	ev_json_quote_text(out, text);
	ev_buf_adds(out, ",\n");
}

static void print_time(struct ev_buf *out, const char *name, int64_t ms)
{
	char text[EV_TIME_TEXT];

	ev_time_format(ms, text);
	print_text(out, name, text);
}

static void print_segment(struct ev_buf *out, const struct ev_archive_segment *s)
{
	ev_buf_addf(out, "   {\"offset\":%" PRId64 ",\"next\":%" PRId64 ",\"records\":%" PRId64
		    ",\"bytes\":%" PRId64, s->offset, s->next, s->records, s->bytes);
	ev_fields_print_times(out, s->oldest, s->newest);
	ev_buf_addf(out, ",\"index_bytes\":%" PRId64 ",\"index_crc32\":\"%08" PRIx32 "\"}",
		    s->index_bytes, s->index_crc);
}

static void print_part(struct ev_buf *out, const struct ev_archive_part *p)
{
	ev_buf_addf(out, "  \"%" PRId32 "\":{\"first\":%" PRId64 ",\"next\":%" PRId64 ",\"records\":%"
		    PRId64 ",\"empty\":%" PRId64, p->partition, p->first, p->next, p->records,
		    p->next - p->first - p->records);
	if (p->last_offset >= 0)
		ev_buf_addf(out, ",\"last_offset\":%" PRId64 ",\"last_hash\":\"%016" PRIx64 "\"",
			    p->last_offset, p->last_hash);
	else
		ev_buf_adds(out, ",\"last_offset\":null,\"last_hash\":null");
	ev_buf_adds(out, ",\"segments\":[");
	for (size_t i = 0; i < p->nsegments; i++) {
		ev_buf_adds(out, i ? ",\n" : "\n");
		print_segment(out, &p->segments[i]);
	}
	ev_buf_adds(out, "]}");
}

static void print_topic(struct ev_buf *out, const struct ev_archive_topic *t)
{
	ev_buf_addc(out, ' ');
	ev_json_quote(out, ev_slice_str(t->name));
	ev_buf_adds(out, ":{\"partition_count\":");
	if (t->partition_count)
		ev_buf_add_i64(out, t->partition_count);
	else
		ev_buf_adds(out, "null");
	ev_buf_adds(out, ",\"partitions\":{");
	for (size_t i = 0; i < t->nparts; i++) {
		ev_buf_adds(out, i ? ",\n" : "\n");
		print_part(out, &t->parts[i]);
	}
	ev_buf_adds(out, "}}");
}

void ev_manifest_print(const struct ev_manifest *m, struct ev_buf *out)
{
	size_t start = out->len;

	ev_buf_addf(out, "{\"format\":\"evtools archive\",\n\"version\":%d,\n", EV_ARCHIVE_VERSION);
	print_text(out, "written_by", m->written_by);
	print_time(out, "created", m->created);
	print_time(out, "changed", m->changed);
	print_text(out, "cluster_id", m->cluster_id);
	print_text(out, "filter", m->filter);
	ev_buf_adds(out, "\"topics\":{");
	for (size_t i = 0; i < m->ntopics; i++) {
		ev_buf_adds(out, i ? ",\n" : "\n");
		print_topic(out, &m->topics[i]);
	}
	ev_buf_adds(out, "},\n");
	if (!out->failed)
		ev_buf_addf(out, CRC_NAME "%08lx\"}\n",
			    crc32_z(0, (const unsigned char *)out->data + start, out->len - start));
}

static int read_segment(struct ev_archive_part *p, json_t *o, struct ev_error *err)
{
	struct ev_archive_segment s = { 0 };

	if (ev_fields_count(o, "offset", &s.offset, err) || ev_fields_count(o, "next", &s.next, err) ||
	    ev_fields_count(o, "records", &s.records, err) ||
	    ev_fields_count(o, "bytes", &s.bytes, err) ||
	    ev_fields_count(o, "index_bytes", &s.index_bytes, err) ||
	    ev_fields_crc(o, "index_crc32", &s.index_crc, err) ||
	    ev_fields_times(o, &s.oldest, &s.newest, err))
		return -1;
	if (s.offset != (p->nsegments ? p->segments[p->nsegments - 1].next : p->first))
		return ev_fail(err, EV_DATA, "segment %" PRId64 " does not follow the one before",
			       s.offset);
	if (s.next <= s.offset || s.next > p->next || !s.records || s.records > s.next - s.offset ||
	    !s.bytes || !s.index_bytes)
		return ev_fail(err, EV_DATA, "the numbers of segment %" PRId64 " do not add up",
			       s.offset);
	EV_GROW(p->segments, p->nsegments, p->segments_cap);
	p->segments[p->nsegments++] = s;
	return 0;
}

static int read_segments(struct ev_archive_part *p, json_t *o, struct ev_error *err)
{
	json_t *list = json_object_get(o, "segments"), *segment;
	int64_t records = 0;
	size_t i;

	if (!json_is_array(list))
		return ev_fail(err, EV_DATA, "\"segments\" is no array");
	json_array_foreach(list, i, segment) {
		if (read_segment(p, segment, err))
			return -1;
		records += p->segments[i].records; /* each at most its span: no overflow */
	}
	if (records != p->records)
		return ev_fail(err, EV_DATA, "its segments hold %" PRId64 " record%s, not %" PRId64,
			       records, ev_plural(records), p->records);
	return 0;
}

static int read_part(struct ev_archive_part *p, json_t *o, struct ev_error *err)
{
	json_t *hash = json_object_get(o, "last_hash");
	int64_t empty;

	if (ev_fields_count(o, "first", &p->first, err) || ev_fields_count(o, "next", &p->next, err) ||
	    ev_fields_count(o, "records", &p->records, err))
		return -1;
	if (p->next < p->first || p->records > p->next - p->first)
		return ev_fail(err, EV_DATA, "its span and number of records do not add up");
	if (ev_fields_count(o, "empty", &empty, err))
		return -1;
	if (empty != p->next - p->first - p->records)
		return ev_fail(err, EV_DATA, "\"empty\" is %" PRId64 ", and its span has %" PRId64 " offset%s without "
			       "a record", empty, p->next - p->first - p->records,
			       ev_plural(p->next - p->first - p->records));
	if (p->records && ev_fields_count(o, "last_offset", &p->last_offset, err))
		return -1;
	if (p->records && (!json_is_string(hash) ||
			   !ev_fields_hex(json_string_value(hash), 16, &p->last_hash)))
		return ev_fail(err, EV_DATA, "\"last_hash\" is no hash");
	if (read_segments(p, o, err))
		return -1;
	if (p->records && p->last_offset != p->segments[p->nsegments - 1].next - 1)
		return ev_fail(err, EV_DATA, "\"last_offset\" is not where the last segment ends");
	return 0;
}

static int read_partitions(struct ev_archive_topic *t, json_t *partitions, size_t *n,
			   struct ev_error *err)
{
	const char *name;
	json_t *o;

	json_object_foreach(partitions, name, o) {
		int32_t partition;

		if (!ev_fields_partition(name, &partition))
			return ev_fail(err, EV_DATA, "a partition that is no number");
		if (++*n > EV_ARCHIVE_MAX_PARTITIONS)
			return ev_fail(err, EV_DATA, "more than %d partitions",
				       EV_ARCHIVE_MAX_PARTITIONS);
		if (read_part(ev_manifest_add_part(t, partition, 0), o, err))
			return ev_context(err, "%s/%" PRId32, t->name, partition);
	}
	return 0;
}

static int read_topics(struct ev_manifest *m, json_t *topics, struct ev_error *err)
{
	const char *name;
	json_t *o;
	size_t n = 0;

	if (!json_is_object(topics))
		return ev_fail(err, EV_DATA, "\"topics\" is no object");
	json_object_foreach(topics, name, o) {
		json_t *partitions = json_object_get(o, "partitions");
		json_t *count = json_object_get(o, "partition_count");
		struct ev_archive_topic *t;

		if (!ev_topic_valid(ev_slice_str(name)))
			return ev_fail(err, EV_DATA, "a topic whose name is none");
		t = ev_manifest_add_topic(m, ev_slice_str(name));
		if (json_is_integer(count) && json_integer_value(count) > 0 &&
		    json_integer_value(count) <= INT32_MAX)
			t->partition_count = (int32_t)json_integer_value(count);
		else if (!json_is_null(count))
			return ev_fail(err, EV_DATA, "%s: \"partition_count\" is no number", name);
		if (!json_is_object(partitions))
			return ev_fail(err, EV_DATA, "%s: \"partitions\" is no object", name);
		if (read_partitions(t, partitions, &n, err))
			return -1;
	}
	return 0;
}

static int read_members(struct ev_manifest *m, json_t *root, struct ev_error *err)
{
	json_t *format = json_object_get(root, "format"), *version = json_object_get(root, "version");

	if (!json_is_string(format) || strcmp(json_string_value(format), "evtools archive") != 0)
		return ev_fail(err, EV_DATA, "not the manifest of an archive");
	if (!json_is_integer(version) || json_integer_value(version) != EV_ARCHIVE_VERSION) {
		ev_fail(err, EV_DATA, "an archive of another version");
		return ev_hint(err, "this program reads version %d", EV_ARCHIVE_VERSION);
	}
	if (ev_fields_text(root, "written_by", &m->written_by, err) ||
	    ev_fields_text(root, "cluster_id", &m->cluster_id, err) ||
	    ev_fields_text(root, "filter", &m->filter, err) ||
	    ev_fields_time(root, "created", &m->created, err) ||
	    ev_fields_time(root, "changed", &m->changed, err))
		return -1;
	return read_topics(m, json_object_get(root, "topics"), err);
}

/* It stands at the end and covers every byte before it. */
static int check_crc(struct ev_slice text, struct ev_error *err)
{
	size_t at = text.len - CRC_TAIL;
	uint64_t crc;

	if (text.len <= CRC_TAIL || memcmp(text.ptr + at, CRC_NAME, sizeof(CRC_NAME) - 1) != 0 ||
	    memcmp(text.ptr + text.len - 3, "\"}\n", 3) != 0 ||
	    !ev_fields_hex(text.ptr + at + sizeof(CRC_NAME) - 1, 8, &crc))
		return ev_fail(err, EV_DATA, "it does not end in its CRC: cut short, or changed by hand");
	if (crc != crc32_z(0, (const unsigned char *)text.ptr, at))
		return ev_fail(err, EV_DATA, "its CRC is wrong: damaged, or changed by hand");
	return 0;
}

int ev_manifest_read(struct ev_manifest *m, struct ev_slice text, struct ev_error *err)
{
	struct ev_manifest read = { 0 };
	json_error_t jerr;
	json_t *root;
	int rc;

	if (check_crc(text, err))
		return -1;
	root = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &jerr);
	if (!root)
		return ev_fail(err, EV_DATA, "line %d: %s", jerr.line, jerr.text);
	rc = read_members(&read, root, err);
	json_decref(root);
	if (rc) {
		ev_manifest_release(&read);
		return -1;
	}
	ev_manifest_release(m);
	*m = read;
	return 0;
}

int ev_manifest_load(struct ev_manifest *m, const char *dir, struct ev_error *err)
{
	struct ev_buf path = EV_BUF_INIT, text = EV_BUF_INIT;
	int rc;

	ev_buf_addf(&path, "%s/" EV_ARCHIVE_MANIFEST, dir);
	rc = ev_file_read(ev_buf_str(&path), EV_ARCHIVE_MANIFEST_MAX, &text, err);
	if (rc)
		err->class = EV_SOURCE;
	else if (ev_manifest_read(m, ev_buf_slice(&text), err))
		rc = ev_context(err, "cannot read '%s'", ev_buf_str(&path));
	ev_buf_release(&path);
	ev_buf_release(&text);
	return rc;
}

static bool holds(const char *dir, const char *name)
{
	struct ev_buf path = EV_BUF_INIT;
	bool is;

	ev_buf_addf(&path, "%s/%s", dir, name);
	is = access(ev_buf_str(&path), F_OK) == 0;
	ev_buf_release(&path);
	return is;
}

bool ev_archive_is(const char *dir)
{
	return holds(dir, EV_ARCHIVE_MANIFEST);
}

int ev_archive_none(const char *dir, struct ev_error *err)
{
	if (!holds(dir, EV_ARCHIVE_LOCK))
		return ev_fail(err, EV_USAGE, "cannot read folder '%s': it holds no archive", dir);
	return ev_fail(err, EV_DATA, "cannot read '%s/" EV_ARCHIVE_MANIFEST "': it is not there, and the folder held "
		       "an archive", dir);
}

void ev_archive_path(struct ev_buf *out, const char *dir, const char *topic, int32_t partition,
		     int64_t offset, const char *suffix)
{
	ev_buf_clear(out);
	ev_buf_addf(out, "%s/%s/%" PRId32 "/%020" PRId64 "%s", dir, topic, partition, offset, suffix);
}
