/* line_read.c - record lines to records: one pass, members in any order; see line.h */
#include "record/line.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "json/json.h"
#include "record/base64.h"
#include "record/cursor.h"

/* Members that exclude each other share a bit. */
enum {
	TOPIC = 1, PARTITION = 2, OFFSET = 4, TIMESTAMP = 8, TIMESTAMP_TYPE = 16, KEY = 32,
	HEADERS = 64, VALUE = 128,
};

struct member {
	struct ev_slice name;
	unsigned bit;
	int (*read)(struct ev_cursor *c, struct ev_record *rec);
};

static int read_topic(struct ev_cursor *c, struct ev_record *rec)
{
	const char *at = c->p;

	if (ev_cursor_string(c, &rec->topic))
		return -1;
	if (!ev_topic_valid(rec->topic))
		return ev_cursor_fail(c, at, "not a topic name");
	return 0;
}

static int read_partition(struct ev_cursor *c, struct ev_record *rec)
{
	const char *at = c->p;
	int64_t n;

	if (ev_cursor_integer(c, &n))
		return -1;
	if (n < 0 || n > INT32_MAX)
		return ev_cursor_fail(c, at, "partition is out of range");
	rec->partition = (int32_t)n;
	return 0;
}

static int read_offset(struct ev_cursor *c, struct ev_record *rec)
{
	const char *at = c->p;

	if (ev_cursor_integer(c, &rec->offset))
		return -1;
	/* One below the greatest, so that the next offset is always a number too. */
	if (rec->offset < 0 || rec->offset == INT64_MAX)
		return ev_cursor_fail(c, at, "offset is out of range");
	return 0;
}

static int read_timestamp(struct ev_cursor *c, struct ev_record *rec)
{
	const char *at = c->p;

	if (ev_cursor_word(c, "null"))
		return 0;
	if (ev_cursor_integer(c, &rec->timestamp))
		return -1;
	if (rec->timestamp == EV_NO_TIMESTAMP)
		return ev_cursor_fail(c, at, "timestamp is out of range");
	return 0;
}

static int read_timestamp_type(struct ev_cursor *c, struct ev_record *rec)
{
	const char *at = c->p;
	struct ev_slice type;

	if (ev_cursor_string(c, &type))
		return -1;
	rec->log_append = ev_slice_is(type, "log");
	if (!rec->log_append && !ev_slice_is(type, "create"))
		return ev_cursor_fail(c, at, "timestamp_type is neither \"log\" nor \"create\"");
	return 0;
}

static int read_key(struct ev_cursor *c, struct ev_record *rec)
{
	return ev_cursor_word(c, "null") ? 0 : ev_cursor_string(c, &rec->key);
}

static int read_key_base64(struct ev_cursor *c, struct ev_record *rec)
{
	return ev_cursor_base64(c, &rec->key);
}

/* A string, or {"base64":"..."}. */
static int read_header_part(struct ev_cursor *c, struct ev_slice *out)
{
	const char *at = c->p;
	struct ev_slice name;

	if (!ev_cursor_take(c, '{'))
		return ev_cursor_string(c, out);
	ev_cursor_space(c);
	if (ev_cursor_string(c, &name))
		return -1;
	if (!ev_slice_is(name, "base64"))
		return ev_cursor_fail(c, at, "an object in headers has one member, \"base64\"");
	ev_cursor_space(c);
	if (!ev_cursor_take(c, ':'))
		return ev_cursor_fail(c, c->p, "expected ':'");
	ev_cursor_space(c);
	if (ev_cursor_base64(c, out))
		return -1;
	ev_cursor_space(c);
	return ev_cursor_take(c, '}') ? 0 : ev_cursor_fail(c, c->p, "expected '}'");
}

static int read_header(struct ev_cursor *c, struct ev_header *h)
{
	if (!ev_cursor_take(c, '['))
		return ev_cursor_fail(c, c->p, "expected a header: [\"name\",\"text\"]");
	ev_cursor_space(c);
	if (read_header_part(c, &h->name))
		return -1;
	ev_cursor_space(c);
	if (!ev_cursor_take(c, ','))
		return ev_cursor_fail(c, c->p, "expected ',' and the header's value");
	ev_cursor_space(c);
	h->value = EV_NULL_SLICE;
	if (!ev_cursor_word(c, "null") && read_header_part(c, &h->value))
		return -1;
	ev_cursor_space(c);
	return ev_cursor_take(c, ']') ? 0 : ev_cursor_fail(c, c->p, "expected ']'");
}

static int read_headers(struct ev_cursor *c, struct ev_record *rec)
{
	return ev_cursor_headers(c, read_header, rec);
}

static int read_value(struct ev_cursor *c, struct ev_record *rec)
{
	if (ev_cursor_document(c, &rec->value))
		return -1;
	if (ev_slice_is(rec->value, "null"))
		rec->value = EV_NULL_SLICE;
	return 0;
}

static int read_text(struct ev_cursor *c, struct ev_record *rec)
{
	return ev_cursor_string(c, &rec->value);
}

static int read_base64(struct ev_cursor *c, struct ev_record *rec)
{
	return ev_cursor_base64(c, &rec->value);
}

#define NAME(s) { (s), sizeof(s) - 1 }
static const struct member members[] = {
	{ NAME("topic"), TOPIC, read_topic },
	{ NAME("partition"), PARTITION, read_partition },
	{ NAME("offset"), OFFSET, read_offset },
	{ NAME("timestamp"), TIMESTAMP, read_timestamp },
	{ NAME("key"), KEY, read_key },
	{ NAME("headers"), HEADERS, read_headers },
	{ NAME("value"), VALUE, read_value },
	{ NAME("text"), VALUE, read_text },
	{ NAME("base64"), VALUE, read_base64 },
	{ NAME("key_base64"), KEY, read_key_base64 },
	{ NAME("timestamp_type"), TIMESTAMP_TYPE, read_timestamp_type },
};
#define NMEMBERS (sizeof(members) / sizeof(members[0]))

/* The search starts at `hint`, where our own writer's order puts the member. */
static const struct member *find_member(struct ev_slice name, size_t hint)
{
	for (size_t i = 0; i < NMEMBERS; i++) {
		const struct member *m = &members[(hint + i) % NMEMBERS];

		if (m->name.len == name.len && memcmp(m->name.ptr, name.ptr, name.len) == 0)
			return m;
	}
	return NULL;
}

/* One member: its name, the colon, its value. */
static int read_member(struct ev_cursor *c, struct ev_record *rec, unsigned *seen, size_t *hint)
{
	const char *at = c->p;
	const struct member *m;
	struct ev_slice name;

	if (ev_cursor_string(c, &name))
		return -1;
	m = find_member(name, *hint);
	if (!m)
		return ev_cursor_fail_name(c, at, "unknown member", name);
	if (*seen & m->bit)
		return ev_cursor_fail_name(c, at, m->bit & (KEY | VALUE) ? "a second key or value:" :
							       "a second member", name);
	*seen |= m->bit;
	*hint = (size_t)(m - members) + 1;
	ev_cursor_space(c);
	if (!ev_cursor_take(c, ':'))
		return ev_cursor_fail(c, c->p, "expected ':'");
	ev_cursor_space(c);
	if (m->read(c, rec))
		return -1;
	ev_cursor_space(c);
	return 0;
}

static int read_object(struct ev_cursor *c, struct ev_record *rec, unsigned *seen)
{
	size_t hint = 0;

	ev_cursor_space(c);
	if (!ev_cursor_take(c, '{'))
		return ev_cursor_fail(c, c->p, "expected '{'");
	ev_cursor_space(c);
	while (!ev_cursor_take(c, '}')) {
		if (*seen && !ev_cursor_take(c, ','))
			return ev_cursor_fail(c, c->p, "expected ',' or '}'");
		ev_cursor_space(c);
		if (read_member(c, rec, seen, &hint))
			return -1;
	}
	ev_cursor_space(c);
	return c->p == c->end ? 0 : ev_cursor_fail(c, c->p, "bytes behind the object");
}

int ev_line_read(struct ev_line_reader *lr, struct ev_slice line, struct ev_record *rec,
		 struct ev_error *err)
{
	struct ev_cursor c = { line.ptr, line.ptr, line.ptr + line.len, lr, err };
	unsigned seen = 0;

	*rec = (struct ev_record){ .timestamp = EV_NO_TIMESTAMP };
	if (!lr->keep)
		ev_line_reader_reset(lr);
	if (line.len > EV_LINE_MAX)
		return ev_fail(err, EV_DATA, "byte 1: a line longer than 512 MiB");
	if (read_object(&c, rec, &seen))
		return -1;
	if (!(seen & TOPIC))
		return ev_cursor_fail(&c, c.end, "no member \"topic\"");
	if (!(seen & PARTITION))
		return ev_cursor_fail(&c, c.end, "no member \"partition\"");
	if (!(seen & OFFSET))
		return ev_cursor_fail(&c, c.end, "no member \"offset\"");
	if (!(seen & VALUE))
		return ev_cursor_fail(&c, c.end, "no member \"value\", \"text\" or \"base64\"");
	return 0;
}
