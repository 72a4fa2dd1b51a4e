/* kcat.c - see kcat.h; tokens by cursor.h, but for strings, which hold any bytes here */
#include "record/kcat.h"

#include "base/mem.h"
#include "record/cursor.h"

enum { TOPIC = 1, PARTITION = 2, OFFSET = 4, TYPE = 8, TS = 16, BROKER = 32, HEADERS = 64, KEY = 128,
       PAYLOAD = 256 };

static const struct {
	const char *name;
	unsigned bit;
} members[] = {
	{ "topic", TOPIC }, { "partition", PARTITION }, { "offset", OFFSET }, { "tstype", TYPE },
	{ "ts", TS }, { "broker", BROKER }, { "headers", HEADERS }, { "key", KEY }, { "payload", PAYLOAD },
};
#define NMEMBERS (sizeof(members) / sizeof(members[0]))

bool ev_kcat_line(struct ev_slice line)
{
	return line.len && memmem(line.ptr, line.len, "\"payload\":", 10) &&
	       memmem(line.ptr, line.len, "\"topic\":", 8);
}

static int hex4(const char *p, const char *end, unsigned *out)
{
	*out = 0;
	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = p[i];
		int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 :
			c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

		if (d < 0)
			return -1;
		*out = *out << 4 | (unsigned)d;
	}
	return 0;
}

static char *put_utf8(char *to, unsigned c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(0x80 | (c & 63));
	} else if (c < 0x10000) {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 63));
		*to++ = (char)(0x80 | (c & 63));
	} else {
		*to++ = (char)(0xf0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 63));
		*to++ = (char)(0x80 | (c >> 6 & 63));
		*to++ = (char)(0x80 | (c & 63));
	}
	return to;
}

/* Behind "\u": one escape, or two that make a pair. NULL when it is none. */
static const char *unescape_u(const char *p, const char *end, char **to)
{
	unsigned c, low;

	if (hex4(p, end, &c))
		return NULL;
	p += 4;
	if (c >= 0xdc00 && c < 0xe000)
		return NULL;
	if (c >= 0xd800 && c < 0xdc00) {
		if (end - p < 6 || p[0] != '\\' || p[1] != 'u' || hex4(p + 2, end, &low) ||
		    low < 0xdc00 || low >= 0xe000)
			return NULL;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		p += 6;
	}
	*to = put_utf8(*to, c);
	return p;
}

static int decode(struct ev_cursor *c, const char *p, const char *end, struct ev_slice *out)
{
	static const char names[] = "\"\\/bfnrt", chars[] = "\"\\/\b\f\n\r\t";
	char *room = ev_line_reader_room(c->lr, (size_t)(end - p) + 1), *to = room;

	if (!room)
		return ev_cursor_fail(c, p, "out of memory");
	while (p < end) {
		const char *at = p, *known;

		if (*p != '\\') {
			*to++ = *p++;
			continue;
		}
		p++;
		known = memchr(names, *p, sizeof(names) - 1);
		if (*p == 'u')
			p = unescape_u(p + 1, end, &to);
		else
			p = known ? (*to++ = chars[known - names], p + 1) : NULL;
		if (!p)
			return ev_cursor_fail(c, at, "bad escape");
	}
	*out = ev_slice(room, (size_t)(to - room));
	return 0;
}

static int read_string(struct ev_cursor *c, struct ev_slice *out)
{
	const char *first = c->p + 1, *p;
	bool escaped = false;

	if (!ev_cursor_take(c, '"'))
		return ev_cursor_fail(c, c->p, "expected a string");
	for (p = first; p < c->end && *p != '"'; p++) {
		if (*p != '\\')
			continue;
		escaped = true;
		if (++p == c->end)
			break;
	}
	if (p >= c->end)
		return ev_cursor_fail(c, first, "a string without an end");
	c->p = p + 1;
	if (escaped)
		return decode(c, first, p, out);
	*out = ev_slice(first, (size_t)(p - first));
	return 0;
}

static int read_nullable(struct ev_cursor *c, const char *what, struct ev_slice *out)
{
	*out = EV_NULL_SLICE;
	if (ev_cursor_word(c, "null"))
		return 0;
	if (c->p < c->end && *c->p != '"')
		return ev_cursor_fail(c, c->p, "a %s that kcat has unpacked cannot be carried", what);
	return read_string(c, out);
}

/* Flat: a name, then its value. */
static int read_header(struct ev_cursor *c, struct ev_header *h)
{
	if (read_string(c, &h->name))
		return -1;
	ev_cursor_space(c);
	if (!ev_cursor_take(c, ','))
		return ev_cursor_fail(c, c->p, "expected ',' and the header's value");
	ev_cursor_space(c);
	return read_nullable(c, "header", &h->value);
}

static int read_number(struct ev_cursor *c, int64_t low, int64_t high, int64_t *out)
{
	const char *at = c->p;

	if (ev_cursor_integer(c, out))
		return -1;
	return *out < low || *out > high ? ev_cursor_fail(c, at, "out of range") : 0;
}

static int read_topic(struct ev_cursor *c, struct ev_record *rec)
{
	const char *at = c->p;

	if (read_string(c, &rec->topic))
		return -1;
	return ev_topic_valid(rec->topic) ? 0 : ev_cursor_fail(c, at, "not a topic name");
}

static int read_value(struct ev_cursor *c, unsigned bit, struct ev_record *rec)
{
	struct ev_slice type;
	int64_t n;

	switch (bit) {
	case TOPIC:
		return read_topic(c, rec);
	case PARTITION:
		if (read_number(c, 0, INT32_MAX, &n))
			return -1;
		rec->partition = (int32_t)n;
		return 0;
	case OFFSET:
		return read_number(c, 0, INT64_MAX - 1, &rec->offset);
	case TS:
		if (read_number(c, INT64_MIN + 1, INT64_MAX, &n))
			return -1;
		rec->timestamp = n < 0 ? EV_NO_TIMESTAMP : n;
		return 0;
	case TYPE:
		if (read_string(c, &type))
			return -1;
		rec->log_append = ev_slice_is(type, "logappend");
		return 0;
	case HEADERS:
		return ev_cursor_headers(c, read_header, rec);
	case KEY:
		return read_nullable(c, "key", &rec->key);
	case PAYLOAD:
		return read_nullable(c, "value", &rec->value);
	default:
		return read_number(c, INT64_MIN, INT64_MAX, &n); /* broker */
	}
}

static int read_member(struct ev_cursor *c, struct ev_record *rec, unsigned *seen)
{
	const char *at = c->p;
	struct ev_slice name;
	unsigned bit = 0;

	if (read_string(c, &name))
		return -1;
	for (size_t i = 0; i < NMEMBERS; i++)
		if (ev_slice_is(name, members[i].name))
			bit = members[i].bit;
	if (ev_slice_is(name, "key_schema_id") || ev_slice_is(name, "value_schema_id"))
		return ev_cursor_fail(c, at, "what kcat has unpacked by a schema cannot be carried");
	if (!bit || (*seen & bit))
		return ev_cursor_fail_name(c, at, bit ? "a second member" : "unknown member", name);
	*seen |= bit;
	ev_cursor_space(c);
	if (!ev_cursor_take(c, ':'))
		return ev_cursor_fail(c, c->p, "expected ':'");
	ev_cursor_space(c);
	if (read_value(c, bit, rec))
		return -1;
	ev_cursor_space(c);
	return 0;
}

int ev_kcat_read(struct ev_line_reader *lr, struct ev_slice line, struct ev_record *rec,
		 struct ev_error *err)
{
	struct ev_cursor c = { line.ptr, line.ptr, line.ptr + line.len, lr, err };
	const unsigned needed = TOPIC | PARTITION | OFFSET | PAYLOAD;
	unsigned seen = 0;

	*rec = (struct ev_record){ .timestamp = EV_NO_TIMESTAMP };
	if (!lr->keep)
		ev_line_reader_reset(lr);
	if (line.len > EV_LINE_MAX)
		return ev_fail(err, EV_DATA, "byte 1: a line longer than 512 MiB");
	ev_cursor_space(&c);
	if (!ev_cursor_take(&c, '{'))
		return ev_cursor_fail(&c, c.p, "expected '{'");
	for (ev_cursor_space(&c); !ev_cursor_take(&c, '}'); ev_cursor_space(&c)) {
		if (seen && !ev_cursor_take(&c, ','))
			return ev_cursor_fail(&c, c.p, "expected ',' or '}'");
		ev_cursor_space(&c);
		if (read_member(&c, rec, &seen))
			return -1;
	}
	ev_cursor_space(&c);
	if (c.p != c.end)
		return ev_cursor_fail(&c, c.p, "bytes behind the object");
	return (seen & needed) == needed ? 0 :
	       ev_cursor_fail(&c, c.end, "no topic, partition, offset or payload");
}
